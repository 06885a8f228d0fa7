"""Makes the parts of a mission from the tables of its scenario."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_bridge.board import BoardError
from firmware_bridge.boards.profile import BoardProfile, shipped_profile_text
from payloads.computer import PayloadComputer
from payloads.governor import Governor, TripPoint
from payloads.jobs import JobStream
from payloads.power import Battery, Eps, Panel, Ramp, SolarArray
from payloads.rules import ComputerRules
from payloads.satellite import Breaker, Bus, BusLoads, Satellite
from payloads.thermal import ZERO_CELSIUS_K, Die, Radiator, ThermalStar
from rigs.environment.orbit import Orbit
from rigs.environment.passes import Station, station_named
from rigs.environment.tape import EnvironmentTape, build_tape
from rigs.reading import Sheet, checked
from rigs.scenario import FACING, InputTable, PayloadTable, Scenario
from rigs.shipped import parse

if TYPE_CHECKING:
    from payloads.image_input import InputSettings
    from payloads.inference import Inference
    from payloads.loaded import Prepared
    from payloads.model import ModelFile
    from payloads.scene import Camera

EARTH_RADIUS_KM = 6371.0  # mean; for the angle under which a radiator sees the Earth
WAKE_FRACTION = 0.01  # of the battery: where an empty bus wakes [assumed]
MOST_JOBS = 300_000  # of a payload in one flight
SHIPPED_MODELS = resources.files("payloads") / "models"


def environment(sheet: Sheet) -> EnvironmentTape:
    """Return what the sky does to the mission.

    Raises:
        ScenarioError: there is no such orbit or station.
    """
    scenario = sheet.scenario
    stations = [_station(sheet, i) for i in range(len(scenario.stations))]
    try:
        orbit = _orbit(scenario)
        return build_tape(
            orbit, scenario.start, scenario.horizon_s, stations, scenario.radiation.activity
        )
    except ValueError as error:
        table = scenario.orbit
        path, value = ("orbit.tle", table.tle) if table.tle else ("orbit", _ABSENT)
        raise sheet.error(path, value, str(error)) from error


_ABSENT: dict[str, object] = {}  # a whole table, which messages do not repeat


def profile(sheet: Sheet, name: str) -> BoardProfile:
    """Return the profile of the board of payload ``name``.

    Raises:
        ScenarioError: there is no such board, or it does not run at a point that is asked for.
    """
    table = sheet.scenario.payloads[name]
    path = f"payloads.{name}"
    try:
        text = shipped_profile_text(table.board)
    except BoardError as error:
        raise sheet.error(f"{path}.board", table.board, str(error)) from error
    board = checked(BoardProfile, parse(text, table.board), table.board)
    asked = [(f"{path}.point", table.point)] if table.point is not None else []
    asked += [(f"{path}.trips[{i}].point", trip.point) for i, trip in enumerate(table.trips)]
    for where, point in asked:
        if point not in board.points:
            rule = f"is no operating point of {board.name}, which has {', '.join(board.points)}"
            raise sheet.error(where, point, rule)
    return board


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


def satellite(
    scenario: Scenario, tape: EnvironmentTape, boards: Mapping[str, BoardProfile]
) -> Satellite:
    """Return the satellite under the sky of ``tape``."""
    computers = {
        name: PayloadComputer(name, _computer_rules(table), governor(table, boards[name]))
        for name, table in scenario.payloads.items()
    }
    array, radiator, battery = scenario.array, _radiator(scenario), _battery(scenario)
    panels = tuple(Panel(p.area_m2, FACING.get(p.facing)) for p in array.panels)
    power_w = SolarArray(panels, array.efficiency, array.packing, array.conversion).power_w(
        tape.sun_w_m2
    )
    earth_radii = 1.0 + tape.altitude_km / EARTH_RADIUS_KM
    heat_w = radiator.absorbed_w(tape.sun_w_m2, tape.albedo_w_m2, tape.earth_ir_w_m2, earth_radii)
    dies = tuple(_die(table, boards[name]) for name, table in scenario.payloads.items())
    knots_s = tape.knots_s.tolist()
    bus = Bus(
        battery=battery,
        eps=Eps(
            **scenario.eps.model_dump(),
            empty_v=battery.voltage_v(0.0),
            wake_v=battery.voltage_v(WAKE_FRACTION * battery.capacity_j),
        ),
        loads=BusLoads(**scenario.loads.model_dump()),
        breaker=Breaker(**scenario.breaker.model_dump()),
        star=ThermalStar(dies, radiator),
        array_w=Ramp(knots_s, power_w.tolist()),
        absorbed_w=Ramp(knots_s, heat_w.tolist()),
        housekeeping_s=scenario.housekeeping_s,
        start_charge_j=scenario.battery.charge_fraction * battery.capacity_j,
        start_k=scenario.radiator.start_c + ZERO_CELSIUS_K,
    )
    return Satellite(bus, computers)


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


def _model_bytes(said: str) -> bytes:
    if said in _shipped_models():
        return (SHIPPED_MODELS / f"{said}.onnx").read_bytes()
    path = Path(said)
    if not path.is_file() and path.exists():
        raise ValueError("is no file")
    return path.read_bytes()


def _shipped_models() -> set[str]:
    return {
        f.name.removesuffix(".onnx") for f in SHIPPED_MODELS.iterdir() if f.name.endswith(".onnx")
    }


def _orbit(scenario: Scenario) -> Orbit:
    table = scenario.orbit
    if table.tle is not None:
        return Orbit.from_tle(*table.tle)
    elements = table.model_dump(exclude={"tle"})
    return Orbit.from_elements(scenario.start, **elements)


def _station(sheet: Sheet, i: int) -> Station:
    said = sheet.scenario.stations[i]
    try:
        return station_named(said) if isinstance(said, str) else Station(**said.model_dump())
    except ValueError as error:
        value = said if isinstance(said, str) else _ABSENT
        raise sheet.error(f"stations[{i}]", value, str(error)) from error


def _computer_rules(table: PayloadTable) -> ComputerRules:
    return ComputerRules(
        table.queue_length,
        table.watchdog_s,
        table.off_s,
        table.reload_every_s,
        streams=tuple(dict.fromkeys(jobs.name for jobs in table.jobs)),
        models=tuple(Path(model).name for model in (table.model, *table.models)),
        stopped=frozenset(jobs.name for jobs in table.jobs if not jobs.running),
    )


def _die(table: PayloadTable, board: BoardProfile) -> Die:
    if table.die is not None:
        return Die(table.die.capacity_j_per_k, table.die.resistance_k_per_w)
    return Die(board.die.capacity_j_per_k.value, board.die.resistance_k_per_w.value)


def _radiator(scenario: Scenario) -> Radiator:
    table = scenario.radiator
    return Radiator(
        table.area_m2,
        table.emissivity,
        table.absorptivity,
        table.capacity_j_per_k,
        FACING[table.facing],
    )


def _battery(scenario: Scenario) -> Battery:
    table = scenario.battery
    return Battery(
        table.capacity_wh,
        table.charge_efficiency,
        table.discharge_efficiency,
        tuple((fraction, volts) for fraction, volts in table.ocv),
    )
