"""When the satellite is in the Earth's shadow, found as roots of the conical shadow's edges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from rigs.environment.earth import SECONDS_PER_DAY, Array, julian_date
from rigs.environment.edges import EDGE_TOLERANCE_S, Lanes, find_intervals, grid
from rigs.environment.sun import shadow_depths, sun_km
from rigs.environment.trajectory import Trajectory

_PENUMBRA, _UMBRA = 0, 1  # lanes of the search
_SUN_STEP_S = 600.0  # the Sun turns 1e-4 rad in it: half-way along the chord 2e-9 rad are missing


@dataclass(frozen=True, slots=True)
class Eclipse:
    """One passage through the Earth's shadow, in mission seconds, cut at the ends of the tape.

    ``entry_s`` and ``exit_s`` are the outer edges of the penumbra: light is
    whole before and after. Between ``umbra_entry_s`` and ``umbra_exit_s``
    it is dark; both are None where only the penumbra is touched.
    """

    entry_s: float
    exit_s: float
    umbra_entry_s: float | None
    umbra_exit_s: float | None


def find_eclipses(trajectory: Trajectory, start: datetime, horizon_s: float) -> tuple[Eclipse, ...]:
    """Return the eclipses along a TEME trajectory, in order of time."""
    sun = _SunTrack(start, horizon_s)

    def depths(t_s: Array) -> Array:
        inside: Array = -np.stack(shadow_depths(trajectory.at(t_s), sun.at(t_s)))
        return inside

    def depth(t_s: Array, lane: Lanes) -> Array:
        penumbra, umbra = depths(t_s)
        mine: Array = np.where(lane == _PENUMBRA, penumbra, umbra)
        return mine

    grid_s = grid(horizon_s)
    lane, entry_s, exit_s = find_intervals(depth, 2, grid_s, EDGE_TOLERANCE_S, depths(grid_s))
    shadows = list(zip(entry_s.tolist(), exit_s.tolist(), strict=True))
    split = int(np.searchsorted(lane, _UMBRA))
    return tuple(_eclipse(penumbra, shadows[split:]) for penumbra in shadows[:split])


def _eclipse(penumbra: tuple[float, float], umbras: list[tuple[float, float]]) -> Eclipse:
    entry_s, exit_s = penumbra
    inside = [umbra for umbra in umbras if entry_s <= umbra[0] and umbra[1] <= exit_s]
    return Eclipse(entry_s, exit_s, *(inside[0] if inside else (None, None)))


class _SunTrack:
    """The Sun every ten minutes, linear in between."""

    def __init__(self, start: datetime, horizon_s: float) -> None:
        midnight, fraction = julian_date(start)
        t_s = _SUN_STEP_S * np.arange(int(horizon_s // _SUN_STEP_S) + 2, dtype=np.float64)
        self._sun_km = sun_km(midnight + fraction + t_s / SECONDS_PER_DAY)
        self._step_km = np.diff(self._sun_km, axis=0)

    def at(self, t_s: Array) -> Array:
        """Return the Sun's position in km, shape (…, 3), as ``sun_km`` does."""
        steps = t_s / _SUN_STEP_S
        k = steps.astype(np.intp)
        position: Array = self._sun_km.take(k, 0) + (steps - k)[..., None] * self._step_km.take(
            k, 0
        )
        return position
