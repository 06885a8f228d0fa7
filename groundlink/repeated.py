"""Which classes of messages are repeated until the ground has said that they came."""

from __future__ import annotations

from groundlink.messages import MessageKind
from groundlink.rules import Rules


class Repeated(dict[tuple[str, MessageKind], bool]):
    """Whether a class, a source and a kind, asks for repetition; looked up once for each."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, key: tuple[str, MessageKind]) -> bool:
        repeat = self[key] = self._rules.of(*key).repeat
        return repeat
