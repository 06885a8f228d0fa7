"""The weights of a loaded model, as memory that radiation reaches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto

from firmware_bridge.faults import FaultKind, FaultSite
from payloads.injection.sites import SiteError, choose, flip
from payloads.model import ModelFile, weight_tensors
from payloads.storage import Storage

# Where ONNX keeps numbers that are not raw bytes; the types not named here share int32_data,
# float16 and bfloat16 as bit patterns, 4-bit numbers two by two.
TYPED_FIELDS = {"float32": "float_data", "float64": "double_data", "uint32": "uint64_data"}


class WeightMemory:
    """Weights in their storage types, with every flip so far in them."""

    def __init__(self, model: ModelFile) -> None:
        self._model = model
        self._proto = onnx.load_model_from_string(model.data)
        self._tensors = weight_tensors(self._proto)
        self._cells = {cells.name: cells for cells in model.weights}
        self._pristine: dict[str, bytes] = {}  # of the tensors that were struck
        self._memory: dict[str, bytearray] = {}

    @property
    def corrupted(self) -> bool:
        """Return whether any bit differs from the file."""
        return any(self._memory[name] != raw for name, raw in self._pristine.items())

    def choose(self, kind: FaultKind, variates: Sequence[float]) -> FaultSite:
        """Return where a fault strikes these weights; see `payloads.injection.sites.choose`."""
        return choose(self._model.weights, kind, variates)

    def flip(self, site: FaultSite) -> FaultSite:
        """Flip the bits of a site; return it with the values before and after.

        Raises:
            SiteError: the model has no such weight, or the site is outside it.
        """
        if site.tensor not in self._cells:
            raise SiteError(f"{self._model.name} has no weight {site.tensor!r}")
        cells = self._cells[site.tensor]
        if site.tensor not in self._memory:
            raw = raw_bytes(self._tensors[site.tensor], cells.storage)
            self._pristine[site.tensor], self._memory[site.tensor] = raw, bytearray(raw)
        return flip(self._memory[site.tensor], cells, site)

    def model_bytes(self) -> bytes:
        """Return the model as an ONNX file with every flip so far."""
        for name, memory in self._memory.items():
            tensor = self._tensors[name]
            for field in {"int32_data", *TYPED_FIELDS.values()}:
                tensor.ClearField(field)
            tensor.raw_data = bytes(memory)
        return bytes(self._proto.SerializeToString())


def raw_bytes(tensor: TensorProto, storage: Storage) -> bytes:
    """Return a tensor's elements as they lie in memory, whichever field of the file holds them."""
    if tensor.HasField("raw_data"):
        return bytes(tensor.raw_data)
    numbers = getattr(tensor, TYPED_FIELDS.get(storage.name, "int32_data"))
    if storage.name in ("float32", "float64"):
        return np.array(numbers, f"<f{storage.bits // 8}").tobytes()
    return np.array(numbers, np.int64).astype(f"<u{max(storage.bits // 8, 1)}").tobytes()
