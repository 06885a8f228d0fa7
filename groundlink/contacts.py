"""Contacts: when a ground station can hear the satellite, and what changes that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Contact:
    """A station hears the satellite from AOS to LOS, at ``rate_bps`` bits per second.

    Raises:
        ValueError: LOS is not after AOS, or the rate is not positive.
    """

    station: str
    aos_s: float
    los_s: float
    rate_bps: float
    max_elevation_deg: float = math.nan

    def __post_init__(self) -> None:
        if not self.aos_s < self.los_s < math.inf:
            raise ValueError(
                f"contact with {self.station!r} has los_s = {self.los_s} and aos_s = {self.aos_s}; "
                "a contact needs aos_s < los_s"
            )
        if not 0.0 < self.rate_bps < math.inf:
            raise ValueError(
                f"contact with {self.station!r} has rate_bps = {self.rate_bps}; "
                "a rate is a positive number of bits per second"
            )

    @property
    def duration_s(self) -> float:
        """Return the time from AOS to LOS."""
        return self.los_s - self.aos_s


@dataclass(frozen=True, slots=True)
class AcquisitionOfSignal:
    """A station begins to hear the satellite."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class LossOfSignal:
    """A station hears the satellite no longer."""

    contact: Contact


class WindowAction(Enum):
    """What a person at the bench does to the sky."""

    OPEN = "open"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class WindowInjected:
    """A person opens a contact, or cuts contacts, for ``duration_s`` from this moment on.

    A cut without a ``station`` silences every station. An opened window
    without a ``rate_bps`` has the rate of the link.
    """

    action: WindowAction
    duration_s: float
    station: str | None = None
    rate_bps: float | None = None
