"""Messages: what a payload, or the satellite itself, has to say to the ground."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

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
    REPORT = "tcr"  # how a telecommand fares: accepted, started, completed or failed

    # Members are equal only to themselves; Enum's own hash is Python code, run for every frame.
    __hash__ = object.__hash__


Key = tuple[str, MessageKind, int]


@dataclass(frozen=True, slots=True)
class Message:
    """A message for the ground.

    ``source`` names a payload, or ``obc`` for the satellite itself. Source and
    kind are the message's class, within which ``sequence`` rises.
    ``generated_s`` is mission elapsed time, to the microsecond.

    Raises:
        ValueError: the source, time or sequence cannot be sent.
    """

    kind: MessageKind
    source: str
    sequence: int
    generated_s: float
    body: bytes

    def __post_init__(self) -> None:
        if not is_name(self.source):
            raise ValueError(
                f"message source {self.source!r} is not 1 to 32 characters of a-z, 0-9, _ and -"
            )
        if not math.isfinite(self.generated_s):
            raise ValueError(f"message generated_s = {self.generated_s} is not a time")
        if not 0 <= self.sequence <= LARGEST_SEQUENCE:
            raise ValueError(f"message sequence {self.sequence} is outside 0..{LARGEST_SEQUENCE}")

    @property
    def key(self) -> Key:
        """Return what tells this message from every other."""
        return self.source, self.kind, self.sequence
