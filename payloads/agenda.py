"""What waits for a payload's board, and in which order it is taken up."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from firmware_bridge.board import WorkOrder
from payloads.commands import CommandIssued
from payloads.jobs import Job

MOST_ERRANDS = 100  # that wait; more commands at once come from somebody who is in error


class Reload(Enum):
    """A reload of the model, as work that waits."""

    REGULAR = "regular"


@dataclass(frozen=True, slots=True)
class Errand:
    """Work that a command asks for."""

    issued: CommandIssued
    order: WorkOrder


Undertaking = Job | Errand | Reload


class Agenda:
    """Keeps what waits: the regular reload goes first, then errands, then jobs, by age."""

    def __init__(self, queue_length: int) -> None:
        """Start with nothing to do; ``queue_length`` is how many jobs may wait."""
        self._queue_length = queue_length
        self._reload = False
        self._errands: deque[Errand] = deque()
        self._jobs: deque[Job] = deque()

    @property
    def full(self) -> bool:
        """Return whether no further errand may wait."""
        return len(self._errands) >= MOST_ERRANDS

    def add_job(self, job: Job) -> Job | None:
        """Let a job wait; return the oldest one if it has to leave for it."""
        self._jobs.append(job)
        return self._jobs.popleft() if len(self._jobs) > self._queue_length else None

    def add_errand(self, errand: Errand) -> None:
        """Let an errand wait."""
        self._errands.append(errand)

    def add_reload(self) -> None:
        """Let a reload wait; two that wait are one."""
        self._reload = True

    def forget_reload(self) -> None:
        """Let no reload wait: a boot will do the same."""
        self._reload = False

    def take(self) -> Undertaking | None:
        """Take what is to be done next, None if nothing waits."""
        if self._reload:
            self._reload = False
            return Reload.REGULAR
        if self._errands:
            return self._errands.popleft()
        return self._jobs.popleft() if self._jobs else None

    def clear(self) -> tuple[list[Job], list[Errand]]:
        """Let nothing wait; return what did."""
        jobs, errands = list(self._jobs), list(self._errands)
        self._jobs.clear()
        self._errands.clear()
        self._reload = False
        return jobs, errands
