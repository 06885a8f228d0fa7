"""A flight of nothing but the link, in virtual time, with every part of it at hand."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from itertools import count
from typing import TypeVar

import numpy as np

from groundlink.authentication import Key, MemoryCounters, Signer, Verifier
from groundlink.channel import Bursts, Channel
from groundlink.commands import (
    Command,
    LoadModel,
    Request,
    Verification,
    report_body,
)
from groundlink.contacts import AcquisitionOfSignal, Contact, LossOfSignal
from groundlink.events import (
    CommandReleased,
    FrameArrived,
    FrameLeft,
    LinkAction,
    LinkEvent,
    Received,
    ScheduleContact,
    ScheduleFrame,
    ScheduleLook,
    Transmit,
    TransmitUp,
    UplinkArrived,
)
from groundlink.ground import GroundEnd
from groundlink.journal import NO_JOURNAL, Journal
from groundlink.messages import Message, MessageKind
from groundlink.onboard import OnboardEnd
from groundlink.packets import Addresses, TelemetryCodec
from groundlink.rules import DEFAULTS, ClassRules, Rules
from groundlink.session import LinkSession
from groundlink.settings import LinkSettings
from groundlink.store import Store

EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
KEY = Key(1, bytes(range(32)))
ActionT = TypeVar("ActionT")
_Occurrence = LinkEvent | Message | Request | Callable[[float], None]


class LinkFlight:
    """Flies a link session: a timeline, and all that the session did, with its times.

    ``classes`` come on top of the usual rules. On board, each command is
    reported as accepted, once, unless ``reports`` says no. ``tamper`` may
    change a frame on its last metres, None swallows it.
    """

    def __init__(
        self,
        *,
        rate_bps: float = 9600.0,
        uplink_bps: float = 9600.0,
        frame_bytes: int = 1115,
        capacity_bytes: int = 2**24,
        bit_error_rate: float = 0.0,
        frame_loss: float = 0.0,
        bursts: Bursts | None = None,
        uplink_error_rate: float = 0.0,
        uplink_loss: float = 0.0,
        seed: int = 1,
        classes: Mapping[str, ClassRules] | None = None,
        journal: Journal = NO_JOURNAL,
        reports: bool = True,
        acquisition_s: float = 0.0,
        half_duplex: bool = False,
        turnaround_s: float = 0.0,
        light_time_s: float = 0.0,
    ) -> None:
        self.rate_bps = rate_bps
        rules = Rules({**DEFAULTS, **(classes or {})})
        self.codec = TelemetryCodec(Addresses(("obc", "pi", "jetson")), EPOCH, frame_bytes)
        self.store = Store(capacity_bytes, rules, journal)
        counters = MemoryCounters()
        down, up = np.random.default_rng(seed).spawn(2)
        settings = LinkSettings(
            rate_bps, uplink_bps, acquisition_s, half_duplex, turnaround_s, light_time_s
        )
        self.session = LinkSession(
            OnboardEnd(self.store, self.codec, rules, Verifier([KEY], counters)),
            GroundEnd(self.codec.addresses, rules, Signer(KEY, counters)),
            rules,
            settings,
            Channel(down, bit_error_rate, frame_loss, bursts),
            Channel(up, uplink_error_rate, uplink_loss),
        )
        self.log: list[tuple[float, LinkAction]] = []
        self.events = 0
        self.offered: list[Message] = []
        self.tamper: Callable[[bytes], bytes | None] = lambda frame: frame
        self.watch: Callable[[LinkFlight], None] = lambda flight: None
        self._reports, self._accepted = reports, set[bytes]()
        self._heap: list[tuple[float, int, _Occurrence]] = []
        self._serial = count()
        self._sequences: dict[tuple[str, MessageKind], int] = {}

    def at(self, t_s: float, what: _Occurrence) -> None:
        heapq.heappush(self._heap, (t_s, next(self._serial), what))

    def contact(
        self, aos_s: float, los_s: float, rate_bps: float | None = None, name: str = "a"
    ) -> None:
        self.plan(Contact(name, aos_s, los_s, rate_bps or self.rate_bps))

    def plan(self, contact: Contact) -> None:
        self.at(contact.aos_s, AcquisitionOfSignal(contact))
        self.at(contact.los_s, LossOfSignal(contact))

    def say(
        self,
        t_s: float,
        body: bytes | int = 100,
        kind: MessageKind = MessageKind.TELEMETRY,
        source: str = "pi",
    ) -> None:
        """Offer a message at ``t_s``; its sequence is given when it is."""
        octets = bytes(body) if isinstance(body, int) else body
        self.at(t_s, lambda now_s: self._offer(now_s, kind, source, octets))

    def order(self, t_s: float, name: str, command: Command | None = None) -> None:
        """Let an operator ask for a command at ``t_s``."""
        self.at(t_s, Request(name, command or LoadModel("pi", name), None))

    def fly(self, until_s: float = float("inf")) -> LinkFlight:
        """Fly until nothing is left to happen, or until a time, and check the accounts."""
        while self._heap and self._heap[0][0] <= until_s:
            t_s, _, what = heapq.heappop(self._heap)
            self.events += 1
            if isinstance(what, Request):
                self.perform(t_s, self.session.command(t_s, what))
            elif callable(what):
                what(t_s)
            else:
                self.perform(t_s, self.session.react(t_s, what))
            self.watch(self)
        self.session.check()
        return self

    def of(self, kind: type[ActionT]) -> list[ActionT]:
        return [action for _, action in self.log if isinstance(action, kind)]

    def times(self, kind: type) -> list[float]:
        return [t_s for t_s, action in self.log if isinstance(action, kind)]

    @property
    def received(self) -> list[Received]:
        return self.of(Received)

    def perform(self, t_s: float, actions: list[LinkAction]) -> None:
        for action in actions:
            self.log.append((t_s, action))
            match action:
                case ScheduleFrame(at_s=at_s, token=token):
                    self.at(at_s, FrameLeft(token))
                case ScheduleLook(at_s=at_s, event=event):
                    self.at(at_s, event)
                case ScheduleContact(contact=contact):
                    self.plan(contact)
                case Transmit(frame=frame, arrives_s=arrives_s):
                    tampered = self.tamper(frame)
                    if tampered is not None:
                        self.at(arrives_s, FrameArrived(tampered))
                case TransmitUp(frame=frame, arrives_s=arrives_s):
                    self.at(arrives_s, UplinkArrived(frame))
                case CommandReleased():
                    self._accept(t_s, action)
                case _:
                    pass

    def _offer(self, t_s: float, kind: MessageKind, source: str, body: bytes) -> None:
        sequence = self._sequences.get((source, kind), 0)
        self._sequences[source, kind] = sequence + 1
        message = Message(kind, source, sequence, round(t_s, 6), body)
        self.offered.append(message)
        self.perform(t_s, self.session.offer(t_s, message))

    def _accept(self, t_s: float, released: CommandReleased) -> None:
        if self._reports:
            report = Verification("acceptance", True, released.request_id)
            self._offer(t_s, MessageKind.REPORT, "obc", report_body(report))
