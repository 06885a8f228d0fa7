"""The link session: what goes down and up, when, and what comes of it.

It holds no socket, thread or clock. Both ends of the link meet here, with
the radio channel between them, so that every message is accounted for; each
end reads nothing but the bytes that came to it.
"""

from __future__ import annotations

import math
from itertools import count

from typing_extensions import assert_never

from groundlink.accounts import LinkCounts
from groundlink.air import Air
from groundlink.authentication import CommandRefused
from groundlink.channel import Channel
from groundlink.commands import Acknowledge, RepeatParts, Request
from groundlink.contacts import (
    AcquisitionOfSignal,
    Contact,
    LossOfSignal,
    WindowAction,
    WindowInjected,
)
from groundlink.ends import Ends
from groundlink.events import (
    AccountDue,
    CommandReleased,
    CommandRepeated,
    Dropped,
    FrameArrived,
    FrameLeft,
    FrameRefused,
    LinkAction,
    LinkChanged,
    LinkEvent,
    LinkState,
    Received,
    ReportOverdue,
    ScheduleContact,
    ScheduleFrame,
    ScheduleLook,
    TransmitterPower,
    UplinkArrived,
    UplinkInjected,
    UplinkRefused,
)
from groundlink.ground import GroundEnd
from groundlink.ledger import Flight, Ledger
from groundlink.messages import Message, MessageKind
from groundlink.onboard import OnboardEnd
from groundlink.packets import FrameError
from groundlink.rules import Rules
from groundlink.settings import LinkSettings
from groundlink.sky import Sky

BENCH_STATION = "bench"  # the station of an injected window that names none


class LinkSession:
    """One satellite's link: contacts gate it, its rates pace it.

    Frame k of a run of frames has left at start + bits so far / rate, a
    deadline that is computed and never accumulated. A message whose
    transmission is interrupted goes on where it stopped.
    """

    def __init__(
        self,
        onboard: OnboardEnd,
        ground: GroundEnd,
        rules: Rules,
        settings: LinkSettings,
        downlink: Channel,
        uplink: Channel,
    ) -> None:
        self._onboard, self._ground, self._settings = onboard, ground, settings
        self._ledger = Ledger(onboard.store, rules, settings.light_time_s)
        self._ends = Ends(onboard, ground, self._ledger)
        self._tokens = count(1)
        self._air = Air(self._ends, settings, downlink, uplink, self._tokens)
        self._sky = Sky()
        self._contact: Contact | None = None
        self._lock_s = math.inf
        self._locked = False
        self._looks: set[int] = set()  # tokens of what is to be looked at in the sky
        self._change_s = -math.inf  # when the sky is looked at for the end of a cut
        self._powered_since_s = -math.inf  # the receiver; infinite while it has no power
        self._due_s, self._due_token = math.inf, 0  # when a word may be overdue

    @property
    def counts(self) -> LinkCounts:
        """Return the accounts as they stand."""
        return self._ledger.counts

    def check(self) -> None:
        """Raise `AccountsError` unless every account closes.

        Messages and frames add up, no frame was on the air outside its
        contact or came down outside it, no contact carried more than rate
        times duration, sequences rise within a class.
        """
        self._ledger.check()

    def offer(self, t_s: float, message: Message) -> list[LinkAction]:
        """Take a message on board.

        Raises:
            ValueError: the message cannot be sent at all.
        """
        gone = self._onboard.put(t_s, message)
        self._ledger.offered(message)
        if gone:
            return self._ends.drop(gone) + self._air.begin(t_s)
        return self._air.begin(t_s) if self._locked else []

    def resume(self, t_s: float) -> list[LinkAction]:
        """Take over what an earlier flight left in the store.

        Raises:
            ValueError: what it left cannot be sent: it is from another scenario.
        """
        restored = self._onboard.restore()
        for stored in restored:
            self._ledger.offered(stored.message)
        gone = [stored for stored in restored if stored.gone]
        return self._ends.drop(gone) + self._ends.drop(self._onboard.store.expire(t_s))

    def command(self, t_s: float, request: Request) -> list[LinkAction]:
        """Let a command wait on the ground for the satellite to come into view.

        Raises:
            ValueError: it can never be sent.
        """
        return [self._ground.queue(request), *self._air.begin(t_s)]

    def set_priority(self, source: str, kind: MessageKind, priority: int) -> None:
        """Let a class of messages have another priority, also those that wait."""
        self._onboard.store.set_priority(source, kind, priority)

    def react(self, t_s: float, event: LinkEvent) -> list[LinkAction]:
        """Return what follows from an event at ``t_s``."""
        match event:
            case FrameLeft():
                if event.token in self._looks:
                    self._looks.discard(event.token)
                    return self._look(t_s)
                return self._expect(self._air.left(t_s, event.token))
            case FrameArrived():
                return self._arrive(t_s, event.frame)
            case UplinkArrived():
                return self._hear(t_s, event.frame)
            case UplinkInjected():
                return self._hear(t_s, bytes.fromhex(event.frame_hex), injected=True)
            case ReportOverdue():
                return self._ask_again(t_s) if event.token == self._due_token else []
            case AccountDue():
                closed = self._ledger.close(event.number)
                self._ends.lose([one for one in closed if isinstance(one, Dropped)])
                return [*closed]
            case AcquisitionOfSignal(contact):
                self._sky.acquire(contact)
                return self._look(t_s)
            case LossOfSignal(contact):
                self._sky.lose(contact)
                return self._look(t_s)
            case TransmitterPower(on):
                return self._switch(t_s, on)
            case WindowInjected():
                return self._inject(t_s, event)
            case _:
                assert_never(event)

    def finish(self, t_s: float) -> list[LinkAction]:
        """Close the accounts of contacts that are under way at the end of a flight."""
        actions = self._ends.drop(self._onboard.store.expire(t_s))
        return [*actions, *self._ledger.close_all(t_s)]

    # The sky: whom to talk to, and from when on.

    def _look(self, t_s: float) -> list[LinkAction]:
        """Choose the station afresh, and see whether the link is locked."""
        actions: list[LinkAction] = []
        chosen = self._sky.choose(t_s)
        if chosen != self._contact:
            actions += self._leave_contact(t_s)
            actions += self._enter_contact(t_s, chosen)
        if self._contact is not None and not self._locked and t_s >= self._lock_s:
            actions += self._lock(t_s, self._contact)
        change_s = self._sky.next_change_s(t_s)
        if change_s < math.inf and change_s != self._change_s:
            self._change_s = change_s
            actions.append(self._look_again(change_s))
        return self._expect(actions + self._air.begin(t_s))

    def _enter_contact(self, t_s: float, chosen: Contact | None) -> list[LinkAction]:
        self._contact = chosen
        if chosen is None:
            return [LinkChanged(LinkState.LOS)]
        self._lock_s = t_s + self._settings.acquisition_s
        self._ledger.logbook.open(t_s, chosen, self._lock_s)
        if self._lock_s == t_s:
            return []
        acquiring = LinkChanged(LinkState.ACQUIRING, chosen.station, chosen.los_s)
        return [acquiring, self._look_again(self._lock_s)]

    def _lock(self, t_s: float, contact: Contact) -> list[LinkAction]:
        """Begin to talk; what the ground has not spoken of yet is asked about."""
        self._locked = True
        patience_s = self._settings.patience_s(contact, self._onboard.codec.frame_bytes)
        actions = self._ends.drop(self._onboard.store.expire(t_s))
        self._onboard.ask_all()
        aos = LinkChanged(LinkState.AOS, contact.station, contact.los_s)
        return [*actions, aos, *self._air.open(t_s, contact, patience_s)]

    def _leave_contact(self, t_s: float) -> list[LinkAction]:
        """End the contact in use, if any; its account is closed when its last frame has come."""
        if self._contact is None:
            return []
        actions = self._air.close(t_s)
        self._ground.lose_sight(t_s)
        self._locked = False
        number, closes_s = self._ledger.logbook.leave(t_s)
        return [*actions, ScheduleLook(closes_s, AccountDue(number))]

    def _look_again(self, at_s: float) -> ScheduleFrame:
        token = next(self._tokens)
        self._looks.add(token)
        return ScheduleFrame(at_s, token)

    def _inject(self, t_s: float, window: WindowInjected) -> list[LinkAction]:
        """Cut contacts, or ask for one; opening a window ends every cut.

        It takes the place of the contact that its station has. A window that
        has no length beside ``t_s`` in floating point is nothing.
        """
        los_s = t_s + window.duration_s
        if not t_s < los_s:
            return []
        if window.action is WindowAction.CUT:
            self._sky.cut(window.station, los_s)
            return self._look(t_s)
        self._sky.mend()
        rate_bps = window.rate_bps or self._settings.window_rate_bps
        station = window.station or BENCH_STATION
        self._sky.lose_station(station)
        contact = Contact(station, t_s, los_s, rate_bps, frame_loss=window.frame_loss)
        return [ScheduleContact(contact), *self._look(t_s)]

    def _switch(self, t_s: float, on: bool) -> list[LinkAction]:
        """Switch the satellite's radio, transmitter and receiver."""
        if on != (self._powered_since_s < math.inf):
            self._powered_since_s = t_s if on else math.inf
        return self._expect(self._air.power(t_s, on) + self._air.begin(t_s))

    # The ground: what came down.

    def _arrive(self, t_s: float, frame: bytes) -> list[LinkAction]:
        flight = self._ledger.land(t_s, frame)
        if flight is None:
            return [FrameRefused("a frame that was not sent, or came twice")]
        try:
            message = self._read(frame, flight)
        except FrameError as error:
            dropped = self._ledger.corrupted(flight)
            return [FrameRefused(str(error)), *self._ends.lose(dropped)]
        actions: list[LinkAction] = []
        if message is None:
            actions += self._ends.lose(self._ledger.received(flight))
        else:
            self._ledger.delivered(message, flight)
            self._onboard.settle(message.key)
            actions.append(Received(message, flight.account.contact.station, t_s))
            if message.kind is MessageKind.REPORT:
                actions += self._ground.progress(message, t_s)
        return actions + self._air.begin(t_s) if self._ground.waiting else actions

    def _read(self, frame: bytes, flight: Flight) -> Message | None:
        chunk = self._onboard.codec.decode(frame)
        if not flight.clean:
            raise FrameError("damage that the CRC does not see")
        over = flight.stored.gone and self._ledger.is_over(flight)
        return None if over else self._ground.add(chunk)

    # The satellite: what came up.

    def _hear(self, t_s: float, frame: bytes, injected: bool = False) -> list[LinkAction]:
        """Look at a frame on board: first whether it is ours, then what it says."""
        began_s = t_s - 8 * len(frame) / self._settings.uplink_bps
        if began_s < self._powered_since_s:
            self._ledger.uplink.lost += 1
            return []
        try:
            heard = self._onboard.hear(t_s, frame)
        except CommandRefused as refused:
            self._ledger.uplink.refused[refused.reason.value] += 1
            return [UplinkRefused(refused.reason, injected)]
        self._ledger.uplink.accept(heard.packet_bytes)
        match heard.content:
            case Acknowledge() as word:
                released = self._onboard.release((word.source, word.kind, word.sequence))
                if released is not None:
                    self._ledger.acknowledged(released)
                return []
            case RepeatParts() as word:
                self._onboard.repeat(word)
                return self._air.begin(t_s)
            case command:
                if self._onboard.is_new(heard.request_id):
                    return [CommandReleased(heard.request_id, command, frame)]
                return [CommandRepeated(heard.request_id)]

    def _ask_again(self, t_s: float) -> list[LinkAction]:
        """Send again what should have been answered by now."""
        self._due_s = math.inf
        if not self._locked:
            return []
        self._ground.retry(t_s)
        self._onboard.ask(t_s)
        return self._expect(self._air.begin(t_s))

    def _expect(self, actions: list[LinkAction]) -> list[LinkAction]:
        """Ask to be woken when a word is overdue; return this, too."""
        onboard_s, ground_s = self._onboard.overdue_s, self._ground.overdue_s
        due_s = onboard_s if onboard_s < ground_s else ground_s
        if due_s < self._due_s:
            self._due_s, self._due_token = due_s, self._due_token + 1
            actions.append(ScheduleLook(due_s, ReportOverdue(self._due_token)))
        return actions
