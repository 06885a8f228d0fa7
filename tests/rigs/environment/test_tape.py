"""The tape as a whole: what it promises to power, heat, camera and radiation."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import datetime, timezone

import numpy as np
import pytest

from rigs.environment.earth import earth_fixed, geodetic, gmst82, julian_date, zenith
from rigs.environment.orbit import Orbit
from rigs.environment.passes import find_passes, station_named
from rigs.environment.sun import AU_KM, sun_km, visible_fraction
from rigs.environment.tape import build_tape

START = datetime(2025, 6, 21, 3, 0, 17, tzinfo=timezone.utc)
HORIZON_S = 86400.0
TRACK_ERROR_KM = 0.2  # a chord over 30 s of a track that the turning Earth bends
SUN_ERROR_DEG = 0.01
A_TENTH_OF_A_METRE = 1.5e-8  # over 6928 km, rad: the Hermite at knots that are shadow edges
HALF_A_KNOT = 2e-4  # relative flux lost half-way between knots 1.9° of orbit apart


@pytest.fixture(scope="module")
def orbit():
    return Orbit.from_elements(START, 550.0, local_time_of_ascending_node="10:30")


@pytest.fixture(scope="module")
def stations():
    return [station_named(name) for name in ("svalbard", "singapore", "punta-arenas")]


@pytest.fixture(scope="module")
def tape(orbit, stations):
    return build_tape(orbit, START, HORIZON_S, stations)


def test_knots_span_the_mission_and_hold_every_shadow_edge(tape):
    assert tape.knots_s[0] == 0.0
    assert tape.knots_s[-1] == HORIZON_S
    steps = np.diff(tape.knots_s)
    assert steps.min() > 0.0
    assert steps.max() <= 30.0
    for eclipse in tape.eclipses:
        for edge in (
            eclipse.entry_s,
            eclipse.umbra_entry_s,
            eclipse.umbra_exit_s,
            eclipse.exit_s,
        ):
            assert edge in tape.knots_s


def test_every_array_has_one_row_per_knot_and_none_can_be_written(tape):
    for field in fields(tape):
        value = getattr(tape, field.name)
        if isinstance(value, np.ndarray):
            assert len(value) == len(tape.knots_s)
            assert np.isfinite(value).all()
            with pytest.raises(ValueError, match="read-only"):
                value[0] = 0.0
    with pytest.raises(FrozenInstanceError):
        tape.horizon_s = 1.0


def test_sunlight_is_whole_outside_eclipses_and_gone_in_the_umbra(tape):
    flux = np.linalg.norm(tape.sun_w_m2, axis=1)
    t_s = tape.knots_s
    in_shadow, in_umbra = np.zeros(len(t_s), bool), np.zeros(len(t_s), bool)
    for eclipse in tape.eclipses:
        in_shadow |= (t_s > eclipse.entry_s - 0.01) & (t_s < eclipse.exit_s + 0.01)
        in_umbra |= (t_s > eclipse.umbra_entry_s) & (t_s < eclipse.umbra_exit_s)
    # Earth is near aphelion: 1361 W/m² over 1.0163².
    assert flux[~in_shadow] == pytest.approx(1361.0 / 1.0163**2, rel=1e-3)
    assert np.all(flux[in_umbra] == 0.0)
    assert in_umbra.mean() > 0.3


def test_linear_light_between_knots_is_light_indeed(orbit, tape):
    t_s = np.arange(0.0, 12000.0, 1.0)
    r_km, _ = orbit.states(START, t_s)
    sun = sun_km(sum(julian_date(START)) + t_s / 86400.0)
    true = 1361.0 * (AU_KM / np.linalg.norm(sun - r_km, axis=1)) ** 2 * visible_fraction(r_km, sun)
    ours = np.linalg.norm(
        [np.interp(t_s, tape.knots_s, tape.sun_w_m2[:, axis]) for axis in range(3)], axis=0
    )
    seen = visible_fraction(r_km, sun)
    lit, dark = seen == 1.0, seen == 0.0
    assert ours[lit] == pytest.approx(true[lit], rel=HALF_A_KNOT)
    assert np.all(ours[dark] < 1e-3)
    # In the penumbra the disc's S-curve is drawn as a line: its integral is kept.
    assert ours.sum() == pytest.approx(true.sum(), rel=HALF_A_KNOT)


def test_the_orbital_frame_points_where_it_says(orbit, tape):
    r_km, v_km_s = orbit.states(START, tape.knots_s)
    sun = sun_km(sum(julian_date(START)) + tape.knots_s / 86400.0) - r_km
    lit = np.linalg.norm(tape.sun_w_m2, axis=1) > 1000.0
    unit = tape.sun_w_m2[lit] / np.linalg.norm(tape.sun_w_m2[lit], axis=1)[:, None]
    cosine = np.einsum("ni,ni->n", -r_km, sun) / norms(r_km) / norms(sun)
    assert unit[:, 2] == pytest.approx(cosine[lit], abs=A_TENTH_OF_A_METRE)  # z is nadir
    along = np.einsum("ni,ni->n", v_km_s, sun) / norms(v_km_s) / norms(sun)
    assert unit[:, 0] == pytest.approx(
        along[lit], abs=0.01
    )  # x is along track, but for radial speed
    assert unit[0, 1] == pytest.approx(-np.sin(np.radians(tape.beta_deg)), abs=1e-3)  # y is -normal


def test_a_footprint_is_the_point_below_at_any_time(orbit, tape):
    t_s = np.arange(1.0, 86400.0, 13.7)
    jd, fraction = julian_date(START)
    angle = gmst82(jd, fraction + t_s / 86400.0)
    latitude, longitude, _ = geodetic(earth_fixed(orbit.states(START, t_s)[0], angle))
    up = zenith(latitude, longitude)
    sun = earth_fixed(sun_km(jd + fraction + t_s / 86400.0), angle)
    height = np.degrees(np.arcsin(np.einsum("ni,ni->n", up, sun) / norms(sun)))
    below = [tape.footprint(float(t)) for t in t_s]
    found = zenith(
        np.array([b.latitude_deg for b in below]), np.array([b.longitude_deg for b in below])
    )
    # The track crosses the date line and comes within 8° of both poles.
    assert np.abs(longitude).max() > 179.5
    assert np.abs(latitude).max() > 82.0
    assert 6371.0 * norms(found - up).max() < TRACK_ERROR_KM
    assert np.abs(height - [b.sun_elevation_deg for b in below]).max() < SUN_ERROR_DEG


def test_footprints_hold_at_the_ends_of_the_tape(tape):
    assert tape.footprint(-10.0) == tape.footprint(0.0)
    assert tape.footprint(HORIZON_S + 10.0) == tape.footprint(HORIZON_S)
    assert tape.footprint(0.0).latitude_deg == pytest.approx(tape.latitude_deg[0], abs=1e-9)


def test_the_track_crosses_the_poles_without_a_jump():
    orbit = Orbit.from_elements(START, 550.0, inclination_deg=90.0)
    tape = build_tape(orbit, START, 6000.0, [])
    t_s = np.arange(0.0, 6000.0, 0.5)
    track = [tape.footprint(float(t)) for t in t_s]
    unit = zenith(
        np.array([b.latitude_deg for b in track]), np.array([b.longitude_deg for b in track])
    )
    assert max(b.latitude_deg for b in track) > 89.9
    STEP_KM = 0.5 * 7.2  # ground speed at most 7.2 km/s over half a second
    assert 6378.0 * norms(np.diff(unit, axis=0)).max() < STEP_KM


def test_the_earth_warms_the_nadir_plate_by_the_closed_form(tape):
    # View factor (Re/r)² is 0.847 at 550 km; Earth infrared 237 W/m², albedo 0.30 of 1318 W/m².
    assert tape.earth_ir_w_m2 == pytest.approx(237.0 * 0.847, rel=0.01)
    height = np.array([tape.footprint(float(t)).sun_elevation_deg for t in tape.knots_s])
    expected = 0.30 * 1318.0 * 0.847 * np.maximum(0.0, np.sin(np.radians(height)))
    assert tape.albedo_w_m2 == pytest.approx(expected, rel=0.01, abs=0.1)
    assert np.all(tape.albedo_w_m2[height < 0.0] < 0.01)


def test_protons_peak_in_the_south_atlantic(tape):
    peak = int(tape.proton_flux_per_cm2_s.argmax())
    assert -45.0 < tape.latitude_deg[peak] < -15.0
    assert -75.0 < tape.longitude_deg[peak] < -30.0  # 18° west of AP-8's, by drift since 1960
    A_DAY_OF_ORBITS = 0.10  # relative, where the published average is one over all nodes
    galactic = np.interp(np.arange(0.0, HORIZON_S), tape.knots_s, tape.protons.galactic).mean()
    assert galactic == pytest.approx(1.56, rel=A_DAY_OF_ORBITS)
    quiet = tape.proton_flux_per_cm2_s < 10.0
    assert quiet.mean() > 0.85


def test_passes_on_the_tape_are_those_of_the_finder(orbit, stations, tape):
    assert list(tape.passes) == find_passes(orbit, stations, START, HORIZON_S)
    assert len({contact.station for contact in tape.passes}) == 3


def test_the_same_orbit_gives_the_same_tape_to_the_bit(orbit, stations, tape):
    again = build_tape(orbit, START, HORIZON_S, stations)
    assert again.eclipses == tape.eclipses
    for field in fields(tape):
        value = getattr(tape, field.name)
        if isinstance(value, np.ndarray):
            assert value.tobytes() == getattr(again, field.name).tobytes()


@pytest.mark.parametrize("horizon_s", [0.5, 30.0, 59.9, 100.0])
def test_short_tapes_are_whole(orbit, stations, horizon_s):
    tape = build_tape(orbit, START, horizon_s, stations)
    assert tape.knots_s[-1] == horizon_s
    assert np.isfinite(tape.footprint(horizon_s / 2.0).latitude_deg)


@pytest.mark.parametrize("horizon_s", [0.0, -1.0, float("nan"), float("inf")])
def test_an_endless_or_empty_mission_is_refused(orbit, horizon_s):
    with pytest.raises(ValueError, match="horizon_s"):
        build_tape(orbit, START, horizon_s, [])


def norms(vectors):
    return np.linalg.norm(vectors, axis=-1)
