"""Short flights, told as timelines."""

import pytest
from flights import fly, sheet

from firmware_bridge.board import Booted
from firmware_bridge.faults import FaultEvent, FaultKind, FaultLanded
from firmware_bridge.telemetry import TelemetrySample
from groundlink.events import LinkChanged, Received
from groundlink.messages import MessageKind
from payloads.events import (
    BatteryCrossed,
    Completed,
    Housekeeping,
    ModeChanged,
    OvercurrentTripped,
    ReloadDue,
    Reloaded,
    Schedule,
    SetPoint,
    SwitchSupply,
    TripCrossed,
)
from payloads.jobs import JobLost, Loss
from payloads.power import EpsMode

CLOSURE = 1e-9  # relative: promised for the energy of a flight
BOOT_S = 35.0  # of the Raspberry Pi's profile
JOBS = [{"name": "survey", "period_s": 60.0, "deadline_s": 120.0, "preparation_s": 20.0}]


COLD = {"capacity_j_per_k": 19.1, "resistance_k_per_w": 1.0}  # a die that never throttles


def one_job_stream(**changes):
    return sheet(payloads__pi__jobs=JOBS, **changes)


def closure(log):
    first, last = log.all(Housekeeping)[0], log.last(Housekeeping)
    spent_wh = last.consumed_wh + last.losses_wh + last.curtailed_wh
    stored_wh = last.battery_wh - first.battery_wh
    return abs(last.generated_wh - spent_wh - stored_wh) / last.generated_wh


def test_every_job_of_a_quiet_flight_is_done():
    log = fly(one_job_stream())
    assert log.times(JobLost) == []
    assert len(log.all(Completed)) == 100
    # the job released at 0 waits for the boot; the preparation takes 20 s, inference milliseconds
    assert log.times(Completed)[0] == pytest.approx(BOOT_S + 20.0, abs=0.01)
    assert log.times(Completed)[1] == pytest.approx(60.0 + 20.0, abs=0.01)


def test_energy_closes_through_full_and_empty():
    full = fly(sheet(battery__charge_fraction=0.9))
    assert full.last(Housekeeping).curtailed_wh > 0.0
    empty = fly(
        sheet(
            horizon_s=20_000.0,
            battery__capacity_wh=5.0,
            battery__charge_fraction=0.3,
            eps__own_w=14.0,
        )
    )
    assert empty.last(Housekeeping).unserved_wh > 0.0
    assert max(closure(full), closure(empty)) < CLOSURE


def test_numbers_do_not_depend_on_how_often_housekeeping_looks():
    often, seldom = (fly(sheet(housekeeping_s=s)).last(Housekeeping) for s in (7.0, 3000.0))
    assert often.battery_wh == pytest.approx(seldom.battery_wh, rel=CLOSURE)
    assert often.radiator_c == pytest.approx(seldom.radiator_c, abs=1e-6)
    assert often.die_c["pi"] == pytest.approx(seldom.die_c["pi"], abs=1e-6)
    assert often.energy_j["pi"] == pytest.approx(seldom.energy_j["pi"], rel=CLOSURE)


def test_regular_times_are_computed_and_never_accumulated():
    log = fly(sheet(housekeeping_s=7.3, payloads__pi__reload_every_s=1000.1))
    looks_s = log.times(Housekeeping)[:-1]  # the last one is that of the end
    assert looks_s == [k * 7.3 for k in range(len(looks_s))]
    assert len(looks_s) == 822
    asked_s = [a.at_s for a in log.all(Schedule) if isinstance(a.event, ReloadDue)]
    assert asked_s == [k * 1000.1 for k in range(1, len(asked_s) + 1)]


def test_the_ground_hears_of_switched_supplies_and_not_of_flipped_bits():
    plan = [{"station": "a", "aos_s": 0.0, "los_s": 6000.0}]
    faults = [(605.0, FaultKind.SEFI), (2000.0, FaultKind.SEU)]
    log = fly(one_job_stream(link__contacts=plan), *faults, inference=True)
    events = [r.message for r in log.all(Received) if r.message.kind is MessageKind.EVENT]
    assert [m.body for m in events] == [b'{"supply":"%b"}' % s for s in (b"on", b"off", b"on")]


def test_a_hang_costs_one_job_and_a_reboot():
    log = fly(one_job_stream(), (610.0, FaultKind.SEFI))
    assert [(lost.job, lost.reason) for lost in log.all(JobLost)] == [(11, Loss.WATCHDOG)]
    assert log.times(SwitchSupply) == [0.0, 690.0, 695.0]  # 90 s of watchdog, 5 s off
    assert log.times(Booted) == [BOOT_S, 695.0 + BOOT_S]


def test_a_latch_up_opens_the_breaker_and_costs_one_job():
    log = fly(sheet(payloads__pi__jobs=JOBS, breaker__delay_s=3.0), (610.0, FaultKind.SEL))
    assert log.times(OvercurrentTripped) == [613.0]
    assert log.times(JobLost) == [613.0]
    surge_w = max(s.power_w for s in log.all(TelemetrySample))
    assert surge_w == pytest.approx(4.94 + 3.06)
    assert log.last(Completed).job == 100


def test_a_latch_up_in_an_idle_board_is_seen_when_it_works_again():
    log = fly(sheet(payloads__pi__jobs=JOBS, breaker__delay_s=3.0), (630.0, FaultKind.SEL))
    assert log.times(OvercurrentTripped) == [663.0]


def test_a_latch_up_costs_energy():
    calm, struck = (
        fly(sheet(breaker__limit_w=50.0, payloads__pi__die=COLD), *faults)
        .last(Housekeeping)
        .energy_j["pi"]
        for faults in ((), [(3000.0, FaultKind.SEL)])
    )
    assert struck - calm == pytest.approx(3000.0 * 3.06, rel=1e-6)


def test_upsets_stay_until_the_model_is_reloaded():
    mission = sheet(payloads__pi__jobs=JOBS, payloads__pi__reload_every_s=2000.0)
    log = fly(mission, (500.0, FaultKind.SEU), inference=True)
    assert all(landed.site is not None for landed in log.all(FaultLanded))
    exposed = [c.subject_s for c in log.all(Completed) if c.result.outcome.value != "nominal"]
    assert min(exposed) == 480.0  # it was prepared when the particle came
    assert max(exposed) < log.times(Reloaded)[0] == pytest.approx(2001.5, abs=0.01)


def test_a_transient_touches_one_answer():
    log = fly(one_job_stream(), (610.0, FaultKind.SET), inference=True)
    exposed = [c.job for c in log.all(Completed) if c.result.outcome.value != "nominal"]
    assert exposed == [11]


def test_a_brown_out_sheds_the_payload_and_gives_it_back():
    log = fly(
        sheet(
            horizon_s=30_000.0,
            payloads__pi__jobs=JOBS,
            battery__capacity_wh=5.0,
            battery__charge_fraction=0.5,
        )
    )
    modes = [changed.mode for changed in log.all(ModeChanged)]
    assert modes[:3] == [EpsMode.NORMAL, EpsMode.SAFE, EpsMode.NORMAL]
    shed_s, back_s = log.times(ModeChanged)[1:3]
    assert shed_s in [t for t, s in log.entries if isinstance(s, SwitchSupply) and not s.on]
    released_while_off = [t for t, lost in log.entries if isinstance(lost, JobLost)]
    assert all(shed_s <= t_s <= back_s for t_s in released_while_off if t_s < back_s)
    assert back_s + BOOT_S in log.times(Booted)
    assert log.last(Housekeeping).shed_s >= back_s - shed_s


def test_the_battery_is_at_its_threshold_when_the_mode_changes():
    log = fly(sheet(battery__capacity_wh=5.0, battery__charge_fraction=0.3, horizon_s=20_000.0))
    crossed = log.all(BatteryCrossed)[0]
    changed = log.all(ModeChanged)[1]
    assert (crossed.voltage_v, crossed.rising) == (7.1, False)
    assert changed.battery_wh == pytest.approx(0.2 * 5.0, rel=CLOSURE)  # 7.1 V on the curve


def test_an_empty_battery_is_a_brown_out_that_silences_the_satellite_until_it_wakes():
    log = fly(
        sheet(
            horizon_s=20_000.0,
            battery__capacity_wh=1.0,
            battery__charge_fraction=0.1,
            eps__own_w=2.0,
            link__contacts=[{"station": "a", "aos_s": 100.0, "los_s": 19_900.0}],
        )
    )
    modes = [(t, thing.mode) for t, thing in log.entries if isinstance(thing, ModeChanged)]
    empty_s = next(t_s for t_s, mode in modes if mode is EpsMode.EMPTY)
    wakes_s = next(t_s for t_s, mode in modes if t_s > empty_s and mode is EpsMode.CRITICAL)
    back_s = next(t_s for t_s, mode in modes if t_s > wakes_s and mode.bus_on)
    down = [t for t, mode in modes if t <= empty_s and not mode.bus_on]
    assert not [t_s for t_s in log.times(Received) if down[0] + 1.0 < t_s < back_s]
    assert log.last(Housekeeping).unserved_wh > 0.0
    assert closure(log) < CLOSURE


def test_a_hot_die_moves_the_board_down_and_a_cool_one_up():
    log = fly(
        sheet(
            horizon_s=12_000.0,
            payloads__pi__die={"capacity_j_per_k": 19.1, "resistance_k_per_w": 20.0},
            payloads__pi__jobs=[{**JOBS[0], "until_s": 6000.0, "preparation_s": 59.0}],
        )
    )
    up, *_, down = log.all(TripCrossed)
    assert up.rising
    assert up.die_c == pytest.approx(70.0, abs=1e-3)
    assert not down.rising
    assert down.die_c == pytest.approx(65.0, abs=1e-3)
    points = [set_point.point for set_point in log.all(SetPoint)]
    assert points[0] == points[-1] == "1800MHz"
    assert "1500MHz" in points


def test_nothing_reaches_the_ground_outside_a_contact():
    plan = [{"station": "a", "aos_s": 1000.0, "los_s": 1300.0}]
    log = fly(one_job_stream(link__contacts=plan, link__light_time_s=0.01))
    received_s = log.times(Received)
    assert received_s
    assert min(received_s) >= 1000.01
    assert max(received_s) <= 1300.01
    assert [c.state.value for c in log.all(LinkChanged)] == ["aos", "los"]


def test_the_transmitter_draws_power_only_in_contact():
    plan = [{"station": "a", "aos_s": 1000.0, "los_s": 1300.0}]
    with_contact, without = (
        fly(sheet(link__contacts=c)).last(Housekeeping).consumed_wh for c in (plan, [])
    )
    assert with_contact - without == pytest.approx(4.0 * 300.0 / 3600.0, rel=1e-6)


def test_another_seed_brings_other_faults_under_the_same_sky():
    struck = sheet(horizon_s=40_000.0, radiation__acceleration=20_000.0)
    logs = [fly(struck.with_options(seed=seed)) for seed in (1, 1, 2)]
    faults = [log.times(FaultEvent) for log in logs]
    assert faults[0] == faults[1] != faults[2]
    skies = [[h.array_w for h in log.all(Housekeeping)] for log in logs]
    assert skies[0] == skies[1] == skies[2]


def test_two_payloads_share_one_battery_and_one_radiator():
    pi = sheet().scenario.payloads["pi"].model_dump(exclude_none=True)
    log = fly(sheet(payloads={"left": pi, "right": pi}))
    last, alone = log.last(Housekeeping), fly(sheet()).last(Housekeeping)
    assert last.energy_j["left"] == last.energy_j["right"]
    assert last.consumed_wh == pytest.approx(alone.consumed_wh + last.energy_j["left"] / 3600.0)
    assert last.radiator_c > alone.radiator_c
