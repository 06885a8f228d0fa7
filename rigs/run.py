"""The loop: take what is due, let it be decided what follows, and do that."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

from firmware_bridge.board import BoardDue
from firmware_bridge.faults import FaultLanded
from groundlink.commands import parse_request
from groundlink.contacts import AcquisitionOfSignal, LossOfSignal, WindowInjected
from groundlink.events import (
    AccountDue,
    CommandRejected,
    CommandRequested,
    Dropped,
    FrameArrived,
    FrameLeft,
    LinkAction,
    LinkEvent,
    OnboardBurst,
    OnboardPublished,
    ProgramReport,
    ProgramState,
    ReportOverdue,
    UplinkArrived,
    UplinkInjected,
)
from groundlink.injector import Ack, ControlArrived, id_of
from groundlink.journal import StoreError
from groundlink.store import DropReason
from payloads.events import SatelliteEvent
from rigs.clock import host_seconds
from rigs.craft import Rig, Unsure
from rigs.errors import RigError
from rigs.events import FlightEnded, StoreResumed, SunlightChanged
from rigs.perform import Action, offer, perform_all

DRAIN_LIMIT_S = 2.0  # host seconds that a broker has for what is on its way at the end
YOUNG_OBJECTS = 50_000  # before a look for garbage
KEEP_EVERY_S = 0.05  # host seconds, while the flight is behind its clock
TELL_EVERY_S = 0.1  # host seconds, at least: what nobody waits for
MOST_UNSURE = 128  # messages of programs that wait for one write to the store


def run(rig: Rig) -> None:
    """Fly a rig to its horizon, or until it is stopped."""
    with _rare_collections():
        perform_all(rig, 0.0, _resume(rig))
        while (due := _next(rig)) is not None:
            t_s, event = due
            rig.records.write(t_s, event)
            perform_all(rig, t_s, _decide(rig, t_s, event))


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
    except StoreError as error:
        raise RigError(f"on-board store {error}") from error
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
    for burst in rig.timeline.take(OnboardBurst):  # what came before the end is on board
        perform_all(rig, t_s, _publish_all(rig, t_s, cast("OnboardBurst", burst).messages))
    perform_all(rig, t_s, rig.session.finish(t_s))
    rig.save()
    rig.archive.close()
    rig.gateway.tell()
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
            reached_s = rig.clock.now_s()
            if due_s > reached_s:  # there is time
                _keep(rig)
                reached_s = rig.clock.wait_until(due_s)
            elif rig.unsaved and host_seconds() - rig.kept_s > KEEP_EVERY_S:
                _keep(rig)  # although the flight is late: programs wait
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
    now_s = rig.kept_s = host_seconds()
    rig.records.flush()
    if rig.unsaved and now_s >= rig.retry_s:
        rig.save()
    if now_s - rig.told_s >= TELL_EVERY_S:
        rig.told_s = now_s
        rig.archive.flush()
        rig.gateway.tell()


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
        case OnboardBurst(messages=messages):
            return _publish_all(rig, t_s, messages)
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


def _publish_all(rig: Rig, t_s: float, messages: Iterable[OnboardPublished]) -> Iterable[Action]:
    """Store what programs on board published; it is acknowledged once that is durable."""
    if len(rig.unsure) >= MOST_UNSURE:  # of earlier ones, which by now may be on the ground
        rig.save()
    actions: list[Action] = []
    for published in messages:
        rig.records.write(t_s, published)
        actions += _publish(rig, t_s, published)
    return actions


def _publish(rig: Rig, t_s: float, published: OnboardPublished) -> list[LinkAction]:
    message = rig.downlink.published(t_s, published)
    actions = offer(rig, t_s, message)
    failed = actions and any(
        isinstance(action, Dropped) and action.reason is DropReason.STORE_FAILED
        for action in actions
    )
    if failed:
        rig.unstored.append(published)
    else:
        rig.unsure.append(Unsure(message.key, published))
    return actions


def _request(rig: Rig, t_s: float, requested: CommandRequested) -> Iterable[Action]:
    """Queue what an operator asked for, or say what is wrong with it."""
    try:
        request = parse_request(requested.payload, requested.request.encode())
        if not rig.commanding.is_first(requested.payload, request):
            return ()  # MQTT may bring a request twice
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
