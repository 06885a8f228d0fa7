"""Turns: in half duplex, whose turn it is to speak, and from when on."""

from __future__ import annotations

import math

SHARE = 10.0  # the satellite keeps its turn this many times as long as two handovers take


class Turns:
    """Whose turn it is.

    A handover takes the turnaround and the light time: the last bit must have
    come before the other end speaks. So that the link does not spend its time
    on handovers, the satellite has its turn for ten times what two of them
    cost before mere words of the ground interrupt it; a command may at once.
    Each end knows when the other wants its turn [assumed: a real link plans
    turns ahead, or polls].
    """

    def __init__(self, turnaround_s: float) -> None:
        self._turnaround_s = turnaround_s
        self.up = False  # the ground's turn
        self.since_s = -math.inf  # nobody speaks before
        self.yields_s = -math.inf  # the satellite insists on its turn until then

    def begin(self, quiet_s: float) -> None:
        """Let the satellite speak first, once the air is quiet."""
        self.up, self.since_s, self.yields_s = False, quiet_s, quiet_s

    def handover_s(self, light_s: float) -> float:
        """Return how long a handover takes."""
        return self._turnaround_s + light_s

    def hand_over(self, t_s: float, light_s: float) -> None:
        """Let the other end speak, as soon as it can."""
        cost_s = self.handover_s(light_s)
        self.up = not self.up
        self.since_s = t_s + cost_s
        self.yields_s = self.since_s + SHARE * 2.0 * cost_s
