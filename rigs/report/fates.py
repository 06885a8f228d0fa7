"""Faults and what became of them: what they struck, what they did, how they were mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_bridge.faults import FaultKind, Outcome

Record = Mapping[str, Any]
UPSETS = (FaultKind.SEU.value, FaultKind.MBU.value)


@dataclass(frozen=True, slots=True)
class Site:
    """Which bits of which element a fault flipped."""

    tensor: str
    index: tuple[int, ...]
    bits: tuple[int, ...]
    before: float | None  # None where it is not finite
    after: float | None


@dataclass(slots=True)
class Fate:
    """One fault: when, what, and what followed.

    ``outcomes`` counts the answers given while it had its effect; other
    faults of the same time may share in them. ``outage_s`` runs from a hang,
    or from the cut of the supply, until the board is up again.
    """

    t_s: float
    payload: str
    kind: str
    injected: bool  # by a person
    effective: bool | None = None  # None until it has landed
    site: Site | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    jobs_lost: int = 0
    recovered_s: float | None = None
    remedy: str = ""
    down_since_s: float | None = None
    outage_s: float | None = None

    @property
    def upset(self) -> bool:
        """Return whether bits stayed wrong until mended."""
        return self.kind in UPSETS

    @property
    def silent(self) -> int:
        """Return how many answers it may have changed with nobody noticing."""
        return self.outcomes[Outcome.SDC.value] + self.outcomes[Outcome.CRITICAL.value]


class Fates:
    """Follows faults through the records."""

    def __init__(self) -> None:
        """Start with no fault."""
        self.all: list[Fate] = []
        self._falling: list[Fate] = []  # not landed yet
        self._open: list[Fate] = []  # with an effect that is not mended
        self._down: list[Fate] = []  # whose outage goes on
        self._tripped_s: dict[str, float] = {}  # when the breaker of a payload last opened
        self._mode_s = -1.0  # when the power system last changed its mode
        self._cut: dict[str, str] = {}  # why a payload's supply was last cut

    def add(self, record: Record) -> None:
        """Take in one record; kinds that concern no fault are passed over."""
        t_s = record["t_s"]
        match record["what"]:
            case "fault-event":
                self._falling.append(self._new(record))
            case "fault-landed":
                self._land(record)
            case "mode-changed":
                self._mode_s = t_s
            case "overcurrent-tripped":
                self._tripped_s[record["payload"]] = t_s
            case "completed":
                self._complete(t_s, record)
            case "job-lost":
                for fate in self._of(self._down, record):
                    fate.jobs_lost += 1
            case "reloaded":
                self._mend(t_s, record, UPSETS, "model reloaded")
            case "switch-supply" if not record["on"]:
                self._switch_off(t_s, record)
            case "booted":
                self._boot(t_s, record)

    def _land(self, record: Record) -> None:
        fate = next((f for f in self._of(self._falling, record) if f.kind == record["kind"]), None)
        if fate is None:
            fate = self._new(record)
        else:
            self._falling.remove(fate)
        fate.effective, fate.site = record["effective"], _site(record["site"])
        if fate.effective:
            self._open.append(fate)
        if fate.effective and fate.kind == FaultKind.SEFI.value:
            self._go_down(record["t_s"], fate)

    def _complete(self, t_s: float, record: Record) -> None:
        outcome = record["result"]["outcome"]
        for fate in self._of(self._open, record):
            if outcome != Outcome.NOMINAL.value and fate.kind in (*UPSETS, FaultKind.SET.value):
                fate.outcomes[outcome] += 1
        self._mend(t_s, record, (FaultKind.SET.value,), "gone after one answer")

    def _switch_off(self, t_s: float, record: Record) -> None:
        name = record["payload"]
        tripped, shed = self._tripped_s.get(name) == t_s, self._mode_s == t_s
        cause = "over-current trip" if tripped else "load shedding" if shed else "watchdog"
        self._cut[name] = cause
        for fate in self._of(self._open, record):
            if fate.kind == FaultKind.SEL.value:
                self._go_down(t_s, fate)
        self._mend(t_s, record, (FaultKind.SEL.value,), f"power cut by {cause}")

    def _boot(self, t_s: float, record: Record) -> None:
        remedy = f"restart by {self._cut.get(record['payload'], 'power-up')}"
        self._mend(t_s, record, (*UPSETS, FaultKind.SEFI.value, FaultKind.SET.value), remedy)
        for fate in self._of(self._down, record):
            fate.outage_s = t_s - (fate.down_since_s or 0.0)
            self._down.remove(fate)

    def _go_down(self, t_s: float, fate: Fate) -> None:
        fate.down_since_s = t_s
        self._down.append(fate)

    def _mend(self, t_s: float, record: Record, kinds: tuple[str, ...], remedy: str) -> None:
        for fate in self._of(self._open, record):
            if fate.kind in kinds:
                fate.recovered_s, fate.remedy = t_s, remedy
                self._open.remove(fate)

    def _new(self, record: Record) -> Fate:
        injected = bool(record.get("injected", False))
        fate = Fate(record["t_s"], record["payload"], record["kind"], injected)
        self.all.append(fate)
        return fate

    def _of(self, fates: list[Fate], record: Record) -> list[Fate]:
        return [fate for fate in fates if fate.payload == record["payload"]]


def _site(site: Record | None) -> Site | None:
    if site is None:
        return None
    return Site(
        site["tensor"], tuple(site["index"]), tuple(site["bits"]), site["before"], site["after"]
    )
