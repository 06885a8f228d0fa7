"""Finds and reads mission files, and says in one line what is wrong with one."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from rigs.errors import ScenarioError
from rigs.scenario import Scenario, Table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Raw = dict[str, object]
TableT = TypeVar("TableT", bound=BaseModel)
EXAMPLE = "first-light"  # the shipped scenario that examples in messages come from
FILES = ("model", "images")  # keys of a payload that may name files, from where the scenario lies
WHOLE = ("orbit",)  # tables that are replaced, not merged: there are two ways to give an orbit

# Examples of what first-light leaves out, by the last table or key of the path.
EXAMPLES = {
    "contacts": 'contacts = [{station = "matera", aos_s = 600.0, los_s = 1140.0}]',
    "tle": 'tle = ["1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991", '
    '"2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482"]',
    "images": 'images = "my-images/"',
    "labels": 'labels = ["ship", "no ship"]',
    "point": 'point = "1500MHz"',
    "die": "die = {capacity_j_per_k = 19.1, resistance_k_per_w = 16.0}",
    "input": 'input = {layout = "NHWC", scale = 0.00392157}',
    "latitude_deg": "latitude_deg = 40.65",
    "longitude_deg": "longitude_deg = 16.70",
    "mask_deg": "mask_deg = 5.0",
    "until_s": "until_s = 3600.0",
    "start_s": "start_s = 600.0",
    "rate": "rate = 600.0",
    "mode": 'mode = "rehearsal"',
}


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
        return ScenarioError(_line(self.file, path, value, rule, _example(path)))


def shipped(kind: str) -> dict[str, str]:
    """Return the texts of the files that highbay ships, by name; ``kind`` is their folder."""
    folder = resources.files("rigs") / kind
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in files
        if file.name.endswith(".toml")
    }


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
        raise ScenarioError(_explain(error, raw, file)) from error


def parse(text: str, file: str) -> Raw:
    """Return the tables of a TOML text.

    Raises:
        ScenarioError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{file}: not TOML: {error}; a line reads like seed = 7") from error


def read_text(path: Path, name: str, example: str) -> str:
    """Return the text of a file, called ``name`` in messages.

    Raises:
        ScenarioError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text in UTF-8"
        raise ScenarioError(f"{name}: {reason}; {example}") from error


def _raw(name: str, folder: Path, seen: tuple[str, ...] = ()) -> tuple[Raw, str]:
    known = shipped("scenarios")
    if name in known:
        raw, file, home = parse(known[name], name), name, None
    else:
        path = (folder / name).expanduser()
        near = difflib.get_close_matches(name, known, 1) or [EXAMPLE]
        hint = f"name a file, or a shipped scenario such as {near[0]}"
        raw, file, home = parse(read_text(path, name, hint), name), name, path.parent
    if home is not None:
        _resolve_files(raw, home.resolve())
    base = raw.pop("extends", None)
    if base is None:
        return raw, file
    if not isinstance(base, str) or base in (*seen, name):
        rule = "names another scenario, and none twice"
        raise ScenarioError(_line(file, "extends", base, rule, f'extends = "{EXAMPLE}"'))
    under, _ = _raw(base, home or folder, (*seen, name))
    return _merged(under, raw), file


def _resolve_files(raw: Raw, home: Path) -> None:
    payloads = raw.get("payloads")
    for payload in payloads.values() if isinstance(payloads, dict) else ():
        for key in FILES:
            value = payload.get(key) if isinstance(payload, dict) else None
            if isinstance(value, str) and (home / value).expanduser().exists():
                payload[key] = str((home / value).expanduser())


def _merged(under: Raw, over: Raw) -> Raw:
    """Lay one scenario over another: tables are merged, everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict) and key not in WHOLE
        merged[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _explain(error: ValidationError, raw: Raw, file: str) -> str:
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    beside = [p for p in problems if p["loc"][:2] == first["loc"][:2]]
    first = max(beside, key=lambda p: len(p["loc"]))  # of alternatives, the one that fits best
    keys = list(_keys_in(raw, first["loc"], first["type"]))
    path, value = _path(keys), _at(raw, keys)
    rule = _rule(first["type"], first["msg"], keys)
    return _line(file, path, value, rule, _example(path, first["type"], keys))


def _keys_in(raw: object, loc: Sequence[str | int], kind: str) -> Iterator[str | int]:
    """Yield the keys of an error's place, without those by which pydantic names alternatives."""
    for i, key in enumerate(loc):
        below = _below(raw, key)
        if below is not _ABSENT:
            raw = below
        elif not (kind == "missing" and i == len(loc) - 1):
            continue
        yield key


def _at(raw: object, keys: Sequence[str | int]) -> object:
    for key in keys:
        raw = _below(raw, key)
    return raw


def _below(raw: object, key: str | int) -> object:
    if isinstance(raw, Mapping):
        return raw.get(key, _ABSENT)
    if isinstance(raw, list) and isinstance(key, int):
        return raw[key]
    return _ABSENT


def _path(keys: Sequence[str | int]) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.lstrip(".")


def _rule(kind: str, message: str, keys: Sequence[str | int]) -> str:
    if kind == "extra_forbidden":
        known = {name for table in Table.__subclasses__() for name in table.model_fields}
        near = difflib.get_close_matches(str(keys[-1]), known, 1)
        return "is no key of a scenario" + (f"; did you mean {near[0]}?" if near else "")
    if kind == "missing":
        return "is missing"
    message = message.removeprefix("Value error, ").replace("Input should", "must")
    return message[:1].lower() + message[1:]


def _line(file: str, path: str, value: object, rule: str, example: str) -> str:
    shown = "" if value is _ABSENT or isinstance(value, Mapping) else f" = {_toml(value)}"
    where = f"{path}{shown}: " if path else ""
    has_one = any(words in rule for words in ("for example", "such as"))
    return f"{file}: {where}{rule}" + ("" if has_one or not example else f"; for example {example}")


def _example(path: str, kind: str = "", keys: Sequence[str | int] = ()) -> str:
    """Return how a right file says it: as first-light does, else as `EXAMPLES` does."""
    if kind == "extra_forbidden":
        return ""
    names = [key for key in keys or re.split(r"[.\[]", path) if not str(key).rstrip("]").isdigit()]
    raw: object = parse(shipped("scenarios")[EXAMPLE], EXAMPLE)
    for key in names:
        raw = raw[0] if isinstance(raw, list) and raw else raw
        below = _below(raw, key)
        raw = _first_table(raw) if below is _ABSENT else below
    if raw is _ABSENT:
        return next((EXAMPLES[str(key)] for key in reversed(names) if key in EXAMPLES), "")
    if isinstance(raw, Mapping):
        plain = {k: v for k, v in raw.items() if not isinstance(v, (dict, list))}
        return ", ".join(f"{k} = {_toml(v)}" for k, v in plain.items())
    if isinstance(raw, list) and raw and isinstance(raw[0], Mapping):
        raw = raw[:1]
    return f"{path} = {_toml(raw)}"


def _first_table(raw: object) -> object:
    """Return the only table of a table whose keys are the author's own names, as payloads are."""
    return next(iter(raw.values())) if isinstance(raw, Mapping) and len(raw) == 1 else _ABSENT


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return str(value)


class _Absent:
    """What stands in for a value that a file does not give."""


_ABSENT = _Absent()
