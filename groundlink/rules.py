"""How the on-board store treats each class of messages: a class is a source and a kind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from groundlink.messages import MessageKind

HIGHEST_PRIORITY = 7


class DropPolicy(Enum):
    """Which message gives way when a new one does not fit into the store."""

    LOWEST_PRIORITY = "lowest-priority"  # the oldest of the lowest priority, never a higher one
    OLDEST = "oldest"  # the oldest of the same class
    NEWEST = "newest"  # the new one itself


@dataclass(frozen=True, slots=True)
class ClassRules:
    """The rules of one class.

    ``priority`` runs from 0 to 7; the highest leaves first. A message older
    than ``ttl_s`` is not sent any more. With ``repeat`` it stays on board until
    the ground has said that all of it came.

    Raises:
        ValueError: the priority or the time to live is none.
    """

    priority: int
    ttl_s: float = math.inf
    drop: DropPolicy = DropPolicy.LOWEST_PRIORITY
    repeat: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.priority <= HIGHEST_PRIORITY:
            raise ValueError(f"priority = {self.priority} is outside 0..{HIGHEST_PRIORITY}")
        if not self.ttl_s > 0.0:
            raise ValueError(f"ttl_s = {self.ttl_s}; a message lives longer than no time")


BY_KIND = {
    MessageKind.REPORT: ClassRules(7, repeat=True),  # a lost one would cost commands
    MessageKind.EVENT: ClassRules(7),
    MessageKind.TELEMETRY: ClassRules(5),
    MessageKind.PRODUCT: ClassRules(3),
}
DEFAULTS: Mapping[str, ClassRules] = {
    **{kind.value: rules for kind, rules in BY_KIND.items()},
    "obc/tm": ClassRules(6),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of every class, by ``source/kind``, or by ``kind`` for all other sources."""

    named: Mapping[str, ClassRules] = field(default_factory=lambda: DEFAULTS)

    def of(self, source: str, kind: MessageKind) -> ClassRules:
        """Return the rules of a class."""
        named = self.named
        return named.get(f"{source}/{kind.value}") or named.get(kind.value) or BY_KIND[kind]
