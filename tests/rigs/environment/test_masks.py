"""Skylines by azimuth: interpolation, azimuths of a pass, and gaps however narrow."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigs.environment.earth import earth_fixed, gmst82, julian_date, site_km, zenith
from rigs.environment.masks import Masks, check_mask
from rigs.environment.orbit import Orbit
from rigs.environment.passes import Station, find_passes, passes_along
from rigs.environment.trajectory import Trajectory

START = datetime(2025, 3, 20, tzinfo=timezone.utc)
DAY_S = 86_400.0
STEP_S = 0.1  # of brute force
EDGE_ERROR_S = 0.01  # interpolated orbit (0.1 m) and root finding (1 ms)
SKYLINES = {
    "a wall in the north": ((0.0, 30.0), (80.0, 30.0), (81.0, 5.0), (279.0, 5.0), (280.0, 30.0)),
    "three masts": (
        (0.0, 3.0),
        (100.0, 3.0),
        (100.02, 70.0),
        (100.2, 70.0),
        (100.22, 3.0),
        (200.0, 3.0),
        (200.01, 80.0),
        (200.1, 80.0),
        (200.11, 3.0),
        (300.0, 3.0),
        (301.0, 85.0),
        (302.0, 3.0),
    ),
    "a saw": tuple((10.0 * k, 5.0 + 12.0 * (k % 2)) for k in range(36)),
    "a slope over north": ((90.0, 2.0), (270.0, 20.0)),
}


@pytest.fixture(scope="module")
def orbit():
    return Orbit.from_elements(START, 550.0, local_time_of_ascending_node="10:30")


def look(orbit, station, t_s):
    """Return azimuth and elevation in degrees straight from SGP4 and from textbook angles."""
    jd, fraction = julian_date(START)
    r_km = earth_fixed(orbit.states(START, t_s)[0], gmst82(jd, fraction + t_s / DAY_S))
    line = r_km - site_km(station.latitude_deg, station.longitude_deg, station.altitude_m)
    lat, lon = np.radians([station.latitude_deg, station.longitude_deg])
    # South, east, zenith (Vallado, *Fundamentals*, 4th ed., algorithm 27).
    south = np.array([np.sin(lat) * np.cos(lon), np.sin(lat) * np.sin(lon), -np.cos(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    up = line @ zenith(station.latitude_deg, station.longitude_deg)
    azimuth = np.degrees(np.arctan2(line @ east, -(line @ south))) % 360.0
    return azimuth, np.degrees(np.arcsin(up / np.linalg.norm(line, axis=1)))


def mask_at(points, azimuth_deg):
    azimuths, elevations = np.array(points).T
    return np.interp(azimuth_deg, azimuths, elevations, period=360.0)


@given(
    st.lists(st.floats(0.0, 359.0), min_size=1, max_size=8, unique_by=lambda a: round(a, 1)),
    st.floats(0.0, 360.0),
    st.integers(0, 89),
)
def test_a_mask_is_linear_between_its_points_and_around_north(azimuths, azimuth_deg, height):
    points = tuple((a, (height * (k + 1)) % 90.0) for k, a in enumerate(sorted(azimuths)))
    masks = Masks([5.0, points])
    found = masks.sine(np.array([azimuth_deg]), np.array([1]))
    expected = np.sin(np.radians(mask_at(points, azimuth_deg)))
    assert found[0] == pytest.approx(expected, abs=1e-9)
    assert masks.lowest_sine[1] <= found[0] + 1e-12


@pytest.mark.parametrize("name", SKYLINES)
def test_passes_behind_a_skyline_are_those_that_fine_stepping_sees(orbit, name):
    station = Station("here", 52.0, 13.0, 100.0, SKYLINES[name])
    passes = find_passes(orbit, [station], START, DAY_S)
    t_s = np.arange(0.0, DAY_S, STEP_S)
    azimuth, elevation = look(orbit, station, t_s)
    seen = elevation >= mask_at(station.mask_deg, azimuth)
    edges = np.flatnonzero(np.diff(np.r_[False, seen, False].astype(int)))
    rises_s, falls_s = t_s[edges[0::2]], t_s[edges[1::2] - 1]
    held = [p for p in passes if np.floor(p.los_s / STEP_S) >= np.ceil(p.aos_s / STEP_S)]
    # A mast that the steps straddle is seen by the finder alone.
    gaps = [b.aos_s - a.los_s for a, b in pairwise(held)]
    missed = sum(gap < STEP_S for gap in gaps)
    assert len(rises_s) <= len(held) <= len(rises_s) + missed
    for rise in rises_s:
        assert min(abs(rise - p.aos_s) for p in held) < STEP_S + EDGE_ERROR_S
    for fall in falls_s:
        assert min(abs(fall - p.los_s) for p in held) < STEP_S + EDGE_ERROR_S
    if name == "three masts":
        assert min(gaps) < 3.0  # masts a fifth of a degree wide are not stepped over
        assert len(held) > len(find_passes(orbit, [Station("a", 52.0, 13.0)], START, DAY_S))


def test_a_level_skyline_is_the_number_itself(orbit):
    flat = find_passes(orbit, [Station("here", 52.0, 13.0, mask_deg=7.0)], START, DAY_S)
    level = Station("here", 52.0, 13.0, mask_deg=((0.0, 7.0), (120.0, 7.0), (240.0, 7.0)))
    same = find_passes(orbit, [level], START, DAY_S)
    assert len(same) == len(flat)
    for a, b in zip(same, flat, strict=True):
        assert (a.aos_s, a.los_s, a.culmination_s) == pytest.approx(
            (b.aos_s, b.los_s, b.culmination_s), abs=EDGE_ERROR_S
        )


def test_even_and_uneven_stations_come_in_order_and_keep_apart(orbit):
    stations = [
        Station("wall", 52.0, 13.0, mask_deg=SKYLINES["a wall in the north"]),
        Station("even", 52.0, 13.0),
        Station("saw", -30.0, 100.0, mask_deg=SKYLINES["a saw"]),
    ]
    together = find_passes(orbit, stations, START, DAY_S)
    alone = [p for s in stations for p in find_passes(orbit, [s], START, DAY_S)]
    alone.sort(key=lambda p: (p.aos_s, p.station))
    assert [p.station for p in together] == [p.station for p in alone]
    assert [p.aos_s for p in together] == pytest.approx([p.aos_s for p in alone], abs=1e-6)
    assert [p.los_s for p in together] == pytest.approx([p.los_s for p in alone], abs=1e-6)


def test_azimuths_at_the_ends_and_the_top_are_textbook_azimuths(orbit):
    station = Station("here", 52.0, 13.0, 100.0, SKYLINES["a slope over north"])
    for contact in find_passes(orbit, [station], START, DAY_S):
        t_s = np.array([contact.aos_s, contact.culmination_s, contact.los_s])
        azimuth, elevation = look(orbit, station, t_s)
        found = [contact.aos_azimuth_deg, contact.culmination_azimuth_deg, contact.los_azimuth_deg]
        CENTIMETRES_DEG = 1e-3  # the interpolated orbit, seen from 600 km; more near the zenith
        off = (azimuth - found + 180.0) % 360.0 - 180.0
        assert np.abs(off * np.cos(np.radians(elevation))).max() < CENTIMETRES_DEG
        if not contact.starts_before:
            assert elevation[0] == pytest.approx(mask_at(station.mask_deg, azimuth[0]), abs=1e-3)


def test_a_satellite_in_the_east_stands_at_ninety_degrees():
    up, east = zenith(0.0, 0.0), np.array([0.0, 1.0, 0.0])
    hovering = np.tile(site_km(0.0, 0.0, 0.0) + 500.0 * up + 500.0 * east, (3, 1))
    trajectory = Trajectory(30.0, hovering, np.zeros((3, 3)))
    wall = ((0.0, 60.0), (80.0, 60.0), (85.0, 44.0), (95.0, 44.0), (100.0, 60.0))
    (contact,) = passes_along(trajectory, [Station("here", 0.0, 0.0, 0.0, wall)], 60.0)
    assert contact.aos_azimuth_deg == pytest.approx(90.0)
    assert contact.max_elevation_deg == pytest.approx(45.0)
    higher = tuple((a, e + 2.0) for a, e in wall)
    assert passes_along(trajectory, [Station("here", 0.0, 0.0, 0.0, higher)], 60.0) == []


@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        ([], "has no points"),
        ([(10.0, 5.0), (10.0, 6.0)], "azimuths rise"),
        ([(-1.0, 5.0)], "azimuth -1.0, outside 0 to below 360"),
        ([(360.0, 5.0)], "azimuth 360.0, outside"),
        ([(0.0, 91.0)], "mask_deg = 91.0 is outside -5 to 90"),
        (91.0, "mask_deg = 91.0 is outside -5 to 90"),
        (float("nan"), "mask_deg = nan is outside"),
    ],
)
def test_a_mask_that_cannot_be_is_refused(mask, rule):
    with pytest.raises(ValueError, match=rule):
        check_mask(mask)
    with pytest.raises(ValueError, match="station 'x': mask_deg"):
        Station("x", 0.0, 0.0, mask_deg=mask)
