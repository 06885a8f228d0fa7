"""Source data: what a telemetry packet says beside its headers, by PUS service and subtype.

What fits into one packet travels in the service of its kind: telemetry 3/25, an
event 5/1, a report 1/x, where x is the first byte of a report's body. The source
data are then the (rest of the) body and the message's sequence number (u32).
Products, and whatever takes several packets, travel by service 13: 13/1 first,
13/2 intermediate, 13/3 last part, also of one::

    kind u8 | sequence u32 | part u16 | parts u16 | bytes of the part

Source: ECSS-E-ST-70-41C, 8.1, 8.3, 8.5 and 8.13. It leaves the width of a
transaction's and a part's number to the mission; kind and parts are ours.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from groundlink.messages import Message, MessageKind

REPORTS = (1, 2, 3, 4, 7, 8)  # acceptance, start and completion: each went well, or failed
SEQUENCE_BYTES = 4
REQUEST_ID_BYTES = 4
MOST_PARTS = 65_535
LARGE_TRANSFER = 13
CODES = {
    MessageKind.TELEMETRY: 0,
    MessageKind.EVENT: 1,
    MessageKind.PRODUCT: 2,
    MessageKind.REPORT: 3,
}
KINDS = {code: kind for kind, code in CODES.items()}

_PART = Struct(">BIHH")
_VERIFICATION, _HOUSEKEEPING, _EVENT = 1, 3, 5
_REPORTED, _INFORMATIVE = 25, 1
_FIRST, _INTERMEDIATE, _LAST = 1, 2, 3
_TYPES = {
    MessageKind.TELEMETRY: (_HOUSEKEEPING, _REPORTED),
    MessageKind.EVENT: (_EVENT, _INFORMATIVE),
}
# What a lone message is, and the part of its body that its type stands for.
_LONE: dict[tuple[int, int], tuple[MessageKind, bytes]] = {
    **{number: (kind, b"") for kind, number in _TYPES.items()},
    **{(_VERIFICATION, x): (MessageKind.REPORT, bytes([x])) for x in REPORTS},
}


class Share(NamedTuple):
    """Part ``number`` of the ``chunks`` of a message."""

    kind: MessageKind
    sequence: int
    number: int
    chunks: int
    body: bytes


class Packing:
    """How messages are laid into packets of at most ``room`` bytes of source data."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._part_room = room - _PART.size
        self._most_alone = dict.fromkeys(MessageKind, room - SEQUENCE_BYTES)
        self._most_alone[MessageKind.REPORT] += 1  # of its bytes one is the packet's subtype
        self._most_alone[MessageKind.PRODUCT] = -1

    def count(self, message: Message) -> int:
        """Return the number of packets that a message takes.

        Raises:
            ValueError: it is too long to be sent at all, or a report of no known type.
        """
        if message.kind is MessageKind.REPORT:
            _check_report(message.body)
        if len(message.body) <= self._most_alone[message.kind]:
            return 1
        count = max(1, -(-len(message.body) // self._part_room))
        if count > MOST_PARTS:
            raise ValueError(
                f"a body of {len(message.body)} bytes takes {count} packets with {self._room} "
                f"bytes of source data; a message has at most {MOST_PARTS}"
            )
        return count

    def length(self, message: Message, index: int) -> int:
        """Return the length in bytes of the source data with part ``index``."""
        body_bytes = len(message.body)
        if body_bytes <= self._most_alone[message.kind]:
            return SEQUENCE_BYTES + body_bytes - (message.kind is MessageKind.REPORT)
        return _PART.size + min(self._part_room, body_bytes - index * self._part_room)

    def write(self, message: Message, index: int, chunks: int) -> tuple[int, int, bytes]:
        """Return service, subtype and source data of part ``index`` of a message.

        Raises:
            ValueError: it is a report of no known type.
        """
        kind, body = message.kind, message.body
        if len(body) > self._most_alone[kind]:
            header = _PART.pack(CODES[kind], message.sequence, index, chunks)
            share = body[index * self._part_room : (index + 1) * self._part_room]
            return LARGE_TRANSFER, _place(index, chunks), header + share
        trailer = message.sequence.to_bytes(SEQUENCE_BYTES, "big")
        if kind is MessageKind.REPORT:
            _check_report(body)
            return _VERIFICATION, body[0], body[1:] + trailer
        return *_TYPES[kind], body + trailer


def read(service: int, subtype: int, source_data: bytes) -> Share:
    """Return what source data say.

    Raises:
        ValueError: they are none of ours.
    """
    lone = _LONE.get((service, subtype))
    if lone is None:
        return _read_part(service, subtype, source_data)
    kind, begin = lone
    body = begin + source_data[:-SEQUENCE_BYTES]
    if kind is MessageKind.REPORT:
        _check_report(body)
    return Share(kind, int.from_bytes(source_data[-SEQUENCE_BYTES:], "big"), 0, 1, body)


def _read_part(service: int, subtype: int, source_data: bytes) -> Share:
    if service != LARGE_TRANSFER or len(source_data) < _PART.size:
        raise ValueError(f"packet {service}/{subtype} of {len(source_data)} bytes is none of ours")
    code, sequence, number, chunks = _PART.unpack_from(source_data)
    if code not in KINDS or number >= chunks or subtype != _place(number, chunks):
        raise ValueError(f"packet 13/{subtype} has kind {code}, part {number} of {chunks}")
    return Share(KINDS[code], sequence, number, chunks, source_data[_PART.size :])


def _place(number: int, chunks: int) -> int:
    return _LAST if number == chunks - 1 else _INTERMEDIATE if number else _FIRST


def _check_report(body: bytes) -> None:
    if len(body) <= REQUEST_ID_BYTES or body[0] not in REPORTS:
        raise ValueError(
            f"report {body[:8].hex()} is none; its first byte is one of "
            f"{', '.join(map(str, REPORTS))}, the four after it are the request id"
        )
