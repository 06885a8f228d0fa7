"""The legend of the picture: a colour for each station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rigs.passes.shapes import INK, text

WIDTH = 1000.0  # px, of the picture
COLOURS = (
    "#0072b2", "#c77700", "#00805c", "#a8407c", "#c8410b", "#6a4fb3", "#2f8fc9", "#7c8a1a",
    "#8a5a2b", "#14979c", "#2b3a8c", "#d0529b", "#5a7d2a", "#b03a48", "#4b6a88", "#9a7a00",
    "#7a3f96", "#3c8c5a",
)  # fmt: skip
LETTERS = dict.fromkeys("iljtfr-.' ", 5.2) | dict.fromkeys("mwMW", 11.6)  # px, of the legend


@dataclass(frozen=True, slots=True)
class Key:
    """A station of the legend and where it stands."""

    x: float
    y: float
    name: str
    colour: str


def keys_of(stations: Sequence[str]) -> list[Key]:
    """Return the legend of some stations, in rows as wide as the picture."""
    keys: list[Key] = []
    x, y = 24.0, 86.0
    for number, name in enumerate(stations):
        width = 36.0 + _width(name)
        if x + width > WIDTH - 24.0 and keys:
            x, y = 24.0, y + 20.0
        keys.append(Key(x, y, name, COLOURS[number % len(COLOURS)]))
        x += width
    return keys


def _width(words: str) -> float:
    """Return about how wide words are in the legend, in px."""
    return sum(LETTERS.get(letter, 7.7) for letter in words)


def key_shape(key: Key) -> str:
    """Return a station of the legend."""
    return (
        f'<rect x="{key.x:.1f}" y="{key.y - 9.5:.1f}" width="12" height="10" rx="2" '
        f'fill="{key.colour}"/>' + text(key.x + 18.0, key.y, key.name, "start", 12.5, INK)
    )
