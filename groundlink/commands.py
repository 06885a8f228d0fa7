"""Commands: what the ground can ask of a satellite, as values and as telecommands.

A command is service 8, subtype 1 (perform a function): function id u8, then its
arguments as JSON, at most 1024 bytes in all. What the two ends of the link say
to each other is service 13.

Source: ECSS-E-ST-70-41C, 6.8 and 8.8 (function management). It numbers arguments
where we name them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from groundlink.messages import LARGEST_SEQUENCE, MessageKind, is_name
from groundlink.packets import FrameError, TelecommandPacket
from groundlink.rules import HIGHEST_PRIORITY
from groundlink.source_data import LARGE_TRANSFER
from groundlink.strict_json import read_object, write_object
from groundlink.verification import Failure as Failure
from groundlink.verification import Verification as Verification
from groundlink.verification import read_report as read_report
from groundlink.verification import report_body as report_body
from groundlink.words import Acknowledge as Acknowledge
from groundlink.words import RepeatParts as RepeatParts
from groundlink.words import Word, read_word, write_word

SATELLITE = "obc"
MOST_APPLICATION_BYTES = 1024
MOST_REQUEST_BYTES = 4096  # of an operator's JSON

_FUNCTION_MANAGEMENT, _PERFORM = 8, 1
_NAMED = re.compile(r"[A-Za-z0-9._+-]{1,64}")
_REQUEST_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # it becomes the level of a topic


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load ``model`` in place of the one that is loaded."""

    payload: str
    model: str

    def __post_init__(self) -> None:
        _check_payload(self.payload)
        _check_named("model", self.model)


@dataclass(frozen=True, slots=True)
class StartStream:
    """Release the jobs of ``stream`` from here on."""

    payload: str
    stream: str

    def __post_init__(self) -> None:
        _check_payload(self.payload)
        _check_named("stream", self.stream)


@dataclass(frozen=True, slots=True)
class StopStream:
    """Release no further jobs of ``stream``."""

    payload: str
    stream: str

    def __post_init__(self) -> None:
        _check_payload(self.payload)
        _check_named("stream", self.stream)


@dataclass(frozen=True, slots=True)
class SetOperatingPoint:
    """Run at ``point``, and never faster."""

    payload: str
    point: str

    def __post_init__(self) -> None:
        _check_payload(self.payload)
        _check_named("point", self.point)


@dataclass(frozen=True, slots=True)
class RequestProduct:
    """Give the product of a job to the ground."""

    payload: str
    job: int

    def __post_init__(self) -> None:
        _check_payload(self.payload)
        _check_whole("job", self.job, LARGEST_SEQUENCE)


@dataclass(frozen=True, slots=True)
class SetPriority:
    """Give a class of messages another downlink priority."""

    source: str
    kind: MessageKind
    priority: int
    payload: str = field(default=SATELLITE, init=False)

    def __post_init__(self) -> None:
        _check_payload(self.source, "source")
        _check_whole("priority", self.priority, HIGHEST_PRIORITY)


@dataclass(frozen=True, slots=True)
class Forward:
    """Hand ``arguments`` to the program of a third party."""

    payload: str
    arguments: Mapping[str, object]

    def __post_init__(self) -> None:
        _check_payload(self.payload)
        if not isinstance(self.arguments, Mapping):
            raise ValueError(f"arguments = {self.arguments!r:.60} is not an object")
        text = write_object({"arguments": self.arguments})
        if len(text) >= MOST_APPLICATION_BYTES:
            raise ValueError(
                f"arguments make {len(text)} bytes; there is room for {MOST_APPLICATION_BYTES - 1}"
            )
        object.__setattr__(self, "arguments", read_object(text)["arguments"])  # a copy of our own


Command = (
    LoadModel
    | StartStream
    | StopStream
    | SetOperatingPoint
    | RequestProduct
    | SetPriority
    | Forward
)


class _Function(NamedTuple):
    """What a command is called, in a packet and by an operator, and how one may look."""

    id: int
    word: str
    form: Callable[..., Command]
    example: str


_FUNCTIONS = (
    _Function(1, "load-model", LoadModel, '"model":"tile-sorter-int8"'),
    _Function(2, "start-stream", StartStream, '"stream":"survey"'),
    _Function(3, "stop-stream", StopStream, '"stream":"survey"'),
    _Function(4, "set-operating-point", SetOperatingPoint, '"point":"1500MHz"'),
    _Function(5, "request-product", RequestProduct, '"job":17'),
    _Function(6, "set-priority", SetPriority, '"source":"pi","kind":"prod","priority":5'),
    _Function(7, "forward", Forward, '"arguments":{"mode":"fast"}'),
)
_BY_ID = {function.id: function for function in _FUNCTIONS}
_BY_WORD = {function.word: function for function in _FUNCTIONS}


def pack(content: Command | Word) -> tuple[int, int, bytes]:
    """Return service, subtype and application data of a command or word."""
    if isinstance(content, (Acknowledge, RepeatParts)):
        return write_word(content)
    function = next(each for each in _FUNCTIONS if each.form is type(content))
    arguments = {name: getattr(content, name) for name in _arguments(function)}
    if isinstance(content, SetPriority):
        arguments["kind"] = content.kind.value
    return _FUNCTION_MANAGEMENT, _PERFORM, bytes([function.id]) + write_object(arguments)


def unpack(packet: TelecommandPacket) -> Command | Word:
    """Return the command or word in a packet.

    Raises:
        FrameError: there is none.
    """
    kind = f"{packet.service}/{packet.subtype}"
    try:
        if packet.service == LARGE_TRANSFER and packet.target == SATELLITE:
            return read_word(packet.subtype, packet.application)
        if (packet.service, packet.subtype) == (_FUNCTION_MANAGEMENT, _PERFORM):
            return _read_command(packet.target, packet.application)
    except ValueError as error:
        raise FrameError(f"telecommand {kind} for {packet.target}: {error}") from error
    raise FrameError(f"telecommand {kind} for {packet.target} is none of ours")


@dataclass(frozen=True, slots=True)
class Request:
    """A command that an operator asks for under the name ``id``; it expires at ``not_after_s``."""

    id: str
    command: Command
    not_after_s: float | None


def parse_request(payload: str, text: bytes) -> Request:
    """Return the command that an operator asks for, in JSON.

    >>> text = b'{"id":"42","command":"load-model","model":"tile-sorter-int8","not_after_s":7200}'
    >>> parse_request("pi", text).command
    LoadModel(payload='pi', model='tile-sorter-int8')

    Raises:
        ValueError: it is none; in one line, with an example of what would be right.
    """
    function = _FUNCTIONS[0]
    try:
        if len(text) > MOST_REQUEST_BYTES:
            raise ValueError(f"it has {len(text)} bytes; {MOST_REQUEST_BYTES} are enough")
        content = read_object(text)
        name, word = content.pop("id", None), content.pop("command", None)
        if not isinstance(word, str) or word not in _BY_WORD:
            raise ValueError(f"command = {word!r:.60} is none of {', '.join(_BY_WORD)}")
        function = _BY_WORD[word]
        if not isinstance(name, str) or not _REQUEST_NAME.fullmatch(name):
            raise ValueError(f"id = {name!r:.60} is not 1 to 64 characters of A-Z, a-z, 0-9, _, -")
        not_after_s = _deadline(content.pop("not_after_s", None))
        return Request(name, _build(function, payload, content), not_after_s)
    except ValueError as error:
        example = f'{{"id":"42","command":"{function.word}",{function.example}}}'
        raise ValueError(f"request for {payload!r:.40}: {error}; such as {example}") from error


def _read_command(target: str, application: bytes) -> Command:
    if not 0 < len(application) <= MOST_APPLICATION_BYTES:
        raise ValueError(f"{len(application)} bytes are outside 1..{MOST_APPLICATION_BYTES}")
    if application[0] not in _BY_ID:
        raise ValueError(f"there is no function {application[0]}")
    return _build(_BY_ID[application[0]], target, read_object(application[1:]))


def _arguments(function: _Function) -> tuple[str, ...]:
    return tuple(name for name in function.form.__annotations__ if name != "payload")


def _build(function: _Function, payload: str, given: dict[str, object]) -> Command:
    names = _arguments(function)
    wrong = [name for name in given if name not in names]
    if wrong or len(given) < len(names):
        raise ValueError(f"{function.word} takes {', '.join(names)}; it has {list(given)!r:.60}")
    for_satellite = function.form is SetPriority
    if for_satellite != (payload == SATELLITE):
        raise ValueError(f"{function.word} is not for {payload}")
    if for_satellite:
        return function.form(**{**given, "kind": _kind(given["kind"])})
    return function.form(payload, **given)


def _kind(value: object) -> MessageKind:
    if value not in [kind.value for kind in MessageKind]:
        raise ValueError(
            f"kind = {value!r:.60} is none of {', '.join(k.value for k in MessageKind)}"
        )
    return MessageKind(value)


def _deadline(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ValueError(f"not_after_s = {value!r:.60} is not a mission time in s, or null")
    return float(value)


def _check_payload(value: object, what: str = "payload") -> None:
    if not isinstance(value, str) or not is_name(value):
        raise ValueError(f"{what} = {value!r:.60} is not 1 to 32 characters of a-z, 0-9, _ and -")


def _check_named(what: str, value: object) -> None:
    if not isinstance(value, str) or not _NAMED.fullmatch(value):
        raise ValueError(f"{what} = {value!r:.60} is not 1 to 64 characters of A-Z, a-z, 0-9, ._+-")


def _check_whole(what: str, value: object, largest: int) -> None:
    if type(value) is not int or not 0 <= value <= largest:
        raise ValueError(f"{what} = {value!r:.60} is not a whole number in 0..{largest}")
