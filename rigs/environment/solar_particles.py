"""A solar particle event, where a scenario asks for one: protons over the polar caps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rigs.environment.earth import Array
from rigs.environment.galactic import open_sky_sr, rigidity_gv

OPEN_BELOW_GV = 1.0  # the disturbed field lets in what the quiet one stops [assumed]
SPECTRUM_GV = 0.1  # e-fold of the event's flux in rigidity, 0.05 to 0.2 [assumed]
REFERENCE_MEV = 30.0  # that fluences of events are given for


@dataclass(frozen=True, slots=True)
class SolarParticleEvent:
    """One event: a straight rise to the peak, then a decay; the scenario's choice, not a forecast.

    ``fluence_per_cm2`` is what an unshielded place far from Earth receives
    above 30 MeV: 1e7 for a small event, 4e9 for the largest of a cycle
    [assumed: secondary]. Rates from it are good to a factor of two at best.

    Raises:
        ValueError: a duration or the fluence is not positive.
    """

    start_s: float
    rise_s: float
    e_fold_s: float
    fluence_per_cm2: float

    def __post_init__(self) -> None:
        for name in ("rise_s", "e_fold_s", "fluence_per_cm2"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ValueError(f"{name} = {value} must be positive; for example 21600.0")

    @property
    def peak_per_cm2_s(self) -> float:
        """Return the highest flux above 30 MeV, far from Earth."""
        return self.fluence_per_cm2 / (0.5 * self.rise_s + self.e_fold_s)

    def free_per_cm2_s(self, t_s: Array, energy_mev: float = REFERENCE_MEV) -> Array:
        """Return the flux above an energy far from Earth in /cm²/s.

        The spectrum falls exponentially with rigidity (Freier & Webber,
        J. Geophys. Res. 68 (1963), 1605; abstract read).
        """
        since_s = np.asarray(t_s) - self.start_s
        rise = np.clip(since_s / self.rise_s, 0.0, 1.0)
        decay = np.exp(-np.maximum(since_s - self.rise_s, 0.0) / self.e_fold_s)
        harder_gv = float(rigidity_gv(energy_mev) - rigidity_gv(REFERENCE_MEV))
        flux: Array = self.peak_per_cm2_s * rise * decay * math.exp(-harder_gv / SPECTRUM_GV)
        return flux

    def flux_per_cm2_s(
        self, t_s: Array, cutoff_gv: Array, altitude_km: Array, energy_mev: float = REFERENCE_MEV
    ) -> Array:
        """Return the flux at a place in /cm²/s: all of it below ``OPEN_BELOW_GV``, none above."""
        sky = open_sky_sr(altitude_km) / (4.0 * math.pi)
        flux: Array = np.where(
            cutoff_gv < OPEN_BELOW_GV, sky * self.free_per_cm2_s(t_s, energy_mev), 0.0
        )
        return flux
