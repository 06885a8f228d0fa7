"""Predicts a recording from its power alone, or from its load alone through the governor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from payloads.calibration.fit import delayed
from payloads.calibration.network import bent_k, simulate
from payloads.calibration.traces import Array, Binned, Trace, binned
from payloads.calibration.twin import FULL_SHARE, NEAR_LIMIT_K, Throttle, Twin, loaded

LOAD_READ_S = 600.0  # how long a load is read from a recording, at most
LOOP_S = 1.0  # how often the closed loop looks at the die


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predicted series at the samples of a recording, shape (n,).

    ``throttled`` is the chance that the clock is below full there. ``load_w``
    is what the closed loop was given, None in the open one.
    """

    die_c: Array
    power_w: Array
    clock_mhz: Array
    throttled: Array
    load_w: float | None = None


def open_loop(twin: Twin, trace: Trace) -> Prediction:
    """Predict from the first die temperature and the recorded power, nothing else."""
    record = binned(trace)
    power_w = delayed(record.power_w, twin.late_s / record.step_s)
    around_c = twin.surroundings.at(record.t_s)
    die_c = simulate(twin.network, power_w, around_c, record.start_c, record.step_s)
    busy = delayed(loaded(record).astype(np.float64), twin.late_s / record.step_s)
    both = [twin.throttle.expected(c, twin.flicker_c) for c in die_c.tolist()]
    full_mhz = twin.throttle.full_mhz
    clock_mhz = np.where(busy > 0.5, [clock for clock, _ in both], full_mhz)
    slowed = np.where(busy > 0.5, [share for _, share in both], 0.0)
    return _at_samples(trace, record, (die_c, power_w, clock_mhz, slowed))


def closed_loop(twin: Twin, trace: Trace, load_w: float | None = None) -> Prediction:
    """Predict temperature, power and clock from the first die temperature and the load.

    ``load_w`` is drawn at full clock while a load runs; without it, it is read
    from the first unthrottled minutes of the recording. From the recording
    come besides: when the load runs, and what is drawn when it does not.

    Raises:
        ValueError: no minute of load at full clock is there to read it from,
            or ``load_w`` is not above what is drawn without a load.
    """
    record = binned(trace)
    read = None
    if load_w is None:
        read = _unthrottled(twin, trace, record)
        load_w = float(record.recorded_w[read].mean())
    idle_w = min(twin.idle_w, float(record.power_w.min()))
    if load_w <= idle_w:
        raise ValueError(
            f"a load of {load_w:g} W is not above the {idle_w:.2f} W that the board draws without; "
            "give the watts of the whole board at full clock, for example --load-w 5.5"
        )
    at_c = _load_temperature_c(twin, record, load_w, read)
    return _at_samples(trace, record, _Loop(twin, record, load_w, idle_w, at_c).run(), load_w)


def _load_temperature_c(
    twin: Twin,
    record: Binned,
    load_w: float,
    read: np.ndarray[tuple[int], np.dtype[np.intp]] | None,
) -> float:
    """Return the die temperature at which a load draws its watts.

    A load read from a recording drew them as warm as it was then predicted
    to be; one that a person gives, at the limit where throttling sets in.
    """
    if read is None:
        return twin.throttle.soft_c
    power_w = delayed(record.power_w, twin.late_s / record.step_s)
    around_c = twin.surroundings.at(record.t_s)
    die_c = simulate(twin.network, power_w, around_c, record.start_c, record.step_s)
    return float(die_c[read].mean())


def _unthrottled(
    twin: Twin, trace: Trace, record: Binned
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the first bins of a load that nothing had slowed."""
    fit_to_read = loaded(record) & (record.die_c < twin.throttle.soft_c - NEAR_LIMIT_K)
    if trace.clock_mhz is not None:
        clock_mhz = np.interp(record.t_s, trace.elapsed_s, trace.clock_mhz)
        fit_to_read &= clock_mhz >= FULL_SHARE * twin.throttle.full_mhz
    bins = np.flatnonzero(fit_to_read)
    bins = bins[: max(1, round(LOAD_READ_S / record.step_s))]
    if len(bins) * record.step_s < 60.0:
        raise ValueError(
            "has no minute of load at full clock, below "
            f"{twin.throttle.soft_c - NEAR_LIMIT_K:g} °C, to read the load from; "
            "say it, for example --load-w 5.5"
        )
    return np.asarray(bins)


@dataclass(frozen=True, slots=True)
class _Loop:
    """The board stepped through a recording, governor and heat by turns."""

    twin: Twin
    record: Binned
    load_w: float
    idle_w: float
    at_c: float

    def power_w(self, die_c: float, clock_mhz: float) -> float:
        """Return what a load draws at a die temperature and clock."""
        full_w = self.load_w + self.twin.leakage_w_per_k * (die_c - self.at_c)
        share = (clock_mhz / self.twin.throttle.full_mhz) ** self.twin.throttle.exponent
        return self.idle_w + max(full_w - self.idle_w, 0.0) * float(share)

    def run(self) -> tuple[Array, Array, Array, Array]:
        """Return die temperature, power, clock and chance of throttling, one per bin."""
        twin, record, throttle = self.twin, self.record, self.twin.throttle
        late = twin.late_s / record.step_s
        busy = (delayed(loaded(record).astype(np.float64), late) > 0.5).tolist()
        resting_w = delayed(np.where(loaded(record), self.idle_w, record.power_w), late).tolist()
        around_c = twin.surroundings.at(record.t_s).tolist()
        board = _Board(twin, record.start_c, float(record.power_w[0]), record.step_s)
        rows = []
        for runs, rest_w, outside_c in zip(busy, resting_w, around_c, strict=True):
            rows.append(self._bin(board, throttle, runs, rest_w, outside_c))
        die_c, power_w, clock_mhz, slowed = np.array(rows).T
        return die_c, power_w, clock_mhz, slowed

    def _bin(
        self, board: _Board, throttle: Throttle, runs: bool, rest_w: float, outside_c: float
    ) -> tuple[float, float, float, float]:
        total = [0.0, 0.0, 0.0, 0.0]
        for _ in range(board.turns):
            clock_mhz, slowed, power_w = throttle.full_mhz, 0.0, rest_w
            if runs:
                clock_mhz, slowed = throttle.expected(board.die_c, self.twin.flicker_c)
                power_w = self.power_w(board.die_c, clock_mhz)
            board.step(power_w, outside_c)
            for k, value in enumerate((board.die_c, power_w, clock_mhz, slowed)):
                total[k] += value / board.turns
        return total[0], total[1], total[2], total[3]


class _Board:
    """The network's modes, one short step at a time."""

    def __init__(self, twin: Twin, start_c: float, power_w: float, step_s: float) -> None:
        """Start as an open-loop simulation does."""
        rates, vectors = twin.network.modes()
        self.turns = max(1, math.ceil(step_s / LOOP_S))
        short_s = step_s / self.turns
        self._conductance, self._radiative = (
            twin.network.conductances_w_per_k[-1],
            twin.network.radiative,
        )
        self._decay = np.exp(rates * short_s)
        self._gain = (self._decay - 1.0) / rates
        self._first, self._last = vectors[0], vectors[-1]
        self._modes = np.linalg.solve(vectors, twin.network.at_start_c(start_c, power_w))
        self.die_c = start_c

    def step(self, power_w: float, around_c: float) -> None:
        """Go on by one turn at constant power; radiation is held over it."""
        last_c = self._last @ self._modes
        rest_w = self._conductance * (around_c - self._radiative * float(bent_k(last_c)))
        push = self._first * power_w + self._last * rest_w
        self._modes = self._decay * self._modes + self._gain * push
        self.die_c = float(self._first @ self._modes)


def _at_samples(
    trace: Trace,
    record: Binned,
    series: tuple[Array, Array, Array, Array],
    load_w: float | None = None,
) -> Prediction:
    elapsed_s = trace.elapsed_s
    die_c, power_w, clock_mhz, slowed = (np.interp(elapsed_s, record.t_s, s) for s in series)
    die_c[0] = trace.die_c[0]
    return Prediction(die_c, power_w, clock_mhz, slowed, load_w)
