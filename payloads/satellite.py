"""The satellite: one battery, one radiator and the computers on its bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from firmware_bridge.telemetry import TelemetrySample
from payloads.ageing import Fade, Swings
from payloads.battery import J_PER_WH, Store, Watch
from payloads.computer import PayloadComputer
from payloads.events import (
    BatteryCrossed,
    Housekeeping,
    HousekeepingDue,
    MissionStarted,
    ModeChanged,
    OvercurrentTripped,
    SatelliteAction,
    SatelliteEvent,
    Schedule,
    TransmitterSwitched,
    TripCrossed,
)
from payloads.history import History
from payloads.power import Eps, EpsMode, Ramp
from payloads.sky_power import SkyPower, SkyRamp
from payloads.thermal import ZERO_CELSIUS_K, ThermalStar

_CROSSING_TOLERANCE_S = 1e-6  # to which the moment of passing a trip point is found,
_CROSSING_TOLERANCE_K = 1e-6  # or by how much it is passed
SECONDS_PER_YEAR = 365.25 * 86_400.0
# How far to look ahead; a die that swings past its limit and back within a look is not seen, so a
# look that ends within _NEAR_K of one is halved down to the first of these.
_NEAR_LOOK_S, _LONGEST_LOOK_S = 60.0, 240.0
_NEAR_K = 0.25


NO_FADE = Fade(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class BusLoads:
    """What the rest of the satellite draws, W."""

    normal_w: float
    safe_w: float
    transmitter_w: float


@dataclass(frozen=True, slots=True)
class Breaker:
    """The over-current switch of a payload's supply: a limit and how long it is borne."""

    limit_w: float
    delay_s: float


@dataclass(frozen=True, slots=True)
class Bus:
    """What a satellite is made of, besides its computers."""

    battery: Store
    eps: Eps
    loads: BusLoads
    breaker: Breaker
    star: ThermalStar  # one die for each computer, in their order
    array_w: Ramp
    absorbed_w: Ramp
    housekeeping_s: float
    start_charge_j: float
    start_k: float
    structure_w: Ramp | None = None  # what the structure absorbs, if there is one
    fade: Fade = NO_FADE


class _Ahead(NamedTuple):
    """What a look ahead found: the state after ``dt_s``, and the threshold passed there."""

    t_s: float
    dt_s: float
    sky: SkyPower
    kelvin: list[float]
    crossed: SatelliteEvent | None


class Satellite:
    """Integrates power and heat from event to event, and reacts; performs nothing."""

    def __init__(self, bus: Bus, computers: Mapping[str, PayloadComputer]) -> None:
        """Start at mission time zero with every payload off."""
        self._bus, self._computers = bus, dict(computers)
        self._names = list(self._computers)
        self._sky = SkyRamp(bus.array_w, bus.absorbed_w, bus.structure_w)
        self._t_s = 0.0
        self._ahead: _Ahead | None = None
        self._history: History | None = None
        self._charge_j = self._lowest_j = bus.start_charge_j
        self._swings = Swings(bus.start_charge_j, bus.battery.capacity_j)
        self._held_v: dict[EpsMode, float] = {}  # at rest: below it, what was shed stays so
        self._mode = bus.eps.mode_at(bus.battery.voltage_v(bus.start_charge_j))
        self._transmitting = False
        self._looks = 0  # of housekeeping, the first at mission start
        self._payload_w = [0.0 for _ in self._names]
        self._surges = [0 for _ in self._names]
        self._kelvin = [bus.start_k] * bus.star.nodes
        self._coldest, self._hottest = list(self._kelvin), list(self._kelvin)
        self._energy_j = [0.0 for _ in self._names]
        self._generated_j = self._consumed_j = self._curtailed_j = 0.0
        self._unserved_j = self._losses_j = self._shed_s = 0.0
        self._set_mode(self._mode)

    def coast(self, until_s: float) -> tuple[float, SatelliteEvent] | None:
        """Go on to ``until_s``, or to the first threshold passed on the way.

        Returns the moment and the event of that threshold, or None when
        nothing is passed until then. It looks ahead as far as the sky is
        linear, and moves the state only when somebody needs it: events that
        change no load cost nothing, and leave no trace in the numbers.
        """
        while self._t_s < until_s:
            ahead = self._ahead = self._ahead or self._look_ahead(self._t_s + _LONGEST_LOOK_S)
            if until_s < ahead.t_s:
                return None
            self._take(ahead)
            if ahead.crossed is not None:
                return ahead.t_s, ahead.crossed
        return None

    def keep_history(self) -> History:
        """Return what from here on takes down how the state moves; without it nothing does."""
        self._history = History(self._bus.star, self._bus.battery)
        return self._history

    def react(self, t_s: float, event: SatelliteEvent) -> list[SatelliteAction]:
        """Return what is to be done about ``event``; `coast` has come to ``t_s``."""
        self._catch_up(t_s)
        match event:
            case TelemetrySample():
                return self._meter(t_s, event)
            case BatteryCrossed(rising=rising):
                return self._change_mode(rising)
            case TransmitterSwitched(on=on):
                self._transmitting = on
                self._draw()
                return []
            case HousekeepingDue():
                self._looks += 1
                next_s = self._looks * self._bus.housekeeping_s
                return [self.housekeeping(t_s), Schedule(next_s, event)]
            case MissionStarted():
                return self._start(t_s)
            case OvercurrentTripped(surge=surge) if surge != self._surge_of(event.payload):
                return []  # the current fell again before the breaker opened
            case _:
                return list(self._computers[event.payload].react(t_s, event))

    def housekeeping(self, t_s: float) -> Housekeeping:
        """Return the state at ``t_s``, to which `coast` has come."""
        self._catch_up(t_s)
        array_w, load_w = self._bus.array_w.at(self._t_s)[0], self._load_w()
        return Housekeeping(
            mode=self._mode,
            array_w=array_w,
            load_w=load_w,
            payload_w=self._named(self._payload_w),
            battery_wh=self._charge_j / J_PER_WH,
            battery_v=self._bus.battery.voltage_v(self._charge_j, array_w - load_w),
            battery_min_wh=self._lowest_j / J_PER_WH,
            radiator_c=self._kelvin[-1] - ZERO_CELSIUS_K,
            die_c=self._named_c(self._kelvin),
            die_min_c=self._named_c(self._coldest),
            die_max_c=self._named_c(self._hottest),
            energy_j=self._named(self._energy_j),
            generated_wh=self._generated_j / J_PER_WH,
            consumed_wh=self._consumed_j / J_PER_WH,
            curtailed_wh=self._curtailed_j / J_PER_WH,
            unserved_wh=self._unserved_j / J_PER_WH,
            losses_wh=self._losses_j / J_PER_WH,
            shed_s=self._shed_s,
            battery_use=self._battery_use(),
        )

    def _battery_use(self) -> dict[str, float]:
        battery, use = self._bus.battery, self._swings.so_far()
        years = self._t_s / SECONDS_PER_YEAR
        return {
            "capacity_wh": battery.capacity_j / J_PER_WH,
            **use._asdict(),
            "fade": self._bus.fade.lost(use.equivalent_cycles, years),
        }

    def _named(self, values: list[float]) -> dict[str, float]:
        return dict(zip(self._names, values, strict=True))

    def _named_c(self, kelvin: list[float]) -> dict[str, float]:
        return {n: k - ZERO_CELSIUS_K for n, k in zip(self._names, kelvin, strict=False)}

    def _catch_up(self, t_s: float) -> None:
        """Move the state to ``t_s``, up to which nothing is passed, and look ahead afresh."""
        if self._t_s < t_s:
            self._take(self._look_ahead(t_s))
        self._ahead = None

    def _look_ahead(self, until_s: float) -> _Ahead:
        """Integrate to ``until_s``, the end of this linear stretch of sky, or a threshold."""
        sky, end_s = self._sky.at(self._t_s)
        end_s = min(until_s, end_s)
        crossed: SatelliteEvent | None
        dt_s, crossed = self._battery_crossing(end_s - self._t_s, sky)
        kelvin = self._heat_after(sky, dt_s)
        excess_k = self._excess_k(kelvin)
        if 0.0 > excess_k > -_NEAR_K and dt_s > _NEAR_LOOK_S:
            return self._look_ahead(self._t_s + 0.5 * dt_s)
        if excess_k >= 0.0:
            dt_s, kelvin, tripped = self._trip_crossing(sky, dt_s, kelvin)
            crossed = tripped or crossed
        end_s = end_s if crossed is None else self._t_s + dt_s
        return _Ahead(end_s, dt_s, sky, kelvin, crossed)

    def _take(self, ahead: _Ahead) -> None:
        """Move the state to what was seen ahead."""
        if self._history is not None:
            self._history.add(
                self._t_s,
                ahead.t_s,
                self._charge_j,
                self._kelvin,
                ahead.sky,
                self._load_now_w,
                self._payload_w,
            )
        self._account(ahead.sky, ahead.dt_s)
        self._t_s, self._kelvin, self._ahead = ahead.t_s, ahead.kelvin, None
        for i, kelvin in enumerate(ahead.kelvin):
            if kelvin < self._coldest[i]:
                self._coldest[i] = kelvin
            elif kelvin > self._hottest[i]:
                self._hottest[i] = kelvin

    def _battery_crossing(self, dt_s: float, sky: SkyPower) -> tuple[float, BatteryCrossed | None]:
        net_w = sky.array_w - self._load_now_w
        crossed: BatteryCrossed | None = None
        for watch in self._watched:
            hit_s = self._bus.battery.passes_s(self._charge_j, watch, net_w, sky.array_slope, dt_s)
            if hit_s is not None:
                dt_s, crossed = hit_s, BatteryCrossed(watch.rising, watch.volts)
        return dt_s, crossed

    def _heat_after(self, sky: SkyPower, dt_s: float) -> list[float]:
        """Return the temperatures ``dt_s`` on; the bus heats the structure, if there is one."""
        bus_w = self._bus_now_w
        star, payload_w, slope = self._bus.star, self._payload_w, sky.heat_slope
        if not star.has_structure:
            return star.step(self._kelvin, payload_w, sky.heat_w + bus_w, slope, dt_s)
        body_w, body_slope = sky.structure_w + bus_w, sky.structure_slope
        return star.step(self._kelvin, payload_w, sky.heat_w, slope, dt_s, body_w, body_slope)

    def _outside(self, kelvin: list[float]) -> TripCrossed | None:
        """Return the first die that is outside its governor's limits."""
        for name, k in zip(self._names, kelvin, strict=False):
            falling_c, rising_c = self._computers[name].watched_c
            die_c = k - ZERO_CELSIUS_K
            if die_c >= rising_c or die_c <= falling_c:
                return TripCrossed(name, die_c >= rising_c, die_c)
        return None

    def _excess_k(self, kelvin: list[float]) -> float:
        """Return by how much a die is outside its governor's limits; negative if all are inside."""
        excess = -inf
        for computer, k in zip(self._computers.values(), kelvin, strict=False):
            falling_c, rising_c = computer.watched_c
            die_c = k - ZERO_CELSIUS_K
            over_k, under_k = die_c - rising_c, falling_c - die_c
            if over_k > excess:
                excess = over_k
            if under_k > excess:
                excess = under_k
        return excess

    def _trip_crossing(
        self, sky: SkyPower, dt_s: float, kelvin: list[float]
    ) -> tuple[float, list[float], TripCrossed | None]:
        """Find the first moment at which a die is outside its governor's limits.

        Regula falsi that lowers the weight of an end that stays (Anderson and
        Björck, BIT 13 (1973), 253), aimed half a microkelvin beyond the limit,
        to within a microkelvin or a microsecond.
        """
        aim_k = 0.5 * _CROSSING_TOLERANCE_K
        inside_s, outside_s, excess_k = 0.0, dt_s, self._excess_k(kelvin)
        inside, outside = self._excess_k(self._kelvin) - aim_k, excess_k - aim_k  # weights
        moved_out: bool | None = None  # which end the last round moved
        while excess_k > _CROSSING_TOLERANCE_K and outside_s - inside_s > _CROSSING_TOLERANCE_S:
            share = min(max(inside / (inside - outside), 1e-3), 0.999)
            tried_s = inside_s + share * (outside_s - inside_s)
            tried = self._heat_after(sky, tried_s)
            tried_k = self._excess_k(tried)
            if tried_k >= 0.0:
                outside_s, kelvin, excess_k = tried_s, tried, tried_k
                inside *= _stays(tried_k - aim_k, outside) if moved_out is True else 1.0
                outside, moved_out = tried_k - aim_k, True
            else:
                outside *= _stays(tried_k - aim_k, inside) if moved_out is False else 1.0
                inside_s, inside, moved_out = tried_s, tried_k - aim_k, False
        return outside_s, kelvin, self._outside(kelvin)

    def _account(self, sky: SkyPower, dt_s: float) -> None:
        array_w, slope, load_w = sky.array_w, sky.array_slope, self._load_now_w
        charge_j, losses_j, curtailed_j, unserved_j, lowest_j, highest_j = self._bus.battery.step(
            self._charge_j, array_w - load_w, slope, dt_s
        )
        self._charge_j = charge_j
        if lowest_j < self._lowest_j:
            self._lowest_j = lowest_j
        self._swings.see(lowest_j, highest_j, charge_j)
        self._generated_j += (array_w + 0.5 * slope * dt_s) * dt_s
        self._consumed_j += load_w * dt_s - unserved_j
        self._losses_j += losses_j
        self._curtailed_j += curtailed_j
        self._unserved_j += unserved_j
        if self._mode is not EpsMode.NORMAL:
            self._shed_s += dt_s
        self._energy_j = [
            j + w * dt_s for j, w in zip(self._energy_j, self._payload_w, strict=True)
        ]

    def _load_w(self) -> float:
        loads, payload_w = self._bus.loads, sum(self._payload_w)
        if not self._mode.bus_on:
            return self._bus.eps.own_w + payload_w
        bus_w = loads.normal_w if self._mode is EpsMode.NORMAL else loads.safe_w
        radio_w = loads.transmitter_w if self._transmitting else 0.0
        return self._bus.eps.own_w + bus_w + radio_w + payload_w

    def _draw(self) -> None:
        """Take over what is drawn: by all, and by all but the payloads."""
        self._load_now_w = self._load_w()
        self._bus_now_w = self._load_now_w - sum(self._payload_w)

    def _set_mode(self, mode: EpsMode) -> None:
        """Take over what follows from the mode and the loads: what is drawn, what is watched."""
        self._mode = mode
        falling_v, rising_v = self._bus.eps.watched_v(mode)
        charge_at_v = self._bus.battery.charge_at_v
        self._draw()
        self._watched = []
        if falling_v is not None:
            self._watched.append(Watch(falling_v, False, charge_at_v(falling_v)))
        if rising_v is not None:
            held_j = charge_at_v(self._held_v.get(mode, 0.0))
            self._watched.append(Watch(rising_v, True, charge_at_v(rising_v), held_j))

    def _change_mode(self, rising: bool) -> list[SatelliteAction]:
        mode = self._bus.eps.after(self._mode, rising)
        before, actions = self._mode, list[SatelliteAction]()
        if not rising:
            rest_v = self._bus.battery.voltage_v(self._charge_j)
            self._held_v[mode] = self._bus.eps.held_v(mode, rest_v)
        self._set_mode(mode)
        actions.append(ModeChanged(mode, self._charge_j / J_PER_WH))
        for computer in self._computers.values():
            if mode is EpsMode.NORMAL:
                actions += computer.restore()
            elif before is EpsMode.NORMAL:
                actions += computer.shed()
        return actions

    def _start(self, t_s: float) -> list[SatelliteAction]:
        actions: list[SatelliteAction] = [ModeChanged(self._mode, self._charge_j / J_PER_WH)]
        for computer in self._computers.values():
            actions += computer.restore() if self._mode is EpsMode.NORMAL else []
            actions += computer.begin()
        return actions

    def _surge_of(self, payload: str) -> int:
        return self._surges[self._names.index(payload)]

    def _meter(self, t_s: float, sample: TelemetrySample) -> list[SatelliteAction]:
        """Take over what a board draws; one that draws too much is given the breaker's delay."""
        i = self._names.index(sample.payload)
        before_w, self._payload_w = self._payload_w[i], list(self._payload_w)  # histories keep it
        self._payload_w[i] = sample.power_w
        self._draw()
        limit_w = self._bus.breaker.limit_w
        if (sample.power_w > limit_w) == (before_w > limit_w):
            return []
        self._surges[i] += 1
        if sample.power_w <= limit_w:
            return []
        tripped = OvercurrentTripped(sample.payload, self._surges[i])
        return [Schedule(t_s + self._bus.breaker.delay_s, tripped)]


def _stays(now: float, before: float) -> float:
    """Return what is left of the weight of an end that stays while the other goes on."""
    left = 1.0 - now / before if before else 0.5
    return left if left > 0.0 else 0.5
