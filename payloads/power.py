"""The load-shedding state machine, and functions of time that are linear between knots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


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
    bus browns out; it wakes at ``wake_v``. They are voltages at the terminals:
    a heavy load pulls them below a threshold at once.

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

    def held_v(self, mode: EpsMode, rest_v: float) -> float:
        """Return the open-circuit voltage below which a ``mode`` entered at ``rest_v`` stays.

        Shedding a load lifts the terminals by what it drew times the inner
        resistance. Only what the battery itself regains counts as rising: the
        gap between the two thresholds. So no load comes back on a battery that
        could not carry it before, and none flutters; a battery that can never regain
        the gap leaves the load off for good.
        """
        falling_v, rising_v = self.watched_v(self.after(mode, True))[0], self.watched_v(mode)[1]
        if falling_v is None or rising_v is None:
            return 0.0
        return rest_v + rising_v - falling_v

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
        self.knots_s, self.values = list(knots_s), list(values)

    def at(self, t_s: float) -> tuple[float, float, float]:
        """Return value, slope per second, and until when that slope holds."""
        k = bisect_right(self.knots_s, t_s)
        if k == 0:
            return self.values[0], 0.0, self.knots_s[0]
        if k == len(self.knots_s):
            return self.values[-1], 0.0, float("inf")
        t0, t1 = self.knots_s[k - 1], self.knots_s[k]
        v0, v1 = self.values[k - 1], self.values[k]
        slope = (v1 - v0) / (t1 - t0)
        return v0 + slope * (t_s - t0), slope, t1
