"""Resolves where a particle strikes memory, and flips the bits there."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from firmware_bridge.faults import FaultKind, FaultSite
from payloads.storage import Cells

# Upsets of 2, 3 and 4 adjacent bits. That most are small, and that none is larger, follows 16/12 nm
# FinFET SRAM under protons (up to 2 bits in a word, 3 cells) and 20 nm planar (up to 7):
# IEEE TNS 2025.3544154. It gives no shares: that each further bit halves them is our assumption.
MBU_SHARES = {2: 4 / 7, 3: 2 / 7, 4: 1 / 7}

UNREAD = math.nan  # a value before anything was flipped


class SiteError(ValueError):
    """A fault names a place that is not in this memory."""


def choose(tensors: Sequence[Cells], kind: FaultKind, variates: Sequence[float]) -> FaultSite:
    """Return where a fault strikes, uniformly over the bits that ``tensors`` occupy.

    ``variates`` are uniform in [0, 1). The first says where: tensor, element
    and bit at once, fine enough for 2^40 bits. The second says how many
    adjacent bits of an MBU flip, by `MBU_SHARES`; a SEU and a SET flip one.
    ``before`` and ``after`` of the site are NaN until `flip` has read them.

    Raises:
        SiteError: no tensor holds a bit, or the variates are none.
    """
    if len(variates) < 2 or not all(0.0 <= variate < 1.0 for variate in variates):
        raise SiteError(f"a site needs two variates in [0, 1), not {variates}")
    ends = list(accumulate(tensor.bits for tensor in tensors))
    if not ends or not ends[-1]:
        raise SiteError("there is no weight to strike")
    place = min(int(variates[0] * ends[-1]), ends[-1] - 1)
    k = bisect_right(ends, place)
    width = upset_bits(variates[1]) if kind is FaultKind.MBU else 1
    return _site(tensors[k], place - (ends[k] - tensors[k].bits), width)


def upset_bits(variate: float) -> int:
    """Return how many adjacent bits a multiple-bit upset flips.

    >>> [upset_bits(u) for u in (0.0, 0.56, 0.58, 0.85, 0.86, 0.999)]
    [2, 2, 3, 3, 4, 4]
    """
    ends = list(accumulate(MBU_SHARES.values()))
    return list(MBU_SHARES)[min(bisect_right(ends, variate), len(ends) - 1)]


def flip(memory: bytearray, cells: Cells, site: FaultSite) -> FaultSite:
    """Flip the bits of ``site`` in ``memory``; flipped twice, they are as they were.

    Bits at or above the storage width belong to the elements that follow.
    Returns the site with what its first element read before and after.

    Raises:
        SiteError: the site is outside the tensor; nothing was flipped.
    """
    first = _position(cells, site)
    before = read(memory, cells, site.index)
    for bit in site.bits:
        memory[(first + bit) // 8] ^= 1 << (first + bit) % 8
    return replace(site, before=before, after=read(memory, cells, site.index))


def read(memory: bytes | bytearray, cells: Cells, index: tuple[int, ...]) -> float:
    """Return the number that an element holds."""
    bits = cells.storage.bits
    start = _flat(cells, index) * bits
    around = int.from_bytes(memory[start // 8 : (start + bits + 7) // 8], "little")
    return cells.storage.value(around >> start % 8 & ((1 << bits) - 1))


def _site(cells: Cells, place: int, width: int) -> FaultSite:
    """Return the site of ``width`` bits from ``place`` on; at the very end they move back in."""
    width = min(width, cells.bits)
    flat, bit = divmod(min(place, cells.bits - width), cells.storage.bits)
    index = []
    for size in reversed(cells.shape):
        flat, position = divmod(flat, size)
        index.append(position)
    bits = tuple(range(bit, bit + width))
    return FaultSite(cells.name, tuple(reversed(index)), bits, before=UNREAD, after=UNREAD)


def _position(cells: Cells, site: FaultSite) -> int:
    """Return the bit of the tensor at which the site's element begins."""
    inside = len(site.index) == len(cells.shape) and all(
        0 <= position < size for position, size in zip(site.index, cells.shape, strict=True)
    )
    first = _flat(cells, site.index) * cells.storage.bits if inside else 0
    if not (inside and site.bits and min(site.bits) >= 0 and first + max(site.bits) < cells.bits):
        raise SiteError(
            f"index {site.index}, bits {site.bits} are outside {cells.name!r}, "
            f"{cells.storage.name} of shape {cells.shape}"
        )
    return first


def _flat(cells: Cells, index: tuple[int, ...]) -> int:
    flat = 0
    for position, size in zip(index, cells.shape, strict=True):
        flat = flat * size + position
    return flat
