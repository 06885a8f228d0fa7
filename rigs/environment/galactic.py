"""Galactic protons along the orbit: a published spectrum behind the geomagnetic cut-off."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rigs.environment.earth import EQUATORIAL_RADIUS_KM, Array
from rigs.environment.radiation import Activity

PROTON_GEV = 0.938272  # rest energy; CODATA 2018
HARDEST_GEV = 1e4  # 1e-5 of the flux lies above
STEPS = 4000

# Modulation of the spectrum, 0 (none) to 200: the quietest Sun that the model knows, and an
# ordinary maximum [assumed, so that the orbit average at 550 km is the published 0.56].
MODULATION: dict[Activity, float] = {"solar-minimum": 0.0, "solar-maximum": 120.0}


def rigidity_gv(energy_mev: Array | float) -> Array:
    """Return a proton's momentum per charge in GV.

    >>> round(float(rigidity_gv(30.0)), 3)
    0.239
    """
    energy_gev = np.asarray(energy_mev, dtype=np.float64) * 1e-3
    rigidity: Array = np.sqrt(energy_gev * (energy_gev + 2.0 * PROTON_GEV))
    return rigidity


def differential_per_cm2_s_sr_gev(energy_mev: Array, modulation: float) -> Array:
    """Return the flux of galactic protons far from Earth in 1/(cm² s sr GeV), from 10 MeV on.

    Φ(R) = C β^α / R^γ · (R / (R + R₀))^Δ per m² s sr GV, with C = 1.85e4,
    α = 2.85, γ = 2.74, R₀ = 0.37 + 3e-4 W^1.45 GV and Δ = 0.02 W + 4.7;
    ``modulation`` is W. dR/dE = 1/β for protons.

    Source: Matthiä et al., Adv. Space Res. 51 (2013), 329, which simplifies
    ISO 15390; coefficients from two public transcriptions that agree (secondary).
    14 % from AMS-02 (Norbury et al., Life Sci. Space Res. 18 (2018), 64; secondary).
    """
    rigidity = rigidity_gv(energy_mev)
    beta = rigidity / (np.asarray(energy_mev) * 1e-3 + PROTON_GEV)
    softening = 0.37 + 3e-4 * modulation**1.45
    per_m2_s_sr_gv = (
        1.85e4
        * beta**2.85
        / rigidity**2.74
        * (rigidity / (rigidity + softening)) ** (0.02 * modulation + 4.7)
    )
    differential: Array = 1e-4 * per_m2_s_sr_gv / beta
    return differential


def galactic_per_cm2_s(
    activity: Activity, cutoff_gv: Array, altitude_km: Array, energy_mev: float = 30.0
) -> Array:
    """Return galactic protons above an energy and a cut-off in /cm²/s, omnidirectional.

    The vertical cut-off stands for every direction, and Earth's disc hides
    its part of the sky. Heavier nuclei are left out: a tenth of the count,
    but parts with a low threshold can be upset by them as often as by
    protons. Good to a factor of two.
    """
    rigidity, beyond = _integral(activity)
    softest = np.maximum(cutoff_gv, rigidity_gv(energy_mev))
    flux: Array = open_sky_sr(altitude_km) * np.interp(softest, rigidity, beyond)
    return flux


def open_sky_sr(altitude_km: Array | float) -> Array:
    """Return the solid angle that Earth does not hide, in steradians.

    >>> round(float(open_sky_sr(0.0)) / np.pi, 3)
    2.0
    """
    sine = EQUATORIAL_RADIUS_KM / (EQUATORIAL_RADIUS_KM + np.asarray(altitude_km))
    sky: Array = 2.0 * np.pi * (1.0 + np.sqrt(np.maximum(1.0 - sine * sine, 0.0)))
    return sky


@lru_cache(maxsize=len(MODULATION))
def _integral(activity: Activity) -> tuple[Array, Array]:
    """Return rigidities in GV and the flux beyond each in 1/(cm² s sr)."""
    energy_mev = np.geomspace(10.0, HARDEST_GEV * 1e3, STEPS)
    flux = differential_per_cm2_s_sr_gev(energy_mev, MODULATION[activity])
    pieces = 0.5 * (flux[1:] + flux[:-1]) * np.diff(energy_mev) * 1e-3
    beyond = np.append(np.cumsum(pieces[::-1])[::-1], 0.0)
    return rigidity_gv(energy_mev), beyond
