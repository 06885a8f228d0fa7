"""What people injected into a flight or commanded, read from its records, to be flown again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firmware_bridge.faults import FaultEvent, FaultKind, FaultSite
from groundlink.contacts import WindowAction, WindowInjected
from groundlink.events import CommandRequested, UplinkInjected
from rigs.errors import ScenarioError
from rigs.records import Record, read_records

Injection = FaultEvent | WindowInjected | UplinkInjected | CommandRequested


def read_injections(path: Path) -> tuple[tuple[float, Injection], ...]:
    """Return the injections in a file of records, with their mission times.

    A fault that took effect lands again where it landed.

    Raises:
        ScenarioError: there are no records.
    """
    try:
        return tuple(_injections(read_records(path)))
    except OSError as error:
        rule = "name the results folder of a flight to replay, for example results/first-light-001"
        raise ScenarioError(f"{path}: {error.strerror}; {rule}") from error
    except (KeyError, IndexError, TypeError, ValueError) as error:
        what = "is not the record of a flight from its beginning on"
        raise ScenarioError(f"{path}: {what}: {error!r} is missing or out of place") from error


def _injections(records: Iterable[Record]) -> Iterable[tuple[float, Injection]]:
    waiting: list[Record] = []  # faults that have struck, and not landed yet
    for record in records:
        match record["what"]:
            case "window-injected":
                yield record["t_s"], _window(record)
            case "uplink-injected":
                yield record["t_s"], UplinkInjected(record["frame_hex"])
            case "command-requested" if not record["planned"]:
                yield record["t_s"], CommandRequested(record["payload"], record["request"])
            case "fault-event":
                waiting.append(record)
            case "fault-landed":
                struck = waiting.pop(0)
                if struck["injected"]:
                    yield struck["t_s"], _fault(struck, record["site"])
    yield from ((record["t_s"], _fault(record, None)) for record in waiting if record["injected"])


def _window(record: Record) -> WindowInjected:
    return WindowInjected(
        WindowAction(record["action"]),
        record["duration_s"],
        record["station"],
        record["rate_bps"],
        record["frame_loss"],
    )


def _fault(record: Record, site: dict[str, Any] | None) -> FaultEvent:
    return FaultEvent(
        payload=record["payload"],
        kind=FaultKind(record["kind"]),
        variates=tuple(record["variates"]),
        site=_site(site) if site is not None else None,
        injected=True,
    )


def _site(said: dict[str, Any]) -> FaultSite:
    return FaultSite(
        said["tensor"],
        tuple(said["index"]),
        tuple(said["bits"]),
        _number(said["before"]),
        _number(said["after"]),
    )


def _number(said: float | None) -> float:
    return float("nan") if said is None else said
