"""Each fault in words: what it struck, what it did, how it was mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_bridge.faults import FaultKind, Outcome
from rigs.report.fates import Fate, Site
from rigs.report.figures import duration

MEANING = {
    FaultKind.SEU.value: "single-event upset: one bit flips and stays",
    FaultKind.MBU.value: "multiple-bit upset: adjacent bits flip and stay",
    FaultKind.SET.value: "single-event transient: one value is wrong once",
    FaultKind.SEFI.value: "single-event functional interrupt: the computer hangs until restarted",
    FaultKind.SEL.value: "single-event latch-up: a parasitic current flows until power is cycled",
}
SHOWN = (
    (Outcome.CRITICAL, "with another decision"),
    (Outcome.SDC, "silently changed"),
    (Outcome.DUE, "not finite"),
    (Outcome.MASKED, "masked"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One fault as a row; ``gravity`` is its class in the style sheet."""

    t_s: float
    place: str
    payload: str
    kind: str
    injected: bool
    struck: str
    change: str
    effect: str
    recovery: str
    gravity: str


def verdicts(fates: Sequence[Fate], place: Callable[[float], str]) -> list[Verdict]:
    """Return a row for each fault; ``place`` says where on Earth the satellite was."""
    return [
        Verdict(
            t_s=fate.t_s,
            place=place(fate.t_s),
            payload=fate.payload,
            kind=fate.kind,
            injected=fate.injected,
            struck=_struck(fate),
            change=_change(fate.site),
            effect=_effect(fate),
            recovery=_recovery(fate),
            gravity=_gravity(fate),
        )
        for fate in fates
    ]


def _struck(fate: Fate) -> str:
    if fate.site is None:
        return {"sefi": "the whole computer", "sel": "the supply"}.get(fate.kind, "nothing loaded")
    index = ", ".join(str(i) for i in fate.site.index)
    bits = " and ".join(str(bit) for bit in fate.site.bits)
    return f"{fate.site.tensor}[{index}], bit{'s' * (len(fate.site.bits) > 1)} {bits}"


def _change(site: Site | None) -> str:
    """Return the value before and after, with as many digits as tell them apart."""
    if site is None:
        return ""
    if site.before is None or site.after is None:
        return f"{_value(site.before, 6)} → {_value(site.after, 6)}"
    texts = (f"{_value(site.before, d)} → {_value(site.after, d)}" for d in range(4, 18))
    return next((text for text in texts if len(set(text.split(" → "))) > 1), "no other value")


def _value(value: float | None, digits: int) -> str:
    return "not finite" if value is None else f"{value:.{digits}g}".replace("-", "−")


def _effect(fate: Fate) -> str:
    if fate.effective is None:
        return "not known: the records end before it landed"
    if not fate.effective:
        return "none: nothing was there to strike"
    told = [f"{fate.outcomes[kind.value]} {words}" for kind, words in SHOWN
            if fate.outcomes[kind.value]]  # fmt: skip
    parts = []
    if told:
        total = sum(fate.outcomes.values())
        parts.append(f"{total} answer{'s' * (total > 1)} while it lasted: " + ", ".join(told))
    if fate.outage_s is not None:
        parts.append(f"down for {duration(fate.outage_s)}")
    elif fate.down_since_s is not None:
        parts.append("down to the end of the records")
    if fate.jobs_lost:
        parts.append(f"{fate.jobs_lost} job{'s' * (fate.jobs_lost > 1)} lost")
    return "; ".join(parts) or "no answer was given while it lasted"


def _recovery(fate: Fate) -> str:
    if not fate.effective:
        return "–"
    if fate.recovered_s is None:
        return "not recovered"
    return f"{fate.remedy}, {duration(fate.recovered_s - fate.t_s)} later"


def _gravity(fate: Fate) -> str:
    if not fate.effective:
        return "harmless"
    if fate.outcomes[Outcome.CRITICAL.value] or fate.recovered_s is None:
        return "bad"
    return "warn" if fate.silent or fate.down_since_s is not None else "harmless"
