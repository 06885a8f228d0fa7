"""Space packets: messages become telemetry packets, commands telecommand packets, and back.

A downlink frame is a sync marker and one CCSDS space packet with a PUS-C
telemetry header, a CDS time and a CRC-16 over the packet; numbers are big-endian::

    1ACFFC1D | packet id, sequence control, length                 space packet, 6 bytes
             | 20, service, subtype, counter u16, 0000             PUS-C, 7 bytes
             | 41, days since 1958 u16, ms of day u32, us u16      CDS, 9 bytes
             | source data | CRC-16

The message type counter repeats the low half of the message's sequence number.

Sources: CCSDS 133.0-B-2 (space packet), 131.0-B (sync marker), 301.0-B-4, 3.3 (CDS;
leap seconds are not counted, and so is mission time), ECSS-E-ST-70-41C, 7.4
(headers) and annex B.1 (CRC).
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from typing import NamedTuple

from spacepackets.ccsds.spacepacket import PacketType, SequenceFlags, SpacePacketHeader
from spacepackets.ecss.tc import InvalidTcCrc16Error, PusTc
from spacepackets.ecss.tm import PusTm

from groundlink.cds import TIME_CODE, CdsEpoch
from groundlink.messages import Message, MessageKind, is_name
from groundlink.source_data import REQUEST_ID_BYTES, SEQUENCE_BYTES, Packing, read

FRAME_BYTES = 1115  # the customary length of a CCSDS transfer frame with RS(255,223), I = 5
SMALLEST_FRAME_BYTES = 128  # leaves room for a body beside the headers
LARGEST_FRAME_BYTES = 4 + 6 + 65_536  # marker, primary header, the longest packet data field
COUNTS = 2**14  # sequence counts of a space packet; they wrap
FIRST_APID = 0x100  # of the satellite itself; its payloads follow
LAST_APID = 0x6FF  # the highest identifiers are reserved, the last for idle packets

_MARKER = bytes.fromhex("1acffc1d")
_BEFORE_MARKER = 0x10F5  # from here the marker leads the CRC to 0xFFFF, where the packet starts
_HEADER = Struct(">6sHHBBBHHBHIH")
_UNSEGMENTED = 0xC000
_BESIDE_LENGTH = 4 + 6 + 1  # bytes of a frame that its packet's length field leaves out
_PUS_C = 0x20  # version 2, and the satellite's clock in no stated relation to another
_NOBODY = 0  # the destination
_CRC_BYTES = 2
_OVERHEAD = _HEADER.size + _CRC_BYTES
_ACCEPTANCE_START_COMPLETION = 0b1011  # what a telecommand asks to be reported


class FrameError(Exception):
    """A frame that the peer should not have sent, or that was damaged on its way."""


def crc16(octets: bytes, start: int = 0xFFFF) -> int:
    """Return the CRC-16 of ECSS-E-ST-70-41C, annex B.1 (polynomial 0x1021).

    >>> hex(crc16(b"123456789"))
    '0x29b1'
    """
    return crc_hqx(octets, start)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The application process identifiers on board: ``obc`` has `FIRST_APID`, payloads follow.

    Raises:
        ValueError: the names are not ``obc`` and then distinct names of payloads.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        wrong = [name for name in self.names if not is_name(name)]
        if self.names[:1] != ("obc",) or len(set(self.names)) < len(self.names) or wrong:
            raise ValueError(
                f"addresses {', '.join(map(repr, self.names))}; expected 'obc', then each "
                "payload once, such as 'obc', 'pi'"
            )
        if len(self.names) > LAST_APID - FIRST_APID + 1:
            raise ValueError(
                f"{len(self.names)} names; there are {LAST_APID - FIRST_APID + 1} addresses"
            )

    def apid(self, name: str) -> int:
        """Return the identifier of a payload, or of the satellite itself.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in self.names:
            raise ValueError(f"{name!r} has no address; {self} have")
        return FIRST_APID + self.names.index(name)

    def name(self, apid: int) -> str:
        """Return whose identifier this is.

        Raises:
            FrameError: nobody's.
        """
        if not 0 <= apid - FIRST_APID < len(self.names):
            raise FrameError(f"APID {apid:#05x} is nobody's; {self} have one")
        return self.names[apid - FIRST_APID]

    def __str__(self) -> str:
        return ", ".join(f"{name} ({FIRST_APID + k:#05x})" for k, name in enumerate(self.names))


class Chunk(NamedTuple):
    """One frame's share of a message: part ``number`` of ``chunks``."""

    kind: MessageKind
    source: str
    sequence: int
    number: int  # from 0
    chunks: int
    generated_s: float
    body: bytes
    count: int  # type: ignore[assignment]  # of its space packet; hides tuple.count


class TelemetryCodec:
    """Messages become frames of at most ``frame_bytes``, and frames parts of messages.

    Mission time 0 is ``epoch``. A frame says to the microsecond when its
    message was generated; what is finer is rounded.

    Raises:
        ValueError: the epoch is not UTC within 1958 to 2137, or no frame has that length.
    """

    def __init__(
        self, addresses: Addresses, epoch: datetime, frame_bytes: int = FRAME_BYTES
    ) -> None:
        if not SMALLEST_FRAME_BYTES <= frame_bytes <= LARGEST_FRAME_BYTES:
            raise ValueError(
                f"frame_bytes = {frame_bytes} is outside "
                f"{SMALLEST_FRAME_BYTES}..{LARGEST_FRAME_BYTES}"
            )
        self.addresses, self.frame_bytes = addresses, frame_bytes
        self._epoch = CdsEpoch(epoch)
        self._packing = Packing(frame_bytes - _OVERHEAD)
        self._heads = {name: _MARKER + _packet_id(addresses.apid(name)) for name in addresses.names}
        self._sources = {head: name for name, head in self._heads.items()}
        self._counts = dict.fromkeys(addresses.names, 0)

    def chunk_count(self, message: Message) -> int:
        """Return the number of frames that a message takes.

        Raises:
            ValueError: it cannot be sent: it is too long, its source has no address,
                its time no date in 1958 to 2137, or it is a report of no known type.
        """
        if message.source not in self._counts:
            self.addresses.apid(message.source)  # which says who has one
        self._epoch.check(message.generated_s)
        return self._packing.count(message)

    def frame_length(self, message: Message, index: int) -> int:
        """Return the length in bytes of the frame with part ``index``, sync marker included."""
        return _OVERHEAD + self._packing.length(message, index)

    def encode(self, message: Message, index: int, chunks: int) -> bytes:
        """Return the frame with part ``index`` of the ``chunks`` that the message takes.

        Each call takes the next sequence count of the message's source.

        Raises:
            ValueError: it cannot be sent, as `chunk_count` says.
        """
        head = self._heads.get(message.source)
        if head is None:
            raise ValueError(f"{message.source!r} has no address; {self.addresses} have")
        days, ms, us = self._epoch.segments(message.generated_s)
        service, subtype, content = self._packing.write(message, index, chunks)
        count = self._counts[message.source]
        self._counts[message.source] = (count + 1) % COUNTS
        control, length = _UNSEGMENTED | count, _OVERHEAD + len(content) - _BESIDE_LENGTH
        counter = message.sequence & 0xFFFF
        pus = _PUS_C, service, subtype, counter, _NOBODY, TIME_CODE
        frame = _HEADER.pack(head, control, length, *pus, days, ms, us) + content
        return frame + crc_hqx(frame, _BEFORE_MARKER).to_bytes(_CRC_BYTES, "big")

    def decode(self, frame: bytes) -> Chunk:
        """Return the part of a message in a frame.

        Raises:
            FrameError: the frame is damaged, or is not one of ours.
        """
        if len(frame) < _OVERHEAD + SEQUENCE_BYTES:
            raise FrameError(f"frame of {len(frame)} bytes is shorter than its headers")
        head, control, length, version, service, subtype, counter, destination, code, *date = (
            _HEADER.unpack_from(frame)
        )
        source = self._sources.get(head)
        if source is None or control < _UNSEGMENTED:
            raise _foreign(frame, self.addresses)
        if length + _BESIDE_LENGTH != len(frame):
            raise FrameError(f"frame of {len(frame)} bytes says it has {length + _BESIDE_LENGTH}")
        if crc_hqx(frame, _BEFORE_MARKER):  # over a frame with its own CRC the remainder is zero
            raise FrameError(f"frame of {len(frame)} bytes fails its CRC")
        if (version, destination, code) != (_PUS_C, _NOBODY, TIME_CODE):
            raise FrameError(f"packet has PUS header and time code {frame[10:18].hex()}")
        try:
            kind, sequence, number, chunks, body = read(
                service, subtype, frame[_HEADER.size : -_CRC_BYTES]
            )
            generated_s = self._epoch.mission_s(*date)
        except ValueError as error:
            raise FrameError(str(error)) from error
        if counter != sequence & 0xFFFF:
            raise FrameError(f"packet has message type counter {counter}, sequence {sequence}")
        count = control - _UNSEGMENTED
        return Chunk(kind, source, sequence, number, chunks, generated_s, body, count)


def _packet_id(apid: int) -> bytes:
    return bytes(PusTm(apid=apid, service=0, message_subtype=0).pack()[:2])


def _foreign(frame: bytes, addresses: Addresses) -> FrameError:
    if frame[: len(_MARKER)] != _MARKER:
        return FrameError(f"frame begins with {frame[:4].hex()}; expected {_MARKER.hex()}")
    header = SpacePacketHeader.unpack(frame[len(_MARKER) :])
    return FrameError(f"{_described(header)}; expected unsegmented telemetry of {addresses}")


def _described(header: SpacePacketHeader) -> str:
    return (
        f"packet of version {header.ccsds_version}, type {header.packet_type.name}, "
        f"{'a' if header.sec_header_flag else 'no'} secondary header, "
        f"APID {header.apid:#05x}, {header.seq_flags.name.lower().replace('_', ' ')}"
    )


def packet_in(frame: bytes) -> bytes | None:
    """Return the space packet in a telemetry frame; None if the frame is damaged."""
    if not frame.startswith(_MARKER) or crc_hqx(frame, _BEFORE_MARKER):
        return None
    return frame[len(_MARKER) :]


@dataclass(frozen=True, slots=True)
class TelecommandPacket:
    """A telecommand for ``target``; ``count`` is its space packet's sequence count.

    It asks for reports of acceptance, start and completion.
    """

    target: str
    service: int
    subtype: int
    application: bytes
    count: int

    def request_id(self, addresses: Addresses) -> bytes:
        """Return the 4 bytes by which verification reports name this telecommand.

        Source: ECSS-E-ST-70-41C, 8.1.2.1: packet id and sequence control.
        """
        return encode_telecommand(self, addresses)[:REQUEST_ID_BYTES]


def encode_telecommand(packet: TelecommandPacket, addresses: Addresses) -> bytes:
    """Return a PUS-C telecommand packet, with its CRC.

    Raises:
        ValueError: its target has no address, or a number does not fit its field.
    """
    types = packet.service, packet.subtype
    if not all(0 <= number <= 0xFF for number in types) or not 0 <= packet.count < COUNTS:
        raise ValueError(f"{packet} has a service, subtype or count that fits no packet")
    return bytes(
        PusTc(
            apid=addresses.apid(packet.target),
            service=packet.service,
            message_subtype=packet.subtype,
            app_data=packet.application,
            seq_count=packet.count,
            ack_flags=_ACCEPTANCE_START_COMPLETION,
        ).pack()
    )


def decode_telecommand(packet: bytes, addresses: Addresses) -> TelecommandPacket:
    """Return the telecommand in a packet; who sent it and what reports it asks for is not read.

    Raises:
        FrameError: it is damaged, or is no PUS-C telecommand for anyone on board.
    """
    try:
        tc = PusTc.unpack(packet)
    except InvalidTcCrc16Error as error:
        raise FrameError(f"telecommand of {len(packet)} bytes fails its CRC") from error
    except ValueError as error:
        raise FrameError(f"telecommand of {len(packet)} bytes: {error}") from error
    header = tc.sp_header
    facts = header.ccsds_version, header.packet_type, header.sec_header_flag, header.seq_flags
    if facts != (0, PacketType.TC, True, SequenceFlags.UNSEGMENTED):
        raise FrameError(f"{_described(header)}; expected an unsegmented telecommand")
    if len(packet) != tc.packet_len:
        raise FrameError(f"telecommand of {len(packet)} bytes says it has {tc.packet_len}")
    target = addresses.name(header.apid)
    return TelecommandPacket(target, tc.service, tc.message_subtype, tc.app_data, header.seq_count)
