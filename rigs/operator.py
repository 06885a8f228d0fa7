"""What `highbay command` does: ask a mission in flight for a command, and say how it fares."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from groundlink.bench_control import SessionFile, command
from groundlink.commands import parse_request
from groundlink.endpoint import BrokerError
from groundlink.envelopes import CommandReport
from rigs.errors import RigError

Say = Callable[[str], None]


def ask(
    session: Path,
    payload: str,
    name: str,
    arguments: Iterable[str],
    not_after_s: float | None,
    wait_s: float,
    say: Say,
) -> bool:
    """Send a command; return whether it was carried out within ``wait_s`` host seconds.

    Raises:
        RigError: the command is none, or no mission answers there.
    """
    request = {"command": name, **dict(map(_argument, arguments))}
    if not_after_s is not None:
        request["not_after_s"] = not_after_s
    try:
        parse_request(payload, json.dumps(request | {"id": "check"}).encode())
        reports = command(SessionFile.read(session), payload, request, limit_s=wait_s)
        done = _tell(reports, say)
    except OSError as error:
        rule = "no mission flies there on the wall clock, or it has ended"
        raise RigError(f"{session}: {error.strerror}; {rule}") from error
    except (BrokerError, ValueError) as error:
        raise RigError(str(error)) from error
    if done is None:
        say(f"no word yet after {wait_s:g} s; the command waits for a contact, or for its turn")
    return bool(done)


def _tell(reports: Iterable[CommandReport], say: Say) -> bool | None:
    """Say each report; return how the last one went, None when none was the last."""
    for report in reports:
        verdict = "ok" if report.ok else f"failed: {report.reason}"
        say(f"{report.stage} {verdict}")
        if report.final:
            return report.ok
    return None


def _argument(said: str) -> tuple[str, object]:
    """Return the name and value of ``name=value``; a value that is JSON is what it says."""
    name, equals, text = said.partition("=")
    if not (name and equals):
        raise RigError(f"{said!r} is no argument like model=tile-sorter-int8")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text
