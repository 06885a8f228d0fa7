"""The record of a flight: one JSON line for each thing that happened, written as it happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

import firmware_bridge.board as board
import groundlink.events as link
import payloads.events as onboard
import payloads.jobs as jobs
from firmware_bridge.faults import FaultEvent, FaultLanded
from firmware_bridge.telemetry import TelemetrySample
from groundlink.accounts import ContactAccount, LinkCounts
from groundlink.contacts import AcquisitionOfSignal, LossOfSignal, WindowInjected
from groundlink.source_data import REQUEST_ID_BYTES
from payloads.commands import CommandAnswered, ProductFetched
from rigs.errors import ScenarioError
from rigs.events import FlightEnded, FlightStarted, StoreResumed, SunlightChanged

Record = dict[str, Any]

# What is written down. Left out are wake-ups (a board's, a watchdog's, a frame's), which say
# nothing that the record of what followed does not say, and frames, which the link's accounts
# count; a job's result stands in `completed`.
RECORDED: tuple[type, ...] = (
    FlightStarted,
    FlightEnded,
    StoreResumed,
    SunlightChanged,
    onboard.BatteryCrossed,
    onboard.Housekeeping,
    onboard.ModeChanged,
    TelemetrySample,
    FaultEvent,
    FaultLanded,
    board.Booted,
    jobs.Released,
    jobs.JobLost,
    onboard.Completed,
    onboard.OvercurrentTripped,
    onboard.Reloaded,
    onboard.SetPoint,
    onboard.SwitchSupply,
    onboard.StartWork,
    onboard.TripCrossed,
    AcquisitionOfSignal,
    LossOfSignal,
    WindowInjected,
    link.OnboardPublished,
    link.ProgramState,
    link.ProgramReport,
    link.UplinkInjected,
    link.UplinkRefused,
    link.CommandRequested,
    link.CommandQueued,
    link.CommandRejected,
    link.CommandSent,
    link.CommandReleased,
    link.CommandRepeated,
    link.CommandProgress,
    CommandAnswered,
    ProductFetched,
    link.LinkChanged,
    link.Received,
    link.Dropped,
    link.FrameRefused,
    ContactAccount,
    LinkCounts,
)


class Recorder(Protocol):
    """What takes down what happens."""

    def write(self, t_s: float, thing: object) -> None:
        """Take down ``thing``, which happened at ``t_s``, if it is of a kind that is recorded."""
        ...

    def flush(self) -> None:
        """Let all that was taken down be kept, whatever happens next."""
        ...


def _words(name: str) -> str:
    """Return a class name as lower-case words: ``JobLost`` becomes ``job-lost``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


_NAMES = {kind: f'"what":"{_words(kind.__name__)}"'.encode() for kind in RECORDED}


class Records:
    """Writes records to a file, and shows each to listeners once it is written.

    Lines are written together when the flight has time, `flush`, or when there
    are many. The file should be unbuffered: then a kill loses nothing of them.
    """

    MOST_LINES = 256  # that wait

    def __init__(self, stream: BinaryIO | None, *listeners: Callable[[Record], None]) -> None:
        """Write to ``stream``, or only to ``listeners``."""
        self._stream, self._listeners = stream, listeners
        self._lines: list[bytes] = []
        heard = stream is not None or listeners  # else nothing need be written
        self._names = _NAMES if heard else {}

    def write(self, t_s: float, thing: object) -> None:
        """Write ``thing`` as one line, if it is of a kind that is recorded."""
        name = self._names.get(type(thing))
        if name is None:
            return
        rest = to_json(thing)[1:]
        comma = b"" if rest == b"}" else b","
        self._lines.append(b'{"t_s":%b,%b%b%b\n' % (to_json(t_s), name, comma, rest))
        if len(self._lines) >= self.MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what waits, and show it to the listeners."""
        lines, self._lines = self._lines, []
        if self._stream is not None and lines:
            rest = memoryview(b"".join(lines))
            while rest:  # a disk that fills up takes a part
                rest = rest[self._stream.write(rest) :]
        for listener in self._listeners:
            for line in lines:
                listener(orjson.loads(line))


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a flight, up to a line that a kill cut short, or that still grows.

    Raises:
        ScenarioError: a line is damaged.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            yield _record(line, path, number)


def _record(line: bytes, path: Path, number: int) -> Record:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ScenarioError(f"{path}: line {number} is damaged: {error}") from error
    if not isinstance(record, dict) or not {"t_s", "what"} <= set(record):
        raise ScenarioError(f"{path}: line {number} is no record; one has t_s and what")
    return record


def to_json(value: object) -> bytes:
    """Return ``value`` as JSON: of bytes their length, or an id; what is not finite is null."""
    return orjson.dumps(value, default=_brief)


def _brief(value: object) -> int | str:
    if isinstance(value, bytes):
        return value.hex() if len(value) == REQUEST_ID_BYTES else len(value)
    raise TypeError(f"{type(value).__name__} has no place in a record")
