"""Bench control over MQTT: both ends of it, and the file by which they find each other."""

from __future__ import annotations

import os
import queue
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import tomli_w

from firmware_bridge.clock import Post
from groundlink.endpoint import BrokerError, Endpoint
from groundlink.injector import Ack, ControlArrived, to_json
from groundlink.mqtt import Arrived, MqttClient
from groundlink.topics import Control, ack_topic, control_topic

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ACK_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class SessionFile:
    """What `session.toml` says of a mission in flight: where its bench control listens."""

    url: str
    username: str
    password: str = field(repr=False)
    rig: str
    satellite: str

    @property
    def endpoint(self) -> Endpoint:
        """Return the broker, with the credentials of the bench."""
        address = Endpoint.from_url(self.url.replace("://", "://x:x@", 1))
        return replace(address, username=self.username, password=self.password)

    @classmethod
    def read(cls, path: Path) -> SessionFile:
        """Read a session file.

        Raises:
            ValueError: the file is not one.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not a session file: {error}") from error
        names = [item.name for item in fields(cls)]
        if sorted(content) != sorted(names) or not all(
            isinstance(v, str) for v in content.values()
        ):
            raise ValueError(f"{path} is not a session file: it needs exactly {', '.join(names)}")
        return cls(**content)

    def write(self, path: Path) -> None:
        """Write a file that nobody else can read at any moment, and that is there whole or not."""
        unfinished = path.with_suffix(".partial")
        unfinished.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(unfinished, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(tomli_w.dumps(asdict(self)))
        unfinished.replace(path)


class MqttBench:
    """Bench control over a broker: requests go to the timeline, answers back."""

    def __init__(self, endpoint: Endpoint, rig: str, post: Post) -> None:
        self._ack = ack_topic(rig)
        self._client = MqttClient(
            endpoint, {control_topic(rig, control): _posting(control, post) for control in Control}
        )

    def acknowledge(self, ack: Ack) -> None:
        """Publish the answer to a request."""
        self._client.publish(self._ack, ack.to_json())

    def close(self) -> None:
        """Listen no longer."""
        self._client.close()


def inject(
    session: SessionFile,
    control: Control,
    request: Mapping[str, object],
    *,
    limit_s: float = ACK_LIMIT_S,
) -> Ack:
    """Ask a mission in flight for something; return its answer.

    Raises:
        BrokerError: the mission's broker, or the mission, does not answer in time.
    """
    name = secrets.token_hex(8)
    answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with MqttClient(session.endpoint, {ack_topic(session.rig): answers.put}) as client:
        client.publish(control_topic(session.rig, control), to_json({**request, "id": name}))
        try:
            return _answer_to(name, answers, limit_s)
        except queue.Empty as error:
            raise BrokerError(
                f"no mission answers at {session.url} within {limit_s} s; has it ended?"
            ) from error


def _answer_to(name: str, answers: queue.SimpleQueue[bytes], limit_s: float) -> Ack:
    while True:
        answer = answers.get(timeout=limit_s)
        with suppress(ValueError):  # anyone at the bench may write there; only ours counts
            if (ack := Ack.from_json(answer)).id == name:
                return ack


def _posting(control: Control, post: Post) -> Arrived:
    return lambda payload: post(ControlArrived(control, payload))
