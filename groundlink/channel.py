"""The radio channel: bit errors and lost frames, by chance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator


class Channel:
    """A channel whose bits flip, and whose frames vanish, independently of each other.

    The distance to the next error is drawn, instead of one number for each
    bit or frame: the distances between independent errors are geometrically
    distributed, so this is exact, and a clean frame costs no draw.
    """

    def __init__(self, generator: Generator, bit_error_rate: float, frame_loss: float) -> None:
        for name, rate in (("bit_error_rate", bit_error_rate), ("frame_loss", frame_loss)):
            if not 0.0 <= rate < 1.0:
                raise ValueError(f"{name} = {rate} is outside 0..1")
        self._generator = generator
        self._bit_error_rate = bit_error_rate
        self._frame_loss = frame_loss
        self._clean_bits = self._until_next(bit_error_rate)
        self._clean_frames = self._until_next(frame_loss)

    def cross(self, frame: bytes) -> bytes | None:
        """Return the frame as it comes out, or None if it does not."""
        if self._clean_frames < 1:
            self._clean_frames = self._until_next(self._frame_loss)
            return None
        self._clean_frames -= 1
        bits = 8 * len(frame)
        if self._clean_bits >= bits:
            self._clean_bits -= bits
            return frame
        return self._damaged(frame, bits)

    def _damaged(self, frame: bytes, bits: int) -> bytes:
        damaged = bytearray(frame)
        position = 0
        while self._clean_bits < bits - position:
            position += int(self._clean_bits)
            damaged[position // 8] ^= 0x80 >> position % 8
            position += 1
            self._clean_bits = self._until_next(self._bit_error_rate)
        self._clean_bits -= bits - position
        return bytes(damaged)

    def _until_next(self, rate: float) -> float:
        """Return how many bits or frames pass unharmed before the next error."""
        return float(self._generator.geometric(rate) - 1) if rate > 0.0 else math.inf
