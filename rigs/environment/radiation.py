"""Trapped protons along the orbit by AP-8, and where the field keeps other particles out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rigs.environment.earth import Array

Activity: TypeAlias = Literal["solar-minimum", "solar-maximum"]

ACTIVITIES: tuple[Activity, ...] = ("solar-minimum", "solar-maximum")

# Vertical cut-off by Størmer, 14.9 GV on the dipole's equator: Smart & Shea, Adv. Space
# Res. 36 (2005), 2012 (secondary). It falls with the dipole, 3 % less in 2020 than in 1970
# (IGRF-13: 29,806 nT after 30,833), which is left out: galactic flux is 2 % low for it.
CUTOFF_GV = 14.9

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
    grid of 2.5° and 50 km (20,000 random places per band of altitude). The
    shape of the spectrum comes from a grid of 5° and is scaled to that flux;
    its means are 1 to 3 % low up to 100 MeV and 5 % at 300, at the same rms.
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
    spectrum_mev: Array
    root_spectrum: Array  # (energy, altitude, latitude, longitude) on every second line of these
    inverse_l: Array  # 1/L (altitude, latitude, longitude) on every second line; 0 is open field
    inverse_l_epoch: float  # year of its field
    year: float | None = None  # that longitudes are turned to; as the table was drawn without

    @property
    def drift_deg(self) -> float:
        """Return how far west of ``field_epoch``'s the belts lie."""
        return self._drift_deg(self.field_epoch)

    def _drift_deg(self, epoch: float) -> float:
        return 0.0 if self.year is None else DRIFT_DEG_PER_YEAR * (self.year - epoch)

    def drifted_to(self, year: float) -> TrappedProtons:
        """Return the same belts turned westward to ``year``; latitude is left alone."""
        return replace(self, year=year)

    def trapped_per_cm2_s(
        self, latitude_deg: Array | float, longitude_deg: Array | float, altitude_km: Array | float
    ) -> Array:
        """Return the trapped flux above 30 MeV in /cm²/s, omnidirectional, any shape."""
        root = _between_eight(
            self.root_flux,
            (self.altitude_km, self.latitude_deg, self.longitude_deg),
            (altitude_km, latitude_deg, _east(longitude_deg, self.drift_deg)),
        )
        return root * root

    def spectrum_per_cm2_s(
        self, latitude_deg: Array | float, longitude_deg: Array | float, altitude_km: Array | float
    ) -> Array:
        """Return the trapped flux above each of ``spectrum_mev`` in /cm²/s.

        Shape (energies, *places): omnidirectional and integral. What lies
        between a softer energy and 30 MeV is taken from the coarse grid as
        it is, the share that is harder is scaled to the fine one.
        """
        everything = range(len(self.spectrum_mev))
        return self._spectrum(everything, latitude_deg, longitude_deg, altitude_km)

    def _spectrum(
        self,
        rows: Sequence[int],
        latitude_deg: Array | float,
        longitude_deg: Array | float,
        altitude_km: Array | float,
    ) -> Array:
        energy_mev = self.spectrum_mev[list(rows)]
        known_row = int(self.spectrum_mev.searchsorted(self.energy_mev))
        root = _between_eight(
            self.root_spectrum[[known_row, *rows]],
            (self.altitude_km, self.latitude_deg[::2], self.longitude_deg[::2]),
            (altitude_km, latitude_deg, _east(longitude_deg, self.drift_deg)),
        )
        known, coarse = root[0] * root[0], root[1:] * root[1:]
        here = self.trapped_per_cm2_s(latitude_deg, longitude_deg, altitude_km)
        share = np.divide(coarse, known, out=np.zeros_like(coarse), where=known > 0.0)
        softer = (energy_mev < self.energy_mev).reshape(-1, *[1] * here.ndim)
        spectrum: Array = np.where(softer, here + np.maximum(coarse - known, 0.0), share * here)
        return spectrum

    def trapped_above_per_cm2_s(
        self,
        energy_mev: float,
        latitude_deg: Array | float,
        longitude_deg: Array | float,
        altitude_km: Array | float,
    ) -> Array:
        """Return the trapped flux above an energy in /cm²/s, interpolated as its logarithm.

        Raises:
            ValueError: the table does not reach to that energy.
        """
        if energy_mev == self.energy_mev:
            return self.trapped_per_cm2_s(latitude_deg, longitude_deg, altitude_km)
        low, high = self.spectrum_mev[0], self.spectrum_mev[-1]
        if not low <= energy_mev <= high:
            raise ValueError(f"energy_mev = {energy_mev:g} is not within {low:g} to {high:g}")
        line, share = _between(np.log(self.spectrum_mev), np.log(np.asarray(energy_mev)))
        k = int(line)
        below, beyond = self._spectrum((k, k + 1), latitude_deg, longitude_deg, altitude_km)
        above: Array = below ** (1.0 - share) * beyond**share
        return above

    def cutoff_gv(
        self, latitude_deg: Array | float, longitude_deg: Array | float, altitude_km: Array | float
    ) -> Array:
        """Return the vertical geomagnetic cut-off 14.9/L² in GV: softer particles stay away.

        L is McIlwain's in the field of GSFC 12/66 for 1970, on a grid of 5°
        and 100 km or more, turned west as the belts are. Interpolation adds
        0.02 GV rms and 0.1 at worst up to 650 km, 0.8 at worst above. The
        field is a quiet one: storms lower the cut-off.
        """
        inverse = _between_eight(
            self.inverse_l,
            (self.altitude_km[::2], self.latitude_deg[::2], self.longitude_deg[::2]),
            (
                altitude_km,
                latitude_deg,
                _east(longitude_deg, self._drift_deg(self.inverse_l_epoch)),
            ),
        )
        return CUTOFF_GV * inverse * inverse


def load_trapped_protons(activity: Activity) -> TrappedProtons:
    """Return the shipped table for one half of the solar cycle.

    Raises:
        ValueError: ``activity`` is neither.
    """
    if activity not in ACTIVITIES:
        raise ValueError(f"activity = {activity!r} is unknown; 'solar-minimum' or 'solar-maximum'")
    return _loaded(activity)


@lru_cache(maxsize=len(ACTIVITIES))
def _loaded(activity: Activity) -> TrappedProtons:
    source = resources.files(__package__).joinpath("trapped_protons.npz")
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as table:
        return TrappedProtons(
            activity=activity,
            energy_mev=float(table["energy_mev"]),
            field_model=str(table[f"{activity} field_model"]),
            field_epoch=float(table[f"{activity} field_epoch"]),
            root_flux=_wrapped(table[f"{activity} root_flux"]),
            altitude_km=_fixed(table["altitude_km"].astype(np.float64)),
            latitude_deg=_fixed(table["latitude_deg"].astype(np.float64)),
            longitude_deg=_fixed(np.append(table["longitude_deg"], 180.0)),
            spectrum_mev=_fixed(table["spectrum_mev"].astype(np.float64)),
            root_spectrum=_wrapped(table[f"{activity} root_spectrum"]),
            inverse_l=_wrapped(table["inverse_l"]),
            inverse_l_epoch=float(table["inverse_l epoch"]),
        )


def _wrapped(grid: NDArray[np.float16]) -> Array:
    """Return a grid whose last axis ends where it began, at 180°; one table serves all."""
    wide = grid.astype(np.float64)
    return _fixed(np.concatenate([wide, wide[..., :1]], axis=-1))


def _fixed(table: Array) -> Array:
    table.flags.writeable = False
    return table


def _east(longitude_deg: Array | float, drift_deg: float) -> Array:
    """Return where a place lies in the field of the table's epoch, -180° to 180°."""
    east: Array = np.mod(np.asarray(longitude_deg) + drift_deg + 180.0, 360.0) - 180.0
    return east


def _between_eight(grid: Array, axes: tuple[Array, ...], place: tuple[Array | float, ...]) -> Array:
    """Return a grid's values, trilinear over its last three axes; leading ones stay."""
    (i, u), (j, v), (k, w) = (
        _between(axis, np.asarray(where, dtype=np.float64))
        for axis, where in zip(axes, place, strict=True)
    )
    value = np.zeros(grid.shape[:-3] + np.broadcast_shapes(u.shape, v.shape, w.shape))
    for di, dj, dk in np.ndindex(2, 2, 2):
        weight = abs(1 - di - u) * abs(1 - dj - v) * abs(1 - dk - w)
        value += weight * grid[..., i + di, j + dj, k + dk]
    return value


def _between(axis: Array, place: Array) -> tuple[NDArray[np.intp], Array]:
    """Return the grid line below each place and how far it lies towards the next, 0 to 1."""
    k = np.clip(np.searchsorted(axis, place, side="right") - 1, 0, len(axis) - 2)
    share = (place - axis[k]) / (axis[k + 1] - axis[k])
    return k, np.clip(share, 0.0, 1.0)
