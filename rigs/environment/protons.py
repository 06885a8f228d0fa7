"""Protons on a satellite's way, by where they come from, behind its shielding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigs.environment.earth import Array
from rigs.environment.galactic import galactic_per_cm2_s
from rigs.environment.matter import energy_before_mev
from rigs.environment.radiation import TrappedProtons
from rigs.environment.solar_particles import SolarParticleEvent

STRIKING_MEV = 30.0  # from which a cross-section is taken as flat


@dataclass(frozen=True, slots=True, eq=False)
class Protons:
    """Protons that reach a part with 30 MeV or more, in /cm²/s, one number per knot.

    Each component is good to a factor of two at best.
    """

    trapped: Array
    galactic: Array
    solar: Array

    @property
    def total(self) -> Array:
        """Return the sum of the components."""
        flux: Array = self.trapped + self.galactic + self.solar
        return flux


def protons_along(
    belts: TrappedProtons,
    knots_s: Array,
    place: tuple[Array, Array, Array],
    shielding_mm: float = 0.0,
    event: SolarParticleEvent | None = None,
) -> Protons:
    """Return the protons at each knot; ``place`` is latitude, longitude in degrees, altitude in km.

    ``shielding_mm`` of aluminium on every side slow them down: those count
    that still have 30 MeV behind it. Nuclear reactions in it are left out.

    Raises:
        ValueError: the shielding is negative, or so thick that the table ends.
    """
    energy_mev = STRIKING_MEV
    if shielding_mm != 0.0:
        energy_mev = energy_before_mev(STRIKING_MEV, shielding_mm)
    trapped = belts.trapped_above_per_cm2_s(energy_mev, *place)
    cutoff_gv = belts.cutoff_gv(*place)
    return Protons(
        trapped=trapped,
        galactic=galactic_per_cm2_s(belts.activity, cutoff_gv, place[2], energy_mev),
        solar=np.zeros_like(trapped)
        if event is None
        else event.flux_per_cm2_s(knots_s, cutoff_gv, place[2], energy_mev),
    )
