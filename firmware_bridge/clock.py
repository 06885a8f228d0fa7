"""Time and the timeline, as seen from below: the two protocols that ``rigs`` implements."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Mission time, in seconds since mission start."""

    def now_s(self) -> float:
        """Return the mission time at this moment."""
        ...

    def wait_until(self, t_s: float) -> float:
        """Return once ``t_s`` has come, or earlier with the time reached.

        A wall clock returns early when something was posted meanwhile, so
        that the caller looks at the timeline again.
        """
        ...

    def interrupt(self) -> None:
        """Make a wait that is under way return; called from any thread."""
        ...


class Post(Protocol):
    """Put an event on the timeline; safe to call from any thread."""

    def __call__(self, event: object, at_s: float | None = None) -> None:
        """Post ``event`` for mission time ``at_s``; without it, for this moment."""
        ...
