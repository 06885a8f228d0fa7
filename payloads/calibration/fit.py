"""Fits a network, and the surroundings of each recording, to what was recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from payloads.calibration.network import Network, simulate_ends
from payloads.calibration.surroundings import ORBIT_S, Surroundings
from payloads.calibration.traces import Array, Binned, Mask

# What a single bin is worth: a deviation of RESIDUAL_C lasts about MEMORY_S, since what is
# not in the model (the orbit's higher harmonics) is slow. Both seen on the recordings of a
# Raspberry Pi in orbit. They set how much the beliefs below count; how much the result depends on
# them was not studied.
RESIDUAL_C, MEMORY_S = 0.6, 300.0
NUDGE = 1e-3  # for derivatives: what it moves stays far above the simulation's 1e-6 K
BLOCK_S = 1200.0  # of the errors that are taken as independent of each other
LEAST_STEP_W = 0.2  # between loads; less than that hides in a supply's noise

# [assumed] beliefs before any recording, as (expected, standard deviation).
LOG_CAPACITY = {1: (3.0,), 2: (1.0, 2.7), 3: (1.0, 2.5, 4.0)}  # ln of J/K
LOG_CONDUCTANCE = {1: (-2.7,), 2: (-1.5, -2.5), 3: (-1.5, -1.5, -1.5)}  # ln of W/K
LOG_SD = 1.5  # factor 4.5 either way
# A bare board in vacuum: 0.01 m² at emissivity 0.9 and 50 °C radiates 0.07 W/K, and its
# stand-offs conduct as much. So half, and nearly anything is possible.
RADIATIVE, RADIATIVE_SD = 0.5, 0.25
MEAN_C, MEAN_SD_C = 10.0, 50.0
SWING_SD_C, DRIFT_SD_C = 3.0, 3.0  # of the surroundings all recordings have in common
OWN_SD_C = (2.0, 0.7, 0.7, 2.0)  # of one recording against those, in order of COMPONENTS
OWN = 6  # surroundings, start, lateness
START_SD_C = 2.0  # of the die when a recording begins, against its first reading
# Two recorders may differ in their clocks (a guess at the cause): the load of a Pi in orbit
# ended 20 s and 60 s earlier in its power than in its die temperature.
LATE_SD_S = 60.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network with its uncertainty, and surroundings: of most recordings, and of each fitted.

    ``late_s`` is by how much each recording's temperatures lag its power, ``start_c`` its first
    die temperature.

    ``names`` and ``covariance`` belong to the free parameters that recordings
    share: logarithms of capacities and conductances, the radiative share, and
    the four components of the surroundings.
    """

    network: Network
    surroundings: Surroundings
    each: tuple[Surroundings, ...]
    late_s: tuple[float, ...]
    start_c: tuple[float, ...]
    names: tuple[str, ...]
    values: tuple[float, ...]
    covariance: Array
    parameters: Array  # all of them: where a like fit may start

    def sd(self, name: str) -> float:
        """Return the standard deviation of a parameter by name."""
        k = self.names.index(name)
        return math.sqrt(max(float(self.covariance[k, k]), 0.0))


def fit(
    records: Sequence[Binned],
    nodes: int,
    period_s: float = ORBIT_S,
    masks: Sequence[Mask] | None = None,
    like: Fitted | None = None,
) -> Fitted:
    """Fit a network of ``nodes`` to recordings; ``masks`` says which bins count.

    ``like`` is an earlier fit of the same recordings, to start from.

    Robust least squares (soft L1) over the network, the surroundings that
    recordings share, and each recording's own surroundings and start, held
    near the shared ones by the beliefs above.

    Raises:
        ValueError: the recordings cannot tell the parameters apart.
    """
    refuse_constant_power(records)
    problem = _Problem(tuple(records), nodes, period_s, tuple(masks or (r.known for r in records)))
    found = least_squares(
        problem.residuals,
        problem.guess() if like is None else like.parameters,
        jac=problem.jacobian,
        bounds=problem.bounds(),
        loss="soft_l1",
        x_scale="jac",
        ftol=1e-4,
        xtol=1e-4,
        max_nfev=30 if like is None else 8,
    )
    return problem.read(found.x)


def refuse_constant_power(records: Sequence[Binned]) -> None:
    """Refuse recordings in which power says nothing.

    Raises:
        ValueError: power stays at one level.
    """
    low = min(float(record.power_w.min()) for record in records)
    high = max(float(record.power_w.max()) for record in records)
    if high - low < LEAST_STEP_W:
        raise ValueError(
            f"power stays between {low:.2f} and {high:.2f} W, so a warm board and warm "
            f"surroundings look alike; what is missing is a load that changes by "
            f"{LEAST_STEP_W:g} W or more, for example an hour of load and an hour of idling"
        )


def delayed(power_w: Array, steps: float) -> Array:
    """Return power that comes ``steps`` later, in steps of its grid, between them in proportion.

    >>> delayed(np.array([0.0, 0.0, 1.0, 1.0]), 0.5).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    at = np.arange(len(power_w), dtype=np.float64)
    return np.asarray(np.interp(at - steps, at, power_w))


@dataclass(frozen=True, slots=True)
class _Problem:
    """Parameters: shared (2n + 1 of the network, 4 of the surroundings), then OWN per recording."""

    records: tuple[Binned, ...]
    nodes: int
    period_s: float
    masks: tuple[Mask, ...]

    @property
    def inner(self) -> int:
        """Return how many parameters the network has."""
        return 2 * self.nodes + 1

    @property
    def shared(self) -> int:
        """Return how many parameters all recordings have in common."""
        return self.inner + 4

    @property
    def until_s(self) -> float:
        """Return how long the longest recording is."""
        return max(float(record.t_s[-1]) for record in self.records)

    def _beliefs(self) -> tuple[Array, Array]:
        """Return what each parameter is expected to be, and its standard deviation."""
        expected = [*LOG_CAPACITY[self.nodes], *LOG_CONDUCTANCE[self.nodes], RADIATIVE]
        sd = [LOG_SD] * (2 * self.nodes) + [RADIATIVE_SD]
        expected += [MEAN_C, 0.0, 0.0, 0.0]
        sd += [MEAN_SD_C, SWING_SD_C, SWING_SD_C, DRIFT_SD_C]
        for record in self.records:
            expected += [0.0, 0.0, 0.0, 0.0, record.start_c, 0.0]
            sd += [*OWN_SD_C, START_SD_C, LATE_SD_S]
        return np.array(expected), np.array(sd)

    def guess(self) -> Array:
        """Return where to start: late, so that a step is found from its near side."""
        guess = self._beliefs()[0]
        guess[self.shared + OWN - 1 :: OWN] = 0.5 * LATE_SD_S
        return guess

    def bounds(self) -> tuple[Array, Array]:
        """Return between what a parameter may move: a share is a share, e⁹ J/K a satellite."""
        guess = self.guess()
        low, high = np.full(len(guess), -np.inf), np.full(len(guess), np.inf)
        low[: self.inner - 1], high[: self.inner - 1] = -9.0, 9.0
        low[self.inner - 1], high[self.inner - 1] = -1e-9, 1.0 + 1e-9
        return low, high

    def network(self, x: Array) -> Network:
        """Return the network of some parameters."""
        n = self.nodes
        return Network(
            tuple(np.exp(x[:n]).tolist()),
            tuple(np.exp(x[n : 2 * n]).tolist()),
            float(np.clip(x[2 * n], 0.0, 1.0)),
        )

    def _own(self, k: int) -> slice:
        return slice(self.shared + OWN * k, self.shared + OWN * (k + 1))

    def around(self, x: Array, k: int | None) -> Surroundings:
        """Return the surroundings of recording ``k``, or those that all share."""
        parts = x[self.inner : self.shared]
        if k is not None:
            parts = parts + x[self._own(k)][:4]
        mean_c, cosine_c, sine_c, drift_c = parts.tolist()
        return Surroundings(mean_c, cosine_c, sine_c, drift_c, self.period_s, self.until_s)

    def predicted(self, x: Array, k: int) -> Array:
        """Return die temperatures of recording ``k``."""
        return self._ends(x, k)[0]

    def _ends(self, x: Array, k: int, near_c: Array | None = None) -> tuple[Array, Array]:
        record = self.records[k]
        around_c = self.around(x, k).at(record.t_s)
        start_c, late_s = x[self._own(k)][4:].tolist()
        power_w = delayed(record.power_w, late_s / record.step_s)
        return simulate_ends(self.network(x), power_w, around_c, start_c, record.step_s, near_c)

    def _weight(self, k: int) -> Array:
        worth = math.sqrt(min(self.records[k].step_s / MEMORY_S, 1.0)) / RESIDUAL_C
        return np.asarray(np.where(self.masks[k], worth, 0.0))

    def residuals(self, x: Array) -> Array:
        """Return weighted errors of every bin, then of every belief."""
        expected, sd = self._beliefs()
        errors = [
            (self.predicted(x, k) - record.die_c) * self._weight(k)
            for k, record in enumerate(self.records)
        ]
        return np.concatenate([*errors, (x - expected) / sd])

    def _nudge(self, x: Array, j: int) -> float:
        """Return a step for a derivative, away from the end of a share."""
        if j == self.inner - 1 and x[j] > 0.5:
            return -NUDGE
        return 100.0 * NUDGE if j >= self.shared else NUDGE

    def jacobian(self, x: Array) -> Array:
        """Return derivatives; what one recording's parameters do to another is nothing."""
        _, sd = self._beliefs()
        rows = []
        for k, record in enumerate(self.records):
            block: Array = np.zeros((len(record.t_s), len(x)))
            (base, near_c), own = self._ends(x, k), self._own(k).start
            for j in (*range(self.shared), own + 4, own + 5):
                moved = x.copy()
                moved[j] += self._nudge(x, j)
                block[:, j] = (self._ends(moved, k, near_c)[0] - base) / self._nudge(x, j)
            block[:, own : own + 4] = block[:, self.inner : self.shared]
            rows.append(block * self._weight(k)[:, None])
        return np.vstack([*rows, np.diag(1.0 / sd)])

    def read(self, x: Array) -> Fitted:
        """Return what the parameters say."""
        from_inner = [
            f"{kind}_{i}" for kind in ("capacity", "conductance") for i in range(self.nodes)
        ]
        shared = slice(0, self.shared)
        return Fitted(
            self.network(x),
            self.around(x, None),
            tuple(self.around(x, k) for k in range(len(self.records))),
            tuple(x[self.shared + OWN - 1 :: OWN].tolist()),
            tuple(x[self.shared + OWN - 2 :: OWN].tolist()),
            (*from_inner, "radiative", "mean_c", "cosine_c", "sine_c", "drift_c"),
            tuple(x[shared].tolist()),
            self._covariance(x)[shared, shared],
            x,
        )

    def _covariance(self, x: Array) -> Array:
        """Return the covariance, errors within a block of BLOCK_S free to go together.

        Source: Liang & Zeger, Biometrika 73 (1986), the clustered sandwich.
        """
        jacobian, errors = self.jacobian(x), self.residuals(x)
        bread = np.linalg.inv(jacobian.T @ jacobian)
        scores, first = [], 0
        for record in self.records:
            size = max(1, round(BLOCK_S / record.step_s))
            last = first + len(record.t_s)
            scores += [
                jacobian[i : min(i + size, last)].T @ errors[i : min(i + size, last)]
                for i in range(first, last, size)
            ]
            first = last
        beliefs = jacobian[first:]
        meat = np.array(scores).T @ np.array(scores) + beliefs.T @ beliefs
        return np.asarray(bread @ meat @ bread)
