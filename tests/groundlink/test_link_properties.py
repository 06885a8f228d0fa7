"""Whatever happens to the link, its accounts close at every moment, and agree with ours."""

import math
from bisect import bisect_right
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links import LinkFlight

from groundlink.accounts import ContactAccount
from groundlink.channel import Bursts
from groundlink.contacts import Contact, WindowAction, WindowInjected
from groundlink.events import (
    CommandReleased,
    Dropped,
    LinkChanged,
    LinkState,
    Transmit,
    TransmitterPower,
)
from groundlink.messages import MessageKind
from groundlink.rules import ClassRules, DropPolicy
from groundlink.store import DropReason

HORIZON_S = 300.0
ROUNDING = 1e-9  # relative: a deadline is one quotient and one sum
TIMES = st.floats(0.0, HORIZON_S)
DURATIONS = st.floats(0.01, 100.0)
RATES = st.sampled_from((1200.0, 9600.0, 64_000.0))


@st.composite
def contacts(draw):
    """Return a contact with steps of its rate, and a range that changes as slowly as ranges do."""
    aos_s, duration_s = draw(TIMES), draw(DURATIONS)
    los_s = aos_s + duration_s
    shares = draw(st.lists(st.floats(0.05, 0.95), max_size=3, unique=True))
    steps = sorted({aos_s + share * duration_s for share in shares})
    light = draw(st.sampled_from((None, 0.004, 0.12, 1.3)))
    drift = draw(st.floats(-1e-5, 1e-5))  # 3 km/s
    return Contact(
        draw(st.sampled_from("abc")),
        aos_s,
        los_s,
        draw(RATES),
        rates=tuple((t_s, draw(RATES)) for t_s in steps if aos_s < t_s < los_s),
        light=() if light is None else ((aos_s, light), (los_s, light + drift * duration_s)),
    )


CLASSES = st.builds(
    ClassRules,
    st.integers(0, 7),
    st.sampled_from((math.inf, 5.0, 60.0)),
    st.sampled_from(DropPolicy),
    st.booleans(),
)
TROUBLE = st.one_of(
    st.builds(TransmitterPower, st.booleans()),
    st.builds(
        WindowInjected,
        st.just(WindowAction.CUT),
        st.floats(0.1, 50.0),
        st.sampled_from((None, "a", "b")),
    ),
    st.builds(
        WindowInjected,
        st.just(WindowAction.OPEN),
        st.floats(0.1, 50.0),
        st.sampled_from((None, "a")),
        st.sampled_from((None, 2400.0)),
        st.sampled_from((None, 0.0, 0.5)),
    ),
)
LINKS = st.fixed_dictionaries(
    {
        "frame_bytes": st.sampled_from((128, 256, 1115)),
        "capacity_bytes": st.sampled_from((3_000, 20_000, 2**20)),
        "bit_error_rate": st.sampled_from((0.0, 1e-4)),
        "frame_loss": st.sampled_from((0.0, 0.1)),
        "bursts": st.sampled_from((None, Bursts(20.0, 2.0, 0.01))),
        "uplink_error_rate": st.sampled_from((0.0, 1e-4)),
        "uplink_loss": st.sampled_from((0.0, 0.2)),
        "seed": st.integers(0, 3),
        "classes": st.fixed_dictionaries({}, optional={k.value: CLASSES for k in MessageKind}),
        "reports": st.booleans(),
        "acquisition_s": st.sampled_from((0.0, 3.0, 40.0)),
        "half_duplex": st.booleans(),
        "turnaround_s": st.sampled_from((0.0, 0.2)),
        "light_time_s": st.sampled_from((0.0, 0.004, 1.3)),
    }
)
MESSAGES = st.lists(
    st.tuples(
        TIMES,
        st.integers(0, 4000),
        st.sampled_from((MessageKind.TELEMETRY, MessageKind.EVENT, MessageKind.PRODUCT)),
        st.sampled_from(("obc", "pi")),
    ),
    max_size=40,
)
PRIORITIES = st.lists(st.tuples(TIMES, st.sampled_from(MessageKind), st.integers(0, 7)), max_size=4)


def agree(flight):
    """Compare the session's accounts with what was seen to go in and to come out."""
    flight.session.check()
    counts = flight.session.counts
    fates = Counter(dropped.reason for dropped in flight.of(Dropped))
    expired = fates.pop(DropReason.EXPIRED, 0)
    dropped = fates.pop(DropReason.STORE_FULL, 0)
    lost = sum(fates.values())
    whole = [received.message for received in flight.received]
    assert counts.messages.generated == len(flight.offered)
    assert counts.messages.delivered == len(whole) == len({message.key for message in whole})
    assert (counts.messages.expired, counts.messages.dropped) == (expired, dropped)
    assert counts.messages.lost == lost
    assert counts.messages.queued == len(flight.offered) - len(whole) - expired - dropped - lost
    assert counts.downlinked_bytes == sum(len(message.body) for message in whole)
    assert set(whole) <= set(flight.offered)


@settings(deadline=None)
@given(
    LINKS,
    st.lists(contacts(), max_size=6),
    MESSAGES,
    st.lists(st.tuples(TIMES, TROUBLE), max_size=8),
    st.lists(TIMES, max_size=4),
    PRIORITIES,
    st.floats(0.0, 2.0 * HORIZON_S),
)
def test_whatever_happens_the_accounts_close_at_every_moment(
    link, plan, messages, trouble, commands, priorities, until_s
):
    flight = LinkFlight(**link)
    for contact in plan:
        flight.plan(contact)
    for t_s, body_bytes, kind, source in messages:
        flight.say(t_s, body_bytes, kind, source)
    for t_s, event in trouble:
        flight.at(t_s, event)
    for number, t_s in enumerate(commands):
        flight.order(t_s, f"model-{number}")
    for t_s, kind, priority in priorities:
        flight.at(t_s, lambda _, k=kind, p=priority: flight.session.set_priority("pi", k, p))
    flight.watch = agree
    flight.fly(until_s)
    flight.perform(until_s, flight.session.finish(until_s))
    agree(flight)
    windows = windows_of(flight, until_s)
    for received in flight.received:
        assert any(is_within(received, window, link["light_time_s"]) for window in windows)
    for account in flight.of(ContactAccount):
        assert account.bits <= account.capacity_bits * (1.0 + ROUNDING) + 1.0
    for contact in plan:
        used = [(a, b) for c, a, b in windows if c == (contact.station, contact.los_s)]
        carried = sum(bits_left_in(flight, contact, a, b, link["light_time_s"]) for a, b in used)
        assert carried <= integral(plan, contact, used) * (1.0 + ROUNDING) + 1.0
    if not link["uplink_error_rate"] and not link["uplink_loss"]:
        names = [released.command.model for released in flight.of(CommandReleased)]
        first = list(dict.fromkeys(names))
        asked = [f"model-{n}" for n, _ in sorted(enumerate(commands), key=lambda c: c[1])]
        assert first == [name for name in asked if name in first]  # carried out in order


def windows_of(flight, until_s):
    """Return when each contact was heard, by what the link itself announced."""
    changes = [(t_s, a) for t_s, a in flight.log if isinstance(a, LinkChanged)]
    ends = [*(t_s for t_s, _ in changes), until_s][1:]
    return [
        ((change.station, change.until_s), t_s, end_s)
        for (t_s, change), end_s in zip(changes, ends, strict=False)
        if change.state is LinkState.AOS
    ]


def is_within(received, window, light_time_s):
    """Return whether a receipt lies in [AOS + light time, LOS + light time] of a window."""
    (station, _), aos_s, los_s = window
    light = [light_time_s, 0.004, 0.12, 1.3]
    slack_s = 1e-5 * 100.0 + 1e-6  # what a range may drift in the longest contact
    return station == received.station and any(
        aos_s + light_s - slack_s <= received.received_s <= los_s + light_s + slack_s
        for light_s in light
    )


def bits_left_in(flight, contact, a_s, b_s, light_time_s):
    """Return the bits of frames that came out of the link, of those that left within a..b."""
    light = contact.light[0][1] if contact.light else light_time_s
    slack_s = 1e-5 * 100.0 + 1e-6
    return sum(
        8 * len(action.frame)
        for t_s, action in flight.log
        if isinstance(action, Transmit)
        and a_s < t_s <= b_s
        and abs(action.arrives_s - t_s - light) <= slack_s
    )


def integral(plan, contact, used):
    """Return the integral of the highest rate that a contact of this station and LOS has."""
    total = 0.0
    for a_s, b_s in used:
        edges = sorted({a_s, b_s, *(t for t, _ in contact.rates if a_s < t < b_s)})
        for left_s, right_s in pairwise(edges):
            middle_s = (left_s + right_s) / 2.0
            step = bisect_right([t for t, _ in contact.rates], middle_s)
            rate_bps = contact.rates[step - 1][1] if step else contact.rate_bps
            total += (right_s - left_s) * rate_bps
    twins = [c for c in plan if (c.station, c.los_s) == (contact.station, contact.los_s)]
    return total if len(twins) == 1 else math.inf


@pytest.mark.parametrize("half_duplex", [False, True])
def test_the_same_seed_flies_the_same_link(half_duplex):
    def fly(seed):
        flight = LinkFlight(
            seed=seed,
            bit_error_rate=1e-4,
            frame_loss=0.01,
            uplink_loss=0.1,
            half_duplex=half_duplex,
            turnaround_s=0.1,
            classes={"prod": ClassRules(3, repeat=True)},
        )
        for k in range(50):
            flight.say(float(k), 3000, MessageKind.PRODUCT)
        flight.order(0.0, "sorter")
        flight.contact(0.0, 1000.0)
        return flight.fly().log

    assert fly(1) == fly(1)
    assert fly(1) != fly(2)
