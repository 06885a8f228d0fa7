"""The camera: it looks straight down at a real Earth, under composed clouds and a real Sun."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from payloads.clouds import CloudField, brightness, opacity
from payloads.projection import look_down, sample_map

EARTH_JPEG = Path(__file__).parent / "imagery" / "earth.jpg"
GSD_M = 10_000.0  # a wide-angle camera: 64 pixels see 640 km, and Blue Marble stays nearly sharp
NIGHT_BELOW_DEG = -4.0  # Sun elevation under which a tile shows nothing but noise
NOISE_COUNTS = 2.0  # sigma of the sensor's noise; an assumption, small-camera order
AIRLIGHT = np.array([9.0, 16.0, 27.0], np.float32)  # blue that the air adds; by eye
AIR_TRANSMISSION = np.float32(0.88)  # by eye, with the line above
DISPLAY_GAMMA = 2.2  # Blue Marble is encoded for displays; light is linear before that


@dataclass(frozen=True, slots=True)
class Footprint:
    """Where the camera looks, and how high the Sun stands there."""

    latitude_deg: float
    longitude_deg: float
    sun_elevation_deg: float


class GroundTrack(Protocol):
    """Where the satellite is above the ground."""

    def footprint(self, t_s: float) -> Footprint:
        """Return what lies straight below at ``t_s``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One picture, and what is known of it.

    `pixels`: uint8 array of shape (height, width, 3), RGB.
    `source`: a place such as "earth 46.1N 12.3E", or the name of an image file.
    `cloud_fraction`, `sunlit`: the composed truth; None where nobody knows it.
    """

    pixels: NDArray[np.uint8]
    source: str
    cloud_fraction: float | None
    sunlit: bool | None


class Camera(Protocol):
    """Takes pictures; the same time always gives the same picture."""

    def tile(self, t_s: float) -> Tile:
        """Return the picture taken at ``t_s``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class EarthCamera:
    """Looks straight down from a ground track at an Earth picture, north up.

    `earth`: uint8 array of shape (height, width, 3), equirectangular, 180° W at its left edge.
    `seed`: of the sensor's noise; the clouds bring their own.
    """

    track: GroundTrack
    earth: NDArray[np.uint8]
    clouds: CloudField
    seed: int = 0
    height_px: int = 64
    width_px: int = 64
    gsd_m: float = GSD_M

    def tile(self, t_s: float) -> Tile:
        """Return the picture taken at ``t_s``; about a millisecond for 64 × 64 pixels."""
        below = self.track.footprint(t_s)
        unit = look_down(
            below.latitude_deg, below.longitude_deg, self.height_px, self.width_px, self.gsd_m
        )
        thickness = self.clouds.thickness(unit, t_s)
        hidden = opacity(thickness)
        ground = sample_map(self.earth, unit) * AIR_TRANSMISSION + AIRLIGHT
        view = ground + hidden[..., None] * (brightness(thickness)[..., None] - ground)
        counts = view * sunlight(below.sun_elevation_deg) + self._noise(t_s)
        return Tile(
            pixels=np.clip(np.rint(counts), 0.0, 255.0).astype(np.uint8),
            source=f"earth {_place(below)}",
            cloud_fraction=float((hidden >= 0.5).mean()),
            sunlit=below.sun_elevation_deg >= NIGHT_BELOW_DEG,
        )

    def _noise(self, t_s: float) -> NDArray[np.float32]:
        moment = int(np.float64(t_s).view(np.uint64))  # every bit of the time, also of -1.5
        chance = np.random.Generator(np.random.SFC64([self.seed, moment]))
        shape = (self.height_px, self.width_px, 3)
        noise: NDArray[np.float32] = chance.standard_normal(shape, np.float32)
        return noise * np.float32(NOISE_COUNTS)


def sunlight(elevation_deg: float) -> NDArray[np.float32]:
    """Return what red, green and blue pixel values are multiplied by under this Sun, 0..1.

    Assumes illuminance as the sine of the elevation plus a twilight that is 1/200 of noon at
    sunset and a hundredth of that at -6° (400 lx and 3.4 lx of 100,000 lx, rounded), and low
    light that is redder; the multiplier is its display encoding.

    >>> bool((sunlight(90.0) > 0.99).all()), bool((sunlight(-12.0) < 0.01).all())
    (True, True)
    """
    direct = max(np.sin(np.radians(elevation_deg)), 0.0)
    twilight = 0.005 * 10.0 ** (min(elevation_deg, 0.0) / 3.0)
    level = min(direct + twilight, 1.0) ** (1.0 / DISPLAY_GAMMA)
    redness = np.clip((12.0 - abs(elevation_deg - 1.0)) / 12.0, 0.0, 1.0)
    tint = 1.0 - redness * np.array([0.0, 0.10, 0.22])
    return np.asarray(level * tint, np.float32)


def load_earth(path: Path = EARTH_JPEG) -> NDArray[np.uint8]:
    """Return an equirectangular picture of the Earth, uint8 of shape (height, width, 3)."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _place(below: Footprint) -> str:
    north = "N" if below.latitude_deg >= 0.0 else "S"
    longitude_deg = (below.longitude_deg + 180.0) % 360.0 - 180.0
    east = "E" if longitude_deg >= 0.0 else "W"
    return f"{abs(below.latitude_deg):.1f}{north} {abs(longitude_deg):.1f}{east}"
