"""The loop: take what is due, let it be decided what follows, and do that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from typing_extensions import assert_never

from firmware_bridge.board import Board, BoardDue
from firmware_bridge.clock import Clock
from firmware_bridge.faults import FaultLanded
from groundlink.contacts import AcquisitionOfSignal, LossOfSignal, WindowInjected
from groundlink.events import (
    Dropped,
    FrameArrived,
    FrameLeft,
    FrameRefused,
    LinkAction,
    LinkChanged,
    LinkState,
    Received,
    ScheduleContact,
    ScheduleFrame,
    Transmit,
    TransmitterPower,
)
from groundlink.injector import Ack, ControlArrived, Injector
from groundlink.link import Link
from groundlink.session import LinkSession
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
from payloads.jobs import JobLost
from payloads.satellite import Satellite
from rigs.archive import Archive
from rigs.downlink import Downlink
from rigs.events import FlightEnded, SunlightChanged
from rigs.records import Recorder
from rigs.timeline import Timeline

DRAIN_LIMIT_S = 2.0  # host seconds that a broker has for what is on its way at the end
Action = SatelliteAction | LinkAction


@dataclass(slots=True)
class Rig:
    """Everything that flies together, put together by `rigs.build`."""

    clock: Clock
    timeline: Timeline
    satellite: Satellite
    boards: Mapping[str, Board]
    session: LinkSession
    link: Link
    downlink: Downlink
    archive: Archive
    injector: Injector
    acknowledge: Callable[[Ack], None]
    records: Recorder
    horizon_s: float
    lateness_s: float = 0.0  # the most that the clock was behind, mission seconds
    stopped: bool = False

    def stop(self) -> None:
        """End the flight before the next event; nothing is left half done."""
        self.stopped = True
        self.clock.interrupt()


def run(rig: Rig) -> None:
    """Fly a rig to its horizon, or until it is stopped."""
    while (due := _next(rig)) is not None:
        t_s, event = due
        rig.records.write(t_s, event)
        for action in _decide(rig, t_s, event):
            _perform(rig, t_s, action)


def finish(rig: Rig) -> None:
    """Write down the state at the end of a flight, and check that the link's accounts close."""
    t_s = rig.timeline.now_s
    rig.link.drain(DRAIN_LIMIT_S)
    for event in rig.timeline.take(FrameArrived):
        for action in _decide(rig, t_s, event):
            _perform(rig, t_s, action)
    for action in rig.session.give_up(t_s):
        _perform(rig, t_s, action)
    rig.records.write(t_s, rig.satellite.housekeeping(t_s))
    rig.records.write(t_s, rig.session.counts)
    rig.records.write(t_s, FlightEnded(not rig.stopped, rig.link.trouble()))
    rig.session.check()


def _next(rig: Rig) -> tuple[float, object] | None:
    """Return what happens next and when: a threshold passed by the satellite, or an event."""
    while not rig.stopped:
        due_s = rig.timeline.due_s(rig.horizon_s)
        if due_s > rig.timeline.now_s:
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


def _decide(rig: Rig, t_s: float, event: object) -> Iterable[Action]:
    match event:
        case BoardDue(payload=payload):
            rig.boards[payload].wake(t_s)
            return ()
        case (
            AcquisitionOfSignal() | LossOfSignal() | WindowInjected() | FrameLeft() | FrameArrived()
        ):
            return rig.session.react(t_s, event)
        case ControlArrived():
            _inject(rig, t_s, event)
            return ()
        case FaultLanded() | SunlightChanged():
            return ()  # only for the records
        case _:
            return rig.satellite.react(t_s, cast("SatelliteEvent", event))


def _inject(rig: Rig, t_s: float, request: ControlArrived) -> None:
    """Let bench control have its way: what it injects is an event like any other."""
    for answer in rig.injector.react(t_s, request):
        if isinstance(answer, Ack):
            rig.acknowledge(answer)
        else:
            rig.timeline.post(answer, t_s)


def _perform(rig: Rig, t_s: float, action: Action) -> None:
    rig.records.write(t_s, action)
    follows: Iterable[Action] = ()
    match action:
        case Schedule(at_s=at_s, event=event):
            rig.timeline.post(event, at_s)
        case SwitchSupply(payload=payload, on=on):
            rig.boards[payload].power(t_s, on)
            follows = rig.session.offer(t_s, rig.downlink.supply(t_s, action))
        case SetPoint(payload=payload, point=point):
            rig.boards[payload].set_point(t_s, point)
        case StartWork(payload=payload, order=order):
            rig.boards[payload].start(t_s, order)
        case StrikeBoard(payload=payload, fault=fault):
            rig.boards[payload].strike(t_s, fault)
        case Completed():
            follows = rig.session.offer(t_s, rig.downlink.result(t_s, action))
        case Housekeeping() if action.mode.bus_on:
            follows = rig.session.offer(t_s, rig.downlink.housekeeping(t_s, action))
        case ModeChanged(mode=mode):
            follows = rig.session.react(t_s, TransmitterPower(mode.bus_on))
        case ScheduleFrame(at_s=at_s, token=token):
            rig.timeline.post(FrameLeft(token), at_s)
        case ScheduleContact(contact=contact):
            rig.timeline.post(AcquisitionOfSignal(contact), contact.aos_s)
            rig.timeline.post(LossOfSignal(contact), contact.los_s)
        case Transmit(frame=frame, arrives_s=arrives_s):
            rig.link.transmit(t_s, frame, arrives_s)
        case LinkChanged(state=state):
            rig.link.announce(t_s, action)
            rig.records.write(t_s, rig.session.counts)
            follows = rig.satellite.react(t_s, TransmitterSwitched(state is LinkState.AOS))
        case Received():
            rig.link.announce(t_s, action)
            rig.archive.keep(action)
        case Housekeeping() | JobLost() | Reloaded() | Dropped() | FrameRefused():
            pass
        case _:
            assert_never(action)
    for further in follows:
        _perform(rig, t_s, further)
