"""The network, and how its weights become the ONNX graph that highbay ships."""

from __future__ import annotations

import math

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tiles import LABELS, TILE_PX
from torch import nn

IR_VERSION, OPSET = 8, 17  # what JetPack 6's onnxruntime loads, and the oldest that fit together
WIDTHS_AND_STRIDES = ((16, 2), (32, 2), (48, 2), (64, 1), (64, 2))


class TileSorter(nn.Module):
    """Five 3 × 3 convolutions, a mean over the tile, and two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        before = 3
        for width, stride in WIDTHS_AND_STRIDES:
            self.convolutions.append(nn.Conv2d(before, width, 3, stride, padding=1, bias=False))
            self.norms.append(nn.BatchNorm2d(width))
            before = width
        self.classes, self.cloud = nn.Linear(before, len(LABELS)), nn.Linear(before, 1)

    def forward(self, tile: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return class logits (n, 4) and cloud fraction (n, 1) of tiles (n, 3, 64, 64) in 0..1."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            tile = torch.relu(norm(convolution(tile)))
        features = tile.mean((2, 3))
        return self.classes(features), torch.sigmoid(self.cloud(features))


def to_onnx(network: TileSorter, metadata: dict[str, str]) -> onnx.ModelProto:
    """Return the network as plain Conv, Relu and Gemm, batch norms folded into the convolutions."""
    nodes, weights, last = [], [], "tile"
    for n, (convolution, norm) in enumerate(
        zip(network.convolutions, network.norms, strict=True), start=1
    ):
        weight, bias = _folded(convolution, norm)
        weights += [_named(weight, f"conv{n}.weight"), _named(bias, f"conv{n}.bias")]
        inputs = [last, f"conv{n}.weight", f"conv{n}.bias"]
        nodes += [
            helper.make_node(
                "Conv",
                inputs,
                [f"conv{n}"],
                f"conv{n}",
                kernel_shape=[3, 3],
                pads=[1, 1, 1, 1],
                strides=list(convolution.stride),
            ),
            helper.make_node("Relu", [f"conv{n}"], [f"relu{n}"], f"relu{n}"),
        ]
        last = f"relu{n}"
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["mean"], "mean"),
        helper.make_node("Flatten", ["mean"], ["features"], "features", axis=1),
    ]
    for head, output in ((network.classes, "class_logits"), (network.cloud, "cloud_logit")):
        name = output.split("_")[0]
        weights += [
            _named(head.weight.detach().numpy(), f"{name}.weight"),
            _named(head.bias.detach().numpy(), f"{name}.bias"),
        ]
        inputs = ["features", f"{name}.weight", f"{name}.bias"]
        nodes.append(helper.make_node("Gemm", inputs, [output], f"{name}.gemm", transB=1))
    nodes.append(helper.make_node("Sigmoid", ["cloud_logit"], ["cloud_fraction"], "cloud.share"))
    return _model(nodes, weights, metadata)


def _model(
    nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto], metadata: dict[str, str]
) -> onnx.ModelProto:
    tile = helper.make_tensor_value_info("tile", TensorProto.FLOAT, ["n", 3, TILE_PX, TILE_PX])
    outputs = [
        helper.make_tensor_value_info("class_logits", TensorProto.FLOAT, ["n", len(LABELS)]),
        helper.make_tensor_value_info("cloud_fraction", TensorProto.FLOAT, ["n", 1]),
    ]
    graph = helper.make_graph(nodes, "tile-sorter", [tile], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    return stamped(model, metadata)


def stamped(model: onnx.ModelProto, metadata: dict[str, str]) -> onnx.ModelProto:
    """Return the model with our IR version, producer and metadata, and weights as plain bytes."""
    model.ir_version = IR_VERSION
    for weight in model.graph.initializer:
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight), weight.name))
    model.producer_name, model.producer_version = "highbay", ""
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def _folded(
    convolution: nn.Conv2d, norm: nn.BatchNorm2d
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = convolution.weight * gain[:, None, None, None]
    bias = norm.bias - norm.running_mean * gain
    return weight.detach().numpy(), bias.detach().numpy()


def _named(values: NDArray[np.float32], name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)


def parameters(model: onnx.ModelProto) -> int:
    """Return how many weights and biases a model holds."""
    return sum(math.prod(weight.dims) for weight in model.graph.initializer)
