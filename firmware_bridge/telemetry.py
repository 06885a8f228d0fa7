"""What a board reports about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TelemetrySample:
    """Power that a board draws from this moment on, and the state it is in.

    ``power_w`` is measured on hardware and emulated on the emulated board;
    ``source`` says which. ``die_c`` is the chip's own reading in laboratory
    air, None where the board has no sensor.
    """

    payload: str
    power_w: float
    state: str
    point: str
    source: str
    die_c: float | None = None
