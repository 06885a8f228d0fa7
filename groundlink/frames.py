"""The frame codec: a message becomes frames that fit the link, and a message again.

A frame is a sync marker, a header, the name of its source, a chunk of the
message's body and a CRC-16 over all of that::

    1ACFFC1D | version kind priority name-length | sequence chunk chunks length
             | generated time (float64, s) | name | chunk of the body | CRC

Numbers are big-endian. The marker is that of CCSDS 131.0-B, the CRC that of
CCSDS 132.0-B (polynomial 0x1021, start 0xFFFF); the header is our own.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from groundlink.messages import Message, MessageKind

FRAME_BYTES = (
    1115  # the customary length of a CCSDS telemetry transfer frame with RS(255,223), I = 5
)
SMALLEST_FRAME_BYTES = 128  # leaves room for a body beside the longest source name

_MARKER = 0x1ACFFC1D
_VERSION = 1
_HEADER = struct.Struct(">IBBBBIHHHd")
_CRC_BYTES = 2
_OVERHEAD_BYTES = _HEADER.size + _CRC_BYTES
_MOST_CHUNKS = 65_535
_KINDS = dict(enumerate(MessageKind))
_CODES = {kind: code for code, kind in _KINDS.items()}


class FrameError(Exception):
    """A frame that the peer should not have sent, or that was damaged on its way."""


class Chunk(NamedTuple):
    """One frame's share of a message: chunk ``number`` of ``chunks``."""

    kind: MessageKind
    source: str
    sequence: int
    number: int  # from 0
    chunks: int
    generated_s: float
    priority: int
    body: bytes


def chunk_count(message: Message, frame_bytes: int = FRAME_BYTES) -> int:
    """Return the number of frames of at most ``frame_bytes`` that a message takes.

    Raises:
        ValueError: the message is too long to be sent at all.
    """
    count = max(1, -(-len(message.body) // _room(message, frame_bytes)))
    if count > _MOST_CHUNKS:
        raise ValueError(
            f"a body of {len(message.body)} bytes takes {count} frames of {frame_bytes} bytes; "
            f"a message has at most {_MOST_CHUNKS}"
        )
    return count


def frame_length(message: Message, index: int, frame_bytes: int = FRAME_BYTES) -> int:
    """Return the length in bytes of the frame with chunk ``index`` of a message."""
    room = _room(message, frame_bytes)
    chunk_bytes = min(room, len(message.body) - index * room)
    return _OVERHEAD_BYTES + len(message.source) + chunk_bytes


def encode(message: Message, index: int, count: int, frame_bytes: int = FRAME_BYTES) -> bytes:
    """Return the frame with chunk ``index`` of the ``count`` that the message takes."""
    name = message.source.encode("ascii")
    room = _room(message, frame_bytes)
    body = message.body[index * room : (index + 1) * room]
    header = _HEADER.pack(
        _MARKER,
        _VERSION,
        _CODES[message.kind],
        message.priority,
        len(name),
        message.sequence,
        index,
        count,
        len(body),
        message.generated_s,
    )
    content = header + name + body
    return content + crc_hqx(content, 0xFFFF).to_bytes(_CRC_BYTES, "big")


def frames(message: Message, frame_bytes: int = FRAME_BYTES) -> list[bytes]:
    """Return every frame of a message, in order."""
    count = chunk_count(message, frame_bytes)
    return [encode(message, index, count, frame_bytes) for index in range(count)]


def decode(frame: bytes) -> Chunk:
    """Return the chunk in a frame.

    Raises:
        FrameError: the frame is damaged, or is not one of ours.
    """
    if len(frame) < _OVERHEAD_BYTES:
        raise FrameError(f"frame of {len(frame)} bytes is shorter than its header")
    marker, version, code, priority, name_bytes, sequence, index, count, body_bytes, generated_s = (
        _HEADER.unpack_from(frame)
    )
    body_at = _HEADER.size + name_bytes
    end = body_at + body_bytes
    if marker != _MARKER or version != _VERSION:
        raise FrameError(
            f"frame begins with {frame[:5].hex()}; expected {_MARKER:08x}{_VERSION:02x}"
        )
    if len(frame) != end + _CRC_BYTES:
        raise FrameError(f"frame of {len(frame)} bytes says it has {end + _CRC_BYTES}")
    if crc_hqx(frame, 0xFFFF):  # over a frame with its own CRC the remainder is zero
        raise FrameError(f"frame of {len(frame)} bytes fails its CRC")
    if code not in _KINDS or index >= count:
        raise FrameError(f"frame has kind {code}, chunk {index} of {count}")
    source = frame[_HEADER.size : body_at].decode("ascii", "replace")
    return Chunk(
        _KINDS[code],
        source,
        sequence,
        index,
        count,
        generated_s,
        priority,
        frame[body_at:end],
    )


def _room(message: Message, frame_bytes: int) -> int:
    """Return how many bytes of body fit into one frame."""
    return frame_bytes - _OVERHEAD_BYTES - len(message.source)


@dataclass(slots=True)
class _Partial:
    """The chunks of a message that have come so far."""

    first: Chunk
    bodies: dict[int, bytes]
    held_bytes: int


class Reassembler:
    """Chunks become messages again, whatever their order, each message once.

    It holds at most ``capacity_bytes`` of unfinished messages; beyond that it
    gives up the one that was begun first. A chunk that comes twice changes
    nothing, neither before nor (within the last ``memory`` messages) after
    its message was complete.
    """

    CHUNK_COST_BYTES = 128  # what keeping a chunk costs beside its body

    def __init__(self, capacity_bytes: int = 64 * 2**20, memory: int = 1024) -> None:
        self._capacity_bytes = capacity_bytes
        self._memory = memory
        self._held_bytes = 0
        self._partial: OrderedDict[tuple[MessageKind, str, int], _Partial] = OrderedDict()
        self._complete: dict[tuple[MessageKind, str, int], None] = {}

    @property
    def held_bytes(self) -> int:
        """Return the memory that unfinished messages take."""
        return self._held_bytes

    def add(self, chunk: Chunk) -> Message | None:
        """Return the message that this chunk completes, or None while chunks are missing.

        Raises:
            FrameError: the chunk contradicts itself or its fellows.
        """
        key = chunk.kind, chunk.source, chunk.sequence
        if key in self._complete:
            return None
        body = chunk.body if chunk.chunks == 1 else self._collect(key, chunk)
        if body is None:
            return None
        self._remember(key)
        try:
            return Message(
                chunk.kind, chunk.source, chunk.sequence, chunk.generated_s, body, chunk.priority
            )
        except ValueError as error:
            raise FrameError(str(error)) from error

    def forget(self, key: tuple[MessageKind, str, int]) -> None:
        """Give up what has come of a message."""
        partial = self._partial.pop(key, None)
        if partial is not None:
            self._held_bytes -= partial.held_bytes

    def _collect(self, key: tuple[MessageKind, str, int], chunk: Chunk) -> bytes | None:
        partial = self._partial.get(key)
        if partial is None:
            partial = self._partial[key] = _Partial(chunk, {}, 0)
        if (chunk.chunks, chunk.generated_s) != (partial.first.chunks, partial.first.generated_s):
            raise FrameError(
                f"chunk {chunk.number} of {chunk.chunks} belongs to a message "
                f"of {partial.first.chunks} chunks"
            )
        if chunk.number in partial.bodies:
            return None
        self._keep(partial, chunk)
        if len(partial.bodies) < chunk.chunks:
            return None
        self.forget(key)
        return b"".join(partial.bodies[index] for index in range(chunk.chunks))

    def _keep(self, partial: _Partial, chunk: Chunk) -> None:
        cost_bytes = len(chunk.body) + self.CHUNK_COST_BYTES
        partial.bodies[chunk.number] = chunk.body
        partial.held_bytes += cost_bytes
        self._held_bytes += cost_bytes
        while self._held_bytes > self._capacity_bytes:
            self.forget(next(iter(self._partial)))

    def _remember(self, key: tuple[MessageKind, str, int]) -> None:
        self._complete[key] = None
        if len(self._complete) > self._memory:
            del self._complete[next(iter(self._complete))]
