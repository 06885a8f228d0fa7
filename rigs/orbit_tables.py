"""What a scenario may say of the orbit, and of stations on the ground."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from typing_extensions import Self

from rigs.tables import Finite, Table


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
