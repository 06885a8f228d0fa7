"""What a fitted board is: its network, surroundings, recorder, power and governor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from payloads.calibration.fit import Fitted
from payloads.calibration.network import Network
from payloads.calibration.surroundings import Surroundings
from payloads.calibration.traces import Array, Binned, Trace, level_edges

FULL_SHARE = 0.98  # of the full clock: below, a board is slowed
NEAR_LIMIT_K = 3.0  # a clock that is low when the die is colder than that was lowered by the load
LOADED_SHARE = 0.25  # of the way from the lowest to the highest level of power
LONGEST_MEAN_S, LEAST_LEVEL_S = 300.0, 1800.0  # for leakage: means, and levels that are looked at


@dataclass(frozen=True, slots=True)
class Throttle:
    """A governor that lowers the clock in proportion: full at ``soft_c``, least at ``hard_c``.

    Of the load's power, the part above idling goes with the clock to the power ``exponent``.

    Raises:
        ValueError: the limits or clocks are not in rising order.
    """

    full_mhz: float = 1800.0
    least_mhz: float = 600.0
    soft_c: float = 80.0
    hard_c: float = 85.0
    exponent: float = 1.5

    def __post_init__(self) -> None:
        if not (0.0 < self.least_mhz < self.full_mhz and self.soft_c < self.hard_c):
            raise ValueError("a governor needs least_mhz < full_mhz and soft_c < hard_c")

    def expected(self, die_c: float, flicker_c: float) -> tuple[float, float]:
        """Return the mean clock in MHz, and the share of time below full, as readings flicker.

        The governor reads the same flickering sensor that was recorded, as
        a normal distribution of standard deviation ``flicker_c``.
        """
        spread_c = max(flicker_c, 1e-6)
        over_c = _mean_above(die_c - self.soft_c, spread_c)
        over_c -= _mean_above(die_c - self.hard_c, spread_c)
        slowed = (self.full_mhz - self.least_mhz) * over_c / (self.hard_c - self.soft_c)
        # A clock counts as slowed from FULL_SHARE on, which is a little above the limit.
        margin_c = (1.0 - FULL_SHARE) * self.full_mhz / (self.full_mhz - self.least_mhz)
        margin_c *= self.hard_c - self.soft_c
        return self.full_mhz - slowed, _below((die_c - self.soft_c - margin_c) / spread_c)


def _below(z: float) -> float:
    """Return the standard normal distribution."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _mean_above(mean: float, sd: float) -> float:
    """Return the mean of the positive part of a normal variable."""
    z = mean / sd
    return mean * _below(z) + sd * math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class Twin:
    """All that a prediction needs.

    ``late_s``: how much temperatures lag power in a recording.
    ``flicker_c``: standard deviation of a single die reading.
    ``idle_w``: what the board draws without a load. ``leakage_w_per_k``: how
    much more a load draws per K of die temperature.
    """

    network: Network
    surroundings: Surroundings
    late_s: float
    flicker_c: float
    idle_w: float
    leakage_w_per_k: float
    throttle: Throttle


def twin(fitted: Fitted, traces: Sequence[Trace], records: Sequence[Binned]) -> Twin:
    """Return the twin of a fit."""
    return Twin(
        fitted.network,
        fitted.surroundings,
        float(np.mean(fitted.late_s)),
        float(np.mean([flicker_c(trace) for trace in traces])),
        min(float(record.power_w.min()) for record in records),
        leakage_w_per_k(records),
        Throttle(full_mhz=_full_mhz(traces)),
    )


def flicker_c(trace: Trace) -> float:
    """Return the standard deviation of a single reading, from readings that follow each other."""
    live = trace.live()
    steps_c = np.diff(trace.die_c)[live[1:] & live[:-1]]
    return float(np.sqrt(np.mean(np.sort(steps_c**2)[: max(1, int(0.99 * len(steps_c)))]) / 2.0))


def leakage_w_per_k(records: Sequence[Binned]) -> float:
    """Return how power within one level goes with die temperature, W/K, at least 0.

    A regression over means of LONGEST_MEAN_S within levels of LEAST_LEVEL_S or
    more, above idling: leakage of silicon rises with temperature, and while a
    load holds nothing else moves with it.
    """
    both, squares = 0.0, 0.0
    for record in records:
        edges = level_edges(record.recorded_w)
        size = max(1, round(LONGEST_MEAN_S / record.step_s))
        busy = loaded(record)
        for first, last in pairwise(edges):
            if (last - first) * record.step_s < LEAST_LEVEL_S or not busy[first]:
                continue
            whole = (last - first) // size * size
            power_w = record.recorded_w[first : first + whole].reshape(-1, size).mean(axis=1)
            die_c = record.die_c[first : first + whole].reshape(-1, size).mean(axis=1)
            both += float(((power_w - power_w.mean()) * (die_c - die_c.mean())).sum())
            squares += float(((die_c - die_c.mean()) ** 2).sum())
    return max(both / squares, 0.0) if squares > 1.0 else 0.0


def loaded(record: Binned) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which bins carry a load: a level of power well above the lowest."""
    low_w, high_w = float(record.power_w.min()), float(record.power_w.max())
    if high_w - low_w < 0.05 * high_w:
        return np.ones(len(record.power_w), dtype=np.bool_)
    above = record.power_w > low_w + LOADED_SHARE * (high_w - low_w)
    return np.array(above, dtype=np.bool_)


def throttled(trace: Trace, record: Binned, throttle: Throttle) -> Array | None:
    """Return, per sample, 1.0 where heat had slowed the clock and 0.0 elsewhere; None: no clock.

    Three things must hold: the clock is below FULL_SHARE of full, a load runs,
    and the die (mean of a minute) is within NEAR_LIMIT_K of the limit or above.
    A clock that a scheduler lowers because there is little to do, as at boot
    or between jobs, is therefore not counted.
    """
    if trace.clock_mhz is None:
        return None
    size = max(1, round(60.0 / record.step_s))
    mean_c = np.convolve(np.pad(record.die_c, size, mode="edge"), np.ones(size) / size, "same")
    hot = mean_c[size:-size] >= throttle.soft_c - NEAR_LIMIT_K
    index = np.minimum((trace.elapsed_s / record.step_s).astype(np.intp), len(record.t_s) - 1)
    slow = trace.clock_mhz < FULL_SHARE * throttle.full_mhz
    return np.asarray(slow & (hot & loaded(record))[index], dtype=np.float64)


def _full_mhz(traces: Sequence[Trace]) -> float:
    """Return the clock under load, to the MHz; of a Raspberry Pi 4B where none was recorded."""
    clocks = [float(np.quantile(t.clock_mhz, 0.99)) for t in traces if t.clock_mhz is not None]
    return round(max(clocks)) if clocks else Throttle().full_mhz
