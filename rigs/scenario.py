"""The mission file: what a scenario may say, in TOML; a misspelt key is an error."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from rigs.link_tables import CommandTable, LinkTable
from rigs.tables import (
    Area,
    Efficiency,
    Finite,
    Fraction,
    Name,
    NotNegative,
    Period,
    Positive,
    Table,
    Watts,
)

FIRST_YEAR, LAST_YEAR = 1957, 2099  # what the Sun's series and a TLE's epoch are good for
LEAST_GAP_V = 0.0099  # between thresholds: 10 mV, less rounding; closer ones would flutter
SHORTEST_RADIATOR_S, SHORTEST_DIE_S = 60.0, 1.0  # time constants


class OrbitTable(Table):
    """An orbit: two TLE lines, or an altitude and what else is known.

    Without an inclination the orbit is Sun-synchronous.
    """

    tle: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    altitude_km: Annotated[float, Field(ge=160.0, le=50_000.0, allow_inf_nan=False)] | None = None
    inclination_deg: Annotated[float, Field(ge=0.0, le=180.0, allow_inf_nan=False)] | None = None
    eccentricity: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = 0.0
    raan_deg: Finite | None = None
    local_time_of_ascending_node: str | None = None
    argument_of_perigee_deg: Finite = 0.0
    mean_anomaly_deg: Finite = 0.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.tle is None) == (self.altitude_km is None):
            raise ValueError("give either tle or altitude_km")
        return self


class StationTable(Table):
    """A ground station; ``mask_deg`` is the elevation below which it hears nothing."""

    name: str = Field(min_length=1)
    latitude_deg: Annotated[float, Field(ge=-90.0, le=90.0, allow_inf_nan=False)]
    longitude_deg: Annotated[float, Field(ge=-180.0, le=360.0, allow_inf_nan=False)]
    altitude_m: Finite = 0.0
    mask_deg: Annotated[float, Field(ge=0.0, lt=90.0, allow_inf_nan=False)] = 5.0


Facing = Literal["zenith", "nadir", "forward", "backward", "left", "right"]
FACING: dict[str, tuple[float, float, float]] = {
    # the local orbital frame: x along track, y against the orbit normal, z to the nadir
    "zenith": (0.0, 0.0, -1.0),
    "nadir": (0.0, 0.0, 1.0),
    "forward": (1.0, 0.0, 0.0),
    "backward": (-1.0, 0.0, 0.0),
    "left": (0.0, -1.0, 0.0),
    "right": (0.0, 1.0, 0.0),
}


class PanelTable(Table):
    """Solar cells on a flat panel, facing a direction or always the Sun."""

    area_m2: Area
    facing: Facing | Literal["sun"]


class ArrayTable(Table):
    """The solar array."""

    panels: list[PanelTable] = Field(min_length=1)
    efficiency: Efficiency
    packing: Efficiency
    conversion: Efficiency


class BatteryTable(Table):
    """The battery; ``ocv`` lists (charge fraction, volts), both rising, from 0 to 1."""

    capacity_wh: Annotated[float, Field(gt=0.0, le=1e7, allow_inf_nan=False)]
    charge_fraction: Fraction
    charge_efficiency: Efficiency
    discharge_efficiency: Efficiency
    ocv: list[list[NotNegative]] = Field(min_length=2)

    @field_validator("ocv")
    @classmethod
    def _rises(cls, ocv: list[list[float]]) -> list[list[float]]:
        if any(len(pair) != 2 for pair in ocv):
            raise ValueError("each entry is a pair of charge fraction and volts")
        rising = all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(ocv))
        if not rising or ocv[0][0] != 0.0 or ocv[-1][0] != 1.0:
            raise ValueError("charge fractions rise from 0 to 1, and volts rise with them")
        return ocv


class EpsTable(Table):
    """The electrical power system: four battery voltages, and what it draws itself."""

    max_v: Positive
    normal_v: Positive
    safe_v: Positive
    critical_v: Positive
    own_w: Watts

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        volts = (self.max_v, self.normal_v, self.safe_v, self.critical_v)
        if any(above - below < LEAST_GAP_V for above, below in pairwise(volts)):
            raise ValueError(
                "max_v > normal_v > safe_v > critical_v must hold, each 10 mV apart or more"
            )
        return self


class LoadsTable(Table):
    """What the rest of the satellite draws, W."""

    normal_w: Watts
    safe_w: Watts
    transmitter_w: Watts


class RadiatorTable(Table):
    """The radiator, with the structure behind it."""

    area_m2: Area
    facing: Facing
    emissivity: Efficiency
    absorptivity: Fraction
    capacity_j_per_k: Positive
    start_c: Annotated[float, Field(gt=-200.0, lt=200.0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _not_a_foil(self) -> Self:
        # 4 epsilon sigma A T³ at 290 K; each step takes a fiftieth of this time
        cools_w_per_k = 5.53 * self.emissivity * self.area_m2
        if self.capacity_j_per_k / cools_w_per_k < SHORTEST_RADIATOR_S:
            raise ValueError(
                f"a radiator that cools within {SHORTEST_RADIATOR_S:g} s is no radiator: give it "
                "more capacity_j_per_k or less area_m2"
            )
        return self


class DieTable(Table):
    """The die's node, in place of the one in the board's profile."""

    capacity_j_per_k: Positive
    resistance_k_per_w: Positive

    @model_validator(mode="after")
    def _not_a_point(self) -> Self:
        if self.capacity_j_per_k * self.resistance_k_per_w < SHORTEST_DIE_S:
            raise ValueError(
                f"capacity_j_per_k × resistance_k_per_w is below {SHORTEST_DIE_S:g} s: a governor "
                "could not follow such a die"
            )
        return self


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
    queue_length: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    watchdog_s: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 120.0
    off_s: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] = 5.0
    reload_every_s: Annotated[float, Field(ge=10.0, allow_inf_nan=False)] = 86_400.0
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


class BreakerTable(Table):
    """The over-current switch of each payload's supply."""

    limit_w: Positive
    delay_s: NotNegative


class RadiationTable(Table):
    """How radiation strikes; ``acceleration`` multiplies every rate."""

    activity: Literal["solar-minimum", "solar-maximum"] = "solar-minimum"
    acceleration: NotNegative


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
    array: ArrayTable
    battery: BatteryTable
    eps: EpsTable
    loads: LoadsTable
    breaker: BreakerTable
    radiator: RadiatorTable
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
        return self
