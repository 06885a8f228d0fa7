"""What radiation does to a computer, in the field's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FaultKind(Enum):
    """A single-event effect (ECSS-E-ST-10-12C)."""

    SEU = "seu"  # single-event upset: one bit of a memory flips and stays
    MBU = "mbu"  # multiple-bit upset: adjacent bits flip and stay
    SET = "set"  # single-event transient: one value is wrong once
    SEFI = "sefi"  # single-event functional interrupt: the computer hangs until restarted
    SEL = "sel"  # single-event latch-up: a parasitic current flows until power is cycled


@dataclass(frozen=True, slots=True)
class FaultSite:
    """Where a fault landed: which bits of which element of which tensor.

    Bit 0 is the least significant of the storage type; bits at or above its
    width belong to the elements that follow in memory. ``before`` and
    ``after`` are values of the first element, NaN where nobody knows them.
    """

    tensor: str
    index: tuple[int, ...]
    bits: tuple[int, ...]
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """A particle strikes a payload.

    ``variates`` are uniform in [0, 1): the site is resolved from them when
    the fault strikes, against what is loaded then. A fault with a ``site``
    lands there instead (replay).
    """

    payload: str
    kind: FaultKind
    variates: tuple[float, ...]
    site: FaultSite | None = None
    injected: bool = False  # by a person over bench control, not by the tape


@dataclass(frozen=True, slots=True)
class FaultLanded:
    """A fault took effect, or found nothing to strike: then ``site`` is None."""

    payload: str
    kind: FaultKind
    site: FaultSite | None
    effective: bool


class Outcome(Enum):
    """What corruption did to one answer, against the uncorrupted model's answer."""

    NOMINAL = "nominal"  # nothing was corrupted
    MASKED = "masked"  # corrupted, and bit for bit the golden answer all the same
    SDC = "sdc"  # silent data corruption: the numbers changed, the decision did not
    CRITICAL = "critical"  # silent data corruption that changed the decision
    DUE = "due"  # detected unrecoverable error: crash, hang, or a non-finite answer
