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
    midnight, fraction = julian_date(start)

    def depth(t_s: Array, lane: Lanes) -> Array:
        sun = sun_km(midnight + fraction + t_s / SECONDS_PER_DAY)
        penumbra, umbra = shadow_depths(trajectory.at(t_s), sun)
        return np.where(lane == _PENUMBRA, -penumbra, -umbra)

    lane, entry_s, exit_s = find_intervals(depth, 2, grid(horizon_s), EDGE_TOLERANCE_S)
    shadows = list(zip(entry_s.tolist(), exit_s.tolist(), strict=True))
    split = int(np.searchsorted(lane, _UMBRA))
    return tuple(_eclipse(penumbra, shadows[split:]) for penumbra in shadows[:split])


def _eclipse(penumbra: tuple[float, float], umbras: list[tuple[float, float]]) -> Eclipse:
    entry_s, exit_s = penumbra
    inside = [umbra for umbra in umbras if entry_s <= umbra[0] and umbra[1] <= exit_s]
    return Eclipse(entry_s, exit_s, *(inside[0] if inside else (None, None)))
