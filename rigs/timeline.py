"""Everything that will happen, in order of mission time."""

from __future__ import annotations

import heapq
import threading
from itertools import count

from firmware_bridge.clock import Clock


class Timeline:
    """Events in ``(t, serial)`` order; ties go to what was posted first.

    The owner of the loop pops; any thread may post.
    """

    def __init__(self, clock: Clock) -> None:
        """Start empty, at mission time zero."""
        self._clock = clock
        self._heap: list[tuple[float, int, object]] = []
        self._serial = count()
        self._lock = threading.Lock()
        self._owner: int | None = None  # the thread that waits, once it has
        self.now_s = 0.0  # the moment that the loop has come to

    def post(self, event: object, at_s: float | None = None) -> None:
        """Put ``event`` at ``at_s``, or at this moment of the clock, never before the present."""
        with self._lock:
            t_s = max(self._clock.now_s(), self.now_s) if at_s is None else at_s
            entry = (t_s, next(self._serial), event)
            heapq.heappush(self._heap, entry)
            is_next = self._heap[0] is entry
        if is_next and threading.get_ident() != self._owner:
            self._clock.interrupt()  # it may wait for something later

    def due_s(self, until_s: float) -> float:
        """Return the time of the next event, at most ``until_s``; for the owner of the loop."""
        heap = self._heap  # only the owner takes from it, so what is looked at stays
        return min(heap[0][0], until_s) if heap else until_s

    def settle(self, t_s: float) -> float:
        """Move the present to ``t_s``, or to the next event before it, and return it.

        From here on nothing is posted before that moment by a thread that
        does not say when.
        """
        self._owner = threading.get_ident()
        with self._lock:
            t_s = min(t_s, self._heap[0][0]) if self._heap else t_s
            self.now_s = max(self.now_s, t_s)
            return t_s

    def take(self, kind: type) -> list[object]:
        """Take every event of a kind, whenever it is due, in order; for the end of a flight."""
        with self._lock:
            taken = sorted(entry for entry in self._heap if isinstance(entry[2], kind))
            self._heap = [entry for entry in self._heap if not isinstance(entry[2], kind)]
            heapq.heapify(self._heap)
        return [event for _, _, event in taken]

    def pop(self, until_s: float) -> tuple[float, object] | None:
        """Take the next event at or before ``until_s``, and move the present to it."""
        with self._lock:
            if not self._heap or self._heap[0][0] > until_s:
                return None
            t_s, _, event = heapq.heappop(self._heap)
            self.now_s = t_s
            return t_s, event
