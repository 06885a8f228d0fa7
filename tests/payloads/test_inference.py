import io
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from firmware_bridge.faults import FaultEvent, FaultKind, FaultSite, Outcome
from payloads.answer import Answers, Selection
from payloads.image_input import InputSettings, read_input
from payloads.inference import Inference
from payloads.loaded import Prepared
from payloads.model import ModelError, load_model
from payloads.null_work import NullWork
from payloads.runtime import VERSION
from payloads.scene import Tile

RELEASE = tuple(int(part) for part in VERSION.split(".")[:2])
UNITS = st.floats(0.0, 1.0, exclude_max=True)
LABELS = ("cloud", "land", "sea", "night")


class NoisyCamera:
    """Shows noise of a random tint, another at every time."""

    def __init__(self, height_px=8, width_px=8):
        self.shape = (height_px, width_px, 3)

    def tile(self, t_s):
        chance = np.random.default_rng(int(t_s))
        pixels = chance.integers(0, 256, self.shape) * chance.random(3)
        return Tile(pixels.astype(np.uint8), "noise", cloud_fraction=0.5, sunlit=True)


class WhiteCamera:
    def tile(self, t_s):
        return Tile(np.full((8, 8, 3), 255, np.uint8), "white", cloud_fraction=None, sunlit=None)


def load(nodes, weights, inputs=None, opset=17, ir=9, outputs=("scores",), **metadata):
    tile = inputs or helper.make_tensor_value_info("tile", TensorProto.FLOAT, ["n", 3, 8, 8])
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    tensors = [
        w if isinstance(w, TensorProto) else numpy_helper.from_array(w, name)
        for name, w in weights.items()
    ]
    graph = helper.make_graph(nodes, "g", [tile], results, tensors)
    opsets = [helper.make_opsetid("", opset)]
    proto = helper.make_model(graph, ir_version=ir, opset_imports=opsets)
    helper.set_model_props(proto, metadata)
    return load_model(proto.SerializeToString(), "tiny.onnx")


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def sorter(**metadata):
    """Return a float32 classifier of four classes that also answers a cloud fraction."""
    nodes = [
        node("Conv", "tile kernel", "maps"),
        node("Relu", "maps", "active"),
        node("GlobalAveragePool", "active", "pooled"),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat dense", "scores"),
        node("ReduceMean", "flat", "mean", axes=[1]),
        node("Sigmoid", "mean", "cloud_fraction"),
    ]
    weights = {"kernel": random(6, 3, 3, 3), "dense": random(6, 4)}
    metadata = {"labels": ",".join(LABELS)} | metadata
    return load(nodes, weights, outputs=("scores", "cloud_fraction"), **metadata)


def quantized():
    """Return the int8 form of a classifier, quantize-dequantize around every weight."""
    convolution = [
        node("DequantizeLinear", "tile_q in_scale in_zero", "tile_dq"),
        node("DequantizeLinear", "kernel k_scale k_zero", "kernel_dq"),
        node("Conv", "tile_dq kernel_dq", "floating"),
        node("QuantizeLinear", "floating mid_scale mid_zero", "maps_q"),
    ]
    return around(convolution)


def qlinear():
    """Return the same with one integer operator in place of the quantize-dequantize pairs."""
    given = "tile_q in_scale in_zero kernel k_scale k_zero mid_scale mid_zero"
    return around([node("QLinearConv", given, "maps_q")])


def around(convolution):
    nodes = [
        node("QuantizeLinear", "tile in_scale in_zero", "tile_q"),
        *convolution,
        node("DequantizeLinear", "maps_q mid_scale mid_zero", "maps"),
        node("GlobalAveragePool", "maps", "pooled"),
        node("Flatten", "pooled", "scores"),
    ]
    weights = {
        "kernel": np.clip(np.rint(random(4, 3, 3, 3) * 40), -127, 127).astype(np.int8),
        "in_scale": np.float32(1 / 255),
        "in_zero": np.uint8(0),
        "k_scale": np.float32(1 / 40),
        "k_zero": np.int8(0),
        "mid_scale": np.float32(0.1),
        "mid_zero": np.uint8(128),
    }
    return load(nodes, {name: np.asarray(w) for name, w in weights.items()})


def flying(model, camera=None, selection=None, **settings):
    spec = read_input(model, InputSettings(**settings))
    prepared = Prepared(model, spec, selection or Selection())
    return Inference({"tiny": prepared}, camera or NoisyCamera(spec.height_px, spec.width_px))


def fault(kind, place=0.5, width=0.0, site=None):
    return FaultEvent("pi", kind, (place, width), site)


def at(tensor, index, *bits):
    """Return a single-event upset at a place of our choice."""
    return fault(FaultKind.SEU, site=FaultSite(tensor, index, bits, math.nan, math.nan))


def same(one, other):
    """Return whether two results agree, NaN scores too."""
    return repr(one) == repr(other)


def test_an_answer_has_label_confidence_figures_and_product():
    result = flying(sorter()).run(3.0)
    assert result.label in LABELS
    assert 0.25 < result.score <= 1.0
    assert result.outcome is Outcome.NOMINAL
    assert set(result.figures) == {"cloud_fraction", "cloud_fraction_truth"}
    assert Image.open(io.BytesIO(result.product)).size == (8, 8)


def test_confidences_are_the_softmax_of_scores_but_probabilities_are_left_alone():
    scores = np.array([[1.0, 2.0, 4.0]], np.float32)
    nodes = [
        node("ReduceMean", "tile", "one", axes=[1, 2, 3], keepdims=0),
        node("Mul", "one row", "scores"),
    ]
    logits = flying(load(nodes, {"row": scores}), WhiteCamera()).run(0.0)
    exact = math.exp(4) / (math.exp(1) + math.exp(2) + math.exp(4))
    assert logits.score == pytest.approx(exact, rel=1e-6)
    nodes = [*nodes[:1], node("Mul", "one row", "raw"), node("Softmax", "raw", "scores")]
    assert flying(load(nodes, {"row": scores}), WhiteCamera()).run(0.0).score == pytest.approx(
        exact, rel=1e-6
    )


def test_only_tiles_with_a_kept_label_become_products():
    model = sorter()
    everything = [flying(model).run(float(t)) for t in range(40)]
    seen = {result.label for result in everything}
    assert len(seen) > 1
    kept = sorted(seen)[0]
    work = flying(model, selection=Selection(keep=frozenset({kept})))
    for t, free in enumerate(everything):
        assert bool(work.run(float(t)).product) == (free.label == kept)


def test_a_model_without_classes_answers_with_figures_alone():
    nodes = [node("ReduceMean", "tile", "brightness", axes=[1, 2, 3], keepdims=0)]
    work = flying(load(nodes, {}, outputs=("brightness",)), WhiteCamera())
    result = work.rehearse()
    assert result.label == "-"
    assert math.isnan(result.score)
    assert result.figures == {"brightness": 1.0}
    assert result.product
    assert work.strike(fault(FaultKind.SEU)) is None


LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
FLOAT64_SEEN = range(29, 64)  # a cast to float32 drops the 29 lowest bits of the fraction
STORED = {
    TensorProto.FLOAT: range(32),
    TensorProto.FLOAT16: range(16),
    TensorProto.BFLOAT16: range(16),
    TensorProto.DOUBLE: FLOAT64_SEEN,
    TensorProto.INT8: range(8),
    TensorProto.UINT8: range(8),
    TensorProto.INT16: range(16),
    TensorProto.UINT16: range(16),
    TensorProto.INT32: range(32),
    TensorProto.UINT32: range(32),
}


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("stored", STORED, ids=TensorProto.DataType.Name)
def test_every_bit_of_every_storage_type_reaches_the_answer(stored, raw):
    values = [3, 2]
    weight = helper.make_tensor("w", stored, [2], values)
    if raw:
        packed = {TensorProto.BFLOAT16: np.array([0x4040, 0x4000], np.uint16)}
        plain = np.array(values, helper.tensor_dtype_to_np_dtype(stored))
        bits = packed.get(stored, plain)
        weight = helper.make_tensor("w", stored, [2], bits.tobytes(), raw=True)
    nodes = [
        node("Cast", "w", "wide", to=TensorProto.FLOAT),
        node("ReduceMean", "tile", "one", axes=[1, 2, 3], keepdims=0),
        node("Mul", "one wide", "scores"),
    ]
    work = flying(load(nodes, {"w": weight}), WhiteCamera())
    for bit in STORED[stored]:
        site = work.strike(at("w", (0,), bit))
        assert site is not None
        assert site.before == 3.0
        assert site.after != 3.0
        result = work.run(0.0)
        assert result.outcome in (Outcome.SDC, Outcome.CRITICAL, Outcome.DUE)
        assert (result.outcome is Outcome.DUE) == (not abs(site.after) <= LARGEST_FLOAT32)
        work.load()
    assert work.run(0.0).outcome is Outcome.NOMINAL


@pytest.mark.skipif(RELEASE < (1, 23), reason="not every older onnxruntime knows 4-bit weights")
def test_flips_of_four_bit_weights_reach_the_answer():
    packed = helper.make_tensor("w", TensorProto.INT4, [2], bytes([0x23]), raw=True)
    nodes = [
        node("DequantizeLinear", "w scale", "wide"),
        node("ReduceMean", "tile axes", "one", keepdims=0),
        node("Mul", "one wide", "scores"),
    ]
    axes = np.array([1, 2, 3], np.int64)
    weights = {"w": packed, "scale": np.asarray(np.float32(1.0)), "axes": axes}
    work = flying(load(nodes, weights, opset=21, ir=10), WhiteCamera())
    site = work.strike(at("w", (1,), 3))
    assert (site.before, site.after) == (2.0, -6.0)
    assert work.run(0.0).outcome is Outcome.SDC


@pytest.mark.parametrize("form", [quantized, qlinear])
def test_the_sign_of_every_int8_weight_reaches_the_answer(form):
    work = flying(form())
    assert work.run(0.0).outcome is Outcome.NOMINAL
    for index in np.ndindex(4, 3, 3, 3):
        work.strike(at("kernel", index, 7))
        assert work.run(0.0).outcome in (Outcome.SDC, Outcome.CRITICAL)
        work.load()


@pytest.mark.parametrize("tensor", ["kernel", "dense"])
def test_flips_of_convolution_and_dense_weights_reach_the_answer(tensor):
    work = flying(sorter())
    clean = work.run(0.0)
    work.strike(at(tensor, (0,) * (4 if tensor == "kernel" else 2), 30))
    assert work.run(0.0).outcome is not Outcome.MASKED
    assert not same(work.run(0.0), clean)


def test_flips_reach_the_answer_where_the_optimiser_consumes_the_weight():
    nodes = [
        node("Transpose", "kernel", "turned", perm=[1, 0, 2, 3]),
        node("Conv", "tile turned", "maps"),
        node("BatchNormalization", "maps gain shift mean variance", "normal"),
        node("GlobalAveragePool", "normal", "pooled"),
        node("Flatten", "pooled", "scores"),
    ]
    normal = {"gain": 1.0, "shift": 0.1, "mean": 0.2, "variance": 2.0}
    weights = {name: np.full(4, value, np.float32) for name, value in normal.items()}
    work = flying(load(nodes, weights | {"kernel": random(3, 4, 3, 3)}))
    for tensor, index in (("kernel", (2, 3, 1, 1)), ("gain", (1,)), ("variance", (3,))):
        work.strike(at(tensor, index, 22))
        assert work.run(0.0).outcome in (Outcome.SDC, Outcome.CRITICAL)
        work.load()


def test_a_weight_that_becomes_no_number_is_a_detected_error():
    nodes = [
        node("ReduceMean", "tile", "one", axes=[1, 2, 3], keepdims=0),
        node("Mul", "one w", "scores"),
    ]
    work = flying(load(nodes, {"w": np.array([1.5, 1.0], np.float32)}), WhiteCamera())
    site = work.strike(at("w", (0,), 30))
    assert math.isnan(site.after)
    result = work.run(0.0)
    assert (result.outcome, result.label, result.product) == (Outcome.DUE, "-", b"")
    assert math.isnan(result.score)


def test_a_flip_that_no_answer_shows_is_masked_but_exposed():
    nodes = [
        node("Mul", "tile w", "dead"),
        node("ReduceMean", "dead", "unused", axes=[1, 2, 3]),
        node("Mul", "unused zero", "nothing"),
        node("ReduceMean", "tile", "one", axes=[1, 2, 3], keepdims=0),
        node("Flatten", "nothing", "flat"),
        node("Mul", "one row", "scaled"),
        node("Add", "scaled flat", "scores"),
    ]
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    row = np.array([[1.0, 2.0]], np.float32)
    work = flying(load(nodes, {"w": one, "zero": zero, "row": row}))
    work.strike(at("w", (0,), 3))
    assert work.run(0.0).outcome is Outcome.MASKED


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FaultKind), UNITS, UNITS), max_size=6), st.booleans())
def test_no_strike_raises_and_a_reload_restores_every_answer(strikes, int8):
    work = WORKS[int8]
    for kind, place, width in strikes:
        work.strike(fault(kind, place, width))
        assert work.run(1.0).outcome in Outcome
    work.load()
    assert same(work.run(1.0), CLEAN[int8])


WORKS = {False: flying(sorter()), True: flying(quantized())}
CLEAN = {int8: work.run(1.0) for int8, work in WORKS.items()}


def test_upsets_accumulate_and_the_same_bit_twice_is_whole_again():
    work = flying(sorter())
    first = work.strike(at("dense", (0, 0), 23))
    second = work.strike(at("dense", (0, 0), 22))
    assert second.before == first.after
    work.run(0.0)
    work.strike(at("dense", (0, 0), 22, 23))
    assert work.run(0.0).outcome is Outcome.NOMINAL


def test_a_recorded_site_strikes_the_same_again():
    struck, replayed = flying(sorter()), flying(sorter())
    site = struck.strike(fault(FaultKind.MBU, 0.3, 0.9))
    assert len(site.bits) == 4
    assert replayed.strike(fault(FaultKind.MBU, site=site)) == site
    assert same(struck.run(2.0), replayed.run(2.0))


@pytest.mark.parametrize(
    "strike",
    [
        at("gone", (0,), 1),
        at("dense", (9, 9), 1),
        at("dense", (0, 0), 99_999),
        fault(FaultKind.SET, site=FaultSite("gone", (0, 0, 0, 0), (1,), math.nan, math.nan)),
        fault(FaultKind.SET, site=FaultSite("tile", (0, 3, 0, 0), (1,), math.nan, math.nan)),
    ],
)
def test_a_site_of_another_model_strikes_nothing(strike):
    work = flying(sorter())
    assert work.strike(strike) is None
    assert work.run(0.0).outcome is Outcome.NOMINAL


@pytest.mark.parametrize("kind", [FaultKind.SEFI, FaultKind.SEL])
def test_what_strikes_the_board_leaves_the_model_whole(kind):
    work = flying(sorter())
    assert work.strike(fault(kind)) is None
    assert work.run(0.0).outcome is Outcome.NOMINAL


def test_a_transient_spoils_one_input_once():
    work = flying(sorter())
    site = work.strike(
        fault(FaultKind.SET, site=FaultSite("tile", (0, 1, 4, 4), (30,), math.nan, math.nan))
    )
    assert site.tensor == "tile"
    assert math.isnan(site.before)
    assert work.run(0.0).outcome in (Outcome.SDC, Outcome.CRITICAL, Outcome.DUE)
    assert work.run(0.0).outcome is Outcome.NOMINAL


@given(UNITS)
def test_a_transient_lands_inside_the_input(place):
    site = WORKS[False].strike(fault(FaultKind.SET, place))
    WORKS[False].load()
    assert site.tensor == "tile"
    assert np.ravel_multi_index(site.index, (1, 3, 8, 8)) == int(place * 192 * 32) // 32


def test_a_reload_forgets_a_transient_that_waits():
    work = flying(sorter())
    work.strike(fault(FaultKind.SET, 0.5))
    work.load()
    assert work.run(0.0).outcome is Outcome.NOMINAL


def test_a_struck_model_that_does_not_run_is_a_detected_error_until_reload(capfd):
    nodes = [
        node("Cast", "where", "place", to=TensorProto.INT64),
        node("Flatten", "tile", "flat"),
        node("Gather", "flat place", "scores", axis=1),
    ]
    work = flying(load(nodes, {"where": np.array([3, 5], np.int32)}))
    work.strike(at("where", (0,), 20))
    assert [work.run(t).outcome for t in (0.0, 60.0)] == [Outcome.DUE] * 2
    work.load()
    assert work.run(0.0).outcome is Outcome.NOMINAL
    assert capfd.readouterr() == ("", "")  # libraries never print


def test_a_struck_model_that_does_not_load_is_a_detected_error_until_reload():
    nodes = [node("Flatten", "tile", "flat"), node("Slice", "flat from to axes", "scores")]
    limits = {"from": [0], "to": [4], "axes": [1]}
    weights = {name: np.array(value, np.int32) for name, value in limits.items()}
    work = flying(load(nodes, weights))
    site = work.strike(at("axes", (0,), 6))
    assert site.after == 65.0
    assert [work.run(t).outcome for t in (0.0, 60.0)] == [Outcome.DUE] * 2
    work.load()
    assert work.run(0.0).outcome is Outcome.NOMINAL


@pytest.mark.parametrize("dtype", [TensorProto.UINT8, TensorProto.FLOAT16])
def test_inputs_of_other_types_and_channels_last_fly(dtype):
    entry = helper.make_tensor_value_info("tile", dtype, [1, 8, 8, 3])
    nodes = [
        node("Cast", "tile", "wide", to=TensorProto.FLOAT),
        node("ReduceMean", "wide", "scores", axes=[1, 2], keepdims=0),
    ]
    camera = NoisyCamera()
    work = flying(load(nodes, {}, inputs=entry), camera)
    brightest = camera.tile(5.0).pixels.mean((0, 1)).argmax()
    assert work.rehearse(5.0).label == str(brightest)
    top_bit = FaultSite("tile", (0, 1, 2, int(brightest)), (7,), math.nan, math.nan)
    assert work.strike(fault(FaultKind.SET, site=top_bit)) is not None
    assert work.run(5.0).outcome is not Outcome.NOMINAL


def test_a_grey_model_flies():
    entry = helper.make_tensor_value_info("tile", TensorProto.FLOAT, [1, 1, 8, 8])
    nodes = [node("Conv", "tile k", "maps"), node("Flatten", "maps", "scores")]
    work = flying(load(nodes, {"k": random(2, 1, 8, 8)}, inputs=entry))
    assert work.rehearse().label in ("0", "1")


@pytest.mark.parametrize(
    ("model", "selection", "sentence"),
    [
        (sorter(labels="a,b"), None, "gives 4 scores, but there are 2 labels (a, b)"),
        (sorter(), Selection(keep=frozenset({"forest"})), "knows no label 'forest' to keep"),
        (
            load([node("Identity", "tile", "scores")], {}),
            Selection(keep=frozenset({"sea"})),
            "no class scores (1, K), so keep has no label",
        ),
    ],
)
def test_a_rehearsal_finds_answers_that_do_not_fit(model, selection, sentence):
    with pytest.raises(ModelError) as caught:
        flying(model, selection=selection).rehearse()
    assert sentence in str(caught.value)


def picker():
    """Return a model that crashes on a picture whose first pixel is bright."""
    nodes = [
        node("Slice", "tile from to axes", "pixel"),
        node("Mul", "pixel hundred", "far"),
        node("Cast", "far", "index", to=TensorProto.INT64),
        node("Reshape", "index flat", "place"),
        node("Gather", "row place", "scores"),
    ]
    weights = {
        "from": np.zeros(4, np.int64),
        "to": np.ones(4, np.int64),
        "axes": np.arange(4),
        "hundred": np.array([100.0], np.float32),
        "flat": np.array([1], np.int64),
        "row": np.arange(30, dtype=np.float32),
    }
    return load(nodes, weights, opset=13)


class BrighteningCamera:
    def tile(self, t_s):
        return Tile(np.full((8, 8, 3), int(t_s), np.uint8), "grey", cloud_fraction=0.5, sunlit=True)


def test_a_crash_on_one_picture_does_not_end_the_flight():
    work = flying(picker(), BrighteningCamera())
    assert work.rehearse(0.0).figures["scores"] == 0.0
    lost = work.run(255.0)
    assert (lost.label, lost.outcome, lost.product) == ("-", Outcome.DUE, b"")
    assert lost.figures == {"cloud_fraction_truth": 0.5}
    work.strike(fault(FaultKind.SET))
    work.strike(at("row", (29,), 3))
    assert work.run(255.0).outcome is Outcome.DUE
    work.load()
    assert work.run(0.0).outcome is Outcome.NOMINAL
    with pytest.raises(ModelError, match="does not run"):
        work.rehearse(255.0)


def test_a_transient_is_spent_by_a_crash_that_it_did_not_cause():
    work = flying(picker(), BrighteningCamera())
    work.strike(fault(FaultKind.SET))
    assert work.run(255.0).outcome is Outcome.DUE
    assert work.run(0.0).outcome is Outcome.NOMINAL


@pytest.mark.parametrize("chance", [{}, {"seed": 7.0}], ids=["without seed", "seeded"])
def test_a_model_of_chance_does_not_fly(chance):
    nodes = [
        node("RandomUniform", "", "dice", shape=[1, 4], **chance),
        node("ReduceMean", "tile", "one", axes=[1, 2, 3], keepdims=0),
        node("Mul", "dice one", "scores"),
    ]
    with pytest.raises(ModelError, match="answers the same picture differently each time"):
        flying(load(nodes, {})).rehearse()


@pytest.mark.parametrize(
    ("nodes", "gain", "found"),
    [
        ([node("Mul", "one gain", "scores")], math.nan, "nan"),
        ([node("Mul", "one gain", "scores")], math.inf, "inf"),
        ([node("Mul", "one gain", "minus"), node("Log", "minus", "scores")], -1.0, "nan"),
    ],
    ids=["NaN weights", "infinite weights", "logarithm of a negative"],
)
def test_a_model_whose_answers_are_never_finite_does_not_fly(nodes, gain, found):
    mean = node("ReduceMean", "tile", "one", axes=[1, 2, 3], keepdims=0)
    work = flying(load([mean, *nodes], {"gain": np.array([[gain, 1.0]], np.float32)}))
    with pytest.raises(ModelError, match=f"output 'scores' holds {found} though nothing was"):
        work.rehearse()


def test_a_second_output_that_is_not_finite_is_named():
    nodes = [
        node("ReduceMean", "tile", "scores", axes=[1, 2, 3], keepdims=0),
        node("Div", "zero zero", "fraction"),
    ]
    model = load(nodes, {"zero": np.zeros(1, np.float32)}, outputs=("scores", "fraction"))
    with pytest.raises(ModelError, match="output 'fraction' holds nan"):
        flying(model).rehearse()


def figures_alone(**metadata):
    nodes = [node("ReduceMean", "tile", "brightness", axes=[1, 2, 3], keepdims=0)]
    return load(nodes, {}, outputs=("brightness",), **metadata)


@pytest.mark.parametrize(
    ("model", "selection", "key", "sentence"),
    [
        (figures_alone(), Selection(("a", "b")), "labels", "so labels have nothing to name"),
        (figures_alone(), Selection(keep=frozenset({"a"})), "keep", "keep has no label"),
        (figures_alone(), Selection(keep=frozenset()), "keep", "keep has no label"),
        (figures_alone(keep="a"), Selection(keep=frozenset({"a"})), "model", "keep has no label"),
        (sorter(), Selection(("a", "b")), "labels", "there are 2 labels (a, b)"),
        (sorter(labels="a,b"), Selection(), "model", "there are 2 labels (a, b)"),
        (sorter(labels="a,b"), Selection(("a", "b")), "model", "there are 2 labels (a, b)"),
        (sorter(), Selection(("a", "b", "c", "a")), "labels", "name 'a' 2 times; give each score"),
        (sorter(labels="a,b,c,a"), Selection(), "model", "name 'a' 2 times; give each score"),
        (sorter(), Selection(keep=frozenset({"ice"})), "keep", "knows no label 'ice' to keep"),
        (sorter(keep="ice"), Selection(keep=frozenset({"ice"})), "model", "no label 'ice'"),
    ],
)
def test_labels_that_do_not_fit_point_to_who_gave_them(model, selection, key, sentence):
    with pytest.raises(ModelError) as caught:
        flying(model, selection=selection).rehearse()
    assert caught.value.key == key
    assert sentence in str(caught.value)


def test_labels_in_a_file_without_classes_do_not_ground_it():
    model = figures_alone(labels="cloud,land")
    assert flying(model, selection=Selection(model.labels)).rehearse().label == "-"


def test_labels_of_many_lines_do_not_break_the_line():
    with pytest.raises(ModelError) as caught:
        flying(sorter(), selection=Selection(("a\nb\0", "c" * 10_000))).rehearse()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_names_with_control_characters_fly():
    tile = helper.make_tensor_value_info("ti\0le\n", TensorProto.FLOAT, ["n\0", 3, 8, 8])
    mean = helper.make_node("ReduceMean", ["ti\0le\n"], ["sco\0res"], axes=[2, 3], keepdims=0)
    work = flying(load([mean], {}, inputs=tile, outputs=("sco\0res",)))
    assert work.rehearse().label in ("0", "1", "2")


def test_scores_of_the_largest_doubles_do_not_warn():
    answers = Answers(sorter(), ("scores",), Selection())
    assert answers.read([np.array([[1.7e308, -1.7e308]])]).score == 1.0


def test_a_rehearsal_finds_a_model_that_does_not_run():
    nodes = [node("Reshape", "tile shape", "scores")]
    work = flying(load(nodes, {"shape": np.array([7, 7], np.int64)}))
    with pytest.raises(ModelError, match=r"^tiny\.onnx does not run in onnxruntime"):
        work.rehearse()


def test_a_camera_of_another_size_is_found_before_the_flight():
    model = sorter()
    with pytest.raises(ModelError, match=r"camera must give uint8 \(8, 8, 3\)"):
        flying(model, NoisyCamera(16, 16)).rehearse()


def test_upsets_of_fifty_weights_read_as_they_lie_in_the_file():
    model = sorter()
    kernel = random(6, 3, 3, 3)
    work = flying(model)
    for place in np.random.default_rng(1).random(50):
        site = work.strike(fault(FaultKind.SEU, place))
        work.load()
        if site.tensor == "kernel":
            assert site.before == kernel[site.index]
            pattern = struct.unpack("<I", struct.pack("<f", kernel[site.index]))[0]
            after = struct.unpack("<f", struct.pack("<I", pattern ^ 1 << site.bits[0]))[0]
            assert site.after == after or math.isnan(after)


def test_work_that_is_none_answers_the_same_and_holds_nothing():
    work = NullWork()
    assert work.run(0.0) is work.run(60.0)
    assert work.strike(fault(FaultKind.SEU)) is None
    assert work.fetch(0.0) == b""
    work.load("another")
    assert work.run(0.0) is work.run(60.0)


def test_an_answer_that_turns_out_not_finite_in_flight_is_a_due():
    # the logarithm of brightness less a half: fine on a bright picture, NaN on a dark one
    nodes = [
        node("ReduceMean", "tile", "mean", axes=[1, 2, 3], keepdims=0),
        node("Sub", "mean half", "above"),
        node("Log", "above", "log"),
        node("Mul", "log gain", "scores"),
    ]
    weights = {"half": np.array([0.5], np.float32), "gain": np.array([[1.0, 2.0]], np.float32)}
    work = flying(load(nodes, weights), BrighteningCamera())
    work.rehearse(250.0)
    assert work.run(250.0).outcome is Outcome.NOMINAL
    assert work.run(10.0).outcome is Outcome.DUE


def two_models(camera=None, **others):
    """Return work that has a float32 and an int8 model, the first loaded."""
    models = {"fp32": sorter(), "int8": quantized(), **others}
    prepared = {name: Prepared(m, read_input(m, InputSettings())) for name, m in models.items()}
    return Inference(prepared, camera or NoisyCamera())


def test_the_first_model_is_loaded_at_the_start():
    assert same(two_models().run(3.0), flying(sorter()).run(3.0))


def test_another_model_answers_once_it_is_loaded_and_the_first_again_after_it():
    work = two_models()
    work.load("int8")
    assert same(work.run(3.0), flying(quantized()).run(3.0))
    assert work.gflop == flying(quantized()).gflop != flying(sorter()).gflop
    work.load("fp32")
    assert same(work.run(3.0), flying(sorter()).run(3.0))


def test_a_reload_keeps_the_model_that_was_loaded_last():
    work = two_models()
    work.load("int8")
    work.load()
    assert same(work.run(3.0), flying(quantized()).run(3.0))


def test_nothing_stays_corrupted_when_another_model_is_loaded():
    work = two_models()
    work.strike(at("kernel", (0, 0, 0, 0), 30))
    work.strike(fault(FaultKind.SET))
    work.load("int8")
    assert work.run(3.0).outcome is Outcome.NOMINAL
    work.load("fp32")
    assert work.run(3.0).outcome is Outcome.NOMINAL


def test_loading_the_loaded_model_by_its_name_mends_it():
    work = two_models()
    work.strike(at("kernel", (0, 0, 0, 0), 30))
    work.load("fp32")
    assert work.run(3.0).outcome is Outcome.NOMINAL


def test_upsets_strike_the_loaded_model_alone():
    work = two_models()
    only_fp32, only_int8 = at("dense", (0, 0), 30), at("mid_scale", (), 20)
    assert work.strike(only_int8) is None
    work.load("int8")
    assert work.strike(only_fp32) is None
    assert work.strike(only_int8) is not None
    assert work.run(3.0).outcome is not Outcome.NOMINAL


def test_a_model_that_there_is_not_is_refused_and_the_loaded_one_stays():
    work = two_models()
    with pytest.raises(ModelError, match="no model 'fp16'; there is fp32, int8"):
        work.load("fp16")
    assert same(work.run(3.0), flying(sorter()).run(3.0))


def broken():
    return load([node("Reshape", "tile shape", "scores")], {"shape": np.array([7, 7], np.int64)})


def test_every_model_can_be_rehearsed_before_the_flight():
    work = two_models(broken=broken())
    assert work.rehearse().label in LABELS
    assert work.rehearse(model="int8").label in ("0", "1", "2", "3")
    with pytest.raises(ModelError, match="does not run"):
        work.rehearse(model="broken")
    assert same(work.run(3.0), flying(sorter()).run(3.0))


def test_a_model_of_another_size_than_the_camera_is_found_in_its_rehearsal():
    tile = helper.make_tensor_value_info("tile", TensorProto.FLOAT, [1, 3, 16, 16])
    mean = node("ReduceMean", "tile", "scores", axes=[2, 3], keepdims=0)
    work = two_models(wide=load([mean], {}, inputs=tile))
    with pytest.raises(ModelError, match=r"camera must give uint8 \(16, 16, 3\)"):
        work.rehearse(model="wide")


@pytest.mark.parametrize("models", [{}, {"": None}])
def test_models_have_names(models):
    with pytest.raises(ValueError, match="models must have names"):
        Inference(models, NoisyCamera())


def test_a_model_whose_file_changed_in_memory_is_not_loaded():
    model = quantized()
    changed = replace(model, data=model.data + b"\0")
    work = two_models(int8=changed)
    with pytest.raises(ModelError, match="differs from its SHA-256"):
        work.load("int8")


def test_a_fetched_picture_is_what_was_seen_whatever_its_label():
    everything = flying(sorter())
    kept = everything.run(7.0)
    choosy = flying(sorter(), selection=Selection(keep=frozenset()))
    assert choosy.run(7.0).product == b""
    assert choosy.fetch(7.0) == kept.product


def test_a_fetch_leaves_a_transient_to_the_next_run():
    work = flying(sorter())
    work.strike(
        fault(FaultKind.SET, site=FaultSite("tile", (0, 1, 4, 4), (30,), math.nan, math.nan))
    )
    work.fetch(0.0)
    assert work.run(0.0).outcome is not Outcome.NOMINAL
