from hypothesis import given
from hypothesis import strategies as st

from groundlink.messages import Message, MessageKind
from groundlink.store import STORED_COST_BYTES, DropReason, Store, Stored


def stored(sequence, priority=3, body_bytes=100):
    message = Message(MessageKind.TELEMETRY, "pi", sequence, 0.0, bytes(body_bytes), priority)
    return Stored(message, 1)


def sequences(entries):
    return [entry.message.sequence for entry in entries]


def drain(store):
    return sequences(iter(store.take, None))


def room_for(count, body_bytes=100):
    return Store(count * (body_bytes + STORED_COST_BYTES))


def test_the_highest_priority_leaves_first_then_the_oldest():
    store = room_for(4)
    for sequence, priority in enumerate((3, 5, 3, 5)):
        store.put(stored(sequence, priority))
    assert drain(store) == [1, 3, 0, 2]


def test_a_full_store_drops_the_oldest_of_the_lowest_priority():
    store = room_for(3)
    for sequence, priority in enumerate((5, 1, 1)):
        store.put(stored(sequence, priority))
    assert sequences(store.put(stored(3, 4))) == [1]
    assert drain(store) == [0, 3, 2]


def test_a_message_of_the_lowest_priority_is_dropped_itself():
    store = room_for(2)
    store.put(stored(0, 5))
    store.put(stored(1, 5))
    assert sequences(store.put(stored(2, 4))) == [2]
    assert (store.dropped_count, store.dropped_bytes) == (1, 100)


def test_nothing_is_dropped_in_vain():
    store = room_for(3)
    for sequence, priority in enumerate((5, 5, 1)):
        store.put(stored(sequence, priority))
    too_long = stored(3, 4, body_bytes=250)
    assert sequences(store.put(too_long)) == [3]
    assert len(store) == 3


def test_a_taken_message_keeps_its_room_and_is_not_dropped():
    store = room_for(1)
    store.put(stored(0, 1))
    taken = store.take()
    assert sequences(store.put(stored(1, 7))) == [1]
    store.release(taken)
    assert store.put(stored(2, 1)) == []


def test_a_message_put_back_leaves_before_its_priority():
    store = room_for(3)
    for sequence in range(3):
        store.put(stored(sequence))
    store.put_back(store.take())
    assert drain(store) == [0, 1, 2]


def test_empty_messages_take_room_too():
    store = Store(10 * STORED_COST_BYTES)
    dropped = [len(store.put(stored(sequence, body_bytes=0))) for sequence in range(20)]
    assert sum(dropped) == 10


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 300)), max_size=60))
def test_the_store_does_what_a_plain_list_would(arrivals):
    store, plain = Store(1000), []
    for sequence, (priority, body_bytes) in enumerate(arrivals):
        entry = stored(sequence, priority, body_bytes)
        assert sequences(store.put(entry)) == sequences(put_plainly(plain, entry, 1000))
        assert store.used_bytes == sum(e.cost_bytes for e in plain) <= 1000
        assert store.backlog_bytes == sum(len(e.message.body) for e in plain)
    assert drain(store) == sequences(sorted(plain, key=lambda e: -e.message.priority))


def put_plainly(plain, entry, capacity_bytes):
    """Make room by sorting; plain is a list in order of arrival."""
    victims = sorted(plain, key=lambda e: e.message.priority)
    victims = [v for v in victims if v.message.priority <= entry.message.priority]
    excess_bytes = sum(e.cost_bytes for e in plain) + entry.cost_bytes - capacity_bytes
    if excess_bytes > sum(v.cost_bytes for v in victims):
        return [entry]
    dropped = []
    while excess_bytes > 0:
        dropped.append(victims.pop(0))
        excess_bytes -= dropped[-1].cost_bytes
    plain[:] = [e for e in plain if e not in dropped] + [entry]
    return dropped


def test_a_reason_reads_as_words():
    assert DropReason.STORE_FULL.value == "store full"
