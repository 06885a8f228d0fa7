"""Draws labelled tiles with the very camera that flies, at places a near-polar orbit sees."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import numpy as np
from make_earth import basemap_folder
from numpy.typing import NDArray

from payloads.clouds import CloudField
from payloads.projection import latitude_longitude, look_down
from payloads.scene import GSD_M, EarthCamera, Footprint, load_earth

LABELS = ("cloud", "land", "sea", "night")
CLOUD, LAND, SEA, NIGHT = range(len(LABELS))
TILE_PX = 64
INCLINATION_DEG = 97.6  # Sun-synchronous at 550 km
NIGHT_SHARE = 0.12  # night tiles are all alike; half an orbit of them would teach nothing more
TILES_PER_FIELD = 500
BLOCK_DEG, HELD_OUT_SHARE = 15.0, 0.2


@dataclass(frozen=True)
class Tiles:
    """Tiles and their truth, one row each.

    `pixels`: uint8 (n, 64, 64, 3). `label`: int64 (n,). `cloud_fraction`: float32 (n,).
    """

    pixels: NDArray[np.uint8]
    label: NDArray[np.int64]
    cloud_fraction: NDArray[np.float32]


@dataclass
class Here:
    """A ground track that stays where it is put."""

    below: Footprint

    def footprint(self, t_s: float) -> Footprint:
        """Return the place, whatever the time."""
        return self.below


class Globe:
    """The land mask and the blocks of the globe that training never sees."""

    def __init__(self, seed: int) -> None:
        packed = (basemap_folder() / "lsmask_5min_h.bin").read_bytes()
        # South up, 180° W at the left; 0 is sea, 1 is land, 2 is lake (water too).
        self.mask = np.frombuffer(gzip.decompress(packed), np.uint8).reshape(2160, 4320)
        blocks = int(180 / BLOCK_DEG), int(360 / BLOCK_DEG)
        self.held_out = np.zeros(blocks, bool)
        chosen = np.random.default_rng(seed).permutation(self.held_out.size)
        self.held_out.flat[chosen[: int(HELD_OUT_SHARE * self.held_out.size)]] = True

    def land_fraction(self, below: Footprint) -> float:
        """Return the land's share of a tile."""
        return float((self._read(self.mask, below) == 1).mean())

    def touches_held_out(self, below: Footprint) -> bool:
        """Return whether any pixel of a tile lies in a held-out block."""
        return bool(self._read(self.held_out, below).any())

    def centred_on_held_out(self, below: Footprint) -> bool:
        """Return whether the centre of a tile lies in a held-out block."""
        rows, columns = self.held_out.shape
        row = int((below.latitude_deg + 90.0) / 180.0 * rows) % rows
        return bool(
            self.held_out[row, int((below.longitude_deg + 180.0) / 360.0 * columns) % columns]
        )

    def _read(self, chart: NDArray[np.generic], below: Footprint) -> NDArray[np.generic]:
        unit = look_down(below.latitude_deg, below.longitude_deg, TILE_PX, TILE_PX, GSD_M)
        latitude_deg, longitude_deg = latitude_longitude(unit)
        rows, columns = chart.shape
        row = np.clip((latitude_deg + 90.0) / 180.0 * rows, 0, rows - 1).astype(int)
        return chart[row, ((longitude_deg + 180.0) / 360.0 * columns).astype(int) % columns]


def draw(count: int, seed: int, globe: Globe, held_out: bool) -> Tiles:
    """Draw tiles; ``held_out`` ones are centred on held-out blocks, the others avoid them wholly.

    Every 500 tiles have clouds, and noise, of their own seed.
    """
    chance = np.random.default_rng([seed, held_out])
    here, earth = Here(Footprint(0.0, 0.0, 90.0)), load_earth()
    pixels = np.empty((count, TILE_PX, TILE_PX, 3), np.uint8)
    label, cloud_fraction = np.empty(count, np.int64), np.empty(count, np.float32)
    for n in range(count):
        if n % TILES_PER_FIELD == 0:
            cloud_seed = int(chance.integers(2**40, 2**41))  # far from what a scenario would use
            clouds = CloudField.from_seed(cloud_seed, chance.uniform(0.35, 0.65))
            camera = EarthCamera(here, earth, clouds, seed=cloud_seed)
        here.below = _place(chance, globe, held_out)
        tile = camera.tile(chance.uniform(0.0, 10 * 86400.0))
        pixels[n], cloud_fraction[n] = tile.pixels, tile.cloud_fraction
        if not tile.sunlit:
            label[n] = NIGHT
        elif tile.cloud_fraction >= 0.5:
            label[n] = CLOUD
        else:
            label[n] = LAND if globe.land_fraction(here.below) >= 0.5 else SEA
    return Tiles(pixels, label, cloud_fraction)


def _place(chance: np.random.Generator, globe: Globe, held_out: bool) -> Footprint:
    """Draw a place under the orbit, and a Sun over it from any day and hour."""
    while True:
        along = chance.uniform(-np.pi, np.pi)
        latitude = np.arcsin(np.sin(np.radians(INCLINATION_DEG)) * np.sin(along))
        declination = np.arcsin(np.sin(np.radians(23.44)) * np.sin(chance.uniform(-np.pi, np.pi)))
        hour = chance.uniform(-np.pi, np.pi)
        sine = np.sin(latitude) * np.sin(declination)
        sine += np.cos(latitude) * np.cos(declination) * np.cos(hour)
        below = Footprint(
            float(np.degrees(latitude)),
            float(chance.uniform(-180.0, 180.0)),
            float(np.degrees(np.arcsin(sine))),
        )
        if below.sun_elevation_deg < -8.0 and chance.random() > NIGHT_SHARE:
            continue
        if held_out == globe.centred_on_held_out(below) and (
            held_out or not globe.touches_held_out(below)
        ):
            return below
