"""What happens to the link, and what it answers: the events and actions of a `LinkSession`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from groundlink.accounts import ContactAccount
from groundlink.authentication import Refusal
from groundlink.commands import Command, Verification
from groundlink.contacts import AcquisitionOfSignal, Contact, LossOfSignal, WindowInjected
from groundlink.messages import Message, MessageKind
from groundlink.store import DropReason


@dataclass(frozen=True, slots=True)
class OnboardPublished:
    """A program on board published a message, which is acknowledged once it is stored.

    ``number`` is the bus's own, by which it knows the message again.
    """

    source: str
    kind: MessageKind
    body: bytes
    number: int


@dataclass(frozen=True, slots=True)
class OnboardBurst:
    """Messages that came from programs at one moment, in their order."""

    messages: tuple[OnboardPublished, ...]


@dataclass(frozen=True, slots=True)
class ProgramState:
    """A program on board said how it is; ``lost`` is its last will, spoken by the bus."""

    source: str
    state: str


@dataclass(frozen=True, slots=True)
class ProgramReport:
    """A program on board said how a command of the name ``id`` went."""

    source: str
    id: str
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class CommandRequested:
    """An operator asked for a command; ``request`` is its JSON, not looked at yet.

    A ``planned`` one stands in the scenario.
    """

    payload: str
    request: str
    planned: bool = False


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


@dataclass(frozen=True, slots=True)
class UplinkArrived:
    """Bytes came out of the link on board."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class UplinkInjected:
    """A person at the bench puts a frame on the uplink, as a forger would; in hexadecimal."""

    frame_hex: str


@dataclass(frozen=True, slots=True)
class ReportOverdue:
    """The ground's word on a message may be late; ``token`` voids earlier looks."""

    token: int


@dataclass(frozen=True, slots=True)
class AccountDue:
    """All that left in a contact has arrived, or never will: its account can be closed."""

    number: int


LinkEvent = (
    AcquisitionOfSignal
    | LossOfSignal
    | WindowInjected
    | TransmitterPower
    | FrameLeft
    | FrameArrived
    | UplinkArrived
    | UplinkInjected
    | ReportOverdue
    | AccountDue
)


class LinkState(Enum):
    """Whether a station hears the satellite."""

    ACQUIRING = "acq"  # in view, not locked yet
    AOS = "aos"
    LOS = "los"


@dataclass(frozen=True, slots=True)
class ScheduleFrame:
    """Post ``FrameLeft(token)`` for ``at_s``."""

    at_s: float
    token: int


@dataclass(frozen=True, slots=True)
class ScheduleLook:
    """Post ``event`` for ``at_s``."""

    at_s: float
    event: ReportOverdue | AccountDue


@dataclass(frozen=True, slots=True)
class ScheduleContact:
    """Post `AcquisitionOfSignal` for the contact's AOS, and `LossOfSignal` for its LOS."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Transmit:
    """Let a frame come down at ``arrives_s``; bit errors are already in its bytes."""

    frame: bytes
    arrives_s: float


@dataclass(frozen=True, slots=True)
class TransmitUp:
    """Let a frame come up at ``arrives_s``; bit errors are already in its bytes."""

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
class CommandQueued:
    """A command waits on the ground for its contact, under the name ``id``."""

    id: str
    command: Command


@dataclass(frozen=True, slots=True)
class CommandRejected:
    """The ground cannot send what an operator asked for; ``reason`` says what would be right."""

    id: str
    payload: str
    reason: str


@dataclass(frozen=True, slots=True)
class CommandSent:
    """A command left the ground station whole, with this counter; ``attempt`` counts from 1."""

    id: str
    counter: int
    attempt: int


@dataclass(frozen=True, slots=True)
class CommandReleased:
    """An authentic command is on board, to be carried out."""

    request_id: bytes
    command: Command
    frame: bytes


@dataclass(frozen=True, slots=True)
class CommandRepeated:
    """A command came up again that was released before: the ground has no word of it yet."""

    request_id: bytes


@dataclass(frozen=True, slots=True)
class UplinkRefused:
    """The satellite refused what came up to it, before it was looked into."""

    reason: Refusal
    injected: bool


@dataclass(frozen=True, slots=True)
class CommandProgress:
    """The ground knows how far a command came: a report of it came down."""

    id: str
    payload: str
    report: Verification
    received_s: float


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The satellite is heard by ``station`` until ``until_s``; or by nobody: then both are None."""

    state: LinkState
    station: str | None = None
    until_s: float | None = None


LinkAction = (
    ScheduleFrame
    | ScheduleLook
    | ScheduleContact
    | Transmit
    | TransmitUp
    | Received
    | Dropped
    | FrameRefused
    | CommandQueued
    | CommandSent
    | CommandReleased
    | CommandRepeated
    | UplinkRefused
    | CommandProgress
    | LinkChanged
    | ContactAccount
)
