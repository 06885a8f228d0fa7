"""The governor: trip points with hysteresis that move a board between operating points."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TripPoint:
    """Above ``above_c`` the board runs at ``point``; it is left ``hysteresis_c`` below."""

    above_c: float
    hysteresis_c: float
    point: str


@dataclass(frozen=True, slots=True)
class Governor:
    """Trip points in rising order, and the operating point below them all.

    A level counts how many trip points are exceeded.
    """

    coolest: str
    trips: tuple[TripPoint, ...]

    def point_at(self, level: int) -> str:
        """Return the operating point to run at."""
        return self.trips[level - 1].point if level else self.coolest

    def watched_c(self, level: int) -> tuple[float, float]:
        """Return the die temperatures that end ``level``: when falling, when rising, °C."""
        falling = float("-inf")
        if level:
            trip = self.trips[level - 1]
            falling = trip.above_c - trip.hysteresis_c
        rising = self.trips[level].above_c if level < len(self.trips) else float("inf")
        return falling, rising
