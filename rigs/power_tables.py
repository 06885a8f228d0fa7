"""What a scenario may say of the array, the battery, and what draws from them."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from rigs.tables import Area, Efficiency, Facing, Fraction, NotNegative, Positive, Table, Watts

LEAST_GAP_V = 0.0099  # between thresholds: 10 mV, less rounding; closer ones would flutter


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


class BreakerTable(Table):
    """The over-current switch of each payload's supply."""

    limit_w: Positive
    delay_s: NotNegative
