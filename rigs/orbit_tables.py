"""What a scenario may say of the orbit, and of stations on the ground."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from rigs.tables import Finite, Table

Corner = Annotated[list[Finite], Field(min_length=2, max_length=2)]  # azimuth and elevation, deg
MaskElevation = Annotated[float, Field(ge=0.0, lt=90.0, allow_inf_nan=False)]


class WalkerTable(Table):
    """A Walker pattern i:t/p/f, of which one satellite is flown.

    The orbit's elements are those of satellite 0. A delta spreads its
    planes over 360°, a star over 180°. Numbers run plane by plane.
    """

    kind: Literal["delta", "star"] = "delta"
    satellites: Annotated[int, Field(ge=1, le=100_000)]
    planes: Annotated[int, Field(ge=1, le=100_000)]
    phasing: Annotated[int, Field(ge=0)] = 0
    satellite: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if self.satellites % self.planes:
            raise ValueError(
                f"planes = {self.planes} do not share satellites = {self.satellites} evenly"
            )
        if self.phasing >= self.planes:
            raise ValueError(
                f"phasing = {self.phasing} must be less than planes = {self.planes}, such as 0"
            )
        if self.satellite >= self.satellites:
            raise ValueError(
                f"satellite = {self.satellite} must be less than satellites = {self.satellites}, "
                "such as 0"
            )
        return self


class OrbitTable(Table):
    """An orbit: two TLE lines, a file of them, or an altitude and what else is known.

    Without an inclination the orbit is Sun-synchronous. Of a file,
    ``satellite`` is the name or catalogue number, needed where there are several.
    """

    tle: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    tle_file: Annotated[str, Field(min_length=1)] | None = None
    satellite: Annotated[str, Field(min_length=1)] | None = None
    altitude_km: Annotated[float, Field(ge=160.0, le=50_000.0, allow_inf_nan=False)] | None = None
    inclination_deg: Annotated[float, Field(ge=0.0, le=180.0, allow_inf_nan=False)] | None = None
    eccentricity: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = 0.0
    raan_deg: Finite | None = None
    local_time_of_ascending_node: str | None = None
    argument_of_perigee_deg: Finite = 0.0
    mean_anomaly_deg: Finite = 0.0
    walker: WalkerTable | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.tle, self.tle_file, self.altitude_km)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("give either tle or altitude_km, or a tle_file")
        if self.satellite is not None and self.tle_file is None:
            raise ValueError("satellite picks one of a tle_file, and there is none")
        if self.walker is not None and (self.altitude_km is None or self.eccentricity):
            raise ValueError(
                "walker is a pattern of circular orbits: it needs altitude_km, and eccentricity = 0"
            )
        return self


class StationTable(Table):
    """A ground station; ``mask_deg`` is the elevation below which it hears nothing.

    It is one number, or points of azimuth (from north by east) and
    elevation, in degrees, linear in between and around north.
    """

    name: str = Field(min_length=1)
    latitude_deg: Annotated[float, Field(ge=-90.0, le=90.0, allow_inf_nan=False)]
    longitude_deg: Annotated[float, Field(ge=-180.0, le=360.0, allow_inf_nan=False)]
    altitude_m: Finite = 0.0
    mask_deg: MaskElevation | list[Corner] = 5.0

    @field_validator("mask_deg")
    @classmethod
    def _goes_around(cls, mask_deg: float | list[Corner]) -> float | list[Corner]:
        if isinstance(mask_deg, float):
            return mask_deg
        if not mask_deg:
            raise ValueError("needs a point, such as [0.0, 5.0]")
        if any(not (0.0 <= azimuth < 360.0 and 0.0 <= up < 90.0) for azimuth, up in mask_deg):
            raise ValueError("points have an azimuth from 0 to below 360 and 0 <= elevation < 90")
        if any(after[0] <= before[0] for before, after in pairwise(mask_deg)):
            raise ValueError("azimuths rise from point to point")
        return mask_deg
