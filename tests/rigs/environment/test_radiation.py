"""The shipped AP-8 table against numbers computed elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from rigs.environment.radiation import GALACTIC_PER_CM2_S, load_trapped_protons

# AP-8 above 30 MeV at single places, by aep8 1.1.0 straight, no table between: 45° W, 30° S.
INTERPOLATION = 0.03  # relative, away from cusps; AP-8 itself is good to a factor of two
ORBIT_AVERAGE = 0.05  # the averages were taken along one propagated orbit, ours over all nodes


@pytest.mark.parametrize(("altitude_km", "expected"), [(500.0, 780.0), (600.0, 1821.0)])
def test_the_anomaly_has_the_flux_that_ap8_gives(altitude_km, expected):
    belts = load_trapped_protons("solar-minimum")
    flux = float(belts.trapped_per_cm2_s(-30.0, -45.0, altitude_km))
    assert flux == pytest.approx(expected, rel=INTERPOLATION)


@pytest.mark.parametrize(
    ("altitude_km", "inclination_deg", "minimum", "maximum"),
    [
        (400.0, 51.6, 9.6, 5.3),
        (500.0, 97.4, 16.5, 11.0),
        (550.0, 97.6, 24.8, 17.2),
        (600.0, 97.8, 35.5, 25.6),
        (800.0, 98.6, 112.0, 89.0),
    ],
)
def test_orbit_averages_are_those_of_ap8(altitude_km, inclination_deg, minimum, maximum):
    for activity, expected in (("solar-minimum", minimum), ("solar-maximum", maximum)):
        found = orbit_average(load_trapped_protons(activity), altitude_km, inclination_deg)
        assert found == pytest.approx(expected, rel=ORBIT_AVERAGE)


def test_the_peak_lies_in_the_south_atlantic():
    # Reference for 500 / 600 km: 1,670 / 3,240 /cm²/s at 30° W to 40° W on its coarser grid.
    belts = load_trapped_protons("solar-minimum")
    latitude, longitude = np.meshgrid(np.arange(-90.0, 91.0), np.arange(-180.0, 180.0))
    flux = belts.trapped_per_cm2_s(latitude, longitude, 600.0)
    top = np.unravel_index(int(flux.argmax()), flux.shape)
    assert 3000.0 < flux[top] < 4500.0
    assert -40.0 < latitude[top] < -25.0
    assert -42.0 < longitude[top] < -28.0


def test_most_of_the_orbit_meets_no_trapped_protons():
    # Reference: at 550 km all of it falls into 4 to 6 % of a sun-synchronous orbit (> 10 MeV).
    latitude, longitude = circle(97.6)
    flux = load_trapped_protons("solar-minimum").trapped_per_cm2_s(latitude, longitude, 550.0)
    assert 0.03 < np.mean(flux > 0.01 * flux.max()) < 0.08


def test_the_anomaly_drifts_west_and_keeps_its_dose():
    belts = load_trapped_protons("solar-minimum")
    drifted = belts.drifted_to(2025)
    shift = 0.28 * (2025 - 1960)
    assert drifted.drift_deg == pytest.approx(shift)
    assert float(drifted.trapped_per_cm2_s(-30.0, -45.0 - shift, 550.0)) == pytest.approx(
        float(belts.trapped_per_cm2_s(-30.0, -45.0, 550.0))
    )
    assert orbit_average(drifted, 550.0, 97.6) == pytest.approx(
        orbit_average(belts, 550.0, 97.6), rel=0.01
    )


def test_the_table_is_seamless_at_the_date_line_and_the_poles():
    belts = load_trapped_protons("solar-maximum")
    latitude = np.linspace(-90.0, 90.0, 181)
    for west, east in ((-180.0, 180.0), (-179.999, 180.001), (190.0, -170.0)):
        assert belts.trapped_per_cm2_s(latitude, west, 1000.0) == pytest.approx(
            belts.trapped_per_cm2_s(latitude, east, 1000.0), rel=1e-3, abs=1e-6
        )


def test_beyond_the_table_its_edge_holds():
    belts = load_trapped_protons("solar-minimum")
    for inside, outside in ((300.0, 200.0), (1500.0, 3000.0)):
        assert belts.trapped_per_cm2_s(-30.0, -40.0, inside) == belts.trapped_per_cm2_s(
            -30.0, -40.0, outside
        )


def test_cosmic_rays_are_the_floor_everywhere():
    for activity, floor in (("solar-minimum", 1.56), ("solar-maximum", 0.56)):
        assert GALACTIC_PER_CM2_S[activity] == floor
        belts = load_trapped_protons(activity)
        assert float(belts.flux_per_cm2_s(50.0, 100.0, 550.0)) == pytest.approx(floor)


def test_the_table_says_where_it_comes_from():
    belts = load_trapped_protons("solar-minimum")
    assert (belts.energy_mev, belts.field_model, belts.field_epoch) == (
        30.0,
        "Jensen & Cain 1960",
        1960.0,
    )


def test_an_unknown_activity_is_refused():
    with pytest.raises(ValueError, match="'solar-minimum' or 'solar-maximum'"):
        load_trapped_protons("quiet")  # type: ignore[arg-type]


def circle(inclination_deg):
    """Return latitudes and longitudes, each (400, 144), of a circular orbit over all nodes."""
    u = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    tilt = np.radians(inclination_deg)
    latitude = np.degrees(np.arcsin(np.sin(tilt) * np.sin(u)))
    # Over all nodes every longitude is met equally often at each latitude.
    return np.meshgrid(latitude, np.arange(-180.0, 180.0, 2.5), indexing="ij")


def orbit_average(belts, altitude_km, inclination_deg):
    latitude, longitude = circle(inclination_deg)
    return float(belts.trapped_per_cm2_s(latitude, longitude, altitude_km).mean())
