"""Contacts between a satellite and its ground stations, found as roots, not by stepping."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources

import numpy as np

from rigs.environment.earth import Array, site_km, zenith
from rigs.environment.edges import (
    EDGE_TOLERANCE_S,
    Lanes,
    find_crossings,
    find_intervals,
    find_roots,
    grid,
)
from rigs.environment.masks import Masks, Skyline, check_mask
from rigs.environment.orbit import Orbit
from rigs.environment.trajectory import Trajectory
from rigs.environment.vectors import dot, length

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CULMINATION_TOLERANCE_S = 0.01  # the elevation is flat there: 1e-6° at 7.6 km/s and 500 km
_SKYLINE_STEP_S = 5.0  # the azimuth of a satellite below 88° turns by less than 90° in it
_BRACKET_S, _FEWEST_BRACKETS, _MOST_BRACKETS = 300.0, 8, 400  # in which the highest is looked for


@dataclass(frozen=True, slots=True)
class Station:
    """A ground station on the WGS 84 ellipsoid; below ``mask_deg`` it sees nothing.

    The mask is one elevation, or points of (azimuth, elevation) in degrees,
    azimuth from north by east, linear in between and around north.
    """

    name: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float = 0.0
    mask_deg: float | Skyline = 5.0

    def __post_init__(self) -> None:
        for key, low, high, example in (
            ("latitude_deg", -90.0, 90.0, 67.86),
            ("longitude_deg", -180.0, 360.0, 20.96),
            ("altitude_m", -500.0, 9000.0, 400.0),
        ):
            value = getattr(self, key)
            if not low <= value <= high:
                raise ValueError(
                    f"station {self.name!r}: {key} = {value} is outside {low:g} to {high:g}; "
                    f"for example {example}"
                )
        try:
            object.__setattr__(self, "mask_deg", check_mask(self.mask_deg))
        except ValueError as error:
            raise ValueError(f"station {self.name!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class Pass:
    """One contact: from acquisition to loss of signal, in mission seconds.

    A contact under way at the start or the end of the mission is cut there:
    it ``starts_before`` or ``ends_after``, and AOS or LOS is the cut.
    Azimuths are in degrees from north by east, 0 to 360.
    """

    station: str
    aos_s: float
    los_s: float
    culmination_s: float
    max_elevation_deg: float
    starts_before: bool = False
    ends_after: bool = False
    # Not a number is not equal to itself, so a pass without azimuths would equal no other.
    aos_azimuth_deg: float = field(default=math.nan, compare=False)
    culmination_azimuth_deg: float = field(default=math.nan, compare=False)
    los_azimuth_deg: float = field(default=math.nan, compare=False)


def find_passes(
    orbit: Orbit, stations: Sequence[Station], start: datetime, horizon_s: float
) -> list[Pass]:
    """Return every pass over every station, in order of AOS.

    Straight lines, no refraction (0.15° at 5° elevation): the mask decides.
    """
    trajectory = Trajectory.of(orbit, start, horizon_s)
    return passes_along(trajectory.earth_fixed(start), stations, horizon_s)


def passes_along(
    trajectory: Trajectory, stations: Sequence[Station], horizon_s: float
) -> list[Pass]:
    """Return the passes of an Earth-fixed trajectory, in order of AOS."""
    if not stations:
        return []
    sky = Sky(trajectory, stations)
    lane, aos_s, los_s = _contacts(sky, len(stations), horizon_s)
    top_s = _culminations(sky, lane, aos_s, los_s)
    azimuth = sky.azimuth_deg(np.stack([aos_s, top_s, los_s]), lane)
    columns = zip(
        lane.tolist(), aos_s.tolist(), los_s.tolist(), top_s.tolist(),
        degrees(sky.sine_of_elevation(top_s, lane)).tolist(), *azimuth.tolist(), strict=True,
    )  # fmt: skip
    passes = [
        Pass(stations[i].name, aos, los, top, elevation, aos <= 0.0, los >= horizon_s, *azimuths)
        for i, aos, los, top, elevation, *azimuths in columns
    ]
    return sorted(passes, key=lambda contact: (contact.aos_s, contact.station))


def _contacts(sky: Sky, stations: int, horizon_s: float) -> tuple[Lanes, Array, Array]:
    """Return station, AOS and LOS of each pass, in order of station, then time."""
    grid_s = grid(horizon_s)
    lane, aos_s, los_s = find_intervals(
        sky.above_lowest, stations, grid_s, EDGE_TOLERANCE_S, sky.above_lowest_on(grid_s)
    )
    uneven = np.isin(lane, sky.masks.uneven)
    if not uneven.any():
        return lane, aos_s, los_s
    behind = _behind_skyline(sky, lane[uneven], aos_s[uneven], los_s[uneven])
    even = ~uneven
    lane, aos_s, los_s = (
        np.concatenate(pair)
        for pair in zip((lane[even], aos_s[even], los_s[even]), behind, strict=True)
    )
    order = np.lexsort((aos_s, lane))
    return lane[order], aos_s[order], los_s[order]


def _behind_skyline(
    sky: Sky, lane: Lanes, from_s: Array, until_s: Array
) -> tuple[Lanes, Array, Array]:
    """Return station, begin and end of what a mask by azimuth leaves of stretches above its lowest.

    The mask bends where the azimuth passes one of its points, so those
    moments are samples too: in between all is smooth, and no gap is missed.
    """
    who, t_s = _every(_SKYLINE_STEP_S, from_s, until_s)
    bend, bend_s = _bends(sky, lane, who, t_s)
    who, t_s = np.concatenate([who, bend]), np.concatenate([t_s, bend_s])
    order = np.lexsort((t_s, who))
    who, t_s = who[order], t_s[order]

    def above(moment_s: Array, stretch: Lanes) -> Array:
        return sky.above_skyline(moment_s, lane[stretch])

    value = above(t_s, who)
    first = np.concatenate([[True], who[1:] != who[:-1]])
    last = np.concatenate([first[1:], [True]])
    starts = np.flatnonzero(first)
    cut, cut_s, rising = find_crossings(above, starts, t_s, value, EDGE_TOLERANCE_S)
    opens, closes = first & (value >= 0.0), last & (value >= 0.0)
    begin, begin_s = np.append(who[opens], cut[rising]), np.append(t_s[opens], cut_s[rising])
    end, end_s = np.append(who[closes], cut[~rising]), np.append(t_s[closes], cut_s[~rising])
    begin_order, end_order = np.lexsort((begin_s, begin)), np.lexsort((end_s, end))
    aos_s, los_s = begin_s[begin_order], end_s[end_order]
    real = los_s - aos_s > 2.0 * EDGE_TOLERANCE_S  # at the ends of a stretch rounding decides
    return lane[begin[begin_order]][real], aos_s[real], los_s[real]


def _every(step_s: float, from_s: Array, until_s: Array) -> tuple[Lanes, Array]:
    """Return stretch and time of samples at most ``step_s`` apart, both ends among them."""
    steps = np.maximum(np.ceil((until_s - from_s) / step_s).astype(np.intp), 1)
    who = np.repeat(np.arange(len(steps)), steps + 1)
    nth = np.arange(len(who)) - np.repeat(np.cumsum(steps + 1) - steps - 1, steps + 1)
    share = nth / steps[who]
    return who, from_s[who] * (1.0 - share) + until_s[who] * share


def _bends(sky: Sky, lane: Lanes, who: Lanes, t_s: Array) -> tuple[Lanes, Array]:
    """Return stretch and time of each passage over the azimuth of a point of the mask."""
    azimuth = sky.azimuth_deg(t_s, lane[who])
    inside = who[1:] == who[:-1]
    found: list[tuple[Lanes, Array]] = [(who[:0], t_s[:0])]
    for station in sky.masks.uneven:
        for corner_deg in sky.masks.corners_deg(station):
            off = _turned(azimuth - corner_deg)
            over = ((off[1:] >= 0.0) != (off[:-1] >= 0.0)) & (np.abs(off[1:] - off[:-1]) < 180.0)
            k = np.flatnonzero(over & inside & (lane[who[1:]] == station))

            def past(moment_s: Array, stretch: Lanes, corner: float = corner_deg) -> Array:
                return _turned(sky.azimuth_deg(moment_s, lane[stretch]) - corner)

            ends = (t_s[k], t_s[k + 1]), (off[k], off[k + 1])
            found.append((who[k], find_roots(past, who[k], *ends, EDGE_TOLERANCE_S)))
    return np.concatenate([w for w, _ in found]), np.concatenate([t for _, t in found])


def _turned(angle_deg: Array) -> Array:
    """Return an angle from -180 to below 180."""
    turned: Array = (angle_deg + 180.0) % 360.0 - 180.0
    return turned


def _culminations(sky: Sky, lane: Lanes, aos_s: Array, los_s: Array) -> Array:
    """Return when each pass is highest: where it stops to climb, or at an end that cuts it."""
    if not len(lane):
        return aos_s
    longest_s = float((los_s - aos_s).max())
    parts = int(min(max(longest_s / _BRACKET_S, _FEWEST_BRACKETS), _MOST_BRACKETS))
    t_s = aos_s + np.linspace(0.0, 1.0, parts + 1)[:, None] * (los_s - aos_s)
    t_s[-1] = los_s
    best, each = np.argmax(sky.sine_of_elevation(t_s, lane), axis=0), np.arange(len(lane))
    top_s: Array = t_s[best, each]
    low_s, high_s = t_s[np.maximum(best - 1, 0), each], t_s[np.minimum(best + 1, parts), each]
    climbing, falling = sky.climb(low_s, lane), sky.climb(high_s, lane)
    inside = np.flatnonzero((climbing > 0.0) & (falling < 0.0))
    top_s[inside] = find_roots(
        sky.climb, lane[inside], (low_s[inside], high_s[inside]),
        (climbing[inside], falling[inside]), CULMINATION_TOLERANCE_S,
    )  # fmt: skip
    return top_s


class Sky:
    """How high and how far an Earth-fixed trajectory is from each station; a lane is a station.

    Straight lines at one moment: no refraction, no aberration (under 20 m of range in low orbit).
    """

    def __init__(self, trajectory: Trajectory, stations: Sequence[Station]) -> None:
        table = np.array([(s.latitude_deg, s.longitude_deg, s.altitude_m) for s in stations])
        self._trajectory = trajectory
        self._site_km = site_km(table[:, 0], table[:, 1], table[:, 2])
        self._zenith = zenith(table[:, 0], table[:, 1])
        longitude = np.radians(table[:, 1])
        self._east = np.stack([-np.sin(longitude), np.cos(longitude), 0.0 * longitude], axis=-1)
        self._north = np.cross(self._zenith, self._east)
        self.masks = Masks([s.mask_deg for s in stations])

    def above_lowest(self, t_s: Array, lane: Lanes) -> Array:
        """Return how far the sine of the elevation is above that of the lowest of the mask."""
        height: Array = self.sine_of_elevation(t_s, lane) - self.masks.lowest_sine[lane]
        return height

    def above_lowest_on(self, grid_s: Array) -> Array:
        """Return the same for every station at every time of a grid, shape (stations, n)."""
        r_km = self._trajectory.at(grid_s)
        # |r - s|² = |r|² - 2 r·s + |s|², which keeps twelve digits of a range of 100 km.
        square = np.einsum("ni,ni->n", r_km, r_km) - 2.0 * self._site_km @ r_km.T
        square += np.einsum("ni,ni->n", self._site_km, self._site_km)[:, None]
        up = self._zenith @ r_km.T
        up -= np.einsum("ni,ni->n", self._zenith, self._site_km)[:, None]
        up /= np.sqrt(square)
        up -= self.masks.lowest_sine[:, None]
        return up

    def above_skyline(self, t_s: Array, lane: Lanes) -> Array:
        """Return how far the sine of the elevation is above that of a mask by azimuth."""
        mask = self.masks.sine(self.azimuth_deg(t_s, lane), lane)
        return self.sine_of_elevation(t_s, lane) - mask

    def azimuth_deg(self, t_s: Array, lane: Lanes) -> Array:
        """Return the direction of the satellite from north by east, 0 to 360."""
        line = self._line_km(t_s, lane)
        east, north = dot(line, self._east[lane]), dot(line, self._north[lane])
        azimuth: Array = np.degrees(np.arctan2(east, north)) % 360.0
        return azimuth

    def sine_of_elevation(self, t_s: Array, lane: Lanes) -> Array:
        """Return the sine of the angle between horizon and satellite."""
        line = self._line_km(t_s, lane)
        return dot(line, self._zenith[lane]) / length(line)

    def climb(self, t_s: Array, lane: Lanes) -> Array:
        """Return the rate of the sine of the elevation, per second."""
        line, velocity = self._line_km(t_s, lane), self._trajectory.velocity_at(t_s)
        up, square = self._zenith[lane], dot(line, line)
        rate: Array = dot(velocity, up) - dot(line, up) * dot(line, velocity) / square
        return rate / np.sqrt(square)

    def range_km(self, t_s: Array, lane: Lanes) -> Array:
        """Return the distance from station to satellite."""
        return length(self._line_km(t_s, lane))

    def _line_km(self, t_s: Array, lane: Lanes) -> Array:
        line: Array = self._trajectory.at(t_s) - self._site_km[lane]
        return line


def degrees(sine: Array) -> Array:
    """Return the angle of a sine that rounding may have brought above one."""
    angle: Array = np.degrees(np.arcsin(np.minimum(sine, 1.0)))
    return angle


def load_stations() -> dict[str, Station]:
    """Return the stations shipped in ``stations.toml``, by name."""
    return dict(_shipped_stations())


@lru_cache(maxsize=1)
def _shipped_stations() -> Mapping[str, Station]:
    text = resources.files(__package__).joinpath("stations.toml").read_text(encoding="utf-8")
    return {
        name: Station(name, row["latitude_deg"], row["longitude_deg"], row["altitude_m"])
        for name, row in tomllib.loads(text).items()
    }


def station_named(name: str) -> Station:
    """Return the shipped station of that name.

    Raises:
        ValueError: there is none; the message names the nearest ones.
    """
    stations = load_stations()
    if name not in stations:
        near = get_close_matches(name.lower(), stations, n=3, cutoff=0.5) or sorted(stations)
        raise ValueError(f"there is no ground station {name!r}; did you mean {', '.join(near)}?")
    return stations[name]


def with_shipped(stations: Sequence[Station], names: Iterable[str]) -> list[Station]:
    """Return ``stations`` and, after them, each shipped one that only ``names`` has."""
    known, shipped = {station.name for station in stations}, load_stations()
    more = [name for name in dict.fromkeys(names) if name in shipped and name not in known]
    return [*stations, *(shipped[name] for name in more)]
