"""Charts hide nothing: no excursion, no short outage, no jump over the date line."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rigs.report.charts import WIDTH, Scale, bars, line_path, stagger, thin, time_ticks
from rigs.report.history import Series, Span
from rigs.report.worldmap import path_over

SPAN_S = 86_400.0
TENTH = 0.051  # paths are written to a tenth of a unit

finite = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def series(draw, values=finite):
    """A series of up to 3,000 samples, many of them in the same column."""
    count = draw(st.integers(1, 3000))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    t_s = np.sort(chance.uniform(0.0, SPAN_S * draw(st.floats(0.001, 1.0)), count))
    spikes = draw(st.lists(st.tuples(st.integers(0, count - 1), values), max_size=5))
    y = chance.normal(0.0, 1.0, count)
    for i, value in spikes:
        y[i] = value
    return Series(t_s, y)


@given(series())
def test_thinning_hides_no_excursion(line):
    kept = thin(line.t_s, line.values, SPAN_S)
    column = np.floor(line.t_s * (WIDTH / SPAN_S))
    for here in np.unique(column):
        every, drawn = line.values[column == here], line.values[kept][column[kept] == here]
        assert drawn.min() == every.min()
        assert drawn.max() == every.max()


@given(series())
def test_thinning_keeps_order_and_at_most_four_samples_a_column(line):
    kept = thin(line.t_s, line.values, SPAN_S)
    assert (np.diff(kept) > 0).all()
    assert np.bincount(np.floor(line.t_s[kept] * (WIDTH / SPAN_S)).astype(int)).max() <= 4


@given(series(values=st.sampled_from([np.nan, 50.0, -50.0])))
def test_samples_that_nobody_knows_hide_no_excursion(line):
    known = line.values[np.isfinite(line.values)]
    scale = Scale(-100.0, 100.0)
    path = line_path(line, scale, SPAN_S)
    drawn = [float(y) for _, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]
    if len(known):
        assert min(drawn) == pytest.approx(scale.y(known.max()), abs=TENTH)
        assert max(drawn) == pytest.approx(scale.y(known.min()), abs=TENTH)
    else:
        assert path == ""


@given(arrays.arrays(np.float64, st.integers(0, 20), elements=finite), st.booleans())
def test_a_scale_holds_every_value_and_its_ticks_lie_on_it(values, zero):
    scale = Scale.over(values, zero=zero)
    assert all(-1e-6 <= scale.y(value) <= 100.0 + 1e-6 for value in values)
    assert scale.low < scale.high
    assert all(-1e-6 <= y <= 100.0 + 1e-6 for y, _ in scale.ticks())
    assert not zero or scale.low <= 0.0


def test_a_flat_series_has_a_scale_without_invented_digits():
    assert [text for _, text in Scale.over([10.0, 10.0]).ticks(2)] == ["10", "10.5", "11"]


@given(st.floats(1.0, 366 * 86_400.0))
def test_the_time_axis_has_a_few_ticks_from_zero_on(span_s):
    ticks = time_ticks(span_s)
    assert ticks[0] == (0.0, "0")
    assert len(ticks) <= 10
    assert ticks[-1][0] <= 100.0


def test_the_shortest_outage_is_still_a_visible_bar():
    (bar,) = bars([Span(500.0, 500.001, "hung")], {"hung": "bad"}, 10 * SPAN_S)
    assert bar.width > 0.1
    assert bar.words == "hung, 00:08:20 to 00:08:20"


def test_words_of_limits_close_to_one_another_stand_side_by_side():
    high, low, far = stagger([(75.0, "b"), (80.0, "a"), (10.0, "c")], Scale(0.0, 100.0), 150)
    assert (high.label, low.label, far.label) == ("a", "b", "c")
    assert high.right != low.right
    assert far.right == 0.0


def test_the_rate_of_a_counter_is_its_mean_over_each_interval():
    rate = Series.of([(0.0, 0.0), (10.0, 50.0), (10.0, 50.0), (30.0, 70.0)]).rate(1.0)
    assert rate.t_s.tolist() == [0.0, 10.0, 10.0, 30.0]
    assert rate.values.tolist() == [5.0, 5.0, 1.0, 1.0]


@given(st.integers(2, 200), st.floats(-30.0, 30.0), st.floats(-180.0, 180.0))
def test_a_line_over_the_date_line_goes_on_at_the_other_edge(count, step_deg, start_deg):
    longitude = (start_deg + step_deg * np.arange(count) + 180.0) % 360.0 - 180.0
    for run in path_over(np.zeros(count), longitude).split("M")[1:]:
        x = np.array([float(point.split(",")[0]) for point in run.split()])
        assert (np.abs(np.diff(x)) <= abs(10.0 * step_deg) + 1.0).all()
        assert x.min() >= 0.0
        assert x.max() <= 3600.0
