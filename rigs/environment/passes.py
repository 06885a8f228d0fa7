"""Contacts between a satellite and its ground stations, found as roots, not by stepping."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from importlib import resources

import numpy as np

from rigs.environment.earth import Array, site_km, zenith
from rigs.environment.edges import EDGE_TOLERANCE_S, Lanes, find_intervals, find_maxima, grid
from rigs.environment.orbit import Orbit
from rigs.environment.trajectory import Trajectory

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CULMINATION_TOLERANCE_S = 0.1  # the elevation is flat there: 1e-5° at 7.6 km/s and 500 km


@dataclass(frozen=True, slots=True)
class Station:
    """A ground station on the WGS 84 ellipsoid; below ``mask_deg`` it sees nothing."""

    name: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float = 0.0
    mask_deg: float = 5.0

    def __post_init__(self) -> None:
        for field, low, high, example in (
            ("latitude_deg", -90.0, 90.0, 67.86),
            ("longitude_deg", -180.0, 360.0, 20.96),
            ("altitude_m", -500.0, 9000.0, 400.0),
            ("mask_deg", -5.0, 90.0, 5.0),
        ):
            value = getattr(self, field)
            if not low <= value <= high:
                raise ValueError(
                    f"station {self.name!r}: {field} = {value} is outside {low:g} to {high:g}; "
                    f"for example {example}"
                )


@dataclass(frozen=True, slots=True)
class Pass:
    """One contact: from acquisition to loss of signal, in mission seconds.

    A contact under way at the start or the end of the mission is cut there:
    it ``starts_before`` or ``ends_after``, and AOS or LOS is the cut.
    """

    station: str
    aos_s: float
    los_s: float
    culmination_s: float
    max_elevation_deg: float
    starts_before: bool = False
    ends_after: bool = False


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
    lane, aos_s, los_s = find_intervals(
        sky.above_mask, len(stations), grid(horizon_s), EDGE_TOLERANCE_S
    )
    top_s = find_maxima(sky.above_mask, lane, aos_s, los_s, CULMINATION_TOLERANCE_S)
    # A pass that is cut may be highest at the cut, which a search inside only nears.
    ends = np.stack([aos_s, top_s, los_s])
    height = sky.sine_of_elevation(ends, lane)
    best = np.argmax(height, axis=0)
    each = np.arange(len(lane))
    columns = zip(
        lane.tolist(), aos_s.tolist(), los_s.tolist(), ends[best, each].tolist(),
        degrees(height[best, each]).tolist(), strict=True,
    )  # fmt: skip
    passes = [
        Pass(stations[i].name, aos, los, top, elevation, aos <= 0.0, los >= horizon_s)
        for i, aos, los, top, elevation in columns
    ]
    return sorted(passes, key=lambda contact: (contact.aos_s, contact.station))


class Sky:
    """How high and how far an Earth-fixed trajectory is from each station; a lane is a station.

    Straight lines at one moment: no refraction, no aberration (under 20 m of range in low orbit).
    """

    def __init__(self, trajectory: Trajectory, stations: Sequence[Station]) -> None:
        table = np.array([(s.latitude_deg, s.longitude_deg, s.altitude_m) for s in stations])
        self._trajectory = trajectory
        self._site_km = site_km(table[:, 0], table[:, 1], table[:, 2])
        self._zenith = zenith(table[:, 0], table[:, 1])
        self._sine_of_mask = np.sin(np.radians([s.mask_deg for s in stations]))

    def above_mask(self, t_s: Array, lane: Lanes) -> Array:
        """Return how far the sine of the elevation is above that of the station's mask."""
        height: Array = self.sine_of_elevation(t_s, lane) - self._sine_of_mask[lane]
        return height

    def sine_of_elevation(self, t_s: Array, lane: Lanes) -> Array:
        """Return the sine of the angle between horizon and satellite."""
        line = self._line_km(t_s, lane)
        sine: Array = np.einsum("...i,...i", line, self._zenith[lane]) / _length(line)
        return sine

    def range_km(self, t_s: Array, lane: Lanes) -> Array:
        """Return the distance from station to satellite."""
        return _length(self._line_km(t_s, lane))

    def _line_km(self, t_s: Array, lane: Lanes) -> Array:
        line: Array = self._trajectory.at(t_s) - self._site_km[lane]
        return line


def degrees(sine: Array) -> Array:
    """Return the angle of a sine that rounding may have brought above one."""
    angle: Array = np.degrees(np.arcsin(np.minimum(sine, 1.0)))
    return angle


def _length(line: Array) -> Array:
    length: Array = np.sqrt(np.einsum("...i,...i", line, line))
    return length


def load_stations() -> dict[str, Station]:
    """Return the stations shipped in ``stations.toml``, by name."""
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
