"""A satellite's heat: dies, spreaders and structure on a radiator that faces space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from payloads.earth_view import earth_view
from payloads.heat_history import Stretches, along
from payloads.heat_network import HeatNetwork, Link, Node
from payloads.heat_pair import HeatPair

STEFAN_BOLTZMANN = 5.670374419e-8  # W m⁻² K⁻⁴, CODATA 2018
ZERO_CELSIUS_K = 273.15
NADIR = np.array([0.0, 0.0, 1.0])  # in the local orbital frame


@dataclass(frozen=True, slots=True)
class Spreader:
    """The board or plate that a die is mounted on, with its path to the radiator."""

    capacity_j_per_k: float
    resistance_k_per_w: float


@dataclass(frozen=True, slots=True)
class Die:
    """One lumped node of a computer, with its path to the spreader, or without one to the radiator.

    The path is conduction alone: in a vacuum there is no convection, and a
    fan does nothing. A resistance measured on a bench with moving air is not
    the one to put here.
    """

    capacity_j_per_k: float
    resistance_k_per_w: float
    spreader: Spreader | None = None


@dataclass(frozen=True, slots=True)
class Radiator:
    """The satellite's radiator, with what is fixed to it.

    It faces ``normal`` in the local orbital frame (x along track, y against
    the orbit normal, z to the nadir), absorbs sunlight with ``absorptivity``
    and emits with ``emissivity``. One of two ``sides`` faces the other way as
    well, each with ``area_m2``. ``sink_k`` is the temperature of what it
    sees beside the Sun and the Earth; that of empty sky, 2.7 K, is 3e-6 W/m²
    and taken as nothing.
    """

    area_m2: float
    emissivity: float
    absorptivity: float
    capacity_j_per_k: float
    normal: tuple[float, float, float]
    sides: int = 1
    sink_k: float = 0.0

    def absorbed_w(
        self,
        sun_w_m2: NDArray[np.float64],
        albedo_w_m2: NDArray[np.float64],
        earth_ir_w_m2: NDArray[np.float64],
        earth_radii: NDArray[np.float64],
        nadir: NDArray[np.float64] = NADIR,
    ) -> NDArray[np.float64]:
        """Return heat taken in, W, from the sky at n moments.

        ``sun_w_m2`` has shape (n, 3); albedo and Earth infrared, shape (n,),
        are those on a plate that faces the nadir. ``earth_radii`` is the
        distance to the Earth's centre in its radii: this plate's share of
        what the other sees follows from it. ``nadir`` is the way there in the
        frame of ``sun_w_m2``, one unit vector or n of them.
        """
        facing = sun_w_m2 @ np.asarray(self.normal)
        lit: NDArray[np.float64] = np.maximum(facing, 0.0)
        cos_nadir = nadir @ np.asarray(self.normal)
        view = earth_view(cos_nadir, earth_radii)
        if self.sides == 2:
            lit = np.abs(facing)
            view = view + earth_view(-cos_nadir, earth_radii)
        share = view * earth_radii**2
        absorbed = self.absorptivity * (lit + share * albedo_w_m2)
        return self.area_m2 * (absorbed + self.emissivity * share * earth_ir_w_m2)

    @property
    def w_per_k4(self) -> float:
        """Emissivity × area of all sides × σ."""
        return self.emissivity * self.area_m2 * self.sides * STEFAN_BOLTZMANN

    def emitted_w(self, radiator_k: float) -> float:
        """Return what it sends out at a temperature."""
        return self.w_per_k4 * radiator_k**4


@dataclass(frozen=True, slots=True)
class Structure:
    """The satellite's body: what the bus heats, tied to the radiator, radiating by itself.

    ``area_m2`` is its outer surface, seen from everywhere alike (a sphere's,
    [assumed]): sunlight meets a quarter of it.
    """

    capacity_j_per_k: float
    conductance_w_per_k: float
    area_m2: float
    emissivity: float
    absorptivity: float

    def absorbed_w(
        self,
        sun_w_m2: NDArray[np.float64],
        albedo_w_m2: NDArray[np.float64],
        earth_ir_w_m2: NDArray[np.float64],
        earth_radii: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return heat taken in, W, from the sky at n moments, given as for `Radiator`.

        Source: Howell, *A Catalog of Radiation Heat Transfer Configuration
        Factors*, sphere to sphere; Cauchy's theorem for the quarter.
        """
        whole = earth_radii**2  # from a plate at the nadir to the globe's own brightness
        share = 0.5 * (1.0 - np.sqrt(1.0 - 1.0 / whole)) * whole
        sun = 0.25 * np.sqrt(np.einsum("ni,ni->n", sun_w_m2, sun_w_m2))
        absorbed: NDArray[np.float64] = self.absorptivity * (sun + share * albedo_w_m2)
        return self.area_m2 * (absorbed + self.emissivity * share * earth_ir_w_m2)


class ThermalStar:
    """Dies, each tied to one radiator, by a spreader or without; a structure beside them.

    Temperatures are listed dies first, then spreaders in the order of their
    dies, then the structure, and the radiator last. Steps of any length
    compose to 1e-6 K, and none can blow up: see `HeatNetwork`.
    """

    def __init__(
        self, dies: Sequence[Die], radiator: Radiator, structure: Structure | None = None
    ) -> None:
        """Build the network once."""
        spread = [die for die in dies if die.spreader is not None]
        last = len(dies) + len(spread) + (structure is not None)
        nodes = [Node(die.capacity_j_per_k) for die in dies]
        links = list[Link]()
        for i, die in enumerate(dies):
            if die.spreader is None:
                links.append(Link(i, last, 1.0 / die.resistance_k_per_w))
                continue
            place = len(nodes)
            nodes.append(Node(die.spreader.capacity_j_per_k))
            links.append(Link(i, place, 1.0 / die.resistance_k_per_w))
            links.append(Link(place, last, 1.0 / die.spreader.resistance_k_per_w))
        if structure is not None:
            links.append(Link(len(nodes), last, structure.conductance_w_per_k))
            area = structure.emissivity * structure.area_m2
            nodes.append(Node(structure.capacity_j_per_k, area * STEFAN_BOLTZMANN, radiator.sink_k))
        nodes.append(Node(radiator.capacity_j_per_k, radiator.w_per_k4, radiator.sink_k))
        self.network = HeatNetwork(nodes, links)
        self.has_structure = structure is not None
        self._idle = [0.0] * (last - len(dies) - self.has_structure)  # spreaders heat nothing
        self._no_slopes = [0.0] * len(dies)  # a die's power is constant
        self._pair = HeatPair(self.network) if last == 1 and not self.has_structure else None

    @property
    def nodes(self) -> int:
        """How many temperatures there are."""
        return len(self.network.nodes)

    def along(self, stretches: Stretches, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the temperatures, shape (m, nodes), at m moments of a flown history, K."""
        return along(self.network, stretches, t_s)

    def step(
        self,
        temperatures_k: list[float],
        die_w: list[float],
        radiator_w: float,
        slope_w_s: float,
        dt_s: float,
        structure_w: float = 0.0,
        structure_slope_w_s: float = 0.0,
    ) -> list[float]:
        """Return the temperatures after ``dt_s``, K.

        ``die_w`` is constant; the radiator takes in ``radiator_w`` at the
        start, changing by ``slope_w_s`` per second, and so does the structure
        with its own two.

        Raises:
            ValueError: there is heat for a structure, and no structure.
        """
        if self._pair is not None and not structure_w:
            return self._pair.step(temperatures_k, die_w[0], radiator_w, slope_w_s, dt_s)
        watts = self.by_node(die_w, radiator_w, structure_w)
        slopes = self.by_node(self._no_slopes, slope_w_s, structure_slope_w_s)
        return self.network.step(temperatures_k, watts, slopes, dt_s)

    def by_node(
        self, of_dies: Sequence[float], of_radiator: float, of_structure: float = 0.0
    ) -> list[float]:
        """Return loads, or slopes of loads, in the order of the nodes; spreaders have none.

        Raises:
            ValueError: there is a load of a structure, and no structure.
        """
        if of_structure and not self.has_structure:
            raise ValueError(f"{of_structure} W have no structure to go to; heat the radiator")
        structure = (of_structure,) if self.has_structure else ()
        return [*of_dies, *self._idle, *structure, of_radiator]
