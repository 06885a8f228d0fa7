"""Writes the tape for other programs: CSV always, Parquet where ``pyarrow`` is installed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import astuple, fields
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tomli_w

from rigs.almanac.columns import Column, Event, about, events, knots, written
from rigs.errors import ScenarioError
from rigs.explain import explain_line

if TYPE_CHECKING:
    from rigs.almanac.figures import Almanac

TAPE, EVENTS, ABOUT = "tape", "events", "tape.toml"
FORMATS = ("csv", "parquet")
METADATA = "highbay"  # the key in a Parquet schema
EXAMPLE, CSV_EXAMPLE = "--out sky", "--format csv --out sky"


def check_format(name: str | None, folder: Path | None) -> None:
    """Refuse a format that cannot be written here.

    Raises:
        ScenarioError: there is none of that name, what writes it is not
            installed, or no folder is given to write to.
    """
    if name is None:
        return
    if name not in FORMATS:
        rule = f"is no format; there is {' and '.join(FORMATS)}"
        raise ScenarioError(_line("--format", name, rule, CSV_EXAMPLE))
    if folder is None:
        rule = "is how --out is written, and there is no --out"
        raise ScenarioError(_line("--format", name, rule, f"--format {name} {EXAMPLE}"))
    if name == "parquet" and find_spec("pyarrow") is None:
        rule = "needs pyarrow: pip install 'highbay[parquet]'; or write CSV"
        raise ScenarioError(_line("--format", name, rule, CSV_EXAMPLE))


def write(folder: Path, almanac: Almanac, name: str) -> list[Path]:
    """Write the tape to a folder, made where it is not there; return the files.

    Raises:
        ScenarioError: the folder cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise ScenarioError(_line("--out", str(folder), "is no folder; name one", EXAMPLE))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (write_csv if name == "csv" else write_parquet)(folder, almanac)
    except OSError as error:
        rule = f"{error.strerror or error}; name a folder that can be written to"
        raise ScenarioError(_line("--out", str(folder), rule, EXAMPLE)) from error


def write_csv(folder: Path, almanac: Almanac) -> list[Path]:
    """Write knots and events as CSV, every digit kept, and beside them what they are as TOML.

    Raises:
        OSError: a file cannot be written.
    """
    tape, happened, told = (folder / name for name in (f"{TAPE}.csv", f"{EVENTS}.csv", ABOUT))
    columns = knots(almanac)
    texts = [_texts(values) for values in columns.values()]
    _write_rows(tape, columns, zip(*texts, strict=True))
    _write_rows(happened, _heads(), (map(_cell, astuple(event)) for event in events(almanac)))
    told.write_text(tomli_w.dumps(about(almanac)), encoding="utf-8")
    return [tape, happened, told]


def write_parquet(folder: Path, almanac: Almanac) -> list[Path]:
    """Write knots and events as Parquet; what they are stands in the schema as JSON.

    Raises:
        OSError: a file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"utc": pa.timestamp("us", tz="UTC"), "text": pa.string(), "fact": pa.bool_()}
    rows = [astuple(event) for event in events(almanac)]
    happened = {head: [row[k] for row in rows] for k, head in enumerate(_heads())}
    paths = []
    for name, columns in ((TAPE, knots(almanac)), (EVENTS, happened)):
        arrays = {
            key: pa.array(values, kinds.get(_kind(key), pa.float64()))
            for key, values in columns.items()
        }
        table = pa.table(arrays).replace_schema_metadata({METADATA: json.dumps(about(almanac))})
        paths.append(folder / f"{name}.parquet")
        parquet.write_table(table, paths[-1])
    return paths


def _texts(values: Column) -> list[object]:
    if values.dtype.kind != "M":
        return list(values.tolist())
    moments = np.asarray(values, np.dtype("datetime64[us]"))
    return list(np.datetime_as_string(moments, timezone="UTC").tolist())


def _heads() -> list[str]:
    return [field.name for field in fields(Event)]


def _kind(column: str) -> str:
    """Return what a column holds: numbers, unless its name says otherwise."""
    if column.endswith("utc"):
        return "utc"
    if column in ("event", "station"):
        return "text"
    return "fact" if column.startswith("cut_") else "number"


def _cell(value: object) -> object:
    return written(value) if isinstance(value, datetime) else value


def _write_rows(path: Path, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows(rows)


def _line(option: str, value: str, rule: str, example: str) -> str:
    return explain_line("command line", option, value, rule, example)
