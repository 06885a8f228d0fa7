from datetime import datetime, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundlink.frames import Reassembler
from groundlink.messages import Message, MessageKind
from groundlink.packets import Addresses, Chunk, FrameError, TelemetryCodec

KEY = ("pi", MessageKind.PRODUCT, 0)


def parts(body=b"x" * 300, sequence=0, room=100, source="pi", generated_s=12.5):
    """Return the parts of a message, each with the sequence count of its packet."""
    chunks = max(1, -(-len(body) // room))
    return [
        Chunk(
            MessageKind.PRODUCT,
            source,
            sequence,
            number,
            chunks,
            generated_s,
            body[number * room : (number + 1) * room],
            number,
        )
        for number in range(chunks)
    ]


bodies = st.binary(max_size=400)
rooms = st.integers(1, 100)


@given(bodies, rooms, st.randoms())
def test_parts_in_any_order_and_twice_become_their_message_once(body, room, random):
    sent = parts(body, room=room) * 2
    random.shuffle(sent)
    ground = Reassembler()
    message = Message(MessageKind.PRODUCT, "pi", 0, 12.5, body)
    assert [m for part in sent if (m := ground.add(part))] == [message]
    assert ground.held_bytes == 0
    assert ground.is_complete(KEY)
    assert ground.gaps(KEY) == ()


@given(bodies, st.data())
def test_frames_damaged_lost_doubled_and_reordered_become_their_message_or_nothing(body, choose):
    codec = TelemetryCodec(
        Addresses(("obc", "pi")), datetime(2026, 3, 20, tzinfo=timezone.utc), frame_bytes=128
    )
    message = Message(MessageKind.PRODUCT, "pi", 0, 12.5, body)
    chunks = codec.chunk_count(message)
    sent = [codec.encode(message, index, chunks) for index in range(chunks)]
    heard = choose.draw(st.lists(st.sampled_from(sent), max_size=3 * chunks))
    ground, whole = Reassembler(), []
    for frame in heard:
        bits = int.from_bytes(frame, "big")
        if choose.draw(st.booleans()):
            bits ^= 1 << choose.draw(st.integers(0, 8 * len(frame) - 1))
        try:
            whole.append(ground.add(codec.decode(bits.to_bytes(len(frame), "big"))))
        except FrameError:
            assert bits.to_bytes(len(frame), "big") != frame
    assert [found for found in whole if found is not None] in ([], [message])


@given(st.lists(bodies, min_size=1, max_size=5), rooms, st.randoms())
def test_parts_of_several_messages_in_any_order_become_each_message_once(several, room, random):
    sent = [part for k, body in enumerate(several) for part in parts(body, k, room)]
    random.shuffle(sent)
    ground = Reassembler()
    whole = {m.sequence: m.body for part in sent if (m := ground.add(part))}
    assert whole == dict(enumerate(several))


@given(bodies, rooms, st.data())
def test_the_gaps_are_what_did_not_come(body, room, choose):
    sent = parts(body, room=room)
    came = choose.draw(st.sets(st.sampled_from(range(len(sent))), min_size=1))
    ground = Reassembler()
    for number in came:
        ground.add(sent[number])
    gaps = ground.gaps(KEY)
    missing = [number for begin, end in gaps for number in range(begin, end)]
    assert missing == sorted(set(range(len(sent))) - came)
    assert all(begin < end for begin, end in gaps)
    assert all(one[1] < other[0] for one, other in pairwise(gaps))  # none touch
    assert ground.is_complete(KEY) == (not missing)
    assert [m.body for number in missing if (m := ground.add(sent[number]))] == [body] * bool(
        missing
    )


def test_one_part_says_how_much_is_missing():
    ground = Reassembler()
    ground.add(parts(b"x" * 1000)[4])
    assert ground.gaps(KEY) == ((0, 4), (5, 10))


def test_nothing_is_known_of_a_message_of_which_nothing_came():
    assert Reassembler().gaps(KEY) == ()
    assert not Reassembler().is_complete(KEY)


def test_unfinished_messages_are_bounded_in_memory():
    ground = Reassembler(capacity_bytes=10_000)
    for sequence in range(1000):
        ground.add(parts(b"x" * 3000, sequence, room=1000)[0])
        assert ground.held_bytes <= 10_000


def test_parts_that_come_twice_take_their_room_once():
    ground = Reassembler()
    for part in parts(b"x" * 250)[:2] * 10:
        ground.add(part)
    assert ground.held_bytes == 2 * (100 + Reassembler.CHUNK_COST_BYTES)


def test_empty_parts_take_room_too():
    ground = Reassembler(capacity_bytes=10_000)
    empty = parts(b"xx", room=1)[0]._replace(body=b"")
    for sequence in range(1000):
        ground.add(empty._replace(sequence=sequence))
    assert 0 < ground.held_bytes <= 10_000


def test_room_is_made_by_the_message_begun_first():
    ground = Reassembler(capacity_bytes=3_000)
    first, second = (parts(b"x" * 2000, sequence, room=1000) for sequence in (1, 2))
    ground.add(first[0])
    ground.add(second[0])
    ground.add(parts(b"y" * 2000, 3, room=1000)[0])
    assert ground.gaps(("pi", MessageKind.PRODUCT, 1)) == ()
    assert ground.gaps(("pi", MessageKind.PRODUCT, 2)) == ((1, 2),)
    assert ground.add(second[1]).body == b"x" * 2000
    assert ground.add(first[1]) is None


def test_a_message_larger_than_the_room_there_is_never_comes():
    ground = Reassembler(capacity_bytes=1_000)
    assert [m for part in parts(b"x" * 5000) if (m := ground.add(part))] == []
    assert ground.held_bytes <= 1_000


def test_what_was_given_up_can_begin_again():
    ground = Reassembler()
    sent = parts()
    ground.add(sent[0])
    ground.forget(KEY)
    assert ground.held_bytes == 0
    assert [m.body for part in sent if (m := ground.add(part))] == [b"x" * 300]
    ground.forget(("pi", MessageKind.PRODUCT, 9))


def test_messages_whole_long_ago_are_forgotten():
    ground = Reassembler(memory=2)
    for sequence in range(3):
        ground.add(parts(b"", sequence)[0])
    kept = [ground.is_complete(("pi", MessageKind.PRODUCT, sequence)) for sequence in range(3)]
    assert kept == [False, True, True]


def test_messages_of_different_sources_and_kinds_do_not_mix():
    ground = Reassembler()
    mine = parts(b"x" * 200)
    ground.add(mine[0])
    ground.add(parts(b"y" * 200, source="obc")[1])
    ground.add(mine[1]._replace(kind=MessageKind.EVENT, body=b"z"))
    assert ground.add(mine[1]).body == b"x" * 200


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"chunks": 4}, "belongs to a message of 3 parts"),
        ({"generated_s": 13.0}, "belongs to a message of 3 parts"),
        ({"number": 0, "body": b"y" * 100}, "came twice, and differs"),
        ({"number": 3}, "part 3 is none of 3"),
        ({"number": -1}, "part -1 is none of 3"),
    ],
)
def test_parts_that_contradict_their_fellows_are_refused_and_do_no_harm(change, what):
    ground = Reassembler()
    first, second, third = parts()
    ground.add(first)
    with pytest.raises(FrameError, match=what):
        ground.add(second._replace(**change))
    ground.add(second)
    assert ground.add(third).body == b"x" * 300


def test_a_part_that_is_none_of_its_message_begins_none():
    ground = Reassembler()
    with pytest.raises(FrameError, match="part 3 is none of 3"):
        ground.add(parts()[0]._replace(number=3))
    assert ground.held_bytes == 0
    assert ground.gaps(KEY) == ()


def test_a_part_of_nobody_is_refused():
    with pytest.raises(FrameError, match="message source"):
        Reassembler().add(parts(b"")[0]._replace(source="No Name"))
