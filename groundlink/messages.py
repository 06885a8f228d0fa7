"""Messages: what a payload, or the satellite itself, has to say to the ground."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

HIGHEST_PRIORITY = 7
LARGEST_SEQUENCE = 2**32 - 1

_NAME = re.compile(r"[a-z0-9_-]{1,32}")


@lru_cache(maxsize=1024)
def is_name(text: str) -> bool:
    """Return whether ``text`` can name a payload, a satellite or a rig in a topic."""
    return _NAME.fullmatch(text) is not None


class MessageKind(Enum):
    """What a message is about; the value is its last topic level on the ground."""

    TELEMETRY = "tm"
    EVENT = "ev"
    PRODUCT = "prod"

    # Members are equal only to themselves; Enum's own hash is Python code, run for every frame.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Message:
    """A message for the ground.

    ``source`` names a payload, or ``obc`` for the satellite itself.
    ``sequence`` rises within one kind and source. ``priority`` runs from 0
    to 7; the highest leaves first.

    Raises:
        ValueError: the source, time, sequence or priority cannot be sent.
    """

    kind: MessageKind
    source: str
    sequence: int
    generated_s: float
    body: bytes
    priority: int

    def __post_init__(self) -> None:
        if not is_name(self.source):
            raise ValueError(
                f"message source {self.source!r} is not 1 to 32 characters of a-z, 0-9, _ and -"
            )
        if not math.isfinite(self.generated_s):
            raise ValueError(f"message generated_s = {self.generated_s} is not a time")
        if not 0 <= self.sequence <= LARGEST_SEQUENCE:
            raise ValueError(f"message sequence {self.sequence} is outside 0..{LARGEST_SEQUENCE}")
        if not 0 <= self.priority <= HIGHEST_PRIORITY:
            raise ValueError(f"message priority {self.priority} is outside 0..{HIGHEST_PRIORITY}")
