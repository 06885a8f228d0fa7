import math
import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from groundlink.contacts import Contact

ROUNDING = 1e-12  # relative: a handful of operations in double precision
A_BIT = 1e-3  # absolute: double precision holds 10^9 bits to 10^-7, and 10^5 s to 10^-11

rates_bps = st.floats(1.0, 1e8)


@st.composite
def contacts(draw):
    """A contact of 600 s at some mission time, with up to eight rate steps."""
    aos_s = draw(st.floats(0.0, 1e5))
    offsets_s = draw(st.lists(st.floats(0.0, 599.0), max_size=8, unique=True))
    times_s = sorted({aos_s + offset_s for offset_s in offsets_s})
    steps = tuple((t_s, draw(rates_bps)) for t_s in times_s)
    return Contact("svalbard", aos_s, aos_s + 600.0, draw(rates_bps), rates=steps)


def exact_bits(contact, a_s, b_s):
    """Integrate the step rate in exact fractions, piece by piece."""
    inside = [t_s for t_s, _ in contact.rates if a_s < t_s < b_s]
    pieces = pairwise([a_s, *inside, b_s])
    return sum((Fraction(b) - Fraction(a)) * Fraction(contact.rate_at(a)) for a, b in pieces)


def test_a_contact_ends_after_it_begins():
    with pytest.raises(ValueError, match=r"los_s = 580\.0 and aos_s = 600\.0"):
        Contact("svalbard", 600.0, 580.0, 9600.0)


@pytest.mark.parametrize("rate_bps", [0.0, -1.0, math.nan, math.inf])
def test_a_contact_has_a_positive_rate(rate_bps):
    with pytest.raises(ValueError, match="positive number of bits"):
        Contact("svalbard", 0.0, 1.0, rate_bps)
    with pytest.raises(ValueError, match=r"rates\[0\].*positive number of bits"):
        Contact("svalbard", 0.0, 1.0, 9600.0, rates=((0.5, rate_bps),))


@pytest.mark.parametrize("times", [(math.nan, 1.0), (0.0, math.nan), (0.0, math.inf)])
def test_a_contact_has_times(times):
    with pytest.raises(ValueError, match="aos_s < los_s"):
        Contact("svalbard", *times, 9600.0)


@pytest.mark.parametrize("t_s", [-1.0, 600.0, math.nan])
def test_a_rate_steps_within_its_contact(t_s):
    with pytest.raises(ValueError, match=r"rates\[0\] at .* s; a step lies in its contact"):
        Contact("svalbard", 0.0, 600.0, 9600.0, rates=((t_s, 1200.0),))


@pytest.mark.parametrize("name", ["rates", "light"])
@pytest.mark.parametrize("times_s", [(20.0, 10.0), (10.0, 10.0)])
def test_knots_rise(name, times_s):
    with pytest.raises(ValueError, match=rf"{name}\[1\] at 10\.0 s, after .* must rise"):
        Contact("svalbard", 0.0, 600.0, 9600.0, **{name: tuple((t_s, 1.0) for t_s in times_s)})


@pytest.mark.parametrize("knot", [(0.0, -1e-3), (0.0, math.nan), (0.0, math.inf), (math.nan, 0.0)])
def test_a_light_time_is_a_time(knot):
    with pytest.raises(ValueError, match=r"light\[0\]"):
        Contact("svalbard", 0.0, 600.0, 9600.0, light=(knot,))


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_frame_loss_is_a_share(share):
    with pytest.raises(ValueError, match="a share lies in"):
        Contact("svalbard", 0.0, 600.0, 9600.0, frame_loss=share)


def test_the_rate_steps_at_its_knots_and_holds_after_the_last():
    contact = Contact("svalbard", 0.0, 600.0, 9600.0, rates=((100.0, 4800.0), (200.0, 1200.0)))
    times_s = (-1.0, 0.0, 99.9, 100.0, 199.9, 200.0, 1e6)
    rates = [contact.rate_at(t_s) for t_s in times_s]
    assert rates == [9600.0, 9600.0, 9600.0, 4800.0, 4800.0, 1200.0, 1200.0]


@given(contacts(), st.floats(-100.0, 900.0), st.floats(0.0, 1000.0))
def test_bits_are_the_integral_of_the_rate(contact, offset_s, length_s):
    a_s = contact.aos_s + offset_s
    b_s = a_s + length_s
    expected = float(exact_bits(contact, a_s, b_s))
    assert contact.bits_between(a_s, b_s) == pytest.approx(expected, rel=ROUNDING, abs=A_BIT)


@given(contacts(), st.floats(-100.0, 900.0), st.floats(0.0, 1e6))
def test_a_number_of_bits_takes_the_time_in_which_they_pass(contact, offset_s, bits):
    t_s = contact.aos_s + offset_s
    end_s = contact.ends_s(t_s, bits)
    fastest_bps = max([contact.rate_bps, *(rate_bps for _, rate_bps in contact.rates)])
    rounding_s = 4 * math.ulp(max(abs(t_s), end_s))
    assert contact.bits_between(t_s, end_s) == pytest.approx(
        bits, rel=ROUNDING, abs=A_BIT + fastest_bps * rounding_s
    )


@given(contacts(), st.lists(st.integers(8, 8920), min_size=1, max_size=30))
def test_frames_one_after_another_take_as_long_as_all_at_once(contact, frames_bits):
    one_by_one_s = contact.aos_s
    for bits in frames_bits:
        one_by_one_s = contact.ends_s(one_by_one_s, bits)
    at_once_s = contact.ends_s(contact.aos_s, sum(frames_bits))
    assert one_by_one_s == pytest.approx(at_once_s, rel=ROUNDING, abs=1e-6)


@given(st.integers(0, 10_000))
def test_at_one_rate_a_deadline_is_one_quotient_and_one_sum(frames):
    contact = Contact("svalbard", 1000.1, 1600.1, 9600.0)
    assert contact.ends_s(1000.1, 8920 * frames) == 1000.1 + 8920 * frames / 9600.0


def test_a_pass_of_600_s_at_9600_bps_carries_720_kB():
    contact = Contact("svalbard", 0.0, 600.0, 9600.0)
    assert contact.capacity_bits() / 8 == 720_000
    assert contact.capacity_bits(acquisition_s=60.0) / 8 == 648_000
    assert contact.capacity_bits(acquisition_s=601.0) == 0.0


def test_a_stepped_pass_carries_what_its_steps_do():
    contact = Contact("svalbard", 0.0, 600.0, 9600.0, rates=((100.0, 4800.0), (500.0, 9600.0)))
    assert contact.capacity_bits() == 100 * 9600 + 400 * 4800 + 100 * 9600
    assert contact.capacity_bits(acquisition_s=150.0) == 350 * 4800 + 100 * 9600


def test_a_light_time_that_is_not_known_is_the_link_s_own():
    assert Contact("svalbard", 0.0, 600.0, 9600.0).light_time_s(300.0, otherwise=0.12) == 0.12


@given(
    st.dictionaries(st.floats(0.0, 600.0), st.floats(0.0, 2.0), min_size=1, max_size=6),
    st.floats(-100.0, 700.0),
)
def test_light_time_is_linear_between_its_knots(knots, t_s):
    times_s = sorted(knots)
    light = tuple((time_s, knots[time_s]) for time_s in times_s)
    assume(all(far_s - near_s > a_s - b_s for (a_s, near_s), (b_s, far_s) in pairwise(light)))
    contact = Contact("svalbard", 0.0, 600.0, 9600.0, light=light)
    expected_s = np.interp(t_s, times_s, [knots[time_s] for time_s in times_s])
    assert contact.light_time_s(t_s, 9.9) == pytest.approx(expected_s, rel=1e-9, abs=1e-9)


def test_nothing_approaches_as_fast_as_light():
    with pytest.raises(ValueError, match=r"light that falls from 3.0 s to 1.0 s within 2.0 s"):
        Contact("svalbard", 0.0, 600.0, 9600.0, light=((100.0, 3.0), (102.0, 1.0)))


@given(contacts())
def test_a_contact_that_was_written_and_read_is_the_same(contact):
    copy = pickle.loads(pickle.dumps(contact))
    assert copy == contact
    assert hash(copy) == hash(contact)


def test_contacts_that_differ_in_a_step_differ():
    rates = ((100.0, 4800.0),)
    stepped = Contact("svalbard", 0.0, 600.0, 9600.0, rates=rates)
    assert stepped != Contact("svalbard", 0.0, 600.0, 9600.0)
