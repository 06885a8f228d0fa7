"""What a scenario may say of the satellite's heat."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from rigs.tables import Area, Efficiency, Facing, Fraction, Positive, Table

SHORTEST_RADIATOR_S, SHORTEST_DIE_S = 60.0, 1.0  # time constants
COOLS_W_PER_M2_K = 5.53  # of a black surface: 4 σ T³ at 290 K


class RadiatorTable(Table):
    """The radiator, with what is fixed to it.

    One of two ``sides`` faces the other way as well, each with ``area_m2``.
    ``sink_k`` is the temperature of what it sees beside the Sun and the
    Earth, whose heat the orbit brings in by itself.
    """

    area_m2: Area
    facing: Facing
    emissivity: Efficiency
    absorptivity: Fraction
    capacity_j_per_k: Positive
    start_c: Annotated[float, Field(gt=-200.0, lt=200.0, allow_inf_nan=False)]
    sides: Literal[1, 2] = 1
    sink_k: Annotated[float, Field(ge=0.0, le=1000.0, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _not_a_foil(self) -> Self:
        # a foil would be followed too, but by many sub-steps: a flight would crawl
        cools_w_per_k = COOLS_W_PER_M2_K * self.emissivity * self.area_m2 * self.sides
        if self.capacity_j_per_k / cools_w_per_k < SHORTEST_RADIATOR_S:
            raise ValueError(
                f"a radiator that cools within {SHORTEST_RADIATOR_S:g} s is no radiator: give it "
                "more capacity_j_per_k or less area_m2"
            )
        return self


class StructureTable(Table):
    """The satellite's body, which the bus heats: tied to the radiator, radiating by itself.

    ``area_m2`` is its whole outer surface, taken as seen from everywhere
    alike. It starts at the radiator's temperature and sees the same sink.
    """

    capacity_j_per_k: Positive
    conductance_w_per_k: Positive
    area_m2: Annotated[float, Field(ge=0.0, le=1e5, allow_inf_nan=False)] = 0.0
    emissivity: Efficiency = 0.85
    absorptivity: Fraction = 0.2

    @model_validator(mode="after")
    def _not_a_foil(self) -> Self:
        cools_w_per_k = COOLS_W_PER_M2_K * self.emissivity * self.area_m2
        if self.capacity_j_per_k < SHORTEST_RADIATOR_S * cools_w_per_k:
            raise ValueError(
                f"a structure that cools within {SHORTEST_RADIATOR_S:g} s is no structure: give "
                "it more capacity_j_per_k or less area_m2"
            )
        return self


class SpreaderTable(Table):
    """The board or plate under a die; the die's own path then ends here, and this one goes on."""

    capacity_j_per_k: Positive
    resistance_k_per_w: Positive

    @model_validator(mode="after")
    def _not_a_point(self) -> Self:
        if self.capacity_j_per_k * self.resistance_k_per_w < SHORTEST_DIE_S:
            raise ValueError(
                f"capacity_j_per_k × resistance_k_per_w is below {SHORTEST_DIE_S:g} s: leave so "
                "small a spreader out"
            )
        return self


class DieTable(Table):
    """The die's node, in place of the one in the board's profile.

    ``resistance_k_per_w`` is the path to the spreader, or to the radiator
    where there is none: conduction, as in a vacuum, with every fan off.
    """

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
