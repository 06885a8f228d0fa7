from hypothesis import given
from hypothesis import strategies as st

from rigs.clock import VirtualClock
from rigs.timeline import Timeline


def drain(timeline):
    return list(iter(lambda: timeline.pop(float("inf")), None))


@given(st.lists(st.floats(0.0, 10.0)))
def test_events_come_in_order_of_time_and_ties_in_order_of_posting(times):
    timeline = Timeline(VirtualClock())
    for serial, t_s in enumerate(times):
        timeline.post(serial, t_s)
    expected = sorted((t_s, serial) for serial, t_s in enumerate(times))
    assert drain(timeline) == expected


def test_an_event_without_a_time_is_for_this_moment():
    clock = VirtualClock()
    timeline = Timeline(clock)
    clock.wait_until(7.0)
    timeline.post("now")
    assert timeline.pop(10.0) == (7.0, "now")


def test_an_event_without_a_time_never_comes_before_what_was_settled():
    timeline = Timeline(VirtualClock())
    assert timeline.settle(5.0) == 5.0
    timeline.post("from another thread")
    assert timeline.pop(10.0) == (5.0, "from another thread")


def test_settling_stops_at_the_next_event():
    timeline = Timeline(VirtualClock())
    timeline.post("early", 2.0)
    assert timeline.settle(5.0) == 2.0


def test_nothing_is_taken_beyond_the_asked_time():
    timeline = Timeline(VirtualClock())
    timeline.post("late", 9.0)
    assert timeline.pop(8.0) is None
    assert timeline.due_s(8.0) == 8.0
    assert timeline.due_s(10.0) == 9.0
