"""The work of a payload: a camera's picture goes through a model, and may become a product."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.board import WorkResult
from firmware_bridge.faults import FaultEvent, FaultKind, FaultSite, Outcome
from payloads.answer import UNDECIDED, Answers, Selection
from payloads.arithmetic import Arithmetic, count
from payloads.image_input import InputSpec
from payloads.injection.memory import WeightMemory
from payloads.injection.sites import SiteError, choose, flip
from payloads.model import ModelError, ModelFile
from payloads.outcome import compare, finite
from payloads.runtime import Arrays, Session
from payloads.scene import Camera, Tile
from payloads.storage import STORAGE, Cells

JPEG_QUALITY = 70

Encoder = Callable[[NDArray[np.uint8]], bytes]
Tensor = NDArray[np.generic]


class Inference:
    """Runs a model on what a camera sees; bits of its weights and inputs can flip.

    An upset weight stays until `reload`. Its effect is exact on any model,
    because the session is built again from the altered file before the next
    run; flipping the session's own buffer is silently ignored by many
    operators. That costs one session build after a strike (measured on one
    x86-64 core: 0.8 ms for 84,000 float32 weights, 2.1 ms for their int8 form)
    and a second inference per run while corrupted, for the golden answer.

    Raises:
        ModelError: the runtime refuses the model.
    """

    def __init__(
        self,
        model: ModelFile,
        camera: Camera,
        spec: InputSpec,
        selection: Selection | None = None,
        encode: Encoder | None = None,
    ) -> None:
        self._model, self._camera, self._spec = model, camera, spec
        self._encode = encode or jpeg
        self._golden = Session(model.data, model.name)
        self._answers = Answers(model, self._golden.outputs, selection or Selection())
        self._memory: WeightMemory | None = None  # once a weight was struck
        self._struck: Session | ModelError | None = None  # None: to be built from the memory
        self._transients: list[FaultSite] = []
        self.arithmetic: Arithmetic = count(model, spec.shape)

    @property
    def gflop(self) -> float:
        """Return the floating-point operations of one inference, in 1e9."""
        return self.arithmetic.gflop

    def rehearse(self, t_s: float = 0.0) -> WorkResult:
        """Run one picture through twice before the flight, and check what comes out.

        Raises:
            ModelError: the picture does not fit, the model does not run, its
                answers are not finite, do not fit the labels, or differ in
                any bit from one run to the next.
        """
        tile = self._camera.tile(t_s)
        tensor = self._spec.to_tensor(tile.pixels)
        outputs = self._golden.run(tensor)
        self._answers.check(outputs)
        if compare(outputs, self._golden.run(tensor)) is not Outcome.MASKED:
            raise ModelError(
                f"{self._model.name} answers the same picture differently each time, so no flight "
                "could be repeated; export it without operators of chance, such as RandomUniform"
            )
        return self._answer(tile, outputs, Outcome.NOMINAL)

    def run(self, t_s: float) -> WorkResult:
        """Take a picture, decide what is in it and encode it if it is worth keeping.

        A picture on which the model does not run, or gives no finite answer,
        ends in a DUE, struck or not: so it would on board, and the flight go on.

        Raises:
            ModelError: the camera's picture has another size than the input.
        """
        tile = self._camera.tile(t_s)
        tensor = self._spec.to_tensor(tile.pixels)
        struck = bool(self._transients) or self._corrupted
        try:
            golden = self._golden.run(tensor)
            outputs = self._session().run(self._disturbed(tensor)) if struck else golden
        except ModelError:  # the runtime crashed on it, as it would on board
            return self._lost(tile)
        if not finite(golden):
            return self._lost(tile)
        outcome = compare(golden, outputs) if struck else Outcome.NOMINAL
        return self._lost(tile) if outcome is Outcome.DUE else self._answer(tile, outputs, outcome)

    def strike(self, fault: FaultEvent) -> FaultSite | None:
        """Flip bits: of weights (SEU, MBU) until a reload, of the next input (SET) once.

        The site of a SET has NaN for its values: the picture is not taken yet.
        None where nothing is there to strike, or a given site is not in this model.
        """
        try:
            match fault.kind:
                case FaultKind.SEU | FaultKind.MBU:
                    return self._upset(fault)
                case FaultKind.SET:
                    return self._transient(fault)
                case FaultKind.SEFI | FaultKind.SEL:
                    return None  # these strike the board, not what it runs
        except SiteError:
            return None

    def reload(self) -> None:
        """Load the model afresh: nothing stays corrupted.

        Raises:
            ModelError: the file in memory is no longer the one that was read.
        """
        if hashlib.sha256(self._model.data).hexdigest() != self._model.sha256:
            raise ModelError(f"{self._model.name} differs from its SHA-256 {self._model.sha256}")
        self._memory, self._struck = None, None
        self._transients.clear()

    @property
    def _corrupted(self) -> bool:
        return self._memory is not None and self._memory.corrupted

    def _upset(self, fault: FaultEvent) -> FaultSite:
        memory = self._memory or WeightMemory(self._model)
        site = memory.flip(fault.site or memory.choose(fault.kind, fault.variates))
        self._memory, self._struck = memory, None
        return site

    def _transient(self, fault: FaultEvent) -> FaultSite:
        cells = self._input_cells()
        site = fault.site or choose([cells], fault.kind, fault.variates)
        if site.tensor != cells.name:
            raise SiteError(f"{self._model.name} has no input {site.tensor!r}")
        flip(bytearray(cells.size_bytes), cells, site)  # on nothing, to see that it is inside
        self._transients.append(site)
        return replace(site, before=math.nan, after=math.nan)

    def _input_cells(self) -> Cells:
        dtype = self._spec.tensor.dtype
        storage = next(storage for storage in STORAGE.values() if storage.name == dtype)
        return Cells(self._spec.tensor.name, storage, self._spec.shape)

    def _session(self) -> Session:
        """Return the session of the struck model, built if need be.

        Raises:
            ModelError: the runtime refuses the struck model, each time.
        """
        if self._memory is None or not self._memory.corrupted:
            return self._golden
        if self._struck is None:
            try:
                self._struck = Session(self._memory.model_bytes(), self._model.name)
            except ModelError as refusal:
                self._struck = refusal
        if isinstance(self._struck, ModelError):
            raise self._struck
        return self._struck

    def _disturbed(self, tensor: Tensor) -> Tensor:
        """Return the input with the transients that wait for it; they are spent."""
        if not self._transients:
            return tensor
        memory, cells = bytearray(tensor.tobytes()), self._input_cells()
        for site in self._transients:
            flip(memory, cells, site)
        self._transients.clear()
        return np.frombuffer(bytes(memory), tensor.dtype).reshape(tensor.shape)

    def _answer(self, tile: Tile, outputs: Arrays, outcome: Outcome) -> WorkResult:
        answer = self._answers.read(outputs)
        return WorkResult(
            label=answer.label,
            score=answer.score,
            outcome=outcome,
            product=self._encode(tile.pixels) if self._answers.kept(answer) else b"",
            figures={**_truth(tile), **answer.figures},
        )

    def _lost(self, tile: Tile) -> WorkResult:
        """Return the result of a run that gave no answer to trust."""
        self._transients.clear()
        return WorkResult(UNDECIDED, math.nan, Outcome.DUE, figures=_truth(tile))


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture, uint8 of shape (height, width, 3), as a JPEG."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _truth(tile: Tile) -> dict[str, float]:
    return {} if tile.cloud_fraction is None else {"cloud_fraction_truth": tile.cloud_fraction}
