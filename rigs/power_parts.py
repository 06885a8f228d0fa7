"""Makes a satellite's power system from its scenario: array, battery, and the sky they see."""

from __future__ import annotations

from math import inf

import numpy as np

from payloads.ageing import Fade
from payloads.array import Cells, Panel, SolarArray
from payloads.attitude import Sky, turned_to_sun
from payloads.battery import Battery, Store
from payloads.terminal_battery import TerminalBattery
from payloads.thermal import NADIR
from rigs.environment.tape import EnvironmentTape
from rigs.power_tables import ArrayTable, BatteryTable
from rigs.scenario import Scenario
from rigs.tables import FACING

EARTH_RADIUS_KM = 6371.0  # mean; for the angle under which a plate sees the Earth


def body_sky(scenario: Scenario, tape: EnvironmentTape) -> Sky:
    """Return what surrounds the satellite at every knot of the tape, in its own frame."""
    sky = Sky(
        tape.sun_w_m2,
        tape.to_sun,
        np.broadcast_to(NADIR, tape.to_sun.shape),
        tape.albedo_w_m2,
        tape.earth_ir_w_m2,
        1.0 + tape.altitude_km / EARTH_RADIUS_KM,
    )
    face = scenario.attitude.sun_face
    return sky if face is None else turned_to_sun(sky, FACING[face])


def solar_array(table: ArrayTable) -> SolarArray:
    """Return the array, as its years in orbit left it."""
    return SolarArray(
        tuple(Panel(panel.area_m2, FACING.get(panel.facing)) for panel in table.panels),
        table.efficiency,
        table.packing,
        table.conversion,
        (1.0 - table.degradation_per_year) ** table.years_in_orbit,
        None if table.cells is None else Cells(**table.cells.model_dump()),
    )


def fade(table: BatteryTable) -> Fade:
    """Return how the battery wears."""
    return Fade(table.fade_per_cycle, table.fade_per_year)


def store(scenario: Scenario) -> Store:
    """Return the battery, as its age left it: the plain one where nothing else is asked."""
    table = scenario.battery
    battery = Battery(
        table.capacity_wh * table.remaining,
        table.charge_efficiency,
        table.discharge_efficiency,
        tuple((fraction, volts) for fraction, volts in table.ocv),
        scenario.eps.max_v,
    )
    if not table.resistance_ohm and table.charge_limit_w is None:
        return battery
    return TerminalBattery(
        battery,
        table.resistance_ohm,
        inf if table.charge_limit_w is None else table.charge_limit_w,
        1.0 if table.taper_fraction is None else table.taper_fraction,
    )
