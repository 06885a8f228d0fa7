"""A battery seen from its terminals: inner resistance, and a charge that tapers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf, sqrt
from typing import NamedTuple

import numpy as np

from payloads.battery import Array, Battery, Flow, Watch
from payloads.charge_levels import Level, levels
from payloads.charge_piece import Piece, inner_w, of_inner_w, root_s

_NOTHING_W = 1e-12  # a limit below this is none: a tapering charge never quite ends
_ALIKE = 1e-12  # share within which offer and limit are the same
_SHORTEST_S = 1e-6  # a stretch, where offer and limit touch: no more than 1e-12 J are misplaced


class Stretch(NamedTuple):
    """A closed form from ``start_s`` on for ``length_s``, and the charge after it."""

    start_s: float
    piece: Piece
    length_s: float
    after_j: float


class TerminalBattery:
    """A battery with inner resistance and limits of charging.

    Its terminals show V = OCV + I R, charging positive; I² R is lost as heat
    before the charge efficiency and behind the discharge efficiency. Charging
    is cut to ``charge_limit_w``, tapers in a straight line from there at
    ``taper_fraction`` to nothing at full, and never lifts the terminals above
    ``max_v`` (the constant-voltage phase). Each stretch of time has a closed
    form, so steps compose; stretches end where power changes sign, offer and
    limit cross, or a level of charge is left.
    """

    def __init__(
        self,
        battery: Battery,
        resistance_ohm: float = 0.0,
        charge_limit_w: float = inf,
        taper_fraction: float = 1.0,
    ) -> None:
        """Cut the curve into levels once."""
        self._battery = battery
        self._charge_gain = battery.charge_efficiency
        self._discharge_gain = 1.0 / battery.discharge_efficiency
        self._levels = levels(battery, resistance_ohm, charge_limit_w, taper_fraction)
        self._lows_j = [level.low_j for level in self._levels]

    @property
    def capacity_j(self) -> float:
        """Return the energy between empty and the end of the curve."""
        return self._battery.capacity_j

    def charge_at_v(self, voltage_v: float) -> float:
        """Return the charge in joules at an open-circuit voltage; clamped to the curve."""
        return self._battery.charge_at_v(voltage_v)

    def voltage_v(self, charge_j: float, net_w: float = 0.0) -> float:
        """Return the voltage at the terminals while the battery takes or gives what it can.

        A battery asked for more than it can give shows half of its
        open-circuit voltage.
        """
        level = self._level(charge_j, rising=net_w > 0.0)
        rest_v = level.rest_v(charge_j)
        power_w = min(net_w, level.most_w(charge_j)) if charge_j > 0.0 or net_w > 0.0 else 0.0
        return 0.5 * (rest_v + sqrt(max(rest_v * rest_v + 4.0 * level.ohm * power_w, 0.0)))

    def step(self, charge_j: float, net_w: float, slope_w_s: float, dt_s: float) -> Flow:
        """Return the charge and the flow after ``dt_s`` of power that is linear in time."""
        losses_j = curtailed_j = unserved_j = 0.0
        lowest_j = highest_j = charge_j
        for start_s, piece, length_s, after_j in self._stretches(charge_j, net_w, slope_w_s, dt_s):
            offered_j = (net_w + slope_w_s * (start_s + 0.5 * length_s)) * length_s
            moved_j = piece.moved_j(length_s)
            losses_j += moved_j - (after_j - charge_j)
            if piece.limited:
                curtailed_j += max(offered_j - moved_j, 0.0)
                unserved_j += max(moved_j - offered_j, 0.0)
            charge_j = after_j
            lowest_j, highest_j = min(lowest_j, charge_j), max(highest_j, charge_j)
        return Flow(charge_j, losses_j, curtailed_j, unserved_j, lowest_j, highest_j)

    def charges_j(self, charge_j: Array, net_w: Array, slopes_w_s: Array, dt_s: Array) -> Array:
        """Return the charges after many steps, each from its own start, made one by one."""
        columns = (column.tolist() for column in (charge_j, net_w, slopes_w_s, dt_s))
        return np.array([self.step(*row).charge_j for row in zip(*columns, strict=True)])

    def passes_s(
        self, charge_j: float, watch: Watch, net_w: float, slope_w_s: float, dt_s: float
    ) -> float | None:
        """Return when within ``dt_s`` the terminals first lie beyond a watched voltage, or None.

        At once, if they do so from the start: a load that was switched on
        pulls them down, and what then shows is what counts.
        """
        for start_s, piece, length_s, _ in self._stretches(charge_j, net_w, slope_w_s, dt_s):
            hit_s = _first_beyond_s(piece, watch, length_s)
            if hit_s is not None:
                return start_s + hit_s
        return None

    def _level(self, charge_j: float, *, rising: bool) -> Level:
        """Return the level into which the charge moves; a border belongs to both sides."""
        bisect = bisect_right if rising else bisect_left
        return self._levels[max(bisect(self._lows_j, charge_j) - 1, 0)]

    def _stretches(
        self, charge_j: float, net_w: float, slope_w_s: float, dt_s: float
    ) -> Iterator[Stretch]:
        done_s = 0.0
        limited: bool | None = None  # not yet known
        turn_s = -net_w / slope_w_s if slope_w_s else inf
        while done_s < dt_s:
            power_w = 0.0 if done_s == turn_s else net_w + slope_w_s * done_s
            end_s = turn_s if done_s < turn_s < dt_s else dt_s
            left_s = end_s - done_s
            if power_w > 0.0 or (power_w == 0.0 and slope_w_s > 0.0):
                level = self._level(charge_j, rising=True)
                piece = self._charging(level, charge_j, power_w, slope_w_s, limited)
                border_j, until_s = level.high_j, _switch_s(piece, power_w, slope_w_s, left_s)
            else:
                level = self._level(charge_j, rising=False)
                piece = self._discharging(level, charge_j, power_w, slope_w_s)
                border_j, until_s = level.low_j, _recovers_s(piece, power_w, slope_w_s)
            length_s = min(max(until_s, _SHORTEST_S), left_s)
            border_s = piece.reaches_s(border_j, length_s) if piece.moves else inf
            if border_s <= length_s:
                length_s, after_j, limited = border_s, border_j, None
            else:
                after_j = piece.charge_at_j(length_s)
                limited = not piece.limited if length_s < left_s else None
            yield Stretch(done_s, piece, length_s, after_j)
            charge_j = after_j
            done_s = done_s + length_s if length_s < left_s else end_s

    def _charging(
        self,
        level: Level,
        charge_j: float,
        power_w: float,
        slope_w_s: float,
        limited: bool | None,
    ) -> Piece:
        """Return what begins with ``power_w`` on offer: all of it is taken, or the limit."""
        most_w, gain = level.most_w(charge_j), self._charge_gain
        if most_w < _NOTHING_W:
            return Piece(level, charge_j, 0.0, 0.0, gain, limited=True)
        fades_per_s = gain * level.fall_w_per_j
        if limited is None and power_w < most_w * (1.0 - _ALIKE):
            limited = False
        elif limited is None and power_w > most_w * (1.0 + _ALIKE):
            limited = True
        elif limited is None:  # the one that falls faster rules
            limited = slope_w_s >= -fades_per_s * inner_w(most_w, level.short_w)
        if limited:
            return Piece(level, charge_j, most_w, 0.0, gain, fades_per_s, limited=True)
        return Piece(level, charge_j, power_w, slope_w_s, gain)

    def _discharging(
        self, level: Level, charge_j: float, power_w: float, slope_w_s: float
    ) -> Piece:
        """Return what begins with ``power_w`` asked: all of it is given, or what can be."""
        gain, least_w = self._discharge_gain, -0.5 * level.short_w
        if charge_j <= 0.0:
            return Piece(level, 0.0, 0.0, 0.0, gain, limited=True)
        if power_w < least_w or (power_w == least_w and slope_w_s < 0.0):
            return Piece(level, charge_j, least_w, 0.0, gain, limited=True)
        return Piece(level, charge_j, power_w, slope_w_s, gain)


def _switch_s(piece: Piece, power_w: float, slope_w_s: float, left_s: float) -> float:
    """Return when the offer falls below the limit or rises above it, or infinity."""
    if not piece.moves:
        return inf
    if piece.limited:  # the limit falls ever slower: it meets the offer once

        def over_w(t_s: float) -> float:
            return power_w + slope_w_s * t_s - piece.power_at_w(t_s)

        return _falls_below_s(over_w, 0.0, left_s)

    def room_w(t_s: float) -> float:
        return piece.level.most_w(piece.charge_at_j(t_s)) - piece.power_at_w(t_s)

    if room_w(left_s) == inf:
        return inf
    least_s = left_s
    if slope_w_s < 0.0 and piece.level.fall_w_per_j > 0.0:  # room shrinks, and grows again
        inner = -slope_w_s / (piece.gain * piece.level.fall_w_per_j)
        turn_s = (of_inner_w(inner, piece.level.short_w) - power_w) / slope_w_s
        least_s = min(max(turn_s, 0.0), left_s)
    return _falls_below_s(room_w, 0.0, least_s)


def _falls_below_s(f: Callable[[float], float], start_s: float, end_s: float) -> float:
    """Return when a function that begins at zero or above, and turns but once, gets below."""
    end = f(end_s)
    if end >= 0.0:
        return inf
    return root_s(f, start_s, end_s, max(f(start_s), 0.0), end)


def _recovers_s(piece: Piece, power_w: float, slope_w_s: float) -> float:
    """Return when the load passes what the battery can give at most, either way, or infinity."""
    if not piece.moves or slope_w_s == 0.0 or piece.limited != (slope_w_s > 0.0):
        return inf
    return (-0.5 * piece.level.short_w - power_w) / slope_w_s


def _first_beyond_s(piece: Piece, watch: Watch, length_s: float) -> float | None:
    """Return when the terminals first lie beyond what is watched, or None."""
    window = _window_s(piece, watch, length_s)
    if window is None:
        return None
    sign = 1.0 if watch.rising else -1.0

    def beyond_v(t_s: float) -> float:
        return sign * piece.shows_v(t_s, watch.volts)

    value = beyond_v(window[0])
    for start_s, end_s in pairwise(sorted({*window, *_turns_s(piece, watch, *window)})):
        if value >= 0.0:
            return start_s
        before, value = value, beyond_v(end_s)
        if value >= 0.0:
            return root_s(beyond_v, start_s, end_s, before, value)
    return None


def _window_s(piece: Piece, watch: Watch, length_s: float) -> tuple[float, float] | None:
    """Return the time in which enough is stored for a rising voltage to count."""
    if not watch.rising or watch.least_j <= 0.0:
        return 0.0, length_s
    first = piece.charge_j >= watch.least_j
    last = piece.charge_at_j(length_s) >= watch.least_j
    if first and last:
        return 0.0, length_s
    if not first and not last:
        return None
    at_s = min(piece.reaches_s(watch.least_j, length_s), length_s)
    return (0.0, at_s) if first else (at_s, length_s)


def _turns_s(piece: Piece, watch: Watch, start_s: float, end_s: float) -> tuple[float, ...]:
    """Return when the voltage turns, if it does: charge and load pull it opposite ways."""
    rise = piece.level.rise_v_per_j
    if not piece.slope_w_s or not rise:
        return ()
    inner = -piece.level.ohm * piece.slope_w_s / (watch.volts * rise * piece.gain)
    turn_s = (of_inner_w(inner, piece.level.short_w) - piece.power_w) / piece.slope_w_s
    return (turn_s,) if start_s < turn_s < end_s else ()
