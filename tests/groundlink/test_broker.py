import queue
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress

import pytest

from groundlink import broker as broker_module
from groundlink.broker import Role, open_broker
from groundlink.endpoint import BrokerError, Endpoint
from groundlink.mqtt import MqttClient

LIMIT_S = 10.0

BROKERS = [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "amqtt"]


def hear(endpoint, topic):
    heard = queue.SimpleQueue()
    return heard, MqttClient(endpoint, {topic: heard.put})


def test_what_one_role_publishes_another_hears(broker):
    heard, observer = hear(broker.endpoints[Role.OBSERVER], "gnd/1/sat/pi/tm")
    with observer, MqttClient(broker.endpoints[Role.HOST]) as host:
        host.publish("gnd/1/sat/pi/tm", b"40.5")
        assert heard.get(timeout=LIMIT_S) == b"40.5"


@pytest.mark.parametrize(
    ("role", "topic"),
    [
        (Role.OBSERVER, "gnd/1/sat/pi/tm"),
        (Role.OBSERVER, "ctl/1/rig/fault"),
        (Role.BENCH, "gnd/1/sat/pi/tm"),
        (Role.BENCH, "spl/1/sat/down"),
    ],
)
def test_a_role_cannot_publish_beyond_its_rights(broker, role, topic):
    heard, host = hear(broker.endpoints[Role.HOST], topic)
    with host, MqttClient(broker.endpoints[role]) as client:
        client.publish(topic, b"forged")
        # The broker takes a client's messages in order: the forgery was judged before the flush.
        client.flush(topic, b"forged", LIMIT_S)
        host.publish(topic, b"genuine")
        assert heard.get(timeout=LIMIT_S) == b"genuine"


@pytest.mark.mosquitto
@pytest.mark.parametrize("role", [Role.OBSERVER, Role.BENCH])
def test_a_role_does_not_hear_beyond_its_rights(mosquitto, role):
    heard, spy = hear(mosquitto.endpoints[role], "gnd/1/sat/pi/tm")
    overheard, deaf = hear(mosquitto.endpoints[role], "spl/1/sat/down")
    with spy, deaf, MqttClient(mosquitto.endpoints[Role.HOST]) as host:
        host.flush("spl/1/sat/down", b"frame", LIMIT_S)
        host.publish("gnd/1/sat/pi/tm", b"end")
        assert heard.get(timeout=LIMIT_S) == b"end"
        assert overheard.empty()


def test_nobody_enters_without_a_password(broker):
    host = broker.endpoints[Role.HOST]
    with pytest.raises(BrokerError, match="refuses user"):
        MqttClient(Endpoint(host.host, host.port))
    with pytest.raises(BrokerError, match="refuses user 'host'"):
        MqttClient(Endpoint(host.host, host.port, "host", "guess"))


@pytest.mark.parametrize("kind", BROKERS)
def test_no_file_and_no_log_of_a_broker_keeps_a_password(
    kind, request, tmp_path, monkeypatch, caplog
):
    request.getfixturevalue(kind)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    caplog.set_level("DEBUG")
    with open_broker(kind) as broker:
        host = broker.endpoints[Role.HOST]
        with pytest.raises(BrokerError, match="refuses user"):
            MqttClient(Endpoint(host.host, host.port, "host", "a wrong guess"))
        for endpoint in broker.endpoints.values():  # they need no file to be let in
            MqttClient(endpoint).close()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        said = caplog.text + "".join(path.read_text(errors="replace") for path in files)
    assert [path.name for path in files] == ["log"]
    secrets = [endpoint.password for endpoint in broker.endpoints.values()]
    assert not any(word in said for word in [*secrets, "a wrong guess", "$argon2", "$7$"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", BROKERS)
def test_a_broker_without_its_files_still_keeps_the_rights(kind, request):
    request.getfixturevalue(kind)
    with open_broker(kind) as broker:
        test_what_one_role_publishes_another_hears(broker)
        test_a_role_cannot_publish_beyond_its_rights(broker, Role.BENCH, "gnd/1/sat/pi/tm")


def test_a_running_broker_is_used_by_its_url(broker):
    host = broker.endpoints[Role.HOST]
    url = f"mqtt://{host.username}:{host.password}@{host.host}:{host.port}"
    with open_broker(url) as external:
        assert external.kind == "external"
        assert external.endpoints[Role.BENCH] == host


def test_a_broker_that_is_not_there_is_named():
    with socket.socket() as held:  # bound, and not listening: a connection is refused
        held.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(BrokerError, match="does not answer"), open_broker(url):
            pass


def test_a_choice_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'rabbit' is not auto, mosquitto"), open_broker("rabbit"):
        pass


@pytest.mark.mosquitto
def test_a_port_that_was_taken_meanwhile_is_replaced(mosquitto, monkeypatch):
    taken = mosquitto.endpoints[Role.HOST].port
    free = broker_module._free_port
    ports = iter([taken, free()])
    monkeypatch.setattr(broker_module, "_free_port", lambda: next(ports))
    with open_broker("mosquitto") as other:
        assert other.endpoints[Role.HOST].port != taken


@pytest.mark.parametrize("kind", BROKERS)
def test_a_broker_ends_with_its_context(kind, request):
    request.getfixturevalue(kind)  # skips, or fails, where it is not installed
    with open_broker(kind) as opened, MqttClient(opened.endpoints[Role.HOST]):
        endpoint = opened.endpoints[Role.HOST]
        held = socket.create_connection((endpoint.host, endpoint.port))
    with held:
        assert_ends(held)


FLIGHT = """
import sys
from groundlink.broker import Role, open_broker
with open_broker(sys.argv[1]) as broker:
    print(broker.endpoints[Role.HOST].port, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("kind", BROKERS)
def test_a_flight_killed_with_sigkill_leaves_no_broker(kind, request):
    request.getfixturevalue(kind)
    with subprocess.Popen(
        [sys.executable, "-c", FLIGHT, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as flight:
        port = int(flight.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as held:
            flight.kill()
            assert_ends(held)


def assert_ends(held):
    """The kernel closes the connections of a process that is gone."""
    held.settimeout(LIMIT_S)
    with suppress(ConnectionResetError):
        assert held.recv(1) == b""


@pytest.mark.mosquitto
def test_a_client_connects_again_and_hears_again(mosquitto):
    heard, observer = hear(mosquitto.endpoints[Role.OBSERVER], "gnd/1/sat/pi/tm")
    with observer, MqttClient(mosquitto.endpoints[Role.HOST]) as host:
        observer._ready.clear()
        observer._client.socket().shutdown(socket.SHUT_RDWR)
        assert observer._ready.wait(LIMIT_S)
        host.publish("gnd/1/sat/pi/tm", b"again")
        assert heard.get(timeout=LIMIT_S) == b"again"


@pytest.mark.mosquitto
def test_the_queue_for_an_absent_broker_is_bounded(mosquitto, monkeypatch):
    monkeypatch.setattr("groundlink.mqtt.MOST_QUEUED", 10)
    with MqttClient(mosquitto.endpoints[Role.HOST]) as client:
        client._client.disconnect()
        for _ in range(15):
            client.publish("gnd/1/sat/pi/tm", b"")
        assert client.refused == 5
