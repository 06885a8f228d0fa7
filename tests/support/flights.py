"""Flies scenarios for tests, and asks what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from firmware_bridge.faults import FaultEvent, FaultKind
from rigs.build import Options, build
from rigs.craft import Rig
from rigs.reading import Sheet, checked
from rigs.rig import RigTable
from rigs.run import finish, run
from rigs.scenario import Scenario
from rigs.shipped import Raw, parse, shipped

EMULATION = RigTable(mode="emulation")
ThingT = TypeVar("ThingT")

# A quiet satellite, small enough to be followed by hand: no radiation, no contacts, light load.
QUIET: Raw = parse(shipped("scenarios")["first-light"], "first-light") | {
    "name": "quiet",
    "horizon_s": 6000.0,
    "stations": [],
    "radiation": {"acceleration": 0.0},
}


@dataclass
class Log:
    """Everything that happened, in order."""

    entries: list[tuple[float, object]] = field(default_factory=list)
    rig: Rig | None = None

    def write(self, t_s: float, thing: object) -> None:
        self.entries.append((t_s, thing))

    def flush(self) -> None:
        """Nothing waits."""

    def times(self, kind: type[ThingT]) -> list[float]:
        return [t_s for t_s, thing in self.entries if isinstance(thing, kind)]

    def all(self, kind: type[ThingT]) -> list[ThingT]:
        return [thing for _, thing in self.entries if isinstance(thing, kind)]

    def last(self, kind: type[ThingT]) -> ThingT:
        return self.all(kind)[-1]


def sheet(**changes: Any) -> Sheet:
    """Return the quiet scenario with tables merged over it: ``battery__charge_fraction=0.2``."""
    raw: dict[str, Any] = {k: (dict(v) if isinstance(v, dict) else v) for k, v in QUIET.items()}
    for path, value in changes.items():
        *tables, key = path.split("__")
        table = raw
        for name in tables:
            table[name] = dict(table[name])
            table = table[name]
        table[key] = value
    return Sheet(checked(Scenario, raw, "quiet"), "quiet")


def fly(flown: Sheet, *faults: tuple[float, FaultKind], inference: bool = False) -> Log:
    """Fly a sheet without files, with ``faults`` striking the payload, and return what happened."""
    log = Log()
    with build(flown, Options(EMULATION, inference=inference), log) as rig:
        for t_s, kind in faults:
            rig.timeline.post(FaultEvent("pi", kind, (0.5, 0.5, 0.5, 0.5)), t_s)
        run(rig)
        finish(rig)
        log.rig = rig
    return log
