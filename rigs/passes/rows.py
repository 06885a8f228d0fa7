"""Where things stand in the picture: one wide row, or a row per day of the calendar, UTC."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rigs.passes.plan import DAY_S, ContactPlan
from rigs.report.charts import round_step

LEFT, DATED_LEFT, RIGHT = 104.0, 136.0, 976.0
ONE_ROW_S = DAY_S + 1.0
MOST_TALL_ROWS = 31  # days with curves and bars; more get a thin row each
FOOT = 80.0


@dataclass(frozen=True, slots=True)
class Row:
    """A stretch of mission time, and the places in px of its top, its horizon and its foot."""

    label: str
    from_s: float
    until_s: float
    top_y: float
    base_y: float
    bottom_y: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The rows of a picture and their scales: ``sky_px`` are 90°, ``volume_px`` are ``top_kb``."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]  # place and words
    sky_px: float
    volume_px: float
    top_kb: float
    levels_deg: tuple[float, ...]
    levels_kb: tuple[float, ...]
    compact: bool
    label_px: float  # from the horizon up to the row's label
    left: float
    right: float = RIGHT

    @property
    def width(self) -> float:
        """Return how wide the rows are."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return the height of the picture."""
        return self.rows[-1].bottom_y + FOOT

    def px(self, seconds: float) -> float:
        """Return how wide a duration is."""
        return seconds / (self.rows[0].until_s - self.rows[0].from_s) * self.width

    def x(self, row: Row, t_s: float) -> float:
        """Return the place of a moment, at the row's end if it lies beyond."""
        return min(max(self.left + self.px(t_s - row.from_s), self.left), self.right)

    def y(self, row: Row, elevation_deg: float) -> float:
        """Return the place of an elevation."""
        return row.base_y - self.sky_px * elevation_deg / 90.0

    def volume_y(self, row: Row, kb: float) -> float:
        """Return the place of a data volume."""
        return row.bottom_y - self.volume_px * kb / self.top_kb


def frame_of(plan: ContactPlan, top: float) -> Frame:
    """Return the frame of a plan's picture, whose rows begin below ``top``."""
    largest_kb = max((p.volume_kb for p in plan.passes), default=0.0) or 1.0
    step_kb = round_step(largest_kb, 3)
    top_kb = math.ceil(largest_kb / step_kb - 1e-9) * step_kb
    if plan.horizon_s <= ONE_ROW_S:
        return _one_row(plan, top, top_kb, step_kb)
    days = math.ceil((plan.horizon_s - plan.midnight_s) / DAY_S - 1e-9)
    return _tall_rows(plan, top, top_kb, days) if days <= MOST_TALL_ROWS else _thin_rows(
        plan, top, top_kb, days
    )  # fmt: skip


def _one_row(plan: ContactPlan, top: float, top_kb: float, step_kb: float) -> Frame:
    sky_px, gap, volume_px = 270.0, 26.0, 100.0
    row = Row("", 0.0, plan.horizon_s, top, top + sky_px, top + sky_px + gap + volume_px)
    levels_kb = tuple(k * step_kb for k in range(round(top_kb / step_kb) + 1))
    ticks = tuple(
        (LEFT + t_s / plan.horizon_s * (RIGHT - LEFT), words) for t_s, words in plan.ticks(9)
    )
    levels_deg = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0)
    return Frame((row,), ticks, sky_px, volume_px, top_kb, levels_deg, levels_kb, False, 0.0, LEFT)


def _tall_rows(plan: ContactPlan, top: float, top_kb: float, days: int) -> Frame:
    sky_px, gap, volume_px, pitch = 64.0, 6.0, 26.0, 118.0
    rows = _days(plan, top + 18.0, days, pitch, sky_px, gap + volume_px, every=1)
    return Frame(
        rows, _hours(), sky_px, volume_px, top_kb, (45.0, 90.0), (top_kb,), False, 34.0, DATED_LEFT
    )


def _thin_rows(plan: ContactPlan, top: float, top_kb: float, days: int) -> Frame:
    rows = _days(plan, top + 18.0, days, 20.0, 17.0, 0.0, every=7)
    return Frame(rows, _hours(), 17.0, 0.0, top_kb, (), (), True, 3.0, DATED_LEFT)


def _days(
    plan: ContactPlan, top: float, days: int, pitch: float, sky_px: float, below: float, every: int
) -> tuple[Row, ...]:
    """Return a row per day; every so many have their date beside them."""
    rows = []
    for day in range(days):
        from_s, y = plan.midnight_s + day * DAY_S, top + day * pitch
        label = f"{plan.moment(from_s + 1.0):%a %d %b}" if day % every == 0 else ""
        base_y = y + sky_px
        rows.append(Row(label, from_s, from_s + DAY_S, y, base_y, base_y + below))
    return tuple(rows)


def _hours() -> tuple[tuple[float, str], ...]:
    width = RIGHT - DATED_LEFT
    return tuple((DATED_LEFT + hour / 24.0 * width, f"{hour:02d}:00") for hour in range(0, 25, 3))
