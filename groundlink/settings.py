"""How the link works, beside what each contact says."""

from __future__ import annotations

import math
from dataclasses import dataclass

from groundlink.contacts import Contact
from groundlink.turns import SHARE

WORD_BYTES = 256  # of an uplink frame with the longest word of the link
PATIENCE_S = 1.0  # beyond what a word takes to cross the link, before it is asked for again


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """The settings of both directions.

    The first frame leaves ``acquisition_s`` after AOS. In half duplex the two
    ends take turns, and each turn costs ``turnaround_s`` and the light time.
    ``light_time_s`` is the delay where a contact's range is not known,
    ``window_rate_bps`` the rate of an injected window that names none.

    Raises:
        ValueError: a rate is not positive, or a time negative.
    """

    window_rate_bps: float
    uplink_bps: float
    acquisition_s: float = 0.0
    half_duplex: bool = False
    turnaround_s: float = 0.0
    light_time_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("window_rate_bps", "uplink_bps"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is no rate in bits per second")
        for name in ("acquisition_s", "turnaround_s", "light_time_s"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is no duration in seconds")

    def patience_s(self, contact: Contact, frame_bytes: int) -> float:
        """Return how long an answer may take: there and back, each behind a frame, and a second.

        In half duplex it waits for the satellite to yield its turn, too.
        """
        light_s = max((light_s for _, light_s in contact.light), default=self.light_time_s)
        slowest_bps = min([contact.rate_bps, *(rate_bps for _, rate_bps in contact.rates)])
        down_s, up_s = 8 * frame_bytes / slowest_bps, 8 * WORD_BYTES / self.uplink_bps
        turns = 2.0 * (1.0 + SHARE) if self.half_duplex else 0.0
        turns_s = turns * (self.turnaround_s + light_s)
        return 2.0 * (light_s + down_s + up_s) + turns_s + PATIENCE_S
