"""Windows between satellites against closed forms and against stepping second by second."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from rigs.environment.constellation import Constellation, Walker
from rigs.environment.orbit import Orbit
from rigs.environment.trajectory import Trajectory
from rigs.environment.visibility import find_windows, range_km, range_rate_km_s

START = datetime(2025, 3, 20, tzinfo=timezone.utc)
DAY_S = 86_400.0
MU_KM3_S2 = 398600.4418
EARTH_KM = 6378.137
# The Hermite loses 0.07 m at 400 km; here the angle between the two turns as slowly as 2e-4 rad/s.
EDGE_S = 2e-3
ONE_STEP_S = 1.0
CENTIMETRES_KM = 1e-4  # both interpolated orbits


def circle(axis_km, phase_rad, horizon_s=DAY_S):
    """Return a circular two-body orbit over the equator, sampled as SGP4's are."""
    turn = np.sqrt(MU_KM3_S2 / axis_km**3)
    angle = phase_rad + turn * np.arange(0.0, horizon_s + 30.0, 30.0)
    ahead = np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    aside = np.stack([-np.sin(angle), np.cos(angle), 0.0 * angle], axis=1)
    return Trajectory(30.0, axis_km * ahead, axis_km * turn * aside), turn


@pytest.mark.parametrize("grazing_km", [0.0, 100.0, 300.0])
def test_two_satellites_in_one_plane_meet_as_the_closed_form_says(grazing_km):
    # Circles of radius a and b see each other while the angle between them is less than
    # acos(ρ/a) + acos(ρ/b); it grows at the difference of the mean motions.
    a, b, lowest = EARTH_KM + 500.0, EARTH_KM + 1200.0, EARTH_KM + grazing_km
    horizon_s = 4.0 * DAY_S
    (one, fast), (other, slow) = circle(a, 0.0, horizon_s), circle(b, 2.0, horizon_s)
    half = np.arccos(lowest / a) + np.arccos(lowest / b)
    windows = find_windows([one, other], [(0, 1)], horizon_s, grazing_km)
    turns = 2.0 * np.pi * np.arange(-1, 12)
    start_s = (2.0 + turns - half) / (fast - slow)
    end_s = (2.0 + turns + half) / (fast - slow)
    inside = (end_s > 0.0) & (start_s < horizon_s)
    assert [w.start_s for w in windows] == pytest.approx(
        np.maximum(start_s[inside], 0.0), abs=EDGE_S
    )
    assert [w.end_s for w in windows] == pytest.approx(
        np.minimum(end_s[inside], horizon_s), abs=EDGE_S
    )
    assert len(windows) >= 6


def test_range_and_range_rate_in_one_plane_obey_the_law_of_cosines():
    a, b = EARTH_KM + 500.0, EARTH_KM + 1200.0
    (one, fast), (other, slow) = circle(a, 0.0), circle(b, 2.0)
    t_s = np.arange(0.0, 20_000.0, 7.3)
    angle = 2.0 - (fast - slow) * t_s
    distance = np.sqrt(a * a + b * b - 2.0 * a * b * np.cos(angle))
    rate = -a * b * np.sin(angle) * (fast - slow) / distance
    assert range_km(one, other, t_s) == pytest.approx(distance, abs=CENTIMETRES_KM)
    HERMITE_KM_S = 1e-5  # 3 mm/s each
    assert range_rate_km_s(one, other, t_s) == pytest.approx(rate, abs=HERMITE_KM_S)


def test_neighbours_in_one_orbit_see_each_other_for_ever_or_never():
    # At 550 km, 100 km above the ground: half an arc is acos(6478/6928) = 20.77° each.
    near, far = circle(EARTH_KM + 550.0, np.radians(41.4))[0], circle(EARTH_KM + 550.0, 0.73)[0]
    first = circle(EARTH_KM + 550.0, 0.0)[0]
    (window,) = find_windows([first, near], [(0, 1)], DAY_S)
    assert (window.start_s, window.end_s) == (0.0, DAY_S)
    assert window.starts_before
    assert window.ends_after
    assert find_windows([first, far], [(0, 1)], DAY_S) == []  # 41.8°


@pytest.fixture(scope="module")
def fleet():
    shell = Constellation.from_walker(Walker(12, 4, 1), START, 550.0, 53.0).orbits
    others = [
        Orbit.from_elements(START, 560.0, local_time_of_ascending_node="10:30"),
        Orbit.from_elements(START, 700.0, inclination_deg=30.0, eccentricity=0.03),
        # Nearly the shell's own orbit, met head-on.
        Orbit.from_elements(START, 555.0, inclination_deg=127.0, raan_deg=40.0),
        Orbit.from_elements(START, 20_200.0, inclination_deg=55.0),
    ]
    return [Trajectory.of(orbit, START, DAY_S) for orbit in (*shell, *others)]


@pytest.mark.parametrize("longest_km", [np.inf, 4000.0, 500.0, 120.0])
def test_windows_are_those_that_stepping_second_by_second_sees(fleet, longest_km):
    pairs = [(a, b) for a in range(len(fleet)) for b in range(a)]
    windows = find_windows(fleet, pairs, DAY_S, 100.0, longest_km)
    assert [w.start_s for w in windows] == sorted(w.start_s for w in windows)
    t_s = np.arange(0.0, DAY_S + 1.0)
    places = [satellite.at(t_s) for satellite in fleet]
    short = 0
    for pair in pairs:
        mine = [w for w in windows if (w.first, w.second) == pair]
        seen = sees(places[pair[0]], places[pair[1]], EARTH_KM + 100.0, longest_km)
        edges = np.flatnonzero(np.diff(np.r_[False, seen, False].astype(int)))
        rises, falls = edges[0::2], edges[1::2] - 1
        held = [w for w in mine if np.floor(w.end_s + EDGE_S) >= np.ceil(w.start_s - EDGE_S)]
        assert len(held) == len(rises)
        short += sum(w.end_s - w.start_s < 60.0 for w in mine)
        for window, rise, fall in zip(held, rises, falls, strict=True):
            assert -EDGE_S < rise - window.start_s < ONE_STEP_S + EDGE_S
            assert -EDGE_S < window.end_s - fall < ONE_STEP_S + EDGE_S
    if longest_km == 120.0:
        assert short > 10  # encounters at 15 km/s fall between two samples of the search


def sees(a_km, b_km, lowest_km, longest_km):
    """Return when the segment between two places clears a sphere: its lowest point, no angles."""
    line = b_km - a_km
    share = np.clip(-np.sum(a_km * line, axis=1) / np.sum(line * line, axis=1), 0.0, 1.0)
    height = np.linalg.norm(a_km + share[:, None] * line, axis=1)
    return (height > lowest_km) & (np.linalg.norm(line, axis=1) < longest_km)


def test_many_pairs_at_once_are_as_each_alone(fleet):
    pairs = [(a, b) for a in range(len(fleet)) for b in range(a)]
    together = find_windows(fleet, pairs * 3, 6000.0)  # more than fit in one go
    alone = [w for pair in pairs for w in find_windows(fleet, [pair], 6000.0)]
    EXACT_S = 1e-6  # times are shifted by whole trajectories inside
    assert len(together) == 3 * len(alone)
    alone.sort(key=lambda w: (w.start_s, w.first, w.second))
    assert [w.end_s for w in together[::3]] == pytest.approx([w.end_s for w in alone], abs=EXACT_S)


@pytest.mark.parametrize(
    ("pairs", "grazing_km", "longest_km", "rule"),
    [
        ([(0, 0)], 100.0, 1e4, r"pair \(0, 0\) is not of two"),
        ([(0, 99)], 100.0, 1e4, r"pair \(0, 99\) is not of two"),
        ([(0, 1)], -1.0, 1e4, "grazing_km = -1.0 is outside 0 to 1000"),
        ([(0, 1)], 100.0, 0.0, "longest_km = 0.0 must be positive"),
        ([(0, 1)], 100.0, np.nan, "longest_km = nan must be positive"),
    ],
)
def test_nonsense_is_refused(fleet, pairs, grazing_km, longest_km, rule):
    with pytest.raises(ValueError, match=rule):
        find_windows(fleet, pairs, DAY_S, grazing_km, longest_km)


def test_trajectories_of_different_missions_are_refused(fleet):
    with pytest.raises(ValueError, match="differ in step or length"):
        find_windows([fleet[0], circle(7000.0, 0.0, 600.0)[0]], [(0, 1)], 600.0)


def test_no_pairs_mean_no_windows(fleet):
    assert find_windows(fleet, [], DAY_S) == []
