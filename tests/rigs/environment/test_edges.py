"""The root finder misses nothing that a dense sampling sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigs.environment.edges import find_edges, find_intervals, find_maxima

GRID_S = np.arange(0.0, 6001.0, 60.0)
TOLERANCE_S = 1e-3


@given(st.floats(0.0, 6000.0), st.floats(0.5, 50.0))
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
