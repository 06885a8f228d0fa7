"""What is published at QoS 1 and not acknowledged yet, without a socket.

One thread publishes; another writes and hears the answers.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import cycle

from groundlink.mqtt_packets import PUBLISH, remaining_length

FIRST_NUMBER = 2**12  # lower packet identifiers are left to subscriptions
MOST_AT_ONCE = 256  # messages in one write

_AT_LEAST_ONCE, _RETAIN, _AGAIN = 0x02, 0x01, 0x08  # flags of PUBLISH


class Outbox:
    """Messages in their order, at most ``most``; nothing is written before `open`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers = cycle(range(FIRST_NUMBER, 2**16))
        self._messages: dict[int, bytes] = {}  # packets by packet identifier, the oldest first
        self._waiting: deque[bytes] = deque()  # to be written
        self._lock = threading.Lock()
        self._open = False

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def first(self) -> bool:
        """Return whether one message waits, and no answer is on its way to set it off."""
        return len(self._messages) == 1 == len(self._waiting)

    @property
    def crowded(self) -> bool:
        """Return whether messages come faster than answers."""
        return len(self._waiting) > 1

    @property
    def waits(self) -> bool:
        """Return whether there is something to be written."""
        return self._open and bool(self._waiting)

    def put(self, topic: str, payload: bytes, retain: bool) -> bool:
        """Take a message; return whether it fits."""
        name = topic.encode()
        size = len(name)
        length = remaining_length(size + len(payload) + 4)
        first = PUBLISH | _AT_LEAST_ONCE | _RETAIN * retain
        with self._lock:
            if len(self._messages) >= self._most:
                return False
            number = next(self._numbers)
            while number in self._messages:
                number = next(self._numbers)
            packet = b"%c%b%c%c%b%c%c%b" % (
                *(first, length, size >> 8, size & 0xFF, name),
                *(number >> 8, number & 0xFF, payload),
            )
            self._messages[number] = packet
            self._waiting.append(packet)
        return True

    def take(self, most: int = MOST_AT_ONCE) -> bytes:
        """Return what is to be written, at most so many messages."""
        with self._lock:
            if not self._open:
                return b""
            count = min(most, len(self._waiting))
            return b"".join([self._waiting.popleft() for _ in range(count)])

    def settle(self, number: int) -> None:
        """Forget a message that is acknowledged."""
        with self._lock:
            self._messages.pop(number, None)

    def open(self) -> None:
        """Let all be written on a connection that the broker has accepted, first what once was."""
        with self._lock:
            tried = len(self._messages) - len(self._waiting)
            packets = list(self._messages.values())
            again = [bytes((packet[0] | _AGAIN,)) + packet[1:] for packet in packets[:tried]]
            self._waiting = deque(again + packets[tried:])
            self._open = True

    def close(self) -> None:
        """Write nothing more on this connection."""
        self._open = False
