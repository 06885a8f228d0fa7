"""Broken scenario files: one line each, that says what, where, why, and what would be right."""

import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto, helper

from rigs.errors import ScenarioError
from rigs.reading import read_scenario
from rigs.shipped import parse, shipped

GOOD_TLE = (
    "1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991",
    "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482",
)
BAD_TLE = (GOOD_TLE[0][:-1] + "4", GOOD_TLE[1])

# name: (what is laid over first-light, path in the file, words of the value and the rule, example)
BROKEN = {
    "unknown key": (
        "[battery]\ncapcity_wh = 77.0",
        "battery.capcity_wh = 77.0",
        "no key of a scenario",
        "for example battery.capacity_wh = 40.0",
    ),
    "LOS before AOS": (
        '[[link.contacts]]\nstation = "a"\naos_s = 600.0\nlos_s = 580.0',
        "link.contacts[0]",
        "los_s = 580.0 is not after aos_s = 600.0",
        "aos_s = 600.0, los_s = 1140.0",
    ),
    "negative capacity": (
        "[battery]\ncapacity_wh = -5.0",
        "battery.capacity_wh = -5.0",
        "greater than 0",
        "for example battery.capacity_wh = 40.0",
    ),
    "missing model": (
        '[payloads.pi]\nmodel = "nope.onnx"',
        'payloads.pi.model = "nope.onnx"',
        "No such file",
        'model = "tile-sorter-fp32"',
    ),
    "not an ONNX file": (
        '[payloads.pi]\nmodel = "text.onnx"',
        "payloads.pi.model",
        "is not an ONNX file",
        'model = "tile-sorter-fp32"',
    ),
    "wrong tensor shape": (
        '[payloads.pi]\nmodel = "five-channels.onnx"',
        "payloads.pi.model",
        "input 'x' wants float32 (1, 5, 64, 64)",
        "1 (grey) or 3 (RGB) channels",
    ),
    "wrong value range": (
        "[payloads.pi.input]\nscale = 1.0\nexpects_range = [0.0, 1.0]",
        "payloads.pi.model",
        "pixels 0..255 into 0..255, but the model expects 0..1",
        "payloads.pi.input.scale = 0.00392157",
    ),
    "unknown label": (
        '[payloads.pi]\nkeep = ["lnad"]',
        'payloads.pi.keep = ["lnad"]',
        "knows no 'lnad'",
        "cloud, land, sea, night",
    ),
    "missing images": (
        '[payloads.pi]\nimages = "nowhere"',
        'payloads.pi.images = "nowhere"',
        "is not a folder",
        'such as "images/"',
    ),
    "bad TLE checksum": (
        f'[orbit]\ntle = ["{BAD_TLE[0]}", "{BAD_TLE[1]}"]',
        "orbit.tle",
        "checksum '4'",
        "for example '1 25544U",
    ),
    "two orbits": (
        f'[orbit]\naltitude_km = 500.0\ntle = ["{GOOD_TLE[0]}", "{GOOD_TLE[1]}"]',
        "orbit",
        "either tle or altitude_km",
        "altitude_km = 550.0",
    ),
    "command to nobody": (
        '[[commands]]\nt_s = 1.0\npayload = "po"\ncommand = "stop-stream"\nstream = "survey"',
        'commands[0].payload = "po"',
        "is no payload on board",
        "there is pi, and obc",
    ),
    "command that lacks what it needs": (
        '[[commands]]\nt_s = 1.0\npayload = "pi"\ncommand = "load-model"',
        'commands[0].command = "load-model"',
        "takes model",
        "tile-sorter",
    ),
    "command with an unknown stream": (
        '[[commands]]\nt_s = 1.0\npayload = "pi"\ncommand = "stop-stream"\nstream = "surve"',
        'commands[0].stream = "surve"',
        "is not on board",
        "survey, rapid-survey",
    ),
    "command with an unknown point": (
        '[[commands]]\nt_s = 1.0\npayload = "pi"\ncommand = "set-operating-point"\npoint = "1"',
        'commands[0].point = "1"',
        "is not on board",
        "1800MHz",
    ),
    "rate above the zenith": (
        "[link]\nrates = [[100.0, 5.0]]",
        "link.rates",
        "elevation from 0 to below 90 degrees",
        "rates",
    ),
    "class that is none": (
        "[link.classes.foo]\npriority = 1",
        "link.classes.foo",
        "is no class; name a kind (tm, ev, prod, tcr)",
        "SOURCE/KIND such as pi/prod",
    ),
    "class of somebody who is not on board": (
        '[link.classes."pii/prod"]\npriority = 1',
        'link.classes."pii/prod": ',
        "'pii' is not on board; there is obc, pi, and a program where its rig flies it",
        "such as obc/tm",
    ),
    "tiny store": (
        "[link]\nstore_bytes = 5",
        "link.store_bytes = 5",
        "greater than or equal to 1024",
        "store_bytes",
    ),
    "steps too close": (
        '[[link.contacts]]\nstation = "x"\naos_s = 1.0\nlos_s = 9.0\n'
        "rates = [[1.0, 10.0], [1.0000000000001, 20.0]]",
        "link.contacts[0].rates",
        "rise, by 0.001 or more",
        "rates",
    ),
    "rate out of this world": (
        "[link]\nrate_bps = 1e300",
        "link.rate_bps = 1e+300",
        "less than or equal to 1000000000000",
        "rate_bps",
    ),
    "same model twice": (
        '[payloads.pi]\nmodels = ["tile-sorter-fp32"]',
        'payloads.pi.models[0] = "tile-sorter-fp32"',
        "on board already",
        "name each model once",
    ),
    "unknown station": (
        'stations = ["svalbard", "matra"]',
        'stations[1] = "matra"',
        "no ground station 'matra'",
        "matera",
    ),
    "station off the globe": (
        'stations = [{name = "x", latitude_deg = 95.0, longitude_deg = 3.0}]',
        "stations[0].latitude_deg = 95.0",
        "less than or equal to 90",
        "latitude_deg = 40.65",
    ),
    "wrong type": (
        'horizon_s = "a day"',
        'horizon_s = "a day"',
        "a valid number",
        "horizon_s = 86400.0",
    ),
    "not a number": (
        "[link]\nrate_bps = nan",
        "link.rate_bps = nan",
        "finite",
        "for example link.rate_bps = ",
    ),
    "thresholds out of order": (
        "[eps]\nsafe_v = 7.5",
        "eps",
        "max_v > normal_v > safe_v > critical_v",
        "safe_v = 7.1",
    ),
    "unknown board": (
        '[payloads.pi]\nboard = "raspberry-pi-9"',
        'payloads.pi.board = "raspberry-pi-9"',
        "no profile",
        'board = "raspberry-pi-4b"',
    ),
    "unlisted operating point": (
        '[payloads.pi]\ntrips = [{above_c = 80.0, hysteresis_c = 3.0, point = "2GHz"}]',
        'payloads.pi.trips[0].point = "2GHz"',
        "no operating point",
        "1800MHz",
    ),
    "unknown part": (
        '[payloads.pi]\nradiation_device = "jetson-nano"',
        'payloads.pi.radiation_device = "jetson-nano"',
        "no part 'jetson-nano' is known",
        'radiation_device = "jetson-orin-nx"',
    ),
    "shielding of lead": (
        "[radiation]\nshielding_mm = 25.0",
        "radiation.shielding_mm = 25.0",
        "less than or equal to 20",
        "shielding_mm = 3.0",
    ),
    "event without particles": (
        "[radiation.particle_event]\nstart_s = 600.0\nfluence_per_cm2 = 0.0",
        "radiation.particle_event.fluence_per_cm2 = 0.0",
        "greater than 0",
        "fluence_per_cm2 = 1e8",
    ),
    "event without a rise": (
        "[radiation.particle_event]\nstart_s = 600.0\nfluence_per_cm2 = 1e8\nrise_s = 0.0",
        "radiation.particle_event.rise_s = 0.0",
        "greater than 0",
        "rise_s = 21600.0",
    ),
    "more strikes than fit": (
        "[radiation]\nacceleration = 1e300",
        "radiation.acceleration = 1e+300",
        "strikes",
        "acceleration = 5000.0",
    ),
    "more jobs than fit": (
        '[payloads.pi]\njobs = [{name = "a", period_s = 0.05, deadline_s = 1.0}]',
        "payloads.pi.jobs[0].period_s = 0.05",
        "1.73e+06 jobs",
        "period_s = 60.0",
    ),
    "control characters": (
        '[payloads.pi]\nmodel = "a\\u001b[31m\\nb"',
        'payloads.pi.model = "a\\x1b[31m\\nb"',
        "No such file",
        'model = "tile-sorter-fp32"',
    ),
    "a radiator of foil": (
        "[radiator]\ncapacity_j_per_k = 1e-3",
        "radiator",
        "no radiator",
        "capacity_j_per_k = 2000.0",
    ),
    "three sides of a radiator": (
        "[radiator]\nsides = 3",
        "radiator.sides = 3",
        "must be 1 or 2",
        "sides = 2",
    ),
    "a sink below nothing": (
        "[radiator]\nsink_k = -3.0",
        "radiator.sink_k = -3.0",
        "greater than or equal to 0",
        "sink_k = 0.0",
    ),
    "a structure of foil": (
        "[structure]\ncapacity_j_per_k = 10.0\nconductance_w_per_k = 2.0\narea_m2 = 1.0",
        "structure",
        "no structure",
        "capacity_j_per_k",
    ),
    "a structure that hangs on nothing": (
        "[structure]\ncapacity_j_per_k = 5000.0\nconductance_w_per_k = 0.0",
        "structure.conductance_w_per_k = 0.0",
        "greater than 0",
        "conductance_w_per_k = 2.0",
    ),
    "a spreader that is a point": (
        "[payloads.pi]\nspreader = {capacity_j_per_k = 1e-3, resistance_k_per_w = 1.0}",
        "payloads.pi.spreader",
        "leave so small a spreader out",
        "spreader = {capacity_j_per_k = 80.0",
    ),
    "no time zone": ("start = 2026-03-20T00:00:00", "start", "time zone", "2026-03-20T00:00:00Z"),
    "not TOML": ("horizon_s = = 4", "not TOML", "line 2", "seed = 7"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.onnx").write_text("no model")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "five-channels",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 5, 64, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5, 64, 64])],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), "five-channels.onnx")
    return tmp_path


def write(folder, text, base="first-light"):
    path = folder / "mission.toml"
    path.write_text(f'extends = "{base}"\n{text}\n')
    return str(path)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_explained_in_one_line(folder, name, run_highbay):
    text, path, rule, example = BROKEN[name]
    file = write(folder, text)
    result = run_highbay("run", file, "--out", "results")
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert line.startswith(f"highbay: {file}: ")
    for words in (path, rule, example):
        assert words in line
    assert "Traceback" not in result.stderr
    assert not (folder / "results" / "scenario.toml").exists()


def test_the_program_itself_ends_with_2_and_no_traceback(folder):
    file = write(folder, "[battery]\ncapacity_wh = -5.0")
    done = subprocess.run(
        [sys.executable, "-m", "rigs.cli", "run", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_misspelt_scenario_is_answered_with_the_nearest_one(run_highbay):
    result = run_highbay("run", "frist-light")
    assert result.exit_code == 2
    assert result.stderr == (
        "highbay: frist-light: No such file or directory; name a file, or a shipped scenario "
        "such as first-light\n"
    )


def test_a_scenario_says_only_what_differs(folder):
    file = write(folder, "seed = 9\n[battery]\ncapacity_wh = 30.0")
    scenario, base = read_scenario(file).scenario, read_scenario("first-light").scenario
    assert (scenario.seed, scenario.battery.capacity_wh) == (9, 30.0)
    assert scenario.battery.ocv == base.battery.ocv
    assert scenario.payloads == base.payloads


def test_an_orbit_replaces_the_one_underneath(folder):
    file = write(folder, f'[orbit]\ntle = ["{GOOD_TLE[0]}", "{GOOD_TLE[1]}"]')
    assert read_scenario(file).scenario.orbit.altitude_km is None


def test_a_scenario_that_extends_itself_is_refused(folder):
    (folder / "mission.toml").write_text('extends = "mission.toml"\n')
    with pytest.raises(ScenarioError, match="none twice"):
        read_scenario("mission.toml")


def test_files_are_found_from_where_the_scenario_lies(folder, monkeypatch):
    (folder / "deep").mkdir()
    (folder / "deep" / "mine.onnx").write_bytes(b"")
    (folder / "deep" / "mission.toml").write_text(
        'extends = "first-light"\npayloads.pi.model = "mine.onnx"\n'
    )
    said = read_scenario("deep/mission.toml").scenario.payloads["pi"].model
    assert said == str(folder / "deep" / "mine.onnx")


def test_every_shipped_scenario_is_right():
    for name, text in shipped("scenarios").items():
        assert read_scenario(name).scenario.name == parse(text, name)["name"] == name
