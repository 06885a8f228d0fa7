"""Finds and reads mission files."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from rigs.errors import ScenarioError
from rigs.explain import EXAMPLE, example_of, explain_invalid, explain_line, visible
from rigs.scenario import Scenario
from rigs.shipped import Raw, parse, shipped

TableT = TypeVar("TableT", bound=BaseModel)
FILES = ("model", "images", "tle_file")  # keys that may name files, from where the scenario lies
MOST_BYTES = 1_000_000  # of a mission file
LONGEST_CHAIN = 16  # of files that extend each other
WHOLE = ("orbit",)  # tables that are replaced, not merged: there are two ways to give an orbit


@dataclass(frozen=True, slots=True)
class Sheet:
    """A scenario, and the file it came from, as messages call it."""

    scenario: Scenario
    file: str

    def with_options(self, **options: object) -> Sheet:
        """Return the sheet with values of the command line in place of the file's; None keeps.

        Raises:
            ScenarioError: a value breaks its rule.
        """
        given = {key: value for key, value in options.items() if value is not None}
        raw = self.scenario.model_dump(exclude_none=True) | given
        return Sheet(checked(Scenario, raw, "command line"), self.file)

    def error(self, path: str, value: object, rule: str) -> ScenarioError:
        """Return the error of a value that only turned out wrong in building the mission."""
        return ScenarioError(explain_line(self.file, path, value, rule, example_of(path)))


def read_scenario(name: str) -> Sheet:
    """Read a scenario by the name of a shipped one, or by its path.

    A file with ``extends`` says only what differs from another.

    Raises:
        ScenarioError: there is no such file, or something in it is wrong.
    """
    raw, file = _raw(name, Path.cwd())
    return Sheet(checked(Scenario, raw, file), file)


def checked(table: type[TableT], raw: Raw, file: str) -> TableT:
    """Return ``raw`` as a validated table.

    Raises:
        ScenarioError: a key is unknown or missing, or a value breaks its rule.
    """
    try:
        return table.model_validate(raw)
    except ValidationError as error:
        raise ScenarioError(explain_invalid(error, raw, file)) from error


def read_text(path: Path, name: str, example: str) -> str:
    """Return the text of a file, called ``name`` in messages.

    Raises:
        ScenarioError: it cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise ScenarioError(f"{name}: is no file; {example}")
        if path.exists() and path.stat().st_size > MOST_BYTES:
            raise ScenarioError(f"{name}: is longer than {MOST_BYTES} bytes; {example}")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is not text in UTF-8"
        raise ScenarioError(f"{visible(name)}: {reason}; {example}") from error


def _raw(name: str, folder: Path, seen: tuple[str, ...] = ()) -> tuple[Raw, str]:
    known = shipped("scenarios")
    if name in known:
        raw, file, home = parse(known[name], name), name, None
    else:
        path = folder / name
        near = difflib.get_close_matches(name, known, 1) or [EXAMPLE]
        hint = f"name a file, or a shipped scenario such as {near[0]}"
        raw, file, home = parse(read_text(path, name, hint), name), name, path.parent
    if home is not None:
        _resolve_files(raw, home.resolve())
    base = raw.pop("extends", None)
    if base is None:
        return raw, file
    if not isinstance(base, str) or base in (*seen, name) or len(seen) >= LONGEST_CHAIN:
        rule = f"names another scenario, none twice, and at most {LONGEST_CHAIN} in a row"
        raise ScenarioError(explain_line(file, "extends", base, rule, f'extends = "{EXAMPLE}"'))
    under, _ = _raw(base, home or folder, (*seen, name))
    under.pop("description", None)  # it describes the other one
    return _merged(under, raw), file


def _resolve_files(raw: Raw, home: Path) -> None:
    payloads = raw.get("payloads")
    tables = [raw.get("orbit"), *(payloads.values() if isinstance(payloads, dict) else ())]
    for table in tables:
        for key in FILES:
            value = table.get(key) if isinstance(table, dict) else None
            if isinstance(value, str) and "\0" not in value and (home / value).exists():
                table[key] = str(home / value)


def _merged(under: Raw, over: Raw) -> Raw:
    """Lay one scenario over another: tables are merged, everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and key not in WHOLE:
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged
