"""Makes the satellite from its scenario: array, battery, radiator, computers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from firmware_bridge.boards.profile import BoardProfile
from payloads.computer import PayloadComputer
from payloads.power import Battery, Eps, Panel, Ramp, SolarArray
from payloads.rules import ComputerRules
from payloads.satellite import Breaker, Bus, BusLoads, Satellite
from payloads.thermal import ZERO_CELSIUS_K, Die, Radiator, ThermalStar
from rigs.assemble import governor
from rigs.environment.tape import EnvironmentTape
from rigs.scenario import PayloadTable, Scenario
from rigs.tables import FACING

EARTH_RADIUS_KM = 6371.0  # mean; for the angle under which a radiator sees the Earth
WAKE_FRACTION = 0.01  # of the battery: where an empty bus wakes [assumed]


def satellite(
    scenario: Scenario, tape: EnvironmentTape, boards: Mapping[str, BoardProfile]
) -> Satellite:
    """Return the satellite under the sky of ``tape``."""
    computers = {
        name: PayloadComputer(name, _computer_rules(table), governor(table, boards[name]))
        for name, table in scenario.payloads.items()
    }
    array, radiator, battery = scenario.array, _radiator(scenario), _battery(scenario)
    panels = tuple(Panel(p.area_m2, FACING.get(p.facing)) for p in array.panels)
    power_w = SolarArray(panels, array.efficiency, array.packing, array.conversion).power_w(
        tape.sun_w_m2
    )
    earth_radii = 1.0 + tape.altitude_km / EARTH_RADIUS_KM
    heat_w = radiator.absorbed_w(tape.sun_w_m2, tape.albedo_w_m2, tape.earth_ir_w_m2, earth_radii)
    dies = tuple(_die(table, boards[name]) for name, table in scenario.payloads.items())
    knots_s = tape.knots_s.tolist()
    bus = Bus(
        battery=battery,
        eps=Eps(
            **scenario.eps.model_dump(),
            empty_v=battery.voltage_v(0.0),
            wake_v=battery.voltage_v(WAKE_FRACTION * battery.capacity_j),
        ),
        loads=BusLoads(**scenario.loads.model_dump()),
        breaker=Breaker(**scenario.breaker.model_dump()),
        star=ThermalStar(dies, radiator),
        array_w=Ramp(knots_s, power_w.tolist()),
        absorbed_w=Ramp(knots_s, heat_w.tolist()),
        housekeeping_s=scenario.housekeeping_s,
        start_charge_j=scenario.battery.charge_fraction * battery.capacity_j,
        start_k=scenario.radiator.start_c + ZERO_CELSIUS_K,
    )
    return Satellite(bus, computers)


def _computer_rules(table: PayloadTable) -> ComputerRules:
    return ComputerRules(
        table.queue_length,
        table.watchdog_s,
        table.off_s,
        table.reload_every_s,
        streams=tuple(dict.fromkeys(jobs.name for jobs in table.jobs)),
        models=tuple(Path(model).name for model in (table.model, *table.models)),
        stopped=frozenset(jobs.name for jobs in table.jobs if not jobs.running),
    )


def _die(table: PayloadTable, board: BoardProfile) -> Die:
    if table.die is not None:
        return Die(table.die.capacity_j_per_k, table.die.resistance_k_per_w)
    return Die(board.die.capacity_j_per_k.value, board.die.resistance_k_per_w.value)


def _radiator(scenario: Scenario) -> Radiator:
    table = scenario.radiator
    return Radiator(
        table.area_m2,
        table.emissivity,
        table.absorptivity,
        table.capacity_j_per_k,
        FACING[table.facing],
    )


def _battery(scenario: Scenario) -> Battery:
    table = scenario.battery
    return Battery(
        table.capacity_wh,
        table.charge_efficiency,
        table.discharge_efficiency,
        tuple((fraction, volts) for fraction, volts in table.ocv),
    )
