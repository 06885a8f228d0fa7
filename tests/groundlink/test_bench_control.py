import json
import os
import queue
import shutil
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np
import pytest

from firmware_bridge.faults import FaultEvent, FaultKind
from groundlink.bench_control import MqttBench, SessionFile, command, inject
from groundlink.broker import User, find_mosquitto, open_broker
from groundlink.commands import LoadModel, Verification, parse_request
from groundlink.contacts import WindowInjected
from groundlink.endpoint import BrokerError, Endpoint
from groundlink.events import CommandProgress, LinkChanged, LinkState, Received, UplinkInjected
from groundlink.injector import Ack, Injector, id_of
from groundlink.messages import Message, MessageKind
from groundlink.mqtt import MqttClient
from groundlink.mqtt_gateway import MqttGateway
from groundlink.topics import (
    Control,
    Role,
    ack_topic,
    control_topic,
    ground_rights,
    users,
)

RIG = "first-light"
LIMIT_S = 10.0


@pytest.fixture(scope="module")
def mosquitto(mosquitto_installed):
    """Run the ground bus of a mission on mosquitto."""
    with open_broker(mosquitto_installed, users(ground_rights(RIG, RIG))) as bus:
        yield bus


@pytest.fixture(scope="module")
def amqtt(amqtt_installed):
    """Run the ground bus of a mission on amqtt."""
    with open_broker(amqtt_installed, users(ground_rights(RIG, RIG))) as bus:
        yield bus


@pytest.fixture
def broker(broker_kind, request):
    """Give the ground bus of a mission, on each kind of broker in turn."""
    return request.getfixturevalue(broker_kind)


def endpoint(broker, role):
    return broker.endpoints[role.value]


def session_file(broker):
    bench, operator = endpoint(broker, Role.BENCH), endpoint(broker, Role.OPERATOR)
    return SessionFile.of(bench, operator, RIG, RIG)


class Mission:
    """The bench's counterpart: it answers as the loop of a flight does, on paho's thread."""

    def __init__(self, broker):
        self.injected = queue.SimpleQueue()
        self._injector = Injector(["pi"], ["bench"], np.random.default_rng(1), variates=4)
        self.bench = MqttBench(endpoint(broker, Role.HOST), RIG, self._post)

    def _post(self, event, at_s=None):
        for action in self._injector.react(42.0, event):
            if isinstance(action, Ack):
                self.bench.acknowledge(action)
            else:
                self.injected.put(action)


@contextmanager
def mission(broker) -> Iterator[Mission]:
    flying = Mission(broker)
    try:
        yield flying
    finally:
        flying.bench.close()


def test_a_fault_is_injected_and_acknowledged(broker):
    with mission(broker) as flying:
        ack = inject(session_file(broker), Control.FAULT, {"payload": "pi", "kind": "mbu"})
        fault = flying.injected.get(timeout=LIMIT_S)
    assert (ack.accepted, ack.t_s) == (True, 42.0)
    assert isinstance(fault, FaultEvent)
    assert fault.kind is FaultKind.MBU


def test_a_window_is_injected_and_acknowledged(broker):
    with mission(broker) as flying:
        ack = inject(session_file(broker), Control.WINDOW, {"action": "cut", "duration_s": 60})
        assert ack.accepted
        assert isinstance(flying.injected.get(timeout=LIMIT_S), WindowInjected)


def test_a_refusal_comes_back_with_its_reason(broker):
    with mission(broker):
        ack = inject(session_file(broker), Control.FAULT, {"payload": "moon", "kind": "seu"})
    assert not ack.accepted
    assert "there is pi" in ack.reason


@pytest.mark.mosquitto  # amqtt loses one of them now and then
def test_a_thousand_quick_injections_are_each_answered(mosquitto):
    answers = queue.SimpleQueue()
    with (
        mission(mosquitto) as flying,
        MqttClient(endpoint(mosquitto, Role.BENCH), {ack_topic(RIG): answers.put}) as bench,
    ):
        for n in range(1000):
            request = b'{"payload": "pi", "kind": "seu", "id": "%d"}' % n
            bench.publish(control_topic(RIG, Control.FAULT), request)
        acks = [Ack.from_json(answers.get(timeout=LIMIT_S).payload) for _ in range(1000)]
    assert {(ack.id, ack.accepted) for ack in acks} == {(str(n), True) for n in range(1000)}
    assert flying.injected.qsize() == 1000


GARBAGE = [
    b"",
    b"not json",
    b"\xff\xfe\x00",
    b"[" * 4096,
    b'{"payload": "moon", "kind": "seu"}',
    b'{"id": "\\ud800", "kind": 5}',
    b'{"id": "%s"}' % (b"x" * 2**19),
    b'{"action": "open", "duration_s": 1e-320}',
]


@pytest.mark.parametrize("control", [Control.FAULT, Control.WINDOW])
def test_garbage_is_answered_and_the_next_request_acts(broker, control):
    answers = queue.SimpleQueue()
    with (
        mission(broker),
        MqttClient(endpoint(broker, Role.BENCH), {ack_topic(RIG): answers.put}) as bench,
    ):
        for request in GARBAGE:
            bench.publish(control_topic(RIG, control), request)
        refusals = [json.loads(answers.get(timeout=LIMIT_S).payload) for _ in GARBAGE]
        bench.publish(control_topic(RIG, Control.CLOCK), b'{"id": "next"}')
        following = Ack.from_json(answers.get(timeout=LIMIT_S).payload)
    assert [refusal["accepted"] for refusal in refusals] == [False] * len(GARBAGE)
    assert (following.id, following.accepted) == ("next", True)


def test_a_frame_is_put_on_the_uplink(broker):
    with mission(broker) as flying:
        assert inject(session_file(broker), Control.UPLINK, {"frame_base64": "65A="}).accepted
        assert flying.injected.get(timeout=LIMIT_S) == UplinkInjected("eb90")


def test_a_mission_that_does_not_answer_is_named(broker):
    with pytest.raises(BrokerError, match="no mission answers"):
        inject(session_file(broker), Control.CLOCK, {}, limit_s=0.2)


def test_a_wrong_password_is_named(broker):
    wrong = replace(session_file(broker), password="guess")
    with pytest.raises(BrokerError, match="refuses user 'bench'"):
        inject(wrong, Control.CLOCK, {})


STAGES = ("acceptance", "start", "completion")


@contextmanager
def obeying(broker, *reports):
    """Fly a mission that answers every command with these reports: stage, ok, reason."""
    asked = queue.SimpleQueue()

    def obey(event, at_s=None):
        asked.put(event)
        name = id_of(event.request)
        for stage, ok, reason in reports:
            report = Verification(stage, ok, b"\x18\x01\xc0\x05", reason)
            gateway.announce(5.0, CommandProgress(name, event.payload, report, 5.0))

    gateway = MqttGateway(None, endpoint(broker, Role.HOST), RIG, (), obey)
    try:
        yield asked
    finally:
        gateway.close()


def test_a_command_is_followed_to_its_completion(broker):
    request = {"command": "load-model", "model": "sorter"}
    with obeying(broker, *((stage, True, "") for stage in STAGES)) as asked:
        reports = list(command(session_file(broker), "pi", request, limit_s=LIMIT_S))
        event = asked.get(timeout=LIMIT_S)
    assert [(each.stage, each.ok) for each in reports] == [(stage, True) for stage in STAGES]
    assert parse_request(event.payload, event.request.encode()).command == LoadModel("pi", "sorter")


def test_a_failure_ends_the_reports_on_a_command(broker):
    request = {"id": "mine", "command": "load-model", "model": "moon"}
    failed = ("start", False, "there is no model 'moon'")
    with obeying(broker, ("acceptance", True, ""), failed, ("completion", True, "")):
        reports = list(command(session_file(broker), "pi", request, limit_s=LIMIT_S))
    assert [(each.id, each.stage, each.ok) for each in reports] == [
        ("mine", "acceptance", True),
        ("mine", "start", False),
    ]
    assert reports[-1].reason == failed[2]


def test_a_command_that_waits_for_its_contact_is_given_up_after_a_while(broker):
    with obeying(broker, ("acceptance", True, "")):
        (report,) = command(session_file(broker), "pi", {"command": "x"}, limit_s=1.0)
    assert not report.final


@pytest.mark.parametrize(
    ("payload", "name"), [("Pi", "1"), ("a/b", "1"), ("pi", "a/b"), ("pi", "+")]
)
def test_a_command_that_no_topic_could_carry_is_refused(payload, name):
    nowhere = Endpoint("127.0.0.1", 1, "operator", "d")
    session = SessionFile.of(nowhere, nowhere, RIG, RIG)
    with pytest.raises(ValueError, match="characters of"):
        next(command(session, payload, {"id": name}, limit_s=LIMIT_S))


@pytest.mark.mosquitto
def test_the_bench_gives_no_commands_and_the_operator_no_faults(mosquitto):
    bench, operator = endpoint(mosquitto, Role.BENCH), endpoint(mosquitto, Role.OPERATOR)
    session = session_file(mosquitto)
    swapped = SessionFile.of(operator, bench, RIG, RIG)
    with mission(mosquitto), obeying(mosquitto, ("completion", True, "")):
        assert list(command(swapped, "pi", {"command": "x"}, limit_s=0.3)) == []
        with pytest.raises(BrokerError):
            inject(swapped, Control.CLOCK, {}, limit_s=0.3)
        assert len(list(command(session, "pi", {"command": "x"}, limit_s=LIMIT_S))) == 1
        assert inject(session, Control.CLOCK, {}).accepted


def test_a_session_file_of_a_broker_elsewhere_names_its_certificates(tmp_path):
    files = {"ca": tmp_path / "ca.pem", "certificate": tmp_path / "me.pem", "key": tmp_path / "k"}
    bench = Endpoint("bench.example", 8883, "bench", "b", tls=True, **files)
    session = SessionFile.of(bench, replace(bench, username="operator"), RIG, RIG)
    session.write(tmp_path / "session.toml")
    assert SessionFile.read(tmp_path / "session.toml").endpoint == bench
    assert session.operator == replace(bench, username="operator")


def test_a_session_file_survives_its_toml_and_is_private(tmp_path):
    bench = Endpoint("127.0.0.1", 1883, "bench", 'a"b\\c')
    session = SessionFile.of(bench, Endpoint("127.0.0.1", 1883, "operator", "d"), RIG, RIG)
    path = tmp_path / "session.toml"
    path.write_text("old")
    path.chmod(0o644)
    session.write(path)
    assert SessionFile.read(path) == session
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_session_file_needs_no_credentials(tmp_path):
    anybody = Endpoint.from_url("mqtt://127.0.0.1:1883")
    SessionFile.of(anybody, anybody, RIG, RIG).write(tmp_path / "session.toml")
    read = SessionFile.read(tmp_path / "session.toml")
    assert read.endpoint == read.operator == anybody


def test_a_user_without_a_password_survives_a_session_file(tmp_path):
    named = Endpoint.from_url("mqtt://me@127.0.0.1:1883")
    SessionFile.of(named, named, RIG, RIG).write(tmp_path / "session.toml")
    assert SessionFile.read(tmp_path / "session.toml").endpoint == named


def until_it_listens(port, broker):
    pause = threading.Event()
    for _ in range(round(LIMIT_S / 0.02)):
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        assert broker.poll() is None
        pause.wait(0.02)
    pytest.fail(f"nobody listens at port {port}")


@pytest.fixture
def open_to_all(mosquitto_installed):
    """Run a mosquitto that asks nobody who they are; give its URL."""
    program = find_mosquitto()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with subprocess.Popen([program, "-p", port], stderr=subprocess.DEVNULL) as broker:
        try:
            until_it_listens(int(port), broker)
            yield f"mqtt://127.0.0.1:{port}"
        finally:
            broker.terminate()


@pytest.mark.mosquitto
def test_a_broker_that_knows_nobody_takes_injections_and_commands(open_to_all, tmp_path):
    users = [User.new(role.value) for role in (Role.HOST, Role.BENCH, Role.OPERATOR)]
    with open_broker(open_to_all, users) as broker:
        session_file(broker).write(tmp_path / "session.toml")
        session = SessionFile.read(tmp_path / "session.toml")
        with mission(broker), obeying(broker, ("completion", True, "")):
            assert inject(session, Control.CLOCK, {}).accepted
            assert len(list(command(session, "pi", {"command": "x"}, limit_s=LIMIT_S))) == 1


HALVES = [
    'url = "x"\nrig = "x"\nsatellite = "x"\nusername = "me"',
    'url = "x"\nrig = "x"\nsatellite = "x"\noperator_password = "y"',
]


@pytest.mark.parametrize("text", ["", 'url = "x"', "url = [", "url = 1\nrig = 2", *HALVES])
def test_what_is_not_a_session_file_is_refused(tmp_path, text):
    path = tmp_path / "session.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"session\.toml is not a session file"):
        SessionFile.read(path)


def stock(program):
    found = shutil.which(program)
    if found is None and os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") == "1":
        pytest.fail(f"{program} is not installed, and HIGHBAY_REQUIRE_PROGRAMS=1 requires it")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def access(endpoint):
    return [
        "-h",
        "127.0.0.1",
        "-p",
        str(endpoint.port),
        "-u",
        endpoint.username,
        "-P",
        endpoint.password,
    ]


@pytest.mark.mosquitto
def test_a_stock_client_injects_a_fault(mosquitto):
    with mission(mosquitto) as flying:
        subprocess.run(
            [
                stock("mosquitto_pub"),
                *access(endpoint(mosquitto, Role.BENCH)),
                *("-t", f"ctl/1/{RIG}/fault", "-m", '{"payload":"pi","kind":"seu"}'),
            ],
            check=True,
            timeout=LIMIT_S,
        )
        fault = flying.injected.get(timeout=LIMIT_S)
    assert (fault.payload, fault.kind) == ("pi", FaultKind.SEU)


@pytest.mark.mosquitto
@pytest.mark.parametrize("role", [Role.BENCH, Role.OBSERVER, Role.OPERATOR])
def test_a_stock_client_watches_the_ground(mosquitto, role):
    host = endpoint(mosquitto, Role.HOST)
    gateway = MqttGateway(None, host, RIG, (), lambda event, at_s=None: None)
    watcher = None
    try:
        gateway.announce(0.0, LinkChanged(LinkState.AOS, "svalbard", 600.0))  # retained
        watcher = subprocess.Popen(
            [
                *(stock("mosquitto_sub"), "-t", f"gnd/1/{RIG}/#", "-v", "-C", "2", "-W", "10"),
                *access(endpoint(mosquitto, role)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        state = watcher.stdout.readline()  # from here on it is subscribed
        body = b'{"label":"cloud"}'
        message = Message(MessageKind.PRODUCT, "pi", 7, 12.5, body)
        gateway.announce(20.0, Received(message, "svalbard", 20.0))
        product = watcher.stdout.readline()
    finally:
        gateway.close()
        if watcher is not None:
            watcher.kill()
            watcher.communicate()
    assert state.startswith(f'gnd/1/{RIG}/link/state {{"v":1')
    assert '"state":"aos"' in state
    assert product.startswith(f"gnd/1/{RIG}/pi/prod ")
    assert '"body":{"label":"cloud"}' in product
