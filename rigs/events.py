"""The events that belong to the flight as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flown:
    """A payload as it was flown: its board, its model and the point it runs at when cool."""

    board: str
    model: str
    model_sha256: str
    weight_bits: int
    point: str


@dataclass(frozen=True, slots=True)
class FlightStarted:
    """What is flown: enough to read the records that follow.

    ``acceleration`` multiplied every rate of radiation.
    """

    scenario: str
    seed: int
    mode: str
    brokers: Mapping[str, str]  # by bus, those that ran
    programs: Mapping[str, str]  # of third parties, and how each is isolated
    horizon_s: float
    acceleration: float
    sunlit: bool
    payloads: Mapping[str, Flown]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoreResumed:
    """The flight goes on with so many messages that an earlier one left in the on-board store."""

    messages: int


@dataclass(frozen=True, slots=True)
class SunlightChanged:
    """The satellite left the light, at the outer edge of the penumbra, or is back in it."""

    sunlit: bool


@dataclass(frozen=True, slots=True)
class FlightEnded:
    """The flight is over; ``complete`` unless it was broken off before its horizon.

    ``trouble`` says how the carrier of the link failed, if it did.
    """

    complete: bool
    trouble: str = ""
