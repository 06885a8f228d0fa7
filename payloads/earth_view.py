"""How much of what a plate sees is the Earth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def earth_view(cos_nadir: float | Array, earth_radii: Array) -> Array:
    """Return the view factor of a small plate to the Earth, a sphere.

    ``cos_nadir`` is the cosine between the plate's normal and the nadir, one
    or as many as there are of ``earth_radii``, the distance to the Earth's
    centre in its radii, above 1.

    Source: Howell, *A Catalog of Radiation Heat Transfer Configuration
    Factors*, planar element to sphere, element at any angle.

    >>> two_radii_off = np.array([2.0])
    >>> earth_view(1.0, two_radii_off).tolist(), earth_view(-1.0, two_radii_off).tolist()
    ([0.25], [0.0])
    """
    h = earth_radii
    cosine = np.broadcast_to(np.clip(cos_nadir, -1.0, 1.0), h.shape)
    whole = cosine * h >= 1.0  # the plate's own horizon does not cut the sphere
    cut = ~(whole | (cosine * h <= -1.0))
    factor = np.where(whole, cosine / h**2, 0.0)
    if cut.any():
        c, hc = cosine[cut], h[cut]
        edge, sine = np.sqrt(hc * hc - 1.0), np.sqrt(1.0 - c * c)  # edge: distance to the horizon
        lens = np.arccos(np.clip(-edge * c / sine, -1.0, 1.0)) * c
        rim = edge * np.sqrt(1.0 - (hc * c) ** 2)
        part = 0.5 - np.arcsin(np.clip(edge / (hc * sine), -1.0, 1.0)) / np.pi
        factor[cut] = part + (lens - rim) / (np.pi * hc**2)
    return factor
