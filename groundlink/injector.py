"""The injector: what a person at the bench asks for becomes an event, or a refusal."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from firmware_bridge.faults import FaultEvent
from groundlink.contacts import WindowInjected
from groundlink.envelopes import (
    AckSaid,
    ClockRequest,
    ControlRequest,
    FaultRequest,
    UplinkRequest,
    WindowRequest,
)
from groundlink.events import UplinkInjected
from groundlink.topics import Control

if TYPE_CHECKING:
    from numpy.random import Generator

LONGEST_ID = 64
MOST_BYTES = 4096  # of a request
MOST_ANSWERS = 256  # remembered, so that a request delivered twice acts once

_EXAMPLES = {
    Control.FAULT: '{"payload": "pi", "kind": "seu"}',
    Control.WINDOW: '{"action": "open", "duration_s": 300}',
    Control.CLOCK: '{"id": "1"}',
    Control.UPLINK: '{"frame_base64": "65A="}',
}


@dataclass(frozen=True, slots=True)
class ControlArrived:
    """A request came over bench control; ``request`` is its JSON, not looked at yet."""

    control: Control
    request: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to a request: whether it acts, else why not, at mission time ``t_s``."""

    id: str
    accepted: bool
    reason: str
    t_s: float

    @classmethod
    def from_json(cls, text: bytes) -> Ack:
        """Read an answer.

        Raises:
            ValueError: the text is not one.
        """
        return cls(**AckSaid.model_validate_json(text).model_dump())

    def to_json(self) -> bytes:
        """Return the answer as JSON."""
        return to_json(asdict(self))


Injection = FaultEvent | WindowInjected | UplinkInjected


_MODELS: dict[Control, type[ControlRequest]] = {
    Control.FAULT: FaultRequest,
    Control.WINDOW: WindowRequest,
    Control.CLOCK: ClockRequest,
    Control.UPLINK: UplinkRequest,
}


class Injector:
    """Bench control's end in the flight: requests in, injections and answers out.

    ``stations`` are those whose contacts can be opened and cut. A fault has
    ``variates`` uniform numbers; where a request gives none they are drawn. A
    request that comes twice, by its id, acts once.
    """

    def __init__(
        self,
        payloads: Collection[str],
        stations: Collection[str],
        generator: Generator,
        variates: int,
    ) -> None:
        self._payloads, self._stations = sorted(payloads), sorted(stations)
        self._generator = generator
        self._variates = variates
        self._answered: dict[str, Ack] = {}

    def react(self, t_s: float, event: ControlArrived) -> list[Injection | Ack]:
        """Return what a request injects, if anything, and the answer to it."""
        try:
            request = parse(event.control, event.request)
        except ValueError as error:
            return [Ack(id_of(event.request), False, str(error), t_s)]
        if request.id in self._answered:
            return [self._answered[request.id]]
        try:
            injections = self._injections(request)
        except ValueError as error:
            return [self._remember(Ack(request.id, False, str(error), t_s))]
        return [*injections, self._remember(Ack(request.id, True, "", t_s))]

    def _injections(self, request: ControlRequest) -> list[Injection]:
        match request:
            case FaultRequest():
                return [self._fault(request)]
            case WindowRequest():
                return [self._window(request)]
            case UplinkRequest():
                return [UplinkInjected(_bytes_of(request).hex())]
            case _:
                return []

    def _fault(self, request: FaultRequest) -> FaultEvent:
        if request.payload not in self._payloads:
            raise ValueError(
                f"fault: payload = {request.payload!r} does not fly here; "
                f"there is {', '.join(self._payloads)}"
            )
        variates = request.variates
        if variates is None:
            variates = tuple(self._generator.random(self._variates).tolist())
        elif len(variates) != self._variates:
            raise ValueError(
                f"fault: variates has {len(variates)} numbers; a fault takes {self._variates}"
            )
        return FaultEvent(request.payload, request.kind, variates, injected=True)

    def _window(self, request: WindowRequest) -> WindowInjected:
        if request.station is not None and request.station not in self._stations:
            raise ValueError(
                f"window: station = {request.station!r} is none of this flight; "
                f"there is {', '.join(self._stations)}"
            )
        return WindowInjected(
            request.action,
            request.duration_s,
            request.station,
            request.rate_bps,
            request.frame_loss,
        )

    def _remember(self, ack: Ack) -> Ack:
        if ack.id:
            self._answered[ack.id] = ack
        if len(self._answered) > MOST_ANSWERS:
            del self._answered[next(iter(self._answered))]
        return ack


def parse(control: Control, request: bytes) -> ControlRequest:
    """Read a request.

    Raises:
        ValueError: one sentence about what is wrong with it, and a right example.
    """
    name, example = control.value, _EXAMPLES[control]
    if len(request) > MOST_BYTES:
        raise ValueError(f"{name}: a request of {len(request)} bytes is longer than {MOST_BYTES}")
    try:
        return _MODELS[control].model_validate_json(request or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        given = "" if first["type"] in ("missing", "json_invalid") else f" = {first['input']!r:.60}"
        raise ValueError(f"{name}: {where}{given}: {first['msg']}; right is {example}") from error


def to_json(value: Mapping[str, object]) -> bytes:
    """Return a request or an answer as JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def _bytes_of(request: UplinkRequest) -> bytes:
    try:
        return base64.b64decode(request.frame_base64, validate=True)
    except ValueError as error:
        raise ValueError(
            f"uplink: frame_base64 = {request.frame_base64!r:.60}: {error}; "
            f"right is {_EXAMPLES[Control.UPLINK]}"
        ) from error


def id_of(request: bytes | str) -> str:
    """Return the id of a request that is otherwise wrong, empty where it cannot be read."""
    if len(request) > MOST_BYTES:
        return ""
    try:
        value = json.loads(request)
    except (ValueError, RecursionError):
        return ""
    found = value.get("id") if isinstance(value, dict) else None
    if not isinstance(found, str) or len(found) > LONGEST_ID:
        return ""
    return found if found.isprintable() else ""  # a lone surrogate is no text that can be written
