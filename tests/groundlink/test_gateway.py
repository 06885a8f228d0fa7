import json
import os
import queue
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from buses import LIMIT_S, PROGRAMS, SATELLITE, Buses, Host, open_buses

from groundlink import program_end
from groundlink.broker import User, open_broker
from groundlink.commands import Forward, LoadModel, Verification
from groundlink.endpoint import BrokerError
from groundlink.envelopes import CommandReport, GroundMessage, LinkStateNews
from groundlink.events import (
    CommandProgress,
    CommandRejected,
    CommandReleased,
    CommandRequested,
    LinkChanged,
    LinkState,
    OnboardPublished,
    ProgramReport,
    ProgramState,
    Received,
)
from groundlink.messages import Message, MessageKind
from groundlink.mqtt import MqttClient, Will
from groundlink.mqtt_gateway import MqttGateway
from groundlink.passage import LARGEST_BODY
from groundlink.topics import Role, ground_rights, onboard_rights, users

pytestmark = pytest.mark.mosquitto

TRACKER, OTHER = PROGRAMS
TOPIC = f"onb/1/{SATELLITE}/{TRACKER}"
TM, EV = MessageKind.TELEMETRY, MessageKind.EVENT
REQUEST_ID = bytes.fromhex("1801c005")
SOON_S = 0.3  # a time in which nothing is meant to come


@pytest.fixture
def running(mosquitto_installed) -> Iterator[Buses]:
    with open_buses(mosquitto_installed) as buses:
        yield buses


@pytest.fixture
def host(running) -> Iterator[Host]:
    with Host(running) as host:
        yield host


class Listener:
    """A client that keeps what it hears, in order."""

    def __init__(self, endpoint, *topics, **settings):
        self.heard = queue.SimpleQueue()
        self.client = MqttClient(endpoint, dict.fromkeys(topics, self.heard.put), **settings)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def next(self):
        return self.heard.get(timeout=LIMIT_S)

    def hears_nothing_more(self):
        with pytest.raises(queue.Empty):
            self.heard.get(timeout=SOON_S)


@pytest.fixture
def tracker(running, host) -> Iterator[Listener]:
    """Give the star tracker's own client, connected after the host."""
    with Listener(host.door(TRACKER), f"{TOPIC}/tc", f"{TOPIC}/stored") as tracker:
        yield tracker


@pytest.fixture
def watcher(running) -> Iterator[Listener]:
    with Listener(running.on_ground(Role.OBSERVER), f"gnd/1/{SATELLITE}/#") as watcher:
        yield watcher


def test_what_a_program_publishes_is_posted_with_a_receipt(host, tracker):
    tracker.client.publish(f"{TOPIC}/tm", b"any\x00bytes")
    event = host.next(OnboardPublished)
    assert (event.source, event.kind, event.body) == (TRACKER, TM, b"any\x00bytes")
    host.gateway.stored([event])


def test_a_program_hears_how_many_of_its_messages_are_stored(host, tracker):
    for _ in range(3):
        tracker.client.publish(f"{TOPIC}/tm", b"x")
    tracker.client.publish(f"{TOPIC}/ev", b"y")
    events = [host.next(OnboardPublished) for _ in range(4)]
    tracker.hears_nothing_more()
    host.gateway.stored(events[:2])
    host.gateway.tell()
    assert json.loads(tracker.next().payload) == {"v": 1, "kind": "tm", "stored": 2}
    host.gateway.stored(events[2:])
    host.gateway.tell()
    counts = [json.loads(tracker.next().payload) for _ in range(2)]
    assert {"v": 1, "kind": "tm", "stored": 3} in counts
    assert {"v": 1, "kind": "ev", "stored": 1} in counts


def test_a_program_hears_that_its_message_is_stored_by_the_acknowledgement_too(host, tracker):
    tracker.client.publish(f"{TOPIC}/tm", b"x")
    event = host.next(OnboardPublished)
    assert tracker.client.unacknowledged == 1
    host.gateway.stored([event])
    assert tracker.client.flush(f"{TOPIC}/state", b"{}", LIMIT_S)


def test_what_came_is_on_the_ground_for_everyone_to_see(host, watcher):
    message = Message(MessageKind.PRODUCT, "pi", 7, 12.5, b'{"label":"cloud"}')
    host.gateway.announce(20.0, Received(message, "svalbard", 20.0))
    arrival = watcher.next()
    said = GroundMessage.model_validate_json(arrival.payload)
    assert arrival.topic == f"gnd/1/{SATELLITE}/pi/prod"
    assert (said.seq, said.station, said.body) == (7, "svalbard", {"label": "cloud"})


def test_the_state_of_the_link_is_retained_until_the_gateway_closes(running, host):
    host.gateway.announce(3.0, LinkChanged(LinkState.AOS, "svalbard", 90.0))
    host.gateway.drain(LIMIT_S)
    topic = f"gnd/1/{SATELLITE}/link/state"
    with Listener(running.on_ground(Role.OBSERVER), topic) as late:
        assert LinkStateNews.model_validate_json(late.next().payload).state == "aos"
        host.gateway.close()
        assert late.next().payload == b""
    with Listener(running.on_ground(Role.OBSERVER), topic) as later:
        later.hears_nothing_more()


def test_a_command_s_reports_are_announced_under_its_id(host, watcher):
    report = Verification("completion", True, REQUEST_ID, "")
    host.gateway.announce(640.0, CommandProgress("42", "pi", report, 640.0))
    host.gateway.announce(641.0, CommandRejected("no/topic", "pi", "such as …"))
    first, second = watcher.next(), watcher.next()
    assert first.topic == f"gnd/1/{SATELLITE}/pi/tcr/42"
    assert CommandReport.model_validate_json(first.payload).stage == "completion"
    assert second.topic == f"gnd/1/{SATELLITE}/pi/tcr/unnamed"
    assert CommandReport.model_validate_json(second.payload).reason == "such as …"


def test_a_report_of_the_satellite_is_no_message_for_watchers(host, watcher):
    message = Message(MessageKind.REPORT, "obc", 0, 0.0, b"\x01\x18\x01\xc0\x05")
    host.gateway.announce(1.0, Received(message, "svalbard", 1.0))
    watcher.hears_nothing_more()


def test_an_operator_s_request_is_posted_as_it_is(running, host):
    text = '{"id":"42","command":"load-model","model":"sorter"}'
    with MqttClient(running.on_ground(Role.OPERATOR)) as operator:
        operator.publish(f"gnd/1/{SATELLITE}/pi/tc", text.encode())
        assert host.next(CommandRequested) == CommandRequested("pi", text)


def test_requests_that_are_none_are_dropped_and_counted(running, host):
    with MqttClient(running.on_ground(Role.OPERATOR)) as operator:
        operator.publish(f"gnd/1/{SATELLITE}/PI/tc", b"{}")
        operator.publish(f"gnd/1/{SATELLITE}/pi/tc", b"x" * 4097)
        operator.publish(f"gnd/1/{SATELLITE}/pi/tc", b'"\xff"')
        assert host.next(CommandRequested) == CommandRequested("pi", '"\\xff"')
    assert host.gateway.strays["operator"] == 2
    assert host.gateway.trouble().startswith("operators: 2 requests were not taken; one is not ")


def test_a_released_command_reaches_its_program_and_the_program_s_report_the_flight(host, tracker):
    command = Forward(TRACKER, {"mode": "fast"})
    host.gateway.release(5.0, CommandReleased(REQUEST_ID, command, b"frame"))
    heard = tracker.next()
    assert heard.topic == f"{TOPIC}/tc"
    assert json.loads(heard.payload) == {"v": 1, "id": "1801c005", "arguments": {"mode": "fast"}}
    tracker.client.publish(f"{TOPIC}/tcr/1801c005", b'{"v":1,"ok":false,"reason":"no lens"}')
    assert host.next(ProgramReport) == ProgramReport(TRACKER, "1801c005", False, "no lens")


def test_a_program_reports_once_and_only_on_commands_it_was_given(host, tracker):
    host.gateway.release(5.0, CommandReleased(REQUEST_ID, Forward(TRACKER, {}), b"frame"))
    tracker.next()
    for command_id in ["other", "1801c005", "1801c005", "x" * 100, "Ü"]:
        tracker.client.publish(f"{TOPIC}/tcr/{command_id}", b'{"v":1,"ok":true}')
    assert said_until_last(host, tracker) == [ProgramReport(TRACKER, "1801c005", True, "")]
    assert host.gateway.strays[TRACKER] == 4
    assert host.gateway.trouble() == (
        f"program {TRACKER}: 4 reports on no command that it still had to report on were refused"
    )


def test_every_released_frame_is_shown_to_observers_of_the_onboard_bus(running, host):
    with Listener(running.on_board("observer"), f"onb/1/{SATELLITE}/obc/tcraw") as raw:
        host.gateway.release(5.0, CommandReleased(REQUEST_ID, LoadModel("pi", "x"), b"\xeb\x90"))
        assert raw.next().payload == b"\xeb\x90"


def said_until_last(host, tracker):
    """Return what is posted of what the tracker said by the broker."""
    tracker.client.publish(f"{TOPIC}/state", b'{"v":1,"state":"sleeping"}')
    posted = []
    while (event := host.posted.get(timeout=LIMIT_S)) != ProgramState(TRACKER, "sleeping"):
        posted.append(event)
    return posted


def test_a_program_s_state_is_posted_when_it_changes(host, tracker):
    for state in ["init", "ready", "ready", "mad", "alert"]:
        tracker.client.publish(f"{TOPIC}/state", b'{"v":1,"state":"%s"}' % state.encode())
    changes = [ProgramState(TRACKER, s) for s in ("init", "ready", "alert")]
    assert said_until_last(host, tracker) == changes
    assert host.gateway.strays[TRACKER] == 1
    assert host.gateway.trouble() == f"program {TRACKER}: 1 state that is none was refused"


def test_a_program_that_changes_its_state_forever_is_not_believed(host, tracker, monkeypatch):
    monkeypatch.setattr(program_end, "MOST_CHANGES", 10)
    for n in range(100):
        state = b"ready" if n % 2 else b"init"
        tracker.client.publish(f"{TOPIC}/state", b'{"v":1,"state":"%s"}' % state)
    assert [host.next(ProgramState).state for _ in range(10)] == ["init", "ready"] * 5
    assert tracker.client.flush(f"{TOPIC}/state", b'{"v":1,"state":"alert"}', LIMIT_S)
    with pytest.raises(queue.Empty):
        host.posted.get(timeout=SOON_S)


def test_a_program_that_is_gone_is_lost_by_its_last_will(running, host):
    will = Will(f"{TOPIC}/state", b'{"v":1,"state":"lost"}', retain=False)
    program = MqttClient(host.door(TRACKER), will=will)
    with MqttClient(host.door(TRACKER)):  # the broker cuts the first one off
        assert host.next(ProgramState) == ProgramState(TRACKER, "lost")
    program.close()


def test_an_oversize_message_is_refused_once_and_the_next_one_comes(mosquitto_installed):
    aboard = users(onboard_rights(SATELLITE, PROGRAMS))
    with (
        open_broker(mosquitto_installed, aboard) as onboard,  # which lets 1 MiB pass
        open_broker(mosquitto_installed, users(ground_rights(SATELLITE, "rig"))) as ground,
    ):
        buses = Buses(onboard, ground)
        with Host(buses) as host, MqttClient(host.door(TRACKER)) as program:
            program.publish(f"{TOPIC}/prod", bytes(LARGEST_BODY + 1))
            program.publish(f"{TOPIC}/prod", bytes(LARGEST_BODY))
            assert host.store(1, TRACKER, MessageKind.PRODUCT) == [bytes(LARGEST_BODY)]
            assert host.gateway.strays[TRACKER] == 1
            host.gateway.drain(LIMIT_S)
            told = f"program {TRACKER}: 1 message over 256 KiB was not taken"
            assert host.gateway.trouble() == told
        with Host(buses) as later, MqttClient(later.door(TRACKER)) as program:
            program.publish(f"{TOPIC}/prod", b"next")
            assert later.store(1, TRACKER, MessageKind.PRODUCT) == [b"next"]


def test_a_gateway_that_cannot_connect_says_why_and_leaves_nothing_open(running):
    wrong = User.new("host")
    endpoint = running.on_board("host")
    with pytest.raises(BrokerError, match="refuses user 'host'"):
        MqttGateway(
            {**running.onboard.endpoints, "host": replace(endpoint, password=wrong.password)},
            running.on_ground(Role.HOST),
            SATELLITE,
            PROGRAMS,
            lambda event, at_s=None: None,
        )


@pytest.fixture
def failing(mosquitto_installed) -> Iterator[tuple[Buses, Host]]:
    """Give buses whose brokers a test may kill or freeze, and the host."""
    with open_buses(mosquitto_installed) as buses, Host(buses) as host:
        yield buses, host
        for bus in (buses.onboard, buses.ground):
            with suppress(ProcessLookupError):
                os.kill(bus.process_id, signal.SIGCONT)


def test_a_killed_ground_broker_is_trouble_that_is_named(failing):
    buses, host = failing
    before = buses.ground.process_id
    os.kill(before, signal.SIGKILL)
    message = Message(EV, "pi", 0, 0.0, b"{}")
    while not host.gateway.trouble():
        host.gateway.announce(0.0, Received(message, "svalbard", 0.0))
    url = buses.on_ground(Role.HOST).url
    assert host.gateway.trouble().startswith(f"broker {url} went away 1 time")


def test_a_frozen_ground_broker_is_trouble_until_it_thaws(failing):
    buses, host = failing
    os.kill(buses.ground.process_id, signal.SIGSTOP)
    host.gateway.announce(0.0, LinkChanged(LinkState.LOS))
    host.gateway.drain(SOON_S)
    url = buses.on_ground(Role.HOST).url
    said = f"broker {url} stayed connected; 1 message was not acknowledged by it"
    assert host.gateway.trouble() == said
    os.kill(buses.ground.process_id, signal.SIGCONT)
    host.gateway.drain(LIMIT_S)
    assert host.gateway.trouble() == ""


def test_a_broker_frozen_for_good_does_not_hold_up_the_end(failing):
    buses, host = failing
    os.kill(buses.ground.process_id, signal.SIGSTOP)
    for _ in range(300):
        host.gateway.announce(0.0, LinkChanged(LinkState.LOS))
    host.gateway.close()
    assert "301 messages were not acknowledged by it" in host.gateway.trouble()


def test_a_killed_onboard_broker_takes_no_message_with_it(mosquitto_installed, tmp_path):
    """A message can come twice, but not never."""
    with open_buses(mosquitto_installed, directory=tmp_path) as buses, Host(buses) as host:
        with MqttClient(host.door(TRACKER)) as program:
            for n in range(100):
                program.publish(f"{TOPIC}/tm", b"%d" % n)
            before = [host.next(OnboardPublished) for _ in range(100)]
            os.kill(buses.onboard.process_id, signal.SIGKILL)
            for n in range(100, 200):
                program.publish(f"{TOPIC}/tm", b"%d" % n)
            host.gateway.stored(before)
            bodies = {event.body for event in before}
            while len(bodies) < 200:
                bodies |= set(host.store(1, TRACKER, TM))
        assert bodies == {b"%d" % n for n in range(200)}
        assert f"on-board broker {buses.on_board('host').url} went away" in host.gateway.trouble()
