"""Walker patterns against their definition, and many satellites against one at a time."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigs.environment.constellation import Constellation, Walker
from rigs.environment.orbit import Orbit, states_of
from rigs.environment.passes import station_named
from rigs.environment.tape import build_tape
from rigs.environment.tle import checksum
from rigs.environment.trajectory import CHUNK, Trajectory, trajectories

START = datetime(2025, 3, 20, tzinfo=timezone.utc)
ROUNDING_KM = 1e-9  # the same program, one satellite or many
SHORT_PERIOD_DEG = 0.25  # J2 moves each along its orbit by 0.1° twice a turn, to and fro
LINE1 = "1 25544U 98067A   24079.50000000  .00016717  00000-0  30000-3 0  9995"
LINE2 = "2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.49560000432108"


def plane_and_phase(orbit):
    """Return the node and the angle along the orbit from it, in degrees, at the start."""
    (r_km,), (v_km_s,) = orbit.states(START, np.zeros(1))
    normal = np.cross(r_km, v_km_s)
    node = np.array([-normal[1], normal[0], 0.0])
    along = np.cross(normal, node) / np.linalg.norm(normal)
    phase = np.arctan2(r_km @ along, r_km @ node)
    return np.degrees(np.arctan2(node[1], node[0])) % 360.0, np.degrees(phase) % 360.0


def off_deg(a, b):
    return abs((a - b + 180.0) % 360.0 - 180.0)


@pytest.mark.parametrize(("kind", "spread_deg"), [("delta", 360.0), ("star", 180.0)])
def test_a_pattern_is_what_walker_says(kind, spread_deg):
    # Galileo's 56:24/3/1 as the delta; its planes 120° and its phases 15° apart.
    pattern = Walker(24, 3, 1, kind)
    fleet = Constellation.from_walker(pattern, START, 1200.0, 56.0, raan_deg=10.0)
    node0, phase0 = plane_and_phase(fleet.orbits[0])
    for number, (name, orbit) in enumerate(zip(fleet.names, fleet.orbits, strict=True)):
        plane, slot = divmod(number, 8)
        node, phase = plane_and_phase(orbit)
        assert name == f"{plane}-{slot}"
        assert off_deg(node, node0 + plane * spread_deg / 3) < SHORT_PERIOD_DEG
        assert off_deg(phase, phase0 + slot * 45.0 + plane * 15.0) < SHORT_PERIOD_DEG


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_a_delta_has_no_seam(planes, each, data):
    # Past the last plane the first follows, and its slots are met again, f of them further on.
    pattern = Walker(planes * each, planes, data.draw(st.integers(0, planes - 1)))
    node, phase = pattern.offsets_deg((planes - 1) * each)
    step = pattern.phasing * 360.0 / pattern.satellites
    assert node + 360.0 / planes == pytest.approx(360.0)
    assert (phase + step) / (360.0 / each) == pytest.approx(pattern.phasing)


def test_a_sun_synchronous_pattern_keeps_its_inclination_and_first_local_time():
    fleet = Constellation.from_walker(
        Walker(4, 2, 0), START, 550.0, local_time_of_ascending_node="10:30"
    )
    alone = Orbit.from_elements(START, 550.0, local_time_of_ascending_node="10:30")
    assert plane_and_phase(fleet.orbits[0]) == plane_and_phase(alone)
    assert {orbit.inclination_deg for orbit in fleet.orbits} == {alone.inclination_deg}


@pytest.mark.parametrize(
    ("numbers", "rule"),
    [
        ((24, 5, 1), "planes = 5 do not share 24 satellites evenly"),
        ((24, 3, 3), "phasing = 3 is outside 0 to 2"),
        ((0, 1, 0), "evenly"),
        ((24, 0, 0), "evenly"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(numbers, rule):
    with pytest.raises(ValueError, match=rule):
        Walker(*numbers)
    with pytest.raises(ValueError, match="outside 0 to 23"):
        Walker(24, 3, 1).offsets_deg(24)


def test_many_satellites_fly_as_each_does_alone():
    fleet = Constellation.from_walker(Walker(2 * CHUNK + 2, 2, 1), START, 550.0, 53.0)
    every = list(trajectories(fleet.orbits, START, 6000.0))
    assert len(every) == len(fleet) == 2 * CHUNK + 2
    for orbit, together in zip(fleet.orbits, every, strict=True):
        alone = Trajectory.of(orbit, START, 6000.0)
        assert np.abs(together.r_km - alone.r_km).max() < ROUNDING_KM
        assert np.abs(together.v_km_s - alone.v_km_s).max() < ROUNDING_KM


def test_a_tape_of_the_fleet_is_the_tape_of_its_satellite():
    fleet = Constellation.from_walker(Walker(4, 2, 1), START, 550.0, 53.0)
    stations = [station_named("svalbard"), station_named("matera")]
    tapes = list(fleet.tapes(START, 20_000.0, stations))
    for orbit, tape in zip(fleet.orbits, tapes, strict=True):
        alone = build_tape(orbit, START, 20_000.0, stations)
        assert tape.passes == alone.passes
        assert tape.eclipses == alone.eclipses
        for field in fields(tape):
            value = getattr(tape, field.name)
            if isinstance(value, np.ndarray):
                assert value == pytest.approx(getattr(alone, field.name), abs=1e-9)


def test_a_file_becomes_a_constellation():
    text = "\n".join(["ISS", LINE1, LINE2])
    fleet = Constellation.from_tles(text, "x.tle", START)
    assert fleet.names == ("ISS",)
    assert fleet.orbits[0].catalogue_number == 25544


def test_the_satellite_that_decays_is_named():
    falls = LINE1[:53] + " 90000-1" + LINE1[61:68] + "0"
    falls = falls[:68] + str(checksum(falls))
    orbits = [Orbit.from_tle(LINE1, LINE2), Orbit.from_tle(falls, LINE2)]
    late = np.array([0.0, 30 * 86400.0])
    with pytest.raises(ValueError, match=r"satellite 25544: SGP4 fails \d+ s after"):
        states_of(orbits, START, late)


@pytest.mark.parametrize("horizon_s", [0.0, float("inf")])
def test_an_endless_fleet_is_refused(horizon_s):
    fleet = Constellation.from_walker(Walker(2, 1, 0), START, 550.0, 53.0)
    with pytest.raises(ValueError, match="horizon_s"):
        next(fleet.tapes(START, horizon_s))
