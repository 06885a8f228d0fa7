"""The TOML files that highbay ships, and how any TOML is parsed."""

from __future__ import annotations

import sys
from importlib import resources

from rigs.errors import ScenarioError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Raw = dict[str, object]


def shipped(kind: str) -> dict[str, str]:
    """Return the texts of the files that highbay ships, by name; ``kind`` is their folder."""
    folder = resources.files("rigs") / kind
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in files
        if file.name.endswith(".toml")
    }


def parse(text: str, file: str) -> Raw:
    """Return the tables of a TOML text.

    Raises:
        ScenarioError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ScenarioError(f"{file}: not TOML: {reason}; a line reads like seed = 7") from error
