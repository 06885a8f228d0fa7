"""The file that a picture is written to: its name, and what to say where it cannot be."""

from __future__ import annotations

from pathlib import Path

from rigs.errors import ScenarioError
from rigs.explain import explain_line


def check_plot_name(path: Path, example: str) -> None:
    """Refuse a name that is not that of an SVG file; ``example`` is a right option.

    Raises:
        ScenarioError: it does not end in ``.svg``.
    """
    if path.suffix.lower() != ".svg":
        rule = "is no name of an SVG file, which the picture is; let it end in .svg"
        raise ScenarioError(explain_line("command line", "--plot", str(path), rule, example))


def write_plot(path: Path, text: str, example: str) -> None:
    """Write a picture.

    Raises:
        ScenarioError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        rule = f"{error.strerror}; name a file that can be written"
        raise ScenarioError(
            explain_line("command line", "--plot", str(path), rule, example)
        ) from error
