"""How the host words what it says on the buses, and reads what programs say to it.

What it says often is written without the models of `envelopes`, which it obeys.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TypeVar

import orjson
from pydantic import ValidationError

from groundlink.envelopes import ProgramReportSaid, ProgramStateSaid, Said
from groundlink.events import CommandProgress, CommandRejected, LinkChanged, Received
from groundlink.messages import MessageKind
from groundlink.topics import VERSION, is_id

LARGEST_SAYING = 4096  # bytes of a program's state or report, and of an operator's request
UNNAMED = "unnamed"  # the id under which a request is answered whose own cannot be read

_SaidT = TypeVar("_SaidT", bound=Said)


def ground_envelope(satellite: str, received: Received) -> bytes:
    """Return a received message as JSON: a `GroundMessage`."""
    message = received.message
    envelope: dict[str, object] = {
        "v": VERSION,
        "src": f"{satellite}/{message.source}",
        "kind": message.kind.value,
        "seq": message.sequence,
        "met_s": message.generated_s,
        "received_s": received.received_s,
        "station": received.station,
        "emu": True,
    }
    body = message.body
    if _is_object(body):
        envelope["body"] = orjson.Fragment(body)
    else:
        envelope["body_base64"] = base64.b64encode(body).decode("ascii")
    return orjson.dumps(envelope)


def state_envelope(t_s: float, changed: LinkChanged) -> bytes:
    """Return the state of the link as JSON: a `LinkStateNews`."""
    state: dict[str, object] = {"v": VERSION, "met_s": t_s, "state": changed.state.value}
    if changed.station is not None:
        state |= {"station": changed.station, "until_s": changed.until_s}
    return orjson.dumps(state | {"emu": True})


def progress_envelope(satellite: str, progress: CommandProgress) -> bytes:
    """Return how far a command came as JSON: a `CommandReport`."""
    report, received_s = progress.report, progress.received_s
    source = _source(satellite, progress.payload, progress.id)
    return _report(source, report.stage, report.ok, report.reason, received_s)


def rejected_envelope(satellite: str, t_s: float, rejected: CommandRejected) -> bytes:
    """Return why a command is not sent as JSON: a `CommandReport`."""
    source = _source(satellite, rejected.payload, rejected.id)
    return _report(source, "request", False, rejected.reason, t_s)


def answer_id(command_id: str) -> str:
    """Return the id under which a request is answered."""
    return command_id if is_id(command_id) else UNNAMED


def command_envelope(command_id: str, arguments: Mapping[str, object]) -> bytes:
    """Return a command released to a program as JSON: a `ProgramCommand`."""
    return orjson.dumps({"v": VERSION, "id": command_id, "arguments": arguments})


def stored_envelope(kind: MessageKind, stored: int) -> bytes:
    """Return how many messages are safe on board as JSON: a `StoredCount`."""
    return orjson.dumps({"v": VERSION, "kind": kind.value, "stored": stored})


def _source(satellite: str, payload: str, command_id: str) -> dict[str, object]:
    return {"v": VERSION, "src": f"{satellite}/{payload}", "id": answer_id(command_id)}


def _report(
    source: dict[str, object], stage: str, ok: bool, reason: str, received_s: float
) -> bytes:
    sayable = reason.encode(errors="backslashreplace").decode()  # it may quote a stranger
    said = {"stage": stage, "ok": ok, "reason": sayable, "received_s": received_s, "emu": True}
    return orjson.dumps(source | said)


def _is_object(body: bytes) -> bool:
    """Return whether a body is a JSON object, whole: what is embedded must not reach out."""
    if not body.startswith(b"{"):
        return False
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def program_state(text: bytes) -> str:
    """Return what a program says of itself.

    Raises:
        ValueError: it is not a `ProgramStateSaid`.
    """
    return _read(ProgramStateSaid, text).state


def program_report(text: bytes) -> ProgramReportSaid:
    """Return what a program says of a command.

    Raises:
        ValueError: it is not a `ProgramReportSaid`.
    """
    return _read(ProgramReportSaid, text)


def _read(model: type[_SaidT], text: bytes) -> _SaidT:
    if len(text) > LARGEST_SAYING:
        raise ValueError(f"{len(text)} bytes are more than {LARGEST_SAYING}")
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(f"this is no {model.__name__}") from error
