"""Does what was decided: each action on the part of the rig that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from typing_extensions import assert_never

from groundlink.accounts import ContactAccount
from groundlink.contacts import AcquisitionOfSignal, LossOfSignal
from groundlink.events import (
    CommandProgress,
    CommandQueued,
    CommandRejected,
    CommandReleased,
    CommandRepeated,
    CommandSent,
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
    ScheduleLook,
    Transmit,
    TransmitterPower,
    TransmitUp,
    UplinkArrived,
    UplinkRefused,
)
from groundlink.messages import Message
from payloads.commands import CommandAnswered, CommandIssued, ProductFetched
from payloads.events import (
    Completed,
    Housekeeping,
    ModeChanged,
    Reloaded,
    SatelliteAction,
    Schedule,
    SetPoint,
    StartWork,
    StrikeBoard,
    SwitchSupply,
    TransmitterSwitched,
)
from payloads.jobs import JobLost, Released
from rigs.commanding import SetDownlinkPriority
from rigs.craft import Rig

Action = (
    SatelliteAction | LinkAction | CommandRejected | Message | SetDownlinkPriority | CommandIssued
)


FRAMES = (ScheduleFrame, Transmit, Received)


def perform_all(rig: Rig, t_s: float, actions: Iterable[Action]) -> None:
    """Take down each action and do it, and then what follows from it at once."""
    write = rig.records.write
    for action in actions:
        write(t_s, action)
        following = _do(rig, t_s, action)
        if following:
            perform_all(rig, t_s, following)


def _do(rig: Rig, t_s: float, action: Action) -> Sequence[Action]:
    """Do what an action says; return what follows from it at once."""
    if isinstance(action, FRAMES):  # the most frequent ones
        return _do_for_link(rig, t_s, action)
    match action:
        case Message():
            return offer(rig, t_s, action)
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
            rig.save()
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
) -> Sequence[Action]:
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
            rig.acknowledge_received()
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


def _housekeeping(rig: Rig, t_s: float, state: Housekeeping) -> Sequence[Action]:
    """Send the state of the satellite home, unless there is no bus to do it."""
    if not state.mode.bus_on:
        return ()
    return [rig.downlink.housekeeping(t_s, state, rig.commanding.refusals)]


def offer(rig: Rig, t_s: float, message: Message) -> list[LinkAction]:
    """Put a message into the store, to be made durable as soon as there is time."""
    rig.unsaved = True
    return rig.session.offer(t_s, message)
