"""How many space packets a second the link session carries in virtual time, and how exactly.

Both are measured with 200-byte telemetry, from the offer to the store until it is delivered,
with encoding, CRC, decoding and every account; the heap of a timeline is not counted. The
yardstick, measured in between, is a bare `spacepackets.PusTm`, packed and unpacked.

Run: make prove, or python -m pytest -m slow -s tests/benchmarks
"""

import time

import pytest
from links import EPOCH, LinkFlight
from spacepackets.ccsds.time import CdsShortTimestamp
from spacepackets.ecss.tm import PusTm

from groundlink.contacts import AcquisitionOfSignal, Contact
from groundlink.events import FrameArrived, FrameLeft, ScheduleFrame
from groundlink.messages import Message, MessageKind

pytestmark = pytest.mark.slow

GOAL_PER_S = 50_000.0
GOAL_RATIO = 0.5
GOAL_RATE_ERROR = 1e-3
MESSAGES, BODY_BYTES, REPEATS = 20_000, 200, 9
FAST_BPS = 1e9  # so that a frame has left before the next message is offered
AOS_S = 0.0


def telemetry():
    body = bytes(BODY_BYTES)
    return [
        Message(MessageKind.TELEMETRY, "pi", k, 0.001 * k, body) for k in range(1, MESSAGES + 1)
    ]


def session_s():
    """Return the processor time of one message after the other, each delivered before the next."""
    session, messages = LinkFlight(rate_bps=FAST_BPS).session, telemetry()
    session.react(AOS_S, AcquisitionOfSignal(Contact("a", AOS_S, 1e6, FAST_BPS)))
    began_s = time.process_time()
    for message in messages:
        (begun,) = session.offer(message.generated_s, message)
        (sent,) = session.react(begun.at_s, FrameLeft(begun.token))
        session.react(sent.arrives_s, FrameArrived(sent.frame))
    took_s = time.process_time() - began_s
    session.check()
    assert session.counts.messages.delivered == MESSAGES
    return took_s


def backlog_s():
    """Return the processor time of messages that all wait before the contact begins."""
    session, messages = LinkFlight(rate_bps=FAST_BPS).session, telemetry()
    began_s = time.process_time()
    for message in messages:
        session.offer(message.generated_s, message)
    waiting = session.react(100.0, AcquisitionOfSignal(Contact("a", 100.0, 1e6, FAST_BPS)))
    while waiting and isinstance(waiting[-1], ScheduleFrame):
        begun = waiting[-1]
        waiting = session.react(begun.at_s, FrameLeft(begun.token))
        session.react(waiting[0].arrives_s, FrameArrived(waiting[0].frame))
    took_s = time.process_time() - began_s
    session.check()
    assert session.counts.messages.delivered == MESSAGES
    return took_s


def bare_s():
    """Return the processor time of the same packets in bare spacepackets."""
    timestamp = CdsShortTimestamp.from_datetime(EPOCH).pack()
    source_data = bytes(BODY_BYTES + 4)  # with the message's sequence number
    began_s = time.process_time()
    for k in range(MESSAGES):
        packed = PusTm(
            apid=0x101,
            service=3,
            message_subtype=25,
            seq_count=k & 0x3FFF,
            timestamp=timestamp,
            source_data=source_data,
        ).pack()
        PusTm.unpack(packed, timestamp_len=len(timestamp))
    return time.process_time() - began_s


def spread(times_s):
    per_s = sorted(MESSAGES / t_s for t_s in times_s)
    return f"{per_s[0]:,.0f} to {per_s[-1]:,.0f} /s"


def test_the_session_carries_50_000_packets_a_second_and_keeps_half_of_bare_spacepackets():
    rounds = [(session_s(), backlog_s(), bare_s()) for _ in range(REPEATS)]
    one_by_one, backlog, bare = (list(column) for column in zip(*rounds, strict=True))
    ratios = sorted(plain / ours for ours, _, plain in rounds)
    print(f"\nlink session, one by one   {spread(one_by_one)}")
    print(f"link session, a backlog    {spread(backlog)}")
    print(f"bare spacepackets          {spread(bare)}")
    print(f"session / bare             {ratios[0]:.2f} to {ratios[-1]:.2f}, one by one")
    assert MESSAGES / min(one_by_one) >= GOAL_PER_S
    assert min(bare) / min(one_by_one) >= GOAL_RATIO


@pytest.mark.parametrize("rate_bps", [9600.0, 64e3, 1e6, 20e6])
def test_the_frame_rate_is_that_of_the_contact_to_rounding(rate_bps):
    flight = LinkFlight(rate_bps=rate_bps)
    for _ in range(2000):
        flight.say(0.0, 1115 - 28 - 4)
    flight.contact(1000.0, 1e7)
    flight.fly()
    bits = 2000 * 8 * 1115
    took_s = flight.received[-1].received_s - 1000.0
    error = abs(bits / took_s / rate_bps - 1.0)
    print(f"\n{rate_bps:>12,.0f} bit/s: off by {error:.1e}")
    assert error <= GOAL_RATE_ERROR
    assert error <= 1000.0 * 2.0**-52 / took_s * 4.0  # times of some 1000 s in double precision
