"""The sky as the satellite's transmitter sees it: which station to talk to."""

from __future__ import annotations

import math

from groundlink.contacts import Contact


class Sky:
    """The contacts in view, and the cuts that a person laid over them.

    Where several stations see the satellite, the one that acquired it first
    has it until its LOS or a cut; then the next, in order of acquisition.
    """

    def __init__(self) -> None:
        self._in_view: list[Contact] = []  # in order of acquisition
        self._cut_until_s: dict[str | None, float] = {}  # None: every station
        self._using: Contact | None = None

    def acquire(self, contact: Contact) -> None:
        """Let a contact into view."""
        self._in_view.append(contact)

    def lose(self, contact: Contact) -> None:
        """Let a contact out of view; one that is not in view changes nothing."""
        if contact in self._in_view:
            self._in_view.remove(contact)

    def lose_station(self, station: str) -> None:
        """Let the contacts of a station out of view."""
        self._in_view = [contact for contact in self._in_view if contact.station != station]

    def cut(self, station: str | None, until_s: float) -> None:
        """Silence a station, or with None all of them; a longer cut stays."""
        self._cut_until_s[station] = max(until_s, self._cut_until_s.get(station, -math.inf))

    def mend(self) -> None:
        """End every cut."""
        self._cut_until_s.clear()

    def choose(self, t_s: float) -> Contact | None:
        """Return the contact to use from ``t_s`` on; None when no station hears us."""
        audible = [contact for contact in self._in_view if self._opens_s(contact) <= t_s]
        if self._using not in audible:
            self._using = audible[0] if audible else None
        return self._using

    def next_change_s(self, t_s: float) -> float:
        """Return when the next cut of a contact in view ends; infinite where none does."""
        ends_s = (self._opens_s(contact) for contact in self._in_view)
        return min((end_s for end_s in ends_s if end_s > t_s), default=math.inf)

    def _opens_s(self, contact: Contact) -> float:
        cuts = self._cut_until_s
        return max(cuts.get(None, -math.inf), cuts.get(contact.station, -math.inf))
