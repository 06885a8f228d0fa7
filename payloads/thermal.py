"""Dies on a radiator that faces space: a star of nodes, integrated so that steps compose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, sqrt
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STEFAN_BOLTZMANN = 5.670374419e-8  # W m⁻² K⁻⁴, CODATA 2018
ZERO_CELSIUS_K = 273.15
_EXPANSION_K = 290.0  # temperature about which radiation is split into linear and rest
_EXPANSION_K4 = _EXPANSION_K**4
# A fourth-order step of this share of the radiator's own time constant is good to
# 1e-6 K for radiators from 190 K to 370 K (compared with a 13-digit Runge-Kutta).
_SHARE_OF_TIME_CONSTANT = 0.02
_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Die:
    """One lumped node of a computer, with its path to the radiator."""

    capacity_j_per_k: float
    resistance_k_per_w: float


@dataclass(frozen=True, slots=True)
class Radiator:
    """The satellite's radiator with the structure behind it.

    It faces ``normal`` in the local orbital frame (x along track, y against
    the orbit normal, z to the nadir), absorbs sunlight with ``absorptivity``
    and emits with ``emissivity``.
    """

    area_m2: float
    emissivity: float
    absorptivity: float
    capacity_j_per_k: float
    normal: tuple[float, float, float]

    def absorbed_w(
        self,
        sun_w_m2: NDArray[np.float64],
        albedo_w_m2: NDArray[np.float64],
        earth_ir_w_m2: NDArray[np.float64],
        earth_radii: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return heat taken in, W, from the sky at n moments.

        ``sun_w_m2`` has shape (n, 3); albedo and Earth infrared, shape (n,),
        are those on a plate that faces the nadir. ``earth_radii`` is the
        distance to the Earth's centre in its radii: this plate's share of
        what the other sees follows from it.
        """
        lit: NDArray[np.float64] = np.maximum(sun_w_m2 @ np.asarray(self.normal), 0.0)
        share = earth_view(self.normal[2], earth_radii) * earth_radii**2
        absorbed = self.absorptivity * (lit + share * albedo_w_m2)
        return self.area_m2 * (absorbed + self.emissivity * share * earth_ir_w_m2)

    def emitted_w(self, radiator_k: float) -> float:
        """Return what it sends to space, whose 3 K are neglected (5e-6 W/m²)."""
        return self.emissivity * self.area_m2 * STEFAN_BOLTZMANN * radiator_k**4


def earth_view(cos_nadir: float, earth_radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the view factor of a small plate to the Earth, a sphere.

    ``cos_nadir`` is the cosine between the plate's normal and the nadir;
    ``earth_radii`` the distance to the Earth's centre in its radii, above 1.

    Source: Howell, *A Catalog of Radiation Heat Transfer Configuration
    Factors*, planar element to sphere, element at any angle.

    >>> two_radii_off = np.array([2.0])
    >>> earth_view(1.0, two_radii_off).tolist(), earth_view(-1.0, two_radii_off).tolist()
    ([0.25], [0.0])
    """
    h = earth_radii
    edge = np.sqrt(h * h - 1.0)  # distance to the horizon
    sin_nadir = np.sqrt(max(1.0 - cos_nadir * cos_nadir, 0.0))
    whole = cos_nadir * h >= 1.0  # the plate's own horizon does not cut the sphere
    hidden = cos_nadir * h <= -1.0
    cut = ~(whole | hidden)
    factor = np.where(whole, cos_nadir / h**2, 0.0)
    if cut.any():
        e, hc = edge[cut], h[cut]
        lens = np.arccos(np.clip(-e * cos_nadir / sin_nadir, -1.0, 1.0)) * cos_nadir
        rim = e * np.sqrt(1.0 - (hc * cos_nadir) ** 2)
        part = 0.5 - np.arcsin(np.clip(e / (hc * sin_nadir), -1.0, 1.0)) / np.pi
        factor[cut] = part + (lens - rim) / (np.pi * hc**2)
    return factor


class ThermalStar:
    """Die nodes, each tied to one radiator node.

    Conduction and the linear part of radiation are solved exactly in the
    star's own modes; the rest of radiation is smooth and small, and is
    stepped to fourth order. Steps of any length compose to 1e-6 K.

    Source: Cox & Matthews, "Exponential time differencing for stiff
    systems", J. Comput. Phys. 176 (2002), ETDRK4; modes by the symmetric
    eigenproblem of the capacity-scaled conductances.
    """

    def __init__(self, dies: tuple[Die, ...], radiator: Radiator) -> None:
        """Find the star's modes once; the radiator is the last node."""
        self._w_per_k4 = radiator.emissivity * radiator.area_m2 * STEFAN_BOLTZMANN
        self._linear_w_per_k = 4.0 * radiator.emitted_w(_EXPANSION_K) / _EXPANSION_K
        capacities = np.array([d.capacity_j_per_k for d in dies] + [radiator.capacity_j_per_k])
        self._capacity_j_per_k = radiator.capacity_j_per_k
        rates, vectors = np.linalg.eigh(self._scaled_conductances(dies, np.sqrt(capacities)))
        self._rates = [float(r) for r in rates]
        self._into = (vectors.T * np.sqrt(capacities)).tolist()  # temperatures to modes
        self._push = (vectors.T / np.sqrt(capacities)).tolist()  # watts to modes
        self._out = (vectors.T / np.sqrt(capacities)).T.tolist()  # modes to temperatures
        self._last, self._tip = self._out[-1], [row[-1] for row in self._push]

    def _scaled_conductances(
        self, dies: tuple[Die, ...], roots: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        matrix: NDArray[np.float64] = np.zeros((len(roots), len(roots)))
        matrix[-1, -1] = -self._linear_w_per_k
        for i, die in enumerate(dies):
            conductance = 1.0 / die.resistance_k_per_w
            matrix[i, i] -= conductance
            matrix[-1, -1] -= conductance
            matrix[i, -1] = matrix[-1, i] = conductance
        return np.asarray(matrix / np.outer(roots, roots))

    def step(
        self,
        temperatures_k: list[float],
        die_w: list[float],
        radiator_w: float,
        slope_w_s: float,
        dt_s: float,
    ) -> list[float]:
        """Return the temperatures after ``dt_s``, dies first, radiator last, K.

        ``die_w`` is constant; the radiator takes in ``radiator_w`` at the
        start, changing by ``slope_w_s`` per second.
        """
        modes = [_dot(row, temperatures_k) for row in self._into]
        push = [_dot(row, die_w) for row in self._push]
        heat_w = sum(die_w) + max(radiator_w, radiator_w + slope_w_s * dt_s)
        steps = max(1, ceil(dt_s / self._longest_step_s(max(temperatures_k[-1], 0.0), heat_w)))
        for i in range(steps):
            start_w = radiator_w + slope_w_s * i * dt_s / steps
            modes = self._substep(modes, push, start_w, slope_w_s, dt_s / steps)
        return [_dot(row, modes) for row in self._out]

    def _longest_step_s(self, radiator_k: float, heat_w: float) -> float:
        """Return a share of the radiator's time constant at the hottest that it can become."""
        settled_k4 = max(heat_w, 0.0) / self._w_per_k4
        hottest_k4 = max(radiator_k**4, settled_k4, _EXPANSION_K4)
        cools_w_per_k = 4.0 * self._w_per_k4 * sqrt(sqrt(hottest_k4)) ** 3
        return min(_LONGEST_S, _SHARE_OF_TIME_CONSTANT * self._capacity_j_per_k / cools_w_per_k)

    def _substep(
        self, y: list[float], push: list[float], radiator_w: float, slope_w_s: float, h: float
    ) -> list[float]:
        factors = [_factors(rate * h) for rate in self._rates]
        half, end_w = 0.5 * h, radiator_w + slope_w_s * h
        middle_w = radiator_w + slope_w_s * half
        rows = list(zip(factors, y, push, self._tip, strict=True))
        n1 = self._rest_w(y, radiator_w)
        a = [f.e2 * yi + half * f.half * (b + g * n1) for f, yi, b, g in rows]
        n2 = self._rest_w(a, middle_w)
        n3 = self._rest_w(
            [f.e2 * yi + half * f.half * (b + g * n2) for f, yi, b, g in rows], middle_w
        )
        twice_w = 2.0 * n3 - n1
        n4 = self._rest_w(
            [
                f.e2 * ai + half * f.half * (b + g * twice_w)
                for (f, _, b, g), ai in zip(rows, a, strict=True)
            ],
            end_w,
        )
        return [
            f.e * yi + h * (f.p1 * b + g * (f.w1 * n1 + f.w23 * (n2 + n3) + f.w4 * n4))
            for f, yi, b, g in rows
        ]

    def _rest_w(self, modes: list[float], radiator_w: float) -> float:
        """Return the radiator's power beside conduction and linear radiation."""
        radiator_k = _dot(self._last, modes)
        cubed = radiator_k * radiator_k * radiator_k
        return radiator_w + (self._linear_w_per_k - self._w_per_k4 * cubed) * radiator_k


def _dot(a: list[float], b: list[float]) -> float:
    """Return the sum of products, as far as the shorter list goes."""
    total: float = sum(map(mul, a, b))
    return total


class _Factors(NamedTuple):
    """Exponential weights of one mode for one step length."""

    e: float
    e2: float
    p1: float
    half: float
    w1: float
    w23: float
    w4: float


@lru_cache(maxsize=4096)
def _factors(z: float) -> _Factors:
    p1, p2, p3 = _phi(z)
    return _Factors(
        e=exp(z),
        e2=exp(0.5 * z),
        p1=p1,
        half=_phi(0.5 * z)[0],
        w1=p1 - 3.0 * p2 + 4.0 * p3,
        w23=2.0 * p2 - 4.0 * p3,
        w4=4.0 * p3 - p2,
    )


def _phi(z: float) -> tuple[float, float, float]:
    """Return φ₁, φ₂, φ₃, where φₖ(z) = Σ zʲ / (j + k)!, without cancellation."""
    if abs(z) > 1.0:
        p1 = (exp(z) - 1.0) / z
        p2 = (p1 - 1.0) / z
        return p1, p2, (p2 - 0.5) / z
    p3 = 0.0
    for j in range(15, 0, -1):  # 1/18! is below double precision
        p3 = (p3 * z + 1.0) / (j + 3)
    p3 = (p3 * z + 1.0) / 6.0
    p2 = z * p3 + 0.5
    return z * p2 + 1.0, p2, p3
