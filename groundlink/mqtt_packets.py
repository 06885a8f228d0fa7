"""MQTT 3.1.1 packets without a socket: a stream cut into packets, and what the gate reads in them.

Source: OASIS, *MQTT Version 3.1.1*, ch. 2 and 3.
"""

from __future__ import annotations

from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(0x10, 0x80, 0x10)
PINGRESP = 0xD0
KIND = 0xF0  # these bits of a packet's first octet; the others are flags
A_PINGREQ = b"\xc0\x00"
ACCEPTED = 0  # of CONNACK
MOST_REMAINING = 2**28 - 1  # octets that a remaining length can tell of

_PROTOCOL, _LEVEL = b"MQTT", 4  # 3.1.1
_LENGTH_OCTETS = 4
_OCTETS = [bytes([octet]) for octet in range(256)]
_WILL, _PASSWORD, _USER = 0x04, 0x40, 0x80


class PacketError(Exception):
    """The peer sent what is no packet of MQTT, or is too long."""


class Packet(NamedTuple):
    """A packet among the octets that it came with: it begins at ``start``, its body at ``body``."""

    octets: bytes
    start: int
    body: int
    end: int

    @property
    def kind(self) -> int:
        """Return its type, such as `PUBLISH`, without the flags."""
        return self.octets[self.start] & KIND

    @property
    def whole(self) -> bytes:
        """Return a copy of the packet, header and all."""
        return self.octets[self.start : self.end]


class Splitter:
    """Cuts a stream into packets; nothing longer than ``largest`` octets is waited for."""

    def __init__(self, largest: int = MOST_REMAINING) -> None:
        self._largest = largest
        self._tail = bytearray()  # the beginning of a packet
        self._wanted = 0  # how long the tail must be before it is worth a look

    def feed(self, octets: bytes) -> list[Packet]:
        """Return the packets that are whole with these octets.

        Raises:
            PacketError: what begins there is no packet, or too long.
        """
        if self._tail:
            self._tail += octets
            if len(self._tail) < self._wanted:
                return []
            octets = bytes(self._tail)
            self._tail.clear()
        packets, start, size = list[Packet](), 0, len(octets)
        while start + 1 < size:
            length, body = octets[start + 1], start + 2
            if length > 0x7F:
                length, body = _long_length(octets, start + 1)
            end = body + length
            if length > self._largest:
                raise PacketError(f"a packet of {length} octets; {self._largest} are taken")
            if end > size:
                return self._keep(octets, start, end, packets)
            packets.append(Packet(octets, start, body, end))
            start = end
        return self._keep(octets, start, start + 2, packets) if start < size else packets

    def _keep(self, octets: bytes, start: int, end: int, packets: list[Packet]) -> list[Packet]:
        self._tail += memoryview(octets)[start:]
        self._wanted = end - start
        return packets


def _long_length(octets: bytes, at: int) -> tuple[int, int]:
    """Return a remaining length and where it ends; of one that is cut off, what there is of it."""
    length = 0
    for digit, octet in enumerate(octets[at : at + _LENGTH_OCTETS]):
        length |= (octet & 0x7F) << 7 * digit
        if octet < 0x80:
            return length, at + digit + 1
    if len(octets) - at >= _LENGTH_OCTETS:
        raise PacketError("a remaining length that does not end after four octets")
    return 1, len(octets)  # at least one octet more


class Connect(NamedTuple):
    """Who asks to be let in; ``user`` is empty if none is named, or the protocol is not 3.1.1."""

    user: str
    client_id: str


def read_connect(packet: Packet) -> Connect:
    """Return who a CONNECT says it is from. Nothing of it is true before the broker accepts it.

    Raises:
        PacketError: its fields do not add up.
    """
    fields = _Fields(packet)
    if fields.text() != _PROTOCOL or fields.octet() != _LEVEL:
        return Connect("", "")
    flags = fields.octet()
    fields.skip(2)  # keep alive
    client_id = fields.text()
    if flags & _WILL:
        fields.text(), fields.text()
    user = fields.text() if flags & _USER else b""
    if flags & _PASSWORD:
        fields.text()
    fields.end()
    try:
        return Connect(user.decode(), client_id.decode())
    except UnicodeDecodeError as error:
        raise PacketError(f"a CONNECT that is not UTF-8: {error}") from error


class _Fields:
    """The fields of a packet's body, read from its beginning."""

    def __init__(self, packet: Packet) -> None:
        self._octets, self._at, self._end = packet.octets, packet.body, packet.end

    def octet(self) -> int:
        return self.skip(1)[0]

    def text(self) -> bytes:
        return self.skip(int.from_bytes(self.skip(2), "big"))

    def skip(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > self._end:
            raise PacketError("a packet that is shorter than its fields")
        return self._octets[start : self._at]

    def end(self) -> None:
        if self._at != self._end:
            raise PacketError("a packet that is longer than its fields")


def read_connack(packet: Packet) -> int:
    """Return the broker's answer to a CONNECT: `ACCEPTED`, or why not.

    Raises:
        PacketError: there is no answer in it.
    """
    if packet.end - packet.body < 2:
        raise PacketError("a CONNACK without a return code")
    return packet.octets[packet.body + 1]


class Publish(NamedTuple):
    """A message; ``number`` is its packet identifier, 0 at QoS 0."""

    topic: bytes
    qos: int
    number: int
    payload: bytes


def read_publish(packet: Packet) -> Publish:
    """Return the message of a PUBLISH.

    Raises:
        PacketError: its fields do not add up, or it has a QoS or number that nothing can have.
    """
    octets, start, body, end = packet
    qos = octets[start] >> 1 & 3
    at = body + 2
    topic_end = at + (octets[body] << 8 | octets[body + 1]) if at <= end else end + 1
    payload_at = topic_end + 2 if qos else topic_end
    if payload_at > end or qos == 3:
        raise PacketError("a PUBLISH that is shorter than its fields, or of QoS 3")
    number = octets[topic_end] << 8 | octets[topic_end + 1] if qos else 0
    if qos and not number:
        raise PacketError("a PUBLISH with the packet identifier 0")
    return Publish(octets[at:topic_end], qos, number, octets[payload_at:end])


def read_number(packet: Packet) -> int:
    """Return the packet identifier that a PUBACK, PUBREC, PUBREL or PUBCOMP answers.

    Raises:
        PacketError: there is none in it.
    """
    if packet.end - packet.body != 2:
        raise PacketError("an answer without a packet identifier")
    return packet.octets[packet.body] << 8 | packet.octets[packet.body + 1]


def answer(kind: int, number: int) -> bytes:
    """Return a `PUBACK`, `PUBREC` or `PUBCOMP`.

    >>> answer(PUBACK, 10).hex(" ")
    '40 02 00 0a'
    """
    return b"%c\x02%c%c" % (kind, number >> 8, number & 0xFF)


def remaining_length(length: int) -> bytes:
    """Return a remaining length as it stands in a packet.

    >>> remaining_length(321).hex(" ")
    'c1 02'
    """
    octets = b""
    while length > 0x7F:
        octets += _OCTETS[length & 0x7F | 0x80]
        length >>= 7
    return octets + _OCTETS[length]
