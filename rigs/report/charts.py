"""The geometry of the report's charts: series become SVG paths that stretch to any width.

A chart is drawn in a box 1000 wide and 100 high (percent of its height, from the top), which the
page stretches to the room there is; texts are placed in percent and do not stretch with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rigs.report.history import Floats, Series, Span

WIDTH = 1000.0  # of the box, and the number of columns that a series is thinned to
HEIGHT = 100.0
TICKS_S = (
    60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0,
    86_400.0, 172_800.0, 432_000.0, 864_000.0, 2_592_000.0, 7_776_000.0,
)  # fmt: skip
MOST_TICKS = 9
FLATTEST = 1e-6  # a smaller share of its values is no range to draw
NARROWEST = 0.15  # percent: a shorter bar could not be seen


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from ``low``, at the bottom of a box, to ``high``, at its top."""

    low: float
    high: float

    @classmethod
    def over(cls, *parts: Floats | Sequence[float], zero: bool = False) -> Scale:
        """Return a scale with round ends that holds every finite value."""
        every = np.concatenate([np.asarray(part, np.float64).ravel() for part in parts])
        every = every[np.isfinite(every)]
        low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
        low = min(low, 0.0) if zero else low
        high = high if high - low > FLATTEST * max(abs(high), 1.0) else low + 1.0
        step = round_step(high - low, 8)
        return cls(
            math.floor(low / step) * step, max(math.ceil(high / step), 1 + low // step) * step
        )

    def y(self, value: float) -> float:
        """Return how far from the top a value lies, in percent."""
        return HEIGHT * (self.high - value) / (self.high - self.low)

    def ticks(self, most: int = 4) -> list[tuple[float, str]]:
        """Return place and text of a few round values."""
        step = round_step(self.high - self.low, most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(self.y(k * step), short(k * step)) for k in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Line:
    """A series in a panel; ``style`` is its class in the page's style sheet."""

    label: str
    style: str
    path: str
    area: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """A limit across a panel, with its words."""

    y: float
    label: str
    right: float = 0.0  # percent from the right edge at which the words end


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a strip, in percent of its width."""

    x: float
    width: float
    style: str
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """States along the time axis."""

    label: str
    bars: list[Bar]
    keys: list[tuple[str, str]]  # style and words


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart of the stack, or only strips where it has no scale."""

    title: str
    unit: str
    source: str  # measured or emulated
    scale: Scale | None
    lines: list[Line]
    levels: list[Level]
    strips: list[Strip]
    height_px: int = 110
    note: str = ""

    @property
    def described(self) -> str:
        """Return what the chart shows, in words."""
        names = ", ".join(line.label for line in self.lines)
        limits = ", ".join(level.label for level in self.levels)
        return f"{names} over mission time" + (f"; limits: {limits}" if limits else "")


def thin(t_s: Floats, values: Floats, span_s: float) -> NDArray[np.intp]:
    """Return which samples to draw, ascending: of each column the first, lowest, highest and last.

    A column is a thousandth of ``span_s``. No excursion is lost: in every
    column the drawn samples have the extremes of all samples.
    """
    column = np.floor(t_s * (WIDTH / span_s)).astype(np.int64)
    order = np.lexsort((values, column))
    turns = np.flatnonzero(np.diff(column)) + 1
    first, last = np.append(0, turns), np.append(turns - 1, len(t_s) - 1)
    return np.unique(np.concatenate([first, last, order[first], order[last]]))


def line_path(series: Series, scale: Scale, span_s: float) -> str:
    """Return a series as the path of a polyline."""
    x, y = _drawn(series, scale, span_s)
    return "M" + " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True)) if x else ""


def area_path(series: Series, scale: Scale, span_s: float) -> str:
    """Return the area between a series and zero, or the bottom if that is higher."""
    x, y = _drawn(series, scale, span_s)
    if not x:
        return ""
    floor = min(scale.y(max(0.0, scale.low)), HEIGHT)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f"M{x[0]:.1f},{floor:.1f} {points} {x[-1]:.1f},{floor:.1f}Z"


def dots_path(series: Series, scale: Scale, span_s: float) -> str:
    """Return a series as dots, which round line ends make of lines without length."""
    x, y = _drawn(series, scale, span_s)
    return "".join(f"M{a:.1f},{b:.1f}h0" for a, b in zip(x, y, strict=True))


def bars(spans: Iterable[Span], styles: dict[str, str], span_s: float) -> list[Bar]:
    """Return spans as bars; states without a style are left out."""
    return [
        Bar(
            percent(span.since_s, span_s),
            max(percent(span.until_s - span.since_s, span_s), NARROWEST),
            styles[span.state],
            f"{span.state}, {clock(span.since_s)} to {clock(span.until_s)}",
        )
        for span in spans
        if span.state in styles
    ]


def stagger(levels: Iterable[tuple[float, str]], scale: Scale, height_px: int) -> list[Level]:
    """Return limits whose words move aside where they would stand on one another."""
    placed: list[Level] = []
    for value, label in sorted(levels, reverse=True):
        y = scale.y(value)
        near = bool(placed) and (y - placed[-1].y) * height_px / HEIGHT < 12.0
        placed.append(Level(y, label, (placed[-1].right + 25.0) % 75.0 if near else 0.0))
    return placed


def time_ticks(span_s: float) -> list[tuple[float, str]]:
    """Return place, in percent, and text of round mission times.

    >>> time_ticks(7200.0)[:3]
    [(0.0, '0'), (12.5, '15 min'), (25.0, '30 min')]
    """
    step_s = next((s for s in TICKS_S if span_s / s <= MOST_TICKS), TICKS_S[-1])
    count = int(span_s / step_s + 1e-9) + 1
    return [(percent(k * step_s, span_s), _tick(k * step_s, step_s)) for k in range(count)]


def percent(t_s: float, span_s: float) -> float:
    """Return how far along the time axis a moment lies, in percent to 0.01."""
    return round(100.0 * t_s / span_s, 2)


def clock(t_s: float) -> str:
    """Return mission elapsed time as people read it.

    >>> clock(50421.4), clock(9 * 86400.0 + 61.0)
    ('14:00:21', '9 d 00:01:01')
    """
    days, rest_s = divmod(round(t_s), 86_400)
    text = f"{rest_s // 3600:02d}:{rest_s // 60 % 60:02d}:{rest_s % 60:02d}"
    return f"{days} d {text}" if days else text


def round_step(span: float, most: int) -> float:
    """Return 1, 2 or 5 times a power of ten that divides ``span`` into at most ``most`` steps.

    >>> round_step(77.0, 4), round_step(0.9, 5)
    (20.0, 0.2)
    """
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(k * power for k in (1.0, 2.0, 5.0, 10.0) if span / (k * power) <= most + 1e-9)


def short(value: float) -> str:
    """Return a number for an axis.

    >>> short(1_500_000.0), short(20_000.0), short(-0.5), short(0.0)
    ('1.5M', '20k', '−0.5', '0')
    """
    size = abs(value)
    scaled, unit = (value / 1e6, "M") if size >= 1e6 else (value / 1e3, "k") if size >= 1e4 else (
        value, ""
    )  # fmt: skip
    return f"{scaled:.6g}{unit}".replace("-", "−")


def _drawn(series: Series, scale: Scale, span_s: float) -> tuple[list[float], list[float]]:
    known = np.isfinite(series.values)
    t_s, values = series.t_s[known], series.values[known]
    if not len(t_s):
        return [], []
    kept = thin(t_s, values, span_s)
    x = t_s[kept] * (WIDTH / span_s)
    y = HEIGHT * (scale.high - values[kept]) / (scale.high - scale.low)
    return x.tolist(), y.tolist()


def _tick(t_s: float, step_s: float) -> str:
    if t_s == 0.0:
        return "0"
    if step_s < 3600.0 and t_s % 3600.0:
        whole, rest = divmod(t_s, 3600.0)
        return f"{rest / 60.0:g} min" if not whole else f"{whole:g}:{rest / 60.0:02.0f} h"
    return f"{t_s / 86_400.0:g} d" if step_s >= 43_200.0 else f"{t_s / 3600.0:g} h"
