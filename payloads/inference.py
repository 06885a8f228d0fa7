"""The work of a payload: a camera's picture goes through a model, and may become a product."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.board import WorkResult
from firmware_bridge.faults import FaultEvent, FaultSite, Outcome
from payloads.answer import UNDECIDED
from payloads.arithmetic import Arithmetic
from payloads.loaded import LoadedModel, Prepared
from payloads.model import ModelError
from payloads.runtime import Arrays
from payloads.scene import Camera, Tile

JPEG_QUALITY = 70

Encoder = Callable[[NDArray[np.uint8]], bytes]


class Inference:
    """Runs one of its models on what a camera sees; the first of them is loaded at the start.

    All of them look through the same camera. Only the loaded one has a
    session, and only its weights and inputs can be struck; the session of
    another is built when that is loaded.

    Raises:
        ModelError: the runtime refuses the first model.
        ValueError: there is no model, or one without a name.
    """

    def __init__(
        self, models: Mapping[str, Prepared], camera: Camera, encode: Encoder | None = None
    ) -> None:
        if not models or "" in models:
            raise ValueError(f"models must have names, at least one, not {list(models)}")
        self._models, self._camera = dict(models), camera
        self._encode = encode or jpeg
        self._name, first = next(iter(self._models.items()))
        self._loaded = LoadedModel(first)

    @property
    def arithmetic(self) -> Arithmetic:
        """Return what one inference of the loaded model costs."""
        return self._loaded.arithmetic

    @property
    def gflop(self) -> float:
        """Return the floating-point operations of one inference of the loaded model, in 1e9."""
        return self._loaded.arithmetic.gflop

    def rehearse(self, t_s: float = 0.0, model: str = "") -> WorkResult:
        """Run one picture through a model before the flight, and check what comes out.

        Without a name it is the loaded one; another is let go again.

        Raises:
            ModelError: there is no such model, it does not load, or it fails
                as `LoadedModel.rehearse` says.
        """
        loaded = self._loaded if model in ("", self._name) else self._build(model)
        tile = self._camera.tile(t_s)
        return self._answer(loaded, tile, Outcome.NOMINAL, loaded.rehearse(tile.pixels))

    def run(self, t_s: float) -> WorkResult:
        """Take a picture, decide what is in it and encode it if it is worth keeping.

        Where the model gives no answer to trust the result is a DUE without
        one: so it would be on board, and the flight go on.

        Raises:
            ModelError: the camera's picture has another size than the input.
        """
        tile = self._camera.tile(t_s)
        outcome, outputs = self._loaded.run(tile.pixels)
        if outcome is Outcome.DUE:
            return WorkResult(UNDECIDED, math.nan, outcome, figures=_truth(tile))
        return self._answer(self._loaded, tile, outcome, outputs)

    def fetch(self, t_s: float) -> bytes:
        """Return the picture taken at ``t_s``, encoded, whatever is in it.

        The camera renders that moment again, which stands for the board's own
        storage; the model does not look at it.
        """
        return self._encode(self._camera.tile(t_s).pixels)

    def strike(self, fault: FaultEvent) -> FaultSite | None:
        """Flip bits of the loaded model; see `LoadedModel.strike`."""
        return self._loaded.strike(fault)

    def load(self, model: str = "") -> None:
        """Load a model, or without a name the loaded one afresh: nothing stays corrupted.

        Raises:
            ModelError: there is no such model, the runtime refuses it, or its
                file is no longer the one that was read.
        """
        if model in ("", self._name):
            self._loaded.reload()
        else:
            self._loaded, self._name = self._build(model), model

    def _build(self, model: str) -> LoadedModel:
        if model not in self._models:
            raise ModelError(f"there is no model {model!r}; there is {', '.join(self._models)}")
        return LoadedModel(self._models[model])

    def _answer(
        self, loaded: LoadedModel, tile: Tile, outcome: Outcome, outputs: Arrays
    ) -> WorkResult:
        answer = loaded.answers.read(outputs)
        return WorkResult(
            label=answer.label,
            score=answer.score,
            outcome=outcome,
            product=self._encode(tile.pixels) if loaded.answers.kept(answer) else b"",
            figures={**_truth(tile), **answer.figures},
        )


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture, uint8 of shape (height, width, 3), as a JPEG."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _truth(tile: Tile) -> dict[str, float]:
    return {} if tile.cloud_fraction is None else {"cloud_fraction_truth": tile.cloud_fraction}
