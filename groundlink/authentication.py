"""Authentication: only who holds a key can command, and each command counts once.

An uplink frame is a telecommand packet in a security header and trailer::

    EB90 | key id u16 | counter u64 | not after u64 | packet | MAC, 16 bytes | CRC-16

Numbers are big-endian. *Not after* is mission elapsed time in microseconds;
2**64 - 1 is never. The MAC is HMAC-SHA-256, cut to its first 16 bytes, over
everything between the start sequence and itself; the CRC is over everything
before it. A packet of 33 bytes makes a frame of 71.

Sources: CCSDS 355.0-B, the model of header, trailer and anti-replay counter; 231.0-B
(start sequence); RFC 2104 and RFC 4231 (HMAC-SHA-256); FIPS 198-1 (truncation).
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from struct import Struct
from typing import NamedTuple, Protocol

from groundlink.journal import StoreError
from groundlink.packets import FrameError, crc16

LARGEST_COUNTER = 2**64 - 1
NEVER_US = 2**64 - 1
SHORTEST_SECRET_BYTES = 16

_START = bytes.fromhex("eb90")
_HEADER = Struct(">HQQ")
_MAC_BYTES = 16
_CRC_BYTES = 2
_PACKET_AT = len(_START) + _HEADER.size
_TRAILER_BYTES = _MAC_BYTES + _CRC_BYTES
_OVERHEAD = _PACKET_AT + _TRAILER_BYTES


class Refusal(Enum):
    """Why the satellite refuses what came up to it."""

    DAMAGED = "damaged"  # the channel's fault: cut short, or its CRC does not match
    UNKNOWN_KEY = "unknown key"
    FORGED = "forged"  # the MAC is not that of the key
    REPLAYED = "replayed"  # the counter is not above the last one
    STALE = "stale"  # too late
    MALFORMED = "malformed"  # authentic, but not a command
    UNKEPT = "counter not kept"  # the disk took no more: it could be replayed after a power cut


class CommandRefused(FrameError):
    """An uplink frame that is refused, and why."""

    def __init__(self, reason: Refusal, explanation: str) -> None:
        super().__init__(f"{reason.value}: {explanation}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Key:
    """A secret that ground and satellite share, and the number by which frames name it.

    Raises:
        ValueError: the number does not fit, or the secret is short enough to be guessed.
    """

    id: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.id <= 0xFFFF:
            raise ValueError(f"key id = {self.id} is outside 0..65535")
        if len(self.secret) < SHORTEST_SECRET_BYTES:
            raise ValueError(
                f"the secret of key {self.id} has {len(self.secret)} bytes; "
                f"give it {SHORTEST_SECRET_BYTES} or more"
            )

    def mac(self, octets: bytes) -> bytes:
        """Return the first 16 bytes of the HMAC-SHA-256 of ``octets``."""
        return hmac.digest(self.secret, octets, "sha256")[:_MAC_BYTES]


class Counters(Protocol):
    """Counters that outlive the process; values run up to 2**64 - 1, beyond a signed integer."""

    def last(self, name: str) -> int:
        """Return the value that a counter was advanced to last; 0 if it never was."""
        ...

    def advance(self, name: str, value: int) -> None:
        """Set a counter; it is kept, whatever happens, before this returns."""
        ...


class MemoryCounters:
    """Counters that end with the process: for flights in virtual time."""

    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def last(self, name: str) -> int:
        """Return the value that a counter was advanced to last; 0 if it never was."""
        return self._values.get(name, 0)

    def advance(self, name: str, value: int) -> None:
        """Set a counter."""
        self._values[name] = value


class Signed(NamedTuple):
    """An uplink frame, and the counter that it used up."""

    frame: bytes
    counter: int


class Signer:
    """The ground's end: it signs telecommand packets, each with the next value of a counter."""

    def __init__(self, key: Key, counters: Counters, name: str = "uplink") -> None:
        self._key, self._counters = key, counters
        self._counter = f"{name}/{key.id}"

    @staticmethod
    def frame_length(packet_bytes: int) -> int:
        """Return the length in bytes of the frame that a packet makes."""
        return _OVERHEAD + packet_bytes

    def sign(self, packet: bytes, not_after_s: float = math.inf) -> Signed:
        """Return the frame of a packet that the satellite shall refuse after ``not_after_s``.

        Raises:
            ValueError: the time is none, or the key has no counter left.
        """
        not_after_us = _deadline_us(not_after_s)
        counter = self._counters.last(self._counter) + 1
        if counter > LARGEST_COUNTER:
            raise ValueError(f"key {self._key.id} has no counter left; change to another key")
        self._counters.advance(self._counter, counter)
        signed = _HEADER.pack(self._key.id, counter, not_after_us) + packet
        frame = _START + signed + self._key.mac(signed)
        return Signed(frame + crc16(frame).to_bytes(_CRC_BYTES, "big"), counter)


class Verifier:
    """The satellite's end: it lets pass what is authentic, new and in time, unread.

    Each key has a counter of its own.

    Raises:
        ValueError: two keys have the same number.
    """

    def __init__(self, keys: Iterable[Key], counters: Counters, name: str = "onboard") -> None:
        given = tuple(keys)
        self._keys = {key.id: key for key in given}
        self._counters, self._name = counters, name
        if len(self._keys) < len(given):
            raise ValueError(f"keys {[key.id for key in given]} are not all different")

    def verify(self, t_s: float, frame: bytes) -> bytes:
        """Return the telecommand packet in a frame that came at ``t_s``.

        What is authentic and new uses its counter up, also if it is stale.

        Raises:
            CommandRefused: it is damaged, of an unknown key, forged, replayed or stale,
                looked for in this order.
        """
        if len(frame) < _OVERHEAD or not frame.startswith(_START) or crc16(frame):
            raise CommandRefused(Refusal.DAMAGED, f"frame of {len(frame)} bytes fails its CRC")
        key_id, counter, not_after_us = _HEADER.unpack_from(frame, len(_START))
        key = self._keys.get(key_id)
        if key is None:
            raise CommandRefused(Refusal.UNKNOWN_KEY, f"there is no key {key_id}")
        if not hmac.compare_digest(
            key.mac(frame[len(_START) : -_TRAILER_BYTES]), frame[-_TRAILER_BYTES:-_CRC_BYTES]
        ):
            raise CommandRefused(Refusal.FORGED, f"its MAC is not that of key {key_id}")
        self._use_up(key_id, counter)
        if not_after_us != NEVER_US and round(t_s * 1e6) > not_after_us:
            raise CommandRefused(
                Refusal.STALE, f"it came at {t_s:.6f} s and is not valid after {not_after_us / 1e6}"
            )
        return frame[_PACKET_AT:-_TRAILER_BYTES]

    def _use_up(self, key_id: int, counter: int) -> None:
        name = f"{self._name}/{key_id}"
        last = self._counters.last(name)
        if counter <= last:
            raise CommandRefused(
                Refusal.REPLAYED, f"counter {counter} of key {key_id} is not above {last}"
            )
        try:
            self._counters.advance(name, counter)
        except StoreError as error:
            raise CommandRefused(Refusal.UNKEPT, str(error)) from error


def _deadline_us(not_after_s: float) -> int:
    if not_after_s == math.inf:
        return NEVER_US
    if not 0.0 <= not_after_s * 1e6 < 2.0**63:
        raise ValueError(f"not_after_s = {not_after_s} is no mission elapsed time; such as 7200.0")
    return round(not_after_s * 1e6)
