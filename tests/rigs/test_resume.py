"""What a satellite still knows after its power was cut: its messages, numbers and counters.

What can come down twice, once in each flight: a message that had come down when the power was
cut, but whose going was not on disk yet (under the same number); and, where a program says again
what was not acknowledged to it, a message that was stored all the same (under another number).
Both are among the last of the first flight, and nothing else comes twice.
"""

import json
import os
import signal
from base64 import b64encode

import pytest
from rehearsals import (
    IN_VIEW,
    PAYLOAD,
    Flight,
    Listener,
    Payload,
    Process,
    Publishing,
    idle,
    onboard_broker,
    rehearsal,
    there_or_skip,
    until,
)

from groundlink.bench_control import command, inject
from groundlink.events import CommandReleased, CommandSent, Received, UplinkRefused
from groundlink.journal import SEQUENCES_AHEAD, SqliteJournal
from groundlink.messages import MessageKind
from groundlink.topics import Control
from rigs.run import MOST_UNSURE

pytestmark = pytest.mark.mosquitto


@pytest.fixture(autouse=True)
def installed():
    there_or_skip("mosquitto")


RATE = 60.0
FAST_BPS, SLOW_BPS = 1e6, 400.0  # takes all at once; takes a tenth of what is said
LAST = 899_999  # more than any other number


def mission(rate_bps):
    return idle(link__contacts=IN_VIEW, link__rate_bps=rate_bps)


def number_of(body):
    """Return the number that a payload's message was given."""
    return json.loads(body)["n"] - 100_000


def cut_power_in_mid_pass(folder, rig, rate_bps, *, at_once):
    """Fly and be killed; return what was acknowledged, what was published, and what came down.

    Message n of a store's first flight has the sequence n.
    """
    with (
        Process(folder, mission(rate_bps), rig) as flight,
        Listener(flight.session) as ground,
        Payload(flight.credentials()) as payload,
        Publishing(payload) as publishing,
    ):
        until(lambda: len(ground.said()) > 20)
        publishing.goes_on(100)
        if at_once:
            os.kill(onboard_broker(flight.process.pid, flight.session), signal.SIGKILL)
        flight.kill()
        publishing.stop()
        acknowledged = [number_of(body) for body in payload.acknowledged()]
        received = [r["message"] for r in flight.records("received")]
        published = len(flight.records("onboard-published"))
        came = {m["sequence"] for m in received if m["source"] == PAYLOAD}
        return set(acknowledged), published, came


def go_on(folder, rig):
    """Fly again, until all that was left and one message more have come down; return it."""
    with Flight(folder, mission(FAST_BPS), rig) as flight:
        with Payload(flight.credentials()) as payload:
            payload.publish(b'{"n":%d}' % (LAST + 100_000))
            until(lambda: LAST in [number_of(m.body) for m in flight.received()])
        flight.land()
        return [(m.sequence, number_of(m.body)) for m in flight.received()]


@pytest.mark.parametrize("at_once", [False, True], ids=["flight", "flight-and-bus"])
@pytest.mark.parametrize("rate_bps", [SLOW_BPS, FAST_BPS])
def test_a_flight_that_is_killed_in_mid_pass_loses_nothing_acknowledged(
    tmp_path, rate_bps, at_once
):
    rig = rehearsal(RATE, store=str(tmp_path / "store"))
    acknowledged, published, came = cut_power_in_mid_pass(
        tmp_path / "first", rig, rate_bps, at_once=at_once
    )
    *left, last = go_on(tmp_path / "second", rig)
    sequences = [sequence for sequence, _ in left]
    twice = came.intersection(sequences)
    counts = [len(each) for each in (acknowledged, came, left, twice)]
    print("{} acknowledged, {} came down, {} left, {} twice".format(*counts))
    assert acknowledged <= came.union(sequences)
    assert all(sequence == number for sequence, number in left)
    assert sequences == sorted(set(sequences))
    assert twice == set(sorted(came)[len(came) - len(twice) :])  # the last ones
    assert len(twice) <= MOST_UNSURE
    assert last[0] > max(acknowledged)
    assert last[0] <= published + SEQUENCES_AHEAD


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_what_is_in_the_air_when_a_flight_ends_comes_down_in_the_next(tmp_path, killed):
    rig = rehearsal(RATE, store=str(tmp_path / "store"))
    far = idle(link__contacts=IN_VIEW, link__rate_bps=FAST_BPS, link__light_time_s=20.0)
    with Process(tmp_path / "first", far, rig) as flight:
        with Payload(flight.credentials()) as payload, Publishing(payload) as publishing:
            until(lambda: len(payload.acknowledged()) > 100)
            flight.kill() if killed else flight.interrupt()
            publishing.stop()
            acknowledged = {number_of(body) for body in payload.acknowledged()}
        came = {r["message"]["sequence"] for r in flight.records("received")}
    assert len(acknowledged) > 100
    left = go_on(tmp_path / "second", rig)
    assert acknowledged <= came.union(sequence for sequence, _ in left)


SET_PRIORITY = {"command": "set-priority", "source": "pi", "kind": "tm", "priority": 4}


def carried_out(session, name):
    request = {**SET_PRIORITY, "id": name}
    return [report.stage for report in command(session, "obc", request, limit_s=30.0)]


def test_the_counter_of_commands_goes_on_and_a_recorded_frame_is_refused(tmp_path):
    rig = rehearsal(RATE, store=str(tmp_path / "store"))
    stages = ["acceptance", "start", "completion"]
    with Flight(tmp_path / "first", mission(FAST_BPS), rig) as first:
        assert carried_out(first.session, "a") == carried_out(first.session, "b") == stages
        recorded = [released.frame for released in first.land().all(CommandReleased)]
    with Flight(tmp_path / "second", mission(FAST_BPS), rig) as second:
        for frame in recorded:
            inject(second.session, Control.UPLINK, uplink(frame))
        until(lambda: len(second.log.all(UplinkRefused)) == len(recorded))
        assert carried_out(second.session, "c") == stages
        log = second.land()
    assert [refused.reason.value for refused in log.all(UplinkRefused)] == ["replayed"] * 2
    sent = [sent.counter for each in (first.log, log) for sent in each.all(CommandSent)]
    assert len(sent) == 3
    assert sent == sorted(set(sent))  # the ground's own words come between


def uplink(frame):
    return {"frame_base64": b64encode(frame).decode()}


def test_a_killed_flight_has_used_up_its_counters_and_sequences(tmp_path):
    rig = rehearsal(RATE, store=str(tmp_path / "store"))
    with Process(tmp_path / "first", mission(SLOW_BPS), rig) as first:
        carried_out(first.session, "a")
        first.kill()
        heard = [r["message"] for r in first.records("received")]
        came = [m["sequence"] for m in heard if m["kind"] == MessageKind.REPORT.value]
    with SqliteJournal(tmp_path / "store" / "store.sqlite") as journal:
        used_up = journal.last("onboard/1")
        assert journal.last("uplink/1") >= used_up >= 1
        last = journal.last_sequence("obc", MessageKind.REPORT)
    assert last >= max(came, default=0)
    with Flight(tmp_path / "second", mission(FAST_BPS), rig) as second:
        assert carried_out(second.session, "b") == ["acceptance", "start", "completion"]
        log = second.land()
    assert all(sent.counter > used_up for sent in log.all(CommandSent))
    reports = [r.message for r in log.all(Received) if r.message.kind is MessageKind.REPORT]
    assert [m.sequence for m in reports if m.sequence > last] == [last + 1, last + 2, last + 3]
