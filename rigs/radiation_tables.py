"""What a scenario may say of radiation."""

from __future__ import annotations

from typing import Literal

from rigs.tables import NotNegative, Table


class RadiationTable(Table):
    """How radiation strikes; ``acceleration`` multiplies every rate."""

    activity: Literal["solar-minimum", "solar-maximum"] = "solar-minimum"
    acceleration: NotNegative
