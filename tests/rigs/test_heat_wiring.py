"""Every key of a scenario about the nodes of heat moves what it should move, in a flight."""

import math

import numpy as np
import pytest
from flights import fly, sheet
from wiring import EXACT, JOB, NO_JOBS, matters

from payloads.events import Housekeeping, TripCrossed
from payloads.thermal import STEFAN_BOLTZMANN, ZERO_CELSIUS_K

HORIZON_S = 60.0
BOOT_W = 3.0  # of the Raspberry Pi's profile
# No radiation to speak of from a radiator that faces away, and nothing that warms it.
DARK = {
    "radiator__absorptivity": 0.0,
    "radiator__facing": "zenith",
    "payloads__pi__jobs": NO_JOBS,
}
BUS_W = 0.4 + 3.5  # the power system's own and the bus in normal mode, of first-light
EARTH_W = 0.85 * 0.032 * 237.0 * 0.847  # infrared on first-light's radiator, at 550 km
SKY = 0.02  # what the sky and the nodes' own cooling add, against what is tested


def end(**changes):
    return fly(sheet(**{"horizon_s": HORIZON_S} | changes)).last(Housekeeping)


def radiator_c(**changes):
    return end(**DARK, **changes).radiator_c


@matters("radiator.sides")
def test_two_sides_cool_twice_as_fast():
    hot = {"radiator__start_c": 150.0, "horizon_s": 5.0}
    once_k, twice_k = (150.0 - radiator_c(radiator__sides=sides, **hot) for sides in (1, 2))
    # meanwhile the bus warms both, and the Earth the side that looks down
    bus_k, earth_k = 5.0 * BUS_W / 2000.0, 5.0 * EARTH_W / 2000.0
    assert twice_k + bus_k + earth_k == pytest.approx(2.0 * (once_k + bus_k), rel=SKY)


@matters("radiator.sides")
def test_the_other_side_sees_the_earth_that_a_zenith_radiator_does_not():
    quiet = {"horizon_s": 5.0, "payloads__pi__jobs": NO_JOBS, "radiator__facing": "zenith"}
    one, two = (end(radiator__sides=sides, **quiet) for sides in (1, 2))
    absorbing = end(radiator__sides=2, radiator__absorptivity=1.0, **quiet)
    assert absorbing.radiator_c > two.radiator_c  # albedo from below, by day
    emitted_k = 5.0 * 0.85 * 0.032 * STEFAN_BOLTZMANN * (10.0 + ZERO_CELSIUS_K) ** 4 / 2000.0
    gained_k = two.radiator_c - one.radiator_c + emitted_k
    earth_k = 5.0 * EARTH_W / 2000.0
    assert earth_k * 0.95 < gained_k < earth_k + 5.0 * 0.2 * 0.032 * 0.3 * 1400.0 / 2000.0


@matters("radiator.sink_k")
def test_a_sink_sends_back_its_share():
    warmed_k = radiator_c(radiator__sink_k=250.0) - radiator_c()
    sent_w = 0.85 * 0.032 * STEFAN_BOLTZMANN * 250.0**4
    assert warmed_k == pytest.approx(HORIZON_S * sent_w / 2000.0, rel=SKY)


STRUCTURE = {"capacity_j_per_k": 1000.0, "conductance_w_per_k": 1.0}


@matters("structure.capacity_j_per_k", "structure.conductance_w_per_k")
@pytest.mark.parametrize(("capacity", "conductance"), [(1e3, 1.0), (2e3, 1.0), (1e3, 4.0)])
def test_the_bus_heats_the_structure_and_it_the_radiator(capacity, conductance):
    # Against a radiator of a thousand kilograms the structure is one node on a fixed wall: what
    # has reached the wall is the bus's heat less what the structure holds.
    structure = {"capacity_j_per_k": capacity, "conductance_w_per_k": conductance}
    massive = {"radiator__capacity_j_per_k": 1e6, "horizon_s": 600.0}
    massive["payloads__pi__die"] = {"capacity_j_per_k": 1.0, "resistance_k_per_w": 1e6}
    massive["payloads__pi__trips"] = []
    without_c = radiator_c(**massive)
    with_c = radiator_c(structure=structure, **massive)
    rate = conductance / capacity
    held_j = BUS_W * capacity / conductance * (1.0 - math.exp(-rate * 600.0))
    assert without_c - with_c == pytest.approx(held_j / 1e6, rel=SKY)


@matters("structure.area_m2", "structure.emissivity", "structure.absorptivity")
@pytest.mark.parametrize(("area", "emissivity"), [(0.2, 0.5), (0.4, 0.5), (0.2, 1.0)])
def test_a_structure_radiates_from_its_own_surface(area, emissivity):
    # tied so well that it and the radiator are one node of 3000 J/K
    tied = {**STRUCTURE, "conductance_w_per_k": 1e4}
    hot = {"radiator__start_c": 150.0, "horizon_s": 5.0}
    bare_c = radiator_c(structure={**tied, "area_m2": 0.0}, **hot)
    own = {"area_m2": area, "emissivity": emissivity, "absorptivity": 0.0}
    cooled_k = bare_c - radiator_c(structure={**tied, **own}, **hot)
    infrared_w = 237.0 * 0.5 * (1.0 - math.sqrt(1.0 - 0.847))  # half of it looks down
    sent_w = STEFAN_BOLTZMANN * (150.0 + ZERO_CELSIUS_K) ** 4 - infrared_w
    assert cooled_k == pytest.approx(5.0 * area * emissivity * sent_w / 3000.0, rel=SKY)


@matters("structure.absorptivity")
def test_a_structure_takes_in_sunlight_with_a_quarter_of_its_surface():
    tied = {**STRUCTURE, "conductance_w_per_k": 1e4, "area_m2": 0.2}
    black, white = (
        radiator_c(structure={**tied, "absorptivity": share}, horizon_s=5.0) for share in (1.0, 0.0)
    )
    sun_w = fly(sheet(horizon_s=1.0, array__panels=[{"area_m2": 1.0, "facing": "sun"}]))
    lit_w_m2 = sun_w.all(Housekeeping)[0].array_w / (0.3 * 0.9 * 0.97)
    least_k = 5.0 * 0.2 * 0.25 * lit_w_m2 / 3000.0
    assert least_k * 0.99 < black - white < 1.6 * least_k  # the rest is albedo


SPREADER = {"capacity_j_per_k": 80.0, "resistance_k_per_w": 5.0}


@matters("payloads.spreader.capacity_j_per_k", "payloads.spreader.resistance_k_per_w")
@pytest.mark.parametrize(("capacity", "resistance"), [(80.0, 5.0), (20.0, 5.0), (80.0, 10.0)])
def test_a_booting_die_warms_by_the_closed_form_of_two_nodes(capacity, resistance):
    spreader = {"capacity_j_per_k": capacity, "resistance_k_per_w": resistance}
    die = {"capacity_j_per_k": 20.0, "resistance_k_per_w": 10.0}
    warmed = end(
        horizon_s=30.0,
        payloads__pi__die=die,
        payloads__pi__spreader=spreader,
        radiator__capacity_j_per_k=1e6,
    )
    to_spreader, to_radiator = 0.1, 1.0 / resistance
    matrix = np.array(
        [
            [-to_spreader / 20.0, to_spreader / 20.0],
            [to_spreader / capacity, -(to_spreader + to_radiator) / capacity],
        ]
    )
    rates, modes = np.linalg.eig(matrix)
    push = np.linalg.solve(modes, [BOOT_W / 20.0, 0.0])
    die_k = float((modes @ (push * np.expm1(rates * 30.0) / rates))[0])
    assert warmed.die_c["pi"] - warmed.radiator_c == pytest.approx(die_k, rel=0.01)


def test_the_governor_acts_at_its_trip_points_on_a_network_too():
    log = fly(
        sheet(
            structure={**STRUCTURE, "area_m2": 0.1},
            payloads__pi__spreader=SPREADER,
            payloads__pi__trips=[{"above_c": 60.0, "hysteresis_c": 4.0, "point": "750MHz"}],
            payloads__pi__jobs=[{**JOB, "preparation_s": 59.0, "until_s": 1500.0}],
        )
    )
    crossings = log.all(TripCrossed)
    assert {crossing.rising for crossing in crossings} == {True, False}
    assert [c.die_c for c in crossings] == pytest.approx(
        [60.0 if c.rising else 56.0 for c in crossings], abs=1e-3
    )


def test_a_structure_without_weight_or_surface_changes_nothing():
    nothing = {"capacity_j_per_k": 1e-6, "conductance_w_per_k": 1e3}
    plain, with_it = end(), end(structure=nothing)
    assert with_it.radiator_c == pytest.approx(plain.radiator_c, abs=1e-5)
    assert with_it.battery_wh == pytest.approx(plain.battery_wh, rel=EXACT)
