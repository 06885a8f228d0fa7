"""The ledger: what became of each frame and message between the store and the ground."""

from __future__ import annotations

from dataclasses import dataclass

from groundlink.accounts import (
    AccountsError,
    DroppedCounts,
    FrameCounts,
    LinkCounts,
    MessageCounts,
)
from groundlink.contacts import Contact
from groundlink.events import Dropped, FrameRefused, LinkAction, Received
from groundlink.frames import FrameError, Reassembler, decode
from groundlink.messages import Message, MessageKind
from groundlink.store import DropReason, Store, Stored

MOST_FLIGHTS = 16_384  # frames on their way that are remembered; older ones count as lost
ROUNDING = 1e-9  # relative; a deadline is one quotient and one sum


@dataclass(slots=True)
class _Flight:
    """A frame between transmitter and ground."""

    stored: Stored
    contact: Contact
    arrives_s: float


class Ledger:
    """The ground end of the link, and the accounts of both ends.

    A frame on its way is known by its very bytes, so that the accounts close
    even where the ground cannot read it.
    """

    def __init__(self, store: Store, light_time_s: float) -> None:
        self._store = store
        self._light_time_s = light_time_s
        self._reassembler = Reassembler()
        self._flights: dict[bytes, _Flight] = {}
        self._generated = self._delivered = self._lost = self._in_flight = 0
        self._downlinked_bytes = 0
        self._sent = self._received = self._corrupt = self._frames_lost = 0
        self.resent = 0
        self._last_offered: dict[tuple[MessageKind, str], int] = {}
        self._last_delivered: dict[tuple[MessageKind, str, int], int] = {}
        self._contact: Contact | None = None
        self._contact_bits = 0
        self._earliest_s = self._latest_s = self._most_bits = 0.0
        self._violations: list[str] = []

    @property
    def counts(self) -> LinkCounts:
        """Return the accounts as they stand."""
        dropped = self._store.dropped_count
        return LinkCounts(
            self._downlinked_bytes,
            0,
            self._store.backlog_bytes,
            FrameCounts(self._sent, self._received, self._corrupt, self._frames_lost, self.resent),
            DroppedCounts(dropped, self._store.dropped_bytes),
            MessageCounts(
                self._generated,
                self._delivered,
                len(self._store),
                self._in_flight,
                dropped,
                self._lost,
            ),
        )

    def offered(self, message: Message) -> None:
        """Enter a message that was offered to the store."""
        self._generated += 1
        key = message.kind, message.source
        if message.sequence <= self._last_offered.get(key, -1):
            self._violations.append(f"{key} offered sequence {message.sequence} out of order")
        self._last_offered[key] = message.sequence

    def dropped(self, stored: Stored) -> Dropped:
        """Enter a message that the store dropped."""
        message = stored.message
        self._reassembler.forget((message.kind, message.source, message.sequence))
        return _dropped(message, DropReason.STORE_FULL)

    def departed(self) -> None:
        """Enter a message whose last frame has left."""
        self._in_flight += 1

    def sent(
        self, stored: Stored, contact: Contact, crossed: bytes | None, bits: int, left_s: float
    ) -> list[LinkAction]:
        """Enter a frame that has left whole; ``crossed`` is what will arrive of it, if anything."""
        self._sent += 1
        self._check_sending(contact, bits, left_s)
        if crossed is None:
            self._frames_lost += 1
            return self._settle(stored, DropReason.FRAME_LOST)
        self._flights[crossed] = _Flight(stored, contact, left_s + self._light_time_s)
        if len(self._flights) > MOST_FLIGHTS:
            return self._lose(next(iter(self._flights)))
        return []

    def arrived(self, frame: bytes) -> list[LinkAction]:
        """Enter bytes that came out of the link."""
        flight = self._flights.pop(frame, None)
        if flight is None:
            return [FrameRefused("a frame that was not sent, or came twice")]
        try:
            message = self._read(frame, flight.stored)
        except FrameError as error:
            self._corrupt += 1
            lost = self._settle(flight.stored, DropReason.FRAME_CORRUPTED)
            return [FrameRefused(str(error)), *lost]
        self._received += 1
        if message is None:
            return self._settle(flight.stored, None)
        return self._deliver(message, flight)

    def overdue(self, t_s: float) -> list[LinkAction]:
        """Give up every frame that should have arrived before ``t_s``."""
        late = [frame for frame, flight in self._flights.items() if flight.arrives_s < t_s]
        return [action for frame in late for action in self._lose(frame)]

    def check(self) -> None:
        """Raise `AccountsError` unless every account closes."""
        counts, violations = self.counts, list(self._violations)
        messages, frames = counts.messages, counts.frames
        fates = (
            messages.delivered
            + messages.queued
            + messages.in_flight
            + messages.dropped
            + messages.lost
        )
        if messages.generated != fates:
            violations.append(f"messages do not add up: {messages}")
        if frames.sent != frames.received + frames.corrupt + frames.lost + len(self._flights):
            violations.append(
                f"frames do not add up with {len(self._flights)} on the way: {frames}"
            )
        if violations:
            raise AccountsError("; ".join(violations))

    def _read(self, frame: bytes, stored: Stored) -> Message | None:
        chunk = decode(frame)
        sent = stored.message
        if (chunk.sequence, chunk.source, chunk.kind) != (sent.sequence, sent.source, sent.kind):
            raise FrameError("damage that the CRC does not see")
        return None if stored.dropped else self._reassembler.add(chunk)

    def _deliver(self, message: Message, flight: _Flight) -> list[LinkAction]:
        stored = flight.stored
        stored.settled += 1
        self._in_flight -= 1
        self._delivered += 1
        self._downlinked_bytes += len(message.body)
        key = message.kind, message.source, message.priority
        if message.sequence <= self._last_delivered.get(key, -1):
            self._violations.append(f"{key} delivered sequence {message.sequence} out of order")
        self._last_delivered[key] = message.sequence
        return [Received(message, flight.contact.station, flight.arrives_s)]

    def _settle(self, stored: Stored, failure: DropReason | None) -> list[LinkAction]:
        """Enter the fate of one frame of a message that is not whole on the ground."""
        stored.settled += 1
        stored.failure = failure or stored.failure
        if stored.dropped or stored.settled < stored.chunks:
            return []
        message = stored.message
        self._in_flight -= 1
        self._lost += 1
        self._reassembler.forget((message.kind, message.source, message.sequence))
        return [_dropped(message, stored.failure or DropReason.GROUND_FULL)]

    def _lose(self, frame: bytes) -> list[LinkAction]:
        self._frames_lost += 1
        return self._settle(self._flights.pop(frame).stored, DropReason.FRAME_LOST)

    def _check_sending(self, contact: Contact, bits: int, left_s: float) -> None:
        if contact is not self._contact:
            self._follow(contact)
        self._contact_bits += bits
        began_s = left_s - bits / contact.rate_bps
        if began_s < self._earliest_s or left_s > self._latest_s:
            self._violations.append(f"a frame was on the air {began_s}..{left_s} s for {contact}")
        if self._contact_bits > self._most_bits:
            self._violations.append(f"{self._contact_bits} bits went through {contact}")

    def _follow(self, contact: Contact) -> None:
        slack_s = ROUNDING * max(1.0, abs(contact.los_s))
        self._contact, self._contact_bits = contact, 0
        self._earliest_s, self._latest_s = contact.aos_s - slack_s, contact.los_s + slack_s
        self._most_bits = contact.rate_bps * (contact.duration_s + slack_s)


def _dropped(message: Message, reason: DropReason) -> Dropped:
    return Dropped(message.kind, message.source, message.sequence, len(message.body), reason)
