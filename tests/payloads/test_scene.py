from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payloads.clouds import CloudField
from payloads.projection import EARTH_RADIUS_M, latitude_longitude, look_down, sample_map
from payloads.scene import EarthCamera, Footprint, load_earth, sunlight

NOON_DEG = 60.0  # high enough that light changes no colour
ALMOST_NOTHING_DEG = 1e-4  # eleven metres, a thousandth of a pixel
A_COUNT = 2  # such a step may tip a rounding, and the steepest coast moves a count more

ABOUT = 0.1  # 300 tiles that spread by 0.4 each give 0.02; the rest is the promise, "about"

EARTH = load_earth()
CLEAR = CloudField.from_seed(1, coverage=0.0)
CLOUDY = CloudField.from_seed(1)

places = st.builds(
    Footprint, st.floats(-90.0, 90.0), st.floats(-180.0, 180.0), st.floats(-90.0, 90.0)
)
times = st.floats(-1e6, 1e7)


@dataclass
class Hovering:
    below: Footprint

    def footprint(self, t_s):
        return self.below


def over(latitude_deg, longitude_deg, sun_deg=NOON_DEG, clouds=CLEAR, seed=0):
    return EarthCamera(
        Hovering(Footprint(latitude_deg, longitude_deg, sun_deg)), EARTH, clouds, seed
    )


def colour(pixels):
    return pixels.reshape(-1, 3).mean(axis=0)


@settings(max_examples=30, deadline=None)
@given(places, times)
def test_the_same_moment_gives_the_same_bytes_in_another_camera(below, t_s):
    camera = EarthCamera(Hovering(below), EARTH, CLOUDY, seed=3)
    twin = replace(camera, earth=load_earth(), clouds=CloudField.from_seed(1))
    first, again, other = camera.tile(t_s), camera.tile(t_s), twin.tile(t_s)
    assert first.pixels.tobytes() == again.pixels.tobytes() == other.pixels.tobytes()
    assert first.cloud_fraction == again.cloud_fraction == other.cloud_fraction


@settings(max_examples=30, deadline=None)
@given(places, times)
def test_a_tile_is_a_picture_with_its_truth_wherever_and_whenever(below, t_s):
    tile = EarthCamera(Hovering(below), EARTH, CLOUDY).tile(t_s)
    assert tile.pixels.shape == (64, 64, 3)
    assert tile.pixels.dtype == np.uint8
    assert 0.0 <= tile.cloud_fraction <= 1.0
    assert tile.sunlit == (below.sun_elevation_deg >= -4.0)


def test_noise_differs_between_moments_and_between_seeds():
    still = over(0.0, -150.0)
    first = still.tile(10.0).pixels
    assert (first != still.tile(10.0 + 1e-6).pixels).any()
    assert (first != replace(still, seed=1).tile(10.0).pixels).any()


@given(st.floats(-89.0, 89.0))
@settings(max_examples=20, deadline=None)
def test_the_date_line_is_no_edge(latitude_deg):
    west = over(latitude_deg, 180.0 - ALMOST_NOTHING_DEG, clouds=CLOUDY).tile(0.0).pixels
    east = over(latitude_deg, -180.0 + ALMOST_NOTHING_DEG, clouds=CLOUDY).tile(0.0).pixels
    assert abs(west.astype(int) - east).max() <= A_COUNT


def test_clouds_cross_the_date_line_without_a_seam():
    unit = look_down(15.0, 180.0, 64, 64, 10_000.0)
    for seed in range(8):
        steps = abs(np.diff(CloudField.from_seed(seed).thickness(unit, 0.0), axis=1)).max(axis=0)
        assert steps[31] < 3.0 * np.median(steps)


@given(st.floats(-180.0, 180.0), st.sampled_from([-90.0, 90.0]))
@settings(max_examples=20, deadline=None)
def test_over_a_pole_the_picture_only_turns_when_the_longitude_does(longitude_deg, pole_deg):
    here = look_down(pole_deg, longitude_deg, 64, 64, 10_000.0)
    opposite = look_down(pole_deg, longitude_deg + 180.0, 64, 64, 10_000.0)
    assert np.allclose(here, opposite[:, ::-1, ::-1], atol=1e-6)
    assert np.allclose(
        sample_map(EARTH, here), sample_map(EARTH, opposite)[::-1, ::-1], atol=A_COUNT
    )


@given(st.floats(-90.0, 90.0), st.floats(-180.0, 180.0), st.floats(100.0, 50_000.0))
def test_neighbouring_pixels_lie_one_ground_sample_distance_apart(lat_deg, lon_deg, gsd_m):
    unit = look_down(lat_deg, lon_deg, 3, 3, gsd_m).astype(float)
    for neighbour in (unit[:, 1, 2], unit[:, 0, 1]):
        distance_m = np.linalg.norm(neighbour - unit[:, 1, 1]) * EARTH_RADIUS_M
        assert distance_m == pytest.approx(gsd_m, abs=2.0)  # float32: a metre on the globe


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_the_centre_of_the_picture_is_straight_below(latitude_deg, longitude_deg):
    found_lat, found_lon = latitude_longitude(look_down(latitude_deg, longitude_deg, 1, 1, 1e4))
    assert found_lat.item() == pytest.approx(latitude_deg, abs=1e-3)
    narrow = np.cos(np.radians(latitude_deg))
    assert found_lon.item() * narrow == pytest.approx(longitude_deg * narrow, abs=1e-3)


def test_north_is_up_and_east_is_right():
    gulf_of_sidra = over(30.5, 18.0).tile(0.0).pixels  # sea in the north, Libya in the south
    north, south = colour(gulf_of_sidra[:16]), colour(gulf_of_sidra[-16:])
    assert north[2] > north[0]
    assert south[0] > south[2] + 30
    atacama = over(-22.0, -70.2).tile(0.0).pixels  # the Pacific in the west, Chile in the east
    assert colour(atacama[:, -16:])[0] > 2 * colour(atacama[:, :16])[0]


def test_the_sahara_is_bright_and_sandy():
    red, green, blue = colour(over(23.0, 10.0).tile(0.0).pixels)
    assert red > green > blue > 60
    assert red > 150


def test_the_middle_of_the_pacific_is_dark_and_blue():
    red, green, blue = colour(over(0.0, -150.0).tile(0.0).pixels)
    assert blue > 1.5 * green > 1.5 * red
    assert red < 40


def test_antarctica_is_white_and_the_amazon_green():
    assert colour(over(-80.0, 90.0).tile(0.0).pixels).min() > 200
    red, green, blue = colour(over(-4.0, -63.0).tile(0.0).pixels)
    assert green > red
    assert green > blue


def test_night_shows_nothing_but_noise():
    tile = over(23.0, 10.0, sun_deg=-30.0, clouds=CLOUDY).tile(0.0)
    assert not tile.sunlit
    assert tile.pixels.mean() < 2.0  # the rectified mean of 2 counts of noise is 0.8


def test_the_light_never_grows_while_the_sun_sets():
    levels = [sunlight(elevation).sum() for elevation in np.linspace(90.0, -18.0, 500)]
    assert (np.diff(levels) <= 1e-6).all()


def test_twilight_is_dim_and_reddish():
    red, _, blue = colour(over(23.0, 10.0, sun_deg=1.0).tile(0.0).pixels)
    noon_red, _, noon_blue = colour(over(23.0, 10.0).tile(0.0).pixels)
    assert 2.0 < red < noon_red / 3
    assert blue / red < noon_blue / noon_red


def test_no_coverage_is_clear_and_full_coverage_overcast():
    overcast = CloudField.from_seed(1, coverage=1.0)
    for latitude_deg in range(-90, 91, 15):
        assert over(latitude_deg, 20.0).tile(0.0).cloud_fraction == 0.0
        assert over(latitude_deg, 20.0, clouds=overcast).tile(0.0).cloud_fraction == 1.0


def test_coverage_is_about_the_share_of_the_globe_under_cloud():
    chance = np.random.default_rng(0)
    found = []
    for seed in range(5):
        clouds = CloudField.from_seed(seed, coverage=0.5)
        for _ in range(60):
            latitude_deg = np.degrees(np.arcsin(chance.uniform(-1, 1)))  # even over the area
            camera = over(latitude_deg, chance.uniform(-180, 180), clouds=clouds)
            found.append(camera.tile(0.0).cloud_fraction)
    assert np.mean(found) == pytest.approx(
        0.5, abs=0.1
    )  # 300 tiles spread by 0.4 each, and "about"


def test_a_share_outside_0_to_1_is_explained():
    with pytest.raises(ValueError, match=r"coverage = 55 is not a share 0\.\.1"):
        CloudField.from_seed(1, coverage=55)


def test_clouds_hide_the_ground_where_they_are_said_to_be():
    dark_sea = over(0.0, -150.0, clouds=CLOUDY).tile(0.0)
    assert dark_sea.cloud_fraction == pytest.approx((dark_sea.pixels[..., 0] > 100).mean(), abs=0.1)


def test_clouds_stay_for_minutes_and_are_gone_after_days():
    unit = look_down(45.0, -30.0, 64, 64, 10_000.0)
    for seed in range(5):
        clouds = CloudField.from_seed(seed)
        start, minute, days = (clouds.thickness(unit, t_s) for t_s in (0.0, 60.0, 3 * 86400.0))
        assert np.corrcoef(start.ravel(), minute.ravel())[0, 1] > 0.98
        assert np.corrcoef(start.ravel(), days.ravel())[0, 1] < 0.8


def test_one_place_seen_from_two_footprints_lies_under_the_same_clouds():
    half = look_down(10.0, 30.0, 65, 65, 10_000.0)
    lat_deg, lon_deg = (angle[32, 48].item() for angle in latitude_longitude(half))
    moved = look_down(lat_deg, lon_deg, 65, 65, 10_000.0)
    there = CLOUDY.thickness(half, 500.0)[32, 48]
    assert CLOUDY.thickness(moved, 500.0)[32, 32] == pytest.approx(there, abs=0.1)


def test_the_source_names_the_place():
    assert over(46.06, 12.31).tile(0.0).source == "earth 46.1N 12.3E"
    assert over(-33.9, 289.3).tile(0.0).source == "earth 33.9S 70.7W"


@pytest.mark.parametrize(("height_px", "width_px"), [(64, 64), (48, 96), (128, 128), (17, 33)])
def test_a_camera_may_have_another_size(height_px, width_px):
    camera = replace(over(46.0, 12.0, clouds=CLOUDY), height_px=height_px, width_px=width_px)
    assert camera.tile(0.0).pixels.shape == (height_px, width_px, 3)
