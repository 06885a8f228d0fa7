"""What happens to the link, and what it answers: the events and actions of a `LinkSession`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from groundlink.contacts import AcquisitionOfSignal, Contact, LossOfSignal, WindowInjected
from groundlink.messages import Message, MessageKind
from groundlink.store import DropReason


@dataclass(frozen=True, slots=True)
class TransmitterPower:
    """The satellite switches its transmitter on or off."""

    on: bool


@dataclass(frozen=True, slots=True)
class FrameLeft:
    """The moment has come that the session asked for with `ScheduleFrame`."""

    token: int


@dataclass(frozen=True, slots=True)
class FrameArrived:
    """Bytes came out of the link on the ground."""

    frame: bytes


LinkEvent = (
    AcquisitionOfSignal
    | LossOfSignal
    | WindowInjected
    | TransmitterPower
    | FrameLeft
    | FrameArrived
)


class LinkState(Enum):
    """Whether a station hears the satellite."""

    AOS = "aos"
    LOS = "los"


@dataclass(frozen=True, slots=True)
class ScheduleFrame:
    """Post ``FrameLeft(token)`` for ``at_s``."""

    at_s: float
    token: int


@dataclass(frozen=True, slots=True)
class ScheduleContact:
    """Post `AcquisitionOfSignal` for this moment, and `LossOfSignal` for the contact's LOS."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Transmit:
    """Give a frame to the link; bit errors are already in its bytes."""

    frame: bytes
    arrives_s: float


@dataclass(frozen=True, slots=True)
class Received:
    """A message is whole on the ground since ``received_s``."""

    message: Message
    station: str
    received_s: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message will never be on the ground; ``bytes`` are those of its body."""

    kind: MessageKind
    source: str
    sequence: int
    bytes: int
    reason: DropReason


@dataclass(frozen=True, slots=True)
class FrameRefused:
    """The ground could make nothing of a frame."""

    reason: str


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The satellite is heard by ``station`` until ``until_s``; or by nobody: then both are None."""

    state: LinkState
    station: str | None = None
    until_s: float | None = None


LinkAction = (
    ScheduleFrame | ScheduleContact | Transmit | Received | Dropped | FrameRefused | LinkChanged
)
