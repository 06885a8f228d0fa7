"""Builds ``trapped_protons.npz``, the AP-8 table; run by hand, never at run time.

It needs the PyPI package ``aep8`` 1.1.0 (BSD-3, links IRBEM, LGPL-3; Python ≥ 3.11)
in an environment of its own: ``python -m rigs.environment.build_trapped_protons``
(about two minutes). Nothing of ``aep8`` is shipped but the numbers it computes.

AP-8 belongs with the fields it was made from: Jensen & Cain 1960 at solar minimum,
GSFC 12/66 extrapolated to 1970 at solar maximum. With a present field it gives twice
the flux or more (Heynderickx et al., *Radiat. Meas.* 26 (1996), 947), so `aep8`,
which keeps the old ones, is used. AP-8 itself: Sawyer & Vette, NSSDC 76-06 (1976).

Three things are stored: the flux above 30 MeV on a fine grid, the flux above eleven
energies on one of every second line, from which the shape of the spectrum is taken,
and McIlwain's L of the field of 1970, for the cut-off of particles from outside.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rigs.environment.earth import Array
from rigs.environment.radiation import Activity, load_trapped_protons

ENERGY_MEV = 30.0  # what reaches a chip behind about 4 mm of aluminium
SPECTRUM_MEV = np.array([10.0, 15.0, 20.0, 30.0, 50.0, 70.0, 100.0, 150.0, 200.0, 250.0, 300.0])
ALTITUDE_KM = np.array([*range(300, 700, 50), *range(700, 1100, 100), 1250.0, 1500.0])
LATITUDE_DEG = np.arange(-90.0, 90.1, 2.5)
LONGITUDE_DEG = np.arange(-180.0, 180.0, 2.5)
COARSE = 2  # the spectrum keeps every second latitude and longitude; L, also of the altitudes
ACTIVITIES: dict[Activity, tuple[str, str, float]] = {  # name: aep8's word, field model, its epoch
    "solar-minimum": ("min", "Jensen & Cain 1960", 1960.0),
    "solar-maximum": ("max", "GSFC 12/66 for 1970", 1970.0),
}
PUBLISHED_PER_CM2_S = 3.04495297  # README of aep8: 15 E, 45 S, 300 km, solar maximum, > 10 MeV
OPEN_L = 60.0  # Earth radii: beyond it, and where no field line closes, nothing is cut off
CHECK_POINTS = 20_000
OUTPUT = Path(__file__).with_name("trapped_protons.npz")


def magnetic(
    solar: str, latitude_deg: Array, longitude_deg: Array, altitude_km: Array
) -> tuple[Array, Array]:
    """Return McIlwain's L and B/B₀ in the field that belongs to AP-8's ``min`` or ``max``."""
    import aep8
    from astropy import units
    from astropy.coordinates import EarthLocation
    from astropy.time import Time

    place = EarthLocation.from_geodetic(
        longitude_deg * units.deg, latitude_deg * units.deg, altitude_km * units.km
    )
    moment = Time("1965-01-01")  # without effect: both fields have one fixed epoch
    with np.errstate(invalid="ignore"):
        shell, ratio = aep8.model(particle="p", solar=solar).geomagnetic_coordinates(place, moment)
    return shell, ratio


def flux_per_cm2_s(solar: str, shell: Array, ratio: Array, energy_mev: float) -> Array:
    """Return the integral flux of protons above an energy; NaN on open field lines becomes 0."""
    import aep8
    from astropy import units

    with np.errstate(invalid="ignore"):
        flux = aep8.model(particle="p", solar=solar).integral_flux_for_geomagnetic_coordinates(
            shell, ratio, energy_mev * units.MeV
        )
    cleaned: Array = np.nan_to_num(flux.value)
    return cleaned


def build() -> None:
    """Write the table, float16: square roots of fluxes by place, and 1/L."""
    altitude, latitude, longitude = np.meshgrid(
        ALTITUDE_KM, LATITUDE_DEG, LONGITUDE_DEG, indexing="ij"
    )
    coarse = np.s_[:, ::COARSE, ::COARSE]
    table: dict[str, NDArray[np.generic]] = {
        "energy_mev": np.array(ENERGY_MEV),
        "spectrum_mev": SPECTRUM_MEV,
        "altitude_km": ALTITUDE_KM,
        "latitude_deg": LATITUDE_DEG,
        "longitude_deg": LONGITUDE_DEG,
        "source": np.array("AP-8 (Sawyer & Vette 1976) by aep8 1.1.0 (IRBEM)"),
    }
    for activity, (solar, field_model, field_epoch) in ACTIVITIES.items():
        shell, ratio = magnetic(solar, latitude, longitude, altitude)
        flux = flux_per_cm2_s(solar, shell, ratio, ENERGY_MEV)
        spectrum = np.array(
            [flux_per_cm2_s(solar, shell[coarse], ratio[coarse], e) for e in SPECTRUM_MEV]
        )
        table[f"{activity} root_flux"] = np.sqrt(flux).astype(np.float16)
        table[f"{activity} root_spectrum"] = np.sqrt(spectrum).astype(np.float16)
        table[f"{activity} field_model"] = np.array(field_model)
        table[f"{activity} field_epoch"] = np.array(field_epoch)
        if field_epoch == max(epoch for _, _, epoch in ACTIVITIES.values()):
            table["inverse_l"] = inverse_l(shell)[::COARSE, ::COARSE, ::COARSE].astype(np.float16)
            table["inverse_l epoch"] = np.array(field_epoch)
    np.savez_compressed(OUTPUT, **table)  # type: ignore[arg-type]
    sys.stdout.write(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes\n")


def inverse_l(shell: Array) -> Array:
    """Return 1/L, and 0 where the field line is open or longer than ``OPEN_L``."""
    closed = (shell > 0.5) & (shell < OPEN_L)  # IRBEM says -1e31 where it finds no line
    return np.where(closed, 1.0 / np.where(closed, shell, 1.0), 0.0)


def prove() -> None:
    """Stop unless ``aep8`` still computes the one number that its authors publish."""
    place = np.array([-45.0]), np.array([15.0]), np.array([300.0])
    here = flux_per_cm2_s("max", *magnetic("max", *place), 10.0)
    if not np.isclose(here, PUBLISHED_PER_CM2_S, rtol=1e-6):
        raise SystemExit(f"aep8 gives {here} /cm2/s where its README gives {PUBLISHED_PER_CM2_S}")


def check() -> None:
    """Print how far interpolation strays from AP-8 and from L at random places off the grid."""
    chance = np.random.default_rng(1)
    for low, high in ((300.0, 450.0), (450.0, 650.0), (650.0, 1500.0)):
        latitude = np.degrees(np.arcsin(chance.uniform(-1.0, 1.0, CHECK_POINTS)))
        longitude = chance.uniform(-180.0, 180.0, CHECK_POINTS)
        altitude = chance.uniform(low, high, CHECK_POINTS)
        for activity, (solar, _, _) in ACTIVITIES.items():
            shell, ratio = magnetic(solar, latitude, longitude, altitude)
            belts = load_trapped_protons(activity)
            spectrum = belts.spectrum_per_cm2_s(latitude, longitude, altitude)
            for energy_mev, ours in (
                (ENERGY_MEV, belts.trapped_per_cm2_s(latitude, longitude, altitude)),
                *zip(SPECTRUM_MEV, spectrum, strict=True),
            ):
                true = flux_per_cm2_s(solar, shell, ratio, energy_mev)
                error = (ours - true) / true.max()
                sys.stdout.write(
                    f"{low:.0f}-{high:.0f} km, {activity}, > {energy_mev:.0f} MeV: "
                    f"mean {ours.mean() / true.mean() - 1:+.2%}, "
                    f"rms {np.sqrt(np.mean(error**2)):.2%}, "
                    f"worst {np.abs(error).max():.1%} of peak\n"
                )
        off_gv = belts.cutoff_gv(latitude, longitude, altitude) - 14.9 * inverse_l(shell) ** 2
        sys.stdout.write(f"cut-off: worst {np.abs(off_gv).max():.2f} GV, rms {off_gv.std():.3f}\n")


if __name__ == "__main__":
    prove()
    build()
    check()
