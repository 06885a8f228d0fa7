"""A flight's numbers as a table for the terminal, 80 columns wide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from groundlink.authentication import Refusal
from rigs.records import read_records
from rigs.report.accounting import Accounting
from rigs.report.figures import amount

Summary = dict[str, Any]
Row = tuple[str, str]


def show(summary: Summary, report: Path, console: Console | None = None) -> None:
    """Print the numbers of a flight, and where its report is."""
    console = console or Console()
    console.print(_table(summary, _last_count(summary, report.parent / "records.jsonl")))
    if not summary["complete"]:
        console.print(f"Broken off at {_clock(summary['flown_s'])}: partial results.", style="bold")
    if summary["trouble"]:
        console.print(Text(f"Trouble: {summary['trouble']}"), style="bold")
    console.print(Text(f"Report: {report}"), soft_wrap=True)


def _last_count(summary: Summary, records: Path) -> Accounting | None:
    """Return how the link was last counted, where the records break off without a final count."""
    if summary["complete"] or not records.exists():
        return None
    accounting = Accounting()
    for record in read_records(records):
        accounting.add(record)
    return accounting if accounting.counts and not accounting.final else None


def _table(summary: Summary, last: Accounting | None) -> Table:
    title = f"{summary['scenario']}, seed {summary['seed']}, {summary['mode']}"
    table = Table(title=title, show_header=False, title_justify="left", pad_edge=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _rows(summary, last):
        table.add_row(Text(name), Text(text))
    return table


def _rows(summary: Summary, last: Accounting | None) -> list[Row]:
    rows = [("Flight", _flight(summary)), ("Sky", _sky(summary)), ("Power", _power(summary))]
    for name, payload in summary["payloads"].items():
        rows += _payload(name, payload)
    return [*rows, *_link(summary["link"], last), ("Faults", _faults(summary))]


def _flight(summary: Summary) -> str:
    wall_s = summary.get("wall_s")
    took = f" in {wall_s:.1f} s" if wall_s is not None else ""
    return f"{_clock(summary['flown_s'])} of {_clock(summary['horizon_s'])}{took}"


def _sky(summary: Summary) -> str:
    sky = summary["environment"]
    return (
        f"{_counted(sky['contacts'], 'contact')}, {_clock(sky['contact_s'])}; "
        f"{_clock(sky['eclipse_s'])} in eclipse"
    )


def _power(summary: Summary) -> str:
    power = summary["power"]
    if not power:
        return "nothing flown"
    return (
        f"{power['generated_wh']:.0f} Wh generated, {power['consumed_wh']:.0f} consumed, "
        f"{power['curtailed_wh']:.0f} curtailed; battery {power['battery_start_wh']:.0f} to "
        f"{power['battery_end_wh']:.0f} Wh, lowest {power['battery_min_wh']:.0f}; "
        f"payload shed {_clock(power['shed_s'])}"
    )


def _payload(name: str, payload: Summary) -> list[Row]:
    jobs, die_c, outages = payload["jobs"], payload["die_c"], payload["outages"]
    latency_s, outcomes = payload["latency_s"], payload["outcomes"]
    p50 = "-" if latency_s["p50"] is None else f"{latency_s['p50']:.3g} s"
    p99 = "-" if latency_s["p99"] is None else f"{latency_s['p99']:.3g} s"
    return [
        (name, f"{payload['model']} on {payload['board']} (emulated)"),
        (
            "  jobs",
            f"{jobs['completed']} of {jobs['released']} done, {jobs['lost']} lost, "
            f"{jobs['late']} late; latency p50 {p50}, p99 {p99}",
        ),
        (
            "  board",
            f"die {_degrees(die_c['min'])} to {_degrees(die_c['max'])} °C, throttled "
            f"{_clock(payload['throttled_s'])}, {payload['energy_j'] / 3600.0:.1f} Wh, "
            f"{_counted(outages['count'], 'outage')} ({_clock(outages['total_s'])})",
        ),
        (
            "  answers",
            f"{payload['exposed_jobs']} while corrupted: {outcomes['masked']} masked, "
            f"{outcomes['sdc']} SDC ({outcomes['critical']} critical); {outcomes['due']} DUE",
        ),
    ]


def _degrees(celsius: float | None) -> str:
    return "-" if celsius is None else f"{celsius:.0f}"


def _link(link: Summary, last: Accounting | None) -> list[Row]:
    if not link:
        return [("Link", "no contact yet")]
    frames, messages = link["frames"], link["messages"]
    downlink = (
        f"{messages['delivered']} of {messages['generated']} messages down "
        f"({_size(link['downlinked_bytes'])}), {messages['queued']} queued "
        f"({_size(link['backlog_bytes'])}), {messages['expired']} expired, "
        f"{messages['dropped']} dropped, {messages['lost']} lost; {frames['received']} of "
        f"{frames['sent']} frames good"
    )
    uplink = _uplink(link["commands"], link["uplink"]["refused"], " by then" if last else "")
    return [("Link", _dated(downlink, last)), *([("  uplink", uplink)] if uplink else [])]


def _dated(downlink: str, last: Accounting | None) -> str:
    """Return numbers with the moment they are of, where more happened since."""
    if last is None:
        return downlink
    came = f"{_counted(last.came_since, 'message')} came down since"
    return f"not final, as of {_clock(last.counts['t_s'])}: {downlink}; {came}"


def _uplink(commands: Summary, refused: Mapping[str, int], when: str) -> str:
    """Return what went up, or nothing where nothing was to."""
    told = []
    if commands["requested"]:
        told.append(
            f"{_counted(commands['requested'], 'command')}: {commands['rejected']} rejected, "
            f"{commands['completed']} completed, {commands['failed']} failed"
        )
    damaged = refused.get(Refusal.DAMAGED.value, 0)  # by the channel, which is no attack
    others = sum(refused.values()) - damaged
    if others:
        told.append(f"{_counted(others, 'frame')} refused{when}")
    if damaged:
        told.append(f"{_counted(damaged, 'frame')} damaged on the way up{when}")
    return "; ".join(told)


def _size(count: int) -> str:
    return " ".join(amount(count))


def _faults(summary: Summary) -> str:
    struck = [
        f"{kind.upper()} {count['injected']} ({_fate(count)})"
        for kind, count in summary["faults"].items()
        if count["injected"]
    ]
    return (", ".join(struck) or "none") + f"; rates × {summary['acceleration']:g}"


def _fate(count: Summary) -> str:
    idle = f", {count['without_effect']} without effect" if count["without_effect"] else ""
    return f"{count['recovered']} recovered{idle}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _clock(seconds: float) -> str:
    """Return a duration as people say it.

    >>> _clock(86400.0), _clock(754.0), _clock(12.0)
    ('24 h 00 min', '12 min 34 s', '12 s')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
