"""Reminders: what is due a word from the other end of the link, and until when to wait for it."""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

Subject = TypeVar("Subject", bound=Hashable)


class Reminders(Generic[Subject]):
    """Subjects, each with one deadline; of equal deadlines the one set first is due first.

    A void deadline stays in the heap until it comes up.
    """

    def __init__(self) -> None:
        self._serials = count()
        self._valid: dict[Subject, int] = {}  # the serial of its deadline
        self._heap: list[tuple[float, int, Subject]] = []
        self.next_s = math.inf  # the next deadline; infinite where none is set

    def set(self, subject: Subject, due_s: float) -> None:
        """Expect a word about ``subject`` until ``due_s``; its earlier deadline is void."""
        serial = self._valid[subject] = next(self._serials)
        heapq.heappush(self._heap, (due_s, serial, subject))
        self._look()

    def clear(self, subject: Subject) -> None:
        """Expect no word about ``subject`` any more."""
        if self._valid.pop(subject, None) is not None:
            self._look()

    def take_due(self, t_s: float) -> list[Subject]:
        """Take the subjects whose deadline is at or before ``t_s``, the earliest first."""
        due: list[Subject] = []
        while self._valid and self.next_s <= t_s:
            due.append(heapq.heappop(self._heap)[2])
            del self._valid[due[-1]]
            self._look()
        return due

    def take_all(self) -> list[Subject]:
        """Take every subject, the earliest deadline first."""
        return self.take_due(math.inf)

    def _look(self) -> None:
        heap, valid = self._heap, self._valid
        while heap and valid.get(heap[0][2]) != heap[0][1]:
            heapq.heappop(heap)
        self.next_s = heap[0][0] if heap else math.inf
