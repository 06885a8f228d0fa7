"""The link's accounts: what was generated, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class AccountsError(Exception):
    """The link's accounts do not close: a bug of ours, never the fault of a scenario."""


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames of the downlink by their fate; ``resent`` ones were begun again or asked for again.

    sent = received + corrupt + lost + those still on their way.
    """

    sent: int
    received: int
    corrupt: int
    lost: int
    resent: int


@dataclass(frozen=True, slots=True)
class UplinkCounts:
    """Frames of the uplink: sent by the ground station, and what the satellite said of them.

    ``refused`` counts by reason; among them may be frames that the ground
    never sent. ``lost`` ones never came, or came to a satellite without power.
    """

    sent: int
    accepted: int
    lost: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DroppedCounts:
    """Messages that the store dropped for want of room, with the bytes of their bodies."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Messages by where they are.

    ``queued`` ones are on board, or under way; ``lost`` ones left, and did
    not arrive whole. generated = delivered + queued + expired + dropped + lost.
    """

    generated: int
    delivered: int
    queued: int
    expired: int
    dropped: int
    lost: int


@dataclass(frozen=True, slots=True)
class ClassFlow:
    """A class of messages by their fate, in total or since an earlier moment.

    ``queued`` is a level, the rest are flows; bytes are those of bodies,
    ``air_bits`` those of all frames of the class that left whole.
    """

    generated: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    queued: int = 0
    expired: int = 0
    dropped: int = 0
    lost: int = 0
    air_bits: int = 0

    def since(self, before: ClassFlow) -> ClassFlow:
        """Return what was added to the flows since ``before``."""
        return ClassFlow(
            self.generated - before.generated,
            self.delivered - before.delivered,
            self.delivered_bytes - before.delivered_bytes,
            self.queued,
            self.expired - before.expired,
            self.dropped - before.dropped,
            self.lost - before.lost,
            self.air_bits - before.air_bits,
        )


@dataclass(frozen=True, slots=True)
class ContactAccount:
    """One contact in numbers, beside what became of each class since the account before.

    ``bits`` are those of frames that left whole, at most ``capacity_bits``,
    which the rate carries from lock to LOS; ``body_bytes`` are those of the
    messages that came down whole in this contact.
    """

    station: str
    aos_s: float
    los_s: float
    capacity_bits: float
    bits: int
    uplink_bits: int
    frames: int
    body_bytes: int
    classes: Mapping[str, ClassFlow]


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """What `summary.json` says of the link. Bytes are those of message bodies."""

    downlinked_bytes: int
    uplinked_bytes: int
    backlog_bytes: int
    frames: FrameCounts
    uplink: UplinkCounts
    dropped: DroppedCounts
    messages: MessageCounts
    classes: Mapping[str, ClassFlow]
