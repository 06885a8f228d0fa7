"""Every block of the README that can run, runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```(bash|toml)\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def two_class_model():
    weights = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "w"], ["c"], strides=[8, 8]),
            helper.make_node("GlobalAveragePool", ["c"], ["p"]),
            helper.make_node("Flatten", ["p"], ["scores"]),
        ],
        "two-classes",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 96, 96])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    onnx.save(two_class_model(), folder / "my-model.onnx")
    (folder / "my-images").mkdir()
    pixels = np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "my-images" / "first.png")
    return folder


def test_the_readme_has_blocks_of_both_kinds():
    assert {kind for kind, _ in BLOCKS} == {"bash", "toml"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(folder, number):
    kind, text = BLOCKS[number]
    if kind == "toml":
        (folder / "mission.toml").write_text(text)
        return
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        ["bash", "-euc", text],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
        capture_output=True,
    )
