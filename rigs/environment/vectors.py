"""Arithmetic of arrays of vectors, shape (…, 3), without what numpy spends on generality."""

from __future__ import annotations

import numpy as np

from rigs.environment.earth import Array


def dot(a: Array, b: Array) -> Array:
    """Return the scalar products, shape (…)."""
    product: Array = np.einsum("...i,...i", a, b)
    return product


def length(vector: Array) -> Array:
    """Return the lengths, shape (…)."""
    root: Array = np.sqrt(dot(vector, vector))
    return root


def unit(vector: Array) -> Array:
    """Return the vectors at length one."""
    direction: Array = vector / length(vector)[..., None]
    return direction


def cross(a: Array, b: Array) -> Array:
    """Return the vector products of arrays of one shape."""
    product = np.empty_like(a)
    product[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    product[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    product[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product
