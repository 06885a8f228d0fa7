"""Edges of a smooth function of time: where it changes sign, however briefly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rigs.environment.earth import Array

Lanes: TypeAlias = NDArray[np.intp]
Sampled: TypeAlias = Callable[[Array, Lanes], Array]
"""A function of time in seconds and lane; both broadcast, as does the answer."""

GRID_S = 60.0  # with the search for hidden peaks, 30, 60 and 120 s find the same passes
EDGE_TOLERANCE_S = 1e-3  # a satellite in low orbit moves 7.6 m in it
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_PEAK_TOLERANCE_S = 0.05  # an extremum is flat: 0.05 s from the top, 1e-8 rad are missing
_REACH = 4.0  # how many of its steps a peak can rise above its highest sample; see _suspects
_MOST_ROUNDS = 200  # a root takes 5 to 8 rounds, and at worst three times those of bisection


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Sign changes in order of lane, then time; zero counts as positive."""

    lane: Lanes
    t_s: Array
    rising: NDArray[np.bool_]
    starts_positive: NDArray[np.bool_]  # one entry per lane, as is the next
    ends_positive: NDArray[np.bool_]


def find_edges(
    g: Sampled, lanes: int, grid_s: Array, tolerance_s: float, samples: Array | None = None
) -> Edges:
    """Return every sign change of ``g`` in each lane between the first and the last ``grid_s``.

    Two crossings between neighbouring samples are found too: where a sample
    is a local extremum on the near side of zero, the true extremum is
    searched, and kept as one more sample if it lies beyond. What can be
    missed is a second extremum between two samples, and a peak that rises
    more than four times as far above its highest sample as that sample is
    above its lower neighbour. ``samples`` are the values on the grid, shape
    (lanes, n), where the caller has them cheaper than from ``g``.
    """
    if samples is None:
        every = np.arange(lanes)
        samples = np.broadcast_to(g(grid_s[None, :], every[:, None]), (lanes, len(grid_s)))
    t_s = np.broadcast_to(grid_s, samples.shape).ravel()
    starts = np.arange(lanes) * len(grid_s)
    found = find_crossings(g, starts, t_s, samples.ravel(), tolerance_s)
    return Edges(*found, samples[:, 0] >= 0.0, samples[:, -1] >= 0.0)


def find_crossings(
    g: Sampled, starts: Lanes, t_s: Array, value: Array, tolerance_s: float
) -> tuple[Lanes, Array, NDArray[np.bool_]]:
    """Return lane, time and direction of each sign change, as ``find_edges`` does.

    ``t_s`` and ``value`` have one entry per sample, in order of lane, then
    time; each lane begins at its entry of ``starts``.
    """
    positive = value >= 0.0
    change = positive[1:] != positive[:-1]
    change[starts[1:] - 1] = False
    k, (place, peak_s, peak) = np.flatnonzero(change), _hidden_peaks(g, starts, t_s, value)
    low = np.concatenate([t_s[k], t_s[place], peak_s])
    high = np.concatenate([t_s[k + 1], peak_s, t_s[place + 1]])
    g_low = np.concatenate([value[k], value[place], peak])
    g_high = np.concatenate([value[k + 1], peak, value[place + 1]])
    lane = _lane_of(starts, np.concatenate([k, place, place]))
    root_s = find_roots(g, lane, (low, high), (g_low, g_high), tolerance_s)
    order = np.lexsort((root_s, lane))
    return lane[order], root_s[order], g_high[order] >= 0.0


def find_intervals(
    g: Sampled, lanes: int, grid_s: Array, tolerance_s: float, samples: Array | None = None
) -> tuple[Lanes, Array, Array]:
    """Return lane, start and end of each interval in which ``g`` is positive.

    In order of lane, then time. An interval that the grid cuts starts or
    ends exactly there. What may be missed is said at ``find_edges``.
    """
    edges = find_edges(g, lanes, grid_s, tolerance_s, samples)
    early, late = np.flatnonzero(edges.starts_positive), np.flatnonzero(edges.ends_positive)
    opening = np.concatenate([early, edges.lane[edges.rising]])
    closing = np.concatenate([edges.lane[~edges.rising], late])
    start_s = np.concatenate([np.full(len(early), grid_s[0]), edges.t_s[edges.rising]])
    end_s = np.concatenate([edges.t_s[~edges.rising], np.full(len(late), grid_s[-1])])
    first, last = np.lexsort((start_s, opening)), np.lexsort((end_s, closing))
    return opening[first], start_s[first], end_s[last]


def grid(horizon_s: float) -> Array:
    """Return sample times from 0 to ``horizon_s``, at most ``GRID_S`` apart."""
    return np.append(np.arange(0.0, horizon_s, GRID_S), horizon_s)


def find_maxima(g: Sampled, lane: Lanes, low_s: Array, high_s: Array, tolerance_s: float) -> Array:
    """Return where ``g`` is largest in each interval, in which it has one maximum.

    Source: golden-section search, Press et al., *Numerical Recipes*, 3rd ed., 10.2.
    """
    low, high = low_s.copy(), high_s.copy()
    widest = float(np.max(high - low, initial=tolerance_s))
    inner, outer = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    g_inner, g_outer = g(inner, lane), g(outer, lane)
    for _ in range(int(np.ceil(np.log(tolerance_s / widest) / np.log(_GOLDEN)))):
        left = g_inner >= g_outer
        high, low = np.where(left, outer, high), np.where(left, low, inner)
        fresh = np.where(left, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        g_fresh = g(fresh, lane)
        inner, outer = np.where(left, fresh, outer), np.where(left, inner, fresh)
        g_inner, g_outer = np.where(left, g_fresh, g_outer), np.where(left, g_inner, g_fresh)
    best: Array = np.where(g_inner >= g_outer, inner, outer)
    return best


def find_roots(
    g: Sampled,
    lane: Lanes,
    ends_s: tuple[Array, Array],
    values: tuple[Array, Array],
    tolerance_s: float,
) -> Array:
    """Return the roots between two ends with values of opposite sign, each to ``tolerance_s``.

    Source: Chandrupatla, *Adv. Eng. Softw.* 28 (1997), 145: inverse
    quadratic interpolation where it is safe, bisection elsewhere.
    """
    (a, b), (g_a, g_b) = ends_s, values
    if not len(a):
        return a
    least = 0.5 * tolerance_s / np.abs(b - a)
    share = np.clip(g_a / np.where(g_a == g_b, 1.0, g_a - g_b), least, 1.0 - least)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_MOST_ROUNDS):
            x = a + share * (b - a)
            g_x = g(x, lane)
            same = (g_x >= 0.0) == (g_a >= 0.0)
            c, g_c = np.where(same, a, b), np.where(same, g_a, g_b)
            b, g_b = np.where(same, b, a), np.where(same, g_b, g_a)
            a, g_a = x, g_x
            least = 0.5 * tolerance_s / np.abs(b - a)
            if np.all((least >= 0.5) | (g_a == 0.0)):
                break
            share = np.clip(_inverse_quadratic(a, b, c, g_a, g_b, g_c), least, 1.0 - least)
            share = np.where(least >= 0.5, 0.0, share)
    rise = g_b - g_a
    root: Array = a - g_a * (b - a) / np.where(rise == 0.0, 1.0, rise)  # the last, without a look
    return root


def _inverse_quadratic(a: Array, b: Array, c: Array, g_a: Array, g_b: Array, g_c: Array) -> Array:
    """Return how far from ``a`` to ``b`` to look next; half-way where a parabola would mislead."""
    xi, phi = (a - b) / (c - b), (g_a - g_b) / (g_c - g_b)
    safe = (phi * phi < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
    far = g_a / (g_b - g_a) * g_c / (g_b - g_c)
    far += (c - a) / (b - a) * g_a / (g_c - g_a) * g_b / (g_c - g_b)
    share: Array = np.where(safe, far, 0.5)
    return share


def _hidden_peaks(
    g: Sampled, starts: Lanes, t_s: Array, value: Array
) -> tuple[Lanes, Array, Array]:
    """Return each extremum beyond zero: the sample before it, its time and its value."""
    k, before, after = _suspects(starts, value)
    lane, side = _lane_of(starts, k), value[k] >= 0.0
    if not len(k):
        return k, t_s[k], value[k]
    low, high = t_s[before], t_s[after]
    peak_s = find_maxima(lambda t, i: _turned(side, g(t, i)), lane, low, high, _PEAK_TOLERANCE_S)
    peak = g(peak_s, lane)
    hidden = (peak >= 0.0) != side
    place = (k - (peak_s < t_s[k]))[hidden]
    place, which = np.unique(place, return_index=True)  # equal neighbours share a peak
    return place, peak_s[hidden][which], peak[hidden][which]


def _suspects(starts: Lanes, value: Array) -> tuple[Lanes, Lanes, Lanes]:
    """Return the samples nearest to zero whose true extremum can lie beyond it, and neighbours.

    A peak that is concave between its neighbours rises above its highest
    sample by less than that sample does above its lower neighbour. The
    flanks of an elevation are not concave; four times as much holds for
    whatever flies higher than 76 km over a station, seen every 60 s.
    """
    rise = np.zeros(len(value) + 1)  # into each sample, and out of the last
    np.subtract(value[1:], value[:-1], out=rise[1:-1])
    rise[starts] = 0.0  # an end of a lane is its own neighbour
    up, down, positive = rise >= 0.0, rise <= 0.0, value >= 0.0
    k = np.flatnonzero(np.where(positive, down[:-1] & up[1:], up[:-1] & down[1:]))
    lane, ends = _lane_of(starts, k), np.append(starts[1:], len(value)) - 1
    before, after = np.maximum(k - 1, starts[lane]), np.minimum(k + 1, ends[lane])
    alone = (positive[before] == positive[k]) & (positive[after] == positive[k])
    here = value[k]
    step = np.maximum(np.abs(here - value[before]), np.abs(here - value[after]))
    at_end = (before == k) | (after == k)  # what it had beyond says nothing of a peak
    near = alone & (at_end | (np.abs(here) <= _REACH * step))
    return k[near], before[near], after[near]


def _lane_of(starts: Lanes, k: Lanes) -> Lanes:
    return np.searchsorted(starts, k, side="right") - 1


def _turned(positive: NDArray[np.bool_], value: Array) -> Array:
    """Return ``value`` turned so that its maximum is the approach to zero from its own side."""
    return np.where(positive, -value, value)
