import logging
import os
import queue
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from groundlink import broker as broker_module
from groundlink.broker import Listen, User, open_broker
from groundlink.endpoint import BrokerError, Endpoint
from groundlink.mqtt import MqttClient

LIMIT_S = 10.0
POLL_S = 0.02
PROMPT_S = 1.0  # no timeout of ours is shorter than 2 s: what took less waited for none

USERS = [
    User.new("host", publish=("t/#",), subscribe=("t/#",)),
    User.new("writer", publish=("t/w/#",)),
    User.new("reader", subscribe=("t/r/#",)),
]


def hear(endpoint, topic, **options):
    heard = queue.SimpleQueue()
    return heard, MqttClient(endpoint, {topic: heard.put}, **options)


def until(fact):
    """Wait until a fact holds; fail when it does not come to."""
    waiting = threading.Event()
    for _ in range(round(LIMIT_S / POLL_S)):
        if fact():
            return
        waiting.wait(POLL_S)
    pytest.fail("what was waited for did not come")


def what_one_user_publishes_another_hears(broker):
    heard, reader = hear(broker.endpoints["reader"], "t/r/x")
    with reader, MqttClient(broker.endpoints["host"]) as host:
        host.publish("t/r/x", b"40.5")
        assert heard.get(timeout=LIMIT_S).payload == b"40.5"


def forging_is_in_vain(broker, user, topic):
    heard, host = hear(broker.endpoints["host"], topic)
    with host, MqttClient(broker.endpoints[user]) as client:
        # The broker takes a client's messages in order: the forgery was judged before the flush.
        client.flush(topic, b"forged", LIMIT_S)
        host.publish(topic, b"genuine")
        assert heard.get(timeout=LIMIT_S).payload == b"genuine"


def test_what_one_user_publishes_another_hears(broker):
    what_one_user_publishes_another_hears(broker)


@pytest.mark.parametrize(
    ("user", "topic"), [("reader", "t/r/x"), ("reader", "t/w/x"), ("writer", "t/r/x")]
)
def test_a_user_cannot_publish_beyond_their_rights(broker, user, topic):
    forging_is_in_vain(broker, user, topic)


@pytest.mark.mosquitto
@pytest.mark.parametrize("spied", ["t/w/x", "t/#", "#", "+/w/+", "$SYS/#"])
def test_a_user_does_not_hear_beyond_their_rights(mosquitto, spied):
    heard, reader = hear(mosquitto.endpoints["reader"], "t/r/x")
    overheard, spy = hear(mosquitto.endpoints["reader"], spied)
    with reader, spy, MqttClient(mosquitto.endpoints["host"]) as host:
        host.flush("t/w/x", b"not for you", LIMIT_S)
        host.publish("t/r/x", b"end")
        assert heard.get(timeout=LIMIT_S).payload == b"end"
        MqttClient(mosquitto.endpoints["reader"]).close()
        while not overheard.empty():
            assert overheard.get().topic == "t/r/x"


def test_nobody_enters_without_a_password(broker):
    host = broker.endpoints["host"]
    with pytest.raises(BrokerError, match="refuses user"):
        MqttClient(Endpoint(host.host, host.port))
    with pytest.raises(BrokerError, match="refuses user 'host'"):
        MqttClient(Endpoint(host.host, host.port, "host", "guess"))


def test_no_file_log_or_command_line_of_a_broker_keeps_a_password(
    broker_kind, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    caplog.set_level("DEBUG")
    with open_broker(broker_kind, USERS) as broker:
        os.kill(broker.process_id, signal.SIGKILL)
        until(lambda: broker.restarts == 1)  # after which it is as after the first start
        host = broker.endpoints["host"]
        with pytest.raises(BrokerError, match="refuses user"):
            MqttClient(Endpoint(host.host, host.port, "host", "a wrong guess"))
        for endpoint in broker.endpoints.values():  # they need no file to be let in
            MqttClient(endpoint).close()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        said = caplog.text + "".join(path.read_text(errors="replace") for path in files)
        said += Path(f"/proc/{broker.process_id}/cmdline").read_text()
    assert [path.name for path in files] == ["log"]
    secrets = [endpoint.password for endpoint in broker.endpoints.values()]
    assert not any(word in said for word in [*secrets, "a wrong guess", "$argon2", "$7$"])
    assert list(tmp_path.iterdir()) == []


def test_what_a_broker_reads_is_its_owners_alone(tmp_path, mosquitto_installed, monkeypatch):
    monkeypatch.setattr(broker_module._Program, "forget", lambda program: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_broker(mosquitto_installed, USERS):
        (directory,) = tmp_path.iterdir()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in directory.iterdir()}
    assert modes["passwords"] == modes["rights"] == modes["mosquitto.conf"] == 0o600


def test_a_broker_without_its_files_still_keeps_the_rights(broker_kind):
    with open_broker(broker_kind, USERS) as broker:
        what_one_user_publishes_another_hears(broker)
        forging_is_in_vain(broker, "reader", "t/r/x")


def test_a_running_broker_is_used_by_its_url(broker):
    host = broker.endpoints["host"]
    url = f"mqtt://{host.username}:{host.password}@{host.host}:{host.port}"
    with open_broker(url, USERS) as external:
        assert (external.kind, external.restarts, external.process_id) == ("external", 0, None)
        assert external.endpoints == dict.fromkeys(["host", "writer", "reader"], host)


def test_a_broker_that_is_not_there_is_named():
    with socket.socket() as held:  # bound, and not listening: a connection is refused
        held.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(BrokerError, match="does not answer"), open_broker(url, USERS):
            pass


def test_a_server_that_hangs_up_at_once_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        hanging_up = threading.Thread(target=lambda: server.accept()[0].close())
        hanging_up.start()
        url = f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BrokerError, match="ends the connection before it answers"):
            MqttClient(Endpoint.from_url(url))
        hanging_up.join()


def test_a_choice_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'rabbit' is not auto, mosquitto"):
        open_broker("rabbit", USERS).__enter__()


def test_two_users_of_one_name_are_refused(broker_kind):
    with pytest.raises(ValueError, match="twice, or is"):
        open_broker(broker_kind, [USERS[0], USERS[0]]).__enter__()


@pytest.mark.parametrize("name", ["", "a:b", "a b", "a\nuser host"])
def test_a_user_name_that_breaks_a_file_is_refused(name):
    with pytest.raises(ValueError, match="is not made of letters"):
        User.new(name)


def test_a_topic_filter_that_breaks_a_file_is_refused():
    with pytest.raises(ValueError, match="not a topic filter"):
        User.new("pi", publish=("t/#\ntopic readwrite #",))


def test_a_user_without_password_is_refused():
    with pytest.raises(ValueError, match="'pi' has no password"):
        User("pi", "")


@pytest.mark.mosquitto
def test_a_port_that_was_taken_meanwhile_is_replaced(mosquitto, monkeypatch):
    taken = mosquitto.endpoints["host"].port
    free = broker_module._free_port
    ports = iter([taken, free()])
    monkeypatch.setattr(broker_module, "_free_port", lambda: next(ports))
    with open_broker("mosquitto", USERS) as other:
        assert other.endpoints["host"].port != taken


@pytest.mark.mosquitto
def test_a_broker_that_refuses_its_configuration_is_quoted(mosquitto_installed, tmp_path):
    (tmp_path / "mosquitto.db").write_bytes(b"nonsense")
    with pytest.raises(BrokerError, match=r"did not come up .*; it said: .*open database"):
        open_broker("mosquitto", USERS, directory=tmp_path).__enter__()


def test_a_broker_ends_with_its_context(broker_kind):
    with open_broker(broker_kind, USERS) as opened, MqttClient(opened.endpoints["host"]):
        endpoint = opened.endpoints["host"]
        held = socket.create_connection((endpoint.host, endpoint.port))
    with held:
        assert_ends(held)


@pytest.mark.mosquitto
def test_a_stopped_broker_ends_promptly(mosquitto_installed):
    ended = threading.Event()

    def open_stop_and_leave():
        with open_broker("mosquitto", USERS) as broker:
            os.kill(broker.process_id, signal.SIGSTOP)
            leaving.set()
        ended.set()

    leaving = threading.Event()
    thread = threading.Thread(target=open_stop_and_leave)
    thread.start()
    assert leaving.wait(LIMIT_S)
    assert ended.wait(PROMPT_S)
    thread.join()


@pytest.mark.mosquitto
def test_a_broker_that_is_not_to_restart_stays_down(mosquitto_installed):
    with open_broker("mosquitto", USERS, restart=False) as broker:
        os.kill(broker.process_id, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{broker.process_id}").exists())
        with pytest.raises(BrokerError, match="does not answer"):
            MqttClient(broker.endpoints["host"])
        assert broker.restarts == 0


@pytest.mark.mosquitto
def test_a_broker_comes_back_once_its_port_is_free_again(mosquitto_installed, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_broker("mosquitto", USERS) as broker, socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(broker.process_id, signal.SIGSTOP)
        first, port = broker.process_id, broker.endpoints["host"].port
        os.kill(first, signal.SIGKILL)
        until(lambda: bound(thief, port))
        thief.listen()
        until(lambda: broker.process_id != first)  # it was tried
        thief.close()
        until(lambda: broker.restarts == 1)
        what_one_user_publishes_another_hears(broker)


def bound(thief, port):
    with suppress(OSError):
        thief.bind(("127.0.0.1", port))
        return True
    return False


FLIGHT = """
import sys
from groundlink.broker import User, open_broker
with open_broker(sys.argv[1], [User.new("host")]) as broker:
    print(broker.endpoints["host"].port, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_flight_killed_with_sigkill_leaves_no_broker(broker_kind):
    with subprocess.Popen(
        [sys.executable, "-c", FLIGHT, broker_kind],
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
def test_a_socket_lets_in_whom_the_port_lets_in(mosquitto_installed):
    with open_broker("mosquitto", USERS, socket=True) as broker:
        reader = replace(broker.endpoints["reader"], path=broker.socket_path)
        heard, client = hear(reader, "t/r/x")
        with client, MqttClient(broker.endpoints["host"]) as host:
            host.publish("t/r/x", b"through the socket")
            assert heard.get(timeout=LIMIT_S).payload == b"through the socket"
        with pytest.raises(BrokerError, match=r"unix:///.*/socket refuses user 'reader'"):
            MqttClient(replace(reader, password="guess"))


SPEAK = """
import sys
from groundlink.endpoint import Endpoint
from groundlink.mqtt import MqttClient
with MqttClient(Endpoint.from_url(sys.argv[1])) as client:
    assert client.flush("t/w/x", b"from inside", 10.0)
try:
    MqttClient(Endpoint.from_url(sys.argv[2])).close()
except Exception as error:
    print(error)
"""


@pytest.mark.mosquitto
def test_a_program_in_a_network_of_its_own_reaches_the_socket_alone(mosquitto_installed):
    # paho's thread wakes itself over the loopback interface, which is down in a new namespace.
    inside = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    with suppress(FileNotFoundError):
        if subprocess.run([*inside, "true"], capture_output=True).returncode == 0:
            check_a_program_inside(inside)
            return
    pytest.skip("this host gives programs no network namespace of their own")


def check_a_program_inside(inside):
    with open_broker("mosquitto", USERS, socket=True) as broker:
        heard, host = hear(broker.endpoints["host"], "t/w/#")
        writer = broker.endpoints["writer"]
        who = f"{writer.username}:{writer.password}@"
        urls = [f"unix://{who}{broker.socket_path}", f"mqtt://{who}{writer.host}:{writer.port}"]
        with host:
            done = subprocess.run(
                [*inside, sys.executable, "-c", SPEAK, *urls],
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=True,
            )
            assert heard.get(timeout=LIMIT_S).payload == b"from inside"
    assert "does not answer" in done.stdout


def test_amqtt_has_no_socket(amqtt_installed):
    with open_broker("amqtt", USERS, socket=True) as broker:
        assert broker.socket_path is None


@pytest.mark.mosquitto
def test_nobody_takes_the_session_of_another_user_where_each_has_one_client(mosquitto_installed):
    with open_broker("mosquitto", USERS, one_client_per_user=True) as broker:
        heard, reader = hear(broker.endpoints["reader"], "t/r/x", client_id="reader")
        with reader, MqttClient(broker.endpoints["writer"], client_id="reader"):
            with MqttClient(broker.endpoints["host"]) as host:
                host.publish("t/r/x", b"still here")
                assert heard.get(timeout=LIMIT_S).payload == b"still here"
            assert reader.departures == 0


@pytest.mark.parametrize("missing", ["certificate", "key", "ca"])
def test_a_listener_without_one_of_its_files_is_refused(tmp_path, missing):
    file = tmp_path / "a.pem"
    file.touch()
    files = {"certificate": file, "key": file, "ca": file, missing: None}
    with pytest.raises(ValueError, match=f"and has no {missing}; for example {missing} = "):
        Listen("192.0.2.1", 8883, **files)


@pytest.mark.parametrize(
    ("address", "port", "wrong"),
    [
        ("broker.example", 8883, "is no IP address"),
        ("192.0.2.1\nallow_anonymous true", 8883, "is no IP address"),
        ("192.0.2.1", 0, "outside 1..65535"),
    ],
)
def test_a_listener_at_no_address_is_refused(tmp_path, address, port, wrong):
    file = tmp_path / "a.pem"
    file.touch()
    with pytest.raises(ValueError, match=wrong):
        Listen(address, port, file, file, file)


def test_a_listener_whose_file_is_missing_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"certificate .*gone\.pem' is not a file"):
        Listen("192.0.2.1", 8883, *[tmp_path / "gone.pem"] * 3)


def test_amqtt_refuses_to_listen_beyond_this_machine(amqtt_installed, tmp_path):
    file = tmp_path / "a.pem"
    file.touch()
    listen = Listen("192.0.2.1", 8883, file, file, file)
    with pytest.raises(ValueError, match=r"amqtt listens on 127\.0\.0\.1 alone"):
        open_broker("amqtt", USERS, listen=listen).__enter__()


@pytest.fixture(scope="module")
def beyond(mosquitto_installed, new_authority):
    """A mosquitto that listens with TLS too, and a client's endpoint that it lets in there."""
    authority = new_authority()
    listen = Listen(
        "127.0.0.1", broker_module._free_port(), *authority.issue("broker"), authority.ca
    )
    certificate, key = authority.issue("client")
    with open_broker("mosquitto", USERS, listen=listen) as broker:
        host = broker.endpoints["host"]
        url = f"mqtts://host:{host.password}@127.0.0.1:{listen.port}"
        query = f"ca={authority.ca}&certificate={certificate}&key={key}"
        yield Endpoint.from_url(f"{url}?{query}")


@pytest.mark.mosquitto
def test_with_the_right_certificate_and_password_tls_lets_in(beyond):
    heard, host = hear(beyond, "t/x")
    with host:
        host.publish("t/x", b"sealed")
        assert heard.get(timeout=LIMIT_S).payload == b"sealed"


@pytest.mark.mosquitto
def test_a_client_without_a_certificate_is_refused(beyond):
    with pytest.raises(BrokerError, match="does it know our certificate"):
        MqttClient(replace(beyond, certificate=None, key=None))


@pytest.mark.mosquitto
def test_a_client_with_a_foreign_certificate_is_refused(beyond, new_authority):
    certificate, key = new_authority().issue("client")
    with pytest.raises(BrokerError, match="does it know our certificate"):
        MqttClient(replace(beyond, certificate=certificate, key=key))


@pytest.mark.mosquitto
def test_a_broker_with_a_foreign_certificate_is_refused(beyond, new_authority):
    with pytest.raises(BrokerError, match="shows a certificate that we do not trust"):
        MqttClient(replace(beyond, ca=new_authority().ca))


@pytest.mark.mosquitto
def test_a_certificate_is_no_password(beyond):
    with pytest.raises(BrokerError, match="refuses user 'host'"):
        MqttClient(replace(beyond, password="guess"))


@pytest.mark.mosquitto
def test_a_client_without_tls_is_refused_where_tls_is_asked_for(beyond):
    plain = Endpoint(beyond.host, beyond.port, beyond.username, beyond.password)
    with pytest.raises(BrokerError, match="ends the connection before it answers"):
        MqttClient(plain)


@pytest.mark.mosquitto
def test_tls_older_than_1_2_is_refused(beyond):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(beyond.ca)
    context.load_cert_chain(beyond.certificate, beyond.key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((beyond.host, beyond.port)) as plain,
        pytest.raises(OSError, match=r"(?i)protocol|version|alert|reset"),
    ):
        context.wrap_socket(plain, server_hostname=beyond.host)


def test_a_certificate_that_is_no_file_is_named(tmp_path):
    gone = tmp_path / "gone.pem"
    with pytest.raises(BrokerError, match=r"gone\.pem cannot be used"):
        MqttClient(Endpoint("localhost", 1, tls=True, certificate=gone, key=gone))
