"""What a board gives its heat to: it swings with the orbit and drifts, differently each time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from payloads.calibration.traces import Array

ORBIT_S = 5680.0  # a circular orbit at 500 km (Kepler: 5677 s)
DRIFT_UNIT_S = 10_000.0
COMPONENTS = ("mean_c", "cosine_c", "sine_c", "drift_c")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Temperature around the board, against seconds since its recording began.

    ``drift_c`` is per DRIFT_UNIT_S and ends at ``until_s``, where no
    recording has gone: a trend is not known to go on.
    """

    mean_c: float
    cosine_c: float = 0.0
    sine_c: float = 0.0
    drift_c: float = 0.0
    period_s: float = ORBIT_S
    until_s: float = math.inf

    def at(self, t_s: Array) -> Array:
        """Return the temperature at each ``t_s``, shape (n,)."""
        angle = 2.0 * math.pi * t_s / self.period_s
        swing_c = self.cosine_c * np.cos(angle) + self.sine_c * np.sin(angle)
        return np.asarray(
            self.mean_c + swing_c + self.drift_c * np.minimum(t_s, self.until_s) / DRIFT_UNIT_S
        )
