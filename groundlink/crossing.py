"""One connection through the gate: the program's socket, the broker's, and what waits for each."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector

from groundlink.mqtt_packets import PacketError
from groundlink.passage import Passage, Taken

RECEIVED_BYTES = 65_536  # at once
MOST_WAITING = 65_536  # octets that a peer has not taken, before the other one is held back
MOST_UNREAD = 262_144  # octets of answers that a program has not taken, before its connection ends
MOST_PENDING = 2_000  # messages of a program that are not stored yet, before it is held back
MOST_PENDING_BYTES = 8 * 2**20  # likewise


@dataclass(slots=True, eq=False)
class Account:
    """What a program has said, over any connection, and the store does not hold yet."""

    messages: int = 0
    bytes: int = 0
    strays: int = 0  # messages too large to be taken
    crossings: set[Crossing] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Return whether the program must wait."""
        return self.messages >= MOST_PENDING or self.bytes >= MOST_PENDING_BYTES


class Crossing:
    """A program's connection and its own to the broker, which end together.

    ``take`` is given what the passage takes. The broker's is opened once the
    program has said CONNECT, and closed without a word of ours: whether
    the program's last will is spoken is the program's choice.
    """

    def __init__(
        self,
        near: socket.socket,
        broker: tuple[str, int],
        passage: Passage,
        selector: BaseSelector,
        take: Callable[[Crossing, list[Taken]], None],
    ) -> None:
        self.passage, self.account = passage, Account()
        self.ended = False
        self.last = 0  # the gate's number for the last message that was taken
        self._near, self._far = near, socket.socket()
        self._broker, self._selector, self._take = broker, selector, take
        self._near_gone = self._far_gone = self._reached = False
        self._masks = {self._near: 0, self._far: 0}
        for end in (near, self._far):
            end.setblocking(False)
            if end.family == socket.AF_INET:  # otherwise tails of 40 ms appear
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.go_on()

    def go_on(self) -> None:
        """Send what can be sent, and listen for what can be taken."""
        if self.ended:
            return
        passage = self.passage
        try:
            if self._reached:
                _send(self._far, passage.to_broker)
            _send(self._near, passage.to_program)
        except OSError:
            self.end()
            return
        over = self._far_gone if not passage.to_program else len(passage.to_program) > MOST_UNREAD
        if over or (self._near_gone and not passage.to_broker):
            self.end()
            return
        self._listen()

    def end(self) -> None:
        """Close both connections, whatever waits there."""
        if not self.ended:
            self.ended = True
            self.account.crossings.discard(self)
            for end in (self._near, self._far):
                self._watch(end, 0)
                end.close()

    def _listen(self) -> None:
        passage, full = self.passage, self.account.full
        hears = not (self._near_gone or self._far_gone or passage.waits or full)
        near = EVENT_READ * (hears and len(passage.to_broker) < MOST_WAITING)
        self._watch(self._near, near | EVENT_WRITE * bool(passage.to_program))
        if self._reached:
            far = EVENT_READ * (not self._far_gone and len(passage.to_program) < MOST_WAITING)
            self._watch(self._far, far | EVENT_WRITE * bool(passage.to_broker))

    def _watch(self, end: socket.socket, mask: int) -> None:
        before, self._masks[end] = self._masks[end], mask
        if before == mask:
            return
        if not before:
            self._selector.register(end, mask, self._ready)
        elif mask:
            self._selector.modify(end, mask, self._ready)
        else:
            self._selector.unregister(end)

    def _ready(self, end: object, mask: int) -> None:
        """Take what has come from one end, and see what can go on."""
        try:
            if mask & EVENT_READ and not self.ended:
                self._hear_far() if end is self._far else self._hear_near()
        except BlockingIOError:
            pass
        except (OSError, PacketError):
            self.end()
        self.go_on()

    def _hear_near(self) -> None:
        octets = self._near.recv(RECEIVED_BYTES)
        if not octets:
            self._near_gone = True
            self.passage.to_program.clear()
            return
        taken = self.passage.hear_program(octets)
        if self.passage.asks and not self._reached:
            self._reach()
        self._take(self, taken)

    def _hear_far(self) -> None:
        octets = self._far.recv(RECEIVED_BYTES)
        if not octets:
            self._far_gone = True
            self.passage.to_broker.clear()
            return
        self._take(self, self.passage.hear_broker(octets))

    def _reach(self) -> None:
        """Connect to the broker; on the loopback interface that is done, or refused, at once."""
        self._reached = True
        with suppress(BlockingIOError):
            self._far.connect(self._broker)


def _send(end: socket.socket, waiting: bytearray) -> None:
    while waiting:
        try:
            sent = end.send(waiting)
        except BlockingIOError:
            return
        del waiting[:sent]
