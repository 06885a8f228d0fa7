"""One program's way through the gate, without sockets: what is taken there, and what goes on.

What the program says passes to the broker, and the broker's answers pass
back, but for messages on the topics that the gate takes: these it answers
itself, once they are stored, and the broker never sees them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from groundlink.messages import MessageKind
from groundlink.mqtt_packets import (
    A_PINGREQ,
    ACCEPTED,
    CONNACK,
    CONNECT,
    KIND,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    Packet,
    PacketError,
    Publish,
    Splitter,
    answer,
    read_connack,
    read_connect,
    read_number,
    read_publish,
)

LARGEST_BODY = 262_144  # bytes of a message of a program: 256 KiB
LARGEST_PACKET = LARGEST_BODY + 2**20  # octets; beyond it the connection ends
AT_MOST_ONCE, AT_LEAST_ONCE, EXACTLY_ONCE = range(3)

Topics = Mapping[bytes, MessageKind]  # that are taken from a program


class Taken(NamedTuple):
    """A message that the gate has taken and the store does not hold yet.

    One without a body is too large: it is answered in its turn, and never stored.
    """

    kind: MessageKind
    body: bytes | None
    qos: int
    number: int  # packet identifier


class Passage:
    """The protocol of one connection.

    A user name counts once the broker has accepted it: what a program says
    before waits. A program of another MQTT than 3.1.1 is let through, and
    nothing is taken from it. QoS 2 holds within a connection.
    """

    def __init__(self, topics: Mapping[str, Topics]) -> None:
        self.to_program, self.to_broker = bytearray(), bytearray()
        self.user = ""  # that the broker has accepted
        self.asks = False  # whether it has said CONNECT
        self._begun = False
        self.accepted = False
        self._all_topics = topics
        self._topics: Topics = {}
        self._claims = ""
        self._from_program, self._from_broker = Splitter(LARGEST_PACKET), Splitter()
        self._early: list[Packet] = []  # said before the broker answered
        self._pings = 0  # our own, that the broker has not answered
        self._open: dict[int, bool] = {}  # of QoS 2, before PUBREL: whether PUBREC was said

    @property
    def waits(self) -> bool:
        """Return whether the broker must answer before the program is heard any further."""
        return self.asks and not self.accepted

    def hear_program(self, octets: bytes) -> list[Taken]:
        """Return the messages that are taken; all else is put into ``to_broker``.

        Raises:
            PacketError: this is no MQTT.
        """
        if not (self.asks or self._begun or octets[0] & KIND == CONNECT):
            raise PacketError("a first packet that is no CONNECT")
        self._begun = True
        packets = self._from_program.feed(octets)
        if not self.asks and packets:
            self._ask(packets.pop(0))
        if not self.accepted:
            self._early += packets
            return []
        return self._hear(packets)

    def hear_broker(self, octets: bytes) -> list[Taken]:
        """Put what the broker says into ``to_program``; return what is taken once it accepts.

        Raises:
            PacketError: this is no MQTT.
        """
        welcomed = False
        for packet in self._from_broker.feed(octets):
            kind = packet.kind
            if kind == PINGRESP and self._pings:
                self._pings -= 1
                continue
            if kind == CONNACK and not self.accepted:
                welcomed = self.accepted = read_connack(packet) == ACCEPTED
            self.to_program += packet.whole
        return self._welcome() if welcomed else []

    def stored(self, qos: int, number: int) -> None:
        """Answer a message that is stored, as its QoS asks."""
        if qos == AT_LEAST_ONCE:
            self.to_program += answer(PUBACK, number)
        elif qos == EXACTLY_ONCE:
            self._open[number] = True
            self.to_program += answer(PUBREC, number)

    def _ask(self, packet: Packet) -> None:
        self._claims = read_connect(packet).user
        self.asks = True
        self.to_broker += packet.whole

    def _welcome(self) -> list[Taken]:
        self.user, self._topics = self._claims, self._all_topics.get(self._claims, {})
        early, self._early = self._early, []
        return self._hear(early)

    def _hear(self, packets: list[Packet]) -> list[Taken]:
        topics, taken, came = self._topics, list[Taken](), False
        for packet in packets:
            kind = packet.kind if topics else None
            if kind == PUBLISH:
                said = read_publish(packet)
                what = topics.get(said.topic)
                if what is not None:
                    came = True
                    if self._is_new(said):
                        body = said.payload if len(said.payload) <= LARGEST_BODY else None
                        taken.append(Taken(what, body, said.qos, said.number))
                    continue
            elif kind == PUBREL and self._open.pop(number := read_number(packet), False):
                self.to_program += answer(PUBCOMP, number)
                continue
            elif kind == CONNECT:
                raise PacketError("a second CONNECT")
            self.to_broker += packet.whole
        if came and not self._pings:  # the broker shall see that the program lives
            self.to_broker += A_PINGREQ
            self._pings = 1
        return taken

    def _is_new(self, said: Publish) -> bool:
        """Return whether a message is to be taken; answer at once one that is not."""
        if said.qos == EXACTLY_ONCE:
            answered = self._open.get(said.number)
            if answered is not None:
                if answered:
                    self.to_program += answer(PUBREC, said.number)
                return False
            self._open[said.number] = False
        return True
