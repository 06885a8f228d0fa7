"""Makes the sky over a mission from its scenario."""

from __future__ import annotations

from rigs.environment.orbit import Orbit
from rigs.environment.passes import Station, station_named
from rigs.environment.tape import EnvironmentTape, build_tape
from rigs.reading import Sheet
from rigs.scenario import Scenario


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
