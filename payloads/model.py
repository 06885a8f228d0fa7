"""Reads an ONNX file without any runtime, and says what it holds and what it wants."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx import AttributeProto, ModelProto, TensorProto, ValueInfoProto

from payloads.storage import STORAGE, Cells

MAX_BYTES = 2**31 - 1  # the limit of one protobuf message
LONGEST = 800  # characters of a message; a file may call its parts by names of any length
LFS_POINTER = b"version https://git-lfs"
IR_VERSION_TAG = b"\x08"  # every ONNX writer puts field 1, ir_version, first
TYPE_NAMES: dict[int, str] = {number: name for name, number in TensorProto.DataType.items()}
PROBABILITIES = {"Softmax", "Sigmoid", "HardSigmoid"}
# These pass a score on unchanged, or nearly.
CARRIERS = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze"}
CARRIERS |= {"QuantizeLinear", "DequantizeLinear"}


Key = Literal["model", "labels", "keep"]


class ModelError(ValueError):
    """The model cannot fly as it is; its user must act.

    ``key`` is the key of the payload's table that the user must change: the
    model, or the labels or the selection that the user gave beside it. The
    sentence is one line, whatever the file calls its parts (`one_line`).
    """

    def __init__(self, sentence: str, key: Key = "model") -> None:
        super().__init__(one_line(sentence))
        self.key: Key = key


@dataclass(frozen=True, slots=True)
class Limits:
    """The newest file format and operator set that a runtime understands."""

    runtime: str
    ir: int
    opset: int


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or an output; a dimension that is left open is a text."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.dtype} ({', '.join(map(str, self.shape))})"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file that was read and found fit to load.

    ``weights`` are the dense initializers and constants of the main graph
    whose type is in `STORAGE`, scales and zero points among them.
    """

    name: str
    data: bytes = field(repr=False)
    sha256: str
    weights: tuple[Cells, ...] = field(repr=False)
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: tuple[tuple[str, str], ...]
    scores_are_probabilities: bool  # the first output ends in a softmax or a sigmoid

    @property
    def weight_bits(self) -> int:
        """Return the memory footprint of the weights in bits: what radiation can strike."""
        return sum(weight.bits for weight in self.weights)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes by the file's own metadata ``labels`` ("cloud,land,sea,night")."""
        return self._named("labels") or ()

    @property
    def keep(self) -> tuple[str, ...] | None:
        """Return the classes worth sending to the ground, by the file's own metadata ``keep``."""
        return self._named("keep")

    def _named(self, key: str) -> tuple[str, ...] | None:
        text = dict(self.metadata).get(key, "")
        return tuple(label.strip() for label in text.split(",")) if text.strip() else None


def one_line(text: str) -> str:
    r"""Return a text with control characters as escapes, and without the middle of a long one.

    >>> one_line("a\n\0")
    'a\\n\\x00'
    """
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"


def load_model(data: bytes, name: str, limits: Limits | None = None) -> ModelFile:
    """Read an ONNX file, called ``name`` in messages; ``limits`` are those of the runtime.

    External tensor data is refused wherever it hides: onnxruntime follows it
    even from a model loaded from bytes (sparse initializers).

    Raises:
        ModelError: the file is no whole ONNX model, points outside itself, is
            newer than ``limits``, has a text that is no UTF-8, or wants anything
            but one input.
    """
    proto = _parse(data, name)
    _refuse_damaged_texts(proto, name)
    refuse_newer(proto, name, limits)
    _refuse_external_data(proto, name)
    graph = proto.graph
    defaults = {tensor.name for tensor in graph.initializer}
    defaults |= {sparse.values.name for sparse in graph.sparse_initializer}
    wanted = [entry for entry in graph.input if entry.name not in defaults]
    return ModelFile(
        name=name,
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        weights=tuple(_cells(key, tensor, name) for key, tensor in weight_tensors(proto).items()),
        inputs=_one_input(wanted, name),
        outputs=tuple(_spec(entry, name) for entry in graph.output),
        metadata=tuple((entry.key, entry.value) for entry in proto.metadata_props),
        scores_are_probabilities=_ends_in_probabilities(graph),
    )


def weight_tensors(proto: ModelProto) -> dict[str, TensorProto]:
    """Return the tensors that hold weights, by the name under which the graph uses them."""
    constants = {
        node.output[0]: attribute.t
        for node in proto.graph.node
        if node.op_type == "Constant" and node.output
        for attribute in node.attribute
        if attribute.type == AttributeProto.TENSOR
    }
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer} | constants
    return {
        name: tensor
        for name, tensor in tensors.items()
        if type_name(tensor.data_type) in STORAGE and 0 not in tensor.dims
    }


def type_name(number: int) -> str:
    """Return ONNX's name of an element type, such as FLOAT16; a number it does not know as text."""
    return TYPE_NAMES.get(number, str(number))


def refuse_newer(proto: ModelProto, name: str, limits: Limits | None) -> None:
    """Check the versions of a model against what the runtime understands.

    Raises:
        ModelError: the file's IR or its operator set is newer.
    """
    if limits is None:
        return
    opset = max(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    for word, found, highest in (
        ("IR version", proto.ir_version, limits.ir),
        ("opset", opset, limits.opset),
    ):
        if found > highest:
            raise ModelError(
                f"{name} has {word} {found}, but {limits.runtime} reads up to {highest}; "
                f"export the model with {word} {highest} or lower"
            )


def _parse(data: bytes, name: str) -> ModelProto:
    if len(data) > MAX_BYTES:
        raise ModelError(f"{name} has {len(data):,} bytes; a model in one file has at most 2 GB")
    if data.startswith(LFS_POINTER):
        raise ModelError(
            f"{name} is a Git LFS pointer, not the model; fetch it with `git lfs pull`"
        )
    try:
        proto = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as reason:
        looks_cut = data.startswith(IR_VERSION_TAG)
        what = "is cut short or damaged" if looks_cut else "is not an ONNX file"
        raise ModelError(
            f"{name} {what} ({len(data):,} bytes); export or copy it again"
        ) from reason
    domains = {entry.domain for entry in proto.opset_import}
    if not (proto.ir_version and proto.graph.output and domains & {"", "ai.onnx"}):
        raise ModelError(
            f"{name} is not a whole ONNX file ({len(data):,} bytes): it lacks an IR version, an "
            "output or an opset; export or copy it again"
        )
    return proto


def _refuse_damaged_texts(proto: ModelProto, name: str) -> None:
    """Check that every text is UTF-8; protobuf gives others as bytes, and onnxruntime prints."""
    for message in _messages(proto):
        for entry, value in message.ListFields():
            if entry.type != FieldDescriptor.TYPE_STRING:
                continue
            for text in [value] if isinstance(value, (str, bytes)) else value:
                if isinstance(text, bytes):
                    raise ModelError(
                        f"{name}: {entry.name} {text!r} is no UTF-8 text; export or copy it again"
                    )


def _refuse_external_data(proto: ModelProto, name: str) -> None:
    for tensor in _messages(proto):
        if not isinstance(tensor, TensorProto):
            continue
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            where = next((e.value for e in tensor.external_data if e.key == "location"), "?")
            raise ModelError(
                f"{name}: tensor {tensor.name!r} keeps its data in another file ({where!r}); save "
                "the model as one file, for example onnx.save(model, path, "
                "save_as_external_data=False)"
            )


def _messages(message: Message) -> Iterator[Message]:
    """Yield a message and all it holds: tensors in attributes, subgraphs and functions too."""
    yield message
    for _, value in message.ListFields():
        if isinstance(value, Message):
            yield from _messages(value)
        elif not isinstance(value, (str, bytes, int, float)):
            for item in value:
                if not isinstance(item, Message):
                    break  # plain numbers
                yield from _messages(item)


def _one_input(entries: list[ValueInfoProto], name: str) -> tuple[TensorSpec]:
    if len(entries) == 1:
        return (_spec(entries[0], name),)
    if not entries:
        raise ModelError(f"{name} has no input; it needs one, for an image")
    names = ", ".join(repr(entry.name) for entry in entries)
    raise ModelError(
        f"{name} has {len(entries)} inputs without a default ({names}); this version feeds one, "
        "an image: give the others default values (initializers)"
    )


def _spec(entry: ValueInfoProto, name: str) -> TensorSpec:
    kind = entry.type.WhichOneof("value")
    if kind != "tensor_type":
        raise ModelError(f"{name}: {entry.name!r} is no tensor but a {kind or 'value of no type'}")
    tensor = entry.type.tensor_type
    shape = tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim
    )
    onnx_type = type_name(tensor.elem_type)
    dtype = STORAGE[onnx_type].name if onnx_type in STORAGE else onnx_type.lower()
    return TensorSpec(entry.name, dtype, shape)


def _cells(key: str, tensor: TensorProto, name: str) -> Cells:
    cells = Cells(key, STORAGE[type_name(tensor.data_type)], tuple(tensor.dims))
    if tensor.HasField("raw_data") and len(tensor.raw_data) != cells.size_bytes:
        raise ModelError(
            f"{name}: weight {key!r} claims {cells.size_bytes:,} bytes, but the file holds "
            f"{len(tensor.raw_data):,}; export or copy it again"
        )
    return cells


def _ends_in_probabilities(graph: onnx.GraphProto) -> bool:
    makers = {output: node for node in graph.node for output in node.output}
    name = graph.output[0].name
    for _ in graph.node:  # a damaged graph may run in circles
        if name not in makers or makers[name].op_type not in CARRIERS:
            break
        name = next(iter(makers[name].input), "")
    return name in makers and makers[name].op_type in PROBABILITIES
