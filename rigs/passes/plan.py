"""The contacts of a mission with what each can carry: what the table and the plots show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from groundlink.contacts import Contact
from rigs.environment.profile import UNKNOWN, Profile

HOUR_S, DAY_S = 3600.0, 86_400.0
TICKS_S = (
    10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, HOUR_S, 2 * HOUR_S, 3 * HOUR_S,
    6 * HOUR_S, 12 * HOUR_S, DAY_S, 2 * DAY_S, 5 * DAY_S, 10 * DAY_S, 30 * DAY_S, 90 * DAY_S,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """A contact as far as the mission lasts, and what the station sees of it."""

    contact: Contact
    profile: Profile
    until_s: float
    volume_kb: float
    starts_before: bool
    ends_after: bool

    @property
    def station(self) -> str:
        """Return the station's name."""
        return self.contact.station

    @property
    def from_s(self) -> float:
        """Return the AOS."""
        return self.contact.aos_s

    @property
    def duration_s(self) -> float:
        """Return the time from AOS to LOS or the mission's end."""
        return self.until_s - self.from_s

    @property
    def max_elevation_deg(self) -> float:
        """Return the highest elevation, of a given plan to 1°; not a number where unknown."""
        if math.isnan(self.contact.max_elevation_deg) and self.profile.known:
            return float(self.profile.elevation_deg.max())
        return self.contact.max_elevation_deg

    @property
    def rates_bps(self) -> tuple[float, float]:
        """Return the lowest and the highest rate."""
        contact = self.contact
        rates = {contact.rate_at(contact.aos_s), *(bps for _, bps in contact.rates)}
        return min(rates), max(rates)


@dataclass(frozen=True, slots=True)
class Heard:
    """How long the satellite is heard, and what fits into that time."""

    seconds: float
    volume_kb: float


@dataclass(frozen=True, slots=True, eq=False)
class ContactPlan:
    """The passes of a mission in order of AOS; times are mission seconds, ``start`` is UTC."""

    name: str
    start: datetime
    horizon_s: float
    acquisition_s: float
    passes: tuple[Pass, ...]

    @classmethod
    def of(
        cls,
        name: str,
        start: datetime,
        horizon_s: float,
        acquisition_s: float,
        contacts: Sequence[Contact],
        profiles: Sequence[Profile] = (),
    ) -> ContactPlan:
        """Return the plan of what happens of ``contacts`` before the mission ends.

        ``profiles`` has one entry per contact, or none at all.
        """
        seen = profiles or [UNKNOWN] * len(contacts)
        passes = [
            _pass(contact, profile, horizon_s, acquisition_s)
            for contact, profile in zip(contacts, seen, strict=True)
            if contact.aos_s < horizon_s
        ]
        passes.sort(key=lambda p: (p.from_s, p.station))
        return cls(name, start.astimezone(timezone.utc), horizon_s, acquisition_s, tuple(passes))

    @property
    def stations(self) -> list[str]:
        """Return the names of the stations in order of their first contact."""
        return list(dict.fromkeys(p.station for p in self.passes))

    def over(self, station: str) -> ContactPlan:
        """Return the plan of one station."""
        mine = tuple(p for p in self.passes if p.station == station)
        return ContactPlan(self.name, self.start, self.horizon_s, self.acquisition_s, mine)

    @property
    def heard(self) -> Heard:
        """Return the sums over one station at a time, as the satellite has one transmitter.

        The first station to acquire keeps it until LOS; then the next acquires.
        """
        seconds = volume_kb = free_s = 0.0
        for contact in self.passes:
            if contact.until_s > free_s:
                from_s = max(contact.from_s, free_s)
                seconds += contact.until_s - from_s
                volume_kb += _volume_kb(
                    contact.contact, from_s + self.acquisition_s, contact.until_s
                )
                free_s = contact.until_s
        return Heard(seconds, volume_kb)

    @property
    def overlaps(self) -> bool:
        """Return whether two stations hear the satellite at once."""
        return any(b.from_s < a.until_s for a, b in pairwise(self.passes))

    def moment(self, t_s: float) -> datetime:
        """Return the date and time, UTC, to the nearest second."""
        exact = self.start + timedelta(seconds=t_s + 0.5)
        return exact.replace(microsecond=0)

    @property
    def midnight_s(self) -> float:
        """Return the mission time, not above zero, of the midnight before the start."""
        start = self.start
        whole_s = start.hour * HOUR_S + start.minute * 60.0 + start.second
        return -(whole_s + start.microsecond * 1e-6)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return times and words of at most ``most`` round moments, UTC, within the mission."""
        step_s = next((s for s in TICKS_S if self.horizon_s / s <= most), TICKS_S[-1])
        first = math.ceil(-self.midnight_s / step_s)
        last = int((self.horizon_s - self.midnight_s) // step_s)
        moments = [self.midnight_s + k * step_s for k in range(first, last + 1)]
        style = "%d %b" if step_s >= DAY_S else "%H:%M" if step_s >= 60.0 else "%H:%M:%S"
        return [(t_s, self.moment(t_s).strftime(style)) for t_s in moments]


def _pass(contact: Contact, profile: Profile, horizon_s: float, acquisition_s: float) -> Pass:
    until_s = min(contact.los_s, horizon_s)
    volume_kb = _volume_kb(contact, contact.aos_s + acquisition_s, until_s)
    starts_before, ends_after = contact.aos_s <= 0.0, contact.los_s >= horizon_s
    return Pass(contact, profile, until_s, volume_kb, starts_before, ends_after)


def _volume_kb(contact: Contact, from_s: float, until_s: float) -> float:
    return contact.bits_between(from_s, until_s) / 8e3 if from_s < until_s else 0.0
