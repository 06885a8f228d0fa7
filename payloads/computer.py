"""The payload computer as its satellite sees it: its work, a watchdog, a governor, commands."""

from __future__ import annotations

from typing_extensions import assert_never

from firmware_bridge.board import Booted, Task, WorkFinished, WorkOrder, WorkResult
from firmware_bridge.faults import FaultEvent
from payloads.agenda import Agenda, Errand, Reload, Undertaking
from payloads.commands import (
    ChoosePoint,
    CommandAnswered,
    CommandIssued,
    FetchProduct,
    LoadModel,
    Order,
    ProductFetched,
    Stage,
    StartStream,
    StopStream,
    unknown,
)
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
from payloads.jobs import Job, JobLost, Loss, Released, ReleaseDue
from payloads.pictures import Pictures
from payloads.rules import ComputerRules

RELOAD = 0  # the number of a reload; jobs are numbered from 1, errands from -1 downwards
FETCH_S = 1.0  # to read a picture and compress it, at the fastest operating point [assumed]
OFF = "payload is off"
CUT_SHORT = {
    Loss.POWER: "payload was switched off to save power",
    Loss.WATCHDOG: "board did not answer, so the watchdog restarted it",
    Loss.BREAKER: "board drew too much, so its supply was cycled",
}


class PayloadComputer:
    """Decides what a board does next; performs nothing.

    A command that needs the board waits for the work under way and goes
    before the next job; it has started once the board is on it. What waits
    lives through a power cycle, but not through load shedding. Streams and
    the operating point are kept by the satellite: they can be commanded
    while the payload is off, and hold when it comes back.
    """

    def __init__(self, name: str, rules: ComputerRules, governor: Governor) -> None:
        """Start shed: switched off, with nothing to do."""
        self.name = name
        self._rules, self._governor = rules, governor
        self._level = 0
        self.watched_c = governor.watched_c(0)  # where the governor acts: falling, rising
        self._agenda = Agenda(rules.queue_length)
        self._pictures = Pictures(rules.remembered)
        self._stopped = set(rules.stopped)
        self._under_way: Undertaking | None = None
        self._supplied = self._ready = False  # ready: booted, as far as can be known from outside
        self._shed = True
        self._watching = False  # a look of the watchdog is on the timeline
        self._answer_due_s = 0.0
        self._offers = self._reloads = self._errands = 0

    def react(self, t_s: float, event: ComputerEvent) -> list[ComputerAction]:
        """Return what is to be done about ``event``."""
        match event:
            case ReleaseDue(job=job):
                return self._release(t_s, job)
            case CommandIssued():
                return [*self._obey(t_s, event), *self._start_next(t_s)]
            case WorkFinished():
                return [*self._finish(t_s, event), *self._start_next(t_s)]
            case Booted():
                self._ready = self._supplied  # a breaker may have opened in the same moment
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
                self._agenda.add_reload()
                return [*self._reload_later(), *self._start_next(t_s)]
            case SupplyOffered(offer=offer):
                return self._switch_on() if offer == self._offers and not self._shed else []
            case _:
                assert_never(event)

    def begin(self) -> list[ComputerAction]:
        """Return what starts the regular reloads, counted from mission start."""
        return self._reload_later()

    def shed(self) -> list[ComputerAction]:
        """Return what cuts the supply for good; work under way and waiting is lost."""
        jobs, errands = self._agenda.clear()
        self._shed, self._offers = True, self._offers + 1
        lost = [JobLost(self.name, job.number, Loss.POWER) for job in jobs]
        refused = [self._answer(errand.issued, Stage.STARTED, OFF) for errand in errands]
        return [*self._cut(Loss.POWER), *lost, *refused]

    def restore(self) -> list[ComputerAction]:
        """Return what gives the supply back; the board boots."""
        self._shed, self._offers = False, self._offers + 1
        return self._switch_on()

    def _reload_later(self) -> list[ComputerAction]:
        self._reloads += 1
        return [Schedule(self._reloads * self._rules.reload_every_s, ReloadDue(self.name))]

    def _release(self, t_s: float, job: Job) -> list[ComputerAction]:
        if job.stream in self._stopped:
            return []
        released = Released(self.name, job)
        return [released, *self._queue(job), *self._start_next(t_s)]

    def _queue(self, job: Job) -> list[ComputerAction]:
        if self._shed:
            return [JobLost(self.name, job.number, Loss.POWER)]
        squeezed_out = self._agenda.add_job(job)
        if squeezed_out is None:
            return []
        return [JobLost(self.name, squeezed_out.number, Loss.QUEUE_FULL)]

    def _obey(self, t_s: float, issued: CommandIssued) -> list[ComputerAction]:
        if refusal := self._refusal(issued.order):
            return [self._answer(issued, Stage.STARTED, refusal)]
        match issued.order:
            case LoadModel(model=model):
                number = self._errand_number()
                self._agenda.add_errand(
                    Errand(issued, WorkOrder(number, Task.LOAD, t_s, model=model))
                )
                return []
            case FetchProduct(job=job):
                number, taken_s = self._errand_number(), self._pictures.taken_s(job)
                self._agenda.add_errand(
                    Errand(issued, WorkOrder(number, Task.FETCH, taken_s, FETCH_S))
                )
                return []
            case StartStream(stream=stream):
                self._stopped.discard(stream)
                return self._done(issued)
            case StopStream(stream=stream):
                self._stopped.add(stream)
                return self._done(issued)
            case ChoosePoint(point=point):
                self._governor = self._governor.commanded(point)
                return self._done(issued, *self._set_point())
            case _:
                assert_never(issued.order)

    def _refusal(self, order: Order) -> str:
        """Return why ``order`` cannot be carried out; empty if it can."""
        match order:
            case LoadModel(model=model):
                return unknown("model", model, self._rules.models) or self._off_or_full()
            case FetchProduct(job=job):
                kept = f"no picture of job {job} is kept; {self._pictures}"
                return self._off_or_full() if job in self._pictures else kept
            case StartStream(stream=stream) | StopStream(stream=stream):
                return unknown("job stream", stream, self._rules.streams)
            case ChoosePoint(point=point):
                return unknown("operating point", point, self._governor.points)
            case _:
                assert_never(order)

    def _off_or_full(self) -> str:
        if not self._supplied:
            return OFF
        return "payload has too many commands waiting already" if self._agenda.full else ""

    def _errand_number(self) -> int:
        self._errands += 1
        return -self._errands

    def _answer(self, issued: CommandIssued, stage: Stage, failure: str = "") -> CommandAnswered:
        return CommandAnswered(self.name, issued.id, stage, not failure, failure)

    def _done(self, issued: CommandIssued, *actions: ComputerAction) -> list[ComputerAction]:
        started, completed = (self._answer(issued, stage) for stage in Stage)
        return [started, *actions, completed]

    def _start_next(self, t_s: float) -> list[ComputerAction]:
        if not self._ready or self._under_way is not None:
            return []
        match self._agenda.take():
            case Job() as job:
                order = WorkOrder(job.number, Task.RUN, job.released_s, job.preparation_s)
                return self._start(t_s, job, order)
            case Errand() as errand:
                started = self._answer(errand.issued, Stage.STARTED)
                return [started, *self._start(t_s, errand, errand.order)]
            case Reload() as reload:
                return self._start(t_s, reload, WorkOrder(RELOAD, Task.RELOAD, t_s))
            case None:
                return []

    def _start(
        self, t_s: float, undertaking: Undertaking, order: WorkOrder
    ) -> list[ComputerAction]:
        self._under_way = undertaking
        self._answer_due_s = t_s + self._rules.watchdog_s
        return [StartWork(self.name, order), *([] if self._watching else self._look_later())]

    def _watch(self, t_s: float) -> list[ComputerAction]:
        self._watching = False
        if self._under_way is None:
            return []
        return self._cycle(t_s, Loss.WATCHDOG) if t_s >= self._answer_due_s else self._look_later()

    def _look_later(self) -> list[ComputerAction]:
        self._watching = True
        return [Schedule(self._answer_due_s, WatchdogDue(self.name))]

    def _finish(self, t_s: float, done: WorkFinished) -> list[ComputerAction]:
        ended: list[ComputerAction]
        match self._under_way:
            case Job(number=done.job) as job if done.result is not None:
                ended = [self._completed(t_s, job, done.result)]
            case Errand(order=WorkOrder(job=done.job)) as errand:
                ended = self._returned(errand, done)
            case Reload() if done.job == RELOAD:
                ended = [Reloaded(self.name)]
            case _:
                return []  # an answer to work that was given up
        self._under_way = None
        return ended

    def _completed(self, t_s: float, job: Job, result: WorkResult) -> Completed:
        self._pictures.keep(job.number, job.released_s)
        late, latency_s = t_s > job.deadline_s, t_s - job.released_s
        return Completed(self.name, job.number, job.stream, job.released_s, latency_s, late, result)

    def _returned(self, errand: Errand, done: WorkFinished) -> list[ComputerAction]:
        completed = self._answer(errand.issued, Stage.COMPLETED)
        match errand.issued.order:
            case FetchProduct(job=job):
                taken_s = errand.order.subject_s
                return [ProductFetched(self.name, job, taken_s, done.product), completed]
            case _:
                return [Reloaded(self.name), completed]

    def _govern(self, crossed: TripCrossed) -> list[ComputerAction]:
        self._level += 1 if crossed.rising else -1
        self.watched_c = self._governor.watched_c(self._level)
        return self._set_point()

    def _set_point(self) -> list[ComputerAction]:
        return [] if self._shed else [SetPoint(self.name, self._governor.point_at(self._level))]

    def _cycle(self, t_s: float, reason: Loss) -> list[ComputerAction]:
        self._offers += 1
        offer = Schedule(t_s + self._rules.off_s, SupplyOffered(self.name, self._offers))
        return [*self._cut(reason), offer]

    def _cut(self, reason: Loss) -> list[ComputerAction]:
        lost = self._lose(self._under_way, reason)
        self._agenda.forget_reload()
        self._under_way, self._ready, self._supplied = None, False, False
        return [SwitchSupply(self.name, on=False), *lost]

    def _lose(self, undertaking: Undertaking | None, reason: Loss) -> list[ComputerAction]:
        match undertaking:
            case Job(number=number):
                return [JobLost(self.name, number, reason)]
            case Errand(issued=issued):
                return [self._answer(issued, Stage.COMPLETED, CUT_SHORT[reason])]
            case Reload() | None:
                return []

    def _switch_on(self) -> list[ComputerAction]:
        self._supplied = True
        return [SwitchSupply(self.name, on=True), *self._set_point()]
