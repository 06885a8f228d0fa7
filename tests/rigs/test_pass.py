"""A pass of 600 s at 9.6 kbit/s, from the scenario to the report."""

import re
from itertools import pairwise

from flights import EMULATION, sheet
from wiring import NO_JOBS

from groundlink.events import OnboardBurst, OnboardPublished
from groundlink.messages import MessageKind
from rigs.build import Options, build
from rigs.flight import read_back
from rigs.records import Records, read_records
from rigs.report.page import write_report
from rigs.run import finish, run

PASS_S, RATE_BPS = 600.0, 9600.0
PASS_BYTES = 720_000  # 600 s at 9.6 kbit/s
IMAGE_BYTES = 64 * 1024
IMAGE_S = 8 * IMAGE_BYTES / RATE_BPS  # 54.6 s, without headers
FRAME_BYTES = 4096
OVERHEAD = 0.01  # 41 bytes of headers in 4096 are 1 %
FULL, MORE = 10, 20  # images that a pass can carry, and more


def flown(folder, images):
    """Fly one pass with so many images waiting, and return its numbers."""
    image = OnboardBurst((OnboardPublished("pi", MessageKind.PRODUCT, bytes(IMAGE_BYTES), 0),))
    mission = sheet(
        horizon_s=1300.0,
        housekeeping_s=2000.0,
        payloads__pi__jobs=NO_JOBS,
        link__contacts=[{"station": "a", "aos_s": 600.0, "los_s": 600.0 + PASS_S}],
        link__rate_bps=RATE_BPS,
        link__frame_bytes=FRAME_BYTES,
        link__bit_error_rate=0.0,
    )
    waiting = tuple((10.0 * k, image) for k in range(images))
    options = Options(EMULATION, folder, inference=False, injections=waiting)
    with (
        (folder / "records.jsonl").open("wb", buffering=0) as stream,
        build(mission, options, Records(stream)) as rig,
    ):
        run(rig)
        finish(rig)
    return read_back(folder)


def test_it_moves_720_kb_and_no_more(tmp_path):
    (contact,) = flown(tmp_path, MORE)["link"]["contacts"]
    assert contact["capacity_bits"] == 8 * PASS_BYTES
    assert 8 * (PASS_BYTES - FRAME_BYTES) < contact["bits"] <= 8 * PASS_BYTES


def test_an_image_of_64_kib_costs_55_s_of_it(tmp_path):
    images = flown(tmp_path, MORE)["link"]["classes"]["pi/prod"]
    assert images["delivered"] == FULL == int(PASS_S / (IMAGE_S * (1.0 + OVERHEAD)))
    received_s = [
        record["received_s"]
        for record in read_records(tmp_path / "records.jsonl")
        if record["what"] == "received" and record["message"]["kind"] == "prod"
    ]
    each_s = [after_s - before_s for before_s, after_s in pairwise(received_s)]
    assert all(IMAGE_S <= cost_s <= IMAGE_S * (1.0 + OVERHEAD) for cost_s in each_s)
    assert {round(cost_s) for cost_s in each_s} == {55}


def test_the_report_says_so(tmp_path):
    page = write_report(tmp_path, flown(tmp_path, FULL)).read_text(encoding="utf-8")
    said = re.sub(r"(<[^>]+>|\s)+", " ", page)
    assert "A pass of 600 s at 9.6 kbit/s carries 720 kB and no more." in said
    assert "A product of pi, 65.5 kB in the mean, costs 55 s of contact." in said
