"""A model in memory: it answers pictures, and bits of its weights and inputs can flip."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.faults import FaultEvent, FaultKind, FaultSite, Outcome
from payloads.answer import Answers, Selection
from payloads.arithmetic import Arithmetic, count
from payloads.image_input import InputSpec
from payloads.injection.memory import WeightMemory
from payloads.injection.sites import SiteError, choose, flip
from payloads.model import ModelError, ModelFile
from payloads.outcome import compare, finite
from payloads.runtime import Arrays, Session
from payloads.storage import STORAGE, Cells

Tensor = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that can be loaded: its file, how a picture enters it, and how its answer is read."""

    file: ModelFile
    spec: InputSpec
    selection: Selection = field(default_factory=Selection)


class LoadedModel:
    """A model with its session; an upset weight stays until `reload`.

    The effect of an upset is exact on any model, because the session is built
    again from the altered file before the next run; flipping the session's
    own buffer is silently ignored by many operators. That costs one session
    build after a strike (measured on one x86-64 core: 0.8 ms for 84,000
    float32 weights, 2.1 ms for their int8 form) and a second inference per
    run while corrupted, for the golden answer.

    Raises:
        ModelError: the file is no longer the one that was read, or the
            runtime refuses it.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._file, self._spec = prepared.file, prepared.spec
        self._memory: WeightMemory | None = None  # once a weight was struck
        self._struck: Session | ModelError | None = None  # None: to be built from the memory
        self._transients: list[FaultSite] = []
        self.reload()
        self._golden = Session(prepared.file.data, prepared.file.name)
        self.answers = Answers(prepared.file, self._golden.outputs, prepared.selection)
        self.arithmetic: Arithmetic = count(prepared.file, prepared.spec.shape)

    def rehearse(self, pixels: NDArray[np.uint8]) -> Arrays:
        """Run one picture through twice, check what comes out, and return it.

        Raises:
            ModelError: the picture does not fit, the model does not run, its
                answers are not finite, do not fit the labels, or differ in
                any bit from one run to the next.
        """
        tensor = self._spec.to_tensor(pixels)
        outputs = self._golden.run(tensor)
        self.answers.check(outputs)
        if compare(outputs, self._golden.run(tensor)) is not Outcome.MASKED:
            raise ModelError(
                f"{self._file.name} answers the same picture differently each time, so no flight "
                "could be repeated; export it without operators of chance, such as RandomUniform"
            )
        return outputs

    def run(self, pixels: NDArray[np.uint8]) -> tuple[Outcome, Arrays]:
        """Return what corruption did to the answer, and the outputs; after a DUE there are none.

        A picture on which the model does not run, or gives no finite answer,
        ends in a DUE, struck or not.

        Raises:
            ModelError: the picture has another size than the input.
        """
        outcome, outputs = self._compared(self._spec.to_tensor(pixels))
        if outcome is Outcome.DUE:
            self._transients.clear()
            return outcome, []
        return outcome, outputs

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
        """Take the file afresh: nothing stays corrupted.

        Raises:
            ModelError: the file in memory is no longer the one that was read.
        """
        if hashlib.sha256(self._file.data).hexdigest() != self._file.sha256:
            raise ModelError(f"{self._file.name} differs from its SHA-256 {self._file.sha256}")
        self._memory, self._struck = None, None
        self._transients.clear()

    @property
    def _corrupted(self) -> bool:
        return self._memory is not None and self._memory.corrupted

    def _compared(self, tensor: Tensor) -> tuple[Outcome, Arrays]:
        struck = bool(self._transients) or self._corrupted
        try:
            golden = self._golden.run(tensor)
            outputs = self._session().run(self._disturbed(tensor)) if struck else golden
        except ModelError:  # the runtime crashed on it, as it would on board
            return Outcome.DUE, []
        if not finite(golden):
            return Outcome.DUE, []
        return compare(golden, outputs) if struck else Outcome.NOMINAL, outputs

    def _upset(self, fault: FaultEvent) -> FaultSite:
        memory = self._memory or WeightMemory(self._file)
        site = memory.flip(fault.site or memory.choose(fault.kind, fault.variates))
        self._memory, self._struck = memory, None
        return site

    def _transient(self, fault: FaultEvent) -> FaultSite:
        cells = self._input_cells()
        site = fault.site or choose([cells], fault.kind, fault.variates)
        if site.tensor != cells.name:
            raise SiteError(f"{self._file.name} has no input {site.tensor!r}")
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
                self._struck = Session(self._memory.model_bytes(), self._file.name)
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
