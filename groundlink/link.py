"""The link: how the bytes of a frame travel from the satellite to the ground."""

from __future__ import annotations

from typing import Protocol

from firmware_bridge.clock import Post
from groundlink.events import FrameArrived, LinkChanged, Received

News = Received | LinkChanged


class Link(Protocol):
    """What carries frames. Each comes out as `FrameArrived` on the timeline, or is lost."""

    def transmit(self, t_s: float, frame: bytes, arrives_s: float) -> None:
        """Send a frame that left the satellite at ``t_s`` and is due at ``arrives_s``."""
        ...

    def announce(self, t_s: float, news: News) -> None:
        """Let whoever watches the ground know what came down, and whether a station hears us."""
        ...

    def drain(self, limit_s: float) -> None:
        """Return once all that was transmitted has arrived, or after ``limit_s`` host seconds."""
        ...

    def trouble(self) -> str:
        """Return in a sentence how the carrier itself failed; empty where it did not."""
        ...

    def close(self) -> None:
        """Carry nothing further; nothing arrives after this."""
        ...


class LoopbackLink:
    """A link inside this process: each frame arrives exactly when it is due."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._open = True

    def transmit(self, t_s: float, frame: bytes, arrives_s: float) -> None:
        """Post the frame for its arrival."""
        if self._open:
            self._post(FrameArrived(frame), arrives_s)

    def announce(self, t_s: float, news: News) -> None:
        """Tell nobody: there is no one to watch."""

    def drain(self, limit_s: float) -> None:
        """Return at once: what was transmitted has been posted."""

    def trouble(self) -> str:
        """Return nothing: there is no carrier that could fail."""
        return ""

    def close(self) -> None:
        """Carry nothing further.

        Frames under way stay on the timeline: in virtual time they have
        already been posted.
        """
        self._open = False
