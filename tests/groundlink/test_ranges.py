"""A set of numbers in ranges, against Python's own set."""

from hypothesis import given
from hypothesis import strategies as st

from groundlink.ranges import Ranges


@given(st.lists(st.integers(0, 40), max_size=60))
def test_it_holds_what_was_added_in_as_few_ranges_as_there_are(numbers):
    ranges, plain = Ranges(), set()
    for number in numbers:
        ranges.add(number)
        plain.add(number)
        assert len(ranges) == sum(n - 1 not in plain for n in plain)
    assert {n for n in range(-1, 42) if n in ranges} == plain


def test_what_comes_in_order_takes_no_room():
    ranges = Ranges()
    for number in range(100_000):
        ranges.add(number)
    assert len(ranges) == 1
