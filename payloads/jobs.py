"""Jobs: what a payload is asked to do, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import count


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work, released at a moment of the mission.

    ``deadline_s`` is the mission time after which a result is late.
    """

    number: int
    stream: str
    released_s: float
    deadline_s: float
    preparation_s: float


@dataclass(frozen=True, slots=True)
class JobStream:
    """Jobs released at a fixed period in [``start_s``, ``until_s``)."""

    name: str
    period_s: float
    start_s: float
    until_s: float
    deadline_s: float  # after release
    preparation_s: float

    def releases_s(self) -> Iterator[float]:
        """Return the release times, each computed from the first, never accumulated."""
        for k in count():
            t_s = self.start_s + k * self.period_s
            if t_s >= self.until_s:
                return
            yield t_s


def release_plan(streams: tuple[JobStream, ...]) -> list[Job]:
    """Return the jobs of all streams in order of release, numbered from 1."""
    releases = sorted(
        (t_s, rank) for rank, stream in enumerate(streams) for t_s in stream.releases_s()
    )
    return [
        Job(
            number,
            streams[rank].name,
            t_s,
            t_s + streams[rank].deadline_s,
            streams[rank].preparation_s,
        )
        for number, (t_s, rank) in enumerate(releases, start=1)
    ]


class Loss(Enum):
    """Why a job was lost."""

    POWER = "power"  # the supply was cut while it ran or waited
    WATCHDOG = "watchdog"  # the board hung on it
    BREAKER = "breaker"  # the supply was cycled while it ran, because of a latch-up
    QUEUE_FULL = "queue-full"


@dataclass(frozen=True, slots=True)
class ReleaseDue:
    """A job is to be released, if its stream runs."""

    payload: str
    job: Job


@dataclass(frozen=True, slots=True)
class Released:
    """A job is there to be done."""

    payload: str
    job: Job


@dataclass(frozen=True, slots=True)
class JobLost:
    """A job will never be finished."""

    payload: str
    job: int
    reason: Loss
