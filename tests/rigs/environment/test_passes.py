"""Contacts against plain geometry and against stepping second by second."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from rigs.environment.earth import earth_fixed, gmst82, julian_date, site_km, zenith
from rigs.environment.orbit import Orbit
from rigs.environment.passes import (
    Sky,
    Station,
    find_passes,
    load_stations,
    passes_along,
    station_named,
)
from rigs.environment.trajectory import Trajectory

START = datetime(2025, 3, 20, tzinfo=timezone.utc)
DAY_S = 86400.0
ONE_STEP_S = 1.0  # brute force steps by one second
BASILISK = 1e-8  # of its own test, in degrees and km
EDGE_ERROR_S = 0.01  # interpolated orbit (0.1 m) and bisection (1 ms)


@pytest.fixture(scope="module")
def orbit():
    return Orbit.from_elements(START, 550.0, local_time_of_ascending_node="10:30")


@pytest.fixture(scope="module")
def stations():
    return [
        *load_stations().values(),
        Station("grazing", 35.0, 10.0, mask_deg=60.0),  # a few short passes
        Station("strict", -20.0, 100.0, mask_deg=85.0),
    ]


@pytest.fixture(scope="module")
def passes(orbit, stations):
    return find_passes(orbit, stations, START, DAY_S)


def test_passes_are_those_that_stepping_second_by_second_sees(orbit, stations, passes):
    t_s = np.arange(0.0, DAY_S + 1.0)
    for station in stations:
        mine = [contact for contact in passes if contact.station == station.name]
        up = np.flatnonzero(
            np.diff(np.r_[False, elevation(orbit, station, t_s) >= station.mask_deg])
        )
        rises, sets = up[0::2], up[1::2]
        seen = [p for p in mine if np.floor(p.los_s) >= np.ceil(p.aos_s)]
        assert len(seen) == len(rises)
        for contact, rise in zip(seen, rises, strict=True):
            assert 0.0 <= rise - contact.aos_s < ONE_STEP_S + EDGE_ERROR_S
        for contact, fall in zip(seen, sets, strict=False):
            assert 0.0 <= fall - contact.los_s < ONE_STEP_S + EDGE_ERROR_S


def test_edges_lie_on_the_mask_and_the_culmination_is_the_top(orbit, stations, passes):
    by_name = {station.name: station for station in stations}
    for contact in passes:
        station = by_name[contact.station]
        if not contact.starts_before:
            aos = elevation(orbit, station, np.array([contact.aos_s]))
            assert aos == pytest.approx(station.mask_deg, abs=0.001)
        within = np.linspace(contact.aos_s, contact.los_s, 200)
        top = elevation(orbit, station, within).max()
        assert contact.max_elevation_deg >= top - 1e-6
        assert contact.max_elevation_deg == pytest.approx(
            elevation(orbit, station, np.array([contact.culmination_s]))[0], abs=0.001
        )


def test_a_pass_of_hours_with_several_tops_culminates_at_the_highest():
    # A Molniya-like orbit stands over the north for hours, and may rise twice in one pass.
    orbit = Orbit.from_elements(
        START, 20_182.0, inclination_deg=63.4, eccentricity=0.7, argument_of_perigee_deg=270.0
    )
    station = Station("north", 60.0, 30.0, mask_deg=10.0)
    passes = find_passes(orbit, [station], START, 3 * DAY_S)
    assert max(p.los_s - p.aos_s for p in passes) > 6 * 3600.0
    for contact in passes:
        within = np.linspace(contact.aos_s, contact.los_s, 3000)
        assert contact.max_elevation_deg >= elevation(orbit, station, within).max() - 1e-6


def test_passes_come_in_order_of_acquisition(passes):
    times = [contact.aos_s for contact in passes]
    assert times == sorted(times)


def test_a_contact_is_cut_and_marked_at_both_ends(orbit):
    station = station_named("svalbard")
    whole = find_passes(orbit, [station], START, DAY_S)[0]
    middle_s = (whole.aos_s + whole.los_s) / 2.0
    early = find_passes(orbit, [station], START, middle_s)[-1]
    assert early.ends_after
    assert not early.starts_before
    assert early.los_s == middle_s
    later = datetime.fromtimestamp(START.timestamp() + round(middle_s), timezone.utc)
    late = find_passes(orbit, [station], later, 3600.0)[0]
    assert late.starts_before
    assert late.aos_s == 0.0
    assert late.los_s + round(middle_s) == pytest.approx(whole.los_s, abs=EDGE_ERROR_S)


def test_a_satellite_overhead_stands_at_ninety_degrees():
    # V8: Basilisk's groundLocation test: 100 km above the site 90°, 100 km up and aside 79°.
    site, up = site_km(40.0, -105.0, 1600.0), zenith(40.0, -105.0)
    north = np.cross(np.cross([0.0, 0.0, 1.0], up), up) * -1.0
    north /= np.linalg.norm(north)
    lean = np.radians(11.0)
    for direction, expected in ((up, 90.0), (np.cos(lean) * up + np.sin(lean) * north, 79.0)):
        hovering = np.tile(site + 100.0 * direction, (3, 1))
        trajectory = Trajectory(30.0, hovering, np.zeros((3, 3)))
        station = Station("here", 40.0, -105.0, 1600.0)
        (contact,) = passes_along(trajectory, [station], 60.0)
        sky, now, lane = Sky(trajectory, [station]), np.array([30.0]), np.array([0])
        assert sky.range_km(now, lane)[0] == pytest.approx(100.0, abs=BASILISK)
        # At the zenith the sine is flat: 1e-8 of it are all the digits that an angle has.
        sine = sky.sine_of_elevation(now, lane)[0]
        assert sine == pytest.approx(np.sin(np.radians(expected)), abs=BASILISK)
        if expected < 90.0:
            assert contact.max_elevation_deg == pytest.approx(expected, abs=BASILISK)
        assert (contact.starts_before, contact.ends_after) == (True, True)


def test_no_station_means_no_pass(orbit):
    assert find_passes(orbit, [], START, DAY_S) == []


def test_the_shipped_stations_are_real_places():
    stations = load_stations()
    assert len(stations) >= 15
    assert stations["svalbard"].latitude_deg > 78.0
    assert stations["troll"].latitude_deg < -70.0


def test_an_unknown_station_names_its_neighbours():
    with pytest.raises(ValueError, match="'Svalbrad'; did you mean svalbard"):
        station_named("Svalbrad")


@pytest.mark.parametrize(
    "wrong", [{"latitude_deg": 91.0}, {"longitude_deg": 400.0}, {"mask_deg": 95.0}]
)
def test_an_impossible_station_is_refused(wrong):
    place = {"latitude_deg": 0.0, "longitude_deg": 0.0} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Station("nowhere", **place)


def elevation(orbit, station, t_s):
    """Return the elevation in degrees straight from SGP4, one state per time."""
    jd, fraction = julian_date(START)
    r_km = earth_fixed(orbit.states(START, t_s)[0], gmst82(jd, fraction + t_s / DAY_S))
    line = r_km - site_km(station.latitude_deg, station.longitude_deg, station.altitude_m)
    up = line @ zenith(station.latitude_deg, station.longitude_deg)
    return np.degrees(np.arcsin(up / np.linalg.norm(line, axis=1)))
