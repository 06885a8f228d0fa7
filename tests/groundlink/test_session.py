import math
from dataclasses import asdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundlink.contacts import WindowAction, WindowInjected
from groundlink.events import (
    Dropped,
    FrameArrived,
    FrameRefused,
    LinkChanged,
    LinkState,
    ScheduleFrame,
    Transmit,
    TransmitterPower,
)
from groundlink.frames import frame_length
from groundlink.messages import Message, MessageKind
from groundlink.store import DropReason

BODY_BYTES = 100
FRAME_BITS = 8 * frame_length(Message(MessageKind.TELEMETRY, "pi", 0, 0.0, bytes(100), 3), 0)
PRODUCT = MessageKind.PRODUCT
ROUNDING_S = 1e-9  # a deadline is one quotient and one sum


def cut(duration_s, station=None):
    return WindowInjected(WindowAction.CUT, duration_s, station)


def open_window(duration_s, station=None, rate_bps=None):
    return WindowInjected(WindowAction.OPEN, duration_s, station, rate_bps)


def test_nothing_comes_down_without_a_contact(flight):
    log = flight()
    log.say(0.0)
    log.fly()
    assert log.received == []
    assert log.session.counts.backlog_bytes == BODY_BYTES


def test_what_waited_comes_down_at_the_frame_rate_after_aos(flight):
    log = flight()
    for _ in range(5):
        log.say(0.0)
    log.contact(10.0, 100.0, rate_bps=FRAME_BITS)
    log.fly()
    assert [r.received_s for r in log.received] == [11.0, 12.0, 13.0, 14.0, 15.0]


def test_frame_deadlines_do_not_drift(flight):
    log = flight(capacity_bytes=2**22)
    for _ in range(10_000):
        log.say(0.0)
    log.contact(0.1, 1e6, rate_bps=FRAME_BITS / 0.1)
    log.fly()
    assert log.received[-1].received_s == 0.1 + 10_000 * FRAME_BITS / (FRAME_BITS / 0.1)


def test_a_pass_of_600_s_at_9600_bps_moves_720_kb_and_no_more(flight):
    log = flight(capacity_bytes=2**21)
    log.say(0.0, body_bytes=2**20)
    log.contact(0.0, 600.0, rate_bps=9600.0)
    log.fly()
    sent_bytes = sum(len(action.frame) for action in log.of(Transmit))
    assert 720_000 - 1115 < sent_bytes <= 720_000


def test_light_takes_its_time(flight):
    log = flight(light_time_s=1.3)
    log.say(0.0)
    log.contact(0.0, 1.0, rate_bps=FRAME_BITS)
    log.fly()
    assert [r.received_s for r in log.received] == [2.3]


def test_a_frame_that_ends_at_los_gets_through(flight):
    log = flight()
    log.say(0.0)
    log.contact(0.0, 1.0, rate_bps=FRAME_BITS)
    log.fly()
    assert log.session.counts.frames.sent == 1


def test_a_frame_that_cannot_end_before_los_does_not_begin(flight):
    log = flight()
    log.say(0.0)
    log.contact(0.0, 0.999, rate_bps=FRAME_BITS)
    log.fly()
    assert log.session.counts.frames.sent == 0
    assert log.session.counts.messages.queued == 1


def test_a_long_message_goes_on_in_the_next_contact(flight):
    log = flight()
    log.say(0.0, body_bytes=20_000, kind=PRODUCT)
    log.contact(0.0, 10.0)
    log.contact(5000.0, 5015.0, name="b")
    log.fly()
    assert [(r.station, len(r.message.body)) for r in log.received] == [("b", 20_000)]
    assert log.session.counts.frames.resent == 0


def test_a_higher_priority_cuts_in_between_two_frames(flight):
    log = flight()
    log.say(0.0, body_bytes=20_000, kind=PRODUCT, priority=1)
    log.say(5.0, priority=6)
    log.contact(0.0, 100.0)
    log.fly()
    assert [r.message.priority for r in log.received] == [6, 1]


def test_the_station_that_acquired_first_is_used_until_its_los(flight):
    log = flight()
    log.contact(0.0, 10.0, name="a")
    log.contact(5.0, 20.0, name="b")
    log.fly()
    assert [
        (t_s, change.state, change.station)
        for t_s, change in zip(log.times(LinkChanged), log.of(LinkChanged), strict=True)
    ] == [
        (0.0, LinkState.AOS, "a"),
        (10.0, LinkState.AOS, "b"),
        (20.0, LinkState.LOS, None),
    ]


def test_a_brown_out_interrupts_a_frame_which_is_sent_again(flight):
    log = flight()
    log.say(0.0)
    log.contact(0.0, 100.0, rate_bps=FRAME_BITS)
    log.at(0.5, TransmitterPower(False))
    log.at(10.0, TransmitterPower(True))
    log.fly()
    assert [r.received_s for r in log.received] == [11.0]
    assert log.session.counts.frames.resent == 1
    assert log.session.counts.frames.sent == 1


def test_a_cut_contact_comes_back_when_the_cut_is_over(flight):
    log = flight()
    log.say(0.0)
    log.contact(0.0, 100.0, rate_bps=FRAME_BITS)
    log.at(0.5, cut(20.0))
    log.fly()
    assert log.times(LinkChanged) == [0.0, 0.5, 20.5, 100.0]
    assert [r.received_s for r in log.received] == [21.5]


def test_a_cut_of_one_station_leaves_the_other(flight):
    log = flight()
    log.contact(0.0, 100.0, name="a")
    log.contact(0.0, 100.0, name="b")
    log.at(10.0, cut(20.0, "a"))
    log.fly()
    assert [c.station for c in log.of(LinkChanged)] == ["a", "b", None]


def test_a_cut_that_outlasts_its_contact_leaves_it_silent(flight):
    log = flight()
    log.contact(0.0, 10.0)
    log.at(1.0, cut(20.0))
    log.say(2.0)
    log.fly()
    assert log.times(LinkChanged) == [0.0, 1.0]
    assert log.received == []


def test_an_opened_window_is_a_contact(flight):
    log = flight()
    log.say(0.0)
    log.at(50.0, open_window(10.0, rate_bps=float(FRAME_BITS)))
    log.fly()
    assert [(r.station, r.received_s) for r in log.received] == [("bench", 51.0)]
    assert log.times(LinkChanged) == [50.0, 60.0]


def test_opening_a_window_ends_a_cut(flight):
    log = flight()
    log.at(0.0, cut(1000.0))
    log.at(50.0, open_window(10.0))
    log.fly()
    assert log.times(LinkChanged) == [50.0, 60.0]


NO_LENGTH = [(50.0, 1e-320), (50.0, 0.0), (50.0, -5.0), (50.0, math.nan), (1e17, 1.0)]


@pytest.mark.parametrize(("t_s", "duration_s"), NO_LENGTH)
@pytest.mark.parametrize("window", [open_window, cut])
def test_a_window_without_length_beside_its_time_is_nothing(flight, window, t_s, duration_s):
    log = flight()
    log.at(t_s, window(duration_s))
    assert log.fly().log == []


def test_a_window_without_length_does_not_end_a_cut(flight):
    log = flight()
    log.contact(0.0, 100.0)
    log.at(10.0, cut(20.0))
    log.at(15.0, open_window(1e-320))
    log.at(16.0, cut(1e-320))
    log.fly()
    assert log.times(LinkChanged) == [0.0, 10.0, 30.0, 100.0]


def test_a_damaged_frame_costs_its_message_and_says_so(flight):
    log = flight(bit_error_rate=0.01)
    log.say(0.0, body_bytes=5_000, kind=PRODUCT)
    log.contact(0.0, 100.0)
    log.fly()
    assert log.received == []
    assert len(log.of(FrameRefused)) == log.session.counts.frames.corrupt > 0
    assert [d.reason for d in log.of(Dropped)] == [DropReason.FRAME_CORRUPTED]
    assert log.session.counts.messages.lost == 1


def test_lost_frames_cost_their_messages(flight):
    log = flight(frame_loss=0.5, seed=3)
    for _ in range(1000):
        log.say(0.0)
    log.contact(0.0, 1000.0)
    log.fly()
    counts = log.session.counts
    assert counts.frames.lost == counts.messages.lost == len(log.of(Dropped))
    assert 400 < counts.frames.lost < 600  # six standard deviations of a fair coin


def test_the_frame_error_rate_is_that_of_independent_bits(flight):
    log = flight(capacity_bytes=2**22, bit_error_rate=1e-4)
    for _ in range(10_000):
        log.say(0.0)
    log.contact(0.0, 1e6, rate_bps=1e6)
    log.fly()
    expected = 1.0 - (1.0 - 1e-4) ** FRAME_BITS
    deviation = math.sqrt(expected * (1.0 - expected) / 10_000)
    assert abs(log.session.counts.frames.corrupt / 10_000 - expected) < 5.0 * deviation


def test_a_full_store_drops_and_counts(flight):
    log = flight(capacity_bytes=500)
    for _ in range(10):
        log.say(0.0)
    log.fly()
    dropped = log.session.counts.dropped
    assert dropped.count == len(log.of(Dropped)) == 7  # 132 bytes each with their cost
    assert dropped.bytes == 7 * BODY_BYTES


def test_a_message_dropped_half_sent_is_dropped_once(flight):
    log = flight(capacity_bytes=6_000, light_time_s=5.0)
    log.say(0.0, body_bytes=5_000, kind=PRODUCT, priority=1)
    log.contact(0.0, 3.0)
    log.say(4.0, body_bytes=5_000, priority=7)
    log.contact(10.0, 100.0, name="b")
    log.fly()
    assert [d.reason for d in log.of(Dropped)] == [DropReason.STORE_FULL]
    assert [r.message.priority for r in log.received] == [7]


def test_an_idle_link_costs_nothing(flight):
    log = flight()
    log.contact(0.0, 1e5)
    log.fly()
    assert log.events == 2
    assert log.of(ScheduleFrame) == []


def test_bytes_that_were_never_sent_are_refused(flight):
    log = flight()
    (refused,) = log.session.react(0.0, FrameArrived(b"noise"))
    assert isinstance(refused, FrameRefused)
    assert log.session.counts.frames.received == 0


def test_a_frame_delivered_twice_counts_once(flight):
    log = flight()
    log.say(0.0)
    log.contact(0.0, 100.0)
    log.fly()
    (sent,) = log.of(Transmit)
    (refused,) = log.session.react(100.0, FrameArrived(sent.frame))
    assert isinstance(refused, FrameRefused)
    log.session.check()
    assert log.session.counts.messages.delivered == 1


class Swallows:
    """A link that delivers nothing."""

    def transmit(self, t_s, frame, arrives_s):
        pass


def test_a_frame_that_the_broker_swallowed_is_given_up(flight):
    log = flight()
    log.contact(0.0, 100.0)
    log.say(0.0)
    log.fly(over=Swallows())
    assert log.session.counts.messages.in_flight == 1
    (dropped,) = log.session.give_up(200.0)
    assert dropped.reason is DropReason.FRAME_LOST
    log.session.check()


def test_counts_have_the_names_of_the_summary(flight):
    counts = asdict(flight().session.counts)
    assert list(counts)[:5] == [
        "downlinked_bytes",
        "uplinked_bytes",
        "backlog_bytes",
        "frames",
        "dropped",
    ]
    assert list(counts["frames"]) == ["sent", "received", "corrupt", "lost", "resent"]
    assert list(counts["dropped"]) == ["count", "bytes"]


TIMES = st.floats(0.0, 300.0)
CONTACTS = st.lists(
    st.tuples(TIMES, st.floats(0.01, 100.0), st.sampled_from((1200.0, 9600.0, 64_000.0))),
    max_size=6,
)
MESSAGES = st.lists(
    st.tuples(TIMES, st.integers(0, 4000), st.integers(0, 7), st.sampled_from(MessageKind)),
    max_size=40,
)
TROUBLE = st.lists(
    st.tuples(
        TIMES,
        st.one_of(
            st.builds(TransmitterPower, st.booleans()),
            st.builds(cut, st.floats(0.1, 50.0), st.sampled_from((None, "s0", "s1"))),
            st.builds(open_window, st.floats(0.1, 50.0), st.sampled_from((None, "s0"))),
        ),
    ),
    max_size=8,
)


@given(
    CONTACTS,
    MESSAGES,
    TROUBLE,
    st.sampled_from((0.0, 1e-4)),
    st.sampled_from((0.0, 0.1)),
    st.sampled_from((0.0, 1.3)),
)
def test_whatever_happens_the_accounts_close(
    flight, contacts, messages, trouble, bit_error_rate, frame_loss, light_time_s
):
    log = flight(
        capacity_bytes=20_000,
        bit_error_rate=bit_error_rate,
        frame_loss=frame_loss,
        light_time_s=light_time_s,
    )
    for number, (aos_s, duration_s, rate_bps) in enumerate(contacts):
        log.contact(aos_s, aos_s + duration_s, rate_bps, f"s{number % 3}")
    for t_s, body_bytes, priority, kind in sorted(messages, key=lambda m: m[0]):
        log.say(t_s, body_bytes, priority, kind)
    for t_s, event in trouble:
        log.at(t_s, event)
    log.fly()  # checks the accounts at its end
    windows = windows_of(log)
    for received in log.received:
        left_s = received.received_s - light_time_s
        assert any(
            station == received.station
            and aos_s <= left_s + ROUNDING_S
            and left_s <= los_s + ROUNDING_S
            for station, aos_s, los_s in windows
        )
    assert log.session.counts.messages.in_flight == 0


def windows_of(log):
    """Return when each station heard the satellite, by what the link itself announced."""
    changes = list(zip(log.times(LinkChanged), log.of(LinkChanged), strict=True))
    return [
        (change.station, t_s, next_s)
        for (t_s, change), (next_s, _) in pairwise([*changes, (math.inf, None)])
        if change.station is not None
    ]


@given(MESSAGES, st.sampled_from((1200.0, 9600.0)))
def test_frames_follow_each_other_no_faster_than_the_rate(flight, messages, rate_bps):
    log = flight(capacity_bytes=2**20)
    for t_s, body_bytes, priority, kind in sorted(messages, key=lambda m: m[0]):
        log.say(t_s, body_bytes, priority, kind)
    log.contact(10.0, 200.0, rate_bps)
    log.fly()
    sent = [(action.arrives_s, 8 * len(action.frame)) for action in log.of(Transmit)]
    for (before_s, _), (left_s, bits) in pairwise([(10.0, 0), *sent]):
        assert left_s - before_s >= bits / rate_bps - ROUNDING_S


def test_the_same_seed_flies_the_same_link(flight):
    def fly(seed):
        log = flight(bit_error_rate=1e-4, frame_loss=0.01, seed=seed)
        for _ in range(500):
            log.say(0.0)
        log.contact(0.0, 1000.0)
        return log.fly().log

    assert fly(1) == fly(1)
    assert fly(1) != fly(2)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("bit_error_rate", 1.0), ("frame_loss", -0.1), ("light_time_s", -1.0), ("frame_bytes", 100)],
)
def test_a_setting_out_of_range_is_named(flight, setting, value):
    with pytest.raises(ValueError, match=setting):
        flight(**{setting: value})
