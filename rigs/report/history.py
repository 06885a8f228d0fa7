"""A flight as its report tells it: records folded into series, contacts, answers and fates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rigs.report.accounting import Accounting
from rigs.report.again import Again
from rigs.report.fates import Fate, Fates
from rigs.report.telecommands import Uplink

Record = Mapping[str, Any]
Floats = NDArray[np.float64]

OFF = "off"
FLOWN = ("board", "model", "model_sha256", "weight_bits", "point")
RUNNING = ("idle", "busy")  # states in which the operating point is what matters


@dataclass(frozen=True, slots=True)
class Series:
    """Values at ascending moments, in mission seconds; NaN where nobody knows one."""

    t_s: Floats
    values: Floats

    @classmethod
    def of(cls, points: Iterable[tuple[float, float | None]]) -> Series:
        """Return a series of (moment, value) pairs; None becomes NaN."""
        table = np.array([(t, np.nan if v is None else v) for t, v in points], np.float64)
        table = table.reshape(-1, 2)
        return cls(table[:, 0], table[:, 1])

    def stairs(self, until_s: float) -> Series:
        """Return the series as a line that stays at each value until the next, or ``until_s``."""
        ends_s = np.append(self.t_s[1:], max(until_s, self.t_s[-1])) if len(self.t_s) else self.t_s
        t_s = np.stack([self.t_s, ends_s], axis=1).ravel()
        return Series(t_s, np.repeat(self.values, 2))

    def rate(self, per_s: float) -> Series:
        """Return the mean rate of a counter between its moments, as stairs, in units/``per_s``."""
        keep = np.append(np.diff(self.t_s) > 0.0, True) if len(self.t_s) else np.array([], bool)
        t_s, total = self.t_s[keep], self.values[keep]
        means = np.diff(total) / np.diff(t_s) * per_s
        return Series(np.repeat(t_s, 2)[1:-1], np.repeat(means, 2))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the flight in one state."""

    since_s: float
    until_s: float
    state: str


@dataclass(slots=True)
class Heard:
    """A contact, and what the station received in it."""

    station: str
    aos_s: float
    los_s: float
    max_elevation_deg: float | None
    messages: int = 0
    bytes: int = 0  # of message bodies


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said about one job, ``subject_s`` being when its picture was taken."""

    t_s: float
    job: int
    subject_s: float
    latency_s: float
    late: bool
    label: str
    score: float | None
    outcome: str
    product_bytes: int
    figures: Mapping[str, float | None]


@dataclass(slots=True)
class Aboard:
    """One payload through the flight."""

    name: str
    board: str
    model: str
    model_sha256: str
    weight_bits: int
    point: str  # at which it runs when cool
    sources: set[str] = field(default_factory=set)  # of its telemetry: emulated, measured
    answers: list[Answer] = field(default_factory=list)
    lost: list[tuple[float, str]] = field(default_factory=list)  # when and why
    waiting: list[tuple[float, float | None]] = field(default_factory=list)  # jobs in the queue
    die: list[tuple[float, float | None]] = field(default_factory=list)  # °C
    energy: list[tuple[float, float | None]] = field(default_factory=list)  # J since start
    turns: list[tuple[float, str]] = field(default_factory=list)  # into which state, and when
    current: int | None = None  # the job under way

    def queue(self, t_s: float, change: int) -> None:
        """Write down that a job came, or left, at ``t_s``; one that does both then is not seen."""
        before = (self.waiting[-1][1] or 0.0) if self.waiting else 0.0
        if self.waiting and self.waiting[-1][0] == t_s:
            self.waiting.pop()
        self.waiting.append((t_s, before + change))

    def lose(self, t_s: float, job: int, reason: str) -> None:
        """Write down a lost job; one under way was in the queue no more."""
        self.lost.append((t_s, reason))
        if job != self.current:
            self.queue(t_s, -1)

    def turn(self, t_s: float, state: str) -> None:
        """Write down the state from ``t_s`` on, if it is another one."""
        if not self.turns or self.turns[-1][1] != state:
            self.turns.append((t_s, state))


class History:
    """Folds records, in their order; faults, accounts and uplink have folds of their own."""

    def __init__(self, records: Iterable[Record]) -> None:
        """Fold ``records``, of which the last ones may be missing."""
        self.start: Record = {}
        self.complete = False
        self.trouble = ""
        self.t_s = 0.0
        self.payloads: dict[str, Aboard] = {}
        self.contacts: list[Heard] = []
        self.modes: list[tuple[float, str]] = []
        self.accounting = Accounting()
        self.uplink = Uplink()
        self.again = Again()
        self._fates = Fates()
        self._sunlight: list[tuple[float, str]] = []
        self._link: list[tuple[float, str]] = []
        self._state: list[Record] = []
        self._backlog: list[tuple[float, float | None]] = []
        self._delivered: list[tuple[float, float | None]] = [(0.0, 0.0)]
        for record in records:
            self.t_s = record["t_s"]
            self._add(record)
            for follower in (self._fates, self.accounting, self.uplink, self.again):
                follower.add(record)

    @property
    def horizon_s(self) -> float:
        """Return until when the flight was to go."""
        return max(float(self.start.get("horizon_s", 0.0)), self.t_s, 1.0)

    @property
    def fates(self) -> list[Fate]:
        """Return every fault and what became of it."""
        return self._fates.all

    @property
    def eclipses(self) -> list[Span]:
        """Return the stretches in the Earth's shadow."""
        return [span for span in self.spans(self._sunlight) if span.state == "eclipse"]

    @property
    def heard(self) -> list[Span]:
        """Return the stretches in which a station heard the satellite; ``state`` is its name."""
        return [span for span in self.spans(self._link) if span.state]

    @property
    def backlog(self) -> Series:
        """Return the bytes waiting on board, counted at each AOS and LOS."""
        return Series.of(self._backlog)

    @property
    def delivered(self) -> Series:
        """Return the bytes of message bodies received since the start."""
        return Series.of(self._delivered)

    def housekeeping(self, name: str) -> Series:
        """Return one number of the housekeeping as a series."""
        return Series.of((state["t_s"], state[name]) for state in self._state)

    def spans(self, turns: list[tuple[float, str]]) -> list[Span]:
        """Return the stretches between turns, the last one until the end of the records."""
        ends_s = [*(t_s for t_s, _ in turns), self.t_s][1:]
        return [Span(t_s, end_s, state) for (t_s, state), end_s in zip(turns, ends_s, strict=True)]

    def _add(self, record: Record) -> None:
        t_s = self.t_s
        match record["what"]:
            case "flight-started":
                self._begin(record)
            case "flight-ended":
                self.complete = record["complete"]
                self.trouble = record.get("trouble", "")
            case "sunlight-changed":
                self._sunlight.append((t_s, "sunlit" if record["sunlit"] else "eclipse"))
            case "mode-changed":
                self.modes.append((t_s, record["mode"]))
            case "housekeeping":
                self._keep_house(record)
            case "link-changed":
                self._hear(record["station"] or "")
            case "link-counts":
                self._backlog.append((t_s, record["backlog_bytes"]))
            case "acquisition-of-signal":
                self._acquire(record["contact"])
            case "received":
                self._receive(record)
            case _ if record.get("payload") in self.payloads:
                self._follow(self.payloads[record["payload"]], record)

    def _begin(self, record: Record) -> None:
        self.start = record
        self._sunlight.append((self.t_s, "sunlit" if record["sunlit"] else "eclipse"))
        for name, flown in record["payloads"].items():
            self.payloads[name] = Aboard(name, **{key: flown[key] for key in FLOWN})

    def _keep_house(self, record: Record) -> None:
        self._state.append(record)
        for name, payload in self.payloads.items():
            payload.die.append((self.t_s, record["die_c"][name]))
            payload.energy.append((self.t_s, record["energy_j"][name]))

    def _acquire(self, contact: Record) -> None:
        elevation_deg = contact["max_elevation_deg"]
        self.contacts.append(
            Heard(contact["station"], contact["aos_s"], contact["los_s"], elevation_deg)
        )

    def _hear(self, station: str) -> None:
        if not self._link or self._link[-1][1] != station:  # else it only locked
            self._link.append((self.t_s, station))

    def _receive(self, record: Record) -> None:
        size = record["message"]["body"]
        self._delivered.append((self.t_s, (self._delivered[-1][1] or 0.0) + size))
        for contact in reversed(self.contacts):
            if contact.station == record["station"]:
                contact.messages += 1
                contact.bytes += size
                return

    def _follow(self, payload: Aboard, record: Record) -> None:
        match record["what"]:
            case "telemetry-sample":
                state = record["state"]
                payload.sources.add(record["source"])
                payload.turn(self.t_s, record["point"] if state in RUNNING else state)
            case "released":
                payload.queue(self.t_s, +1)
            case "start-work" if record["order"]["task"] == "run":
                payload.current = record["order"]["job"]
                payload.queue(self.t_s, -1)
            case "completed":
                payload.answers.append(_answer(record))
            case "job-lost":
                payload.lose(self.t_s, record["job"], record["reason"])
            case "trip-crossed":
                payload.die.append((self.t_s, record["die_c"]))


def _answer(record: Record) -> Answer:
    result = record["result"]
    return Answer(
        t_s=record["t_s"],
        job=record["job"],
        subject_s=record["subject_s"],
        latency_s=record["latency_s"],
        late=record["late"],
        label=result["label"],
        score=result["score"],
        outcome=result["outcome"],
        product_bytes=result["product"],
        figures=result["figures"],
    )
