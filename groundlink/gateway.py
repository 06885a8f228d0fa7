"""The gateway: what joins the link to the buses on board and on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from groundlink.events import (
    CommandProgress,
    CommandRejected,
    CommandReleased,
    LinkChanged,
    OnboardPublished,
    Received,
)

News = Received | LinkChanged | CommandProgress | CommandRejected


class Gateway(Protocol):
    """The way from the link to the buses; what comes from there is posted on the timeline."""

    def announce(self, t_s: float, news: News) -> None:
        """Tell the ground what came down, how commands fare, and whether a station hears us."""
        ...

    def release(self, t_s: float, released: CommandReleased) -> None:
        """Give an authentic command to the program on board that it is for."""
        ...

    def stored(self, messages: Sequence[OnboardPublished]) -> None:
        """Acknowledge messages of programs that are safe on board."""
        ...

    def tell(self) -> None:
        """Tell programs how many of their messages are safe, where they do not know it yet."""
        ...

    def refused(self, messages: Sequence[OnboardPublished]) -> None:
        """Let programs send again what could not be stored."""
        ...

    def drain(self, limit_s: float) -> None:
        """Return once the buses have all that was said, or after ``limit_s`` host seconds."""
        ...

    def trouble(self) -> str:
        """Return in words how the buses failed, and what was said on them in vain; or nothing."""
        ...

    def close(self) -> None:
        """Say nothing further; nothing is posted after this."""
        ...


class NoGateway:
    """Emulation: there are no buses, nobody watches, and no program of a third party runs."""

    def announce(self, t_s: float, news: News) -> None:
        """Tell nobody."""

    def release(self, t_s: float, released: CommandReleased) -> None:
        """Give it to nobody: the payloads of a scenario hear of commands by the timeline."""

    def stored(self, messages: Sequence[OnboardPublished]) -> None:
        """Tell nobody."""

    def tell(self) -> None:
        """Tell nobody."""

    def refused(self, messages: Sequence[OnboardPublished]) -> None:
        """Ask nobody."""

    def drain(self, limit_s: float) -> None:
        """Return at once."""

    def trouble(self) -> str:
        """Return nothing: there is no bus that could fail."""
        return ""

    def close(self) -> None:
        """Do nothing: nothing is open."""
