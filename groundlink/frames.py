"""Reassembly: parts of messages, in whatever order they come, become messages again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

from groundlink.messages import Key, Message
from groundlink.packets import Chunk, FrameError


@dataclass(slots=True)
class _Partial:
    """The parts of a message that have come so far."""

    first: Chunk
    bodies: dict[int, bytes]
    held_bytes: int


class Reassembler:
    """Parts become messages again, whatever their order, each message once.

    It holds at most ``capacity_bytes`` of unfinished messages; beyond that it
    gives up the one that was begun first. A part that comes twice changes
    nothing, neither before nor (within the last ``memory`` messages) after
    its message was complete.
    """

    CHUNK_COST_BYTES = 128  # what keeping a part costs beside its body

    def __init__(self, capacity_bytes: int = 64 * 2**20, memory: int = 1024) -> None:
        self._capacity_bytes = capacity_bytes
        self._memory = memory
        self._held_bytes = 0
        self._partial: OrderedDict[Key, _Partial] = OrderedDict()
        self._complete: OrderedDict[Key, None] = OrderedDict()  # a dict is slow to give its first

    @property
    def held_bytes(self) -> int:
        """Return the memory that unfinished messages take."""
        return self._held_bytes

    def add(self, chunk: Chunk) -> Message | None:
        """Return the message that this part completes, or None while parts are missing.

        Raises:
            FrameError: the part contradicts itself or its fellows.
        """
        key = chunk.source, chunk.kind, chunk.sequence
        if key in self._complete:
            return None
        body = chunk.body if chunk.chunks == 1 else self._collect(key, chunk)
        if body is None:
            return None
        self._remember(key)
        try:
            return Message(chunk.kind, chunk.source, chunk.sequence, chunk.generated_s, body)
        except ValueError as error:
            raise FrameError(str(error)) from error

    def is_complete(self, key: Key) -> bool:
        """Return whether a message has come whole, within the last ``memory`` messages."""
        return key in self._complete

    def gaps(self, key: Key) -> tuple[tuple[int, int], ...]:
        """Return the parts that an unfinished message misses, as ranges [from, to).

        Nothing is known to miss of a message that is whole, given up, or never begun.
        """
        partial = self._partial.get(key)
        if partial is None:
            return ()
        here = [-1, *sorted(partial.bodies), partial.first.chunks]
        return tuple((a + 1, b) for a, b in pairwise(here) if a + 1 < b)

    def forget(self, key: Key) -> None:
        """Give up what has come of a message."""
        partial = self._partial.pop(key, None)
        if partial is not None:
            self._held_bytes -= partial.held_bytes

    def _collect(self, key: Key, chunk: Chunk) -> bytes | None:
        partial = self._partial.get(key)
        first = chunk if partial is None else partial.first
        if (chunk.chunks, chunk.generated_s) != (first.chunks, first.generated_s):
            raise FrameError(
                f"part {chunk.number} of {chunk.chunks} belongs to a message "
                f"of {first.chunks} parts"
            )
        if not 0 <= chunk.number < chunk.chunks:
            raise FrameError(f"part {chunk.number} is none of {chunk.chunks} from 0 on")
        if partial is None:
            partial = self._partial[key] = _Partial(chunk, {}, 0)
        if not self._keep(partial, chunk) or len(partial.bodies) < chunk.chunks:
            return None
        self.forget(key)
        return b"".join(partial.bodies[index] for index in range(chunk.chunks))

    def _keep(self, partial: _Partial, chunk: Chunk) -> bool:
        """Keep a part; return whether it brought anything."""
        known = partial.bodies.get(chunk.number)
        if known is not None:
            if known != chunk.body:
                raise FrameError(f"part {chunk.number} of {chunk.chunks} came twice, and differs")
            return False
        partial.bodies[chunk.number] = chunk.body
        cost_bytes = len(chunk.body) + self.CHUNK_COST_BYTES
        partial.held_bytes += cost_bytes
        self._held_bytes += cost_bytes
        while self._held_bytes > self._capacity_bytes:
            self.forget(next(iter(self._partial)))
        return True

    def _remember(self, key: Key) -> None:
        self._complete[key] = None
        if len(self._complete) > self._memory:
            self._complete.popitem(last=False)
