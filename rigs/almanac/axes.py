"""The boxes of the picture that share one time axis: where values and moments stand in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rigs.environment.earth import Array
from rigs.passes.shapes import GRID, INK, QUIET, line, rect, text
from rigs.report.charts import thin

LEFT, RIGHT = 104.0, 976.0
EDGE = "#aeb7c1"
LOWEST_PER_CM2_S = 0.01  # of a logarithmic axis


@dataclass(frozen=True, slots=True)
class Box:
    """A stretch of the sheet, px, over a mission; values go from ``low`` up to ``high``."""

    title: str
    unit: str
    top_y: float
    height: float
    horizon_s: float
    low: float = 0.0
    high: float = 1.0

    @property
    def bottom_y(self) -> float:
        """Return where it ends."""
        return self.top_y + self.height

    def x(self, t_s: float) -> float:
        """Return the place of a moment."""
        return LEFT + (RIGHT - LEFT) * t_s / self.horizon_s

    def y(self, value: float) -> float:
        """Return the place of a value."""
        return self.bottom_y - self.height * (value - self.low) / (self.high - self.low)

    def frame(self, ticks: Sequence[tuple[float, str]]) -> Iterator[str]:
        """Yield the ground, the title, and a line with its words at each tick (value, words)."""
        yield rect(LEFT, self.top_y, RIGHT - LEFT, self.height, "#fafbfc")
        yield text(24.0, self.top_y - 12.0, self.title, "start", 12.5, INK, bold=True)
        yield text(RIGHT, self.top_y - 12.0, self.unit, "end", 12.0, QUIET)
        for value, words in ticks:
            y = self.y(value)
            yield line(LEFT, y, RIGHT, y, GRID)
            yield text(LEFT - 7.0, y + 4.0, words, "end", 11.0, QUIET)
        yield line(LEFT, self.bottom_y, RIGHT, self.bottom_y, EDGE)

    def curve(self, t_s: Array, values: Array, colour: str, filled: bool = False) -> str:
        """Return a line through values, none of whose extremes is lost; or the area under it."""
        kept = thin(t_s, values, self.horizon_s)
        points = " ".join(
            f"{self.x(t):.1f},{self.y(v):.1f}"
            for t, v in zip(t_s[kept].tolist(), values[kept].tolist(), strict=True)
        )
        if not filled:
            return (
                f'<path d="M{points}" fill="none" stroke="{colour}" stroke-width="1.4" '
                'stroke-linejoin="round"/>'
            )
        first, last = self.x(float(t_s[kept[0]])), self.x(float(t_s[kept[-1]]))
        foot = f"{self.bottom_y:.1f}"
        return f'<path d="M{first:.1f},{foot} {points} {last:.1f},{foot}Z" fill="{colour}"/>'


def decades(flux: Array) -> tuple[float, float]:
    """Return the powers of ten that hold every flux, not below a hundredth.

    >>> decades(np.array([1.6, 2255.0]))
    (0.0, 4.0)
    """
    low = math.floor(math.log10(max(float(flux.min()), LOWEST_PER_CM2_S)))
    high = math.ceil(math.log10(max(float(flux.max()), LOWEST_PER_CM2_S)))
    return float(low), float(max(high, low + 1))


def logarithm(flux: Array) -> Array:
    """Return the decimal logarithm of a flux, taken as a hundredth where it is lower."""
    return np.asarray(np.log10(np.maximum(flux, LOWEST_PER_CM2_S)))
