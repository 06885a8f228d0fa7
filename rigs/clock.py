"""The two clocks; the only reader of the host's time."""

from __future__ import annotations

import queue
import time
from contextlib import suppress


class VirtualClock:
    """Jumps to whatever moment is asked for."""

    def __init__(self) -> None:
        """Start at mission time zero."""
        self._now_s = 0.0

    def now_s(self) -> float:
        """Return the moment jumped to last."""
        return self._now_s

    def wait_until(self, t_s: float) -> float:
        """Jump to ``t_s``."""
        self._now_s = max(self._now_s, t_s)
        return t_s

    def interrupt(self) -> None:
        """Do nothing: nobody ever waits."""


class WallClock:
    """Runs with the host's monotonic clock, ``rate`` mission seconds per second."""

    LONGEST_WAIT_S = 0.25  # host seconds; between waits the satellite looks for thresholds

    def __init__(self, rate: float) -> None:
        """Start at mission time zero with the first look at the clock."""
        self._rate = rate
        self._start_s: float | None = None
        self._interruptions: queue.SimpleQueue[None] = queue.SimpleQueue()

    def now_s(self) -> float:
        """Return the mission time that the host's clock stands for."""
        host_s = time.monotonic()
        if self._start_s is None:
            self._start_s = host_s
        return (host_s - self._start_s) * self._rate

    def wait_until(self, t_s: float) -> float:
        """Wait for ``t_s``, an interruption or a quarter of a second, whatever comes first."""
        left_s = (t_s - self.now_s()) / self._rate
        if left_s > 0.0:
            with suppress(queue.Empty):
                self._interruptions.get(timeout=min(left_s, self.LONGEST_WAIT_S))
        return self.now_s()

    def interrupt(self) -> None:
        """Let a wait end at once."""
        if self._interruptions.empty():  # one is enough
            self._interruptions.put(None)


def host_seconds() -> float:
    """Return a monotonic host time, for measuring how long things took."""
    return time.monotonic()
