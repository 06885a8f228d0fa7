"""`highbay calibrate thermal` and `highbay predict thermal` as a person meets them."""

import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from payloads.calibration.network import Network, simulate
from rigs.calibrate.model_file import model_text, read_model
from rigs.calibrate.trace_file import parse_trace
from rigs.errors import ScenarioError

COLUMNS = 80
HEAD = "t_s,power_w,die_c"


def recording(watts, seed, each_s=1200, clock=True):
    power_w = np.repeat(np.array(watts, dtype=float), each_s)
    t_s = np.arange(len(power_w), dtype=float)
    die_c = simulate(
        Network((2.0, 25.0), (0.17, 0.12), 0.5), power_w, np.full(len(t_s), 10.0), 25.0, 1.0
    )
    die_c += np.random.default_rng(seed).normal(0.0, 0.4, len(t_s))
    tail = ",1800" if clock else ""
    rows = [
        f"{t:g},{p:g},{round(2 * c) / 2:g}{tail}"
        for t, p, c in zip(t_s, power_w, die_c, strict=True)
    ]
    return "\n".join([HEAD + (",arm_clock_mhz" if clock else ""), *rows]) + "\n"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with two recordings and the model that was fitted to them, and what was printed."""
    from click.testing import CliRunner

    from rigs.cli import main

    folder = tmp_path_factory.mktemp("fitted")
    (folder / "a.csv").write_text(recording((2.4, 4.0, 2.4), 1))
    (folder / "b.csv").write_text(recording((2.4, 5.0, 2.4), 2))
    (folder / "plain.csv").write_text(recording((2.4, 4.5, 2.4), 3, clock=False))
    words = ("calibrate", "thermal", "a.csv", "b.csv", "-o", "pi.toml")
    said = [str(folder / w) if "." in w else w for w in words]
    result = CliRunner().invoke(main, said)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_a_fit_says_its_errors_its_nodes_and_its_floor(fitted):
    _, output = fitted
    assert len(re.findall(r"^ +[123] +\d\.\d\d, \d\.\d\d +\d\.\d\d", output, re.MULTILINE)) == 3
    assert output.count("chosen") == 1
    assert "A perfect model would still be off by" in output


def test_the_model_reads_back_as_it_was_written(fitted):
    folder, _ = fitted
    table = read_model(folder / "pi.toml")
    text = (folder / "pi.toml").read_text(encoding="utf-8")
    assert model_text(table) == text
    assert [each.name for each in table.fit.recordings] == ["a.csv", "b.csv"]
    assert table.fit.recordings[0].samples == 3600
    assert "frequency management and thermal control" in text


@pytest.mark.parametrize("name", ["a", "plain"])
@pytest.mark.parametrize("more", [(), ("--closed-loop",), ("--closed-loop", "--load-w", "6.5")])
def test_a_prediction_prints_its_errors_in_80_columns_and_draws_them(
    run_highbay, fitted, name, more, tmp_path
):
    folder, _ = fitted
    picture = tmp_path / "p.svg"
    words = ("predict", "thermal", folder / "pi.toml", folder / f"{name}.csv", "--plot", picture)
    result = run_highbay(*words, *more)
    assert result.exit_code == 0, result.output
    assert re.search(r"MAE [\d.]+ °C, RMSE [\d.]+ °C, bias [+-][\d.]+ °C, worst", result.output)
    measured = "no clock was recorded" if name == "plain" else "% of the time measured"
    assert measured in result.output
    lines = [line for line in result.output.splitlines() if not line.startswith("Plot: ")]
    assert max(map(len, lines)) <= COLUMNS
    root = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    assert float(root.get("width")) == 1000.0
    assert "nan" not in picture.read_text(encoding="utf-8")


def test_a_heavier_load_throttles_in_the_closed_loop(run_highbay, fitted, tmp_path):
    folder, _ = fitted
    shares = []
    for watts in ("4.0", "7.5"):
        words = ("predict", "thermal", folder / "pi.toml", folder / "a.csv", "--closed-loop")
        result = run_highbay(*words, "--load-w", watts, "--plot", tmp_path / "p.svg")
        shares.append(float(re.search(r"measured, ([\d.]+) % predicted", result.output)[1]))
    assert shares[0] == 0.0
    assert shares[1] > 10.0  # of the third that is loaded


def test_the_limits_in_the_model_are_those_that_act(run_highbay, fitted, tmp_path):
    folder, _ = fitted
    text = (folder / "pi.toml").read_text(encoding="utf-8")
    cool = tmp_path / "cool.toml"
    cool.write_text(
        text.replace("soft_limit_c = 80.0", "soft_limit_c = 50.0").replace(
            "hard_limit_c = 85.0", "hard_limit_c = 55.0"
        ),
        encoding="utf-8",
    )
    result = run_highbay(
        "predict", "thermal", cool, folder / "a.csv", "--closed-loop", "--load-w", 5
    )
    assert float(re.search(r"measured, ([\d.]+) % predicted", result.output)[1]) > 10.0
    assert (tmp_path / "cool-a.svg").exists()


ROWS = "".join(f"{t},{2.0 + (t > 300)},{30.0 + t % 2}\n" for t in range(700))
# name: (the file, words of the message)
NONSENSE = {
    "empty": ("", "line 1: has no column t_s"),
    "no die": ("t_s,power_w\n0,1\n", "line 1: has no column die_c"),
    "a word": (f"{HEAD}\n0,2.0,30\n1,much,30\n", 'line 3: power_w = "much" is no number'),
    "a short line": (f"{HEAD}\n0,2.0\n", 'line 2: die_c = "" is no number'),
    "NaN": (f"{HEAD}\n0,nan,30\n", "line 2: power_w = nan is no power"),
    "negative time": (f"{HEAD}\n-1,2.0,30\n", "line 2: t_s = -1 is no time"),
    "time runs back": (f"{HEAD}\n5,2.0,30\n4,2.0,30\n", "line 3: t_s = 4 comes after 5"),
    "negative power": (f"{HEAD}\n0,-2.0,30\n", "line 2: power_w = -2 is no power"),
    "below absolute zero": (f"{HEAD}\n0,2.0,-300\n", "line 2: die_c = -300 is no die temperature"),
    "hotter than a die": (f"{HEAD}\n0,2.0,151\n", "line 2: die_c = 151 is no die temperature"),
    "too short": (f"{HEAD}\n0,2.0,30\n1,2.0,30\n", "2 samples over 1 s are too few"),
    "constant power": (
        f"{HEAD}\n" + re.sub(r",3\.0,|,2,|,3,", ",2.0,", ROWS.replace(",3,", ",2,")),
        "what is missing is a load that changes",
    ),
    "not text": ("\0\x01", "has no column t_s"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_in_one_line(run_highbay, tmp_path, name):
    text, words = NONSENSE[name]
    path = tmp_path / "bad.csv"
    path.write_text(text)
    result = run_highbay("calibrate", "thermal", path, "-o", tmp_path / "pi.toml")
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert words in line
    assert str(path) in line
    assert not (tmp_path / "pi.toml").exists()


BROKEN = {
    "unknown key": ("[power]", "[power]\nwatts = 1.0", "power.watts"),
    "negative capacity": (
        "capacity_j_per_k = ",
        "capacity_j_per_k = -",
        "nodes.0.capacity_j_per_k",
    ),
    "a share above one": ("\nshare = ", "\nshare = 7", "radiation.share"),
    "limits in wrong order": ("hard_limit_c = 85.0", "hard_limit_c = 70.0", "soft_limit_c < hard"),
    "another format": ("format = 1", "format = 2", "format = 2"),
    "no TOML": ("[power]", "[power", "not TOML"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_refused_in_one_line(run_highbay, fitted, tmp_path, name):
    folder, _ = fitted
    old, new, words = BROKEN[name]
    text = (folder / "pi.toml").read_text(encoding="utf-8")
    assert old in text
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace(old, new, 1), encoding="utf-8")
    result = run_highbay("predict", "thermal", bad, folder / "a.csv")
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert words in line
    assert "bad.toml" in line


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--load-w", "5"), "--closed-loop --load-w 5.5"),
        (("--plot", "p.png"), "is no name of an SVG file"),
        (("--closed-loop", "--load-w", "1"), "is not above"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(run_highbay, fitted, more, words):
    folder, _ = fitted
    result = run_highbay("predict", "thermal", folder / "pi.toml", folder / "a.csv", *more)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert words in line


def test_missing_files_and_folders_are_said(run_highbay, tmp_path):
    for words in (
        ("calibrate", "thermal", tmp_path / "no.csv", "-o", tmp_path / "pi.toml"),
        ("calibrate", "thermal", tmp_path / "no.csv", "-o", tmp_path / "no" / "pi.toml"),
        ("predict", "thermal", tmp_path / "no.toml", tmp_path / "no.csv"),
    ):
        result = run_highbay(*words)
        assert result.exit_code == 2, result.output
        assert len(result.stderr.splitlines()) == 1


def test_the_same_recording_twice_is_no_second_witness(run_highbay, fitted, tmp_path):
    folder, _ = fitted
    path = folder / "a.csv"
    result = run_highbay("calibrate", "thermal", path, path, "-o", tmp_path / "pi.toml")
    assert result.exit_code == 2
    assert "given twice" in result.stderr


def test_samples_of_one_stamp_are_averaged():
    doubled = HEAD + "\n" + "".join(f"{t},{p},30\n" for t in range(0, 700, 7) for p in (2.0, 3.0))
    trace = parse_trace(doubled, "a", "a")
    assert len(trace.t_s) == 100
    assert set(trace.power_w.tolist()) == {2.5}


def test_a_column_may_stand_anywhere():
    rows = "".join(f"x,{30 + t % 2},{t},2.0\n" for t in range(700))
    trace = parse_trace("note,die_c,t_s,power_w\n" + rows, "a", "a")
    assert trace.die_c[1] == 31.0
    with pytest.raises(ScenarioError, match="no column power_w"):
        parse_trace("note,die_c,t_s,power\n" + rows, "a", "a")


@pytest.mark.parametrize("group", ["calibrate", "predict"])
def test_help_imports_nothing_heavy(group):
    script = (
        "import sys, json\nfrom rigs.cli import main\n"
        f"try:\n    main([{group!r}, 'thermal', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(json.dumps([m for m in ('numpy', 'scipy', 'rich', 'pydantic') if m in sys.modules]))"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout.splitlines()[-1]) == []
