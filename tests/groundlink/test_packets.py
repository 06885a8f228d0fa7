import logging
import math
from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.ccsds.spacepacket import PacketType, SequenceFlags, SpacePacketHeader
from spacepackets.ccsds.time import CdsShortTimestamp
from spacepackets.ecss.pus_1_verification import ManagedParamsVerification, Service1Tm
from spacepackets.ecss.req_id import RequestId
from spacepackets.ecss.tc import PusTc
from spacepackets.ecss.tm import ManagedParams, PusTm

from groundlink.cds import CdsEpoch
from groundlink.messages import Message, MessageKind
from groundlink.packets import (
    COUNTS,
    FIRST_APID,
    FRAME_BYTES,
    LARGEST_FRAME_BYTES,
    SMALLEST_FRAME_BYTES,
    Addresses,
    FrameError,
    TelecommandPacket,
    TelemetryCodec,
    crc16,
    decode_telecommand,
    encode_telecommand,
)

EPOCH = datetime(2026, 3, 20, 12, tzinfo=timezone.utc)
ADDRESSES = Addresses(("obc", "pi", "third-party"))
MARKER = bytes.fromhex("1acffc1d")
TIME_BYTES = 9
A_MICROSECOND = 1e-6
REPORT_TYPES = (1, 2, 3, 4, 7, 8)  # ECSS-E-ST-70-41C, 8.1: acceptance, start, completion
LONGEST_FLIGHT_S = 1e9  # 31 years; beyond 2**51 us float64 seconds cannot tell microseconds apart

frame_sizes = st.integers(SMALLEST_FRAME_BYTES, FRAME_BYTES)
sequences = st.integers(0, 2**32 - 1)
times = st.floats(-LONGEST_FLIGHT_S, LONGEST_FLIGHT_S)


@st.composite
def messages(draw, most_bytes=400):
    kind = draw(st.sampled_from(MessageKind))
    body = draw(st.binary(max_size=most_bytes))
    if kind is MessageKind.REPORT:
        head = bytes([draw(st.sampled_from(REPORT_TYPES))])
        body = head + draw(st.binary(min_size=4, max_size=4)) + body
    source = draw(st.sampled_from(ADDRESSES.names))
    return Message(kind, source, draw(sequences), draw(times), body)


def a_codec(frame_bytes=FRAME_BYTES, epoch=EPOCH):
    return TelemetryCodec(ADDRESSES, epoch, frame_bytes)


def a_message(body=b"x" * 300, sequence=0, kind=MessageKind.PRODUCT, generated_s=12.5):
    return Message(kind, "pi", sequence, generated_s, body)


def frames(codec, message):
    chunks = codec.chunk_count(message)
    return [codec.encode(message, index, chunks) for index in range(chunks)]


def packet(message, codec=None):
    """Return what a third party gets: the first space packet, without our sync marker."""
    return frames(codec or a_codec(), message)[0].removeprefix(MARKER)


def with_crc(frame):
    return frame[:-2] + crc16(frame[len(MARKER) : -2]).to_bytes(2, "big")


def patched(frame, at, octets):
    """Return a frame with other bytes, and a CRC that is right for them."""
    return with_crc(frame[:at] + octets + frame[at + len(octets) :])


# Round trips, and what never comes back


@given(messages(), frame_sizes)
def test_the_parts_of_a_message_say_all_of_it(message, frame_bytes):
    codec = a_codec(frame_bytes)
    parts = [codec.decode(frame) for frame in frames(codec, message)]
    assert b"".join(part.body for part in parts) == message.body
    assert [part.number for part in parts] == list(range(len(parts)))
    for part in parts:
        assert (part.source, part.kind, part.sequence) == message.key
        assert part.chunks == len(parts)
        assert part.generated_s == round(message.generated_s * 1e6) / 1e6
        assert abs(part.generated_s - message.generated_s) < A_MICROSECOND


@given(messages(), frame_sizes)
def test_no_frame_is_longer_than_allowed_or_than_foretold(message, frame_bytes):
    codec = a_codec(frame_bytes)
    lengths = [len(frame) for frame in frames(codec, message)]
    assert max(lengths) <= frame_bytes
    assert lengths == [codec.frame_length(message, index) for index in range(len(lengths))]
    assert set(lengths[:-1]) <= {frame_bytes}


@given(messages(), frame_sizes)
def test_a_message_takes_no_more_frames_than_it_must(message, frame_bytes):
    codec = a_codec(frame_bytes)
    chunks = codec.chunk_count(message)
    if message.kind is not MessageKind.PRODUCT and len(message.body) <= frame_bytes - 32:
        assert chunks == 1
    else:
        assert (chunks - 1) * (frame_bytes - 37) < max(1, len(message.body))


@pytest.mark.parametrize(
    ("kind", "most_bytes"),
    [  # of 256: marker 4, headers 6 + 7 + 9, CRC 2; then a sequence of 4, or a part's 9
        (MessageKind.TELEMETRY, 224),
        (MessageKind.EVENT, 224),
        (MessageKind.REPORT, 225),  # one of them is the packet's subtype
        (MessageKind.PRODUCT, 219),
    ],
)
def test_a_frame_is_filled_to_its_last_byte(kind, most_bytes):
    codec = a_codec(256)
    [full] = frames(codec, a_message(b"\x01" * most_bytes, kind=kind))
    assert len(full) == 256
    assert codec.chunk_count(a_message(b"\x01" * (most_bytes + 1), kind=kind)) == 2


@given(messages(), st.data())
def test_any_single_bit_flip_is_refused(message, choose):
    codec = a_codec(SMALLEST_FRAME_BYTES)
    frame = bytearray(choose.draw(st.sampled_from(frames(codec, message))))
    bit = choose.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameError):
        codec.decode(bytes(frame))


def test_every_single_bit_flip_of_one_frame_is_refused():
    codec = a_codec()
    [frame] = frames(codec, a_message(b"ok", kind=MessageKind.EVENT))
    for bit in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FrameError):
            codec.decode(bytes(flipped))


@given(messages(), st.data())
def test_any_truncation_is_refused(message, choose):
    codec = a_codec(SMALLEST_FRAME_BYTES)
    frame = choose.draw(st.sampled_from(frames(codec, message)))
    with pytest.raises(FrameError):
        codec.decode(frame[: choose.draw(st.integers(0, len(frame) - 1))])


@given(messages(), st.binary(min_size=1))
def test_a_frame_with_a_tail_is_refused(message, tail):
    codec = a_codec()
    with pytest.raises(FrameError):
        codec.decode(frames(codec, message)[0] + tail)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise):
    with pytest.raises(FrameError):
        a_codec().decode(noise)


@given(st.binary(min_size=16, max_size=120), st.sampled_from((0x08, 0x09)), st.data())
def test_noise_with_a_right_marker_length_and_crc_is_refused_or_is_a_message(noise, first, choose):
    """What passes the CRC by chance, or by intent, ends in a named error or in a sound part."""
    codec = a_codec()
    apid = choose.draw(st.integers(FIRST_APID, FIRST_APID + 3))
    header = bytes([first | apid >> 8, apid & 0xFF, 0xC0, 0]) + len(noise + b"cr").to_bytes(
        2, "big"
    )
    try:
        part = codec.decode(with_crc(MARKER + header + noise + b"\0cr"))
    except FrameError:
        return
    assert 0 <= part.number < part.chunks


@given(messages(), st.integers(4, 40), st.binary(min_size=1, max_size=4))
def test_a_frame_with_another_header_and_a_right_crc_is_refused_or_is_a_message(message, at, other):
    codec = a_codec()
    frame = frames(codec, message)[0]
    if at + len(other) > len(frame) - 2:
        return
    try:
        part = codec.decode(patched(frame, at, other))
    except FrameError:
        return
    assert 0 <= part.number < part.chunks


# The words of errors


@pytest.mark.parametrize(
    ("at", "octets", "what"),
    [
        (0, b"\xff", "frame begins with ffcffc1d; expected 1acffc1d"),
        (4, b"\x29", "packet of version 1, type TM, a secondary header"),
        (4, b"\x19", "version 0, type TC"),
        (4, b"\x01", "no secondary header"),
        (4, b"\x09\x77", r"APID 0x177.*expected .* obc \(0x100\), pi \(0x101\)"),
        (6, b"\x00", "continuation segment; expected unsegmented"),
        (6, b"\x40", "first segment; expected unsegmented"),
        (6, b"\x80", "last segment; expected unsegmented"),
        (8, b"\xff\xff", "frame of 34 bytes says it has 65546"),
        (10, b"\x10", "PUS header and time code 10"),
        (11, b"\x11", "packet 17/1 of 6 bytes is none of ours"),
        (12, b"\x02", "packet 5/2 of 6 bytes is none of ours"),
        (13, b"\x01", "message type counter 263, sequence 7"),
        (15, b"\x01", "PUS header and time code"),
        (17, b"\x40", "PUS header and time code"),
        (20, b"\x05\x26\x5c\x00", "has no 86400000 ms"),
        (24, b"\x03\xe8", "has no .* 1000 us"),
    ],
)
def test_what_is_wrong_with_a_frame_is_said(at, octets, what):
    codec = a_codec()
    [frame] = frames(codec, a_message(b"ok", 7, MessageKind.EVENT))
    with pytest.raises(FrameError, match=what):
        codec.decode(patched(frame, at, octets))


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("02 00000007 0003 0003", "packet 13/2 has kind 2, part 3 of 3"),
        ("02 00000007 0000 0003", "packet 13/2 has kind 2, part 0 of 3"),
        ("02 00000007 0002 0003", "packet 13/2 has kind 2, part 2 of 3"),
        ("09 00000007 0001 0003", "packet 13/2 has kind 9, part 1 of 3"),
        ("02 00000007 0000 0000", "packet 13/2 has kind 2, part 0 of 0"),
    ],
)
def test_a_part_that_is_none_of_its_message_is_refused(part, what):
    codec = a_codec(SMALLEST_FRAME_BYTES)
    intermediate = frames(codec, a_message(b"x" * 250, 7))[1]
    with pytest.raises(FrameError, match=what):
        codec.decode(patched(intermediate, 26, bytes.fromhex(part)))


def test_a_report_of_no_known_type_is_refused():
    for body in (b"", b"\x01\0\0\0", b"\x05\0\0\0\0", b"\x00\0\0\0\0"):
        with pytest.raises(ValueError, match="first byte is one of 1, 2, 3, 4, 7, 8"):
            a_codec().chunk_count(a_message(body, kind=MessageKind.REPORT))


def test_a_message_of_a_stranger_is_refused():
    stranger = Message(MessageKind.EVENT, "nobody", 0, 0.0, b"")
    for refusing in (a_codec().chunk_count, lambda message: a_codec().encode(message, 0, 1)):
        with pytest.raises(ValueError, match=r"'nobody' has no address; obc \(0x100\), pi"):
            refusing(stranger)


def test_a_message_too_long_for_its_part_numbers_is_refused():
    codec, room = a_codec(SMALLEST_FRAME_BYTES), SMALLEST_FRAME_BYTES - 37
    assert codec.chunk_count(a_message(bytes(65_535 * room))) == 65_535
    with pytest.raises(ValueError, match="at most 65535"):
        codec.chunk_count(a_message(bytes(65_535 * room + 1)))


def test_the_last_of_65535_parts_makes_the_round_trip():
    codec, room = a_codec(SMALLEST_FRAME_BYTES), SMALLEST_FRAME_BYTES - 37
    message = a_message(bytes(65_534 * room) + b"end")
    last = codec.decode(codec.encode(message, 65_534, 65_535))
    assert (last.number, last.chunks, last.body) == (65_534, 65_535, b"end")


def test_a_frame_length_that_no_packet_has_is_refused():
    a_codec(LARGEST_FRAME_BYTES)
    for frame_bytes in (SMALLEST_FRAME_BYTES - 1, LARGEST_FRAME_BYTES + 1):
        with pytest.raises(ValueError, match=r"is outside 128\.\.65546"):
            a_codec(frame_bytes)


def test_the_longest_packet_makes_the_round_trip():
    codec = a_codec(LARGEST_FRAME_BYTES)
    message = a_message(bytes(LARGEST_FRAME_BYTES - 32), kind=MessageKind.TELEMETRY)
    [frame] = frames(codec, message)
    assert frame[8:10] == b"\xff\xff"
    assert codec.decode(frame).body == message.body


# State


def test_sequence_counts_wrap_and_are_each_source_s_own():
    codec, ground = a_codec(), a_codec()
    mine = a_message(b"", kind=MessageKind.EVENT)
    other = Message(MessageKind.EVENT, "obc", 0, 0.0, b"")
    counts = [ground.decode(codec.encode(mine, 0, 1)).count for _ in range(4 * COUNTS + 2)]
    assert counts == [*range(16_384)] * 4 + [0, 1]  # 14 bits: CCSDS 133.0-B-2, 4.1.3.4
    assert ground.decode(codec.encode(other, 0, 1)).count == 0


def test_what_cannot_be_sent_takes_no_sequence_count():
    codec = a_codec()
    for wrong in (
        a_message(b"", kind=MessageKind.EVENT, generated_s=-1e12),
        a_message(b"\x09\0\0\0\0", kind=MessageKind.REPORT),
    ):
        with pytest.raises(ValueError, match=r"1958|first byte"):
            codec.encode(wrong, 0, 1)
    assert codec.decode(codec.encode(a_message(), 0, 1)).count == 0


def test_what_is_done_to_a_decoded_packet_changes_no_later_one():
    codec = a_codec()
    message = a_message(b"ok", kind=MessageKind.EVENT)
    first = codec.encode(message, 0, 1)
    part, theirs = codec.decode(first), PusTm.unpack(first.removeprefix(MARKER), TIME_BYTES)
    with pytest.raises(AttributeError):
        part.sequence = 5
    theirs.space_packet_header.apid = 0x7FF
    theirs.space_packet_header.seq_flags = SequenceFlags.FIRST_SEGMENT
    theirs.pus_tm_sec_header.service = 99
    second = codec.encode(message, 0, 1)
    assert second == patched(first, 6, b"\xc0\x01")


# Time


@given(
    st.datetimes(datetime(1958, 1, 1), datetime(2099, 12, 31), timezones=st.just(timezone.utc)),
    st.integers(0, 10**15),
)
def test_cds_time_is_the_date(epoch, elapsed_us):
    """The truth is the calendar of `datetime`, in whole microseconds."""
    elapsed = timedelta(microseconds=elapsed_us)
    cds = CdsEpoch(epoch)
    days, ms, us = cds.segments(elapsed_us / 1e6)
    date = datetime(1958, 1, 1, tzinfo=timezone.utc) + timedelta(
        days=days, milliseconds=ms, microseconds=us
    )
    assert date == epoch + elapsed
    assert ms < 86_400_000
    assert us < 1000
    assert cds.mission_s(days, ms, us) == elapsed_us / 1e6


@given(times)
def test_time_is_rounded_to_the_nearest_microsecond(mission_s):
    cds = CdsEpoch(EPOCH)
    said_s = cds.mission_s(*cds.segments(mission_s))
    # Half a microsecond, and what the product with 1e6 rounds off by itself.
    allowed = Fraction(1, 2_000_000) + Fraction(abs(mission_s)) / 2**51
    assert abs(Fraction(said_s) - Fraction(mission_s)) <= allowed


@given(st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 31), timezones=st.just(timezone.utc)))
def test_spacepackets_reads_our_time(date):
    frame = packet(a_message(generated_s=0.0), a_codec(epoch=date))
    theirs = CdsShortTimestamp.unpack(frame[13 : 13 + 7])
    whole_ms = date.replace(microsecond=date.microsecond // 1000 * 1000)
    midnight = whole_ms.replace(hour=0, minute=0, second=0, microsecond=0)
    assert theirs.ccsds_days == (date - datetime(1958, 1, 1, tzinfo=timezone.utc)).days
    assert timedelta(milliseconds=theirs.ms_of_day) == whole_ms - midnight
    assert int.from_bytes(frame[20:22], "big") == date.microsecond % 1000


def test_a_date_by_hand():
    # 2026-11-22T10:38:12.123456Z: day 25,162 (68 years, 17 leap days, and 325 days since
    # 1958-01-01), 38,292.123 s of it, 456 us
    epoch = datetime(2026, 11, 22, tzinfo=timezone.utc)
    frame = packet(a_message(generated_s=38_292.123456), a_codec(epoch=epoch))
    assert frame[13:22] == bytes.fromhex("41") + b"".join(
        (number.to_bytes(size, "big") for number, size in ((25_162, 2), (38_292_123, 4), (456, 2)))
    )


def test_only_dates_that_a_packet_can_say_are_taken():
    first = datetime(1958, 1, 1, tzinfo=timezone.utc)
    end = first + timedelta(days=2**16)
    assert end.year == 2137
    for epoch in (first - timedelta(microseconds=1), end, end.replace(tzinfo=None)):
        with pytest.raises(ValueError, match=r"1958|not in UTC"):
            a_codec(epoch=epoch)
    with pytest.raises(ValueError, match="not in UTC"):
        a_codec(epoch=EPOCH.astimezone(timezone(timedelta(hours=1))))


def test_messages_before_1958_or_after_2137_are_refused():
    earliest = a_codec(epoch=datetime(1958, 1, 1, tzinfo=timezone.utc))
    packet(a_message(generated_s=-4e-7), earliest)  # rounds to 0
    days_s = 2.0**16 * 86_400.0
    packet(a_message(generated_s=days_s - 1e-5), earliest)
    for generated_s in (-1e-6, days_s, days_s - 1e-7, 1e300, -1e300):
        with pytest.raises(ValueError, match="before 1958 or after 2137"):
            packet(a_message(generated_s=generated_s), earliest)


# Third parties read what we send


def test_the_crc_is_the_published_one():
    assert crc16(b"123456789") == 0x29B1  # CRC-16/CCITT-FALSE (IBM-3740), its check value
    assert crc16(MARKER, 0x10F5) == 0xFFFF  # so that a frame's CRC is its packet's


@given(messages(), frame_sizes)
def test_spacepackets_reads_the_headers_of_every_frame(message, frame_bytes):
    codec = a_codec(frame_bytes)
    for count, frame in enumerate(frames(codec, message)):
        raw = frame.removeprefix(MARKER)
        header = SpacePacketHeader.unpack(raw)
        assert header.ccsds_version == 0
        assert header.packet_type is PacketType.TM
        assert header.sec_header_flag
        assert header.seq_flags is SequenceFlags.UNSEGMENTED
        assert header.apid == FIRST_APID + ADDRESSES.names.index(message.source)
        assert header.seq_count == count
        assert header.packet_len == len(raw)
        assert PusTm.unpack(raw, TIME_BYTES).pack() == raw


@pytest.mark.parametrize(
    ("kind", "service", "subtype"),
    [(MessageKind.TELEMETRY, 3, 25), (MessageKind.EVENT, 5, 1)],
)
def test_spacepackets_reads_a_message_of_one_packet(kind, service, subtype):
    tm = PusTm.unpack(packet(a_message(b"watts", 0x12345, kind)), TIME_BYTES)
    assert (tm.service, tm.message_subtype) == (service, subtype)
    assert tm.source_data == b"watts" + bytes.fromhex("00012345")
    assert tm.pus_tm_sec_header.message_counter == 0x2345
    assert tm.pus_tm_sec_header.dest_id == 0


def test_spacepackets_reads_the_parts_of_a_product():
    codec = a_codec(SMALLEST_FRAME_BYTES)
    read = [
        PusTm.unpack(frame.removeprefix(MARKER), TIME_BYTES)
        for frame in frames(codec, a_message(b"x" * 250, 7))
    ]
    assert [(tm.service, tm.message_subtype) for tm in read] == [(13, 1), (13, 2), (13, 3)]
    assert read[1].source_data == bytes.fromhex("02 00000007 0001 0003") + b"x" * 91
    [lone] = frames(codec, a_message(b"", 7))
    assert PusTm.unpack(lone.removeprefix(MARKER), TIME_BYTES).message_subtype == 3


@pytest.mark.parametrize("subtype", REPORT_TYPES)
def test_spacepackets_reads_our_reports_as_service_1(subtype):
    tc = PusTc(service=8, message_subtype=1, apid=0x101, seq_count=77)
    request_id = RequestId.from_pus_tc(tc)
    failure = b"\x02why" if subtype % 2 == 0 else b""
    raw = packet(a_message(bytes([subtype]) + request_id.pack() + failure, 1, MessageKind.REPORT))
    report = Service1Tm.unpack(raw, ManagedParams(TIME_BYTES), ManagedParamsVerification())
    assert report.message_subtype == subtype
    assert report.tc_req_id == request_id
    if failure:
        assert report.error_code.val == 2
        assert report.failure_notice.data == b"why" + (1).to_bytes(4, "big")  # and our sequence


@pytest.mark.slow  # ccsdspy and what it brings along take 65 MB: make prove installs it
def test_ccsdspy_reads_our_frames():
    ccsdspy = pytest.importorskip("ccsdspy")
    logging.getLogger("ccsdspy").setLevel(logging.ERROR)
    codec = a_codec(256)
    sent = [a_message(bytes([k] * (k + 1)), k, MessageKind.TELEMETRY) for k in range(20)]
    stream = BytesIO(b"".join(packet(message, codec) for message in sent))
    layout = ccsdspy.VariableLength(
        [
            ccsdspy.PacketField("PUS", "uint", 8),
            ccsdspy.PacketField("SERVICE", "uint", 8),
            ccsdspy.PacketField("SUBTYPE", "uint", 8),
            ccsdspy.PacketField("COUNTER", "uint", 16),
            ccsdspy.PacketField("DESTINATION", "uint", 16),
            ccsdspy.PacketField("TIME_CODE", "uint", 8),
            ccsdspy.PacketField("DAYS", "uint", 16),
            ccsdspy.PacketField("MS", "uint", 32),
            ccsdspy.PacketField("US", "uint", 16),
            ccsdspy.PacketArray(name="DATA", data_type="uint", bit_length=8, array_shape="expand"),
            ccsdspy.PacketField("SEQUENCE", "uint", 32),
            ccsdspy.PacketField("CRC", "uint", 16),
        ]
    )
    read = layout.load(stream, include_primary_header=True)
    fields = {
        "CCSDS_VERSION_NUMBER": [0] * 20,
        "CCSDS_PACKET_TYPE": [0] * 20,
        "CCSDS_SECONDARY_FLAG": [1] * 20,
        "CCSDS_SEQUENCE_FLAG": [3] * 20,
        "CCSDS_APID": [0x101] * 20,
        "CCSDS_SEQUENCE_COUNT": list(range(20)),
        "CCSDS_PACKET_LENGTH": [7 + 9 + k + 1 + 4 + 2 - 1 for k in range(20)],
        "SERVICE": [3] * 20,
        "SUBTYPE": [25] * 20,
        "DAYS": [24_915] * 20,  # 2026-03-20
        "MS": [43_212_500] * 20,  # noon and 12.5 s
        "SEQUENCE": list(range(20)),
    }
    assert {name: list(read[name]) for name in fields} == fields
    assert [bytes(data.astype("uint8")) for data in read["DATA"]] == [m.body for m in sent]


# Telecommands

telecommands = st.builds(
    TelecommandPacket,
    st.sampled_from(ADDRESSES.names),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=1024),
    st.integers(0, COUNTS - 1),
)


@given(telecommands)
def test_a_telecommand_makes_the_round_trip(telecommand):
    assert decode_telecommand(encode_telecommand(telecommand, ADDRESSES), ADDRESSES) == telecommand


@given(telecommands)
def test_spacepackets_reads_our_telecommands(telecommand):
    raw = encode_telecommand(telecommand, ADDRESSES)
    tc = PusTc.unpack(raw)
    assert (tc.service, tc.message_subtype) == (telecommand.service, telecommand.subtype)
    assert tc.app_data == telecommand.application
    assert tc.apid == ADDRESSES.apid(telecommand.target)
    assert tc.seq_count == telecommand.count
    assert telecommand.request_id(ADDRESSES) == RequestId.from_pus_tc(tc).pack()


def test_a_telecommand_is_laid_out_as_written_down():
    # The packet of spacepackets' own example, TC[17,1], for APID 0x101 and with our flags.
    raw = encode_telecommand(TelecommandPacket("pi", 17, 1, b"", 22), ADDRESSES)
    content = bytes.fromhex("1901 c016 0006 2b 11 01 0000")
    assert raw == content + crc16(content).to_bytes(2, "big")


@given(telecommands, st.data())
def test_any_single_bit_flip_of_a_telecommand_is_refused(telecommand, choose):
    raw = bytearray(encode_telecommand(telecommand, ADDRESSES))
    bit = choose.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameError):
        decode_telecommand(bytes(raw), ADDRESSES)


@given(telecommands, st.data())
def test_any_truncation_of_a_telecommand_is_refused(telecommand, choose):
    raw = encode_telecommand(telecommand, ADDRESSES)
    with pytest.raises(FrameError):
        decode_telecommand(raw[: choose.draw(st.integers(0, len(raw) - 1))], ADDRESSES)


@given(telecommands, st.binary(min_size=1))
def test_a_telecommand_with_a_tail_is_refused(telecommand, tail):
    with pytest.raises(FrameError):
        decode_telecommand(encode_telecommand(telecommand, ADDRESSES) + tail, ADDRESSES)


@given(st.binary(max_size=100))
def test_noise_is_no_telecommand(noise):
    with pytest.raises(FrameError):
        decode_telecommand(noise, ADDRESSES)


@given(st.binary(min_size=5, max_size=60), st.integers(0, 2**32 - 1))
def test_noise_with_a_right_length_and_crc_is_no_telecommand_or_a_sound_one(noise, ids):
    raw = ids.to_bytes(4, "big") + (len(noise) + 1).to_bytes(2, "big") + noise
    try:
        found = decode_telecommand(raw + crc16(raw).to_bytes(2, "big"), ADDRESSES)
    except FrameError:
        return
    assert found.target in ADDRESSES.names


@pytest.mark.parametrize(
    ("head", "what"),
    [
        ("3901 c016", "packet of version 1, type TC"),
        ("0901 c016", "version 0, type TM, a secondary header"),
        ("1101 c016", "no secondary header"),
        ("1901 4016", "first segment; expected an unsegmented telecommand"),
        ("1977 c016", "APID 0x177 is nobody's"),
    ],
)
def test_what_is_wrong_with_a_telecommand_is_said(head, what):
    content = bytes.fromhex(head + "0006 2b 11 01 0000")
    with pytest.raises(FrameError, match=what):
        decode_telecommand(content + crc16(content).to_bytes(2, "big"), ADDRESSES)


@pytest.mark.parametrize(
    "telecommand",
    [
        TelecommandPacket("nobody", 8, 1, b"", 0),
        TelecommandPacket("pi", 256, 1, b"", 0),
        TelecommandPacket("pi", 8, -1, b"", 0),
        TelecommandPacket("pi", 8, 1, b"", COUNTS),
        TelecommandPacket("pi", 8, 1, bytes(2**16), 0),
    ],
)
def test_what_fits_no_telecommand_is_refused(telecommand):
    with pytest.raises(ValueError, match=r"no address|fits no packet|65535"):
        encode_telecommand(telecommand, ADDRESSES)


# Addresses


def test_addresses_follow_each_other():
    assert [ADDRESSES.apid(name) for name in ADDRESSES.names] == [0x100, 0x101, 0x102]
    assert [ADDRESSES.name(apid) for apid in (0x100, 0x101, 0x102)] == list(ADDRESSES.names)
    for apid in (0xFF, 0x103):
        with pytest.raises(FrameError, match="is nobody's"):
            ADDRESSES.name(apid)
    with pytest.raises(FrozenInstanceError):
        ADDRESSES.names = ()


@pytest.mark.parametrize(
    "names", [(), ("pi",), ("pi", "obc"), ("obc", "pi", "pi"), ("obc", "PI"), ("obc", "")]
)
def test_addresses_are_of_the_satellite_and_then_of_payloads(names):
    with pytest.raises(ValueError, match="such as 'obc', 'pi'"):
        Addresses(names)


def test_there_are_only_so_many_addresses():
    Addresses(("obc", *(f"p{k}" for k in range(0x5FF))))
    with pytest.raises(ValueError, match="there are 1536 addresses"):
        Addresses(("obc", *(f"p{k}" for k in range(0x600))))


def test_a_message_that_is_not_finite_in_time_never_gets_here():
    with pytest.raises(ValueError, match="is not a time"):
        a_message(generated_s=math.nan)
