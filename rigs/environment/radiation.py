"""Protons along the orbit: the trapped belts of AP-8, and a galactic floor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rigs.environment.earth import Array

Activity: TypeAlias = Literal["solar-minimum", "solar-maximum"]

# Galactic protons, orbit average at 550 km, sun-synchronous: ISO 15390 spectrum
# behind a vertical cut-off of 14.9/L² GV. Constant here: they follow neither
# latitude nor altitude, and are about 6 % of the trapped average.
GALACTIC_PER_CM2_S: dict[Activity, float] = {"solar-minimum": 1.56, "solar-maximum": 0.56}

# Westward drift of the South Atlantic Anomaly, 1973 to 1995, from dosimeters on
# Skylab and Mir: 0.28 ± 0.03 °/year (Badhwar, J. Geophys. Res. 102 (1997), 2343;
# abstract read). RXTE 1996 to 2007 gives 0.3 (Fürst et al., EPSL 281 (2009), 125).
DRIFT_DEG_PER_YEAR = 0.28


@dataclass(frozen=True, slots=True, eq=False)
class TrappedProtons:
    """The flux of trapped protons above 30 MeV on a grid fixed to the Earth: AP-8.

    AP-8 is good to a factor of two: static, isotropic, flown in the 1960s.
    Interpolation adds less: means over the globe are 1 to 2 % low, the rms
    is 0.5 % of the peak, the worst 22 % at cusps of AP-8 narrower than the
    grid of 2.5° and 50 km (20,000 random places per band of altitude).
    Below the grid the flux is that of its lowest altitude (too high), above
    it that of its highest (too low). The table was drawn for
    ``field_epoch``; ``drifted_to`` turns it to a mission's year, so that the
    anomaly is met where it lies. Intensities and orbit averages stay those
    of the field AP-8 was made with: a present field would double them.
    """

    activity: Activity
    energy_mev: float
    field_model: str
    field_epoch: float  # year
    root_flux: Array  # (altitude, latitude, longitude), square root of /cm²/s, wrapped at 180°
    altitude_km: Array
    latitude_deg: Array
    longitude_deg: Array
    drift_deg: float = 0.0  # westward

    def drifted_to(self, year: float) -> TrappedProtons:
        """Return the same belts turned westward to ``year``; latitude is left alone."""
        return replace(self, drift_deg=DRIFT_DEG_PER_YEAR * (year - self.field_epoch))

    def trapped_per_cm2_s(
        self, latitude_deg: Array | float, longitude_deg: Array | float, altitude_km: Array | float
    ) -> Array:
        """Return the trapped flux above 30 MeV in /cm²/s, omnidirectional, any shape."""
        east = np.mod(np.asarray(longitude_deg) + self.drift_deg + 180.0, 360.0) - 180.0
        corners = [
            _between(axis, np.asarray(place, dtype=np.float64))
            for axis, place in (
                (self.altitude_km, altitude_km),
                (self.latitude_deg, latitude_deg),
                (self.longitude_deg, east),
            )
        ]
        (i, u), (j, v), (k, w) = corners
        root = np.zeros(np.broadcast_shapes(u.shape, v.shape, w.shape))
        for di, dj, dk in np.ndindex(2, 2, 2):
            weight = abs(1 - di - u) * abs(1 - dj - v) * abs(1 - dk - w)
            root += weight * self.root_flux[i + di, j + dj, k + dk]
        return root * root

    def flux_per_cm2_s(
        self, latitude_deg: Array | float, longitude_deg: Array | float, altitude_km: Array | float
    ) -> Array:
        """Return trapped and galactic protons above 30 MeV in /cm²/s, any shape."""
        trapped = self.trapped_per_cm2_s(latitude_deg, longitude_deg, altitude_km)
        return trapped + GALACTIC_PER_CM2_S[self.activity]


def load_trapped_protons(activity: Activity) -> TrappedProtons:
    """Return the shipped table for one half of the solar cycle.

    Raises:
        ValueError: ``activity`` is neither.
    """
    if activity not in GALACTIC_PER_CM2_S:
        raise ValueError(f"activity = {activity!r} is unknown; 'solar-minimum' or 'solar-maximum'")
    source = resources.files(__package__).joinpath("trapped_protons.npz")
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as table:
        root = table[f"{activity} root_flux"].astype(np.float64)
        return TrappedProtons(
            activity=activity,
            energy_mev=float(table["energy_mev"]),
            field_model=str(table[f"{activity} field_model"]),
            field_epoch=float(table[f"{activity} field_epoch"]),
            root_flux=np.concatenate([root, root[..., :1]], axis=-1),
            altitude_km=table["altitude_km"].astype(np.float64),
            latitude_deg=table["latitude_deg"].astype(np.float64),
            longitude_deg=np.append(table["longitude_deg"], 180.0),
        )


def _between(axis: Array, place: Array) -> tuple[NDArray[np.intp], Array]:
    """Return the grid line below each place and how far it lies towards the next, 0 to 1."""
    k = np.clip(np.searchsorted(axis, place, side="right") - 1, 0, len(axis) - 2)
    share = (place - axis[k]) / (axis[k + 1] - axis[k])
    return k, np.clip(share, 0.0, 1.0)
