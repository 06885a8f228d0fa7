"""Reads a recording: a CSV file of power and die temperature."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from payloads.calibration.traces import Trace
from rigs.errors import ScenarioError
from rigs.explain import visible

NEEDED, CLOCK = ("t_s", "power_w", "die_c"), "arm_clock_mhz"
EXAMPLE = "t_s,power_w,die_c[,arm_clock_mhz], for example 0,2.142,41.5,1800"
MOST_BYTES = 200_000_000
# column: (least, most, rule)
RANGES = {
    "t_s": (0.0, 1e10, "is no time in s; times start at 0 or later"),
    "power_w": (0.0, 1e4, "is no power of a board in W; it lies in 0..10000"),
    "die_c": (-273.15, 150.0, "is no die temperature in °C; it lies in -273.15..150"),
    CLOCK: (0.0, 1e5, "is no clock in MHz; it lies in 0..100000"),
}


def read_trace(path: Path) -> tuple[Trace, str]:
    """Return a recording and the SHA-256 of its file, as hex.

    Samples that repeat a stamp are averaged.

    Raises:
        ScenarioError: the file cannot be read, or is no such recording; in one line.
    """
    name = visible(str(path))
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise ScenarioError(f"{name}: is longer than {MOST_BYTES} bytes; cut it into parts")
        octets = path.read_bytes()
        text = octets.decode("utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{name}: {error.strerror}; name a CSV file of {EXAMPLE}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{name}: is not text in UTF-8; a recording is {EXAMPLE}") from error
    return parse_trace(text, path.name, name), sha256(octets).hexdigest()


def parse_trace(text: str, title: str, name: str) -> Trace:
    """Return the recording in ``text``, called ``name`` in messages.

    Raises:
        ScenarioError: it is no such recording.
    """
    lines = csv.reader(text.splitlines())
    header = [word.strip() for word in next(lines, [])]
    missing = [column for column in NEEDED if column not in header]
    if missing:
        raise ScenarioError(
            f"{name}: line 1: has no column {missing[0]}; the columns are {EXAMPLE}"
        )
    columns = [*NEEDED, *([CLOCK] if CLOCK in header else [])]
    try:
        rows = np.array(list(_rows(lines, header, columns, name)), dtype=np.float64)
    except csv.Error as error:
        raise ScenarioError(f"{name}: is no CSV ({error}); a recording is {EXAMPLE}") from error
    rows = _merged(rows.reshape(-1, len(columns)))
    try:
        clock = rows[:, 3] if len(columns) > len(NEEDED) else None
        return Trace(title, rows[:, 0], rows[:, 1], rows[:, 2], clock)
    except ValueError as error:
        raise ScenarioError(f"{name}: {error}") from error


def _rows(
    lines: Iterable[list[str]], header: list[str], columns: list[str], name: str
) -> Iterator[list[float]]:
    places = [(column, header.index(column)) for column in columns]
    last_s = -math.inf
    for number, words in enumerate(lines, start=2):
        if not words or not any(word.strip() for word in words):
            continue
        row = [_value(words, place, column, f"{name}: line {number}") for column, place in places]
        if row[0] < last_s:
            raise ScenarioError(
                f"{name}: line {number}: t_s = {row[0]:g} comes after {last_s:g}; "
                "times rise, or repeat where a stamp is duplicated"
            )
        last_s = row[0]
        yield row


def _value(words: list[str], place: int, column: str, where: str) -> float:
    word = words[place].strip() if place < len(words) else ""
    low, high, rule = RANGES[column]
    try:
        value = float(word)
    except ValueError:
        raise ScenarioError(
            f'{where}: {column} = "{visible(word)[:40]}" is no number; for example {EXAMPLE}'
        ) from None
    if not low <= value <= high:
        raise ScenarioError(f"{where}: {column} = {value:g} {rule}")
    return value


def _merged(
    rows: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return rows with the mean of those that repeat a stamp."""
    if not len(rows):
        return rows
    _, group = np.unique(rows[:, 0], return_inverse=True)
    total = np.zeros((int(group.max()) + 1, rows.shape[1]))
    np.add.at(total, group, rows)
    return np.asarray(total / np.bincount(group)[:, None]).reshape(total.shape[0], -1)
