"""The two ends of the link, and the ledger that sees both."""

from __future__ import annotations

from dataclasses import dataclass

from groundlink.events import Dropped, LinkAction
from groundlink.ground import GroundEnd
from groundlink.ledger import Ledger
from groundlink.onboard import OnboardEnd
from groundlink.store import Stored


@dataclass(frozen=True, slots=True)
class Ends:
    """What stands at the two ends of the link."""

    onboard: OnboardEnd
    ground: GroundEnd
    ledger: Ledger

    def drop(self, gone: list[Stored]) -> list[LinkAction]:
        """Enter messages that the store gave up; return those that can come no more."""
        actions: list[LinkAction] = []
        for stored in gone:
            self.onboard.forget(stored.message.key)
            actions += self._forget(self.ledger.dropped(stored))
        return actions

    def lose(self, dropped: list[Dropped]) -> list[Dropped]:
        """Let nothing be kept, here or there, of messages whose last frame came to nothing."""
        for one in self._forget(dropped):
            self.onboard.store.forget((one.source, one.kind, one.sequence))
        return dropped

    def _forget(self, dropped: list[Dropped]) -> list[Dropped]:
        """Let the ground give up what has come of messages that will never be whole."""
        for one in dropped:
            self.ground.forget((one.source, one.kind, one.sequence))
        return dropped
