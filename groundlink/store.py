"""The on-board store: what waits for a contact, bounded in bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count

from typing_extensions import assert_never

from groundlink.class_queue import ClassQueue, first
from groundlink.deadlines import Deadlines
from groundlink.journal import NO_JOURNAL, Journal, StoreError
from groundlink.messages import Key, Message, MessageKind
from groundlink.rules import HIGHEST_PRIORITY, DropPolicy, Rules

STORED_COST_BYTES = 32  # what keeping a message costs beside its body, so that empty ones count


class DropReason(Enum):
    """Why a message never came, or never will come, to the ground."""

    STORE_FULL = "store full"
    EXPIRED = "expired"
    FRAME_CORRUPTED = "frame corrupted"
    FRAME_LOST = "frame lost"
    GROUND_FULL = "ground buffer full"
    STORE_FAILED = "store failed"


@dataclass(slots=True, eq=False)
class Stored:
    """A message on board, and how far its transmission has come.

    ``next_chunk`` is the first chunk that has never left, ``repeats`` are those
    that are to leave again, rising. With ``awaiting`` all have left, and the
    ground has not said yet that all came. ``settled`` counts chunks whose fate is
    known, ``failure`` is what became of the worst of them. A message that is
    ``gone`` was dropped or has expired: it takes no room and never leaves.
    """

    message: Message
    chunks: int
    next_chunk: int = 0
    repeats: list[int] = field(default_factory=list)
    awaiting: bool = False
    settled: int = 0
    interrupted: bool = False
    gone: bool = False
    failure: DropReason | None = None
    serial: int = -1  # rises from message to message in a store
    waiting: bool = False  # to be taken
    timed: bool = False  # it has a deadline

    @property
    def cost_bytes(self) -> int:
        """Return the room that the message takes in the store."""
        return len(self.message.body) + STORED_COST_BYTES

    @property
    def next_index(self) -> int | None:
        """Return the chunk to send next, repeats before the rest; None when all have left."""
        if self.repeats:
            return self.repeats[0]
        return self.next_chunk if self.next_chunk < self.chunks else None


class Store:
    """Messages in order of their class's priority, then age.

    When room is needed, what has expired goes first; then the drop policy of
    the class that needs it says who gives way, oldest first. Where that does not
    make room enough, nothing is dropped but the message that came. One that was
    taken, or awaits the ground's word, takes its room until it is released, and
    is never dropped; while it is taken it does not expire either.

    Every operation looks at each class once at most; `expire` and `recall`
    look at each message that expires, or waits again, too.
    """

    def __init__(
        self, capacity_bytes: int, rules: Rules | None = None, journal: Journal = NO_JOURNAL
    ) -> None:
        if capacity_bytes < 1:
            raise ValueError(f"capacity_bytes = {capacity_bytes}; a store holds at least one byte")
        self.capacity_bytes = capacity_bytes
        self.backlog_bytes = 0  # bodies only
        self.used_bytes = 0  # at most capacity_bytes
        self._rules = rules or Rules()
        self._journal = journal
        self._count = 0
        self._serials = count()
        self._queues: dict[tuple[str, MessageKind], ClassQueue] = {}
        self._order: list[ClassQueue] = []  # by falling priority
        self._known: dict[Key, Stored] = {}  # those that wait, or await the ground's word
        self._deadlines = Deadlines()

    def __len__(self) -> int:
        return self._count

    @property
    def top_priority(self) -> int:
        """Return the highest priority that waits, or -1 when none does."""
        for queue in self._order:
            if queue:
                return queue.priority
        return -1

    def priority_of(self, stored: Stored) -> int:
        """Return the priority of a message's class."""
        return self._queue_of(stored.message).priority

    def set_priority(self, source: str, kind: MessageKind, priority: int) -> None:
        """Give a class another priority; what waits moves with it.

        Raises:
            ValueError: there is no such priority.
        """
        if not 0 <= priority <= HIGHEST_PRIORITY:
            raise ValueError(f"priority = {priority} is outside 0..{HIGHEST_PRIORITY}")
        self._queue(source, kind).priority = priority
        self._order.sort(key=_falling_priority)

    def put(self, t_s: float, stored: Stored) -> list[Stored]:
        """Store a message; return those that are gone for it, itself among them if it is.

        Raises:
            ValueError: a message of the same key is in the store.
        """
        gone = self._make_room(t_s, stored)
        if stored.gone:
            self._journal.pass_over(stored.message.key)
        else:
            try:
                self._journal.keep(stored.message)
            except StoreError:
                self._journal.pass_over(stored.message.key)
                gone.append(_refuse(stored, DropReason.STORE_FAILED))
            else:
                self._admit(stored)
        return gone

    def take(self, t_s: float) -> tuple[Stored | None, list[Stored]]:
        """Return the message to send next, or None when none waits; and those that expired."""
        expired = self.expire(t_s)
        queue = first(self._order)
        if queue is None:
            return None, expired
        stored = queue.oldest
        queue.remove(stored)
        del self._known[stored.message.key]
        return stored, expired

    def put_back(self, stored: Stored) -> None:
        """Let a taken message wait again, in its place by age: ahead of all never taken."""
        self._know(stored).insert(stored)

    def hold(self, stored: Stored) -> None:
        """Let a taken message, all of which has left, await the ground's word."""
        stored.awaiting = True
        self._know(stored)

    def recall(self, key: Key, chunks: Iterable[int]) -> Stored | None:
        """Let chunks that have left leave again; return their message, None for a stranger.

        A message that awaits the ground's word waits to be taken again, in its place by age.
        """
        stored = self._known.get(key)
        if stored is None:
            return None
        left = {chunk for chunk in chunks if 0 <= chunk < stored.next_chunk}
        stored.repeats = sorted(left.union(stored.repeats))
        if stored.awaiting and stored.repeats:
            stored.awaiting = False
            self._queue_of(stored.message).insert(stored)
        return stored

    def find(self, key: Key) -> Stored | None:
        """Return the message that waits, or awaits the ground's word; None for a stranger."""
        return self._known.get(key)

    def release(self, stored: Stored) -> None:
        """Give up the room of a message: the ground has it, or needs it no more."""
        self.depart(stored)
        self.forget(stored.message.key)

    def depart(self, stored: Stored) -> None:
        """Give up the room of a message that is on its way, and shall not come again.

        The journal keeps it until its fate is known, `forget`: what ends a flight ends
        what is on the air, too.
        """
        self._leave(stored)

    def forget(self, key: Key) -> None:
        """Let the journal have nothing of a message any more."""
        self._journal.forget(key)

    def expire(self, t_s: float) -> list[Stored]:
        """Give up what is older than its time to live, unless it is taken; return it."""
        due = self._deadlines.take_due(t_s)
        return [
            self._give_up(stored, DropReason.EXPIRED)
            for stored in due
            if stored.waiting or stored.awaiting
        ]

    def restore(self, chunks: Callable[[Message], int]) -> list[Stored]:
        """Take in what the journal kept, oldest first; ``chunks`` counts a message's chunks.

        Returns all of it; what found no room in this store is gone.

        Raises:
            StoreError: the journal cannot be read.
        """
        restored = [Stored(message, chunks(message)) for message in self._journal.messages()]
        for stored in restored:
            self._make_room(-math.inf, stored)
            if stored.gone:
                self._journal.forget(stored.message.key)
            else:
                self._admit(stored)
        return restored

    def _make_room(self, t_s: float, stored: Stored) -> list[Stored]:
        """Return what is gone so that a message fits; the message itself where it does not."""
        own = self._queue_of(stored.message)
        if stored.message.generated_s + own.ttl_s < t_s:
            return [_refuse(stored, DropReason.EXPIRED)]
        most_bytes = self.capacity_bytes - stored.cost_bytes  # beside it
        if self.used_bytes <= most_bytes:
            return []
        gone = self.expire(t_s)
        yielding = self._yielding(own)
        if self.used_bytes - sum(queue.waiting_bytes for queue in yielding) > most_bytes:
            return [*gone, _refuse(stored, DropReason.STORE_FULL)]
        while self.used_bytes > most_bytes and (queue := first(yielding)) is not None:
            gone.append(self._give_up(queue.oldest, DropReason.STORE_FULL))
        return gone

    def _yielding(self, own: ClassQueue) -> list[ClassQueue]:
        """Return which classes give way to a message of ``own``, the first to do so first."""
        match own.drop:
            case DropPolicy.LOWEST_PRIORITY:
                return [queue for queue in reversed(self._order) if queue.priority <= own.priority]
            case DropPolicy.OLDEST:
                return [own]
            case DropPolicy.NEWEST:
                return []
            case _:
                assert_never(own.drop)

    def _give_up(self, stored: Stored, reason: DropReason) -> Stored:
        self.release(stored)
        return _refuse(stored, reason)

    def _admit(self, stored: Stored) -> None:
        message = stored.message
        if message.key in self._known:
            raise ValueError(f"a message of the key {message.key} is in the store already")
        stored.serial = next(self._serials)
        self._count += 1
        self.used_bytes += stored.cost_bytes
        self.backlog_bytes += len(message.body)
        self._know(stored).append(stored)

    def _leave(self, stored: Stored) -> None:
        message = stored.message
        if stored.waiting or stored.awaiting:
            del self._known[message.key]
        if stored.waiting:
            self._queue_of(message).remove(stored)
        stored.awaiting = False
        self._deadlines.clear(stored)
        self._count -= 1
        self.used_bytes -= stored.cost_bytes
        self.backlog_bytes -= len(message.body)

    def _know(self, stored: Stored) -> ClassQueue:
        """Let a message be found by its key, and expire; return its class's queue."""
        message = stored.message
        self._known[message.key] = stored
        queue = self._queue_of(message)
        if queue.ttl_s < math.inf:
            self._deadlines.set(message.generated_s + queue.ttl_s, stored)
        return queue

    def _queue_of(self, message: Message) -> ClassQueue:
        return self._queue(message.source, message.kind)

    def _queue(self, source: str, kind: MessageKind) -> ClassQueue:
        queue = self._queues.get((source, kind))
        return self._add_queue(source, kind) if queue is None else queue

    def _add_queue(self, source: str, kind: MessageKind) -> ClassQueue:
        queue = self._queues[source, kind] = ClassQueue(self._rules.of(source, kind))
        self._order.append(queue)
        self._order.sort(key=_falling_priority)
        return queue


def _falling_priority(queue: ClassQueue) -> int:
    return -queue.priority


def _refuse(stored: Stored, reason: DropReason) -> Stored:
    stored.gone = True
    stored.failure = reason
    return stored
