"""Verification: what the satellite reports on a telecommand, as source data of service 1.

A report is its subtype (u8) and the request id of the telecommand; one of a
failure goes on with a code (u8) and text.

Source: ECSS-E-ST-70-41C, 6.1 and 8.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from groundlink.packets import FrameError
from groundlink.source_data import REQUEST_ID_BYTES

MOST_REASON_BYTES = 200

_SUBTYPES = {
    ("acceptance", True): 1,
    ("acceptance", False): 2,
    ("start", True): 3,
    ("start", False): 4,
    ("completion", True): 7,
    ("completion", False): 8,
}
_STAGES = {subtype: stage for stage, subtype in _SUBTYPES.items()}


class Failure(Enum):
    """How the reasons of failures begin; a report carries the number in place of the words."""

    OTHER = ""
    UNKNOWN_NAME = "there is no "
    SWITCHED_OFF = "payload was switched off "
    UNRESPONSIVE = "board did not answer"
    OVERCURRENT = "board drew too much"

    @property
    def code(self) -> int:
        """Return the number of the failure in reports."""
        return tuple(Failure).index(self)

    @classmethod
    def of(cls, reason: str) -> Failure:
        """Return the failure whose words a reason begins with.

        >>> Failure.of("there is no model 'sorter'")
        <Failure.UNKNOWN_NAME: 'there is no '>
        """
        return next((f for f in cls if f.value and reason.startswith(f.value)), cls.OTHER)


@dataclass(frozen=True, slots=True)
class Verification:
    """A telecommand came to a stage (acceptance, start, completion), or failed there.

    Raises:
        ValueError: there is no such stage, or the request id has not 4 bytes.
    """

    stage: str
    ok: bool
    request_id: bytes
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.stage, self.ok) not in _SUBTYPES:
            raise ValueError(f"stage {self.stage!r} is not acceptance, start or completion")
        if len(self.request_id) != REQUEST_ID_BYTES:
            raise ValueError(f"request id {self.request_id.hex()} has not {REQUEST_ID_BYTES} bytes")


def report_body(report: Verification) -> bytes:
    """Return the body of the message that reports this; a reason is cut to 200 bytes.

    A success has no reason.
    """
    head = bytes([_SUBTYPES[report.stage, report.ok]]) + report.request_id
    if report.ok:
        return head
    failure = Failure.of(report.reason)
    text = report.reason[len(failure.value) :].encode("utf-8", "replace")[:MOST_REASON_BYTES]
    # What the cut left of a character is no text.
    return head + bytes([failure.code]) + text.decode("utf-8", "ignore").encode()


def read_report(body: bytes) -> Verification:
    """Return what a message of the kind `REPORT` reports.

    Raises:
        FrameError: nothing.
    """
    stage, ok = _STAGES.get(body[0] if body else 0, ("", False))
    text_at = 1 + REQUEST_ID_BYTES + (not ok)
    if not stage or len(body) < text_at or (ok and len(body) > text_at):
        raise FrameError(f"report {body[:8].hex()} of {len(body)} bytes is none of service 1")
    request_id, failures = body[1 : 1 + REQUEST_ID_BYTES], tuple(Failure)
    if ok:
        return Verification(stage, True, request_id)
    try:
        reason = failures[body[text_at - 1]].value + body[text_at:].decode()
    except (IndexError, UnicodeDecodeError) as error:
        raise FrameError(f"report {body[:8].hex()} has no reason: {error}") from error
    return Verification(stage, False, request_id, reason)
