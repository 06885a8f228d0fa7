"""What Paho's interoperability tests expect of MQTT 3.1.1, as far as we use it, and our client.

The expectations are those of eclipse/paho.mqtt.testing, `interoperability/client_test.py`:
its tests, by name, beside what our own client promises. They run through our client, stock paho
clients and bytes written by hand.

Left out, because we do not use it: QoS 2 towards a subscriber (we subscribe at QoS 1; what a
stock client publishes at QoS 2 we do hear), several filters in one SUBSCRIBE at different QoS,
WebSockets and MQTT 5. Publishing to ``$`` topics, which the suite leaves to the server, is
tried with the right to do so. `subscribe_failure` needs a server that refuses a SUBSCRIBE;
mosquitto 2.0 with an ACL file grants it and sends nothing, which is what we test.
"""

import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import pytest
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from groundlink.broker import User, open_broker
from groundlink.endpoint import BrokerError
from groundlink.mqtt import MqttClient, Will

pytestmark = pytest.mark.mosquitto

LIMIT_S = 10.0
POLL_S = 0.02
CONNACK, PINGRESP = 0x20, 0xD0


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


def payloads_until(heard, last):
    """Return what is heard, up to the payload ``last``, which is not returned."""
    payloads = []
    while (payload := heard.get(timeout=LIMIT_S).payload) != last:
        payloads.append(payload)
    return payloads


@contextmanager
def stock(endpoint, topic=None, qos=1):
    """Give a stock paho client that is connected, and has subscribed; what it hears is `heard`."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    client.heard, ready = queue.SimpleQueue(), threading.Event()
    client.username_pw_set(endpoint.username, endpoint.password)
    client.on_message = lambda client, userdata, message: client.heard.put(message)
    client.on_subscribe = lambda *_: ready.set()
    client.on_unsubscribe = lambda *_: ready.set()
    client.on_connect = lambda *_: client.subscribe(topic, qos) if topic else ready.set()
    client.connect(endpoint.host, endpoint.port)
    client.loop_start()
    try:
        assert ready.wait(LIMIT_S)
        ready.clear()
        client.ready = ready
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def text(value):
    return struct.pack("!H", len(value)) + value


def connect_packet(endpoint, client_id, *, clean=True, keepalive_s=60, will=(), protocol=b"MQTT"):
    flags = 0xC0 | (clean << 1) | (0x0C if will else 0)
    body = text(protocol) + struct.pack("!BBH", 4, flags, keepalive_s) + text(client_id)
    body += b"".join(text(part) for part in will)
    body += text(endpoint.username.encode()) + text(endpoint.password.encode())
    assert len(body) < 128  # else its length takes more than one byte
    return bytes([0x10, len(body)]) + body


@contextmanager
def by_hand(endpoint, client_id=b"by-hand", **options):
    """Give a socket on which a CONNECT was written, and the broker's answer to it."""
    with socket.create_connection((endpoint.host, endpoint.port), LIMIT_S) as connection:
        connection.sendall(connect_packet(endpoint, client_id, **options))
        yield connection, connection.recv(4)


def test_basic_a_stock_client_is_heard_at_every_qos(mosquitto):
    host = mosquitto.endpoints["host"]
    heard, reader = hear(mosquitto.endpoints["reader"], "t/r/x")
    with reader, stock(host) as client:
        for qos in (0, 1, 2):
            client.publish("t/r/x", b"%d" % qos, qos)
        assert [heard.get(timeout=LIMIT_S).payload for _ in range(3)] == [b"0", b"1", b"2"]


def test_basic_a_stock_client_hears_us(mosquitto):
    with (
        stock(mosquitto.endpoints["reader"], "t/r/#") as client,
        MqttClient(mosquitto.endpoints["host"]) as host,
    ):
        host.publish("t/r/a/b", bytes(range(256)))
        message = client.heard.get(timeout=LIMIT_S)
    assert (message.topic, message.payload, message.qos) == ("t/r/a/b", bytes(range(256)), 1)


def test_basic_a_second_connect_on_a_connection_ends_it(mosquitto):
    host = mosquitto.endpoints["host"]
    with by_hand(host) as (connection, answer):
        assert answer == bytes([CONNACK, 2, 0, 0])
        connection.sendall(connect_packet(host, b"by-hand"))
        assert connection.recv(1) == b""


def test_basic_a_wrong_protocol_name_is_refused(mosquitto):
    with by_hand(mosquitto.endpoints["host"], protocol=b"hj") as (_, answer):
        assert answer in (b"", bytes([CONNACK, 2, 0, 1]))


def test_retained_messages_come_at_once_and_a_later_one_replaces_them(mosquitto):
    with MqttClient(mosquitto.endpoints["host"]) as host:
        for said in (b"first", b"second"):
            assert host.flush("t/r/retained/1", said, LIMIT_S, retain=True)
        assert host.flush("t/r/retained/2", b"other", LIMIT_S, retain=True)
        heard, reader = hear(mosquitto.endpoints["reader"], "t/r/retained/+")
        with reader:
            found = {heard.get(timeout=LIMIT_S)[:2] for _ in range(2)}
        assert found == {("t/r/retained/1", b"second"), ("t/r/retained/2", b"other")}
        for topic in ("t/r/retained/1", "t/r/retained/2"):
            assert host.flush(topic, b"", LIMIT_S, retain=True)


def test_a_retained_message_is_cleared_by_an_empty_one(mosquitto):
    with MqttClient(mosquitto.endpoints["host"]) as host:
        host.publish("t/r/cleared", b"said", retain=True)
        assert host.flush("t/r/cleared", b"", LIMIT_S, retain=True)
        heard, reader = hear(mosquitto.endpoints["reader"], "t/r/cleared")
        with reader:
            host.publish("t/r/cleared", b"end")
            assert payloads_until(heard, b"end") == []


LAST_WILL = """
import sys
from groundlink.endpoint import Endpoint
from groundlink.mqtt import MqttClient, Will
client = MqttClient(Endpoint.from_url(sys.argv[1]), will=Will("t/r/state", b"lost"))
print("here", flush=True)
if sys.stdin.readline() == "leave\\n":
    client.close()
"""


@contextmanager
def another_process(endpoint):
    who = f"{endpoint.username}:{endpoint.password}@{endpoint.host}:{endpoint.port}"
    with subprocess.Popen(
        [sys.executable, "-c", LAST_WILL, f"mqtt://{who}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "here\n"
        yield process


def test_will_of_a_killed_client_is_spoken_and_kept(mosquitto):
    heard, reader = hear(mosquitto.endpoints["reader"], "t/r/state")
    with reader, another_process(mosquitto.endpoints["host"]) as process:
        process.send_signal(signal.SIGKILL)
        assert heard.get(timeout=LIMIT_S).payload == b"lost"
    later, reader = hear(mosquitto.endpoints["reader"], "t/r/state")
    with reader, MqttClient(mosquitto.endpoints["host"]) as host:
        assert later.get(timeout=LIMIT_S).payload == b"lost"
        assert host.flush("t/r/state", b"", LIMIT_S, retain=True)


def test_will_of_a_client_that_leaves_orderly_is_silent(mosquitto):
    heard, reader = hear(mosquitto.endpoints["reader"], "t/r/state")
    with reader, another_process(mosquitto.endpoints["host"]) as process:
        process.communicate("leave\n", LIMIT_S)
        with MqttClient(mosquitto.endpoints["host"]) as host:
            host.publish("t/r/state", b"end")
        assert payloads_until(heard, b"end") == []


def test_keepalive_dismisses_a_silent_client_and_speaks_its_will_but_not_an_idle_one(mosquitto):
    heard, reader = hear(mosquitto.endpoints["reader"], "t/r/state")
    host, will = mosquitto.endpoints["host"], (b"t/r/state", b"lost")
    with (
        reader,
        MqttClient(host, keepalive_s=1) as idle,
        by_hand(host, keepalive_s=1, will=will) as (silent, _),
    ):
        assert heard.get(timeout=LIMIT_S).payload == b"lost"
        assert silent.recv(1) == b""
        assert idle.departures == 0


def test_offline_message_queueing_keeps_the_order(mosquitto):
    reader, session = mosquitto.endpoints["reader"], {"client_id": "a", "clean_session": False}
    hear(reader, "t/r/x", **session)[1].close()
    said = [b"%d" % number for number in range(1500)]  # mosquitto's own default keeps 1000
    with MqttClient(mosquitto.endpoints["host"]) as host:
        for payload in said:
            host.publish("t/r/x", payload)
        assert host.flush("t/r/x", b"end", LIMIT_S)
    heard, client = hear(reader, "t/r/x", **session)
    with client:
        assert payloads_until(heard, b"end") == said
    MqttClient(reader, client_id="a").close()


def test_a_clean_session_forgets(mosquitto):
    reader = mosquitto.endpoints["reader"]
    hear(reader, "t/r/x", client_id="a", clean_session=False)[1].close()
    MqttClient(reader, client_id="a").close()
    with MqttClient(mosquitto.endpoints["host"]) as host:
        assert host.flush("t/r/x", b"into the void", LIMIT_S)
        heard, client = hear(reader, "t/r/x", client_id="a", clean_session=False)
        with client:
            host.publish("t/r/x", b"end")
            assert payloads_until(heard, b"end") == []
    MqttClient(reader, client_id="a").close()


def test_zero_length_clientid_needs_a_clean_session(mosquitto):
    host = mosquitto.endpoints["host"]
    with by_hand(host, b"", clean=True) as (_, answer):
        assert answer == bytes([CONNACK, 2, 0, 0])
    with by_hand(host, b"", clean=False) as (_, answer):
        assert answer == bytes([CONNACK, 2, 0, 2])  # identifier rejected
    with pytest.raises(ValueError, match="needs a client_id"):
        MqttClient(host, clean_session=False)


def test_dollar_topics_are_not_matched_by_a_wildcard(mosquitto_installed):
    users = [User.new("any", publish=("#", "$ours/#"), subscribe=("#", "$ours/#"))]
    with open_broker("mosquitto", users) as broker:
        endpoint = broker.endpoints["any"]
        everything, all_ears = hear(endpoint, "#")
        ours, one_ear = hear(endpoint, "$ours/#")
        with all_ears, one_ear, MqttClient(endpoint) as host:
            host.publish("$ours/x", b"said")
            host.publish("x", b"end")
            assert ours.get(timeout=LIMIT_S).payload == b"said"
            assert payloads_until(everything, b"end") == []


@pytest.mark.parametrize(
    ("topic", "matches"),
    [("t/r", True), ("t/r/a", True), ("t/r/a/b", True), ("t/ra", False), ("t/w/a", False)],
)
def test_a_hash_matches_its_parent_and_all_below(mosquitto, topic, matches):
    heard, client = hear(mosquitto.endpoints["host"], "t/r/#")
    with client, MqttClient(mosquitto.endpoints["host"]) as host:
        host.publish(topic, b"said")
        host.publish("t/r/x", b"end")
        assert payloads_until(heard, b"end") == [b"said"] * matches


@pytest.mark.parametrize(
    ("topic", "matches"), [("t/r/a/x", True), ("t/r/x", False), ("t/r/a/b/x", False)]
)
def test_a_plus_matches_one_level(mosquitto, topic, matches):
    heard, client = hear(mosquitto.endpoints["host"], "t/r/+/x")
    with client, MqttClient(mosquitto.endpoints["host"]) as host:
        host.publish(topic, b"said")
        host.publish("t/r/end/x", b"end")
        assert payloads_until(heard, b"end") == [b"said"] * matches


def test_unsubscribe_ends_it(mosquitto):
    with (
        stock(mosquitto.endpoints["host"], "t/r/x") as client,
        MqttClient(mosquitto.endpoints["host"]) as host,
    ):
        host.publish("t/r/x", b"1")
        assert client.heard.get(timeout=LIMIT_S).payload == b"1"
        client.unsubscribe("t/r/x")
        assert client.ready.wait(LIMIT_S)
        client.subscribe("t/r/y", 1)
        host.publish("t/r/x", b"2")
        until(lambda: host.flush("t/r/y", b"end", LIMIT_S) and not client.heard.empty())
        assert client.heard.get(timeout=LIMIT_S).payload == b"end"


def test_overlapping_subscriptions_bring_a_message_to_each_handler(mosquitto):
    wide, narrow = queue.SimpleQueue(), queue.SimpleQueue()
    handlers = {"t/r/#": wide.put, "t/r/x": narrow.put}
    with (
        MqttClient(mosquitto.endpoints["reader"], handlers),
        MqttClient(mosquitto.endpoints["host"]) as host,
    ):
        host.publish("t/r/x", b"said")
        assert (
            wide.get(timeout=LIMIT_S)[:2] == narrow.get(timeout=LIMIT_S)[:2] == ("t/r/x", b"said")
        )


def test_qos_1_keeps_the_order_of_a_topic(mosquitto):
    heard, reader = hear(mosquitto.endpoints["reader"], "t/r/x")
    said = [b"%d" % number for number in range(2000)]  # ten times what is in flight at once
    with reader, MqttClient(mosquitto.endpoints["host"]) as host:
        for payload in said:
            host.publish("t/r/x", payload)
        host.publish("t/r/x", b"end")
        assert payloads_until(heard, b"end") == said


def test_a_subscription_against_the_rights_is_granted_and_stays_silent(mosquitto):
    reader, host = mosquitto.endpoints["reader"], mosquitto.endpoints["host"]
    with stock(reader, "t/#") as client, MqttClient(host) as host:
        assert host.flush("t/w/x", b"not for you", LIMIT_S)
        host.publish("t/r/x", b"for you")
        assert client.heard.get(timeout=LIMIT_S).payload == b"for you"


def test_a_message_against_the_rights_is_acknowledged_and_dropped(mosquitto):
    heard, reader = hear(mosquitto.endpoints["host"], "t/r/x")
    with reader, MqttClient(mosquitto.endpoints["writer"]) as writer:
        assert writer.flush("t/r/x", b"forged", LIMIT_S)
        with MqttClient(mosquitto.endpoints["host"]) as host:
            host.publish("t/r/x", b"end")
        assert payloads_until(heard, b"end") == []


def test_a_client_id_that_is_used_again_takes_over(mosquitto):
    host = mosquitto.endpoints["host"]
    with by_hand(host, b"same") as (first, _), by_hand(host, b"same") as (second, answer):
        assert answer == bytes([CONNACK, 2, 0, 0])
        assert first.recv(1) == b""
        second.sendall(b"\xc0\x00")  # PINGREQ
        assert second.recv(2) == bytes([PINGRESP, 0])


def test_a_message_that_is_too_large_is_acknowledged_and_dropped(mosquitto_installed):
    users = [User.new("host", publish=("t/#",), subscribe=("t/#",))]
    with open_broker("mosquitto", users, message_bytes=1000) as broker:
        heard, reader = hear(broker.endpoints["host"], "t/x")
        with reader, MqttClient(broker.endpoints["host"]) as host:
            host.publish("t/x", bytes(1000))
            assert host.flush("t/x", bytes(1001), LIMIT_S)
            host.publish("t/x", b"end")
            assert payloads_until(heard, b"end") == [bytes(1000)]
            assert host.departures == 0


def test_a_packet_that_no_message_needs_ends_the_connection(mosquitto_installed):
    users = [User.new("host", publish=("t/#",))]
    with (
        open_broker("mosquitto", users, message_bytes=1000) as broker,
        by_hand(broker.endpoints["host"]) as (connection, _),
    ):
        connection.sendall(b"\x30\xff\xff\xff\x7f")  # a PUBLISH of 256 MiB is announced
        assert connection.recv(1) == b""


def test_a_client_connects_again_and_hears_again(mosquitto):
    heard, reader = hear(mosquitto.endpoints["reader"], "t/r/x")
    with reader, MqttClient(mosquitto.endpoints["host"]) as host:
        reader._ready.clear()
        reader._client.socket().shutdown(socket.SHUT_RDWR)
        assert reader._ready.wait(LIMIT_S)
        assert reader.departures == 1
        host.publish("t/r/x", b"again")
        assert heard.get(timeout=LIMIT_S).payload == b"again"


def test_the_queue_for_an_absent_broker_is_bounded_and_the_rest_comes_later(mosquitto_installed):
    users = [User.new("host", publish=("t/#",), subscribe=("t/#",))]
    with open_broker("mosquitto", users) as broker:
        heard, reader = hear(broker.endpoints["host"], "t/x")
        with reader, MqttClient(broker.endpoints["host"], max_queued=10) as client:
            os.kill(broker.process_id, signal.SIGSTOP)
            fits = [client.publish("t/x", b"%d" % number) for number in range(15)]
            assert fits == [True] * 10 + [False] * 5
            assert (client.refused, client.unacknowledged) == (5, 15)
            assert not client.flush("t/x", b"", 0.0)
            os.kill(broker.process_id, signal.SIGCONT)
            came = [heard.get(timeout=LIMIT_S).payload for _ in range(10)]
            assert came == [b"%d" % number for number in range(10)]


def test_a_will_may_be_forgotten_by_the_next(mosquitto):
    heard, reader = hear(mosquitto.endpoints["reader"], "t/r/state")
    with reader:
        will = Will("t/r/state", b"lost", retain=False)
        with closing(MqttClient(mosquitto.endpoints["host"], will=will)) as client:
            client._client.socket().shutdown(socket.SHUT_RDWR)
            assert heard.get(timeout=LIMIT_S).payload == b"lost"
    later, reader = hear(mosquitto.endpoints["reader"], "t/r/state")
    with reader, MqttClient(mosquitto.endpoints["host"]) as host:
        host.publish("t/r/state", b"end")
        assert payloads_until(later, b"end") == []


def test_a_broker_that_takes_the_connection_and_says_nothing_is_named(mosquitto_installed):
    with open_broker("mosquitto", [User.new("host")]) as broker:
        os.kill(broker.process_id, signal.SIGSTOP)
        with pytest.raises(BrokerError, match=r"did not answer in 0\.2 s"):
            MqttClient(broker.endpoints["host"], connect_limit_s=0.2)
