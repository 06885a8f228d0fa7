"""A camera that shows a user's own images, one after another."""

from __future__ import annotations

import math
import struct
import tokenize
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from payloads.model import one_line
from payloads.scene import Tile

if TYPE_CHECKING:
    from PIL import Image

PERIOD_S = 60.0
ARRAYS = "(H, W), (H, W, 3) or (N, H, W, 3)"
MAX_PIXELS = 2**26  # of one picture, 8192 × 8192; Pillow fears a bomb from 89 million on
MAX_BYTES = 2**32  # of all pictures as the model sees them; half of a host's 8 GB
NPY_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

# What Pillow and NumPy raise on damaged files is more than they document.
DAMAGES: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RecursionError,
    struct.error,
    tokenize.TokenError,
)
Named = tuple[str, "Image.Image"]


@dataclass(frozen=True, slots=True, eq=False)
class FolderCamera:
    """Cycles through pictures, a new one every ``period_s``; the time alone says which.

    `names` and `pictures` go in pairs; each picture is uint8 of shape (height, width, 3).
    """

    names: tuple[str, ...]
    pictures: tuple[NDArray[np.uint8], ...]
    period_s: float = PERIOD_S

    def __post_init__(self) -> None:
        if not self.period_s > 0.0:
            raise ValueError(f"period_s = {self.period_s} shows no picture; it must be above 0")

    @classmethod
    def from_folder(
        cls, path: Path, height_px: int = 64, width_px: int = 64, period_s: float = PERIOD_S
    ) -> FolderCamera:
        """Read every PNG, JPEG and NPY file of a folder, in the order of their names.

        Pictures of another size are resized, bilinear. Other files are passed
        over, and so is what only has the name of a picture: a folder, a pipe.

        Raises:
            ValueError: the folder holds no picture, one of them cannot be read
                or has more than ``MAX_PIXELS``, or all need more than ``MAX_BYTES``.
        """
        most = MAX_BYTES // (height_px * width_px * 3)
        names: list[str] = []
        pictures: list[NDArray[np.uint8]] = []
        for file in _files(path):
            for name, picture in _read(file):
                if len(names) == most:
                    raise ValueError(
                        f"{_line(path)} holds more than {most:,} pictures, which is what fits into "
                        f"memory at {height_px} x {width_px} px; take some out"
                    )
                names.append(name)
                pictures.append(_resized(picture, height_px, width_px))
        return cls(tuple(names), tuple(pictures), period_s)

    def tile(self, t_s: float) -> Tile:
        """Return the picture whose turn it is at ``t_s``."""
        # Releases come at k * period_s in floats: a hair early must not show the last one again.
        turn = int(np.floor(t_s / self.period_s + 1e-9)) % len(self.pictures)
        return Tile(self.pictures[turn], self.names[turn], cloud_fraction=None, sunlit=None)


def _files(path: Path) -> list[Path]:
    """Return the files of a folder that hold pictures by their names, in order."""
    try:
        if not path.is_dir():
            raise ValueError(
                f"{_line(path)} is not a folder; name one that holds PNG, JPEG or NPY files, "
                'such as "images/"'
            )
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in READERS)
        files = [file for file in found if file.is_file()]
    except OSError as reason:
        raise ValueError(
            f"{_line(path)} cannot be listed ({reason.strerror}); name a folder that you may read, "
            'such as "images/"'
        ) from reason
    if not files:
        raise ValueError(
            f"{_line(path)} holds no picture; put at least one .png, .jpg, .jpeg or .npy file "
            'there, such as "tile-001.png"'
        )
    return files


def _read(file: Path) -> Iterator[Named]:
    """Yield the pictures of one file with their names."""
    return READERS[file.suffix.lower()](file)


def _read_picture(file: Path) -> Iterator[Named]:
    from PIL import Image

    with (
        _explained(
            file,
            "picture ({}); it needs to be a whole PNG or JPEG, such as one saved by Pillow or GIMP",
        ),
        Image.open(file, formats=("PNG", "JPEG")) as picture,
    ):
        _check_pixels(picture.height, picture.width)
        colour = picture.convert("RGB")
    yield file.name, colour


def _read_array(file: Path) -> Iterator[Named]:
    from PIL import Image

    unreadable = 'NPY file ({}); write it with numpy.save("tiles.npy", pixels) and a uint8 array'
    with _explained(file, unreadable):
        shape, dtype = _header(file)
    if dtype != np.uint8:
        raise ValueError(
            f"{_line(file)} has dtype {dtype}; pixels need to be uint8 in 0..255, "
            "such as (255 * scaled).astype(numpy.uint8)"
        )
    if len(shape) not in (2, 3, 4) or (len(shape) > 2 and shape[-1] != 3) or min(shape) < 1:
        raise ValueError(
            f"{_line(file)} has shape {shape}; it needs to be one of {ARRAYS} and not empty, "
            "such as (64, 64, 3)"
        )
    with _explained(file, unreadable):
        _check_pixels(*shape[-3:-1] if len(shape) > 2 else shape)
        if math.prod(shape) > file.stat().st_size:
            raise ValueError(f"it is cut short: shape {shape} does not fit into its bytes")
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    several = len(shape) == 4
    for n, one in enumerate(array if several else [array]):
        name = f"{file.name}[{n}]" if several else file.name
        yield name, Image.fromarray(one).convert("RGB")


def _header(file: Path) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    with file.open("rb") as stream:
        version = npy.read_magic(stream)
        if version not in NPY_HEADERS:
            raise ValueError(f"its version is {version}, not 1.0 or 2.0")
        shape, _, dtype = NPY_HEADERS[version](stream)
    return shape, dtype


def _check_pixels(height_px: int, width_px: int) -> None:
    if height_px * width_px > MAX_PIXELS:
        raise ValueError(f"{height_px} x {width_px} px, and at most {MAX_PIXELS:,} are read")


@contextmanager
def _explained(file: Path, sentence: str) -> Iterator[None]:
    """Turn what a library raises on a damaged file into a sentence, and its warnings to nothing."""
    from PIL import Image

    damages: tuple[type[Exception], ...] = (*DAMAGES, Image.DecompressionBombError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except damages as reason:
        why = one_line(str(reason) or type(reason).__name__)
        raise ValueError(f"{_line(file)} is no readable {sentence.format(why)}") from reason


def _line(path: Path) -> str:
    return one_line(str(path))


def _resized(picture: Image.Image, height_px: int, width_px: int) -> NDArray[np.uint8]:
    from PIL import Image

    if picture.size != (width_px, height_px):
        picture = picture.resize((width_px, height_px), Image.Resampling.BILINEAR)
    return np.asarray(picture)


READERS: dict[str, Callable[[Path], Iterator[Named]]] = {
    ".png": _read_picture,
    ".jpg": _read_picture,
    ".jpeg": _read_picture,
    ".npy": _read_array,
}
