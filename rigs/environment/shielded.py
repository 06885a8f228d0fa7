"""A spectrum of protons behind aluminium, and what a part with a threshold makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigs.environment.earth import Array
from rigs.environment.matter import energies_before_mev

HARDEST_MEV = 400.0  # where AP-8 ends
SOFTEST_MEV = 0.1  # behind the shield; what arrives with less adds 0.1 % to a dose
STEPS = 400


@dataclass(frozen=True, slots=True)
class Weibull:
    """A cross-section that rises from a threshold: σ(E) = σ∞ (1 - exp(-((E - E₀)/W)^s)).

    Source: Petersen et al., IEEE Trans. Nucl. Sci. 39 (1992), 1577 (secondary).

    >>> Weibull(30.0, 10.0, 1.0, 1e-11).cross_section_cm2(np.array([20.0, 30.0, 1e3])).tolist()
    [0.0, 0.0, 1e-11]
    """

    threshold_mev: float
    width_mev: float
    shape: float
    limit_cm2: float

    def cross_section_cm2(self, energy_mev: Array) -> Array:
        """Return the cross-section at each energy."""
        over = np.maximum(energy_mev - self.threshold_mev, 0.0) / self.width_mev
        sigma: Array = -self.limit_cm2 * np.expm1(-(over**self.shape))
        return sigma

    def events_per_s(
        self, spectrum_mev: Array, flux_per_cm2_s: Array, shielding_mm: float
    ) -> float:
        """Return the rate behind so much aluminium; good to a factor of two at best."""
        energy_mev, flux = behind_shielding(spectrum_mev, flux_per_cm2_s, shielding_mm)
        return float(flux @ self.cross_section_cm2(energy_mev))


def behind_shielding(
    spectrum_mev: Array, flux_per_cm2_s: Array, shielding_mm: float
) -> tuple[Array, Array]:
    """Return energies behind aluminium in MeV and the flux in a bin around each, in /cm²/s.

    ``flux_per_cm2_s`` lies above each of ``spectrum_mev``, omnidirectional;
    softer protons than the first count as none. Continuous slowing down,
    straight on, at the centre of a sphere; nuclear reactions are left out.

    Raises:
        ValueError: the shielding is negative.
    """
    edges = np.geomspace(SOFTEST_MEV, HARDEST_MEV, STEPS)
    above = flux_above(spectrum_mev, flux_per_cm2_s, energies_before_mev(edges, shielding_mm))
    return np.sqrt(edges[1:] * edges[:-1]), above[:-1] - above[1:]


def flux_above(spectrum_mev: Array, flux_per_cm2_s: Array, energy_mev: Array) -> Array:
    """Return the flux above each energy: log over log, straight on to where AP-8 ends."""
    known = flux_per_cm2_s > 0.0
    if np.count_nonzero(known) < 2:
        return np.zeros_like(energy_mev)
    x, y = np.log(spectrum_mev[known]), np.log(flux_per_cm2_s[known])
    wanted = np.log(energy_mev)
    slope = (y[-1] - y[-2]) / (x[-1] - x[-2])
    beyond = np.exp(y[-1] + slope * np.maximum(wanted - x[-1], 0.0))
    above = np.where(wanted > x[-1], beyond, np.exp(np.interp(wanted, x, y)))
    return np.where(energy_mev < HARDEST_MEV, above, 0.0)
