"""The link session: what leaves the satellite, when, and what comes of it on the ground.

It holds no socket, thread or clock. Both ends of the link stand here, with
the radio channel between them, so that every message is accounted for; the
ground end reads nothing but the bytes that `FrameArrived` brings.

The ground cannot ask for a frame again: a message with a frame that arrived
damaged, or not at all, is lost, and `Dropped` says why once the fate of its
last frame is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import assert_never

from groundlink.accounts import LinkCounts
from groundlink.channel import Channel
from groundlink.contacts import (
    AcquisitionOfSignal,
    Contact,
    LossOfSignal,
    WindowAction,
    WindowInjected,
)
from groundlink.events import (
    FrameArrived,
    FrameLeft,
    LinkAction,
    LinkChanged,
    LinkEvent,
    LinkState,
    ScheduleContact,
    ScheduleFrame,
    Transmit,
    TransmitterPower,
)
from groundlink.frames import FRAME_BYTES, SMALLEST_FRAME_BYTES, chunk_count, encode, frame_length
from groundlink.ledger import Ledger
from groundlink.messages import Message
from groundlink.sky import Sky
from groundlink.store import Store, Stored

if TYPE_CHECKING:
    from numpy.random import Generator

BENCH_STATION = "bench"  # the station of an injected window that names none


@dataclass(slots=True)
class _Airborne:
    """The frame that is being transmitted, until it has left whole at ``leaves_s``."""

    stored: Stored
    contact: Contact
    frame: bytes
    bits: int
    leaves_s: float


class LinkSession:
    """One satellite's downlink: contacts gate it, its rate paces it.

    Frame k of a run of frames has left at start + bits so far / rate, a
    deadline that is computed and never accumulated. No frame begins that
    cannot end before LOS; what was interrupted begins again at the next
    opportunity, and a message goes on where it stopped. Between two frames
    the highest priority that waits is chosen afresh.

    ``store`` holds what waits; nobody else puts into it or takes from it.
    ``frame_loss`` is the share of frames that vanish, ``light_time_s`` the
    delay to the ground, ``window_rate_bps`` the rate of an injected window
    that names none.
    """

    def __init__(
        self,
        store: Store,
        generator: Generator,
        *,
        window_rate_bps: float,
        frame_bytes: int = FRAME_BYTES,
        bit_error_rate: float = 0.0,
        frame_loss: float = 0.0,
        light_time_s: float = 0.0,
    ) -> None:
        if frame_bytes < SMALLEST_FRAME_BYTES:
            raise ValueError(
                f"frame_bytes = {frame_bytes}; a frame has at least {SMALLEST_FRAME_BYTES} bytes"
            )
        if light_time_s < 0.0:
            raise ValueError(f"light_time_s = {light_time_s} is negative")
        self._store = store
        self._frame_bytes = frame_bytes
        self._light_time_s = light_time_s
        self._window_rate_bps = window_rate_bps
        self._channel = Channel(generator, bit_error_rate, frame_loss)
        self._ledger = Ledger(store, light_time_s)
        self._sky = Sky()
        self._contact: Contact | None = None
        self._transmitting = True  # the transmitter has power
        self._run_start_s = 0.0
        self._run_bits = 0
        self._air: _Airborne | None = None
        self._held: Stored | None = None  # taken from the store, to be sent next
        self._token = 0

    @property
    def counts(self) -> LinkCounts:
        """Return the accounts as they stand."""
        return self._ledger.counts

    def check(self) -> None:
        """Raise `AccountsError` unless every account closes.

        Messages and frames add up, no frame was on the air outside its
        contact, no contact carried more than rate times duration, sequences
        rise within a kind and source (on the ground: within a priority of it).
        """
        self._ledger.check()

    def offer(self, t_s: float, message: Message) -> list[LinkAction]:
        """Take a message on board.

        Raises:
            ValueError: the message is too long to be sent at all.
        """
        stored = Stored(message, chunk_count(message, self._frame_bytes))
        self._ledger.offered(message)
        actions: list[LinkAction] = [self._ledger.dropped(d) for d in self._store.put(stored)]
        return actions + self._begin(t_s) if self._air is None else actions

    def react(self, t_s: float, event: LinkEvent) -> list[LinkAction]:
        """Return what follows from an event at ``t_s``."""
        match event:
            case FrameLeft():
                return self._tick(t_s) if event.token == self._token else []
            case FrameArrived():
                return self._ledger.arrived(event.frame)
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

    def give_up(self, t_s: float) -> list[LinkAction]:
        """Count as lost what should have arrived before ``t_s`` and did not."""
        return self._ledger.overdue(t_s)

    def _tick(self, t_s: float) -> list[LinkAction]:
        """Go on at a moment that was asked for: a frame has left, or a cut is over."""
        if self._air is None:
            return self._look(t_s)
        leaves_s = self._air.leaves_s
        actions = self._leave(self._air)
        actions += self._begin(leaves_s)
        return actions

    def _look(self, t_s: float) -> list[LinkAction]:
        """Choose the station afresh."""
        chosen = self._sky.choose(t_s)
        if chosen == self._contact:
            return self._await_cut_end(t_s) if self._air is None else []
        actions = self._stop(t_s)
        self._contact = chosen
        if chosen is None:
            return [*actions, LinkChanged(LinkState.LOS), *self._await_cut_end(t_s)]
        changed = LinkChanged(LinkState.AOS, chosen.station, chosen.los_s)
        return [*actions, changed, *self._begin(t_s)]

    def _switch(self, t_s: float, on: bool) -> list[LinkAction]:
        actions = [] if on else self._stop(t_s)
        self._transmitting = on
        return actions + self._begin(t_s)

    def _inject(self, t_s: float, window: WindowInjected) -> list[LinkAction]:
        """Cut contacts, or ask for one; opening a window ends every cut.

        A window that has no length beside ``t_s`` in floating point is nothing.
        """
        los_s = t_s + window.duration_s
        if not t_s < los_s:
            return []
        if window.action is WindowAction.CUT:
            self._sky.cut(window.station, los_s)
            return self._look(t_s)
        self._sky.mend()
        rate_bps = window.rate_bps or self._window_rate_bps
        contact = Contact(window.station or BENCH_STATION, t_s, los_s, rate_bps)
        return [ScheduleContact(contact), *self._look(t_s)]

    def _begin(self, t_s: float) -> list[LinkAction]:
        """Begin the next frame, if one waits and can end before LOS."""
        contact = self._contact
        if contact is None or self._air is not None or not self._transmitting:
            return []
        stored = self._held or self._store.take()
        if stored is None:
            return []
        self._held = stored
        bits = 8 * frame_length(stored.message, stored.next_chunk, self._frame_bytes)
        leaves_s = self._deadline_s(t_s, bits, contact.rate_bps)
        if leaves_s > contact.los_s:
            self._put_back()
            return []
        return [self._send(stored, contact, bits, leaves_s)]

    def _send(self, stored: Stored, contact: Contact, bits: int, leaves_s: float) -> ScheduleFrame:
        frame = encode(stored.message, stored.next_chunk, stored.chunks, self._frame_bytes)
        self._ledger.resent += stored.interrupted
        stored.interrupted = False
        self._air = _Airborne(stored, contact, frame, bits, leaves_s)
        return self._schedule(leaves_s)

    def _deadline_s(self, t_s: float, bits: int, rate_bps: float) -> float:
        """Return when a frame that begins at ``t_s``, or right after the last, has left."""
        if t_s > self._run_start_s + self._run_bits / rate_bps:
            self._run_start_s, self._run_bits = t_s, 0
        return self._run_start_s + (self._run_bits + bits) / rate_bps

    def _leave(self, air: _Airborne) -> list[LinkAction]:
        """Let the frame on the air have left, whole."""
        stored = air.stored
        self._air = None
        self._run_bits += air.bits
        stored.next_chunk += 1
        if stored.next_chunk == stored.chunks:
            self._store.release(stored)
            self._ledger.departed()
            self._held = None
        elif self._store.top_priority > stored.message.priority:
            self._put_back()
        crossed = self._channel.cross(air.frame)
        actions = self._ledger.sent(stored, air.contact, crossed, air.bits, air.leaves_s)
        if crossed is not None:
            actions.append(Transmit(crossed, air.leaves_s + self._light_time_s))
        return actions

    def _stop(self, t_s: float) -> list[LinkAction]:
        """Stop transmitting: a frame that has left by ``t_s`` has left, another begins again."""
        actions = []
        if self._air is not None and self._air.leaves_s <= t_s:
            actions = self._leave(self._air)
        elif self._air is not None:
            self._air.stored.interrupted = True
            self._air = None
        if self._held is not None:
            self._put_back()
        self._token += 1
        self._run_start_s, self._run_bits = t_s, 0
        return actions

    def _put_back(self) -> None:
        if self._held is not None:
            self._store.put_back(self._held)
            self._held = None

    def _await_cut_end(self, t_s: float) -> list[LinkAction]:
        """Ask to be woken when a station in view hears us again."""
        change_s = self._sky.next_change_s(t_s)
        return [self._schedule(change_s)] if change_s < math.inf else []

    def _schedule(self, at_s: float) -> ScheduleFrame:
        self._token += 1
        return ScheduleFrame(at_s, self._token)
