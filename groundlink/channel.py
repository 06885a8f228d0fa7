"""The radio channel: bit errors, alone or in bursts, and lost frames, by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator

GAPS_DRAWN = 32  # at once: one vector costs as much as three single draws


@dataclass(frozen=True, slots=True)
class Bursts:
    """A channel that is now clear, now in a burst, each for an exponential time of its mean.

    ``bit_error_rate`` is that of a burst.

    Raises:
        ValueError: a mean is not a length of time, or the rate not in 0..1.

    Source: Gilbert 1960 and Elliott 1963 (Bell System Technical Journal), in continuous time.
    """

    mean_clear_s: float
    mean_burst_s: float
    bit_error_rate: float

    def __post_init__(self) -> None:
        for name in ("mean_clear_s", "mean_burst_s"):
            mean_s = getattr(self, name)
            if not 0.0 < mean_s < math.inf:
                raise ValueError(f"{name} = {mean_s}; a mean length is positive, and finite")
        _check_share("bit_error_rate", self.bit_error_rate)

    @property
    def share(self) -> float:
        """Return the share of time that is in a burst."""
        return self.mean_burst_s / (self.mean_clear_s + self.mean_burst_s)

    @property
    def relaxation_s(self) -> float:
        """Return the time constant with which the channel forgets its state."""
        return 1.0 / (1.0 / self.mean_clear_s + 1.0 / self.mean_burst_s)


class Channel:
    """A channel whose bits flip, and whose frames vanish, independently of each other.

    The distance to the next error is drawn, instead of one number for each
    bit or frame: the distances between independent errors are geometrically
    distributed, so this is exact, and a clean frame costs no draw.

    Bit i of a frame is on the air at ``start_s + i / rate_bps``. Bursts come
    and go between the frames too. Bits that follow each other at one rate
    suffer the same, however they are cut into frames, unless a frame is lost.
    """

    def __init__(
        self,
        generator: Generator,
        bit_error_rate: float = 0.0,
        frame_loss: float = 0.0,
        bursts: Bursts | None = None,
    ) -> None:
        _check_share("bit_error_rate", bit_error_rate)
        _check_share("frame_loss", frame_loss)
        self._generator = generator
        self._clear_rate = bit_error_rate
        self._own_loss = frame_loss
        self._bursts = bursts
        self._in_burst = False
        self._until_s = math.inf if bursts is None else -math.inf  # when the state changes
        self._gaps: list[float] = []
        self._clean_bits = self._next_gap()
        self._loss = frame_loss
        self._clean_frames = self._until_loss()

    def cross(
        self, frame: bytes, start_s: float, rate_bps: float, frame_loss: float | None = None
    ) -> bytes | None:
        """Return the frame as it comes out, or None if it does not.

        ``frame_loss`` is the share of frames that vanish, in place of the channel's own.
        """
        loss = self._own_loss if frame_loss is None else frame_loss
        if loss and self._vanishes(loss):
            return None
        bits = 8 * len(frame)
        if bits <= self._clean_bits and start_s + bits / rate_bps <= self._until_s:
            self._clean_bits -= bits
            return frame
        flipped = self._flipped(bits, start_s, rate_bps)
        return _flip(frame, flipped) if flipped else frame

    def _vanishes(self, loss: float) -> bool:
        if loss != self._loss:  # what is left of a gap has no memory: it may be drawn afresh
            self._loss = loss
            self._clean_frames = self._until_loss()
        if self._clean_frames < 1.0:
            self._clean_frames = self._until_loss()
            return True
        self._clean_frames -= 1.0
        return False

    def _flipped(self, bits: int, start_s: float, rate_bps: float) -> list[int]:
        """Return which of the next bits flip, in rising order."""
        flipped = []
        position = 0
        while position < bits:
            now_s = start_s + position / rate_bps
            if self._until_s <= now_s:
                self._change(now_s)
            end = self._state_ends(bits, position, start_s, rate_bps)
            while self._clean_bits < end - position:
                position += int(self._clean_bits)
                flipped.append(position)
                position += 1
                self._clean_bits = self._next_gap()
            self._clean_bits -= end - position
            position = end
        return flipped

    def _state_ends(self, bits: int, position: int, start_s: float, rate_bps: float) -> int:
        """Return the first bit that is not in the present state; at least one is."""
        stays = (self._until_s - start_s) * rate_bps
        return bits if stays >= bits else max(position + 1, math.ceil(stays))

    def _change(self, now_s: float) -> None:
        """Draw the state at ``now_s``, and how long it lasts; the present one ended before.

        However long ago that was, the two-state chain gives the chance of a burst.
        """
        bursts = self._bursts
        if bursts is None:
            return
        since_s = now_s - self._until_s
        at_end = 0.0 if self._in_burst else 1.0  # the chance of a burst, right after the change
        kept = math.exp(-since_s / bursts.relaxation_s)
        chance = bursts.share + (at_end - bursts.share) * kept
        self._in_burst = self._generator.random() < chance
        mean_s = bursts.mean_burst_s if self._in_burst else bursts.mean_clear_s
        self._until_s = now_s + self._generator.exponential(mean_s)
        self._gaps.clear()
        self._clean_bits = self._next_gap()

    def _next_gap(self) -> float:
        """Return how many bits pass unharmed before the next error."""
        bursts = self._bursts
        rate = bursts.bit_error_rate if bursts and self._in_burst else self._clear_rate
        if rate == 0.0:
            return math.inf
        if not self._gaps:
            self._gaps = (self._generator.geometric(rate, GAPS_DRAWN) - 1.0).tolist()
        return self._gaps.pop()

    def _until_loss(self) -> float:
        """Return how many frames pass before the next lost one."""
        return float(self._generator.geometric(self._loss) - 1) if self._loss else math.inf


def _flip(frame: bytes, positions: list[int]) -> bytes:
    damaged = bytearray(frame)
    for position in positions:
        damaged[position // 8] ^= 0x80 >> position % 8
    return bytes(damaged)


def _check_share(name: str, share: float) -> None:
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"{name} = {share} is outside 0..1")
