"""Knots that are left out: how far the lines lie off, and that no energy is lost."""

import numpy as np
import pytest

from payloads.thinning import thinned

STEP_S = 30.0  # of a tape
ORBIT_S = 5740.0
TOLERANCE = 2e-3
ROUNDING = 1e-12


def tape():
    """Return knots and two functions: a panel that an eclipse darkens at once, and warmth."""
    t_s = np.unique(np.concatenate([np.arange(0.0, 2 * ORBIT_S, STEP_S), [4001.3, 4009.1, 5507.7]]))
    sun = np.abs(np.cos(np.pi * t_s / ORBIT_S))
    lit = np.interp(t_s, [4001.3, 4009.1, 5500.0, 5507.7], [1.0, 0.0, 0.0, 1.0])
    return t_s, [17.0 * sun * lit, 3.0 + 2.0 * np.sin(2.0 * np.pi * t_s / ORBIT_S)]


def test_lines_stay_within_the_tolerance_and_keep_the_energy():
    t_s, functions = tape()
    knots_s, lines = thinned(t_s, functions, TOLERANCE)
    assert len(knots_s) < 0.35 * len(t_s)
    for whole, values in zip(functions, lines, strict=True):
        off = np.interp(t_s, knots_s, values) - whole
        assert np.abs(off).max() <= 2.0 * TOLERANCE * whole.max()
        energy_j = np.trapezoid(whole, t_s)
        assert np.trapezoid(values, knots_s) == pytest.approx(energy_j, rel=ROUNDING)
        so_far = np.cumsum(0.5 * (off[1:] + off[:-1]) * np.diff(t_s))
        longest_s = np.diff(knots_s).max()
        assert np.abs(so_far).max() <= TOLERANCE * whole.max() * longest_s


def test_straight_lines_need_only_their_ends():
    t_s = np.arange(0.0, 3000.0, STEP_S)
    knots_s, (values,) = thinned(t_s, [2.0 + 0.001 * t_s], TOLERANCE)
    assert knots_s.tolist() == [0.0, 2970.0]
    np.testing.assert_allclose(values, 2.0 + 0.001 * knots_s, rtol=ROUNDING)


def test_an_edge_stays_where_it_is():
    t_s, functions = tape()
    knots_s, _ = thinned(t_s, functions, TOLERANCE)
    assert {4001.3, 4009.1, 5507.7} <= set(knots_s.tolist())


def test_nothing_goes_where_nothing_may_be_off():
    t_s = np.arange(0.0, 3000.0, STEP_S)
    zigzag = np.arange(len(t_s)) % 2.0
    knots_s, (values,) = thinned(t_s, [zigzag], TOLERANCE)
    assert knots_s.tolist() == t_s.tolist()
    assert values.tolist() == zigzag.tolist()


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_few_knots(count):
    t_s = STEP_S * np.arange(count)
    knots_s, (values,) = thinned(t_s, [np.zeros(count)], TOLERANCE)
    assert knots_s[0] == 0.0
    assert knots_s[-1] == t_s[-1]
    assert not values.any()
