"""Every key of array, attitude and battery that a scenario may leave out moves what it should."""

from itertools import pairwise

import numpy as np
import pytest
from flights import fly, sheet
from wiring import EXACT, matters

from payloads.events import Housekeeping, ModeChanged
from payloads.power import EpsMode
from rigs.power_parts import EARTH_RADIUS_KM, body_sky, solar_array
from rigs.sky import environment
from rigs.tables import FACING

SUNNY = [{"area_m2": 0.1, "facing": "sun"}]
DARK = [{"area_m2": 1e-9, "facing": "sun"}]
STRAIGHT = [[0.0, 6.0], [1.0, 8.4]]  # battery volts, so that a charge is seen at a glance
DAYLIGHT_S = 1500.0  # the quiet flight begins in the morning, over the equator
CELLS = {"power_per_k": -0.002, "back_emissivity": 0.0}


def states(**changes):
    return fly(sheet(**changes)).all(Housekeeping)


def first(**changes):
    return states(horizon_s=1.0, **changes)[0]


def end(**changes):
    return states(**changes)[-1]


def panel(facing):
    return {"array__panels": [{"area_m2": 0.1, "facing": facing}]}


@matters("attitude.mode", "attitude.sun_face")
@pytest.mark.parametrize("face", FACING)
def test_turned_to_the_sun_the_named_face_gets_all_the_light_and_the_others_none(face):
    sun_w = first(**panel("sun")).array_w
    turned = {"attitude": {"mode": "sun", "sun_face": face}}
    watts = {facing: first(**panel(facing), **turned).array_w for facing in FACING}
    assert watts.pop(face) == pytest.approx(sun_w, rel=EXACT)
    assert watts == pytest.approx(dict.fromkeys(watts, 0.0), abs=1e-9)


@matters("attitude.mode", "attitude.sun_face")
def test_a_radiator_turns_with_the_body():
    white = {"horizon_s": 60.0, "radiator__emissivity": 1e-6}

    def warmed_k(facing, sun_face):
        turned = {"mode": "sun", "sun_face": sun_face}
        return end(**white, radiator__facing=facing, attitude=turned).radiator_c

    lit, away = warmed_k("left", "left"), warmed_k("left", "right")
    flown = sheet(horizon_s=1.0, attitude={"mode": "sun", "sun_face": "left"})
    sky = body_sky(flown.scenario, environment(flown))
    shares = [sky.earth_share(np.array(FACING[face]))[0] for face in ("left", "right")]
    albedo_w_m2 = sky.albedo_w_m2[0] * (shares[0] - shares[1])
    sun_w_m2 = np.linalg.norm(sky.sun_w_m2[0])
    absorbed_w = 0.2 * 0.032 * (sun_w_m2 + albedo_w_m2)
    a_minute_on = 0.01  # the satellite moves on by 4°, and the albedo with it
    assert lit - away == pytest.approx(absorbed_w * 60.0 / 2000.0, rel=a_minute_on)


def warm(**cells):
    """Return what a panel over the equator gives, and its temperature, as the scenario has it."""
    flown = sheet(horizon_s=1.0, **panel("zenith"), array__cells=CELLS | cells)
    sky, array = body_sky(flown.scenario, environment(flown)), solar_array(flown.scenario.array)
    panel_c = array.panel_k(sky, array.panels[0])[0] - 273.15
    return first(**panel("zenith"), array__cells=CELLS | cells).array_w, panel_c


@matters("array.cells.power_per_k", "array.cells.reference_c")
@pytest.mark.parametrize(("per_k", "reference_c"), [(-0.001, 28.0), (-0.004, 28.0), (-0.002, 0.0)])
def test_warmth_takes_its_share_of_the_power(per_k, reference_c):
    cold_w = first(**panel("zenith")).array_w
    watts, panel_c = warm(power_per_k=per_k, reference_c=reference_c)
    assert watts == pytest.approx(cold_w * (1.0 + per_k * (panel_c - reference_c)), rel=EXACT)


@matters("array.cells.absorptivity", "array.cells.emissivity", "array.cells.back_emissivity")
def test_cells_are_as_warm_as_their_surfaces_let_them():
    usual_w, usual_c = warm()
    white_w, white_c = warm(absorptivity=0.6)
    shiny_w, shiny_c = warm(emissivity=0.4)
    wing_w, wing_c = warm(back_emissivity=0.85)
    assert white_c < wing_c < usual_c < shiny_c
    assert white_w > wing_w > usual_w > shiny_w


@matters("array.degradation_per_year", "array.years_in_orbit")
def test_each_year_takes_its_share_of_the_array():
    aged = end(array__degradation_per_year=0.03, array__years_in_orbit=2.5)
    assert aged.generated_wh == pytest.approx(0.97**2.5 * end().generated_wh, rel=EXACT)
    assert end(array__years_in_orbit=1.0).generated_wh < end().generated_wh  # of itself, 1 %


def small(charge_fraction, panels, **battery):
    return {
        "battery__capacity_wh": 5.0,
        "battery__ocv": STRAIGHT,
        "battery__charge_fraction": charge_fraction,
        "array__panels": panels,
        **{f"battery__{key}": value for key, value in battery.items()},
    }


@matters("battery.resistance_ohm")
def test_the_terminals_show_what_the_resistance_takes():
    state = first(**small(0.75, DARK, resistance_ohm=0.2))
    amps = state.load_w / state.battery_v
    assert state.battery_v == pytest.approx(6.0 + 0.75 * 2.4 - 0.2 * amps, rel=1e-6)  # a dark array
    warm_wh = end(horizon_s=600.0, **small(0.75, DARK, resistance_ohm=0.2)).losses_wh
    cold_wh = end(horizon_s=600.0, **small(0.75, DARK)).losses_wh
    assert warm_wh > cold_wh


@matters("battery.resistance_ohm")
def test_a_resistance_sheds_loads_before_the_battery_is_at_their_voltage():
    def shed_wh(ohm):
        log = fly(sheet(horizon_s=3000.0, **small(0.5, DARK, resistance_ohm=ohm)))
        return next(c.battery_wh for c in log.all(ModeChanged) if c.mode is EpsMode.SAFE)

    plain_wh = 5.0 * (7.1 - 6.0) / 2.4
    assert shed_wh(0.0) == pytest.approx(plain_wh, rel=EXACT)
    assert shed_wh(0.2) > plain_wh * 1.05


@matters("battery.charge_limit_w", "battery.taper_fraction")
def test_charging_is_cut_and_tapers():
    cut = states(horizon_s=300.0, **small(0.45, SUNNY, charge_limit_w=2.0))
    gained_wh = cut[-1].battery_wh - cut[1].battery_wh
    assert gained_wh == pytest.approx(0.95 * 2.0 * 240.0 / 3600.0, rel=1e-9)
    assert cut[-1].curtailed_wh > 0.0
    tapers = {"charge_limit_w": 20.0, "taper_fraction": 0.5}
    tapered = states(horizon_s=DAYLIGHT_S, **small(0.6, SUNNY, **tapers))
    full_wh = 5.0 * 2.2 / 2.4  # at max_v = 8.2 V
    left = [full_wh - state.battery_wh for state in tapered[5:15]]
    shares = [late / early for early, late in pairwise(left)]
    a_minute = 2.718281828 ** (-0.95 * 20.0 / (full_wh - 2.5) * 60.0 / 3600.0)
    assert shares == pytest.approx([a_minute] * len(shares), rel=1e-3)


@matters("battery.age_years", "battery.age_cycles")
@matters("battery.fade_per_year", "battery.fade_per_cycle")
def test_age_takes_capacity_before_the_start():
    aged = {"battery__age_years": 2.0, "battery__age_cycles": 500.0}
    state = first(**small(0.5, SUNNY), **aged)
    assert state.battery_use["capacity_wh"] == pytest.approx(5.0 * (1.0 - 0.04 - 0.1))
    assert state.battery_wh == pytest.approx(0.5 * 5.0 * 0.86)
    fades = {"battery__fade_per_year": 0.05, "battery__fade_per_cycle": 4e-4}
    state = first(**small(0.5, SUNNY), **aged, **fades)
    assert state.battery_use["capacity_wh"] == pytest.approx(5.0 * (1.0 - 0.1 - 0.2))
    gone = {"battery__fade_per_year": 0.5, "battery__fade_per_cycle": 0.0}
    year = end(horizon_s=3155.76, **small(0.5, DARK), **gone).battery_use
    assert year["fade"] == pytest.approx(0.5 * 1e-4)  # a ten-thousandth of a year


def test_a_day_with_everything_closes():
    flown = sheet(
        horizon_s=12_000.0,
        attitude={"mode": "sun", "sun_face": "zenith"},
        array__cells={},
        array__years_in_orbit=3.0,
        battery__resistance_ohm=0.12,
        battery__charge_limit_w=12.0,
        battery__taper_fraction=0.85,
    )
    start, *_, last = fly(flown).all(Housekeeping)
    spent_wh = last.consumed_wh + last.losses_wh + last.curtailed_wh
    closure_wh = last.generated_wh - spent_wh - (last.battery_wh - start.battery_wh)
    assert abs(closure_wh) <= EXACT * (last.generated_wh + last.consumed_wh)
    assert last.losses_wh > 0.0


def test_the_earth_is_where_the_radiator_thought_it_was():
    flown = sheet(horizon_s=1.0)
    tape = environment(flown)
    sky = body_sky(flown.scenario, tape)
    assert sky.earth_radii[0] == pytest.approx(1.0 + tape.altitude_km[0] / EARTH_RADIUS_KM)
    assert sky.nadir[0].tolist() == [0.0, 0.0, 1.0]


BROKEN = {
    "attitude of its own": (
        '[attitude]\nmode = "spin"',
        'attitude.mode = "spin"',
        "must be 'nadir' or 'sun'",
        'sun_face = "zenith"',
    ),
    "a face in nadir attitude": (
        '[attitude]\nsun_face = "zenith"',
        "attitude",
        'sun_face is for mode = "sun"',
        'mode = "sun"',
    ),
    "no face to the Sun": (
        '[attitude]\nmode = "sun"',
        "attitude",
        "needs the face that looks there",
        'such as "zenith"',
    ),
    "warm cells that gain too much": (
        "[array.cells]\npower_per_k = 0.5",
        "array.cells.power_per_k = 0.5",
        "less than or equal to 0.01",
        "power_per_k = -0.0022",
    ),
    "an array that gains": (
        "[array]\ndegradation_per_year = -0.1",
        "array.degradation_per_year = -0.1",
        "greater than or equal to 0",
        "degradation_per_year = 0.01",
    ),
    "negative years": (
        "[array]\nyears_in_orbit = -1.0",
        "array.years_in_orbit = -1.0",
        "greater than or equal to 0",
        "years_in_orbit = 2.0",
    ),
    "negative resistance": (
        "[battery]\nresistance_ohm = -0.1",
        "battery.resistance_ohm = -0.1",
        "greater than or equal to 0",
        "resistance_ohm = 0.1",
    ),
    "a taper from nowhere": (
        "[battery]\ntaper_fraction = 0.9",
        "battery",
        "taper_fraction needs charge_limit_w",
        "capacity_wh = 40.0",
    ),
    "a taper above full": (
        "[battery]\ntaper_fraction = 0.99\ncharge_limit_w = 20.0",
        "",
        "taper_fraction = 0.99 is full already",
        "eps.max_v is 8.2 V",
    ),
    "no charging": (
        "[battery]\ncharge_limit_w = 0.0",
        "battery.charge_limit_w = 0.0",
        "greater than 0",
        "charge_limit_w = 20.0",
    ),
    "a battery worn out": (
        "[battery]\nage_cycles = 9000.0",
        "battery",
        "leave -0.8 of the capacity; at least 0.1",
        "capacity_wh = 40.0",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_explained_in_one_line(tmp_path, name, run_highbay):
    text, path, rule, example = BROKEN[name]
    file = tmp_path / "mission.toml"
    file.write_text(f'extends = "first-light"\n{text}\n')
    result = run_highbay("validate", file)
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert line.startswith(f"highbay: {file}: ")
    for words in (path, rule, example):
        assert words in line
