"""Makes the satellite from its scenario: array, battery, radiator, computers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from firmware_bridge.boards.profile import BoardProfile
from payloads.attitude import Sky
from payloads.computer import PayloadComputer
from payloads.power import Eps, Ramp
from payloads.rules import ComputerRules
from payloads.satellite import Breaker, Bus, BusLoads, Satellite
from payloads.thermal import (
    ZERO_CELSIUS_K,
    Die,
    Radiator,
    Spreader,
    Structure,
    ThermalStar,
)
from payloads.thinning import thinned
from rigs.assemble import governor
from rigs.environment.earth import Array
from rigs.environment.tape import EnvironmentTape
from rigs.power_parts import EARTH_RADIUS_KM, body_sky, fade, solar_array, store
from rigs.scenario import PayloadTable, Scenario
from rigs.tables import FACING

WAKE_FRACTION = 0.01  # of the battery: where an empty bus wakes [assumed]


def satellite(
    scenario: Scenario,
    tape: EnvironmentTape,
    boards: Mapping[str, BoardProfile],
    knot_tolerance: float = 0.0,
) -> Satellite:
    """Return the satellite under the sky of ``tape``.

    Knots can go where a straight line misses the tape, whose own lines lie
    1.4e-4 off, by less than ``knot_tolerance`` of each power's peak. Energy
    is kept; at 2e-3 what remains is a ripple of 3 J in a battery's 144,000
    and 1 mK of a radiator of 2 kJ/K.
    Which knots go depends on the whole tape: a mission that is cut short
    meets a sky that differs by as much.
    """
    computers = {
        name: PayloadComputer(name, _computer_rules(table), governor(table, boards[name]))
        for name, table in scenario.payloads.items()
    }
    radiator, battery = _radiator(scenario), store(scenario)
    structure = None if scenario.structure is None else Structure(**scenario.structure.model_dump())
    sky = body_sky(scenario, tape)
    powers_w = [solar_array(scenario.array).power_w(sky), _absorbed_w_of(radiator, sky)]
    if structure is not None:
        powers_w.append(_absorbed_w(structure, tape))
    knots, lines = tape.knots_s, powers_w
    if knot_tolerance > 0.0:
        knots, lines = thinned(knots, powers_w, knot_tolerance)
    knots_s = knots.tolist()
    array, absorbed, *rest = [Ramp(knots_s, watts.tolist()) for watts in lines]
    dies = tuple(_die(table, boards[name]) for name, table in scenario.payloads.items())
    bus = Bus(
        battery=battery,
        eps=Eps(
            **scenario.eps.model_dump(),
            empty_v=battery.voltage_v(0.0),
            wake_v=battery.voltage_v(WAKE_FRACTION * battery.capacity_j),
        ),
        loads=BusLoads(**scenario.loads.model_dump()),
        breaker=Breaker(**scenario.breaker.model_dump()),
        star=ThermalStar(dies, radiator, structure),
        array_w=array,
        absorbed_w=absorbed,
        housekeeping_s=scenario.housekeeping_s,
        start_charge_j=scenario.battery.charge_fraction * battery.capacity_j,
        start_k=scenario.radiator.start_c + ZERO_CELSIUS_K,
        structure_w=rest[0] if rest else None,
        fade=fade(scenario.battery),
    )
    return Satellite(bus, computers)


def array_w(scenario: Scenario, tape: EnvironmentTape) -> Array:
    """Return what the array gives at every knot of the tape, W at the bus."""
    return solar_array(scenario.array).power_w(body_sky(scenario, tape))


def absorbed_w(scenario: Scenario, tape: EnvironmentTape) -> Array:
    """Return what the radiator absorbs from Sun and Earth at every knot of the tape, W."""
    return _absorbed_w_of(_radiator(scenario), body_sky(scenario, tape))


def _absorbed_w_of(radiator: Radiator, sky: Sky) -> Array:
    return radiator.absorbed_w(
        sky.sun_w_m2, sky.albedo_w_m2, sky.earth_ir_w_m2, sky.earth_radii, sky.nadir
    )


def _absorbed_w(surface: Structure, tape: EnvironmentTape) -> Array:
    earth_radii = 1.0 + tape.altitude_km / EARTH_RADIUS_KM
    return surface.absorbed_w(tape.sun_w_m2, tape.albedo_w_m2, tape.earth_ir_w_m2, earth_radii)


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
    spreader = None if table.spreader is None else Spreader(**table.spreader.model_dump())
    if table.die is not None:
        return Die(table.die.capacity_j_per_k, table.die.resistance_k_per_w, spreader)
    die = board.die
    return Die(die.capacity_j_per_k.value, die.resistance_k_per_w.value, spreader)


def _radiator(scenario: Scenario) -> Radiator:
    table = scenario.radiator
    return Radiator(
        table.area_m2,
        table.emissivity,
        table.absorptivity,
        table.capacity_j_per_k,
        FACING[table.facing],
        table.sides,
        table.sink_k,
    )
