"""Which satellites see each other, and how far apart they are: windows found as roots."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rigs.environment.earth import EQUATORIAL_RADIUS_KM, Array
from rigs.environment.edges import EDGE_TOLERANCE_S, Lanes, find_intervals, grid
from rigs.environment.trajectory import Trajectory
from rigs.environment.vectors import cross, dot, length

ATMOSPHERE_KM = 100.0  # the Kármán line: refraction and absorption above it are nothing to a link
PAIRS_AT_ONCE = 256  # 256 pairs × 1441 samples of a day × 3 coordinates are 9 MB an array

Span: TypeAlias = tuple[float, float]  # of mission time, in s


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which two satellites see each other, in mission seconds.

    One under way at the start or the end of the mission is cut there: it
    ``starts_before`` or ``ends_after``.
    """

    first: int
    second: int
    start_s: float
    end_s: float
    starts_before: bool = False
    ends_after: bool = False


def find_windows(
    satellites: Sequence[Trajectory],
    pairs: Sequence[tuple[int, int]],
    horizon_s: float,
    grazing_km: float = ATMOSPHERE_KM,
    longest_km: float = math.inf,
) -> list[Window]:
    """Return every window of each pair, in order of start.

    ``satellites`` are trajectories of one frame and one step; ``pairs`` are
    their numbers. The line of sight is straight and may pass no lower than
    ``grazing_km`` above a sphere of 6378.137 km, which holds the whole
    ellipsoid: near the poles windows are up to 21 km of height too strict.
    Satellites further apart than ``longest_km`` do not hear each other.

    Clear and short enough are searched apart and then intersected, so a
    window is missed only if one of them has a second extremum in 60 s.

    Raises:
        ValueError: a height or range is out of range, a pair is not of two
            satellites, or the trajectories do not share their samples.
    """
    _check(satellites, pairs, grazing_km, longest_km)
    found: list[Window] = []
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = list(pairs[start : start + PAIRS_AT_ONCE])
        found += _windows(_Pairs(satellites, some), some, horizon_s, grazing_km, longest_km)
    return sorted(found, key=lambda window: (window.start_s, window.first, window.second))


def range_km(first: Trajectory, second: Trajectory, t_s: Array) -> Array:
    """Return the distance between two satellites at mission times of any shape."""
    return length(second.at(t_s) - first.at(t_s))


def range_rate_km_s(first: Trajectory, second: Trajectory, t_s: Array) -> Array:
    """Return how fast two satellites part, in km/s; negative while they approach."""
    line = second.at(t_s) - first.at(t_s)
    rate: Array = dot(line, second.velocity_at(t_s) - first.velocity_at(t_s)) / length(line)
    return rate


def clearance_rad(a_km: Array, b_km: Array, lowest_km: float) -> Array:
    """Return how far two places (…, 3) are from losing sight of each other, as an angle.

    It is the angle that two horizons at radius ``lowest_km`` add up to,
    less the angle between the places, both at the Earth's centre: smooth in
    time, and positive while the line between them passes above.

    >>> high, low = np.array([8000.0, 0.0, 0.0]), np.array([0.0, 8000.0, 0.0])
    >>> bool(clearance_rad(high, low, 6478.137) < 0.0)
    True
    """
    apart = np.arctan2(length(cross(a_km, b_km)), dot(a_km, b_km))
    reach = [np.arccos(np.minimum(lowest_km / length(place), 1.0)) for place in (a_km, b_km)]
    angle: Array = reach[0] + reach[1] - apart
    return angle


class _Pairs:
    """Pairs of satellites, each one lane, on common samples."""

    def __init__(self, satellites: Sequence[Trajectory], pairs: Sequence[tuple[int, int]]) -> None:
        used = sorted({number for pair in pairs for number in pair})
        place = {number: row for row, number in enumerate(used)}
        self._of = np.array([[place[number] for number in pair] for pair in pairs]).T
        self._samples = len(satellites[used[0]].r_km)
        # One long trajectory, satellite after satellite: time picks within, the lane picks which.
        self._all = Trajectory(
            satellites[used[0]].step_s,
            np.concatenate([satellites[number].r_km for number in used]),
            np.concatenate([satellites[number].v_km_s for number in used]),
        )

    def at(self, t_s: Array, lane: Lanes) -> tuple[Array, Array]:
        """Return both places in km, shape (…, 3)."""
        shift_s = self._samples * self._all.step_s
        first, second = (self._all.at(t_s + number[lane] * shift_s) for number in self._of)
        return first, second

    def on(self, grid_s: Array) -> tuple[Array, Array]:
        """Return both places of every pair at every time of a grid, shape (pairs, n, 3)."""
        count = len(self._all.r_km) // self._samples
        shift_s = self._samples * self._all.step_s
        places = self._all.at(grid_s + np.arange(count)[:, None] * shift_s)
        return places[self._of[0]], places[self._of[1]]


def _windows(
    couples: _Pairs,
    pairs: Sequence[tuple[int, int]],
    horizon_s: float,
    grazing_km: float,
    longest_km: float,
) -> list[Window]:
    def clear(first_km: Array, second_km: Array) -> Array:
        return clearance_rad(first_km, second_km, EQUATORIAL_RADIUS_KM + grazing_km)

    def near(first_km: Array, second_km: Array) -> Array:
        line = second_km - first_km
        return 1.0 - dot(line, line) / longest_km**2  # a parabola where they pass each other

    spans = _spans(couples, clear, len(pairs), horizon_s)
    if math.isfinite(longest_km):
        short = _spans(couples, near, len(pairs), horizon_s)
        spans = [list(_common(*both)) for both in zip(spans, short, strict=True)]
    return [
        Window(*pair, start_s, end_s, start_s <= 0.0, end_s >= horizon_s)
        for pair, mine in zip(pairs, spans, strict=True)
        for start_s, end_s in mine
    ]


def _spans(
    couples: _Pairs, positive: Callable[[Array, Array], Array], pairs: int, horizon_s: float
) -> list[list[Span]]:
    """Return, pair by pair, the times in which a function of both places is positive."""
    grid_s = grid(horizon_s)
    lane, start_s, end_s = find_intervals(
        lambda t_s, lane: positive(*couples.at(t_s, lane)),
        pairs, grid_s, EDGE_TOLERANCE_S, positive(*couples.on(grid_s)),
    )  # fmt: skip
    spans: list[list[Span]] = [[] for _ in range(pairs)]
    for which, start, end in zip(lane.tolist(), start_s.tolist(), end_s.tolist(), strict=True):
        spans[which].append((start, end))
    return spans


def _common(one: Sequence[Span], other: Sequence[Span]) -> Iterator[Span]:
    """Yield what two ascending lists of times have in common.

    >>> list(_common([(0.0, 5.0), (8.0, 9.0)], [(4.0, 8.5)]))
    [(4.0, 5.0), (8.0, 8.5)]
    """
    i = k = 0
    while i < len(one) and k < len(other):
        start, end = max(one[i][0], other[k][0]), min(one[i][1], other[k][1])
        if start < end:
            yield start, end
        if one[i][1] < other[k][1]:
            i += 1
        else:
            k += 1


def _check(
    satellites: Sequence[Trajectory],
    pairs: Sequence[tuple[int, int]],
    grazing_km: float,
    longest_km: float,
) -> None:
    if not 0.0 <= grazing_km < 1000.0:
        raise ValueError(f"grazing_km = {grazing_km} is outside 0 to 1000; for example 100")
    if not longest_km > 0.0:
        raise ValueError(f"longest_km = {longest_km} must be positive; for example 5000")
    for pair in pairs:
        if pair[0] == pair[1] or not all(0 <= each < len(satellites) for each in pair):
            raise ValueError(
                f"pair {pair} is not of two among {len(satellites)} satellites; for example (0, 1)"
            )
    if len({(each.step_s, len(each.r_km)) for each in satellites}) > 1:
        raise ValueError("the trajectories differ in step or length; sample them for one mission")
