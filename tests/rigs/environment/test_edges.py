"""The root finder misses nothing that a dense sampling sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rigs.environment.edges import find_edges, find_intervals, find_maxima, find_roots

GRID_S = np.arange(0.0, 6001.0, 60.0)
TOLERANCE_S = 1e-3


@given(st.floats(0.0, 6000.0), st.floats(0.5, 50.0))
@example(29.0, 1.0)
@example(5971.0, 1.0)
def test_a_short_hump_between_two_samples_is_found(centre_s, half_width_s):
    def hump(t_s, lane):
        return 1.0 - ((t_s - centre_s) / half_width_s) ** 2 + 0.0 * lane

    _, start_s, end_s = find_intervals(hump, 1, GRID_S, TOLERANCE_S)
    assert len(start_s) == 1
    assert start_s[0] == pytest.approx(max(centre_s - half_width_s, 0.0), abs=TOLERANCE_S)
    assert end_s[0] == pytest.approx(min(centre_s + half_width_s, 6000.0), abs=TOLERANCE_S)


@given(st.floats(60.0, 5940.0), st.floats(0.5, 50.0))
def test_a_short_dip_between_two_samples_is_found(centre_s, half_width_s):
    def dip(t_s, lane):
        return ((t_s - centre_s) / half_width_s) ** 2 - 1.0 + 0.0 * lane

    edges = find_edges(dip, 1, GRID_S, TOLERANCE_S)
    inside = [centre_s - half_width_s, centre_s + half_width_s]
    assert edges.t_s == pytest.approx(inside, abs=TOLERANCE_S)


@given(st.lists(st.tuples(st.floats(0.2, 1.0), st.floats(0.0, 6.3)), min_size=3, max_size=3))
def test_lanes_are_searched_apart_and_edges_alternate(waves):
    amplitude, phase = np.array(waves).T
    period_s = np.array([1500.0, 2100.0, 3300.0])

    def waves_of(t_s, lane):
        return amplitude[lane] * np.sin(2 * np.pi * t_s / period_s[lane] + phase[lane]) - 0.1

    edges = find_edges(waves_of, 3, GRID_S, TOLERANCE_S)
    for lane in range(3):
        mine = edges.lane == lane
        assert np.all(np.diff(edges.t_s[mine]) > 0.0)
        assert np.all(np.diff(edges.rising[mine].astype(int)) != 0)
        slope = 2 * np.pi * amplitude[lane] / period_s[lane]
        assert np.abs(waves_of(edges.t_s[mine], lane)).max(initial=0.0) < slope * TOLERANCE_S


@given(st.floats(60.0, 5940.0), st.floats(12.0, 300.0), st.floats(1.0, 40.0))
def test_a_sharp_fly_by_between_two_samples_is_found(centre_s, width_s, half_s):
    # The sine of the elevation of whatever passes overhead at h / v = 12 s, 90 km high, or more.
    level = 1.0 / np.hypot(1.0, half_s / width_s)

    def overhead(t_s, lane):
        return 1.0 / np.hypot(1.0, (t_s - centre_s) / width_s) - level + 0.0 * lane

    edges = find_edges(overhead, 1, GRID_S, TOLERANCE_S)
    inside = [t for t in (centre_s - half_s, centre_s + half_s) if 0.0 <= t <= 6000.0]
    assert edges.t_s == pytest.approx(inside, abs=TOLERANCE_S)


@given(st.floats(1e-6, 1.0 - 1e-6), st.floats(0.2, 5.0), st.floats(0.05, 20.0))
def test_a_root_is_found_in_a_few_looks_however_the_function_bends(share, power, kink):
    looks = []
    low, high, target = np.array([0.0]), np.array([60.0]), 60.0 * share

    def bent(t_s, lane):
        looks.append(t_s)
        off = t_s - target
        return np.sign(off) * np.abs(off) ** power * np.where(off > 0.0, kink, 1.0)

    lane = np.array([0])
    ends = bent(low, lane), bent(high, lane)
    root = find_roots(bent, lane, (low, high), ends, TOLERANCE_S)
    assert root[0] == pytest.approx(target, abs=TOLERANCE_S)
    BISECTION = 16  # halvings from 60 s to 1 ms
    assert len(looks) <= 3 * BISECTION


def test_a_smooth_root_takes_few_looks():
    looks = []

    def smooth(t_s, lane):
        looks.append(t_s)
        return np.sin((t_s - 21.7) / 300.0) + 0.1 * ((t_s - 21.7) / 300.0) ** 2

    ends = np.array([0.0]), np.array([60.0])
    lane = np.array([0])
    values = smooth(ends[0], lane), smooth(ends[1], lane)
    root = find_roots(smooth, lane, ends, values, TOLERANCE_S)
    assert root[0] == pytest.approx(21.7, abs=1e-6)  # far better than asked for
    assert len(looks) <= 8


def test_a_function_without_edges_gives_none():
    def constant(t_s, lane):
        return np.ones_like(t_s) + 0.0 * lane

    edges = find_edges(constant, 2, GRID_S, TOLERANCE_S)
    assert len(edges.t_s) == 0
    lane, start_s, end_s = find_intervals(constant, 2, GRID_S, TOLERANCE_S)
    assert lane.tolist() == [0, 1]
    assert start_s.tolist() == [0.0, 0.0]
    assert end_s.tolist() == [6000.0, 6000.0]


@given(st.floats(10.0, 90.0))
def test_the_maximum_of_a_smooth_hump_is_found(top_s):
    best = find_maxima(
        lambda t_s, lane: -(np.abs(t_s - top_s) ** 1.5),
        np.array([0]),
        np.array([0.0]),
        np.array([100.0]),
        TOLERANCE_S,
    )
    assert best[0] == pytest.approx(top_s, abs=2 * TOLERANCE_S)
