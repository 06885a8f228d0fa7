"""A stretch of time in which a battery's charge follows one closed form."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, log, sqrt
from typing import NamedTuple

from payloads.charge_levels import Level

_MOST_ROUNDS = 200  # of a root; bisection alone needs 60
_FINEST_S = 1e-13  # of the bracket of a root
_SHARPNESS = 4e-16  # the same, relative


class Piece(NamedTuple):
    """Power at the terminals, and what it does to the charge, within one level.

    ``power_w`` is positive in charging and linear in time, with ``slope_w_s``.
    Or the battery itself sets it: then ``fades_per_s`` is positive, and power
    falls with the charge that it brings. ``gain`` is stored joules per joule
    behind the inner resistance; ``limited`` says that the battery, not what is
    offered or asked, sets the power.
    """

    level: Level
    charge_j: float
    power_w: float
    slope_w_s: float
    gain: float
    fades_per_s: float = 0.0
    limited: bool = False

    @property
    def moves(self) -> bool:
        """Return whether any power flows."""
        return self.power_w != 0.0 or self.slope_w_s != 0.0

    def power_at_w(self, t_s: float) -> float:
        """Return the power at the terminals."""
        if not self.fades_per_s:
            return self.power_w + self.slope_w_s * t_s
        z = self._drop_at(t_s)
        return of_inner_w(self.level.short_w * z, self.level.short_w)

    def charge_at_j(self, t_s: float) -> float:
        """Return the charge."""
        if self.fades_per_s:
            return self.charge_j + (self.power_w - self.power_at_w(t_s)) / self.level.fall_w_per_j
        x = drop(self.power_w, self.level.short_w)
        y = drop(self.power_w + self.slope_w_s * t_s, self.level.short_w)
        return self.charge_j + self.gain * self.level.short_w * _mean_drop(x, y) * t_s

    def moved_j(self, t_s: float) -> float:
        """Return the energy that went in at the terminals until ``t_s``."""
        if not self.fades_per_s:
            return (self.power_w + 0.5 * self.slope_w_s * t_s) * t_s
        z0, z1 = drop(self.power_w, self.level.short_w), self._drop_at(t_s)
        powers = 2.0 + 1.5 * (z0 + z1) + (z0 * z0 + z0 * z1 + z1 * z1) / 3.0
        return 0.5 * self.level.short_w / self.fades_per_s * (z0 - z1) * powers

    def reaches_s(self, charge_j: float, dt_s: float) -> float:
        """Return when within ``dt_s`` the charge is reached, or infinity; it moves one way."""
        start, end = self.charge_j - charge_j, self.charge_at_j(dt_s) - charge_j
        if start == 0.0:
            return 0.0
        if (start > 0.0) == (end > 0.0) and end != 0.0:
            return inf
        return root_s(lambda t_s: self.charge_at_j(t_s) - charge_j, 0.0, dt_s, start, end)

    def shows_v(self, t_s: float, volts: float) -> float:
        """Return by how much the terminals lie above ``volts``, or a multiple of it.

        Terminals at ``volts`` carry power / ``volts`` through the inner
        resistance: what lies above that at rest, lies above it under load.
        """
        rest_v = self.level.rest_v(self.charge_at_j(t_s))
        return rest_v - volts + self.level.ohm * self.power_at_w(t_s) / volts

    def _drop_at(self, t_s: float) -> float:
        """Return z + ln z = z₀ + ln z₀ - fades · t, solved for z: Lambert's W."""
        z = drop(self.power_w, self.level.short_w)
        target = z + log(z) - self.fades_per_s * t_s
        log_z = log(z) - self.fades_per_s * t_s  # below the root, from where Newton overshoots once
        for _ in range(_MOST_ROUNDS):
            z = exp(log_z)
            step = (z + log_z - target) / (1.0 + z)
            log_z -= step
            if abs(step) <= _SHARPNESS * max(1.0, abs(log_z)):
                break
        return exp(log_z)


def drop(power_w: float, short_w: float) -> float:
    """Return √(1 + 2 power / short) - 1: twice the voltage over the resistance, by that at rest.

    A battery asked for more than half of ``short_w`` gives that half.
    """
    share = max(2.0 * power_w / short_w, -1.0)
    return share / (1.0 + sqrt(1.0 + share))


def inner_w(power_w: float, short_w: float) -> float:
    """Return the power behind the inner resistance, of which ``power_w`` shows at the terminals."""
    return short_w * drop(power_w, short_w)


def _mean_drop(x: float, y: float) -> float:
    """Return the mean drop while power goes in a straight line from one drop to another.

    A drop is the root of something linear, less 1: two forms, neither of
    which cancels on its side.
    """
    if x == y:
        return x
    if x + y < -1.0:  # far down towards a short circuit
        a, b = 1.0 + x, 1.0 + y
        return 2.0 / 3.0 * (a * a + a * b + b * b) / (a + b) - 1.0
    return (3.0 * (x + y) + 2.0 * (x * x + x * y + y * y)) / (3.0 * (2.0 + x + y))


def of_inner_w(inner_w: float, short_w: float) -> float:
    """Return the power at the terminals that goes with one behind the inner resistance."""
    z = inner_w / short_w
    return 0.5 * short_w * z * (2.0 + z)


def root_s(
    f: Callable[[float], float], low_s: float, high_s: float, low: float, high: float
) -> float:
    """Return where ``f`` is zero between two times at which it has other signs.

    Regula falsi that halves the weight of an end that stays (Illinois), and
    halves the bracket where that is slow.
    """
    if low == 0.0 or high == 0.0:
        return low_s if low == 0.0 else high_s
    positive = low > 0.0  # of the early end, also when its weight has been halved to nothing
    for i in range(_MOST_ROUNDS):
        share = 0.5 if i % 3 == 2 or low == high else low / (low - high)
        t_s = low_s + share * (high_s - low_s)
        if not low_s < t_s < high_s:
            t_s = 0.5 * (low_s + high_s)
        if not low_s < t_s < high_s or high_s - low_s <= max(_SHARPNESS * high_s, _FINEST_S):
            break
        value = f(t_s)
        if value == 0.0:
            return t_s
        if (value > 0.0) == positive:
            low_s, low, high = t_s, value, 0.5 * high
        else:
            high_s, high, low = t_s, value, 0.5 * low
    return high_s
