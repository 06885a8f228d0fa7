import json
import os
import queue
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from firmware_bridge.faults import FaultEvent, FaultKind
from groundlink.bench_control import MqttBench, SessionFile, inject
from groundlink.broker import Role
from groundlink.contacts import WindowInjected
from groundlink.endpoint import BrokerError
from groundlink.events import LinkChanged, LinkState, Received
from groundlink.injector import Ack, Injector
from groundlink.messages import Message, MessageKind
from groundlink.mqtt import MqttClient
from groundlink.mqtt_link import MqttLink
from groundlink.topics import Control, ack_topic, control_topic

RIG = "first-light"
LIMIT_S = 10.0


def session_file(broker):
    bench = broker.endpoints[Role.BENCH]
    return SessionFile(bench.url, bench.username, bench.password, RIG, RIG)


class Mission:
    """The bench's counterpart: it answers as the loop of a flight does, on paho's thread."""

    def __init__(self, broker):
        self.injected = queue.SimpleQueue()
        self._injector = Injector(["pi"], np.random.default_rng(1), variates=4)
        self.bench = MqttBench(broker.endpoints[Role.HOST], RIG, self._post)

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
        MqttClient(mosquitto.endpoints[Role.BENCH], {ack_topic(RIG): answers.put}) as bench,
    ):
        for n in range(1000):
            request = b'{"payload": "pi", "kind": "seu", "id": "%d"}' % n
            bench.publish(control_topic(RIG, Control.FAULT), request)
        acks = [Ack.from_json(answers.get(timeout=LIMIT_S)) for _ in range(1000)]
    assert {(ack.id, ack.accepted) for ack in acks} == {(str(n), True) for n in range(1000)}
    assert flying.injected.qsize() == 1000


GARBAGE = [
    b"",
    b"not json",
    b"\xff\xfe\x00",
    b"[" * 4096,
    b'{"payload": "moon", "kind": "seu"}',
    b'{"id": "\\ud800", "kind": 5}',
    b'{"id": "%s"}' % (b"x" * 2**20),
    b'{"action": "open", "duration_s": 1e-320}',
]


@pytest.mark.parametrize("control", [Control.FAULT, Control.WINDOW])
def test_garbage_is_answered_and_the_next_request_acts(broker, control):
    answers = queue.SimpleQueue()
    with (
        mission(broker),
        MqttClient(broker.endpoints[Role.BENCH], {ack_topic(RIG): answers.put}) as bench,
    ):
        for request in GARBAGE:
            bench.publish(control_topic(RIG, control), request)
        refusals = [json.loads(answers.get(timeout=LIMIT_S)) for _ in GARBAGE]
        bench.publish(control_topic(RIG, Control.CLOCK), b'{"id": "next"}')
        following = Ack.from_json(answers.get(timeout=LIMIT_S))
    assert [refusal["accepted"] for refusal in refusals] == [False] * len(GARBAGE)
    assert (following.id, following.accepted) == ("next", True)


def test_a_mission_that_does_not_answer_is_named(broker):
    with pytest.raises(BrokerError, match="no mission answers"):
        inject(session_file(broker), Control.CLOCK, {}, limit_s=0.2)


def test_a_wrong_password_is_named(broker):
    wrong = SessionFile(session_file(broker).url, "bench", "guess", RIG, RIG)
    with pytest.raises(BrokerError, match="refuses user 'bench'"):
        inject(wrong, Control.CLOCK, {})


def test_a_session_file_survives_its_toml_and_is_private(tmp_path):
    session = SessionFile("mqtt://127.0.0.1:1883", "bench", 'a"b\\c', RIG, RIG)
    path = tmp_path / "session.toml"
    path.write_text("old")
    path.chmod(0o644)
    session.write(path)
    assert SessionFile.read(path) == session
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", 'url = "x"', "url = [", "url = 1\nrig = 2"])
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
                *access(mosquitto.endpoints[Role.BENCH]),
                *("-t", f"ctl/1/{RIG}/fault", "-m", '{"payload":"pi","kind":"seu"}'),
            ],
            check=True,
            timeout=LIMIT_S,
        )
        fault = flying.injected.get(timeout=LIMIT_S)
    assert (fault.payload, fault.kind) == ("pi", FaultKind.SEU)


@pytest.mark.mosquitto
@pytest.mark.parametrize("role", [Role.BENCH, Role.OBSERVER])
def test_a_stock_client_watches_the_ground(mosquitto, role):
    link = MqttLink(mosquitto.endpoints[Role.HOST], "sat", lambda event, at_s=None: None)
    watcher = None
    try:
        link.announce(0.0, LinkChanged(LinkState.AOS, "svalbard", 600.0))  # retained
        watcher = subprocess.Popen(
            [
                *(stock("mosquitto_sub"), "-t", "gnd/#", "-v", "-C", "2", "-W", "10"),
                *access(mosquitto.endpoints[role]),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        state = watcher.stdout.readline()  # from here on it is subscribed
        body = b'{"label":"cloud"}'
        message = Message(MessageKind.PRODUCT, "pi", 7, 12.5, body, 3)
        link.announce(20.0, Received(message, "svalbard", 20.0))
        product = watcher.stdout.readline()
    finally:
        link.close()
        if watcher is not None:
            watcher.kill()
            watcher.communicate()
    assert state.startswith('gnd/1/sat/link/state {"v":1')
    assert '"state":"aos"' in state
    assert product.startswith("gnd/1/sat/pi/prod ")
    assert '"body":{"label":"cloud"}' in product
