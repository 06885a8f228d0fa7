"""Files of two-line element sets: many satellites, with names or without, several sets of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from difflib import get_close_matches

from rigs.environment.tle import check_tle

_LINE = re.compile(r"[12] [0-9A-Z ][0-9 ]{4}[A-Z ]? ")  # how a line of elements begins
_CENTURY_TURNS = 57  # two-digit years from here on are of the last century: Sputnik flew in 1957
_RULE = "a set is line 1 and line 2 of 69 characters, with a name above them or without"
_LONGEST_LIST = 5  # satellites that a message names


@dataclass(frozen=True, slots=True)
class ElementSet:
    """One set of a file; ``row`` is where its line 1 stands, counted from 1."""

    name: str  # empty where the file has none
    line1: str
    line2: str
    row: int

    @property
    def catalogue_number(self) -> str:
        """The number without leading zeros or spaces, five characters at most."""
        return self.line1[2:7].strip().lstrip("0") or "0"

    @property
    def epoch(self) -> datetime:
        """When the elements hold, in UTC."""
        year, day = int(self.line1[18:20]), float(self.line1[20:32])
        year += 1900 if year >= _CENTURY_TURNS else 2000
        return datetime(year, 1, 1, tzinfo=timezone.utc) + timedelta(days=day - 1.0)

    def __str__(self) -> str:
        return f"{self.name} ({self.catalogue_number})" if self.name else self.catalogue_number


def element_sets(text: str, file: str) -> list[ElementSet]:
    """Return the sets of a file, called ``file`` in messages, in its order.

    Two lines a set, or three with the name first, which may begin with
    ``0``; lines that are empty or begin with ``#`` are passed over.

    Raises:
        ValueError: a set breaks a rule of ``check_tle``, or a line stands
            alone; the message begins with file and line.
    """
    rows = [(row, line.rstrip()) for row, line in enumerate(text.splitlines(), start=1)]
    rows = [(row, line) for row, line in rows if line and not line.lstrip().startswith("#")]
    if not rows:
        raise ValueError(f"{file}: holds no element set; {_RULE}")
    sets: list[ElementSet] = []
    while rows:
        named = not _LINE.match(rows[0][1])
        own, rows = rows[: 2 + named], rows[2 + named :]
        sets.append(_set_of(file, own, named))
    return sets


def choose(
    sets: Sequence[ElementSet], satellite: str | None, start: datetime, file: str
) -> ElementSet:
    """Return the set of a satellite whose epoch is nearest to ``start``.

    ``satellite`` is its name, in any case of letters, or its catalogue
    number; without it the file must hold one satellite only.

    Raises:
        ValueError: there is no such satellite, or it is not said which.
    """
    mine = [one for one in sets if satellite is None or _is(one, satellite)]
    if not mine:
        raise ValueError(f"{file}: has no satellite {satellite!r}; {_offer(sets, satellite)}")
    if len({one.catalogue_number for one in mine}) > 1:
        said = "holds several satellites" if satellite is None else f"has several {satellite!r}"
        raise ValueError(f"{file}: {said}; say which by catalogue number, {_offer(mine, None)}")
    return min(mine, key=lambda one: abs(one.epoch - start))


def nearest_of_each(sets: Sequence[ElementSet], start: datetime) -> list[ElementSet]:
    """Return one set of each satellite, that with its epoch nearest to ``start``, in file order."""
    best: dict[str, ElementSet] = {}
    for one in sets:
        known = best.get(one.catalogue_number)
        if known is None or abs(one.epoch - start) < abs(known.epoch - start):
            best[one.catalogue_number] = one
    return list(best.values())


def _is(one: ElementSet, satellite: str) -> bool:
    said = satellite.strip()
    return said.casefold() == one.name.casefold() or said.lstrip("0") == one.catalogue_number


def _offer(sets: Sequence[ElementSet], satellite: str | None) -> str:
    names = {each: str(one) for one in sets for each in (one.name, one.catalogue_number) if each}
    near = get_close_matches((satellite or "").upper(), names, n=3, cutoff=0.5)
    several = list(dict.fromkeys(names[each] for each in near or names))
    more = len(several) - _LONGEST_LIST
    rest = f" and {more} more" if more > 0 else ""
    return f"there is {', '.join(several[:_LONGEST_LIST])}{rest}"


def _set_of(file: str, rows: Sequence[tuple[int, str]], named: bool) -> ElementSet:
    """Return the set of two rows, or of three of which the first is a name."""
    starts = [line[0] if _LINE.match(line) else "" for _, line in rows[int(named) :]]
    if starts != ["1", "2"]:
        wrong = 1 if named or starts[0] == "1" else 0
        row, line = rows[min(wrong, len(rows) - 1)]
        raise ValueError(f"{file}: line {row}: {line[:40]!r} is out of place; {_RULE}")
    (row, line1), (row2, line2) = rows[-2:]
    try:
        check_tle(line1, line2)
    except ValueError as error:
        at = row2 if str(error).startswith("TLE line 2") else row
        raise ValueError(f"{file}: line {at}: {error}") from error
    name = rows[0][1].strip().removeprefix("0 ").strip() if named else ""
    return ElementSet(name, line1, line2, row)
