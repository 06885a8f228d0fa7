"""The array: cosine, attitude, temperature and age, against values that others published."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payloads.array import STEFAN_BOLTZMANN, Cells, Panel, SolarArray
from payloads.attitude import LEFT, ZENITH, Sky, turned_to_sun
from payloads.earth_view import earth_view

ROUNDING = 1e-9  # relative, of sums of a few doubles
BASILISK = 1e-7  # relative, to which its test of simpleSolarPanel states its numbers
SOLAR_CONSTANT_W_M2 = 1361.0  # Basilisk's SOLAR_FLUX_EARTH
HUNDREDTH_K = 0.01  # to which textbooks give the temperature of a plate in sunlight
OVERHEAD = np.array([0.0, 0.0, -1.0])
IDEAL = (Panel(1.0, ZENITH),), 1.0, 1.0, 1.0
BLACK_FRONT = Cells(0.0, 28.0, 1.0, 1.0, 0.0)
FACES = [tuple(sign * np.eye(3)[axis]) for axis in range(3) for sign in (-1.0, 1.0)]

angles = st.floats(0.0, 2.0 * np.pi)
heights = st.floats(-1.0, 1.0)


def sky(direction, flux=SOLAR_CONSTANT_W_M2, albedo=0.0, infrared=0.0, earth_radii=1e6):
    to_sun = np.atleast_2d(direction)
    n = len(to_sun)
    whole = np.full(n, earth_radii)
    return Sky(
        flux * to_sun,
        to_sun,
        np.tile(-OVERHEAD, (n, 1)),
        np.full(n, albedo),
        np.full(n, infrared),
        whole,
    )


def slanted(degrees):
    angle = np.radians(degrees)
    return np.array([0.0, np.sin(angle), -np.cos(angle)])


def test_a_panel_sees_the_cosine_of_the_sun():
    # Basilisk's simpleSolarPanel: 1 m², efficiency 1, Sun 60° off the normal: 680.5 W
    assert SolarArray(*IDEAL).power_w(sky(slanted(60.0)))[0] == pytest.approx(680.5, rel=BASILISK)


def test_sunlight_falls_with_the_square_of_the_distance():
    # Basilisk's simpleSolarPanel: the same panel face on at 1.52 AU gives 589.0755 W
    far = sky(OVERHEAD, flux=SOLAR_CONSTANT_W_M2 / 1.52**2)
    assert SolarArray(*IDEAL).power_w(far)[0] == pytest.approx(589.0755, rel=BASILISK)


def test_a_panel_is_dark_from_behind():
    assert SolarArray(*IDEAL).power_w(sky(-OVERHEAD))[0] == 0.0


def test_a_tracking_panel_gets_it_all_whatever_the_direction():
    array = SolarArray((Panel(2.0, None),), 0.3, 0.9, 1.0)
    assert array.power_w(sky([0.6, 0.0, -0.8], flux=1000.0))[0] == pytest.approx(540.0)


def test_a_flat_plate_in_sunlight_has_the_temperature_of_the_textbooks():
    # black, insulated behind, at 1361 W/m²: 393.61 K; from both sides a fourth root of two less
    one = SolarArray((Panel(1.0, ZENITH),), 1e-12, 1.0, 1.0, cells=BLACK_FRONT)
    both = SolarArray((Panel(1.0, ZENITH),), 1e-12, 1.0, 1.0, cells=Cells(0.0, 28.0, 1.0, 1.0, 1.0))
    (plate_k,), (wing_k,) = (a.panel_k(sky(OVERHEAD), a.panels[0]) for a in (one, both))
    assert plate_k == pytest.approx(393.61, abs=HUNDREDTH_K)
    assert wing_k == pytest.approx(plate_k / 2.0**0.25, rel=ROUNDING)


@given(st.floats(-0.005, 0.0), st.floats(0.1, 0.4), heights, st.floats(0.0, 400.0))
def test_what_a_panel_takes_in_it_sends_out_or_delivers(per_k, efficiency, height, albedo):
    cells = Cells(per_k, 28.0, 0.91, 0.85, 0.8)
    array = SolarArray((Panel(1.0, ZENITH),), efficiency, 0.9, 1.0, 0.95, cells)
    around = sky([np.sqrt(1.0 - height**2), 0.0, -height], albedo=albedo, infrared=237.0 / 1.2,
                 earth_radii=1.1)  # fmt: skip
    panel_k = array.panel_k(around, array.panels[0])[0]
    earth = earth_view(1.0, around.earth_radii)[0] * 1.1**2 * (albedo + 237.0 / 1.2)
    front, behind = max(height, 0.0), max(-height, 0.0)
    taken_in = 0.91 * 1361.0 * front + 0.8 * (1361.0 * behind + earth)
    out = (0.85 + 0.8) * STEFAN_BOLTZMANN * panel_k**4 + array.power_w(around)[0]
    assert out == pytest.approx(taken_in, rel=ROUNDING)


def test_warm_cells_lose_their_share_per_kelvin():
    cells = Cells(-0.0022, 28.0, 0.91, 0.85, 0.0)
    warm = SolarArray((Panel(1.0, ZENITH),), 0.3, 0.9, 0.97, cells=cells)
    cold = SolarArray((Panel(1.0, ZENITH),), 0.3, 0.9, 0.97)
    light = sky(OVERHEAD)
    above_k = warm.panel_k(light, warm.panels[0])[0] - 273.15 - 28.0
    assert 30.0 < above_k < 120.0  # a body-mounted panel in full sunlight
    share = warm.power_w(light)[0] / cold.power_w(light)[0]
    assert share == pytest.approx(1.0 - 0.0022 * above_k, rel=ROUNDING)


def test_an_array_without_cells_has_no_temperature():
    with pytest.raises(ValueError, match="no temperature"):
        SolarArray(*IDEAL).panel_k(sky(OVERHEAD), IDEAL[0][0])


@pytest.mark.parametrize("face", FACES)
@given(angles, heights)
def test_a_satellite_turned_to_the_sun_shows_it_the_named_face(face, angle, height):
    flat = np.sqrt(1.0 - height**2)
    seen = turned_to_sun(sky([flat * np.cos(angle), height, flat * np.sin(angle)]), face)
    assert seen.to_sun[0] == pytest.approx(face, abs=1e-12)
    assert seen.sun_w_m2[0] == pytest.approx(SOLAR_CONSTANT_W_M2 * np.array(face), abs=1e-9)
    assert np.linalg.norm(seen.nadir[0]) == pytest.approx(1.0)
    height_of_sun = flat * np.sin(angle)  # the angle between Sun and nadir stays what it was
    assert seen.nadir[0] @ np.array(face) == pytest.approx(height_of_sun, abs=1e-9)


def test_a_satellite_turned_to_the_sun_keeps_still_among_the_stars():
    # once round with the Sun in the plane: the nadir goes round once in the body's own plane
    turn = np.linspace(0.0, 2.0 * np.pi, 13)
    around = np.stack([np.sin(turn), np.zeros(13), -np.cos(turn)], axis=1)
    seen = turned_to_sun(sky(around), ZENITH)
    assert seen.nadir @ np.array(LEFT) == pytest.approx(np.zeros(13), abs=1e-12)
    went = np.unwrap(np.arctan2(seen.nadir[:, 0], seen.nadir[:, 2]))
    assert np.diff(np.abs(went)) == pytest.approx(np.full(12, np.pi / 6.0))


def test_the_view_of_the_earth_is_the_same_for_one_angle_and_for_many():
    radii = np.linspace(1.01, 8.0, 40)
    for cosine in (-1.0, -0.5, 0.0, 0.3, 1.0):
        many = earth_view(np.full(40, cosine), radii)
        assert many == pytest.approx(earth_view(cosine, radii), rel=ROUNDING)
    assert earth_view(0.0, np.array([1.0 + 1e-9])) == pytest.approx(0.5, abs=1e-4)  # the horizon
