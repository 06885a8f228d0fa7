"""The gate before real brokers, with stock clients in front, and some that are not stock at all."""

import os
import queue
import random
import signal
import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import pytest
from buses import one_by_one
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from groundlink import crossing, gate
from groundlink.broker import open_broker
from groundlink.gate import Gate
from groundlink.messages import MessageKind
from groundlink.mqtt import MqttClient
from groundlink.mqtt_packets import PUBACK, PUBCOMP, PUBLISH, PUBREC, answer, remaining_length
from groundlink.passage import LARGEST_BODY, LARGEST_PACKET
from groundlink.topics import host_user, onboard_rights, users

SATELLITE = "sat"
PROGRAMS = TRACKER, OTHER = "star-tracker", "other"
TOPIC, ELSEWHERE = f"onb/1/{SATELLITE}/{TRACKER}", f"onb/1/{SATELLITE}/{OTHER}"
TM, EV, PROD = MessageKind.TELEMETRY, MessageKind.EVENT, MessageKind.PRODUCT
LIMIT_S = 20.0
SOON_S = 0.3  # a time in which nothing is meant to come
POLL_S = 0.005
WELCOME = b"\x20\x02\x00\x00"
PINGREQ, PINGRESP, DISCONNECT = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"


def until(fact, what=""):
    """Wait until a fact holds; fail when it does not come to."""
    waiting = threading.Event()
    for _ in range(round(LIMIT_S / POLL_S)):
        if fact():
            return
        waiting.wait(POLL_S)
    pytest.fail(f"what was waited for did not come {what}")


class Bus:
    """A gate before a broker, and what it posted."""

    def __init__(self, broker, opened):
        self.broker, self.gate = broker, opened
        self.posted = []

    def door(self, program=TRACKER):
        return self.gate.endpoint(self.broker.endpoints[program])

    def until_posted(self, count):
        until(lambda: len(self.posted) >= count, f"{len(self.posted)} were posted")

    def bodies(self, source=TRACKER):
        return [event.body for event in self.posted if event.source == source]

    def store(self, *events):
        self.gate.stored([event.number for event in events or self.posted])

    def host_hears(self, program=TRACKER):
        """Listen to all that the broker carries of a program."""
        heard = queue.SimpleQueue()
        here = self.broker.endpoints["observer"]
        return heard, MqttClient(here, {f"onb/1/{SATELLITE}/{program}/#": heard.put})


@contextmanager
def bus_before(kind):
    aboard = users(onboard_rights(SATELLITE, PROGRAMS))
    with open_broker(kind, aboard, one_client_per_user=True) as broker:
        here = []
        post = one_by_one(lambda event: here[0].posted.append(event))
        with Gate(broker.endpoints["host"], SATELLITE, PROGRAMS, post) as opened:
            here.append(Bus(broker, opened))
            yield here[0]


@pytest.fixture
def bus(broker_kind):
    with bus_before(broker_kind) as bus:
        yield bus


@pytest.fixture
def mosquitto_bus(mosquitto_installed):
    with bus_before(mosquitto_installed) as bus:
        yield bus


class Program:
    """A stock paho client that knows which of its messages were acknowledged."""

    def __init__(self, door, *, path=None, in_flight=100, **options):
        self.acknowledged, self.departures = [], 0
        self._bodies, self._ready = {}, threading.Event()
        kind = "tcp" if path is None else "unix"
        self.client = client = Client(CallbackAPIVersion.VERSION2, transport=kind, **options)
        client.username_pw_set(door.username, door.password)
        client.max_inflight_messages_set(in_flight)
        client.reconnect_delay_set(0.05, 0.2)
        client.on_connect = lambda client, userdata, flags, reason, *_: (
            None if reason.is_failure else self._ready.set()
        )
        client.on_publish = lambda client, userdata, mid, *_: self.acknowledged.append(mid)
        client.on_disconnect = self._leave
        client.connect(str(path or door.host), 1 if path else door.port)
        client.loop_start()
        assert self._ready.wait(LIMIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def say(self, body, kind="tm", qos=1, topic=TOPIC):
        self._bodies[self.client.publish(f"{topic}/{kind}", body, qos).mid] = body

    def bodies(self):
        """Return what was acknowledged."""
        return [self._bodies[mid] for mid in list(self.acknowledged) if mid in self._bodies]

    def _leave(self, *_):
        self.departures += 1


# Messages: taken, posted, and acknowledged once they are stored.


def test_a_message_is_acknowledged_once_it_is_stored_and_never_before(bus):
    with Program(bus.door()) as program:
        for number in range(50):
            program.say(b"%d" % number)
        bus.until_posted(50)
        assert not threading.Event().wait(SOON_S)
        assert program.bodies() == []
        bus.store(*bus.posted[:20])
        until(lambda: len(program.acknowledged) == 20)
        bus.store(*bus.posted[20:])
        until(lambda: len(program.acknowledged) == 50)
    assert bus.bodies() == program.bodies() == [b"%d" % number for number in range(50)]


def test_a_message_is_posted_under_its_program_and_kind(bus):
    with Program(bus.door()) as program, Program(bus.door(OTHER)) as other:
        for kind in ("tm", "ev", "prod"):
            program.say(kind.encode(), kind)
        other.say(b"other", topic=ELSEWHERE)
        bus.until_posted(4)
    said = {(event.source, event.kind, event.body) for event in bus.posted}
    kinds = {(TRACKER, TM, b"tm"), (TRACKER, EV, b"ev"), (TRACKER, PROD, b"prod")}
    assert said == {*kinds, (OTHER, TM, b"other")}
    assert all(event.source in PROGRAMS for event in bus.posted)
    assert len({event.number for event in bus.posted}) == 4


def test_at_qos_0_nothing_is_answered(mosquitto_bus):
    with raw(mosquitto_bus) as program:
        program.sendall(publish(b"once", qos=0) + PINGREQ)
        mosquitto_bus.until_posted(1)
        mosquitto_bus.store()
        assert program.recv(100) == PINGRESP


def test_at_qos_2_a_message_is_taken_once(bus):
    with Program(bus.door()) as program:
        program.say(b"twice at most", qos=2)
        bus.until_posted(1)
        bus.store()
        until(lambda: program.acknowledged)
    assert bus.bodies() == [b"twice at most"]


def test_between_pubrec_and_pubrel_a_packet_identifier_is_not_taken_again(mosquitto_bus):
    said = publish(b"x", qos=2, number=7)
    with raw(mosquitto_bus) as program:
        program.sendall(said)
        mosquitto_bus.until_posted(1)
        program.sendall(said + PINGREQ)  # not stored yet
        assert exactly(program, 2) == PINGRESP
        mosquitto_bus.store()
        assert exactly(program, 4) == answer(PUBREC, 7)
        program.sendall(said)
        assert exactly(program, 4) == answer(PUBREC, 7)
        program.sendall(b"\x62\x02\x00\x07")
        assert exactly(program, 4) == answer(PUBCOMP, 7)
        assert len(mosquitto_bus.posted) == 1
        program.sendall(said)
        mosquitto_bus.until_posted(2)


def test_a_large_product_passes_and_a_larger_one_is_a_stray_that_is_acknowledged(bus):
    largest = random.Random(1).randbytes(LARGEST_BODY)
    with Program(bus.door()) as program:
        program.say(largest + b"x", "prod")
        program.say(largest, "prod")
        bus.until_posted(1)
        bus.store()
        until(lambda: len(program.acknowledged) == 2)
        assert program.departures == 0
    assert bus.bodies() == [largest]
    assert bus.gate.strays == {TRACKER: 1, OTHER: 0}


def test_a_stray_is_answered_in_its_turn(mosquitto_bus):
    with Program(mosquitto_bus.door()) as program:
        for number in range(3):
            program.say(b"%d" % number)
        program.say(bytes(LARGEST_BODY + 1))
        program.say(b"last")
        mosquitto_bus.until_posted(4)
        assert program.acknowledged == []
        mosquitto_bus.store()
        until(lambda: len(program.acknowledged) == 5)
        assert program.acknowledged == sorted(program.acknowledged)


def test_by_the_unix_socket_it_is_the_same(bus):
    with Program(bus.door(), path=bus.gate.socket_path) as program:
        program.say(b"x")
        bus.until_posted(1)
        bus.store()
        until(lambda: program.acknowledged)


def test_what_could_not_be_stored_is_said_again_on_the_next_connection(bus):
    with Program(bus.door()) as program:
        for number in range(10):
            program.say(b"%d" % number)
        bus.until_posted(10)
        first = bus.posted[:10]
        bus.store(*first[:4])
        bus.gate.refused([event.number for event in first[4:]])
        bus.until_posted(16)
        bus.store(*bus.posted[10:])
        until(lambda: len(program.acknowledged) == 10)
        assert program.departures == 1
    assert bus.bodies() == [b"%d" % number for number in [*range(10), *range(4, 10)]]


# All else is the broker's.


def test_what_is_not_for_the_ground_goes_by_the_broker(bus):
    heard, host = bus.host_hears()
    with host, Program(bus.door()) as program:
        for qos in range(3):
            program.say(b"%d" % qos, "state", qos)
        until(lambda: len(program.acknowledged) == 3)
        assert [heard.get(timeout=LIMIT_S).payload for _ in range(3)] == [b"0", b"1", b"2"]
    assert bus.posted == []


def test_what_the_host_says_comes_through(bus):
    came = queue.SimpleQueue()
    with (
        MqttClient(bus.door(), {f"{TOPIC}/tc": came.put}),
        MqttClient(bus.broker.endpoints[host_user(TRACKER)]) as host,
    ):
        said = [bytes([number]) * 1000 for number in range(100)]
        for each in said:
            host.publish(f"{TOPIC}/tc", each)
        assert [came.get(timeout=LIMIT_S).payload for _ in range(100)] == said


@pytest.mark.parametrize(
    "topic",
    [f"{ELSEWHERE}/tm", f"{TOPIC}/tm/x", f"{TOPIC}/tc", "gnd/1/sat/star-tracker/tm", f"{TOPIC}/"],
)
def test_what_belongs_to_others_is_not_taken(mosquitto_bus, topic):
    heard, watcher = mosquitto_bus.host_hears("+")
    with watcher, Program(mosquitto_bus.door()) as program:
        program.client.publish(topic, b"x", 1)
        program.say(b"mine")
        mosquitto_bus.until_posted(1)
        program.say(b"last", "state")
        assert heard.get(timeout=LIMIT_S).payload == b"last"
    assert mosquitto_bus.bodies() == [b"mine"]


def test_a_program_of_mqtt_5_is_let_through_and_nothing_is_taken_from_it(mosquitto_bus):
    heard, watcher = mosquitto_bus.host_hears()
    with watcher, Program(mosquitto_bus.door(), protocol=MQTTv5) as program:
        program.say(b"five", qos=2)
        assert heard.get(timeout=LIMIT_S).payload == b"five"
        until(lambda: program.acknowledged)
    assert mosquitto_bus.posted == []


# By hand.


def text(value):
    return len(value).to_bytes(2, "big") + value


def packet(first, body):
    return bytes([first]) + remaining_length(len(body)) + body


def hello(bus, user=TRACKER, password=None, keepalive_s=60, will=b""):
    flags = 0xC2 | (0x0C if will else 0)  # a will of QoS 1
    said = text(f"{TOPIC}/state".encode()) + text(will) if will else b""
    names = text(user.encode()) + text((password or bus.door(user).password).encode())
    return packet(
        0x10, text(b"MQTT") + bytes([4, flags, 0, keepalive_s]) + text(b"") + said + names
    )


def publish(body, qos=1, number=1, topic=f"{TOPIC}/tm"):
    middle = number.to_bytes(2, "big") if qos else b""
    return packet(PUBLISH | qos << 1, text(topic.encode()) + middle + body)


def knock(bus):
    door = bus.door()
    return socket.create_connection((door.host, door.port), LIMIT_S)


@contextmanager
def raw(bus, **options):
    with knock(bus) as connection:
        connection.sendall(hello(bus, **options))
        assert exactly(connection, 4) == WELCOME
        yield connection


def exactly(connection, count):
    came = b""
    while len(came) < count and (octets := connection.recv(count - len(came))):
        came += octets
    return came


def ends(connection):
    """Return what still comes until the connection ends."""
    came = b""
    with suppress(ConnectionResetError):
        while octets := connection.recv(65_536):
            came += octets
    return came


def test_what_is_said_with_connect_counts_once_the_broker_accepts(bus):
    with knock(bus) as program:
        program.sendall(hello(bus) + publish(b"early") + publish(b"", number=2))
        assert exactly(program, 4) == WELCOME
        bus.until_posted(2)
        bus.store()
        assert exactly(program, 8) == answer(PUBACK, 1) + answer(PUBACK, 2)
    assert bus.bodies() == [b"early", b""]


@pytest.mark.parametrize("user", [TRACKER, OTHER, "host", "HOST-star-tracker"])
def test_whom_the_broker_refuses_nothing_is_taken_from(bus, user):
    with knock(bus) as stranger:
        stranger.sendall(hello(bus, user, password="guess") if user in PROGRAMS else b"")
        if user not in PROGRAMS:
            stranger.sendall(hello(bus, TRACKER).replace(TRACKER.encode(), b"star-tracked"))
        with suppress(OSError):
            stranger.sendall(publish(b"stolen"))
        assert WELCOME not in ends(stranger)
    with Program(bus.door()) as program:
        program.say(b"mine")
        bus.until_posted(1)
    assert bus.bodies() == [b"mine"]


MALFORMED = [
    *(b"\x00" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\xff", b"\x10\x02\x00\x09"),
    publish(b"before any CONNECT"),
]
MALFORMED_LATER = [
    packet(0x36, text(f"{TOPIC}/tm".encode()) + b"\x00\x01x"),  # QoS 3
    publish(b"x", number=0),
    packet(0x32, text(b"x" * 1000)[:50]),
    b"\x32" + remaining_length(LARGEST_PACKET + 1),
    b"\x32\xff\xff\xff\xff",
    b"\x62\x01\x00",
    packet(0x10, text(b"MQTT") + bytes([4, 2, 0, 60]) + text(b"again")),
]


@pytest.mark.parametrize("octets", MALFORMED)
def test_who_speaks_no_mqtt_is_sent_away(bus, octets):
    with knock(bus) as stranger:
        stranger.sendall(octets)
        assert ends(stranger) == b""
    assert bus.posted == []


@pytest.mark.parametrize("octets", MALFORMED_LATER)
def test_a_malformed_packet_ends_its_connection_and_no_other(mosquitto_bus, octets):
    with Program(mosquitto_bus.door(OTHER)) as other, raw(mosquitto_bus) as program:
        program.sendall(octets)
        assert ends(program) == b""
        other.say(b"x", topic=ELSEWHERE)
        mosquitto_bus.until_posted(1)
        assert other.departures == 0
    assert mosquitto_bus.bodies(TRACKER) == []


def test_half_a_packet_is_waited_for_and_harms_nobody(mosquitto_bus):
    said = publish(bytes(100_000))
    with raw(mosquitto_bus) as program, Program(mosquitto_bus.door(OTHER)) as other:
        program.sendall(said[:50_000])
        other.say(b"x", topic=ELSEWHERE)
        mosquitto_bus.until_posted(1)
        program.sendall(said[50_000:])
        mosquitto_bus.until_posted(2)
    assert mosquitto_bus.bodies() == [bytes(100_000)]


def test_a_crowd_of_strangers_keeps_nobody_out(mosquitto_bus):
    strangers = []
    try:
        for _ in range(3 * gate.MOST_STRANGERS):
            strangers.append(knock(mosquitto_bus))
        with Program(mosquitto_bus.door()) as program:
            program.say(b"x")
            mosquitto_bus.until_posted(1)
    finally:
        for each in strangers:
            each.close()


# Programs that say too much, read too little, or say nothing but messages.

FLOOD = 10_000
OF_A_CHUNK = crossing.RECEIVED_BYTES // len(publish(b"00000"))  # messages that come at once


def test_a_flood_is_held_back_and_nobody_else(mosquitto_bus):
    bus = mosquitto_bus
    with (
        Program(bus.door(), in_flight=FLOOD) as flooding,
        Program(bus.door(OTHER)) as other,
    ):
        for number in range(FLOOD):
            flooding.say(b"%05d" % number)
        until(lambda: len(bus.bodies()) >= crossing.MOST_PENDING)
        other.say(b"help", topic=ELSEWHERE)
        until(lambda: bus.bodies(OTHER))
        assert len(bus.bodies()) <= crossing.MOST_PENDING + OF_A_CHUNK
        done = 0
        while done < FLOOD + 1:
            here = list(bus.posted[done:])
            bus.store(*here) if here else threading.Event().wait(POLL_S)
            done += len(here)
        until(lambda: len(flooding.acknowledged) == FLOOD)
        assert (flooding.departures, other.departures) == (0, 0)
    assert bus.bodies() == flooding.bodies() == [b"%05d" % number for number in range(FLOOD)]


def test_a_flood_over_many_connections_is_held_back_all_the_same(mosquitto_bus, monkeypatch):
    monkeypatch.setattr(crossing, "MOST_PENDING", 100)
    for _ in range(20):
        with raw(mosquitto_bus) as program:
            for number in range(1, 101):
                program.sendall(publish(b"00000", number=number))
    with raw(mosquitto_bus) as program:
        program.sendall(publish(b"late"))
        assert not threading.Event().wait(SOON_S)
        assert len(mosquitto_bus.posted) <= 100 + OF_A_CHUNK
        mosquitto_bus.store()
        until(lambda: mosquitto_bus.bodies()[-1] == b"late")


def test_a_program_that_does_not_read_its_acknowledgements_is_sent_away(mosquitto_bus, monkeypatch):
    monkeypatch.setattr(crossing, "MOST_UNREAD", 1000)
    said = b"".join(publish(b"", number=number) for number in range(1, 1001))
    with closing(socket.socket(socket.AF_UNIX)) as program:
        program.connect(str(mosquitto_bus.gate.socket_path))
        program.sendall(hello(mosquitto_bus))
        with Store(mosquitto_bus) as store, suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(1000):
                program.settimeout(LIMIT_S)
                program.sendall(said)
        assert len(store.stored) < 1_000_000


KEEPALIVE_S = 1
LASTING_S = 5 * KEEPALIVE_S  # a broker cuts off who is silent for one and a half


def test_a_program_that_only_publishes_is_not_taken_for_dead(bus):
    pause = threading.Event()
    with raw(bus, keepalive_s=KEEPALIVE_S) as program:
        for number in range(1, round(LASTING_S / 0.25)):
            program.sendall(publish(b"x", number=number))
            bus.until_posted(number)
            bus.store(bus.posted[-1])
            assert exactly(program, 4) == answer(PUBACK, number)  # and no PINGRESP of the gate's
            pause.wait(0.25)


def test_a_program_that_is_silent_is_taken_for_dead(mosquitto_bus):
    with raw(mosquitto_bus, keepalive_s=KEEPALIVE_S) as program:
        assert ends(program) == b""  # amqtt lets it be


# Ends.

LOST = b'{"v":1,"state":"lost"}'


def test_the_last_will_of_a_program_that_is_gone_is_spoken(bus):
    heard, host = bus.host_hears()
    with host:
        with raw(bus, will=LOST):
            pass
        assert heard.get(timeout=LIMIT_S).payload == LOST


def test_the_last_will_of_a_program_that_says_good_bye_is_not_spoken(bus):
    heard, host = bus.host_hears()
    with host:
        with raw(bus, will=LOST) as program:
            program.sendall(publish(b"last", topic=f"{TOPIC}/state") + DISCONNECT)
        with raw(bus) as next_one:
            next_one.sendall(publish(b"next", topic=f"{TOPIC}/state"))
            said = [heard.get(timeout=LIMIT_S).payload for _ in range(2)]
    assert said == [b"last", b"next"]


def test_an_acknowledgement_of_a_connection_that_is_gone_is_void(mosquitto_bus):
    with raw(mosquitto_bus) as gone:
        gone.sendall(publish(b"x", number=9))
        mosquitto_bus.until_posted(1)
    with raw(mosquitto_bus) as program:
        mosquitto_bus.store()
        program.sendall(PINGREQ)
        assert program.recv(100) == PINGRESP


def test_a_number_that_is_not_owed_is_nothing(mosquitto_bus):
    mosquitto_bus.gate.stored([10**9, -1])
    mosquitto_bus.gate.refused([10**9])
    with raw(mosquitto_bus) as program:
        program.sendall(publish(b"x"))
        mosquitto_bus.until_posted(1)
        mosquitto_bus.store()
        mosquitto_bus.store()
        assert exactly(program, 4) == answer(PUBACK, 1)


def test_a_gate_that_closes_acknowledges_what_is_stored_and_posts_nothing_more(mosquitto_bus):
    bus = mosquitto_bus
    with raw(bus) as program:
        program.sendall(publish(b"x"))
        bus.until_posted(1)
        bus.store()
        bus.gate.close()
        assert ends(program) == answer(PUBACK, 1)
    bus.gate.close()
    bus.store()
    with pytest.raises(OSError, match="refused"):
        knock(bus)
    assert not bus.gate.socket_path.exists()
    assert "gate" not in {thread.name for thread in threading.enumerate()}


def test_without_a_broker_nobody_is_let_in(mosquitto_bus):
    nowhere = replace(mosquitto_bus.broker.endpoints["host"], port=1)
    with (
        Gate(nowhere, SATELLITE, PROGRAMS, lambda event, at_s=None: None) as opened,
        socket.create_connection(("127.0.0.1", opened.endpoint(nowhere).port)) as program,
    ):
        program.sendall(hello(mosquitto_bus))
        assert ends(program) == b""


# Kills.


class Store(threading.Thread):
    """Stores what is posted, as a flight does: some at a time, and then says so."""

    def __init__(self, bus):
        super().__init__()
        self.stored, self._bus, self._ended = [], bus, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()

    def run(self):
        done = 0
        while not self._ended.wait(POLL_S):
            here = self._bus.posted[done:]
            done += len(here)
            self.stored += [event.body for event in here]
            self._bus.store(*here) if here else None


def flood_under_kills(bus, kills, chance):
    """Publish as fast as it goes, and kill the broker meanwhile; return how much was said."""
    stopping = threading.Event()
    with Store(bus) as store, Program(bus.door()) as program:

        def flood():
            number = 0
            while not stopping.is_set():
                if number - len(program.acknowledged) < 2000:
                    program.say(b"%d" % number)
                    number += 1
                else:
                    stopping.wait(POLL_S)

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            for _ in range(kills):
                before, restarts = len(program.acknowledged), bus.broker.restarts
                until(lambda before=before: len(program.acknowledged) > before + 200)
                stopping.wait(chance.uniform(0.0, 0.1))
                os.kill(bus.broker.process_id, signal.SIGKILL)
                until(lambda restarts=restarts: bus.broker.restarts > restarts)
        finally:
            stopping.set()
            thread.join()
        until(lambda: len(program.acknowledged) == len(program._bodies))
        acknowledged, stored = program.bodies(), set(store.stored)
    lost = set(acknowledged) - stored
    twice = len(store.stored) - len(stored)
    print(
        f"{kills} kills, {len(acknowledged)} acknowledged, {len(lost)} lost, {twice} came twice; "
        f"{program.departures} departures"
    )
    assert lost == set()
    assert set(acknowledged) == {b"%d" % number for number in range(len(acknowledged))}
    return len(acknowledged)


def test_a_broker_that_is_killed_takes_nothing_with_it_that_was_acknowledged(bus):
    assert flood_under_kills(bus, 4, random.Random(4)) > 800


@pytest.mark.slow
def test_many_kills_take_nothing_that_was_acknowledged(bus):
    assert flood_under_kills(bus, 25, random.Random(25)) > 5000
