import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from payloads.earth_view import earth_view
from payloads.thermal import STEFAN_BOLTZMANN, Die, Radiator, ThermalStar

COMPOSES_K = 1e-6  # promised: coupled radiative nodes
THIRTEEN_DIGITS = 1e-13

PI = Die(19.1, 16.0)  # the one-node fit to BUPT-1
RADIATOR = Radiator(0.06, 0.85, 0.2, 1500.0, (0.0, 0.0, -1.0))
kelvins = st.floats(200.0, 370.0)


def test_a_lone_radiator_cools_along_the_closed_form():
    # T = T0 (1 + 3 k T0³ t / C)^(-1/3), k = εσA; a die of no weight hangs on it
    star = ThermalStar((Die(1e-9, 1e9),), RADIATOR)
    k = RADIATOR.emissivity * RADIATOR.area_m2 * STEFAN_BOLTZMANN
    _, radiator_k = star.step([300.0, 300.0], [0.0], 0.0, 0.0, 5000.0)
    expected = 300.0 * (1.0 + 3.0 * k * 300.0**3 * 5000.0 / 1500.0) ** (-1.0 / 3.0)
    assert radiator_k == pytest.approx(expected, abs=COMPOSES_K)


@pytest.mark.parametrize("capacity_j_per_k", [45.0, 300.0, 1500.0])
def test_two_nodes_follow_a_runge_kutta_of_thirteen_digits(capacity_j_per_k):
    radiator = Radiator(0.06, 0.85, 0.2, capacity_j_per_k, (0.0, 0.0, -1.0))

    def slope(t_s, k):
        flow_w = (k[0] - k[1]) / PI.resistance_k_per_w
        heat_w = 20.0 + 0.05 * t_s - radiator.emitted_w(k[1]) + flow_w
        return [(4.9 - flow_w) / PI.capacity_j_per_k, heat_w / capacity_j_per_k]

    exact = solve_ivp(
        slope, (0.0, 600.0), [290.0, 230.0], "DOP853", rtol=THIRTEEN_DIGITS, atol=1e-12
    ).y[:, -1]
    ours = ThermalStar((PI,), radiator).step([290.0, 230.0], [4.9], 20.0, 0.05, 600.0)
    assert np.abs(exact - ours).max() < COMPOSES_K


@settings(max_examples=50)
@given(kelvins, kelvins, st.floats(0.0, 30.0), st.floats(0.0, 60.0), st.floats(0.0, 1.0))
def test_two_short_steps_equal_one_long_step(die_k, radiator_k, die_w, heat_w, share):
    star, dt_s, slope = ThermalStar((PI,), RADIATOR), 600.0, 0.01
    whole = star.step([die_k, radiator_k], [die_w], heat_w, slope, dt_s)
    first_s = share * dt_s
    half = star.step([die_k, radiator_k], [die_w], heat_w, slope, first_s)
    rest = star.step(half, [die_w], heat_w + slope * first_s, slope, dt_s - first_s)
    assert max(abs(a - b) for a, b in zip(whole, rest, strict=True)) < COMPOSES_K


def test_three_nodes_keep_the_order_of_their_dies():
    star = ThermalStar((PI, Die(40.0, 5.0)), RADIATOR)
    hot, cool, radiator_k = star.step([280.0, 280.0, 280.0], [8.0, 1.0], 30.0, 0.0, 1e5)
    assert hot - radiator_k == pytest.approx(8.0 * 16.0)
    assert cool - radiator_k == pytest.approx(1.0 * 5.0)


def test_a_radiator_takes_in_what_it_faces():
    sun = np.array([[0.0, 0.0, -1361.0], [0.0, 0.0, 1361.0]])
    up = Radiator(1.0, 0.9, 0.2, 1.0, (0.0, 0.0, -1.0))
    down = Radiator(1.0, 0.9, 0.2, 1.0, (0.0, 0.0, 1.0))
    albedo, infrared = np.array([100.0, 0.0]), np.array([200.0, 200.0])
    radii = np.array([1.086, 1.086])
    assert up.absorbed_w(sun, albedo, infrared, radii) == pytest.approx([0.2 * 1361.0, 0.0])
    assert down.absorbed_w(sun, albedo, infrared, radii) == pytest.approx(
        [0.2 * 100.0 + 0.9 * 200.0, 0.2 * 1361.0 + 0.9 * 200.0]
    )


@pytest.mark.parametrize("angle_deg", [0.0, 20.0, 30.0, 60.0, 90.0, 120.0, 150.0, 170.0])
def test_a_tilted_plate_sees_the_share_of_earth_that_rays_find(angle_deg):
    # an oracle by rays: the share of cosine-weighted directions of the plate that meet the sphere
    radii, tilt = 1.0863, np.radians(angle_deg)
    chance = np.random.default_rng(7)
    u, phi = chance.random(400_000), 2.0 * np.pi * chance.random(400_000)
    sine, cosine = np.sqrt(u), np.sqrt(1.0 - u)
    towards_nadir = cosine * np.cos(tilt) + sine * np.cos(phi) * np.sin(tilt)
    meets = towards_nadir > np.sqrt(1.0 - 1.0 / radii**2)
    four_sigma = 4.0 * np.sqrt(0.25 / len(u))
    ours = earth_view(float(np.cos(tilt)), np.array([radii]))[0]
    assert ours == pytest.approx(meets.mean(), abs=four_sigma)
