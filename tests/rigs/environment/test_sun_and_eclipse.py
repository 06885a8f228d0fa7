"""The Sun and the Earth's shadow against Vallado, Orekit and closed forms."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigs.environment.eclipse import find_eclipses
from rigs.environment.edges import find_intervals
from rigs.environment.orbit import Orbit
from rigs.environment.sun import (
    AU_KM,
    beta_deg,
    eclipse_angles,
    shadow_depths,
    subsolar_point,
    sun_km,
    visible_fraction,
)
from rigs.environment.trajectory import Trajectory

EARTH_KM = 6378.137
PRINTED_SUN = 1e-5  # relative: Vallado rounds the series' coefficients
LOW_PRECISION_SUN_S = 0.05  # the Almanac's Sun, 0.01° off, moves an eclipse edge by 0.03 s
MU_KM3_S2 = 398600.47  # Orekit's test: 3.9860047e14 m³/s²


def test_the_sun_stands_where_vallados_example_has_it():
    # V2: Vallado, *Fundamentals*, example 5-1: 2006-04-02 00:00 UTC, mean equator of date.
    expected = [146186212.987, 28788976.312, 12481063.645]
    off_km = np.linalg.norm(sun_km(2453827.5) - expected)
    assert off_km / AU_KM < PRINTED_SUN


@pytest.mark.parametrize(
    ("moment", "declination"),
    [  # equinoxes and solstices of 2025 (US Naval Observatory), to the minute
        (datetime(2025, 3, 20, 9, 1, tzinfo=timezone.utc), 0.0),
        (datetime(2025, 6, 21, 2, 42, tzinfo=timezone.utc), 23.438),
        (datetime(2025, 9, 22, 18, 19, tzinfo=timezone.utc), 0.0),
        (datetime(2025, 12, 21, 15, 3, tzinfo=timezone.utc), -23.438),
    ],
)
def test_the_sun_keeps_the_seasons(moment, declination):
    jd = moment.timestamp() / 86400.0 + 2440587.5
    latitude, _ = subsolar_point(jd, 0.0)
    assert latitude == pytest.approx(declination, abs=0.012)  # the series' worst error


def test_the_sun_is_overhead_at_greenwich_at_its_transit():
    # 2025-03-20: the equation of time is -7 min 28 s (Astronomical Almanac).
    noon = datetime(2025, 3, 20, 12, 7, 28, tzinfo=timezone.utc).timestamp() / 86400.0 + 2440587.5
    _, longitude = subsolar_point(noon, 0.0)
    assert longitude == pytest.approx(0.0, abs=0.05)  # 12 s of time


def test_eclipse_edges_match_orekits_eclipse_detector():
    # V3: Orekit EclipseDetectorTest: sphere of 6400 km, Sun of 696000 km, two-body.
    penumbra, umbra = orekit_shadows(
        r_km=[-6142.438668, 3492.467560, -25.7672568],
        v_km_s=[0.5058479685, 0.9427809215, 7.435922231],
        earth_km=6400.0,
        horizon_s=6000.0,
    )
    assert umbra[0][0] == pytest.approx(2303.1835, abs=LOW_PRECISION_SUN_S)
    assert penumbra[0][1] == pytest.approx(4388.155852, abs=LOW_PRECISION_SUN_S)


def test_umbra_edges_match_orekits_over_a_polar_orbit():
    # V4: the reference's second case, the same start on an exactly polar plane.
    r_km = np.array([-6142.438668, 3492.467560, -25.7672568])
    v_km_s = np.array([0.5058479685, 0.9427809215, 7.435922231])
    _, umbra = orekit_shadows(*to_polar(r_km, v_km_s), earth_km=EARTH_KM, horizon_s=15000.0)
    edges = [edge for shadow in umbra for edge in shadow][:5]
    expected = [2274.702, 4317.155, 8189.250, 10232.115, 14103.800]
    assert edges == pytest.approx(expected, abs=LOW_PRECISION_SUN_S)


CONE_S = 26.0  # at 550 km the umbra's cone is 8 to 25 s shorter than the cylinder


@pytest.mark.parametrize(("beta", "cylinder_min"), [(0.0, 35.611), (30.0, 33.584), (60.0, 20.539)])
def test_eclipses_bracket_the_analytic_cylinder(beta, cylinder_min):
    # V6: T_ecl = (T/π) acos(sqrt(h² + 2 R h) / (a cos β)) for a circular orbit at 550 km.
    penumbra, umbra = circular_shadow_s(beta)
    assert umbra < 60.0 * cylinder_min < penumbra
    assert penumbra - umbra < 2.0 * CONE_S
    assert (penumbra + umbra) / 2.0 == pytest.approx(
        60.0 * cylinder_min, abs=1.0
    )  # cone ≈ cylinder


def test_no_eclipse_above_the_critical_beta():
    # V6: β* = 67.016° for the cylinder at 550 km; half the Sun's disc, 0.27°, to each side.
    assert circular_shadow_s(67.016 + 0.3) == (0.0, 0.0)
    penumbra, umbra = circular_shadow_s(67.016)
    assert penumbra > 0.0
    assert umbra == 0.0
    assert circular_shadow_s(67.016 - 0.3)[1] > 0.0


@given(st.floats(-1.0, 1.0))
def test_the_visible_disc_agrees_with_the_shadow_edges(offset):
    # A satellite 7000 km behind the Earth, moved across the shadow's edge.
    across = np.array([6378.137 + 60.0 * offset])
    r_km = np.stack([np.full(1, -7000.0), across, np.zeros(1)], axis=-1)
    sun = np.array([[AU_KM, 0.0, 0.0]])
    seen = float(visible_fraction(r_km, sun)[0])
    penumbra, umbra = (float(depth[0]) for depth in shadow_depths(r_km, sun))
    assert 0.0 <= seen <= 1.0
    assert (seen == 0.0) == (umbra <= 0.0)
    if abs(penumbra) > 1e-6:  # closer to the rim the covered sliver rounds to nothing
        assert (seen < 1.0) == (penumbra < 0.0)


def test_half_of_the_disc_is_seen_when_its_centre_sets():
    sun = np.array([AU_KM, 0.0, 0.0])
    angle = np.arcsin(EARTH_KM / 6928.137)
    r_km = 6928.137 * np.array([-np.cos(angle), np.sin(angle), 0.0])
    _, earth, apart = eclipse_angles(r_km, sun)
    assert float(apart) == pytest.approx(float(earth), abs=1e-4)
    LIMB_CURVATURE = 0.01  # the Earth's limb is not quite straight across the disc
    assert float(visible_fraction(r_km, sun)) == pytest.approx(0.5, abs=LIMB_CURVATURE)


def test_a_distant_earth_covers_part_of_the_disc_at_most():
    # From 4 million km the Earth is smaller than the Sun: an annular eclipse.
    r_km = np.array([-4.0e6, 0.0, 0.0])
    a, b, _ = eclipse_angles(r_km, np.array([AU_KM, 0.0, 0.0]))
    assert float(visible_fraction(r_km, np.array([AU_KM, 0.0, 0.0]))) == pytest.approx(
        1.0 - float(b / a) ** 2
    )


def test_eclipses_of_a_flight_repeat_each_orbit_and_nest():
    start = datetime(2025, 3, 20, tzinfo=timezone.utc)
    orbit = Orbit.from_elements(start, 550.0, local_time_of_ascending_node="12:00")
    eclipses = find_eclipses(Trajectory.of(orbit, start, 86400.0), start, 86400.0)
    whole = [e for e in eclipses if e.entry_s > 0.0 and e.exit_s < 86400.0]
    assert len(whole) in (14, 15)
    for eclipse in whole:
        assert eclipse.umbra_entry_s is not None
        assert eclipse.umbra_exit_s is not None
        assert eclipse.entry_s < eclipse.umbra_entry_s < eclipse.umbra_exit_s < eclipse.exit_s
    periods = np.diff([e.entry_s for e in whole])
    assert periods == pytest.approx(orbit.period_s, abs=10.0)  # nodal against anomalistic, and Sun


def test_an_eclipse_under_way_is_cut_at_both_ends_of_the_tape():
    start = datetime(2025, 3, 20, tzinfo=timezone.utc)
    orbit = Orbit.from_elements(start, 550.0, local_time_of_ascending_node="00:00")
    (eclipse,) = find_eclipses(Trajectory.of(orbit, start, 300.0), start, 300.0)
    assert (eclipse.entry_s, eclipse.exit_s) == (0.0, 300.0)
    assert (eclipse.umbra_entry_s, eclipse.umbra_exit_s) == (0.0, 300.0)


@pytest.mark.parametrize(("local_time", "expected"), [("18:00", 90.0), ("06:00", -90.0)])
def test_beta_of_a_dawn_dusk_orbit_at_the_equinox(local_time, expected):
    # sin β = ĥ·ŝ; with the Sun on the equator and the node 90° east of it, sin β = sin i.
    moment = datetime(2025, 3, 20, 9, 1, tzinfo=timezone.utc)
    orbit = Orbit.from_elements(moment, 550.0, local_time_of_ascending_node=local_time)
    r_km, v_km_s = orbit.states(moment, np.zeros(1))
    sun = sun_km(moment.timestamp() / 86400.0 + 2440587.5)
    tilt = orbit.inclination_deg - 90.0
    EQUATION_OF_TIME_DEG = 1.0  # the true Sun trails the mean one by 7.5 min, 1.9°, added squarely
    found = beta_deg(r_km[0], v_km_s[0], sun)
    assert found == pytest.approx(np.sign(expected) * (90.0 - tilt), abs=EQUATION_OF_TIME_DEG)


def circular_shadow_s(beta_deg_):
    """Return seconds in penumbra or deeper, and in umbra, of one circular orbit at 550 km."""
    axis = EARTH_KM + 550.0
    period_s = 2.0 * np.pi * np.sqrt(axis**3 / 398600.4418)
    beta = np.radians(beta_deg_)
    sun = AU_KM * np.array([np.cos(beta), 0.0, np.sin(beta)])

    def hidden(t_s, lane):
        u = 2.0 * np.pi * t_s / period_s
        r_km = axis * np.stack([np.cos(u), np.sin(u), np.zeros_like(u)], axis=-1)
        penumbra, umbra = shadow_depths(r_km, sun)
        return -np.where(lane == 0, penumbra, umbra)

    lane, start_s, end_s = find_intervals(hidden, 2, np.linspace(0.0, period_s, 97), 1e-3)
    length = end_s - start_s
    return float(length[lane == 0].sum()), float(length[lane == 1].sum())


def orekit_shadows(r_km, v_km_s, earth_km, horizon_s):
    """Return penumbra and umbra intervals in s after 1969-07-28T04:00 TT, two-body, in GCRF."""
    jd_tt = 2440430.5 + 4.0 / 24.0
    to_gcrf = precession(jd_tt)

    def hidden(t_s, lane):
        sun = sun_km(jd_tt + t_s / 86400.0) @ to_gcrf.T
        depth = shadow_depths(kepler(r_km, v_km_s, t_s), sun, earth_radius_km=earth_km)
        return -np.where(lane == 0, *depth)

    grid_s = np.arange(0.0, horizon_s + 1.0, 60.0)
    lane, start_s, end_s = find_intervals(hidden, 2, grid_s, 1e-4)
    shadows = np.stack([start_s, end_s], axis=-1)
    return shadows[lane == 0].tolist(), shadows[lane == 1].tolist()


def precession(jd):
    """Return the rotation from the mean equator of date to J2000 (Lieske 1977)."""
    t = (jd - 2451545.0) / 36525.0
    zeta, z, theta = (
        np.radians((a * t + b * t**2) / 3600.0)
        for a, b in ((2306.2181, 0.30188), (2306.2181, 1.09468), (2004.3109, -0.42665))
    )
    return turn(2, zeta) @ turn(1, -theta) @ turn(2, z)


def turn(axis, angle):
    """Return the rotation of a vector by ``angle`` about a coordinate axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[i, j], matrix[j, i] = np.sin(angle), -np.sin(angle)
    return matrix


def kepler(r_km, v_km_s, t_s):
    """Return two-body positions (…, 3) by Lagrange's f and g in eccentric anomaly."""
    r0, v0 = np.asarray(r_km), np.asarray(v_km_s)
    distance = np.linalg.norm(r0)
    axis = 1.0 / (2.0 / distance - v0 @ v0 / MU_KM3_S2)
    motion = np.sqrt(MU_KM3_S2 / axis**3)
    e_sin, e_cos = (r0 @ v0) / np.sqrt(MU_KM3_S2 * axis), 1.0 - distance / axis
    swept = motion * t_s
    for _ in range(20):
        residual = swept - e_cos * np.sin(swept) + e_sin * (1.0 - np.cos(swept)) - motion * t_s
        swept = swept - residual / (1.0 - e_cos * np.cos(swept) + e_sin * np.sin(swept))
    f = 1.0 - axis / distance * (1.0 - np.cos(swept))
    g = t_s - (swept - np.sin(swept)) / motion
    return f[..., None] * r0 + g[..., None] * v0


def to_polar(r_km, v_km_s):
    """Return the state with its inclination set to 90°, all other elements kept."""
    normal = np.cross(r_km, v_km_s)
    inclination = np.arccos(normal[2] / np.linalg.norm(normal))
    node = np.array([-normal[1], normal[0], 0.0]) / np.hypot(normal[0], normal[1])
    tilt = np.pi / 2.0 - inclination

    def tilted(x):
        return (
            x * np.cos(tilt)
            + np.cross(node, x) * np.sin(tilt)
            + node * (node @ x) * (1.0 - np.cos(tilt))
        )

    return tilted(r_km), tilted(v_km_s)
