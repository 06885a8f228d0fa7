"""The state at every second, put between the stretches of a flight, against coasting to each."""

import numpy as np
import pytest
from flights import EMULATION, Log, sheet

from payloads.battery import J_PER_WH
from payloads.events import ModeChanged, TripCrossed
from payloads.thermal import ZERO_CELSIUS_K
from rigs.build import Options, build
from rigs.perform import perform_all
from rigs.run import _decide, _next, run

HEAT_K = 1e-6  # to which steps of any length compose
CHARGE = 1e-9  # of the capacity
KNOTS_K, KNOTS_CHARGE = 1e-3, 3e-5  # what the ripple of fewer knots does, as rigs.bus says
HORIZON_S = 7000.0  # more than an orbit, with its eclipse
PI = dict(sheet().scenario.payloads["pi"].model_dump(exclude_none=True))
STRUCTURE = {
    "capacity_j_per_k": 3000.0, "conductance_w_per_k": 1.5, "area_m2": 0.1,
    "emissivity": 0.8, "absorptivity": 0.3,
}  # fmt: skip
SATELLITES = {
    "plain battery, two nodes": {},
    "shed and restored": {"battery__charge_fraction": 0.21, "eps__normal_v": 7.15},
    "full": {"battery__charge_fraction": 0.9},
    "structure": {"structure": STRUCTURE},
    "resistance": {"battery__resistance_ohm": 0.1},
}


def warm(**changes):
    """Return a satellite whose governor acts at 45 °C."""
    trips = [{"above_c": 45.0, "hysteresis_c": 5.0, "point": "600MHz"}]
    return sheet(horizon_s=HORIZON_S, payloads={"pi": PI | {"trips": trips}}, **changes)


def flown(satellite, knot_tolerance=0.0):
    log = Log()
    options = Options(EMULATION, inference=False, knot_tolerance=knot_tolerance)
    with build(satellite, options, log) as rig:
        history = rig.satellite.keep_history()
        run(rig)
        rig.satellite.housekeeping(HORIZON_S)
    return log, history


def coasted(satellite, seconds):
    """Return charge in joules, die and radiator in K at each second, by going there."""
    rows = []
    with build(satellite, Options(EMULATION, inference=False), Log()) as rig:
        for second in seconds.tolist():
            rig.horizon_s = second
            while (due := _next(rig)) is not None:
                perform_all(rig, due[0], _decide(rig, *due))
            told = rig.satellite.housekeeping(second)
            rows.append((told.battery_wh * J_PER_WH, told.die_c["pi"], told.radiator_c))
    charge_j, die_c, radiator_c = np.array(rows).T
    return charge_j, die_c + ZERO_CELSIUS_K, radiator_c + ZERO_CELSIUS_K


@pytest.mark.parametrize("name", SATELLITES)
def test_every_second_is_where_coasting_comes_to(name):
    satellite = warm(**SATELLITES[name])
    seconds = np.arange(1.0, HORIZON_S + 1.0)
    log, history = flown(satellite)
    state = history.state_at(seconds)
    charge_j, die_k, radiator_k = coasted(satellite, seconds)
    capacity_j = satellite.scenario.battery.capacity_wh * J_PER_WH
    if name == "shed and restored":
        assert len(log.times(ModeChanged)) > 2
    else:
        assert log.times(TripCrossed)
    np.testing.assert_allclose(state.kelvin[:, 0], die_k, rtol=0.0, atol=HEAT_K)
    np.testing.assert_allclose(state.kelvin[:, -1], radiator_k, rtol=0.0, atol=HEAT_K)
    np.testing.assert_allclose(state.charge_j, charge_j, rtol=0.0, atol=CHARGE * capacity_j)


def test_a_history_changes_nothing_and_takes_any_order():
    satellite = warm()
    _, history = flown(satellite)
    with build(satellite, Options(EMULATION, inference=False), Log()) as rig:
        run(rig)
        bare = rig.satellite.housekeeping(HORIZON_S)
    last = history.state_at(np.array([HORIZON_S, 0.0, 600.0]))
    assert last.charge_j[0] == pytest.approx(bare.battery_wh * J_PER_WH, rel=1e-12)
    forwards = history.state_at(np.array([0.0, 600.0, HORIZON_S]))
    np.testing.assert_array_equal(last.kelvin, forwards.kelvin[[2, 0, 1]])


def test_knots_that_are_left_out_move_nothing_that_matters():
    satellite = sheet(horizon_s=HORIZON_S)
    seconds = np.arange(1.0, HORIZON_S + 1.0)
    fewer = flown(satellite, knot_tolerance=2e-3)[1].state_at(seconds)
    every = flown(satellite)[1].state_at(seconds)
    assert len(fewer.kelvin) == len(every.kelvin)
    assert 0.0 < np.abs(fewer.kelvin[:, -1] - every.kelvin[:, -1]).max() < KNOTS_K
    capacity_j = satellite.scenario.battery.capacity_wh * J_PER_WH
    assert 0.0 < np.abs(fewer.charge_j - every.charge_j).max() < KNOTS_CHARGE * capacity_j


def test_moments_that_were_not_flown_are_refused():
    with build(warm(), Options(EMULATION, inference=False), Log()) as rig:
        history = rig.satellite.keep_history()
        with pytest.raises(ValueError, match="nothing has been flown"):
            history.state_at(np.array([1.0]))
        run(rig)
        with pytest.raises(ValueError, match="is not within"):
            history.state_at(np.array([HORIZON_S + 1.0]))
        with pytest.raises(ValueError, match="is not within"):
            history.state_at(np.array([-1.0]))
