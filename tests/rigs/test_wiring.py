"""Every key of a scenario reaches the part that it is about, and moves what it should move."""

import json
import math
from datetime import datetime, timezone
from typing import get_args

import numpy as np
import pytest
from flights import EMULATION, fly, sheet
from PIL import Image
from wiring import EXACT, JOB, NO_JOBS, keys_that_matter, matters

from firmware_bridge.faults import FaultEvent, FaultKind
from groundlink.contacts import (
    AcquisitionOfSignal,
)
from payloads.events import (
    Completed,
    Housekeeping,
    ModeChanged,
    OvercurrentTripped,
    Reloaded,
    SetPoint,
    SwitchSupply,
    TripCrossed,
)
from payloads.jobs import JobLost, Released
from payloads.power import EpsMode
from rigs.errors import ScenarioError
from rigs.events import FlightEnded, FlightStarted
from rigs.flight import fly as fly_to_folder
from rigs.records import read_records
from rigs.scenario import Scenario
from rigs.sky import environment
from rigs.tables import FACING, Table

EXCEPTIONS = {  # keys that no flight can show, each with its reason
    "description": "only a reader of the file or the report sees it",
    "versions": "says what a flight was flown with, and is compared by nothing",
    "payloads.board": "one board is shipped; that others are refused is in test_reading",
}

BOOT_W, RELOAD_S = 3.0, 1.5  # of the Raspberry Pi's profile
SHORT_PERIOD_S = 3.0  # J2 lifts and lowers a circular orbit by kilometres
INFERENCE_S = 0.01  # more than a model takes on top of its preparation
CROSSING_C = 1e-3  # to which the moment of a trip point is found, and more

SUNNY = [{"area_m2": 0.1, "facing": "sun"}]  # about 36 W in the light, more than is ever drawn
DARK = [{"area_m2": 1e-9, "facing": "sun"}]
STRAIGHT = [[0.0, 6.0], [1.0, 8.4]]  # battery volts, so that a charge is seen at a glance
DAYLIGHT_S = 1500.0  # the quiet flight begins in the morning, over the equator
POLAR = {"altitude_km": 550.0, "inclination_deg": 90.0}
POLE = {"name": "pole", "latitude_deg": 90.0, "longitude_deg": 0.0, "mask_deg": 5.0}
EFFICIENCIES = {
    "horizon_s": DAYLIGHT_S,
    "battery__charge_efficiency": 0.8,
    "battery__discharge_efficiency": 0.6,
}
STRUCK = {"horizon_s": 40_000.0, "radiation__acceleration": 20_000.0, "payloads__pi__jobs": NO_JOBS}
TLE = [
    "1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991",
    "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482",
]


def keys_of(table, path=""):
    """Yield every key that a scenario can have, without the names of payloads."""
    for key, field in table.model_fields.items():
        below = tables_in(field.annotation)
        for inner in below:
            yield from keys_of(inner, f"{path}{key}.")
        if not below:
            yield f"{path}{key}"


def tables_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return [annotation]
    return [table for part in get_args(annotation) for table in tables_in(part)]


def test_every_key_of_a_scenario_is_named_by_a_test_here_or_excused():
    named = keys_that_matter()
    assert set(keys_of(Scenario)) == named | set(EXCEPTIONS)
    assert not named & set(EXCEPTIONS)


def states(**changes):
    return fly(sheet(**changes)).all(Housekeeping)


def end(**changes):
    return states(**changes)[-1]


def started(**changes):
    return fly(sheet(horizon_s=1.0, **changes)).last(FlightStarted)


@matters("name")
def test_a_flight_is_called_by_its_name():
    assert started(name="other").scenario == "other"


@matters("start")
def test_sunlight_follows_the_distance_to_the_sun_through_the_year():
    lit = {"horizon_s": 1.0, "array__panels": SUNNY}
    days = (datetime(2026, *day, tzinfo=timezone.utc) for day in ((1, 3), (7, 6)))
    january_w, july_w = (states(start=day, **lit)[0].array_w for day in days)
    nearest_au, farthest_au = 0.98330, 1.01664  # Earth's perihelion and aphelion of 2026
    assert january_w / july_w == pytest.approx((farthest_au / nearest_au) ** 2, rel=1e-3)


@matters("horizon_s")
def test_a_flight_ends_at_its_horizon():
    assert fly(sheet(horizon_s=1234.5)).times(FlightEnded) == [1234.5]


@matters("seed")
def test_another_seed_brings_other_strikes():
    ours, again, others = (fly(sheet(seed=s, **STRUCK)).times(FaultEvent) for s in (1, 1, 2))
    assert ours == again != others


@matters("seed")
def test_another_seed_brings_other_clouds():
    ours, again, others = ([r.figures for r in answers(seed=s)] for s in (1, 1, 2))
    assert ours == again != others


@matters("housekeeping_s")
def test_housekeeping_comes_at_its_period():
    times_s = fly(sheet(horizon_s=100.0, housekeeping_s=30.0)).times(Housekeeping)
    assert times_s == [0.0, 30.0, 60.0, 90.0, 100.0]  # and once at the end


def orbit(horizon_s=6000.0, **elements):
    return environment(sheet(horizon_s=horizon_s, orbit={"altitude_km": 550.0, **elements}))


@matters("orbit.altitude_km")
def test_a_higher_orbit_is_higher():
    low, high = (orbit(altitude_km=km).altitude_km.mean() for km in (550.0, 600.0))
    assert high - low == pytest.approx(50.0, abs=1.0)


@matters("orbit.inclination_deg")
def test_the_inclination_is_the_northernmost_latitude():
    assert orbit(inclination_deg=40.0).latitude_deg.max() == pytest.approx(40.0, abs=0.5)


@matters("orbit.eccentricity")
def test_apogee_and_perigee_are_two_eccentricities_apart():
    km = orbit(eccentricity=0.03).altitude_km
    earth_oblate_km = 30.0  # the ellipsoid's flattening and SGP4's short periods
    assert np.ptp(km) == pytest.approx(2 * 0.03 * 6928.0, abs=earth_oblate_km)


@matters("orbit.raan_deg")
def test_the_node_turns_the_ground_track():
    west, east = (orbit(1.0, raan_deg=deg).longitude_deg[0] for deg in (10.0, 50.0))
    assert (east - west) % 360.0 == pytest.approx(40.0, abs=0.1)


@matters("orbit.local_time_of_ascending_node")
def test_an_hour_of_local_time_is_fifteen_degrees():
    early, late = (
        orbit(1.0, local_time_of_ascending_node=at).longitude_deg[0] for at in ("09:00", "10:00")
    )
    assert (late - early) % 360.0 == pytest.approx(15.0, abs=0.1)


@matters("orbit.argument_of_perigee_deg", "orbit.mean_anomaly_deg")
@pytest.mark.parametrize("key", ["argument_of_perigee_deg", "mean_anomaly_deg"])
def test_the_satellite_starts_where_its_angles_say(key):
    start = orbit(1.0, inclination_deg=90.0, **{key: 30.0})
    assert start.latitude_deg[0] == pytest.approx(30.0, abs=0.3)  # geodetic adds 0.17


@matters("orbit.tle")
def test_two_lines_place_the_satellite():
    tape = environment(
        sheet(start=datetime(2019, 12, 9, 17, tzinfo=timezone.utc), orbit={"tle": TLE})
    )
    assert tape.latitude_deg.max() == pytest.approx(51.64, abs=0.3)
    assert tape.altitude_km.mean() == pytest.approx(420.0, abs=15.0)  # 15.50 turns a day


def passes(**station):
    """Fly one orbit over the poles; return its passes over a station."""
    log = fly(sheet(orbit=POLAR, stations=[POLE | station]))
    return [heard.contact for heard in log.all(AcquisitionOfSignal)]


@matters("stations.latitude_deg")
def test_the_south_pole_hears_the_satellite_half_an_orbit_later():
    (north,), (south,) = passes(), passes(latitude_deg=-90.0)
    half_an_orbit_s = math.pi * math.sqrt(6928.0**3 / 398_600.4)
    assert south.aos_s - north.aos_s == pytest.approx(half_an_orbit_s, abs=10.0)


@matters("stations.longitude_deg")
def test_a_station_off_the_ground_track_sees_the_satellite_lower():
    below_deg = environment(sheet(horizon_s=1.0, orbit=POLAR)).longitude_deg[0]
    under, beside = (
        passes(latitude_deg=10.0, longitude_deg=below_deg + east)[0] for east in (0.0, 10.0)
    )
    assert under.max_elevation_deg > 80.0
    arc = math.radians(10.0)  # Earth turns by 0.7 more until the satellite is nearest
    round_deg = math.degrees(math.atan((math.cos(arc) - 6378.0 / 6928.0) / math.sin(arc)))
    assert beside.max_elevation_deg == pytest.approx(round_deg, abs=3.0)


@matters("stations.altitude_m", "stations.mask_deg")
@pytest.mark.parametrize("change", [{"altitude_m": 8000.0}, {"mask_deg": 10.0}])
def test_a_pass_overhead_lasts_as_long_as_its_arc(change):
    (heard,) = passes(**change)
    station_km = 6357.0 + change.get("altitude_m", 0.0) / 1000.0  # polar radius
    mask = math.radians(change.get("mask_deg", 5.0))
    half_arc = math.acos(station_km * math.cos(mask) / 6928.0) - mask
    duration_s = 2.0 * half_arc * math.sqrt(6928.0**3 / 398_600.4)
    assert heard.duration_s == pytest.approx(duration_s, abs=SHORT_PERIOD_S)


@matters("stations.name")
def test_a_contact_names_its_station():
    assert passes(name="elsewhere")[0].station == "elsewhere"


@matters("array.panels.area_m2", "array.efficiency", "array.packing", "array.conversion")
@pytest.mark.parametrize("key", ["panels.area_m2", "efficiency", "packing", "conversion"])
def test_half_of_any_factor_of_the_array_generates_half(key):
    array = sheet().scenario.array.model_dump()
    if key == "panels.area_m2":
        halved = [{**p, "area_m2": 0.5 * p["area_m2"]} for p in array["panels"]]
        changes = {"array__panels": halved}
    else:
        changes = {f"array__{key}": 0.5 * array[key]}
    assert end(**changes).generated_wh == pytest.approx(0.5 * end().generated_wh, rel=EXACT)


@matters("array.panels.facing")
def test_six_panels_around_share_the_light_of_one_that_follows_the_sun():
    power_w = {
        facing: states(horizon_s=1.0, array__panels=[{"area_m2": 0.1, "facing": facing}])[0].array_w
        for facing in (*FACING, "sun")
    }
    sun_w = power_w.pop("sun")
    assert math.hypot(*power_w.values()) == pytest.approx(sun_w, rel=EXACT)
    lit = {facing for facing, watts in power_w.items() if watts > 0.0}
    assert {"zenith", "right"} <= lit  # over the equator at 10:30, going north
    assert not lit & {"nadir", "left"}


@matters("battery.capacity_wh", "battery.charge_fraction")
def test_the_battery_starts_with_its_share_of_its_capacity():
    first = states(horizon_s=1.0, battery__capacity_wh=30.0, battery__charge_fraction=0.7)[0]
    assert first.battery_wh == pytest.approx(0.7 * 30.0, rel=EXACT)


@matters("battery.charge_efficiency")
def test_charging_loses_its_own_share_and_nothing_else():
    charged = end(**EFFICIENCIES, array__panels=SUNNY)
    offered_wh = charged.generated_wh - charged.consumed_wh
    assert charged.losses_wh == pytest.approx((1.0 - 0.8) * offered_wh, rel=EXACT)


@matters("battery.discharge_efficiency")
def test_discharging_loses_its_own_share_and_nothing_else():
    drained = end(**EFFICIENCIES, array__panels=DARK)
    given_wh = drained.consumed_wh - drained.generated_wh
    assert drained.losses_wh == pytest.approx((1.0 / 0.6 - 1.0) * given_wh, rel=EXACT)


@matters("battery.ocv")
def test_the_voltage_is_that_of_the_curve():
    first = states(horizon_s=1.0, battery__ocv=STRAIGHT, battery__charge_fraction=0.75)[0]
    assert first.battery_v == pytest.approx(6.0 + 0.75 * 2.4, rel=EXACT)


@matters("eps.safe_v", "eps.critical_v", "eps.normal_v")
@pytest.mark.parametrize(
    ("key", "volts", "charge_fraction", "panels", "mode"),
    [
        ("safe_v", 6.96, 0.5, DARK, EpsMode.SAFE),
        ("critical_v", 6.6, 0.5, DARK, EpsMode.CRITICAL),
        ("normal_v", 7.32, 0.3, SUNNY, EpsMode.NORMAL),
    ],
)
def test_the_mode_changes_at_its_voltage(key, volts, charge_fraction, panels, mode):
    log = fly(sheet(**small_battery(charge_fraction, panels), **{f"eps__{key}": volts}))
    changed = next(change for change in log.all(ModeChanged)[1:] if change.mode is mode)
    assert changed.battery_wh == pytest.approx(5.0 * (volts - 6.0) / 2.4, rel=EXACT)


@matters("eps.max_v")
def test_charging_stops_at_the_highest_voltage():
    full = end(horizon_s=DAYLIGHT_S, eps__max_v=7.8, **small_battery(0.6, SUNNY))
    assert full.battery_v == pytest.approx(7.8, rel=EXACT)
    assert full.curtailed_wh > 0.0


def small_battery(charge_fraction, panels):
    return {
        "battery__capacity_wh": 5.0,
        "battery__ocv": STRAIGHT,
        "battery__charge_fraction": charge_fraction,
        "array__panels": panels,
    }


@matters("eps.own_w", "loads.normal_w", "loads.safe_w", "loads.transmitter_w")
def test_the_load_is_the_sum_of_what_is_on():
    drawn = {"eps__own_w": 0.7, "loads__normal_w": 3.1, "loads__safe_w": 1.3}
    plan = [{"station": "a", "aos_s": 50.0, "los_s": 1000.0}]
    log = fly(
        sheet(
            horizon_s=DAYLIGHT_S,
            loads__transmitter_w=5.2,
            link__contacts=plan,
            **drawn,
            **small_battery(0.3, SUNNY),
        )
    )
    seen = [(t, s) for t, s in log.entries if isinstance(s, Housekeeping)]
    for t_s, state in seen:
        bus_w = 3.1 if state.mode is EpsMode.NORMAL else 1.3
        radio_w = 5.2 if 50.0 < t_s < 1000.0 else 0.0
        assert state.load_w == pytest.approx(0.7 + bus_w + radio_w + state.payload_w["pi"])
    assert {state.mode for _, state in seen} == {EpsMode.SAFE, EpsMode.NORMAL}


@matters("breaker.limit_w")
@pytest.mark.parametrize(
    ("limit_w", "tripped_s"), [(5.1, [633.0]), (5.3, [663.0]), (7.9, [663.0]), (8.1, [])]
)
def test_the_breaker_opens_above_its_limit(limit_w, tripped_s):
    # latched up, the board draws 5.2 W while it idles at 630 s, and 8.0 W from 660 s on
    struck = sheet(horizon_s=700.0, payloads__pi__jobs=[JOB], breaker__limit_w=limit_w)
    assert fly(struck, (630.0, FaultKind.SEL)).times(OvercurrentTripped) == tripped_s


@matters("breaker.delay_s")
def test_the_breaker_waits_for_its_delay():
    struck = sheet(horizon_s=700.0, payloads__pi__jobs=[JOB], breaker__delay_s=7.0)
    assert fly(struck, (610.0, FaultKind.SEL)).times(OvercurrentTripped) == [617.0]


@matters("radiator.start_c")
def test_everything_starts_at_the_temperature_of_the_radiator():
    first = states(horizon_s=1.0, radiator__start_c=-12.5)[0]
    assert (first.radiator_c, first.die_c["pi"]) == pytest.approx((-12.5, -12.5), abs=1e-9)


@matters("radiator.area_m2", "radiator.emissivity", "radiator.capacity_j_per_k")
@pytest.mark.parametrize(
    ("key", "value", "factor"),
    [("area_m2", 0.064, 2.0), ("emissivity", 0.425, 0.5), ("capacity_j_per_k", 4000.0, 0.5)],
)
def test_a_hot_radiator_cools_in_proportion(key, value, factor):
    cooled = 150.0 - glowing().radiator_c
    other = 150.0 - glowing(**{f"radiator__{key}": value}).radiator_c
    assert other == pytest.approx(factor * cooled, rel=0.02)  # sky and board take part


def glowing(**changes):
    return end(
        horizon_s=5.0,
        radiator__start_c=150.0,
        radiator__absorptivity=0.0,
        payloads__pi__die={"capacity_j_per_k": 1.0, "resistance_k_per_w": 1000.0},
        payloads__pi__trips=[],
        eps__own_w=0.0,
        loads__normal_w=0.0,
        **changes,
    )


@matters("radiator.absorptivity", "radiator.facing")
def test_only_a_radiator_that_sees_the_sun_is_warmed_by_it():
    warmed = {
        facing: warmth_k(facing, 1.0) - warmth_k(facing, 0.0) for facing in ("zenith", "left")
    }
    sun_w = states(horizon_s=1.0, array__panels=[{"area_m2": 0.032, "facing": "zenith"}])[0].array_w
    lit_w = sun_w / (0.3 * 0.9 * 0.97)  # before what the array's factors take away
    assert warmed["zenith"] == pytest.approx(lit_w * 60.0 / 2000.0, rel=0.02)
    assert warmed["left"] < 0.3 * warmed["zenith"]  # albedo alone


def warmth_k(facing, absorptivity):
    return end(
        horizon_s=60.0, radiator__facing=facing, radiator__absorptivity=absorptivity
    ).radiator_c


@matters("payloads.die.capacity_j_per_k", "payloads.die.resistance_k_per_w")
@pytest.mark.parametrize(("capacity", "resistance"), [(20.0, 10.0), (40.0, 10.0), (20.0, 20.0)])
def test_a_booting_die_warms_by_the_closed_form_of_one_node(capacity, resistance):
    die = {"capacity_j_per_k": capacity, "resistance_k_per_w": resistance}
    warmed = end(horizon_s=30.0, payloads__pi__die=die, radiator__capacity_j_per_k=1e6)
    rise_k = BOOT_W * resistance * (1.0 - math.exp(-30.0 / (capacity * resistance)))
    assert warmed.die_c["pi"] - warmed.radiator_c == pytest.approx(rise_k, rel=0.01)


@matters("payloads.trips.above_c", "payloads.trips.hysteresis_c", "payloads.trips.point")
def test_the_governor_acts_at_the_trip_points_of_the_scenario():
    log = fly(
        sheet(
            payloads__pi__die={"capacity_j_per_k": 19.1, "resistance_k_per_w": 15.0},
            payloads__pi__trips=[{"above_c": 60.0, "hysteresis_c": 4.0, "point": "750MHz"}],
            payloads__pi__jobs=[{**JOB, "preparation_s": 59.0, "until_s": 1500.0}],
        )
    )
    up, down = log.all(TripCrossed)[0], log.last(TripCrossed)
    assert (up.rising, down.rising) == (True, False)
    assert (up.die_c, down.die_c) == pytest.approx((60.0, 56.0), abs=CROSSING_C)
    assert {set_point.point for set_point in log.all(SetPoint)} == {"1800MHz", "750MHz"}


@matters("payloads.point")
def test_the_board_runs_at_the_point_of_the_scenario():
    log = fly(sheet(horizon_s=300.0, payloads__pi__jobs=[JOB], payloads__pi__point="1000MHz"))
    assert log.all(SetPoint)[0].point == log.last(FlightStarted).payloads["pi"].point == "1000MHz"
    assert log.last(Completed).latency_s == pytest.approx(36.0, abs=INFERENCE_S)


@matters("payloads.queue_length")
@pytest.mark.parametrize("length", [1, 3])
def test_the_queue_holds_its_length(length):
    jobs = [{**JOB, "period_s": 10.0}]  # at 0, 10, 20 and 30 s while the board boots
    log = fly(sheet(horizon_s=34.0, payloads__pi__jobs=jobs, payloads__pi__queue_length=length))
    assert log.times(JobLost)[0] == 10.0 * length


@matters("payloads.watchdog_s", "payloads.off_s")
def test_a_hung_board_is_off_after_the_watchdog_and_on_after_the_pause():
    patience = {"payloads__pi__watchdog_s": 40.0, "payloads__pi__off_s": 7.0}
    log = fly(sheet(horizon_s=700.0, payloads__pi__jobs=[JOB], **patience), (610.0, FaultKind.SEFI))
    assert log.times(SwitchSupply) == [0.0, 640.0, 647.0]  # the job began at 600 s


@matters("payloads.reload_every_s")
def test_the_model_is_reloaded_at_its_period():
    reloads = fly(
        sheet(horizon_s=2200.0, payloads__pi__jobs=NO_JOBS, payloads__pi__reload_every_s=1000.0)
    )
    assert reloads.times(Reloaded) == [1000.0 + RELOAD_S, 2000.0 + RELOAD_S]


@matters("payloads.jobs.name", "payloads.jobs.period_s")
@matters("payloads.jobs.start_s", "payloads.jobs.until_s")
def test_jobs_are_released_as_their_stream_says():
    stream = {**JOB, "name": "other", "period_s": 70.0, "start_s": 100.0, "until_s": 320.0}
    log = fly(sheet(horizon_s=900.0, payloads__pi__jobs=[stream]))
    assert log.times(Released) == [100.0, 170.0, 240.0, 310.0]
    assert {done.stream for done in log.all(Completed)} == {"other"}


@matters("payloads.jobs.preparation_s", "payloads.jobs.deadline_s")
@pytest.mark.parametrize(("deadline_s", "late"), [(24.9, True), (25.1, False)])
def test_a_job_takes_its_preparation_and_is_late_after_its_deadline(deadline_s, late):
    stream = {**JOB, "start_s": 60.0, "preparation_s": 25.0, "deadline_s": deadline_s}
    log = fly(sheet(horizon_s=300.0, payloads__pi__jobs=[stream]))
    assert [done.late for done in log.all(Completed)] == [late] * 4
    assert log.last(Completed).latency_s == pytest.approx(25.0, abs=INFERENCE_S)


def answers(seed=0, **changes):
    """Return the results of four jobs, half a turn round the Earth apart or so."""
    jobs = [{**JOB, "period_s": 1400.0, "start_s": 60.0}]
    keys = {f"payloads__pi__{key}": value for key, value in changes.items()}
    log = fly(sheet(horizon_s=4400.0, seed=seed, payloads__pi__jobs=jobs, **keys), inference=True)
    return [done.result for done in log.all(Completed)]


def seen(**settings):
    """Return how sure the model is of what it sees through an input so scaled."""
    return [result.score for result in answers(input=settings)]


@pytest.fixture(scope="module")
def plain():
    return answers()


@matters("payloads.model")
def test_another_model_is_flown_and_struck_in_its_own_weights():
    names = ("tile-sorter-fp32", "tile-sorter-int8")
    floats, integers = (started(payloads__pi__model=name).payloads["pi"] for name in names)
    assert floats.model_sha256 != integers.model_sha256
    assert 3.5 < floats.weight_bits / integers.weight_bits < 4.0  # biases stay wide


@matters("payloads.labels")
def test_answers_are_called_by_the_labels_of_the_scenario(plain):
    theirs = dict(zip(("cloud", "land", "sea", "night"), "abcd", strict=True))
    renamed = answers(labels=list("abcd"), keep=[])
    assert [result.label for result in renamed] == [theirs[result.label] for result in plain]


@matters("payloads.keep")
def test_pictures_are_kept_of_what_the_scenario_keeps(plain):
    kept = plain[0].label
    results = answers(keep=[kept])
    assert [bool(r.product) for r in results] == [r.label == kept for r in results]
    assert not any(result.product for result in answers(keep=[]))


@matters("payloads.images")
def test_a_payload_looks_at_the_pictures_of_the_scenario(tmp_path):
    Image.new("RGB", (64, 64), (255, 0, 0)).save(tmp_path / "red.png")
    results = answers(images=str(tmp_path), keep=["cloud", "land", "sea", "night"])
    assert len({result.product for result in results}) == 1
    assert all(result.product.startswith(b"\xff\xd8") for result in results)
    assert not any("cloud_fraction_truth" in result.figures for result in results)


@matters("payloads.input.scale", "payloads.input.mean", "payloads.input.std")
def test_pixels_are_scaled_shifted_and_divided_as_the_scenario_says(plain):
    ours = [result.score for result in plain]
    assert seen(scale=2.0 / 255.0, std=2.0) == pytest.approx(ours, rel=1e-5)  # float32
    brighter = seen(mean=-0.5)
    assert brighter != pytest.approx(ours, rel=1e-5)
    assert seen(scale=2.0 / 255.0, mean=-1.0, std=2.0) == pytest.approx(brighter, rel=1e-5)


@matters("payloads.input.layout", "payloads.input.height_px", "payloads.input.width_px")
@matters("payloads.input.expects_range")
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"layout": "NHWC"}, "layout = 'NHWC' would give"),
        ({"height_px": 32}, "height_px = 32 does not fit"),
        ({"width_px": 48}, "width_px = 48 does not fit"),
        ({"expects_range": [0.0, 50.0]}, r"hardly any of the expected 0\.\.50"),
        ({"expects_range": [-2.0, 0.5]}, r"the model expects -2\.\.0\.5"),
    ],
)
def test_an_input_that_the_model_does_not_take_is_refused(setting, words):
    with pytest.raises(ScenarioError, match=words):
        answers(input=setting)


def test_each_record_can_be_read_by_others_as_soon_as_it_is_written(tmp_path):
    folder, seen_s = tmp_path / "flight", []

    def look(t_s):
        raw = (folder / "records.jsonl").read_bytes()
        assert raw.endswith(b"\n")
        lines = [json.loads(line) for line in raw.splitlines()]
        assert ("housekeeping", t_s) in [(line["what"], line["t_s"]) for line in lines[-9:]]
        seen_s.append(t_s)

    fly_to_folder(sheet(horizon_s=100.0, housekeeping_s=30.0), EMULATION, folder, look)
    assert seen_s == [0.0, 30.0, 60.0, 90.0, 100.0]
    assert [r["what"] for r in read_records(folder / "records.jsonl")][-1] == "flight-ended"
