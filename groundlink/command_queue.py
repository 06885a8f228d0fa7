"""The ground's queue of commands: one at a time, in order, again until it is answered."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from groundlink.authentication import Signer
from groundlink.messages import Key

MOST_TRIES = 5  # of a command in one contact; then the satellite is deaf until the next


@dataclass(slots=True, eq=False)
class Uplink:
    """A telecommand packet that is to go up; a word of the link itself has a ``key``, no ``id``.

    ``attempts`` counts how often it has left.
    """

    target: str
    packet: bytes
    request_id: bytes
    id: str = ""
    not_after_s: float = math.inf
    attempts: int = 0
    key: Key | None = None

    @property
    def bits(self) -> int:
        """Return the length of its frame."""
        return 8 * Signer.frame_length(len(self.packet))


class CommandQueue:
    """Commands in the order in which they were asked for.

    The next goes up when the satellite has said a word on the one before, so
    that they are carried out in order, or when no answer can be hoped for: it
    has become stale. One that stays unanswered for five tries rests until the
    next contact, and those behind it with it.
    """

    def __init__(self) -> None:
        self._queue: deque[Uplink] = deque()
        self._tries = 0  # of the first, in this contact
        self.overdue_s = math.inf  # when the answer to the first is; infinite if none is expected

    @property
    def waiting(self) -> bool:
        """Return whether one is to go up."""
        return bool(self._queue) and self.overdue_s == math.inf and self._tries < MOST_TRIES

    @property
    def first(self) -> Uplink:
        """Return the one that goes up next; there must be one."""
        return self._queue[0]

    def append(self, uplink: Uplink) -> None:
        """Let a command wait."""
        self._queue.append(uplink)

    def left(self, uplink: Uplink, answer_due_s: float) -> None:
        """Let a command have left; unless it was answered meanwhile, a word is due."""
        uplink.attempts += 1
        if self._queue and self._queue[0] is uplink:
            self._tries += 1
            self.overdue_s = answer_due_s

    def answered(self, request_id: bytes) -> None:
        """Let the next have its turn, if this is the answer to the first."""
        if self._queue and self._queue[0].attempts and self._queue[0].request_id == request_id:
            self._advance()

    def retry(self, t_s: float) -> None:
        """Let the first go up again, if its answer is overdue by ``t_s``."""
        if self.overdue_s <= t_s:
            self._again(t_s)

    def lose_sight(self, t_s: float) -> None:
        """Keep what the satellite has not answered for its next contact."""
        self._tries = 0
        if self.overdue_s < math.inf:
            self._again(t_s)

    def _again(self, t_s: float) -> None:
        self.overdue_s = math.inf
        if self.first.not_after_s < t_s:  # the satellite would refuse it
            self._advance()

    def _advance(self) -> None:
        self._queue.popleft()
        self._tries, self.overdue_s = 0, math.inf
