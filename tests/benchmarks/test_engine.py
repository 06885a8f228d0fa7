"""How fast a day flies, against a plain loop of one-second steps over the same satellite.

Run: make prove, or python -m pytest -m slow -s tests/benchmarks
"""

import subprocess
import sys
import time
from bisect import bisect_right

import numpy as np
import pytest
from flights import EMULATION

from payloads.thermal import STEFAN_BOLTZMANN, ZERO_CELSIUS_K, earth_view
from rigs.build import Options, build
from rigs.power_parts import EARTH_RADIUS_KM
from rigs.reading import read_scenario
from rigs.records import Records
from rigs.run import finish, run
from rigs.sky import environment
from rigs.tables import FACING

pytestmark = pytest.mark.slow

GOAL = 250_000.0  # mission seconds per second, without inference
FLIGHT_GOAL_S = 20.0  # a whole day with inference and report, on two cores
REPEATS = 5
LOOP_WH = 0.05  # a one-second Euler step misplaces a load change by up to 5 W for 1 s, 1600 times
LOOP_K = 0.5  # the same for the radiator, and a tape that is read once a second


def best_of(repeats, measure):
    return min(measure() for _ in range(repeats))


def fly_day(folder):
    """Return the processor time of one day: tape, flight, records on disk; and the end state."""
    sheet = read_scenario("first-light")
    began_s = time.process_time()
    with (
        (folder / "records.jsonl").open("wb", buffering=0) as stream,
        build(sheet, Options(EMULATION, inference=False), Records(stream)) as rig,
    ):
        run(rig)
        finish(rig)
    return time.process_time() - began_s, rig.satellite.housekeeping(rig.horizon_s)


def load_history(folder):
    """Return when the satellite's load changed, to what, and the payload's share: from records."""
    from rigs.records import read_records

    times, loads, payloads = [], [], []
    bus_w, payload_w = 3.9, 0.0
    transmitter_w, mode_w = 0.0, {"normal": 3.9, "safe": 2.4, "critical": 0.4}
    for record in read_records(folder / "records.jsonl"):
        match record["what"]:
            case "telemetry-sample":
                payload_w = record["power_w"]
            case "mode-changed":
                bus_w = mode_w[record["mode"]]
            case "link-changed":
                transmitter_w = 4.0 if record["state"] == "aos" else 0.0
            case _:
                continue
        times.append(record["t_s"])
        loads.append(bus_w + transmitter_w + payload_w)
        payloads.append(payload_w)
    return times, loads, payloads


def plain_loop(tape, times, loads, payloads):
    """Step the same battery and the same two nodes once a second, as one would write it first."""
    scenario = read_scenario("first-light").scenario
    table, radiator, battery = scenario.array, scenario.radiator, scenario.battery
    array_w, heat_w = np.zeros(len(tape.knots_s)), np.zeros(len(tape.knots_s))
    for panel in table.panels:
        normal = np.array(FACING[panel.facing])
        lit = np.maximum(tape.sun_w_m2 @ normal, 0.0)
        array_w += panel.area_m2 * lit * table.efficiency * table.packing * table.conversion
    normal = np.array(FACING[radiator.facing])
    heat_w += radiator.area_m2 * radiator.absorptivity * np.maximum(tape.sun_w_m2 @ normal, 0.0)
    radii = 1.0 + tape.altitude_km / EARTH_RADIUS_KM
    share = earth_view(normal[2], radii) * radii**2
    heat_w += radiator.area_m2 * radiator.absorptivity * share * tape.albedo_w_m2
    heat_w += radiator.area_m2 * radiator.emissivity * share * tape.earth_ir_w_m2
    seconds = np.arange(scenario.horizon_s) + 0.5
    array_w = np.interp(seconds, tape.knots_s, array_w).tolist()
    heat_w = np.interp(seconds, tape.knots_s, heat_w).tolist()
    charge_wh = battery.charge_fraction * battery.capacity_wh
    die_k = radiator_k = radiator.start_c + ZERO_CELSIUS_K
    began_s = time.process_time()
    for second in range(int(scenario.horizon_s)):
        k = bisect_right(times, second + 0.5) - 1
        load_w, payload_w = loads[k], payloads[k]
        net_w = array_w[second] - load_w
        gain = battery.charge_efficiency if net_w > 0.0 else 1.0 / battery.discharge_efficiency
        charge_wh = min(max(charge_wh + gain * net_w / 3600.0, 0.0), battery.capacity_wh)
        flow_w = (die_k - radiator_k) / 16.0
        emitted_w = radiator.emissivity * radiator.area_m2 * STEFAN_BOLTZMANN * radiator_k**4
        die_k += (payload_w - flow_w) / 19.1
        radiator_k += (
            heat_w[second] + load_w - payload_w + flow_w - emitted_w
        ) / radiator.capacity_j_per_k
    return time.process_time() - began_s, charge_wh, radiator_k - ZERO_CELSIUS_K


def test_a_day_without_inference_flies_fast(tmp_path):
    spent_s, end = fly_day(tmp_path)
    spent_s = min(spent_s, best_of(REPEATS, lambda: fly_day(tmp_path)[0]))
    tape = environment(read_scenario("first-light"))
    loop_s, charge_wh, radiator_c = plain_loop(tape, *load_history(tmp_path))
    day_s = 86_400.0
    print(
        f"\none day of first-light without inference, tape and records included: "
        f"{day_s / spent_s:,.0f} mission s per s of processor time ({day_s / spent_s / GOAL:.2f} "
        f"of the goal of {GOAL:,.0f})\n"
        f"a plain loop of one-second steps, battery and two nodes alone: {day_s / loop_s:,.0f}; "
        f"highbay / loop = {loop_s / spent_s:.2f}\n"
        f"they end {abs(charge_wh - end.battery_wh):.4f} Wh and "
        f"{abs(radiator_c - end.radiator_c):.4f} K apart"
    )
    assert abs(charge_wh - end.battery_wh) < LOOP_WH
    assert abs(radiator_c - end.radiator_c) < LOOP_K


def test_a_whole_flight_with_report(tmp_path):
    began_s = time.monotonic()
    command = [sys.executable, "-m", "rigs.cli", "run", "first-light", "--out", str(tmp_path / "r")]
    subprocess.run(command, check=True, capture_output=True)
    took_s = time.monotonic() - began_s
    print(
        f"\nhighbay run first-light, 24 h with inference and report: {took_s:.1f} s of wall clock "
        f"({took_s / FLIGHT_GOAL_S:.2f} of the {FLIGHT_GOAL_S:.0f} s allowed)"
    )


def test_help_answers_at_once():
    def once():
        began_s = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "rigs.cli", "--help"], check=True, capture_output=True
        )
        return time.monotonic() - began_s

    def bare():
        began_s = time.monotonic()
        subprocess.run([sys.executable, "-c", "pass"], check=True, capture_output=True)
        return time.monotonic() - began_s

    ours_s, bare_s = best_of(REPEATS, once), best_of(REPEATS, bare)
    print(f"\nhighbay --help: {ours_s:.3f} s, {ours_s / bare_s:.1f} times an empty Python")
