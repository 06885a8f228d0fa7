import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundlink.frames import (
    FRAME_BYTES,
    SMALLEST_FRAME_BYTES,
    FrameError,
    Reassembler,
    chunk_count,
    decode,
    encode,
    frame_length,
    frames,
)
from groundlink.messages import Message, MessageKind

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=32)


def messages(most_bytes=400):
    return st.builds(
        Message,
        kind=st.sampled_from(MessageKind),
        source=NAMES,
        sequence=st.integers(0, 2**32 - 1),
        generated_s=st.floats(-1e9, 1e9),
        body=st.binary(max_size=most_bytes),
        priority=st.integers(0, 7),
    )


def a_message(body=b"x" * 300, sequence=0):
    return Message(MessageKind.PRODUCT, "pi", sequence, 12.5, body, 3)


@given(messages(), st.integers(SMALLEST_FRAME_BYTES, FRAME_BYTES), st.randoms())
def test_frames_in_any_order_and_twice_become_their_message_once(message, frame_bytes, random):
    sent = frames(message, frame_bytes) * 2
    random.shuffle(sent)
    ground = Reassembler()
    assert [m for f in sent if (m := ground.add(decode(f)))] == [message]
    assert ground.held_bytes == 0


@given(messages(), st.integers(SMALLEST_FRAME_BYTES, FRAME_BYTES))
def test_no_frame_is_longer_than_allowed_or_than_foretold(message, frame_bytes):
    sent = frames(message, frame_bytes)
    assert max(map(len, sent)) <= frame_bytes
    assert [len(f) for f in sent] == [
        frame_length(message, number, frame_bytes) for number in range(len(sent))
    ]


@given(messages(), st.data())
def test_any_single_bit_flip_is_refused(message, choose):
    frame = bytearray(encode(message, 0, chunk_count(message)))
    bit = choose.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameError):
        decode(bytes(frame))


@given(messages(), st.data())
def test_any_truncation_is_refused(message, choose):
    frame = encode(message, 0, chunk_count(message))
    with pytest.raises(FrameError):
        decode(frame[: choose.draw(st.integers(0, len(frame) - 1))])


@given(messages(), st.binary(min_size=1))
def test_a_frame_with_a_tail_is_refused(message, tail):
    with pytest.raises(FrameError):
        decode(encode(message, 0, chunk_count(message)) + tail)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise):
    with pytest.raises(FrameError):
        decode(noise)


def test_a_message_too_long_for_its_chunk_numbers_is_refused():
    room = SMALLEST_FRAME_BYTES - frame_length(a_message(b""), 0)
    chunk_count(a_message(bytes(65_535 * room)), SMALLEST_FRAME_BYTES)
    with pytest.raises(ValueError, match="at most 65535"):
        chunk_count(a_message(bytes(65_535 * room + 1)), SMALLEST_FRAME_BYTES)


def test_unfinished_messages_are_bounded_in_memory():
    ground = Reassembler(capacity_bytes=10_000)
    for sequence in range(1000):
        ground.add(decode(frames(a_message(b"x" * 3000, sequence))[0]))
        assert ground.held_bytes <= 10_000


def test_room_is_made_by_the_message_begun_first():
    ground = Reassembler(capacity_bytes=3_000)
    first, second = (frames(a_message(b"x" * 2000, n)) for n in (1, 2))
    ground.add(decode(first[0]))
    for frame in second[:-1]:
        ground.add(decode(frame))
    ground.add(decode(first[1]))
    assert ground.add(decode(second[-1])) is None or ground.held_bytes <= 3_000


def test_chunks_that_contradict_each_other_are_refused():
    ground = Reassembler()
    ground.add(decode(frames(a_message(b"x" * 3000))[0]))
    with pytest.raises(FrameError, match="belongs to a message of 3 chunks"):
        ground.add(decode(frames(a_message(b"x" * 2000))[1]))


def crc_by_shifting_bits(content):
    """CRC-16 of CCSDS 132.0-B, 4.1.4.2, one bit at a time."""
    register = 0xFFFF
    for byte in content:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ (0x1021 if register & 0x8000 else 0)) & 0xFFFF
    return register


def test_a_frame_is_laid_out_as_written_down():
    frame = encode(Message(MessageKind.EVENT, "pi", 258, 1.5, b"ok", 4), 0, 1)
    content = bytes.fromhex(
        "1acffc1d 01 01 04 02 00000102 0000 0001 0002 3ff8000000000000 7069 6f6b"
    )
    assert crc_by_shifting_bits(b"123456789") == 0x29B1  # the CRC's published check value
    assert frame == content + crc_by_shifting_bits(content).to_bytes(2, "big")
