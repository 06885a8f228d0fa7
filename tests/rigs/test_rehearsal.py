"""Flights on the wall clock, over a real broker, with a person at the bench."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from groundlink.bench_control import SessionFile, inject
from groundlink.broker import find_mosquitto
from groundlink.topics import Control
from rigs.flight import fly
from rigs.reading import read_scenario
from rigs.records import read_records
from rigs.rig import RigTable

RATE = 2000.0  # mission seconds per second: three hours in 5.4 s
PATIENCE_S = 60.0
LOST_BY = {"mosquitto": 0, "amqtt": 2}  # amqtt 0.12 now and then loses what it acknowledged
BROKERS = [
    pytest.param("mosquitto", marks=pytest.mark.mosquitto),
    "amqtt",
]


def there_or_skip(name):
    """Return a broker's name if it is installed; else skip, or fail where it is required."""
    there = {
        "mosquitto": find_mosquitto() is not None,
        "amqtt": importlib.util.find_spec("amqtt") is not None,
    }[name]
    if not there and os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") != "1":
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture(params=BROKERS)
def broker(request):
    return there_or_skip(request.param)


@pytest.fixture
def mosquitto():
    return there_or_skip("mosquitto")


class Rehearsal:
    """Flies in a process of its own, since a broker dies with the thread that started it."""

    def __init__(self, folder, broker, *words, rate=RATE):

        self.folder = folder
        command = [sys.executable, "-m", "rigs.cli", "run", "--out", str(folder)]
        self.process = subprocess.Popen(
            [*command, "--rate", str(rate), "--broker", broker, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def session(self):
        ends_s = time.monotonic() + PATIENCE_S
        while not (self.folder / "session.toml").exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < ends_s
        return SessionFile.read(self.folder / "session.toml")

    def land(self):
        out, err = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, err
        return out


def records_of(folder, *kinds):
    return [r for r in read_records(folder / "records.jsonl") if r["what"] in kinds]


def test_what_a_person_injects_happens_and_is_recorded(tmp_path, broker):
    flight = Rehearsal(tmp_path / "r", broker, "--until", "9000")
    session = flight.session()
    assert (tmp_path / "r" / "session.toml").stat().st_mode & 0o777 == 0o600
    opened = inject(session, Control.WINDOW, {"action": "open", "duration_s": 1200.0})
    struck = inject(session, Control.FAULT, {"payload": "pi", "kind": "sefi"})
    refused = inject(session, Control.FAULT, {"payload": "no-such", "kind": "sefi"})
    flight.land()
    assert opened.accepted
    assert struck.accepted
    assert not refused.accepted
    assert not (tmp_path / "r" / "session.toml").exists()
    (window,) = records_of(tmp_path / "r", "window-injected")
    faults = [r for r in records_of(tmp_path / "r", "fault-event") if r["injected"]]
    assert [fault["kind"] for fault in faults] == ["sefi"]
    assert faults[0]["t_s"] == struck.t_s
    heard = [r for r in records_of(tmp_path / "r", "received") if r["station"] == "bench"]
    assert heard
    opened_s = window["t_s"]  # a broker delivers late; `received_s` is when the frame was due
    assert all(opened_s <= r["received_s"] <= opened_s + 1200.01 for r in heard)
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert (summary["mode"], summary["complete"]) == ("rehearsal", True)


def test_a_replay_injects_the_same_again_in_virtual_time(tmp_path, broker, run_highbay):
    flight = Rehearsal(tmp_path / "wall", broker, "--until", "9000")
    session = flight.session()
    inject(session, Control.WINDOW, {"action": "open", "duration_s": 1200.0})
    inject(session, Control.FAULT, {"payload": "pi", "kind": "seu"})
    inject(session, Control.FAULT, {"payload": "pi", "kind": "sefi"})
    flight.land()
    result = run_highbay("run", "--replay", tmp_path / "wall", "--out", tmp_path / "again")
    assert result.exit_code == 0, result.output
    kinds = ("window-injected", "fault-landed", "completed", "job-lost", "booted")
    assert records_of(tmp_path / "again", *kinds) == records_of(tmp_path / "wall", *kinds)


def test_a_rehearsal_decides_as_the_emulation_does(tmp_path, broker):
    """The same loop on another clock: the same jobs, answers, faults and contacts."""
    flight = Rehearsal(tmp_path / "wall", broker, "--until", "9000")
    sheet = read_scenario("first-light").with_options(horizon_s=9000.0)
    fly(sheet, RigTable(mode="emulation"), tmp_path / "virtual", lambda t_s: None)
    flight.land()
    kinds = ("completed", "fault-landed", "acquisition-of-signal", "mode-changed", "set-point")
    assert records_of(tmp_path / "wall", *kinds) == records_of(tmp_path / "virtual", *kinds)
    received = [
        {
            (r["message"]["kind"], r["message"]["source"], r["message"]["sequence"])
            for r in records_of(tmp_path / where, "received")
        }
        for where in ("wall", "virtual")
    ]
    lost = received[1] - received[0]
    assert received[0] <= received[1]
    assert len(lost) <= LOST_BY[broker]
    if lost:
        summary = json.loads((tmp_path / "wall" / "summary.json").read_text())
        assert "not delivered" in summary["trouble"]


@pytest.mark.mosquitto
def test_stock_clients_watch_and_inject(tmp_path, mosquitto):
    if shutil.which("mosquitto_sub") is None and os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") != "1":
        pytest.skip("mosquitto's own clients are not installed")
    flight = Rehearsal(tmp_path / "r", mosquitto, "--until", "9000")
    session = flight.session()
    port = session.url.rpartition(":")[2]
    who = ["-h", "127.0.0.1", "-p", port, "-u", session.username, "-P", session.password]
    watching = subprocess.Popen(
        ["mosquitto_sub", *who, "-t", "gnd/#", "-v"], stdout=subprocess.PIPE, text=True
    )
    wish = '{"payload":"pi","kind":"seu"}'
    topic = f"ctl/1/{session.rig}/fault"
    subprocess.run(["mosquitto_pub", *who, "-t", topic, "-m", wish], check=True)
    flight.land()
    watching.terminate()
    seen, _ = watching.communicate(timeout=PATIENCE_S)
    assert f"gnd/1/{session.satellite}/pi/prod" in seen
    assert f"gnd/1/{session.satellite}/link/state" in seen
    assert any(r["injected"] for r in records_of(tmp_path / "r", "fault-event"))


def test_ctrl_c_ends_a_rehearsal_with_results(tmp_path, broker):
    flight = Rehearsal(tmp_path / "r", broker)
    flight.session()
    ends_s = time.monotonic() + PATIENCE_S
    while not records_of(tmp_path / "r", "completed"):
        assert time.monotonic() < ends_s
    flight.process.send_signal(2)
    out, err = flight.process.communicate(timeout=PATIENCE_S)
    assert flight.process.returncode == 130, err
    assert "Broken off" in out
    assert "Traceback" not in err
    assert not json.loads((tmp_path / "r" / "summary.json").read_text())["complete"]
    assert not (tmp_path / "r" / "session.toml").exists()


@pytest.mark.mosquitto
def test_a_broker_that_dies_is_no_secret(tmp_path, mosquitto):
    flight = Rehearsal(tmp_path / "r", mosquitto, "--until", "9000")
    flight.session()
    ends_s = time.monotonic() + PATIENCE_S
    while not records_of(tmp_path / "r", "completed"):
        assert time.monotonic() < ends_s
    children = children_of(flight.process.pid)
    assert children
    for pid in children:
        os.kill(pid, 9)
    out = flight.land()
    assert "Trouble: broker" in out
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert "went away" in summary["trouble"]
    assert "went away" in (tmp_path / "r" / "report.html").read_text()


def children_of(pid):
    """Return the children of a process, from /proc."""
    text = (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text()
    return [int(child) for child in text.split()]


@pytest.mark.mosquitto
def test_a_flight_faster_than_its_broker_still_gets_its_frames(tmp_path, mosquitto):
    flight = Rehearsal(tmp_path / "r", mosquitto, "--until", "12000", rate=60_000.0)
    flight.land()
    frames = json.loads((tmp_path / "r" / "summary.json").read_text())["link"]["frames"]
    assert frames["received"] + frames["corrupt"] == frames["sent"] > 100
