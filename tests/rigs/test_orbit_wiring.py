"""Every key of the orbit and of a mask moves what it should move, and refuses nonsense."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
from flights import EMULATION, fly, sheet
from wiring import matters

from groundlink.contacts import AcquisitionOfSignal
from rigs.environment.tle import checksum
from rigs.errors import ScenarioError
from rigs.flight import fly as fly_to_folder
from rigs.reading import read_scenario
from rigs.sky import environment

START = datetime(2019, 12, 9, 17, tzinfo=timezone.utc)
ISS = [
    "1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991",
    "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482",
]
POLAR = {"altitude_km": 550.0, "inclination_deg": 90.0}
EQUATOR = {"altitude_km": 550.0, "inclination_deg": 0.0}
POLE = {"name": "pole", "latitude_deg": 90.0, "longitude_deg": 0.0}
SOMEWHERE = {"name": "here", "latitude_deg": 30.0, "longitude_deg": -20.0}
A_TENTH_DEG = 0.1  # J2 moves mean elements by that much within a turn


def edited(line, columns, text):
    """Return a line of elements with other columns (from 0, end excluded) and a right checksum."""
    line = line[: columns[0]] + text + line[columns[1] :]
    return f"{line[:68]}{checksum(line)}"


def polar_twin():
    """Return the sets of two satellites, of which the second flies over the poles."""
    lines = [edited(line, (2, 7), "00007") for line in ISS]
    return [lines[0], edited(lines[1], (8, 16), " 89.0000")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sets").mkdir()
    text = "\n".join(["# two satellites", "ISS (ZARYA)", *ISS, "", "0 POLAR TWIN", *polar_twin()])
    (tmp_path / "sets" / "two.tle").write_text(text + "\n")
    return tmp_path


def mission(folder, orbit, name="mission.toml"):
    path = folder / "sets" / name
    path.write_text(
        'extends = "first-light"\nstart = 2019-12-09T17:00:00Z\nhorizon_s = 6000.0\n'
        f"[orbit]\n{orbit}\n"
    )
    return str(path)


@matters("orbit.tle_file", "orbit.satellite")
@pytest.mark.parametrize(
    ("satellite", "highest_deg"),
    [("25544", 51.64), ("iss (zarya)", 51.64), ("Polar Twin", 89.0), ("00007", 89.0)],
)
def test_a_satellite_of_a_file_beside_the_scenario_is_flown(folder, satellite, highest_deg):
    file = mission(folder, f'tle_file = "two.tle"\nsatellite = "{satellite}"')
    tape = environment(read_scenario(file))
    assert tape.latitude_deg.max() == pytest.approx(highest_deg, abs=0.3)


def test_a_flown_file_can_be_flown_again_from_anywhere(folder, tmp_path, monkeypatch):
    file = mission(folder, 'tle_file = "two.tle"\nsatellite = "7"')
    short = read_scenario(file).with_options(horizon_s=60.0)
    fly_to_folder(short, EMULATION, tmp_path / "o", lambda t_s: None)
    monkeypatch.chdir(tmp_path / "o")
    again = read_scenario(str(tmp_path / "o" / "scenario.toml"))
    assert environment(again).latitude_deg[0] == environment(read_scenario(file)).latitude_deg[0]


@pytest.mark.parametrize(
    ("orbit", "words"),
    [
        ('tle_file = "none.tle"', ["orbit.tle_file", "No such file", 'such as "active.tle"']),
        ('tle_file = "."', ["orbit.tle_file", "is no file", 'such as "active.tle"']),
        ('tle_file = "two.tle"', ["orbit.tle_file", "two.tle: holds several", "ISS (ZARYA)"]),
        ('tle_file = "bad.tle"', ["orbit.tle_file", "bad.tle: line 2: TLE line 1 ends", "checks"]),
        (
            'tle_file = "two.tle"\nsatellite = "ISS"',
            ["orbit.tle_file", "no satellite 'ISS'", "there is ISS (ZARYA) (25544)"],
        ),
        ('satellite = "ISS"\naltitude_km = 500.0', ["orbit", "there is none"]),
        ('tle_file = "two.tle"\naltitude_km = 500.0', ["orbit", "either tle or altitude_km"]),
        (
            "altitude_km = 550.0\nwalker = {satellites = 24, planes = 7}",
            ["orbit.walker", "do not share satellites = 24 evenly", "satellites = 24, planes = 3"],
        ),
        (
            "altitude_km = 550.0\nwalker = {satellites = 24, planes = 3, phasing = 3}",
            ["orbit.walker", "phasing = 3 must be less than planes = 3"],
        ),
        (
            "altitude_km = 550.0\nwalker = {satellites = 24, planes = 3, satellite = 24}",
            ["orbit.walker", "satellite = 24 must be less than satellites = 24"],
        ),
        (
            'altitude_km = 550.0\nwalker = {satellites = 2, planes = 1, kind = "ring"}',
            ["orbit.walker.kind", "'delta' or 'star'", "for example"],
        ),
        (
            "altitude_km = 550.0\neccentricity = 0.01\nwalker = {satellites = 2, planes = 1}",
            ["orbit", "circular orbits"],
        ),
    ],
)
def test_an_orbit_that_cannot_be_is_explained_in_one_line(folder, orbit, words, run_highbay):
    (folder / "sets" / "bad.tle").write_text("\n".join(["", ISS[0][:-1] + "5", ISS[1]]))
    file = mission(folder, orbit)
    result = run_highbay("run", file, "--out", "results")
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert line.startswith(f"highbay: {file}: ")
    for each in words:
        assert each in line


def test_a_file_that_is_no_text_is_refused_without_a_traceback(folder):
    (folder / "sets" / "binary.tle").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ScenarioError, match="is not text in UTF-8"):
        environment(read_scenario(mission(folder, 'tle_file = "binary.tle"')))


def ring(**walker):
    """Return the tape's first place of a satellite of a pattern, and that of satellite 0."""
    pattern = {"satellites": 12, "planes": 3, "phasing": 1, **walker}
    return [
        environment(sheet(horizon_s=1.0, orbit={**EQUATOR, "walker": {**pattern, **first}}))
        for first in ({}, {"satellite": 0})
    ]


def east_deg(**walker):
    """Return how far east of satellite 0 a satellite over the equator stands."""
    mine, first = ring(**walker)
    return float(mine.longitude_deg[0] - first.longitude_deg[0]) % 360.0


@matters(
    "orbit.walker.satellites",
    "orbit.walker.planes",
    "orbit.walker.phasing",
    "orbit.walker.satellite",
    "orbit.walker.kind",
)
@pytest.mark.parametrize(
    ("walker", "expected_deg"),
    [  # over the equator node and anomaly add up
        ({"satellite": 1}, 90.0),  # 4 satellites a plane
        ({"satellite": 4}, 120.0 + 30.0),  # the next plane, 360/3, and f 360/12 along
        ({"satellite": 4, "phasing": 0}, 120.0),
        ({"satellite": 4, "kind": "star"}, 60.0 + 30.0),  # 180/3
        ({"satellite": 1, "satellites": 6}, 180.0),  # 2 satellites a plane
        ({"satellite": 2, "planes": 6}, 60.0 + 30.0),
    ],
)
def test_a_walker_pattern_places_its_satellites(walker, expected_deg):
    assert east_deg(**walker) == pytest.approx(expected_deg, abs=A_TENTH_DEG)


def contacts(mask_deg):
    log = fly(sheet(orbit=POLAR, horizon_s=20_000.0, stations=[SOMEWHERE | {"mask_deg": mask_deg}]))
    return [heard.contact for heard in log.all(AcquisitionOfSignal)]


@matters("stations.mask_deg")
def test_a_mountain_in_the_north_shortens_what_the_south_leaves_whole():
    flat = contacts(5.0)
    assert flat
    level = contacts([[0.0, 5.0], [180.0, 5.0]])
    assert [c.aos_s for c in level] == pytest.approx([c.aos_s for c in flat], abs=0.01)
    assert [c.los_s for c in level] == pytest.approx([c.los_s for c in flat], abs=0.01)
    walled = contacts([[0.0, 60.0], [89.0, 60.0], [91.0, 5.0], [269.0, 5.0], [271.0, 60.0]])
    assert sum(c.duration_s for c in walled) < 0.7 * sum(c.duration_s for c in flat)


@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        ("[]", "needs a point"),
        ("[[0.0, 5.0], [0.0, 10.0]]", "azimuths rise"),
        ("[[0.0, 95.0]]", "0 <= elevation < 90"),
        ("[[360.0, 5.0]]", "azimuth from 0 to below 360"),
        ("[[0.0]]", "more entries"),
        ("-1.0", "greater than or equal to 0"),
        ('"5"', "mask_deg"),
    ],
)
def test_a_mask_that_cannot_be_is_explained_in_one_line(folder, mask, rule, run_highbay):
    path = folder / "mission.toml"
    path.write_text(
        'extends = "first-light"\n[[stations]]\nname = "a"\nlatitude_deg = 1.0\n'
        f"longitude_deg = 2.0\nmask_deg = {mask}\n"
    )
    result = run_highbay("run", str(path), "--out", "results")
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert "stations[0].mask_deg" in line
    assert rule in line


def test_the_tape_says_how_the_sun_stands_to_the_orbit_all_along():
    tape = environment(sheet(horizon_s=86_400.0, orbit=POLAR))
    assert tape.beta_along_deg[0] == tape.beta_deg
    # A polar orbit's plane stands still; the Sun goes round it by 0.99° a day.
    assert 0.0 < np.ptp(tape.beta_along_deg) < 1.1
