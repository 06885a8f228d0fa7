"""Tallies: what the ledger counts, of a class of messages and of the uplink."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from groundlink.accounts import ClassFlow, UplinkCounts


@dataclass(slots=True)
class ClassTally:
    """What became of one class of messages.

    ``last_…`` are the sequences offered and delivered last; the latter left at ``last_left_s``.
    """

    repeat: bool
    generated: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    expired: int = 0
    dropped: int = 0
    lost: int = 0
    air_bits: int = 0
    last_offered: int = -1
    last_delivered: int = -1
    last_left_s: float = -math.inf

    def flow(self) -> ClassFlow:
        """Return it as a value."""
        fates = self.delivered + self.expired + self.dropped + self.lost
        return ClassFlow(
            self.generated,
            self.delivered,
            self.delivered_bytes,
            self.generated - fates,
            self.expired,
            self.dropped,
            self.lost,
            self.air_bits,
        )


@dataclass(slots=True)
class UplinkTally:
    """What became of uplink frames; ``packet_bytes`` are those of authentic ones."""

    sent: int = 0
    lost: int = 0
    accepted: int = 0
    packet_bytes: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def accept(self, packet_bytes: int) -> None:
        """Count an authentic frame."""
        self.accepted += 1
        self.packet_bytes += packet_bytes

    def counts(self) -> UplinkCounts:
        """Return it as a value."""
        return UplinkCounts(self.sent, self.accepted, self.lost, dict(self.refused))
