"""Protons in aluminium and silicon: stopping power and range, as NIST tabulates them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from rigs.environment.earth import Array

Material: TypeAlias = Literal["aluminium", "silicon"]

ALUMINIUM_G_CM3 = 2.699  # PSTAR
MM_PER_CM = 10.0
RAD_PER_MEV_G = 1.602176634e-8  # 1 MeV/g in rad = 0.01 J/kg; exact, SI 2019

# NIST PSTAR (Berger et al., NISTIR 4999): proton energy in MeV, total stopping power of aluminium
# and silicon in MeV cm²/g, CSDA range in aluminium in g/cm²; 1 to 2 % above 1 MeV. From a public
# copy of its tables (secondary). Its own interpolation is logarithmic, as ours: 0.3 % between rows.
PSTAR = np.array(
    [
        (0.1, 447.7, 505.3, 2.632e-4),
        (0.2, 371.5, 388.9, 5.098e-4),
        (0.3, 321.8, 326.3, 8.001e-4),
        (0.5, 255.0, 256.9, 1.503e-3),
        (0.75, 204.3, 209.1, 2.606e-3),
        (1.0, 172.0, 175.4, 3.945e-3),
        (1.5, 132.8, 135.5, 7.287e-3),
        (2.0, 109.5, 111.8, 1.146e-2),
        (3.0, 82.50, 84.33, 2.210e-2),
        (4.0, 67.07, 68.60, 3.563e-2),
        (5.0, 56.95, 58.28, 5.188e-2),
        (6.0, 49.73, 50.91, 7.072e-2),
        (8.0, 40.04, 41.01, 1.158e-1),
        (10.0, 33.76, 34.59, 1.705e-1),
        (12.5, 28.42, 29.13, 2.515e-1),
        (15.0, 24.66, 25.29, 3.462e-1),
        (20.0, 19.69, 20.20, 5.748e-1),
        (25.0, 16.52, 16.95, 8.533e-1),
        (30.0, 14.31, 14.69, 1.180),
        (40.0, 11.42, 11.73, 1.968),
        (50.0, 9.594, 9.856, 2.928),
        (60.0, 8.334, 8.564, 4.050),
        (70.0, 7.408, 7.614, 5.325),
        (80.0, 6.698, 6.885, 6.747),
        (100.0, 5.678, 5.838, 10.01),
        (125.0, 4.837, 4.974, 14.80),
        (150.0, 4.262, 4.383, 20.32),
        (200.0, 3.526, 3.628, 33.31),
        (250.0, 3.076, 3.165, 48.55),
        (300.0, 2.773, 2.853, 65.72),
        (400.0, 2.393, 2.462, 104.8),
        (500.0, 2.167, 2.230, 148.9),
        (750.0, 1.879, 1.934, 274.0),
        (1000.0, 1.750, 1.801, 412.4),
    ]
)
_LOG_ENERGY = np.log(PSTAR[:, 0])
_LOG_STOPPING = {"aluminium": np.log(PSTAR[:, 1]), "silicon": np.log(PSTAR[:, 2])}
_LOG_RANGE = np.log(PSTAR[:, 3])


def stopping_mev_cm2_g(material: Material, energy_mev: Array | float) -> Array:
    """Return the mass stopping power; beyond 0.1 to 1000 MeV that of the nearer end.

    >>> round(float(stopping_mev_cm2_g("silicon", 67.0)), 2)
    7.87
    """
    stopping: Array = np.exp(np.interp(np.log(energy_mev), _LOG_ENERGY, _LOG_STOPPING[material]))
    return stopping


def range_g_cm2(energy_mev: Array | float) -> Array:
    """Return the CSDA range in aluminium."""
    reach: Array = np.exp(np.interp(np.log(energy_mev), _LOG_ENERGY, _LOG_RANGE))
    return reach


def energy_before_mev(energy_mev: Array | float, shielding_mm: float) -> float:
    """Return the energy that a proton had before so much aluminium left it ``energy_mev``.

    >>> round(energy_before_mev(30.0, 10.0))
    59

    Raises:
        ValueError: the shielding is negative.
    """
    return float(energies_before_mev(np.asarray(energy_mev), shielding_mm))


def energies_before_mev(energy_mev: Array, shielding_mm: float) -> Array:
    """Return the same for many energies: continuous slowing down, straight on.

    Raises:
        ValueError: the shielding is negative.
    """
    if not shielding_mm >= 0.0:
        raise ValueError(f"shielding_mm = {shielding_mm} must not be negative; for example 3.0")
    reach = range_g_cm2(energy_mev) + shielding_mm / MM_PER_CM * ALUMINIUM_G_CM3
    before: Array = np.exp(np.interp(np.log(reach), _LOG_RANGE, _LOG_ENERGY))
    return before
