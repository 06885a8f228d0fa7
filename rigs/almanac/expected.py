"""How many faults of each class a payload may expect a day, each with the source of its rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigs import assemble
from rigs.environment.devices import Rate, rates
from rigs.parts import part_of

if TYPE_CHECKING:
    from rigs.environment.tape import EnvironmentTape
    from rigs.reading import Sheet


@dataclass(frozen=True, slots=True)
class Exposed:
    """A payload under the sky: its part, what is loaded, and its rates without acceleration."""

    payload: str
    part: str
    model: str
    weight_bits: int
    rates: tuple[Rate, ...]


def exposed(sheet: Sheet, name: str, tape: EnvironmentTape) -> Exposed:
    """Return what a payload may expect under a tape.

    Raises:
        ScenarioError: there is no such board or part, or no model that can fly.
    """
    model = next(iter(assemble.models(sheet, name).values()))
    part = part_of(sheet, name, assemble.profile(sheet, name))
    sections = part.cross_sections(model.weight_bits)
    found = rates(tape.knots_s, tape.proton_flux_per_cm2_s, sections)
    return Exposed(name, part.title, model.name, model.weight_bits, tuple(found))
