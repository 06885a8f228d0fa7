"""Protons behind aluminium: doses and an upset rate against SPENVIS, CREME96 and a beam test."""

from __future__ import annotations

import numpy as np
import pytest

from rigs.environment.dose import (
    DOSE_CLAIM,
    dose_behind,
    electron_dose_rad_per_day,
    electron_table,
    proton_dose_rad_per_day,
)
from rigs.environment.matter import (
    RAD_PER_MEV_G,
    energies_before_mev,
    energy_before_mev,
    range_g_cm2,
    stopping_mev_cm2_g,
)
from rigs.environment.radiation import load_trapped_protons
from rigs.environment.shielded import Weibull, behind_shielding, flux_above

BELTS = load_trapped_protons("solar-minimum")
SPENVIS = electron_table()


# V17: SPENVIS 4.6 SHIELDOSE-2, AP-8 minimum, 550 km, five years; accept 0.6 to 1.2. We leave out
# the secondaries of nuclear reactions, and fly over the mean radius of the same altitude.
@pytest.mark.parametrize("inclination_deg", [30.0, 50.0, 70.0, 95.0, 100.0])
def test_v17_proton_doses_are_those_of_spenvis(inclination_deg):
    flux = mean_spectrum(550.0, inclination_deg)
    (row,) = SPENVIS.protons_rad[inclination_deg == SPENVIS.inclination_deg]
    for shielding_mm, expected_rad in zip(SPENVIS.shielding_mm, row, strict=True):
        rad = 1825.0 * proton_dose_rad_per_day(BELTS.spectrum_mev, flux, shielding_mm)
        assert 0.6 < rad / expected_rad < 1.2


@pytest.mark.parametrize(
    ("shielding_mm", "total_krad"),
    [(1.0, 30.6), (2.0, 10.7), (3.0, 4.80), (5.0, 1.40), (10.0, 0.560), (20.0, 0.405)],
)
def test_v17_the_total_is_that_of_spenvis(shielding_mm, total_krad):
    flux = mean_spectrum(550.0, 95.0)
    dose = dose_behind(shielding_mm, 1825.0, BELTS.spectrum_mev, flux, 95.0, 550.0)
    assert dose.claim == DOSE_CLAIM
    assert 0.6 < (dose.proton_rad + dose.electron_rad) / (1e3 * total_krad) < 1.2


# V18: CREME96 proton upsets, 800 km, 90°, quiet, 100 mil of aluminium (a .PUP file quoted by
# The Aerospace Corporation's csda_rpp; secondary). Trapped protons only, accept a factor 1.5.
def test_v18_the_upset_rate_is_that_of_creme96():
    part = Weibull(threshold_mev=30.0, width_mev=10.0, shape=1.0, limit_cm2=1e-11)
    rate_per_s = part.events_per_s(BELTS.spectrum_mev, mean_spectrum(800.0, 90.0), 2.54)
    assert 1.0 / 1.5 < rate_per_s / 1.10564e-9 < 1.5


# V21: Suncatcher, arXiv 2511.19468, 4.3: 1.27e-7 cm² rad of protons of 67 MeV in silicon, so that
# 44 rad per event are 3e-9 cm² and 14.4 to 20 rad are 6e-9 to 9e-9.
def test_v21_a_beam_of_67_mev_deposits_what_the_paper_takes():
    ROUNDING = 0.01  # of its three figures
    per_event_cm2_rad = float(stopping_mev_cm2_g("silicon", 67.0)) * RAD_PER_MEV_G
    assert per_event_cm2_rad == pytest.approx(1.27e-7, rel=ROUNDING)
    found = [per_event_cm2_rad / rad for rad in (44.0, 20.0, 14.4)]
    assert [float(f"{cm2:.0e}") for cm2 in found] == [3e-9, 6e-9, 9e-9]


# NIST PSTAR, rows that the shipped table leaves out: MeV, aluminium, silicon, range in aluminium.
@pytest.mark.parametrize(
    ("energy_mev", "aluminium", "silicon", "range_g"),
    [
        (1.25, 149.5, 152.4, 5.509e-3),
        (7.0, 44.30, 45.36, 9.207e-2),
        (17.5, 21.86, 22.43, 0.4541),
        (35.0, 12.68, 13.02, 1.552),
        (90.0, 6.135, 6.308, 8.309),
        (175.0, 3.844, 3.954, 26.51),
        (350.0, 2.555, 2.630, 84.54),
    ],
)
def test_between_its_rows_the_table_is_pstar(energy_mev, aluminium, silicon, range_g):
    BETWEEN_ROWS = 0.005  # relative; PSTAR itself is good to 1 or 2 %
    assert float(stopping_mev_cm2_g("aluminium", energy_mev)) == pytest.approx(
        aluminium, rel=BETWEEN_ROWS
    )
    assert float(stopping_mev_cm2_g("silicon", energy_mev)) == pytest.approx(
        silicon, rel=BETWEEN_ROWS
    )
    assert float(range_g_cm2(energy_mev)) == pytest.approx(range_g, rel=BETWEEN_ROWS)


def test_stopping_power_is_the_slope_of_the_range():
    energy_mev = np.geomspace(2.0, 400.0, 30)
    slope = (range_g_cm2(1.05 * energy_mev) - range_g_cm2(0.95 * energy_mev)) / (0.1 * energy_mev)
    PIECEWISE = 0.03  # relative: straight pieces over up to half an energy
    assert 1.0 / slope == pytest.approx(stopping_mev_cm2_g("aluminium", energy_mev), rel=PIECEWISE)


def test_shielding_in_two_layers_is_shielding_in_one():
    twice = energies_before_mev(energies_before_mev(np.array([1.0, 30.0, 100.0]), 2.0), 5.0)
    assert twice == pytest.approx(energies_before_mev(np.array([1.0, 30.0, 100.0]), 7.0), rel=1e-12)
    assert energy_before_mev(30.0, 0.0) == pytest.approx(30.0)


def test_no_proton_is_made_in_the_shield():
    flux = mean_spectrum(550.0, 97.6)
    counts = [behind_shielding(BELTS.spectrum_mev, flux, mm)[1].sum() for mm in (1.0, 5.0, 20.0)]
    assert counts == sorted(counts, reverse=True)
    known = flux_above(BELTS.spectrum_mev, flux, BELTS.spectrum_mev)
    assert known == pytest.approx(flux)


def test_no_belts_no_dose():
    assert proton_dose_rad_per_day(BELTS.spectrum_mev, np.zeros(11), 3.0) == 0.0


def test_electrons_are_known_near_550_km_only():
    assert electron_dose_rad_per_day(95.0, 800.0, 3.0) is None
    assert electron_dose_rad_per_day(10.0, 550.0, 3.0) is None
    assert electron_dose_rad_per_day(95.0, 550.0, 3.0) == pytest.approx(3989.0 / 1825.0)
    dose = dose_behind(3.0, 1.0, BELTS.spectrum_mev, mean_spectrum(800.0, 95.0), 95.0, 800.0)
    assert dose.electron_rad is None


@pytest.mark.parametrize("shielding_mm", [0.0, 0.99, 20.1, float("nan")])
def test_a_thickness_without_a_known_dose_is_refused(shielding_mm):
    with pytest.raises(ValueError, match="not within 1 to 20"):
        proton_dose_rad_per_day(BELTS.spectrum_mev, np.ones(11), shielding_mm)
    with pytest.raises(ValueError, match="not within 1 to 20"):
        electron_dose_rad_per_day(95.0, 550.0, shielding_mm)


def mean_spectrum(altitude_km, inclination_deg):
    u = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    latitude = np.degrees(np.arcsin(np.sin(np.radians(inclination_deg)) * np.sin(u)))
    places = np.meshgrid(latitude, np.arange(-180.0, 180.0, 2.5), indexing="ij")
    return BELTS.spectrum_per_cm2_s(*places, altitude_km).mean(axis=(1, 2))
