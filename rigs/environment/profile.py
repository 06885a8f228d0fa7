"""What a station sees during a contact: range, elevation, and when it climbs past given angles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from rigs.environment.earth import Array
from rigs.environment.edges import EDGE_TOLERANCE_S, Lanes, find_edges, grid
from rigs.environment.passes import Sky, Station, degrees
from rigs.environment.trajectory import Trajectory

LIGHT_KM_S = 299_792.458
RANGE_TOLERANCE_KM = 0.1  # between knots: a third of a microsecond of light time
HORIZON_DEG = -1.0  # a contact that dips lower is not geometry; refraction and rounding may need 1°
_FIRST_STEP_S, _LONGEST_STEP_S = 60.0, 1800.0  # between knots before any is added
_FEWEST_STEPS = 120  # of a contact longer than two hours

Steps: TypeAlias = tuple[tuple[float, float], ...]
"""Pairs of mission time in s and what holds from then on, or is linear in between."""


class Hearing(Protocol):
    """A contact or a pass: who hears the satellite, and when."""

    @property
    def station(self) -> str:
        """The station's name."""

    @property
    def aos_s(self) -> float:
        """Acquisition of signal, in mission seconds."""

    @property
    def los_s(self) -> float:
        """Loss of signal, in mission seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Range and elevation from AOS to LOS at knots, one entry each; without knots, unknown.

    Between knots the range is linear to ``RANGE_TOLERANCE_KM`` or what was asked for.
    """

    t_s: Array
    range_km: Array
    elevation_deg: Array

    @property
    def known(self) -> bool:
        """Return whether range and elevation are known."""
        return len(self.t_s) > 0

    @property
    def light(self) -> Steps:
        """Return the one-way light time in seconds at each knot; empty if unknown."""
        return tuple(zip(self.t_s.tolist(), (self.range_km / LIGHT_KM_S).tolist(), strict=True))


UNKNOWN = Profile(np.empty(0), np.empty(0), np.empty(0))


def profiles(
    trajectory: Trajectory,
    stations: Sequence[Station],
    contacts: Sequence[Hearing],
    tolerance_km: float = RANGE_TOLERANCE_KM,
) -> list[Profile]:
    """Return the profile of each contact along an Earth-fixed trajectory.

    It is unknown where the station is not among ``stations``, or the
    satellite is below the horizon at any moment of the contact.
    """
    table = _Table.of(stations, contacts)
    result = [UNKNOWN] * len(contacts)
    if not len(table.number):
        return result
    sky = Sky(trajectory, stations)
    who, t_s, range_km = _range_knots(sky, table, tolerance_km)
    elevation_deg = degrees(sky.sine_of_elevation(t_s, table.lane[who]))
    turns = (np.flatnonzero(np.diff(who)) + 1).tolist()
    bounds = zip([0, *turns], [*turns, len(who)], table.number.tolist(), strict=True)
    for first, end, number in bounds:
        part = slice(first, end)
        if elevation_deg[part].min() >= HORIZON_DEG:
            result[number] = Profile(t_s[part], range_km[part], elevation_deg[part])
    return result


def rate_steps(
    trajectory: Trajectory,
    stations: Sequence[Station],
    contacts: Sequence[Hearing],
    rate_bps: float,
    rates: Sequence[Sequence[float]],
) -> list[Steps]:
    """Return when the rate of each contact changes, and to what.

    ``rates`` are pairs of elevation in degrees, ascending, and bits per second from there on
    upwards; below the first, and before the first step, ``rate_bps`` holds. A contact of an
    unknown station has no step.
    """
    table = _Table.of(stations, contacts)
    result: list[Steps] = [()] * len(contacts)
    if not len(table.number) or not rates:
        return result
    sky = Sky(trajectory, stations)
    sines = np.sin(np.radians([above_deg for above_deg, _ in rates]))
    who, from_s, until_s = _pieces(table, [_crossings(sky, table, sine) for sine in sines])
    middle = sky.sine_of_elevation(0.5 * (from_s + until_s), table.lane[who])
    bps = np.array([rate_bps, *(bps for _, bps in rates)])[np.searchsorted(sines, middle, "right")]
    first = np.concatenate([[True], who[1:] != who[:-1]])
    before = np.where(first, rate_bps, np.concatenate([[rate_bps], bps[:-1]]))
    step = bps != before
    columns = (table.number[who[step]].tolist(), from_s[step].tolist(), bps[step].tolist())
    for number, t_s, changed in zip(*columns, strict=True):
        result[number] += ((t_s, changed),)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """The contacts of known stations: their numbers, stations and ends, one entry each."""

    number: Lanes
    lane: Lanes
    aos_s: Array
    los_s: Array

    @classmethod
    def of(cls, stations: Sequence[Station], contacts: Sequence[Hearing]) -> _Table:
        lanes = {station.name: lane for lane, station in enumerate(stations)}
        rows = [
            (number, lanes[contact.station], contact.aos_s, contact.los_s)
            for number, contact in enumerate(contacts)
            if contact.station in lanes
        ]
        number, lane, aos_s, los_s = np.array(rows, np.float64).reshape(-1, 4).T
        return cls(number.astype(np.intp), lane.astype(np.intp), aos_s, los_s)


def _range_knots(sky: Sky, table: _Table, tolerance_km: float) -> tuple[Lanes, Array, Array]:
    """Return contact, time and range of each knot, in order of contact, then time.

    Steps are cut until the chord of each is as near to the range as asked for.
    """
    whole_s = table.los_s - table.aos_s
    steps = np.clip(whole_s / _FIRST_STEP_S, 1.0, _FEWEST_STEPS)
    steps = np.maximum(steps, whole_s / _LONGEST_STEP_S)
    every = np.arange(len(table.lane))
    ends = sky.range_km(table.aos_s, table.lane), sky.range_km(table.los_s, table.lane)
    last = every, table.los_s, ends[1]
    chords = _Chords(every, table.aos_s, table.los_s, *ends).cut(sky, table.lane, steps)
    found = [last, *_settled(sky, table.lane, chords, tolerance_km)]
    who, t_s, range_km = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((t_s, who))
    return who[order], t_s[order], range_km[order]


def _settled(
    sky: Sky, lane: Lanes, chords: _Chords, tolerance_km: float
) -> Iterator[tuple[Lanes, Array, Array]]:
    """Yield contact, time and range of where the chords begin that need no further cut."""
    while len(chords.who):
        error_km = chords.error_km(sky, lane)
        good = error_km <= tolerance_km
        yield chords.who[good], chords.from_s[good], chords.from_km[good]
        chords = chords.only(~good).cut(sky, lane, np.sqrt(error_km[~good] / tolerance_km))


@dataclass(frozen=True, slots=True, eq=False)
class _Chords:
    """Stretches of contacts over which the range is taken as linear."""

    who: Lanes
    from_s: Array
    until_s: Array
    from_km: Array
    until_km: Array

    def only(self, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> _Chords:
        """Return some of the chords."""
        return _Chords(
            self.who[kept], self.from_s[kept], self.until_s[kept],
            self.from_km[kept], self.until_km[kept],
        )  # fmt: skip

    def error_km(self, sky: Sky, lane: Lanes) -> Array:
        """Return how far each chord is from the range at worst.

        Where the range is a parabola, that is 4/3 of the error at a quarter of the chord; where
        it is a cubic, the larger error of the two quarters tells no less; 2% are for the rest.
        """
        span_s, rise_km = self.until_s - self.from_s, self.until_km - self.from_km
        missed_km = [
            sky.range_km(self.from_s + part * span_s, lane[self.who])
            - (self.from_km + part * rise_km)
            for part in (0.25, 0.75)
        ]
        worst: Array = np.abs(missed_km).max(axis=0) * (1.02 * 4.0 / 3.0)
        return worst

    def cut(self, sky: Sky, lane: Lanes, parts: Array) -> _Chords:
        """Return each chord cut evenly into ``parts``, rounded up."""
        count = np.ceil(parts).astype(np.intp)
        old = np.repeat(np.arange(len(count)), count)
        ends = np.cumsum(count)
        nth = np.arange(len(old)) - (ends - count)[old]
        step_s = ((self.until_s - self.from_s) / count)[old]
        who, from_s = self.who[old], self.from_s[old] + nth * step_s
        from_km = sky.range_km(from_s, lane[who])
        until_s, until_km = np.append(from_s[1:], 0.0), np.append(from_km[1:], 0.0)
        until_s[ends - 1], until_km[ends - 1] = self.until_s, self.until_km
        return _Chords(who, from_s, until_s, from_km, until_km)


def _crossings(sky: Sky, table: _Table, sine: float) -> tuple[Lanes, Array]:
    """Return contact and time of each crossing of an elevation, in no order."""
    whole_s = table.los_s - table.aos_s
    longest_s = float(whole_s.max())
    stretch = whole_s / longest_s  # all contacts are searched as if as long as the longest

    def height(t_s: Array, who: Lanes) -> Array:
        moment_s = table.aos_s[who] + t_s * stretch[who]
        above: Array = sky.sine_of_elevation(moment_s, table.lane[who]) - sine
        return above

    edges = find_edges(height, len(table.lane), grid(longest_s), EDGE_TOLERANCE_S)
    t_s = table.aos_s[edges.lane] + edges.t_s * stretch[edges.lane]
    early_s, late_s = table.aos_s[edges.lane], table.los_s[edges.lane]
    # The mask is often one of the elevations: its crossing is AOS or LOS itself.
    inside = (t_s > early_s + 2 * EDGE_TOLERANCE_S) & (t_s < late_s - 2 * EDGE_TOLERANCE_S)
    return edges.lane[inside], t_s[inside]


def _pieces(table: _Table, crossings: Sequence[tuple[Lanes, Array]]) -> tuple[Lanes, Array, Array]:
    """Return contact, begin and end of each stretch between crossings, in order."""
    starts = (np.arange(len(table.lane)), table.aos_s)
    who, from_s = (np.concatenate(column) for column in zip(starts, *crossings, strict=True))
    order = np.lexsort((from_s, who))
    who, from_s = who[order], from_s[order]
    until_s = np.append(from_s[1:], 0.0)
    last = np.append(who[1:] != who[:-1], True)
    until_s[last] = table.los_s[who[last]]
    return who, from_s, until_s
