"""The total ionising dose of a year like the mission, behind a few thicknesses of aluminium."""

from __future__ import annotations

import math

import numpy as np

from rigs.environment.dose import THICKEST_MM, THINNEST_MM, Dose, dose_behind
from rigs.environment.earth import EQUATORIAL_RADIUS_KM, SECONDS_PER_DAY
from rigs.environment.faults import exposure_per_cm2
from rigs.environment.radiation import load_trapped_protons
from rigs.environment.tape import EnvironmentTape
from rigs.scenario import Scenario

DEPTHS_MM = (1.0, 3.0, 10.0)
YEAR_DAYS = 365.25
MOST_KNOTS = 50_000  # from which the mean spectrum is taken; four months have more


def doses(scenario: Scenario, tape: EnvironmentTape, inclination_deg: float) -> tuple[Dose, ...]:
    """Return the doses of a year at the mission's mean spectrum, thinnest shielding first.

    None comes from less than a day, in which no orbit crosses all of the belt.
    """
    if tape.horizon_s < SECONDS_PER_DAY:
        return ()
    belts = load_trapped_protons(scenario.radiation.activity).drifted_to(tape.start.year)
    every = slice(None, None, math.ceil(len(tape.knots_s) / MOST_KNOTS))
    t_s = tape.knots_s[every]
    flux = belts.spectrum_per_cm2_s(
        tape.latitude_deg[every], tape.longitude_deg[every], tape.altitude_km[every]
    )
    spectrum = np.array([exposure_per_cm2(t_s, row)[-1] for row in flux]) / (t_s[-1] - t_s[0])
    radius_km = float(np.linalg.norm(tape.earth_fixed.r_km, axis=1).mean())
    said_mm = scenario.radiation.shielding_mm
    depths_mm = {*DEPTHS_MM, *([said_mm] if THINNEST_MM <= said_mm <= THICKEST_MM else [])}
    return tuple(
        dose_behind(
            depth_mm,
            YEAR_DAYS,
            belts.spectrum_mev,
            spectrum,
            inclination_deg,
            radius_km - EQUATORIAL_RADIUS_KM,
        )
        for depth_mm in sorted(depths_mm)
    )
