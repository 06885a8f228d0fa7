"""The payload computer as its satellite sees it: a queue, a watchdog, a governor."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from typing_extensions import assert_never

from firmware_bridge.board import Booted, Task, WorkFinished, WorkOrder
from firmware_bridge.faults import FaultEvent
from payloads.events import (
    Completed,
    ComputerAction,
    ComputerEvent,
    OvercurrentTripped,
    ReloadDue,
    Reloaded,
    Schedule,
    SetPoint,
    StartWork,
    StrikeBoard,
    SupplyOffered,
    SwitchSupply,
    TripCrossed,
    WatchdogDue,
)
from payloads.governor import Governor
from payloads.jobs import Job, JobLost, Loss, Released

RELOAD = 0  # the number under which a reload runs; jobs are numbered from 1


@dataclass(frozen=True, slots=True)
class ComputerRules:
    """How a payload computer is run.

    The watchdog restarts a board that has not answered within
    ``watchdog_s`` of a start; a power cycle keeps the supply off for
    ``off_s``; every ``reload_every_s`` the model is loaded afresh.
    """

    queue_length: int
    watchdog_s: float
    off_s: float
    reload_every_s: float


class PayloadComputer:
    """Decides what a board does next; performs nothing."""

    def __init__(self, name: str, rules: ComputerRules, governor: Governor) -> None:
        """Start shed: switched off, with nothing to do."""
        self.name = name
        self._rules, self._governor = rules, governor
        self._level = 0
        self.watched_c = governor.watched_c(0)  # where the governor acts: falling, rising
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._reloading = False
        self._reload_due = False
        self._ready = False  # booted, as far as can be known from outside
        self._shed = True
        self._watching = False  # a look of the watchdog is on the timeline
        self._answer_due_s = 0.0
        self._offers = self._reloads = 0

    def react(self, t_s: float, event: ComputerEvent) -> list[ComputerAction]:
        """Return what is to be done about ``event``."""
        match event:
            case Released(job=job):
                return [*self._queue(job), *self._start_next(t_s)]
            case WorkFinished():
                return [*self._finish(t_s, event), *self._start_next(t_s)]
            case Booted():
                self._ready = True
                return self._start_next(t_s)
            case TripCrossed():
                return self._govern(event)
            case FaultEvent():
                return [StrikeBoard(self.name, event)]
            case WatchdogDue():
                return self._watch(t_s)
            case OvercurrentTripped():
                return [] if self._shed else self._cycle(t_s, Loss.BREAKER)
            case ReloadDue():
                self._reload_due = True
                return [*self._reload_later(), *self._start_next(t_s)]
            case SupplyOffered(offer=offer):
                return self._switch_on() if offer == self._offers and not self._shed else []
            case _:
                assert_never(event)

    def begin(self) -> list[ComputerAction]:
        """Return what starts the regular reloads, counted from mission start."""
        return self._reload_later()

    def _reload_later(self) -> list[ComputerAction]:
        self._reloads += 1
        return [Schedule(self._reloads * self._rules.reload_every_s, ReloadDue(self.name))]

    def shed(self) -> list[ComputerAction]:
        """Return what cuts the supply for good; work under way and waiting is lost."""
        waiting = [JobLost(self.name, job.number, Loss.POWER) for job in self._waiting]
        self._waiting.clear()
        self._shed, self._offers = True, self._offers + 1
        return [*self._cut(Loss.POWER), *waiting]

    def restore(self) -> list[ComputerAction]:
        """Return what gives the supply back; the board boots."""
        self._shed, self._offers = False, self._offers + 1
        return self._switch_on()

    def _queue(self, job: Job) -> list[ComputerAction]:
        if self._shed:
            return [JobLost(self.name, job.number, Loss.POWER)]
        self._waiting.append(job)
        if len(self._waiting) <= self._rules.queue_length:
            return []
        return [JobLost(self.name, self._waiting.popleft().number, Loss.QUEUE_FULL)]

    def _start_next(self, t_s: float) -> list[ComputerAction]:
        if not self._ready or self._current is not None or self._reloading:
            return []
        if self._reload_due:
            self._reload_due, self._reloading = False, True
            return self._start(t_s, WorkOrder(RELOAD, Task.RELOAD, t_s))
        if not self._waiting:
            return []
        job = self._current = self._waiting.popleft()
        return self._start(t_s, WorkOrder(job.number, Task.RUN, job.released_s, job.preparation_s))

    def _start(self, t_s: float, order: WorkOrder) -> list[ComputerAction]:
        self._answer_due_s = t_s + self._rules.watchdog_s
        return [StartWork(self.name, order), *([] if self._watching else self._look_later())]

    def _watch(self, t_s: float) -> list[ComputerAction]:
        self._watching = False
        if self._current is None and not self._reloading:
            return []
        return self._cycle(t_s, Loss.WATCHDOG) if t_s >= self._answer_due_s else self._look_later()

    def _look_later(self) -> list[ComputerAction]:
        self._watching = True
        return [Schedule(self._answer_due_s, WatchdogDue(self.name))]

    def _finish(self, t_s: float, done: WorkFinished) -> list[ComputerAction]:
        if done.job == RELOAD:
            self._reloading = False
            return [Reloaded(self.name)]
        job = self._current
        if job is None or job.number != done.job or done.result is None:
            return []  # an answer to a job that was given up
        self._current = None
        late = t_s > job.deadline_s
        latency_s = t_s - job.released_s
        return [
            Completed(
                self.name, job.number, job.stream, job.released_s, latency_s, late, done.result
            )
        ]

    def _govern(self, crossed: TripCrossed) -> list[ComputerAction]:
        self._level += 1 if crossed.rising else -1
        self.watched_c = self._governor.watched_c(self._level)
        return [] if self._shed else [SetPoint(self.name, self._governor.point_at(self._level))]

    def _cycle(self, t_s: float, reason: Loss) -> list[ComputerAction]:
        self._offers += 1
        offer = Schedule(t_s + self._rules.off_s, SupplyOffered(self.name, self._offers))
        return [*self._cut(reason), offer]

    def _cut(self, reason: Loss) -> list[ComputerAction]:
        lost = [JobLost(self.name, self._current.number, reason)] if self._current else []
        self._current, self._reloading, self._reload_due, self._ready = None, False, False, False
        return [SwitchSupply(self.name, on=False), *lost]

    def _switch_on(self) -> list[ComputerAction]:
        return [
            SwitchSupply(self.name, on=True),
            SetPoint(self.name, self._governor.point_at(self._level)),
        ]
