"""Gathers what the sky does to one mission: the only module that asks the tape and the scenario."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rigs.almanac.doses import doses
from rigs.almanac.expected import Exposed, exposed
from rigs.bus import absorbed_w, array_w
from rigs.environment.dose import Dose
from rigs.environment.earth import Array
from rigs.environment.eclipse import Eclipse
from rigs.environment.faults import exposure_per_cm2
from rigs.environment.tape import EnvironmentTape
from rigs.passes.command import contact_plan
from rigs.passes.plan import ContactPlan
from rigs.reading import Sheet
from rigs.scenario import Scenario
from rigs.sky import environment, orbit_of

ANOMALY_PER_CM2_S = 10.0  # trapped protons above 30 MeV: the edge of the anomaly [assumed]
EMULATED = "emulated environment"


@dataclass(frozen=True, slots=True)
class Spread:
    """The mean over time, the lowest and the highest of a quantity."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Light:
    """The eclipses of a mission, in s; an eclipse lasts from penumbra to penumbra."""

    count: int
    total_s: float
    longest_s: float
    penumbra_s: float
    partial: int  # eclipses that never reach the umbra


@dataclass(frozen=True, slots=True)
class Heard:
    """What one station hears, in s; ``gap_s`` is the longest time without it."""

    station: str
    count: int
    total_s: float
    gap_s: float


@dataclass(frozen=True, slots=True)
class Protons:
    """The flux above 30 MeV, /cm²/s, and where it is highest, degrees and mission s."""

    mean: float
    peak: float
    peak_s: float
    peak_latitude_deg: float
    peak_longitude_deg: float
    anomaly_share: float  # of time above `ANOMALY_PER_CM2_S`
    trapped_mean: float
    galactic_mean: float
    solar_mean: float


@dataclass(frozen=True, eq=False)
class Almanac:
    """A mission's sky: its scenario, its tape, its contacts, and what follows from them."""

    scenario: Scenario
    period_s: float
    inclination_deg: float
    tape: EnvironmentTape
    plan: ContactPlan
    exposed: tuple[Exposed, ...]
    doses: tuple[Dose, ...]

    @cached_property
    def array_w(self) -> Array:
        """What the solar array gives at every knot."""
        return array_w(self.scenario, self.tape)

    @cached_property
    def absorbed_w(self) -> Array:
        """What the radiator absorbs from Sun and Earth at every knot."""
        return absorbed_w(self.scenario, self.tape)

    @property
    def light(self) -> Light:
        """The eclipses in numbers."""
        lengths = [e.exit_s - e.entry_s for e in self.tape.eclipses]
        umbra_s = sum(_umbra_s(e) for e in self.tape.eclipses)
        partial = sum(e.umbra_entry_s is None for e in self.tape.eclipses)
        total_s = sum(lengths)
        return Light(len(lengths), total_s, max(lengths, default=0.0), total_s - umbra_s, partial)

    @property
    def heard(self) -> list[Heard]:
        """The contacts of each station that is in the scenario or heard, in numbers."""
        said = [s if isinstance(s, str) else s.name for s in self.scenario.stations]
        names = self.plan.stations if self.scenario.link.contacts is not None else said
        return [self._heard(name) for name in dict.fromkeys([*names, *self.plan.stations])]

    @property
    def protons(self) -> Protons:
        """The flux of protons above 30 MeV in numbers."""
        tape, flux, parts = self.tape, self.tape.proton_flux_per_cm2_s, self.tape.protons
        top = int(np.argmax(flux))
        return Protons(
            mean=self.spread(flux).mean,
            peak=float(flux[top]),
            peak_s=float(tape.knots_s[top]),
            peak_latitude_deg=float(tape.latitude_deg[top]),
            peak_longitude_deg=float(tape.longitude_deg[top]),
            anomaly_share=share_above(tape.knots_s, parts.trapped, ANOMALY_PER_CM2_S),
            trapped_mean=self.spread(parts.trapped).mean,
            galactic_mean=self.spread(parts.galactic).mean,
            solar_mean=self.spread(parts.solar).mean,
        )

    def spread(self, values: Array) -> Spread:
        """Return mean, lowest and highest of a quantity that is linear between the knots."""
        integral = float(exposure_per_cm2(self.tape.knots_s, values)[-1])
        return Spread(integral / self.tape.horizon_s, float(values.min()), float(values.max()))

    def _heard(self, station: str) -> Heard:
        mine = self.plan.over(station).passes
        gap_s, free_s = 0.0, 0.0
        for contact in mine:
            gap_s, free_s = max(gap_s, contact.from_s - free_s), max(free_s, contact.until_s)
        gap_s = max(gap_s, self.plan.horizon_s - free_s)
        return Heard(station, len(mine), sum(p.duration_s for p in mine), gap_s)


def almanac(sheet: Sheet) -> Almanac:
    """Return the sky over a scenario's mission.

    Raises:
        ScenarioError: the mission cannot be.
    """
    scenario = sheet.scenario
    tape = environment(sheet)
    orbit = orbit_of(scenario)
    return Almanac(
        scenario,
        orbit.period_s,
        orbit.inclination_deg,
        tape,
        contact_plan(sheet, tape),
        tuple(exposed(sheet, name, tape) for name in scenario.payloads),
        doses(scenario, tape, orbit.inclination_deg),
    )


def share_above(t_s: Array, values: Array, level: float) -> float:
    """Return the share of time in which a quantity, linear between its moments, is above a level.

    >>> share_above(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 0.0]), 1.0)
    0.5
    """
    a, b = values[:-1] - level, values[1:] - level
    high, low = np.maximum(a, b), np.minimum(a, b)
    across = np.where(high > low, high - low, 1.0)
    part = np.where(low >= 0.0, high > 0.0, np.clip(high / across, 0.0, 1.0))
    return float(part @ np.diff(t_s)) / float(t_s[-1] - t_s[0])


def _umbra_s(eclipse: Eclipse) -> float:
    if eclipse.umbra_entry_s is None or eclipse.umbra_exit_s is None:
        return 0.0
    return eclipse.umbra_exit_s - eclipse.umbra_entry_s
