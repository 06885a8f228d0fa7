"""The sky over a mission as a picture: ground track over the belt, light, contacts, flux, beta."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from rigs.almanac.axes import LEFT, RIGHT, Box, decades, logarithm
from rigs.almanac.figures import EMULATED, Almanac
from rigs.almanac.show import flux_words
from rigs.almanac.strips import beta_scale, highest, means
from rigs.almanac.trackmap import HEIGHT as MAP_HEIGHT
from rigs.almanac.trackmap import track_map
from rigs.environment.devices import CLAIM
from rigs.environment.earth import Array
from rigs.passes.chart import FONT, length_words
from rigs.passes.legend import COLOURS, WIDTH
from rigs.passes.plan import DAY_S
from rigs.passes.shapes import GRID, INK, PAGE, QUIET, line, rect, text
from rigs.report.charts import round_step, short

MAP_TOP = 76.0
SUN, NIGHT, FLUX, BETA = "#f2c14e", "#46536b", "#c8410b", "#2b3a8c"
LIGHT_COLUMNS = 2000  # in which the share of light is averaged, or else
MOST_ORBITS = 60  # above which each orbit has one value; each day, above so many days
GAP = 46.0  # between boxes, room for a title
ROW = 20.0  # of a station's contacts
MOST_STATIONS = 12  # with a row each
NARROWEST = 1.5  # px


def picture_svg(almanac: Almanac) -> str:
    """Return the picture as the text of an SVG file, 1000 px wide."""
    boxes = _boxes(almanac)
    foot = boxes[-1].bottom_y
    body = [
        text(24.0, 36.0, _title(almanac), "start", 20.0, INK, bold=True),
        text(24.0, 58.0, _facts(almanac), "start", 13.0, QUIET),
        *track_map(almanac, MAP_TOP),
        *_light(almanac, boxes[0]),
        *_contacts(almanac, boxes[1]),
        *_protons(almanac, boxes[2]),
        *_beta(almanac, boxes[3]),
        *_times(almanac, boxes),
        text((LEFT + RIGHT) / 2.0, foot + 38.0, "Time, UTC", "middle", 12.5, INK),
        text(24.0, foot + 62.0, _note(almanac), "start", 12.0, QUIET),
    ]
    return "\n".join([_opening(almanac, foot + 80.0), *body, "</svg>\n"])


def _opening(almanac: Almanac, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" '
        f'width="{WIDTH:g}" height="{height:g}" font-family="{FONT}" role="img">\n'
        f"<title>{escape(_title(almanac))}</title>\n"
        f'<rect width="100%" height="100%" fill="{PAGE}"/>'
    )


def _title(almanac: Almanac) -> str:
    plan = almanac.plan
    length = length_words(plan.horizon_s)
    return f"{plan.name}: {EMULATED} over {length} from {plan.start:%Y-%m-%d %H:%M} UTC"


def _facts(almanac: Almanac) -> str:
    tape, light = almanac.tape, almanac.light
    return (
        f"{tape.altitude_km.min():.0f} to {tape.altitude_km.max():.0f} km, inclination "
        f"{almanac.inclination_deg:.2f}°, beta {_signed(tape.beta_deg)} at the start; eclipse "
        f"{light.total_s / tape.horizon_s:.1%} of the time; protons above 30 MeV "
        f"{flux_words(almanac.protons.mean)} /cm²/s on average"
    )


def _signed(deg: float) -> str:
    return f"{deg:.1f}°".replace("-", "−")


def _note(almanac: Almanac) -> str:
    radiation = almanac.scenario.radiation
    parts = "trapped (AP-8) and galactic" + (", solar" if radiation.particle_event else "")
    shield = f", behind {radiation.shielding_mm:g} mm of aluminium" * bool(radiation.shielding_mm)
    return (
        f"Protons: {parts}, at {radiation.activity.replace('-', ' ')}{shield}; "
        f"without acceleration; {CLAIM}"
    )


def _boxes(almanac: Almanac) -> list[Box]:
    """Return the boxes from top to bottom: light, contacts, protons, beta."""
    horizon_s, top = almanac.tape.horizon_s, MAP_TOP + MAP_HEIGHT + 72.0
    beta = beta_scale(almanac.tape.beta_along_deg)
    low, high = decades(almanac.tape.proton_flux_per_cm2_s)
    rows = max(len(_rows(almanac)), 1)
    stretches = _stretches(almanac)
    light, flux = "share of the Sun's disc", "per cm² s"
    if stretches is not None:
        light = f"{light}, mean of each {stretches[0]}"
        flux = f"{flux}, mean and (shaded) highest of each {stretches[0]}"
    said = [
        ("Light", light, 40.0, 0.0, 1.0),
        ("Contacts", "", rows * ROW, 0.0, float(rows)),
        ("Protons above 30 MeV", flux, 150.0, low, high),
        ("Beta angle", "degrees", 90.0, beta.low, beta.high),
    ]
    boxes = []
    for title, unit, height, low, high in said:
        boxes.append(Box(title, unit, top, height, horizon_s, low, high))
        top += height + GAP
    return boxes


def _light(almanac: Almanac, box: Box) -> Iterator[str]:
    tape = almanac.tape
    yield from box.frame([(0.0, "0"), (1.0, "1")])
    yield rect(LEFT, box.top_y, RIGHT - LEFT, box.height, NIGHT)
    stretches = _stretches(almanac)
    fine_s = np.linspace(0.0, tape.horizon_s, LIGHT_COLUMNS + 1)
    edges_s = fine_s if stretches is None else stretches[1]
    share = means(tape.knots_s, tape.sunlit_fraction, edges_s)
    yield box.curve(*_through(edges_s, share), SUN, filled=True)


def _stretches(almanac: Almanac) -> tuple[str, Array] | None:
    """Return what one is called and the edges of all, where orbits are too many to be drawn."""
    horizon_s = almanac.tape.horizon_s
    if horizon_s <= MOST_ORBITS * almanac.period_s:
        return None
    name, length_s = ("orbit", almanac.period_s)
    if horizon_s > MOST_ORBITS * DAY_S:
        name, length_s = ("day", DAY_S)
    return name, np.linspace(0.0, horizon_s, int(horizon_s / length_s) + 1)


def _through(edges_s: Array, values: Array) -> tuple[Array, Array]:
    """Return the middle of each stretch and its value, held to the first and the last edge."""
    middle_s = 0.5 * (edges_s[1:] + edges_s[:-1])
    return np.concatenate([edges_s[:1], middle_s, edges_s[-1:]]), np.pad(values, 1, mode="edge")


def _rows(almanac: Almanac) -> list[str]:
    """Return the stations that have a row, or nothing for one row of all."""
    names = [heard.station for heard in almanac.heard]
    return names if len(names) <= MOST_STATIONS else ["all stations"]


def _contacts(almanac: Almanac, box: Box) -> Iterator[str]:
    names = _rows(almanac)
    yield from box.frame([])
    if not almanac.plan.passes:
        middle = (LEFT + RIGHT) / 2.0
        yield text(middle, box.top_y + 14.0, "no contact in this time", "middle", 12.0, QUIET)
        return
    for row, name in enumerate(names):
        top, colour = box.top_y + row * ROW, COLOURS[row % len(COLOURS)]
        mine = almanac.plan if len(names) == 1 else almanac.plan.over(name)
        yield text(LEFT - 7.0, top + 14.0, _shortened(name), "end", 11.0, INK)
        yield line(LEFT, top + ROW, RIGHT, top + ROW, GRID)
        for contact in mine.passes:
            x = box.x(contact.from_s)
            width = max(box.x(contact.until_s) - x, NARROWEST)
            yield rect(min(x, RIGHT - width), top + 4.0, width, ROW - 8.0, colour)


def _shortened(name: str) -> str:
    return name if len(name) <= 13 else f"{name[:12]}…"


def _protons(almanac: Almanac, box: Box) -> Iterator[str]:
    powers = range(round(box.low), round(box.high) + 1)
    yield from box.frame([(float(power), f"{10.0**power:g}") for power in powers])
    t_s, flux = almanac.tape.knots_s, almanac.tape.proton_flux_per_cm2_s
    stretches, most, mean = _stretches(almanac), (t_s, flux), (t_s, flux)
    if stretches is not None:
        edges_s = stretches[1]
        most = _through(edges_s, highest(t_s, flux, edges_s))
        mean = _through(edges_s, means(t_s, flux, edges_s))
    yield box.curve(most[0], logarithm(most[1]), f"{FLUX}26", filled=True)
    yield box.curve(mean[0], logarithm(mean[1]), FLUX)


def _beta(almanac: Almanac, box: Box) -> Iterator[str]:
    step = round_step(box.high - box.low, 3)
    first, last = int(np.ceil(box.low / step - 1e-9)), int(np.floor(box.high / step + 1e-9))
    yield from box.frame([(k * step, short(k * step)) for k in range(first, last + 1)])
    yield box.curve(almanac.tape.knots_s, almanac.tape.beta_along_deg, BETA)


def _times(almanac: Almanac, boxes: Sequence[Box]) -> Iterator[str]:
    last = boxes[-1]
    for t_s, words in almanac.plan.ticks(9):
        x = last.x(t_s)
        for box in boxes[1:]:
            yield line(x, box.top_y, x, box.bottom_y, "#18212c14")
        yield text(x, last.bottom_y + 17.0, words, "middle", 12.0, QUIET)
