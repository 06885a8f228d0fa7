"""The contacts of a flight as a table and a chart: what each could carry, and what it carried."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from groundlink.accounts import ClassFlow
from rigs.report.accounting import FATES, Accounting, Carried, ClassRow
from rigs.report.charts import WIDTH, Scale, clock
from rigs.report.figures import quantity
from rigs.report.history import Heard, History

MOST_COLUMNS = 6  # of classes; the rest shares one more
MOST_COLOURS = 5
MOST_OPEN, MOST_ROWS = 30, 500  # rows that are seen at once, and in all
MOST_BARS = 500
MOST_MARKS = 8  # times below the chart
WIDEST = 56.0  # bar, of 1000
OTHERS = "others"
BITS_PER_KB = 8e3
MOST_FATES = 2000  # rows of classes against contacts


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one class, or of several, in a contact."""

    delivered: int
    queued: int


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact in the table; one that carried nothing has no account, but ``words`` why."""

    station: str
    aos_s: float
    los_s: float
    max_elevation_deg: float | None
    account: Carried | None
    cells: list[Cell]
    words: str = ""


@dataclass(frozen=True, slots=True)
class FateGroup:
    """What became of each class in one contact, since the contact before; idle ones left out."""

    contact: Carried
    flows: list[tuple[str, ClassFlow]]


@dataclass(frozen=True, slots=True)
class FateTable:
    """Classes against contacts."""

    groups: list[FateGroup]
    more: int  # contacts left out


@dataclass(frozen=True, slots=True)
class StationRow:
    """All contacts with one station, or with all."""

    station: str
    contacts: int
    duration_s: float
    capacity_bits: float
    bits: int
    uplink_bits: int
    body_bytes: int
    delivered: int

    @property
    def used(self) -> float | None:
        """Return the share of their capacity that was used; None where they had none."""
        return self.bits / self.capacity_bits if self.capacity_bits > 0.0 else None


@dataclass(frozen=True, slots=True)
class Layer:
    """One class in the chart, as a path of bars; ``style`` is its class in the style sheet."""

    style: str
    label: str
    path: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar for each contact, in their order, as high as what it could carry."""

    scale: Scale  # kB
    frames: str  # path of what they could carry
    layers: list[Layer]
    marks: list[tuple[float, str]]  # place in percent, and AOS
    each: int  # contacts that share a bar


@dataclass(frozen=True, slots=True)
class ContactTable:
    """The contacts with their totals, and the classes that have columns of their own."""

    columns: list[str]
    rows: list[ContactRow]
    more: int  # rows left out
    stations: list[StationRow]

    @property
    def open(self) -> list[ContactRow]:
        """Return the rows that are seen at once."""
        return self.rows[:MOST_OPEN]

    @property
    def folded(self) -> list[ContactRow]:
        """Return the rows behind a fold."""
        return self.rows[MOST_OPEN:]


def contact_table(history: History) -> ContactTable:
    """Return every contact that a station had, or could have had, in order of AOS."""
    accounting = history.accounting
    groups = _groups(accounting.classes, MOST_COLUMNS)
    seen = _by_station(history.contacts)
    passes = [_pass_of(contact, seen.get(contact.station, [])) for contact in accounting.contacts]
    rows = [
        ContactRow(
            contact.station, contact.aos_s, contact.los_s,
            flown.max_elevation_deg if flown else None, contact,
            [_cell(contact, names) for _, names in groups],
        )
        for contact, flown in zip(accounting.contacts, passes, strict=True)
    ]  # fmt: skip
    used = {id(flown) for flown in passes}
    rows += [
        ContactRow(flown.station, flown.aos_s, flown.los_s, flown.max_elevation_deg, None, [],
                   _why_not(history, flown))
        for flown in history.contacts
        if id(flown) not in used
    ]  # fmt: skip
    rows.sort(key=lambda row: (row.aos_s, row.station))
    columns = [label for label, _ in groups]
    return ContactTable(columns, rows[:MOST_ROWS], len(rows[MOST_ROWS:]), _stations(accounting))


def fate_table(accounting: Accounting) -> FateTable:
    """Return what became of each class against each contact, in order of AOS."""
    names = [row.name for row in accounting.classes]
    groups = [
        FateGroup(contact, flows)
        for contact in sorted(accounting.contacts, key=lambda each: (each.aos_s, each.station))
        if (flows := _moved(contact, names))
    ]
    rows = list(accumulate(len(group.flows) for group in groups))
    kept = bisect_right(rows, MOST_FATES)
    return FateTable(groups[:kept], len(groups) - kept)


def contact_chart(accounting: Accounting) -> Chart | None:
    """Return the chart of all contacts, several to a bar where there are very many."""
    contacts = accounting.contacts
    each = -(-len(contacts) // MOST_BARS)
    if not any(contact.capacity_bits for contact in contacts):
        return None
    stacks = [contacts[i : i + each] for i in range(0, len(contacts), each)]
    carried_kb = [sum(c.capacity_bits for c in stack) / BITS_PER_KB for stack in stacks]
    scale = Scale.over(carried_kb, zero=True)
    floors_kb = [0.0] * len(stacks)
    layers = []
    for i, (label, names) in enumerate(_groups(accounting.classes, MOST_COLOURS)):
        tops_kb = [
            floor_kb + sum(_bits(contact, names) for contact in stack) / BITS_PER_KB
            for floor_kb, stack in zip(floors_kb, stacks, strict=True)
        ]
        layers.append(Layer(f"station{i}", label, _bars(floors_kb, tops_kb, scale)))
        floors_kb = tops_kb
    frames = _bars([0.0] * len(stacks), carried_kb, scale)
    return Chart(scale, frames, layers, _marks(stacks), each)


def _groups(rows: Sequence[ClassRow], most: int) -> list[tuple[str, list[str]]]:
    """Return ``most`` classes each for itself, and the rest together, with their names."""
    names = [row.name for row in rows]
    if len(names) <= most + 1:
        return [(name, [name]) for name in names]
    return [*((name, [name]) for name in names[:most]), (OTHERS, names[most:])]


def _cell(contact: Carried, names: Iterable[str]) -> Cell:
    flows = [contact.classes.get(name, ClassFlow()) for name in names]
    return Cell(sum(flow.delivered for flow in flows), sum(flow.queued for flow in flows))


def _moved(contact: Carried, names: Sequence[str]) -> list[tuple[str, ClassFlow]]:
    """Return the classes of a contact of which a message has any fate, those of ``names`` first."""
    every = dict.fromkeys([*names, *contact.classes])
    flows = ((name, contact.classes.get(name, ClassFlow())) for name in every)
    return [
        (name, flow)
        for name, flow in flows
        if any(getattr(flow, fate) for fate in ("generated", *FATES))
    ]


def _bits(contact: Carried, names: Iterable[str]) -> float:
    """Return the bits of some classes; all classes together have those of the contact.

    What left in the next contact, before this one's account was closed, stands in the classes
    of this one.
    """
    together = sum(contact.air_bits(name) for name in contact.classes)
    share = sum(contact.air_bits(name) for name in names) / together if together else 0.0
    return contact.bits * share


def _by_station(passes: Iterable[Heard]) -> dict[str, list[Heard]]:
    found: dict[str, list[Heard]] = {}
    for flown in passes:
        found.setdefault(flown.station, []).append(flown)
    return found


def _pass_of(contact: Carried, passes: Sequence[Heard]) -> Heard | None:
    """Return the latest pass that had begun when the contact did, if it was not over."""
    before = bisect_right(passes, contact.aos_s, key=lambda flown: flown.aos_s)
    flown = passes[before - 1] if before else None
    return flown if flown is not None and contact.aos_s < flown.los_s else None


def _why_not(history: History, flown: Heard) -> str:
    if history.complete or flown.los_s <= history.t_s:
        return "not used: another station was heard, or the contact was cut"
    came = f"{flown.messages:,} messages, {quantity(flown.bytes)}, had come down"
    return f"under way as the records end: {came}"


def _stations(accounting: Accounting) -> list[StationRow]:
    names = sorted({contact.station for contact in accounting.contacts})
    rows = [_station(name, [c for c in accounting.contacts if c.station == name]) for name in names]
    return [*rows, _station("all", accounting.contacts)] if len(rows) > 1 else rows


def _station(name: str, contacts: Sequence[Carried]) -> StationRow:
    return StationRow(
        name,
        len(contacts),
        sum(contact.duration_s for contact in contacts),
        sum(contact.capacity_bits for contact in contacts),
        sum(contact.bits for contact in contacts),
        sum(contact.uplink_bits for contact in contacts),
        sum(contact.body_bytes for contact in contacts),
        sum(flow.delivered for contact in contacts for flow in contact.classes.values()),
    )


def _bars(floors: Sequence[float], tops: Sequence[float], scale: Scale) -> str:
    """Return bars side by side as one path; those without height are left out."""
    step = WIDTH / len(tops)
    width = min(0.8 * step, WIDEST)
    return "".join(
        f"M{(i + 0.5) * step - width / 2.0:.1f},{scale.y(floor):.2f}h{width:.1f}"
        f"V{scale.y(top):.2f}h{-width:.1f}z"
        for i, (floor, top) in enumerate(zip(floors, tops, strict=True))
        if top > floor
    )


def _marks(stacks: Sequence[Sequence[Carried]]) -> list[tuple[float, str]]:
    apart = -(-len(stacks) // MOST_MARKS)
    return [
        (round(100.0 * (i + 0.5) / len(stacks), 2), clock(stacks[i][0].aos_s)[:-3])
        for i in range(0, len(stacks), apart)
    ]
