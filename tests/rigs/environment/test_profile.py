"""Range, light time and rate steps of contacts against closed forms and a fine evaluation."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise

import numpy as np
import pytest

from groundlink.contacts import Contact
from rigs.environment.earth import (
    EQUATORIAL_RADIUS_KM,
    FLATTENING,
    earth_fixed,
    gmst82,
    julian_date,
    site_km,
    zenith,
)
from rigs.environment.orbit import Orbit
from rigs.environment.passes import Pass, Sky, Station, load_stations, passes_along, with_shipped
from rigs.environment.profile import LIGHT_KM_S, RANGE_TOLERANCE_KM, profiles, rate_steps
from rigs.environment.tape import build_tape
from rigs.environment.trajectory import Trajectory

START = datetime(2025, 3, 20, tzinfo=timezone.utc)
DAY_S = 86400.0
RATES = [(5.0, 9600.0), (20.0, 19_200.0), (45.0, 38_400.0)]
POLE_KM = EQUATORIAL_RADIUS_KM * (1.0 - FLATTENING)
INTERPOLATED_KM = 5e-4  # Hermite over 30 s in low orbit, 0.1 m in each axis
EDGE_ERROR_S = 0.002  # bisection to 1 ms
STATIONS = [*load_stations().values(), Station("grazing", 35.0, 10.0, mask_deg=60.0)]
ORBITS = {
    "low": Orbit.from_elements(START, 350.0, inclination_deg=70.0),
    "usual": Orbit.from_elements(START, 550.0, local_time_of_ascending_node="10:30"),
    "Molniya": Orbit.from_elements(
        START, 20_180.0, 63.4, eccentricity=0.72, argument_of_perigee_deg=270.0
    ),
    "geosynchronous": Orbit.from_elements(START, 35_786.0, inclination_deg=15.0),
}


def along(orbit, horizon_s=DAY_S):
    trajectory = Trajectory.of(orbit, START, horizon_s).earth_fixed(START)
    return trajectory, passes_along(trajectory, STATIONS, horizon_s)


@pytest.fixture(scope="module")
def usual():
    return along(ORBITS["usual"])


@pytest.mark.parametrize("name", ORBITS)
def test_range_is_linear_between_knots_to_a_hundred_metres(name):
    trajectory, passes = along(ORBITS[name])
    sky, lanes = Sky(trajectory, STATIONS), {s.name: k for k, s in enumerate(STATIONS)}
    worst_km, knots = 0.0, 0
    assert passes
    for contact, seen in zip(passes, profiles(trajectory, STATIONS, passes), strict=True):
        t_s = np.arange(contact.aos_s, contact.los_s, 0.5)
        lane = np.full(len(t_s), lanes[contact.station])
        error_km = np.interp(t_s, seen.t_s, seen.range_km) - sky.range_km(t_s, lane)
        worst_km, knots = max(worst_km, np.abs(error_km).max()), knots + len(seen.t_s)
        assert (seen.t_s[0], seen.t_s[-1]) == (contact.aos_s, contact.los_s)
        assert np.diff(seen.t_s).min() > 0.0
    print(f"{name}: worst {1e3 * worst_km:.0f} m, {knots / len(passes):.0f} knots a pass")
    assert worst_km <= RANGE_TOLERANCE_KM


def test_a_coarser_range_needs_fewer_knots(usual):
    trajectory, passes = usual
    fine, coarse = (profiles(trajectory, STATIONS, passes, km) for km in (0.1, 1.0))
    assert sum(len(p.t_s) for p in coarse) < 0.4 * sum(len(p.t_s) for p in fine)


def test_range_and_elevation_are_those_of_the_orbit_itself(usual):
    trajectory, passes = usual
    by_name = {station.name: station for station in STATIONS}
    for contact, seen in zip(passes, profiles(trajectory, STATIONS, passes), strict=True):
        range_km, elevation_deg = look(ORBITS["usual"], by_name[contact.station], seen.t_s)
        assert seen.range_km == pytest.approx(range_km, abs=INTERPOLATED_KM)
        assert seen.elevation_deg == pytest.approx(elevation_deg, abs=1e-3)


def test_light_time_is_range_over_the_speed_of_light(usual):
    trajectory, passes = usual
    for contact, seen in zip(passes, profiles(trajectory, STATIONS, passes), strict=True):
        heard = Contact(contact.station, contact.aos_s, contact.los_s, 9600.0, light=seen.light)
        t_s, range_km = seen.t_s[3], seen.range_km[3]
        assert heard.light_time_s(t_s, 9.0) == pytest.approx(range_km / 299_792.458, rel=1e-12)
    assert LIGHT_KM_S == 299_792.458  # the metre's definition, BIPM SI brochure


def test_a_satellite_in_the_zenith_is_as_far_as_it_is_high():
    up = zenith(47.0, 8.0)
    hovering = Trajectory(
        30.0, np.tile(site_km(47.0, 8.0, 0.0) + 550.0 * up, (3, 1)), np.zeros((3, 3))
    )
    (seen,) = profiles(hovering, [Station("below", 47.0, 8.0)], [Pass("below", 0, 60, 30, 90)])
    assert seen.range_km == pytest.approx(550.0, abs=1e-6)
    assert seen.elevation_deg == pytest.approx(90.0, abs=1e-5)


def test_over_the_pole_range_and_elevation_obey_the_law_of_cosines():
    # At the pole of the ellipsoid the vertical passes through the Earth's centre, as on a sphere.
    radius_km, turn = EQUATORIAL_RADIUS_KM + 550.0, 2.0 * np.pi / 5740.0
    t_s = 30.0 * np.arange(31)
    angle = turn * (t_s - 450.0)
    r_km = radius_km * np.stack([np.sin(angle), 0.0 * angle, np.cos(angle)], axis=1)
    v_km_s = turn * radius_km * np.stack([np.cos(angle), 0.0 * angle, -np.sin(angle)], axis=1)
    over, pole = Trajectory(30.0, r_km, v_km_s), [Station("pole", 90.0, 0.0, mask_deg=5.0)]
    passes = passes_along(over, pole, 900.0)
    (seen,) = profiles(over, pole, passes)
    angle = turn * (seen.t_s - 450.0)
    range_km = np.sqrt(POLE_KM**2 + radius_km**2 - 2.0 * POLE_KM * radius_km * np.cos(angle))
    sine = (radius_km**2 - POLE_KM**2 - range_km**2) / (2.0 * POLE_KM * range_km)
    assert seen.range_km == pytest.approx(range_km, abs=INTERPOLATED_KM)
    assert np.sin(np.radians(seen.elevation_deg)) == pytest.approx(sine, abs=1e-6)
    # Law of sines: the Earth-central angle at elevation e is acos(R/a cos e) - e.
    crossing_s = [
        450.0 + side * (np.arccos(POLE_KM / radius_km * np.cos(e)) - e) / turn
        for side, e in ((-1.0, np.radians(20.0)), (1.0, np.radians(20.0)))
    ]
    (steps,) = rate_steps(over, pole, passes, 9600.0, [(20.0, 19_200.0)])
    assert [bps for _, bps in steps] == [19_200.0, 9600.0]
    assert [t for t, _ in steps] == pytest.approx(crossing_s, abs=EDGE_ERROR_S)


def test_the_rate_is_that_of_the_elevation_at_every_second(usual):
    trajectory, passes = usual
    by_name = {station.name: station for station in STATIONS}
    steps = rate_steps(trajectory, STATIONS, passes, 1200.0, RATES)
    for contact, rates in zip(passes, steps, strict=True):
        heard = Contact(contact.station, contact.aos_s, contact.los_s, 1200.0, rates=rates)
        edges_s = np.array([contact.aos_s, contact.los_s, *(t for t, _ in rates)])
        t_s = np.arange(contact.aos_s, contact.los_s, 1.0)
        t_s = t_s[np.abs(t_s[:, None] - edges_s).min(axis=1) > EDGE_ERROR_S]
        _, elevation_deg = look(ORBITS["usual"], by_name[contact.station], t_s)
        level = np.searchsorted([above for above, _ in RATES], elevation_deg, "right")
        wanted = np.array([1200.0, 9600.0, 19_200.0, 38_400.0])[level]
        assert [heard.rate_at(t) for t in t_s.tolist()] == wanted.tolist()


def test_steps_lie_where_the_elevation_crosses_and_each_changes_the_rate(usual):
    trajectory, passes = usual
    by_name = {station.name: station for station in STATIONS}
    above = {19_200.0: 20.0, 38_400.0: 45.0}
    steps = rate_steps(trajectory, STATIONS, passes, 9600.0, RATES)
    assert any(steps)
    for contact, rates in zip(passes, steps, strict=True):
        for (_, before), (t_s, bps) in pairwise([(contact.aos_s, 9600.0), *rates]):
            assert bps != before
            if t_s > contact.aos_s:
                _, deg = look(ORBITS["usual"], by_name[contact.station], np.array([t_s]))
                assert deg == pytest.approx(above[max(bps, before)], abs=1e-3)


def test_a_mask_that_is_also_a_step_gives_its_rate_from_acquisition(usual):
    trajectory, passes = usual
    steps = rate_steps(trajectory, STATIONS, passes, 1200.0, [(5.0, 9600.0)])
    for contact, rates in zip(passes, steps, strict=True):
        assert rates == ((contact.aos_s, 9600.0),)


def test_a_contact_under_way_at_the_start_begins_at_its_own_rate(usual):
    trajectory, passes = usual
    whole = max(passes, key=lambda p: p.max_elevation_deg)
    cut = Pass(whole.station, whole.culmination_s, whole.los_s, whole.culmination_s, 89.0, True)
    (rates,) = rate_steps(trajectory, STATIONS, [cut], 9600.0, RATES)
    assert [bps for _, bps in rates] == [38_400.0, 19_200.0, 9600.0]
    assert rates[0][0] == cut.aos_s


def test_what_no_geometry_explains_is_unknown(usual):
    trajectory, passes = usual
    real = next(p for p in passes if p.station == "svalbard")
    planned = [
        Contact("svalbard", real.aos_s, real.los_s, 9600.0),
        Contact("svalbard", real.los_s + 600.0, real.los_s + 1200.0, 9600.0),  # below the horizon
        Contact("my garden", real.aos_s, real.los_s, 9600.0),
    ]
    seen = profiles(trajectory, STATIONS, planned)
    assert [p.known for p in seen] == [True, False, False]
    assert [len(p.light) > 1 for p in seen] == [True, False, False]
    assert rate_steps(trajectory, STATIONS, planned, 9600.0, RATES)[2] == ()


def test_no_contact_and_no_station_have_no_profile(usual):
    trajectory, passes = usual
    assert profiles(trajectory, STATIONS, []) == []
    assert rate_steps(trajectory, STATIONS, [], 9600.0, RATES) == []
    assert not any(p.known for p in profiles(trajectory, [], passes))
    assert not any(rate_steps(trajectory, [], passes, 9600.0, RATES))
    assert not any(rate_steps(trajectory, STATIONS, passes, 9600.0, []))


def test_the_tape_keeps_the_orbit_that_its_passes_came_from():
    tape = build_tape(ORBITS["usual"], START, 7200.0, STATIONS)
    assert list(tape.passes) == passes_along(tape.earth_fixed, tape.stations, 7200.0)
    with pytest.raises(ValueError, match="read-only"):
        tape.earth_fixed.r_km[0] = 0.0


def test_shipped_stations_join_those_of_the_scenario_once_each():
    mine = Station("matera", 40.0, 16.0)
    joined = with_shipped([mine], ["matera", "svalbard", "nowhere", "svalbard"])
    assert [s.name for s in joined] == ["matera", "svalbard"]
    assert joined[0] is mine


def look(orbit, station, t_s):
    """Return range in km and elevation in degrees straight from SGP4, one state per time."""
    jd, fraction = julian_date(START)
    r_km = earth_fixed(orbit.states(START, t_s)[0], gmst82(jd, fraction + t_s / DAY_S))
    line = r_km - site_km(station.latitude_deg, station.longitude_deg, station.altitude_m)
    range_km = np.linalg.norm(line, axis=1)
    up = line @ zenith(station.latitude_deg, station.longitude_deg)
    return range_km, np.degrees(np.arcsin(up / range_km))
