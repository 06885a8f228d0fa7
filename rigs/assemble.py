"""Makes the parts of a mission from the tables of its scenario."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_bridge.board import BoardError
from firmware_bridge.boards.profile import BoardProfile, shipped_profile_text
from payloads.governor import Governor, TripPoint
from payloads.jobs import JobStream
from rigs.environment.tape import EnvironmentTape
from rigs.reading import Sheet, checked
from rigs.scenario import InputTable, PayloadTable
from rigs.shipped import parse

if TYPE_CHECKING:
    from payloads.image_input import InputSettings
    from payloads.inference import Inference
    from payloads.loaded import Prepared
    from payloads.model import ModelFile
    from payloads.scene import Camera

MOST_JOBS = 300_000  # of a payload in one flight
SHIPPED_MODELS = resources.files("payloads") / "models"


def profile(sheet: Sheet, name: str) -> BoardProfile:
    """Return the profile of the board of payload ``name``.

    Raises:
        ScenarioError: there is no such board, or it does not run at a point that is asked for.
    """
    table = sheet.scenario.payloads[name]
    path = f"payloads.{name}"
    try:
        board = _shipped_profile(table.board)
    except BoardError as error:
        raise sheet.error(f"{path}.board", table.board, str(error)) from error
    asked = [(f"{path}.point", table.point)] if table.point is not None else []
    asked += [(f"{path}.trips[{i}].point", trip.point) for i, trip in enumerate(table.trips)]
    for where, point in asked:
        if point not in board.points:
            rule = f"is no operating point of {board.name}, which has {', '.join(board.points)}"
            raise sheet.error(where, point, rule)
    return board


@lru_cache(maxsize=8)
def _shipped_profile(name: str) -> BoardProfile:
    return checked(BoardProfile, parse(shipped_profile_text(name), name), name)


def job_streams(sheet: Sheet, name: str) -> tuple[JobStream, ...]:
    """Return the streams of jobs of a payload.

    Raises:
        ScenarioError: there are more jobs than a flight can hold.
    """
    scenario, table = sheet.scenario, sheet.scenario.payloads[name]
    for i, jobs in enumerate(table.jobs):
        end_s = min(jobs.until_s or scenario.horizon_s, scenario.horizon_s)
        count = (end_s - jobs.start_s) / jobs.period_s
        if count > MOST_JOBS:
            path, rule = (
                f"payloads.{name}.jobs[{i}].period_s",
                f"at most {MOST_JOBS:,} fit in a flight",
            )
            raise sheet.error(path, jobs.period_s, f"gives {count:.3g} jobs, and {rule}")
    return tuple(
        JobStream(
            jobs.name,
            jobs.period_s,
            jobs.start_s,
            min(jobs.until_s or scenario.horizon_s, scenario.horizon_s),
            jobs.deadline_s,
            jobs.preparation_s,
        )
        for jobs in table.jobs
    )


def governor(table: PayloadTable, board: BoardProfile) -> Governor:
    """Return the governor of a payload; without ``point`` it starts from the fastest."""
    trips = tuple(TripPoint(t.above_c, t.hysteresis_c, t.point) for t in table.trips)
    points = tuple(board.operating_points())
    return Governor(points[0] if table.point is None else table.point, trips, points)


def models(sheet: Sheet, name: str) -> dict[str, ModelFile]:
    """Return the models on board of a payload by name, read and checked, but not run.

    The first is the one that is loaded at the start.

    Raises:
        ScenarioError: there is no such file, it cannot fly, or two have the same name.
    """
    table, found = sheet.scenario.payloads[name], dict[str, "ModelFile"]()
    path = f"payloads.{name}"
    said = [(f"{path}.model", table.model)]
    said += [(f"{path}.models[{i}]", model) for i, model in enumerate(table.models)]
    for where, model in said:
        file = _model(sheet, where, model)
        if (known := Path(model).name) in found:
            raise sheet.error(where, model, "is on board already; name each model once")
        found[known] = file
    return found


def _model(sheet: Sheet, path: str, said: str) -> ModelFile:
    from payloads.model import ModelError, load_model
    from payloads.runtime import limits

    try:
        if said in _shipped_models():
            return _shipped_model(said)
        return load_model(_model_bytes(said), Path(said).name, limits())
    except (OSError, ValueError) as error:
        if isinstance(error, ModelError):
            raise sheet.error(path, said, str(error)) from error
        reason = getattr(error, "strerror", None) or str(error)
        shipped = ", ".join(sorted(_shipped_models()))
        rule = f"{reason}; name an ONNX file or a shipped model ({shipped})"
        raise sheet.error(path, said, rule) from error


def inference(
    sheet: Sheet,
    name: str,
    files: Mapping[str, ModelFile],
    tape: EnvironmentTape,
    seeds: Mapping[str, int],
) -> Inference:
    """Return the work of a payload: its models on what its camera sees, each tried once.

    Raises:
        ScenarioError: a model does not fit its images, labels or settings.
    """
    from payloads.inference import Inference
    from payloads.model import ModelError

    table, path = sheet.scenario.payloads[name], f"payloads.{name}"
    try:
        prepared = {model: _prepared(sheet, name, file) for model, file in files.items()}
        first = next(iter(prepared.values())).spec
        camera = _camera(sheet, name, first.height_px, first.width_px, tape, seeds)
        work = Inference(prepared, camera)
        for model in prepared:
            work.rehearse(model=model)
    except ModelError as error:
        value = getattr(table, error.key)
        raise sheet.error(f"{path}.{error.key}", value, str(error)) from error
    return work


def _prepared(sheet: Sheet, name: str, file: ModelFile) -> Prepared:
    from payloads.answer import Selection
    from payloads.image_input import read_input
    from payloads.loaded import Prepared

    table, path = sheet.scenario.payloads[name], f"payloads.{name}"
    labels = tuple(table.labels or file.labels)
    unknown = sorted(set(table.keep or ()) - set(labels))
    if labels and unknown:
        rule = f"{file.name} knows no {unknown[0]!r}; it knows {', '.join(labels)}"
        raise sheet.error(f"{path}.keep", table.keep, rule)
    kept = file.keep if table.keep is None else table.keep
    keep = None if kept is None else frozenset(kept)
    spec = read_input(file, _input_settings(table.input), f"{path}.input")
    return Prepared(file, spec, Selection(labels, keep))


def _input_settings(table: InputTable) -> InputSettings:
    from payloads.image_input import InputSettings

    low_high = table.expects_range
    return InputSettings(
        table.layout,
        table.height_px,
        table.width_px,
        _per_channel(table.scale),
        _per_channel(table.mean),
        _per_channel(table.std),
        (low_high[0], low_high[1]) if low_high else None,
    )


def _per_channel(said: float | list[float] | None) -> float | tuple[float, ...] | None:
    return tuple(said) if isinstance(said, list) else said


def _camera(
    sheet: Sheet,
    name: str,
    height_px: int,
    width_px: int,
    tape: EnvironmentTape,
    seeds: Mapping[str, int],
) -> Camera:
    from payloads.clouds import CloudField
    from payloads.folder_camera import FolderCamera
    from payloads.scene import EarthCamera, load_earth

    table = sheet.scenario.payloads[name]
    if table.images is None:
        clouds = CloudField.from_seed(seeds["clouds"])
        return EarthCamera(tape, load_earth(), clouds, seeds["noise"], height_px, width_px)
    try:
        period_s = min(jobs.period_s for jobs in table.jobs)
        return FolderCamera.from_folder(Path(table.images), height_px, width_px, period_s)
    except ValueError as error:
        raise sheet.error(f"payloads.{name}.images", table.images, str(error)) from error


@lru_cache(maxsize=8)
def _shipped_model(name: str) -> ModelFile:
    from payloads.model import load_model
    from payloads.runtime import limits

    return load_model((SHIPPED_MODELS / f"{name}.onnx").read_bytes(), name, limits())


def _model_bytes(said: str) -> bytes:
    path = Path(said)
    if not path.is_file() and path.exists():
        raise ValueError("is no file")
    return path.read_bytes()


@lru_cache(maxsize=1)
def _shipped_models() -> frozenset[str]:
    return frozenset(
        f.name.removesuffix(".onnx") for f in SHIPPED_MODELS.iterdir() if f.name.endswith(".onnx")
    )
