"""A camera that shows a user's own images, one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from payloads.scene import Tile

if TYPE_CHECKING:
    from PIL import Image

PERIOD_S = 60.0
ARRAYS = "(H, W), (H, W, 3) or (N, H, W, 3)"


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

        Pictures of another size are resized, bilinear. Other files are passed over.

        Raises:
            ValueError: the folder holds no picture, or one of them cannot be read.
        """
        if not path.is_dir():
            raise ValueError(
                f"{path} is not a folder; name one that holds PNG, JPEG or NPY files, "
                'such as "images/"'
            )
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in READERS)
        if not files:
            raise ValueError(
                f"{path} holds no picture; put at least one .png, .jpg, .jpeg or .npy file there, "
                'such as "tile-001.png"'
            )
        shown = [pair for file in files for pair in _read(file)]
        return cls(
            names=tuple(name for name, _ in shown),
            pictures=tuple(_resized(picture, height_px, width_px) for _, picture in shown),
            period_s=period_s,
        )

    def tile(self, t_s: float) -> Tile:
        """Return the picture whose turn it is at ``t_s``."""
        # Releases come at k * period_s in floats: a hair early must not show the last one again.
        turn = int(np.floor(t_s / self.period_s + 1e-9)) % len(self.pictures)
        return Tile(self.pictures[turn], self.names[turn], cloud_fraction=None, sunlit=None)


def _read(file: Path) -> list[tuple[str, Image.Image]]:
    """Return the pictures of one file with their names."""
    return READERS[file.suffix.lower()](file)


def _read_picture(file: Path) -> list[tuple[str, Image.Image]]:
    from PIL import Image

    try:
        with Image.open(file) as picture:
            return [(file.name, picture.convert("RGB"))]
    except (OSError, SyntaxError, Image.DecompressionBombError) as reason:
        raise ValueError(
            f"{file} is no readable picture ({reason}); it needs to be a whole PNG or JPEG, "
            "such as one saved by Pillow or GIMP"
        ) from reason


def _read_array(file: Path) -> list[tuple[str, Image.Image]]:
    from PIL import Image

    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as reason:
        raise ValueError(
            f"{file} is no readable NPY file ({reason}); write it with "
            'numpy.save("tiles.npy", pixels) and a uint8 array'
        ) from reason
    if array.dtype != np.uint8:
        raise ValueError(
            f"{file} has dtype {array.dtype}; pixels need to be uint8 in 0..255, "
            "such as (255 * scaled).astype(numpy.uint8)"
        )
    if array.ndim == 4 and array.shape[-1] == 3 and array.size:
        return [(f"{file.name}[{n}]", Image.fromarray(one)) for n, one in enumerate(array)]
    if (array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 3)) and array.size:
        return [(file.name, Image.fromarray(array).convert("RGB"))]
    raise ValueError(
        f"{file} has shape {array.shape}; it needs to be one of {ARRAYS} and not empty, "
        "such as (64, 64, 3)"
    )


def _resized(picture: Image.Image, height_px: int, width_px: int) -> NDArray[np.uint8]:
    from PIL import Image

    if picture.size != (width_px, height_px):
        picture = picture.resize((width_px, height_px), Image.Resampling.BILINEAR)
    return np.asarray(picture)


READERS: dict[str, Callable[[Path], list[tuple[str, Image.Image]]]] = {
    ".png": _read_picture,
    ".jpg": _read_picture,
    ".jpeg": _read_picture,
    ".npy": _read_array,
}
