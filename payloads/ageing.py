"""How a battery wears: what years and cycles took, and the swings that a flight adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

LEAST_SWING = 0.01  # of the capacity: the charge must turn by more, or it did not turn [assumed]


@dataclass(frozen=True, slots=True)
class Fade:
    """Loss of capacity by use and by time, both linear; the two add up [assumed].

    ``per_cycle`` is the share lost in one equivalent full cycle, ``per_year``
    in one year.
    """

    per_cycle: float
    per_year: float

    def lost(self, cycles: float, years: float) -> float:
        """Return the share of the capacity that is lost."""
        return self.per_cycle * cycles + self.per_year * years


class Use(NamedTuple):
    """What a flight did to its battery: discharges, their depths, and equivalent full cycles."""

    discharges: int
    mean_depth: float
    deepest: float
    equivalent_cycles: float


class Swings:
    """Counts the half-cycles of a charge as it goes.

    A half-cycle lies between two turning points that are ``LEAST_SWING`` of
    the capacity apart or more: half-cycle counting with a dead band, which
    unlike rainflow does not pair them. Two of depth d count as a cycle of
    depth d, and as d equivalent full cycles.
    """

    def __init__(self, charge_j: float, capacity_j: float) -> None:
        """Start with a charge from which nothing has turned yet."""
        self._low_j = self._high_j = self._turned_j = charge_j
        self._rising: bool | None = None
        self._capacity_j, self._band_j = capacity_j, LEAST_SWING * capacity_j
        self._discharges, self._falls_j, self._rises_j, self._deepest_j = 0, 0.0, 0.0, 0.0

    def see(self, lowest_j: float, highest_j: float, charge_j: float) -> None:
        """Go on to a charge, with the least and the most of it on the way.

        On the way the charge turned once at most.
        """
        rising = self._rising
        if rising is not False:
            if highest_j > self._high_j:
                self._high_j = highest_j
            if charge_j < self._high_j - self._band_j:
                self._turn(self._high_j, charge_j)
                return
        if rising is not True:
            if lowest_j < self._low_j:
                self._low_j = lowest_j
            if charge_j > self._low_j + self._band_j:
                self._turn(self._low_j, charge_j)

    def so_far(self) -> Use:
        """Return the count, with the swing that has not ended."""
        discharges, falls_j, rises_j, deepest_j = self._with(
            self._high_j if self._rising else self._low_j
        )
        return Use(
            discharges,
            falls_j / (max(discharges, 1) * self._capacity_j),
            deepest_j / self._capacity_j,
            0.5 * (falls_j + rises_j) / self._capacity_j,
        )

    def _turn(self, at_j: float, charge_j: float) -> None:
        self._discharges, self._falls_j, self._rises_j, self._deepest_j = self._with(at_j)
        self._turned_j, self._rising = at_j, charge_j > at_j
        self._low_j = self._high_j = charge_j

    def _with(self, at_j: float) -> tuple[int, float, float, float]:
        """Return the counts with one more swing, to ``at_j``, if it is one."""
        fall_j = self._turned_j - at_j
        if fall_j >= self._band_j:
            deepest_j = max(self._deepest_j, fall_j)
            return self._discharges + 1, self._falls_j + fall_j, self._rises_j, deepest_j
        rise_j = -fall_j if -fall_j >= self._band_j else 0.0
        return self._discharges, self._falls_j, self._rises_j + rise_j, self._deepest_j
