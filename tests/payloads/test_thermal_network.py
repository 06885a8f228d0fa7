"""What must hold for any network of nodes at any step, and what other integrators say of it."""

from itertools import pairwise

import numpy as np
import pytest
from heat import Warmed, logs, scipy_kelvin, settled_k, warmed_networks
from hypothesis import given, settings
from hypothesis import strategies as st

from payloads.heat_history import Stretches, along
from payloads.heat_network import HeatNetwork, Link, Node
from payloads.thermal import STEFAN_BOLTZMANN, Die, Radiator, Spreader, Structure, ThermalStar

COMPOSES_K = 1e-6  # promised: coupled radiative nodes
CLOSES = 1e-9  # promised: of the energy that is stored or passes through
ROUNDING_K = 1e-9  # a hundred operations at 2000 K

MILLISECOND_S, HOUR_S = 1e-3, 3600.0
steps_s = logs(MILLISECOND_S, HOUR_S)
GAUSS_X, GAUSS_WEIGHT = np.polynomial.legendre.leggauss(16)


@settings(max_examples=60, deadline=None)
@given(warmed_networks(), steps_s, st.floats(0.0, 1.0))
def test_two_steps_equal_one_at_any_length(warmed, dt_s, share):
    whole = warmed.step(dt_s)
    parts = warmed.after(share * dt_s).step(dt_s - share * dt_s)
    assert np.abs(np.subtract(whole, parts)).max() < COMPOSES_K


@settings(max_examples=60, deadline=None)
@given(warmed_networks(), steps_s)
def test_no_temperature_leaves_what_its_surroundings_and_powers_allow(warmed, dt_s):
    # Heat flows down: a network that settles at T under more power than it ever gets stays
    # below T, or as far above it as it started (T + c is too warm to settle, so it cools).
    most_w = [max(w, w + s * dt_s) for w, s in zip(warmed.watts, warmed.slopes_w_s, strict=True)]
    least_w = [min(w, w + s * dt_s) for w, s in zip(warmed.watts, warmed.slopes_w_s, strict=True)]
    start, end = np.array(warmed.kelvin), np.array(warmed.step(dt_s))
    above, below = settled_k(warmed, most_w), settled_k(warmed, least_w)
    assert (end <= above + max((start - above).max(), 0.0) + COMPOSES_K).all()
    assert (end >= below - max((below - start).max(), 0.0) - COMPOSES_K).all()
    sinks_k = [node.sink_k for node in warmed.network.nodes]
    assert end.min() >= min(*start, *sinks_k) - COMPOSES_K


@settings(max_examples=40, deadline=None)
@given(warmed_networks(), steps_s)
def test_energy_in_is_stored_or_radiated(warmed, dt_s):
    # Radiated energy by Gauss-Legendre quadrature of the temperatures in between, 16 points
    # in each sub-step: it knows nothing of how the temperatures came about.
    network = warmed.network
    pieces = network.pieces(warmed.kelvin, warmed.watts, warmed.slopes_w_s, dt_s)
    edges_s = np.array([piece.at_s for piece in pieces])
    half_s = 0.5 * np.diff(edges_s)
    moments_s = (edges_s[:-1] + half_s)[:, None] + half_s[:, None] * GAUSS_X
    kelvin = along(network, stretch(warmed), moments_s.ravel())
    radiated_w = sum(
        node.w_per_k4 * (kelvin[:, i] ** 4 - node.sink_k**4) for i, node in enumerate(network.nodes)
    ).reshape(moments_s.shape)
    radiated_j = float((radiated_w @ GAUSS_WEIGHT) @ half_s)
    taken_j = sum(w + 0.5 * s * dt_s for w, s in zip(warmed.watts, warmed.slopes_w_s, strict=True))
    taken_j *= dt_s
    capacity = np.array([node.capacity_j_per_k for node in network.nodes])
    stored_j = float(capacity @ np.subtract(warmed.step(dt_s), warmed.kelvin))
    held_j = float(capacity @ np.maximum(warmed.kelvin, warmed.step(dt_s)))
    assert abs(taken_j - stored_j - radiated_j) < CLOSES * max(held_j, taken_j)


@settings(max_examples=25, deadline=None)
@given(warmed_networks(), steps_s)
def test_an_implicit_integrator_of_scipy_finds_the_same(warmed, dt_s):
    assert np.abs(warmed.step(dt_s) - scipy_kelvin(warmed, dt_s)).max() < COMPOSES_K


def stretch(warmed):
    return Stretches(
        np.array([0.0]),
        np.array([warmed.kelvin]),
        np.array([warmed.watts]),
        np.array([warmed.slopes_w_s]),
    )


@settings(max_examples=40, deadline=None)
@given(warmed_networks(), steps_s, st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5))
def test_the_history_of_one_step_says_what_shorter_steps_say(warmed, dt_s, shares):
    moments_s = dt_s * np.array([*shares, 1.0])
    history = along(warmed.network, stretch(warmed), moments_s)
    steps = [warmed.step(float(t_s)) for t_s in moments_s]
    assert np.abs(history - steps).max() < COMPOSES_K


def test_a_history_of_many_stretches_is_read_at_every_second():
    chance = np.random.default_rng(4)
    star = ThermalStar((Die(19.1, 16.0),), Radiator(0.03, 0.85, 0.2, 2000.0, (0.0, 0.0, 1.0)))
    lengths_s = np.where(np.arange(100) % 20 == 7, 3600.0, chance.uniform(0.01, 60.0, 100))
    starts_s = np.cumsum(lengths_s)
    state, rows = [290.0, 285.0], []
    for start_s, end_s in pairwise(starts_s):
        die_w, heat_w, slope = chance.uniform((2.0, 5.0, 0.0), (5.0, 20.0, 0.02))
        rows.append((start_s, state, star.by_node([die_w], heat_w), star.by_node([0.0], slope)))
        state = star.step(state, [die_w], heat_w, slope, end_s - start_s)
    history = Stretches(*(np.array(column) for column in zip(*rows, strict=True)))
    seconds = np.arange(np.ceil(starts_s[0]), starts_s[-1])
    kelvin = star.along(history, seconds)
    for second, row in zip(seconds[::17], kelvin[::17], strict=True):
        start_s, at, watts, slopes = rows[np.searchsorted(starts_s, second, side="right") - 1]
        ours = star.step(at, watts[:1], watts[1], slopes[1], second - start_s)
        assert row == pytest.approx(ours, abs=COMPOSES_K)
    assert star.along(history, starts_s[-1:])[0] == pytest.approx(state, abs=COMPOSES_K)


def test_a_history_knows_nothing_of_the_time_before_it():
    warmed = Warmed(HeatNetwork([Node(10.0, 1e-9)], []), [300.0], [0.0], [0.0])
    with pytest.raises(ValueError, match=r"before the history's 0\.0 s"):
        along(warmed.network, stretch(warmed), np.array([-1.0]))
    assert along(warmed.network, stretch(warmed), np.array([])).shape == (0, 1)


@settings(max_examples=60, deadline=None)
@given(logs(3.0, 2000.0), logs(3.0, 2000.0), st.floats(0.0, 60.0), st.floats(0.0, 60.0), steps_s)
def test_the_pair_by_hand_is_the_network_of_two(die_k, radiator_k, die_w, heat_w, dt_s):
    radiator = Radiator(0.06, 0.85, 0.2, 1500.0, (0.0, 0.0, -1.0), sides=2, sink_k=200.0)
    star = ThermalStar((Die(19.1, 16.0),), radiator)
    by_hand = star.step([die_k, radiator_k], [die_w], heat_w, 0.01, dt_s)
    general = star.network.step([die_k, radiator_k], [die_w, heat_w], [0.0, 0.01], dt_s)
    assert by_hand == pytest.approx(general, abs=COMPOSES_K)


def test_conduction_alone_evens_out_and_keeps_its_heat():
    # no radiation at all: the closed form of two capacities and one conductance
    network = HeatNetwork([Node(100.0), Node(300.0)], [Link(0, 1, 2.0)])
    rate = 2.0 * (1.0 / 100.0 + 1.0 / 300.0)
    for dt_s in (1e-3, 7.0, 60.0, 3600.0):
        warm, cool = network.step([400.0, 200.0], [0.0, 0.0], [0.0, 0.0], dt_s)
        assert warm - cool == pytest.approx(200.0 * np.exp(-rate * dt_s), abs=ROUNDING_K)
        assert 100.0 * warm + 300.0 * cool == pytest.approx(100_000.0, rel=1e-14)


def test_a_node_by_itself_warms_along_its_ramp():
    network = HeatNetwork([Node(50.0)], [])
    (kelvin,) = network.step([300.0], [4.0], [0.2], 100.0)
    assert kelvin == pytest.approx(300.0 + (400.0 + 0.1 * 100.0**2) / 50.0, abs=ROUNDING_K)


def test_temperatures_stand_in_the_order_dies_spreaders_structure_radiator():
    radiator = Radiator(0.06, 0.85, 0.2, 1500.0, (0.0, 0.0, -1.0))
    spread = Die(20.0, 5.0, Spreader(80.0, 2.0))
    star = ThermalStar((Die(19.1, 16.0), spread), radiator, Structure(5000.0, 4.0, 0.0, 0.8, 0.2))
    assert star.nodes == 5
    die_k, hot_k, spreader_k, structure_k, radiator_k = star.step(
        [290.0] * 5, [1.0, 3.0], 10.0, 0.0, 1e6, structure_w=8.0
    )
    settled = (22.0 / (0.85 * 0.06 * STEFAN_BOLTZMANN)) ** 0.25
    assert radiator_k == pytest.approx(settled, abs=COMPOSES_K)
    assert die_k - radiator_k == pytest.approx(16.0)
    assert spreader_k - radiator_k == pytest.approx(3.0 * 2.0)
    assert hot_k - spreader_k == pytest.approx(3.0 * 5.0)
    assert structure_k - radiator_k == pytest.approx(8.0 / 4.0)


def test_a_structure_radiates_by_itself():
    radiator = Radiator(0.06, 0.85, 0.2, 1500.0, (0.0, 0.0, -1.0))
    star = ThermalStar((Die(19.1, 16.0),), radiator, Structure(5000.0, 4.0, 0.5, 0.8, 0.2))
    _, structure_k, radiator_k = star.step([290.0] * 3, [1.0], 10.0, 0.0, 1e6, structure_w=30.0)
    radiated_w = STEFAN_BOLTZMANN * (0.8 * 0.5 * structure_k**4 + 0.85 * 0.06 * radiator_k**4)
    assert radiated_w == pytest.approx(41.0, rel=CLOSES)
    assert 30.0 - 0.8 * 0.5 * STEFAN_BOLTZMANN * structure_k**4 == pytest.approx(
        4.0 * (structure_k - radiator_k), rel=1e-7
    )


def test_heat_for_a_structure_that_is_not_there_is_refused():
    star = ThermalStar((Die(19.1, 16.0),), Radiator(0.06, 0.85, 0.2, 1500.0, (0.0, 0.0, -1.0)))
    with pytest.raises(ValueError, match="no structure to go to"):
        star.step([290.0, 290.0], [1.0], 10.0, 0.0, 60.0, structure_w=5.0)


@pytest.mark.parametrize(
    ("nodes", "links", "words"),
    [
        ([Node(1.0)], [Link(0, 0, 1.0)], "must join two"),
        ([Node(1.0), Node(1.0)], [Link(0, 2, 1.0)], "must join two"),
        ([Node(1.0), Node(1.0)], [Link(0, 1, 0.0)], "above 0 W/K"),
    ],
)
def test_a_link_that_joins_nothing_is_refused(nodes, links, words):
    with pytest.raises(ValueError, match=words):
        HeatNetwork(nodes, links)


@pytest.mark.parametrize("numbers", [(0.0,), (1.0, -1.0), (1.0, 1.0, -3.0), (float("nan"),)])
def test_a_node_of_impossible_numbers_is_refused(numbers):
    with pytest.raises(ValueError, match="capacity above 0"):
        Node(*numbers)
