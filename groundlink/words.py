"""Words: what the two ends of the link say to each other about messages under way.

The ground acknowledges a message that came whole (service 13, subtype 5), or asks
for parts of one again (subtype 6). The application data are::

    kind u8 | sequence u32 | name length u8 | name of the source | ranges of parts (13/6)

where a range is its first part and the one after its last (u16 each).

Source: ECSS-E-70-41A, large data transfer service (ECSS-E-ST-70-41C dropped the two
for downlinks). It lists single parts where we give ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from groundlink.messages import LARGEST_SEQUENCE, MessageKind, is_name
from groundlink.source_data import CODES, KINDS, LARGE_TRANSFER, MOST_PARTS

MOST_WORD_BYTES = 200

_ACKNOWLEDGE, _REPEAT_PARTS = 5, 6
_WORD = Struct(">BIB")
_RANGE = Struct(">HH")


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The ground has a message whole.

    Raises:
        ValueError: no message has that source or sequence.
    """

    source: str
    kind: MessageKind
    sequence: int

    def __post_init__(self) -> None:
        _check(self.source, self.sequence)


@dataclass(frozen=True, slots=True)
class RepeatParts:
    """The ground misses parts of a message, given as rising ranges [from, to).

    Of the ``gaps`` it keeps as many, from the first on, as fit into 200 bytes.

    Raises:
        ValueError: no message has that source or sequence, or the gaps are none.
    """

    source: str
    kind: MessageKind
    sequence: int
    gaps: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        _check(self.source, self.sequence)
        edges = [-1, *(edge for gap in self.gaps for edge in gap)]
        if not self.gaps or sorted(set(edges)) != edges or edges[-1] > MOST_PARTS:
            raise ValueError(f"gaps = {self.gaps!r:.60}; expected some such as ((0, 2), (5, 6))")
        room = MOST_WORD_BYTES - _WORD.size - len(self.source)
        object.__setattr__(self, "gaps", self.gaps[: room // _RANGE.size])


Word = Acknowledge | RepeatParts


def write_word(word: Word) -> tuple[int, int, bytes]:
    """Return service, subtype and application data of a word."""
    name = word.source.encode("ascii")
    about = _WORD.pack(CODES[word.kind], word.sequence, len(name)) + name
    if isinstance(word, Acknowledge):
        return LARGE_TRANSFER, _ACKNOWLEDGE, about
    return LARGE_TRANSFER, _REPEAT_PARTS, about + b"".join(_RANGE.pack(*gap) for gap in word.gaps)


def read_word(subtype: int, application: bytes) -> Word:
    """Return the word in the application data of a packet of service 13.

    Raises:
        ValueError: there is none.
    """
    if not _WORD.size <= len(application) <= MOST_WORD_BYTES:
        raise ValueError(f"{len(application)} bytes are no word of the link")
    code, sequence, name_bytes = _WORD.unpack_from(application)
    name = application[_WORD.size : _WORD.size + name_bytes]
    ranges = application[_WORD.size + name_bytes :]
    if code not in KINDS or len(name) < name_bytes or len(ranges) % _RANGE.size:
        raise ValueError(f"word {application[:16].hex()} has kind {code}, or is cut short")
    about = name.decode("ascii"), KINDS[code], sequence
    if subtype == _ACKNOWLEDGE and not ranges:
        return Acknowledge(*about)
    if subtype == _REPEAT_PARTS:
        return RepeatParts(*about, tuple(_RANGE.iter_unpack(ranges)))
    raise ValueError(f"packet 13/{subtype} with {len(application)} bytes is no word of the link")


def _check(source: str, sequence: int) -> None:
    if not is_name(source) or not 0 <= sequence <= LARGEST_SEQUENCE:
        raise ValueError(f"no message is of {source!r} with the sequence {sequence}")
