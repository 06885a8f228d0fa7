"""Deadlines: which stored message grows too old next."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from groundlink.store import Stored

FEW = 64  # deadlines that nobody needs any more, and that are not worth a clean-up


class Deadlines:
    """Deadlines in any order, each of one message.

    A void deadline stays in the heap until it comes up, or until half of them
    are void: clearing costs a constant on average, and the heap stays bounded.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Stored]] = []  # the serial makes each unique
        self._void = 0

    def set(self, due_s: float, stored: Stored) -> None:
        """Set the deadline of a message, unless it has one."""
        if not stored.timed:
            stored.timed = True
            heapq.heappush(self._heap, (due_s, stored.serial, stored))

    def clear(self, stored: Stored) -> None:
        """Make the deadline of a message void, if it has one."""
        if not stored.timed:
            return
        stored.timed = False
        self._void += 1
        if self._void > max(FEW, len(self._heap) // 2):
            self._heap = [entry for entry in self._heap if entry[2].timed]
            heapq.heapify(self._heap)
            self._void = 0

    def take_due(self, t_s: float) -> list[Stored]:
        """Take the messages whose deadline is before ``t_s``, the earliest first."""
        due: list[Stored] = []
        while self._heap and self._heap[0][0] < t_s:
            stored = heapq.heappop(self._heap)[2]
            if stored.timed:
                stored.timed = False
                due.append(stored)
            else:
                self._void -= 1
        return due
