"""Contacts as a picture: elevation curves and data volume as a standalone SVG, by day if long."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from rigs.passes.legend import WIDTH, key_shape, keys_of
from rigs.passes.plan import DAY_S, ContactPlan, Pass
from rigs.passes.rows import Frame, Row, frame_of
from rigs.passes.shapes import GRID, INK, PAGE, QUIET, SHADE, arrow, line, rect, text, upright
from rigs.passes.table import duration, kilobits

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif"
NARROWEST_BAR = 2.5  # px
UNKNOWN_DEG = 12.0  # how high the box of a contact without elevations stands


def plot_svg(plan: ContactPlan) -> str:
    """Return the picture of a plan as the text of an SVG file, 1000 px wide."""
    keys = keys_of(plan.stations)
    frame = frame_of(plan, top=max((key.y for key in keys), default=62.0) + 30.0)
    colours = {key.name: key.colour for key in keys}
    body = [
        *_heading(plan),
        *(key_shape(key) for key in keys),
        *_grid(plan, frame),
        *_passes(plan, frame, colours),
        *_axis_titles(plan, frame),
    ]
    if not plan.passes:
        first = frame.rows[0]
        body.append(
            text(frame.left + frame.width / 2.0, first.base_y - frame.sky_px * 0.57,
                  "No contact in this time", "middle", 15.0, QUIET)
        )  # fmt: skip
    return "\n".join([_opening(plan, frame.height), *body, "</svg>\n"])


def _opening(plan: ContactPlan, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" '
        f'width="{WIDTH:g}" height="{height:g}" font-family="{FONT}" role="img">\n'
        f"<title>{escape(_title(plan))}</title>\n"
        f'<rect width="100%" height="100%" fill="{PAGE}"/>'
    )


def _heading(plan: ContactPlan) -> list[str]:
    return [
        text(24.0, 36.0, _title(plan), "start", 20.0, INK, bold=True),
        text(24.0, 58.0, _facts(plan), "start", 13.0, QUIET),
    ]


def _facts(plan: ContactPlan) -> str:
    count, heard = len(plan.passes), plan.heard
    if not count:
        return "no contact"
    single = ", one station at a time" if plan.overlaps else ""
    return (
        f"{count} contact{'' if count == 1 else 's'}; "
        f"{duration(heard.seconds, hours=True)} h and {_volume(heard.volume_kb)} "
        f"after {plan.acquisition_s:g} s of acquisition each{single}"
    )


def _title(plan: ContactPlan) -> str:
    length = length_words(plan.horizon_s)
    return f"{plan.name}: contacts over {length} from {plan.start:%Y-%m-%d %H:%M} UTC"


def length_words(span_s: float) -> str:
    """Return a span in the largest unit of which there is a whole one.

    >>> length_words(600.0), length_words(30.0), length_words(7200.0), length_words(432_000.0)
    ('10 min', '30 s', '2 h', '5 days')
    """
    if span_s > DAY_S:
        return f"{span_s / DAY_S:.4g} days"
    units = ((3600.0, "h"), (60.0, "min"))
    size_s, unit = next((each for each in units if span_s >= each[0]), (1.0, "s"))
    return f"{span_s / size_s:.3g} {unit}"


def _grid(plan: ContactPlan, frame: Frame) -> Iterator[str]:
    """Yield shaded backgrounds, level lines and time lines with their words."""
    for row in frame.rows:
        left, right = frame.x(row, 0.0), frame.x(row, plan.horizon_s)
        for x, width in ((frame.left, left - frame.left), (right, frame.right - right)):
            if width > 0.05:
                yield rect(x, row.top_y, width, row.bottom_y - row.top_y, SHADE)
        yield from _levels(frame, row)
    for x, words in frame.ticks:
        for row in frame.rows:
            yield line(x, row.top_y, x, row.bottom_y, GRID)
        yield text(x, frame.rows[-1].bottom_y + 17.0, words, "middle", 12.0, QUIET)
        if len(frame.rows) > 3:
            yield text(x, frame.rows[0].top_y - 10.0, words, "middle", 12.0, QUIET)


def _levels(frame: Frame, row: Row) -> Iterator[str]:
    if row.label:
        yield text(24.0, row.base_y - frame.label_px, row.label, "start",
                    12.0, INK)  # fmt: skip
    for deg in frame.levels_deg:
        y = frame.y(row, deg)
        yield line(frame.left, y, frame.right, y, GRID)
        yield text(frame.left - 7.0, y + 4.0, f"{deg:g}°", "end", 11.0, QUIET)
    yield line(frame.left, row.base_y, frame.right, row.base_y, "#aeb7c1")
    for kb in frame.levels_kb:
        y = frame.volume_y(row, kb)
        yield line(frame.left, y, frame.right, y, GRID)
        yield text(frame.left - 7.0, y + 4.0, _volume(kb), "end", 11.0, QUIET)
    if frame.volume_px:
        yield line(frame.left, row.bottom_y, frame.right, row.bottom_y, "#aeb7c1")


def _axis_titles(plan: ContactPlan, frame: Frame) -> Iterator[str]:
    last = frame.rows[-1]
    middle = frame.left + frame.width / 2.0
    yield text(middle, last.bottom_y + 38.0, "Time of day, UTC", "middle", 12.5, INK)
    if len(frame.rows) == 1 and frame.volume_px:
        yield upright(34.0, last.base_y - frame.sky_px / 2.0, "Elevation, degrees")
        yield upright(34.0, last.bottom_y - frame.volume_px / 2.0, "Volume")
    notes = "; ".join(_notes(plan, frame))
    if notes:
        yield text(24.0, last.bottom_y + 60.0, notes, "start", 12.0, QUIET)


def _notes(plan: ContactPlan, frame: Frame) -> Iterator[str]:
    if not plan.passes:
        return
    if frame.compact:
        yield "Height of a stroke: the contact's highest elevation, 0° to 90°"
    else:
        yield "Curves: elevation; bars: data volume of each contact"
    if any(not p.profile.known for p in plan.passes):
        yield "dashed: elevation unknown"
    if not frame.compact and any(p.starts_before or p.ends_after for p in plan.passes):
        yield "triangle: cut by the mission's start or end"


def _passes(plan: ContactPlan, frame: Frame, colours: dict[str, str]) -> Iterator[str]:
    for row, mine in zip(frame.rows, _by_row(plan, frame), strict=True):
        if frame.compact:
            yield from _strokes(frame, row, mine, colours)
            continue
        for contact in mine:
            colour = colours[contact.station]
            yield f"<g><title>{escape(_words(plan, contact))}</title>"
            yield from _curve(frame, row, contact, colour)
            yield from _bar(frame, row, contact, colour)
            yield "</g>"
        if len(frame.rows) == 1:
            yield from _peaks(frame, row, mine, colours)


def _by_row(plan: ContactPlan, frame: Frame) -> list[list[Pass]]:
    """Return the passes of each row; one that goes on into the next is in both."""
    rows: list[list[Pass]] = [[] for _ in frame.rows]
    origin_s, span_s = frame.rows[0].from_s, frame.rows[0].until_s - frame.rows[0].from_s
    for contact in plan.passes:
        first = int((contact.from_s - origin_s) / span_s)
        last = min(math.ceil((contact.until_s - origin_s) / span_s), len(rows))
        for mine in rows[first:last]:
            mine.append(contact)
    return rows


def _curve(frame: Frame, row: Row, contact: Pass, colour: str) -> Iterator[str]:
    """Yield the elevation over the part of a contact that lies in a row."""
    from_s, until_s = max(contact.from_s, row.from_s), min(contact.until_s, row.until_s)
    x0, x1 = frame.x(row, from_s), frame.x(row, until_s)
    if not contact.profile.known:
        y = frame.y(row, _height_deg(contact))
        yield (
            f'<rect x="{x0:.1f}" y="{y:.1f}" width="{max(x1 - x0, NARROWEST_BAR):.1f}" '
            f'height="{row.base_y - y:.1f}" fill="{colour}" fill-opacity=".15" stroke="{colour}" '
            'stroke-dasharray="3 2"/>'
        )
    else:
        points = _points(frame, row, contact, from_s, until_s)
        feet = f"M{x0:.1f},{row.base_y:.1f} {points} {x1:.1f},{row.base_y:.1f}Z"
        yield (
            f'<path d="{feet}" fill="{colour}" fill-opacity=".16"/>'
            f'<path d="M{points}" fill="none" stroke="{colour}" stroke-width="1.5" '
            'stroke-linejoin="round"/>'
        )
    if contact.starts_before and from_s == contact.from_s:
        yield arrow(x0, row.base_y, -1.0, colour)
    if contact.ends_after and until_s == contact.until_s:
        yield arrow(x1, row.base_y, 1.0, colour)


def _points(frame: Frame, row: Row, contact: Pass, from_s: float, until_s: float) -> str:
    seen = contact.profile
    even_s = np.linspace(from_s, until_s, int(np.clip(frame.px(until_s - from_s) * 2.0, 8, 200)))
    top_s = seen.t_s[int(np.argmax(seen.elevation_deg))]
    t_s = np.append(even_s, top_s) if from_s < top_s < until_s else even_s
    t_s.sort()
    deg = np.interp(t_s, seen.t_s, seen.elevation_deg)
    return " ".join(
        f"{frame.x(row, t):.1f},{frame.y(row, max(d, 0.0)):.1f}"
        for t, d in zip(t_s.tolist(), deg.tolist(), strict=True)
    )


def _bar(frame: Frame, row: Row, contact: Pass, colour: str) -> Iterator[str]:
    """Yield the bar of volume, in the row in which the contact has its middle."""
    middle_s = 0.5 * (contact.from_s + contact.until_s)
    if not (frame.volume_px and row.from_s <= middle_s < row.until_s):
        return
    width = max(frame.px(contact.duration_s), NARROWEST_BAR)
    x = min(max(frame.x(row, middle_s) - width / 2.0, frame.left), frame.right - width)
    y = frame.volume_y(row, contact.volume_kb)
    yield rect(x, y, width, row.bottom_y - y, colour, 0.75)


def _height_deg(contact: Pass) -> float:
    """Return how high to draw a contact of which no more than that may be known."""
    deg = contact.max_elevation_deg
    return UNKNOWN_DEG if math.isnan(deg) else deg


def _strokes(
    frame: Frame, row: Row, passes: Sequence[Pass], colours: dict[str, str]
) -> Iterator[str]:
    """Yield, station by station, an upright stroke per contact, as long as it climbs high."""
    for station in dict.fromkeys(p.station for p in passes):
        moves = "".join(
            f"M{frame.x(row, 0.5 * (p.from_s + p.until_s)):.1f},{row.base_y:.1f}"
            f"V{frame.y(row, _height_deg(p)):.1f}"
            for p in passes
            if p.station == station and row.from_s <= 0.5 * (p.from_s + p.until_s) < row.until_s
        )
        yield f'<path d="{moves}" stroke="{colours[station]}" stroke-width="2" opacity=".8"/>'


def _peaks(
    frame: Frame, row: Row, passes: Sequence[Pass], colours: dict[str, str]
) -> Iterator[str]:
    """Yield the highest elevations as numbers, where no higher pass is in the way."""
    known = [p for p in passes if p.profile.known and not math.isnan(p.max_elevation_deg)]
    higher: list[tuple[float, float]] = []  # curves, from left to right
    numbers: list[tuple[float, float]] = []
    for contact in sorted(known, key=lambda p: -p.max_elevation_deg):
        top_s = float(contact.profile.t_s[int(np.argmax(contact.profile.elevation_deg))])
        x, y = frame.x(row, top_s), frame.y(row, contact.max_elevation_deg) - 5.0
        if all(x + 14.0 < a or b < x - 14.0 for a, b in higher) and all(
            abs(x - a) > 28.0 or abs(y - b) > 13.0 for a, b in numbers
        ):
            numbers.append((x, y))
            words = f"{contact.max_elevation_deg:.0f}°"
            yield text(x, y, words, "middle", 11.0, colours[contact.station], bold=True)
        higher.append((frame.x(row, contact.from_s), frame.x(row, contact.until_s)))


def _words(plan: ContactPlan, contact: Pass) -> str:
    deg = contact.max_elevation_deg
    height = "" if math.isnan(deg) else f", up to {deg:.1f}°"
    return (
        f"{contact.station}, {plan.moment(contact.from_s):%Y-%m-%d %H:%M:%S} to "
        f"{plan.moment(contact.until_s):%H:%M:%S} ({duration(contact.duration_s)}){height}, "
        f"{kilobits(contact.rates_bps)} kbit/s, {_volume(contact.volume_kb)}"
    )


def _volume(kb: float) -> str:
    """Return a volume with its unit.

    >>> _volume(720.0), _volume(1_500_000.0), _volume(0.0)
    ('720 kB', '1.5 GB', '0')
    """
    if kb == 0.0:
        return "0"
    scale, unit = (1e6, "GB") if kb >= 1e6 else (1e3, "MB") if kb >= 1e3 else (1.0, "kB")
    return f"{kb / scale:.3g} {unit}"
