"""When radiation strikes: seeded Poisson processes under the flux along the orbit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.faults import FaultKind
from rigs.environment.earth import Array

VARIATES = 4  # uniform numbers that each strike carries; its site is chosen from them


@dataclass(frozen=True, slots=True)
class Strike:
    """One single-event effect on the tape; its site is resolved when it strikes."""

    t_s: float
    kind: FaultKind
    variates: tuple[float, ...]  # uniform in [0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class FaultDays:
    """The strikes of many seeds under one sky, by seed, then class, then time.

    Arrays of one length: ``seed`` and ``kind`` are places in ``seeds`` and
    ``kinds``, ``variates`` has ``VARIATES`` columns.
    """

    seeds: tuple[int, ...]
    kinds: tuple[FaultKind, ...]
    seed: NDArray[np.intp]
    kind: NDArray[np.intp]
    t_s: Array
    variates: Array

    def strikes(self, place: int) -> list[Strike]:
        """Return the strikes of the seed at one place of ``seeds``, in order of time."""
        rows = slice(*np.searchsorted(self.seed, [place, place + 1]).tolist())
        columns = self.t_s[rows], self.kind[rows], self.variates[rows]
        return _in_time(
            Strike(t_s, self.kinds[kind], tuple(row))
            for t_s, kind, row in zip(*(c.tolist() for c in columns), strict=True)
        )


def strikes(
    knots_s: Array,
    flux_per_cm2_s: Array,
    cross_section_cm2: Mapping[FaultKind, float],
    acceleration: float,
    streams: Mapping[FaultKind, np.random.Generator],
) -> list[Strike]:
    """Return the strikes of every class, in order of time.

    The flux is piecewise linear between knots. The rate of a class is flux
    times cross-section (of the whole device) times ``acceleration``. Each
    class draws from its own stream, so another class's rate moves nothing.

    Raises:
        ValueError: a cross-section or the acceleration is negative, or a class has no stream.

    Source: time-rescaling; Çınlar, *Introduction to Stochastic Processes*, ch. 4.7.
    """
    if missing := [kind.value for kind in cross_section_cm2 if kind not in streams]:
        raise ValueError(f"class {missing[0]} has no random stream; every class needs its own")
    days = fault_days(
        knots_s,
        flux_per_cm2_s,
        cross_section_cm2,
        acceleration,
        (0,),
        lambda seed, kind: streams[kind],
    )
    return days.strikes(0)


def fault_days(
    knots_s: Array,
    flux_per_cm2_s: Array,
    cross_section_cm2: Mapping[FaultKind, float],
    acceleration: float,
    seeds: Sequence[int],
    stream: Callable[[int, FaultKind], np.random.Generator],
) -> FaultDays:
    """Return what `strikes` gives for each of many seeds, at once.

    ``stream`` gives the generator of a seed and a class; it is asked once,
    and not for a class that never strikes.

    Raises:
        ValueError: a cross-section or the acceleration is negative.
    """
    exposure = exposure_per_cm2(knots_s, flux_per_cm2_s)
    kinds = tuple(cross_section_cm2)
    means = [
        _rate_cm2(kind, cross_section_cm2[kind], acceleration) * exposure[-1] for kind in kinds
    ]
    striking = [(k, kinds[k], mean) for k, mean in enumerate(means) if mean > 0.0]
    counts, drawn = [], [np.empty(0)]
    for seed in seeds:
        for _, kind, mean in striking:
            chance = stream(seed, kind)
            count = chance.poisson(mean)
            uniform = chance.random(count * (1 + VARIATES))  # places in fluence, then variates
            uniform[:count].sort()
            counts.append(count)
            drawn.append(uniform)
    return _together(knots_s, flux_per_cm2_s, exposure, seeds, kinds, striking, counts, drawn)


def _together(
    knots_s: Array,
    flux: Array,
    exposure: Array,
    seeds: Sequence[int],
    kinds: tuple[FaultKind, ...],
    striking: list[tuple[int, FaultKind, float]],
    counts: list[int],
    drawn: list[Array],
) -> FaultDays:
    """Return the draws of all streams as strikes, their times by one inversion of the fluence."""
    count = np.array(counts, dtype=np.intp)
    first = np.cumsum(count * (1 + VARIATES)) - count * (1 + VARIATES)
    own = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    places = np.repeat(first, count) + own
    uniform = np.concatenate(drawn)
    rows = np.repeat(first + count, count) + VARIATES * own
    return FaultDays(
        seeds=tuple(seeds),
        kinds=kinds,
        seed=np.repeat(np.repeat(np.arange(len(seeds)), len(striking)), count),
        kind=np.repeat(np.tile([k for k, _, _ in striking], len(seeds)).astype(np.intp), count),
        t_s=_arrivals(knots_s, flux, exposure, uniform[places] * exposure[-1]),
        variates=uniform[rows[:, None] + np.arange(VARIATES)],
    )


def _in_time(found: Iterator[Strike]) -> list[Strike]:
    order = {kind: serial for serial, kind in enumerate(FaultKind)}
    return sorted(found, key=lambda strike: (strike.t_s, order[strike.kind]))


def exposure_per_cm2(knots_s: Array, flux_per_cm2_s: Array) -> Array:
    """Return the fluence from the first knot to each knot: exact for a piecewise linear flux."""
    pieces = 0.5 * (flux_per_cm2_s[1:] + flux_per_cm2_s[:-1]) * np.diff(knots_s)
    return np.concatenate([[0.0], np.cumsum(pieces)])


def _rate_cm2(kind: FaultKind, sigma_cm2: float, acceleration: float) -> float:
    if not (sigma_cm2 >= 0.0 and acceleration >= 0.0):
        raise ValueError(
            f"class {kind.value}: cross-section {sigma_cm2} cm² and acceleration {acceleration} "
            "must not be negative; for example 1e-9 and 1000"
        )
    return sigma_cm2 * acceleration


def _arrivals(knots_s: Array, flux: Array, exposure: Array, target: Array) -> Array:
    """Return when the fluence reaches each ``target``: the flux is linear between knots."""
    k = np.clip(np.searchsorted(exposure, target, side="right") - 1, 0, len(knots_s) - 2)
    step_s = knots_s[k + 1] - knots_s[k]
    wanted = target - exposure[k]
    slope = (flux[k + 1] - flux[k]) / step_s
    # Root of flux·t + slope·t²/2 = wanted in the form that does not cancel.
    root = np.sqrt(np.maximum(flux[k] ** 2 + 2.0 * slope * wanted, 0.0))
    arrival: Array = knots_s[k] + np.minimum(2.0 * wanted / (flux[k] + root), step_s)
    return arrival
