"""How fast packets are made and read, against bare spacepackets in the same run.

Run: make prove, or python -m pytest -m slow -s tests/benchmarks/test_packets.py
"""

import time
from datetime import datetime, timezone

import pytest
from spacepackets.ecss.tm import PusTm

from groundlink.messages import Message, MessageKind
from groundlink.packets import Addresses, TelemetryCodec

pytestmark = pytest.mark.slow

GOAL = 1.0  # of bare spacepackets, which check less: issue 3 asks for 0.5
PACKETS = 2_000
REPEATS = 15  # the least of them is what the machine can do when nothing else runs
TIME = bytes.fromhex("41 6153 02936a5c 01c8")


def least_us(once):
    """Return the least time of one call, in microseconds of processor time."""

    def measure():
        began_s = time.process_time()
        for number in range(PACKETS):
            once(number)
        return time.process_time() - began_s

    return min(measure() for _ in range(REPEATS)) / PACKETS * 1e6


def theirs(body_bytes):
    body = bytes(body_bytes) + bytes(4)  # ours carry a sequence number of 4 bytes
    sample = bytes(
        PusTm(service=3, message_subtype=25, timestamp=TIME, apid=0x101, source_data=body).pack()
    )

    def pack(number):
        PusTm(
            service=3,
            message_subtype=25,
            timestamp=TIME,
            apid=0x101,
            seq_count=number,
            message_counter=number,
            source_data=body,
        ).pack()

    return least_us(pack), least_us(lambda _: PusTm.unpack(sample, len(TIME)))


def ours(body_bytes, kind):
    codec = TelemetryCodec(Addresses(("obc", "pi")), datetime(2026, 3, 20, tzinfo=timezone.utc))
    sent = [
        Message(kind, "pi", number, 60.0 * number, bytes(body_bytes)) for number in range(PACKETS)
    ]
    frame = codec.encode(sent[0], 0, 1)
    return (
        least_us(lambda number: codec.encode(sent[number], 0, 1)),
        least_us(lambda _: codec.decode(frame)),
    )


@pytest.mark.parametrize("body_bytes", [32, 200, 1000])
@pytest.mark.parametrize("kind", [MessageKind.TELEMETRY, MessageKind.PRODUCT])
def test_packets_are_made_and_read_as_fast_as_bare_spacepackets_does(kind, body_bytes):
    encode_us, decode_us = ours(body_bytes, kind)
    pack_us, unpack_us = theirs(body_bytes)
    ratio = (pack_us + unpack_us) / (encode_us + decode_us)
    print(
        f"\n{kind.value} of {body_bytes} bytes: encode {encode_us:.2f} us, decode "
        f"{decode_us:.2f} us; bare spacepackets: pack {pack_us:.2f} us, unpack {unpack_us:.2f} us; "
        f"highbay / spacepackets = {ratio:.2f} in packets per second"
    )
    assert ratio >= GOAL
