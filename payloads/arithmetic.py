"""Counts the multiplications and additions of one inference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx
from onnx import GraphProto, ModelProto, NodeProto

from payloads.model import ModelFile, TensorSpec

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
UNCOUNTED = {"Einsum", "LSTM", "GRU", "RNN", "If", "Loop", "Scan", "Attention", "DeformConv"}


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The floating-point (or integer) operations of one inference, in 1e9.

    ``gflop_estimated`` says that some could not be counted.
    """

    gflop: float
    gflop_estimated: bool


def count(model: ModelFile, shape: Shape) -> Arithmetic:
    """Count the operations of ``model`` on one input of ``shape``.

    Two per multiply-accumulate of Conv, ConvTranspose, Gemm and MatMul, in
    their integer, QLinear and QDQ forms too. Not counted: activations,
    pooling, normalisation, element-wise arithmetic and data movement, a few
    per cent of a convolutional network. Where nothing can be counted it is
    two operations per weight.
    """
    proto = _with_input_shape(onnx.load_model_from_string(model.data), model.inputs[0], shape)
    shapes = _infer_shapes(proto)
    known, uncounted = 0, False
    for node in proto.graph.node:
        rule = RULES.get(node.op_type)
        if rule is not None and all(name in shapes for name in _read_by(node)):
            known += rule(node, shapes)
        elif rule is not None or node.op_type in UNCOUNTED or node.domain not in ("", "ai.onnx"):
            uncounted = True
    if not known:
        known, uncounted = sum(weight.elements for weight in model.weights), True
    return Arithmetic(2e-9 * known, uncounted)


def _with_input_shape(proto: ModelProto, spec: TensorSpec, shape: Shape) -> ModelProto:
    """Fix the input's shape, and forget what else the file says of shapes: it may be open."""
    del proto.graph.value_info[:]
    for entry in proto.graph.output:
        entry.type.tensor_type.ClearField("shape")
    tensor = next(e for e in proto.graph.input if e.name == spec.name).type.tensor_type
    tensor.ClearField("shape")
    for size in shape:
        tensor.shape.dim.add().dim_value = size
    return proto


def _infer_shapes(proto: ModelProto) -> Shapes:
    try:
        graph = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    except (onnx.shape_inference.InferenceError, ValueError):
        graph = proto.graph  # the runtime has the last word on whether the model is sound
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    return shapes | _declared(graph)


def _declared(graph: GraphProto) -> dict[str, Shape]:
    entries = [*graph.input, *graph.value_info, *graph.output]
    tensors = {entry.name: entry.type.tensor_type for entry in entries}
    return {
        name: tuple(d.dim_value for d in tensor.shape.dim)
        for name, tensor in tensors.items()
        if tensor.HasField("shape") and all(d.HasField("dim_value") for d in tensor.shape.dim)
    }


def _read_by(node: NodeProto) -> list[str]:
    weight = WEIGHT_INPUT.get(node.op_type, 1)
    return [node.input[0], node.input[weight], node.output[0]]


def _convolution(node: NodeProto, shapes: Shapes) -> int:
    _, weight, output = (shapes[name] for name in _read_by(node))
    return math.prod(output) * math.prod(weight[1:])


def _transposed_convolution(node: NodeProto, shapes: Shapes) -> int:
    image, weight, _ = (shapes[name] for name in _read_by(node))
    return math.prod(image) * math.prod(weight[1:])


def _product(node: NodeProto, shapes: Shapes) -> int:
    left, _, output = (shapes[name] for name in _read_by(node))
    turned = any(entry.name == "transA" and entry.i for entry in node.attribute)
    return math.prod(output) * left[0 if turned else -1]


WEIGHT_INPUT = {"QLinearConv": 3, "QLinearMatMul": 3}
RULES: Mapping[str, Callable[[NodeProto, Shapes], int]] = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "QLinearConv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _product,
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
}
