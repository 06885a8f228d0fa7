"""The ground track on the world map, coloured by the proton flux, over the belt it crosses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rigs.almanac.figures import Almanac
from rigs.passes.legend import WIDTH
from rigs.passes.shapes import INK, text
from rigs.report.worldmap import (
    BELT_PER_CM2_S,
    STEP_S,
    Station,
    Track,
    belt_picture,
    earth_picture,
    runs,
    station_mark,
)

LEFT, MAP_WIDTH, HEIGHT = 24.0, WIDTH - 48.0, (WIDTH - 48.0) / 2.0
COLOURS = ("#9fd3e6", "#ffd23f", "#ff8c1a", "#ff3b30")  # below, between and above the levels
STROKES = (1.0, 2.2, 2.6, 3.0)  # px
MOST_S = 3 * 86_400.0  # of the track, which then covers the globe


def track_map(almanac: Almanac, top: float) -> Iterator[str]:
    """Yield map, belt, track, stations and, below them, what the colours mean."""
    altitude_km = float(np.median(almanac.tape.altitude_km))
    yield (
        f'<svg x="{LEFT:g}" y="{top:g}" width="{MAP_WIDTH:g}" height="{HEIGHT:g}" '
        'viewBox="0 0 3600 1800" fill="none" stroke-linejoin="round">'
    )
    yield _sheet(earth_picture())
    yield '<rect width="3600" height="1800" fill="#06111c" opacity=".34"/>'
    yield _sheet(belt_picture(almanac.scenario, altitude_km))
    yield from _track(almanac)
    yield "</svg>"
    for said in almanac.scenario.stations:
        yield _station(station_mark(said), top)
    yield from _keys(top + HEIGHT + 24.0, altitude_km, almanac.tape.horizon_s)


def _sheet(picture: str) -> str:
    return f'<image href="{picture}" width="3600" height="1800" preserveAspectRatio="none"/>'


def _track(almanac: Almanac) -> Iterator[str]:
    """Yield the pieces of the track of each grade, the strongest last and on top."""
    tape = almanac.tape
    flown_s = min(tape.horizon_s, MOST_S)
    t_s = np.linspace(0.0, flown_s, max(int(flown_s / STEP_S), 1) + 1)
    middle_s = 0.5 * (t_s[1:] + t_s[:-1])
    flux = np.interp(middle_s, tape.knots_s, tape.proton_flux_per_cm2_s)
    grade = np.digitize(flux, BELT_PER_CM2_S)
    for level, (colour, width) in enumerate(zip(COLOURS, STROKES, strict=True)):
        path = runs(Track(tape), t_s, grade == level)
        if path:
            yield (
                f'<path d="{path}" stroke="{colour}" stroke-width="{width:g}" '
                'opacity=".9" vector-effect="non-scaling-stroke"/>'
            )


def _station(station: Station, top: float) -> str:
    x, y = LEFT + MAP_WIDTH * station.x / 100.0, top + HEIGHT * station.y / 100.0
    side, anchor = (-9.0, "end") if station.leftward else (9.0, "start")
    name = text(x + side, y + 4.0, station.name, anchor, 12.0, "#ffffff", bold=True)
    halo = 'paint-order="stroke" stroke="#06111c" stroke-width="3" stroke-linejoin="round"'
    mark = f"M{x:.1f},{y - 5.0:.1f}l5,5l-5,5l-5,-5z"
    return f'<path d="{mark}" fill="#ffffff" stroke="#06111c"/>' + name.replace(
        "<text", f"<text {halo}", 1
    )


def _keys(y: float, altitude_km: float, horizon_s: float) -> Iterator[str]:
    low, middle, high = (f"{level:g}" for level in BELT_PER_CM2_S)
    words = (f"below {low}", f"{low} to {middle}", f"{middle} to {high}", f"above {high}")
    track = "Track" if horizon_s <= MOST_S else f"Track, first {MOST_S / 86_400.0:g} days"
    yield text(LEFT, y, f"{track}: protons per cm² s", "start", 12.5, INK)
    x = LEFT + 264.0
    for colour, said in zip(COLOURS, words, strict=True):
        yield f'<path d="M{x:g},{y - 4.5:.1f}h22" stroke="{colour}" stroke-width="4"/>'
        yield text(x + 28.0, y, said, "start", 12.5, INK)
        x += 116.0
    shades = f"shaded: the belt at {altitude_km:.0f} km"
    yield text(WIDTH - 24.0, y, shades, "end", 12.5, INK)
