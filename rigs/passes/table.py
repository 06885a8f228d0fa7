"""Contacts as a table for the terminal, 80 columns wide."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from rigs.passes.plan import DAY_S, ContactPlan, Pass
from rigs.passes.skyline import skyline

HEAD = ("#", "station", "AOS (UTC)", "LOS", "m:ss", "elev", "kbit/s", "kB")
SUMS = ("station", "contacts", "h:mm:ss", "elev", "kB", "kB a day")
LEFT = ("station", "AOS (UTC)", "LOS")  # the rest are numbers
WIDTH = 80
CUT = "*"

Row = tuple[str, ...]


def show(plan: ContactPlan, console: Console | None = None) -> None:
    """Print every contact, the sums of each station and of all, and elevation over time."""
    console = console or Console()
    print_words(console, _title(plan), bold=True)
    if not plan.passes:
        print_words(console, "No contact: no station sees the satellite, or none is given.")
        return
    print_table(console, HEAD, [_row(plan, k, p) for k, p in enumerate(plan.passes, start=1)])
    print_words(console, "\n".join(_notes(plan)))
    sums = [_sums(name, plan.over(name)) for name in plan.stations]
    every = [_sums("altogether", plan)] if len(sums) > 1 else []
    print_table(console, SUMS, [*sums, *every])
    print_words(console, "\n".join(["", *skyline(plan, unicode=not console.options.ascii_only)]))


def duration(seconds: float, hours: bool = False) -> str:
    """Return a duration in minutes, or hours, and what is left.

    >>> duration(687.4), duration(6730.0, hours=True)
    ('11:27', '1:52:10')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def kilobits(rates_bps: tuple[float, float]) -> str:
    """Return a rate in kbit/s, or the span of several.

    >>> kilobits((9600.0, 9600.0)), kilobits((9600.0, 19200.0))
    ('9.6', '9.6-19.2')
    """
    low, high = (f"{rate_bps / 1e3:.6g}" for rate_bps in rates_bps)
    return low if low == high else f"{low}-{high}"


def _title(plan: ContactPlan) -> str:
    count = len(plan.passes)
    return (
        f"{plan.name}: {count} contact{'' if count == 1 else 's'} in "
        f"{duration(plan.horizon_s, hours=True)} h from {plan.start:%Y-%m-%d %H:%M:%S} UTC"
    )


def _row(plan: ContactPlan, number: int, contact: Pass) -> Row:
    aos, los = plan.moment(contact.from_s), plan.moment(contact.until_s)
    days = (los.date() - aos.date()).days
    return (
        str(number),
        contact.station,
        f"{aos:%Y-%m-%d %H:%M:%S}" + (CUT if contact.starts_before else ""),
        f"{los:%H:%M:%S}" + (f"+{days}" if days else "") + (CUT if contact.ends_after else ""),
        duration(contact.duration_s),
        _degrees(contact.max_elevation_deg),
        kilobits(contact.rates_bps),
        _kilobytes(contact.volume_kb),
    )


def _sums(name: str, plan: ContactPlan) -> Row:
    best = [deg for p in plan.passes if not math.isnan(deg := p.max_elevation_deg)]
    heard = plan.heard
    return (
        name,
        str(len(plan.passes)),
        duration(heard.seconds, hours=True),
        _degrees(max(best, default=math.nan)),
        _kilobytes(heard.volume_kb),
        _kilobytes(heard.volume_kb * DAY_S / plan.horizon_s),
    )


def _notes(plan: ContactPlan) -> list[str]:
    stepped = any(low != high for low, high in (p.rates_bps for p in plan.passes))
    rate = "those rates" if stepped else "that rate"
    notes = [
        f"elev: the highest, in degrees; kB: what fits, with all framing, at {rate}",
        f"from {plan.acquisition_s:g} s after AOS to LOS.",
    ]
    if any(p.starts_before or p.ends_after for p in plan.passes):
        notes.append(f"{CUT} under way at the start or end of the mission, and cut there.")
    if any(_days_later(plan, p) for p in plan.passes):
        notes.append("+1 the day after.")
    if plan.overlaps:
        notes.append("altogether: one station at a time; the first to acquire keeps it to LOS.")
    return [*notes, ""]


def _days_later(plan: ContactPlan, contact: Pass) -> int:
    return (plan.moment(contact.until_s).date() - plan.moment(contact.from_s).date()).days


def _degrees(deg: float) -> str:
    return "-" if math.isnan(deg) else f"{deg:.1f}"


def _kilobytes(kb: float) -> str:
    return f"{kb:.1f}"


def print_table(console: Console, head: Row, rows: Sequence[Row]) -> None:
    """Print columns as wide as their longest entry; long names give way to the width.

    One column is headed ``station``; those in ``LEFT`` are flush left.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    name = head.index("station")
    widths[name] = max(8, min(widths[name], WIDTH - sum(widths) + widths[name] - len(widths) + 1))
    print_words(console, _aligned(head, head, widths), bold=True)
    print_words(console, "\n".join(_aligned(head, row, widths) for row in rows))


def _aligned(head: Row, row: Row, widths: Sequence[int]) -> str:
    cells = (
        f"{text[:width]:<{width}}" if name in LEFT else f"{text:>{width}}"
        for name, text, width in zip(head, row, widths, strict=True)
    )
    return " ".join(cells).rstrip()


def print_words(console: Console, text: str, bold: bool = False) -> None:
    """Print lines as they are: nothing in them is markup, and none is broken."""
    console.print(Text(text, style="bold" if bold else ""), soft_wrap=True)
