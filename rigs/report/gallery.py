"""A few of the pictures that reached the ground, with what the model said about them."""

from __future__ import annotations

import base64
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from firmware_bridge.faults import Outcome
from rigs.archive import product_name
from rigs.report.history import Aboard, Answer

if TYPE_CHECKING:
    from PIL import Image

TILES = 12
CORRUPTED_TILES = 4  # at most so many of them from a corrupted model
SIDE_PX = 256  # to which larger pictures are shrunk
LARGEST_BYTES = 24_000
LABELS = 8  # that the count of answers names one by one
WORST = (Outcome.CRITICAL, Outcome.DUE, Outcome.SDC, Outcome.MASKED)  # in the order of showing
TRUTH = "_truth"  # ends the name of a figure that another one, without it, estimates

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that came with an answer, and the truth where it is known."""

    name: str
    value: float | None
    truth: float | None


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture and its answer; ``picture`` is a data URI, None where it cannot be shown."""

    picture: str | None
    answer: Answer
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often an answer was given, and how many of those had a picture to send."""

    label: str
    count: int
    pictures: int
    share: float  # of all answers


def choose_tiles(payload: Aboard, products: Path) -> list[Tile]:
    """Return tiles of pictures in ``products``: spread over labels and time, some corrupted."""
    there = {path.name for path in products.glob("*")} if products.is_dir() else set()
    down = [a for a in payload.answers if product_name(payload.name, a.job) in there]
    corrupted = [answer for answer in down if answer.outcome != Outcome.NOMINAL.value]
    chosen = _spread(corrupted, lambda a: a.outcome, CORRUPTED_TILES, [o.value for o in WORST])
    sound = [answer for answer in down if answer.outcome == Outcome.NOMINAL.value]
    chosen += _spread(sound, lambda a: a.label, TILES - len(chosen))
    return [
        Tile(_picture(products / product_name(payload.name, answer.job)), answer, figures(answer))
        for answer in sorted(chosen, key=lambda answer: answer.subject_s)
    ]


def figures(answer: Answer) -> list[Figure]:
    """Return the figures of an answer, each with its truth."""
    known = answer.figures
    return [
        Figure(name.replace("_", " "), value, known.get(name + TRUTH))
        for name, value in known.items()
        if not (name.endswith(TRUTH) and name.removesuffix(TRUTH) in known)
    ]


def tally(answers: Sequence[Answer]) -> list[Tally]:
    """Return the labels by how often they were given; rare ones together, as ``others``."""
    count = Counter(answer.label for answer in answers)
    pictures = Counter(answer.label for answer in answers if answer.product_bytes)
    named = [label for label, _ in count.most_common(LABELS)]
    rows = [Tally(n, count[n], pictures[n], count[n] / len(answers)) for n in named]
    rest = len(answers) - sum(row.count for row in rows)
    if rest:
        others = sum(pictures.values()) - sum(row.pictures for row in rows)
        rows.append(Tally("others", rest, others, rest / len(answers)))
    return rows


def _spread(
    answers: Sequence[Answer], group: Callable[[Answer], str], most: int, first: Iterable[str] = ()
) -> list[Answer]:
    """Return at most so many answers, as even over groups and over time as they can be."""
    groups: defaultdict[str, list[Answer]] = defaultdict(list, {name: [] for name in first})
    for answer in answers:
        groups[group(answer)].append(answer)
    shares = _shares({name: len(members) for name, members in groups.items()}, most)
    return list(chain(*(_evenly(groups[name], share) for name, share in shares.items())))


def _shares(sizes: Mapping[str, int], most: int) -> dict[str, int]:
    """Return how many to take of each group, dealt round by round in their order."""
    rounds = zip_longest(*([name] * size for name, size in sizes.items()))
    dealt = [name for turn in rounds for name in turn if name is not None][:most]
    return dict(Counter(dealt))


def _evenly(members: Sequence[ItemT], count: int) -> list[ItemT]:
    """Return ``count`` members in the middles of as many equal parts.

    >>> _evenly("abcdefghi", 3)
    ['b', 'e', 'h']
    """
    return [members[(2 * i + 1) * len(members) // (2 * count)] for i in range(count)]


def _picture(path: Path) -> str | None:
    """Return a picture as a data URI, shrunk where it is large; None where it is no picture."""
    from PIL import Image, UnidentifiedImageError

    raw = path.read_bytes()
    try:
        with Image.open(io.BytesIO(raw)) as image:
            kind = image.format or ""
            if len(raw) > LARGEST_BYTES or kind not in ("JPEG", "PNG"):
                raw, kind = _shrunk(image), "JPEG"
    except (UnidentifiedImageError, OSError):
        return None
    return f"data:image/{kind.lower()};base64,{base64.b64encode(raw).decode()}"


def _shrunk(image: Image.Image) -> bytes:
    image = image.convert("RGB")
    image.thumbnail((SIDE_PX, SIDE_PX))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue()
