"""One flight from its files to its results folder."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import tomli_w

from groundlink.authentication import Key
from groundlink.events import UplinkInjected
from rigs.build import ONBOARD, Options, build, versions
from rigs.clock import host_seconds
from rigs.craft import Rig
from rigs.errors import RigError, ScenarioError
from rigs.reading import Sheet
from rigs.records import Record, Records, read_records
from rigs.replay import Injection, read_injections
from rigs.rig import RigTable
from rigs.run import finish, run
from rigs.summary import Tally

RECORDS, SUMMARY, SCENARIO, REPORT = "records.jsonl", "summary.json", "scenario.toml", "report.html"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Progress = Callable[[float], None]
Say = Callable[[str], None]


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
    say: Say = lambda line: None,
) -> Landed:
    """Fly a mission; results are in ``folder``, which must not hold a flight already.

    What was injected into the flight of the results folder ``replayed`` is
    injected again, at the same mission times. ``say`` is told whether a
    satellite goes on that has flown before, where the rig names a store.

    Ctrl-C ends the flight early, and its results say so.

    Raises:
        ScenarioError: the mission cannot be flown as its files say.
        RigError: the broker does not come up, the disk is full, or no satellite
            can keep anything in the folder of the store.
    """
    began_s, tally = host_seconds(), Tally()
    injections = read_injections(replayed / RECORDS) if replayed else ()
    with _results(folder) as stream:
        _check_store(rig_table.store)
        records = Records(stream, tally.add, _showing(progress), _telling(rig_table.store, say))
        key = _key_of(replayed, injections) if replayed else None
        options = Options(rig_table, folder, injections=injections, key=key)
        with build(sheet, options, records) as rig, _disk_of(folder):
            (folder / SCENARIO).write_text(_resolved(sheet), encoding="utf-8")
            try:
                with _stopped_by_signals(rig):
                    run(rig)
                finish(rig)
            finally:
                records.flush()
    wall = {"wall_s": host_seconds() - began_s, "lateness_s": rig.lateness_s}
    summary = tally.summary() | wall
    with _disk_of(folder):
        write_summary(folder, summary)
    return Landed(folder, summary, rig.stopped)


def _check_store(said: str | None) -> None:
    """Check that a folder which was named as a store is not something else.

    Raises:
        RigError: it is a file, or a results folder.
    """
    if said is None:
        return
    if Path(said).is_file():
        raise RigError(f"--store: {said} is a file; name a folder")
    if (Path(said) / RECORDS).exists():
        raise RigError(
            f"--store: {said} is a results folder, not what a satellite keeps; "
            f"did you mean {Path(said) / ONBOARD}?"
        )


def _key_of(replayed: Path, injections: Iterable[tuple[float, Injection]]) -> Key | None:
    """Return the key that a rehearsal left in its results folder, None if it left none.

    Raises:
        ScenarioError: frames were injected, which without the key cannot be judged again.
    """
    from rigs.rehearsal import KEY, shared_key

    keeps = replayed / ONBOARD
    if (keeps / KEY).exists():
        return shared_key(keeps)
    if any(isinstance(injection, UplinkInjected) for _, injection in injections):
        raise ScenarioError(
            f"{keeps / KEY}: is not there, and without it injected frames cannot be judged again; "
            "copy the key there from the folder that --store named"
        )
    return None


@contextmanager
def _stopped_by_signals(rig: Rig) -> Iterator[None]:
    """Let Ctrl-C, or an order to end, stop the flight between two events; a second one kills.

    A KeyboardInterrupt could strike in the middle of an account.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    if before[signal.SIGHUP] is signal.SIG_IGN:
        del before[signal.SIGHUP]  # somebody said nohup

    def stop(number: int, frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        rig.stop()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _disk_of(folder: Path) -> Iterator[None]:
    """Say in one line that the disk took no more; what was written until then stays."""
    try:
        yield
    except OSError as error:
        raise RigError(
            f"{folder}: {error.strerror or error}; what was flown until then is in {RECORDS}, "
            f"and `highbay report {folder}` reads it once there is room"
        ) from error


@contextmanager
def _results(folder: Path) -> Iterator[BinaryIO]:
    """Give the stream of records; a mission that never flew leaves no trace."""
    path = folder / RECORDS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = path.open("xb", buffering=0)
    except FileExistsError as error:
        what = "holds a flight already" if path.exists() else "is no folder"
        raise ScenarioError(f"{folder}: {what}; name another folder with --out") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioError(f"{folder}: {reason}; name a folder with --out") from error
    kept_before = (folder / ONBOARD).exists()  # of an earlier flight
    try:
        with stream:
            yield stream
    finally:
        if path.stat().st_size == 0:
            path.unlink()
            if not kept_before:
                shutil.rmtree(folder / ONBOARD, ignore_errors=True)
            with suppress(OSError):  # something else lies there
                folder.rmdir()


def read_back(folder: Path) -> dict[str, Any]:
    """Return the numbers of a flight again, from its records alone; also of one that was killed.

    Raises:
        ScenarioError: there is no flight in ``folder``.
    """
    path = folder / RECORDS
    if not path.is_file():
        raise ScenarioError(f"{folder}: holds no {RECORDS}; name the results folder of a flight")
    tally = Tally()
    try:
        for record in read_records(path):
            tally.add(record)
        summary = tally.summary()
    except (KeyError, TypeError, AttributeError) as error:
        what = "is not the record of a flight from its beginning on"
        raise ScenarioError(f"{path}: {what}: {error!r} is missing or out of place") from error
    return summary | _wall(folder / SUMMARY)


def _wall(path: Path) -> dict[str, Any]:
    """Return what of an earlier summary the records do not know: how long it took."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: before[key] for key in ("wall_s", "lateness_s") if key in before}


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write `summary.json`."""
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def fresh_folder(name: str) -> Path:
    """Make and return a results folder that was not there: ``results/name-001``, and so on."""
    number = 1
    while True:
        folder = Path("results") / f"{name}-{number:03d}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1  # somebody's, perhaps of a flight that began a moment ago
        except OSError as error:
            reason = f"{error.strerror}; name a folder with --out"
            raise ScenarioError(f"{folder}: {reason}") from error


def _resolved(sheet: Sheet) -> str:
    """Return the scenario with all that was said elsewhere: enough to fly it again."""
    values = sheet.scenario.model_dump(exclude_none=True) | {"versions": versions()}
    return tomli_w.dumps(values)


def _showing(progress: Progress) -> Callable[[Record], None]:
    def show(record: Record) -> None:
        if record["what"] == "housekeeping":
            progress(float(str(record["t_s"])))

    return show


def _telling(store: str | None, say: Say) -> Callable[[Record], None]:
    """Return what tells, as soon as the flight has begun, what its store held; without one nothing.

    It is called before the store is opened.
    """
    from rigs.rehearsal import STORE

    flown_before = store is not None and (Path(store) / STORE).exists()
    begun, found = store is None, 0

    def tell(record: Record) -> None:
        nonlocal begun, found
        if begun:
            return
        if record["what"] == "store-resumed":
            found = record["messages"]
        if record["what"] == "housekeeping":
            begun = True
            resumed = f"resumed {found} message{'s' * (found != 1)}"
            say(f"on-board store {store}: {resumed if flown_before else 'a new satellite'}")

    return tell
