"""Writes the report of a flight: one page that opens offline, from what lies in its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from firmware_bridge.boards.profile import BoardProfile
from rigs import assemble
from rigs.environment.tape import EnvironmentTape
from rigs.errors import ScenarioError
from rigs.reading import Sheet, read_scenario
from rigs.records import read_records
from rigs.report.charts import Panel, clock, percent, time_ticks
from rigs.report.contacts import contact_chart, contact_table, fate_table
from rigs.report.figures import (
    amount,
    brief,
    cards,
    counted,
    duration,
    number,
    quantity,
    seconds,
    tables,
    three,
)
from rigs.report.gallery import choose_tiles, tally
from rigs.report.history import Aboard, History
from rigs.report.panels import (
    contact_strip,
    link_panels,
    payload_panels,
    satellite_panels,
    source_of,
)
from rigs.report.provenance import board_numbers, origins
from rigs.report.verdicts import MEANING, verdicts
from rigs.report.worldmap import Mark, Track, WorldMap, place_words, world_map
from rigs.scenario import Scenario
from rigs.sky import environment

RECORDS, SCENARIO, PRODUCTS, REPORT = "records.jsonl", "scenario.toml", "products", "report.html"
MOST_FAULTS = 500  # rows of the table; the rest is counted
S_PER_YEAR = 365.25 * 86_400.0


@dataclass(frozen=True, slots=True)
class _Flight:
    """What a report is made of; without a readable scenario there is no sky and no board."""

    folder: Path
    summary: Mapping[str, Any]
    history: History
    scenario: Scenario | None = None
    tape: EnvironmentTape | None = None
    boards: Mapping[str, BoardProfile] = field(default_factory=dict)

    @classmethod
    def from_folder(cls, folder: Path, summary: Mapping[str, Any]) -> _Flight:
        """Read records and scenario of a results folder."""
        history = History(read_records(folder / RECORDS))
        try:
            sheet = read_scenario(str(folder / SCENARIO))
            tape, boards = environment(sheet), _boards(sheet)
        except ScenarioError:
            return cls(folder, summary, history)
        return cls(folder, summary, history, sheet.scenario, tape, boards)

    def place(self, t_s: float) -> str:
        """Return where on Earth the satellite was, or nothing where that is not known."""
        return place_words(*Track(self.tape).place(t_s)) if self.tape else ""

    def utc(self, t_s: float) -> str:
        """Return a mission time as a date, or nothing where the start is not known."""
        if self.scenario is None:
            return ""
        return f"{self.scenario.start + timedelta(seconds=round(t_s)):%d %b %H:%M:%S}"


def write_report(folder: Path, summary: dict[str, Any]) -> Path:
    """Write ``report.html`` in a results folder, and return its path.

    Records, scenario and products are read from the folder; what is missing
    there, as after a flight that was killed, is missing on the page, which
    says so.
    """
    flight = _Flight.from_folder(folder, summary)
    path = folder / REPORT
    path.write_text(_page(flight), encoding="utf-8")
    return path


def _page(flight: _Flight) -> str:
    pages = Environment(
        loader=PackageLoader("rigs.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words: dict[str, Callable[..., Any]] = {
        "clock": clock, "duration": duration, "number": number, "brief": brief, "amount": amount,
        "counted": counted, "quantity": quantity, "seconds": seconds, "three": three,
        "utc": flight.utc, "place": flight.place,
        "percent": partial(percent, span_s=flight.history.horizon_s),
    }  # fmt: skip
    pages.filters |= words
    history, span_s = flight.history, flight.history.horizon_s
    return pages.get_template("page.html").render(
        flight=flight,
        history=history,
        start=history.start,
        radiation=_radiation(history),
        map=_map(flight),
        ticks=time_ticks(span_s),
        contact_strip=contact_strip(history),
        panels=_panels(flight),
        marks=_marks(history),
        contacts=contact_table(history),
        chart=contact_chart(history.accounting),
        fates=fate_table(history.accounting),
        galleries=[_gallery(flight, payload) for payload in history.payloads.values()],
        **_faults(flight),
        **_numbers(flight),
    )


def _boards(sheet: Sheet) -> dict[str, BoardProfile]:
    """Return the profiles of the boards that have one."""
    boards = {}
    for name in sheet.scenario.payloads:
        with suppress(ScenarioError):
            boards[name] = assemble.profile(sheet, name)
    return boards


def _radiation(history: History) -> str:
    """Return in a sentence how much faster radiation struck than the models say."""
    times = history.start.get("acceleration", 1.0)
    if times == 0.0:
        return "Radiation was switched off."
    if times == 1.0:
        return "Radiation struck at the rate its models give, not accelerated."
    verb = "accelerated" if times > 1.0 else "slowed"
    if history.t_s == 0.0:
        return f"Radiation was {verb} × {times:,.6g}."
    years = history.t_s * times / S_PER_YEAR
    length = f"{years:.1f} years" if years >= 1.0 else duration(history.t_s * times)
    return (
        f"Radiation was {verb} × {times:,.6g}: at the assumed cross-sections, the strikes on the "
        f"model's weights and on the board that {length} would bring."
    )


def _map(flight: _Flight) -> WorldMap | None:
    if flight.scenario is None or flight.tape is None:
        return None
    history = flight.history
    strikes = [(f.t_s, f.kind, f"{f.kind.upper()} {clock(f.t_s)}") for f in history.fates]
    return world_map(
        flight.scenario, flight.tape, history.t_s, history.eclipses, history.heard, strikes
    )


def _panels(flight: _Flight) -> list[Panel]:
    history, scenario = flight.history, flight.scenario
    panels = satellite_panels(history, scenario)
    for name, payload in history.payloads.items():
        board = flight.boards.get(name)
        points = list(board.operating_points()) if board else []
        panels += payload_panels(history, payload, scenario, points)
    return [*panels, *link_panels(history)]


def _marks(history: History) -> list[Mark]:
    """Return where to mark strikes on the time axis: of each class one per thousandth of it."""
    marks: dict[tuple[float, str], Mark] = {}
    for fate in history.fates:
        x = percent(fate.t_s, history.horizon_s)
        words = f"{fate.kind.upper()} {clock(fate.t_s)}"
        marks.setdefault((round(x, 1), fate.kind), Mark(x, 0.0, fate.kind, words))
    return list(marks.values())


def _gallery(flight: _Flight, payload: Aboard) -> dict[str, Any]:
    tiles = choose_tiles(payload, flight.folder / PRODUCTS)
    table = flight.scenario.payloads.get(payload.name) if flight.scenario else None
    from_above = table is None or table.images is None  # else the pictures are the user's own
    return {
        "payload": payload,
        "tiles": tiles,
        "tally": tally(payload.answers),
        "from_above": from_above,
    }


def _faults(flight: _Flight) -> dict[str, Any]:
    rows = verdicts(flight.history.fates, flight.place)
    there = {row.kind for row in rows}
    return {
        "faults": rows[:MOST_FAULTS],
        "more_faults": max(len(rows) - MOST_FAULTS, 0),
        "meanings": {kind: words for kind, words in MEANING.items() if kind in there},
    }


def _counted(history: History) -> str:
    """Return when the link was counted, where that was before the end of the records."""
    accounting = history.accounting
    stale = accounting.counts and not accounting.final
    return f"as of {clock(accounting.counts['t_s'])}" if stale else ""


def _numbers(flight: _Flight) -> dict[str, Any]:
    history, start = flight.history, flight.history.start
    sources = {name: source_of(payload) for name, payload in history.payloads.items()}
    return {
        "cards": cards(flight.summary, sources, _counted(history)),
        "tables": tables(flight.summary, sources),
        "counted": _counted(history),
        "origins": origins(
            flight.scenario, start.get("brokers", {}), start.get("programs", {}), sources
        ),
        "profiles": {n: board_numbers(board) for n, board in flight.boards.items()},
    }
