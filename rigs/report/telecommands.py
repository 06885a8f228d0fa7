"""Telecommands as the ground knew of them: asked for, sent, accepted, carried out, or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

Record = Mapping[str, Any]

STAGES = ("acceptance", "start", "completion")
LONGEST_WORDS = 120  # of a request that is not one; it may be anything


@dataclass(frozen=True, slots=True)
class Word:
    """What the satellite said of a stage of a command, and when the ground had it."""

    received_s: float
    ok: bool
    reason: str


@dataclass(slots=True)
class Telecommand:
    """A command that was asked for at ``t_s``; a ``planned`` one by the scenario."""

    t_s: float
    payload: str
    id: str
    words: str
    planned: bool
    attempts: int = 0
    sent_s: float | None = None  # for the first time
    rejected: str = ""
    stages: dict[str, Word] = field(default_factory=dict)

    @property
    def failed(self) -> str:
        """Return why it was not carried out; empty if it was, or if nobody knows."""
        refusals = [f"{stage} failed: {w.reason}" for stage, w in self.stages.items() if not w.ok]
        return f"not sent: {self.rejected}" if self.rejected else "; ".join(refusals)

    @property
    def end(self) -> str:
        """Return how it ended, as far as the ground knew."""
        done = "completion" in self.stages
        return self.failed or (
            "carried out" if done else "under way" if self.stages else self._silence
        )

    @property
    def gravity(self) -> str:
        """Return the style of its row: bad, warn or harmless."""
        done = "completion" in self.stages
        return "bad" if self.failed else "harmless" if done else "warn"

    @property
    def _silence(self) -> str:
        return "no report came down" if self.attempts else "waited for a contact"


class Uplink:
    """Follows what went up through the records: commands, and what the satellite refused."""

    def __init__(self) -> None:
        """Start with nothing sent."""
        self.commands: list[Telecommand] = []
        self.refused: Counter[str] = Counter()
        self.injected = 0  # of those refused
        self.released = 0
        self.counts: Record = {}
        self._waiting: dict[str, Telecommand] = {}  # the latest of each id
        self._asked: Telecommand | None = None  # neither queued nor rejected yet

    def add(self, record: Record) -> None:
        """Take in one record; kinds that concern no uplink are passed over."""
        match record["what"]:
            case "command-requested":
                self._asked = _asked(record)
                self.commands.append(self._asked)
            case "command-queued":
                self._waiting[record["id"]] = self._judged(record)
            case "command-rejected":
                self._judged(record).rejected = record["reason"]
            case "command-sent":
                self._send(record)
            case "command-released":
                self.released += 1
            case "command-progress":
                self._progress(record)
            case "uplink-refused":
                self.refused[record["reason"]] += 1
                self.injected += record["injected"]
            case "link-counts":
                self.counts = record.get("uplink", {})

    def _judged(self, record: Record) -> Telecommand:
        """Return the request that a record passes judgement on."""
        command, self._asked = self._asked, None
        if command is None:
            command = Telecommand(record["t_s"], record.get("payload", ""), record["id"], "", False)
            self.commands.append(command)
        command.id = record["id"]
        return command

    def _send(self, record: Record) -> None:
        command = self._waiting.get(record["id"])
        if command is not None:
            command.attempts += 1
            command.sent_s = record["t_s"] if command.sent_s is None else command.sent_s

    def _progress(self, record: Record) -> None:
        command, report = self._waiting.get(record["id"]), record["report"]
        if command is not None:
            word = Word(record["received_s"], report["ok"], report["reason"])
            command.stages.setdefault(report["stage"], word)


def _asked(record: Record) -> Telecommand:
    words = _words(record["request"])
    return Telecommand(record["t_s"], record["payload"], "", words, record["planned"])


def _words(request: str) -> str:
    """Return a request for a person; what is none stays as it came.

    >>> _words('{"id":"1","command":"request-product","job":3}')
    'request-product, job 3'
    """
    try:
        said = orjson.loads(request)
        command = said.pop("command")
        said.pop("id", None)
        parts = [str(command), *(f"{name} {_plain(value)}" for name, value in said.items())]
    except (orjson.JSONDecodeError, AttributeError, KeyError):
        return _short(request)
    return _short(", ".join(parts))


def _plain(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS]}…"
