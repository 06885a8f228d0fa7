"""Strikes are a Poisson process under the flux, one stream per class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from firmware_bridge.faults import FaultKind
from rigs.environment.faults import VARIATES, exposure_per_cm2, fault_days, strikes

# A day with sixteen sharp passages through an anomaly above a floor.
KNOTS_S = np.arange(0.0, 86401.0, 30.0)
FLUX = 1.5 + 800.0 * np.maximum(0.0, np.sin(2 * np.pi * KNOTS_S / 5400.0) - 0.9)
SIGMA = {FaultKind.SEU: 1e-8, FaultKind.SEFI: 4e-9}
SEEDS = 1000


def streams(seed):
    spawned = np.random.SeedSequence(seed).spawn(len(FaultKind))
    return dict(zip(FaultKind, map(np.random.default_rng, spawned), strict=True))


def test_counts_and_times_are_those_of_the_poisson_process():
    # V23: over 1,000 seeds 0.9 < var/mean < 1.1, and KS p > 0.01 for the rescaled times.
    exposure = exposure_per_cm2(KNOTS_S, FLUX)
    acceleration = 35.0 / (SIGMA[FaultKind.SEU] * exposure[-1])
    only_seu = {FaultKind.SEU: SIGMA[FaultKind.SEU]}
    days = [strikes(KNOTS_S, FLUX, only_seu, acceleration, streams(s)) for s in range(SEEDS)]
    counts = np.array([len(day) for day in days])
    STANDARD_ERROR = np.sqrt(35.0 / SEEDS)
    assert abs(counts.mean() - 35.0) < 3.0 * STANDARD_ERROR
    assert 0.9 < counts.var() / counts.mean() < 1.1
    t_s = np.array([strike.t_s for day in days for strike in day])
    assert stats.kstest(fluence_at(t_s) / exposure[-1], "uniform").pvalue > 0.01


def test_strikes_are_sorted_and_carry_four_variates():
    day = strikes(KNOTS_S, FLUX, SIGMA, 1e6, streams(1))
    assert [s.t_s for s in day] == sorted(s.t_s for s in day)
    assert {s.kind for s in day} == set(SIGMA)
    assert all(len(s.variates) == VARIATES for s in day)
    assert all(0.0 <= v < 1.0 for s in day for v in s.variates)
    assert all(0.0 <= s.t_s <= KNOTS_S[-1] for s in day)


def test_changing_one_class_leaves_the_others_as_they_were():
    before = strikes(KNOTS_S, FLUX, SIGMA, 1e6, streams(2))
    after = strikes(KNOTS_S, FLUX, SIGMA | {FaultKind.SEU: 9e-8}, 1e6, streams(2))
    sefi = [s for s in before if s.kind is FaultKind.SEFI]
    assert sefi == [s for s in after if s.kind is FaultKind.SEFI]
    assert len(after) > len(before)


def test_the_same_seed_gives_the_same_strikes_and_another_does_not():
    first = strikes(KNOTS_S, FLUX, SIGMA, 1e6, streams(3))
    assert first == strikes(KNOTS_S, FLUX, SIGMA, 1e6, streams(3))
    assert first != strikes(KNOTS_S, FLUX, SIGMA, 1e6, streams(4))


def test_many_seeds_at_once_strike_as_each_alone():
    days = fault_days(KNOTS_S, FLUX, SIGMA, 1e5, range(50), lambda seed, kind: streams(seed)[kind])
    assert days.seeds == tuple(range(50))
    assert len(days.t_s) == sum(len(days.strikes(place)) for place in range(50))
    for seed in (0, 7, 49):
        assert days.strikes(seed) == strikes(KNOTS_S, FLUX, SIGMA, 1e5, streams(seed))


def test_changing_one_class_of_many_days_leaves_the_others_as_they_were():
    def seen(sigma):
        def stream(seed, kind):
            return streams(seed)[kind]

        days = fault_days(KNOTS_S, FLUX, sigma, 1e5, range(20), stream)
        rows = days.kind == days.kinds.index(FaultKind.SEFI)
        return days.seed[rows].tolist(), days.t_s[rows].tolist(), days.variates[rows].tolist()

    assert seen(SIGMA) == seen(SIGMA | {FaultKind.SEU: 0.0}) == seen(SIGMA | {FaultKind.SEL: 1e-7})


def test_a_class_that_never_strikes_draws_nothing():
    def stream(seed, kind):
        assert kind is not FaultKind.SET
        return streams(seed)[kind]

    days = fault_days(KNOTS_S, FLUX, SIGMA | {FaultKind.SET: 0.0}, 1e5, range(3), stream)
    assert FaultKind.SET not in {
        strike.kind for place in range(3) for strike in days.strikes(place)
    }


def test_no_flux_means_no_strike():
    assert strikes(KNOTS_S, np.zeros_like(KNOTS_S), SIGMA, 1e9, streams(5)) == []
    assert strikes(KNOTS_S, FLUX, SIGMA, 0.0, streams(5)) == []


def test_nothing_strikes_where_the_flux_is_zero():
    flux = np.where((KNOTS_S > 40_000.0) & (KNOTS_S < 41_000.0), 500.0, 0.0)
    day = strikes(KNOTS_S, flux, SIGMA, 1e6, streams(6))
    assert day
    assert all(40_000.0 - 30.0 <= s.t_s <= 41_000.0 + 30.0 for s in day)


@given(st.floats(0.0, 1e4), st.floats(0.0, 1e4), st.floats(0.01, 1e5), st.integers(0, 2**32 - 1))
def test_arrivals_invert_the_fluence_exactly_on_any_slope(left, right, length_s, seed):
    knots_s, flux = np.array([0.0, length_s]), np.array([left, right])
    total = float(exposure_per_cm2(knots_s, flux)[-1])
    if total < 1e-9:
        return
    sigma = {FaultKind.SEL: 20.0 / total}
    stream = {FaultKind.SEL: np.random.default_rng(seed)}
    found = np.array([s.t_s for s in strikes(knots_s, flux, sigma, 1.0, stream)])
    again = np.random.default_rng(seed)
    wanted = np.sort(again.random(again.poisson(sigma[FaultKind.SEL] * total))) * total
    reached = left * found + (right - left) / length_s * found**2 / 2.0
    assert reached == pytest.approx(wanted, rel=1e-9, abs=1e-9 * total)


@pytest.mark.parametrize(
    ("sigma", "acceleration", "given_streams", "rule"),
    [
        ({FaultKind.SEU: -1.0}, 1.0, streams(0), "must not be negative"),
        ({FaultKind.SEU: 1.0}, float("nan"), streams(0), "must not be negative"),
        ({FaultKind.SEU: 1.0}, 1.0, {}, "seu has no random stream"),
    ],
)
def test_nonsense_is_refused(sigma, acceleration, given_streams, rule):
    with pytest.raises(ValueError, match=rule):
        strikes(KNOTS_S, FLUX, sigma, acceleration, given_streams)


def fluence_at(t_s):
    """Return the fluence up to each time, integrated on a grid of its own."""
    exposure = exposure_per_cm2(KNOTS_S, FLUX)
    k = np.minimum((t_s // 30.0).astype(int), len(KNOTS_S) - 2)
    dt = t_s - KNOTS_S[k]
    slope = (FLUX[k + 1] - FLUX[k]) / 30.0
    return exposure[k] + FLUX[k] * dt + slope * dt**2 / 2.0
