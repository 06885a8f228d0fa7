"""The loop: take what is due, let it be decided what follows, and do that."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from typing_extensions import assert_never

from firmware_bridge.board import Board, BoardDue
from firmware_bridge.clock import Clock
from firmware_bridge.faults import FaultLanded
from groundlink.accounts import ContactAccount
from groundlink.commands import parse_request
from groundlink.contacts import AcquisitionOfSignal, LossOfSignal, WindowInjected
from groundlink.events import (
    AccountDue,
    CommandProgress,
    CommandQueued,
    CommandRejected,
    CommandReleased,
    CommandRepeated,
    CommandRequested,
    CommandSent,
    Dropped,
    FrameArrived,
    FrameLeft,
    FrameRefused,
    LinkAction,
    LinkChanged,
    LinkEvent,
    LinkState,
    OnboardPublished,
    ProgramReport,
    ProgramState,
    Receipt,
    Received,
    ReportOverdue,
    ScheduleContact,
    ScheduleFrame,
    ScheduleLook,
    Transmit,
    TransmitterPower,
    TransmitUp,
    UplinkArrived,
    UplinkInjected,
    UplinkRefused,
)
from groundlink.gateway import Gateway
from groundlink.injector import Ack, ControlArrived, Injector, id_of
from groundlink.journal import Journal, StoreError
from groundlink.messages import Message
from groundlink.session import LinkSession
from groundlink.store import DropReason
from payloads.commands import CommandAnswered, CommandIssued, ProductFetched
from payloads.events import (
    Completed,
    Housekeeping,
    ModeChanged,
    Reloaded,
    SatelliteAction,
    SatelliteEvent,
    Schedule,
    SetPoint,
    StartWork,
    StrikeBoard,
    SwitchSupply,
    TransmitterSwitched,
)
from payloads.jobs import JobLost, Released
from payloads.satellite import Satellite
from rigs.archive import Archive
from rigs.commanding import Commanding, SetDownlinkPriority
from rigs.downlink import Downlink
from rigs.errors import RigError
from rigs.events import FlightEnded, StoreResumed, SunlightChanged
from rigs.records import Recorder
from rigs.timeline import Timeline

DRAIN_LIMIT_S = 2.0  # host seconds that a broker has for what is on its way at the end
YOUNG_OBJECTS = 50_000  # before a look for garbage
MOST_RECEIPTS = 64  # messages of programs that wait for one write to the store
Action = (
    SatelliteAction | LinkAction | CommandRejected | Message | SetDownlinkPriority | CommandIssued
)


@dataclass(slots=True)
class Rig:
    """Everything that flies together, put together by `rigs.build`."""

    clock: Clock
    timeline: Timeline
    satellite: Satellite
    boards: Mapping[str, Board]
    session: LinkSession
    journal: Journal
    program_trouble: Callable[[], str]
    gateway: Gateway
    downlink: Downlink
    commanding: Commanding
    archive: Archive
    injector: Injector
    acknowledge: Callable[[Ack], None]
    records: Recorder
    horizon_s: float
    lateness_s: float = 0.0  # the most that the clock was behind, mission seconds
    stopped: bool = False
    unsaved: bool = False  # something came into the store since it was made durable
    receipts: list[Receipt] = field(default_factory=list)  # stored, but not for good yet
    unstored: list[Receipt] = field(default_factory=list)  # that the store failed to keep
    store_trouble: str = ""  # why the store was not durable at some time

    def stop(self) -> None:
        """End the flight before the next event; nothing is left half done."""
        self.stopped = True
        self.clock.interrupt()


def run(rig: Rig) -> None:
    """Fly a rig to its horizon, or until it is stopped."""
    with _rare_collections():
        _perform_all(rig, 0.0, _resume(rig))
        while (due := _next(rig)) is not None:
            t_s, event = due
            rig.records.write(t_s, event)
            _perform_all(rig, t_s, _decide(rig, t_s, event))


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage seldom: what was built lives as long as the flight, and events die young."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _resume(rig: Rig) -> Iterable[Action]:
    """Take over what an earlier flight left in the store.

    Raises:
        RigError: the store holds messages of somebody who is not on board.
    """
    try:
        actions = rig.session.resume(0.0)
    except ValueError as error:
        rule = "go on with the scenario and the programs that filled it, or name another --store"
        raise RigError(f"on-board store: {error}; {rule}") from error
    found = rig.session.counts.messages.generated
    if found:
        rig.records.write(0.0, StoreResumed(found))
    return actions


def finish(rig: Rig) -> None:
    """Write down the state at the end of a flight, and check that the link's accounts close."""
    t_s = rig.timeline.now_s
    for published in rig.timeline.take(OnboardPublished):  # what came before the end is on board
        rig.records.write(t_s, published)
        _perform_all(rig, t_s, _publish(rig, t_s, cast("OnboardPublished", published)))
    _perform_all(rig, t_s, rig.session.finish(t_s))
    _save(rig)
    rig.archive.close()
    rig.gateway.drain(DRAIN_LIMIT_S)
    rig.records.write(t_s, rig.satellite.housekeeping(t_s))
    rig.records.write(t_s, rig.session.counts)
    troubles = rig.gateway.trouble(), rig.store_trouble, rig.program_trouble()
    trouble = "; ".join(filter(None, troubles))
    rig.records.write(t_s, FlightEnded(not rig.stopped, trouble))
    rig.records.flush()
    rig.session.check()


def _next(rig: Rig) -> tuple[float, object] | None:
    """Return what happens next and when: a threshold passed by the satellite, or an event."""
    while not rig.stopped:
        due_s = rig.timeline.due_s(rig.horizon_s)
        if due_s > rig.timeline.now_s:
            if due_s > rig.clock.now_s():  # there is time
                _keep(rig)
            reached_s = rig.clock.wait_until(due_s)
            now_s = rig.timeline.settle(min(due_s, reached_s))
            crossed = rig.satellite.coast(now_s)
            if crossed is not None:
                return crossed
            rig.lateness_s = max(rig.lateness_s, reached_s - due_s)
            if now_s < due_s:
                continue
        event = rig.timeline.pop(due_s)
        if event is not None or due_s >= rig.horizon_s:
            return event
    return None


def _keep(rig: Rig) -> None:
    """Let what happened be on disk, and then what is stored on board."""
    rig.records.flush()
    rig.archive.flush()
    if rig.unsaved:
        _save(rig)


def _save(rig: Rig) -> None:
    """Make durable what is stored on board, and only then acknowledge it.

    Where the disk takes no more, programs wait for their receipts until it does, and
    then say again what was not stored.
    """
    rig.unsaved = False
    rig.records.flush()  # what the ground has is forgotten on board only once it is written down
    try:
        rig.journal.commit()
    except StoreError as error:
        rig.store_trouble = f"on-board store {error}"
        return
    if rig.receipts:
        rig.gateway.stored(rig.receipts)
        rig.receipts = []
    if rig.unstored:
        rig.gateway.refused(rig.unstored)
        rig.unstored = []


def _decide(rig: Rig, t_s: float, event: object) -> Iterable[Action]:
    match event:
        case BoardDue(payload=payload):
            rig.boards[payload].wake(t_s)
            return ()
        case FrameArrived(frame=frame):
            rig.archive.hear(frame)
            return _react(rig, t_s, event)
        case (
            FrameLeft()
            | UplinkArrived()
            | UplinkInjected()
            | AcquisitionOfSignal()
            | LossOfSignal()
            | WindowInjected()
            | ReportOverdue()
            | AccountDue()
        ):
            return _react(rig, t_s, event)
        case OnboardPublished():
            return _publish(rig, t_s, event)
        case CommandRequested():
            return _request(rig, t_s, event)
        case ProgramState():
            return [rig.downlink.state(t_s, event)]
        case ProgramReport():
            return rig.commanding.reported(t_s, event)
        case ControlArrived():
            _inject(rig, t_s, event)
            return ()
        case FaultLanded() | SunlightChanged():
            return ()  # only for the records
        case _:
            return rig.satellite.react(t_s, cast("SatelliteEvent", event))


def _react(rig: Rig, t_s: float, event: LinkEvent) -> Iterable[Action]:
    """Let the link react; a telecommand whose counter cannot be kept comes to nothing."""
    try:
        return rig.session.react(t_s, event)
    except StoreError as error:
        rig.store_trouble = f"on-board store {error}"
        return ()


def _publish(rig: Rig, t_s: float, published: OnboardPublished) -> Iterable[Action]:
    """Store what a program on board published; it is acknowledged once that is durable."""
    actions = _offer(rig, t_s, rig.downlink.published(t_s, published))
    failed = any(isinstance(a, Dropped) and a.reason is DropReason.STORE_FAILED for a in actions)
    (rig.unstored if failed else rig.receipts).append(published.receipt)
    if len(rig.receipts) >= MOST_RECEIPTS:
        _save(rig)
    return actions


def _housekeeping(rig: Rig, t_s: float, state: Housekeeping) -> Iterable[Action]:
    """Send the state of the satellite home, unless there is no bus to do it."""
    if not state.mode.bus_on:
        return ()
    return [rig.downlink.housekeeping(t_s, state, rig.commanding.refusals)]


def _offer(rig: Rig, t_s: float, message: Message) -> list[LinkAction]:
    """Put a message into the store, to be made durable as soon as there is time."""
    rig.unsaved = True
    return rig.session.offer(t_s, message)


def _request(rig: Rig, t_s: float, requested: CommandRequested) -> Iterable[Action]:
    """Queue what an operator asked for, or say what is wrong with it."""
    try:
        request = parse_request(requested.payload, requested.request.encode())
        if request.not_after_s is not None and request.not_after_s < t_s:
            raise ValueError(f"not_after_s = {request.not_after_s} is over since {t_s:.1f} s")
        return rig.session.command(t_s, request)
    except ValueError as error:
        return [CommandRejected(id_of(requested.request.encode()), requested.payload, str(error))]


def _inject(rig: Rig, t_s: float, request: ControlArrived) -> None:
    """Let bench control have its way: what it injects is an event like any other."""
    for answer in rig.injector.react(t_s, request):
        if isinstance(answer, Ack):
            rig.acknowledge(answer)
        else:
            rig.timeline.post(answer, t_s)


def _perform_all(rig: Rig, t_s: float, actions: Iterable[Action]) -> None:
    for action in actions:
        rig.records.write(t_s, action)
        _perform_all(rig, t_s, _do(rig, t_s, action))


def _do(rig: Rig, t_s: float, action: Action) -> Iterable[Action]:
    """Do what an action says; return what follows from it at once."""
    match action:
        case Message():
            return _offer(rig, t_s, action)
        case Schedule(at_s=at_s, event=event):
            rig.timeline.post(event, at_s)
        case SwitchSupply(payload=payload, on=on):
            rig.boards[payload].power(t_s, on)
            return [rig.downlink.supply(t_s, action)]
        case SetPoint(payload=payload, point=point):
            rig.boards[payload].set_point(t_s, point)
        case StartWork(payload=payload, order=order):
            rig.boards[payload].start(t_s, order)
        case StrikeBoard(payload=payload, fault=fault):
            rig.boards[payload].strike(t_s, fault)
        case Completed():
            return [rig.downlink.result(t_s, action)]
        case ProductFetched():
            return [rig.downlink.fetched(t_s, action)]
        case Housekeeping():
            _save(rig)
            return _housekeeping(rig, t_s, action)
        case ModeChanged(mode=mode):
            return rig.session.react(t_s, TransmitterPower(mode.bus_on))
        case CommandIssued():
            return rig.satellite.react(t_s, action)
        case CommandAnswered():
            return rig.commanding.answered(t_s, action)
        case JobLost() | Released() | Reloaded():
            pass  # only for the records
        case _:
            return _do_for_link(rig, t_s, action)
    return ()


def _do_for_link(
    rig: Rig, t_s: float, action: LinkAction | CommandRejected | SetDownlinkPriority
) -> Iterable[Action]:
    match action:
        case ScheduleFrame(at_s=at_s, token=token):
            rig.timeline.post(FrameLeft(token), at_s)
        case Transmit(frame=frame, arrives_s=arrives_s):
            rig.timeline.post(FrameArrived(frame), arrives_s)
        case TransmitUp(frame=frame, arrives_s=arrives_s):
            rig.timeline.post(UplinkArrived(frame), arrives_s)
        case Received():
            rig.gateway.announce(t_s, action)
            rig.archive.keep(action)
        case ScheduleLook(at_s=at_s, event=event):
            rig.timeline.post(event, at_s)
        case ScheduleContact(contact=contact):
            rig.timeline.post(AcquisitionOfSignal(contact), contact.aos_s)
            rig.timeline.post(LossOfSignal(contact), contact.los_s)
        case LinkChanged(state=state):
            rig.gateway.announce(t_s, action)
            rig.records.write(t_s, rig.session.counts)
            return rig.satellite.react(t_s, TransmitterSwitched(state is not LinkState.LOS))
        case CommandReleased():
            rig.gateway.release(t_s, action)
            return rig.commanding.released(t_s, action)
        case CommandRepeated():
            return rig.commanding.repeated(t_s, action)
        case UplinkRefused():
            return rig.commanding.refused(t_s, action)
        case SetDownlinkPriority(source=source, kind=kind, priority=priority):
            rig.session.set_priority(source, kind, priority)
        case CommandProgress() | CommandRejected():
            rig.gateway.announce(t_s, action)
        case CommandQueued() | CommandSent() | ContactAccount() | Dropped() | FrameRefused():
            pass  # only for the records
        case _:
            assert_never(action)
    return ()
