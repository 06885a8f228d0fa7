"""What a battery with inner resistance is between two levels of its charge: limits and voltages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import ceil, inf, isfinite, log
from typing import NamedTuple

from payloads.battery import Battery

WIDEST = 0.01  # share by which the open-circuit voltage rises within a level: see Level
CLOSEST = 1e-9  # share of a stretch: marks closer than that are one
LEAST_OHM = 1e-12  # stands in for none: it wastes 1e-12 of the power, and no formula divides by 0


class Level(NamedTuple):
    """A stretch of charge within which one closed form holds.

    Current is reckoned at ``volts``, the open-circuit voltage of its middle:
    within 0.5 % of the true one, so ohmic loss is good to 1 % at either end
    and to 1e-4 over the whole level. ``short_w`` is volts² / 2 R, half of
    what a short circuit draws. What the battery takes falls by
    ``fall_w_per_j`` to ``limit_w`` at ``high_j``.
    """

    low_j: float
    high_j: float
    low_v: float
    rise_v_per_j: float
    ohm: float
    short_w: float
    limit_w: float
    fall_w_per_j: float

    def most_w(self, charge_j: float) -> float:
        """Return the power that the battery takes at a charge."""
        if not self.fall_w_per_j:
            return self.limit_w
        return self.limit_w + self.fall_w_per_j * (self.high_j - charge_j)

    def rest_v(self, charge_j: float) -> float:
        """Return the open-circuit voltage at a charge."""
        return self.low_v + self.rise_v_per_j * (charge_j - self.low_j)


Line = tuple[float, float]  # watts at no charge, and by how much they fall per joule


def levels(
    battery: Battery, resistance_ohm: float, charge_limit_w: float, taper_fraction: float
) -> list[Level]:
    """Return the levels from empty upwards; the last one has no end.

    What is taken stays below ``charge_limit_w``, falls in a straight line
    from there at ``taper_fraction`` to nothing at full, and holds the
    terminals at ``battery.max_v`` or below.
    """
    ohm = max(resistance_ohm, LEAST_OHM)
    taper_j = taper_fraction * battery.capacity_j
    marks_j = {fraction * battery.capacity_j for fraction, _ in battery.ocv}
    marks_j |= {taper_j, battery.full_j}
    made: list[Level] = []
    for low_j, high_j in pairwise(sorted(marks_j)):
        low_v, high_v = battery.voltage_v(low_j), battery.voltage_v(high_j)
        rise = (high_v - low_v) / (high_j - low_j)
        lines: list[Line] = [(charge_limit_w, 0.0)]
        if low_j >= battery.full_j:
            lines = [(0.0, 0.0)]
        elif low_j >= taper_j:
            fall = charge_limit_w / (battery.full_j - taper_j)
            lines.append((fall * battery.full_j, fall))
        if resistance_ohm > 0.0 and low_j < battery.full_j and battery.max_v < inf:
            held_w_per_v = battery.max_v / resistance_ohm
            lines.append(
                (held_w_per_v * (battery.max_v - low_v + rise * low_j), held_w_per_v * rise)
            )
        count = max(1, ceil(log(high_v / low_v) / WIDEST)) if resistance_ohm > 0.0 else 1
        for a_j, b_j in pairwise(_marks(low_j, high_j, count, lines)):
            start_v = low_v + rise * (a_j - low_j)
            middle_v = start_v + 0.5 * rise * (b_j - a_j)
            short_w = 0.5 * middle_v * middle_v / ohm
            made.append(Level(a_j, b_j, start_v, rise, ohm, short_w, *_lowest(lines, a_j, b_j)))
    top = made[-1]
    top_v = top.rest_v(top.high_j)
    return [*made, Level(top.high_j, inf, top_v, 0.0, ohm, top.short_w, 0.0, 0.0)]


def _marks(low_j: float, high_j: float, count: int, lines: list[Line]) -> list[float]:
    """Return where levels end between two knots: limits cross, or the voltage rose enough."""
    inner = {low_j + (high_j - low_j) * i / count for i in range(1, count)}
    inner |= set(_crossings(lines))
    marks, apart_j = [low_j], CLOSEST * (high_j - low_j)
    for mark_j in sorted(inner):
        if mark_j - marks[-1] > apart_j and high_j - mark_j > apart_j:
            marks.append(mark_j)
    return [*marks, high_j]


def _crossings(lines: list[Line]) -> Iterator[float]:
    for (a_w, a_fall), (b_w, b_fall) in combinations(lines, 2):
        if a_fall != b_fall and isfinite(a_w - b_w):
            yield (a_w - b_w) / (a_fall - b_fall)


def _lowest(lines: list[Line], low_j: float, high_j: float) -> tuple[float, float]:
    """Return the line that is lowest between two charges: watts at the upper one, and its fall."""
    middle_j = 0.5 * (low_j + high_j)
    watts, fall = min(lines, key=lambda line: line[0] - line[1] * middle_j)
    return max(watts - fall * high_j, 0.0), fall
