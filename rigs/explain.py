"""Says in one line what is wrong with a file: where, the value, the rule, and a right example."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import ValidationError

from rigs.shipped import Raw, parse, shipped
from rigs.tables import Table

LONGEST_VALUE = 160  # characters of a value that are shown
EXAMPLE = "first-light"  # the shipped scenario that examples come from

# Examples of what first-light leaves out, by the path, or its last table or key.
EXAMPLES = {
    "contacts": 'contacts = [{station = "matera", aos_s = 600.0, los_s = 1140.0}]',
    "tle": 'tle = ["1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991", '
    '"2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482"]',
    "tle_file": 'tle_file = "active.tle"',
    "satellite": 'satellite = "25544"',
    "walker": "walker = {satellites = 24, planes = 3, phasing = 1}",
    "satellites": "satellites = 24",
    "planes": "planes = 3",
    "phasing": "phasing = 1",
    "images": 'images = "my-images/"',
    "labels": 'labels = ["ship", "no ship"]',
    "point": 'point = "1500MHz"',
    "radiation_device": 'radiation_device = "jetson-orin-nx"',
    "particle_event": "particle_event = {start_s = 3600.0, fluence_per_cm2 = 1e8}",
    "rise_s": "rise_s = 21600.0",
    "e_fold_s": "e_fold_s = 86400.0",
    "fluence_per_cm2": "fluence_per_cm2 = 1e8",
    "shielding_mm": "shielding_mm = 3.0",
    "die": "die = {capacity_j_per_k = 19.1, resistance_k_per_w = 16.0}",
    "spreader": "spreader = {capacity_j_per_k = 80.0, resistance_k_per_w = 1.0}",
    "structure": "structure = {capacity_j_per_k = 5000.0, conductance_w_per_k = 2.0}",
    "conductance_w_per_k": "conductance_w_per_k = 2.0",
    "sides": "sides = 2",
    "attitude.mode": 'mode = "sun", sun_face = "zenith"',
    "attitude": 'attitude = {mode = "sun", sun_face = "zenith"}',
    "cells": "cells = {power_per_k = -0.0022}",
    "years_in_orbit": "years_in_orbit = 2.0",
    "degradation_per_year": "degradation_per_year = 0.01",
    "resistance_ohm": "resistance_ohm = 0.1",
    "charge_limit_w": "charge_limit_w = 20.0",
    "taper_fraction": "taper_fraction = 0.9",
    "age_years": "age_years = 2.0",
    "age_cycles": "age_cycles = 1000.0",
    "fade_per_cycle": "fade_per_cycle = 2e-4",
    "fade_per_year": "fade_per_year = 0.02",
    "sink_k": "sink_k = 0.0",
    "input": 'input = {layout = "NHWC", scale = 0.00392157}',
    "latitude_deg": "latitude_deg = 40.65",
    "longitude_deg": "longitude_deg = 16.70",
    "mask_deg": "mask_deg = 5.0",
    "until_s": "until_s = 3600.0",
    "start_s": "start_s = 600.0",
    "inclination_deg": "inclination_deg = 97.6",
    "eccentricity": "eccentricity = 0.001",
    "raan_deg": "raan_deg = 120.0",
    "argument_of_perigee_deg": "argument_of_perigee_deg = 90.0",
    "mean_anomaly_deg": "mean_anomaly_deg = 0.0",
    "frame_loss": "frame_loss = 0.01",
    "light_time_s": "light_time_s = 0.004",
    "keep": 'keep = ["land", "sea"]',
    "payloads": 'payloads.pi.board = "raspberry-pi-4b"',
    "versions": 'versions = {highbay = "0.1.0"}',
    "scale": "scale = 0.00392157",
    "mean": "mean = [0.485, 0.456, 0.406]",
    "std": "std = [0.229, 0.224, 0.225]",
    "expects_range": "expects_range = [0.0, 1.0]",
    "layout": 'layout = "NCHW"',
    "height_px": "height_px = 224",
    "width_px": "width_px = 224",
    "broker": 'broker = "auto"',
    "rate": "rate = 600.0",
    "mode": 'mode = "rehearsal"',
}


CALLED = {"Scenario": "scenario", "RigTable": "rig", "BoardProfile": "board"}  # by their tables

PLAIN_RULES = {  # in a user's words, by pydantic's kind of error
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
    "list_type": "must be a list",
    "too_short": "must have more entries",
    "too_long": "must have fewer entries",
    "string_pattern_mismatch": "must be 1 to 32 characters of a-z, 0-9, _ and -",
}


def explain_invalid(error: ValidationError, raw: Raw, file: str) -> str:
    """Return what is wrong with ``raw``, which pydantic refused: its first or best problem."""
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    beside = [p for p in problems if p["loc"][:2] == first["loc"][:2]]
    first = max(beside, key=lambda p: len(p["loc"]))  # of alternatives, the one that fits best
    keys = list(_keys_in(raw, first["loc"], first["type"]))
    path, value = _path(keys), _at(raw, keys)
    rule = _rule(first["type"], first["msg"], keys, CALLED.get(error.title, "file"))
    return explain_line(file, path, value, rule, example_of(path, first["type"], keys))


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
    return visible(text.lstrip("."))


def _rule(kind: str, message: str, keys: Sequence[str | int], whole: str) -> str:
    if kind == "extra_forbidden":
        near = _nearest_key(keys)
        return f"is no key of a {whole}" + (f"; did you mean {near}?" if near else "")
    if kind == "missing":
        return "is missing"
    plain = PLAIN_RULES.get(kind)
    if plain is not None:
        return plain
    message = message.removeprefix("Value error, ").replace("Input should", "must")
    return message[:1].lower() + message[1:]


def _nearest_key(keys: Sequence[str | int]) -> str | None:
    known = {name for table in Table.__subclasses__() for name in table.model_fields}
    return next(iter(difflib.get_close_matches(str(keys[-1]), sorted(known), 1)), None)


def explain_line(file: str, path: str, value: object, rule: str, example: str) -> str:
    """Return one line: file, path, value, rule, and a right example if the rule has none."""
    shown = "" if value is _ABSENT or isinstance(value, Mapping) else f" = {_toml(value)}"
    where = f"{path}{shown}: " if path else ""
    said = example == f"{path}{shown}"  # that is what they wrote, and it is not at fault
    has_one = said or any(words in rule for words in ("for example", "such as"))
    return f"{visible(file)}: {where}{rule}" + (
        "" if has_one or not example else f"; for example {example}"
    )


def example_of(path: str, kind: str = "", keys: Sequence[str | int] = ()) -> str:
    """Return how a right file says it: as first-light does, else as `EXAMPLES` does."""
    if kind == "extra_forbidden":
        near = _nearest_key(keys)
        return example_of(_path([*keys[:-1], near])) if near else ""
    names = [key for key in keys or re.split(r"[.\[]", path) if not str(key).rstrip("]").isdigit()]
    raw: object = parse(shipped("scenarios")[EXAMPLE], EXAMPLE)
    for key in names:
        raw = raw[0] if isinstance(raw, list) and raw else raw
        below = _below(raw, key)
        raw = _first_table(raw) if below is _ABSENT else below
    for _ in _trailing_indices(path):
        raw = raw[0] if isinstance(raw, list) and raw else raw
    if raw is _ABSENT:
        known = (".".join(map(str, names)), *map(str, reversed(names)))
        return next((EXAMPLES[key] for key in known if key in EXAMPLES), "")
    if isinstance(raw, Mapping):
        plain = {k: v for k, v in raw.items() if not isinstance(v, (dict, list))}
        return ", ".join(f"{k} = {_toml(v)}" for k, v in plain.items())
    if isinstance(raw, list) and raw and isinstance(raw[0], Mapping):
        raw = raw[:1]
    return f"{path} = {_toml(raw)}"


def _trailing_indices(path: str) -> list[str]:
    """Return the indices at the end of a path.

    >>> _trailing_indices("battery.ocv[1][0]")
    ['1', '0']
    """
    tail = re.search(r"(\[\d+\])*$", path)
    return re.findall(r"\d+", tail.group()) if tail else []


def _first_table(raw: object) -> object:
    """Return the only table of a table whose keys are the author's own names, as payloads are."""
    return next(iter(raw.values())) if isinstance(raw, Mapping) and len(raw) == 1 else _ABSENT


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{_shortened(visible(value))}"'
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return str(value)


def visible(text: str) -> str:
    """Return a text with control characters written out, so that it stays on its line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


class _Absent:
    """What stands in for a value that a file does not give."""


_ABSENT = _Absent()
