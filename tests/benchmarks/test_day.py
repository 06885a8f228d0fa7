"""How fast a satellite-day is computed, beside Basilisk and a plain loop on the same work.

The day: a 550 km Sun-synchronous orbit, three ground stations, eclipses, contacts, trapped
protons and the strikes they bring, a payload that is always busy, and power and heat closed
through its governor, which throttles. Processor time of one core, the best of several; the tape
and the building of the satellite are inside, reading the scenario's file is not, and what is
shipped and never changes (stations, profile, model, proton table) is read once, by the first run.

Basilisk steps a spacecraft with point-mass gravity, eclipse, solar panel, battery, a temperature
node, three ground stations and their access at 1 s: without radiation, without a governor, over
an Earth that does not turn, so its contacts are others. The plain loop makes one-second Euler
steps of battery, two nodes and governor under the sky of the same tape.

Run: make prove, or python -m pytest -m slow -s tests/benchmarks/test_day.py
"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from flights import EMULATION, Log, sheet

from groundlink.contacts import AcquisitionOfSignal
from payloads.battery import J_PER_WH
from payloads.events import TripCrossed
from payloads.thermal import STEFAN_BOLTZMANN, ZERO_CELSIUS_K
from rigs.build import Options, build
from rigs.bus import absorbed_w, array_w
from rigs.environment.earth import EQUATORIAL_RADIUS_KM
from rigs.environment.passes import station_named
from rigs.environment.sun import AU_KM
from rigs.events import SunlightChanged
from rigs.perform import perform_all
from rigs.records import Records
from rigs.run import _decide, _next, run
from rigs.shipped import parse, shipped
from rigs.sky import environment

pytestmark = pytest.mark.slow

DAY_S, REPEATS = 86_400.0, 15
SECONDS = np.arange(DAY_S) + 1.0
GOAL_DENSE, GOAL_EVENTS, GOAL_TICK_S = 1_000_000.0, 4_000_000.0, 50e-6
STATIONS = ["svalbard", "matera", "punta-arenas"]
LOOP_WH, LOOP_K = 0.05, 0.5  # what one-second Euler steps, and a sky read once a second, misplace
PI = dict(parse(shipped("scenarios")["first-light"], "first-light")["payloads"]["pi"])
BUSY = {"name": "busy", "period_s": 1e6, "deadline_s": 1e6, "preparation_s": 1e6}
TRIP_C, HYSTERESIS_C = 82.0, 6.0  # passed once or twice an orbit
PI |= {"jobs": [BUSY], "watchdog_s": 1e7, "reload_every_s": 1e7}
PI |= {"trips": [{"above_c": TRIP_C, "hysteresis_c": HYSTERESIS_C, "point": "1500MHz"}]}
BUSY_W, SLOW_W, BOOT_W, BOOT_S, TRANSMITTER_W = 4.94, 4.47, 3.0, 35.0, 4.0  # profile, scenario
BUS_W = 2.4  # own and normal loads
DIE_J_PER_K, DIE_K_PER_W = 19.1, 16.0


KNOT_TOLERANCE = 2e-3  # of the peak


def day():
    """Return the day's sheet."""
    return sheet(
        horizon_s=DAY_S, stations=STATIONS, housekeeping_s=3600.0, payloads={"pi": PI},
        radiation={"acceleration": 1.0}, battery__charge_fraction=0.8, loads__normal_w=2.0,
    )  # fmt: skip


def events_only(flown, knot_tolerance=0.0):
    options = Options(EMULATION, inference=False, knot_tolerance=knot_tolerance)
    with build(flown, options, Records(None)) as rig:
        run(rig)
    return rig


def every_second(flown):
    """Return charge, die and radiator at each second of the day, from 1 to 86,400."""
    with build(flown, Options(EMULATION, inference=False), Records(None)) as rig:
        history = rig.satellite.keep_history()
        run(rig)
        rig.satellite.housekeeping(DAY_S)
        return history.state_at(SECONDS)


def best_s(work, repeats=REPEATS):
    """Return the least processor time of a few runs, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        began_s = time.process_time()
        work()
        times.append(time.process_time() - began_s)
    return min(times)


def live_ticks(flown, look):
    """Return the host time of each 1 s tick, s: the loop's turn, and all that falls due in it."""
    ticks_s = []
    with build(flown, Options(EMULATION, inference=False), Records(None)) as rig:
        for second in SECONDS.tolist():
            began_s = time.perf_counter()
            rig.horizon_s = second
            while (due := _next(rig)) is not None:
                perform_all(rig, due[0], _decide(rig, *due))
            if look:
                rig.satellite.housekeeping(second)  # moves the state there, and tells it
            ticks_s.append(time.perf_counter() - began_s)
    return np.array(ticks_s)


def plain_loop(flown):
    """Step battery, two nodes and governor once a second, as one would write it first.

    The same tape is built for it. Returns processor time, charge in Wh, die and radiator in K.
    """
    began_s = time.process_time()
    scenario, tape = flown.scenario, environment(flown)
    array = np.interp(SECONDS - 0.5, tape.knots_s, array_w(scenario, tape)).tolist()
    heat = np.interp(SECONDS - 0.5, tape.knots_s, absorbed_w(scenario, tape)).tolist()
    heard = np.zeros(len(SECONDS), dtype=bool)
    for contact in tape.passes:
        heard |= (contact.aos_s <= SECONDS - 0.5) & (contact.los_s > SECONDS - 0.5)
    bus = (BUS_W + TRANSMITTER_W * heard).tolist()
    battery, radiator = scenario.battery, scenario.radiator
    emits = radiator.emissivity * radiator.area_m2 * STEFAN_BOLTZMANN
    charge_wh = battery.charge_fraction * battery.capacity_wh
    die_k = radiator_k = radiator.start_c + ZERO_CELSIUS_K
    slow = False
    for second in range(len(array)):
        die_c = die_k - ZERO_CELSIUS_K
        slow = die_c > TRIP_C - HYSTERESIS_C if slow else die_c >= TRIP_C
        payload_w = BOOT_W if second < BOOT_S else SLOW_W if slow else BUSY_W
        net_w = array[second] - bus[second] - payload_w
        gain = battery.charge_efficiency if net_w > 0.0 else 1.0 / battery.discharge_efficiency
        charge_wh = min(max(charge_wh + gain * net_w / J_PER_WH, 0.0), battery.capacity_wh)
        flow_w = (die_k - radiator_k) / DIE_K_PER_W
        die_k += (payload_w - flow_w) / DIE_J_PER_K
        warms_w = heat[second] + bus[second] + flow_w - emits * radiator_k**4
        radiator_k += warms_w / radiator.capacity_j_per_k
    return time.process_time() - began_s, charge_wh, die_k, radiator_k


def basilisk_day(step_s=1.0):
    """Return the processor time of Basilisk's day, and the numbers of contacts and eclipses.

    Point-mass gravity, eclipse, solar panel, load, battery, a node that radiates, 3 stations.
    """
    pytest.importorskip("Basilisk", reason="bsk is in the extra `oracles`")
    from Basilisk.architecture import messaging
    from Basilisk.simulation import (
        eclipse,
        groundLocation,
        sensorThermal,
        simpleBattery,
        simplePowerSink,
        simpleSolarPanel,
        spacecraft,
    )
    from Basilisk.utilities import SimulationBaseClass, macros, orbitalMotion, simIncludeGravBody

    simulation = SimulationBaseClass.SimBaseClass()
    process = simulation.CreateNewProcess("process")
    process.addTask(simulation.CreateNewTask("task", macros.sec2nano(step_s)))
    craft = spacecraft.Spacecraft()
    craft.ModelTag = "craft"
    bodies = simIncludeGravBody.gravBodyFactory()
    earth = bodies.createEarth()
    earth.isCentralBody = True
    bodies.addBodiesTo(craft)
    elements = orbitalMotion.ClassicElements()
    elements.a, elements.e, elements.i = 1e3 * (6378.137 + 550.0), 0.0, math.radians(97.6)
    elements.Omega, elements.omega, elements.f = math.radians(340.0), 0.0, 0.0
    craft.hub.r_CN_NInit, craft.hub.v_CN_NInit = orbitalMotion.elem2rv(earth.mu, elements)
    craft.hub.sigma_BNInit = [[0.0], [0.0], [0.0]]
    craft.hub.omega_BN_BInit = [[0.0], [0.0], [0.0]]
    sun, globe = messaging.SpicePlanetStateMsgPayload(), messaging.SpicePlanetStateMsgPayload()
    sun.PositionVector, sun.PlanetName = [AU_KM * 1e3, 0.0, 0.0], "sun"
    globe.PlanetName, globe.J20002Pfix = "earth", np.eye(3).tolist()
    sun_msg = messaging.SpicePlanetStateMsg().write(sun)
    globe_msg = messaging.SpicePlanetStateMsg().write(globe)
    earth.planetBodyInMsg.subscribeTo(globe_msg)

    shadow = eclipse.Eclipse()
    shadow.addSpacecraftToModel(craft.scStateOutMsg)
    shadow.addPlanetToModel(globe_msg)
    shadow.sunInMsg.subscribeTo(sun_msg)
    panel = simpleSolarPanel.SimpleSolarPanel()
    panel.stateInMsg.subscribeTo(craft.scStateOutMsg)
    panel.sunEclipseInMsg.subscribeTo(shadow.eclipseOutMsgs[0])
    panel.sunInMsg.subscribeTo(sun_msg)
    panel.setPanelParameters([1.0, 0.0, 0.0], 0.045, 0.27)
    load = simplePowerSink.SimplePowerSink()
    load.nodePowerOut = -(BUS_W + BUSY_W)
    battery = simpleBattery.SimpleBattery()
    battery.storageCapacity, battery.storedCharge_Init = 40.0 * J_PER_WH, 32.0 * J_PER_WH
    battery.addPowerNodeToModel(panel.nodePowerOutMsg)
    battery.addPowerNodeToModel(load.nodePowerOutMsg)
    on = messaging.DeviceStatusMsgPayload()
    on.deviceStatus = 1
    on_msg = messaging.DeviceStatusMsg().write(on)
    node = sensorThermal.SensorThermal()
    node.T_0, node.nHat_B, node.sensorArea = 10.0, [0.0, 1.0, 0.0], 0.032
    node.sensorAbsorptivity, node.sensorEmissivity = 0.2, 0.85
    node.sensorMass, node.sensorSpecificHeat, node.sensorPowerDraw = 2.0, 1000.0, 7.3
    node.sunInMsg.subscribeTo(sun_msg)
    node.stateInMsg.subscribeTo(craft.scStateOutMsg)
    node.sunEclipseInMsg.subscribeTo(shadow.eclipseOutMsgs[0])
    node.sensorStatusInMsg.subscribeTo(on_msg)
    grounds = []
    for name in STATIONS:
        place, ground = station_named(name), groundLocation.GroundLocation()
        ground.ModelTag = name
        ground.planetRadius = EQUATORIAL_RADIUS_KM * 1e3
        ground.specifyLocation(
            math.radians(place.latitude_deg), math.radians(place.longitude_deg), place.altitude_m
        )
        ground.minimumElevation, ground.maximumRange = math.radians(5.0), 1e9
        ground.planetInMsg.subscribeTo(globe_msg)
        ground.addSpacecraftToModel(craft.scStateOutMsg)
        grounds.append(ground)
    models = [craft, shadow, panel, load, battery, node, *grounds]
    logs = [battery.batPowerOutMsg.recorder(), node.temperatureOutMsg.recorder()]
    logs += [shadow.eclipseOutMsgs[0].recorder()]
    logs += [ground.accessOutMsgs[0].recorder() for ground in grounds]
    for model in (*models, *logs):
        simulation.AddModelToTask("task", model)
    began_s = time.process_time()
    simulation.InitializeSimulation()
    simulation.ConfigureStopTime(macros.sec2nano(DAY_S))
    simulation.ExecuteSimulation()
    spent_s = time.process_time() - began_s
    dark = np.asarray(logs[2].illuminationFactor) < 0.5
    heard = [np.asarray(log.hasAccess) > 0 for log in logs[3:]]
    return spent_s, sum(map(begins, heard)), begins(dark)


def begins(state):
    """Return how often a state that is true or false becomes true."""
    return int((np.diff(state.astype(int)) > 0).sum())


def test_a_day_at_every_second_by_events_and_live():
    flown, log = day(), Log()
    with build(flown, Options(EMULATION, inference=False), log) as rig:
        run(rig)
        end = rig.satellite.housekeeping(DAY_S)
    trips, contacts = len(log.times(TripCrossed)), len(log.times(AcquisitionOfSignal))
    eclipses = sum(not light.sunlit for light in log.all(SunlightChanged))
    events_s = best_s(lambda: events_only(flown))
    thinned_s = best_s(lambda: events_only(flown, KNOT_TOLERANCE))
    dense_s = best_s(lambda: every_second(flown))
    loop_s, charge_wh, _, radiator_k = plain_loop(flown)
    loop_s = min(loop_s, plain_loop(flown)[0])
    quiet, looked = live_ticks(flown, look=False), live_ticks(flown, look=True)
    bsk_s, bsk_contacts, bsk_eclipses = basilisk_day()
    bsk_s = min(bsk_s, basilisk_day()[0])
    print(
        f"\none satellite-day, {contacts} contacts, {eclipses} eclipses, {trips} trips of the "
        f"governor, in mission s per s of processor time:"
    )
    for name, spent_s in (
        ("events only", events_s),
        ("the same, knots left out to 2e-3 of the peak", thinned_s),
        ("state at every second", dense_s),
        ("plain Python loop, 1 s steps", loop_s),
        (f"Basilisk, 1 s steps, {bsk_contacts} contacts, {bsk_eclipses} eclipses", bsk_s),
    ):
        print(f"  {name:58s} {DAY_S / spent_s:11,.0f}   {bsk_s / spent_s:6.2f} times Basilisk")
    print(
        f"a live tick of 1 s, with what falls due in it: mean {1e6 * quiet.mean():.1f} µs, 99 % "
        f"below {1e6 * np.quantile(quiet, 0.99):.1f} µs; with the whole state told each second: "
        f"mean {1e6 * looked.mean():.1f} µs, 99 % below {1e6 * np.quantile(looked, 0.99):.1f} µs"
    )
    state = every_second(flown)
    assert trips > 0
    assert state.charge_j[-1] / J_PER_WH == pytest.approx(end.battery_wh, abs=1e-9)
    assert abs(charge_wh - end.battery_wh) < LOOP_WH
    assert abs(radiator_k - ZERO_CELSIUS_K - end.radiator_c) < LOOP_K
    assert DAY_S / dense_s >= GOAL_DENSE
    assert DAY_S / thinned_s >= GOAL_EVENTS
    assert quiet.mean() <= GOAL_TICK_S
    assert looked.mean() <= GOAL_TICK_S
    assert events_s < loop_s
    assert dense_s < bsk_s
