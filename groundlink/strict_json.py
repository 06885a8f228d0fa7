"""JSON from strangers: one object, no key twice, nothing that a record could not hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NoReturn

DEEPEST = 8  # levels of objects and lists

_LARGEST = 2**63 - 1


def read_object(text: bytes) -> dict[str, object]:
    """Return the object in a JSON text.

    Raises:
        ValueError: it is not one, has a key twice, is nested deeper than 8 levels, or
            holds a number that is not finite or has more than 64 bits.
    """
    try:
        found = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_refuse,
        )
        if not isinstance(found, dict) or not _is_shallow(found, DEEPEST):
            raise ValueError(f"it is not one object of at most {DEEPEST} levels")
        write_object(found)  # lone surrogates cannot be written again
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    return found


def write_object(content: Mapping[str, object]) -> bytes:
    """Return the shortest JSON text of an object.

    Raises:
        ValueError: something in it has no JSON.
    """
    try:
        return json.dumps(
            dict(content), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a key is there twice among {[key for key, _ in pairs]!r:.60}")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -_LARGEST <= int(digits) <= _LARGEST:
        raise ValueError(f"{digits:.24} has more than 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    if not math.isfinite(float(digits)):
        raise ValueError(f"{digits:.24} is not finite")
    return float(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _is_shallow(value: object, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)
