"""A chain of thermal nodes from the die to its surroundings, solved in its own modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from payloads.calibration.traces import Array
from payloads.thermal import STEFAN_BOLTZMANN, ZERO_CELSIUS_K

NODES = ("die", "board", "mount")  # from the heat outwards
REFERENCE_C = 60.0  # die temperature at which the outermost conductance is stated
_REFERENCE_K = REFERENCE_C + ZERO_CELSIUS_K
_CLOSE_K, _MOST_ROUNDS = 1e-6, 60
_COLDEST_C, _HOTTEST_C = -200.0, 500.0  # keep a bad guess of a fit from running away


@dataclass(frozen=True, slots=True)
class Network:
    """Nodes in a row: all power enters the first, the last gives it to the surroundings.

    ``conductances_w_per_k[i]`` leads from node i to the next; the last leads out.
    ``radiative`` is the share of that last path which goes with T⁴, for a node
    at REFERENCE_C. The surroundings are given as the temperature to which a
    node would settle by that path's tangent: it stands for walls, sky and
    absorbed sunlight together, which a recording of one die cannot tell apart.

    Raises:
        ValueError: a capacity or conductance is not positive, or the share is outside 0..1.
    """

    capacities_j_per_k: tuple[float, ...]
    conductances_w_per_k: tuple[float, ...]
    radiative: float

    def __post_init__(self) -> None:
        if min(*self.capacities_j_per_k, *self.conductances_w_per_k) <= 0.0:
            raise ValueError("capacities and conductances of a network must be positive")
        if not 0.0 <= self.radiative <= 1.0:
            raise ValueError(f"radiative = {self.radiative:g} is no share; it lies in 0..1")

    @property
    def area_m2(self) -> float:
        """Return the black area whose radiation is the radiative share."""
        per_k = self.radiative * self.conductances_w_per_k[-1]
        return per_k / (4.0 * STEFAN_BOLTZMANN * _REFERENCE_K**3)

    def at_start_c(self, die_c: float, power_w: float) -> Array:
        """Return the nodes' temperatures behind a die of ``die_c`` that has drawn ``power_w``."""
        nodes_c = np.full(len(self.capacities_j_per_k), die_c)
        nodes_c[1:] -= power_w / self.conductances_w_per_k[0]
        return nodes_c

    def modes(self) -> tuple[Array, Array]:
        """Return rates, 1/s, and scaled vectors, columns, of the linear chain."""
        root = np.sqrt(np.array(self.capacities_j_per_k))
        matrix = np.diag(-np.array(self.conductances_w_per_k))
        for i, conductance in enumerate(self.conductances_w_per_k[:-1]):
            matrix[i + 1, i + 1] -= conductance
            matrix[i, i + 1] = matrix[i + 1, i] = conductance
        rates, vectors = np.linalg.eigh(matrix / np.outer(root, root))
        return np.asarray(rates), np.asarray(vectors / root[:, None])

    def rest_w(self, last_c: Array, around_c: Array) -> Array:
        """Return watts into the last node beside its linear path to a world at 0 °C.

        Radiation bends that path: T⁴ about REFERENCE_C, less its tangent there.
        """
        return np.asarray(
            self.conductances_w_per_k[-1] * (around_c - self.radiative * bent_k(last_c))
        )

    def settled_c(self, power_w: float, around_c: float) -> float:
        """Return the die temperature after a long time at constant power.

        >>> Network((14.0,), (0.1,), 0.0).settled_c(2.0, 10.0)
        30.0
        """
        last_c = around_c + power_w / self.conductances_w_per_k[-1]
        for _ in range(_MOST_ROUNDS):  # Newton
            excess_k = last_c - around_c - power_w / self.conductances_w_per_k[-1]
            excess_k += self.radiative * float(bent_k(np.array(last_c)))
            warmth = (last_c + ZERO_CELSIUS_K) / _REFERENCE_K
            last_c -= excess_k / (1.0 - self.radiative + self.radiative * max(warmth, 0.5) ** 3)
        return last_c + sum(power_w / g for g in self.conductances_w_per_k[:-1])


def bent_k(node_c: Array) -> Array:
    """Return by how many K radiation exceeds its tangent at REFERENCE_C.

    >>> float(bent_k(np.array(REFERENCE_C)))
    0.0
    """
    kelvin = np.clip(node_c, _COLDEST_C, _HOTTEST_C) + ZERO_CELSIUS_K
    ratio = kelvin / _REFERENCE_K
    return np.asarray(_REFERENCE_K * (0.25 * (ratio**4 - 1.0) - (ratio - 1.0)))


def simulate(
    network: Network, power_w: Array, around_c: Array, start_c: float, step_s: float
) -> Array:
    """Return die temperatures, shape (n,), at the middle of n steps of constant power."""
    return simulate_ends(network, power_w, around_c, start_c, step_s)[0]


def simulate_ends(
    network: Network,
    power_w: Array,
    around_c: Array,
    start_c: float,
    step_s: float,
    near_c: Array | None = None,
) -> tuple[Array, Array]:
    """Return temperatures of the first and the last node, shape (n,), mid-step.

    ``near_c`` is a guess at the last node's, to save rounds.

    The die starts at ``start_c``, and the nodes behind it colder by what the
    first power drives into them: that difference settles within seconds, and
    a board that records has been running. The linear part is exact in each mode; the
    rest of radiation is held over a step and found by waveform relaxation:
    solve the whole recording, put radiation in, solve again, until no
    temperature moves. It converges because that rest is a fraction of the
    linear path.

    Source: Lelarasmee et al., IEEE Trans. CAD 1 (1982), waveform relaxation.
    """
    rates, vectors = network.modes()
    halves = _Halves(rates, step_s)
    first: Array = np.asarray(
        np.linalg.solve(vectors, network.at_start_c(start_c, float(power_w[0]))), dtype=np.float64
    )
    last_c = near_c
    if last_c is None:
        settled_c = network.settled_c(float(power_w.mean()), float(around_c.mean()))
        last_c = np.full(len(power_w), settled_c)
    for _ in range(_MOST_ROUNDS):
        rest_w = network.rest_w(last_c, around_c)
        modes = halves.run(power_w[:, None] * vectors[0] + rest_w[:, None] * vectors[-1], first)
        fresh_c = modes @ vectors[-1]
        moved_k = float(np.abs(fresh_c - last_c).max())
        last_c = np.asarray(np.clip(fresh_c, _COLDEST_C, _HOTTEST_C))
        if moved_k < _CLOSE_K:
            break
    return np.asarray(modes @ vectors[0]), last_c


@dataclass(frozen=True, slots=True)
class _Halves:
    """Modes at the middle of steps: half a step in, half a step out."""

    rates: Array
    step_s: float

    def run(self, push: Array, first: Array) -> Array:
        decay, half = np.exp(self.rates * self.step_s), np.exp(0.5 * self.rates * self.step_s)
        gain, half_gain = (decay - 1.0) / self.rates, (half - 1.0) / self.rates
        middle = np.empty_like(push)
        for i in range(len(self.rates)):
            ends, _ = lfilter([gain[i]], [1.0, -decay[i]], push[:, i], zi=[decay[i] * first[i]])
            begins = np.append(first[i], ends[:-1])
            middle[:, i] = half[i] * begins + half_gain[i] * push[:, i]
        return middle
