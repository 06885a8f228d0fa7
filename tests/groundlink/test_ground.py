"""Commands: in order, once each as far as the link can see, again until they are answered."""

import pytest
from links import LinkFlight

from groundlink.commands import LoadModel, Request, SetPriority
from groundlink.events import (
    CommandProgress,
    CommandReleased,
    CommandSent,
    TransmitterPower,
    TransmitUp,
    UplinkInjected,
    UplinkRefused,
)
from groundlink.messages import MessageKind
from groundlink.rules import ClassRules

NAMES = ["first", "second", "third"]


def released(flight):
    return [action.command.model for action in flight.of(CommandReleased)]


def test_a_command_waits_for_the_satellite_and_is_reported():
    flight = LinkFlight(light_time_s=1.3, acquisition_s=5.0)
    flight.order(0.0, "first")
    flight.contact(100.0, 200.0)
    flight.fly()
    (sent_s,), (released_s,) = flight.times(CommandSent), flight.times(CommandReleased)
    (progress,) = flight.of(CommandProgress)
    assert sent_s > 105.0
    assert released_s == pytest.approx(sent_s + 1.3)
    assert (progress.id, progress.payload, progress.report.stage) == ("first", "pi", "acceptance")
    assert progress.received_s > released_s + 1.3


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("half_duplex", [False, True])
def test_commands_are_carried_out_in_order_whatever_is_lost(seed, half_duplex):
    flight = LinkFlight(
        uplink_loss=0.5, frame_loss=0.3, seed=seed, half_duplex=half_duplex, turnaround_s=0.1
    )
    for name in NAMES:
        flight.order(0.0, name)
    for k in range(8):
        flight.contact(1000.0 * k, 1000.0 * k + 60.0)
    flight.fly()
    assert list(dict.fromkeys(released(flight))) == NAMES
    assert released(flight) == sorted(released(flight), key=NAMES.index)


def test_a_command_is_tried_five_times_in_a_contact_and_rests_until_the_next():
    flight = LinkFlight(uplink_loss=1.0)
    for name in NAMES:
        flight.order(0.0, name)
    flight.contact(0.0, 1000.0)
    flight.contact(5000.0, 6000.0)
    flight.fly()
    assert [(sent.id, sent.attempt) for sent in flight.of(CommandSent)] == [
        ("first", attempt) for attempt in range(1, 11)
    ]
    assert sum(t_s < 5000.0 for t_s in flight.times(CommandSent)) == 5


def test_every_attempt_has_a_counter_of_its_own():
    flight = LinkFlight(uplink_loss=0.5, frame_loss=0.5)
    for name in NAMES:
        flight.order(0.0, name)
    flight.contact(0.0, 1000.0)
    flight.fly()
    counters = [sent.counter for sent in flight.of(CommandSent)]
    assert counters == sorted(set(counters))
    assert len(counters) > 3


def test_a_command_whose_answer_arrives_after_los_is_not_sent_again():
    flight = LinkFlight(light_time_s=1.3)
    flight.order(0.0, "first")
    flight.contact(0.0, 2.0)  # the answer leaves at 1.4 s, and comes at 2.7 s
    flight.contact(100.0, 200.0)
    flight.fly()
    assert len(flight.of(CommandProgress)) == 1
    assert len(flight.of(CommandSent)) == 1


def test_a_command_is_sent_again_in_the_next_contact_if_los_came_before_the_answer_left():
    flight = LinkFlight(light_time_s=1.3, reports=False)
    flight.order(0.0, "first")
    flight.contact(0.0, 2.0)
    flight.contact(100.0, 101.0)
    flight.fly()
    assert [sent.attempt for sent in flight.of(CommandSent)] == [1, 2]


def test_a_stale_command_is_refused_and_not_tried_again():
    flight = LinkFlight()
    flight.at(0.0, Request("old", LoadModel("pi", "old"), 50.0))
    flight.order(1.0, "first")
    flight.contact(100.0, 200.0)
    flight.fly()
    assert [refused.reason.value for refused in flight.of(UplinkRefused)] == ["stale"]
    assert [sent.id for sent in flight.of(CommandSent)] == ["old", "first"]
    assert released(flight) == ["first"]


@pytest.mark.parametrize("not_after_s", [-1.0, 1e13, float("nan")])
def test_a_command_that_no_frame_can_carry_is_refused_on_the_ground(not_after_s):
    with pytest.raises(ValueError, match="not_after_s"):
        LinkFlight().session.command(0.0, Request("1", LoadModel("pi", "x"), not_after_s))


def test_a_command_for_nobody_is_refused_on_the_ground():
    with pytest.raises(ValueError, match="no address"):
        LinkFlight().session.command(0.0, Request("1", LoadModel("nobody", "x"), None))


def test_a_satellite_that_gets_power_amid_a_command_has_not_heard_it():
    flight = LinkFlight(uplink_bps=100.0)
    flight.at(0.0, TransmitterPower(False))
    flight.order(0.0, "first")
    flight.contact(0.0, 200.0)
    flight.at(2.0, TransmitterPower(True))  # the command takes 5 s
    flight.fly()
    assert flight.session.counts.uplink.lost == 1
    assert released(flight) == ["first"]
    assert flight.times(CommandReleased)[0] > 10.0


def test_a_satellite_that_loses_power_does_not_stop_the_ground_station():
    flight = LinkFlight(uplink_bps=100.0)
    flight.order(0.0, "first")
    flight.contact(0.0, 200.0)
    flight.at(2.0, TransmitterPower(False))
    flight.at(2.1, TransmitterPower(True))
    flight.fly()
    first_s, second_s = flight.times(CommandSent)[:2]
    assert first_s == pytest.approx(8 * 69 / 100.0)  # its frame has 69 bytes
    assert second_s > first_s
    assert flight.session.counts.uplink.lost == 1


def test_a_replayed_frame_is_refused_and_counted():
    flight = LinkFlight()
    flight.order(0.0, "first")
    flight.contact(0.0, 100.0)
    flight.fly(until_s=50.0)
    (done,) = flight.of(CommandReleased)
    flight.at(60.0, UplinkInjected(done.frame.hex()))
    flight.at(61.0, UplinkInjected("00"))
    flight.fly()
    reasons = [(refused.reason.value, refused.injected) for refused in flight.of(UplinkRefused)]
    assert reasons == [("replayed", True), ("damaged", True)]
    assert flight.session.counts.uplink.refused == {"replayed": 1, "damaged": 1}


def test_words_of_the_link_do_not_use_up_the_names_of_commands():
    flight = LinkFlight(classes={"prod": ClassRules(3, repeat=True)}, rate_bps=1e6)
    for _ in range(50):
        flight.say(0.0, 10, MessageKind.PRODUCT)
    flight.order(0.0, "1", SetPriority("pi", MessageKind.PRODUCT, 4))  # to whom words go, too
    flight.order(50.0, "2", SetPriority("pi", MessageKind.PRODUCT, 5))
    flight.contact(0.0, 100.0)
    flight.fly()
    first, second = (int.from_bytes(r.request_id, "big") for r in flight.of(CommandReleased))
    assert second - first == 1


@pytest.mark.parametrize(("los_s", "heard"), [(1.0, 1), (0.99, 0)])
def test_an_uplink_frame_that_ends_at_los_gets_through(los_s, heard):
    flight = LinkFlight(uplink_bps=8.0 * 69, light_time_s=1.3)  # its frame has 69 bytes
    flight.order(0.0, "first")
    flight.contact(0.0, los_s)
    flight.fly()
    assert flight.times(CommandReleased) == [2.3] * heard


def test_the_sequence_counts_of_words_have_no_gaps():
    flight = LinkFlight(
        classes={"prod": ClassRules(3, repeat=True)}, half_duplex=True, turnaround_s=0.1
    )
    for _ in range(20):
        flight.say(0.0, 10, MessageKind.PRODUCT)
    flight.contact(0.0, 100.0)
    flight.fly()
    packets = [sent.frame[20:] for sent in flight.of(TransmitUp)]  # behind the security header
    counts = [int.from_bytes(packet[2:4], "big") & 0x3FFF for packet in packets]
    assert counts == list(range(20))
