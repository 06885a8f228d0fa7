"""The command line as a person meets it."""

import json
import re
import subprocess
import sys

import pytest
from rehearsals import there_or_skip

LIGHT = {"click"}  # what `--help` may import beside the standard library and ours
COLUMNS = 80


def imported_by(*words):
    script = (
        "import sys, json\nbefore = set(sys.modules)\nfrom rigs.cli import main\n"
        f"try:\n    main({list(words)!r})\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted({m.partition('.')[0] for m in set(sys.modules) - before})))"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(out.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "words",
    [("--help",), ("run", "--help"), ("inject", "--help"), ("environment", "--help")],
)
def test_help_imports_nothing_heavy(words):
    heavy = imported_by(*words) - LIGHT - set(sys.stdlib_module_names)
    assert {name for name in heavy if not name.startswith("_")} <= {"rigs"}


@pytest.mark.parametrize("words", [("fault", "--help"), ("window", "--help")])
def test_help_needs_no_mission(run_highbay, words):
    assert run_highbay("inject", *words).exit_code == 0


def test_a_flight_ends_in_a_table_and_the_path_of_a_report(run_highbay, tmp_path):
    result = run_highbay("run", "--until", 3000, "--out", tmp_path / "results")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-1].replace("Report: ", "") == str(tmp_path / "results" / "report.html")
    assert (tmp_path / "results" / "report.html").exists()
    assert all(len(line) <= COLUMNS for line in lines[:-1])


def test_a_report_is_made_again_from_a_folder(run_highbay, tmp_path):
    run_highbay("run", "--until", 3000, "--out", tmp_path / "r")
    (tmp_path / "r" / "report.html").unlink()
    (tmp_path / "r" / "summary.json").unlink()
    assert run_highbay("report", tmp_path / "r").exit_code == 0
    assert (tmp_path / "r" / "report.html").exists()
    assert (tmp_path / "r" / "summary.json").exists()


def test_a_report_of_nothing_is_refused(run_highbay, tmp_path):
    result = run_highbay("report", tmp_path)
    assert result.exit_code == 2
    assert "holds no records.jsonl" in result.stderr


def test_results_folders_are_numbered(run_highbay, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        run_highbay("run", "--until", 600)
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == ["first-light-001", "first-light-002"]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--until", "-5"), "horizon_s = -5.0: must be greater than 0"),
        (("--rate", "-3"), "rate = -3.0: must be greater than 0"),
        (("--rig", "nope"), "nope: No such file"),
        (("first-light", "--replay", "nowhere"), "nowhere/records.jsonl: No such file"),
        (("--rig", "emulation", "--rate", "5"), "an emulation has none"),
        (("--rate", "600", "--broker", "mqtt://10.0.0.1"), "is not on this machine and not TLS"),
        (("--rate", "600", "--broker", "nats://10.0.0.1"), "broker"),
    ],
)
def test_options_that_do_not_fit_are_explained(run_highbay, tmp_path, words, rule):
    result = run_highbay("run", *words, "--out", tmp_path / "results")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert rule in line
    assert not (tmp_path / "results").exists()


def rehearsed(folder, *words):
    return ("run", "--rate", 6e4, "--until", 600, "--broker", "mosquitto", "--out", folder, *words)


def test_a_results_folder_is_no_store(run_highbay, tmp_path):
    assert run_highbay("run", "--until", 600, "--out", tmp_path / "r").exit_code == 0
    result = run_highbay(*rehearsed(tmp_path / "again", "--store", tmp_path / "r"))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.endswith(f"did you mean {tmp_path / 'r' / 'onboard'}?")
    assert not (tmp_path / "r" / "store.sqlite").exists()
    assert not (tmp_path / "again").exists()


def test_a_file_is_no_store(run_highbay, tmp_path):
    (tmp_path / "file").touch()
    result = run_highbay(*rehearsed(tmp_path / "r", "--store", tmp_path / "file"))
    assert result.exit_code == 2
    assert result.stderr == f"highbay: --store: {tmp_path / 'file'} is a file; name a folder\n"


@pytest.mark.mosquitto
def test_a_rehearsal_with_a_store_says_whether_it_goes_on(run_highbay, tmp_path):
    there_or_skip("mosquitto")
    store, said = tmp_path / "store", []
    for name in ("first", "second"):
        result = run_highbay(*rehearsed(tmp_path / name, "--store", store))
        assert result.exit_code == 0, result.output
        said += result.stderr.splitlines()
    assert said[0] == f"on-board store {store}: a new satellite"
    assert re.fullmatch(
        rf"on-board store {re.escape(str(store))}: resumed [1-9]\d* messages?", said[1]
    )


RIG = 'mode = "rehearsal"\nrate = 600.0\n'
LISTEN = '[listen]\naddress = "192.0.2.1"\ncertificate = "{0}"\nkey = "{0}"\nca = "{1}"\n'


def test_a_misspelt_key_of_a_rig_is_no_key_of_a_rig(run_highbay, tmp_path):
    (tmp_path / "rig.toml").write_text(RIG + 'brocker = "auto"\n')
    result = run_highbay("run", "--rig", tmp_path / "rig.toml", "--out", tmp_path / "r")
    assert result.exit_code == 2
    assert 'brocker = "auto": is no key of a rig; did you mean broker?' in result.stderr


@pytest.mark.mosquitto
def test_a_certificate_that_is_not_there_is_explained_in_toml(run_highbay, tmp_path):
    there_or_skip("mosquitto")
    there = tmp_path / "there.pem"
    there.touch()
    (tmp_path / "rig.toml").write_text(RIG + LISTEN.format(there, tmp_path / "gone.pem"))
    result = run_highbay("run", "--rig", tmp_path / "rig.toml", "--out", tmp_path / "r")
    assert result.exit_code == 2
    assert result.stderr.endswith('gone.pem\' is not a file; for example ca = "ca.pem"\n')


def test_what_is_shipped_is_listed(run_highbay):
    assert "first-light" in run_highbay("scenarios").stdout
    assert "rehearsal" in run_highbay("rigs").stdout


def test_a_right_scenario_validates(run_highbay):
    result = run_highbay("validate", "first-light")
    assert (result.exit_code, result.stdout) == (0, "first-light: can be flown\n")


def test_injecting_without_a_mission_is_explained(run_highbay, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_highbay("inject", "fault", "seu")
    assert result.exit_code == 2
    assert "highbay run --rate 600" in result.stderr


@pytest.mark.parametrize("words", ["fault seu", "window cut", "uplink FRAME"])
@pytest.mark.parametrize("nearer", [True, False])
def test_the_mission_is_named_before_or_after_what_is_injected(
    run_highbay, tmp_path, words, nearer
):
    (tmp_path / "frame").write_bytes(b"x")
    said = [tmp_path / "frame" if word == "FRAME" else word for word in words.split()]
    where = ("--in", tmp_path / "here")
    result = run_highbay("inject", *((*said, *where) if nearer else (*where, *said)))
    assert result.exit_code == 2
    assert f"{tmp_path / 'here'}/session.toml: No such file" in result.stderr
