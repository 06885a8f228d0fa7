"""The satellite as a whole: what reaches its computers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.telemetry import TelemetrySample
from payloads.ageing import Fade
from payloads.battery import Battery
from payloads.commands import ChoosePoint, CommandAnswered, CommandIssued, Stage, StopStream
from payloads.computer import PayloadComputer
from payloads.events import BatteryCrossed, ModeChanged, SetPoint, TransmitterSwitched
from payloads.governor import Governor
from payloads.jobs import Job, Released, ReleaseDue
from payloads.power import Eps, EpsMode, Ramp
from payloads.rules import ComputerRules
from payloads.satellite import Breaker, Bus, BusLoads, Satellite
from payloads.terminal_battery import TerminalBattery
from payloads.thermal import Die, Radiator, ThermalStar

BATTERY = Battery(10.0, 0.95, 0.9, ((0.0, 6.0), (1.0, 8.4)))
DARK = Ramp([0.0, 1.0], [0.0, 0.0])


@pytest.fixture
def satellite():
    return flown_with(BATTERY, DARK, BATTERY.capacity_j)


def flown_with(battery, array_w, start_charge_j):
    bus = Bus(
        battery=battery,
        eps=Eps(8.2, 7.3, 7.1, 6.4, own_w=0.5, empty_v=6.0, wake_v=6.1),
        loads=BusLoads(1.0, 0.5, 5.0),
        breaker=Breaker(15.0, 0.5),
        star=ThermalStar((Die(20.0, 5.0),) * 2, Radiator(0.06, 0.85, 0.2, 1500.0, (0.0, 0.0, 1.0))),
        array_w=array_w,
        absorbed_w=DARK,
        housekeeping_s=60.0,
        start_charge_j=start_charge_j,
        start_k=290.0,
        fade=Fade(per_cycle=2e-4, per_year=0.02),
    )
    return Satellite(bus, {name: computer(name) for name in ("left", "right")})


def computer(name):
    rules = ComputerRules(2, 60.0, 5.0, 1000.0, streams=("survey",), models=("sorter",))
    computer = PayloadComputer(name, rules, Governor("fast", (), ("fast", "slow")))
    computer.restore()
    return computer


def test_a_command_reaches_the_payload_that_it_names(satellite):
    actions = satellite.react(0.0, CommandIssued("right", b"7", ChoosePoint("slow")))
    assert actions == [
        CommandAnswered("right", b"7", Stage.STARTED, True),
        SetPoint("right", "slow"),
        CommandAnswered("right", b"7", Stage.COMPLETED, True),
    ]


def test_a_stream_stopped_on_one_payload_runs_on_the_other(satellite):
    satellite.react(0.0, CommandIssued("right", b"7", StopStream("survey")))
    job = Job(1, "survey", 0.0, 30.0, 0.0)
    assert satellite.react(0.0, ReleaseDue("right", job)) == []
    assert satellite.react(0.0, ReleaseDue("left", job)) == [Released("left", job)]


CLOSES = 1e-9  # relative, of the energy that went through
RESISTIVE = TerminalBattery(Battery(10.0, 0.95, 0.9, BATTERY.ocv, 8.2), 0.3)


def coast(satellite, until_s):
    """Fly to a moment, letting the power system act; return its changes of mode."""
    changes = []
    while (crossed := satellite.coast(until_s)) is not None:
        t_s, event = crossed
        assert isinstance(event, BatteryCrossed)
        changes += [a for a in satellite.react(t_s, event) if isinstance(a, ModeChanged)]
    return changes


def modes(changes):
    return [change.mode for change in changes]


def test_a_transmitter_that_pulls_the_terminals_down_sheds_the_payload_at_once():
    resting_v = 7.2
    satellite = flown_with(RESISTIVE, DARK, RESISTIVE.charge_at_v(resting_v))
    assert coast(satellite, 10.0) == []  # 1.5 W: 7.14 V
    satellite.react(10.0, TransmitterSwitched(on=True))  # 6.5 W: 6.92 V
    before_wh = satellite.housekeeping(10.0).battery_wh
    assert coast(satellite, 11.0) == [ModeChanged(EpsMode.SAFE, before_wh)]
    state = satellite.housekeeping(11.0)
    assert state.battery_v < 7.1 < BATTERY.voltage_v(state.battery_wh * 3600.0)


def draw(satellite, t_s, power_w):
    satellite.react(t_s, TelemetrySample("left", power_w, "idle", "fast", "emulated"))


@pytest.mark.parametrize("array_w", [0.0, 20.0])
def test_what_shedding_lifts_is_not_what_the_battery_regained(array_w):
    # 14 W more pull the terminals from 7.4 V to 6.6 V; shed, they are above normal_v at once.
    satellite = flown_with(RESISTIVE, sunlit_from(10.0, array_w), RESISTIVE.charge_at_v(7.4))
    draw(satellite, 0.0, 14.0)
    assert modes(coast(satellite, 1e-3)) == [EpsMode.SAFE]
    draw(satellite, 1e-3, 0.0)
    assert satellite.housekeeping(1e-3).battery_v > 7.3  # normal_v
    assert coast(satellite, 10.0) == []
    restored = coast(satellite, 7200.0)
    if array_w:  # what it rests at has risen by the 0.2 V between normal_v and safe_v
        assert modes(restored) == [EpsMode.NORMAL]
        rests_at_v = BATTERY.voltage_v(restored[0].battery_wh * 3600.0)
        assert rests_at_v == pytest.approx(7.4 + 0.2, rel=CLOSES)
    else:
        assert restored == []


def sunlit_from(t_s, array_w):
    return Ramp([0.0, t_s, t_s + 1.0], [0.0, 0.0, array_w])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([0.0, 0.1, 0.3]),
    st.floats(0.05, 0.95),
    st.lists(st.tuples(st.floats(1.0, 900.0), st.floats(0.0, 20.0)), max_size=8),
    st.lists(st.floats(0.0, 40.0), min_size=2, max_size=6),
)
def test_energy_closes_through_every_mode(ohm, fraction, draws, array_w):
    battery = TerminalBattery(Battery(2.0, 0.95, 0.9, BATTERY.ocv, 8.2), ohm, 15.0, 0.8)
    start_j = fraction * 0.9 * battery.capacity_j
    array = Ramp([1000.0 * i for i in range(len(array_w))], array_w)
    satellite, t_s = flown_with(battery, array, start_j), 0.0
    for after_s, power_w in draws:
        t_s += after_s
        assert len(coast(satellite, t_s)) < 12  # no threshold flutters
        draw(satellite, t_s, power_w)
    end = satellite.housekeeping(t_s)
    through_wh = end.generated_wh + end.consumed_wh + battery.capacity_j / 3600.0
    stored_wh = end.battery_wh - start_j / 3600.0
    spent_wh = end.consumed_wh + end.losses_wh + end.curtailed_wh + stored_wh
    assert abs(end.generated_wh - spent_wh) <= CLOSES * through_wh
    assert 0.0 <= end.battery_wh <= battery.capacity_j / 3600.0
    assert 0.0 <= end.battery_use["deepest"] <= 1.0


def test_a_flight_counts_what_it_does_to_its_battery():
    satellite = flown_with(BATTERY, DARK, BATTERY.capacity_j)
    draw(satellite, 0.0, 3.0)
    coast(satellite, 3600.0)
    use = satellite.housekeeping(3600.0).battery_use
    drawn = 4.5 / 0.9 / 10.0  # bus, power system and payload for an hour
    assert use["discharges"] == 1
    assert (use["deepest"], use["mean_depth"]) == pytest.approx((drawn, drawn))
    assert use["equivalent_cycles"] == pytest.approx(0.5 * drawn)
    assert use["capacity_wh"] == pytest.approx(10.0)
    assert use["fade"] == pytest.approx(1e-4 * drawn + 0.02 / 8766.0)
