"""What a scenario may say of the link and of commands."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator
from typing_extensions import Self

from rigs.tables import Finite, Name, NotNegative, Positive, Table

LEAST_STEP = 1e-3  # between two steps of a rate: seconds, or degrees
Rate = Annotated[float, Field(ge=1e-3, le=1e12, allow_inf_nan=False)]  # bit/s
Latency = Annotated[float, Field(ge=0.0, le=600.0, allow_inf_nan=False)]  # s; passes last minutes
Step = Annotated[list[Finite], Field(min_length=2, max_length=2)]


def _steps_rise(steps: list[list[float]]) -> list[list[float]]:
    if any(not 1e-3 <= rate_bps <= 1e12 for _, rate_bps in steps):
        raise ValueError("each entry is a pair whose second number is a rate, 0.001 to 1e12 bit/s")
    if any(b[0] - a[0] < LEAST_STEP for a, b in pairwise(steps)):
        raise ValueError(f"the first numbers of the pairs rise, by {LEAST_STEP} or more")
    return steps


def _is_class(name: str) -> str:
    if not re.fullmatch(r"([a-z0-9_-]{1,32}/)?(tm|ev|prod|tcr)", name):
        raise ValueError(
            "is no class; name a kind (tm, ev, prod, tcr) or SOURCE/KIND such as pi/prod"
        )
    return name


class ContactTable(Table):
    """A contact of a given plan; ``rates`` are steps of seconds after AOS and bit/s."""

    station: str
    aos_s: NotNegative
    los_s: Positive
    rate_bps: Rate | None = None
    rates: list[Step] = []

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.los_s <= self.aos_s:
            raise ValueError(f"los_s = {self.los_s} is not after aos_s = {self.aos_s}")
        if any(
            not 0.0 <= after_s <= self.los_s - self.aos_s - LEAST_STEP for after_s, _ in self.rates
        ):
            raise ValueError("each of the rates begins between AOS and LOS, in seconds after AOS")
        return self

    _rise = field_validator("rates")(_steps_rise)


class BurstsTable(Table):
    """Fades of the channel (Gilbert–Elliott): how long it is clear, how long it is not."""

    mean_clear_s: Positive
    mean_burst_s: Positive
    bit_error_rate: Annotated[float, Field(gt=0.0, le=0.5)]


class ClassTable(Table):
    """How the store treats a class of messages, and whether the ground may ask for it again."""

    priority: Annotated[int, Field(ge=0, le=7)] | None = None
    ttl_s: Positive | None = None
    drop: Literal["lowest-priority", "oldest", "newest"] | None = None
    repeat: bool | None = None


class LinkTable(Table):
    """The link; with ``contacts`` a plan is flown in place of the stations' passes.

    ``rates`` are steps of elevation (degrees) and bit/s, below the first of
    which ``rate_bps`` holds. Without ``light_time_s`` the delay follows from
    the range. ``classes`` are keyed by kind (tm, ev, prod, tcr) or source/kind.
    """

    rate_bps: Rate
    rates: list[Step] = []
    uplink_bps: Rate = 9600.0
    frame_bytes: Annotated[int, Field(ge=128, le=65_535)] = 1115
    store_bytes: Annotated[int, Field(ge=1024)]
    acquisition_s: Latency = 0.0
    half_duplex: bool = False
    turnaround_s: Latency = 0.0
    bit_error_rate: Annotated[float, Field(ge=0.0, lt=0.5, allow_inf_nan=False)] = 0.0
    frame_loss: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = 0.0
    bursts: BurstsTable | None = None
    light_time_s: NotNegative | None = None
    classes: dict[Annotated[str, AfterValidator(_is_class)], ClassTable] = {}
    contacts: list[ContactTable] | None = None

    _rise = field_validator("rates")(_steps_rise)

    @field_validator("rates")
    @classmethod
    def _elevations(cls, rates: list[Step]) -> list[Step]:
        if any(not 0.0 <= above_deg < 90.0 for above_deg, _ in rates):
            raise ValueError("each of the rates begins at an elevation from 0 to below 90 degrees")
        return rates


class CommandTable(Table):
    """A telecommand that an operator asks for at ``t_s``; it waits for a contact."""

    t_s: NotNegative
    payload: Name
    command: Literal[
        "load-model",
        "start-stream",
        "stop-stream",
        "set-operating-point",
        "request-product",
        "set-priority",
        "forward",
    ]
    not_after_s: Positive | None = None
    model: str | None = None
    stream: str | None = None
    point: str | None = None
    job: int | None = None
    source: str | None = None
    kind: str | None = None
    priority: int | None = None
    arguments: dict[str, str | int | float | bool] | None = None
