"""Bench control and commanding over MQTT, and the file by which people find a mission."""

from __future__ import annotations

import os
import queue
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from urllib.parse import urlencode

import tomli_w

from firmware_bridge.clock import Post
from groundlink.endpoint import BrokerError, Endpoint
from groundlink.envelopes import CommandReport
from groundlink.injector import Ack, ControlArrived, to_json
from groundlink.mqtt import Arrival, MqttClient
from groundlink.topics import Control, ack_topic, control_topic, report_topic, request_topic

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ACK_LIMIT_S = 5.0
_CREDENTIALS = (("username", "password"), ("operator_username", "operator_password"))


@dataclass(frozen=True, slots=True)
class SessionFile:
    """What `session.toml` says of a mission in flight: where its bench and its operators turn.

    ``username`` and ``password`` are those of the bench; a broker that lets
    everybody in needs none. ``ca``, ``certificate`` and ``key`` are paths, for
    a broker on another machine.
    """

    url: str
    rig: str
    satellite: str
    username: str = ""
    password: str = field(default="", repr=False)
    operator_username: str = ""
    operator_password: str = field(default="", repr=False)
    ca: str = ""
    certificate: str = ""
    key: str = ""

    @classmethod
    def of(cls, bench: Endpoint, operator: Endpoint, rig: str, satellite: str) -> SessionFile:
        """Return what lets people in by two endpoints of the ground bus."""
        files = [str(path or "") for path in (bench.ca, bench.certificate, bench.key)]
        names = bench.username, bench.password, operator.username, operator.password
        return cls(bench.url, rig, satellite, *names, *files)

    @property
    def endpoint(self) -> Endpoint:
        """Return the broker, with the credentials of the bench."""
        return self._endpoint(self.username, self.password)

    @property
    def operator(self) -> Endpoint:
        """Return the broker, with the credentials of an operator."""
        return self._endpoint(self.operator_username, self.operator_password)

    def _endpoint(self, username: str, password: str) -> Endpoint:
        files = {"ca": self.ca, "certificate": self.certificate, "key": self.key}
        query = urlencode({name: path for name, path in files.items() if path})
        address = Endpoint.from_url(f"{self.url}?{query}" if query else self.url)
        return replace(address, username=username, password=password)

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
        names = [item.name for item in fields(cls) if item.default is MISSING]
        known = {item.name for item in fields(cls)}
        texts = all(isinstance(value, str) for value in content.values())
        in_pairs = all((user in content) == (word in content) for user, word in _CREDENTIALS)
        if not (texts and in_pairs and set(names) <= content.keys() <= known):
            raise ValueError(
                f"{path} is not a session file: it needs {', '.join(names)}, and each user name "
                "with its password, or neither"
            )
        return cls(**content)

    def write(self, path: Path) -> None:
        """Write a file that nobody else can read at any moment, and that is there whole or not."""
        unfinished = path.with_suffix(".partial")
        unfinished.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(unfinished, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(tomli_w.dumps(self._said()))
        unfinished.replace(path)

    def _said(self) -> dict[str, str]:
        """Return what there is to say; a user's password also where it is empty."""
        said: dict[str, str] = asdict(self)
        needed = {word for user, word in _CREDENTIALS if said[user]}
        return {key: value for key, value in said.items() if value or key in needed}


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
    answers: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
    with MqttClient(session.endpoint, {ack_topic(session.rig): answers.put}) as client:
        client.publish(control_topic(session.rig, control), to_json({**request, "id": name}))
        try:
            return _answer_to(name, answers, limit_s)
        except queue.Empty as error:
            raise BrokerError(
                f"no mission answers at {session.url} within {limit_s} s; has it ended?"
            ) from error


def command(
    session: SessionFile, payload: str, request: Mapping[str, object], *, limit_s: float
) -> Iterator[CommandReport]:
    """Ask for a command as an operator does, and give each report on it as it comes.

    It is asked for when the first report is. The last report is `final`,
    unless ``limit_s`` host seconds were over before: then the command may
    still wait for its contact. A request without an ``id`` is given one.

    Raises:
        BrokerError: the mission's broker does not answer.
        ValueError: the payload or the ``id`` cannot stand in a topic.
    """
    name = str(request.get("id") or secrets.token_hex(8))
    answers: queue.SimpleQueue[Arrival | None] = queue.SimpleQueue()
    reports = report_topic(session.satellite, payload, name)
    over = threading.Timer(limit_s, answers.put, [None])
    over.daemon = True
    with MqttClient(session.operator, {reports: answers.put}) as client:
        text = to_json({**request, "id": name})
        client.publish(request_topic(session.satellite, payload), text)
        over.start()
        try:
            yield from _reports(answers)
        finally:
            over.cancel()


def _reports(answers: queue.SimpleQueue[Arrival | None]) -> Iterator[CommandReport]:
    while (answer := answers.get()) is not None:
        report = CommandReport.model_validate_json(answer.payload)
        yield report
        if report.final:
            return


def _answer_to(name: str, answers: queue.SimpleQueue[Arrival], limit_s: float) -> Ack:
    while True:
        ack = Ack.from_json(answers.get(timeout=limit_s).payload)
        if ack.id == name:  # else it answers somebody else
            return ack


def _posting(control: Control, post: Post) -> Callable[[Arrival], None]:
    def hear(arrival: Arrival) -> None:
        if not arrival.retained:  # else it was said before this flight
            post(ControlArrived(control, arrival.payload))

    return hear
