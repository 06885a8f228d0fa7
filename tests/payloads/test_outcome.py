import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from firmware_bridge.faults import Outcome
from payloads.outcome import compare, decision

SCORES = arrays(np.float32, (1, 4), elements=st.floats(-100, 100, width=32))
GOLDEN = [np.array([[1.0, 3.0, 2.0]], np.float32), np.array([[0.25]], np.float32)]


def altered(output, place, value):
    outputs = [array.copy() for array in GOLDEN]
    outputs[output][0, place] = value
    return outputs


@given(SCORES)
def test_the_golden_answer_is_masked(scores):
    assert compare([scores], [scores.copy()]) is Outcome.MASKED


@given(SCORES, SCORES)
def test_another_top_1_and_only_that_is_critical(golden, corrupted):
    changed = np.argmax(golden) != np.argmax(corrupted)
    assert (compare([golden], [corrupted]) is Outcome.CRITICAL) == changed


@pytest.mark.parametrize(
    ("corrupted", "outcome"),
    [
        (altered(0, 2, 2.5), Outcome.SDC),
        (altered(1, 0, 0.26), Outcome.SDC),
        (altered(0, 0, 9.0), Outcome.CRITICAL),
        (altered(0, 0, np.nan), Outcome.DUE),
        (altered(0, 1, np.inf), Outcome.DUE),
        (altered(1, 0, -np.inf), Outcome.DUE),
        ([GOLDEN[0], np.zeros((0, 1), np.float32)], Outcome.SDC),
    ],
)
def test_an_outcome_follows_from_the_numbers(corrupted, outcome):
    assert compare(GOLDEN, corrupted) is outcome


def test_the_sign_of_a_zero_is_a_change():
    zero = np.zeros((1, 2), np.float32)
    assert compare([zero], [-zero]) is Outcome.SDC


def test_what_the_golden_answer_lacks_cannot_be_lost():
    infinite = np.array([-np.inf, 1.0, np.nan])
    assert compare([infinite], [infinite.copy()]) is Outcome.MASKED


def test_texts_are_compared_by_what_they_say():
    words = np.array(["sea", "land"], object)
    assert compare([words], [np.array(["se" + "a", "land"], object)]) is Outcome.MASKED
    assert compare([words], [np.array(["sea", "sand"], object)]) is Outcome.SDC


@pytest.mark.parametrize(
    ("scores", "top"),
    [
        (np.array([0.1, 0.9]), 1),
        (np.array([[5, 5, 1]], np.int8), 0),
        (np.array([[0.5]]), None),
        (np.zeros((2, 3)), None),
        (np.zeros((1, 3, 4, 4)), None),
        (np.array([np.nan, 1.0]), None),
        (np.array(["a", "b"], object), None),
        (np.array(3.0), None),
    ],
)
def test_only_class_scores_decide(scores, top):
    assert decision([scores]) == top
