"""A flight in numbers: folded from its records, so that it can be made again from them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from firmware_bridge.faults import FaultKind, Outcome
from payloads.jobs import Loss
from payloads.power import EpsMode

Record = Mapping[str, Any]
OFF = "off"
CRASHES = (Loss.WATCHDOG.value, Loss.BREAKER.value)  # the job ended in no answer
UPSETS = (FaultKind.SEU.value, FaultKind.MBU.value)


@dataclass(slots=True)
class _Payload:
    """What is counted of one payload."""

    fastest: str
    jobs: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    points_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    throttled_s: float = 0.0
    state: str = OFF
    point: str = ""
    since_s: float = 0.0
    down_since_s: float | None = None
    outages: int = 0
    outage_s: float = 0.0
    hit: Counter[str] = field(default_factory=Counter)  # faults that still have their effect
    recovered: Counter[str] = field(default_factory=Counter)

    def stay(self, t_s: float) -> None:
        """Count the time in the state so far."""
        if self.state != OFF:
            self.points_s[self.point] += t_s - self.since_s
            self.throttled_s += (t_s - self.since_s) * (self.point != self.fastest)
        self.since_s = t_s

    def go_down(self, t_s: float) -> None:
        """Begin an outage, unless one is under way."""
        if self.down_since_s is None:
            self.down_since_s = t_s
            self.outages += 1

    def come_up(self, t_s: float) -> None:
        """End an outage."""
        if self.down_since_s is not None:
            self.outage_s += t_s - self.down_since_s
            self.down_since_s = None

    def mend(self, *kinds: str) -> None:
        """Count what these classes of fault did as recovered."""
        for kind in kinds:
            self.recovered[kind] += self.hit.pop(kind, 0)


class Tally:
    """Folds records, in their order, into the numbers of a flight."""

    def __init__(self) -> None:
        """Start with nothing flown."""
        self.start: Record = {}
        self.end: Record | None = None
        self.t_s = 0.0
        self._payloads: dict[str, _Payload] = {}
        self._first: Record = {}
        self._state: Record = {}
        self._link: Record = {}
        self._link_state = "los"
        self._accounts: list[Record] = []
        self._commands: Counter[str] = Counter()
        self._sunlit, self._sun_since_s, self._sunlit_s = True, 0.0, 0.0
        self._contacts, self._contact_s = 0, 0.0
        self._heard_since_s: float | None = None
        self._injected: Counter[str] = Counter()
        self._without_effect: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Count one record; kinds that no number comes from are passed over."""
        self.t_s = record["t_s"]
        match record["what"]:
            case "flight-started":
                self._begin(record)
            case "flight-ended":
                self.end = record
            case "sunlight-changed":
                self._turn(record["sunlit"])
            case "link-changed":
                state, before = record["state"], self._link_state
                self._contacts += state == "acq" or (state == "aos" and before != "acq")
                self._link_state = state
                self._listen(state != "los")
            case "contact-account":
                self._accounts.append(record)
            case "command-queued" | "command-rejected" | "command-sent" | "command-released":
                self._commands[record["what"].removeprefix("command-")] += 1
            case "command-progress":
                report = record["report"]
                self._commands[f"{report['stage']}-{'ok' if report['ok'] else 'failed'}"] += 1
            case "housekeeping":
                self._first = self._first or record
                self._state = record
            case "link-counts":
                self._link = record
            case "fault-event":
                self._injected[record["kind"]] += 1
            case "mode-changed" if record["mode"] != EpsMode.NORMAL.value:
                for payload in self._payloads.values():
                    payload.go_down(self.t_s)
            case _ if record.get("payload") in self._payloads:  # else it is about a program
                self._count(self._payloads[record["payload"]], record)

    def _begin(self, record: Record) -> None:
        self.start, self._sunlit = record, record["sunlit"]
        self._payloads = {n: _Payload(p["point"]) for n, p in record["payloads"].items()}

    def _turn(self, sunlit: bool) -> None:
        self._sunlit_s += (self.t_s - self._sun_since_s) * self._sunlit
        self._sunlit, self._sun_since_s = sunlit, self.t_s

    def _listen(self, heard: bool) -> None:
        if self._heard_since_s is not None:
            self._contact_s += self.t_s - self._heard_since_s
        self._heard_since_s = self.t_s if heard else None

    def _count(self, payload: _Payload, record: Record) -> None:
        match record["what"]:
            case "telemetry-sample":
                payload.stay(self.t_s)
                payload.state, payload.point = record["state"], record["point"]
            case "released":
                payload.jobs["released"] += 1
            case "completed":
                self._complete(payload, record)
            case "job-lost":
                payload.jobs["lost"] += 1
                payload.outcomes[Outcome.DUE.value] += record["reason"] in CRASHES
            case "fault-landed":
                self._land(payload, record)
            case "reloaded":
                payload.mend(*UPSETS)
            case "switch-supply" if not record["on"]:
                payload.go_down(self.t_s)
                payload.mend(FaultKind.SEL.value)
            case "booted":
                payload.come_up(self.t_s)
                payload.mend(*UPSETS, FaultKind.SEFI.value)

    def _complete(self, payload: _Payload, record: Record) -> None:
        payload.jobs["completed"] += 1
        payload.jobs["late"] += record["late"]
        payload.latencies_s.append(record["latency_s"])
        payload.outcomes[record["result"]["outcome"]] += 1
        payload.mend(FaultKind.SET.value)

    def _land(self, payload: _Payload, record: Record) -> None:
        kind = record["kind"]
        if not record["effective"]:
            self._without_effect[kind] += 1
            return
        payload.hit[kind] += 1
        if kind == FaultKind.SEFI.value:
            payload.go_down(self.t_s)

    def summary(self) -> dict[str, Any]:
        """Return the numbers of the flight so far, as `summary.json` names them."""
        self._turn(self._sunlit)
        self._listen(self._heard_since_s is not None)
        start = self.start
        return {
            "scenario": start["scenario"],
            "seed": start["seed"],
            "mode": start["mode"],
            "complete": self.end is not None and self.end["complete"],
            "trouble": self.end["trouble"] if self.end is not None else "",
            "horizon_s": start["horizon_s"],
            "flown_s": self.t_s,
            "acceleration": start["acceleration"],
            "versions": start["versions"],
            "environment": {
                "eclipse_s": self.t_s - self._sunlit_s,
                "sunlit_s": self._sunlit_s,
                "contacts": self._contacts,
                "contact_s": self._contact_s,
            },
            "power": self._power(),
            "payloads": {name: self._payload(name) for name in self._payloads},
            "link": self._link_numbers(),
            "faults": {kind.value: self._fault(kind.value) for kind in FaultKind},
        }

    def _link_numbers(self) -> dict[str, Any]:
        if not self._link:
            return {}
        counted = self._commands
        failed = sum(n for name, n in counted.items() if name.endswith("-failed"))
        return {
            **_numbers(self._link),
            "commands": {
                "requested": counted["queued"] + counted["rejected"],
                "rejected": counted["rejected"],
                "sent": counted["sent"],
                "released": counted["released"],
                "accepted": counted["acceptance-ok"],
                "completed": counted["completion-ok"],
                "failed": failed,
            },
            "contacts": [_numbers(account) for account in self._accounts],
        }

    def _power(self) -> dict[str, Any]:
        first, last = self._first, self._state
        if not last:
            return {}  # killed before the first housekeeping
        names = ("generated_wh", "consumed_wh", "curtailed_wh", "unserved_wh", "losses_wh")
        power = {name: last[name] for name in names}
        stored_wh = last["battery_wh"] - first["battery_wh"]
        spent_wh = power["consumed_wh"] + power["losses_wh"] + power["curtailed_wh"]
        return power | {
            "battery_start_wh": first["battery_wh"],
            "battery_end_wh": last["battery_wh"],
            "battery_min_wh": last["battery_min_wh"],
            "shed_s": last["shed_s"],
            "battery_use": last.get("battery_use", {}),
            "closure_wh": power["generated_wh"] - spent_wh - stored_wh,
        }

    def _payload(self, name: str) -> dict[str, Any]:
        payload, last = self._payloads[name], self._state
        payload.stay(self.t_s)
        counted = payload.outcomes
        critical = counted[Outcome.CRITICAL.value]
        down_s = self.t_s - payload.down_since_s if payload.down_since_s is not None else 0.0
        return {
            **{key: self.start["payloads"][name][key] for key in ("board", "model")},
            "jobs": {k: payload.jobs[k] for k in ("released", "completed", "lost", "late")},
            "inferences": payload.jobs["completed"],
            "energy_j": last["energy_j"][name] if last else 0.0,
            "latency_s": _percentiles(payload.latencies_s),
            "die_c": {
                "min": last["die_min_c"][name] if last else None,
                "max": last["die_max_c"][name] if last else None,
            },
            "throttled_s": payload.throttled_s,
            "operating_points": dict(payload.points_s),
            "outages": {"count": payload.outages, "total_s": payload.outage_s + down_s},
            "exposed_jobs": payload.jobs["completed"] - counted[Outcome.NOMINAL.value],
            "outcomes": {
                "masked": counted[Outcome.MASKED.value],
                "sdc": counted[Outcome.SDC.value] + critical,
                "due": counted[Outcome.DUE.value],
                "critical": critical,
            },
        }

    def _fault(self, kind: str) -> dict[str, int]:
        return {
            "injected": self._injected[kind],
            "recovered": sum(payload.recovered[kind] for payload in self._payloads.values()),
            "without_effect": self._without_effect[kind],
        }


def _numbers(record: Record) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in ("t_s", "what")}


def _percentiles(latencies_s: list[float]) -> dict[str, float | None]:
    if not latencies_s:
        return {"p50": None, "p99": None}
    p50, p99 = np.percentile(latencies_s, (50, 99))
    return {"p50": float(p50), "p99": float(p99)}
