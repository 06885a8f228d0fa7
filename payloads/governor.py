"""The governor: trip points with hysteresis that move a board between operating points."""

from __future__ import annotations

from dataclasses import dataclass, replace

from payloads.commands import unknown


@dataclass(frozen=True, slots=True)
class TripPoint:
    """Above ``above_c`` the board runs at ``point``; it is left ``hysteresis_c`` below."""

    above_c: float
    hysteresis_c: float
    point: str


@dataclass(frozen=True, slots=True)
class Governor:
    """Trip points in rising order, and the operating point below them all.

    ``points`` are all that the board has, fastest first. A level counts how
    many trip points are exceeded.

    Raises:
        ValueError: a point is not among ``points``.
    """

    coolest: str
    trips: tuple[TripPoint, ...]
    points: tuple[str, ...]

    def __post_init__(self) -> None:
        for point in (self.coolest, *(trip.point for trip in self.trips)):
            if refusal := unknown("operating point", point, self.points):
                raise ValueError(refusal)

    def commanded(self, point: str) -> Governor:
        """Return the governor that runs at ``point`` below its trip points."""
        return replace(self, coolest=point)

    def point_at(self, level: int) -> str:
        """Return the operating point to run at: heat never makes a board faster than ``coolest``.

        >>> slow = TripPoint(70.0, 5.0, "slow")
        >>> governor = Governor("fast", (slow,), ("fast", "slow", "slowest"))
        >>> governor.point_at(1), governor.commanded("slowest").point_at(1)
        ('slow', 'slowest')
        """
        if not level:
            return self.coolest
        return max(self.coolest, self.trips[level - 1].point, key=self.points.index)

    def watched_c(self, level: int) -> tuple[float, float]:
        """Return the die temperatures that end ``level``: when falling, when rising, °C."""
        falling = float("-inf")
        if level:
            trip = self.trips[level - 1]
            falling = trip.above_c - trip.hysteresis_c
        rising = self.trips[level].above_c if level < len(self.trips) else float("inf")
        return falling, rising
