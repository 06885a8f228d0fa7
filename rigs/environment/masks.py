"""What stands around a station: the elevation below which it sees nothing, by azimuth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from rigs.environment.earth import Array
from rigs.environment.edges import Lanes

Skyline: TypeAlias = tuple[tuple[float, float], ...]
"""Points of (azimuth in degrees from north by east, elevation in degrees), in order of azimuth."""

LOWEST_DEG, HIGHEST_DEG = -5.0, 90.0
_EXAMPLE = "for example [[0.0, 5.0], [90.0, 12.0], [180.0, 5.0]]"


def check_mask(mask_deg: float | Sequence[Sequence[float]]) -> float | Skyline:
    """Return a mask as a number, or as points in order.

    Raises:
        ValueError: an elevation is outside -5 to 90, an azimuth outside 0 to
            below 360, the azimuths do not rise, or there are no points.
    """
    if isinstance(mask_deg, (int, float)):
        _check_elevation(mask_deg)
        return mask_deg
    if not mask_deg:
        raise ValueError(f"mask_deg has no points; {_EXAMPLE}, or a number such as 5.0")
    for azimuth_deg, elevation_deg in mask_deg:
        _check_elevation(elevation_deg)
        if not 0.0 <= azimuth_deg < 360.0:
            raise ValueError(
                f"mask_deg has azimuth {azimuth_deg}, outside 0 to below 360; {_EXAMPLE}"
            )
    for (before, _), (after, _) in pairwise(mask_deg):
        if after <= before:
            raise ValueError(
                f"mask_deg has azimuth {after} after {before}; azimuths rise, {_EXAMPLE}"
            )
    return tuple((float(azimuth), float(elevation)) for azimuth, elevation in mask_deg)


class Masks:
    """The masks of several stations; a lane is a station."""

    def __init__(self, masks: Sequence[float | Skyline]) -> None:
        lowest = [m if isinstance(m, (int, float)) else min(e for _, e in m) for m in masks]
        self.lowest_sine: Array = np.sin(np.radians(np.array(lowest, dtype=np.float64)))
        self._skylines = {i: _around(m) for i, m in enumerate(masks) if isinstance(m, tuple)}

    @property
    def uneven(self) -> list[int]:
        """Return the stations whose mask follows the azimuth."""
        return list(self._skylines)

    def corners_deg(self, lane: int) -> Array:
        """Return the azimuths at which the mask of an uneven station bends."""
        return self._skylines[lane][0][1:-1]

    def sine(self, azimuth_deg: Array, lane: Lanes) -> Array:
        """Return the sine of the mask of uneven stations at azimuths from 0 to 360."""
        lane = np.broadcast_to(lane, azimuth_deg.shape)
        mask_deg = np.empty(azimuth_deg.shape)
        for station, (azimuths, elevations) in self._skylines.items():
            mine = lane == station
            mask_deg[mine] = np.interp(azimuth_deg[mine], azimuths, elevations)
        return np.sin(np.radians(mask_deg))


def _around(points: Skyline) -> tuple[Array, Array]:
    """Return the points, with the last before the first and the first after the last."""
    azimuth, elevation = np.array(points).T
    around = np.concatenate([[azimuth[-1] - 360.0], azimuth, [azimuth[0] + 360.0]])
    return around, np.concatenate([elevation[-1:], elevation, elevation[:1]])


def _check_elevation(elevation_deg: float) -> None:
    if not LOWEST_DEG <= elevation_deg <= HIGHEST_DEG:
        raise ValueError(
            f"mask_deg = {elevation_deg} is outside {LOWEST_DEG:g} to {HIGHEST_DEG:g}; "
            "for example 5.0"
        )
