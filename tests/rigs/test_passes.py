"""What people read of the contacts: the table, the blocks, the picture."""

from __future__ import annotations

import io
import itertools
import math
import re
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from groundlink.contacts import Contact
from rigs.environment.orbit import Orbit
from rigs.environment.passes import load_stations, passes_along, station_named
from rigs.environment.profile import Profile, profiles, rate_steps
from rigs.environment.trajectory import Trajectory
from rigs.errors import ScenarioError
from rigs.passes.chart import plot_svg
from rigs.passes.command import passes_command_body
from rigs.passes.plan import ContactPlan
from rigs.passes.skyline import ASCII, BLOCKS
from rigs.passes.table import show
from rigs.reading import Sheet, checked, read_scenario
from rigs.scenario import Scenario

START = datetime(2026, 3, 20, 3, 30, tzinfo=timezone.utc)
DAY_S = 86_400.0
ACQUISITION_S = 5.0
SVG = "{http://www.w3.org/2000/svg}"
THREE = ("svalbard", "matera", "punta-arenas")
EVERY = tuple(load_stations())
ONE = Contact("matera", 600.0, 1200.0, 9600.0)
OVERLAPPING = (
    Contact("svalbard", 1000.0, 1600.0, 9600.0),
    Contact("tromso", 1300.0, 1700.0, 8000.0),
    Contact("kiruna", 1400.0, 1500.0, 8000.0),
)


def real_plan(days, names, rates=((5.0, 9600.0), (20.0, 19_200.0))):
    horizon_s = days * DAY_S
    orbit = Orbit.from_elements(START, 550.0, local_time_of_ascending_node="10:30")
    stations = [station_named(name) for name in names]
    trajectory = Trajectory.of(orbit, START, horizon_s).earth_fixed(START)
    passes = passes_along(trajectory, stations, horizon_s)
    seen = profiles(trajectory, stations, passes)
    steps = rate_steps(trajectory, stations, passes, 9600.0, rates)
    contacts = [
        Contact(p.station, p.aos_s, p.los_s, 9600.0, p.max_elevation_deg, r, s.light)
        for p, r, s in zip(passes, steps, seen, strict=True)
    ]
    return ContactPlan.of("tour", START, horizon_s, ACQUISITION_S, contacts, seen)


def bare_plan(*contacts, horizon_s=7200.0, start=START):
    return ContactPlan.of("bare", start, horizon_s, ACQUISITION_S, contacts)


PLANS = {
    "a day": real_plan(1, THREE),
    "a week": real_plan(7, THREE),
    "a month over every station": real_plan(30, EVERY),
    "a quarter of a year": real_plan(91, THREE),
    "nothing": bare_plan(),
    "one": bare_plan(ONE),
    "cut": bare_plan(Contact("matera", 0.0, 300.0, 9600.0), Contact("dongara", 7000.0, 9e3, 2e7)),
    "overlapping": bare_plan(*OVERLAPPING),
    "a long name": bare_plan(Contact("the-garden-of-my-aunt-" * 4 + "<&>", 60.0, 600.0, 2e7)),
    "half a minute": bare_plan(Contact("matera", 3.0, 20.0, 9600.0), horizon_s=30.0),
}


def printed(plan, encoding="utf-8", width=80):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # strict: what it lacks raises
    show(plan, Console(file=stream, width=width))
    stream.flush()
    return stream.buffer.getvalue().decode(encoding).splitlines()


def rows(lines):
    """Return the words of the numbered rows."""
    return [line.split() for line in lines if re.match(r" *\d+ .*\d{4}-\d\d-\d\d", line)]


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_it_fits_80_columns_on_every_terminal(name, encoding):
    assert max(map(len, printed(PLANS[name], encoding))) <= 80


@pytest.mark.parametrize("name", PLANS)
def test_every_contact_has_its_row(name):
    assert len(rows(printed(PLANS[name]))) == len(PLANS[name].passes)


def test_a_row_says_when_how_high_and_how_much():
    # 595 s at 9600 bit/s are 714 kB.
    (row,) = rows(printed(bare_plan(ONE)))
    assert row[:5] == ["1", "matera", "2026-03-20", "03:40:00", "03:50:00"]
    assert row[5:] == ["10:00", "-", "9.6", "714.0"]


def test_volume_counts_each_rate_for_as_long_as_it_holds():
    # 95 s at 9600, 300 s at 19200, 200 s at 9600 bit/s are 1 074 000 bytes.
    stepped = Contact(
        "matera", 600.0, 1200.0, 9600.0, 41.5, rates=((700.0, 19_200.0), (1000.0, 9600.0))
    )
    (row,) = rows(printed(bare_plan(stepped)))
    assert row[-3:] == ["41.5", "9.6-19.2", "1074.0"]


def test_the_note_speaks_of_one_rate_or_of_several():
    assert any("with all framing, at that rate" in line for line in printed(bare_plan(ONE)))
    stepped = Contact("matera", 600.0, 1200.0, 9600.0, rates=((800.0, 19_200.0),))
    assert any("with all framing, at those rates" in line for line in printed(bare_plan(stepped)))


@pytest.mark.parametrize(
    ("horizon_s", "words"),
    [(600.0, "10 min"), (30.0, "30 s"), (7200.0, "2 h"), (DAY_S, "24 h"), (5 * DAY_S, "5 days")],
)
def test_the_title_of_the_picture_says_how_long_in_a_fitting_unit(horizon_s, words):
    assert f"contacts over {words} from" in plot_svg(bare_plan(horizon_s=horizon_s))


def test_an_acquisition_longer_than_the_contact_leaves_nothing():
    plan = ContactPlan.of("bare", START, 7200.0, 1000.0, [ONE])
    assert plan.passes[0].volume_kb == plan.heard.volume_kb == 0.0


def test_contacts_cut_by_the_mission_are_marked_and_count_only_inside():
    lines = printed(PLANS["cut"])
    first, last = rows(lines)
    assert first[3] == "03:30:00*"
    assert last[4] == "05:30:00*"
    assert last[-1] == f"{(200.0 - ACQUISITION_S) * 2e7 / 8e3:.1f}"
    assert any(line.startswith("* under way") for line in lines)


def test_a_contact_after_the_end_is_left_out():
    assert bare_plan(ONE, horizon_s=600.0).passes == ()


def test_a_contact_over_midnight_ends_the_day_after():
    plan = bare_plan(ONE, start=datetime(2026, 3, 20, 23, 45, tzinfo=timezone.utc))
    assert rows(printed(plan))[0][3:5] == ["23:55:00", "00:05:00+1"]


def test_one_transmitter_serves_one_station_at_a_time():
    # Svalbard keeps it to 1600 s; Tromsø acquires then, Kiruna never.
    heard = bare_plan(*OVERLAPPING).heard
    assert heard.seconds == 700.0
    assert heard.volume_kb == (595.0 * 9600.0 + 95.0 * 8000.0) / 8e3
    lines = printed(bare_plan(*OVERLAPPING))
    assert next(line for line in lines if line.startswith("altogether ")).split()[2] == "0:11:40"
    assert any("one station at a time" in line for line in lines)


def test_each_station_has_its_sums():
    plan = PLANS["a week"]
    lines = printed(plan)
    for name in THREE:
        (line,) = (line for line in lines if re.match(rf"{name} +\d+ ", line))
        mine = [p for p in plan.passes if p.station == name]
        words = line.split()
        assert words[1] == str(len(mine))
        assert float(words[4]) == pytest.approx(sum(p.volume_kb for p in mine), abs=0.05)
        assert float(words[5]) == pytest.approx(sum(p.volume_kb for p in mine) / 7, abs=0.05)


def test_no_contact_is_said_in_words():
    assert printed(bare_plan())[-1].startswith("No contact")


def test_a_terminal_without_unicode_gets_other_blocks():
    # One character per eighth of the right angle.
    plan = rising_plan()
    (line,) = (line for line in printed(plan) if line.startswith("matera        |"))
    (plain,) = (line for line in printed(plan, "ascii") if line.startswith("matera        |"))
    assert [k for k, _ in itertools.groupby(line[15:-1])] == list(BLOCKS)
    assert [k for k, _ in itertools.groupby(plain[15:-1])] == list(ASCII)


def test_blocks_stand_where_the_contact_is():
    (line,) = (line for line in printed(bare_plan(ONE)) if line.startswith("matera        |"))
    columns = [k for k, block in enumerate(line[15:-1]) if block != " "]
    assert columns == list(range(math.floor(600 / 7200 * 64), math.ceil(1200 / 7200 * 64)))


def test_ticks_are_round_times_of_day():
    plan = real_plan(0.25, ("svalbard",))
    for t_s, words in plan.ticks(6):
        assert (START + timedelta(seconds=t_s)).strftime("%H:%M") == words
        assert 0.0 <= t_s <= plan.horizon_s
    assert [words for _, words in plan.ticks(6)] == [f"0{hour}:00" for hour in range(4, 10)]


@pytest.mark.parametrize("name", PLANS)
def test_the_picture_is_one_well_formed_file_without_links(name):
    text = plot_svg(PLANS[name])
    picture = ElementTree.fromstring(text)
    assert float(picture.get("width")) == 1000.0
    assert "nan" not in text
    assert "href" not in text
    assert not re.search(r"(width|height)=\"-", text)


def test_the_picture_has_a_curve_and_a_bar_for_every_pass():
    plan = PLANS["a day"]
    groups = ElementTree.fromstring(plot_svg(plan)).findall(f"{SVG}g")
    assert len(groups) == len(plan.passes)
    for group, contact in zip(groups, plan.passes, strict=True):
        title, area, curve, bar = group
        assert title.text.startswith(contact.station)
        points = [tuple(map(float, p.split(","))) for p in curve.get("d")[1:].split()]
        assert curve.get("stroke") == area.get("fill") == bar.get("fill")
        assert min(y for _, y in points) == pytest.approx(
            top_y(plan, contact.max_elevation_deg), abs=270.0 / 90.0
        )


def test_higher_volume_makes_a_longer_bar():
    small, large = Contact("matera", 600.0, 900.0, 9600.0), Contact("matera", 2e3, 2300.0, 19_200.0)
    groups = ElementTree.fromstring(plot_svg(bare_plan(small, large))).findall(f"{SVG}g")
    heights = [float(group[-1].get("height")) for group in groups]
    assert heights[1] == pytest.approx(2.0 * heights[0], rel=0.01)


def test_a_pass_over_midnight_is_in_both_days_with_one_bar():
    over = Contact("matera", 20.4 * 3600.0, 20.6 * 3600.0, 9600.0)  # around 24:00 UTC
    plan = bare_plan(over, horizon_s=2.0 * DAY_S)
    groups = ElementTree.fromstring(plot_svg(plan)).findall(f"{SVG}g")
    assert len(groups) == 2
    assert sum(len(group.findall(f"{SVG}rect[@fill-opacity='0.75']")) for group in groups) == 1


def test_every_station_has_a_colour_of_its_own():
    picture = ElementTree.fromstring(plot_svg(PLANS["a month over every station"]))
    swatches = [r.get("fill") for r in picture.findall(f"{SVG}rect") if r.get("rx")]
    assert len(swatches) == len(set(swatches)) == len(EVERY)


@pytest.mark.parametrize("name", PLANS)
def test_no_words_of_the_picture_stand_on_others(name):
    words = ElementTree.fromstring(plot_svg(PLANS[name])).iter(f"{SVG}text")
    boxes = sorted(box(word) for word in words if word.get("transform") is None)
    for k, (_, left, bottom, right, text) in enumerate(boxes):
        assert left >= 0.0
        assert right <= 1000.0
        for top, other_left, _, other_right, other in boxes[k + 1 :]:
            if top >= bottom:
                break
            assert other_left >= right or other_right <= left, (text, other)


@pytest.mark.browser
def test_a_browser_draws_the_picture(tmp_path):
    from PIL import Image

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    (tmp_path / "passes.svg").write_text(plot_svg(PLANS["a day"]), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars"
    quiet = "--disable-background-networking --disable-component-update --disable-sync"
    subprocess.run(
        [
            browser, *flags.split(), *quiet.split(), f"--user-data-dir={tmp_path / 'home'}",
            f"--screenshot={tmp_path / 'passes.png'}", "--window-size=1000,600",
            (tmp_path / "passes.svg").as_uri(),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    with Image.open(tmp_path / "passes.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    assert {(255, 255, 255), (0, 0x72, 0xB2)} <= colours  # the page and the first station


def test_the_command_prints_and_draws_a_shipped_scenario(tmp_path):
    out, file = io.StringIO(), tmp_path / "passes.svg"
    sheet = read_scenario("first-light").with_options(horizon_s=20_000.0)
    passes_command_body(sheet, None, file, Console(file=out, width=80))
    assert "svalbard" in out.getvalue()
    assert "matera" not in out.getvalue()  # not in sight before 08:00
    assert f"Plot: {file}" in out.getvalue()
    assert ElementTree.parse(file).getroot().tag == f"{SVG}svg"


def test_the_command_shows_one_station_alone():
    out, sheet = io.StringIO(), read_scenario("first-light")
    passes_command_body(sheet, "matera", None, Console(file=out, width=80))
    assert "matera" in out.getvalue()
    assert "svalbard" not in out.getvalue()


def test_a_given_plan_has_elevations_where_its_station_sees_the_satellite():
    plan = {"rate_bps": 9600.0, "store_bytes": 10_000}
    sheet = read_scenario("first-light").with_options(horizon_s=20_000.0)
    raw = sheet.scenario.model_dump(exclude_none=True)
    real = real_pass(sheet)
    plan["contacts"] = [
        {"station": "svalbard", "aos_s": real.contact.aos_s, "los_s": real.contact.los_s},
        {"station": "my garden", "aos_s": 10.0, "los_s": 20.0},
    ]
    out = io.StringIO()
    given = Sheet(checked(Scenario, raw | {"link": plan}, "given"), "given")
    passes_command_body(given, None, None, Console(file=out, width=80))
    garden, svalbard = rows(out.getvalue().splitlines())
    assert garden[-3] == "-"
    assert float(svalbard[-3]) == pytest.approx(real.max_elevation_deg, abs=1.0)


def test_an_unknown_station_names_those_of_the_scenario():
    sheet = read_scenario("first-light")
    with pytest.raises(ScenarioError, match=r"svalbrad.*svalbard, matera, punta-arenas"):
        passes_command_body(sheet, "svalbrad", None, Console(file=io.StringIO()))


def test_a_plot_that_cannot_be_written_says_why(tmp_path):
    sheet = read_scenario("first-light").with_options(horizon_s=600.0)
    with pytest.raises(ScenarioError, match=r"--plot.*[Nn]o such file"):
        passes_command_body(sheet, None, tmp_path / "no" / "p.svg", Console(file=io.StringIO()))


@pytest.mark.parametrize("name", ["a.png", "a", "a.svgz", "svg"])
def test_a_plot_under_the_name_of_another_format_is_refused_in_one_line(tmp_path, name):
    sheet = read_scenario("first-light").with_options(horizon_s=600.0)
    out = io.StringIO()
    with pytest.raises(ScenarioError, match=r"--plot.*let it end in \.svg") as refused:
        passes_command_body(sheet, None, tmp_path / name, Console(file=out))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / name).exists()
    assert out.getvalue() == ""  # refused before anything is computed


def rising_plan():
    """Return a contact that fills the horizon and climbs evenly to the zenith."""
    t_s = np.linspace(0.0, 6400.0, 641)
    seen = Profile(t_s, np.full(641, 1000.0), t_s * 90.0 / 6400.0)
    contact = Contact("matera", 0.0, 6400.0, 9600.0, 90.0)
    return ContactPlan.of("rising", START, 6400.0, ACQUISITION_S, [contact], [seen])


def real_pass(sheet):
    from rigs.passes.command import contact_plan
    from rigs.sky import environment

    return next(
        p for p in contact_plan(sheet, environment(sheet)).passes if p.station == "svalbard"
    )


def top_y(plan, elevation_deg):
    """Return where an elevation stands in a picture of one row, from the words of its axis."""
    words = ElementTree.fromstring(plot_svg(plan)).iter(f"{SVG}text")
    y = {word.text: float(word.get("y")) - 4.0 for word in words if word.text in ("0°", "90°")}
    return y["0°"] + (y["90°"] - y["0°"]) * elevation_deg / 90.0


def box(word):
    """Return top, left, bottom, right and text of words, 0.5 em to a letter."""
    size, x, y = (float(word.get(key)) for key in ("font-size", "x", "y"))
    width = 0.5 * size * len(word.text)
    left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[word.get("text-anchor")]
    return y - 0.75 * size, left, y, left + width, word.text
