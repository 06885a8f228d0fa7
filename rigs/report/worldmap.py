"""The map: where the satellite flew, was heard, and was struck, over the proton belt it crossed.

Places are given on a sheet 3600 wide and 1800 high, a tenth of a degree a unit, 180° W and the
North Pole at its corner.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from payloads.scene import EARTH_JPEG
from rigs.environment.passes import station_named
from rigs.environment.radiation import load_trapped_protons
from rigs.environment.tape import EnvironmentTape
from rigs.orbit_tables import StationTable
from rigs.report.history import Floats, Span
from rigs.scenario import Scenario

STEP_S = 60.0  # along the track: 3.8° on the globe, whose bow is 0.03° off the straight line
MOST_STEPS = 12_000
PICTURE_PX = (1400, 700)
BELT_PX = (720, 360)
BELT_PER_CM2_S = (10.0, 100.0, 1000.0)  # protons above 30 MeV; edges of the shades
BELT_COLOUR = (255, 176, 59)
BELT_ALPHA = (0, 40, 80, 125)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a place: ``x`` and ``y`` in percent of the sheet."""

    x: float
    y: float
    style: str
    words: str


@dataclass(frozen=True, slots=True)
class Station:
    """A ground station on the sheet; its name stands to the left where the right is short."""

    x: float
    y: float
    name: str

    @property
    def leftward(self) -> bool:
        """Return whether the name stands to the left of the mark."""
        return self.x > 85.0


@dataclass(frozen=True, slots=True)
class WorldMap:
    """What is drawn on the sheet; pictures are data URIs."""

    picture: str
    belt: str
    belt_altitude_km: float
    sunlit: str
    eclipse: str
    contacts: list[tuple[str, str]]  # path and station
    stations: list[Station]
    strikes: list[Mark]


class Track:
    """Where the satellite is, for many moments at once."""

    def __init__(self, tape: EnvironmentTape) -> None:
        """Follow a tape."""
        self._tape = tape

    def at(self, t_s: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude in degrees, each of the shape of ``t_s``."""
        up = [np.interp(t_s, self._tape.knots_s, self._tape.up_and_sun[:, i]) for i in range(3)]
        latitude = np.degrees(np.arctan2(up[2], np.hypot(up[0], up[1])))
        return latitude, np.degrees(np.arctan2(up[1], up[0]))

    def place(self, t_s: float) -> tuple[float, float]:
        """Return latitude and longitude in degrees at one moment."""
        latitude, longitude = self.at(np.array([t_s]))
        return float(latitude[0]), float(longitude[0])


def world_map(
    scenario: Scenario,
    tape: EnvironmentTape,
    flown_s: float,
    eclipses: Sequence[Span],
    heard: Sequence[Span],
    strikes: Iterable[tuple[float, str, str]],
) -> WorldMap:
    """Return the map of a flight; ``strikes`` are moments with style and words."""
    track = Track(tape)
    t_s = _moments(flown_s, eclipses)
    dark = _inside(0.5 * (t_s[1:] + t_s[:-1]), eclipses)
    altitude_km = float(np.median(tape.altitude_km))
    return WorldMap(
        picture=earth_picture(),
        belt=belt_picture(scenario, altitude_km),
        belt_altitude_km=altitude_km,
        sunlit=runs(track, t_s, ~dark),
        eclipse=runs(track, t_s, dark),
        contacts=[(_arc(track, span), span.state) for span in heard],
        stations=[station_mark(said) for said in scenario.stations],
        strikes=[_mark(track.place(at_s), style, words) for at_s, style, words in strikes],
    )


def place_words(latitude_deg: float, longitude_deg: float) -> str:
    """Return a place as people write it.

    >>> place_words(-23.44, -46.6)
    '23.4° S 46.6° W'
    """
    north, east = "N" if latitude_deg >= 0.0 else "S", "E" if longitude_deg >= 0.0 else "W"
    return f"{abs(latitude_deg):.1f}° {north} {abs(longitude_deg):.1f}° {east}"


def path_over(latitude_deg: Floats, longitude_deg: Floats) -> str:
    """Return a line on the sheet; one that crosses the date line goes on at the other edge."""
    jumps = np.flatnonzero(np.abs(np.diff(longitude_deg)) > 180.0)
    x, y = (longitude_deg + 180.0) * 10.0, (90.0 - latitude_deg) * 10.0
    side = np.where(x[jumps] > 1800.0, 3600.0, 0.0)  # the edge at which the line leaves
    beyond = x[jumps + 1] + np.where(side > 0.0, 3600.0, -3600.0)
    share = (side - x[jumps]) / (beyond - x[jumps])
    edge_y = y[jumps] + share * (y[jumps + 1] - y[jumps])
    x = np.insert(x, np.repeat(jumps + 1, 2), np.stack([side, 3600.0 - side], axis=1).ravel())
    y = np.insert(y, np.repeat(jumps + 1, 2), np.repeat(edge_y, 2))
    breaks = set((jumps + 2 + 2 * np.arange(len(jumps))).tolist())
    points = zip(np.rint(x).astype(int).tolist(), np.rint(y).astype(int).tolist(), strict=True)
    return "".join(
        f"{'M' if i == 0 or i in breaks else ' '}{a},{b}" for i, (a, b) in enumerate(points)
    )


def _moments(flown_s: float, eclipses: Sequence[Span]) -> Floats:
    """Return when to draw the track: evenly, and at every edge of an eclipse."""
    steps = int(np.clip(flown_s / STEP_S, 1, MOST_STEPS))
    edges = [edge for span in eclipses for edge in (span.since_s, span.until_s)]
    return np.unique(np.concatenate([np.linspace(0.0, flown_s, steps + 1), edges]))


def _inside(t_s: Floats, spans: Sequence[Span]) -> NDArray[np.bool_]:
    edges = np.array([edge for span in spans for edge in (span.since_s, span.until_s)], np.float64)
    inside: NDArray[np.bool_] = np.searchsorted(edges, t_s, side="right") % 2 == 1
    return inside


def runs(track: Track, t_s: Floats, drawn: NDArray[np.bool_]) -> str:
    """Return the stretches of the track whose steps are drawn."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], drawn, [False]]).astype(np.int8)))
    pieces = edges.reshape(-1, 2).tolist()
    return "".join(path_over(*track.at(t_s[first : last + 1])) for first, last in pieces)


def _arc(track: Track, span: Span) -> str:
    count = max(int((span.until_s - span.since_s) / STEP_S), 1) + 1
    return path_over(*track.at(np.linspace(span.since_s, span.until_s, count)))


def _mark(place: tuple[float, float], style: str, words: str) -> Mark:
    latitude_deg, longitude_deg = place
    return Mark(*_percent(latitude_deg, longitude_deg), style, f"{words}, {place_words(*place)}")


def station_mark(said: str | StationTable) -> Station:
    """Return where a station of a scenario stands on the sheet."""
    station = station_named(said) if isinstance(said, str) else said
    return Station(*_percent(station.latitude_deg, station.longitude_deg), station.name)


def _percent(latitude_deg: float, longitude_deg: float) -> tuple[float, float]:
    east_deg = (longitude_deg + 180.0) % 360.0
    return round(east_deg / 3.6, 2), round((90.0 - latitude_deg) / 1.8, 2)


def earth_picture() -> str:
    """Return the globe as a data URI, to be stretched over the sheet."""
    from PIL import Image

    with Image.open(EARTH_JPEG) as picture:
        picture.draft("RGB", PICTURE_PX)  # decodes at a fraction of the size, which is quick
        small = picture.convert("RGB").resize(PICTURE_PX, Image.Resampling.BILINEAR)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=62)
    return _data_uri(stream.getvalue(), "jpeg")


def belt_picture(scenario: Scenario, altitude_km: float) -> str:
    """Return the proton flux at one altitude as transparent shades, of ``BELT_PX``."""
    from PIL import Image

    protons = load_trapped_protons(scenario.radiation.activity).drifted_to(scenario.start.year)
    width, height = BELT_PX
    longitude = (np.arange(width) + 0.5) * 360.0 / width - 180.0
    latitude = 90.0 - (np.arange(height) + 0.5) * 180.0 / height
    flux = protons.trapped_per_cm2_s(latitude[:, None], longitude[None, :], altitude_km)
    shades = np.zeros((height, width, 4), np.uint8)
    shades[..., :3] = BELT_COLOUR
    shades[..., 3] = np.array(BELT_ALPHA, np.uint8)[np.digitize(flux, BELT_PER_CM2_S)]
    stream = io.BytesIO()
    Image.fromarray(shades).quantize(16).save(stream, "PNG")
    return _data_uri(stream.getvalue(), "png")


def _data_uri(picture: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
