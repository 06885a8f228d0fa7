"""What a value in a file of highbay may be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Efficiency = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]
Period = Annotated[float, Field(ge=0.01, allow_inf_nan=False)]  # s; a flight of more is no flight
Watts = Annotated[float, Field(ge=0.0, le=1e7, allow_inf_nan=False)]  # a data centre draws 2e5
Area = Annotated[float, Field(gt=0.0, le=1e5, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")]

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


class Table(BaseModel):
    """A table of a scenario file: unknown keys are errors, values are of their type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
