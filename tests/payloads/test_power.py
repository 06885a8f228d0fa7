import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payloads.power import Battery, Eps, EpsMode, Panel, Ramp, SolarArray

ROUNDING = 1e-9  # relative, of sums of a few hundred doubles
SOLAR_CONSTANT_W_M2 = 1361.0  # Basilisk's SOLAR_FLUX_EARTH

OCV = ((0.0, 6.0), (0.2, 7.1), (0.5, 7.4), (1.0, 8.4))
BATTERY = Battery(10.0, 0.95, 0.9, OCV)

powers = st.floats(-50.0, 50.0)
slopes = st.floats(-0.5, 0.5)
durations = st.floats(0.0, 3600.0)
charges = st.floats(0.0, BATTERY.capacity_j)


def test_a_panel_sees_the_cosine_of_the_sun():
    # Basilisk's simpleSolarPanel: 1 m², efficiency 1, Sun 60° off the normal: 680.5 W
    flux = SOLAR_CONSTANT_W_M2 * np.array([[0.0, np.sin(np.pi / 3), -np.cos(np.pi / 3)]])
    array = SolarArray((Panel(1.0, (0.0, 0.0, -1.0)),), 1.0, 1.0, 1.0)
    assert array.power_w(flux)[0] == pytest.approx(680.5, rel=ROUNDING)


def test_a_panel_is_dark_from_behind():
    array = SolarArray((Panel(1.0, (0.0, 0.0, -1.0)),), 1.0, 1.0, 1.0)
    assert array.power_w(np.array([[0.0, 0.0, 1361.0]]))[0] == 0.0


def test_a_tracking_panel_gets_it_all_whatever_the_direction():
    array = SolarArray((Panel(2.0, None),), 0.3, 0.9, 1.0)
    assert array.power_w(np.array([[600.0, 0.0, -800.0]]))[0] == pytest.approx(540.0)


def test_a_charge_stops_at_full():
    # Basilisk's simpleBattery: 5 J stored, 10 J of room in all, +10 W for 5 s: 10 J
    lossless = Battery(10.0 / 3600.0, 1.0, 1.0, OCV)
    flow = lossless.step(5.0, 10.0, 10.0, 0.0, 5.0)
    assert flow.charge_j == 10.0
    assert flow.curtailed_j == pytest.approx(45.0)


def test_an_empty_battery_leaves_loads_unserved():
    flow = BATTERY.step(90.0, BATTERY.capacity_j, -10.0, 0.0, 60.0)
    assert flow.charge_j == 0.0
    assert flow.unserved_j == pytest.approx(600.0 - 0.9 * 90.0)


@given(charges, powers, slopes, durations)
def test_every_joule_is_accounted_for(charge_j, net_w, slope_w_s, dt_s):
    flow = BATTERY.step(charge_j, BATTERY.capacity_j, net_w, slope_w_s, dt_s)
    net_j = (net_w + 0.5 * slope_w_s * dt_s) * dt_s
    spent_j = flow.losses_j + flow.curtailed_j - flow.unserved_j + flow.charge_j - charge_j
    moved_j = (abs(net_w) + abs(slope_w_s) * dt_s) * dt_s + BATTERY.capacity_j
    assert abs(net_j - spent_j) <= ROUNDING * moved_j
    assert 0.0 <= flow.charge_j <= BATTERY.capacity_j
    assert min(flow.losses_j, flow.curtailed_j, flow.unserved_j) >= -ROUNDING * moved_j


@given(charges, powers, slopes, durations, st.floats(0.0, 1.0))
def test_two_short_steps_equal_one_long_step(charge_j, net_w, slope_w_s, dt_s, share):
    whole = BATTERY.step(charge_j, BATTERY.capacity_j, net_w, slope_w_s, dt_s)
    first_s = share * dt_s
    half = BATTERY.step(charge_j, BATTERY.capacity_j, net_w, slope_w_s, first_s)
    rest = BATTERY.step(
        half.charge_j,
        BATTERY.capacity_j,
        net_w + slope_w_s * first_s,
        slope_w_s,
        dt_s - first_s,
    )
    moved_j = (abs(net_w) + abs(slope_w_s) * dt_s) * dt_s + BATTERY.capacity_j
    assert abs(rest.charge_j - whole.charge_j) <= ROUNDING * moved_j
    assert abs(half.losses_j + rest.losses_j - whole.losses_j) <= ROUNDING * moved_j
    assert abs(half.curtailed_j + rest.curtailed_j - whole.curtailed_j) <= ROUNDING * moved_j
    assert min(half.lowest_j, rest.lowest_j) >= whole.lowest_j - ROUNDING * moved_j


@given(charges, powers, slopes, durations, st.floats(0.01, 0.99))
def test_a_level_is_reached_when_the_charge_says_so(charge_j, net_w, slope_w_s, dt_s, fraction):
    level_j = fraction * BATTERY.capacity_j
    hit_s = BATTERY.reaches_s(charge_j, level_j, BATTERY.capacity_j, net_w, slope_w_s, dt_s)
    moved_j = (abs(net_w) + abs(slope_w_s) * dt_s) * dt_s + BATTERY.capacity_j
    if hit_s is None:
        after = BATTERY.step(charge_j, BATTERY.capacity_j, net_w, slope_w_s, dt_s)
        same_side = (charge_j - level_j) * (after.charge_j - level_j) >= 0.0
        assert same_side or abs(after.charge_j - level_j) <= ROUNDING * moved_j
    else:
        assert 0.0 <= hit_s <= dt_s * (1.0 + ROUNDING)
        there = BATTERY.step(charge_j, BATTERY.capacity_j, net_w, slope_w_s, hit_s)
        assert abs(there.charge_j - level_j) <= ROUNDING * moved_j


def test_voltage_and_charge_are_inverse():
    for voltage_v in (6.0, 6.6, 7.1, 7.25, 8.4):
        assert BATTERY.voltage_v(BATTERY.charge_at_v(voltage_v)) == pytest.approx(voltage_v)


def test_loads_are_shed_in_two_steps_and_come_back_with_hysteresis():
    eps = Eps(8.2, 7.3, 7.1, 6.4, own_w=0.5, empty_v=6.0, wake_v=6.1)
    assert eps.watched_v(EpsMode.NORMAL) == (7.1, None)
    assert eps.after(EpsMode.NORMAL, rising=False) is EpsMode.SAFE
    assert eps.watched_v(EpsMode.SAFE) == (6.4, 7.3)
    assert eps.after(EpsMode.SAFE, rising=False) is EpsMode.CRITICAL
    assert eps.watched_v(EpsMode.CRITICAL) == (6.0, 7.1)
    assert eps.after(EpsMode.CRITICAL, rising=False) is EpsMode.EMPTY
    assert eps.watched_v(EpsMode.EMPTY) == (None, 6.1)
    assert eps.after(EpsMode.EMPTY, rising=True) is EpsMode.CRITICAL
    assert eps.after(EpsMode.CRITICAL, rising=True) is EpsMode.SAFE
    assert eps.after(EpsMode.SAFE, rising=True) is EpsMode.NORMAL


def test_a_ramp_is_linear_between_knots_and_constant_outside():
    ramp = Ramp([10.0, 20.0], [0.0, 5.0])
    assert ramp.at(0.0) == (0.0, 0.0, 10.0)
    assert ramp.at(15.0) == (2.5, 0.5, 20.0)
    assert ramp.at(99.0) == (5.0, 0.0, float("inf"))
