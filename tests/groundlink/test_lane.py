"""One direction of the link: deadlines are computed from the start of a run, never accumulated."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundlink.contacts import Contact
from groundlink.lane import Lane

LENGTHS = st.lists(st.integers(1, 100_000), min_size=1, max_size=200)
RATES = st.floats(9.6e3, 20e6)


def send(lane, t_s, bits, ends_s):
    leaves_s = lane.leaves_s(t_s, bits, ends_s)
    lane.send("frame", bits, leaves_s, token=0)
    return lane.leave().leaves_s


@given(LENGTHS, RATES, st.floats(0.0, 1e6))
def test_the_last_frame_of_a_run_leaves_when_all_its_bits_have(lengths, rate_bps, start_s):
    contact = Contact("a", 0.0, 1e9, rate_bps)
    lane, t_s = Lane(), start_s
    for bits in lengths:
        t_s = send(lane, t_s, bits, contact.ends_s)
    exact_s = Fraction(start_s) + Fraction(sum(lengths)) / Fraction(rate_bps)
    one_rounding = max(2.0**-52 * t_s, 2.0**-1074)
    assert abs(Fraction(t_s) - exact_s) <= one_rounding


def test_a_lane_that_idled_begins_a_new_run():
    lane, ends_s = Lane(), Contact("a", 0.0, 1e9, 10.0).ends_s
    assert send(lane, 0.0, 10, ends_s) == 1.0
    assert send(lane, 1.0, 10, ends_s) == 2.0
    assert send(lane, 5.0, 10, ends_s) == 6.0


def test_a_frame_begins_when_the_one_before_has_left():
    lane, ends_s = Lane(), Contact("a", 0.0, 1e9, 10.0).ends_s
    send(lane, 3.0, 10, ends_s)
    lane.send("next", 10, lane.leaves_s(4.0, 10, ends_s), token=7)
    assert (lane.air.began_s, lane.air.leaves_s, lane.air.token) == (4.0, 5.0, 7)


def test_what_is_stopped_is_given_back():
    lane, ends_s = Lane(), Contact("a", 0.0, 1e9, 10.0).ends_s
    lane.send("frame", 10, lane.leaves_s(0.0, 10, ends_s), token=0)
    assert lane.stop(0.5).cargo == "frame"
    assert lane.stop(0.6) is None
    assert send(lane, 0.6, 10, ends_s) == 1.6


def test_an_empty_lane_has_nothing_that_could_leave():
    with pytest.raises(ValueError, match="no frame"):
        Lane().leave()
