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


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Sign changes in order of lane, then time; zero counts as positive."""

    lane: Lanes
    t_s: Array
    rising: NDArray[np.bool_]
    starts_positive: NDArray[np.bool_]  # one entry per lane, as is the next
    ends_positive: NDArray[np.bool_]


def find_edges(g: Sampled, lanes: int, grid_s: Array, tolerance_s: float) -> Edges:
    """Return every sign change of ``g`` in each lane between the first and the last ``grid_s``.

    Two crossings between neighbouring samples are found too: where a sample
    is a local extremum on the near side of zero, the true extremum is
    searched, and kept as one more sample if it lies beyond. What can be
    missed is a second extremum between two samples.
    """
    lane = np.arange(lanes)
    samples = np.broadcast_to(g(grid_s[None, :], lane[:, None]), (lanes, len(grid_s)))
    t_s, owner, value = _with_hidden_peaks(g, grid_s, samples)
    crossing = (owner[1:] == owner[:-1]) & ((value[1:] >= 0.0) != (value[:-1] >= 0.0))
    k = np.flatnonzero(crossing)
    root = _bisect(g, owner[k], t_s[k], t_s[k + 1], value[k] >= 0.0, tolerance_s)
    rising = value[k + 1] >= 0.0
    return Edges(owner[k], root, rising, samples[:, 0] >= 0.0, samples[:, -1] >= 0.0)


def find_intervals(
    g: Sampled, lanes: int, grid_s: Array, tolerance_s: float
) -> tuple[Lanes, Array, Array]:
    """Return lane, start and end of each interval in which ``g`` is positive.

    In order of lane, then time. An interval that the grid cuts starts or
    ends exactly there.
    """
    edges = find_edges(g, lanes, grid_s, tolerance_s)
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


def _with_hidden_peaks(g: Sampled, grid_s: Array, samples: Array) -> tuple[Array, Lanes, Array]:
    """Return times, lanes and values of the samples and of each extremum beyond zero."""
    lanes, count = samples.shape
    lane, k, side = _suspects(samples)
    low, high = grid_s[np.maximum(k - 1, 0)], grid_s[np.minimum(k + 1, count - 1)]
    peak_s = find_maxima(lambda t, i: _turned(side, g(t, i)), lane, low, high, _PEAK_TOLERANCE_S)
    value = g(peak_s, lane)
    hidden = (value >= 0.0) != (samples[lane, k] >= 0.0)
    t_s = np.concatenate([np.tile(grid_s, lanes), peak_s[hidden]])
    owner = np.concatenate([np.repeat(np.arange(lanes), count), lane[hidden]])
    order = np.lexsort((t_s, owner))
    return t_s[order], owner[order], np.concatenate([samples.ravel(), value[hidden]])[order]


def _suspects(samples: Array) -> tuple[Lanes, Lanes, NDArray[np.bool_]]:
    """Return lane, sample and side (True above zero) of the samples nearest to zero among equals.

    An end of the grid is its own neighbour.
    """
    positive = samples >= 0.0
    padded = np.pad(samples, ((0, 0), (1, 1)), mode="edge")
    before, after = padded[:, :-2], padded[:, 2:]
    lowest = positive & (samples <= before) & (samples <= after) & (before >= 0) & (after >= 0)
    highest = ~positive & (samples >= before) & (samples >= after) & (before < 0) & (after < 0)
    lane, k = np.nonzero(lowest | highest)
    return lane, k, positive[lane, k]


def _turned(positive: NDArray[np.bool_], value: Array) -> Array:
    """Return ``value`` turned so that its maximum is the approach to zero from its own side."""
    return np.where(positive, -value, value)


def _bisect(
    g: Sampled,
    lane: Lanes,
    low: Array,
    high: Array,
    positive: NDArray[np.bool_],
    tolerance_s: float,
) -> Array:
    """Return the roots between ``low`` and ``high``: bisection, then one secant step."""
    widest = float(np.max(high - low, initial=tolerance_s))
    for _ in range(int(np.ceil(np.log2(widest / tolerance_s)))):
        middle = 0.5 * (low + high)
        same = (g(middle, lane) >= 0.0) == positive
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    g_low, g_high = g(low, lane), g(high, lane)
    rise = g_high - g_low
    return low - g_low * (high - low) / np.where(rise == 0.0, 1.0, rise)
