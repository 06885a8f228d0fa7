"""Runs a model with onnxruntime, alone on one thread, the same way every time."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from itertools import count

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from payloads.model import Limits, ModelError

# Linux wheels since 1.29 report home unless this is set before the first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as library

VERSION: str = onnxruntime.__version__
PROVIDERS = ["CPUExecutionProvider"]
FATAL = 4  # of onnxruntime's log severities; errors come as exceptions anyway
LIBRARY_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
COMMON_IR, COMMON_OPSET = 9, 17  # every onnxruntime since 1.14 reads these

Arrays = list[NDArray[np.generic]]

# The library's exceptions share no base but Exception; which there are depends on its version.
REFUSALS: tuple[type[Exception], ...] = (
    ValueError,
    RuntimeError,
    MemoryError,
    *(
        entry
        for entry in vars(library).values()
        if isinstance(entry, type) and issubclass(entry, Exception)
    ),
)

onnxruntime.set_default_logger_severity(FATAL)


class Session:
    """A model, loaded; ``name`` is what messages call it.

    Raises:
        ModelError: onnxruntime refuses the model.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        try:
            # Its fallback prints, and then tries the only provider there is once more.
            self._session = onnxruntime.InferenceSession(
                data, _options(), providers=PROVIDERS, enable_fallback=0
            )
        except REFUSALS as reason:
            raise self._refusal("does not load", reason) from reason
        self._input = self._session.get_inputs()[0].name
        self.outputs: tuple[str, ...] = tuple(o.name for o in self._session.get_outputs())

    def run(self, tensor: NDArray[np.generic]) -> Arrays:
        """Return all outputs for one input.

        Raises:
            ModelError: onnxruntime cannot run the model on this input.
        """
        try:
            return [np.asarray(out) for out in self._session.run(None, {self._input: tensor})]
        except REFUSALS as reason:
            raise self._refusal("does not run", reason) from reason

    def _refusal(self, what: str, reason: Exception) -> ModelError:
        sentence = LIBRARY_PREFIX.sub("", " ".join(str(reason).split()))
        return ModelError(f"{self._name} {what} in onnxruntime {VERSION}: {sentence}")


@lru_cache(maxsize=1)
def limits() -> Limits:
    """Return the newest IR version and opset that this onnxruntime reads, found by trying."""
    ir = next(n for n in count(COMMON_IR) if not _reads(n + 1, COMMON_OPSET))
    opset = next(n for n in count(COMMON_OPSET) if not _reads(COMMON_IR, n + 1))
    return Limits(f"onnxruntime {VERSION}", ir, opset)


def _reads(ir: int, opset: int) -> bool:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", [x], [y])
    opsets = [helper.make_opsetid("", opset)]
    probe = helper.make_model(graph, ir_version=ir, opset_imports=opsets)
    try:
        Session(probe.SerializeToString(), "probe")
    except ModelError:
        return False
    return True


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options
