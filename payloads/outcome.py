"""Decides what an answer says, and what corruption did to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.faults import Outcome

Arrays = Sequence[NDArray[np.generic]]


def decision(outputs: Arrays) -> int | None:
    """Return the class with the highest score in the first output.

    None where the first output is no class scores, of shape (K,) or (1, K)
    with K ≥ 2, or has a NaN among them. The first of equal scores wins.

    >>> decision([np.array([[0.1, 0.7, 0.2]])]), decision([np.array([0.5])])
    (1, None)
    """
    scores = outputs[0]
    if not is_class_scores(scores) or not _not_nan(scores):
        return None
    return int(np.argmax(scores))


def is_class_scores(output: NDArray[np.generic]) -> bool:
    """Return whether an output has the shape (K,) or (1, K), K ≥ 2, and numbers in it."""
    numeric = output.dtype.kind in "fiu"
    return numeric and output.shape in ((output.size,), (1, output.size)) and output.size >= 2


def compare(golden: Arrays, corrupted: Arrays) -> Outcome:
    """Return what became of an answer under corruption.

    DUE where a number is not finite and the golden one is; CRITICAL where the
    decision changed; SDC where any bit did, the sign of a zero included;
    MASKED otherwise.
    """
    pairs = list(zip(golden, corrupted, strict=True))
    if any(_broke(before, after) for before, after in pairs):
        return Outcome.DUE
    if decision(golden) != decision(corrupted):
        return Outcome.CRITICAL
    if all(_same_bits(before, after) for before, after in pairs):
        return Outcome.MASKED
    return Outcome.SDC


def finite(outputs: Arrays) -> bool:
    """Return whether every number of an answer is finite."""
    return all(output.dtype.kind != "f" or bool(np.isfinite(output).all()) for output in outputs)


def _broke(golden: NDArray[np.generic], corrupted: NDArray[np.generic]) -> bool:
    if corrupted.dtype.kind != "f":
        return False
    broken = ~np.isfinite(corrupted)
    if golden.shape == corrupted.shape:
        broken &= np.isfinite(golden)
    return bool(broken.any())


def _same_bits(golden: NDArray[np.generic], corrupted: NDArray[np.generic]) -> bool:
    if golden.shape != corrupted.shape or golden.dtype != corrupted.dtype:
        return False
    if golden.dtype.kind == "O":  # texts: their bytes here are only addresses
        return bool((golden == corrupted).all())
    return golden.tobytes() == corrupted.tobytes()


def _not_nan(scores: NDArray[np.generic]) -> bool:
    return scores.dtype.kind != "f" or not bool(np.isnan(scores).any())
