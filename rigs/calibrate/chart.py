"""Measured against predicted, as a standalone SVG and as lines of characters for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

import numpy as np

from payloads.calibration.traces import Array
from rigs.passes.legend import COLOURS, WIDTH
from rigs.passes.shapes import GRID, INK, PAGE, QUIET, line, rect, text, upright

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif"
LEFT, RIGHT, GAP = 74.0, 976.0, 34.0  # px
COLUMNS, ROWS = 68, 14  # of the terminal's plot
MARKS = (("·", "●", "◆"), (".", "o", "#"))  # measured, predicted, both; plain beside
POINTS = 900  # a curve has no more; means in between
ROUND_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Panel:
    """Two curves over the same time, with one unit."""

    words: str
    measured: Array | None
    predicted: Array
    height_px: float


def plot_svg(title: str, facts: str, t_s: Array, panels: list[Panel]) -> str:
    """Return the picture of a prediction as the text of an SVG file, 1000 px wide."""
    height = 96.0 + sum(panel.height_px + GAP for panel in panels) + 26.0
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" '
        f'width="{WIDTH:g}" height="{height:g}" font-family="{FONT}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" fill="{PAGE}"/>',
        text(24.0, 36.0, title, "start", 20.0, INK, bold=True),
        text(24.0, 58.0, facts, "start", 13.0, QUIET),
        *_legend(),
    ]
    top = 96.0
    for panel in panels:
        body += _panel(panel, t_s, top)
        top += panel.height_px + GAP
    for hour_s, words in _time_ticks(t_s):
        body.append(text(_x(hour_s, t_s), top - GAP + 17.0, words, "middle", 12.0, QUIET))
    body.append(
        text(0.5 * (LEFT + RIGHT), top - GAP + 38.0, "Time since the first sample, h", "middle",
             12.5, INK)
    )  # fmt: skip
    return "\n".join([*body, "</svg>\n"])


def _legend() -> Iterator[str]:
    for x, words, colour in ((24.0, "measured", QUIET), (124.0, "predicted", COLOURS[4])):
        yield rect(x, 74.0, 12.0, 10.0, colour)
        yield text(x + 18.0, 83.0, words, "start", 12.5, INK)


def _x(at_s: float, t_s: Array) -> float:
    return LEFT + (RIGHT - LEFT) * float((at_s - t_s[0]) / (t_s[-1] - t_s[0]))


def _panel(panel: Panel, t_s: Array, top: float) -> Iterator[str]:
    both = [panel.predicted] + ([] if panel.measured is None else [panel.measured])
    ticks = _ticks(min(float(s.min()) for s in both), max(float(s.max()) for s in both))
    low, high = ticks[0], ticks[-1]
    bottom = top + panel.height_px

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * panel.height_px

    for tick in ticks:
        yield line(LEFT, y(tick), RIGHT, y(tick), GRID)
        yield text(LEFT - 7.0, y(tick) + 4.0, f"{tick:g}", "end", 11.0, QUIET)
    for at_s, _ in _time_ticks(t_s):
        yield line(_x(at_s, t_s), top, _x(at_s, t_s), bottom, GRID)
    yield upright(34.0, 0.5 * (top + bottom), panel.words)
    for series, colour in ((panel.measured, QUIET), (panel.predicted, COLOURS[4])):
        if series is not None:
            yield _curve(series, t_s, colour, y)


def _curve(series: Array, t_s: Array, colour: str, y: Callable[[float], float]) -> str:
    group = np.arange(len(t_s)) * POINTS // len(t_s)
    count = np.bincount(group)
    kept = count > 0
    mean_s = np.bincount(group, weights=t_s)[kept] / count[kept]
    mean = np.bincount(group, weights=series)[kept] / count[kept]
    points = " ".join(
        f"{_x(at_s, t_s):.1f},{y(value):.1f}"
        for at_s, value in zip(mean_s.tolist(), mean.tolist(), strict=True)
    )
    return f'<path d="M{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>'


def _ticks(low: float, high: float) -> list[float]:
    """Return round values from below ``low`` to above ``high``, about five.

    >>> _ticks(17.0, 73.0)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    rough = max(high - low, 1e-3) / 4.0
    scale = 10.0 ** np.floor(np.log10(rough))
    step = next((s * scale for s in ROUND_STEPS if s * scale >= rough), 10.0 * scale)
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    return [float(k * step) for k in range(first, max(last, first + 1) + 1)]


def _time_ticks(t_s: Array) -> list[tuple[float, str]]:
    span_h = float(t_s[-1] - t_s[0]) / 3600.0
    marks = [tick for tick in _ticks(0.0, span_h) if tick <= span_h * 1.001]
    return [(float(t_s[0]) + 3600.0 * tick, f"{tick:g}") for tick in marks]


def skyline(t_s: Array, measured_c: Array, predicted_c: Array, unicode: bool) -> list[str]:
    """Return measured and predicted die temperature as lines, at most 80 characters wide."""
    marks = MARKS[0] if unicode else MARKS[1]
    column = ((t_s - t_s[0]) / (t_s[-1] - t_s[0]) * (COLUMNS - 1e-6)).astype(np.intp)
    low = min(measured_c.min(), predicted_c.min())
    high = max(measured_c.max(), predicted_c.max(), low + 1.0)
    sheet = [[" "] * COLUMNS for _ in range(ROWS)]
    for mark, series in zip(marks, (measured_c, predicted_c), strict=False):
        for k in np.unique(column).tolist():
            row = round(float((series[column == k].mean() - low) / (high - low)) * (ROWS - 1))
            cell = sheet[ROWS - 1 - row]
            cell[k] = mark if cell[k] == " " else marks[2]
    labels = {0: high, ROWS // 2: high - (high - low) * (ROWS // 2) / (ROWS - 1), ROWS - 1: low}
    lines = [
        (f"{labels[k]:6.1f} |" if k in labels else "       |") + "".join(cells).rstrip()
        for k, cells in enumerate(sheet)
    ]
    span_h = float(t_s[-1] - t_s[0]) / 3600.0
    scale = f"{marks[0]} measured  {marks[1]} predicted  {marks[2]} both"
    axis = "       0 h" + f"{span_h:.3g} h".rjust(COLUMNS - 2)
    return [f"Die temperature, °C: {scale}", *lines, "       +" + "-" * COLUMNS, axis]
