"""Reminders, against a plain dictionary that is sorted anew each time."""

import math

from hypothesis import given
from hypothesis import strategies as st

from groundlink.reminders import Reminders

SUBJECTS = st.sampled_from("abcdef")
TIMES = st.floats(0.0, 100.0)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), SUBJECTS, TIMES),
        st.tuples(st.just("clear"), SUBJECTS, st.just(0.0)),
        st.tuples(st.just("take"), st.just(""), TIMES),
    ),
    max_size=60,
)


@given(STEPS)
def test_subjects_come_due_in_the_order_of_their_latest_deadlines(steps):
    reminders, plain = Reminders(), {}
    for step, subject, t_s in steps:
        if step == "set":
            reminders.set(subject, t_s)
            plain.pop(subject, None)
            plain[subject] = t_s
        elif step == "clear":
            reminders.clear(subject)
            plain.pop(subject, None)
        else:
            due = sorted((s for s in plain if plain[s] <= t_s), key=plain.get)
            assert reminders.take_due(t_s) == due
            for taken in due:
                del plain[taken]
        assert reminders.next_s == min(plain.values(), default=math.inf)
    assert reminders.take_all() == sorted(plain, key=plain.get)
    assert reminders.next_s == math.inf
