"""What a model's image input wants, and how a picture becomes that."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from payloads.model import ModelError, ModelFile, TensorSpec

Layout = Literal["NCHW", "NHWC"]
Range = tuple[float, float]

CHANNEL_AXIS: dict[Layout, int] = {"NCHW": 1, "NHWC": 3}
HEIGHT_AXIS: dict[Layout, int] = {"NCHW": 2, "NHWC": 1}
IMAGE_TYPES = ("float32", "float16", "float64", "uint8", "int8", "uint16", "int16", "int32")
DEFAULT_PX = 64  # of an input whose size is open: the tile that the shipped models read
MAX_PX = 2048  # of each edge: the Earth camera takes a second for such a picture, 16 s for 8192
METADATA = {"scale": "input_scale", "expects_range": "expects_range"}  # a setting's key there
LUMA = np.array([77, 150, 29], np.uint16)  # of 256; ITU-R BT.601
LEAST_USE = 0.1  # of the expected range; pixels that fill less were scaled twice, or not at all
SLACK = 1e-3  # of the expected range; 1/255 written with four digits is still meant as 1/255


@dataclass(frozen=True, slots=True)
class InputSettings:
    """What a user says of a model's input; None leaves it to the model.

    A pixel becomes ``(pixel * scale - mean) / std``; each of the three is one
    number or one per channel. ``expects_range`` is what the model was trained on.
    """

    layout: Layout | None = None
    height_px: int | None = None
    width_px: int | None = None
    scale: float | tuple[float, ...] | None = None
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    expects_range: Range | None = None


@dataclass(frozen=True, slots=True, eq=False)
class InputSpec:
    """How a picture becomes the input tensor of one model.

    ``table``: array of shape (channels, 256) and the input's dtype, the value of each pixel value.
    """

    model: str
    tensor: TensorSpec
    layout: Layout
    height_px: int
    width_px: int
    channels: int
    table: NDArray[np.generic] = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the tensor, one image in its batch."""
        return _shape(self.layout, self.height_px, self.width_px, self.channels)

    def to_tensor(self, pixels: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Return the input tensor for a picture, uint8 of shape (height, width, 3).

        A model with one channel gets the luma of ITU-R BT.601.

        Raises:
            ModelError: the picture has another size or type.
        """
        if pixels.shape != (self.height_px, self.width_px, 3) or pixels.dtype != np.uint8:
            raise ModelError(
                f"{self.model}: input {self.tensor.name!r} wants {self.tensor}, so the camera must "
                f"give uint8 ({self.height_px}, {self.width_px}, 3), not {pixels.dtype} "
                f"{pixels.shape}"
            )
        planes = _luma(pixels) if self.channels == 1 else pixels
        scaled = [self.table[k].take(planes[..., k]) for k in range(self.channels)]
        return np.stack(scaled, axis=CHANNEL_AXIS[self.layout] - 1)[np.newaxis]


def read_input(
    model: ModelFile, settings: InputSettings | None = None, key: str = "payload"
) -> InputSpec:
    """Return how pictures enter ``model``; ``key`` is where the settings stand in the user's file.

    The layout is the one that gives 1 or 3 channels; a size that the model
    leaves open is ``DEFAULT_PX``, and none is above ``MAX_PX``. The expected
    range comes from the user, the metadata ``expects_range`` ("0,1"), or the
    limits of an 8-bit type. Where nobody says how to scale (the metadata may:
    ``input_scale``), pixels are spread over the expected range, else over 0..1
    for floats, and stay as they are for integers.

    Raises:
        ModelError: the input is no image, or the settings cannot give what it wants.
    """
    return _Reader(model, settings or InputSettings(), key).read()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Joins what a model says of its input with what a user says."""

    model: ModelFile
    settings: InputSettings
    key: str

    def read(self) -> InputSpec:
        if self.wanted.dtype not in IMAGE_TYPES:
            raise self.error(f"an image can be given as {', '.join(IMAGE_TYPES)}")
        if len(self.wanted.shape) != 4:
            raise self.error("an image needs 4 axes, such as (1, 3, 64, 64)")
        batch = self.wanted.shape[0]
        if isinstance(batch, int) and batch != 1:
            raise self.error(f"a payload gives one image at a time, not {batch}: export with 1")
        layout = self.layout()
        height_px, width_px = (self.size(layout, which) for which in (0, 1))
        channels = self.channels(layout) or 3
        return InputSpec(
            model=self.model.name,
            tensor=self.wanted,
            layout=layout,
            height_px=height_px,
            width_px=width_px,
            channels=channels,
            table=self.table(channels),
        )

    @property
    def wanted(self) -> TensorSpec:
        return self.model.inputs[0]

    def error(self, rule: str) -> ModelError:
        return ModelError(
            f"{self.model.name}: input {self.wanted.name!r} wants {self.wanted}; {rule}"
        )

    def channels(self, layout: Layout) -> int | None:
        """Return the channels if the input has this layout; 0 where they are open, None if not."""
        axis = self.wanted.shape[CHANNEL_AXIS[layout]]
        if not isinstance(axis, int):
            return 0
        return axis if axis in (1, 3) else None

    def layout(self) -> Layout:
        said = self.settings.layout
        certain = [layout for layout in CHANNEL_AXIS if self.channels(layout)]
        if said is None and len(certain) == 1:
            return certain[0]
        if said is not None and self.channels(said) is not None:
            return said
        if said is None and (certain or any(self.channels(k) == 0 for k in CHANNEL_AXIS)):
            raise self.error(f"it could be NCHW or NHWC: say {self.key}.layout = 'NCHW'")
        if not certain:
            raise self.error("no axis has 1 (grey) or 3 (RGB) channels, and a camera gives these")
        right = certain[0]
        height_px, width_px = (self.size(right, which) for which in (0, 1))
        given = _shape(said or right, height_px, width_px, self.channels(right) or 3)
        raise self.error(f"{self.key}.layout = {said!r} would give {given}; say layout = {right!r}")

    def size(self, layout: Layout, which: int) -> int:
        """Return the height (0) or the width (1) in pixels."""
        fixed = self.wanted.shape[HEIGHT_AXIS[layout] + which]
        name = ("height_px", "width_px")[which]
        said = (self.settings.height_px, self.settings.width_px)[which]
        if isinstance(fixed, int) and not 1 <= fixed <= MAX_PX:
            edge = ("height", "width")[which]
            raise self.error(f"its {edge} must be 1..{MAX_PX} px, or open: export it that way")
        if said is not None and not 1 <= said <= MAX_PX:
            raise self.error(
                f"{self.key}.{name} = {said} must be 1..{MAX_PX} px, such as {DEFAULT_PX}"
            )
        if not isinstance(fixed, int):
            return DEFAULT_PX if said is None else said
        if said not in (None, fixed):
            raise self.error(f"{self.key}.{name} = {said} does not fit; say {name} = {fixed}")
        return fixed

    def table(self, channels: int) -> NDArray[np.generic]:
        """Return the tensor's value for every pixel value of each channel."""
        dtype = np.dtype(self.wanted.dtype)
        scale, mean, std = (self.per_channel(name, channels) for name in ("scale", "mean", "std"))
        if not std.all():
            raise self.error(f"{self.key}.std divides, so no value may be 0; 1 changes nothing")
        with np.errstate(all="ignore"):  # what does not fit is refused with its origin
            values = (np.arange(256.0) * scale - mean) / std
            self.check_range(values, dtype)
            table = _cast(values, dtype)
        if not np.isfinite(table).all():
            limits = _limits(dtype)
            raise self.range_error(_extent(values), limits, f"but {dtype} holds", self.natural)
        if (table == table[:, :1]).all(axis=1).any():
            raise self.error(
                f"with {self.origins()}, every pixel of a channel becomes the same number; "
                f"{self.advice(self.expected() or self.natural)}"
            )
        return table

    def per_channel(self, name: str, channels: int) -> NDArray[np.float64]:
        """Return the user's numbers or the default as an array of shape (channels, 1)."""
        said = self.said()[name]
        numbers = np.atleast_1d(np.array(self.default(name) if said is None else said, float))
        if numbers.shape not in ((1,), (channels,)) or not np.isfinite(numbers).all():
            raise self.error(
                f"{self.origin(name)} must be one finite number, or one for each of its "
                f"{channels} channels"
            )
        return np.broadcast_to(numbers, (channels,))[:, np.newaxis]

    def said(self) -> dict[str, float | tuple[float, ...] | None]:
        """Return what the user says of values."""
        said = self.settings
        scaling = {"scale": said.scale, "mean": said.mean, "std": said.std}
        return {**scaling, "expects_range": said.expects_range}

    def origin(self, name: str) -> str:
        """Return where a number comes from, as text; nothing if nobody gave it."""
        said, key = self.said()[name], METADATA.get(name, "")
        if said is not None:
            return f"{self.key}.{name} = {said}"
        text = dict(self.model.metadata).get(key, "")
        return f"its metadata {key} = {text!r}" if text else ""

    def origins(self) -> str:
        """Return where the numbers that scale a pixel come from; the range only fills in."""
        given = [text for text in map(self.origin, ("scale", "mean", "std")) if text]
        return ", ".join(given) or self.origin("expects_range")

    @property
    def natural(self) -> Range:
        return (0.0, 1.0) if self.wanted.dtype.startswith("float") else (0.0, 255.0)

    def default(self, name: str) -> float | tuple[float, ...]:
        """Return the number that nobody gave; with none given at all, they fill the range."""
        if name == "std":
            return 1.0
        said = self.settings
        untold = (said.scale, said.mean, said.std) == (None, None, None)
        metadata = self.from_metadata("input_scale") if said.scale is None else ()
        low, high = (self.expected() if untold and not metadata else None) or self.natural
        if name == "mean":
            return -low
        return metadata or (high - low) / 255.0

    def from_metadata(self, key: str) -> tuple[float, ...]:
        """Return the numbers that the file's metadata gives under ``key``; none if it does not."""
        text = dict(self.model.metadata).get(key, "")
        try:
            return tuple(_number(part) for part in text.strip("[] ").split(",") if text)
        except (ValueError, ZeroDivisionError) as reason:
            raise self.error(
                f"its metadata {key} = {text!r} is no finite number; one such as '1/255' or "
                "'0,1' is"
            ) from reason

    def expected(self) -> Range | None:
        """Return the values that the model was made for, or None where nobody says."""
        numbers = self.settings.expects_range or self.from_metadata("expects_range")
        if not numbers:
            small = self.wanted.dtype in ("uint8", "int8")
            return _limits(np.dtype(self.wanted.dtype)) if small else None
        rises = len(numbers) == 2 and numbers[0] < numbers[1]
        if not (rises and math.isfinite(numbers[1] - numbers[0])):
            where = self.origin("expects_range")
            raise self.error(f"{where} must be a low and a high, such as [0, 1]")
        return numbers[0], numbers[1]

    def check_range(self, values: NDArray[np.float64], dtype: np.dtype[np.generic]) -> None:
        given = _extent(values)
        if dtype.kind in "iu" and not _within(given, _limits(dtype)):
            raise self.range_error(given, _limits(dtype), f"but {dtype} holds")
        expected = self.expected()
        if expected is None:
            return
        if not _within(given, expected):
            raise self.range_error(given, expected, "but the model expects")
        if given[1] - given[0] < LEAST_USE * (expected[1] - expected[0]):
            raise self.range_error(given, expected, "hardly any of the expected")

    def range_error(
        self, given: Range, expected: Range, what: str, better: Range | None = None
    ) -> ModelError:
        return self.error(
            f"with {self.origins()}, scaling turns pixels 0..255 into {_range(given)}, {what} "
            f"{_range(expected)}; {self.advice(better or expected)}"
        )

    def advice(self, wanted: Range) -> str:
        low, high = wanted
        return (
            f"say for example {self.key}.scale = {(high - low) / 255:.6g}, "
            f"mean = {_shortest(-low)}, std = 1"
        )


def _shape(layout: Layout, height_px: int, width_px: int, channels: int) -> tuple[int, ...]:
    if layout == "NCHW":
        return 1, channels, height_px, width_px
    return 1, height_px, width_px, channels


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    weighed: NDArray[np.uint16] = pixels.astype(np.uint16) @ LUMA
    return (weighed >> 8).astype(np.uint8)[..., np.newaxis]


def _number(text: str) -> float:
    """Return a number that may be written as a fraction.

    >>> _number("1/4")
    0.25
    """
    over, _, under = text.partition("/")
    number = float(over) / float(under or 1)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


def _cast(values: NDArray[np.float64], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Return values as the input's type; within the slack an integer stays at its limit."""
    if dtype.kind in "iu":
        values = np.clip(np.rint(values), *_limits(dtype))
    return values.astype(dtype)


def _extent(values: NDArray[np.float64]) -> Range:
    return float(values.min()), float(values.max())


def _range(limits: Range) -> str:
    return f"{_shortest(limits[0])}..{_shortest(limits[1])}"


def _shortest(number: float) -> str:
    return f"{number + 0.0:.4g}"  # adding zero makes -0 a 0


def _limits(dtype: np.dtype[np.generic]) -> Range:
    limits = np.iinfo(dtype.name) if dtype.kind in "iu" else np.finfo(dtype.name)
    return float(limits.min), float(limits.max)


def _within(given: Range, expected: Range) -> bool:
    slack = SLACK * math.fabs(expected[1] - expected[0])
    return expected[0] - slack <= given[0] and given[1] <= expected[1] + slack
