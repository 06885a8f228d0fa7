"""Fewer knots for functions of time that are linear between them, with their integral kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROUNDING = 1e-12  # of a peak: as straight as a line can be


def thinned(
    knots_s: Array, functions: Sequence[Array], tolerance: float
) -> tuple[Array, list[Array]]:
    """Return some of the knots, shape (m,), and the functions' values there, shape (m,) each.

    ``functions`` are values at ``knots_s``, shape (n,), which rise strictly.
    A knot goes where, between its neighbours that stay, every function lies
    within ``tolerance`` of a straight line, as a share of its largest
    magnitude. What lay above or below the lines is then given to the knots
    at their ends: a function's integral is kept, and between knots that were
    neighbours before nothing changes. No value is off by more than twice
    the tolerance.
    """
    scaled = np.array([f / max(np.abs(f).max(), 1e-300) for f in functions])
    kept = _kept(knots_s, scaled, tolerance)
    return knots_s[kept], [_balanced(knots_s, f, kept) for f in functions]


def _kept(knots_s: Array, scaled: Array, tolerance: float) -> NDArray[np.intp]:
    """Return the places of the knots that stay: every other one goes while lines allow it."""
    kept = np.arange(len(knots_s))
    while len(kept) > 2:
        pairs = kept[: len(kept) - (len(kept) + 1) % 2 : 2]  # the ends of two stretches in a row
        if pairs[-1] != kept[-1]:
            pairs = np.append(pairs, kept[-1])
        straight = _off(knots_s, scaled, pairs) <= tolerance
        stays = np.ones(len(kept), dtype=bool)
        stays[1::2][: len(straight)] = ~straight
        stays[-1] = True
        if stays.all():
            break
        kept = kept[stays]
    merged = np.diff(kept) > 1
    lonely = merged & ~np.append(False, merged[:-1]) & ~np.append(merged[1:], False)
    lonely &= _off(knots_s, scaled, kept) > _ROUNDING
    stays = np.ones(len(knots_s), dtype=bool)  # what lies off a lonely line has nowhere to go
    for k in np.flatnonzero(merged & ~lonely):
        stays[kept[k] + 1 : kept[k + 1]] = False
    return np.flatnonzero(stays)


def _off(knots_s: Array, scaled: Array, ends: NDArray[np.intp]) -> Array:
    """Return by how much the functions leave a straight line at most, between each two ends."""
    off = np.zeros(len(knots_s))
    for f in scaled:
        np.maximum(off, np.abs(np.interp(knots_s, knots_s[ends], f[ends]) - f), out=off)
    worst: Array = np.maximum.reduceat(off, ends[:-1])
    return worst


def _balanced(knots_s: Array, f: Array, kept: NDArray[np.intp]) -> Array:
    """Return values at the knots that stay, of which lines enclose what ``f`` did."""
    lengths_s, steps_s = np.diff(knots_s[kept]), np.diff(knots_s)
    pieces = np.add.reduceat(0.5 * (f[1:] + f[:-1]) * steps_s, kept[:-1])
    missed = pieces - 0.5 * (f[kept][1:] + f[kept][:-1]) * lengths_s
    merged = np.diff(kept) > 1
    free = np.append(True, merged) & np.append(merged, True)
    shares = np.where(merged, missed, 0.0) / np.maximum(free[1:] * 1.0 + free[:-1], 1.0)
    given = np.append(0.0, shares) + np.append(shares, 0.0)
    weights_s = 0.5 * (np.append(0.0, lengths_s) + np.append(lengths_s, 0.0))
    balanced: Array = f[kept] + np.where(free, given / weights_s, 0.0)
    return balanced
