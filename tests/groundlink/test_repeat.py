"""Selective repeat: what the ground asks for comes again, and nothing else does."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links import LinkFlight

from groundlink.accounts import ContactAccount
from groundlink.contacts import WindowAction, WindowInjected
from groundlink.events import Dropped, FrameArrived, FrameRefused, Transmit, TransmitUp
from groundlink.messages import MessageKind
from groundlink.packets import FrameError
from groundlink.rules import ClassRules, DropPolicy
from groundlink.store import DropReason

PRODUCT, TELEMETRY = MessageKind.PRODUCT, MessageKind.TELEMETRY
REPEATED = {"prod": ClassRules(3, repeat=True), "tm": ClassRules(5, repeat=True)}
FIVE_DEVIATIONS = 5.0
PART_BYTES = 1115 - 28 - 9  # of a frame: headers, CRC and sync marker; kind, sequence and part


def parts(flight):
    """Return which parts of products came out of the link, in order, damaged ones left out."""
    chunks = []
    for sent in flight.of(Transmit):
        try:
            chunks.append(flight.codec.decode(sent.frame).number)
        except FrameError:
            continue
    return chunks


@pytest.mark.parametrize("half_duplex", [False, True])
@pytest.mark.parametrize("bit_error_rate", [1e-5, 1e-4])
def test_with_repeat_everything_arrives_over_several_contacts(bit_error_rate, half_duplex):
    flight = LinkFlight(
        bit_error_rate=bit_error_rate,
        uplink_error_rate=bit_error_rate,
        half_duplex=half_duplex,
        turnaround_s=0.05,
        light_time_s=0.004,
        acquisition_s=3.0,
        classes=REPEATED,
    )
    for k in range(20):
        flight.say(10.0 * k, 20_000, PRODUCT)
    for k in range(6):
        flight.contact(100.0 + 1000.0 * k, 400.0 + 1000.0 * k)
    flight.fly()
    assert {r.message for r in flight.received} == set(flight.offered)
    messages = flight.session.counts.messages
    assert (messages.delivered, messages.queued, messages.lost) == (20, 0, 0)


@pytest.mark.parametrize("bit_error_rate", [1e-5, 1e-4])
def test_without_repeat_the_closed_form_share_is_lost(bit_error_rate):
    flight = LinkFlight(bit_error_rate=bit_error_rate)
    for _ in range(2000):
        flight.say(0.0, 3 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 1e5, 1e6)
    flight.fly()
    expected = 1.0 - (1.0 - bit_error_rate) ** (3 * 8 * 1115)
    deviation = math.sqrt(expected * (1.0 - expected) / 2000)
    lost = flight.session.counts.messages.lost
    assert abs(lost / 2000 - expected) < FIVE_DEVIATIONS * deviation


def test_only_the_gaps_are_sent_again():
    flight = LinkFlight(classes=REPEATED)
    lost = {3, 4, 9}
    flight.tamper = swallow(flight, lost)
    flight.say(0.0, 20 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 100.0)
    flight.fly()
    assert parts(flight) == [*range(20), 3, 4, 9]
    assert flight.session.counts.frames.resent == 3
    assert len(flight.received) == 1


def test_a_gap_that_stays_is_asked_for_when_the_last_repeat_has_come():
    flight = LinkFlight(classes=REPEATED)
    flight.tamper = swallow(flight, [3, 4, 4, 9])
    flight.say(0.0, 20 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 100.0)
    flight.fly()
    assert parts(flight) == [*range(20), 3, 4, 9, 4]


def test_a_word_that_a_cut_interrupted_goes_up_first_when_it_is_over():
    flight = LinkFlight(classes=REPEATED, rate_bps=1000.0, uplink_bps=100.0)
    flight.say(0.0, 10, PRODUCT)
    flight.contact(0.0, 200.0)  # the product comes at 0.4 s, its acknowledgement takes some 5 s
    flight.at(3.0, WindowInjected(WindowAction.CUT, 97.0))
    flight.say(50.0, 1000, TELEMETRY)  # takes 8 s, and only then the satellite asks
    flight.fly(until_s=106.0)
    assert [r.message.kind for r in flight.received] == [PRODUCT]
    assert flight.store.find(("pi", PRODUCT, 0)) is None


def test_the_gaps_are_asked_for_in_the_next_contact_if_need_be():
    flight = LinkFlight(classes=REPEATED, light_time_s=1.3)
    flight.tamper = swallow(flight, {3, 4, 9})
    flight.say(0.0, 20 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 20 * 8 * 1115 / 9600.0 + 0.1)  # over before the ground can say a word
    flight.contact(1000.0, 1100.0, name="b")
    flight.fly()
    # The ground speaks as soon as it has locked; so does the satellite, and asks by its last part.
    assert sorted(parts(flight)[20:]) == [3, 4, 9, 19]
    assert flight.session.counts.frames.resent == 4
    assert [r.station for r in flight.received] == ["b"]


def test_an_interrupted_message_is_resumed_and_not_begun_again():
    flight = LinkFlight(classes=REPEATED)
    flight.say(0.0, 60 * PART_BYTES, PRODUCT)
    for k in range(6):
        flight.contact(1000.0 * k, 1000.0 * k + 10.0)
    flight.fly()
    assert parts(flight) == list(range(60))
    assert flight.session.counts.frames.resent == 0


def test_a_lost_last_part_is_noticed_on_board():
    flight = LinkFlight(classes=REPEATED)
    flight.tamper = swallow(flight, {4})
    flight.say(0.0, 5 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 100.0)
    flight.fly()
    assert parts(flight) == [0, 1, 2, 3, 4, 4]
    assert len(flight.received) == 1


def test_a_lost_acknowledgement_costs_one_frame():
    flight = LinkFlight(classes=REPEATED, uplink_loss=0.9, seed=5)
    flight.say(0.0, 5 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 1e5)
    flight.fly()
    assert flight.session.counts.uplink.lost > 0
    assert parts(flight) == [0, 1, 2, 3, 4] + [4] * flight.session.counts.uplink.lost
    assert len(flight.received) == 1
    assert len(flight.store) == 0


def test_a_silent_ground_is_asked_ever_more_rarely():
    flight = LinkFlight(classes=REPEATED, uplink_loss=1.0)
    flight.say(0.0, 5 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 1000.0)
    flight.fly()
    # Waits of 3.3, 6.6, 13, 26 and then always 53 s, each behind a frame of 0.9 s.
    assert 19 <= flight.session.counts.frames.resent <= 22
    assert flight.session.counts.messages.delivered == 1


def test_a_slow_uplink_does_not_make_the_satellite_ask_in_circles():
    flight = LinkFlight(classes=REPEATED, rate_bps=1e5, uplink_bps=1000.0)
    for _ in range(300):
        flight.say(0.0)
    flight.contact(0.0, 1e4)
    flight.fly()
    counts = flight.session.counts
    assert counts.messages.delivered == 300
    assert len(flight.store) == 0
    assert counts.frames.resent < 5 * 300  # it would be 12,000 if patience did not grow


def test_a_message_acknowledged_while_it_is_on_the_air_again_leaves_the_store_at_once():
    flight = LinkFlight(classes=REPEATED, rate_bps=500.0, uplink_bps=100.0, light_time_s=3.0)
    flight.say(0.0, 5 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 90.0)  # its frames take 18 s each; the last comes after LOS
    flight.contact(1000.0, 1100.0)  # both ends speak: an acknowledgement takes 5 s
    flight.fly(until_s=1010.0)
    assert (len(flight.store), flight.store.used_bytes) == (0, 0)
    flight.fly()
    assert parts(flight) == [0, 1, 2, 3, 4, 4]
    assert flight.session.counts.messages.delivered == 1


def test_a_message_that_expires_while_the_ground_has_it_is_delivered_all_the_same():
    classes = {"prod": ClassRules(3, ttl_s=50.0, repeat=True)}
    flight = LinkFlight(classes=classes, uplink_loss=1.0)
    flight.say(0.0, 5 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 30.0)
    flight.contact(100.0, 130.0)
    flight.fly()
    messages = flight.session.counts.messages
    assert (messages.delivered, messages.expired, messages.queued) == (1, 0, 0)
    assert flight.of(Dropped) == []


@pytest.mark.parametrize(("swallowed", "fate"), [(set(), "delivered"), ({0}, "expired")])
def test_what_expires_on_board_while_its_frame_flies_has_the_fate_of_the_frame(swallowed, fate):
    flight = LinkFlight(
        classes={"prod": ClassRules(3, ttl_s=2.0, repeat=True)}, light_time_s=1.3, rate_bps=9600.0
    )
    flight.tamper = swallow(flight, swallowed)
    flight.say(0.0, 10, PRODUCT)
    flight.say(2.1, 10, PRODUCT)  # makes the store look, while the first is on its way
    flight.contact(1.0, 4.0)
    flight.watch = lambda flight: flight.session.check()
    flight.fly()
    first = [r.message.sequence for r in flight.received if r.message.sequence == 0]
    gone = [(d.sequence, d.reason) for d in flight.of(Dropped) if d.sequence == 0]
    assert first == ([0] if fate == "delivered" else [])
    assert gone == ([] if fate == "delivered" else [(0, DropReason.EXPIRED)])


def test_a_message_that_was_dropped_is_not_repeated():
    classes = {"prod": ClassRules(3, drop=DropPolicy.OLDEST, repeat=True)}
    flight = LinkFlight(classes=classes, capacity_bytes=6000, uplink_loss=1.0)
    flight.tamper = swallow(flight, {2})
    flight.say(0.0, 5 * PART_BYTES, PRODUCT)
    flight.contact(0.0, 10.0)
    flight.say(20.0, 5 * PART_BYTES, PRODUCT)
    flight.contact(30.0, 40.0)
    flight.watch = lambda flight: flight.session.check()
    flight.fly()
    fates = flight.session.counts.messages
    assert (fates.generated, fates.delivered + fates.queued + fates.dropped) == (2, 2)


def test_a_ground_with_a_long_memory_takes_each_message_once():
    flight = LinkFlight(classes={"prod": ClassRules(3, repeat=True)}, uplink_loss=1.0)
    flight.say(0.0, 10, PRODUCT)
    flight.contact(0.0, 5.0)
    for _ in range(3000):  # more than the reassembly remembers
        flight.say(10.0, 10)
    flight.contact(20.0, 1000.0)
    flight.fly()
    assert sum(r.message.kind is PRODUCT for r in flight.received) == 1


FLIP = st.builds(lambda at: ("flip", at), st.floats(0.0, 1.0, exclude_max=True))
CUT = st.builds(lambda at: ("cut", at), st.floats(0.0, 1.0, exclude_max=True))
HARM = st.lists(st.one_of(st.none(), FLIP, CUT), max_size=60)


def harmed(frame, harm):
    if harm is None:
        return frame
    how, at = harm
    if how == "cut":
        return frame[: int(at * len(frame))]
    bit = int(at * 8 * len(frame))
    damaged = bytearray(frame)
    damaged[bit // 8] ^= 0x80 >> bit % 8
    return bytes(damaged)


@settings(deadline=None)
@given(HARM, st.booleans())
def test_any_truncation_or_bit_flip_is_repaired_or_named(harm, repeat):
    flight = LinkFlight(classes=REPEATED if repeat else {}, frame_bytes=128)
    todo = list(reversed(harm))
    flight.tamper = lambda frame: harmed(frame, todo.pop() if todo else None)
    for k in range(10):
        flight.say(0.0, 40 * k, (PRODUCT, TELEMETRY)[k % 2])
    for k in range(3):
        flight.contact(500.0 * k, 500.0 * k + 300.0)
    flight.fly()
    hurt = sum(h is not None for h in harm[: len(flight.of(Transmit))])
    assert len(flight.of(FrameRefused)) == hurt
    assert {r.message for r in flight.received} <= set(flight.offered)
    if repeat:
        assert len(flight.received) == 10
    else:
        assert len(flight.received) + len(flight.of(Dropped)) == 10


@settings(deadline=None)
@given(st.permutations(range(12)), st.booleans())
def test_any_order_of_arrival_makes_the_same_messages(order, repeat):
    flight = LinkFlight(classes=REPEATED if repeat else {}, frame_bytes=128, rate_bps=96_000.0)
    shuffled = []

    def hold_back(frame):
        shuffled.append(frame)
        return

    flight.tamper = hold_back
    flight.say(0.0, 700, PRODUCT)
    for _ in range(4):
        flight.say(0.0, 40)
    flight.contact(0.0, 100.0)
    flight.fly(until_s=0.5)  # before the satellite asks for a word
    flight.tamper = lambda frame: frame
    assert len(shuffled) == 12  # eight of a product, four alone
    for number in order:
        flight.at(0.6, FrameArrived(shuffled[number]))
    flight.fly()
    assert {r.message for r in flight.received} == set(flight.offered)


@pytest.mark.parametrize("los_s", [0.5, 0.93, 1.0, 2.0, 2.4, 3.3, 3.5, 4.7, 5.0, 6.1])
def test_los_in_any_state_loses_nothing(los_s):
    flight = LinkFlight(classes=REPEATED, light_time_s=1.3, uplink_bps=400.0)
    flight.tamper = swallow(flight, {1})
    flight.say(0.0, 3 * PART_BYTES, PRODUCT)
    flight.contact(0.0, los_s)
    flight.contact(100.0, 200.0)
    flight.watch = lambda flight: flight.session.check()
    flight.fly()
    assert len(flight.received) == 1
    assert len(flight.store) == 0
    assert all(account.bits <= account.capacity_bits for account in flight.of(ContactAccount))


def test_words_never_go_up_for_classes_that_do_not_ask_for_them():
    flight = LinkFlight(bit_error_rate=1e-4)
    for _ in range(100):
        flight.say(0.0, 3000, PRODUCT)
    flight.contact(0.0, 1000.0)
    flight.fly()
    assert flight.of(TransmitUp) == []


def swallow(flight, numbers):
    """Let frames with these parts of a product vanish after the transmitter, once for each."""
    left = list(numbers)

    def tamper(frame):
        number = flight.codec.decode(frame).number
        if number in left:
            left.remove(number)
            return None
        return frame

    return tamper
