"""The on-board store: what waits for a contact, bounded in bytes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from groundlink.messages import HIGHEST_PRIORITY, Message

STORED_COST_BYTES = 32  # what keeping a message costs beside its body, so that empty ones count


class DropReason(Enum):
    """Why a message never came, or never will come, to the ground."""

    STORE_FULL = "store full"
    FRAME_CORRUPTED = "frame corrupted"
    FRAME_LOST = "frame lost"
    GROUND_FULL = "ground buffer full"


@dataclass(slots=True, eq=False)
class Stored:
    """A message on board, and how far its transmission has come.

    ``next_chunk`` is the first chunk that has not left; ``settled`` counts
    those whose fate is known, ``failure`` is what became of the worst of them.
    """

    message: Message
    chunks: int
    next_chunk: int = 0
    settled: int = 0
    interrupted: bool = False
    dropped: bool = False
    failure: DropReason | None = None

    @property
    def cost_bytes(self) -> int:
        """Return the room that the message takes in the store."""
        return len(self.message.body) + STORED_COST_BYTES


class Store:
    """Messages in order of priority, then age. Every operation takes constant time.

    When room is needed the lowest priority goes first, its oldest message
    before the others; a message that would push out a higher priority than
    its own is dropped itself. A message that was taken still takes its room
    until it is released, and is never dropped meanwhile.
    """

    def __init__(self, capacity_bytes: int) -> None:
        if capacity_bytes < 1:
            raise ValueError(f"capacity_bytes = {capacity_bytes}; a store holds at least one byte")
        self.capacity_bytes = capacity_bytes
        self.backlog_bytes = 0  # bodies only
        self.dropped_count = 0
        self.dropped_bytes = 0  # bodies only
        self._count = 0
        self._used_bytes = 0
        self._queues: tuple[deque[Stored], ...] = tuple(
            deque() for _ in range(HIGHEST_PRIORITY + 1)
        )
        self._queued_bytes = [0] * (HIGHEST_PRIORITY + 1)

    def __len__(self) -> int:
        return self._count

    @property
    def used_bytes(self) -> int:
        """Return the room that is taken, at most ``capacity_bytes``."""
        return self._used_bytes

    @property
    def top_priority(self) -> int:
        """Return the highest priority that waits, or -1 when none does."""
        priority = HIGHEST_PRIORITY
        while priority >= 0 and not self._queues[priority]:
            priority -= 1
        return priority

    def put(self, stored: Stored) -> list[Stored]:
        """Store a message; return those that were dropped for want of room."""
        self._count += 1
        self.backlog_bytes += len(stored.message.body)
        self._used_bytes += stored.cost_bytes
        if self._used_bytes > self.capacity_bytes and not self._can_make_room(stored):
            return [self._drop(stored)]
        dropped = self._make_room() if self._used_bytes > self.capacity_bytes else []
        self._enqueue(stored)
        return dropped

    def take(self) -> Stored | None:
        """Return the message to send next, or None when none waits."""
        priority = self.top_priority
        return None if priority < 0 else self._dequeue(priority)

    def put_back(self, stored: Stored) -> None:
        """Let a taken message wait again, ahead of its priority."""
        priority = stored.message.priority
        self._queues[priority].appendleft(stored)
        self._queued_bytes[priority] += stored.cost_bytes

    def release(self, stored: Stored) -> None:
        """Give up the room of a taken message: the last of it has left."""
        self._count -= 1
        self._used_bytes -= stored.cost_bytes
        self.backlog_bytes -= len(stored.message.body)

    def _enqueue(self, stored: Stored) -> None:
        priority = stored.message.priority
        self._queues[priority].append(stored)
        self._queued_bytes[priority] += stored.cost_bytes

    def _dequeue(self, priority: int) -> Stored:
        stored = self._queues[priority].popleft()
        self._queued_bytes[priority] -= stored.cost_bytes
        return stored

    def _can_make_room(self, stored: Stored) -> bool:
        yielding_bytes = sum(self._queued_bytes[: stored.message.priority + 1])
        return self._used_bytes - yielding_bytes <= self.capacity_bytes

    def _make_room(self) -> list[Stored]:
        dropped = []
        while self._used_bytes > self.capacity_bytes:
            lowest = next(p for p, queue in enumerate(self._queues) if queue)
            dropped.append(self._drop(self._dequeue(lowest)))
        return dropped

    def _drop(self, stored: Stored) -> Stored:
        stored.dropped = True
        self.dropped_count += 1
        self.dropped_bytes += len(stored.message.body)
        self.release(stored)
        return stored
