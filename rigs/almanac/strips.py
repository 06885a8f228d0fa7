"""Light, beta angle, contacts and proton flux over time as lines of blocks, for a terminal."""

from __future__ import annotations

import numpy as np

from rigs.almanac.figures import Almanac
from rigs.environment.earth import Array
from rigs.passes.skyline import ASCII, BLOCKS, COLUMNS, axis, column_width, labelled, station_lines
from rigs.report.charts import Scale

FLUX_PER_CM2_S = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)  # where a block begins
BETA_STEP_DEG = 5.0


def strips(almanac: Almanac, unicode: bool) -> list[str]:
    """Return the legend, a line for each quantity and each station, and the time axis."""
    blocks = BLOCKS if unicode else ASCII
    plan, tape = almanac.plan, almanac.tape
    beta = beta_scale(tape.beta_along_deg)
    edges_s = np.linspace(0.0, tape.horizon_s, COLUMNS + 1)
    share = means(tape.knots_s, tape.sunlit_fraction, edges_s)
    angle = means(tape.knots_s, tape.beta_along_deg, edges_s)
    flux = highest(tape.knots_s, tape.proton_flux_per_cm2_s, edges_s)
    return [
        *filter(None, _legend(almanac, beta, blocks)),
        labelled("light", _drawn(share, blocks)),
        labelled("beta", _drawn((angle - beta.low) / (beta.high - beta.low), blocks)),
        *station_lines(plan, blocks),
        labelled("protons", _graded(flux, blocks)),
        *axis(plan),
    ]


def _legend(almanac: Almanac, beta: Scale, blocks: str) -> list[str]:
    low, high = blocks[0], blocks[-1]
    first, third, fifth, last = (FLUX_PER_CM2_S[k] for k in (0, 2, 4, 7))
    return [
        f"light: share of the time, {high} all of it; "
        f"beta: {low} {beta.low:g} to {high} {beta.high:g} deg;",
        "stations: top elevation as in `highbay passes`;" if almanac.plan.passes else "",
        f"protons: the most, /cm2/s, {low} {first:g}, {blocks[2]} {third:g}, {blocks[4]} {fifth:g},"
        f" {high} {last:g}; a column is {column_width(almanac.plan)}.",
    ]


def beta_scale(beta_deg: Array) -> Scale:
    """Return a scale with ends on whole steps, so that a small change looks small."""
    low = np.floor(beta_deg.min() / BETA_STEP_DEG) * BETA_STEP_DEG
    high = np.ceil(beta_deg.max() / BETA_STEP_DEG) * BETA_STEP_DEG
    return Scale(float(low), float(max(high, low + BETA_STEP_DEG)))


def _drawn(shares: Array, blocks: str) -> str:
    """Return a block for each share, 0 to 1; nothing is nothing."""
    last = len(blocks) - 1
    levels = np.clip((shares * len(blocks)).astype(np.intp), 0, last).tolist()
    return "".join(
        " " if share <= 0.0 else blocks[level]
        for share, level in zip(shares.tolist(), levels, strict=True)
    )


def _graded(flux: Array, blocks: str) -> str:
    """Return a block for each flux; below the first level there is none."""
    levels = np.searchsorted(FLUX_PER_CM2_S, flux, side="right").tolist()
    return "".join(blocks[level - 1] if level else " " for level in levels)


def means(t_s: Array, values: Array, edges_s: Array) -> Array:
    """Return the mean between edges, ascending, of a quantity linear between its moments."""
    every_s = np.union1d(t_s, edges_s)
    at = np.interp(every_s, t_s, values)
    area = np.concatenate([[0.0], np.cumsum(0.5 * (at[1:] + at[:-1]) * np.diff(every_s))])
    return np.asarray(np.diff(np.interp(edges_s, every_s, area)) / np.diff(edges_s))


def highest(t_s: Array, values: Array, edges_s: Array) -> Array:
    """Return the highest value between edges, ascending, of such a quantity."""
    at = np.interp(edges_s, t_s, values)
    most: Array = np.maximum(at[1:], at[:-1])
    column = np.clip(np.searchsorted(edges_s, t_s, side="right") - 1, 0, len(most) - 1)
    np.maximum.at(most, column, values)
    return most
