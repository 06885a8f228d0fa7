"""What a scenario may say of the satellite's heat."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from typing_extensions import Self

from rigs.tables import Area, Efficiency, Facing, Fraction, Positive, Table

SHORTEST_RADIATOR_S, SHORTEST_DIE_S = 60.0, 1.0  # time constants


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
