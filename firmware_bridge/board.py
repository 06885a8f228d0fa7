"""The board: what runs work, at an operating point, and can be struck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from firmware_bridge.faults import FaultEvent, FaultSite, Outcome


class BoardError(Exception):
    """The equipment refused: what was asked is impossible on this board."""


class Task(Enum):
    """What a board can be asked to do with its work."""

    RUN = "run"
    RELOAD = "reload"  # load the model afresh, which mends every upset in it
    LOAD = "load"  # load another model
    FETCH = "fetch"  # read a picture from storage, as a product


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A frequency that a board runs at, with what it costs.

    ``idle_w`` and ``busy_w`` are board input power; ``s_per_gflop`` is the
    time for 1e9 floating-point operations of inference.
    """

    name: str
    clock_mhz: float
    idle_w: float
    busy_w: float
    s_per_gflop: float


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What a piece of work answered.

    ``label`` is the decision and ``score`` its confidence in 0..1 (NaN where
    the work has none); ``figures`` are further named numbers. ``product`` is
    what is worth sending to the ground, empty when nothing is.
    """

    label: str
    score: float
    outcome: Outcome
    product: bytes = b""
    figures: Mapping[str, float] = field(default_factory=dict)


class Work(Protocol):
    """What a board runs. A board never knows what it is."""

    @property
    def gflop(self) -> float:
        """Return the floating-point operations of one run, in 1e9."""
        ...

    def run(self, t_s: float) -> WorkResult:
        """Do the work on what the camera sees at mission time ``t_s``."""
        ...

    def fetch(self, t_s: float) -> bytes:
        """Return the picture that was taken at mission time ``t_s`` as a product."""
        ...

    def strike(self, fault: FaultEvent) -> FaultSite | None:
        """Corrupt what is loaded; return where, or None if nothing was there to strike."""
        ...

    def load(self, model: str = "") -> None:
        """Load ``model``, or without a name the one that is loaded: nothing stays corrupted."""
        ...


class Board(Protocol):
    """A single-board computer. Answers come as events on the timeline."""

    def power(self, t_s: float, on: bool) -> None:
        """Switch the supply; switching on boots, switching off loses the work under way."""
        ...

    def set_point(self, t_s: float, point: str) -> None:
        """Run at the operating point named ``point`` from ``t_s`` on."""
        ...

    def start(self, t_s: float, order: WorkOrder) -> None:
        """Start one piece of work; `WorkFinished` follows."""
        ...

    def strike(self, t_s: float, fault: FaultEvent) -> None:
        """Let a fault take its effect; `FaultLanded` follows."""
        ...

    def wake(self, t_s: float) -> None:
        """Go on: the moment has come that the board asked for with `BoardDue`."""
        ...


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One piece of work to start.

    ``subject_s`` is the mission time at which its input was captured.
    ``preparation_s`` is work beside inference (read-out, tiling,
    compression), in seconds at the fastest operating point. ``model`` is
    the one to load.

    Raises:
        ValueError: a load names no model, or another task does.
    """

    job: int
    task: Task
    subject_s: float
    preparation_s: float = 0.0
    model: str = ""

    def __post_init__(self) -> None:
        if (self.task is Task.LOAD) != bool(self.model):
            raise ValueError(
                f"a {self.task.value} of model {self.model!r} is no work order; "
                "a load names its model, for example 'tile-sorter-int8', and nothing else does"
            )


@dataclass(frozen=True, slots=True)
class WorkFinished:
    """A board finished a job: a run has a result, a fetch a product, and a load neither."""

    payload: str
    job: int
    result: WorkResult | None
    product: bytes = b""


@dataclass(frozen=True, slots=True)
class Booted:
    """A board is up, and has loaded afresh what was loaded last."""

    payload: str


@dataclass(frozen=True, slots=True)
class BoardDue:
    """A board asked to be woken at this moment."""

    payload: str


BoardEvent = WorkFinished | Booted | BoardDue
