"""What the ground keeps of what came down: the packets as they came, and the files in them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from groundlink.events import Received
from groundlink.messages import LARGEST_SEQUENCE, Message, MessageKind
from groundlink.packets import packet_in

PACKETS, PRODUCTS = "downlink.ccsds", "products"
BUFFER_BYTES = 2**20  # of packets that wait for `Archive.flush`


class Archive:
    """Writes to a results folder; without one it keeps nothing.

    ``downlink.ccsds`` holds every good packet, one after the other, in the
    order in which they came: decoders of others read it.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._packets: BinaryIO | None = None

    def hear(self, frame: bytes) -> None:
        """Write the packet of a frame, if the frame is good."""
        if self._folder is None:
            return
        packet = packet_in(frame)
        if packet is None:
            return
        if self._packets is None:
            self._packets = (self._folder / PACKETS).open("ab", buffering=BUFFER_BYTES)
        self._packets.write(packet)

    def flush(self) -> None:
        """Let all packets be kept, whatever happens next."""
        if self._packets is not None:
            self._packets.flush()

    def keep(self, received: Received) -> None:
        """Write the file of a product: a picture named after its job, or what a program sent."""
        message = received.message
        if self._folder is None or message.kind is not MessageKind.PRODUCT:
            return
        name, content = _file(message)
        products = self._folder / PRODUCTS
        products.mkdir(exist_ok=True)
        path = products / name
        if path.exists() and path.read_bytes() != content:  # that job of an earlier flight
            path = path.with_stem(f"{path.stem}-{message.sequence}")
        path.write_bytes(content)

    def close(self) -> None:
        """Let everything be on disk."""
        if self._packets is not None:
            self._packets.close()


def _file(message: Message) -> tuple[str, bytes]:
    """Return a product's file and its name: all of the body where that has no manifest."""
    line, _, content = message.body.partition(b"\n")
    try:
        manifest: dict[str, Any] = json.loads(line)
        job, whole = manifest["job"], manifest["sha256"] == sha256(content).hexdigest()
    except (ValueError, KeyError, TypeError, RecursionError):
        job, whole = None, False
    if whole and type(job) is int and 0 <= job <= LARGEST_SEQUENCE:
        return product_name(message.source, job), content
    return f"{message.source}-{message.sequence:06d}.bin", message.body


def product_name(payload: str, job: int) -> str:
    """Return the file name of the picture of a job."""
    return f"{payload}-{job:06d}.jpg"
