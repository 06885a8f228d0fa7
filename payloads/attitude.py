"""Which way the satellite looks, and what its faces then see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from payloads.earth_view import earth_view

Array = NDArray[np.float64]
Axis = tuple[float, float, float]

LEFT: Axis = (0.0, -1.0, 0.0)  # in the orbital frame: along the orbit's normal
ZENITH: Axis = (0.0, 0.0, -1.0)
LEAST_SINE = 1e-6  # between the Sun and the orbit's normal: closer, another axis is taken


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """What surrounds a satellite at n moments, in one frame.

    ``sun_w_m2`` (n, 3) is the visible flux towards the Sun; ``to_sun`` and
    ``nadir`` (n, 3) are unit vectors, in the shadow as well. ``albedo_w_m2``
    and ``earth_ir_w_m2`` (n,) are those on a plate that faces the nadir, and
    ``earth_radii`` (n,) is the distance to the Earth's centre in its radii.
    """

    sun_w_m2: Array
    to_sun: Array
    nadir: Array
    albedo_w_m2: Array
    earth_ir_w_m2: Array
    earth_radii: Array

    def earth_share(self, normal: Axis | Array) -> Array:
        """Return what a plate sees of the Earth, over what one at the nadir sees."""
        cosine = np.sum(self.nadir * np.asarray(normal), axis=1)
        share: Array = earth_view(cosine, self.earth_radii) * self.earth_radii**2
        return share


def turned_to_sun(sky: Sky, face: Axis) -> Sky:
    """Return a sky of the orbital frame in the body frame of a satellite that looks at the Sun.

    ``face`` is the side that looks there. Around that line the body is
    turned so that its left side comes as near to the orbit's normal as it can
    (if left or right is that face, its zenith side does): the body then
    hardly turns against the stars [assumed].
    """
    forward, side = np.asarray(face), np.asarray(ZENITH if face[1] else LEFT)
    aim = _across(np.asarray(LEFT), sky.to_sun)
    body = np.stack([forward, side, np.cross(forward, side)])
    there = np.stack([sky.to_sun, aim, np.cross(sky.to_sun, aim)], axis=1)
    turn = np.einsum("ki,nkj->nij", body, there)
    return Sky(
        np.einsum("nij,nj->ni", turn, sky.sun_w_m2),
        np.einsum("nij,nj->ni", turn, sky.to_sun),
        np.einsum("nij,nj->ni", turn, sky.nadir),
        sky.albedo_w_m2,
        sky.earth_ir_w_m2,
        sky.earth_radii,
    )


def _across(axis: Array, line: Array) -> Array:
    """Return unit vectors (n, 3) across ``line``, as near to ``axis`` as that allows."""
    part = axis - (line @ axis)[:, None] * line
    length = np.linalg.norm(part, axis=1, keepdims=True)
    other = np.asarray(ZENITH) - (line @ np.asarray(ZENITH))[:, None] * line
    chosen = np.where(length > LEAST_SINE, part, other)
    across: Array = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    return across
