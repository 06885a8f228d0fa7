"""A solar particle event: its fluence, its course in time, and where it reaches."""

from __future__ import annotations

import numpy as np
import pytest

from rigs.environment.faults import exposure_per_cm2
from rigs.environment.galactic import open_sky_sr
from rigs.environment.solar_particles import SolarParticleEvent

EVENT = SolarParticleEvent(start_s=7200.0, rise_s=10_800.0, e_fold_s=86_400.0, fluence_per_cm2=1e9)
T_S = np.arange(0.0, 30 * 86_400.0, 60.0)


def test_far_from_earth_it_brings_its_fluence():
    QUADRATURE = 1e-4  # relative, trapezoids of a minute
    fluence = exposure_per_cm2(T_S, EVENT.free_per_cm2_s(T_S))[-1]
    assert fluence == pytest.approx(1e9, rel=QUADRATURE)


def test_it_rises_straight_and_then_decays():
    flux = EVENT.free_per_cm2_s(np.array([0.0, 7200.0, 12_600.0, 18_000.0, 104_400.0]))
    peak = EVENT.peak_per_cm2_s
    assert flux == pytest.approx([0.0, 0.0, 0.5 * peak, peak, peak / np.e])


def test_it_reaches_the_polar_caps_only_and_earth_hides_a_part():
    cutoff_gv = np.array([0.0, 0.99, 1.0, 8.0])
    flux = EVENT.flux_per_cm2_s(np.full(4, 18_000.0), cutoff_gv, np.full(4, 550.0))
    sky = float(open_sky_sr(550.0)) / (4.0 * np.pi)
    assert flux == pytest.approx([sky * EVENT.peak_per_cm2_s] * 2 + [0.0, 0.0])


def test_fewer_are_hard():
    soft, hard = (float(EVENT.free_per_cm2_s(np.array(18_000.0), e)) for e in (30.0, 60.0))
    # 60 MeV is 0.341 GV, 30 MeV 0.239 GV: one e-fold of 0.1 GV between them.
    assert hard / soft == pytest.approx(np.exp(-1.02), rel=0.01)


@pytest.mark.parametrize("key", ["rise_s", "e_fold_s", "fluence_per_cm2"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_nonsense_is_refused(key, value):
    right = {"start_s": 0.0, "rise_s": 1.0, "e_fold_s": 1.0, "fluence_per_cm2": 1.0}
    with pytest.raises(ValueError, match=f"{key} = .* must be positive"):
        SolarParticleEvent(**right | {key: value})
