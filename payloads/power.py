"""Array, battery and the load-shedding state machine: closed forms, exact at any step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

J_PER_WH = 3600.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A flat panel of solar cells.

    ``normal`` is a unit vector in the local orbital frame (x along track, y
    against the orbit normal, z to the nadir), or None for a panel that is
    always turned to the Sun.
    """

    area_m2: float
    normal: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class SolarArray:
    """Panels, and what is left of the light at the bus.

    ``efficiency`` is that of the cells, ``packing`` the share of the area
    that cells cover, ``conversion`` that of the power-point tracker.
    """

    panels: tuple[Panel, ...]
    efficiency: float
    packing: float
    conversion: float

    def power_w(self, sun_w_m2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return power at the bus for a flux vector of shape (n, 3), W/m² towards the Sun.

        Cosine law; panels do not shade each other; cell temperature is not
        modelled.
        """
        lit: NDArray[np.float64] = np.zeros(len(sun_w_m2))
        for panel in self.panels:
            lit += panel.area_m2 * _normal_flux(sun_w_m2, panel.normal)
        return np.asarray(lit * self.efficiency * self.packing * self.conversion)


def _normal_flux(
    flux: NDArray[np.float64], normal: tuple[float, float, float] | None
) -> NDArray[np.float64]:
    if normal is None:
        strength: NDArray[np.float64] = np.linalg.norm(flux, axis=1)
        return strength
    along: NDArray[np.float64] = flux @ np.asarray(normal)
    return np.maximum(along, 0.0)


class Flow(NamedTuple):
    """The charge after a step, and where energy went meanwhile; all in joules."""

    charge_j: float
    losses_j: float = 0.0  # in charging and discharging
    curtailed_j: float = 0.0  # the battery was full
    unserved_j: float = 0.0  # the battery was empty
    lowest_j: float = 0.0  # the least charge on the way


@dataclass(frozen=True, slots=True)
class Battery:
    """A store of energy with separate efficiencies and an open-circuit voltage.

    ``ocv`` lists (charge fraction, volts), both rising, from 0 to 1. Internal
    resistance and ageing are not modelled.
    """

    capacity_wh: float
    charge_efficiency: float
    discharge_efficiency: float
    ocv: tuple[tuple[float, float], ...]

    @property
    def capacity_j(self) -> float:
        """Return the energy between empty and full."""
        return self.capacity_wh * J_PER_WH

    def voltage_v(self, charge_j: float) -> float:
        """Return the open-circuit voltage at a charge."""
        fractions, volts = zip(*self.ocv, strict=True)
        return float(np.interp(charge_j / self.capacity_j, fractions, volts))

    def charge_at_v(self, voltage_v: float) -> float:
        """Return the charge in joules at an open-circuit voltage; clamped to the curve."""
        fractions, volts = zip(*self.ocv, strict=True)
        return float(np.interp(voltage_v, volts, fractions)) * self.capacity_j

    def step(
        self, charge_j: float, full_j: float, net_w: float, slope_w_s: float, dt_s: float
    ) -> Flow:
        """Return the charge and the flow after ``dt_s``.

        ``net_w`` is array minus load at the start and changes by
        ``slope_w_s`` per second; charging stops at ``full_j``. Closed form,
        so steps compose.
        """
        losses_j = curtailed_j = unserved_j = 0.0
        lowest_j = charge_j
        for _, piece_j in _signed_pieces(net_w, slope_w_s, dt_s):
            move = (
                self._charge(charge_j, full_j, piece_j)
                if piece_j > 0.0
                else self._discharge(charge_j, -piece_j)
            )
            charge_j = move.charge_j
            lowest_j = min(lowest_j, charge_j)
            losses_j += move.losses_j
            curtailed_j += move.curtailed_j
            unserved_j += move.unserved_j
        return Flow(charge_j, losses_j, curtailed_j, unserved_j, lowest_j)

    def reaches_s(
        self,
        charge_j: float,
        level_j: float,
        full_j: float,
        net_w: float,
        slope_w_s: float,
        dt_s: float,
    ) -> float | None:
        """Return when within ``dt_s`` the charge first reaches ``level_j``, or None.

        ``level_j`` lies below full.
        """
        most_j = (abs(net_w) + abs(slope_w_s) * dt_s) * dt_s / self.discharge_efficiency
        if abs(level_j - charge_j) > most_j:
            return None  # far from it, as most of the time
        done_s = 0.0
        for piece_s, piece_j in _signed_pieces(net_w, slope_w_s, dt_s):
            gain = self.charge_efficiency if piece_j > 0.0 else 1.0 / self.discharge_efficiency
            short_j = (level_j - charge_j) / gain
            if short_j * piece_j > 0.0 and abs(short_j) <= abs(piece_j):
                return done_s + _time_to_move_s(short_j, net_w + slope_w_s * done_s, slope_w_s)
            charge_j = min(max(charge_j + gain * piece_j, 0.0), max(full_j, charge_j))
            done_s += piece_s
        return None

    def _charge(self, charge_j: float, full_j: float, offered_j: float) -> Flow:
        room_j = max(full_j - charge_j, 0.0) / self.charge_efficiency
        taken_j = min(offered_j, room_j)
        stored_j = self.charge_efficiency * taken_j
        after_j = charge_j + stored_j if taken_j < room_j else max(full_j, charge_j)
        return Flow(after_j, taken_j - stored_j, offered_j - taken_j)

    def _discharge(self, charge_j: float, wanted_j: float) -> Flow:
        given_j = min(wanted_j, charge_j * self.discharge_efficiency)
        drawn_j = given_j / self.discharge_efficiency
        after_j = max(charge_j - drawn_j, 0.0)
        return Flow(after_j, drawn_j - given_j, 0.0, wanted_j - given_j)


def _signed_pieces(net_w: float, slope_w_s: float, dt_s: float) -> list[tuple[float, float]]:
    """Split a linear power into stretches of one sign: (duration s, energy J) each."""
    end_w = net_w + slope_w_s * dt_s
    if net_w * end_w >= 0.0:
        return [(dt_s, 0.5 * (net_w + end_w) * dt_s)]
    turn_s = -net_w / slope_w_s
    return [(turn_s, 0.5 * net_w * turn_s), (dt_s - turn_s, 0.5 * end_w * (dt_s - turn_s))]


def _time_to_move_s(energy_j: float, power_w: float, slope_w_s: float) -> float:
    """Return when a power of one sign, linear in time, has moved ``energy_j``.

    The root of ``slope/2 t² + power t - energy`` in the form that does not cancel.
    """
    root = sqrt(max(power_w * power_w + 2.0 * slope_w_s * energy_j, 0.0))
    return 2.0 * energy_j / (power_w + (root if energy_j > 0.0 else -root))


class EpsMode(Enum):
    """What the electrical power system lets run."""

    NORMAL = "normal"
    SAFE = "safe"  # payloads are shed
    CRITICAL = "critical"  # everything is shed but the power system itself
    EMPTY = "empty"  # brown-out: the battery is empty, and not even that is served

    @property
    def bus_on(self) -> bool:
        """Return whether the on-board computer and the radio have power."""
        return self in (EpsMode.NORMAL, EpsMode.SAFE)


@dataclass(frozen=True, slots=True)
class Eps:
    """Four battery voltages rule what is charged and what is shed.

    Charging stops at ``max_v``. Below ``safe_v`` payloads are shed, and come
    back only above ``normal_v``; below ``critical_v`` all loads but
    ``own_w`` are shed, until ``safe_v`` is reached again. At ``empty_v`` the
    bus browns out; it wakes at ``wake_v``.

    Source: the four thresholds of the GomSpace P31u.
    """

    max_v: float
    normal_v: float
    safe_v: float
    critical_v: float
    own_w: float
    empty_v: float
    wake_v: float

    def mode_at(self, voltage_v: float) -> EpsMode:
        """Return the mode in which a power system without a past starts."""
        if voltage_v <= self.empty_v:
            return EpsMode.EMPTY
        if voltage_v < self.critical_v:
            return EpsMode.CRITICAL
        return EpsMode.SAFE if voltage_v < self.safe_v else EpsMode.NORMAL

    def watched_v(self, mode: EpsMode) -> tuple[float | None, float | None]:
        """Return the voltages that end ``mode``: when falling, when rising."""
        return {
            EpsMode.NORMAL: (self.safe_v, None),
            EpsMode.SAFE: (self.critical_v, self.normal_v),
            EpsMode.CRITICAL: (self.empty_v, self.safe_v),
            EpsMode.EMPTY: (None, self.wake_v),
        }[mode]

    def after(self, mode: EpsMode, rising: bool) -> EpsMode:
        """Return the mode that follows when a watched voltage is passed."""
        ladder = [EpsMode.EMPTY, EpsMode.CRITICAL, EpsMode.SAFE, EpsMode.NORMAL]
        return ladder[ladder.index(mode) + (1 if rising else -1)]


class Ramp:
    """A piecewise linear function of mission time, walked forwards.

    ``knots_s`` rise strictly; outside them the function is constant.
    """

    def __init__(self, knots_s: Sequence[float], values: Sequence[float]) -> None:
        """Keep plain lists: single look-ups are faster than in arrays."""
        self._knots_s, self._values = list(knots_s), list(values)

    def at(self, t_s: float) -> tuple[float, float, float]:
        """Return value, slope per second, and until when that slope holds."""
        k = bisect_right(self._knots_s, t_s)
        if k == 0:
            return self._values[0], 0.0, self._knots_s[0]
        if k == len(self._knots_s):
            return self._values[-1], 0.0, float("inf")
        t0, t1 = self._knots_s[k - 1], self._knots_s[k]
        v0, v1 = self._values[k - 1], self._values[k]
        slope = (v1 - v0) / (t1 - t0)
        return v0 + slope * (t_s - t0), slope, t1
