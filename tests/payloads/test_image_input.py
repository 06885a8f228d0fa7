import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper

from payloads.image_input import InputSettings, read_input
from payloads.model import ModelError, load_model

ROUNDING = 1e-6  # float32 against the formula in float64, values around 1
PICTURES = arrays(np.uint8, (4, 6, 3))
NUMBERS = st.floats(-3, 3).filter(lambda x: abs(x) > 0.01)


def wanting(*shape, dtype=TensorProto.FLOAT, **metadata):
    """Return a model whose input has this shape and type."""
    entry = helper.make_tensor_value_info("tile", dtype, shape)
    result = helper.make_tensor_value_info("scores", dtype, shape)
    node = helper.make_node("Identity", ["tile"], ["scores"])
    graph = helper.make_graph([node], "g", [entry], [result])
    proto = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    helper.set_model_props(proto, metadata)
    return load_model(proto.SerializeToString(), "model.onnx")


def spec(model, **settings):
    return read_input(model, InputSettings(**settings), "payload.pi")


def refusal(model, **settings):
    with pytest.raises(ModelError) as caught:
        spec(model, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(PICTURES, st.tuples(*[NUMBERS] * 3), st.tuples(*[NUMBERS] * 3), NUMBERS)
def test_each_channel_is_scaled_as_the_user_says(pixels, mean, std, scale):
    found = spec(wanting(1, 3, 4, 6), scale=scale, mean=mean, std=std)
    expected = ((pixels * scale - np.array(mean)) / np.array(std)).transpose(2, 0, 1)[None]
    tensor = found.to_tensor(pixels)
    assert tensor.dtype == np.float32
    assert tensor.shape == found.shape == (1, 3, 4, 6)
    np.testing.assert_allclose(tensor, expected, rtol=ROUNDING, atol=ROUNDING)


@given(PICTURES)
def test_channels_last_keeps_the_order_of_the_picture(pixels):
    found = spec(wanting("n", 4, 6, 3, dtype=TensorProto.UINT8))
    assert found.layout == "NHWC"
    assert np.array_equal(found.to_tensor(pixels), pixels[None])


@given(arrays(np.uint8, (4, 6)))
def test_one_channel_of_a_grey_picture_is_that_grey(grey):
    pixels = np.repeat(grey[..., None], 3, axis=2)
    tensor = spec(wanting(1, 1, 4, 6, dtype=TensorProto.UINT8)).to_tensor(pixels)
    assert np.array_equal(tensor, grey[None, None])


@pytest.mark.parametrize(
    ("dtype", "black", "white"),
    [
        (TensorProto.FLOAT, 0.0, 1.0),
        (TensorProto.FLOAT16, 0.0, 1.0),
        (TensorProto.UINT8, 0, 255),
        (TensorProto.INT8, -128, 127),
        (TensorProto.INT32, 0, 255),
    ],
)
def test_pixels_fill_the_range_of_the_type_unless_told_otherwise(dtype, black, white):
    found = spec(wanting(1, 3, 1, 2, dtype=dtype))
    tensor = found.to_tensor(np.array([[[0] * 3, [255] * 3]], np.uint8))
    assert tensor[0, :, 0, :].tolist() == [[black, white]] * 3


def test_the_files_own_scale_and_range_are_the_default():
    scaled = spec(wanting(1, 3, 1, 2, input_scale="1/51"))
    assert scaled.to_tensor(np.full((1, 2, 3), 255, np.uint8)).max() == 5.0
    ranged = spec(wanting(1, 3, 1, 2, expects_range="-1, 1"))
    assert ranged.table[:, [0, 255]].tolist() == [[-1.0, 1.0]] * 3


def test_an_open_size_is_64_or_what_the_user_says():
    free = wanting("n", 3, "height", "width")
    assert spec(free).shape == (1, 3, 64, 64)
    assert spec(free, height_px=32, width_px=48).shape == (1, 3, 32, 48)


def test_an_open_channel_takes_colour_once_the_layout_is_said():
    free = wanting("n", "h", "w", "c")
    assert "say payload.pi.layout = 'NCHW'" in refusal(free)
    assert spec(free, layout="NHWC").shape == (1, 64, 64, 3)


def test_the_wrong_layout_is_explained_with_the_right_one():
    assert refusal(wanting(1, 3, 64, 64), layout="NHWC") == (
        "model.onnx: input 'tile' wants float32 (1, 3, 64, 64); payload.pi.layout = 'NHWC' would "
        "give (1, 64, 64, 3); say layout = 'NCHW'"
    )


def test_a_layout_that_fits_both_ways_must_be_said():
    both = wanting(1, 3, 64, 3)
    assert "say payload.pi.layout = 'NCHW'" in refusal(both)
    assert spec(both, layout="NCHW").shape == (1, 3, 64, 3)
    assert (spec(both, layout="NHWC").height_px, spec(both, layout="NHWC").width_px) == (3, 64)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (wanting(1, 10), "an image needs 4 axes"),
        (wanting(8, 3, 64, 64), "one image at a time, not 8"),
        (wanting(1, 13, 64, 64), "no axis has 1 (grey) or 3 (RGB) channels"),
        (wanting(1, 3, 4, 4, dtype=TensorProto.BOOL), "an image can be given as float32"),
        (wanting(1, 3, 4, 4, input_scale="small"), "metadata input_scale = 'small'"),
        (
            wanting(1, 3, 4, 4, expects_range="1,0"),
            "its metadata expects_range = '1,0' must be a low",
        ),
    ],
)
def test_an_input_that_is_no_image_is_refused(model, sentence):
    text = refusal(model)
    assert text.startswith("model.onnx: input 'tile' wants ")
    assert sentence in text


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"height_px": 32}, "payload.pi.height_px = 32 does not fit; say height_px = 64"),
        ({"std": 0.0}, "payload.pi.std divides"),
        ({"mean": (1.0, 2.0)}, "payload.pi.mean = (1.0, 2.0) must be one finite number"),
        ({"scale": float("nan")}, "payload.pi.scale = nan must be one finite number"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    assert sentence in refusal(wanting(1, 3, 64, 64), **settings)


@pytest.mark.parametrize("edge", [0, -1, 2049, 100_000])
def test_a_size_that_no_camera_gives_is_refused_before_the_flight(edge):
    found = refusal(wanting(1, 3, 64, edge))
    assert found.endswith("its width must be 1..2048 px, or open: export it that way")
    assert "its height must be 1..2048 px" in refusal(wanting(1, edge, 64, 3))
    sentence = f"payload.pi.height_px = {edge} must be 1..2048 px, such as 64"
    assert sentence in refusal(wanting(1, 3, "h", "w"), height_px=edge)
    assert spec(wanting(1, 3, 1, 2048)).shape == (1, 3, 1, 2048)


ALL_TYPES = ["FLOAT", "FLOAT16", "DOUBLE", "UINT8", "INT8", "UINT16", "INT16", "INT32"]


@pytest.mark.parametrize("dtype", ALL_TYPES)
@pytest.mark.parametrize(
    ("settings", "metadata", "origin"),
    [
        ({"scale": 1e308}, {}, "payload.pi.scale = 1e+308"),
        ({"scale": -1e308}, {}, "payload.pi.scale = -1e+308"),
        ({"scale": 0.0}, {}, "payload.pi.scale = 0.0"),
        ({"mean": 1e308}, {}, "payload.pi.mean = 1e+308"),
        ({"std": 1e-308, "mean": -1e10}, {}, "payload.pi.mean = -10000000000.0, payload.pi.std ="),
        ({}, {"input_scale": "1e308"}, "its metadata input_scale = '1e308'"),
        ({}, {"input_scale": "0"}, "its metadata input_scale = '0'"),
    ],
)
def test_a_scale_without_sense_is_one_sentence_with_its_origin(dtype, settings, metadata, origin):
    text = refusal(
        wanting(1, 3, 8, 8, dtype=TensorProto.DataType.Value(dtype), **metadata), **settings
    )
    assert f"with {origin}" in text
    assert "say for example payload.pi.scale = " in text
    assert ("payload.pi" in text.split(";")[1]) == bool(settings)  # no setting nobody gave


@pytest.mark.parametrize("tiny", [{"scale": 1e-320}, {"std": 1e308}, {"mean": 1e30}])
def test_a_picture_that_rounds_to_one_number_is_refused(tiny):
    text = refusal(wanting(1, 3, 8, 8), **tiny)
    assert "every pixel of a channel becomes the same number" in text


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "-inf", "1/0", "1/1e-320", ","])
def test_metadata_that_is_no_finite_number_is_not_blamed_on_the_user(text):
    found = refusal(wanting(1, 3, 8, 8, input_scale=text))
    assert f"its metadata input_scale = {text!r} is no finite number" in found
    assert "payload.pi" not in found
    assert spec(wanting(1, 3, 8, 8, input_scale=text), scale=0.1).table.max() < 26.0


def test_a_range_too_wide_for_numbers_is_refused_with_its_origin():
    wide = refusal(wanting(1, 3, 8, 8), expects_range=(-1e308, 1e308))
    assert "payload.pi.expects_range = (-1e+308, 1e+308) must be a low and a high" in wide
    found = refusal(wanting(1, 3, 8, 8, expects_range="0,1e300"))
    assert (
        "with its metadata expects_range = '0,1e300', scaling turns pixels 0..255 into 0..1e+300"
        in found
    )


def test_a_scale_per_channel_in_the_metadata_is_not_cut_to_the_first():
    found = spec(wanting(1, 3, 8, 8, input_scale="1, 1/2, 1/4"))
    assert found.table[:, 4].tolist() == [4.0, 2.0, 1.0]
    wrong = refusal(wanting(1, 3, 8, 8, input_scale="1, 1/2"))
    assert "its metadata input_scale = '1, 1/2' must be one finite number" in wrong


def test_an_integer_within_the_slack_of_its_limit_does_not_wrap_around():
    table = spec(wanting(1, 3, 8, 8, dtype=TensorProto.UINT16), scale=257.1).table
    assert table[:, -1].tolist() == [65_535] * 3


def test_names_of_many_lines_or_characters_stay_in_a_short_line():
    found = refusal(wanting("a\0\n\x1b[2Jb", 13, 4, 4))
    assert found.isprintable()
    assert "a\\x00\\n\\x1b[2Jb" in found
    found = refusal(wanting("n" * 10_000, 13, 4, 4))
    assert len(found) < 1000
    assert found.endswith("no axis has 1 (grey) or 3 (RGB) channels, and a camera gives these")


def test_values_outside_the_expected_range_are_explained():
    text = refusal(wanting(1, 3, 64, 64, expects_range="0,1"), scale=1.0)
    assert "with payload.pi.scale = 1.0, scaling turns" in text
    assert "turns pixels 0..255 into 0..255, but the model expects 0..1" in text
    assert "payload.pi.scale = 0.00392157, mean = 0, std = 1" in text


def test_pixels_scaled_twice_are_explained():
    text = refusal(wanting(1, 3, 64, 64), scale=1 / 255, expects_range=(0.0, 255.0))
    assert "into 0..1, hardly any of the expected 0..255" in text
    assert "hardly any" in refusal(wanting(1, 3, 4, 4, dtype=TensorProto.UINT8), scale=1 / 255)


def test_values_that_an_integer_input_cannot_hold_are_explained():
    text = refusal(wanting(1, 3, 64, 64, dtype=TensorProto.INT8), scale=1.0)
    assert "into 0..255, but int8 holds -128..127" in text
    assert "scale = 1, mean = 128, std = 1" in text


def test_a_scale_written_with_four_digits_is_within_the_range():
    rounded = spec(wanting(1, 3, 1, 2, expects_range="0,1"), scale=0.003922)
    assert rounded.table.max() == pytest.approx(1.0, abs=1e-3)


def test_a_picture_of_another_size_is_refused():
    found = spec(wanting(1, 3, 64, 64))
    with pytest.raises(ModelError, match=r"camera must give uint8 \(64, 64, 3\), not uint8 \(48,"):
        found.to_tensor(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(ModelError, match="not float32"):
        found.to_tensor(np.zeros((64, 64, 3), np.float32))
