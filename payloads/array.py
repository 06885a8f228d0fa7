"""The solar array: what its panels give, by the light, their age and their temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from payloads.attitude import Sky

STEFAN_BOLTZMANN = 5.670374419e-8  # W m⁻² K⁻⁴, CODATA 2018
ZERO_CELSIUS_K = 273.15
_ROUNDS = 8  # of Newton's method; the fifth already moves the cells by less than 1e-9 K

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Panel:
    """A flat panel of solar cells.

    ``normal`` is a unit vector in the satellite's frame (in nadir attitude x
    along track, y against the orbit normal, z to the nadir), or None for a
    panel that is always turned to the Sun.
    """

    area_m2: float
    normal: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class Cells:
    """What makes cells warm, and what warmth takes from their power.

    ``power_per_k`` is the relative change of power per kelvin above
    ``reference_c``. The front absorbs with ``absorptivity`` and emits with
    ``emissivity``; the back is grey with ``back_emissivity``, which is zero
    for a panel fixed to an insulated body.
    """

    power_per_k: float
    reference_c: float
    absorptivity: float
    emissivity: float
    back_emissivity: float


@dataclass(frozen=True, slots=True)
class SolarArray:
    """Panels, and what is left of the light at the bus.

    ``efficiency`` is that of new cells at their reference temperature,
    ``packing`` the share of the area that cells cover, ``conversion`` that of
    the power-point tracker, ``remaining`` what age has left of the power.
    Without ``cells`` their temperature takes nothing.
    """

    panels: tuple[Panel, ...]
    efficiency: float
    packing: float
    conversion: float
    remaining: float = 1.0
    cells: Cells | None = None

    def power_w(self, sky: Sky) -> Array:
        """Return power at the bus, shape (n,), W.

        Cosine law; panels do not shade each other; light from the Earth warms
        cells and makes no power [assumed].
        """
        total: Array = np.zeros(len(sky.sun_w_m2))
        for panel in self.panels:
            lit = np.maximum(_facing(sky, panel), 0.0)
            warm = 1.0 if self.cells is None else self._warmth(self.panel_k(sky, panel))
            total += panel.area_m2 * lit * warm
        return total * self.efficiency * self.packing * self.conversion * self.remaining

    def panel_k(self, sky: Sky, panel: Panel) -> Array:
        """Return the temperature of a panel's cells, shape (n,), K.

        Balance at each moment of sunlight, albedo and Earth infrared on both
        sides against radiation to space and the power taken away. Cells are
        thin: that they follow at once is [assumed]; after an eclipse a real
        panel is colder, and better, for some minutes.

        Raises:
            ValueError: the array has no ``cells``.
        """
        cells = self.cells
        if cells is None:
            raise ValueError("an array without cells has no temperature")
        facing = _facing(sky, panel)
        normal = sky.to_sun if panel.normal is None else np.asarray(panel.normal)
        front, back = sky.earth_share(normal), sky.earth_share(-normal)
        sun = np.maximum(facing, 0.0)
        heat = cells.absorptivity * (sun + front * sky.albedo_w_m2)
        heat += cells.emissivity * front * sky.earth_ir_w_m2
        behind = np.maximum(-facing, 0.0) + back * (sky.albedo_w_m2 + sky.earth_ir_w_m2)
        heat += cells.back_emissivity * behind
        emits = (cells.emissivity + cells.back_emissivity) * STEFAN_BOLTZMANN
        return self._balance_k(heat, sun * self.efficiency * self.packing * self.remaining, emits)

    def _balance_k(self, heat_w_m2: Array, taken_w_m2: Array, emits_w_m2_k4: float) -> Array:
        """Return where heat is what is emitted and taken away: Newton from above, which falls."""
        kelvin: Array = np.sqrt(np.sqrt(heat_w_m2 / emits_w_m2_k4))
        per_k = 0.0 if self.cells is None else self.cells.power_per_k
        for _ in range(_ROUNDS):
            excess = emits_w_m2_k4 * kelvin**4 + taken_w_m2 * self._warmth(kelvin) - heat_w_m2
            slope = 4.0 * emits_w_m2_k4 * kelvin**3 + taken_w_m2 * per_k
            kelvin = kelvin - excess / np.where(slope > 0.0, slope, np.inf)
        return kelvin

    def _warmth(self, kelvin: Array) -> Array:
        """Return the share of power left at a temperature of the cells."""
        if self.cells is None:
            return np.ones_like(kelvin)
        above_k = kelvin - ZERO_CELSIUS_K - self.cells.reference_c
        return np.maximum(1.0 + self.cells.power_per_k * above_k, 0.0)


def _facing(sky: Sky, panel: Panel) -> Array:
    """Return the flux along a panel's normal, negative from behind."""
    if panel.normal is None:
        strength: Array = np.linalg.norm(sky.sun_w_m2, axis=1)
        return strength
    along: Array = sky.sun_w_m2 @ np.asarray(panel.normal)
    return along
