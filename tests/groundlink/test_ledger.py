"""The ledger can fail: each promise of the link, broken on purpose, is a violation."""

from datetime import datetime, timezone

import pytest

from groundlink.accounts import AccountsError
from groundlink.contacts import Contact
from groundlink.events import Dropped
from groundlink.lane import Airborne
from groundlink.ledger import Ledger
from groundlink.messages import Message, MessageKind
from groundlink.packets import Addresses, TelemetryCodec
from groundlink.rules import DEFAULTS, ClassRules, Rules
from groundlink.store import DropReason, Store, Stored

RULES = Rules({**DEFAULTS, "prod": ClassRules(3, repeat=True)})
CONTACT = Contact("a", 0.0, 100.0, 1000.0, light=((0.0, 1.0),))
LOCK_S = 10.0
CODEC = TelemetryCodec(Addresses(("obc", "pi")), datetime(2026, 1, 1, tzinfo=timezone.utc))


class Books:
    """A ledger, a store, and a message after the other that passes through both."""

    def __init__(self, kind=MessageKind.TELEMETRY):
        self.kind = kind
        self.store = Store(10**6, RULES)
        self.ledger = Ledger(self.store, RULES, 0.0)
        self.ledger.logbook.open(0.0, CONTACT, LOCK_S)

    def offer(self, sequence=0):
        message = Message(self.kind, "pi", sequence, 0.0, b"body")
        self.store.put(0.0, Stored(message, 1))
        self.ledger.offered(message)
        return message

    def take(self):
        stored, _ = self.store.take(0.0)
        return stored

    def send(self, stored, began_s=10.0, left_s=20.0, bits=8, crossed=None):
        stored.next_chunk = 1
        if self.kind is MessageKind.PRODUCT:
            self.store.hold(stored)
        else:
            self.store.release(stored)
            self.ledger.departed()
        frame = crossed or CODEC.encode(stored.message, 0, 1)
        self.ledger.sent(stored, frame, Airborne(stored, bits, began_s, left_s, 0), True)
        return frame

    def arrive(self, frame, t_s=21.0):
        flight = self.ledger.land(t_s, frame)
        self.ledger.delivered(flight.stored.message, flight)
        return flight

    def broken(self, words):
        with pytest.raises(AccountsError, match=words):
            self.ledger.check()


@pytest.fixture
def books():
    return Books()


@pytest.fixture
def repeated():
    return Books(MessageKind.PRODUCT)


@pytest.mark.parametrize("kind", [MessageKind.TELEMETRY, MessageKind.PRODUCT])
def test_an_honest_link_has_nothing_to_answer_for(kind):
    books = Books(kind)
    for sequence in range(3):
        books.offer(sequence)
        books.ledger.check()
    for k in range(3):
        frame = books.send(books.take(), 10.0 + k, 11.0 + k)
        books.ledger.check()
        books.arrive(frame, 12.0 + k)
        books.ledger.check()


def test_a_message_that_vanished_from_the_store(books):
    books.offer()
    books.store.release(books.take())
    books.broken("messages do not add up")


def test_a_message_that_nobody_offered(books):
    books.store.put(0.0, Stored(Message(MessageKind.EVENT, "pi", 0, 0.0, b""), 1))
    books.broken("messages do not add up")


def test_a_message_offered_twice(books):
    books.ledger.offered(books.offer())
    books.broken("offered out of order")


def test_two_frames_that_cannot_be_told_apart(books):
    for sequence in range(2):
        books.offer(sequence)
    books.send(books.take(), 10.0, 11.0, crossed=b"same")
    books.send(books.take(), 11.0, 12.0, crossed=b"same")
    books.broken("frames do not add up")


def test_a_message_released_though_the_ground_does_not_have_it(repeated):
    repeated.offer()
    stored = repeated.take()
    repeated.send(stored)
    repeated.store.release(stored)
    repeated.ledger.acknowledged(stored)
    repeated.broken("not on the ground")


def test_a_message_delivered_twice(repeated):
    repeated.offer()
    stored = repeated.take()
    flight = repeated.arrive(repeated.send(stored))
    repeated.ledger.delivered(stored.message, flight)
    repeated.broken("delivered twice")


def test_messages_of_a_class_that_left_in_the_wrong_order(books):
    for sequence in range(2):
        books.offer(sequence)
    first, second = books.take(), books.take()
    books.arrive(books.send(second, 10.0, 11.0), 12.0)
    books.arrive(books.send(first, 11.0, 12.0), 13.0)
    books.broken("delivered out of order")


@pytest.mark.parametrize(("began_s", "left_s"), [(9.9, 20.0), (90.0, 100.1)])
def test_a_frame_on_the_air_before_lock_or_after_los(books, began_s, left_s):
    books.offer()
    books.send(books.take(), began_s, left_s)
    books.broken("on the air")


@pytest.mark.parametrize("left_s", [20.0, 100.1])
def test_a_frame_on_the_air_without_a_contact(books, left_s):
    books.offer()
    books.ledger.logbook.leave(15.0)
    books.send(books.take(), 10.0, left_s)
    books.broken("outside every contact")


def test_two_frames_on_the_air_at_once(books):
    for sequence in range(2):
        books.offer(sequence)
    books.send(books.take(), 10.0, 12.0)
    books.send(books.take(), 11.0, 13.0)
    books.broken("two frames")


def test_two_uplink_frames_on_the_air_at_once(books):
    for began_s in (10.0, 11.0):
        books.ledger.uplink_sent(Airborne(None, 8, began_s, began_s + 2.0, 0))
    books.broken("two uplink frames")


def test_an_uplink_frame_before_lock(books):
    books.ledger.uplink_sent(Airborne(None, 8, 5.0, 6.0, 0))
    books.broken("on the air")


@pytest.mark.parametrize("t_s", [10.9, 102.0])
def test_a_receipt_outside_aos_and_los_with_light_time(books, t_s):
    books.offer()
    frame = books.send(books.take())
    books.ledger.logbook.leave(100.0)
    books.arrive(frame, t_s)
    books.broken("a frame came at")


def test_a_receipt_of_a_contact_that_was_cut(books):
    books.offer()
    frame = books.send(books.take(), 10.0, 20.0)
    books.ledger.logbook.leave(25.0)
    books.arrive(frame, 26.5)
    books.broken("a frame came at")


def test_more_bits_than_the_rate_can_carry(books):
    books.offer()
    books.send(books.take(), 10.0, 11.0, bits=1002)  # 1000 bit/s
    books.broken("1002 bits went")


def test_more_bits_than_the_rate_can_carry_are_remembered_when_the_account_is_closed(books):
    books.offer()
    frame = books.send(books.take(), 10.0, 11.0, bits=1002)
    books.arrive(frame, 12.0)
    books.ledger.close_all(50.0)
    books.broken("1002 bits went")


def test_all_that_is_wrong_is_said_at_once(books):
    books.ledger.offered(books.offer())
    books.ledger.uplink_sent(Airborne(None, 8, 5.0, 6.0, 0))
    books.broken("offered out of order; a frame was on the air.*; messages do not add up")


def test_frames_that_have_not_come_when_a_contact_is_closed_are_lost(books):
    books.offer()
    books.send(books.take())
    number, closes_s = books.ledger.logbook.leave(100.0)
    dropped, account = books.ledger.close(number)
    assert closes_s == 101.0
    assert isinstance(dropped, Dropped)
    assert dropped.reason is DropReason.FRAME_LOST
    assert (account.bits, account.capacity_bits) == (8, 90_000.0)
    assert books.ledger.close(number) == []
    books.ledger.check()
