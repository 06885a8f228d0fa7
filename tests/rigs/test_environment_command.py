"""The sky over a mission as people and pandas read it: numbers, lines, a picture, files."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree

import numpy as np
import pytest
from flights import EMULATION
from rich.console import Console

from firmware_bridge.faults import FaultKind
from rigs.almanac.axes import Box
from rigs.almanac.chart import picture_svg
from rigs.almanac.columns import COLUMNS, events, knots
from rigs.almanac.figures import almanac, share_above
from rigs.almanac.show import show
from rigs.build import Options, build
from rigs.environment.faults import exposure_per_cm2
from rigs.passes.skyline import ASCII, BLOCKS
from rigs.reading import Sheet, checked, read_scenario
from rigs.records import Records
from rigs.run import finish, run
from rigs.scenario import Scenario
from rigs.shipped import parse
from rigs.sky import environment
from rigs.summary import Tally

SVG = "{http://www.w3.org/2000/svg}"
DAY_S = 86_400.0
LIGHT_SHARE = 1e-6  # 1 m of the penumbra's 60 km
SHORT_S = 12_000.0  # two orbits
ROUNDED = 0.5  # of the last digit that is printed


def changed(**tables):
    """Return first-light with tables merged over it."""
    raw = read_scenario("first-light").scenario.model_dump(exclude_none=True)
    for key, value in tables.items():
        both = isinstance(value, dict) and key != "orbit"
        raw[key] = {**raw[key], **value} if both else value
    return Sheet(checked(Scenario, raw, "changed"), "changed")


SHEETS = {
    "a day": changed(),
    "ten minutes": changed(horizon_s=600.0),
    "a month": changed(horizon_s=30 * DAY_S),
    "no station": changed(stations=[], horizon_s=SHORT_S),
    "no eclipse": changed(
        orbit={"altitude_km": 1400.0, "local_time_of_ascending_node": "06:00"}, horizon_s=SHORT_S
    ),
    "high": changed(orbit={"altitude_km": 35_786.0, "inclination_deg": 0.0}, horizon_s=SHORT_S),
    "high day": changed(orbit={"altitude_km": 35_786.0, "inclination_deg": 0.0}),
    "many stations": changed(
        horizon_s=SHORT_S,
        stations=[
            {"name": f"the garden of aunt {k} <&>", "latitude_deg": 4.0 * k, "longitude_deg": 9.0}
            for k in range(20)
        ],
    ),
}


@pytest.fixture(scope="module")
def skies():
    return {name: almanac(sheet) for name, sheet in SHEETS.items()}


@pytest.fixture(scope="module")
def day(skies):
    return skies["a day"]


@pytest.fixture(scope="module")
def flown():
    """The numbers of a flight of the day, by the records it wrote; no inference."""
    tally = Tally()
    with build(SHEETS["a day"], Options(EMULATION, inference=False), Records(None, tally.add)) as r:
        run(r)
        finish(r)
    return tally.summary()


def printed(sky, encoding="utf-8"):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # strict: what it lacks raises
    show(sky, Console(file=stream, width=80))
    stream.flush()
    return stream.buffer.getvalue().decode(encoding).splitlines()


def said(sky, label):
    """Return what is printed behind a label, on one line."""
    lines = printed(sky)
    first = next(i for i, line in enumerate(lines) if line.startswith(f"{label} "))
    last = next(i for i in range(first + 1, len(lines)) if not lines[i].startswith(" " * 10))
    return " ".join(line[10:] for line in lines[first:last])


@pytest.mark.parametrize("name", SHEETS)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_it_fits_80_columns_on_every_terminal(skies, name, encoding):
    assert max(map(len, printed(skies[name], encoding))) <= 80


def test_the_command_line_fits_80_columns(run_highbay, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = run_highbay("environment", "first-light", "--until", 6000)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_same_scenario_prints_draws_and_writes_the_same_bytes(run_highbay, tmp_path):
    outputs = []
    for name in ("folder-a", "folder-b"):
        out = tmp_path / name
        words = ("--until", 20_000, "--out", out, "--plot", tmp_path / f"{name}.svg")
        text = run_highbay("environment", "first-light", *words).stdout
        files = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
        picture = (tmp_path / f"{name}.svg").read_bytes()
        outputs.append((text.replace(name, ""), files, picture))
    assert outputs[0] == outputs[1]


def test_eclipse_and_contacts_are_those_of_the_flight(day, flown):
    assert day.light.total_s == pytest.approx(flown["environment"]["eclipse_s"], abs=1e-6)
    assert sum(h.count for h in day.heard) == flown["environment"]["contacts"]
    assert sum(h.total_s for h in day.heard) == pytest.approx(
        flown["environment"]["contact_s"], abs=1e-6
    )


def test_generated_energy_is_that_of_the_flight(day, flown):
    mean_w = day.spread(day.array_w).mean
    assert mean_w * DAY_S / 3600.0 == pytest.approx(flown["power"]["generated_wh"], rel=1e-9)


def test_light_counts_the_eclipses_of_the_tape(day):
    tape, light = environment(SHEETS["a day"]), day.light
    lengths = [e.exit_s - e.entry_s for e in tape.eclipses]
    assert (light.count, light.longest_s) == (len(lengths), max(lengths))
    words = said(day, "light")
    assert f"{light.count} eclipses" in words
    assert f"({100.0 * sum(lengths) / DAY_S:.1f}%)" in words


def test_an_orbit_without_eclipse_says_so(skies):
    assert said(skies["no eclipse"], "light") == "no eclipse"
    assert (skies["no eclipse"].tape.sunlit_fraction == 1.0).all()


def test_sunlight_is_whole_outside_and_gone_inside_the_shadow(day):
    t_s, share = day.tape.knots_s, day.tape.sunlit_fraction
    whole, dark = np.ones(len(t_s), bool), np.zeros(len(t_s), bool)
    for eclipse in day.tape.eclipses:
        whole &= (t_s < eclipse.entry_s) | (t_s > eclipse.exit_s)
        dark |= (t_s > eclipse.umbra_entry_s) & (t_s < eclipse.umbra_exit_s)
    assert share[whole] == pytest.approx(1.0, abs=LIGHT_SHARE)
    assert share[dark] == pytest.approx(0.0, abs=LIGHT_SHARE)
    assert whole.sum() > dark.sum() > 900


def test_beta_is_that_of_the_tape_at_the_start_and_on_the_way(day):
    beta = day.tape.beta_along_deg
    words = said(day, "beta")
    assert f"{day.tape.beta_deg:.2f} deg at the start" in words
    assert f"{beta.min():.2f} to {beta.max():.2f} deg on the way" in words


def test_protons_are_those_of_the_tape(day):
    tape, protons = day.tape, day.protons
    fluence = exposure_per_cm2(tape.knots_s, tape.proton_flux_per_cm2_s)[-1]
    top = int(np.argmax(tape.proton_flux_per_cm2_s))
    assert protons.mean == pytest.approx(fluence / DAY_S)
    assert (protons.peak, protons.peak_s) == (
        tape.proton_flux_per_cm2_s[top],
        tape.knots_s[top],
    )
    # AP-8 at 550 km, sun-synchronous, by SPENVIS and aep8: 4 to 6 % of the time.
    assert 0.04 < protons.anomaly_share < 0.07


def test_the_dose_is_that_of_a_year_and_falls_with_the_shielding(day, skies):
    protons = [dose.proton_rad for dose in day.doses]
    assert protons == sorted(protons, reverse=True)
    # SPENVIS, AP8MIN, 550 km, 95 deg, five years behind 3 mm: 816 rad of protons, good to two.
    (three,) = (dose for dose in day.doses if dose.shielding_mm == 3.0)
    assert 0.5 < three.proton_rad / (816.0 / 5.0) < 2.0
    assert f"3 mm: {three.proton_rad:.0f} + {three.electron_rad:.0f}" in said(day, "dose")
    assert "electrons are not known here" in said(skies["high day"], "dose")
    assert skies["ten minutes"].doses == ()  # no fair sample of an orbit
    assert not any(line.startswith("dose") for line in printed(skies["ten minutes"]))


def test_the_shielding_of_the_scenario_is_said_and_has_its_dose():
    sky = almanac(changed(radiation={"shielding_mm": 2.0}))
    assert [dose.shielding_mm for dose in sky.doses] == [1.0, 2.0, 3.0, 10.0]
    assert "behind 2 mm of aluminium" in said(sky, "protons")


def test_a_solar_particle_event_has_its_part_of_the_mean():
    event = {"start_s": 3600.0, "rise_s": 3600.0, "e_fold_s": 7200.0, "fluence_per_cm2": 1e9}
    sky = almanac(changed(radiation={"particle_event": event}))
    protons = sky.protons
    assert protons.solar_mean > 10.0 * protons.galactic_mean
    parts = protons.trapped_mean + protons.galactic_mean + protons.solar_mean
    assert protons.mean == pytest.approx(parts, rel=1e-12)
    assert "solar" in said(sky, "protons")
    assert "solar" in picture_svg(sky).rsplit("Protons: ", 1)[1]


def test_the_share_above_a_level_is_exact_between_knots():
    t_s, values = np.array([0.0, 10.0, 40.0, 60.0]), np.array([0.0, 40.0, 40.0, 0.0])
    assert share_above(t_s, values, 10.0) == pytest.approx((7.5 + 30.0 + 15.0) / 60.0)
    assert share_above(t_s[:3], values[:3], 20.0) == pytest.approx((5.0 + 30.0) / 40.0)
    assert share_above(t_s, values, 40.0) == 0.0
    assert share_above(t_s, values, -1.0) == 1.0


def test_a_gap_reaches_to_the_ends_of_the_mission(skies):
    sky = skies["ten minutes"]
    assert {h.gap_s for h in sky.heard} == {600.0}  # the first contact comes after 21 min
    assert {h.count for h in sky.heard} == {0}


def test_gaps_are_what_lies_between_contacts(day):
    (svalbard,) = (h for h in day.heard if h.station == "svalbard")
    edges = [0.0]
    for contact in day.plan.over("svalbard").passes:
        edges += [contact.from_s, contact.until_s]
    edges.append(DAY_S)
    assert svalbard.gap_s == max(b - a for a, b in zip(edges[::2], edges[1::2], strict=True))


def test_expected_faults_are_those_of_the_flight_without_its_acceleration(day, flown):
    (pi,) = day.exposed
    factor = day.scenario.radiation.acceleration
    assert {rate.fault for rate in pi.rates} == set(FaultKind)
    for rate in pi.rates:
        mean = rate.per_day * factor
        count = flown["faults"][rate.fault.value]["injected"]
        assert abs(count - mean) <= 5.0 * math.sqrt(mean)  # five sigma of a Poisson count


def test_acceleration_moves_no_number_and_is_named():
    quiet, loud = (
        almanac(changed(horizon_s=SHORT_S, radiation={"acceleration": factor}))
        for factor in (1.0, 9000.0)
    )
    assert quiet.exposed == loud.exposed
    assert "radiation.acceleration = 9000" in " ".join(printed(loud))


def test_another_part_has_other_rates():
    raw = read_scenario("first-light").scenario.model_dump(exclude_none=True)
    raw["payloads"]["pi"]["radiation_device"] = "jetson-xavier-nx"
    sky = almanac(Sheet(checked(Scenario, raw | {"horizon_s": SHORT_S}, "nx"), "nx"))
    text = " ".join(printed(sky))
    assert "Faults a day: pi, Jetson Xavier NX" in text
    (sefi,) = (rate for rate in sky.exposed[0].rates if rate.fault is FaultKind.SEFI)
    assert sefi.per_day == pytest.approx(1.30e-8 * DAY_S * sky.protons.mean)  # IOLTS 2022


def test_every_rate_has_its_source_and_the_claim_is_said(day):
    text = " ".join(" ".join(printed(day)).split())
    for rate in day.exposed[0].rates:
        assert rate.section.source.replace(" %", "%") in text
    assert "a factor of two at best" in text
    assert "emulated environment" in text


def test_lines_of_blocks_show_the_dark_and_the_anomaly(day):
    for blocks, encoding in ((BLOCKS, "utf-8"), (ASCII, "ascii")):
        lines = {line[:14].strip(): line[15:-1] for line in printed(day, encoding) if "|" in line}
        assert set(lines) == {"light", "beta", "protons", "svalbard", "matera", "punta-arenas"}
        assert {len(line) for line in lines.values()} == {64}
        column = int(day.protons.peak_s / DAY_S * 64)
        assert lines["protons"][column] in blocks[6:]
        assert blocks[-1] in lines["light"]
        assert set(lines["light"]) & {" ", blocks[0]}


def test_the_csv_is_the_tape(day, run_highbay, tmp_path):
    result = run_highbay("environment", "first-light", "--out", tmp_path / "sky")
    assert result.exit_code == 0, result.output
    rows = read(tmp_path / "sky" / "tape.csv")
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == len(day.tape.knots_s)
    for name, values in knots(day).items():
        if name != "utc":
            assert [float(row[name]) for row in rows] == values.tolist(), name
    for row, t_s in zip(rows, day.tape.knots_s.tolist(), strict=True):
        moment = day.tape.start + timedelta(microseconds=round(t_s * 1e6))
        assert datetime.fromisoformat(row["utc"].replace("Z", "+00:00")) == moment


def test_the_events_are_those_of_the_flight(day, flown, run_highbay, tmp_path):
    run_highbay("environment", "first-light", "--out", tmp_path)
    rows = read(tmp_path / "events.csv")
    dark = [row for row in rows if row["event"] == "eclipse"]
    heard = [row for row in rows if row["event"] == "contact"]
    assert sum(float(r["until_s"]) - float(r["from_s"]) for r in dark) == pytest.approx(
        flown["environment"]["eclipse_s"], abs=1e-6
    )
    assert len(heard) == flown["environment"]["contacts"]
    for row, eclipse in zip(dark, day.tape.eclipses, strict=True):
        edges = [float(row[key]) for key in ("from_s", "umbra_from_s", "umbra_until_s", "until_s")]
        assert edges == [
            eclipse.entry_s, eclipse.umbra_entry_s, eclipse.umbra_exit_s, eclipse.exit_s,
        ]  # fmt: skip
        assert row["station"] == row["max_elevation_deg"] == ""
    assert [float(r["max_elevation_deg"]) for r in heard] == [
        p.max_elevation_deg for p in day.plan.passes
    ]
    assert [float(r["from_s"]) for r in rows] == sorted(float(r["from_s"]) for r in rows)


def test_a_cut_event_says_so():
    sky = almanac(changed(horizon_s=2000.0))  # ends in the first eclipse
    (dark,) = (e for e in events(sky) if e.event == "eclipse")
    assert (dark.cut_at_start, dark.cut_at_end) == (False, True)
    assert dark.until_s == 2000.0


def test_the_file_beside_the_csv_says_what_it_is(run_highbay, tmp_path):
    run_highbay("environment", "first-light", "--until", 600, "--out", tmp_path)
    told = parse((tmp_path / "tape.toml").read_text(encoding="utf-8"), "tape.toml")
    assert told["kind"] == "emulated environment"
    assert (told["scenario"], told["seed"], told["horizon_s"]) == ("first-light", 4, 600.0)
    assert told["radiation_acceleration"] == 5000.0
    assert {"python", "highbay", "numpy", "sgp4"} <= set(told["versions"])
    assert "factor of two" in told["sources"]["protons"]
    assert list(told["columns"]) == list(read(tmp_path / "tape.csv")[0])


def test_moments_keep_their_microseconds(day):
    start = day.tape.start.astimezone(timezone.utc).replace(tzinfo=None)
    utc = knots(day)["utc"]
    error = (utc - np.datetime64(start)) / np.timedelta64(1, "us") - day.tape.knots_s * 1e6
    assert np.abs(error).max() <= ROUNDED + 1e-3  # 1e-3: a double of a day in microseconds


@pytest.mark.parametrize("name", SHEETS)
def test_the_picture_is_one_well_formed_file(skies, name):
    text = picture_svg(skies[name])
    picture = ElementTree.fromstring(text)
    assert float(picture.get("width")) == 1000.0
    assert "nan" not in re.sub(r'href="data:[^"]*"', "", text).lower()
    assert not re.search(r"(width|height)=\"-", text)
    links = [image.get("href") for image in picture.iter(f"{SVG}image")]
    assert all(link.startswith("data:image/") for link in links)


@pytest.mark.parametrize("name", SHEETS)
def test_all_of_the_picture_lies_on_its_sheet(skies, name):
    picture = ElementTree.fromstring(picture_svg(skies[name]))
    height = float(picture.get("height"))
    for word in picture.iter(f"{SVG}text"):
        assert 0.0 <= float(word.get("x")) <= 1000.0
        assert 0.0 <= float(word.get("y")) <= height - 8.0
    for curve in curves(picture):
        assert all(103.9 <= x <= 976.1 and 500.0 < y < height for x, y in curve)


def test_the_curve_of_the_flux_has_its_peak(day):
    picture = ElementTree.fromstring(picture_svg(day))
    peaks = [min(curve, key=lambda point: point[1]) for curve in curves(picture)]
    x = Box("", "", 0.0, 1.0, DAY_S).x(day.protons.peak_s)
    assert any(abs(x - peak_x) < 1.0 for peak_x, _ in peaks)


def test_the_track_is_red_only_where_protons_are_many(day, skies):
    red = '#ff3b30" stroke-width="3"'
    assert red in picture_svg(day)
    assert red not in picture_svg(skies["ten minutes"])


def test_contacts_of_a_given_plan_are_shown():
    link = {
        "contacts": [{"station": "my garden", "aos_s": 10.0, "los_s": 200.0}],
    }
    sky = almanac(changed(horizon_s=600.0, link=link))
    assert [(h.station, h.count, h.total_s, h.gap_s) for h in sky.heard] == [
        ("my garden", 1, 190.0, 400.0)
    ]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("nope",), "nope: No such file"),
        (("--until", "-4"), "horizon_s = -4.0: must be greater than 0"),
        (("--format", "xml", "--out", "x"), "is no format; there is csv and parquet; for example"),
        (("--format", "csv"), "there is no --out; for example --format csv --out sky"),
        (("--plot", "sky.png"), "let it end in .svg; for example --plot sky.svg"),
        (("--plot", "no/where/sky.svg"), "No such file or directory; name a file"),
        (("--out", "a-file"), "is no folder; name one; for example --out sky"),
        (("--out", "a-file/below"), "Not a directory; name a folder that can be written to"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(run_highbay, tmp_path, monkeypatch, words, rule):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("mine")
    result = run_highbay("environment", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert rule in line
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


def test_parquet_without_pyarrow_says_what_to_install(run_highbay, monkeypatch, tmp_path):
    monkeypatch.setattr("rigs.almanac.files.find_spec", lambda name: None)
    result = run_highbay("environment", "--format", "parquet", "--out", tmp_path / "sky")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "pip install 'highbay[parquet]'" in line
    assert line.endswith("for example --format csv --out sky")
    assert not (tmp_path / "sky").exists()


def test_a_wrong_scenario_is_refused_as_in_a_flight(tmp_path, run_highbay):
    file = tmp_path / "low.toml"
    file.write_text('extends = "first-light"\n[orbit]\naltitude_km = 90.0\n')
    result = run_highbay("environment", file)
    assert result.exit_code == 2
    assert "orbit.altitude_km = 90.0" in result.stderr


@pytest.mark.slow
def test_pandas_reads_the_same_from_both_formats(day, run_highbay, tmp_path):
    pandas, parquet = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.parquet")
    for name in ("csv", "parquet"):
        result = run_highbay("environment", "--format", name, "--out", tmp_path)
        assert result.exit_code == 0, result.output
    for table in ("tape", "events"):
        dates = ["utc"] if table == "tape" else ["from_utc", "until_utc"]
        text = pandas.read_csv(
            tmp_path / f"{table}.csv", parse_dates=dates, float_precision="round_trip"
        )
        columns = pandas.read_parquet(tmp_path / f"{table}.parquet")
        pandas.testing.assert_frame_equal(text, columns, check_exact=True, check_dtype=False)
    told = json.loads(parquet.read_schema(tmp_path / "tape.parquet").metadata[b"highbay"])
    assert told == parse((tmp_path / "tape.toml").read_text(encoding="utf-8"), "tape.toml")


@pytest.mark.slow
def test_parquet_is_the_same_bytes_again(run_highbay, tmp_path):
    pytest.importorskip("pyarrow")
    found = []
    for name in ("one", "two"):
        run_highbay("environment", "--format", "parquet", "--out", tmp_path / name)
        found.append({p.name: p.read_bytes() for p in sorted((tmp_path / name).iterdir())})
    assert found[0] == found[1]
    assert set(found[0]) == {"tape.parquet", "events.parquet"}


def curves(picture):
    """Return the points of every curve of the boxes."""
    for path in picture.findall(f"{SVG}path"):
        points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", path.get("d"))
        if path.get("stroke-width") == "1.4":
            yield [(float(x), float(y)) for x, y in points]


def read(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
