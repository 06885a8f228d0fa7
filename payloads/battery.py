"""A battery without inner resistance: closed forms, exact at any step."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, sqrt
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

J_PER_WH = 3600.0

Array = NDArray[np.float64]


class Flow(NamedTuple):
    """The charge after a step, and where energy went meanwhile; all in joules."""

    charge_j: float
    losses_j: float = 0.0  # in charging and discharging, and in the inner resistance
    curtailed_j: float = 0.0  # the battery was full, or took no more at once
    unserved_j: float = 0.0  # the battery was empty, or could give no more at once
    lowest_j: float = 0.0  # the least charge on the way
    highest_j: float = 0.0  # the most


class Watch(NamedTuple):
    """A voltage that a power system waits for.

    ``level_j`` is the charge at which a resting battery shows ``volts``. A
    rising one counts only while at least ``least_j`` are stored, so that
    voltage which came back because a load was shed does not count.
    """

    volts: float
    rising: bool
    level_j: float
    least_j: float = 0.0


class Store(Protocol):
    """What a satellite asks of its battery; power is array minus load, W."""

    @property
    def capacity_j(self) -> float:
        """Return the energy between empty and full."""
        ...

    def voltage_v(self, charge_j: float, net_w: float = 0.0) -> float:
        """Return the voltage at the terminals; without power, that of the open circuit."""
        ...

    def charge_at_v(self, voltage_v: float) -> float:
        """Return the charge in joules at an open-circuit voltage; clamped to the curve."""
        ...

    def step(self, charge_j: float, net_w: float, slope_w_s: float, dt_s: float) -> Flow:
        """Return the charge and the flow after ``dt_s`` of power that is linear in time."""
        ...

    def charges_j(self, charge_j: Array, net_w: Array, slopes_w_s: Array, dt_s: Array) -> Array:
        """Return the charges after many steps, each from its own start, all of shape (n,)."""
        ...

    def passes_s(
        self, charge_j: float, watch: Watch, net_w: float, slope_w_s: float, dt_s: float
    ) -> float | None:
        """Return when within ``dt_s`` a watched voltage is first passed, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Battery:
    """A store of energy with separate efficiencies and an open-circuit voltage.

    ``ocv`` lists (charge fraction, volts), both rising, from 0 to 1; charging
    stops at ``max_v``. Temperature is not modelled.
    """

    capacity_wh: float
    charge_efficiency: float
    discharge_efficiency: float
    ocv: tuple[tuple[float, float], ...]
    max_v: float = inf
    full_j: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "full_j", self.charge_at_v(self.max_v))

    @property
    def capacity_j(self) -> float:
        """Return the energy between empty and the end of the curve."""
        return self.capacity_wh * J_PER_WH

    def voltage_v(self, charge_j: float, net_w: float = 0.0) -> float:
        """Return the open-circuit voltage at a charge, whatever flows."""
        fractions, volts = zip(*self.ocv, strict=True)
        return float(np.interp(charge_j / self.capacity_j, fractions, volts))

    def charge_at_v(self, voltage_v: float) -> float:
        """Return the charge in joules at an open-circuit voltage; clamped to the curve."""
        fractions, volts = zip(*self.ocv, strict=True)
        return float(np.interp(voltage_v, volts, fractions)) * self.capacity_j

    def step(self, charge_j: float, net_w: float, slope_w_s: float, dt_s: float) -> Flow:
        """Return the charge and the flow after ``dt_s``.

        ``net_w`` is array minus load at the start and changes by
        ``slope_w_s`` per second. Closed form, so steps compose.
        """
        end_w = net_w + slope_w_s * dt_s
        if net_w * end_w >= 0.0:  # one sign: as most of the time, without a loop
            piece_j = 0.5 * (net_w + end_w) * dt_s
            if piece_j > 0.0:
                after_j, lost_j, over_j = self._charge(charge_j, piece_j)
                return Flow(after_j, lost_j, over_j, 0.0, charge_j, max(charge_j, after_j))
            after_j, lost_j, short_j = self._discharge(charge_j, -piece_j)
            return Flow(after_j, lost_j, 0.0, short_j, min(charge_j, after_j), charge_j)
        losses_j = curtailed_j = unserved_j = 0.0
        lowest_j = highest_j = charge_j
        for _, piece_j in _signed_pieces(net_w, slope_w_s, dt_s):
            if piece_j > 0.0:
                charge_j, lost_j, over_j = self._charge(charge_j, piece_j)
                curtailed_j += over_j
                highest_j = max(highest_j, charge_j)
            else:
                charge_j, lost_j, short_j = self._discharge(charge_j, -piece_j)
                unserved_j += short_j
                lowest_j = min(lowest_j, charge_j)
            losses_j += lost_j
        return Flow(charge_j, losses_j, curtailed_j, unserved_j, lowest_j, highest_j)

    def charges_j(self, charge_j: Array, net_w: Array, slopes_w_s: Array, dt_s: Array) -> Array:
        """Return the charges after many steps, each from its own start, all of shape (n,)."""
        end_w = net_w + slopes_w_s * dt_s
        turns = net_w * end_w < 0.0
        turn_s = np.divide(-net_w, slopes_w_s, out=dt_s.astype(np.float64), where=turns)
        first_j = 0.5 * np.where(turns, net_w, net_w + end_w) * turn_s
        second_j = np.where(turns, 0.5 * end_w * (dt_s - turn_s), 0.0)
        return self._moved(self._moved(charge_j, first_j), second_j)

    def _moved(self, charge_j: Array, energy_j: Array) -> Array:
        """Return charges after energies that are offered or, where negative, asked for."""
        filled = np.minimum(
            charge_j + self.charge_efficiency * energy_j, np.maximum(self.full_j, charge_j)
        )
        drawn = np.maximum(charge_j + energy_j / self.discharge_efficiency, 0.0)
        moved: Array = np.where(energy_j > 0.0, filled, drawn)
        return moved

    def passes_s(
        self, charge_j: float, watch: Watch, net_w: float, slope_w_s: float, dt_s: float
    ) -> float | None:
        """Return when within ``dt_s`` the charge first reaches ``watch.level_j``, or None.

        That level lies below full.
        """
        most_j = (abs(net_w) + abs(slope_w_s) * dt_s) * dt_s / self.discharge_efficiency
        level_j = watch.level_j
        if abs(level_j - charge_j) > most_j:
            return None  # far from it, as most of the time
        done_s = 0.0
        for piece_s, piece_j in _signed_pieces(net_w, slope_w_s, dt_s):
            gain = self.charge_efficiency if piece_j > 0.0 else 1.0 / self.discharge_efficiency
            short_j = (level_j - charge_j) / gain
            if short_j * piece_j > 0.0 and abs(short_j) <= abs(piece_j):
                return done_s + _time_to_move_s(short_j, net_w + slope_w_s * done_s, slope_w_s)
            charge_j = min(max(charge_j + gain * piece_j, 0.0), max(self.full_j, charge_j))
            done_s += piece_s
        return None

    def _charge(self, charge_j: float, offered_j: float) -> tuple[float, float, float]:
        """Return the charge, what was lost and what was not taken."""
        room_j = max(self.full_j - charge_j, 0.0) / self.charge_efficiency
        taken_j = min(offered_j, room_j)
        stored_j = self.charge_efficiency * taken_j
        after_j = charge_j + stored_j if taken_j < room_j else max(self.full_j, charge_j)
        return after_j, taken_j - stored_j, offered_j - taken_j

    def _discharge(self, charge_j: float, wanted_j: float) -> tuple[float, float, float]:
        """Return the charge, what was lost and what was not given."""
        given_j = min(wanted_j, charge_j * self.discharge_efficiency)
        drawn_j = given_j / self.discharge_efficiency
        return max(charge_j - drawn_j, 0.0), drawn_j - given_j, wanted_j - given_j


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
