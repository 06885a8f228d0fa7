"""Elevation over time as one line of blocks per station, for a terminal."""

from __future__ import annotations

import math

import numpy as np

from rigs.environment.earth import Array
from rigs.passes.plan import ContactPlan, Pass

COLUMNS = 64
NAME = 14  # characters of a station's name
BLOCKS, ASCII = "▁▂▃▄▅▆▇█", ".:-=+*#@"
UNKNOWN, BASELINE = "?", " "
TICKS = 6
_NOTHING, _SOMETHING = -2.0, -1.0  # in place of an elevation: no contact, or none is known


def skyline(plan: ContactPlan, unicode: bool) -> list[str]:
    """Return a line per station, highest elevation in each column, with time axis and legend."""
    blocks = BLOCKS if unicode else ASCII
    return [_legend(plan, blocks), *station_lines(plan, blocks), *axis(plan)]


def station_lines(plan: ContactPlan, blocks: str) -> list[str]:
    """Return the line of every station, drawn with eight characters, the lowest first."""
    return [labelled(name, _line(plan.over(name), blocks)) for name in plan.stations]


def labelled(name: str, line: str) -> str:
    """Return a line of ``COLUMNS`` characters with its name before it.

    >>> labelled("light", "=" * COLUMNS)[:18]
    'light         |==='
    """
    return f"{name[:NAME]:<{NAME}}|{line}|"


def _line(plan: ContactPlan, blocks: str) -> str:
    height_deg = np.full(COLUMNS, _NOTHING)
    for contact in plan.passes:
        _raise(height_deg, contact, plan.horizon_s / COLUMNS)
    return "".join(_block(deg, blocks) for deg in height_deg.tolist()).ljust(COLUMNS)


def _raise(height_deg: Array, contact: Pass, column_s: float) -> None:
    """Raise the columns that a contact touches to its highest elevation there."""
    first = int(contact.from_s / column_s)
    last = max(first + 1, math.ceil(contact.until_s / column_s))
    if not contact.profile.known:
        known = contact.max_elevation_deg
        level = _SOMETHING if math.isnan(known) else known
        height_deg[first:last] = np.maximum(height_deg[first:last], level)
        return
    edges_s = np.arange(first, last + 1) * column_s
    t_s = np.concatenate([contact.profile.t_s, edges_s.clip(contact.from_s, contact.until_s)])
    deg = np.interp(t_s, contact.profile.t_s, contact.profile.elevation_deg)
    column = (t_s / column_s).astype(np.intp).clip(first, min(last, COLUMNS) - 1)
    np.maximum.at(height_deg, column, deg.clip(0.0))


def _block(deg: float, blocks: str) -> str:
    if deg < 0.0:
        return BASELINE if deg == _NOTHING else UNKNOWN
    return blocks[min(int(deg / 90.0 * len(blocks)), len(blocks) - 1)]


def axis(plan: ContactPlan) -> list[str]:
    """Return the time axis under such lines: marks and times of day, or dates, UTC."""
    marks, words = [" "] * (COLUMNS + 2), [" "] * (COLUMNS + 2)
    for t_s, text in plan.ticks(TICKS):
        column = 1 + min(round(t_s / plan.horizon_s * COLUMNS), COLUMNS - 1)
        marks[column] = "'"
        first = min(column, len(words) - len(text))
        words[first : first + len(text)] = text
    return [" " * NAME + "".join(line).rstrip() for line in (marks, words)]


def column_width(plan: ContactPlan) -> str:
    """Return how much time a column stands for, in words."""
    column_s = plan.horizon_s / COLUMNS
    units = (("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 0.0))
    unit, unit_s = next((name, size_s) for name, size_s in units if column_s >= 2.0 * size_s)
    return f"{column_s / (unit_s or 1.0):.3g} {unit}"


def _legend(plan: ContactPlan, blocks: str) -> str:
    scale = f"{blocks[0]} to 11, {blocks[3]} to 45, {blocks[-1]} to 90"
    unknown = f", {UNKNOWN} unknown" if _any_unknown(plan) else ""
    return f"Top elevation, deg: {scale}{unknown}; a column is {column_width(plan)}."


def _any_unknown(plan: ContactPlan) -> bool:
    return any(not p.profile.known and math.isnan(p.max_elevation_deg) for p in plan.passes)
