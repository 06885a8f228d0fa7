"""What a scenario may say of radiation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rigs.tables import NotNegative, Positive, Table


class ParticleEventTable(Table):
    """A solar particle event: a straight rise from ``start_s`` to the peak, then a decay.

    ``fluence_per_cm2`` is that above 30 MeV, far from Earth, over the event.
    """

    start_s: NotNegative
    rise_s: Positive = 21_600.0  # hours [assumed]
    e_fold_s: Positive = 86_400.0  # about a day [assumed]
    fluence_per_cm2: Annotated[float, Field(gt=0.0, le=1e12, allow_inf_nan=False)]


class RadiationTable(Table):
    """How radiation strikes; ``acceleration`` multiplies every rate.

    ``shielding_mm`` is the aluminium around the parts; 0 counts every proton
    above 30 MeV. Without ``particle_event`` the Sun is quiet.
    """

    activity: Literal["solar-minimum", "solar-maximum"] = "solar-minimum"
    acceleration: NotNegative
    shielding_mm: Annotated[float, Field(ge=0.0, le=20.0, allow_inf_nan=False)] = 0.0
    particle_event: ParticleEventTable | None = None
