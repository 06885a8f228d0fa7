"""The on-board end of the link: what is stored, what goes down next, and what may come in.

It reads nothing but the frames that came up. A message of a class that asks
for it stays in the store until the ground has acknowledged it; when the ground
is silent for too long, its last part is sent again, to which the ground answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from groundlink.authentication import CommandRefused, Refusal, Verifier
from groundlink.commands import Acknowledge, Command, RepeatParts, unpack
from groundlink.messages import Key, Message
from groundlink.packets import FrameError, TelemetryCodec, decode_telecommand
from groundlink.reminders import Reminders
from groundlink.repeated import Repeated
from groundlink.rules import Rules
from groundlink.source_data import REQUEST_ID_BYTES
from groundlink.store import Store, Stored

MOST_DOUBLINGS = 4  # of the time for which the ground's word is awaited


@dataclass(frozen=True, slots=True)
class Authentic:
    """What an authentic frame said."""

    request_id: bytes
    content: Command | Acknowledge | RepeatParts
    packet_bytes: int


class Sent(NamedTuple):
    """A frame that has left.

    It was sent ``again``, if the ground asked for it or for a word about it;
    with it a ``released`` message is on board no more.
    """

    frame: bytes
    again: bool
    released: bool


MOST_REMEMBERED = 256  # commands that are known again


class OnboardEnd:
    """The store, the encoder of telemetry and the gate for telecommands.

    Nobody else puts into ``store`` or takes from it.
    """

    def __init__(
        self, store: Store, codec: TelemetryCodec, rules: Rules, verifier: Verifier
    ) -> None:
        self.store, self.codec = store, codec
        self._repeated, self._verifier = Repeated(rules), verifier
        self._released: dict[bytes, None] = {}  # the commands that came, oldest first
        self._held: Stored | None = None  # taken from the store, to be sent next
        self._unsaid: Reminders[Key] = Reminders()  # what the ground has not spoken of yet
        self._asks: dict[Key, int] = {}  # how often it was asked in vain

    @property
    def overdue_s(self) -> float:
        """Return when the ground's word on a message is overdue, s; infinite if none is."""
        return self._unsaid.next_s

    def put(self, t_s: float, message: Message) -> list[Stored]:
        """Store a message; return those that were dropped, or grew too old.

        Raises:
            ValueError: the message cannot be sent at all.
        """
        return self.store.put(t_s, Stored(message, self.codec.chunk_count(message)))

    def restore(self) -> list[Stored]:
        """Take in what the journal of the store kept; what found no room is gone.

        Raises:
            ValueError: a message cannot be sent at all.
            StoreError: the journal cannot be read.
        """
        return self.store.restore(self.codec.chunk_count)

    def next(self, t_s: float) -> tuple[Stored | None, list[Stored]]:
        """Return the message whose part is sent next, and those that grew too old meanwhile.

        Its own priority decides anew before each part.
        """
        held = self._held
        if held is not None:
            if self.store.top_priority <= self.store.priority_of(held):
                return held, []
            self.put_back()
        elif not self.store:
            return None, []
        self._held, expired = self.store.take(t_s)
        return self._held, expired

    def frame_bits(self, stored: Stored) -> int:
        """Return the length of the frame of a message's next part."""
        index = stored.repeats[0] if stored.repeats else stored.next_chunk
        return 8 * self.codec.frame_length(stored.message, index)

    def send(self, stored: Stored, left_s: float, patience_s: float) -> Sent:
        """Return the frame of a message's next part, which has left.

        Where all parts have left, and the message stays, the ground's word is
        expected within ``patience_s``, and twice that after each one in vain.
        """
        again = bool(stored.repeats)
        index = stored.repeats.pop(0) if again else stored.next_chunk
        stored.next_chunk += not again
        message = stored.message
        frame = self.codec.encode(message, index, stored.chunks)
        if stored is not self._held:  # acknowledged while it was on the air
            return Sent(frame, again, False)
        if stored.repeats or stored.next_chunk < stored.chunks:
            return Sent(frame, again, False)
        self._held = None
        if not self._repeated[message.source, message.kind]:
            self.store.depart(stored)
            return Sent(frame, again, True)
        self.store.hold(stored)
        doublings = min(self._asks.get(message.key, 0), MOST_DOUBLINGS)
        self._unsaid.set(message.key, left_s + patience_s * 2**doublings)
        return Sent(frame, again, False)

    def put_back(self) -> None:
        """Let the message that was taken wait again, in its place by age."""
        if self._held is not None:
            self.store.put_back(self._held)
            self._held = None

    def hear(self, t_s: float, frame: bytes) -> Authentic:
        """Return what a frame says that came up.

        Raises:
            CommandRefused: it is not authentic, or says nothing we know.
        """
        packet = self._verifier.verify(t_s, frame)
        try:
            content = unpack(decode_telecommand(packet, self.codec.addresses))
        except FrameError as error:
            raise CommandRefused(Refusal.MALFORMED, str(error)) from error
        return Authentic(packet[:REQUEST_ID_BYTES], content, len(packet))

    def is_new(self, request_id: bytes) -> bool:
        """Return whether a command comes for the first time; ask once for each that came."""
        if request_id in self._released:
            return False
        self._released[request_id] = None
        if len(self._released) > MOST_REMEMBERED:
            del self._released[next(iter(self._released))]
        return True

    def release(self, key: Key) -> Stored | None:
        """Give up the room of a message that the ground has; return it if it was on board.

        Of one that is on the air, that frame is the last.
        """
        self.forget(key)
        held = self._held
        if held is not None and held.message.key == key:
            stored, self._held = held, None
        else:
            found = self.store.find(key)
            if found is None:
                return None
            stored = found
        self.store.release(stored)
        return stored

    def settle(self, key: Key) -> None:
        """Keep nothing of a message that came down, unless it waits for the ground's word."""
        if not self._repeated[key[:2]]:
            self.store.forget(key)

    def repeat(self, word: RepeatParts) -> None:
        """Let the parts that the ground misses wait to be sent again.

        Of a message that is being sent, the ground will speak again.
        """
        key = word.source, word.kind, word.sequence
        self.forget(key)
        self.store.recall(key, [part for first, end in word.gaps for part in range(first, end)])

    def ask(self, t_s: float) -> None:
        """Let the last part of each message be sent again that is due a word by ``t_s``."""
        for key in self._unsaid.take_due(t_s):
            self._asks[key] = self._asks.get(key, 0) + 1
            self._recall_last(key)

    def ask_all(self) -> None:
        """Let the last part of each message be sent again that waits for a word."""
        self._asks.clear()
        for key in self._unsaid.take_all():
            self._recall_last(key)

    def forget(self, key: Key) -> None:
        """Expect no word on a message."""
        self._unsaid.clear(key)
        self._asks.pop(key, None)

    def _recall_last(self, key: Key) -> None:
        stored = self.store.find(key)
        if stored is not None and stored.awaiting:
            self.store.recall(key, [stored.chunks - 1])
