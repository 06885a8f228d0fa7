"""Half duplex: turns cost what they cost, nobody interrupts, nobody waits for ever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links import LinkFlight

from groundlink.contacts import WindowAction, WindowInjected
from groundlink.events import CommandReleased, CommandSent, Transmit, TransmitterPower, TransmitUp
from groundlink.messages import MessageKind
from groundlink.rules import ClassRules

PRODUCT = MessageKind.PRODUCT
REPEATED = {"prod": ClassRules(3, repeat=True)}
FRAME_BITS = 8 * 132  # a message of 100 bytes
COMMAND_BITS = 8 * (6 + 5 + 1 + len(b'{"model":"sorter"}') + 2 + 38)
ROUNDING_S = 1e-9


def test_a_turn_costs_the_turnaround_and_the_light_time_each_way():
    flight = LinkFlight(half_duplex=True, turnaround_s=0.5, light_time_s=1.3, uplink_bps=1000.0)
    for _ in range(10):
        flight.say(0.0)
    flight.order(0.5, "sorter")
    flight.contact(0.0, 1000.0, FRAME_BITS)
    flight.fly()
    up = flight.of(TransmitUp)[0]  # the command; words on its reports follow
    command_s = 8 * len(up.frame) / 1000.0
    # The first frame leaves at 1.0; the ground hears its end at 2.3 and speaks from 2.8 on.
    assert flight.times(CommandSent) == pytest.approx([2.8 + command_s], abs=ROUNDING_S)
    assert up.arrives_s == pytest.approx(2.8 + command_s + 1.3, abs=ROUNDING_S)
    # The satellite answers 0.5 s after the command's last bit has come to it.
    second = sorted(flight.of(Transmit), key=lambda sent: sent.arrives_s)[1]
    length_s = 8 * len(second.frame) / FRAME_BITS
    expected_s = up.arrives_s + 0.5 + length_s + 1.3
    assert second.arrives_s == pytest.approx(expected_s, abs=ROUNDING_S)


def test_in_full_duplex_a_command_waits_for_nobody():
    flight = LinkFlight(uplink_bps=1000.0)
    for _ in range(10):
        flight.say(0.0)
    flight.order(0.5, "sorter")
    flight.contact(0.0, 1000.0, FRAME_BITS)
    flight.fly()
    up = flight.of(TransmitUp)[0]  # the command; words on its reports follow
    assert flight.times(CommandSent) == [0.5 + 8 * len(up.frame) / 1000.0]
    assert [r.received_s for r in flight.received[:1]] == [1.0]


def test_words_do_not_cost_a_turn_each():
    flight = LinkFlight(
        half_duplex=True,
        turnaround_s=0.5,
        light_time_s=0.01,
        rate_bps=96_000.0,
        uplink_bps=256_000.0,
        classes=REPEATED,
    )
    for _ in range(400):
        flight.say(0.0, 1000, PRODUCT)
    flight.contact(0.0, 1000.0)
    flight.fly()
    bare_s = 400 * 8 * (1000 + 37) / 96_000.0
    assert max(r.received_s for r in flight.received) < 1.2 * bare_s  # a tenth for turns, and words
    assert flight.session.counts.frames.resent == 0
    assert len(flight.store) == 0


def test_the_satellite_does_not_speak_while_what_left_before_a_cut_still_comes_up():
    flight = LinkFlight(half_duplex=True, light_time_s=1.3, classes=REPEATED)
    flight.say(0.0, 10, PRODUCT)
    flight.say(2.0)
    flight.contact(0.0, 1000.0)
    flight.at(2.8, WindowInjected(WindowAction.CUT, 0.1))  # its acknowledgement has just left
    flight.fly()
    up = flight.of(TransmitUp)[0]  # the command; words on its reports follow
    assert 2.6 < up.arrives_s - 1.3 < 2.8
    (telemetry,) = (r for r in flight.received if r.message.kind is not PRODUCT)
    assert telemetry.received_s == pytest.approx(up.arrives_s + FRAME_BITS / 9600.0 + 1.3)


def test_a_silent_satellite_leaves_the_ground_its_turn():
    flight = LinkFlight(half_duplex=True, turnaround_s=0.5, reports=False)
    flight.order(10.0, "sorter")
    flight.contact(0.0, 1000.0)
    flight.fly()
    assert flight.times(CommandReleased)[0] == pytest.approx(10.5 + COMMAND_BITS / 9600.0)


def test_a_word_that_cannot_end_before_los_takes_no_turn():
    flight = LinkFlight(half_duplex=True, turnaround_s=0.5, uplink_bps=10.0)
    for _ in range(100):
        flight.say(0.0)
    flight.order(5.0, "sorter")
    flight.contact(0.0, 50.0, FRAME_BITS)  # the command would take 57 s
    flight.fly()
    assert flight.of(TransmitUp) == []
    assert [r.received_s for r in flight.received] == [float(k) for k in range(1, 51)]


def test_a_command_to_a_satellite_without_power_is_lost_and_tried_again():
    flight = LinkFlight(half_duplex=True, turnaround_s=0.1)
    flight.at(0.0, TransmitterPower(False))
    flight.order(1.0, "sorter")
    flight.contact(0.0, 100.0)
    flight.at(3.0, TransmitterPower(True))
    flight.fly()
    assert flight.session.counts.uplink.lost >= 1
    assert len(flight.of(CommandReleased)) == 1


TIMES = st.floats(0.0, 60.0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(TIMES, st.integers(0, 3000)), max_size=25),
    st.lists(TIMES, max_size=4),
    st.lists(st.tuples(TIMES, st.floats(0.1, 10.0)), max_size=3),
    st.sampled_from((0.0, 0.3)),
    st.sampled_from((0.0, 0.01, 1.3)),
    st.sampled_from((0.0, 0.3)),
    st.sampled_from((1000.0, 9600.0)),
)
def test_no_frame_is_on_the_air_in_both_directions_at_either_end(
    messages, commands, cuts, turnaround_s, light_s, loss, uplink_bps
):
    flight = LinkFlight(
        half_duplex=True,
        turnaround_s=turnaround_s,
        light_time_s=light_s,
        uplink_bps=uplink_bps,
        frame_loss=loss,
        uplink_loss=loss,
        classes=REPEATED,
    )
    for t_s, body_bytes in messages:
        flight.say(t_s, body_bytes, PRODUCT)
    for k, t_s in enumerate(commands):
        flight.order(t_s, f"model-{k}")
    for t_s, duration_s in cuts:
        flight.at(t_s, WindowInjected(WindowAction.CUT, duration_s))
    flight.contact(0.0, 100.0)
    flight.contact(200.0, 20_000.0)
    flight.watch = lambda flight: flight.session.check()
    flight.fly()
    down = [(s.arrives_s - light_s, 8 * len(s.frame) / 9600.0) for s in flight.of(Transmit)]
    up = [(s.arrives_s - light_s, 8 * len(s.frame) / uplink_bps) for s in flight.of(TransmitUp)]
    at_satellite = [(e, d, 0.0) for e, d in down], [(e, d, light_s) for e, d in up]
    at_ground = [(e, d, light_s) for e, d in down], [(e, d, 0.0) for e, d in up]
    for downs, ups in (at_satellite, at_ground):
        for down_end_s, down_s, down_late_s in downs:
            for up_end_s, up_s, up_late_s in ups:
                first_end_s = min(down_end_s + down_late_s, up_end_s + up_late_s)
                last_begin_s = max(down_end_s + down_late_s - down_s, up_end_s + up_late_s - up_s)
                assert last_begin_s >= first_end_s - ROUNDING_S
    assert {r.message for r in flight.received if r.message.kind is PRODUCT} == {
        m for m in flight.offered if m.kind is PRODUCT
    }
    if not loss:  # else one may rest after five tries
        assert len({r.command.model for r in flight.of(CommandReleased)}) == len(commands)
