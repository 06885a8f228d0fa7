"""Maps the pixels of a camera that looks straight down to places on the globe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_000.0  # mean (IUGG)

Floats = NDArray[np.float32]


def look_down(
    latitude_deg: float, longitude_deg: float, height_px: int, width_px: int, gsd_m: float
) -> Floats:
    """Return the unit vectors, float32 of shape (3, height, width), that the pixels look at.

    The picture is north up and lies in the plane that touches the globe at its centre
    (gnomonic), so neither the poles nor the date line are special. ``gsd_m`` is the ground
    sample distance at that centre.
    """
    lat, lon = np.radians(latitude_deg), np.radians(longitude_deg)
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.cross(up, east)
    right = (np.arange(width_px) - (width_px - 1) / 2) * (gsd_m / EARTH_RADIUS_M)
    down = (np.arange(height_px) - (height_px - 1) / 2) * (gsd_m / EARTH_RADIUS_M)
    columns = (up[:, None] + east[:, None] * right)[:, None, :]
    rows = (north[:, None] * down)[:, :, None]
    length = np.sqrt(1.0 + right**2 + down[:, None] ** 2)
    unit: Floats = ((columns - rows) / length).astype(np.float32)
    return unit


def latitude_longitude(
    unit: Floats,
) -> tuple[Floats, Floats]:
    """Return latitude and longitude in degrees, each of shape (height, width), of unit vectors."""
    x, y, z = unit
    # atan2 keeps float32 accurate at the poles, where arcsin(z) would be off by 0.02°.
    latitude_deg = np.degrees(np.arctan2(z, np.sqrt(x * x + y * y)))
    return latitude_deg, np.degrees(np.arctan2(y, x))


def sample_map(chart: NDArray[np.uint8], unit: Floats) -> Floats:
    """Return the colours of an equirectangular chart at unit vectors, bilinear.

    `chart`: uint8 of shape (height, width, 3), north up, longitude 180° W at its left edge.
    The result is float32 of shape (height, width, 3) of the unit vectors, scaled 0..255.
    """
    rows, columns, _ = chart.shape
    latitude_deg, longitude_deg = latitude_longitude(unit)
    row = np.clip((90.0 - latitude_deg) * (rows / 180.0) - 0.5, 0.0, rows - 1.001)
    column = (longitude_deg + 180.0) * (columns / 360.0) - 0.5
    top, left = np.floor(row).astype(np.intp), np.floor(column).astype(np.intp)
    down, right = (row - top)[..., None], (column - left)[..., None]
    west, east = left % columns, (left + 1) % columns
    pixels, start = chart.reshape(-1, 3), top * columns

    def along_row(start: NDArray[np.intp]) -> Floats:
        near = pixels.take(start + west, axis=0).astype(np.float32)
        between: Floats = near + right * (pixels.take(start + east, axis=0) - near)
        return between

    upper = along_row(start)
    colours: Floats = upper + down * (along_row(start + columns) - upper)
    return colours
