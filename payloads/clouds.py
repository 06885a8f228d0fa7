"""Composes clouds: a global field of place and time, drawn from a seed, not from weather."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from payloads.projection import EARTH_RADIUS_M

CELLS = 64  # along each edge of the periodic cubes of noise; a power of two, see _between_cells
SYSTEM_CELL_M, TEXTURE_CELL_M = 150_000.0, 12_000.0  # what one cell spans on the ground
SYSTEM_WEIGHT, TEXTURE_WEIGHT = 0.75, 0.6  # sigmas; by eye, against pictures of the real Earth
BELTS = 0.45  # sigmas by which the equator and 60° are cloudier, and 30° clearer, than the mean
SPREAD = 1.1  # sigma of the sum of the three above, measured over the globe
CYCLONES, TURN_RAD = 32, 3.5  # how many curl the systems, and how far each turns at its centre
WIND_RAD_PER_S = 10.0 / EARTH_RADIUS_M  # eastward at the equator, the order of a mid-level wind
SYSTEM_S_PER_CELL, TEXTURE_S_PER_CELL = 40_000.0, 10_000.0  # systems live a day, texture hours
COARSE_PX = 4  # systems are smooth: every fourth pixel is enough to place them

Vectors = NDArray[np.float32]  # three components first
Scalars = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CloudField:
    """Clouds over the whole globe.

    `systems`, `texture`: float32 arrays of 64³ values, periodic, zero mean, unit variance.
    `centres`: float32 array of shape (cyclones, 3), unit vectors at time zero.
    `reach`: float32 array of shape (cyclones,), their radii in units of Earth's.
    """

    systems: Scalars
    texture: Scalars
    centres: Vectors
    reach: Scalars
    coverage: float

    @classmethod
    def from_seed(cls, seed: int, coverage: float = 0.5) -> CloudField:
        """Draw a field; ``coverage`` is about the cloudy share of the globe.

        Raises:
            ValueError: ``coverage`` is outside 0..1.
        """
        if not 0.0 <= coverage <= 1.0:
            raise ValueError(f"coverage = {coverage} is not a share 0..1; half the globe is 0.5")
        chance = np.random.default_rng(seed)
        systems, texture = _noise(chance, 2.2), _noise(chance, 2.1)
        hemisphere = np.where(np.arange(CYCLONES) % 2, 1.0, -1.0)
        latitude = np.radians(chance.normal(50.0, 10.0, CYCLONES)) * hemisphere
        longitude = chance.uniform(-np.pi, np.pi, CYCLONES)
        reach = chance.uniform(300e3, 800e3, CYCLONES) / EARTH_RADIUS_M
        centres = [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ]
        return cls(systems, texture, _f32(np.stack(centres, 1)), _f32(reach), coverage)

    def thickness(self, unit: Vectors, t_s: float) -> Scalars:
        """Return thickness in sigmas, float32 of shape (height, width), at ``unit`` vectors.

        Positive is cloud. `unit`: float32 array of shape (3, height, width).
        """
        unit = _turned(unit, -WIND_RAD_PER_S * t_s)
        _, height_px, width_px = unit.shape
        rows, refine_rows = _coarse(height_px)
        columns, refine_columns = _coarse(width_px)
        coarse = self._systems(unit[:, rows][:, :, columns], t_s)
        shift, amount, patchiness = np.split(refine_rows @ coarse @ refine_columns.T, [3, 4])
        drift = t_s / TEXTURE_S_PER_CELL % CELLS
        cells = _f32(
            (unit + shift) * np.float32(EARTH_RADIUS_M / TEXTURE_CELL_M) + np.float32(drift)
        )
        return _f32(amount[0] + patchiness[0] * _between_cells(self.texture, cells))

    def _systems(self, unit: Vectors, t_s: float) -> NDArray[np.float32]:
        """Return, stacked: the texture's displacement (3), cloud amount, weight of the texture."""
        place = np.float32(EARTH_RADIUS_M / SYSTEM_CELL_M)
        drift = np.float32(t_s / SYSTEM_S_PER_CELL % CELLS)
        wide = unit * (np.float32(0.7) * place)
        bend = [_between_cells(self.systems, wide + np.float32(at)) for at in (11, 29, 47)]
        shift = self._curl(unit) + np.float32(0.02) * np.stack(bend)
        zonal = np.array([1.0, 1.0, 1.6], np.float32)[:, None, None]  # systems stretch east-west
        system = _between_cells(self.systems, (unit + shift) * place * zonal + drift)
        belt = np.cos(6.0 * np.arcsin(np.clip(unit[2], -1.0, 1.0)))
        # A standard normal quantile; the clip keeps 0 and 1 finite, and clear and overcast.
        quantile = NormalDist().inv_cdf(min(max(self.coverage, 1e-9), 1.0 - 1e-9))
        amount = SYSTEM_WEIGHT * system + BELTS * belt + SPREAD * quantile
        narrow = unit * (np.float32(2.0) * place) + np.float32(17)
        patchiness = 1.0 + 0.6 * _between_cells(self.systems, narrow)
        weight = TEXTURE_WEIGHT * np.clip(patchiness, 0.25, 2.0)
        return _f32(np.concatenate([shift, amount[None], weight[None]]))

    def _curl(self, unit: Vectors) -> Vectors:
        """Return how far cyclones displace what they turn; the south mirrors the north."""
        shift = np.zeros_like(unit)
        middle = unit[:, unit.shape[1] // 2, unit.shape[2] // 2]
        width = np.linalg.norm(unit[:, 0, 0] - unit[:, -1, -1])
        distance = np.linalg.norm(self.centres - middle, axis=1)
        for number in np.flatnonzero(distance < 3.0 * self.reach + width):
            centre, reach = self.centres[number], self.reach[number]
            along = np.tensordot(centre, unit, 1)
            angle = -np.sign(centre[2]) * TURN_RAD * np.exp((2.0 * along - 2.0) / reach**2)
            across = np.cross(centre, unit, axisb=0, axisc=0)
            axial = centre[:, None, None] * along
            shift += (unit - axial) * (np.cos(angle) - 1.0) + across * np.sin(angle)
        return shift


def opacity(thickness: Scalars) -> Scalars:
    """Return the share of the ground's light that clouds hide, 0..1; a half at thickness 0."""
    rise = np.clip((thickness + 0.7) / 1.4, 0.0, 1.0)
    return _f32(rise * rise * (3.0 - 2.0 * rise))


def brightness(thickness: Scalars) -> Scalars:
    """Return how bright cloud tops look, 0..255: thick is whiter, slopes to the north-west glow."""
    relief = np.zeros_like(thickness)
    relief[1:, 1:] = thickness[1:, 1:] - thickness[:-1, :-1]
    return _f32(np.clip(206.0 + 26.0 * np.clip(thickness, -0.5, 1.5) + 24.0 * relief, 130.0, 252.0))


def _noise(chance: np.random.Generator, slope: float) -> Scalars:
    """Draw a periodic cube of noise whose amplitude falls as wave number to ``-slope``."""
    wave = np.fft.fftfreq(CELLS, 1.0 / CELLS)
    squared = wave[:, None, None] ** 2 + wave[:, None] ** 2 + wave**2
    squared[0, 0, 0] = np.inf  # no mean
    white = np.fft.fftn(chance.standard_normal((CELLS, CELLS, CELLS)))
    noise = np.fft.ifftn(white * squared ** (-slope / 2.0)).real.ravel()
    return _f32(noise / noise.std())


def _between_cells(cube: Scalars, cells: Vectors) -> Scalars:
    """Return a periodic cube's values at places in units of its cells, trilinear."""
    whole = np.floor(cells)
    rest_x, rest_y, rest_z = cells - whole
    low = whole.astype(np.int32) & (CELLS - 1)
    high = (low + 1) & (CELLS - 1)

    def along_z(x: NDArray[np.int32], y: NDArray[np.int32]) -> Scalars:
        pillar = (x * CELLS + y) * CELLS
        near = cube.take(pillar + low[2])
        return _f32(near + rest_z * (cube.take(pillar + high[2]) - near))

    def along_y(x: NDArray[np.int32]) -> Scalars:
        near = along_z(x, low[1])
        return _f32(near + rest_y * (along_z(x, high[1]) - near))

    near = along_y(low[0])
    return _f32(near + rest_x * (along_y(high[0]) - near))


def _turned(unit: Vectors, angle_rad: float) -> Vectors:
    """Return vectors turned eastward about the pole."""
    cos, sin = np.float32(np.cos(angle_rad)), np.float32(np.sin(angle_rad))
    x, y, z = unit
    return np.stack([cos * x - sin * y, sin * x + cos * y, z])


@lru_cache(maxsize=8)
def _coarse(pixels: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return which pixels make the coarse grid, and the matrix that interpolates between them."""
    knots = np.linspace(0, pixels - 1, max(2, pixels // COARSE_PX + 1)).round().astype(np.intp)
    columns = [np.interp(np.arange(pixels), knots, one) for one in np.eye(len(knots))]
    return knots, _f32(np.stack(columns, 1))


def _f32(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return values.astype(np.float32, copy=False)
