import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from payloads.arithmetic import count
from payloads.model import Limits, ModelError, load_model
from payloads.runtime import VERSION, Session, limits

IMAGE = helper.make_tensor_value_info("tile", TensorProto.FLOAT, ["n", 3, 8, 8])
SCORES = helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)


def weight(name, shape, dtype=np.float32):
    values = np.random.default_rng(len(name)).normal(size=shape) * 50
    return numpy_helper.from_array(values.astype(dtype), name)


def model(nodes, initializers=(), inputs=(IMAGE,), outputs=(SCORES,), ir=9, opset=17):
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, ir_version=ir, opset_imports=opsets)


def conv_net():
    nodes = [
        helper.make_node("Conv", ["tile", "kernel", "bias"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense"], ["scores"], transB=1),
    ]
    weights = [weight("kernel", (5, 3, 3, 3)), weight("bias", (5,)), weight("dense", (4, 5))]
    return model(nodes, weights)


def loaded(proto, **options):
    return load_model(proto.SerializeToString(), "tiny.onnx", **options)


def refusal(data, **options):
    """Return the one sentence by which a file is refused."""
    with pytest.raises(ModelError) as caught:
        load_model(data, "tiny.onnx", **options)
    text = str(caught.value)
    assert text.startswith("tiny.onnx")
    assert "\n" not in text
    return text


def outside(tensor):
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../outside/secret.bin")
    return tensor


def in_dense():
    proto = conv_net()
    outside(proto.graph.initializer[0])
    return proto


def in_sparse():
    proto = conv_net()
    indices = numpy_helper.from_array(np.array([0, 2], np.int64), "places")
    sparse = helper.make_sparse_tensor(weight("few", (2,)), indices, [4])
    outside(sparse.values)
    proto.graph.sparse_initializer.append(sparse)
    return proto


def in_attribute():
    hidden = helper.make_node("Constant", [], ["hidden"], value=weight("hidden", (2,)))
    outside(hidden.attribute[0].t)
    return model([hidden, helper.make_node("Identity", ["tile"], ["scores"])])


def in_subgraph():
    inner = helper.make_graph(
        [helper.make_node("Identity", ["secret"], ["scores"])],
        "inner",
        [],
        [SCORES],
        [outside(weight("secret", (2,)))],
    )
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    branch = helper.make_node("If", ["yes"], ["scores"], then_branch=inner, else_branch=inner)
    return model([branch], [yes])


def in_function():
    constant = helper.make_node("Constant", [], ["y"], value=weight("hidden", (2,)))
    outside(constant.attribute[0].t)
    proto = conv_net()
    opsets = [helper.make_opsetid("", 17)]
    proto.functions.append(helper.make_function("own", "F", [], ["y"], [constant], opsets))
    return proto


@pytest.mark.parametrize("craft", [in_dense, in_sparse, in_attribute, in_subgraph, in_function])
def test_data_outside_the_file_is_refused_wherever_it_hides(craft):
    sentence = refusal(craft().SerializeToString())
    assert "keeps its data in another file ('../outside/secret.bin')" in sentence


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_every_cut_of_a_file_is_refused(place):
    data = conv_net().SerializeToString()
    refusal(data[: place % len(data)])


@given(st.binary(max_size=200))
def test_noise_is_refused(data):
    refusal(data)


def test_what_is_wrong_with_a_file_is_said():
    data = conv_net().SerializeToString()
    assert "is cut short or damaged" in refusal(data[:100])
    assert "is not an ONNX file" in refusal(b"<html>404</html>")
    assert "git lfs pull" in refusal(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")


def test_more_than_two_gigabytes_are_refused_by_their_size():
    assert "has 2,147,483,648 bytes; a model in one file has at most 2 GB" in refusal(bytes(2**31))


def test_a_file_from_the_future_names_both_versions():
    here = Limits("onnxruntime 1.18.1", ir=10, opset=21)
    ahead = model([helper.make_node("Identity", ["tile"], ["scores"])], opset=99)
    sentence = refusal(ahead.SerializeToString(), limits=here)
    assert "has opset 99, but onnxruntime 1.18.1 reads up to 21" in sentence
    newer = model([helper.make_node("Identity", ["tile"], ["scores"])], ir=14)
    sentence = refusal(newer.SerializeToString(), limits=here)
    assert "has IR version 14, but onnxruntime 1.18.1 reads up to 10" in sentence


def test_the_limits_are_those_of_the_runtime_here():
    found = limits()
    assert found.ir >= 9
    assert found.opset >= 17
    for ir, opset in ((found.ir + 1, 17), (9, found.opset + 1)):
        node = helper.make_node("Identity", ["tile"], ["scores"])
        ahead = model([node], ir=ir, opset=opset).SerializeToString()
        with pytest.raises(ModelError, match=f"does not load in onnxruntime {VERSION}"):
            Session(ahead, "ahead.onnx")


def test_a_tensor_that_claims_more_than_it_holds_is_refused():
    proto = conv_net()
    proto.graph.initializer[0].dims[0] = 30_000_000
    assert "claims 3,240,000,000 bytes, but the file holds 540" in refusal(
        proto.SerializeToString()
    )


def test_a_model_of_several_inputs_names_them():
    other = helper.make_tensor_value_info("heading", TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Add", ["tile", "heading"], ["scores"])]
    proto = model(nodes, inputs=[IMAGE, other])
    assert "2 inputs without a default ('tile', 'heading')" in refusal(proto.SerializeToString())
    proto.graph.initializer.append(weight("heading", (1,)))
    assert [spec.name for spec in loaded(proto).inputs] == ["tile"]


def test_a_model_without_input_and_one_without_tensors_are_refused():
    constant = helper.make_node("Constant", [], ["scores"], value=weight("c", (2,)))
    assert "has no input" in refusal(model([constant], inputs=[]).SerializeToString())
    entry = helper.make_tensor_sequence_value_info("tiles", TensorProto.FLOAT, None)
    sequence = model([helper.make_node("SequenceLength", ["tiles"], ["scores"])], inputs=[entry])
    assert "'tiles' is no tensor but a sequence_type" in refusal(sequence.SerializeToString())


def test_a_model_says_what_it_holds_and_wants():
    proto = conv_net()
    helper.set_model_props(proto, {"labels": "cloud, land,sea,night"})
    found = loaded(proto)
    assert str(found.inputs[0]) == "float32 (n, 3, 8, 8)"
    assert [(w.name, w.storage.name, w.shape) for w in found.weights] == [
        ("kernel", "float32", (5, 3, 3, 3)),
        ("bias", "float32", (5,)),
        ("dense", "float32", (4, 5)),
    ]
    assert found.weight_bits == 32 * (135 + 5 + 20)
    assert found.labels == ("cloud", "land", "sea", "night")
    assert len(found.sha256) == 64
    assert not found.scores_are_probabilities


def test_shapes_and_indices_are_no_weights_but_constants_of_floats_are():
    shape = numpy_helper.from_array(np.array([1, -1], np.int64), "shape")
    constant = helper.make_node("Constant", [], ["gain"], value=weight("", (1,), np.float16))
    nodes = [constant, helper.make_node("Reshape", ["tile", "shape"], ["scores"])]
    assert [w.name for w in loaded(model(nodes, [shape])).weights] == ["gain"]


def test_a_softmax_at_the_end_is_seen_through_a_cast():
    nodes = [
        helper.make_node("Softmax", ["tile"], ["p"]),
        helper.make_node("Cast", ["p"], ["scores"], to=TensorProto.FLOAT),
    ]
    assert loaded(model(nodes)).scores_are_probabilities


def test_a_graph_that_runs_in_circles_is_read_in_finite_time():
    circle = model(
        [
            helper.make_node("Identity", ["a"], ["scores"]),
            helper.make_node("Identity", ["scores"], ["a"]),
        ]
    )
    assert not loaded(circle).scores_are_probabilities


def test_a_name_that_is_no_utf_8_is_refused_and_nothing_is_printed(capfd):
    for part in (b"kernel", b"tile", b"GlobalAveragePool"):
        data = conv_net().SerializeToString().replace(part, b"\xff" * len(part))
        assert "is no UTF-8 text; export or copy it again" in refusal(data)
    unknown = model([helper.make_node("NoSuch", ["tile"], ["scores"])]).SerializeToString()
    with pytest.raises(ModelError, match="does not load"):
        Session(unknown.replace(b"NoSuch", b"\xff" * 6), "bad.onnx")
    assert capfd.readouterr() == ("", "")


def test_control_characters_in_names_do_not_break_the_line():
    name = "a\0b\n\x1b[2J\u202e"
    other = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Add", ["tile", name], ["scores"])]
    found = refusal(model(nodes, inputs=[IMAGE, other]).SerializeToString())
    assert found.isprintable()
    assert r"'a\x00b\n\x1b[2J\u202e'" in found
    loose = model([helper.make_node(name, ["tile"], ["scores"])]).SerializeToString()
    with pytest.raises(ModelError, match="does not load") as caught:
        Session(loose, "two\nlines.onnx")
    assert str(caught.value).isprintable()


def test_a_very_long_name_does_not_bury_what_to_do():
    other = helper.make_tensor_value_info("x" * 10**6, TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Identity", ["tile"], ["scores"])]
    found = refusal(model(nodes, inputs=[IMAGE, other]).SerializeToString())
    assert len(found) < 1000
    assert found.endswith("give the others default values (initializers)")


def test_an_error_points_to_the_model_unless_told_otherwise():
    assert ModelError("m").key == "model"
    again = pickle.loads(pickle.dumps(ModelError("m", "labels")))
    assert (str(again), again.key) == ("m", "labels")


def test_operations_are_counted_from_the_shapes():
    conv, gemm = 5 * 8 * 8 * 3 * 3 * 3, 4 * 5
    found = count(loaded(conv_net()), (1, 3, 8, 8))
    assert found.gflop == pytest.approx(2e-9 * (conv + gemm), rel=1e-12)
    assert not found.gflop_estimated


def test_operations_of_groups_strides_and_transposed_convolutions_are_counted():
    nodes = [
        helper.make_node("Conv", ["tile", "depth"], ["a"], group=3, strides=[2, 2]),
        helper.make_node("ConvTranspose", ["a", "up"], ["b"], strides=[2, 2]),
        helper.make_node("MatMul", ["b", "right"], ["scores"]),
    ]
    weights = [weight("depth", (3, 1, 2, 2)), weight("up", (3, 6, 2, 2)), weight("right", (8, 7))]
    depthwise, up, right = 3 * 4 * 4 * 4, 3 * 4 * 4 * 6 * 4, 6 * 8 * 7 * 8
    found = count(loaded(model(nodes, weights)), (1, 3, 8, 8))
    assert found.gflop == pytest.approx(2e-9 * (depthwise + up + right), rel=1e-12)


def test_quantized_forms_count_like_the_float_form():
    scale = numpy_helper.from_array(np.float32(0.1), "scale")
    zero = numpy_helper.from_array(np.int8(0), "zero")
    kernel = weight("kernel", (5, 3, 3, 3), np.int8)
    q, ints = ["scale", "zero"], helper.make_node
    qdq = [
        ints("DequantizeLinear", ["kernel", *q], ["k"]),
        ints("Conv", ["tile", "k"], ["scores"]),
    ]
    qlinear = [
        ints("QuantizeLinear", ["tile", *q], ["t"]),
        ints("QLinearConv", ["t", *q, "kernel", *q, *q], ["o"]),
        ints("DequantizeLinear", ["o", *q], ["scores"]),
    ]
    for nodes in (qdq, qlinear):
        found = count(loaded(model(nodes, [scale, zero, kernel])), (1, 3, 8, 8))
        assert found.gflop == pytest.approx(2e-9 * 5 * 6 * 6 * 27, rel=1e-12)
        assert not found.gflop_estimated


def test_where_nothing_can_be_counted_weights_stand_in():
    nodes = [helper.make_node("Mul", ["tile", "gain"], ["scores"])]
    found = count(loaded(model(nodes, [weight("gain", (3, 1, 1))])), (1, 3, 8, 8))
    assert found.gflop == pytest.approx(6e-9, rel=1e-12)
    assert found.gflop_estimated


def test_an_operator_that_is_not_counted_makes_an_estimate():
    nodes = [
        helper.make_node("MatMul", ["tile", "right"], ["b"]),
        helper.make_node("Einsum", ["b"], ["scores"], equation="nchw->nc"),
    ]
    assert count(loaded(model(nodes, [weight("right", (8, 2))])), (1, 3, 8, 8)).gflop_estimated


def test_the_runtime_does_not_report_home():
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_what_the_runtime_refuses_is_one_sentence():
    nonsense = model([helper.make_node("Conv", ["tile"], ["scores"])])
    with pytest.raises(ModelError, match=r"^bad\.onnx does not load in onnxruntime") as caught:
        Session(nonsense.SerializeToString(), "bad.onnx")
    assert "\n" not in str(caught.value)
    session = Session(conv_net().SerializeToString(), "tiny.onnx")
    with pytest.raises(ModelError, match=r"^tiny\.onnx does not run in onnxruntime"):
        session.run(np.zeros((1, 3, 8), np.float32))
