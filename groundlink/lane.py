"""A lane: one direction of the link, on which one frame after another is on the air."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Cargo = TypeVar("Cargo")
Ends = Callable[[float, int], float]  # (from s, bits) -> when they have left, s


@dataclass(slots=True)
class Airborne(Generic[Cargo]):
    """A frame on the air from ``began_s`` until it has left at ``leaves_s``.

    ``token`` is that of the event that says so.
    """

    cargo: Cargo
    bits: int
    began_s: float
    leaves_s: float
    token: int


class Lane(Generic[Cargo]):
    """Frame k of a run of frames has left at the run's start + the time that all bits so far take.

    These deadlines are computed and never accumulated. A run ends where the
    lane idles or is stopped.
    """

    __slots__ = ("_bits", "_end_s", "_start_s", "air")

    def __init__(self) -> None:
        self.air: Airborne[Cargo] | None = None
        self._start_s = self._end_s = 0.0
        self._bits = 0

    def leaves_s(self, t_s: float, bits: int, ends_s: Ends) -> float:
        """Return when a frame that begins at ``t_s``, or right after the last, would have left."""
        if t_s > self._end_s:
            self._start_s = self._end_s = t_s
            self._bits = 0
        return ends_s(self._start_s, self._bits + bits)

    def send(self, cargo: Cargo, bits: int, leaves_s: float, token: int) -> None:
        """Put a frame on the air that leaves when `leaves_s` said."""
        self.air = Airborne(cargo, bits, self._end_s, leaves_s, token)

    def leave(self) -> Airborne[Cargo]:
        """Let the frame on the air have left, whole.

        Raises:
            ValueError: there is none.
        """
        air = self.air
        if air is None:
            raise ValueError("no frame is on the air")
        self.air = None
        self._bits += air.bits
        self._end_s = air.leaves_s
        return air

    def stop(self, t_s: float) -> Airborne[Cargo] | None:
        """Take back what is on the air, and return it; the next run begins afresh."""
        air, self.air = self.air, None
        self._start_s, self._end_s, self._bits = t_s, t_s, 0
        return air
