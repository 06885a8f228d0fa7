"""The link's accounts as its records tell them: what became of each class, against each contact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from groundlink.accounts import ClassFlow
from rigs.report.figures import quantity, rate, seconds

Record = Mapping[str, Any]

FATES = ("delivered", "queued", "expired", "dropped", "lost")
LEAST_ACQUISITION_S = 0.05  # shorter ones would read as 0
KINDS = {"tm": "telemetry message", "ev": "event", "prod": "product", "tcr": "command report"}


@dataclass(frozen=True, slots=True)
class Carried:
    """A contact, and what it carried of what it could.

    ``locked_s`` is the time from lock to LOS, in which it can carry at all;
    ``classes`` are flows since the contact before, and levels at LOS.
    """

    station: str
    aos_s: float
    los_s: float
    locked_s: float
    capacity_bits: float
    bits: int
    uplink_bits: int
    frames: int
    body_bytes: int
    classes: Mapping[str, ClassFlow]

    @property
    def duration_s(self) -> float:
        """Return the time from AOS to LOS."""
        return self.los_s - self.aos_s

    @property
    def rate_bps(self) -> float:
        """Return the mean rate while it was locked; 0 if it never was."""
        return self.capacity_bits / self.locked_s if self.locked_s > 0.0 else 0.0

    @property
    def used(self) -> float | None:
        """Return the share of its capacity that was used; None where it had none."""
        return self.bits / self.capacity_bits if self.capacity_bits > 0.0 else None

    def air_bits(self, name: str) -> int:
        """Return the bits of the frames of a class."""
        return self.classes[name].air_bits if name in self.classes else 0


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class of messages: its fates, and the seconds of contact that its frames took."""

    name: str
    flow: ClassFlow
    air_s: float  # not a number where no contact says how fast it was

    @property
    def noun(self) -> str:
        """Return what one message of the class is."""
        return KINDS.get(self.name.rpartition("/")[2], "message")

    @property
    def mean_bytes(self) -> float | None:
        """Return the mean length of the bodies delivered."""
        return self.flow.delivered_bytes / self.flow.delivered if self.flow.delivered else None

    @property
    def cost_s(self) -> float | None:
        """Return the seconds of contact for each message delivered, those lost paid for too."""
        known = self.flow.delivered and math.isfinite(self.air_s)
        return self.air_s / self.flow.delivered if known else None


class Accounting:
    """Follows the link's accounts through the records."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.counts: Record = {}
        self.contacts: list[Carried] = []
        self._locks: list[tuple[str, float]] = []  # station and when, in their order
        self._stepped = False  # whether any contact changes its rate
        self.final = False  # else the counts are those of the last AOS or LOS
        self.came_since = 0  # messages that came down after they were taken
        self.resumed = 0  # messages that an earlier flight left in the store

    def add(self, record: Record) -> None:
        """Take in one record; kinds that concern no account are passed over."""
        match record["what"]:
            case "acquisition-of-signal":
                self._stepped |= bool(record["contact"].get("rates"))
            case "link-changed" if record["state"] == "aos":
                self._locks.append((record["station"], record["t_s"]))
            case "link-counts" if "classes" in record:
                self.counts, self.came_since = record, 0
            case "contact-account":
                self.contacts.append(self._carried(record))
            case "received":
                self.came_since += 1
            case "store-resumed":
                self.resumed = record["messages"]
            case "flight-ended":
                self.final = True

    @property
    def locked_s(self) -> float:
        """Return the time in which any contact could carry something."""
        return sum(contact.locked_s for contact in self.contacts)

    @property
    def air_s(self) -> float:
        """Return the seconds of contact that all frames took."""
        return sum(row.air_s for row in self.classes)

    @property
    def classes(self) -> list[ClassRow]:
        """Return every class, those first that were longest on the air."""
        flows = {name: ClassFlow(**flow) for name, flow in self.counts.get("classes", {}).items()}
        rows = [ClassRow(name, flow, self._air_s(name, flow)) for name, flow in flows.items()]
        return sorted(rows, key=lambda row: (-row.flow.air_bits, -row.flow.generated, row.name))

    @property
    def total(self) -> ClassFlow:
        """Return the whole link's fates, as it counts them beside those of the classes."""
        return ClassFlow(
            **self.counts["messages"],
            delivered_bytes=self.counts["downlinked_bytes"],
            air_bits=sum(row.flow.air_bits for row in self.classes),
        )

    @property
    def error(self) -> str:
        """Return why the accounts do not close; empty if they do.

        Bits are compared once the counts are final: accounts of contacts may be later than others.
        """
        total, rows = self.total, [row.flow for row in self.classes]
        rest = total.generated - sum(getattr(total, fate) for fate in FATES)
        if rest:
            return f"{rest:+,} of the messages generated have no fate"
        for fate in ("generated", *FATES, "delivered_bytes"):
            counted = sum(getattr(flow, fate) for flow in rows)
            if counted != getattr(total, fate):
                return f"the classes add up to {counted:,} {fate}"
        left_bits = sum(contact.bits for contact in self.contacts)
        if self.final and left_bits > total.air_bits:  # a contact under way has no account yet
            return f"{left_bits - total.air_bits:,} bits that left are of no class"
        return ""

    @property
    def sentences(self) -> list[str]:
        """Return in words what the longest contact can carry, and what one message costs."""
        words = []
        longest = max(self.contacts, key=lambda contact: contact.duration_s, default=None)
        if longest is not None and longest.capacity_bits > 0.0:
            words.append(self._limit(longest))
        dear = [row for row in self.classes if row.cost_s]
        if dear:
            words.append(_cost(max(dear, key=lambda row: row.cost_s or 0.0)))
        return words

    def _limit(self, contact: Carried) -> str:
        partly = contact.duration_s - contact.locked_s > LEAST_ACQUISITION_S
        locked = f", {_exactly(contact.locked_s)} of it locked," if partly else ""
        mean = "a mean of " if self._stepped else ""
        return (
            f"A pass of {_exactly(contact.duration_s)}{locked} at {mean}{rate(contact.rate_bps)} "
            f"carries {quantity(contact.capacity_bits / 8.0)} and no more."
        )

    def _carried(self, record: Record) -> Carried:
        aos_s, los_s = record["aos_s"], record["los_s"]
        locks_s = [
            t_s for name, t_s in self._locks
            if name == record["station"] and aos_s <= t_s <= los_s
        ]  # fmt: skip
        self._locks = [(name, t_s) for name, t_s in self._locks if t_s >= los_s]
        named = [f.name for f in fields(Carried) if f.name not in ("locked_s", "classes")]
        return Carried(
            **{name: record[name] for name in named},
            locked_s=los_s - locks_s[0] if locks_s else 0.0,
            classes={name: ClassFlow(**flow) for name, flow in record["classes"].items()},
        )

    def _air_s(self, name: str, flow: ClassFlow) -> float:
        """Return the seconds of contact that the frames of a class took.

        Bits over the mean rate of their contact; those of none, as at the end of
        records that were cut off, over the mean rate of all contacts.
        """
        usual_bps = sum(contact.capacity_bits for contact in self.contacts) / (
            self.locked_s or math.inf
        )
        parts = [(contact.air_bits(name), contact.rate_bps) for contact in self.contacts]
        rest = flow.air_bits - sum(bits for bits, _ in parts)
        return _durations((*parts, (max(rest, 0), usual_bps)), usual_bps)


def _durations(parts: Iterable[tuple[int, float]], usual_bps: float) -> float:
    """Return how long so many bits last at their rates, or at the usual one where that is 0."""
    total_s = 0.0
    for bits, rate_bps in parts:
        if bits:
            bps = rate_bps or usual_bps
            total_s += bits / bps if bps else math.nan
    return total_s


def _exactly(length_s: float) -> str:
    """Return seconds with a tenth where there is one, so that a reader's product comes out."""
    return f"{length_s:,.1f}".removesuffix(".0") + " s"


def _cost(row: ClassRow) -> str:
    article = "An" if row.noun[0] in "aeiou" else "A"
    source = row.name.rpartition("/")[0]
    return (
        f"{article} {row.noun} of {source}, {quantity(row.mean_bytes or 0.0)} in the mean, costs "
        f"{seconds(row.cost_s or 0.0)} of contact."
    )
