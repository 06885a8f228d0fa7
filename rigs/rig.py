"""The rig file: what a mission is flown on, and how fast time runs."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from typing_extensions import Self

from rigs.scenario import Positive, Table


class RigTable(Table):
    """A rig: emulation jumps through virtual time, rehearsal runs on the wall clock.

    ``rate`` is mission seconds per second. ``broker`` is ``auto``
    (mosquitto, else amqtt, started for this flight), one of the two by name,
    or the URL of a broker that runs.
    """

    mode: Literal["emulation", "rehearsal"]
    description: str = ""
    rate: Positive | None = None
    broker: str = "auto"

    @model_validator(mode="after")
    def _rate_fits(self) -> Self:
        if (self.mode == "rehearsal") != (self.rate is not None):
            raise ValueError(
                "a rehearsal has a rate, in mission seconds per second; an emulation has none, "
                "because its time is virtual"
            )
        return self
