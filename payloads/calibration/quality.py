"""How far a prediction is from a recording, and which order of network recordings ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from payloads.calibration.fit import Fitted, delayed, fit
from payloads.calibration.network import simulate
from payloads.calibration.surroundings import ORBIT_S, Surroundings
from payloads.calibration.traces import Array, Binned, Mask

ORDERS = (1, 2, 3)  # nodes
# A larger network must earn its nodes: with as few recordings as there are, a gain of less
# than this share in cross-validated error is chance.
WORTH_A_NODE = 0.05
FOLD_S = 1500.0  # stretches left out in turn: a quarter of an orbit


@dataclass(frozen=True, slots=True)
class Errors:
    """Predicted less measured, °C."""

    mae_c: float
    rmse_c: float
    bias_c: float
    worst_c: float

    @staticmethod
    def of(predicted_c: Array, measured_c: Array) -> Errors:
        """Return the errors of a prediction.

        >>> Errors.of(np.array([1.0, 3.0]), np.array([2.0, 0.0]))
        Errors(mae_c=2.0, rmse_c=2.23606797749979, bias_c=1.0, worst_c=3.0)
        """
        off_c = predicted_c - measured_c
        size_c = np.abs(off_c)
        rmse_c = float(np.sqrt(np.mean(off_c**2)))
        return Errors(float(size_c.mean()), rmse_c, float(off_c.mean()), float(size_c.max()))


@dataclass(frozen=True, slots=True)
class Order:
    """A network of ``nodes`` and its mean absolute errors on what it was not fitted to.

    ``between_c``: each recording predicted by a fit to the others, in their
    order; none where there is only one. ``within_c``: alternate stretches of
    all recordings predicted by a fit to the rest.
    """

    nodes: int
    fitted: Fitted
    between_c: tuple[float, ...]
    within_c: float

    @property
    def score_c(self) -> float:
        """Return the error that orders are compared by."""
        return float(np.mean(self.between_c)) if self.between_c else self.within_c


def compare(records: Sequence[Binned], period_s: float = ORBIT_S) -> tuple[Order, ...]:
    """Fit and cross-validate every order.

    Raises:
        ValueError: the recordings cannot tell the parameters apart.
    """
    return tuple(_order(records, nodes, period_s) for nodes in ORDERS)


def chosen(orders: Sequence[Order]) -> Order:
    """Return the smallest network whose error is as good as the best, WORTH_A_NODE aside."""
    best_c = min(order.score_c for order in orders)
    return next(order for order in orders if order.score_c <= best_c * (1.0 + WORTH_A_NODE))


def _order(records: Sequence[Binned], nodes: int, period_s: float) -> Order:
    whole = fit(records, nodes, period_s)
    return Order(
        nodes, whole, _between(records, nodes, period_s), _within(records, whole, period_s)
    )


def _between(records: Sequence[Binned], nodes: int, period_s: float) -> tuple[float, ...]:
    errors_c = []
    for k, record in enumerate(records):
        others = [other for i, other in enumerate(records) if i != k]
        try:
            found = fit(others, nodes, period_s)
        except ValueError:  # none left, or what is left is constant
            return ()
        late_s = float(np.mean(found.late_s))
        errors_c.append(
            _mae_c(found, record, found.surroundings, (record.start_c, late_s), record.known)
        )
    return tuple(errors_c)


def _within(records: Sequence[Binned], whole: Fitted, period_s: float) -> float:
    total_c, count = 0.0, 0
    nodes = len(whole.network.capacities_j_per_k)
    for turn in (0, 1):
        left_out = [_stretches(record, turn) for record in records]
        masks = [r.known & ~out for r, out in zip(records, left_out, strict=True)]
        found = fit(records, nodes, period_s, masks, like=whole)
        for k, (record, out) in enumerate(zip(records, left_out, strict=True)):
            judged = record.known & out
            if judged.any():
                start = found.start_c[k], found.late_s[k]
                mae_c = _mae_c(found, record, found.each[k], start, judged)
                total_c, count = total_c + mae_c * int(judged.sum()), count + int(judged.sum())
    return total_c / max(count, 1)


def _stretches(record: Binned, turn: int) -> Mask:
    length_s = min(FOLD_S, float(record.t_s[-1]) / 4.0)
    return np.asarray((record.t_s / length_s).astype(np.intp) % 2 == turn)


def _mae_c(
    found: Fitted, record: Binned, around: Surroundings, start: tuple[float, float], judged: Mask
) -> float:
    start_c, late_s = start
    power_w = delayed(record.power_w, late_s / record.step_s)
    around_c = around.at(record.t_s)
    die_c = simulate(found.network, power_w, around_c, start_c, record.step_s)
    return float(np.abs(die_c - record.die_c)[judged].mean())
