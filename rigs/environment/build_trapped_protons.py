"""Builds ``trapped_protons.npz``, the AP-8 table; run by hand, never at run time.

It needs the PyPI package ``aep8`` 1.1.0 (BSD-3, links IRBEM, LGPL-3; Python ≥ 3.11)
in an environment of its own: ``python -m rigs.environment.build_trapped_protons``
(about two minutes). Nothing of ``aep8`` is shipped but the numbers it computes.

AP-8 belongs with the fields it was made from: Jensen & Cain 1960 at solar minimum,
GSFC 12/66 extrapolated to 1970 at solar maximum. With a present field it gives twice
the flux or more (Heynderickx et al., *Radiat. Meas.* 26 (1996), 947), so `aep8`,
which keeps the old ones, is used. AP-8 itself: Sawyer & Vette, NSSDC 76-06 (1976).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rigs.environment.earth import Array
from rigs.environment.radiation import Activity, load_trapped_protons

ENERGY_MEV = 30.0  # what reaches a chip behind about 4 mm of aluminium
ALTITUDE_KM = np.array([*range(300, 700, 50), *range(700, 1100, 100), 1250.0, 1500.0])
LATITUDE_DEG = np.arange(-90.0, 90.1, 2.5)
LONGITUDE_DEG = np.arange(-180.0, 180.0, 2.5)
ACTIVITIES: dict[Activity, tuple[str, str, float]] = {  # name: aep8's word, field model, its epoch
    "solar-minimum": ("min", "Jensen & Cain 1960", 1960.0),
    "solar-maximum": ("max", "GSFC 12/66 for 1970", 1970.0),
}
PUBLISHED_PER_CM2_S = 3.04495297  # README of aep8: 15 E, 45 S, 300 km, solar maximum, > 10 MeV
CHECK_POINTS = 20_000
OUTPUT = Path(__file__).with_name("trapped_protons.npz")


def flux_per_cm2_s(
    solar: str,
    latitude_deg: Array,
    longitude_deg: Array,
    altitude_km: Array,
    energy_mev: float = ENERGY_MEV,
) -> Array:
    """Return the integral flux of protons above an energy; NaN on open field lines becomes 0."""
    import aep8  # type: ignore[import-not-found]
    from astropy import units  # type: ignore[import-not-found]
    from astropy.coordinates import EarthLocation  # type: ignore[import-not-found]
    from astropy.time import Time  # type: ignore[import-not-found]

    place = EarthLocation.from_geodetic(
        longitude_deg * units.deg, latitude_deg * units.deg, altitude_km * units.km
    )
    moment = Time("1965-01-01")  # without effect: both fields have one fixed epoch
    with np.errstate(invalid="ignore"):
        flux = aep8.model(particle="p", solar=solar).integral_flux(
            place, moment, energy_mev * units.MeV
        )
    cleaned: Array = np.nan_to_num(flux.value)
    return cleaned


def build() -> None:
    """Write the table: square roots of the flux, float16, (altitude, latitude, longitude)."""
    altitude, latitude, longitude = np.meshgrid(
        ALTITUDE_KM, LATITUDE_DEG, LONGITUDE_DEG, indexing="ij"
    )
    table: dict[str, NDArray[np.generic]] = {
        "energy_mev": np.array(ENERGY_MEV),
        "altitude_km": ALTITUDE_KM,
        "latitude_deg": LATITUDE_DEG,
        "longitude_deg": LONGITUDE_DEG,
        "source": np.array("AP-8 (Sawyer & Vette 1976) by aep8 1.1.0 (IRBEM)"),
    }
    for activity, (solar, field_model, field_epoch) in ACTIVITIES.items():
        flux = flux_per_cm2_s(solar, latitude.ravel(), longitude.ravel(), altitude.ravel())
        table[f"{activity} root_flux"] = np.sqrt(flux.reshape(altitude.shape)).astype(np.float16)
        table[f"{activity} field_model"] = np.array(field_model)
        table[f"{activity} field_epoch"] = np.array(field_epoch)
    np.savez_compressed(OUTPUT, **table)  # type: ignore[arg-type]
    sys.stdout.write(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes\n")


def prove() -> None:
    """Stop unless ``aep8`` still computes the one number that its authors publish."""
    here = flux_per_cm2_s("max", np.array(-45.0), np.array(15.0), np.array(300.0), energy_mev=10.0)
    if not np.isclose(here, PUBLISHED_PER_CM2_S, rtol=1e-6):
        raise SystemExit(f"aep8 gives {here} /cm2/s where its README gives {PUBLISHED_PER_CM2_S}")


def check() -> None:
    """Print how far interpolation strays from AP-8 at random places off the grid."""
    chance = np.random.default_rng(1)
    for low, high in ((300.0, 450.0), (450.0, 650.0), (650.0, 1500.0)):
        latitude = np.degrees(np.arcsin(chance.uniform(-1.0, 1.0, CHECK_POINTS)))
        longitude = chance.uniform(-180.0, 180.0, CHECK_POINTS)
        altitude = chance.uniform(low, high, CHECK_POINTS)
        for activity, (solar, _, _) in ACTIVITIES.items():
            true = flux_per_cm2_s(solar, latitude, longitude, altitude)
            ours = load_trapped_protons(activity).trapped_per_cm2_s(latitude, longitude, altitude)
            error = (ours - true) / true.max()
            sys.stdout.write(
                f"{low:.0f}-{high:.0f} km, {activity}: mean {ours.mean() / true.mean() - 1:+.2%}, "
                f"rms {np.sqrt(np.mean(error**2)):.2%}, worst {np.abs(error).max():.1%} of peak\n"
            )


if __name__ == "__main__":
    prove()
    build()
    check()
