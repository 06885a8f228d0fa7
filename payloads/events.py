"""What happens to a satellite and its computers, and what they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_bridge.board import Booted, WorkFinished, WorkOrder, WorkResult
from firmware_bridge.faults import FaultEvent
from firmware_bridge.telemetry import TelemetrySample
from payloads.commands import CommandAnswered, CommandIssued, ProductFetched
from payloads.jobs import JobLost, Released, ReleaseDue
from payloads.power import EpsMode


@dataclass(frozen=True, slots=True)
class MissionStarted:
    """The satellite is released, its battery as the scenario says."""


@dataclass(frozen=True, slots=True)
class BatteryCrossed:
    """The battery passed a voltage that its power system watches."""

    rising: bool
    voltage_v: float


@dataclass(frozen=True, slots=True)
class TransmitterSwitched:
    """The radio was keyed at acquisition of signal, or unkeyed at its loss."""

    on: bool


@dataclass(frozen=True, slots=True)
class HousekeepingDue:
    """The state of the satellite is to be written down."""


@dataclass(frozen=True, slots=True)
class TripCrossed:
    """The die passed a trip point, rising or falling."""

    payload: str
    rising: bool
    die_c: float


@dataclass(frozen=True, slots=True)
class WatchdogDue:
    """The watchdog looks whether the board has answered in time."""

    payload: str


@dataclass(frozen=True, slots=True)
class OvercurrentTripped:
    """A supply has drawn more than its limit for the breaker's delay.

    ``surge`` counts the times at which the limit was passed: a later count
    means that the current fell in between, and this event is void.
    """

    payload: str
    surge: int


@dataclass(frozen=True, slots=True)
class ReloadDue:
    """The model is to be loaded afresh, to mend what radiation did to it."""

    payload: str


@dataclass(frozen=True, slots=True)
class SupplyOffered:
    """A payload may be switched on again; void if it was shed meanwhile."""

    payload: str
    offer: int


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """The power system sheds loads, or gives them back."""

    mode: EpsMode
    battery_wh: float


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """The satellite at one moment; energies are totals since mission start, Wh.

    All of it comes from models of the satellite; ``payload_w`` alone is
    measured where the board is real.
    """

    mode: EpsMode
    array_w: float
    load_w: float
    payload_w: Mapping[str, float]
    battery_wh: float
    battery_v: float
    battery_min_wh: float
    radiator_c: float
    die_c: Mapping[str, float]
    die_min_c: Mapping[str, float]
    die_max_c: Mapping[str, float]
    energy_j: Mapping[str, float]
    generated_wh: float
    consumed_wh: float
    curtailed_wh: float
    unserved_wh: float
    losses_wh: float
    shed_s: float
    battery_use: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SwitchSupply:
    """Switch a board's supply."""

    payload: str
    on: bool


@dataclass(frozen=True, slots=True)
class SetPoint:
    """Run a board at an operating point."""

    payload: str
    point: str


@dataclass(frozen=True, slots=True)
class StartWork:
    """Start a piece of work on a board."""

    payload: str
    order: WorkOrder


@dataclass(frozen=True, slots=True)
class StrikeBoard:
    """Let a fault take effect on a board."""

    payload: str
    fault: FaultEvent


@dataclass(frozen=True, slots=True)
class Schedule:
    """Bring an event back at a later moment."""

    at_s: float
    event: object


@dataclass(frozen=True, slots=True)
class Completed:
    """A job is finished; ``latency_s`` counts from its release."""

    payload: str
    job: int
    stream: str
    subject_s: float
    latency_s: float
    late: bool
    result: WorkResult


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The model was loaded afresh: nothing in it is corrupted any more."""

    payload: str


ComputerEvent = (
    ReleaseDue
    | CommandIssued
    | WorkFinished
    | Booted
    | TripCrossed
    | FaultEvent
    | WatchdogDue
    | OvercurrentTripped
    | ReloadDue
    | SupplyOffered
)
ComputerAction = (
    SwitchSupply
    | SetPoint
    | StartWork
    | StrikeBoard
    | Schedule
    | Released
    | Completed
    | Reloaded
    | JobLost
    | CommandAnswered
    | ProductFetched
)
SatelliteEvent = (
    MissionStarted
    | BatteryCrossed
    | TransmitterSwitched
    | HousekeepingDue
    | TelemetrySample
    | ComputerEvent
)
SatelliteAction = ComputerAction | ModeChanged | Housekeeping
