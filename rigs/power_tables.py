"""What a scenario may say of the array, the battery, and what draws from them."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from payloads.ageing import Fade
from rigs.tables import Area, Efficiency, Facing, Fraction, NotNegative, Positive, Table, Watts

Years = Annotated[float, Field(ge=0.0, le=50.0, allow_inf_nan=False)]
LEAST_REMAINING = 0.1  # of a battery's capacity: with less, none would fly it [assumed]
LEAST_GAP_V = 0.0099  # between thresholds: 10 mV, less rounding; closer ones would flutter


class PanelTable(Table):
    """Solar cells on a flat panel, facing a direction or always the Sun."""

    area_m2: Area
    facing: Facing | Literal["sun"]


class CellsTable(Table):
    """What makes cells warm, and what warmth takes from their power.

    Defaults are for triple-junction cells under cover glass on a wing that
    radiates from both sides: -0.2 to -0.25 % of their power per kelvin, of
    which the middle is taken, and the 28 °C of their data sheets; all
    [assumed] but the last. Cells fixed to an insulated body have a back of 0.
    """

    power_per_k: Annotated[float, Field(ge=-0.01, le=0.01, allow_inf_nan=False)] = -0.0022
    reference_c: Annotated[float, Field(gt=-200.0, lt=200.0, allow_inf_nan=False)] = 28.0
    absorptivity: Efficiency = 0.91
    emissivity: Efficiency = 0.85
    back_emissivity: Fraction = 0.85


class ArrayTable(Table):
    """The solar array; without ``cells`` their temperature takes nothing.

    ``degradation_per_year`` is the share of power that each year takes: 30.7 %
    become 26.7 % over 15 years for Spectrolab's XTJ Prime (secondary; the
    years are [assumed]).
    """

    panels: list[PanelTable] = Field(min_length=1)
    efficiency: Efficiency
    packing: Efficiency
    conversion: Efficiency
    degradation_per_year: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = 0.01
    years_in_orbit: Years = 0.0
    cells: CellsTable | None = None


class AttitudeTable(Table):
    """Which way the satellite looks: along its orbit, or with ``sun_face`` at the Sun.

    Panels and radiators face as named while it flies along its orbit, and
    turn with the body.
    """

    mode: Literal["nadir", "sun"] = "nadir"
    sun_face: Facing | None = None

    @model_validator(mode="after")
    def _one_face(self) -> Self:
        if self.mode == "nadir" and self.sun_face is not None:
            raise ValueError('sun_face is for mode = "sun"; in mode = "nadir" no face follows it')
        if self.mode == "sun" and self.sun_face is None:
            raise ValueError('mode = "sun" needs the face that looks there, such as "zenith"')
        return self


class BatteryTable(Table):
    """The battery; ``ocv`` lists (charge fraction, volts), both rising, from 0 to 1.

    Charging is cut to ``charge_limit_w``, and falls from there at
    ``taper_fraction`` to nothing where it is full. ``age_years`` and
    ``age_cycles`` (equivalent full ones) have taken capacity before the start:
    1e-4 for a cycle of half its depth (satpower, secondary), linear in depth
    [assumed], and 2 % a year (satpower, secondary).
    """

    capacity_wh: Annotated[float, Field(gt=0.0, le=1e7, allow_inf_nan=False)]
    charge_fraction: Fraction
    charge_efficiency: Efficiency
    discharge_efficiency: Efficiency
    ocv: list[list[NotNegative]] = Field(min_length=2)
    resistance_ohm: Annotated[float, Field(ge=0.0, le=10.0, allow_inf_nan=False)] = 0.0
    charge_limit_w: Annotated[float, Field(gt=0.0, le=1e7, allow_inf_nan=False)] | None = None
    taper_fraction: Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)] | None = None
    age_years: Years = 0.0
    age_cycles: Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)] = 0.0
    fade_per_cycle: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = 2e-4
    fade_per_year: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = 0.02

    @property
    def remaining(self) -> float:
        """Return the share of its capacity that age has left at the start."""
        worn = Fade(self.fade_per_cycle, self.fade_per_year)
        return 1.0 - worn.lost(self.age_cycles, self.age_years)

    def ocv_v(self, fraction: float) -> float:
        """Return the open-circuit voltage at a charge fraction."""
        fractions, volts = zip(*self.ocv, strict=True)
        return float(np.interp(fraction, fractions, volts))

    @model_validator(mode="after")
    def _lives(self) -> Self:
        if self.remaining < LEAST_REMAINING:
            raise ValueError(
                f"age_cycles × fade_per_cycle + age_years × fade_per_year leave "
                f"{self.remaining:.3g} of the capacity; at least {LEAST_REMAINING:g} must be left"
            )
        if self.taper_fraction is not None and self.charge_limit_w is None:
            raise ValueError("taper_fraction needs charge_limit_w, from which charging falls")
        return self

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
