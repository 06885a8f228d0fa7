"""Networks of heat for tests, and what is known of them without our own integrator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from payloads.heat_network import HeatNetwork, Link, Node
from payloads.thermal import STEFAN_BOLTZMANN

SINKS_K = (0.0, 3.0, 220.0)
COLD_K = 0.1  # nothing cools to this within an hour
NEWTON_STEPS = 60  # each takes a quarter of the way from far above, and the last ones all of it


@dataclass(frozen=True)
class Warmed:
    """A network, where it starts and what warms it: W, and W per s."""

    network: HeatNetwork
    kelvin: list[float]
    watts: list[float]
    slopes_w_s: list[float]

    def step(self, dt_s: float) -> list[float]:
        return self.network.step(self.kelvin, self.watts, self.slopes_w_s, dt_s)

    def after(self, dt_s: float) -> Warmed:
        watts = [w + s * dt_s for w, s in zip(self.watts, self.slopes_w_s, strict=True)]
        return Warmed(self.network, self.step(dt_s), watts, self.slopes_w_s)


def logs(low: float, high: float) -> st.SearchStrategy[float]:
    """Return numbers spread evenly over the powers of ten."""
    return st.floats(np.log10(low), np.log10(high)).map(lambda power: float(10.0**power))


@st.composite
def warmed_networks(draw: st.DrawFn) -> Warmed:
    """Draw a tree of up to five nodes: foils and blocks, from 3 K to 2000 K, up to a kilowatt."""
    count, sink_k = draw(st.integers(1, 5)), draw(st.sampled_from(SINKS_K))
    shows = [True, *(draw(st.booleans()) for _ in range(count - 1))]
    nodes = [
        Node(
            draw(logs(1.0, 1e4)),
            draw(logs(1e-3, 1.0)) * STEFAN_BOLTZMANN if shown else 0.0,
            sink_k,
        )
        for shown in shows
    ]
    links = [Link(i, draw(st.integers(0, i - 1)), draw(logs(0.01, 10.0))) for i in range(1, count)]
    return Warmed(
        HeatNetwork(nodes, links),
        [draw(logs(3.0, 2000.0)) for _ in nodes],
        [draw(st.sampled_from([0.0, 5.0, 60.0, 1000.0])) for _ in nodes],
        [draw(st.sampled_from([0.0, 0.0, 0.05])) for _ in nodes],
    )


def slope_k_s(warmed: Warmed, t_s: float, kelvin: np.ndarray) -> np.ndarray:
    """Return dT/dt as the textbook writes it, node by node."""
    nodes, links = warmed.network.nodes, warmed.network.links
    heat_w = np.array(warmed.watts) + np.array(warmed.slopes_w_s) * t_s
    for link in links:
        flow_w = link.w_per_k * (kelvin[link.one] - kelvin[link.other])
        heat_w[link.one] -= flow_w
        heat_w[link.other] += flow_w
    heat_w -= [n.w_per_k4 * (k**4 - n.sink_k**4) for n, k in zip(nodes, kelvin, strict=True)]
    return heat_w / [n.capacity_j_per_k for n in nodes]


def scipy_kelvin(warmed: Warmed, dt_s: float, method: str = "Radau") -> np.ndarray:
    """Return the temperatures by an implicit integrator of scipy, to about 1e-8 K."""
    return solve_ivp(
        lambda t_s, kelvin: slope_k_s(warmed, t_s, kelvin),
        (0.0, dt_s),
        warmed.kelvin,
        method,
        rtol=1e-12,
        atol=1e-10,
    ).y[:, -1]


def settled_k(warmed: Warmed, watts: list[float]) -> np.ndarray:
    """Return where a network settles under constant power.

    Newton's method on the heat balance, begun far above, from where it falls
    towards the root without passing it (the balance is convex and monotone).
    """
    nodes, network = warmed.network.nodes, warmed.network
    emits, sinks = (np.array([getattr(n, key) for n in nodes]) for key in ("w_per_k4", "sink_k"))
    laplace = np.zeros((len(nodes), len(nodes)))
    for link in network.links:
        laplace[[link.one, link.other], [link.one, link.other]] += link.w_per_k
        laplace[[link.one, link.other], [link.other, link.one]] -= link.w_per_k
    kelvin = np.full(len(nodes), 1e4)
    for _ in range(NEWTON_STEPS):
        excess = laplace @ kelvin + emits * (kelvin**4 - sinks**4) - watts
        if kelvin.max() < COLD_K:
            break
        kelvin = kelvin - np.linalg.solve(laplace + np.diag(4.0 * emits * kelvin**3), excess)
    return kelvin
