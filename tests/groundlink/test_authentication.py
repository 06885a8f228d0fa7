import hmac
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundlink.authentication import (
    LARGEST_COUNTER,
    CommandRefused,
    Key,
    MemoryCounters,
    Refusal,
    Signer,
    Verifier,
)
from groundlink.commands import LoadModel, pack, unpack
from groundlink.journal import StoreError
from groundlink.packets import (
    Addresses,
    FrameError,
    TelecommandPacket,
    crc16,
    decode_telecommand,
    encode_telecommand,
)

SECRET = b"sixteen bytes or more"
KEY = Key(7, SECRET)
OTHER = Key(8, b"another secret of enough bytes")
packets = st.binary(min_size=1, max_size=200)


def ends(*keys):
    """Return a ground station with the first key, and a satellite with all."""
    return Signer(keys[0], MemoryCounters()), Verifier(keys, MemoryCounters())


def refusal(satellite, frame, t_s=0.0):
    with pytest.raises(CommandRefused) as caught:
        satellite.verify(t_s, frame)
    assert isinstance(caught.value, FrameError)
    assert caught.value.reason.value in str(caught.value)
    return caught.value.reason


def forge(frame, at, octets, key=None):
    """Return a frame with other bytes, a CRC that is right for them and, given a key, a MAC."""
    signed = bytearray(frame[:-18])
    signed[at : at + len(octets)] = octets
    mac = frame[-18:-2] if key is None else hmac.digest(key.secret, signed[2:], "sha256")[:16]
    content = bytes(signed) + mac
    return content + crc16(content).to_bytes(2, "big")


@given(st.lists(packets, min_size=1, max_size=5), st.floats(0, 1e9))
def test_what_is_signed_passes_once_and_unchanged(several, t_s):
    ground, satellite = ends(KEY)
    for packet in several:
        frame, _ = ground.sign(packet)
        assert len(frame) == Signer.frame_length(len(packet))
        assert satellite.verify(t_s, frame) == packet
        assert refusal(satellite, frame, t_s) is Refusal.REPLAYED


@given(packets, st.data())
def test_any_single_bit_flip_is_refused_and_uses_nothing_up(packet, choose):
    ground, satellite = ends(KEY)
    frame, _ = ground.sign(packet)
    bit = choose.draw(st.integers(0, 8 * len(frame) - 1))
    flipped = bytearray(frame)
    flipped[bit // 8] ^= 1 << bit % 8
    assert refusal(satellite, bytes(flipped)) is Refusal.DAMAGED
    assert satellite.verify(0.0, frame) == packet


@given(packets, st.data())
def test_any_truncation_is_refused_and_uses_nothing_up(packet, choose):
    ground, satellite = ends(KEY)
    frame, _ = ground.sign(packet)
    cut = frame[: choose.draw(st.integers(0, len(frame) - 1))]
    assert refusal(satellite, cut) in (Refusal.DAMAGED, Refusal.FORGED, Refusal.UNKNOWN_KEY)
    assert satellite.verify(0.0, frame) == packet


@given(packets, st.data())
def test_any_alteration_with_a_right_crc_is_refused_and_uses_nothing_up(packet, choose):
    ground, satellite = ends(KEY, OTHER)
    frame, _ = ground.sign(packet)
    at = choose.draw(st.integers(2, len(frame) - 19))
    other = choose.draw(st.integers(0, 255).filter(lambda byte: byte != frame[at]))
    assert refusal(satellite, forge(frame, at, bytes([other]))) in (
        Refusal.FORGED,
        Refusal.UNKNOWN_KEY,
    )
    assert satellite.verify(0.0, frame) == packet


@given(st.binary(max_size=200))
def test_noise_is_refused(noise):
    assert refusal(ends(KEY)[1], noise) is Refusal.DAMAGED


@given(st.binary(max_size=200))
def test_noise_with_a_right_crc_is_refused(noise):
    content = b"\xeb\x90" + noise
    frame = content + crc16(content).to_bytes(2, "big")
    assert refusal(ends(KEY)[1], frame) in (
        Refusal.DAMAGED,
        Refusal.UNKNOWN_KEY,
        Refusal.FORGED,
    )


def test_a_wrong_key_of_a_known_number_is_refused():
    frame, _ = Signer(Key(7, b"not the secret of key 7"), MemoryCounters()).sign(b"packet")
    assert refusal(ends(KEY)[1], frame) is Refusal.FORGED


def test_a_key_of_an_unknown_number_is_refused():
    frame, _ = Signer(OTHER, MemoryCounters()).sign(b"packet")
    assert refusal(ends(KEY)[1], frame) is Refusal.UNKNOWN_KEY


def test_a_frame_of_one_key_does_not_pass_as_another_s():
    ground, satellite = ends(KEY, OTHER)
    frame, _ = ground.sign(b"packet")
    assert refusal(satellite, forge(frame, 2, (8).to_bytes(2, "big"))) is Refusal.FORGED


def test_two_keys_of_one_number_are_refused():
    with pytest.raises(ValueError, match="not all different"):
        Verifier([KEY, Key(7, b"x" * 16)], MemoryCounters())


# The counter


def test_a_counter_that_is_equal_or_lower_is_refused():
    counters = MemoryCounters()
    ground, satellite = Signer(KEY, MemoryCounters()), Verifier([KEY], counters)
    first, second, third = (ground.sign(b"packet").frame for _ in range(3))
    satellite.verify(0.0, second)
    assert refusal(satellite, second) is Refusal.REPLAYED
    assert refusal(satellite, first) is Refusal.REPLAYED  # lost for good: it came too late
    satellite.verify(0.0, third)
    assert counters.last("onboard/7") == 3


def test_counters_of_different_keys_are_independent():
    counters = MemoryCounters()
    satellite = Verifier([KEY, OTHER], counters)
    one, two = Signer(KEY, MemoryCounters()), Signer(OTHER, MemoryCounters())
    for _ in range(3):
        satellite.verify(0.0, one.sign(b"packet").frame)
    satellite.verify(0.0, two.sign(b"packet").frame)
    assert (counters.last("onboard/7"), counters.last("onboard/8")) == (3, 1)


def test_counters_outlive_both_ends():
    ground_s, onboard_s = MemoryCounters(), MemoryCounters()
    old, _ = Signer(KEY, ground_s).sign(b"packet")
    Verifier([KEY], onboard_s).verify(0.0, old)
    assert refusal(Verifier([KEY], onboard_s), old) is Refusal.REPLAYED
    fresh = Signer(KEY, ground_s).sign(b"packet")
    assert fresh.counter == 2
    assert Verifier([KEY], onboard_s).verify(0.0, fresh.frame) == b"packet"


def test_a_signature_says_its_counter():
    ground, _ = ends(KEY)
    assert [ground.sign(b"packet").counter for _ in range(3)] == [1, 2, 3]


def test_the_last_counter_is_good_for_one_command_and_none_comes_after_it():
    ground_s, onboard_s = MemoryCounters(), MemoryCounters()
    ground_s.advance("uplink/7", LARGEST_COUNTER - 1)
    ground, satellite = Signer(KEY, ground_s), Verifier([KEY], onboard_s)
    frame, counter = ground.sign(b"packet")
    assert counter == 2**64 - 1
    assert satellite.verify(0.0, frame) == b"packet"
    assert refusal(satellite, frame) is Refusal.REPLAYED
    with pytest.raises(ValueError, match="key 7 has no counter left"):
        ground.sign(b"packet")


class BrokenCounters(MemoryCounters):
    """Counters whose disk is full."""

    def advance(self, name, value):
        raise OSError("no space left on device")


def test_nothing_passes_whose_counter_could_not_be_kept():
    frame, _ = Signer(KEY, MemoryCounters()).sign(b"packet")
    with pytest.raises(OSError, match="no space left"):
        Verifier([KEY], BrokenCounters()).verify(0.0, frame)
    with pytest.raises(OSError, match="no space left"):
        Signer(KEY, BrokenCounters()).sign(b"packet")


# Time


def test_a_command_is_good_until_its_last_microsecond():
    ground, satellite = ends(KEY)
    in_time, late = (ground.sign(b"packet", 7200.0).frame for _ in range(2))
    assert satellite.verify(7200.0, in_time) == b"packet"
    assert refusal(satellite, late, 7200.000001) is Refusal.STALE


def test_a_stale_command_uses_its_counter_up():
    ground, satellite = ends(KEY)
    frame, _ = ground.sign(b"packet", 10.0)
    assert refusal(satellite, frame, 11.0) is Refusal.STALE
    assert refusal(satellite, frame, 9.0) is Refusal.REPLAYED


def test_a_command_without_a_deadline_is_never_stale():
    ground, satellite = ends(KEY)
    assert satellite.verify(2.0**50, ground.sign(b"packet", math.inf).frame) == b"packet"


@pytest.mark.parametrize("not_after_s", [-1.0, math.nan, -math.inf, 1e300])
def test_a_deadline_that_is_no_mission_time_is_refused(not_after_s):
    with pytest.raises(ValueError, match=r"no mission elapsed time; such as 7200\.0"):
        ends(KEY)[0].sign(b"packet", not_after_s)


# The order: nothing is read before the MAC holds


def test_reasons_are_looked_for_in_the_order_that_is_written_down():
    ground, satellite = ends(KEY)
    frame, _ = ground.sign(b"packet", 10.0)
    satellite.verify(0.0, frame)
    unknown = forge(frame, 2, (9).to_bytes(2, "big"))
    forged = forge(frame, 4, b"\0")[:-18] + bytes(16)
    forged += crc16(forged).to_bytes(2, "big")
    assert refusal(satellite, unknown[:-1] + bytes([unknown[-1] ^ 1]), 99.0) is Refusal.DAMAGED
    assert refusal(satellite, unknown, 99.0) is Refusal.UNKNOWN_KEY
    assert refusal(satellite, forged, 99.0) is Refusal.FORGED
    assert refusal(satellite, frame, 99.0) is Refusal.REPLAYED
    assert refusal(satellite, ground.sign(b"packet", 10.0).frame, 99.0) is Refusal.STALE


@given(st.binary(max_size=60))
def test_authentic_garbage_passes_and_is_refused_only_by_who_reads_it(garbage):
    ground, satellite = ends(KEY)
    passed = satellite.verify(0.0, ground.sign(garbage).frame)
    assert passed == garbage
    with pytest.raises(FrameError):
        decode_telecommand(passed, Addresses(("obc", "pi")))


@given(st.binary(max_size=60))
def test_forged_garbage_reaches_no_reader(garbage):
    forger = Signer(Key(7, b"guessed, but wrongly"), MemoryCounters())
    assert refusal(ends(KEY)[1], forger.sign(garbage).frame) is Refusal.FORGED


def test_a_command_goes_up():
    addresses = Addresses(("obc", "pi"))
    ground, satellite = ends(KEY)
    command = LoadModel("pi", "tile-sorter-int8")
    packet = encode_telecommand(TelecommandPacket("pi", *pack(command), 0), addresses)
    passed = satellite.verify(1.0, ground.sign(packet, 7200.0).frame)
    assert unpack(decode_telecommand(passed, addresses)) == command


# What stands written


def test_the_mac_is_hmac_sha_256_cut_to_16_bytes():
    # RFC 4231, 4.6, test case 5, published cut to 128 bits; and 4.2, test case 1, of which
    # the first 16 bytes are taken.
    case_5 = Key(0, b"\x0c" * 20).mac(b"Test With Truncation")
    assert case_5.hex() == "a3b6167473100ee06e0c796c2955552b"
    case_1 = Key(0, b"\x0b" * 20).mac(b"Hi There")
    assert case_1.hex() == "b0344c61d8db38535ca8afceaf0bf12b"
    # Test cases 6 and 7 have keys of 131 bytes, longer than the hash's block.
    case_6 = Key(0, b"\xaa" * 131).mac(b"Test Using Larger Than Block-Size Key - Hash Key First")
    assert case_6.hex() == "60e431591ee0b67f0d8a26aacbf5b77f"


def test_a_frame_is_laid_out_as_written_down():
    frame, _ = Signer(KEY, MemoryCounters()).sign(b"packet", 7200.0)
    signed = bytes.fromhex("0007 0000000000000001 00000001ad274800") + b"packet"
    content = b"\xeb\x90" + signed + hmac.new(SECRET, signed, "sha256").digest()[:16]
    assert frame == content + crc16(content).to_bytes(2, "big")


def test_a_packet_of_33_bytes_makes_a_frame_of_71():
    assert Signer.frame_length(33) == 71
    frame, _ = ends(KEY)[0].sign(bytes(33))
    assert len(frame) == 71


def test_no_secret_is_ever_shown():
    ground, satellite = ends(KEY)
    shown = [repr(KEY), str(KEY), repr(ground), repr(satellite)]
    with pytest.raises(CommandRefused) as caught:
        satellite.verify(0.0, Signer(Key(7, b"x" * 16), MemoryCounters()).sign(b"packet").frame)
    with pytest.raises(ValueError, match="give it 16 or more") as short:
        Key(1, SECRET[:15])
    for text in (*shown, str(caught.value), str(short.value)):
        assert "sixteen" not in text
        assert SECRET.hex() not in text


@pytest.mark.parametrize("number", [-1, 65_536])
def test_a_key_s_number_fits_its_field(number):
    with pytest.raises(ValueError, match=r"outside 0\.\.65535"):
        Key(number, SECRET)


class FullDisk(MemoryCounters):
    def advance(self, name, value):
        raise StoreError("store.sqlite: database or disk is full")


def test_a_command_whose_counter_cannot_be_kept_is_refused():
    signed = Signer(KEY, MemoryCounters()).sign(bytes(33))
    with pytest.raises(CommandRefused) as refused:
        Verifier([KEY], FullDisk()).verify(0.0, signed.frame)
    assert refused.value.reason is Refusal.UNKEPT
