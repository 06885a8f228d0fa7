"""A rig: everything that flies together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from firmware_bridge.board import Board
from firmware_bridge.clock import Clock
from groundlink.events import Receipt
from groundlink.gateway import Gateway
from groundlink.injector import Ack, Injector
from groundlink.journal import Journal, StoreError
from groundlink.session import LinkSession
from payloads.satellite import Satellite
from rigs.archive import Archive
from rigs.commanding import Commanding
from rigs.downlink import Downlink
from rigs.records import Recorder
from rigs.timeline import Timeline


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
    receipts: list[Receipt] = field(default_factory=list)  # stored, but not for good yet
    unstored: list[Receipt] = field(default_factory=list)  # that the store failed to keep
    store_trouble: str = ""  # why the store was not durable at some time

    def stop(self) -> None:
        """End the flight before the next event; nothing is left half done."""
        self.stopped = True
        self.clock.interrupt()

    def save(self) -> None:
        """Make durable what is stored on board, and only then acknowledge it.

        Where the disk takes no more, programs wait for their receipts until it does, and
        then say again what was not stored.
        """
        self.unsaved = False
        self.records.flush()  # only then may the store forget what the ground has
        try:
            self.journal.commit()
        except StoreError as error:
            self.store_trouble = f"on-board store {error}"
            return
        if self.receipts:
            self.gateway.stored(self.receipts)
            self.receipts = []
        if self.unstored:
            self.gateway.refused(self.unstored)
            self.unstored = []
