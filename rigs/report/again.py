"""Whether a scenario alone flies a flight again, or people and programs had a part in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]

NOUNS = {"window": "contact or outage", "fault": "fault", "frame": "frame on the uplink",
         "command": "command"}  # fmt: skip
PLURALS = {"window": "contacts or outages", "frame": "frames on the uplink"}


class Again:
    """Follows through the records what no scenario says: the deeds of people, and programs."""

    def __init__(self) -> None:
        """Start with a flight of its own accord."""
        self.programs = False
        self.resumed = False  # an earlier flight left messages in the store
        self._deeds: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Take in one record; kinds that the scenario brings about are passed over."""
        match record["what"]:
            case "flight-started":
                self.programs = bool(record.get("programs"))
            case "store-resumed":
                self.resumed = True
            case "window-injected":
                self._deeds["window"] += 1
            case "fault-event" if record["injected"]:
                self._deeds["fault"] += 1
            case "uplink-injected":
                self._deeds["frame"] += 1
            case "command-requested" if not record["planned"]:
                self._deeds["command"] += 1

    @property
    def alone(self) -> bool:
        """Return whether the scenario alone brings about the same records."""
        return not (self._deeds or self.programs or self.resumed)

    @property
    def deeds(self) -> str:
        """Return in words what people did by hand; empty if nothing."""
        told = [
            f"{count:,} {NOUNS[what] if count == 1 else PLURALS.get(what, NOUNS[what] + 's')}"
            for what, count in self._deeds.items()
        ]
        return " and ".join(filter(None, (", ".join(told[:-1]), *told[-1:])))

    @property
    def missing(self) -> str:
        """Return in a sentence what is not flown again; empty if nothing."""
        lacks = (["the messages of programs"] if self.programs else []) + (
            ["what an earlier flight left in the store"] if self.resumed else []
        )
        return f"Not flown again: {', and '.join(lacks)}." if lacks else ""
