"""The rig file: what a mission is flown on, and how fast time runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from rigs.tables import Name, Positive, Table


class ListenTable(Table):
    """An address beyond this machine: TLS with client certificates, PEM files."""

    address: str
    port: Annotated[int, Field(ge=1, le=65_535)] = 8883
    certificate: str
    key: str
    ca: str


class ProgramTable(Table):
    """A payload of a third party: a program that speaks to the on-board bus alone.

    Without a ``command`` somebody else starts it, with the credentials that
    the results folder then holds. ``isolation`` is ``auto`` (a network
    namespace of its own where the host allows it), ``network-namespace`` or ``none``.
    """

    command: Annotated[list[str], Field(min_length=1)] | None = None
    isolation: Literal["auto", "network-namespace", "none"] = "auto"


class RigTable(Table):
    """A rig: emulation jumps through virtual time, rehearsal runs on the wall clock.

    ``rate`` is mission seconds per second. ``broker`` is the one of the ground
    bus: ``auto`` (mosquitto, else amqtt, started for this flight), one of the
    two by name, or the URL of a broker that runs. The on-board bus, which
    ``programs`` speak to, has a broker of its own: ``onboard_broker`` is
    ``auto``, ``mosquitto`` or ``amqtt``. ``store`` is the folder in which the
    satellite keeps what must survive a power cut; without it that is the
    results folder, and every flight begins afresh. ``listen`` opens the
    ground bus to other machines.
    """

    mode: Literal["emulation", "rehearsal"]
    description: str = ""
    rate: Positive | None = None
    broker: str = "auto"
    onboard_broker: Literal["auto", "mosquitto", "amqtt"] = "auto"
    store: str | None = None
    listen: ListenTable | None = None
    programs: dict[Name, ProgramTable] = {}

    @model_validator(mode="after")
    def _rate_fits(self) -> Self:
        if (self.mode == "rehearsal") != (self.rate is not None):
            raise ValueError(
                "a rehearsal has a rate, in mission seconds per second; an emulation has none, "
                "because its time is virtual"
            )
        if self.mode == "emulation" and (self.programs or self.store or self.listen):
            raise ValueError(
                "programs, store and listen are for a rehearsal: in virtual time no program can "
                "keep pace, nothing is lost in a power cut, and nobody listens"
            )
        return self
