"""The report tells all that the records hold, whole or not, and needs nothing else to be read."""

from __future__ import annotations

import html
import io
import json
import math
import os
import re
import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from firmware_bridge.board import Booted, WorkResult
from firmware_bridge.faults import FaultEvent, FaultKind, FaultLanded, FaultSite, Outcome
from payloads.events import Completed, OvercurrentTripped, Reloaded, SwitchSupply
from payloads.jobs import JobLost, Loss
from rigs.archive import product_name
from rigs.events import FlightEnded, FlightStarted, Flown
from rigs.flight import fly
from rigs.reading import read_scenario
from rigs.records import Records, read_records
from rigs.report.charts import clock
from rigs.report.history import History
from rigs.report.page import write_report
from rigs.rig import RigTable

HOURS_4 = 14_400.0
MANY_STRIKES = {"activity": "solar-minimum", "acceleration": 60_000.0}
DAY_BYTES = 2_000_000
EVIL = '"><script>alert(1)</script>'


def report_of(folder, summary=None):
    """Return the page of a results folder."""
    return write_report(folder, summary or {}).read_text(encoding="utf-8")


def rows_of(page):
    """Return the rows of the table of faults as text."""
    rows = re.findall(r'<tr class="(?:bad|warn|harmless)">(.*?)</tr>', page, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", " ", row)) for row in rows]


def started(*payloads):
    flown = {name: Flown("raspberry-pi-4b", "a-model", "00" * 32, 1000, "1800MHz")
             for name in payloads or ("pi",)}  # fmt: skip
    return FlightStarted(
        scenario="made-up", seed=1, mode="emulation", brokers={}, programs={}, horizon_s=1000.0,
        acceleration=1.0, sunlit=True, payloads=flown, versions={"python": "3"},
    )  # fmt: skip


def written(folder, *happened):
    """Return a folder with the records of what happened: pairs of a time and a thing."""
    folder.mkdir(exist_ok=True)
    with (folder / "records.jsonl").open("wb") as stream:
        records = Records(stream)
        for t_s, thing in happened:
            records.write(t_s, thing)
        records.flush()
    return folder


def struck(t_s, kind=FaultKind.SEU, site=None, effective=True, injected=False):
    """Return the two records of a fault."""
    return (
        (t_s, FaultEvent("pi", kind, (0.5,), injected=injected)),
        (t_s, FaultLanded("pi", kind, site, effective)),
    )


def answered(t_s, job=1, outcome=Outcome.NOMINAL, label="sea", score=0.9, payload="pi", **more):
    result = WorkResult(label, score, outcome, **more)
    return t_s, Completed(payload, job, "survey", t_s - 5.0, 5.0, False, result)


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "results"
    sheet = read_scenario("first-light").with_options(
        seed=1, horizon_s=HOURS_4, radiation=MANY_STRIKES
    )
    return fly(sheet, RigTable(mode="emulation"), folder, lambda t_s: None)


@pytest.fixture(scope="module")
def page(landed):
    return report_of(landed.folder, landed.summary)


def test_the_page_says_what_flew_and_how(landed, page):
    for words in ("first-light", "tile-sorter-fp32", "Raspberry Pi 4 Model B", "seed <b>1</b>",
                  "emulation", "complete", "accelerated × 60,000"):  # fmt: skip
        assert words in page
    assert "BROKEN OFF" not in page
    assert landed.summary["complete"]


def test_the_page_refers_to_nothing_outside_itself(page):
    targets = re.findall(r"(?:src|href|action|data)\s*=\s*[\"']([^\"']*)", page)
    targets += re.findall(r"url\(([^)]*)\)", page)
    assert targets
    assert all(target.startswith(("data:", "#")) for target in targets)
    assert "://" not in page
    assert "@import" not in page


def test_the_page_is_small(page):
    assert len(page.encode()) < DAY_BYTES


def test_every_fault_of_the_records_is_told(landed, page):
    records = list(read_records(landed.folder / "records.jsonl"))
    faults = [record for record in records if record["what"] == "fault-event"]
    sites = [record["site"] for record in records if record.get("site")]
    rows = rows_of(page)
    assert len(rows) == len(faults) > 5
    assert len({fault["kind"] for fault in faults}) >= 3
    for fault, row in zip(faults, rows, strict=True):
        assert clock(fault["t_s"]) in row
        assert fault["kind"].upper() in row
    assert all(any(site["tensor"] in row for row in rows) for site in sites)


def test_every_station_that_heard_the_satellite_is_told(landed, page):
    heard = History(read_records(landed.folder / "records.jsonl")).contacts
    assert heard
    assert all(f"<td>{contact.station}</td>" in page for contact in heard)
    assert sum(contact.bytes for contact in heard) == landed.summary["link"]["downlinked_bytes"]


def test_the_accounts_of_a_flight_close(landed, page):
    accounting = History(read_records(landed.folder / "records.jsonl")).accounting
    assert accounting.error == ""
    assert "✓ closes" in page
    assert accounting.total.air_bits == sum(contact.bits for contact in accounting.contacts)
    assert 0.0 < accounting.air_s < accounting.locked_s


def test_every_number_of_the_summary_says_how_it_came_about(landed, page):
    numbers = page[page.index('class="columns"') : page.index("How these numbers came about")]
    rows = re.findall(r"<tr>(.*?)</tr>", numbers, re.DOTALL)
    told = [row for row in rows if 'scope="row"' in row]
    assert all(re.search("origin (measured|emulated|assumed)", row) for row in told)
    assert "battery_min_wh" in numbers
    assert "outcomes.sdc" in numbers


@pytest.mark.parametrize("lines", [0, 1, 2, 5, 12, 100, 1000])
def test_a_flight_that_was_killed_says_so(tmp_path, landed, lines):
    records = (landed.folder / "records.jsonl").read_text(encoding="utf-8").splitlines(True)
    (tmp_path / "records.jsonl").write_text("".join(records[:lines]) + '{"t_s":9', encoding="utf-8")
    shutil.copy(landed.folder / "scenario.toml", tmp_path)
    partial = report_of(tmp_path)
    assert "BROKEN OFF" in partial
    assert "✓" not in partial


def test_without_its_scenario_a_flight_is_told_without_a_map(tmp_path, landed):
    shutil.copy(landed.folder / "records.jsonl", tmp_path)
    bare = report_of(tmp_path, landed.summary)
    assert "No map" in bare
    assert len(rows_of(bare)) > 5


def test_a_quiet_flight_says_that_nothing_happened(tmp_path):
    quiet = report_of(written(tmp_path, (0.0, started()), (1000.0, FlightEnded(True))))
    for words in ("No fault struck", "No station heard", "No picture reached", "✓ complete"):
        assert words in quiet


def test_names_of_users_are_only_text(tmp_path):
    site = FaultSite(EVIL, (0,), (3,), 1.0, math.inf)
    folder = written(
        tmp_path, (0.0, started()), *struck(10.0, site=site),
        answered(20.0, label=EVIL, outcome=Outcome.SDC, product=b"x", figures={EVIL: 1.0}),
    )  # fmt: skip
    (folder / "products").mkdir()
    (folder / "products" / product_name("pi", 1)).write_bytes(b"no picture at all")
    told = report_of(folder)
    assert "<script>alert" not in told
    assert told.count("&lt;script&gt;alert(1)") >= 3
    assert "not a picture" in told
    assert "1 → not finite" in rows_of(told)[0]


def test_an_answer_without_label_or_score_is_shown_as_it_is(tmp_path):
    folder = written(
        tmp_path, (0.0, started()), answered(20.0, label="-", score=math.nan, product=b"x")
    )
    (folder / "products").mkdir()
    Image.new("L", (3, 500)).save(folder / "products" / product_name("pi", 1), "PNG")
    told = report_of(folder)
    assert "<b>-</b>" in told
    assert "None" not in told
    assert "nan" not in re.sub(r"base64,[^\"]*", "", told)


def test_large_pictures_are_shrunk(tmp_path):
    folder = written(tmp_path, (0.0, started()), *(
        answered(20.0 + job, job=job, product=b"x") for job in range(1, 30)
    ))  # fmt: skip
    noise = np.random.default_rng(1).integers(0, 256, (600, 800, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    (folder / "products").mkdir()
    for job in range(1, 30):
        (folder / "products" / product_name("pi", job)).write_bytes(stream.getvalue())
    told = report_of(folder)
    assert told.count("<img ") == 12
    assert len(told) < DAY_BYTES / 2


def test_the_gallery_shows_every_label_and_marks_what_was_corrupted(tmp_path):
    outcomes = [Outcome.NOMINAL] * 95 + [Outcome.SDC] * 4 + [Outcome.CRITICAL]
    folder = written(tmp_path, (0.0, started()), *(
        answered(10.0 * job, job=job, outcome=outcome, product=b"x",
                 label="rare" if job == 50 else "often")
        for job, outcome in enumerate(outcomes, start=1)
    ))  # fmt: skip
    (folder / "products").mkdir()
    for job in range(1, 101):
        Image.new("RGB", (8, 8)).save(folder / "products" / product_name("pi", job))
    told = report_of(folder)
    assert "answered rare" in told
    assert Counter(re.findall(r'class="mark">corrupted: (\w+)', told)) == {"critical": 1, "SDC": 3}
    assert told.count("<img ") == 12


def test_each_payload_of_a_satellite_has_its_charts_and_gallery(tmp_path):
    folder = written(tmp_path, (0.0, started("left", "right")),
                     answered(20.0, payload="left"), answered(30.0, payload="right"))  # fmt: skip
    told = report_of(folder)
    for name in ("left", "right"):
        assert f"{name}: temperatures" in told
        assert f"What {name} saw and said" in told


def fate_of(folder, *happened):
    """Return the only fault of a flight."""
    written(folder, (0.0, started()), *happened)
    (fate,) = History(read_records(folder / "records.jsonl")).fates
    return fate


def test_answers_count_as_exposed_until_the_model_is_reloaded(tmp_path):
    site = FaultSite("conv1.weight", (0,), (3,), 1.0, 1.5)
    fate = fate_of(
        tmp_path, *struck(10.0, site=site), answered(20.0, outcome=Outcome.MASKED),
        answered(30.0, outcome=Outcome.SDC), (40.0, Reloaded("pi")), answered(50.0),
    )  # fmt: skip
    assert fate.outcomes == {"masked": 1, "sdc": 1}
    assert (fate.recovered_s, fate.remedy) == (40.0, "model reloaded")


def test_a_hang_lasts_until_the_restarted_board_is_up(tmp_path):
    fate = fate_of(
        tmp_path, *struck(10.0, FaultKind.SEFI), (90.0, SwitchSupply("pi", False)),
        (90.0, JobLost("pi", 1, Loss.WATCHDOG)), (95.0, SwitchSupply("pi", True)),
        (130.0, Booted("pi")),
    )  # fmt: skip
    assert (fate.outage_s, fate.jobs_lost, fate.remedy) == (120.0, 1, "restart by watchdog")


def test_a_latch_up_ends_when_the_breaker_opens(tmp_path):
    fate = fate_of(
        tmp_path, *struck(10.0, FaultKind.SEL), (30.0, OvercurrentTripped("pi", 0)),
        (40.0, OvercurrentTripped("pi", 1)), (40.0, SwitchSupply("pi", False)),
        (80.0, Booted("pi")),
    )  # fmt: skip
    assert (fate.recovered_s, fate.outage_s) == (40.0, 40.0)
    assert fate.remedy == "power cut by over-current trip"


def test_a_fault_whose_landing_was_not_written_down_is_told_as_such(tmp_path):
    event, _ = struck(10.0, injected=True)
    (row,) = rows_of(report_of(written(tmp_path, (0.0, started()), event)))
    assert "the records end before it landed" in row
    assert "by hand" in row


def test_a_fault_that_found_nothing_to_strike_had_no_effect(tmp_path):
    happened = struck(10.0, effective=False)
    (row,) = rows_of(report_of(written(tmp_path, (0.0, started()), *happened)))
    assert "nothing was there to strike" in row


@pytest.fixture
def browse(tmp_path):
    """Open a file in headless Chromium: return its final DOM, console lines and requests."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        if os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") == "1":
            pytest.fail("chromium is not installed, and HIGHBAY_REQUIRE_PROGRAMS=1 requires it")
        pytest.skip("chromium is not installed")

    def open_page(path):
        log = tmp_path / "net.json"
        done = subprocess.run(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
             f"--log-net-log={log}", "--enable-logging=stderr", "--window-size=1200,2000",
             "--dump-dom", path.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return done.stdout, console, requests_of_page(log.read_text(encoding="utf-8"))

    return open_page


def requests_of_page(log):
    """Return what a page asked the network for; the browser's own requests have no origin."""
    asked = [event.get("params", {}) for event in json.loads(log)["events"]]
    return {p["url"] for p in asked if "url" in p and p.get("initiator", "not an origin") !=
            "not an origin" and not p["url"].startswith(("file:", "data:"))}  # fmt: skip


@pytest.mark.browser
def test_a_browser_shows_the_page_without_errors_or_network(browse, landed, page, tmp_path):
    path = tmp_path / "hovered.html"
    hover = "new PointerEvent('pointermove', {clientX: 600, bubbles: true})"
    move = f"<script>document.querySelector('.stack').dispatchEvent({hover})</script></body>"
    path.write_text(page.replace("</body>", move), encoding="utf-8")
    shown, console, requests = browse(path)
    assert console == []
    assert requests == set()
    outputs = re.findall(r"<output[^>]*>(.*?)</output>", shown)
    assert re.match(r"0\d:\d\d · battery \d+\.\d Wh", outputs[0])


@pytest.mark.browser
def test_the_browser_would_show_errors_and_requests(browse, tmp_path):
    path = tmp_path / "loud.html"
    path.write_text('<img src="http://nowhere.test/x.png"><script>throw 1</script>')
    _, console, requests = browse(path)
    assert console
    assert requests == {"http://nowhere.test/x.png"}
