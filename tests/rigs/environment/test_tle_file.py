"""Files of element sets as they are handed around: named or not, commented, several epochs."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib import resources

import pytest

from rigs.environment.orbit import Orbit
from rigs.environment.tle import checksum
from rigs.environment.tle_file import choose, element_sets, nearest_of_each

FILE = "x.tle"
START = datetime(2019, 12, 10, tzinfo=timezone.utc)
LINE1 = "1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991"
LINE2 = "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482"


def with_number(line, number):
    line = line[:2] + number + line[7:]
    return f"{line[:68]}{checksum(line)}"


def at_epoch(year_and_day):
    line = LINE1[:18] + year_and_day + LINE1[32:]
    return [f"{line[:68]}{checksum(line)}", LINE2]


OTHER = [with_number(LINE1, "A0007"), with_number(LINE2, "A0007")]


@pytest.mark.parametrize("name", [[], ["ISS (ZARYA)"], ["0 ISS (ZARYA)"], ["# say", "ISS (ZARYA)"]])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "  \n\n"])
def test_two_and_three_line_sets_are_read_with_any_line_ending(name, ending):
    (one,) = element_sets(ending.join([*name, LINE1, LINE2, ""]), FILE)
    assert (one.line1, one.line2) == (LINE1, LINE2)
    assert one.name == ("ISS (ZARYA)" if name else "")
    assert one.catalogue_number == "25544"


def test_the_epoch_is_a_day_of_a_year_of_this_century_or_the_last():
    (one,) = element_sets("\n".join([LINE1, LINE2]), FILE)
    assert one.epoch == datetime(2019, 12, 9, 16, 38, 29, 363424, timezone.utc)  # day 343.69339541
    (old,) = element_sets("\n".join(at_epoch("57001.50000000")), FILE)
    assert old.epoch == datetime(1957, 1, 1, 12, tzinfo=timezone.utc)


def test_of_several_sets_the_one_nearest_to_the_start_is_taken():
    days = ["19340.00000000", "19343.69339541", "19346.00000000", "20001.00000000"]
    sets = element_sets("\n".join(line for day in days for line in at_epoch(day)), FILE)
    assert choose(sets, None, START, FILE).line1 == LINE1
    late = datetime(2021, 1, 1, tzinfo=timezone.utc)
    assert choose(sets, "25544", late, FILE).epoch.year == 2020
    assert [one.line1 for one in nearest_of_each(sets, START)] == [LINE1]


def test_a_satellite_is_found_by_name_or_number_and_alpha_five():
    sets = element_sets("\n".join(["ISS", LINE1, LINE2, "TWIN", *OTHER]), FILE)
    for said, number in (
        ("iss", "25544"),
        ("twin", "A0007"),
        ("A0007", "A0007"),
        ("25544", "25544"),
    ):
        assert choose(sets, said, START, FILE).catalogue_number == number
    assert [one.name for one in nearest_of_each(sets, START)] == ["ISS", "TWIN"]


@pytest.mark.parametrize(
    ("text", "where", "rule"),
    [
        ("", "x.tle: ", "holds no element set"),
        ("# only this", "x.tle: ", "holds no element set"),
        ("ISS", "line 1: 'ISS'", "out of place"),
        (f"ISS\n{LINE1}", f"line 2: {LINE1[:40]!r}", "out of place"),
        (LINE1, "line 1", "out of place"),
        (f"{LINE2}\n{LINE1}", "line 1", "out of place"),
        (f"{LINE1}\nISS\n{LINE2}", "line 2: 'ISS'", "out of place"),
        (f"ISS\nISS\n{LINE1}\n{LINE2}", "line 2: 'ISS'", "out of place"),
        (f"{LINE1}\n{LINE2}\nX\n{LINE1}\n{LINE2[:-1]}9", "line 5", "checksum '9'"),
        (f"\n{LINE1[:-1]}9\n{LINE2}", "line 2", "checksum '9'"),
        (f"{LINE1}\n{OTHER[1]}", "line 1", "of satellite '25544' and line 2 of 'A0007'"),
        (f"{LINE1[:60]}\n{LINE2}", "line 1", "has 60 characters"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(text, where, rule):
    with pytest.raises(ValueError, match=r"^x\.tle: ") as refusal:
        element_sets(text, FILE)
    assert where in str(refusal.value)
    assert rule in str(refusal.value)


def test_a_satellite_that_is_not_there_is_answered_with_those_that_are():
    sets = element_sets("\n".join(["ISS (ZARYA)", LINE1, LINE2, "TWIN", *OTHER]), FILE)
    with pytest.raises(ValueError, match=r"no satellite 'ZARIA'; there is ISS \(ZARYA\) \(25544\)"):
        choose(sets, "ZARIA", START, FILE)
    with pytest.raises(ValueError, match="holds several satellites; say which"):
        choose(sets, None, START, FILE)


def test_vallados_own_file_of_verification_sets_is_read_whole():
    # SGP4-VER.TLE has comments, and start, stop and step behind each second line.
    text = (resources.files("sgp4") / "SGP4-VER.TLE").read_text()
    cut = "\n".join(line[:69] for line in text.splitlines())
    broken = ("33333", "33334", "33335")  # sets that are there to be refused
    kept = [line for line in cut.splitlines() if line[2:7] not in broken]
    sets = element_sets("\n".join(kept), FILE)
    assert len({one.catalogue_number for one in sets}) == 29
    assert len(sets) == 30  # one satellite twice
    assert all(Orbit.from_tle(one.line1, one.line2).period_s > 5000.0 for one in sets)
