"""Whole flights, with the files that they leave."""

import json
import resource
import signal
import subprocess
import sys
import time

import pytest
from flights import QUIET, fly, sheet

from firmware_bridge.board import WorkResult
from firmware_bridge.faults import FaultKind, Outcome
from payloads.events import Housekeeping
from payloads.thermal import STEFAN_BOLTZMANN
from rigs.errors import RigError, ScenarioError
from rigs.flight import fly as fly_to_folder
from rigs.flight import read_back
from rigs.reading import Sheet, checked, read_scenario
from rigs.records import Records, read_records, to_json
from rigs.rig import RigTable
from rigs.scenario import Scenario
from rigs.summary import Tally

EMULATION = RigTable(mode="emulation")
JOBS = [{"name": "survey", "period_s": 60.0, "deadline_s": 120.0, "preparation_s": 20.0}]
HOURS_3 = 10_800.0
PATIENCE_S = 60.0  # a slow machine; nothing waits this long on a sound one

NAMES = {  # the design's names of `summary.json`
    "": "scenario seed mode horizon_s wall_s versions environment power payloads link faults",
    "environment": "eclipse_s sunlit_s contacts contact_s",
    "power": "generated_wh consumed_wh curtailed_wh unserved_wh losses_wh battery_start_wh "
    "battery_end_wh battery_min_wh shed_s closure_wh",
    "payloads.pi": "jobs inferences energy_j latency_s die_c throttled_s operating_points outages "
    "exposed_jobs outcomes",
    "payloads.pi.jobs": "released completed lost late",
    "payloads.pi.latency_s": "p50 p99",
    "payloads.pi.die_c": "min max",
    "payloads.pi.outages": "count total_s",
    "payloads.pi.outcomes": "masked sdc due critical",
    "link": "downlinked_bytes uplinked_bytes backlog_bytes frames dropped",
    "link.frames": "sent received corrupt lost resent",
    "link.dropped": "count bytes",
    "faults": "seu mbu set sefi sel",
    "faults.seu": "injected recovered",
}


def first_light(**options):
    return read_scenario("first-light").with_options(horizon_s=HOURS_3, **options)


def launch(folder, *words, hang_up=signal.SIG_DFL):
    """Start the program; return once it has written records."""
    flying = subprocess.Popen(
        [sys.executable, "-m", "rigs.cli", "run", "--out", str(folder), *words],
        preexec_fn=lambda: signal.signal(signal.SIGHUP, hang_up),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    records = folder / "records.jsonl"
    ends_s = time.monotonic() + PATIENCE_S
    while not (records.exists() and records.stat().st_size > 100_000):
        assert time.monotonic() < ends_s
        assert flying.poll() is None
    return flying


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flight") / "results"
    return fly_to_folder(first_light(), EMULATION, folder, lambda t_s: None)


def test_a_flight_leaves_its_results(landed):
    left = {path.name for path in landed.folder.iterdir()}
    assert left == {
        "downlink.ccsds",
        "products",
        "records.jsonl",
        "scenario.toml",
        "summary.json",
    }


def test_the_summary_has_the_names_of_the_design(landed):
    for path, names in NAMES.items():
        table = landed.summary
        for key in path.split(".") if path else ():
            table = table[key]
        assert set(names.split()) <= set(table), path
    assert json.loads((landed.folder / "summary.json").read_text()) == landed.summary


def test_energy_closes_to_a_billionth(landed):
    power = landed.summary["power"]
    assert abs(power["closure_wh"]) < 1e-9 * power["generated_wh"]


def test_the_sky_is_either_light_or_dark(landed):
    sky = landed.summary["environment"]
    assert sky["eclipse_s"] + sky["sunlit_s"] == pytest.approx(HOURS_3)


def test_every_job_is_done_lost_or_under_way(landed):
    jobs = landed.summary["payloads"]["pi"]["jobs"]
    assert 0 <= jobs["released"] - jobs["completed"] - jobs["lost"] <= 1 + 8  # one runs, 8 wait


def test_operating_points_cover_the_time_in_which_the_board_had_power(landed):
    off_s, since_s = 0.0, 0.0
    for record in read_records(landed.folder / "records.jsonl"):
        if record["what"] == "telemetry-sample":
            off_s += (record["t_s"] - since_s) * (record["state"] == "off")
            since_s = record["t_s"]
    points_s = sum(landed.summary["payloads"]["pi"]["operating_points"].values())
    assert points_s == pytest.approx(HOURS_3, abs=10.0)  # two power cycles of 5 s at the most


def test_pictures_on_the_ground_are_the_products_received(landed):
    received = [
        r
        for r in read_records(landed.folder / "records.jsonl")
        if r["what"] == "received" and r["message"]["kind"] == "prod"
    ]
    pictures = list((landed.folder / "products").iterdir())
    assert len(pictures) == len(received) > 10
    assert all(picture.read_bytes()[:2] == b"\xff\xd8" for picture in pictures)  # JPEG


def test_the_same_scenario_and_seed_give_the_same_bytes(landed, tmp_path):
    again = fly_to_folder(first_light(), EMULATION, tmp_path / "again", lambda t_s: None)
    records = [(flight.folder / "records.jsonl").read_bytes() for flight in (landed, again)]
    assert records[0] == records[1]


def test_the_resolved_scenario_flies_the_same_again(landed, tmp_path):
    sheet = read_scenario(str(landed.folder / "scenario.toml"))
    again = fly_to_folder(sheet, EMULATION, tmp_path / "again", lambda t_s: None)
    records = [(flight.folder / "records.jsonl").read_bytes() for flight in (landed, again)]
    assert records[0] == records[1]


def test_another_seed_gives_other_faults_under_the_same_sky(landed, tmp_path):
    other = fly_to_folder(first_light(seed=2), EMULATION, tmp_path / "other", lambda t_s: None)

    def times(flight, *kinds):
        return [
            r["t_s"] for r in read_records(flight.folder / "records.jsonl") if r["what"] in kinds
        ]

    assert times(landed, "fault-event") != times(other, "fault-event")
    sky = ("sunlight-changed", "acquisition-of-signal")
    assert times(landed, *sky) == times(other, *sky)


def test_the_summary_can_be_made_again_from_the_records(landed):
    assert read_back(landed.folder) == landed.summary


def test_a_results_folder_is_never_overwritten(landed):
    with pytest.raises(ScenarioError, match="holds a flight already"):
        fly_to_folder(first_light(), EMULATION, landed.folder, lambda t_s: None)
    assert read_back(landed.folder) == landed.summary


def test_a_kill_leaves_every_record_readable(tmp_path):
    flying = launch(tmp_path / "killed")
    flying.send_signal(signal.SIGKILL)
    flying.communicate()
    summary = read_back(tmp_path / "killed")
    assert not summary["complete"]
    assert summary["flown_s"] > 0.0
    power = summary["power"]
    assert abs(power["closure_wh"]) < 1e-9 * power["generated_wh"]
    numbers = [r["job"]["number"] for r in records_of(tmp_path / "killed", "released")]
    assert numbers == list(range(1, len(numbers) + 1))  # none is missing in between


def test_ctrl_c_leaves_a_partial_result_that_says_so(tmp_path):
    flying = launch(tmp_path / "stopped")
    flying.send_signal(signal.SIGINT)
    out, err = flying.communicate()
    assert flying.returncode == 130, err
    assert "Broken off" in out
    assert "Traceback" not in err
    summary = json.loads((tmp_path / "stopped" / "summary.json").read_text())
    assert not summary["complete"]
    assert 0.0 < summary["flown_s"] < summary["horizon_s"]
    (ended,) = records_of(tmp_path / "stopped", "flight-ended")
    assert not ended["complete"]
    assert (tmp_path / "stopped" / "report.html").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_order_to_end_leaves_a_partial_result_too(tmp_path, number):
    flying = launch(tmp_path / "stopped")
    flying.send_signal(number)
    flying.communicate()
    assert not json.loads((tmp_path / "stopped" / "summary.json").read_text())["complete"]


def test_a_flight_under_nohup_goes_on_after_a_hang_up(tmp_path):
    flying = launch(tmp_path / "r", hang_up=signal.SIG_IGN)
    flying.send_signal(signal.SIGHUP)
    flying.communicate()
    assert json.loads((tmp_path / "r" / "summary.json").read_text())["complete"]


def test_a_full_disk_is_one_line_and_keeps_what_was_flown(tmp_path):
    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    full = subprocess.run(
        [sys.executable, "-m", "rigs.cli", "run", "--out", str(tmp_path / "full")],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=small_disk,
    )
    assert full.returncode == 2
    (line,) = full.stderr.splitlines()
    assert f"highbay report {tmp_path / 'full'}" in line
    assert read_back(tmp_path / "full")["flown_s"] > 0.0


def test_two_flights_at_once_take_two_folders(tmp_path):
    command = [sys.executable, "-m", "rigs.cli", "run", "--until", "600"]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [flying.wait(PATIENCE_S) for flying in both] == [0, 0]
    assert len(list((tmp_path / "results").iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        "garbage\n",
        "[1]\n",
        '{"t_s":0.0,"what":"flight-started"}\n',
        '{"t_s":0.0,"what":"booted"}\n',
    ],
)
def test_damaged_records_are_one_line(tmp_path, run_highbay, damage):
    (tmp_path / "records.jsonl").write_text(damage)
    result = run_highbay("report", tmp_path)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert str(tmp_path / "records.jsonl") in line


def test_a_megawatt_on_a_small_radiator_is_hot_and_not_nonsense():
    loads = {"normal_w": 1e6, "safe_w": 1e6, "transmitter_w": 0.0}
    log = fly(sheet(horizon_s=1000.0, loads=loads, battery__capacity_wh=1e6))
    hottest_c = log.last(Housekeeping).radiator_c
    radiator = sheet().scenario.radiator
    settled_k = (1e6 / (radiator.emissivity * radiator.area_m2 * STEFAN_BOLTZMANN)) ** 0.25
    assert hottest_c + 273.15 == pytest.approx(settled_k, rel=1e-3)


def records_of(folder, what):
    return [r for r in read_records(folder / "records.jsonl") if r["what"] == what]


def test_a_last_line_cut_short_is_passed_over(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text('{"t_s":0.0,"what":"booted"}\n{"t_s":1.0,"wh')
    assert [r["what"] for r in read_records(path)] == ["booted"]


def test_numbers_that_json_does_not_know_are_null():
    lost = WorkResult("-", float("nan"), Outcome.DUE, b"picture", {"figure": float("inf")})
    assert json.loads(to_json(lost)) == {
        "label": "-",
        "score": None,
        "outcome": "due",
        "product": 7,
        "figures": {"figure": None},
    }


def test_a_payload_that_never_had_power_was_out_all_the_time():
    dead = sheet(battery__charge_fraction=0.1, array__efficiency=1e-6)
    summary = summary_of(fly(dead))
    payload = summary["payloads"]["pi"]
    assert payload["outages"] == {"count": 1, "total_s": summary["flown_s"]}
    assert payload["jobs"]["lost"] == payload["jobs"]["released"] > 0


def test_a_job_lost_to_a_latch_up_is_a_detected_error():
    struck = sheet(payloads__pi__jobs=JOBS)
    outcomes = summary_of(fly(struck, (610.0, FaultKind.SEL)))["payloads"]["pi"]["outcomes"]
    assert outcomes["due"] == 1


def summary_of(log):
    tally = Tally()
    records = Records(None, tally.add)
    for t_s, thing in log.entries:
        records.write(t_s, thing)
    records.flush()
    return tally.summary()


def test_faults_are_counted_as_injected_and_recovered():
    log = fly(
        Sheet(checked(Scenario, dict(QUIET), "quiet"), "quiet"),
        (600.0, FaultKind.SEFI),
        (1500.0, FaultKind.SEL),
        (5990.0, FaultKind.SEFI),  # too late to recover from
    )
    summary = summary_of(log)
    faults = summary["faults"]
    assert faults["sefi"] == {"injected": 2, "recovered": 1, "without_effect": 0}
    assert faults["sel"] == {"injected": 1, "recovered": 1, "without_effect": 0}
    assert summary["payloads"]["pi"]["outages"]["count"] == 3


def test_a_flight_that_does_not_start_leaves_what_a_satellite_kept(tmp_path):
    folder = tmp_path / "results"
    (folder / "onboard").mkdir(parents=True)
    (folder / "onboard" / "key").write_text("00" * 32)
    nowhere = RigTable(mode="rehearsal", rate=1.0, broker="mqtt://127.0.0.1:1")
    with pytest.raises(RigError):
        fly_to_folder(sheet(horizon_s=10.0), nowhere, folder, lambda t_s: None)
    assert (folder / "onboard" / "key").exists()
