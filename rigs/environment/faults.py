"""When radiation strikes: a seeded Poisson process under the flux along the orbit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from firmware_bridge.faults import FaultKind
from rigs.environment.earth import Array

VARIATES = 4  # uniform numbers that each strike carries; its site is chosen from them


@dataclass(frozen=True, slots=True)
class Strike:
    """One single-event effect on the tape; its site is resolved when it strikes."""

    t_s: float
    kind: FaultKind
    variates: tuple[float, ...]  # uniform in [0, 1)


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
    exposure = exposure_per_cm2(knots_s, flux_per_cm2_s)
    found: list[Strike] = []
    for kind, sigma_cm2 in cross_section_cm2.items():
        rate_cm2 = _rate_cm2(kind, sigma_cm2, acceleration, streams)
        t_s = _arrivals(knots_s, flux_per_cm2_s, exposure, rate_cm2, streams[kind])
        variates = streams[kind].random((len(t_s), VARIATES))
        found += [
            Strike(t, kind, tuple(row))
            for t, row in zip(t_s.tolist(), variates.tolist(), strict=True)
        ]
    order = {kind: serial for serial, kind in enumerate(FaultKind)}
    return sorted(found, key=lambda strike: (strike.t_s, order[strike.kind]))


def exposure_per_cm2(knots_s: Array, flux_per_cm2_s: Array) -> Array:
    """Return the fluence from the first knot to each knot: exact for a piecewise linear flux."""
    pieces = 0.5 * (flux_per_cm2_s[1:] + flux_per_cm2_s[:-1]) * np.diff(knots_s)
    return np.concatenate([[0.0], np.cumsum(pieces)])


def _rate_cm2(
    kind: FaultKind,
    sigma_cm2: float,
    acceleration: float,
    streams: Mapping[FaultKind, np.random.Generator],
) -> float:
    if kind not in streams:
        raise ValueError(f"class {kind.value} has no random stream; every class needs its own")
    if not (sigma_cm2 >= 0.0 and acceleration >= 0.0):
        raise ValueError(
            f"class {kind.value}: cross-section {sigma_cm2} cm² and acceleration {acceleration} "
            "must not be negative; for example 1e-9 and 1000"
        )
    return sigma_cm2 * acceleration


def _arrivals(
    knots_s: Array, flux: Array, exposure: Array, rate_cm2: float, stream: np.random.Generator
) -> Array:
    """Return the arrival times of a Poisson process of intensity ``rate_cm2 · flux``.

    The stream gives the count first, then the uniform positions in fluence.
    """
    count = stream.poisson(rate_cm2 * exposure[-1])
    target = np.sort(stream.random(count)) * exposure[-1]
    k = np.clip(np.searchsorted(exposure, target, side="right") - 1, 0, len(knots_s) - 2)
    step_s = knots_s[k + 1] - knots_s[k]
    wanted = target - exposure[k]
    slope = (flux[k + 1] - flux[k]) / step_s
    # Root of flux·t + slope·t²/2 = wanted in the form that does not cancel.
    root = np.sqrt(np.maximum(flux[k] ** 2 + 2.0 * slope * wanted, 0.0))
    arrival: Array = knots_s[k] + np.minimum(2.0 * wanted / (flux[k] + root), step_s)
    return arrival
