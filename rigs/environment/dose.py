"""Total ionising dose behind aluminium: protons computed, electrons looked up."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

from rigs.environment.earth import SECONDS_PER_DAY, Array
from rigs.environment.matter import RAD_PER_MEV_G, stopping_mev_cm2_g
from rigs.environment.shielded import behind_shielding

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

THINNEST_MM, THICKEST_MM = 1.0, 20.0  # below, softer protons count than the table holds
NEAR_KM = 50.0  # from the electrons' altitude, over which they change by half or double [assumed]
DOSE_CLAIM = (
    "trapped protons and electrons at the centre of an aluminium sphere, a factor of two at best; "
    "galactic and solar particles are left out"
)


@dataclass(frozen=True, slots=True)
class Dose:
    """What a part in silicon takes up in so many days; ``electron_rad`` is None where unknown.

    Protons alone come out at 0.70 to 0.83 of SPENVIS (SHIELDOSE-2), which
    follows the secondaries of nuclear reactions. See ``claim``.
    """

    shielding_mm: float
    days: float
    proton_rad: float
    electron_rad: float | None
    claim: str = DOSE_CLAIM


def proton_dose_rad_per_day(
    spectrum_mev: Array, flux_per_cm2_s: Array, shielding_mm: float
) -> float:
    """Return the dose in silicon at the centre of an aluminium sphere.

    ``flux_per_cm2_s`` is the mean flux above each of ``spectrum_mev``,
    omnidirectional. Protons slow down continuously and straight on, with
    the stopping powers of PSTAR; nuclear reactions are left out.

    Raises:
        ValueError: the shielding is not within 1 to 20 mm.
    """
    _check(shielding_mm)
    energy_mev, flux = behind_shielding(spectrum_mev, flux_per_cm2_s, shielding_mm)
    stopped = float(flux @ stopping_mev_cm2_g("silicon", energy_mev))
    return stopped * RAD_PER_MEV_G * SECONDS_PER_DAY


def electron_dose_rad_per_day(
    inclination_deg: float, altitude_km: float, shielding_mm: float
) -> float | None:
    """Return the electrons' dose at solar maximum, or None where the shipped table says nothing.

    The table knows circular orbits at 550 km from 30° to 150° (from 100° on
    the mirror image), taken within 50 km of that.

    Raises:
        ValueError: the shielding is not within 1 to 20 mm.
    """
    _check(shielding_mm)
    table = electron_table()
    steepness = inclination_deg if inclination_deg <= 100.0 else 180.0 - inclination_deg
    if abs(altitude_km - table.altitude_km) > NEAR_KM or steepness < table.inclination_deg[0]:
        return None
    rows = [
        np.interp(np.log(shielding_mm), np.log(table.shielding_mm), np.log(row))
        for row in table.electrons_rad
    ]
    return float(np.exp(np.interp(steepness, table.inclination_deg, rows))) / table.days


def dose_behind(
    shielding_mm: float,
    days: float,
    spectrum_mev: Array,
    flux_per_cm2_s: Array,
    inclination_deg: float,
    altitude_km: float,
) -> Dose:
    """Return the dose of so many days from the mean spectrum along the orbit.

    Raises:
        ValueError: the shielding is not within 1 to 20 mm.
    """
    electrons = electron_dose_rad_per_day(inclination_deg, altitude_km, shielding_mm)
    return Dose(
        shielding_mm,
        days,
        days * proton_dose_rad_per_day(spectrum_mev, flux_per_cm2_s, shielding_mm),
        None if electrons is None else days * electrons,
    )


def _check(shielding_mm: float) -> None:
    if not THINNEST_MM <= shielding_mm <= THICKEST_MM:
        raise ValueError(
            f"shielding_mm = {shielding_mm} is not within {THINNEST_MM:g} to {THICKEST_MM:g}, "
            "for which doses are known; for example 3.0"
        )


@dataclass(frozen=True, slots=True, eq=False)
class ElectronTable:
    """SPENVIS's doses of electrons, and of protons for comparison; see electron_dose.toml."""

    altitude_km: float
    days: float
    inclination_deg: Array
    shielding_mm: Array
    electrons_rad: Array  # (inclination, shielding)
    protons_rad: Array


@lru_cache(maxsize=1)
def electron_table() -> ElectronTable:
    """Return the shipped table."""
    text = resources.files(__package__).joinpath("electron_dose.toml").read_text(encoding="utf-8")
    said: dict[str, Any] = tomllib.loads(text)
    table: dict[str, Any] = {k: np.array(v) if isinstance(v, list) else v for k, v in said.items()}
    return ElectronTable(**table)
