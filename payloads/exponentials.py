"""What a decaying mode makes of a constant, a ramp and a parabola: the φ-functions."""

from __future__ import annotations

from math import expm1

import numpy as np
from numpy.typing import NDArray

# Below this rate × time the series of four terms is good to 1e-15; above it the closed forms
# lose at most eight of sixteen digits, in terms that are themselves small.
_SERIES = 1e-3


def responses(rate_per_s: float, half_s: float) -> tuple[float, float, float, float, float]:
    """Return X₁, X₂ after ``half_s``, and X₁, X₂, X₃ after twice that.

    Xₖ answers y' = rate · y + t^(k-1) / (k-1)! from y = 0: t^k φₖ(rate · t).
    ``rate_per_s`` is zero or negative.

    Source: Hochbruck & Ostermann, "Exponential integrators", Acta Numerica 19 (2010), 2.1.

    >>> responses(0.0, 1.0)
    (1.0, 0.5, 2.0, 2.0, 1.3333333333333333)
    """
    t_s = half_s + half_s
    z = rate_per_s * half_s
    if z > -_SERIES:
        square, half_square, w = t_s * t_s, half_s * half_s, z + z
        return (
            half_s * (1.0 + z * (0.5 + z * (1 / 6 + z * (1 / 24 + z / 120)))),
            half_square * (0.5 + z * (1 / 6 + z * (1 / 24 + z / 120))),
            t_s * (1.0 + w * (0.5 + w * (1 / 6 + w * (1 / 24 + w / 120)))),
            square * (0.5 + w * (1 / 6 + w * (1 / 24 + w / 120))),
            t_s * square * (1 / 6 + w * (1 / 24 + w * (1 / 120 + w / 720))),
        )
    fallen = expm1(z)
    first_half = fallen / rate_per_s
    first = fallen * (fallen + 2.0) / rate_per_s
    second = (first - t_s) / rate_per_s
    return (
        first_half,
        (first_half - half_s) / rate_per_s,
        first,
        second,
        (second - 0.5 * t_s * t_s) / rate_per_s,
    )


def responses_at(
    rate_per_s: NDArray[np.float64], t_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return X₁, X₂, X₃ of `responses` at each of ``t_s``; shapes broadcast."""
    z = rate_per_s * t_s
    near = z > -_SERIES
    rate = np.where(near, -1.0, rate_per_s)
    first = np.expm1(z) / rate
    second = (first - t_s) / rate
    third = (second - 0.5 * t_s * t_s) / rate
    if near.any():
        square = t_s * t_s
        first = np.where(near, t_s * (1 + z * (0.5 + z * (1 / 6 + z * (1 / 24 + z / 120)))), first)
        second = np.where(near, square * (0.5 + z * (1 / 6 + z * (1 / 24 + z / 120))), second)
        third = np.where(
            near, square * t_s * (1 / 6 + z * (1 / 24 + z * (1 / 120 + z / 720))), third
        )
    return first, second, third
