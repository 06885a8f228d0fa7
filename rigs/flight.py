"""One flight from its files to its results folder."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import tomli_w

from rigs.build import Options, build, versions
from rigs.clock import host_seconds
from rigs.errors import RigError, ScenarioError
from rigs.reading import Sheet
from rigs.records import Record, Records, read_records
from rigs.replay import read_injections
from rigs.rig import RigTable
from rigs.run import Rig, finish, run
from rigs.summary import Tally

RECORDS, SUMMARY, SCENARIO, REPORT = "records.jsonl", "summary.json", "scenario.toml", "report.html"
PRODUCTS, SESSION = "products", "session.toml"

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Landed:
    """A flight that is over: its results folder, its numbers, and whether it was broken off."""

    folder: Path
    summary: dict[str, Any]
    interrupted: bool


def fly(
    sheet: Sheet,
    rig_table: RigTable,
    folder: Path,
    progress: Progress,
    replayed: Path | None = None,
) -> Landed:
    """Fly a mission; results are in ``folder``, which must not hold a flight already.

    What was injected into the flight of the results folder ``replayed`` is
    injected again, at the same mission times.

    Ctrl-C ends the flight early, and its results say so.

    Raises:
        ScenarioError: the mission cannot be flown as its files say.
    """
    began_s, tally = host_seconds(), Tally()
    injections = read_injections(replayed / RECORDS) if replayed else ()
    with _results(folder) as stream:
        records = Records(stream, tally.add, _showing(progress))
        options = Options(rig_table, folder / PRODUCTS, folder / SESSION, injections=injections)
        with build(sheet, options, records) as rig:
            (folder / SCENARIO).write_text(_resolved(sheet), encoding="utf-8")
            with _stopped_by_ctrl_c(rig):
                run(rig)
            finish(rig)
    wall = {"wall_s": host_seconds() - began_s, "lateness_s": rig.lateness_s}
    summary = tally.summary() | wall
    write_summary(folder, summary)
    return Landed(folder, summary, rig.stopped)


@contextmanager
def _stopped_by_ctrl_c(rig: Rig) -> Iterator[None]:
    """Let the first Ctrl-C stop the flight between two events; a second one is Python's own.

    A KeyboardInterrupt could strike in the middle of an account.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        rig.stop()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _results(folder: Path) -> Iterator[BinaryIO]:
    """Give the stream of records; a mission that cannot be flown leaves no trace."""
    path, made = folder / RECORDS, not folder.exists()
    if path.exists():
        raise ScenarioError(f"{folder}: holds a flight already; name another folder with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = path.open("wb", buffering=0)
    except OSError as error:
        raise ScenarioError(f"{folder}: {error.strerror}; name a folder with --out") from error
    try:
        with stream:
            yield stream
    except (ScenarioError, RigError):
        path.unlink()
        if made:
            folder.rmdir()
        raise


def read_back(folder: Path) -> dict[str, Any]:
    """Return the numbers of a flight again, from its records alone; also of one that was killed.

    Raises:
        ScenarioError: there is no flight in ``folder``.
    """
    path = folder / RECORDS
    if not path.is_file():
        raise ScenarioError(f"{folder}: holds no {RECORDS}; name the results folder of a flight")
    tally = Tally()
    for record in read_records(path):
        tally.add(record)
    if not tally.start:
        raise ScenarioError(f"{path}: holds no flight; it begins with a flight-started record")
    summary = tally.summary()
    if (folder / SUMMARY).is_file():
        before = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        summary |= {key: before[key] for key in ("wall_s", "lateness_s") if key in before}
    return summary


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write `summary.json`."""
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def fresh_folder(name: str) -> Path:
    """Return a results folder for a scenario that is not there yet: ``results/name-001``."""
    taken = {path.name for path in Path("results").glob(f"{name}-*")}
    number = next(n for n in range(1, len(taken) + 2) if f"{name}-{n:03d}" not in taken)
    return Path("results") / f"{name}-{number:03d}"


def _resolved(sheet: Sheet) -> str:
    """Return the scenario with all that was said elsewhere: enough to fly it again."""
    values = sheet.scenario.model_dump(exclude_none=True) | {"versions": versions()}
    return tomli_w.dumps(values)


def _showing(progress: Progress) -> Callable[[Record], None]:
    def show(record: Record) -> None:
        if record["what"] == "housekeeping":
            progress(float(str(record["t_s"])))

    return show
