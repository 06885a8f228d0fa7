"""What the ground keeps of what came down."""

from __future__ import annotations

import json
from pathlib import Path

from groundlink.events import Received
from groundlink.messages import MessageKind


class Archive:
    """Writes the picture of each product that reached the ground to a folder."""

    def __init__(self, folder: Path | None) -> None:
        """Keep pictures in ``folder``, which is made when the first one comes; or keep none."""
        self._folder = folder

    def keep(self, received: Received) -> None:
        """Write the picture of a product, named after its payload and job."""
        message = received.message
        if self._folder is None or message.kind is not MessageKind.PRODUCT:
            return
        answer, _, picture = message.body.partition(b"\n")
        self._folder.mkdir(exist_ok=True)
        name = product_name(message.source, json.loads(answer)["job"])
        (self._folder / name).write_bytes(picture)


def product_name(payload: str, job: int) -> str:
    """Return the file name of the picture of a job."""
    return f"{payload}-{job:06d}.jpg"
