"""The orbit against Vallado's verification states, and against closed forms."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from importlib import resources
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgp4.api import Satrec, jday

from rigs.environment.earth import geodetic, gmst82, julian_date, site_km
from rigs.environment.orbit import Orbit
from rigs.environment.sun import mean_sun_right_ascension_rad
from rigs.environment.tle import _EXAMPLES, check_tle, checksum
from rigs.environment.trajectory import Trajectory

EPOCH = datetime(2025, 3, 20, tzinfo=timezone.utc)
# Vallado's satellite 00005 (SGP4-VER.TLE, with AIAA 2006-6753).
LINE1 = "1 00005U 58002B   00179.78495062  .00000023  00000-0  28098-4 0  4753"
LINE2 = "2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667"

PRINTED_KM = 2e-7  # tcppver.out carries eight decimals; compilers differ in the last two
A_TENTH_OF_A_METRE_KM = 1e-4  # what cubic Hermite over 30 s loses in a low orbit
CENTIMETRES_A_SECOND_KM_S = 5e-5  # SGP4 gives no exact derivative of its positions
A_MINUTE_H = 1.0 / 60.0  # local times are given to the minute


def test_the_quoted_state_of_satellite_00005_is_reproduced():
    # V1: Vallado's tcppver.out, 360 min after the epoch.
    orbit = Orbit.from_tle(LINE1, LINE2)
    satellite = Satrec.twoline2rv(LINE1, LINE2)
    start, since_start_s = start_near(satellite)
    r_km, _ = orbit.states(start, np.array([since_start_s + 360 * 60.0]))
    assert r_km[0] == pytest.approx(
        [-7154.03120202, -3783.17682504, -3536.19412294], abs=PRINTED_KM
    )


def test_every_verification_state_of_vallado_is_reproduced():
    # V1: asked for to 1e-6 km, met to the digits printed.
    worst_km, states = 0.0, 0
    for satellite, table in verification():
        if satellite.error:  # 33334 is there to be refused at once
            continue
        start, since_start_s = start_near(satellite)
        r_km, _ = Orbit(satellite).states(start, since_start_s + 60.0 * table[:, 0])
        worst_km = max(worst_km, float(np.abs(r_km - table[:, 1:4]).max()))
        states += len(table)
    assert states == 666
    assert worst_km < PRINTED_KM


@pytest.mark.parametrize(
    ("line1", "line2", "rule"),
    [
        (LINE1[:-1] + "4", LINE2, "checksum '4', but its digits add up to 3"),
        (LINE1, LINE2[:-1], "line 2 has 68 characters; a line has 69"),
        (LINE2, LINE1, "starts with '2 '; it must start with '1 '"),
        (LINE1, LINE2.replace("00005", "00015"), "checksum"),
        (LINE1, LINE2.replace("00005", "00050"), "of satellite '00005' and line 2 of '00050'"),
        (LINE1, LINE2.replace(" 34.2682", " 3A.2682").replace("348.7242", "348.7246"), "number"),
        ("", "", "line 1 has 0 characters"),
    ],
)
def test_a_broken_tle_is_explained(line1, line2, rule):
    with pytest.raises(ValueError, match="TLE line") as refusal:
        Orbit.from_tle(line1, line2)
    assert rule in str(refusal.value)
    assert "for example '" in str(refusal.value)


@given(
    st.integers(0, 1), st.integers(0, 68), st.characters(codec="ascii", exclude_characters="\r\n")
)
def test_no_single_wrong_digit_passes_the_checksum(which, column, character):
    lines = [LINE1, LINE2]
    right = lines[which]
    lines[which] = right[:column] + character + right[column + 1 :]
    if checksum(lines[which]) != int(LINE1[68] if which == 0 else LINE2[68]):
        with pytest.raises(ValueError, match="TLE line"):
            check_tle(*lines)


def test_the_example_that_errors_show_is_itself_right():
    check_tle(*_EXAMPLES.values())


def test_a_decayed_satellite_is_refused_with_the_time_of_failure():
    satellite = next(s for s, _ in verification() if s.satnum == 28872)  # decays in its first hour
    start, _ = start_near(satellite)
    with pytest.raises(ValueError, match=r"SGP4 fails \d+ s after .* decayed"):
        Orbit(satellite).states(start, np.arange(0.0, 86400.0, 60.0))


def test_an_orbit_from_elements_flies_at_its_altitude_and_inclination():
    orbit = Orbit.from_elements(EPOCH, 550.0, inclination_deg=51.6, raan_deg=40.0)
    r_km, v_km_s = orbit.states(EPOCH, np.linspace(0.0, orbit.period_s, 200))
    J2_SWING_KM = 10.0  # J2 lifts a mean circular orbit by 0 to 10 km at 550 km
    assert np.linalg.norm(r_km, axis=1) == pytest.approx(6378.137 + 550.0, abs=J2_SWING_KM)
    normal = np.cross(r_km, v_km_s)
    inclination = np.degrees(np.arccos(normal[:, 2] / np.linalg.norm(normal, axis=1)))
    assert inclination == pytest.approx(51.6, abs=0.05)  # short-period J2 terms


def test_the_sun_synchronous_inclination_matches_the_closed_form():
    # Vallado ch. 11.4, J2 only: cos i = -(2π/year) / (1.5 n J2 (R/a)²); 97.59° at 550 km.
    axis, mu, j2, radius = 6928.137, 398600.4418, 1.08263e-3, 6378.137
    rate = 2 * np.pi / (365.2422 * 86400.0)
    expected = np.degrees(
        np.arccos(-rate / (1.5 * np.sqrt(mu / axis**3) * j2 * (radius / axis) ** 2))
    )
    HIGHER_ZONALS_DEG = 0.05  # J4 and J2² move the node by a fraction of a percent
    assert Orbit.from_elements(EPOCH, 550.0).inclination_deg == pytest.approx(
        expected, abs=HIGHER_ZONALS_DEG
    )


@pytest.mark.parametrize("wanted", ["10:30", "06:00", "22:15", "0:00"])
@pytest.mark.parametrize("days", [0, 180, 365])
def test_the_local_time_of_the_node_is_as_asked_and_stays_for_a_year(wanted, days):
    orbit = Orbit.from_elements(EPOCH, 550.0, local_time_of_ascending_node=wanted)
    hours, minutes = wanted.split(":")
    found = local_time_of_next_node_h(orbit, EPOCH + timedelta(days=days))
    difference = (found - int(hours) - int(minutes) / 60.0 + 12.0) % 24.0 - 12.0
    assert abs(difference) < A_MINUTE_H


@pytest.mark.parametrize(
    ("elements", "rule"),
    [
        ({"altitude_km": 120.0}, "perigee at 120 km; it must be at least 150"),
        ({"altitude_km": float("nan")}, "perigee"),
        ({"altitude_km": 550.0, "eccentricity": 1.2}, "eccentricity = 1.2 is outside 0 to 1"),
        ({"altitude_km": 550.0, "inclination_deg": 190.0}, "outside 0 to 180"),
        ({"altitude_km": 9000.0}, "no sun-synchronous orbit"),
        ({"altitude_km": 550.0, "local_time_of_ascending_node": "25:00"}, 'for example "10:30"'),
        (
            {"altitude_km": 550.0, "raan_deg": 1.0, "local_time_of_ascending_node": "10:30"},
            "give one of them",
        ),
    ],
)
def test_impossible_elements_are_explained(elements, rule):
    with pytest.raises(ValueError, match=r"\w") as refusal:
        Orbit.from_elements(EPOCH, **elements)
    assert rule in str(refusal.value)


def test_a_start_without_time_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        Orbit.from_elements(datetime(2025, 3, 20), 550.0)


def test_interpolation_stays_within_a_tenth_of_a_metre_in_both_frames():
    orbit = Orbit.from_elements(EPOCH, 400.0, inclination_deg=51.6, eccentricity=0.001)
    t_s = np.arange(0.0, 6000.0, 7.0)
    true_km, true_km_s = orbit.states(EPOCH, t_s)
    trajectory = Trajectory.of(orbit, EPOCH, 6000.0)
    assert np.abs(trajectory.at(t_s) - true_km).max() < A_TENTH_OF_A_METRE_KM
    assert np.abs(trajectory.velocity_at(t_s) - true_km_s).max() < CENTIMETRES_A_SECOND_KM_S
    jd, fraction = julian_date(EPOCH)
    angle = gmst82(jd, fraction + t_s / 86400.0)
    x = np.cos(angle) * true_km[:, 0] + np.sin(angle) * true_km[:, 1]
    fixed_km = trajectory.earth_fixed(EPOCH).at(t_s)
    assert np.abs(fixed_km[:, 0] - x).max() < A_TENTH_OF_A_METRE_KM


def test_sidereal_time_matches_vallados_example():
    # Vallado, *Fundamentals*, example 3-5: 1992-08-20 12:14 UT1, 152.578787886°.
    angle = np.degrees(gmst82(*julian_date(datetime(1992, 8, 20, 12, 14, tzinfo=timezone.utc))))
    assert angle == pytest.approx(152.578787886, abs=1e-6)


@settings(max_examples=200)
@given(st.floats(-90.0, 90.0), st.floats(-179.999, 179.999), st.floats(-100.0, 2_000_000.0))
def test_geodetic_coordinates_survive_a_round_trip(latitude, longitude, altitude_m):
    back = geodetic(site_km(latitude, longitude, altitude_m))
    A_MILLIMETRE_KM = 1e-6
    assert float(back[0]) == pytest.approx(latitude, abs=1e-8)
    assert float(back[2]) == pytest.approx(altitude_m / 1000.0, abs=A_MILLIMETRE_KM)
    if abs(latitude) < 89.9:
        assert float(back[1]) == pytest.approx(longitude, abs=1e-8)


def verification():
    """Yield each satellite of SGP4-VER.TLE with its states in tcppver.out; the wheel has both."""
    package = resources.files("sgp4")
    if not (package / "tcppver.out").is_file():
        pytest.skip("this sgp4 wheel carries no tcppver.out")
    tables: list[list[list[float]]] = []
    for line in (package / "tcppver.out").read_text().splitlines():
        fields = line.split()
        if len(fields) == 2:
            tables.append([])
        else:
            tables[-1].append([float(field) for field in fields[:4]])
    lines = (package / "SGP4-VER.TLE").read_text().splitlines()
    pairs = [pair for pair in pairwise(lines) if pair[0][:2] == "1 " and pair[1][:2] == "2 "]
    for (line1, line2), table in zip(pairs, tables, strict=True):
        yield Satrec.twoline2rv(line1, line2[:69]), np.array(table)


def start_near(satellite):
    """Return midnight before a satellite's epoch, and the seconds from there to the epoch."""
    origin = datetime(2000, 1, 1, tzinfo=timezone.utc)
    day = satellite.jdsatepoch - jday(2000, 1, 1, 0, 0, 0)[0]
    return origin + timedelta(days=day), satellite.jdsatepochF * 86400.0


def local_time_of_next_node_h(orbit, start):
    """Return the mean local solar time of the ascending node after ``start``, in hours."""
    t_s = np.arange(0.0, orbit.period_s + 120.0, 0.5)
    r_km, _ = orbit.states(start, t_s)
    k = int(np.flatnonzero((r_km[:-1, 2] < 0.0) & (r_km[1:, 2] >= 0.0))[0])
    right_ascension = np.arctan2(r_km[k, 1], r_km[k, 0])
    sun = mean_sun_right_ascension_rad(sum(julian_date(start)) + t_s[k] / 86400.0)
    return (12.0 + np.degrees(right_ascension - sun) / 15.0) % 24.0
