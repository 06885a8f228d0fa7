"""A board's profile: what it costs to run, each number with its source beside it."""

from __future__ import annotations

from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from firmware_bridge.board import BoardError, OperatingPoint

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Sourced(BaseModel):
    """A number, how it came about, and where from."""

    model_config = _STRICT
    value: float = Field(ge=0.0)
    kind: Literal["measured", "derived", "assumed"]
    source: str = Field(min_length=1)


class PointProfile(BaseModel):
    """What one operating point costs; units as in `OperatingPoint`."""

    model_config = _STRICT
    clock_mhz: Sourced
    idle_w: Sourced
    busy_w: Sourced
    s_per_gflop: Sourced


class BootProfile(BaseModel):
    """Starting up, and loading a model afresh."""

    model_config = _STRICT
    duration_s: Sourced
    power_w: Sourced
    reload_s: Sourced


class LatchUpProfile(BaseModel):
    """The parasitic current of a latch-up, as power at the board's input."""

    model_config = _STRICT
    extra_w: Sourced


class DieProfile(BaseModel):
    """One lumped node from the die to its mounting, by conduction alone.

    A resistance from a bench with moving air or a fan is not the one to put
    here: in orbit nothing convects.
    """

    model_config = _STRICT
    capacity_j_per_k: Sourced
    resistance_k_per_w: Sourced


class RadiationProfile(BaseModel):
    """Proton cross-sections, taken as flat above 30 MeV; a factor of two at best."""

    model_config = _STRICT
    seu_cm2_per_bit: Sourced
    mbu_fraction: Sourced
    set_cm2: Sourced
    sefi_cm2: Sourced
    sel_cm2: Sourced


class BoardProfile(BaseModel):
    """A board as the emulation and the satellite's models know it."""

    model_config = _STRICT
    name: str
    title: str
    points: dict[str, PointProfile] = Field(min_length=1)
    boot: BootProfile
    latch_up: LatchUpProfile
    die: DieProfile
    radiation: RadiationProfile

    def operating_points(self) -> dict[str, OperatingPoint]:
        """Return the operating points by name, fastest first."""
        points = [
            OperatingPoint(
                name,
                point.clock_mhz.value,
                point.idle_w.value,
                point.busy_w.value,
                point.s_per_gflop.value,
            )
            for name, point in self.points.items()
        ]
        return {p.name: p for p in sorted(points, key=lambda p: -p.clock_mhz)}


def shipped_profiles() -> list[str]:
    """Return the names of the boards that highbay has a profile of."""
    folder = resources.files("firmware_bridge.boards") / "profiles"
    names = [file.name for file in folder.iterdir() if file.name.endswith(".toml")]
    return sorted(name.removesuffix(".toml") for name in names)


def shipped_profile_text(name: str) -> str:
    """Return the TOML text of a shipped profile.

    Raises:
        BoardError: there is no profile of that name.
    """
    if name not in shipped_profiles():
        raise BoardError(
            f"no profile of a board {name!r}; there is {', '.join(shipped_profiles())}"
        )
    folder = resources.files("firmware_bridge.boards") / "profiles"
    return (folder / f"{name}.toml").read_text(encoding="utf-8")
