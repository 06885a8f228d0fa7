"""Makes the sky over a mission from its scenario."""

from __future__ import annotations

from pathlib import Path

from rigs.environment.constellation import Walker
from rigs.environment.orbit import Orbit
from rigs.environment.passes import Station, station_named
from rigs.environment.solar_particles import SolarParticleEvent
from rigs.environment.tape import EnvironmentTape, build_tape
from rigs.environment.tle_file import choose, element_sets
from rigs.reading import Sheet
from rigs.scenario import Scenario

MOST_TLE_BYTES = 20_000_000  # the whole public catalogue, 30,000 objects with names, is 5 MB


def environment(sheet: Sheet) -> EnvironmentTape:
    """Return what the sky does to the mission.

    Raises:
        ScenarioError: there is no such orbit or station.
    """
    scenario = sheet.scenario
    stations = [_station(sheet, i) for i in range(len(scenario.stations))]
    try:
        orbit = orbit_of(scenario)
        return build_tape(
            orbit,
            scenario.start,
            scenario.horizon_s,
            stations,
            scenario.radiation.activity,
            scenario.radiation.shielding_mm,
            _particle_event(scenario),
        )
    except ValueError as error:
        table = scenario.orbit
        said = {"orbit.tle": table.tle, "orbit.tle_file": table.tle_file}
        path, value = next(((k, v) for k, v in said.items() if v), ("orbit", _ABSENT))
        raise sheet.error(path, value, str(error)) from error


_ABSENT: dict[str, object] = {}  # a whole table, which messages do not repeat


def orbit_of(scenario: Scenario) -> Orbit:
    """Return the orbit that a scenario says.

    Raises:
        ValueError: there is no such orbit.
    """
    table = scenario.orbit
    if table.tle is not None:
        return Orbit.from_tle(*table.tle)
    if table.tle_file is not None:
        name = Path(table.tle_file).name
        sets = element_sets(_tle_text(Path(table.tle_file)), name)
        chosen = choose(sets, table.satellite, scenario.start, name)
        return Orbit.from_tle(chosen.line1, chosen.line2)
    elements = table.model_dump(exclude={"tle", "tle_file", "satellite", "walker"})
    if table.walker is None:
        return Orbit.from_elements(scenario.start, **elements)
    pattern = table.walker.model_dump(exclude={"satellite"})
    node_deg, anomaly_deg = Walker(**pattern).offsets_deg(table.walker.satellite)
    elements["mean_anomaly_deg"] += anomaly_deg
    return Orbit.from_elements(scenario.start, **elements, node_offset_deg=node_deg)


def _tle_text(path: Path) -> str:
    hint = 'name a file of two-line element sets, such as "active.tle"'
    try:
        if path.stat().st_size > MOST_TLE_BYTES or not path.is_file():
            raise ValueError(f"is no file, or longer than {MOST_TLE_BYTES} bytes; {hint}")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{error.strerror}; {hint}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"is not text in UTF-8; {hint}") from error


def _particle_event(scenario: Scenario) -> SolarParticleEvent | None:
    table = scenario.radiation.particle_event
    return None if table is None else SolarParticleEvent(**table.model_dump())


def _station(sheet: Sheet, i: int) -> Station:
    said = sheet.scenario.stations[i]
    try:
        return station_named(said) if isinstance(said, str) else Station(**said.model_dump())
    except ValueError as error:
        value = said if isinstance(said, str) else _ABSENT
        raise sheet.error(f"stations[{i}]", value, str(error)) from error
