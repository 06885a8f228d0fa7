"""A rig: everything that flies together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from firmware_bridge.board import Board
from firmware_bridge.clock import Clock
from groundlink.events import OnboardPublished
from groundlink.gateway import Gateway
from groundlink.injector import Ack, Injector
from groundlink.journal import Journal, StoreError
from groundlink.messages import Key
from groundlink.session import LinkSession
from payloads.satellite import Satellite
from rigs.archive import Archive
from rigs.clock import host_seconds
from rigs.commanding import Commanding
from rigs.downlink import Downlink
from rigs.records import Recorder
from rigs.timeline import Timeline

RETRY_S = 1.0  # host seconds; a full disk is not asked at every look
AT_ONCE = 32  # messages, so that few acknowledgements wake the gate


class Unsure(NamedTuple):
    """A message of a program that is in the store, and not durable yet."""

    key: Key
    published: OnboardPublished


@dataclass(slots=True)
class Rig:
    """Everything that flies together, put together by `rigs.build`."""

    clock: Clock
    timeline: Timeline
    satellite: Satellite
    boards: Mapping[str, Board]
    session: LinkSession
    journal: Journal
    program_trouble: Callable[[], str]
    gateway: Gateway
    downlink: Downlink
    commanding: Commanding
    archive: Archive
    injector: Injector
    acknowledge: Callable[[Ack], None]
    records: Recorder
    horizon_s: float
    lateness_s: float = 0.0  # the most that the clock was behind, mission seconds
    stopped: bool = False
    unsaved: bool = False  # something came into the store since it was made durable
    unsure: list[Unsure] = field(default_factory=list)  # stored, but not for good yet
    unstored: list[OnboardPublished] = field(default_factory=list)  # that the store failed to keep
    kept_s: float = 0.0  # host time of the last look at what is to be kept
    told_s: float = 0.0  # likewise, at which programs were told the counts
    retry_s: float = 0.0  # likewise, from which on a store that failed is tried again
    store_trouble: str = ""  # why the store was not durable at some time

    def stop(self) -> None:
        """End the flight before the next event; nothing is left half done."""
        self.stopped = True
        self.clock.interrupt()

    def save(self) -> None:
        """Make durable what is stored on board, and only then acknowledge it.

        Where the disk takes no more, programs wait for their answers until it does, and
        then say again what was not stored.
        """
        self.unsaved = False
        self._let_ground_keep()
        try:
            self.journal.commit()
        except StoreError as error:
            self.store_trouble = f"on-board store {error}"
            self.unsaved, self.retry_s = True, host_seconds() + RETRY_S
            return
        self._acknowledge(len(self.unsure))
        if self.unstored:
            self.gateway.refused(self.unstored)
            self.unstored = []

    def acknowledge_received(self) -> None:
        """Acknowledge what the ground has, once that are many: the store need not keep it."""
        if len(self.unsure) >= AT_ONCE and self.journal.is_safe(self.unsure[AT_ONCE - 1].key):
            self._let_ground_keep()
            is_safe = self.journal.is_safe
            self._acknowledge(sum(1 for _ in takewhile(lambda u: is_safe(u.key), self.unsure)))

    def _let_ground_keep(self) -> None:
        """Let the ground have on disk what came down: only then may the store forget it."""
        self.records.flush()
        self.archive.flush()

    def _acknowledge(self, count: int) -> None:
        """Acknowledge the first messages that wait for it."""
        if count:
            self.gateway.stored([unsure.published for unsure in self.unsure[:count]])
            del self.unsure[:count]
