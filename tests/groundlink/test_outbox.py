"""What is published and not acknowledged: written in order, and again when a connection is lost."""

import threading
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from groundlink.mqtt_packets import Splitter, read_publish
from groundlink.outbox import FIRST_NUMBER, MOST_AT_ONCE, Outbox

DUP, RETAIN = 0x08, 0x01


def opened(most=1000):
    box = Outbox(most)
    box.open()
    return box


def written(box, most=MOST_AT_ONCE):
    """Return the messages of one write, and whether each is marked as sent again."""
    packets = Splitter().feed(box.take(most))
    return [(read_publish(p), bool(p.octets[p.start] & DUP)) for p in packets]


def bodies(said):
    return [message.payload for message, _ in said]


@given(st.text("abc/é", min_size=1), st.binary(max_size=300), st.booleans())
def test_a_message_is_written_as_it_is_put(topic, payload, retain):
    box = opened()
    assert box.put(topic, payload, retain)
    octets = box.take()
    (packet,) = Splitter().feed(octets)
    said = read_publish(packet)
    assert (said.topic, said.qos, said.payload) == (topic.encode(), 1, payload)
    assert said.number >= FIRST_NUMBER
    assert bool(octets[0] & RETAIN) == retain


def test_messages_are_written_in_order_and_no_more_than_asked_for_at_once():
    box = opened()
    for number in range(10):
        box.put("t", b"%d" % number, False)
    assert bodies(written(box, 4)) == [b"0", b"1", b"2", b"3"]
    assert bodies(written(box)) == [b"%d" % number for number in range(4, 10)]
    assert (box.take(), box.waits, len(box)) == (b"", False, 10)


def test_nothing_is_written_while_there_is_no_connection():
    box = Outbox(10)
    box.put("t", b"x", False)
    assert (box.take(), box.waits) == (b"", False)
    box.open()
    assert box.waits
    assert bodies(written(box)) == [b"x"]


def test_a_message_is_held_until_it_is_acknowledged_and_no_more_than_fit():
    box = opened(most=2)
    assert [box.put("t", b"", False) for _ in range(3)] == [True, True, False]
    (first, _), (second, _) = written(box)
    box.settle(first.number)
    box.settle(first.number)  # a second time, and a stranger's: nothing
    box.settle(1)
    assert len(box) == 1
    assert box.put("t", b"", False)
    box.settle(second.number)
    assert len(box) == 1


def test_what_is_not_acknowledged_is_written_again_and_marked_on_the_next_connection():
    box = opened()
    for number in range(4):
        box.put("t", b"%d" % number, False)
    sent = written(box, 3)
    box.settle(sent[0][0].number)
    box.close()
    box.put("t", b"4", False)
    assert box.take() == b""
    box.open()
    again = written(box)
    assert [(m.payload, dup) for m, dup in again] == [
        *((b"1", True), (b"2", True)),
        *((b"3", False), (b"4", False)),
    ]
    assert [m.number for m, _ in again[:2]] == [m.number for m, _ in sent[1:]]


def test_only_the_first_of_many_asks_for_a_wake_up():
    box = opened()
    asked = []
    for _ in range(3):
        box.put("t", b"", False)
        asked.append(box.first)
    assert asked == [True, False, False]
    assert box.crowded
    said = written(box)
    box.put("t", b"", False)
    assert not box.first  # an answer will come, and set it off
    for message, _ in said:
        box.settle(message.number)
    assert box.first


def test_packet_identifiers_are_used_again_only_when_they_are_free():
    box = opened(most=2)
    box.put("t", b"first", False)
    first = written(box)[0][0].number
    for _ in range(2**16):
        box.put("t", b"", False)
        number = written(box)[0][0].number
        assert number != first
        box.settle(number)


def test_two_threads_lose_nothing():
    box, count = opened(most=100_000), 20_000
    done = threading.Event()

    def publish():
        for number in range(count):
            box.put("t", b"%d" % number, False)
        done.set()

    thread = threading.Thread(target=publish)
    thread.start()
    said = []
    while box.waits or not done.is_set():
        said += written(box)
    thread.join()
    assert bodies(said) == [b"%d" % number for number in range(count)]
    assert len(set(islice((m.number for m, _ in said), count))) == count
