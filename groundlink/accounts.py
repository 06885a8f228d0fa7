"""The link's accounts: what was generated, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass


class AccountsError(Exception):
    """The link's accounts do not close: a bug of ours, never the fault of a scenario."""


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames by their fate; ``resent`` ones were begun again after an interruption.

    sent = received + corrupt + lost + those still on their way.
    """

    sent: int
    received: int
    corrupt: int
    lost: int
    resent: int


@dataclass(frozen=True, slots=True)
class DroppedCounts:
    """Messages that the full store dropped, with the bytes of their bodies."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Messages by where they are; ``lost`` ones left, and did not arrive whole.

    generated = delivered + queued + in_flight + dropped + lost.
    """

    generated: int
    delivered: int
    queued: int
    in_flight: int
    dropped: int
    lost: int


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """What `summary.json` says of the link. Bytes are those of message bodies."""

    downlinked_bytes: int
    uplinked_bytes: int
    backlog_bytes: int
    frames: FrameCounts
    dropped: DroppedCounts
    messages: MessageCounts
