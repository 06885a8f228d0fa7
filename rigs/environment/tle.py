"""Two-line element sets are checked here, before any propagator believes them."""

from __future__ import annotations

_LINE_LENGTH = 69
_EXAMPLES = {
    1: "1 25544U 98067A   24001.50000000  .00016717  00000-0  30000-3 0  9990",
    2: "2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.49560000432108",
}
_NUMBERS = {  # line: {field: columns}, columns counted from 0, end excluded
    1: {"epoch": (18, 32)},
    2: {
        "inclination": (8, 16),
        "right ascension of the node": (17, 25),
        "eccentricity": (26, 33),
        "argument of perigee": (34, 42),
        "mean anomaly": (43, 51),
        "mean motion": (52, 63),
    },
}


def checksum(line: str) -> int:
    """Return the sum modulo 10 of the digits in columns 1 to 68, where a minus sign counts one.

    >>> checksum("2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667")
    7
    """
    return sum(int(c) if c.isdigit() else c == "-" for c in line[:68]) % 10


def check_tle(line1: str, line2: str) -> None:
    """Refuse a two-line element set that is not exactly one.

    Raises:
        ValueError: length, line number, checksum, a number that is none, or
            two different satellites; the message shows what would be right.

    Source: the format as distributed by CelesTrak and 18 SDS; Vallado,
    *Fundamentals of Astrodynamics and Applications*, 4th ed., ch. 2.4.2.
    """
    for number, line in ((1, line1), (2, line2)):
        _check_line(number, line)
    if line1[2:7] != line2[2:7]:
        raise ValueError(
            f"TLE line 1 is of satellite {line1[2:7]!r} and line 2 of {line2[2:7]!r}; "
            "both lines carry one catalogue number in columns 3 to 7, for example '25544'"
        )


def _check_line(number: int, line: str) -> None:
    example = f"for example {_EXAMPLES[number]!r}"
    if len(line) != _LINE_LENGTH:
        raise ValueError(
            f"TLE line {number} has {len(line)} characters; a line has {_LINE_LENGTH}, {example}"
        )
    if not line.isascii() or line[:2] != f"{number} ":
        raise ValueError(
            f"TLE line {number} starts with {line[:2]!r}; it must start with '{number} ', {example}"
        )
    if line[68] != str(checksum(line)):
        raise ValueError(
            f"TLE line {number} ends with checksum {line[68]!r}, but its digits add up to "
            f"{checksum(line)} (modulo 10, a minus sign counts 1); copy the line again, {example}"
        )
    for field, (start, end) in _NUMBERS[number].items():
        _check_number(number, field, line[start:end], example)


def _check_number(number: int, field: str, text: str, example: str) -> None:
    if not text.replace(".", "", 1).strip().isdigit():
        raise ValueError(
            f"TLE line {number} has {text!r} as its {field}; it must be a plain number, {example}"
        )
