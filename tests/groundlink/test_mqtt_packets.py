"""A stream of packets, read as it may come: whole, in pieces, with a tail; paho writes, we read."""

import socket
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from groundlink import mqtt_packets as packets
from groundlink.mqtt_packets import Connect, PacketError, Publish, Splitter

LIMIT_S = 10.0
# OASIS, MQTT Version 3.1.1: the non-normative examples of 2.2.3, 3.1.2, 3.3.2 and 3.4.
CONNECT = bytes.fromhex("10 10 00 04 4d 51 54 54 04 c2 00 0a 00 00 00 00 00 00".replace(" ", ""))
CONNACK = bytes.fromhex("20020000")
PUBLISH = bytes.fromhex("320700 03 612f62 000a".replace(" ", ""))
PUBACK, PUBREC = bytes.fromhex("4002000a"), bytes.fromhex("5002000a")
PUBREL, PUBCOMP = bytes.fromhex("6202000a"), bytes.fromhex("7002000a")
PINGREQ, PINGRESP, DISCONNECT = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"
LONG = bytes.fromhex("30c10200016d") + bytes(318)  # 321 is c1 02 in table 2.4
STREAM = [CONNECT, CONNACK, PUBLISH, LONG, PUBACK, PUBREC, PUBREL, PUBCOMP, PINGREQ, DISCONNECT]


def wholes(found):
    return [packet.whole for packet in found]


def only(octets):
    (packet,) = Splitter().feed(octets)
    return packet


def test_a_stream_that_comes_whole_is_cut_into_its_packets():
    assert wholes(Splitter().feed(b"".join(STREAM))) == STREAM


def test_a_stream_that_comes_byte_by_byte_is_cut_into_its_packets():
    splitter = Splitter()
    found = [p for octet in b"".join(STREAM) for p in splitter.feed(bytes([octet]))]
    assert wholes(found) == STREAM


def test_a_tail_waits_for_its_rest():
    splitter = Splitter()
    assert wholes(splitter.feed(PUBLISH + LONG[:100])) == [PUBLISH]
    assert splitter.feed(LONG[100:200]) == []
    assert wholes(splitter.feed(LONG[200:] + PUBACK[:1])) == [LONG]
    assert wholes(splitter.feed(PUBACK[1:])) == [PUBACK]


@given(st.data())
def test_any_cut_gives_the_same_packets(data):
    stream = b"".join(STREAM)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    splitter = Splitter()
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [p for piece in pieces for p in wholes(splitter.feed(piece))] == STREAM


@pytest.mark.parametrize("length", [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_lengths_at_the_edges_of_table_2_4(length):
    whole = b"\xe0" + packets.remaining_length(length) + bytes(length)
    assert len(packets.remaining_length(length)) == 1 + (length > 127) + (length > 16_383) + (
        length > 2_097_151
    )
    assert only(whole).whole == whole


def test_what_is_too_long_is_an_error_as_soon_as_it_says_so():
    splitter = Splitter(largest=127)
    assert wholes(splitter.feed(b"\x30\x7f" + bytes(127))) == [b"\x30\x7f" + bytes(127)]
    with pytest.raises(PacketError, match="128 octets"):
        splitter.feed(b"\x30\x80\x01")


def test_a_length_of_five_octets_is_an_error():
    with pytest.raises(PacketError, match="four octets"):
        Splitter().feed(b"\x10\xff\xff\xff\xff")


@given(st.binary(max_size=300))
def test_noise_is_packets_or_an_error_and_nothing_else(noise):
    readers = [packets.read_connect, packets.read_connack, packets.read_publish]
    with suppress(PacketError):
        for packet in Splitter(largest=10_000).feed(noise):
            for read in [*readers, packets.read_number]:
                with suppress(PacketError):
                    read(packet)


@given(st.data())
def test_a_packet_that_is_cut_short_is_an_error(data):
    original = data.draw(st.sampled_from([hello("u", "p", "id"), PUBLISH]))
    keep = data.draw(st.integers(0, len(original) - 3))
    cut = only(original[:1] + bytes([keep]) + original[2 : 2 + keep])
    read = packets.read_connect if original[0] == CONNECT[0] else packets.read_publish
    if (read is packets.read_connect and keep < 7) or read is packets.read_publish:
        with pytest.raises(PacketError):
            read(cut)


def hello(user, password, client_id, will=None):
    """Return the CONNECT that paho sends."""
    made = client(client_id)
    made.username_pw_set(user, password)
    if will is not None:
        made.will_set(*will)
    return said_by(made)[0]


def client(client_id=""):
    return Client(CallbackAPIVersion.VERSION2, client_id)


def said_by(made, *messages):
    """Return the packets that a paho client sends to one that only records."""
    came, answered = b"", threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        made.on_connect = lambda *_: answered.set()
        made.connect("127.0.0.1", server.getsockname()[1])
        peer, _ = server.accept()
        with peer:
            made.loop_start()
            peer.sendall(CONNACK)
            assert answered.wait(LIMIT_S)
            for message in messages:
                made.publish(*message)
            made.disconnect()
            while octets := peer.recv(65_536):
                came += octets
            made.loop_stop()
    return wholes(Splitter().feed(came))


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40
)  # text that paho will send


@given(NAMES, NAMES, st.none() | st.binary(max_size=300))
def test_a_connect_of_paho_says_who_it_is_from(user, client_id, will):
    octets = hello(user, "secret", client_id, (will and ("some/topic", will, 1)) or None)
    assert packets.read_connect(only(octets)) == Connect(user, client_id)


TOPICS = NAMES.filter(lambda text: not set(text) & set("+#"))


@given(TOPICS, st.binary(max_size=400), st.integers(0, 2))
def test_a_publish_of_paho_says_what_it_says(topic, payload, qos):
    said = said_by(client(), (topic, payload, qos))
    (octets,) = [each for each in said if each[0] & packets.KIND == packets.PUBLISH]
    number = 0 if qos == 0 else 1
    assert packets.read_publish(only(octets)) == Publish(topic.encode(), qos, number, payload)


def test_the_standard_s_examples_are_read_as_it_says():
    assert packets.read_connect(only(CONNECT)) == Connect("", "")
    assert packets.read_connack(only(CONNACK)) == packets.ACCEPTED
    assert packets.read_connack(only(b"\x20\x02\x00\x05")) == 5
    assert packets.read_publish(only(PUBLISH)) == Publish(b"a/b", 1, 10, b"")
    assert packets.read_number(only(PUBREL)) == 10


def test_answers_are_written_as_the_standard_says():
    assert packets.answer(packets.PUBACK, 10) == PUBACK
    assert packets.answer(packets.PUBREC, 10) == PUBREC
    assert packets.answer(packets.PUBCOMP, 10) == PUBCOMP


@pytest.mark.parametrize(
    "protocol",
    [b"\x00\x04MQTT\x05", b"\x00\x06MQIsdp\x03", b"\x00\x04MQTT\x84", b"\x00\x04mqtt\x04"],
)
def test_of_another_protocol_than_3_1_1_nothing_is_read(protocol):
    body = protocol + b"\xc2\x00\x0a\x00\x00\x00\x01u\x00\x01p"
    assert packets.read_connect(only(bytes([0x10, len(body)]) + body)) == Connect("", "")


@pytest.mark.parametrize(
    "octets",
    [
        CONNECT[:1] + b"\x11" + CONNECT[2:] + b"\x00",  # one octet too many
        b"\x10\x0e\x00\x04MQTT\x04\x80\x00\x0a\x00\x00\x00\x01",  # a user without a name
        b"\x10\x0f\x00\x04MQTT\x04\x80\x00\x0a\x00\x00\x00\x01\xff",  # that is no UTF-8
        b"\x36\x07\x00\x03a/b\x00\x0a",  # QoS 3
        b"\x32\x07\x00\x03a/b\x00\x00",  # packet identifier 0
        b"\x32\x05\x00\x03a/b",  # none
        b"\x30\x05\x00\x04a/b",  # a topic that is longer than its packet
        b"\x30\x01\x00",
        b"\x20\x01\x00",
        b"\x62\x01\x00",
    ],
)
def test_fields_that_do_not_add_up_are_an_error(octets):
    packet = only(octets)
    readers = {
        packets.CONNECT: packets.read_connect,
        packets.CONNACK: packets.read_connack,
        packets.PUBLISH: packets.read_publish,
        packets.PUBREL: packets.read_number,
    }
    with pytest.raises(PacketError):
        readers[packet.kind](packet)
