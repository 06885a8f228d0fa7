"""Work that is none: the engine flies with it where inference would only cost time."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.board import WorkResult
from firmware_bridge.faults import FaultEvent, FaultSite, Outcome

NOTHING = WorkResult(label="-", score=float("nan"), outcome=Outcome.NOMINAL)


@dataclass(frozen=True, slots=True)
class NullWork:
    """Answers the same every time and holds nothing that a particle could strike."""

    gflop: float = 0.01
    result: WorkResult = NOTHING

    def run(self, t_s: float) -> WorkResult:
        """Return the constant result."""
        return self.result

    def fetch(self, t_s: float) -> bytes:
        """Return an empty product: no picture was taken."""
        return b""

    def strike(self, fault: FaultEvent) -> FaultSite | None:
        """Return None: nothing is there."""
        return None

    def load(self, model: str = "") -> None:
        """Do nothing: there is nothing to load, and nothing was corrupted."""
