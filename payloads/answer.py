"""What a model's outputs say: a label, how sure of it, and figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from payloads.model import Key, ModelError, ModelFile
from payloads.outcome import decision, is_class_scores

UNDECIDED = "-"

Arrays = Sequence[NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Names of the classes, and which of them are worth sending to the ground.

    Without ``labels`` a class is called by the model's own names, or by its
    number. ``keep`` None keeps every picture.
    """

    labels: tuple[str, ...] = ()
    keep: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read out of the outputs; without class scores the score is NaN."""

    label: str
    score: float
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answers:
    """Reads the outputs of one model; ``outputs`` are their names."""

    model: ModelFile
    outputs: tuple[str, ...]
    selection: Selection

    def read(self, outputs: Arrays) -> Answer:
        """Return the answer; outputs that are one finite number become figures."""
        top = decision(outputs)
        if top is None:
            return Answer(UNDECIDED, math.nan, self._scalars(outputs))
        return Answer(self._label(top), self._score(outputs[0], top), self._scalars(outputs))

    def kept(self, answer: Answer) -> bool:
        """Return whether the picture is worth sending."""
        return self.selection.keep is None or answer.label in self.selection.keep

    def check(self, outputs: Arrays) -> None:
        """Check what the model really gives, and labels and selection against that.

        Raises:
            ModelError: a number is not finite, or labels or selection do not
                fit; its ``key`` is the model's where they are those of the file.
        """
        self._check_finite(outputs)
        name, output = self.outputs[0], outputs[0]
        if is_class_scores(output):
            self._check_labels(name, output.size)
            self._check_keep(output.size)
            return
        found = (
            f"{self.model.name}: output {name!r} is {output.dtype} {output.shape}, which is no "
            "class scores (1, K), so"
        )
        if self._labels_key == "labels":
            raise ModelError(f"{found} labels have nothing to name; leave labels out", "labels")
        if self.selection.keep is not None:
            raise ModelError(
                f"{found} keep has no label to choose by; leave keep out", self._keep_key
            )

    def _check_finite(self, outputs: Arrays) -> None:
        for name, output in zip(self.outputs, outputs, strict=True):
            if output.dtype.kind == "f" and not np.isfinite(output).all():
                broken = output[~np.isfinite(output)].flat[0]
                raise ModelError(
                    f"{self.model.name}: output {name!r} holds {broken} though nothing was struck; "
                    "export it again from finite weights, or scale its input as in training"
                )

    def _check_labels(self, name: str, classes: int) -> None:
        labels = self._labels
        if labels and len(labels) != classes:
            raise ModelError(
                f"{self.model.name}: output {name!r} gives {classes} scores, but there are "
                f"{len(labels)} labels ({', '.join(labels)}); name one for each score",
                self._labels_key,
            )
        for label, times in Counter(labels).most_common(1):
            if times > 1:
                raise ModelError(
                    f"{self.model.name}: the labels of output {name!r} name {label!r} {times} "
                    "times; give each score a label of its own",
                    self._labels_key,
                )

    def _check_keep(self, classes: int) -> None:
        known = [self._label(k) for k in range(classes)]
        for label in sorted(self.selection.keep or ()):
            if label not in known:
                raise ModelError(
                    f"{self.model.name} knows no label {label!r} to keep; it knows "
                    f"{', '.join(known)}",
                    self._keep_key,
                )

    @property
    def _labels(self) -> tuple[str, ...]:
        return self.selection.labels or self.model.labels

    @property
    def _labels_key(self) -> Key:
        return "model" if self._labels == self.model.labels else "labels"

    @property
    def _keep_key(self) -> Key:
        own = None if self.model.keep is None else frozenset(self.model.keep)
        return "model" if self.selection.keep == own else "keep"

    def _label(self, top: int) -> str:
        labels = self._labels
        return labels[top] if top < len(labels) else str(top)

    def _score(self, scores: NDArray[np.generic], top: int) -> float:
        """Return the confidence of class ``top``.

        The softmax of the scores, or the score itself where the model ends in
        a softmax or sigmoid; NaN for integer scores, whose scale is not known.
        """
        if scores.dtype.kind != "f":
            return math.nan
        values = scores.astype(np.float64).ravel()
        if self.model.scores_are_probabilities:
            return float(values[top])
        if not np.isfinite(values[top]):
            return math.nan
        with np.errstate(over="ignore"):  # a difference of -inf has the right exponential, 0
            return float(1.0 / np.exp(values - values[top]).sum())

    def _scalars(self, outputs: Arrays) -> dict[str, float]:
        return {
            name: float(output.item())
            for name, output in zip(self.outputs, outputs, strict=True)
            if output.size == 1 and output.dtype.kind in "fiu" and math.isfinite(output.item())
        }
