"""What a satellite keeps of its way when asked: its state at any moments, all at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from payloads.battery import Store
from payloads.heat_history import Stretches
from payloads.sky_power import SkyPower
from payloads.thermal import ThermalStar

Array = NDArray[np.float64]


class States(NamedTuple):
    """The state at m moments: charge in joules, shape (m,), and kelvin, shape (m, nodes).

    Nodes stand as in `ThermalStar`: dies first, the radiator last.
    """

    charge_j: Array
    kelvin: Array


class _Row(NamedTuple):
    """A stretch from its start on, over which loads are constant and the sky is linear."""

    t_s: float
    charge_j: float
    kelvin: list[float]
    sky: SkyPower
    load_w: float
    payload_w: list[float]


class History:
    """The stretches that a satellite has flown, from which its state at any moment follows.

    A flight adds one row for each stretch, some thousand a day; `state_at`
    puts the closed forms of heat and charge between them, so a moment costs
    well under a microsecond.
    """

    def __init__(self, star: ThermalStar, battery: Store) -> None:
        """Begin empty."""
        self._star, self._battery = star, battery
        self._rows: list[_Row] = []
        self.until_s = 0.0  # to where the stretches reach

    def add(
        self,
        t_s: float,
        until_s: float,
        charge_j: float,
        kelvin: list[float],
        sky: SkyPower,
        load_w: float,
        payload_w: list[float],
    ) -> None:
        """Take down the stretch from ``t_s`` to ``until_s``; lists are kept, not copied."""
        self._rows.append(_Row(t_s, charge_j, kelvin, sky, load_w, payload_w))
        self.until_s = until_s

    def state_at(self, t_s: Array) -> States:
        """Return the state at m moments, in any order.

        Temperatures are those to which coasting there would come, to the
        microkelvin to which steps compose, and the charge to rounding. At a
        `TerminalBattery` each moment costs a step of it, some 20 µs.

        Raises:
            ValueError: a moment lies before the first stretch, or after the last one.
        """
        t_s = np.asarray(t_s, dtype=np.float64)
        if not self._rows:
            raise ValueError("nothing has been flown since the history was begun")
        starts_s = np.array([row.t_s for row in self._rows])
        if len(t_s) and not (starts_s[0] <= t_s.min() and t_s.max() <= self.until_s):
            raise ValueError(
                f"t_s from {t_s.min()} to {t_s.max()} is not within the {starts_s[0]} to "
                f"{self.until_s} s that were flown"
            )
        sky = np.array([row.sky for row in self._rows])
        kelvin = np.array([row.kelvin for row in self._rows])
        payload_w = np.array([row.payload_w for row in self._rows])
        load_w = np.array([row.load_w for row in self._rows])
        stretches = Stretches(
            starts_s,
            kelvin,
            self._by_node(payload_w, sky[:, 2], sky[:, 4], load_w - payload_w.sum(axis=1)),
            self._by_node(0.0 * payload_w, sky[:, 3], sky[:, 5], 0.0 * load_w),
        )
        k = np.searchsorted(starts_s, t_s, side="right") - 1
        charge_j = self._battery.charges_j(
            np.array([row.charge_j for row in self._rows])[k],
            (sky[:, 0] - load_w)[k],
            sky[k, 1],
            t_s - starts_s[k],
        )
        return States(charge_j, self._star.along(stretches, t_s))

    def _by_node(self, dies: Array, radiator: Array, structure: Array, bus: Array) -> Array:
        """Return loads, or their slopes, by node; the bus heats the structure, if there is one."""
        nodes = np.zeros((len(radiator), self._star.nodes))
        nodes[:, : dies.shape[1]] = dies
        nodes[:, -1] = radiator
        if self._star.has_structure:
            nodes[:, -2] = structure + bus
        else:
            nodes[:, -1] += bus
        return nodes
