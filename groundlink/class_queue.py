"""The queue of one class of messages in the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from groundlink.rules import ClassRules

if TYPE_CHECKING:
    from groundlink.store import Stored


class ClassQueue:
    """The messages of a class that wait, oldest first, and the class's rules.

    ``priority`` begins as the rules have it. A message may leave from the
    middle in constant time.
    """

    __slots__ = ("_by_serial", "drop", "priority", "ttl_s", "waiting_bytes")

    def __init__(self, rules: ClassRules) -> None:
        self.priority, self.ttl_s, self.drop = rules.priority, rules.ttl_s, rules.drop
        self.waiting_bytes = 0
        self._by_serial: OrderedDict[int, Stored] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._by_serial)

    @property
    def oldest(self) -> Stored:
        """Return the oldest message; there must be one."""
        return next(iter(self._by_serial.values()))

    def append(self, stored: Stored) -> None:
        """Let the youngest message wait."""
        stored.waiting = True
        self._by_serial[stored.serial] = stored
        self.waiting_bytes += stored.cost_bytes

    def insert(self, stored: Stored) -> None:
        """Let a message wait that waited before: behind its elders, ahead of the rest."""
        elders = []
        while self and self.oldest.serial < stored.serial:
            elders.append(self._by_serial.popitem(last=False))
        self.append(stored)
        for serial, elder in [(stored.serial, stored), *reversed(elders)]:
            self._by_serial[serial] = elder
            self._by_serial.move_to_end(serial, last=False)

    def remove(self, stored: Stored) -> None:
        """Let a message wait no longer."""
        stored.waiting = False
        del self._by_serial[stored.serial]
        self.waiting_bytes -= stored.cost_bytes


def first(queues: Iterable[ClassQueue]) -> ClassQueue | None:
    """Return the queue with the oldest message, of the first priority of which any waits.

    Queues of one priority must follow each other.
    """
    best: ClassQueue | None = None
    serial = 0
    for queue in queues:
        if best is not None and queue.priority != best.priority:
            break
        if queue and (best is None or queue.oldest.serial < serial):
            best, serial = queue, queue.oldest.serial
    return best
