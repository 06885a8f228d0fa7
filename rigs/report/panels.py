"""The stack of charts that share one time axis: power, heat, jobs and link of a flight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from rigs.report.charts import (
    Line,
    Panel,
    Scale,
    Strip,
    area_path,
    bars,
    dots_path,
    line_path,
    stagger,
)
from rigs.report.fates import Fate
from rigs.report.history import OFF, Aboard, History, Series, Span
from rigs.scenario import PayloadTable, Scenario

EMULATED = "emulated"
MODES = {"normal": "fine", "safe": "warn", "critical": "bad", "empty": "dark"}
THRESHOLDS = {
    "max": "full at",
    "normal": "payloads back above",
    "safe": "payloads shed below",
    "critical": "all shed below",
}
STATES = {OFF: "dark", "booting": "boot", "hung": "bad"}
POINT_STYLES = ("point0", "point1", "point2", "point3", "point4")  # fastest first
PER_HOUR = 3600.0


def satellite_panels(history: History, scenario: Scenario | None) -> list[Panel]:
    """Return the charts of the satellite: battery and power."""
    return [_battery(history, scenario), _power(history)]


def payload_panels(
    history: History, payload: Aboard, scenario: Scenario | None, points: list[str]
) -> list[Panel]:
    """Return the charts of a payload; ``points`` are its operating points, fastest first."""
    table = scenario.payloads.get(payload.name) if scenario else None
    return [
        _heat(history, payload, table, points),
        _queue(history, payload, table),
        _latency(history, payload, table),
    ]


def link_panels(history: History) -> list[Panel]:
    """Return the charts of the link: what waits on board, and what was delivered."""
    span_s = history.horizon_s
    waiting, delivered = history.backlog, history.delivered.stairs(history.t_s)
    return [
        _panel("Waiting on board", "bytes", waiting, span_s, "link", 80, reach=1000.0,
               note="counted at each AOS and LOS, straight lines in between"),
        _panel("Delivered to the ground", "bytes", delivered, span_s, "link", 80, reach=1000.0),
    ]  # fmt: skip


def contact_strip(history: History) -> Strip:
    """Return when which station heard the satellite, and when it was in eclipse."""
    names = list(dict.fromkeys(span.state for span in history.heard))
    styles = {name: f"station{i % 6}" for i, name in enumerate(names)}
    return Strip(
        "contacts",
        bars(history.heard, styles, history.horizon_s),
        [(styles[name], name) for name in names],
    )


def source_of(payload: Aboard) -> str:
    """Return whether a payload's power and times were measured or emulated."""
    return " and ".join(sorted(payload.sources)) or EMULATED


def _panel(
    title: str,
    unit: str,
    series: Series,
    span_s: float,
    style: str,
    height_px: int,
    note: str = "",
    source: str = EMULATED,
    levels: Iterable[tuple[float, str]] = (),
    strips: Iterable[Strip] = (),
    reach: float = 0.0,
) -> Panel:
    """Return a chart of one series over its area, whose scale goes up to ``reach`` at least."""
    levels, label = list(levels), title.split(": ")[-1].lower()
    scale = Scale.over(series.values, [reach, *(value for value, _ in levels)], zero=True)
    lines = [
        Line(label, f"{style} wash", area_path(series, scale, span_s), area=True),
        Line(label, style, line_path(series, scale, span_s)),
    ]
    limits = stagger(levels, scale, height_px)
    return Panel(
        title, unit, source, scale, lines, limits, list(strips), height_px, note
    )  # fmt: skip


def _battery(history: History, scenario: Scenario | None) -> Panel:
    levels: list[tuple[float, str]] = []
    if scenario is not None:
        fractions, volts = np.array(scenario.battery.ocv).T
        for name, words in THRESHOLDS.items():
            level_v = getattr(scenario.eps, f"{name}_v")
            usable_wh = scenario.battery.capacity_wh * scenario.battery.remaining
            level_wh = float(np.interp(level_v, volts, fractions)) * usable_wh
            levels.append((level_wh, f"{words} {level_v:g} V"))
    modes = history.spans(history.modes)
    return _panel(
        "Battery", "Wh", history.housekeeping("battery_wh"), history.horizon_s, "battery", 130,
        levels=levels,
        strips=[Strip("mode", bars(modes, MODES, history.horizon_s), _keys(modes, MODES))],
    )  # fmt: skip


def _power(history: History) -> Panel:
    span_s = history.horizon_s
    array_w = history.housekeeping("generated_wh").rate(PER_HOUR)
    load_w = history.housekeeping("consumed_wh").rate(PER_HOUR)
    payloads_w = _summed(payload.energy for payload in history.payloads.values()).rate(1.0)
    scale = Scale.over(array_w.values, load_w.values, zero=True)
    lines = [
        Line("array", "array wash", area_path(array_w, scale, span_s), area=True),
        Line("array", "array", line_path(array_w, scale, span_s)),
        Line("all loads", "load", line_path(load_w, scale, span_s)),
        Line("payload", "payload", line_path(payloads_w, scale, span_s)),
    ]
    note = "means between housekeeping records, from the energy counters"
    return Panel("Power", "W", EMULATED, scale, lines, [], [], 120, note)


def _summed(counters: Iterable[list[tuple[float, float | None]]]) -> Series:
    every = [Series.of(counter) for counter in counters]
    if not every:
        return Series.of(())
    return Series(every[0].t_s, np.sum([series.values for series in every], axis=0))


def _heat(
    history: History, payload: Aboard, table: PayloadTable | None, points: list[str]
) -> Panel:
    span_s, height_px = history.horizon_s, 160
    die_c, radiator_c = Series.of(payload.die), history.housekeeping("radiator_c")
    trips = [(t.above_c, f"{t.point} above {t.above_c:g} °C") for t in table.trips] if table else []
    scale = Scale.over(die_c.values, radiator_c.values, [c for c, _ in trips])
    lines = [
        Line("die", "die", line_path(die_c, scale, span_s)),
        Line("radiator", "radiator", line_path(radiator_c, scale, span_s)),
    ]
    strips = [_states(history, payload, points), _corrupted(history, payload)]
    levels = stagger(trips, scale, height_px)
    return Panel(
        f"{payload.name}: temperatures", "°C", EMULATED, scale, lines, levels, strips, height_px,
    )  # fmt: skip


def _states(history: History, payload: Aboard, points: list[str]) -> Strip:
    spans = history.spans(payload.turns)
    every = list(dict.fromkeys([*points, payload.point, *(span.state for span in spans)]))
    ranks = [name for name in every if name not in STATES]
    styles = {name: POINT_STYLES[min(i, len(POINT_STYLES) - 1)] for i, name in enumerate(ranks)}
    styles |= STATES
    # What is short and bad is drawn last, over the long stretches around it.
    spans = sorted(spans, key=lambda span: span.state in STATES)
    return Strip("board", bars(spans, styles, history.horizon_s), _keys(spans, styles))


def _corrupted(history: History, payload: Aboard) -> Strip:
    """Return when the loaded model had wrong bits in it."""
    upsets = [f for f in history.fates if f.payload == payload.name and f.upset and f.effective]
    spans = [_span(history, fate) for fate in upsets]
    styles = {"corrupted": "corrupted"}
    return Strip("model", bars(spans, styles, history.horizon_s), _keys(spans, styles))


def _span(history: History, fate: Fate) -> Span:
    until_s = history.t_s if fate.recovered_s is None else fate.recovered_s
    return Span(fate.t_s, until_s, "corrupted")


def _queue(history: History, payload: Aboard, table: PayloadTable | None) -> Panel:
    waiting = Series.of(payload.waiting).stairs(history.t_s)
    spans = [Span(t_s, t_s, reason) for t_s, reason in payload.lost]
    styles = {reason: "lost" for _, reason in payload.lost}
    keys = [("lost", "job lost")] if spans else []
    lost = Strip("lost", bars(spans, styles, history.horizon_s), keys)
    levels = [(float(table.queue_length), "queue full")] if table else []
    if waiting.values.max(initial=0.0) < 0.5 * (levels[0][0] if levels else 0.0):
        levels = []  # far away, it would only flatten the line
    return _panel(
        f"{payload.name}: jobs waiting", "jobs", waiting, history.horizon_s, "jobs", 80,
        source=source_of(payload), levels=levels, strips=[lost], reach=4.0,
    )  # fmt: skip


def _latency(history: History, payload: Aboard, table: PayloadTable | None) -> Panel:
    span_s, height_px = history.horizon_s, 90
    deadlines = {jobs.deadline_s for jobs in table.jobs} if table else set()
    levels = [(s, f"deadline {s:g} s") for s in deadlines]
    groups = {"on time": False, "late": True}
    series = {
        words: Series.of((a.t_s, a.latency_s) for a in payload.answers if a.late == late)
        for words, late in groups.items()
    }
    longest = max((s.values.max(initial=0.0) for s in series.values()), default=0.0)
    levels = [level for level in levels if level[0] <= 4.0 * longest]
    scale = Scale.over(*(s.values for s in series.values()), [v for v, _ in levels], zero=True)
    lines = [
        Line(words, f"dots {'late' if groups[words] else 'jobs'}", dots_path(s, scale, span_s))
        for words, s in series.items()
    ]
    return Panel(
        f"{payload.name}: latency of answers", "s", source_of(payload), scale, lines,
        stagger(levels, scale, height_px), [], height_px, "from release to answer",
    )  # fmt: skip


def _keys(spans: Iterable[Span], styles: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the styles that occur with their words, in the order of the styles."""
    there = {span.state for span in spans}
    return [(style, words) for words, style in styles.items() if words in there]
