"""The ledger: what became of each frame and message between the store and the ground.

It alone knows the truth of both ends, and holds them to it: every violation
of what a link promises is kept, and raised by `Ledger.check`.
"""

from __future__ import annotations

from dataclasses import dataclass

from groundlink.accounts import (
    AccountsError,
    ClassFlow,
    ContactAccount,
    DroppedCounts,
    FrameCounts,
    LinkCounts,
    MessageCounts,
)
from groundlink.command_queue import Uplink
from groundlink.events import Dropped
from groundlink.lane import Airborne
from groundlink.logbook import Account, Logbook, excess_of
from groundlink.messages import Key, Message, MessageKind
from groundlink.repeated import Repeated
from groundlink.rules import Rules
from groundlink.store import DropReason, Store, Stored
from groundlink.tallies import ClassTally, UplinkTally


@dataclass(slots=True, eq=False)
class Flight:
    """A downlink frame between transmitter and ground; a ``clean`` one has no bit error."""

    stored: Stored
    account: Account
    left_s: float
    clean: bool


class Ledger:
    """The accounts of both ends of the link.

    A frame on its way is known by its very bytes, so that the accounts close
    even where the ground cannot read it. A message that the store gives up
    while its last frames are on their way has the fate that they bring it.
    """

    def __init__(self, store: Store, rules: Rules, light_time_s: float) -> None:
        self._store, self._repeated = store, Repeated(rules)
        self._violations: list[str] = []
        self.logbook = Logbook(light_time_s, self._violations)
        self._classes: dict[tuple[str, MessageKind], ClassTally] = {}
        self._before: dict[str, ClassFlow] = {}  # at the account before
        self._flights: dict[bytes, Flight] = {}
        self._delivered_on_board: set[Key] = set()  # whole on the ground, not released yet
        self._undecided: dict[Key, int] = {}  # given up on board, with frames on their way
        self._in_flight = 0  # messages that left the store, and have no fate yet
        self._dropped_bytes = 0
        self._sent = self._received = self._corrupt = self._frames_lost = 0
        self.resent = 0
        self.uplink = UplinkTally()

    @property
    def counts(self) -> LinkCounts:
        """Return the accounts as they stand."""
        flows = self.flows()
        generated, delivered, expired, dropped, lost, delivered_bytes = (
            sum(getattr(flow, name) for flow in flows.values())
            for name in ("generated", "delivered", "expired", "dropped", "lost", "delivered_bytes")
        )
        queued = len(self._store) - len(self._delivered_on_board) + self._in_flight
        return LinkCounts(
            delivered_bytes,
            self.uplink.packet_bytes,
            self._store.backlog_bytes,
            FrameCounts(self._sent, self._received, self._corrupt, self._frames_lost, self.resent),
            self.uplink.counts(),
            DroppedCounts(dropped, self._dropped_bytes),
            MessageCounts(generated, delivered, queued, expired, dropped, lost),
            flows,
        )

    def flows(self) -> dict[str, ClassFlow]:
        """Return what became of each class since the start."""
        return {
            f"{source}/{kind.value}": entry.flow()
            for (source, kind), entry in self._classes.items()
        }

    def offered(self, message: Message) -> None:
        """Enter a message that was offered to the store."""
        entry = self._class(message)
        entry.generated += 1
        if message.sequence <= entry.last_offered:
            self._violations.append(f"{message.key} was offered out of order")
        entry.last_offered = message.sequence

    def dropped(self, stored: Stored) -> list[Dropped]:
        """Enter a message that the store dropped, or that grew too old in it."""
        key = stored.message.key
        if key in self._delivered_on_board:  # the ground has it all the same
            self._delivered_on_board.discard(key)
            return []
        left = stored.next_chunk == stored.chunks
        under_way = sum(f.stored is stored for f in self._flights.values()) if left else 0
        if not under_way:
            return [self._give_up(stored)]
        self._undecided[key] = under_way
        self._in_flight += 1
        return []

    def departed(self) -> None:
        """Enter that all of a message has left, and that it is on board no more."""
        self._in_flight += 1

    def acknowledged(self, stored: Stored) -> None:
        """Enter a message that is on board no more since the ground said that it has it."""
        key = stored.message.key
        if key not in self._delivered_on_board:
            self._violations.append(f"{key} was acknowledged, but is not on the ground")
        self._delivered_on_board.discard(key)

    def sent(
        self, stored: Stored, crossed: bytes | None, air: Airborne[Stored], clean: bool
    ) -> list[Dropped]:
        """Enter a frame that has left whole; ``crossed`` is what will arrive of it, if anything."""
        account = self.logbook.carried(air.began_s, air.leaves_s, air.bits)
        self._sent += 1
        self._class(stored.message).air_bits += air.bits
        if crossed is None or account is None:
            self._frames_lost += 1
            return self._settle(stored, DropReason.FRAME_LOST)
        self._flights[crossed] = Flight(stored, account, air.leaves_s, clean)
        return []

    def land(self, t_s: float, frame: bytes) -> Flight | None:
        """Return the flight of bytes that came out of the link, None where none was under way."""
        flight = self._flights.pop(frame, None)
        if flight is not None and not flight.account.earliest_s <= t_s <= flight.account.latest_s:
            self._violations.append(f"a frame came at {t_s} s, outside {flight.account.contact}")
        return flight

    def is_over(self, flight: Flight) -> bool:
        """Return whether the message of a frame has its fate, and cannot come any more."""
        return flight.stored.gone and flight.stored.message.key not in self._undecided

    def corrupted(self, flight: Flight) -> list[Dropped]:
        """Enter a frame that the ground could not read."""
        self._corrupt += 1
        return self._settle(flight.stored, DropReason.FRAME_CORRUPTED)

    def received(self, flight: Flight) -> list[Dropped]:
        """Enter a good frame that made no message whole."""
        self._received += 1
        return self._settle(flight.stored, None)

    def delivered(self, message: Message, flight: Flight) -> None:
        """Enter a good frame that made a message whole on the ground."""
        self._received += 1
        body_bytes = len(message.body)
        entry = self._class(message)
        entry.delivered += 1
        entry.delivered_bytes += body_bytes
        flight.account.body_bytes += body_bytes
        if entry.repeat:
            self._hold(message.key)
        else:
            self._in_flight -= 1
            self._check_order(entry, message, flight.left_s)

    def uplink_sent(self, air: Airborne[Uplink]) -> None:
        """Enter a frame that has left the ground station whole."""
        self.logbook.carried_up(air.began_s, air.leaves_s, air.bits)
        self.uplink.sent += 1

    def close(self, number: int) -> list[Dropped | ContactAccount]:
        """Close the account of a contact; what has not come of it by now never will."""
        account = self.logbook.close(number)
        if account is None:
            return []
        dropped: list[Dropped | ContactAccount] = []
        for frame in [f for f, flight in self._flights.items() if flight.account is account]:
            self._frames_lost += 1
            dropped += self._settle(self._flights.pop(frame).stored, DropReason.FRAME_LOST)
        return [*dropped, self._closed(account)]

    def close_all(self, t_s: float) -> list[ContactAccount]:
        """Close all accounts at the end of a flight; what is on its way stays so."""
        return [self._closed(account) for account in self.logbook.close_all(t_s)]

    def check(self) -> None:
        """Raise `AccountsError` unless every account closes."""
        counts, violations = self.counts, [*self._violations, *self.logbook.excesses()]
        messages, frames = counts.messages, counts.frames
        fates = messages.delivered + messages.expired + messages.dropped + messages.lost
        if messages.generated != fates + messages.queued:
            violations.append(f"messages do not add up: {messages}")
        under_way = len(self._flights)
        if frames.sent != frames.received + frames.corrupt + frames.lost + under_way:
            violations.append(f"frames do not add up with {under_way} on the way: {frames}")
        if violations:
            raise AccountsError("; ".join(violations))

    def _class(self, message: Message) -> ClassTally:
        key = message.source, message.kind
        entry = self._classes.get(key)
        if entry is None:
            entry = self._classes[key] = ClassTally(self._repeated[key])
        return entry

    def _hold(self, key: Key) -> None:
        """Enter a message of a repeated class that came; as a rule it is still on board."""
        if self._undecided.pop(key, 0):
            self._in_flight -= 1
            return
        if key in self._delivered_on_board:
            self._violations.append(f"{key} was delivered twice")
        self._delivered_on_board.add(key)

    def _check_order(self, entry: ClassTally, message: Message, left_s: float) -> None:
        """Within a class, what left later has the higher sequence, whenever it came."""
        if (message.sequence > entry.last_delivered) is not (left_s > entry.last_left_s):
            self._violations.append(f"{message.key} was delivered out of order")
        if left_s > entry.last_left_s:
            entry.last_delivered, entry.last_left_s = message.sequence, left_s

    def _settle(self, stored: Stored, failure: DropReason | None) -> list[Dropped]:
        """Enter the fate of one frame that made no message whole."""
        if stored.gone:
            return self._settle_gone(stored)
        stored.settled += 1
        stored.failure = failure or stored.failure
        entry = self._class(stored.message)
        if entry.repeat or stored.settled < stored.chunks:
            return []
        self._in_flight -= 1
        entry.lost += 1
        return [_dropped(stored.message, stored.failure or DropReason.GROUND_FULL)]

    def _settle_gone(self, stored: Stored) -> list[Dropped]:
        key = stored.message.key
        under_way = self._undecided.get(key, 0)
        if under_way > 1:
            self._undecided[key] = under_way - 1
        if under_way != 1:
            return []
        del self._undecided[key]
        self._in_flight -= 1
        return [self._give_up(stored)]

    def _give_up(self, stored: Stored) -> Dropped:
        reason = stored.failure or DropReason.STORE_FULL
        entry = self._class(stored.message)
        if reason is DropReason.EXPIRED:
            entry.expired += 1
        else:
            entry.dropped += 1
            self._dropped_bytes += len(stored.message.body)
        return _dropped(stored.message, reason)

    def _closed(self, account: Account) -> ContactAccount:
        excess = excess_of(account)
        if excess:
            self._violations.append(excess)
        flows, before = self.flows(), self._before
        self._before = flows
        return ContactAccount(
            account.contact.station,
            account.aos_s,
            account.los_s,
            account.capacity_bits,
            account.bits,
            account.uplink_bits,
            account.frames,
            account.body_bytes,
            {name: flow.since(before.get(name, ClassFlow())) for name, flow in flows.items()},
        )


def _dropped(message: Message, reason: DropReason) -> Dropped:
    return Dropped(message.kind, message.source, message.sequence, len(message.body), reason)
