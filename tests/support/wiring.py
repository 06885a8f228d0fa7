"""Says which keys of a scenario a test is about, and finds what the tests said."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

TESTS = Path(__file__).parents[1] / "rigs"
EXACT = 1e-9  # relative: sums of doubles in another order
SIGMAS = 5.0  # chance goes wider once in two million seeds

JOB = {"name": "survey", "period_s": 60.0, "deadline_s": 120.0, "preparation_s": 20.0}
NO_JOBS = [{**JOB, "start_s": 86_400.0}]

Test = TypeVar("Test", bound=Callable[..., None])


def matters(*keys: str) -> Callable[[Test], Test]:
    """Name the keys of a scenario that a test is about."""
    return lambda test: test


def keys_that_matter() -> set[str]:
    """Return every key that a test named, wherever it stands."""
    return {
        argument.value
        for path in TESTS.glob("test_*wiring.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "matters"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }


def near(count: int, of: int, probability: float) -> None:
    """Assert that a count is what chance makes of so many, within five sigma."""
    sigma = math.sqrt(of * probability * (1.0 - probability))
    assert abs(count - of * probability) < SIGMAS * sigma
