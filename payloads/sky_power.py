"""What the sky gives a satellite, W, as functions of time that are linear between common knots."""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from typing import NamedTuple

import numpy as np

from payloads.power import Ramp


class SkyPower(NamedTuple):
    """What the sky gives from one moment on, linear in time: W and W/s."""

    array_w: float
    array_slope: float
    heat_w: float
    heat_slope: float
    structure_w: float
    structure_slope: float


class SkyRamp:
    """Array, radiator and structure under the sky, looked up together.

    Outside the knots all is constant, as of a `Ramp`.
    """

    def __init__(self, array_w: Ramp, heat_w: Ramp, structure_w: Ramp | None) -> None:
        """Lay the functions on the knots of all of them."""
        ramps = [array_w, heat_w, structure_w or Ramp((0.0,), (0.0,))]
        knots = np.unique(np.concatenate([ramp.knots_s for ramp in ramps[: 2 + bool(structure_w)]]))
        columns = list[list[float]]()
        for ramp in ramps:
            values = np.interp(knots, ramp.knots_s, ramp.values)
            slopes = np.append(np.diff(values) / np.diff(knots), 0.0)
            columns += [np.append(values[0], values).tolist(), np.append(0.0, slopes).tolist()]
        self._knots_s: list[float] = knots.tolist()
        starts_s = [self._knots_s[0], *self._knots_s]
        self._rows = list(zip(starts_s, [*self._knots_s, inf], *columns, strict=True))

    def at(self, t_s: float) -> tuple[SkyPower, float]:
        """Return what the sky gives, and until when its slopes hold."""
        start_s, end_s, array_w, array_slope, heat_w, heat_slope, body_w, body_slope = self._rows[
            bisect_right(self._knots_s, t_s)
        ]
        after_s = t_s - start_s
        return (
            SkyPower(
                array_w + array_slope * after_s,
                array_slope,
                heat_w + heat_slope * after_s,
                heat_slope,
                body_w + body_slope * after_s,
                body_slope,
            ),
            end_s,
        )
