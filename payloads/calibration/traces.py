"""A recording of power and die temperature, and what a fit may take from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BIN_S = 5.0  # a fit looks at means over this time; a die alone takes some ten seconds
STUCK_S = 30.0  # equal readings for longer are one old reading: real ones flicker by a step
FEWEST, SHORTEST_S = 60, 600.0  # samples, and seconds, of a recording
SHORTEST_LOAD_BINS = 3
# Weight against one more level of power, in the noise of a bin × log(bins). A Schwarz
# criterion would take 2; power that comes in bursts is less random than white noise.
LEVEL_PENALTY = 8.0


@dataclass(frozen=True, slots=True)
class Trace:
    """Samples at ``t_s``, rising: watts drawn, die temperature, and Arm clock where known.

    Arrays of float64, shape (n,).

    Raises:
        ValueError: too few samples, or over too short a time.
    """

    name: str
    t_s: Array
    power_w: Array
    die_c: Array
    clock_mhz: Array | None = None

    def __post_init__(self) -> None:
        if len(self.t_s) < FEWEST or self.t_s[-1] - self.t_s[0] < SHORTEST_S:
            span_s = float(self.t_s[-1] - self.t_s[0]) if len(self.t_s) else 0.0
            raise ValueError(
                f"{len(self.t_s)} samples over {span_s:g} s are too few; "
                f"record at least {FEWEST} over {SHORTEST_S:g} s, for example 1 Hz for an hour"
            )

    @property
    def elapsed_s(self) -> Array:
        """Return seconds since the first sample."""
        return np.asarray(self.t_s - self.t_s[0])

    def live(self) -> Mask:
        """Return which die readings are fresh: not one of a run that never changes."""
        edges = np.flatnonzero(np.diff(self.die_c)) + 1
        starts, ends = np.append(0, edges), np.append(edges, len(self.t_s))
        stuck = self.t_s[ends - 1] - self.t_s[starts] > STUCK_S
        if self.die_c.max() == self.die_c.min() or np.median(ends - starts) > 5:
            stuck[:] = False  # smooth or coarse readings: runs are how this sensor looks
        return np.asarray(~np.repeat(stuck, ends - starts))


@dataclass(frozen=True, slots=True)
class Binned:
    """A trace as means over equal bins; ``known`` bins have fresh die readings.

    ``power_w`` is the recorded power as one level per load, ``recorded_w`` as it was.
    """

    step_s: float
    t_s: Array
    power_w: Array
    recorded_w: Array
    die_c: Array
    known: Mask
    start_c: float


def binned(trace: Trace, level: bool = True) -> Binned:
    """Return a trace on a grid: power interpolated over gaps, die readings left out there."""
    elapsed_s = trace.elapsed_s
    step_s = max(BIN_S, float(np.median(np.diff(elapsed_s))))
    count = math.floor(elapsed_s[-1] / step_s) + 1
    index = np.minimum((elapsed_s / step_s).astype(np.intp), count - 1)
    t_s = (np.arange(count) + 0.5) * step_s
    recorded_w = _means(index, trace.power_w, np.ones(len(index), bool), t_s)
    live = trace.live()
    known = np.bincount(index[live], minlength=count) > 0
    return Binned(
        step_s,
        t_s,
        levels(recorded_w) if level else recorded_w,
        recorded_w,
        _means(index, trace.die_c, live, t_s),
        known,
        float(trace.die_c[0]),
    )


def _means(index: NDArray[np.intp], value: Array, use: Mask, t_s: Array) -> Array:
    count = np.bincount(index[use], minlength=len(t_s))
    total = np.bincount(index[use], weights=value[use], minlength=len(t_s))
    filled = count > 0
    return np.asarray(np.interp(t_s, t_s[filled], total[filled] / count[filled]))


def levels(power_w: Array) -> Array:
    """Return power as the mean of each load, split where a step stands out from its noise.

    A supply that is sampled once a second catches bursts of milliseconds by
    chance. The heat follows their mean, so within a load the mean is the
    better witness; and where power is free of noise, every change stays.

    >>> levels(np.repeat([2.0, 4.0, 2.0], 30)).tolist() == [2.0] * 30 + [4.0] * 30 + [2.0] * 30
    True
    """
    edges = level_edges(power_w)
    means = [power_w[a:b].mean() for a, b in pairwise(edges)]
    return np.asarray(np.repeat(means, np.diff(edges)))


def level_edges(power_w: Array) -> list[int]:
    """Return where loads begin and end: binary segmentation of the mean, first 0, last n.

    Source: Scott & Knott, Biometrics 30 (1974); the penalty is ours.
    """
    noise_w2 = _noise_w2(power_w)
    least_w2 = max(LEVEL_PENALTY * noise_w2 * math.log(len(power_w)), 1e-9)
    total = np.append(0.0, np.cumsum(power_w))
    found, open_spans = [0, len(power_w)], [(0, len(power_w))]
    while open_spans:
        first, last = open_spans.pop()
        split = _split(total, first, last, least_w2)
        if split is not None:
            found.append(split)
            open_spans += [(first, split), (split, last)]
    return sorted(found)


def _noise_w2(power_w: Array) -> float:
    """Return the variance of a bin, without the few steps from load to load."""
    squares = np.sort(np.diff(power_w) ** 2)
    return float(squares[: max(1, int(0.98 * len(squares)))].mean()) / 2.0


def _split(total: Array, first: int, last: int, least_w2: float) -> int | None:
    middle = np.arange(first + SHORTEST_LOAD_BINS, last - SHORTEST_LOAD_BINS + 1)
    if not len(middle):
        return None
    before, after = middle - first, last - middle
    step_w = (total[middle] - total[first]) / before - (total[last] - total[middle]) / after
    gain_w2 = before * after / (last - first) * step_w**2
    best = int(gain_w2.argmax())
    return int(middle[best]) if gain_w2[best] > least_w2 else None
