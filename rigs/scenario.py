"""The mission file: what a scenario may say, in TOML; a misspelt key is an error."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from rigs.link_tables import CommandTable, LinkTable
from rigs.orbit_tables import OrbitTable, StationTable
from rigs.power_tables import (
    ArrayTable,
    AttitudeTable,
    BatteryTable,
    BreakerTable,
    EpsTable,
    LoadsTable,
)
from rigs.radiation_tables import RadiationTable
from rigs.tables import (
    Finite,
    Name,
    NotNegative,
    Period,
    Positive,
    Table,
)
from rigs.thermal_tables import DieTable, RadiatorTable, SpreaderTable, StructureTable

FIRST_YEAR, LAST_YEAR = 1957, 2099  # what the Sun's series and a TLE's epoch are good for


class TripTable(Table):
    """A trip point of the governor."""

    above_c: Finite
    hysteresis_c: Annotated[float, Field(ge=0.1, allow_inf_nan=False)]
    point: str


class JobsTable(Table):
    """A stream of jobs; without ``until_s`` it goes on to the horizon.

    ``preparation_s`` is work beside inference at the fastest operating
    point: read-out, tiling, compression. One that is not ``running`` waits for
    a command.
    """

    name: Name
    period_s: Period
    start_s: NotNegative = 0.0
    until_s: Positive | None = None
    deadline_s: Positive
    preparation_s: NotNegative = 0.0
    running: bool = True


class InputTable(Table):
    """How a picture becomes the model's input, where the model's file does not say.

    value = (pixel * scale - mean) / std, pixels 0..255; each of the three is
    one number or one per channel.
    """

    layout: Literal["NCHW", "NHWC"] | None = None
    height_px: Annotated[int, Field(gt=0, le=2048)] | None = None
    width_px: Annotated[int, Field(gt=0, le=2048)] | None = None
    scale: Finite | list[Finite] | None = None
    mean: Finite | list[Finite] | None = None
    std: Finite | list[Finite] | None = None
    expects_range: Annotated[list[Finite], Field(min_length=2, max_length=2)] | None = None


class PayloadTable(Table):
    """A payload computer: a board, a model, what it looks at and what it is asked to do.

    ``models`` are further ones on board, which a command can load.
    ``radiation_device`` names the part whose cross-sections stand in for the board's own.
    """

    board: str
    model: str
    models: list[str] = []
    images: str | None = None
    labels: list[str] | None = None
    keep: list[str] | None = None
    input: InputTable = InputTable()
    point: str | None = None
    trips: list[TripTable] = []
    die: DieTable | None = None
    spreader: SpreaderTable | None = None
    queue_length: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    watchdog_s: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 120.0
    off_s: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] = 5.0
    reload_every_s: Annotated[float, Field(ge=10.0, allow_inf_nan=False)] = 86_400.0
    radiation_device: str | None = None
    jobs: list[JobsTable] = Field(min_length=1)

    @field_validator("trips")
    @classmethod
    def _trips_rise(cls, trips: list[TripTable]) -> list[TripTable]:
        if any(
            b.above_c - b.hysteresis_c <= a.above_c - a.hysteresis_c or b.above_c <= a.above_c
            for a, b in pairwise(trips)
        ):
            raise ValueError("trip points rise, with and without their hysteresis")
        return trips


class Scenario(Table):
    """A mission."""

    name: Name
    description: str = ""
    start: datetime
    horizon_s: Annotated[float, Field(gt=0.0, le=366 * 86_400.0, allow_inf_nan=False)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    housekeeping_s: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 60.0
    orbit: OrbitTable
    stations: list[str | StationTable] = []
    attitude: AttitudeTable = AttitudeTable()
    array: ArrayTable
    battery: BatteryTable
    eps: EpsTable
    loads: LoadsTable
    breaker: BreakerTable
    radiator: RadiatorTable
    structure: StructureTable | None = None
    payloads: dict[Name, PayloadTable] = Field(min_length=1)
    link: LinkTable
    commands: list[CommandTable] = []
    radiation: RadiationTable
    versions: dict[str, str] = {}

    @field_validator("start")
    @classmethod
    def _in_utc(cls, start: datetime) -> datetime:
        if start.tzinfo is None:
            raise ValueError("say the time zone")
        if not FIRST_YEAR <= start.year <= LAST_YEAR:
            raise ValueError(f"a mission starts between {FIRST_YEAR} and {LAST_YEAR}")
        return start.astimezone(timezone.utc)

    @field_validator("payloads")
    @classmethod
    def _not_the_bus(cls, payloads: dict[str, PayloadTable]) -> dict[str, PayloadTable]:
        if "obc" in payloads:
            raise ValueError("obc is the on-board computer's own name; call the payload otherwise")
        return payloads

    @model_validator(mode="after")
    def _starts_charged(self) -> Self:
        low_v, high_v = self.battery.ocv[0][1], self.battery.ocv[-1][1]
        if not (low_v < self.eps.critical_v and self.eps.max_v <= high_v):
            raise ValueError(
                f"eps thresholds must lie within the battery's {low_v} V to {high_v} V"
            )
        taper = self.battery.taper_fraction
        if taper is not None and self.battery.ocv_v(taper) >= self.eps.max_v:
            raise ValueError(
                f"battery.taper_fraction = {taper} is full already: at rest the battery then "
                f"shows {self.battery.ocv_v(taper):.4g} V, and eps.max_v is {self.eps.max_v} V"
            )
        return self
