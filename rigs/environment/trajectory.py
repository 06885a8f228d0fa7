"""Orbits sampled every 30 s and joined smoothly: cheap to ask at any time, in either frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from rigs.environment.earth import (
    ROTATION_RAD_PER_S,
    SECONDS_PER_DAY,
    Array,
    earth_fixed,
    gmst82,
    julian_date,
)
from rigs.environment.orbit import Orbit, states_of

# A cubic Hermite misses a circular orbit of mean motion n by at most r (n h)⁴ / 384, 0.03 m at
# 400 km with h = 30 s. SGP4's velocity is not quite the derivative of its position, so tests find
# 0.06 m and 0.03 m/s, and promise 0.1 m and 0.05 m/s. SGP4 itself is good to a kilometre.
SAMPLE_STEP_S = 30.0
CHUNK = 16  # satellites that SGP4 propagates in one call: 16 × 2882 × 48 B are 2 MB a day


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Positions and velocities at every ``step_s`` from mission start, joined by cubic Hermites."""

    step_s: float
    r_km: Array  # (n, 3)
    v_km_s: Array  # (n, 3)

    @classmethod
    def of(cls, orbit: Orbit, start: datetime, horizon_s: float) -> Trajectory:
        """Return the TEME trajectory from ``start`` to ``horizon_s`` or one step beyond.

        Raises:
            ValueError: SGP4 fails on the way.
        """
        return cls(SAMPLE_STEP_S, *orbit.states(start, sample_times(horizon_s)))

    def earth_fixed(self, start: datetime) -> Trajectory:
        """Return the same trajectory in the Earth-fixed frame; this one must be TEME."""
        jd, fraction = julian_date(start)
        t_s = np.arange(len(self.r_km), dtype=np.float64) * self.step_s
        angle = gmst82(jd, fraction + t_s / SECONDS_PER_DAY)
        fixed = earth_fixed(np.stack([self.r_km, self.v_km_s]), angle)
        r_km, v_km_s = fixed[0], fixed[1]
        v_km_s[:, 0] += ROTATION_RAD_PER_S * r_km[:, 1]
        v_km_s[:, 1] -= ROTATION_RAD_PER_S * r_km[:, 0]
        return Trajectory(self.step_s, r_km, v_km_s)

    def at(self, t_s: Array) -> Array:
        """Return positions in km, shape (…, 3), at mission times of any shape."""
        k, u = self._place(t_s)
        w = 1.0 - u
        ww, uu = w * w, u * u
        position: Array = (ww * (1.0 + 2.0 * u)) * self.r_km.take(k, 0)
        position += (ww * u * self.step_s) * self.v_km_s.take(k, 0)
        k += 1
        position += (uu * (3.0 - 2.0 * u)) * self.r_km.take(k, 0)
        position -= (uu * w * self.step_s) * self.v_km_s.take(k, 0)
        return position

    def velocity_at(self, t_s: Array) -> Array:
        """Return velocities in km/s, shape (…, 3), the exact derivative of ``at``."""
        k, u = self._place(t_s)
        w = 1.0 - u
        here, there = self.r_km.take(k, 0), self.r_km.take(k + 1, 0)
        leaving, arriving = self.v_km_s.take(k, 0), self.v_km_s.take(k + 1, 0)
        velocity: Array = (6.0 * u * w / self.step_s) * (there - here)
        velocity += (w * (1.0 - 3.0 * u)) * leaving + (u * (3.0 * u - 2.0)) * arriving
        return velocity

    def _place(self, t_s: Array) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.intp]], Array]:
        """Return the sample before each time, and how far it is to the next, shape (…, 1)."""
        steps = np.asarray(t_s) / self.step_s
        k = np.minimum(np.maximum(steps, 0.0), len(self.r_km) - 2).astype(np.intp)
        return k, (steps - k)[..., None]


def sample_times(horizon_s: float) -> Array:
    """Return every ``SAMPLE_STEP_S`` from 0 to the first that is not before ``horizon_s``."""
    return np.arange(math.ceil(horizon_s / SAMPLE_STEP_S) + 1, dtype=np.float64) * SAMPLE_STEP_S


def trajectories(
    orbits: Sequence[Orbit], start: datetime, horizon_s: float
) -> Iterator[Trajectory]:
    """Yield the TEME trajectory of each orbit, in order; a few are in memory at a time.

    Raises:
        ValueError: SGP4 fails on the way of a satellite; the message says which.
    """
    t_s = sample_times(horizon_s)
    for first in range(0, len(orbits), CHUNK):
        r_km, v_km_s = states_of(orbits[first : first + CHUNK], start, t_s)
        for r, v in zip(r_km, v_km_s, strict=True):
            yield Trajectory(SAMPLE_STEP_S, r.copy(), v.copy())
