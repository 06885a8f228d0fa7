import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from payloads.ageing import Fade, Swings
from payloads.battery import Battery, Watch
from payloads.power import Eps, EpsMode, Ramp
from payloads.terminal_battery import TerminalBattery

ROUNDING = 1e-9  # relative, of sums of a few hundred doubles
BASILISK_J = 1e-8  # to which its test of simpleBattery states its numbers
LEVELS = 1e-3  # of the energy moved: current is reckoned at the middle of a level of 1 %
CROSSING_S = 1e-6  # to which crossings are found
NANOVOLT = 1e-9  # a voltage that is touched, or is not

OCV = ((0.0, 6.0), (0.2, 7.1), (0.5, 7.4), (1.0, 8.4))
PLAIN = Battery(10.0, 0.95, 0.9, OCV)
TOPPED = Battery(10.0, 0.95, 0.9, OCV, 8.2)
STORES = {
    "plain": PLAIN,
    "plain, topped": TOPPED,
    "resistance": TerminalBattery(TOPPED, 0.15),
    "taper": TerminalBattery(TOPPED, 0.0, 15.0, 0.7),
    "both": TerminalBattery(TOPPED, 0.1, 20.0, 0.8),
    "feeble": TerminalBattery(TOPPED, 2.0, 30.0, 0.85),  # cannot give what is asked at times
}
FULL_J = {name: PLAIN.capacity_j if name == "plain" else TOPPED.full_j for name in STORES}
REAL = [name for name in STORES if not name.startswith("plain")]

powers = st.floats(-50.0, 50.0)
slopes = st.floats(-0.5, 0.5)
durations = st.floats(0.0, 3600.0)
shares = st.floats(0.0, 1.0)


def moved_j(net_w, slope_w_s, dt_s):
    return (abs(net_w) + abs(slope_w_s) * dt_s) * dt_s + PLAIN.capacity_j


@pytest.mark.parametrize("store", [Battery, lambda *a: TerminalBattery(Battery(*a))])
def test_a_charge_stops_at_full(store):
    # Basilisk's simpleBattery: 5 J stored, 10 J of room in all, +10 W for 5 s: 10 J
    flow = store(10.0 / 3600.0, 1.0, 1.0, OCV).step(5.0, 10.0, 0.0, 5.0)
    assert flow.charge_j == pytest.approx(10.0, abs=BASILISK_J)
    assert flow.curtailed_j == pytest.approx(45.0)
    assert flow.highest_j == flow.charge_j


def test_an_empty_battery_leaves_loads_unserved():
    flow = PLAIN.step(90.0, -10.0, 0.0, 60.0)
    assert flow.charge_j == 0.0
    assert flow.unserved_j == pytest.approx(600.0 - 0.9 * 90.0)


@pytest.mark.parametrize("name", STORES)
@given(shares, powers, slopes, durations)
def test_every_joule_is_accounted_for(name, fraction, net_w, slope_w_s, dt_s):
    charge_j = fraction * FULL_J[name]
    flow = STORES[name].step(charge_j, net_w, slope_w_s, dt_s)
    net_j = (net_w + 0.5 * slope_w_s * dt_s) * dt_s
    spent_j = flow.losses_j + flow.curtailed_j - flow.unserved_j + flow.charge_j - charge_j
    allowed_j = ROUNDING * moved_j(net_w, slope_w_s, dt_s)
    assert abs(net_j - spent_j) <= allowed_j
    assert 0.0 <= flow.charge_j <= FULL_J[name] * (1.0 + ROUNDING)
    assert flow.lowest_j <= min(charge_j, flow.charge_j)
    assert flow.highest_j >= max(charge_j, flow.charge_j)
    assert min(flow.losses_j, flow.curtailed_j, flow.unserved_j) >= -allowed_j


@pytest.mark.parametrize("name", STORES)
@given(shares, powers, slopes, durations, shares)
def test_two_short_steps_equal_one_long_step(name, fraction, net_w, slope_w_s, dt_s, share):
    store, charge_j = STORES[name], fraction * FULL_J[name]
    whole = store.step(charge_j, net_w, slope_w_s, dt_s)
    first_s = share * dt_s
    half = store.step(charge_j, net_w, slope_w_s, first_s)
    rest = store.step(half.charge_j, net_w + slope_w_s * first_s, slope_w_s, dt_s - first_s)
    allowed_j = ROUNDING * moved_j(net_w, slope_w_s, dt_s)
    assert abs(rest.charge_j - whole.charge_j) <= allowed_j
    assert abs(half.losses_j + rest.losses_j - whole.losses_j) <= allowed_j
    assert abs(half.curtailed_j + rest.curtailed_j - whole.curtailed_j) <= allowed_j
    assert abs(half.unserved_j + rest.unserved_j - whole.unserved_j) <= allowed_j
    assert min(half.lowest_j, rest.lowest_j) >= whole.lowest_j - allowed_j
    assert max(half.highest_j, rest.highest_j) <= whole.highest_j + allowed_j


@pytest.mark.parametrize("name", STORES)
@given(shares, st.tuples(powers, powers), slopes, durations)
def test_more_power_never_leaves_less_charge(name, fraction, net_w, slope_w_s, dt_s):
    least_w, most_w = sorted(net_w)
    poor, rich = (
        STORES[name].step(fraction * FULL_J[name], w, slope_w_s, dt_s).charge_j
        for w in (least_w, most_w)
    )
    # a battery asked for more than its most gives that most, at another place of its curve
    assume(name != "feeble" or least_w - abs(slope_w_s) * dt_s > -4.0)
    assert poor <= rich + LEVELS * moved_j(most_w - least_w, 0.0, dt_s)


@given(shares, powers, slopes, durations, st.floats(0.01, 0.99))
def test_a_level_is_reached_when_the_charge_says_so(start, net_w, slope_w_s, dt_s, fraction):
    charge_j, level_j = start * PLAIN.capacity_j, fraction * PLAIN.capacity_j
    watch = Watch(PLAIN.voltage_v(level_j), True, level_j)
    hit_s = PLAIN.passes_s(charge_j, watch, net_w, slope_w_s, dt_s)
    allowed_j = ROUNDING * moved_j(net_w, slope_w_s, dt_s)
    if hit_s is None:
        after = PLAIN.step(charge_j, net_w, slope_w_s, dt_s)
        same_side = (charge_j - level_j) * (after.charge_j - level_j) >= 0.0
        assert same_side or abs(after.charge_j - level_j) <= allowed_j
    else:
        assert 0.0 <= hit_s <= dt_s * (1.0 + ROUNDING)
        there = PLAIN.step(charge_j, net_w, slope_w_s, hit_s)
        assert abs(there.charge_j - level_j) <= allowed_j


@pytest.mark.parametrize("name", REAL)
@given(shares, powers, slopes, st.floats(1.0, 600.0), st.floats(6.2, 8.1), st.booleans(), shares)
@example(0.5, -20.0, 0.4, 60.0, 7.35, True, 0.0)  # lighter loads lift the terminals
def test_terminals_pass_a_voltage_when_they_first_show_it(
    name, start, net_w, slope_w_s, dt_s, volts, rising, least
):
    store, least_j = STORES[name], least * PLAIN.capacity_j * rising
    start_j = start * FULL_J[name]
    hit_s = store.passes_s(start_j, Watch(volts, rising, 0.0, least_j), net_w, slope_w_s, dt_s)

    def beyond_v(t_s):
        charge_j = store.step(start_j, net_w, slope_w_s, t_s).charge_j
        shown_v = store.voltage_v(charge_j, net_w + slope_w_s * t_s)
        return shown_v - volts if rising else volts - shown_v, charge_j >= least_j * (1 - ROUNDING)

    before_s = dt_s if hit_s is None else hit_s - CROSSING_S
    for i in range(20):
        by_v, enough = beyond_v(before_s * i / 20)
        assert hit_s == 0.0 or by_v <= NANOVOLT or not enough
    if hit_s is not None:
        by_v, enough = beyond_v(hit_s)
        assert by_v >= -NANOVOLT
        assert enough


@pytest.mark.parametrize("power_w", [-12.0, -3.0, 4.0, 11.0])
def test_what_heats_the_inner_resistance_is_lost(power_w):
    ohm, rest_v = 0.2, 7.25
    cell = Battery(10.0, 1.0, 1.0, OCV)
    charge_j = cell.charge_at_v(rest_v)
    flow = TerminalBattery(cell, ohm).step(charge_j, power_w, 0.0, 1.0)
    amps = (-rest_v + (rest_v**2 + 4.0 * ohm * power_w) ** 0.5) / (2.0 * ohm)
    one_percent = 0.01  # of the loss: see Level
    assert flow.losses_j == pytest.approx(ohm * amps**2, rel=one_percent)


@pytest.mark.parametrize("ohm", [0.0, 0.15])
@pytest.mark.parametrize("net_w", [-20.0, -5.0, 10.0, 25.0])
def test_the_charge_follows_the_differential_equation(ohm, net_w):
    limit_w, taper = 15.0, 0.8
    store = TerminalBattery(TOPPED, ohm, limit_w, taper)
    charge_j, slope_w_s, dt_s, steps = 0.75 * TOPPED.capacity_j, 0.004, 900.0, 4000

    def rate_w(charge_j, t_s):
        rest_v, power_w = TOPPED.voltage_v(charge_j), net_w + slope_w_s * t_s
        if power_w > 0.0:
            left = (TOPPED.full_j - charge_j) / (TOPPED.full_j - taper * TOPPED.capacity_j)
            held_w = 8.2 * (8.2 - rest_v) / ohm if ohm else limit_w
            power_w = min(power_w, limit_w * min(left, 1.0), held_w)
        inner_w = power_w
        if ohm:
            inner_w = rest_v * ((rest_v**2 + 4.0 * ohm * power_w) ** 0.5 - rest_v) / (2.0 * ohm)
        return inner_w * 0.95 if power_w > 0.0 else inner_w / 0.9

    plain_j, h = charge_j, dt_s / steps
    for i in range(steps):  # midpoint rule
        half_j = plain_j + 0.5 * h * rate_w(plain_j, i * h)
        plain_j += h * rate_w(half_j, (i + 0.5) * h)
    ours_j = store.step(charge_j, net_w, slope_w_s, dt_s).charge_j
    assert abs(ours_j - plain_j) < LEVELS * (abs(net_w) + slope_w_s * dt_s) * dt_s


def test_a_tapering_charge_fades_exponentially_and_never_ends():
    store = TerminalBattery(TOPPED, 0.0, 10.0, 0.7)
    taper_j = 0.7 * TOPPED.capacity_j
    room_j = TOPPED.full_j - taper_j
    time_constant_s = room_j / (0.95 * 10.0)
    for times in (0.5, 1.0, 3.0):
        left_j = TOPPED.full_j - store.step(taper_j, 25.0, 0.0, times * time_constant_s).charge_j
        assert left_j / room_j == pytest.approx(2.718281828459045**-times, rel=1e-6)
    long_after = store.step(taper_j, 25.0, 0.0, 1e3 * time_constant_s)
    assert long_after.charge_j == pytest.approx(TOPPED.full_j, rel=ROUNDING)


def test_charging_never_lifts_the_terminals_above_their_limit():
    store = TerminalBattery(TOPPED, 0.15)
    for percent in range(100):
        assert store.voltage_v(0.01 * percent * TOPPED.full_j, 1000.0) <= 8.2 + 1e-9


def test_a_load_pulls_the_terminals_below_a_threshold_at_once():
    store, watch = TerminalBattery(TOPPED, 0.15), Watch(7.1, False, TOPPED.charge_at_v(7.1))
    charge_j = TOPPED.charge_at_v(7.2)
    assert store.passes_s(charge_j, watch, -1.0, 0.0, 1.0) is None  # 0.14 A: 7.18 V
    assert store.passes_s(charge_j, watch, -10.0, 0.0, 1.0) == 0.0  # 1.4 A: 6.98 V


def test_voltage_and_charge_are_inverse():
    for voltage_v in (6.0, 6.6, 7.1, 7.25, 8.4):
        assert PLAIN.voltage_v(PLAIN.charge_at_v(voltage_v)) == pytest.approx(voltage_v)


def test_a_battery_loses_by_years_and_by_cycles():
    # a low orbit's year at 20 % depth: 5,500 cycles, 1,100 full ones
    assert Fade(per_cycle=2e-4, per_year=0.02).lost(1100.0, 1.0) == pytest.approx(0.24)


def test_swings_are_counted_between_turning_points():
    swings = Swings(80.0, 100.0)
    for charge in (90.0, 70.0, 70.5, 69.9, 95.0, 55.0):  # half a joule is no turn
        swings.see(charge, charge, charge)
    use = swings.so_far()
    falls = (90.0 - 69.9, 95.0 - 55.0)
    rises = (90.0 - 80.0, 95.0 - 69.9)
    assert use.discharges == 2
    assert use.mean_depth == pytest.approx(sum(falls) / 200.0)
    assert use.deepest == pytest.approx(0.4)
    assert use.equivalent_cycles == pytest.approx((sum(falls) + sum(rises)) / 200.0)


def test_a_turn_within_a_step_is_seen():
    swings = Swings(50.0, 100.0)
    swings.see(50.0, 90.0, 60.0)
    assert swings.so_far().deepest == pytest.approx(0.3)
    assert swings.so_far().equivalent_cycles == pytest.approx(0.35)


def test_what_a_shed_load_gives_back_is_not_what_the_battery_regained():
    eps = Eps(8.2, 7.3, 7.1, 6.4, own_w=0.5, empty_v=6.0, wake_v=6.1)
    assert eps.held_v(EpsMode.SAFE, 7.1) == pytest.approx(7.3)  # without resistance: normal_v
    assert eps.held_v(EpsMode.SAFE, 7.35) == pytest.approx(7.55)
    assert eps.held_v(EpsMode.CRITICAL, 6.5) == pytest.approx(7.2)
    assert eps.held_v(EpsMode.EMPTY, 6.02) == pytest.approx(6.12)


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
