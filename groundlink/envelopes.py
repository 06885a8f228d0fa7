"""What is said on the topics: one model for each thing.

The models are the contract that `asyncapi.yaml` writes down. What the host
says itself it words without them (`wording`); the tests hold the two together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from firmware_bridge.faults import FaultKind
from groundlink.contacts import WindowAction

SHORTEST_WINDOW_S = 1.0  # bench control is for people
LONGEST_WINDOW_S = 7 * 86_400.0
LONGEST_FRAME_BASE64 = 3000  # characters; a request is no longer than 4096

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")]
CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Named = Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]{1,64}$")]
Reason = Annotated[str, Field(max_length=200)]


class Said(BaseModel):
    """What all of them are: strict JSON objects that hold nothing but what is written here."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


# The ground bus.


class GroundMessage(Said):
    """A message that is whole on the ground.

    ``met_s`` is the mission time at which it was generated, ``received_s``
    that at which its last part came, in seconds. A body that is a JSON object
    stands in ``body`` as it is, any other in ``body_base64``. ``emu`` says
    that the satellite is emulated.
    """

    v: Literal[1]
    src: str
    kind: Literal["tm", "ev", "prod"]
    seq: int = Field(ge=0, le=2**32 - 1)
    met_s: float
    received_s: float
    station: str
    emu: Literal[True]
    body: dict[str, JsonValue] | None = None
    body_base64: str | None = None

    @model_validator(mode="after")
    def _one_body(self) -> GroundMessage:
        if (self.body is None) == (self.body_base64 is None):
            raise ValueError("a message has either body or body_base64")
        return self


class LinkStateNews(Said):
    """Whether a station hears the satellite since ``met_s``, and until when."""

    v: Literal[1]
    met_s: float
    state: Literal["acq", "aos", "los"]
    station: str | None = None
    until_s: float | None = None
    emu: Literal[True]


class CommandReport(Said):
    """How far a command came, as the ground knows since ``received_s``, mission time in seconds.

    At the stage ``request`` the ground itself refuses to send it; every other
    one is the satellite's word.
    """

    v: Literal[1]
    src: str
    id: CommandId
    stage: Literal["request", "acceptance", "start", "completion"]
    ok: bool
    reason: str
    received_s: float
    emu: Literal[True]

    @property
    def final(self) -> bool:
        """Return whether no report of the same command follows."""
        return self.stage == "completion" or not self.ok


class CommandRequest(Said):
    """An operator asks for a command; it expires at ``not_after_s``, mission time in seconds."""

    id: CommandId
    not_after_s: float | None = Field(default=None, ge=0.0)


class LoadModelRequest(CommandRequest):
    """Load ``model`` in place of the one that is loaded."""

    command: Literal["load-model"]
    model: Named


class StartStreamRequest(CommandRequest):
    """Release the jobs of ``stream`` from here on."""

    command: Literal["start-stream"]
    stream: Named


class StopStreamRequest(CommandRequest):
    """Release no further jobs of ``stream``."""

    command: Literal["stop-stream"]
    stream: Named


class SetOperatingPointRequest(CommandRequest):
    """Run at ``point``, and never faster."""

    command: Literal["set-operating-point"]
    point: Named


class RequestProductRequest(CommandRequest):
    """Give the product of a job to the ground."""

    command: Literal["request-product"]
    job: int = Field(ge=0, le=2**32 - 1)


class SetPriorityRequest(CommandRequest):
    """Give a class of messages another downlink priority; asked of the payload ``obc``."""

    command: Literal["set-priority"]
    source: Name
    kind: Literal["tm", "ev", "prod", "tcr"]
    priority: int = Field(ge=0, le=7)


class ForwardRequest(CommandRequest):
    """Hand ``arguments`` to the program of a third party."""

    command: Literal["forward"]
    arguments: dict[str, JsonValue]


# The on-board bus.


class ProgramStateSaid(Said):
    """How a program is; ``lost`` is what it leaves as its last will."""

    v: Literal[1] = 1
    state: Literal["init", "ready", "sleeping", "alert", "disconnected", "lost"]


class StoredCount(Said):
    """How many messages of a kind, from this program, are safe on board since the bus came up."""

    v: Literal[1]
    kind: Literal["tm", "ev", "prod"]
    stored: int = Field(ge=0)


class ProgramCommand(Said):
    """A command released to a program, which reports on it under the same ``id``."""

    v: Literal[1]
    id: CommandId
    arguments: dict[str, JsonValue]


class ProgramReportSaid(Said):
    """How a command went, as the program says."""

    v: Literal[1] = 1
    ok: bool
    reason: Reason = ""


# Bench control.


class ControlRequest(Said):
    """What a person at the bench asks for; a request that comes twice, by its id, acts once."""

    id: str = Field(default="", max_length=64)


class FaultRequest(ControlRequest):
    """Strike a payload with a fault; without ``variates`` chance decides where."""

    payload: str
    kind: FaultKind
    variates: tuple[Annotated[float, Field(ge=0.0, lt=1.0)], ...] | None = None


class WindowRequest(ControlRequest):
    """Open a contact, or cut contacts, for ``duration_s``."""

    action: WindowAction
    duration_s: float = Field(ge=SHORTEST_WINDOW_S, le=LONGEST_WINDOW_S)
    station: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,32}$")
    rate_bps: float | None = Field(default=None, gt=0.0, le=1e9)
    frame_loss: float | None = Field(default=None, ge=0.0, le=1.0)


class ClockRequest(ControlRequest):
    """Ask for the mission time."""


class UplinkRequest(ControlRequest):
    """Put bytes on the uplink, as a forger would."""

    frame_base64: str = Field(min_length=1, max_length=LONGEST_FRAME_BASE64)


class AckSaid(Said):
    """The answer to a request: whether it acts, else why not, at mission time ``t_s``."""

    id: str
    accepted: bool
    reason: str
    t_s: float
