"""The numbers of a flight in words: headline figures, and all of the summary with its labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

Summary = Mapping[str, Any]

MEASURED, EMULATED, ASSUMED = "measured", "emulated", "assumed"
UNITS = {
    "_wh": "Wh", "_j": "J", "_s": "s", "_c": "°C", "_w": "W", "_v": "V", "_bytes": "bytes",
    "bytes": "bytes",
}  # fmt: skip
ON_HOST = ("wall_s", "lateness_s")  # read from this machine's clock
SETTINGS = ("horizon_s", "acceleration")  # what the scenario says
COMPUTED = (
    "inferences",
    "exposed_jobs",
    "outcomes",
)  # the model really ran
OF_BOARD = ("jobs", "energy_j", "latency_s", "throttled_s", "operating_points", "outages")
HEADLINE = ("scenario", "seed", "mode", "complete", "trouble", "versions")  # stands elsewhere
NOTES: dict[tuple[str, ...], str] = {
    ("link", "downlinked_bytes"): "bodies of messages",
    ("link", "uplinked_bytes"): "packets accepted on board",
    ("link", "backlog_bytes"): "bodies of messages",
}
TABLED = (("link", "classes"), ("link", "contacts"))  # have tables of their own


@dataclass(frozen=True, slots=True)
class Row:
    """One number of the summary, with its key, its text and how it came about."""

    key: str
    text: str
    unit: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One headline figure; ``alarm`` where it wants a look."""

    title: str
    text: str
    unit: str
    words: str
    source: str
    alarm: bool = False


def tables(summary: Summary, sources: Mapping[str, str]) -> dict[str, list[Row]]:
    """Return every number of a summary, by group.

    ``sources`` says of each payload whether its board was measured or emulated.
    """
    groups: dict[str, list[Row]] = {}
    for keys, value in _leaves(summary):
        if keys[0] in HEADLINE or keys[:2] in TABLED or isinstance(value, str):
            continue
        depth = 2 if keys[0] == "payloads" else 1 if len(keys) > 1 else 0
        group = " ".join(keys[:depth]).replace("payloads", "payload") or "flight"
        row = Row(
            ".".join(keys[depth:]), number(value), _unit(keys), _source(keys, sources),
            NOTES.get(keys, ""),
        )  # fmt: skip
        groups.setdefault(group, []).append(row)
    return groups


def cards(summary: Summary, sources: Mapping[str, str], as_of: str = "") -> list[Card]:
    """Return the headline figures; those that a flight broken off early lacks are left out.

    ``as_of`` says when the link was counted, if that was before the end.
    """
    board = " and ".join(sorted(set(sources.values()))) or EMULATED
    makers = (_answers, _delivered, _battery, _die, _struck, _outages)
    found: list[Card] = []
    for make in makers:
        try:
            card = make(summary, board)
            stale = bool(as_of) and make is _delivered
            found.append(replace(card, words=f"{card.words}; {as_of}") if stale else card)
        except KeyError:  # a flight killed in its first moments has no such number
            continue
    return found


def number(value: object) -> str:
    """Return a number with as many digits as say something.

    >>> number(78495.01), number(42.35), number(8.2e-12), number(True), number(None)
    ('78,495', '42.35', '8.2e-12', 'yes', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    size = abs(value)
    if size == 0.0 or size >= 1000.0:
        return f"{value:,.0f}"
    digits = 1 if size >= 100.0 else 2 if size >= 1.0 else 4
    return f"{value:.{digits}f}" if size >= 1e-3 else f"{value:.1e}"


def counted(count: int, noun: str) -> str:
    """Return how many things there are.

    >>> counted(1, "contact"), counted(1200, "message")
    ('1 contact', '1,200 messages')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def brief(value: float | None) -> str:
    """Return a number for a caption.

    >>> brief(0.2282), brief(1234.5), brief(None)
    ('0.23', '1,234', '–')
    """
    if value is None:
        return "–"
    return f"{value:.2f}" if abs(value) < 100.0 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    >>> duration(86400.0), duration(754.0), duration(12.0), duration(864000.0)
    ('24 h', '12 min 34 s', '12 s', '10 d')
    """
    whole = round(seconds)
    for size, name, less, part in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"),
                                   (60, "min", 1, "s")):  # fmt: skip
        if whole >= size * (2 if name == "d" else 1):
            rest = whole % size // less
            return f"{whole // size} {name}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"


def amount(count: float) -> tuple[str, str]:
    """Return bytes as a number and its unit.

    >>> amount(712350), amount(3.2e6), amount(12)
    (('712', 'kB'), ('3.2', 'MB'), ('12', 'bytes'))
    """
    if count >= 1e6:
        return f"{count / 1e6:.1f}", "MB"
    return (f"{count / 1e3:.0f}", "kB") if count >= 1e3 else (f"{count:.0f}", "bytes")


def quantity(count: float) -> str:
    """Return bytes with three digits and their unit.

    >>> quantity(65_536), quantity(720_000.0), quantity(3.2e6), quantity(12)
    ('65.5 kB', '720 kB', '3.20 MB', '12 bytes')
    """
    if count < 1e3:
        return f"{count:.0f} bytes"
    scaled, unit = next(
        (count / size, unit)
        for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
        if count >= size
    )
    return f"{three(scaled)} {unit}"


def rate(bps: float) -> str:
    """Return a rate with its unit.

    >>> rate(9600.0), rate(300.0), rate(2e6)
    ('9.6 kbit/s', '300 bit/s', '2 Mbit/s')
    """
    scaled, unit = (bps / 1e6, "M") if bps >= 1e6 else (bps / 1e3, "k") if bps >= 1e3 else (bps, "")
    return f"{scaled:.4g} {unit}bit/s"


def seconds(length_s: float) -> str:
    """Return a length of time in seconds, with two digits or all before the point.

    >>> seconds(54.61), seconds(600.0), seconds(0.4512), seconds(2.04), seconds(0.0)
    ('55 s', '600 s', '0.45 s', '2.0 s', '0 s')
    """
    for least_s, digits in ((9.95, 0), (0.995, 1), (0.0995, 2)):
        if length_s >= least_s:
            return f"{length_s:,.{digits}f} s"
    return f"{length_s:.3f} s" if length_s else "0 s"


def three(value: float) -> str:
    """Return a number with three digits, or all that stand before the point.

    >>> three(65.536), three(7.2), three(1234.5), three(0.0)
    ('65.5', '7.20', '1,234', '0')
    """
    digits = 0 if value >= 99.95 or value == 0.0 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f}"


def _leaves(value: object, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*keys, str(key)))
    else:
        yield keys, value


def _unit(keys: tuple[str, ...]) -> str:
    if "operating_points" in keys:
        return "s"
    for key in reversed(keys):
        for ending, unit in UNITS.items():
            if key.endswith(ending):
                return unit
    return "×" if keys[-1] == "acceleration" else ""


def _source(keys: tuple[str, ...], sources: Mapping[str, str]) -> str:
    if keys[0] in ON_HOST:
        return MEASURED
    if keys[0] in SETTINGS:
        return ASSUMED
    if keys[0] == "payloads" and len(keys) > 2:
        if keys[2] in COMPUTED and keys[-1] != "due":  # most of these are hangs of the board
            return MEASURED
        if keys[2] in OF_BOARD:
            return sources.get(keys[1], EMULATED)
    return EMULATED


def _answers(summary: Summary, board: str) -> Card:
    jobs = _summed(summary, "jobs")
    words = f"of {jobs['released']:,} jobs answered; {jobs['lost']:,} lost, {jobs['late']:,} late"
    return Card("Answers", f"{jobs['completed']:,}", "", words, board)


def _delivered(summary: Summary, board: str) -> Card:
    sky = summary["environment"]
    text, unit = amount(summary["link"].get("downlinked_bytes", 0))
    heard = counted(sky["contacts"], "contact")
    words = f"to the ground in {heard}, {duration(sky['contact_s'])} in all"
    return Card("Delivered", text, unit, words, EMULATED)


def _battery(summary: Summary, board: str) -> Card:
    power = summary["power"]
    if not power:
        return Card("Battery", "–", "Wh", "nothing flown", EMULATED)
    shed = f"payload shed for {duration(power['shed_s'])}" if power["shed_s"] else "no load shed"
    spare_wh = power["curtailed_wh"]
    unused = f", {spare_wh:.0f} Wh of sunlight unused" if spare_wh >= 1.0 else ""
    words = f"at its lowest; {shed}{unused}"
    text = f"{power['battery_min_wh']:.0f}"
    return Card("Battery", text, "Wh", words, EMULATED, power["shed_s"] > 0.0)


def _die(summary: Summary, board: str) -> Card:
    payloads = summary["payloads"].values()
    highest = [
        payload["die_c"]["max"] for payload in payloads if payload["die_c"]["max"] is not None
    ]
    hottest = f"{max(highest):.0f}" if highest else "–"
    throttled_s = sum(payload["throttled_s"] for payload in payloads)
    words = f"throttled for {duration(throttled_s)}" if throttled_s else "never throttled"
    return Card("Hottest die", hottest, "°C", words, EMULATED)


def _struck(summary: Summary, board: str) -> Card:
    struck = sum(count["injected"] for count in summary["faults"].values())
    silent = _summed(summary, "outcomes")
    words = f"strikes; SDC in {silent['sdc']:,} answers, {silent['critical']:,} of them critical"
    return Card("Radiation", f"{struck:,}", "", words, EMULATED, silent["critical"] > 0)


def _outages(summary: Summary, board: str) -> Card:
    outages = _summed(summary, "outages")
    text, _, unit = duration(outages["total_s"]).partition(" ")
    words = f"down, in {counted(outages['count'], 'outage')}"
    return Card("Outages", text, unit, words, board)


def _summed(summary: Summary, group: str) -> dict[str, Any]:
    """Return the numbers of one group, summed over payloads."""
    payloads = [payload[group] for payload in summary["payloads"].values()]
    return {key: sum(payload[key] for payload in payloads) for key in payloads[0]}
