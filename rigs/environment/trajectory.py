"""An orbit sampled every 30 s and joined smoothly: cheap to ask at any time, in either frame."""

from __future__ import annotations

import math
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
from rigs.environment.orbit import Orbit

SAMPLE_STEP_S = 30.0  # cubic Hermite over 30 s reproduces SGP4 in low orbit to 0.1 m


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Positions and velocities at every ``step_s`` from mission start, joined by cubic Hermites."""

    step_s: float
    r_km: Array  # (n, 3)
    v_km_s: Array  # (n, 3)

    @classmethod
    def of(cls, orbit: Orbit, start: datetime, horizon_s: float) -> Trajectory:
        """Return the TEME trajectory from ``start`` to ``horizon_s`` or one step beyond."""
        steps = math.ceil(horizon_s / SAMPLE_STEP_S) + 1
        t_s = np.arange(steps, dtype=np.float64) * SAMPLE_STEP_S
        return cls(SAMPLE_STEP_S, *orbit.states(start, t_s))

    def earth_fixed(self, start: datetime) -> Trajectory:
        """Return the same trajectory in the Earth-fixed frame; this one must be TEME."""
        jd, fraction = julian_date(start)
        t_s = np.arange(len(self.r_km), dtype=np.float64) * self.step_s
        angle = gmst82(jd, fraction + t_s / SECONDS_PER_DAY)
        r_km, v_km_s = earth_fixed(self.r_km, angle), earth_fixed(self.v_km_s, angle)
        turning = ROTATION_RAD_PER_S * np.stack(
            [-r_km[:, 1], r_km[:, 0], np.zeros(len(r_km))], axis=-1
        )
        return Trajectory(self.step_s, r_km, v_km_s - turning)

    def at(self, t_s: Array) -> Array:
        """Return positions in km, shape (…, 3), at mission times of any shape."""
        k = np.clip((t_s // self.step_s).astype(np.intp), 0, len(self.r_km) - 2)
        u = (t_s / self.step_s - k)[..., None]
        w = 1.0 - u
        here, there = self.r_km[k], self.r_km[k + 1]
        leaving, arriving = self.v_km_s[k] * self.step_s, self.v_km_s[k + 1] * self.step_s
        position: Array = w * w * ((1.0 + 2.0 * u) * here + u * leaving) + u * u * (
            (3.0 - 2.0 * u) * there - w * arriving
        )
        return position
