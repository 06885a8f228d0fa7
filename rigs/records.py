"""The record of a flight: one JSON line for each thing that happened, written as it happens."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import firmware_bridge.board as board
import groundlink.events as link
import payloads.events as onboard
import payloads.jobs as jobs
from firmware_bridge.faults import FaultEvent, FaultLanded
from firmware_bridge.telemetry import TelemetrySample
from groundlink.accounts import LinkCounts
from groundlink.contacts import AcquisitionOfSignal, LossOfSignal, WindowInjected
from rigs.events import FlightEnded, FlightStarted, SunlightChanged

Record = dict[str, Any]

# What is written down. Left out are wake-ups (a board's, a watchdog's, a frame's), which say
# nothing that the record of what followed does not say, and frames, which the link's accounts
# count; a job's result stands in `completed`.
RECORDED: tuple[type, ...] = (
    FlightStarted,
    FlightEnded,
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
    link.LinkChanged,
    link.Received,
    link.Dropped,
    link.FrameRefused,
    LinkCounts,
)


class Recorder(Protocol):
    """What takes down what happens."""

    def write(self, t_s: float, thing: object) -> None:
        """Take down ``thing``, which happened at ``t_s``, if it is of a kind that is recorded."""
        ...


class Records:
    """Writes records to a file and shows each to listeners.

    The file should be unbuffered: then a kill loses nothing that was written.
    """

    def __init__(self, stream: BinaryIO | None, *listeners: Callable[[Record], None]) -> None:
        """Write to ``stream``, or only to ``listeners``."""
        self._stream, self._listeners = stream, listeners
        self._names = {kind: _words(kind.__name__) for kind in RECORDED}

    def write(self, t_s: float, thing: object) -> None:
        """Write ``thing`` as one line, if it is of a kind that is recorded."""
        name = self._names.get(type(thing))
        if name is None:
            return
        record: Record = {"t_s": t_s, "what": name}
        record |= _CONVERTERS[type(thing)](thing)
        if self._stream is not None:
            self._stream.write((_ENCODE(record) + "\n").encode())
        for listener in self._listeners:
            listener(record)


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a flight; a last line that was cut short by a kill is passed over."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def plain(value: object) -> object:
    """Return ``value`` as JSON knows it; bytes become their length, what is not finite null."""
    return _CONVERTERS[type(value)](value)


def _as_it_is(value: object) -> object:
    return value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _table(value: Mapping[str, object]) -> Record:
    return {key: plain(item) for key, item in value.items()}


def _items(value: Iterable[object]) -> list[object]:
    return [plain(item) for item in value]


def _fields_of(kind: type) -> Callable[[Any], Record]:
    names = tuple(field.name for field in fields(kind))
    return lambda value: {name: plain(getattr(value, name)) for name in names}


_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class _Converters(dict[type, Callable[[Any], Any]]):
    """How values of each type become JSON; an enumeration or a dataclass is learnt on sight."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        self[kind] = attrgetter("value") if issubclass(kind, Enum) else _fields_of(kind)
        return self[kind]


_CONVERTERS = _Converters(
    {
        float: _finite,
        str: _as_it_is,
        int: _as_it_is,
        bool: _as_it_is,
        type(None): _as_it_is,
        bytes: len,
        dict: _table,
        tuple: _items,
        list: _items,
    }
)


def _words(name: str) -> str:
    """Return a class name as lower-case words: ``JobLost`` becomes ``job-lost``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
