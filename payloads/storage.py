"""How a model's numbers lie in memory: the bits of each element, and what a pattern means."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Storage:
    """A type of number as it is stored, little-endian."""

    name: str
    bits: int
    meaning: Literal["float", "signed", "unsigned"]

    def value(self, pattern: int) -> float:
        """Return the number that a bit pattern stands for.

        >>> STORAGE["FLOAT16"].value(0x3C00), STORAGE["INT8"].value(0xFF)
        (1.0, -1.0)
        """
        if self.meaning == "float":
            return _float(pattern, self)
        negative = self.meaning == "signed" and pattern >> (self.bits - 1)
        return float(pattern - (1 << self.bits) if negative else pattern)


# By the names of onnx.TensorProto.DataType. Left out: bool and int64 (switches, shapes, indices:
# not weights), strings, complex numbers, and the float8 and float4 families.
STORAGE = {
    "FLOAT": Storage("float32", 32, "float"),
    "FLOAT16": Storage("float16", 16, "float"),
    "BFLOAT16": Storage("bfloat16", 16, "float"),
    "DOUBLE": Storage("float64", 64, "float"),
    "INT4": Storage("int4", 4, "signed"),
    "INT8": Storage("int8", 8, "signed"),
    "INT16": Storage("int16", 16, "signed"),
    "INT32": Storage("int32", 32, "signed"),
    "UINT4": Storage("uint4", 4, "unsigned"),
    "UINT8": Storage("uint8", 8, "unsigned"),
    "UINT16": Storage("uint16", 16, "unsigned"),
    "UINT32": Storage("uint32", 32, "unsigned"),
}


@dataclass(frozen=True, slots=True)
class Cells:
    """The memory of one tensor: its elements in C order, the first bit of the first one lowest."""

    name: str
    storage: Storage
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Return the number of elements; a scalar is one."""
        return math.prod(self.shape)

    @property
    def bits(self) -> int:
        """Return the bits that hold elements, without padding."""
        return self.elements * self.storage.bits

    @property
    def size_bytes(self) -> int:
        """Return the bytes in memory; two 4-bit elements share one."""
        return (self.bits + 7) // 8


def _float(pattern: int, storage: Storage) -> float:
    if storage.name == "bfloat16":  # the upper half of a float32
        pattern, width = pattern << 16, 32
    else:
        width = storage.bits
    code = {16: "e", 32: "f", 64: "d"}[width]
    value: float = struct.unpack(f"<{code}", pattern.to_bytes(width // 8, "little"))[0]
    return value
