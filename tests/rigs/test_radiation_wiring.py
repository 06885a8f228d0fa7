"""Every key about radiation reaches the part that it is about, and moves what it should."""

import math

import pytest
from flights import fly, sheet
from wiring import NO_JOBS, SIGMAS, matters

from firmware_bridge.faults import FaultEvent, FaultKind
from rigs import assemble
from rigs.environment.devices import rates
from rigs.environment.faults import exposure_per_cm2
from rigs.parts import part_of
from rigs.sky import environment

HORIZON_S = 40_000.0
STRUCK = {
    "horizon_s": HORIZON_S,
    "radiation__acceleration": 20_000.0,
    "payloads__pi__jobs": NO_JOBS,
}
EVENT = {"start_s": 6000.0, "rise_s": 3600.0, "e_fold_s": 9000.0, "fluence_per_cm2": 1e8}


@matters("radiation.activity")
@pytest.mark.parametrize(
    ("activity", "trapped", "galactic"),
    [("solar-minimum", 24.8, 1.56), ("solar-maximum", 17.2, 0.56)],
)
def test_over_a_day_protons_are_the_published_ones_of_the_activity(activity, trapped, galactic):
    ONE_DAY = 0.15  # relative: eight crossings of the anomaly, not all nodes, over an oblate Earth
    tape = environment(sheet(horizon_s=86_400.0, radiation__activity=activity))
    for flux, expected in ((tape.protons.trapped, trapped), (tape.protons.galactic, galactic)):
        mean = exposure_per_cm2(tape.knots_s, flux)[-1] / 86_400.0
        assert mean == pytest.approx(expected, rel=ONE_DAY)
    assert not tape.protons.solar.any()


@matters("radiation.activity", "radiation.acceleration")
def test_strikes_go_with_the_protons_and_with_the_acceleration():
    calm = {"radiation__activity": "solar-maximum"}
    many = fluence_and_struck(**STRUCK)
    fewer = fluence_and_struck(**STRUCK, **calm)
    twice = fluence_and_struck(**STRUCK | {"radiation__acceleration": 40_000.0})
    for share, count in (many, fewer, twice):
        same_chance(count, share / many[0] * many[1])
    assert fewer[1] < many[1] < twice[1]


@matters("radiation.shielding_mm")
def test_aluminium_stops_protons_and_so_strikes():
    bare = fluence_and_struck(**STRUCK)
    behind = fluence_and_struck(**STRUCK, radiation__shielding_mm=15.0)
    same_chance(behind[1], behind[0] / bare[0] * bare[1])
    assert 0.4 * bare[0] < behind[0] < 0.85 * bare[0]  # AP-8 above 73 MeV, over above 30
    assert behind[1] < bare[1]


@matters(
    "radiation.particle_event.start_s",
    "radiation.particle_event.rise_s",
    "radiation.particle_event.e_fold_s",
    "radiation.particle_event.fluence_per_cm2",
)
@pytest.mark.parametrize(
    ("key", "value", "later"),
    [
        ("start_s", 20_000.0, True),
        ("rise_s", 20_000.0, True),
        ("e_fold_s", 2000.0, False),
        ("fluence_per_cm2", 3e7, False),
    ],
)
def test_an_event_of_the_sun_strikes_over_the_poles_as_its_keys_say(key, value, later):
    share, count = fluence_and_struck(**STRUCK, radiation__particle_event=EVENT)
    other = EVENT | {key: value}
    other_share, other_count = fluence_and_struck(**STRUCK, radiation__particle_event=other)
    same_chance(other_count, other_share / share * count)
    quiet, few = fluence_and_struck(**STRUCK)
    assert quiet < 0.5 * min(share, other_share)
    assert few < min(count, other_count)
    if later:
        assert mean_strike_s(other) > mean_strike_s(EVENT) + 1000.0
    elif key == "e_fold_s":
        assert mean_strike_s(other) < mean_strike_s(EVENT) - 1000.0
    else:
        assert other_count < 0.7 * count


@matters("radiation.particle_event.start_s", "radiation.particle_event.rise_s")
def test_nothing_of_an_event_arrives_before_it_starts_and_most_when_it_peaks():
    tape = environment(sheet(horizon_s=HORIZON_S, radiation__particle_event=EVENT))
    solar = tape.protons.solar
    assert not solar[tape.knots_s <= 6000.0].any()
    assert solar.any()
    most_s = tape.knots_s[solar.argmax()]
    A_POLAR_PASS = 1800.0  # s between the caps
    assert 9600.0 - A_POLAR_PASS <= most_s <= 9600.0 + A_POLAR_PASS
    assert (abs(tape.latitude_deg[solar > 0.0]) > 45.0).all()


@matters("payloads.radiation_device")
@pytest.mark.parametrize("device", ["jetson-xavier-nx", "tpu-trillium", "jetson-tx2"])
def test_a_named_part_is_struck_by_its_own_cross_sections(device):
    named = sheet(**STRUCK, **on_board(radiation_device=device))
    board = assemble.profile(named, "pi")
    (model,) = assemble.models(named, "pi").values()
    tape, sections = (
        environment(named),
        part_of(named, "pi", board).cross_sections(model.weight_bits),
    )
    expected = rates(tape.knots_s, tape.proton_flux_per_cm2_s, sections, 20_000.0)
    struck = [fault.kind for fault in fly(named).all(FaultEvent)]
    for rate in expected:
        same_chance(struck.count(rate.fault), rate.per_day * HORIZON_S / 86_400.0)
    assert part_of(named, "pi", board).name == device
    assert struck != [fault.kind for fault in fly(sheet(**STRUCK)).all(FaultEvent)]
    assert FaultKind.SEL not in struck  # none of these has one under protons


def on_board(**said):
    table = sheet().scenario.payloads["pi"].model_dump(exclude_none=True)
    return {"payloads": {"pi": table | said | {"jobs": NO_JOBS}}}


def mean_strike_s(event):
    times_s = fly(sheet(**STRUCK, radiation__particle_event=event)).times(FaultEvent)
    return sum(times_s) / len(times_s)


def fluence_and_struck(**changes):
    flown = sheet(**changes)
    tape = environment(flown)
    fluence = exposure_per_cm2(tape.knots_s, tape.proton_flux_per_cm2_s)[-1]
    return fluence * flown.scenario.radiation.acceleration, len(fly(flown).all(FaultEvent))


def same_chance(count, expected):
    assert abs(count - expected) <= SIGMAS * math.sqrt(count + expected)
