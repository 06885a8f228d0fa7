"""Commands to a payload computer, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load ``model`` in place of the one that is loaded; it stays the choice over power cycles."""

    model: str


@dataclass(frozen=True, slots=True)
class StartStream:
    """Release the jobs of ``stream`` from here on."""

    stream: str


@dataclass(frozen=True, slots=True)
class StopStream:
    """Release no further jobs of ``stream``; those that wait are still done."""

    stream: str


@dataclass(frozen=True, slots=True)
class ChoosePoint:
    """Run at ``point`` while no trip point is exceeded, and never faster."""

    point: str


@dataclass(frozen=True, slots=True)
class FetchProduct:
    """Give the picture of a completed job to the ground, whatever its label was."""

    job: int


Order = LoadModel | StartStream | StopStream | ChoosePoint | FetchProduct


@dataclass(frozen=True, slots=True)
class CommandIssued:
    """An authentic command is to be carried out; ``id`` is repeated in every answer."""

    payload: str
    id: str
    order: Order


class Stage(Enum):
    """How far a command has come, as in request verification (ECSS-E-ST-70-41C, service 1)."""

    STARTED = "started"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """A command came to a stage, or failed there: then ``reason`` says why in one line.

    A command that started completes exactly once, well or not.
    """

    payload: str
    id: str
    stage: Stage
    ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProductFetched:
    """The picture of ``job``, taken at ``subject_s``, is there for the ground."""

    payload: str
    job: int
    subject_s: float
    product: bytes


def unknown(what: str, said: str, known: tuple[str, ...]) -> str:
    """Return that ``said`` is none of the ``known``; empty if it is one.

    >>> unknown("model", "sorter", ("tile-sorter-fp32", "tile-sorter-int8"))
    "there is no model 'sorter'; there is tile-sorter-fp32, tile-sorter-int8"
    """
    if said in known:
        return ""
    return f"there is no {what} {said!r}; there is {', '.join(known) or 'none'}"
