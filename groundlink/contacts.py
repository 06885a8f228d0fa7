"""Contacts: when a ground station can hear the satellite, how fast, and what changes that."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import Enum
from itertools import accumulate, pairwise

Knots = tuple[tuple[float, float], ...]  # (mission time in s, value), times rising


@dataclass(frozen=True, slots=True)
class Contact:
    """A station hears the satellite from AOS to LOS, at ``rate_bps`` bits per second.

    ``rates`` are steps (mission time in s, bit/s), for the downlink: each
    holds until the next, the last for good; ``rate_bps`` holds before the first.
    ``light`` are knots (mission time in s, one-way light time in s), linear
    between and constant outside; without any the light time is not known.
    ``frame_loss`` is the share of frames that are lost here, in place of the
    link's own. The elevation does not tell contacts apart.

    Raises:
        ValueError: a time, rate, light time or share cannot be.

    >>> Contact("svalbard", 0.0, 600.0, 9600.0).capacity_bits()
    5760000.0
    """

    station: str
    aos_s: float
    los_s: float
    rate_bps: float
    # Not a number is not equal to itself, so a contact read from a file would equal no other.
    max_elevation_deg: float = field(default=math.nan, compare=False)
    rates: Knots = field(default=(), hash=False)
    light: Knots = field(default=(), hash=False)
    frame_loss: float | None = None
    _bits: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.aos_s < self.los_s < math.inf:
            raise self._wrong(
                f"los_s = {self.los_s} and aos_s = {self.aos_s}", "a contact needs aos_s < los_s"
            )
        _check_positive(self, "rate_bps", self.rate_bps)
        self._check_rates()
        self._check_light()
        if self.frame_loss is not None and not 0.0 <= self.frame_loss <= 1.0:
            raise self._wrong(f"frame_loss = {self.frame_loss}", "a share lies in 0..1")
        object.__setattr__(self, "_bits", self._bits_at_steps())

    @property
    def duration_s(self) -> float:
        """Return the time from AOS to LOS."""
        return self.los_s - self.aos_s

    def capacity_bits(self, acquisition_s: float = 0.0) -> float:
        """Return how many bits fit between the end of the acquisition and LOS."""
        return max(0.0, self.bits_between(self.aos_s + acquisition_s, self.los_s))

    def rate_at(self, t_s: float) -> float:
        """Return the rate in bit/s."""
        step = bisect_right(self.rates, (t_s, math.inf)) - 1
        return self.rate_bps if step < 0 else self.rates[step][1]

    def bits_between(self, a_s: float, b_s: float) -> float:
        """Return how many bits pass; the first and the last rate hold outside the contact too."""
        if not self.rates:
            return (b_s - a_s) * self.rate_bps
        return self._bits_by(b_s) - self._bits_by(a_s)

    def ends_s(self, t_s: float, bits: float) -> float:
        """Return when ``bits`` that begin at ``t_s`` have left: `bits_between` turned round."""
        if not self.rates:
            return t_s + bits / self.rate_bps
        by_then = self._bits_by(t_s) + bits
        step = bisect_right(self._bits, by_then) - 1
        if step < 0:
            return self.rates[0][0] + by_then / self.rate_bps
        start_s, rate_bps = self.rates[step]
        return start_s + (by_then - self._bits[step]) / rate_bps

    def light_time_s(self, t_s: float, otherwise: float) -> float:
        """Return the one-way light time; ``otherwise`` where it is not known."""
        knots = self.light
        if not knots:
            return otherwise
        after = bisect_right(knots, (t_s, math.inf))
        if after in (0, len(knots)):
            return knots[max(0, after - 1)][1]
        (a_s, a), (b_s, b) = knots[after - 1], knots[after]
        return a + (b - a) * (t_s - a_s) / (b_s - a_s)

    def _bits_by(self, t_s: float) -> float:
        """Return how many bits have passed since the first step; negative before it."""
        step = bisect_right(self.rates, (t_s, math.inf)) - 1
        if step < 0:
            return (t_s - self.rates[0][0]) * self.rate_bps
        start_s, rate_bps = self.rates[step]
        return self._bits[step] + (t_s - start_s) * rate_bps

    def _bits_at_steps(self) -> tuple[float, ...]:
        """Return, for every step, how many bits have passed since the first."""
        lengths = [(b_s - a_s) * rate_bps for (a_s, rate_bps), (b_s, _) in pairwise(self.rates)]
        return tuple(accumulate(lengths, initial=0.0)) if self.rates else ()

    def _check_rates(self) -> None:
        self._check_rising("rates", self.rates)
        for k, (t_s, rate_bps) in enumerate(self.rates):
            _check_positive(self, f"rates[{k}]", rate_bps)
            if not self.aos_s <= t_s < self.los_s:
                raise self._wrong(
                    f"rates[{k}] at {t_s} s",
                    f"a step lies in its contact, {self.aos_s}..{self.los_s} s",
                )

    def _check_light(self) -> None:
        self._check_rising("light", self.light)
        for k, (t_s, light_s) in enumerate(self.light):
            if not (math.isfinite(t_s) and 0.0 <= light_s < math.inf):
                raise self._wrong(
                    f"light[{k}] = {light_s} s at {t_s} s",
                    "a light time is at least zero, and finite",
                )
        for (a_s, near_s), (b_s, far_s) in pairwise(self.light):
            if not far_s - near_s > a_s - b_s:
                raise self._wrong(
                    f"light that falls from {near_s} s to {far_s} s within {b_s - a_s} s",
                    "what is sent later comes later: nothing approaches as fast as light",
                )

    def _check_rising(self, name: str, knots: Knots) -> None:
        for k, ((a_s, _), (b_s, _)) in enumerate(pairwise(knots), start=1):
            if not a_s < b_s:
                raise self._wrong(
                    f"{name}[{k}] at {b_s} s, after one at {a_s} s", "their times must rise"
                )

    def _wrong(self, what: str, rule: str) -> ValueError:
        return ValueError(f"contact with {self.station!r} has {what}; {rule}")


def _check_positive(contact: Contact, name: str, rate_bps: float) -> None:
    if not 0.0 < rate_bps < math.inf:
        raise ValueError(
            f"contact with {contact.station!r} has {name} = {rate_bps}; "
            "a rate is a positive number of bits per second"
        )


@dataclass(frozen=True, slots=True)
class AcquisitionOfSignal:
    """A station begins to hear the satellite."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class LossOfSignal:
    """A station hears the satellite no longer."""

    contact: Contact


class WindowAction(Enum):
    """What a person at the bench does to the sky."""

    OPEN = "open"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class WindowInjected:
    """A person opens a contact, or cuts contacts, for ``duration_s`` from this moment on.

    A cut without a ``station`` silences every station. An opened window
    without a ``rate_bps`` has the rate of the link, and without a
    ``frame_loss`` the share of lost frames of the link.
    """

    action: WindowAction
    duration_s: float
    station: str | None = None
    rate_bps: float | None = None
    frame_loss: float | None = None
