"""The link session against numbers from outside: rates, light time, error rates, gap lists."""

import math
from dataclasses import asdict
from itertools import pairwise

import pytest
from links import LinkFlight

from groundlink.accounts import ContactAccount
from groundlink.contacts import Contact, WindowAction, WindowInjected
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
from groundlink.messages import Message, MessageKind
from groundlink.rules import ClassRules
from groundlink.store import DropReason

PRODUCT, EVENT, TELEMETRY = MessageKind.PRODUCT, MessageKind.EVENT, MessageKind.TELEMETRY
BODY_BYTES = 100
# Sync marker 4, primary header 6, PUS-C header 7, CDS time 9, sequence 4, CRC 2.
FRAME_BITS = 8 * (BODY_BYTES + 32)
IMAGE_BYTES = 65_536
ROUNDING_S = 1e-9  # a deadline is one quotient and one sum
FIVE_DEVIATIONS = 5.0


def cut(duration_s, station=None):
    return WindowInjected(WindowAction.CUT, duration_s, station)


def open_window(duration_s, station=None, rate_bps=None):
    return WindowInjected(WindowAction.OPEN, duration_s, station, rate_bps)


# Rates.


def test_a_pass_of_600_s_at_9600_bps_moves_720_kb_and_no_more():
    flight = LinkFlight()
    flight.say(0.0, 2**20, PRODUCT)
    flight.contact(0.0, 600.0)
    flight.fly()
    sent_bytes = sum(len(action.frame) for action in flight.of(Transmit))
    assert 720_000 - 1115 < sent_bytes <= 720_000


def test_a_64_kib_image_costs_56_s_of_such_a_pass_at_1115_byte_frames():
    flight = LinkFlight()
    flight.say(0.0, IMAGE_BYTES, PRODUCT)
    flight.contact(0.0, 600.0)
    flight.fly()
    (received,) = flight.received
    # 61 frames: 60 full ones, and each carries 37 bytes beside its share of the image.
    wire_bytes = IMAGE_BYTES + 61 * (28 + 9)
    assert received.received_s == pytest.approx(8 * wire_bytes / 9600.0, abs=ROUNDING_S)
    assert pytest.approx(54.6, abs=0.02) == 8 * IMAGE_BYTES / 9600.0
    assert received.received_s == pytest.approx(56.5, abs=0.05)


def test_20000_messages_said_out_of_contact_come_down_at_the_frame_rate_after_aos():
    flight = LinkFlight()
    for k in range(20_000):
        flight.say(0.01 * k)
    flight.contact(1000.0, 1e5)
    flight.fly()
    times = [received.received_s for received in flight.received]
    assert len(times) == 20_000
    expected = [1000.0 + k * FRAME_BITS / 9600.0 for k in range(1, 20_001)]
    assert times == pytest.approx(expected, rel=1e-12)
    numbers = [received.message.sequence for received in flight.received]
    assert numbers == list(range(20_000))


@pytest.mark.parametrize("rate_bps", [9600.0, 1e6, 20e6])
def test_frame_deadlines_do_not_drift(rate_bps):
    flight = LinkFlight()
    for _ in range(10_000):
        flight.say(0.0)
    flight.contact(0.1, 1e6, rate_bps)
    flight.fly()
    assert flight.received[-1].received_s == 0.1 + 10_000 * FRAME_BITS / rate_bps


def test_a_frame_across_a_step_of_the_rate_takes_both_rates():
    flight = LinkFlight()
    flight.say(0.0)
    flight.say(0.0)
    flight.plan(Contact("a", 0.0, 100.0, FRAME_BITS, rates=((1.5, FRAME_BITS / 4.0),)))
    flight.fly()
    # The second begins at 1 s; half of it leaves by the step, the other half four times slower.
    assert [r.received_s for r in flight.received] == pytest.approx([1.0, 3.5], abs=ROUNDING_S)


def test_light_takes_its_time_to_the_moon():
    flight = LinkFlight(light_time_s=1.3)
    flight.say(0.0)
    flight.contact(0.0, 1.0, FRAME_BITS)
    flight.fly()
    assert [r.received_s for r in flight.received] == [2.3]


def test_light_time_follows_the_range():
    flight = LinkFlight()
    for _ in range(3):
        flight.say(0.0)
    flight.plan(
        Contact("a", 0.0, 100.0, FRAME_BITS, light=((0.0, 0.009), (50.0, 0.002), (100.0, 0.009)))
    )
    flight.fly()
    expected = [k + 0.009 - 0.007 * k / 50.0 for k in (1, 2, 3)]
    assert [r.received_s for r in flight.received] == pytest.approx(expected, abs=ROUNDING_S)


# The gate.


def test_nothing_comes_down_without_a_contact():
    flight = LinkFlight()
    flight.say(0.0)
    flight.fly()
    assert flight.received == []
    assert flight.session.counts.backlog_bytes == BODY_BYTES


@pytest.mark.parametrize(("los_s", "sent"), [(1.0, 1), (0.999, 0)])
def test_a_frame_begins_only_if_it_can_end_by_los(los_s, sent):
    flight = LinkFlight()
    flight.say(0.0)
    flight.contact(0.0, los_s, FRAME_BITS)
    flight.fly()
    assert flight.session.counts.frames.sent == sent
    assert flight.session.counts.messages.queued == 1 - sent


def test_the_first_frame_begins_when_the_station_has_locked():
    flight = LinkFlight(acquisition_s=7.0)
    flight.say(0.0)
    flight.contact(10.0, 100.0, FRAME_BITS)
    flight.fly()
    assert [r.received_s for r in flight.received] == [18.0]
    states = [(t, a.state) for t, a in flight.log if isinstance(a, LinkChanged)]
    assert states == [(10.0, LinkState.ACQUIRING), (17.0, LinkState.AOS), (100.0, LinkState.LOS)]


@pytest.mark.parametrize("los_s", [5.0, 7.0])
def test_a_contact_shorter_than_its_acquisition_carries_nothing(los_s):
    flight = LinkFlight(acquisition_s=7.0)
    flight.say(0.0)
    flight.contact(0.0, los_s)
    flight.fly()
    (account,) = flight.of(ContactAccount)
    assert (account.capacity_bits, account.bits) == (0.0, 0)


def test_a_long_message_goes_on_in_the_next_contact():
    flight = LinkFlight()
    flight.say(0.0, 20_000, PRODUCT)
    flight.contact(0.0, 10.0)
    flight.contact(5000.0, 5015.0, name="b")
    flight.fly()
    assert [(r.station, len(r.message.body)) for r in flight.received] == [("b", 20_000)]
    assert flight.session.counts.frames.resent == 0


def test_a_higher_priority_cuts_in_between_two_frames():
    flight = LinkFlight()
    flight.say(0.0, 20_000, PRODUCT)
    flight.say(5.0)
    flight.contact(0.0, 100.0)
    flight.fly()
    assert [r.message.kind for r in flight.received] == [TELEMETRY, PRODUCT]


def test_a_new_priority_counts_from_the_next_frame_on():
    flight = LinkFlight()
    flight.say(0.0, 20_000, PRODUCT)
    flight.say(0.0, 20_000, PRODUCT, "jetson")
    flight.contact(0.0, 100.0)
    flight.at(5.0, lambda _: flight.session.set_priority("jetson", PRODUCT, 7))
    flight.fly()
    assert [r.message.source for r in flight.received] == ["jetson", "pi"]
    assert flight.session.counts.frames.resent == 0


def test_the_station_that_acquired_first_is_used_until_its_los():
    flight = LinkFlight()
    flight.contact(0.0, 10.0, name="a")
    flight.contact(5.0, 20.0, name="b")
    flight.fly()
    states = [(t, a.state, a.station) for t, a in flight.log if isinstance(a, LinkChanged)]
    assert states == [
        (0.0, LinkState.AOS, "a"),
        (10.0, LinkState.AOS, "b"),
        (20.0, LinkState.LOS, None),
    ]


def test_contacts_that_touch_lose_no_bit_between_them():
    flight = LinkFlight()
    for _ in range(20):
        flight.say(0.0)
    flight.contact(0.0, 10.0, FRAME_BITS, "a")
    flight.contact(10.0, 20.0, FRAME_BITS, "b")
    flight.fly()
    assert [r.received_s for r in flight.received] == [float(k) for k in range(1, 21)]
    assert [r.station for r in flight.received] == ["a"] * 10 + ["b"] * 10


def test_a_later_station_that_is_nearer_may_be_heard_first():
    flight = LinkFlight()
    flight.say(0.0)
    flight.say(0.0)
    flight.plan(Contact("moon", 0.0, 1.0, FRAME_BITS, light=((0.0, 1.3),)))
    flight.plan(Contact("leo", 1.0, 2.0, FRAME_BITS, light=((0.0, 0.004),)))
    flight.fly()  # not a violation: within a class, what leaves first has the lower sequence
    assert [r.station for r in flight.received] == ["leo", "moon"]


def test_a_brown_out_interrupts_a_frame_which_is_sent_again():
    flight = LinkFlight()
    flight.say(0.0)
    flight.contact(0.0, 100.0, FRAME_BITS)
    flight.at(0.5, TransmitterPower(False))
    flight.at(10.0, TransmitterPower(True))
    flight.fly()
    assert [r.received_s for r in flight.received] == [11.0]
    frames = flight.session.counts.frames
    assert (frames.sent, frames.resent) == (1, 1)


def test_a_satellite_that_gets_power_within_a_contact_begins_to_talk():
    flight = LinkFlight()
    flight.at(0.0, TransmitterPower(False))
    flight.say(0.0)
    flight.contact(5.0, 100.0, FRAME_BITS)
    flight.at(10.0, TransmitterPower(True))
    flight.fly()
    assert [r.received_s for r in flight.received] == [11.0]


# What people do to the sky.


def test_a_cut_contact_comes_back_when_the_cut_is_over():
    flight = LinkFlight()
    flight.say(0.0)
    flight.contact(0.0, 100.0, FRAME_BITS)
    flight.at(0.5, cut(20.0))
    flight.fly()
    assert flight.times(LinkChanged) == [0.0, 0.5, 20.5, 100.0]
    assert [r.received_s for r in flight.received] == [21.5]


def test_a_short_cut_does_not_end_a_long_one():
    flight = LinkFlight()
    flight.contact(0.0, 100.0)
    flight.at(10.0, cut(50.0))
    flight.at(20.0, cut(5.0))
    flight.fly()
    assert flight.times(LinkChanged) == [0.0, 10.0, 60.0, 100.0]


def test_a_cut_of_one_station_leaves_the_other():
    flight = LinkFlight()
    flight.contact(0.0, 100.0, name="a")
    flight.contact(0.0, 100.0, name="b")
    flight.at(10.0, cut(20.0, "a"))
    flight.fly()
    assert [change.station for change in flight.of(LinkChanged)] == ["a", "b", None]


def test_a_cut_that_outlasts_its_contact_leaves_it_silent():
    flight = LinkFlight()
    flight.contact(0.0, 10.0)
    flight.at(1.0, cut(20.0))
    flight.say(2.0)
    flight.fly()
    assert flight.times(LinkChanged) == [0.0, 1.0]
    assert flight.received == []


def test_an_opened_window_is_a_contact():
    flight = LinkFlight()
    flight.say(0.0)
    flight.at(50.0, open_window(10.0, rate_bps=float(FRAME_BITS)))
    flight.fly()
    assert [(r.station, r.received_s) for r in flight.received] == [("bench", 51.0)]
    assert flight.times(LinkChanged) == [50.0, 60.0]


def test_a_window_that_is_opened_twice_at_once_is_one():
    flight = LinkFlight()
    flight.say(0.0)
    flight.at(50.0, open_window(10.0, rate_bps=float(FRAME_BITS)))
    flight.at(50.0, open_window(10.0, rate_bps=float(FRAME_BITS)))
    flight.fly()
    assert flight.times(LinkChanged) == [50.0, 60.0]
    assert len(flight.of(ContactAccount)) == 1


def test_opening_a_window_ends_a_cut():
    flight = LinkFlight()
    flight.at(0.0, cut(1000.0))
    flight.at(50.0, open_window(10.0))
    flight.fly()
    assert flight.times(LinkChanged) == [50.0, 60.0]


NO_LENGTH = [(50.0, 1e-320), (50.0, 0.0), (50.0, -5.0), (50.0, math.nan), (1e17, 1.0)]


@pytest.mark.parametrize(("t_s", "duration_s"), NO_LENGTH)
@pytest.mark.parametrize("window", [open_window, cut])
def test_a_window_without_length_beside_its_time_is_nothing(window, t_s, duration_s):
    flight = LinkFlight()
    flight.at(t_s, window(duration_s))
    assert flight.fly().log == []


def test_a_window_without_length_does_not_end_a_cut():
    flight = LinkFlight()
    flight.contact(0.0, 100.0)
    flight.at(10.0, cut(20.0))
    flight.at(15.0, open_window(1e-320))
    flight.at(16.0, cut(1e-320))
    flight.fly()
    assert flight.times(LinkChanged) == [0.0, 10.0, 30.0, 100.0]


# What gets lost.


def test_a_damaged_frame_costs_its_message_and_says_so():
    flight = LinkFlight(bit_error_rate=0.01)
    flight.say(0.0, 5_000, PRODUCT)
    flight.contact(0.0, 100.0)
    flight.fly()
    assert flight.received == []
    assert len(flight.of(FrameRefused)) == flight.session.counts.frames.corrupt > 0
    assert [d.reason for d in flight.of(Dropped)] == [DropReason.FRAME_CORRUPTED]
    assert flight.session.counts.messages.lost == 1


def test_lost_frames_cost_their_messages():
    flight = LinkFlight(frame_loss=0.5, seed=3)
    for _ in range(1000):
        flight.say(0.0)
    flight.contact(0.0, 1000.0)
    flight.fly()
    counts = flight.session.counts
    assert counts.frames.lost == counts.messages.lost == len(flight.of(Dropped))
    assert abs(counts.frames.lost - 500) < FIVE_DEVIATIONS * math.sqrt(250.0)


@pytest.mark.parametrize("bit_error_rate", [1e-5, 1e-4])
def test_the_frame_error_rate_is_that_of_independent_bits(bit_error_rate):
    flight = LinkFlight(bit_error_rate=bit_error_rate)
    for _ in range(10_000):
        flight.say(0.0)
    flight.contact(0.0, 1e6, 1e6)
    flight.fly()
    expected = 1.0 - (1.0 - bit_error_rate) ** FRAME_BITS
    deviation = math.sqrt(expected * (1.0 - expected) / 10_000)
    frames = flight.session.counts.frames
    assert abs(frames.corrupt / 10_000 - expected) < FIVE_DEVIATIONS * deviation
    assert flight.session.counts.messages.lost == frames.corrupt


def test_a_full_store_drops_and_counts():
    flight = LinkFlight(capacity_bytes=500)
    for _ in range(10):
        flight.say(0.0)
    flight.fly()
    dropped = flight.session.counts.dropped
    assert dropped.count == len(flight.of(Dropped)) == 7  # 132 bytes each with their cost
    assert dropped.bytes == 7 * BODY_BYTES


def test_a_message_dropped_half_sent_is_dropped_once():
    flight = LinkFlight(capacity_bytes=6_000, light_time_s=5.0)
    flight.say(0.0, 5_000, PRODUCT)
    flight.contact(0.0, 3.0)
    flight.say(4.0, 5_000, EVENT)
    flight.contact(10.0, 100.0, name="b")
    flight.fly()
    assert [d.reason for d in flight.of(Dropped)] == [DropReason.STORE_FULL]
    assert [r.message.kind for r in flight.received] == [EVENT]


def test_bytes_that_were_never_sent_are_refused():
    flight = LinkFlight()
    (refused,) = flight.session.react(0.0, FrameArrived(b"noise"))
    assert isinstance(refused, FrameRefused)
    assert flight.session.counts.frames.received == 0


def test_a_frame_that_comes_twice_counts_once():
    flight = LinkFlight()
    flight.say(0.0)
    flight.contact(0.0, 100.0)
    flight.fly()
    (sent,) = flight.of(Transmit)
    (refused,) = flight.session.react(100.0, FrameArrived(sent.frame))
    assert isinstance(refused, FrameRefused)
    flight.session.check()
    assert flight.session.counts.messages.delivered == 1


def test_frames_that_never_come_are_lost_when_the_contact_is_closed():
    flight = LinkFlight()
    flight.tamper = lambda frame: None
    flight.say(0.0)
    flight.contact(0.0, 100.0)
    flight.fly()
    assert flight.session.counts.frames.lost == flight.session.counts.messages.lost == 1
    assert [d.reason for d in flight.of(Dropped)] == [DropReason.FRAME_LOST]


# The beginning, the end, and nothing.


def test_an_idle_link_costs_nothing():
    flight = LinkFlight()
    flight.contact(0.0, 1e5)
    flight.fly()
    assert flight.events == 3  # AOS, LOS, and the contact's account
    assert flight.of(ScheduleFrame) == []


@pytest.mark.parametrize("until_s", [0.0, 2.0, 5.0, 5.4, 7.0, 61.0, 62.0])
def test_a_flight_may_end_at_any_moment(until_s):
    flight = LinkFlight(
        acquisition_s=3.0, light_time_s=1.3, classes={"prod": ClassRules(3, repeat=True)}
    )
    for k in range(50):
        flight.say(1.0 + k / 10.0, 3000, PRODUCT)
    flight.contact(1.0, 60.0)
    flight.fly(until_s)
    flight.perform(until_s, flight.session.finish(until_s))
    flight.session.check()
    assert len(flight.of(ContactAccount)) == (until_s >= 1.0)


def test_every_contact_has_one_account_and_they_add_up():
    flight = LinkFlight(frame_loss=0.1, light_time_s=1.3)
    for k in range(3000):
        flight.say(float(k))
    for k in range(3):
        flight.contact(1000.0 * k, 1000.0 * k + 60.0)
    flight.fly()
    accounts, counts = flight.of(ContactAccount), flight.session.counts
    assert [account.aos_s for account in accounts] == [0.0, 1000.0, 2000.0]
    assert sum(account.frames for account in accounts) == counts.frames.sent
    assert sum(account.body_bytes for account in accounts) == counts.downlinked_bytes
    assert sum(a.classes["pi/tm"].delivered for a in accounts) == counts.messages.delivered
    assert all(account.capacity_bits == 60.0 * 9600.0 for account in accounts)


def test_counts_have_the_names_of_the_summary():
    counts = asdict(LinkFlight().session.counts)
    assert list(counts)[:5] == [
        "downlinked_bytes",
        "uplinked_bytes",
        "backlog_bytes",
        "frames",
        "uplink",
    ]
    assert list(counts["frames"]) == ["sent", "received", "corrupt", "lost", "resent"]
    assert list(counts["dropped"]) == ["count", "bytes"]


class Shelf:
    """A journal in memory."""

    def __init__(self, messages):
        self.kept = {message.key: message for message in messages}

    def keep(self, message):
        self.kept[message.key] = message

    def forget(self, key):
        del self.kept[key]

    def commit(self):
        pass

    def messages(self):
        return iter(list(self.kept.values()))

    def last_sequence(self, source, kind):
        return max((s for n, k, s in self.kept if (n, k) == (source, kind)), default=-1)


def left_behind(count):
    return [Message(TELEMETRY, "pi", k, 0.0, bytes(BODY_BYTES)) for k in range(count)]


def test_what_an_earlier_flight_left_comes_down_in_this_one():
    shelf = Shelf(left_behind(5))
    flight = LinkFlight(journal=shelf)
    flight.perform(0.0, flight.session.resume(0.0))
    flight.contact(10.0, 100.0)
    flight.fly()
    assert [r.message.sequence for r in flight.received] == [0, 1, 2, 3, 4]
    assert shelf.kept == {}


def test_what_finds_no_room_in_a_smaller_store_is_dropped_and_counted():
    flight = LinkFlight(journal=Shelf(left_behind(5)), capacity_bytes=300)
    flight.perform(0.0, flight.session.resume(0.0))
    flight.session.check()
    messages = flight.session.counts.messages
    assert (messages.generated, messages.queued, messages.dropped) == (5, 2, 3)


def test_what_grew_too_old_between_two_flights_has_expired():
    flight = LinkFlight(journal=Shelf(left_behind(5)), classes={"tm": ClassRules(5, ttl_s=10.0)})
    flight.perform(60.0, flight.session.resume(60.0))
    flight.session.check()
    assert flight.session.counts.messages.expired == 5


@pytest.mark.parametrize("rate_bps", [1200.0, 9600.0, 1e6])
def test_frames_follow_each_other_no_faster_than_the_rate(rate_bps):
    flight = LinkFlight()
    for k in range(200):
        flight.say(k * 0.3, 10 * k % 1700, (TELEMETRY, PRODUCT, EVENT)[k % 3])
    flight.contact(10.0, 200.0, rate_bps)
    flight.fly()
    sent = [(action.arrives_s, 8 * len(action.frame)) for action in flight.of(Transmit)]
    for (before_s, _), (left_s, bits) in pairwise([(10.0, 0), *sent]):
        assert left_s - before_s >= bits / rate_bps - ROUNDING_S
