"""Parts under protons: cross-sections by class, each with its source, and the rates they give."""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from firmware_bridge.boards.profile import BoardProfile, Sourced
from firmware_bridge.faults import FaultKind
from payloads.injection.sites import MBU_SHARES
from rigs.environment.earth import SECONDS_PER_DAY, Array
from rigs.environment.faults import Strike, exposure_per_cm2

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# CREME and AP-8 against upsets counted in flight on CRRES: calculated over observed 0.8 to 2.4,
# mean 1.5 (CREME96 help pages, secondary). Cross-sections of like parts differ by a hundred.
CLAIM = "a factor of two at best"
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Figure(BaseModel):
    """A number, how it came about, where from, and whether we read that source itself."""

    model_config = _STRICT
    value: float = Field(ge=0.0)
    kind: Literal["measured", "derived", "assumed"]
    source: str = Field(min_length=1)
    primary_read: bool


class Multiplicity(BaseModel):
    """How many adjacent bits a multiple-bit upset flips: shares of 2, 3, 4 and so on."""

    model_config = _STRICT
    shares: Annotated[list[float], Field(min_length=1, max_length=7)]
    kind: Literal["measured", "derived", "assumed"]
    source: str = Field(min_length=1)
    primary_read: bool

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        if min(self.shares) < 0.0 or abs(sum(self.shares) - 1.0) > 1e-6:
            raise ValueError("shares are not negative and sum to 1")
        return self

    def bits(self, variate: float) -> int:
        """Return how many bits the upset with this uniform variate flips."""
        return 2 + min(bisect_right(list(accumulate(self.shares)), variate), len(self.shares) - 1)


class DeviceProfile(BaseModel):
    """A part's proton cross-sections in cm², flat above 30 MeV: a factor of two at best.

    Upsets of weights have a cross-section per bit, or else that of all the
    part's upsets and ``weight_share`` of them on weights, an assumption.
    """

    model_config = _STRICT
    name: str
    title: str
    seu_cm2_per_bit: Figure | None = None
    seu_cm2: Figure | None = None
    weight_share: Figure | None = None
    mbu_fraction: Figure
    mbu_multiplicity: Multiplicity | None = None  # the injector's own
    set_cm2: Figure
    sefi_cm2: Figure
    sel_cm2: Figure

    @model_validator(mode="after")
    def _one_way_to_say_upsets(self) -> Self:
        per_bit = self.seu_cm2_per_bit is not None
        if [self.seu_cm2 is None, self.weight_share is None] != [per_bit, per_bit]:
            raise ValueError("give seu_cm2_per_bit alone, or seu_cm2 and weight_share")
        return self

    def cross_sections(self, weight_bits: int) -> dict[FaultKind, CrossSection]:
        """Return what each class offers to protons, with so many bits of weights loaded."""
        upset_cm2, grounds = self._upsets(weight_bits)
        share = self.mbu_fraction
        return {
            FaultKind.SEU: _section(upset_cm2 * (1.0 - share.value), *grounds, share),
            FaultKind.MBU: _section(upset_cm2 * share.value, *grounds, share),
            FaultKind.SET: _section(self.set_cm2.value, self.set_cm2),
            FaultKind.SEFI: _section(self.sefi_cm2.value, self.sefi_cm2),
            FaultKind.SEL: _section(self.sel_cm2.value, self.sel_cm2),
        }

    def variates(self, strike: Strike) -> tuple[float, ...]:
        """Return a strike's variates so that an MBU flips as many bits as this part's do.

        The injector reads the second variate by shares of its own, which end
        at four bits; wider upsets of the part flip four.
        """
        if strike.kind is not FaultKind.MBU or self.mbu_multiplicity is None:
            return strike.variates
        where, how_many, *rest = strike.variates
        wanted = min(self.mbu_multiplicity.bits(how_many), max(MBU_SHARES))
        below = sum(share for bits, share in MBU_SHARES.items() if bits < wanted)
        return (where, below + 0.5 * MBU_SHARES[wanted], *rest)

    def _upsets(self, weight_bits: int) -> tuple[float, list[Figure]]:
        if self.seu_cm2_per_bit is not None:
            return self.seu_cm2_per_bit.value * weight_bits, [self.seu_cm2_per_bit]
        grounds = [figure for figure in (self.seu_cm2, self.weight_share) if figure is not None]
        return math.prod(figure.value for figure in grounds), grounds


@dataclass(frozen=True, slots=True)
class CrossSection:
    """A class's cross-section, and what it rests on: assumed as soon as one part of it is."""

    cm2: float
    kind: str
    source: str
    primary_read: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a class strikes, on average over a flight; see ``claim`` for how sure that is."""

    fault: FaultKind
    per_day: float
    acceleration: float
    section: CrossSection
    claim: str = CLAIM

    @property
    def fit(self) -> float:
        """Return the failures in 1e9 hours.

        >>> round(Rate(FaultKind.SEL, 5.91e-11, 1.0, CrossSection(0, "", "", False)).fit, 5)
        0.00246
        """
        return self.per_day / 24.0 * 1e9


def rates(
    knots_s: Array,
    flux_per_cm2_s: Array,
    sections: Mapping[FaultKind, CrossSection],
    acceleration: float = 1.0,
) -> list[Rate]:
    """Return the mean rate of each class along the orbit, each with source and claim.

    ``flux_per_cm2_s`` counts protons above 30 MeV at each knot.
    """
    per_cm2 = float(exposure_per_cm2(knots_s, flux_per_cm2_s)[-1])
    days = float(knots_s[-1] - knots_s[0]) / SECONDS_PER_DAY
    return [
        Rate(fault, section.cm2 * per_cm2 / days * acceleration, acceleration, section)
        for fault, section in sections.items()
    ]


def device_of(board: BoardProfile) -> DeviceProfile:
    """Return the part that a board's own profile describes."""
    said = board.radiation
    return DeviceProfile(
        name=board.name,
        title=board.title,
        seu_cm2_per_bit=_figure(said.seu_cm2_per_bit),
        mbu_fraction=_figure(said.mbu_fraction),
        set_cm2=_figure(said.set_cm2),
        sefi_cm2=_figure(said.sefi_cm2),
        sel_cm2=_figure(said.sel_cm2),
    )


def shipped_devices() -> list[str]:
    """Return the names of the parts that highbay has a profile of."""
    folder = resources.files("rigs.environment") / "devices"
    names = [file.name for file in folder.iterdir() if file.name.endswith(".toml")]
    return sorted(name.removesuffix(".toml") for name in names)


def load_device(name: str) -> DeviceProfile:
    """Return a shipped profile.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in shipped_devices():
        raise ValueError(f"no part {name!r} is known; there is {', '.join(shipped_devices())}")
    file = resources.files("rigs.environment") / "devices" / f"{name}.toml"
    return DeviceProfile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))


def _figure(said: Sourced) -> Figure:
    return Figure(value=said.value, kind=said.kind, source=said.source, primary_read=False)


def _section(cm2: float, *grounds: Figure) -> CrossSection:
    order = ("measured", "derived", "assumed")
    return CrossSection(
        cm2=cm2,
        kind=max((figure.kind for figure in grounds), key=order.index),
        source="; ".join(figure.source for figure in grounds),
        primary_read=all(figure.primary_read for figure in grounds),
    )
