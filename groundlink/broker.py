"""The broker of a flight: one that highbay starts and ends, or one given by URL."""

from __future__ import annotations

import importlib.util
import json
import socket as sockets
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from groundlink.access import Listen as Listen  # whoever opens a broker needs these two as well
from groundlink.access import User as User
from groundlink.endpoint import BrokerError, Endpoint
from groundlink.mosquitto import Settings, configure_mosquitto, find_mosquitto, write_private
from groundlink.mqtt import MqttClient
from groundlink.supervisor import Supervisor

READY_LIMIT_S = 10.0
PORT_ATTEMPTS = 5
LOOPBACK = "127.0.0.1"
READINESS = "highbay-readiness"  # a user without rights, who asks whether the broker answers
LONGEST_SOCKET_PATH = 107  # bytes; Linux, unix(7)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that answers. ``kind`` names what runs: mosquitto, amqtt or external.

    ``endpoints`` holds one for each user name. ``socket_path`` is that of its
    Unix socket, if it has one.
    """

    kind: str
    endpoints: Mapping[str, Endpoint]
    socket_path: Path | None = None
    _supervisor: Supervisor | None = field(default=None, repr=False)

    def local(self, user: str) -> Endpoint:
        """Return a user's endpoint at the Unix socket, or the port's where there is none.

        Whoever must lose nothing listens there: what the broker writes is in our
        hands at once, and outlives it. Over TCP some of it may wait in the broker's
        half of the connection, and a kill discards that.
        """
        return replace(self.endpoints[user], path=self.socket_path)

    @property
    def restarts(self) -> int:
        """Return how often the broker ended unasked and was started again."""
        return 0 if self._supervisor is None else self._supervisor.restarts

    @property
    def process_id(self) -> int | None:
        """Return the broker's process, if it is ours."""
        return None if self._supervisor is None else self._supervisor.process_id


@contextmanager
def open_broker(
    choice: str,
    users: Sequence[User],
    *,
    directory: Path | None = None,
    socket: bool = False,
    restart: bool = True,
    listen: Listen | None = None,
    message_bytes: int = 2**20,
    one_client_per_user: bool = False,
    limit_s: float = READY_LIMIT_S,
) -> Iterator[Broker]:
    """Give a broker that answers, and end it afterwards if it was started here.

    ``choice`` is ``mosquitto``, ``amqtt``, the first of them that is
    installed (``auto``), or the URL of one that runs; that one knows its
    users itself, and the rest does not apply to it.

    In ``directory`` mosquitto keeps, once a second and at an orderly stop, the
    sessions of its clients and what it still owes them; without it a restart
    begins with none. A kill of the broker then loses what it acknowledged within
    that second for a subscriber that was away, or did not keep up; what a
    subscriber at the Unix socket keeps up with (200 KiB, or 200 small messages)
    is there before the publisher hears. A kill of both at the same moment loses
    that as well. ``socket`` adds a Unix
    socket, for programs in a network namespace of their own; ``restart``
    starts a broker again that ended unasked, with the same port and users.
    With ``one_client_per_user`` nobody can enter under the client id of
    another user. amqtt knows none of these but ``restart``.

    Raises:
        ValueError: the choice is not one of these, or cannot do what is asked.
        BrokerError: the broker is not installed, or does not come up in time.
    """
    if "://" in choice:
        yield _external(choice, users, limit_s)
        return
    kind = _installed(choice)
    _check(kind, users, listen)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="highbay-broker-") as name:
        path = _socket_path(Path(name)) if socket and kind == "mosquitto" else None
        settings = Settings(0, users, directory, path, listen, message_bytes, one_client_per_user)
        supervisor, port = _start(kind, Path(name), settings, limit_s, restart)
        try:
            yield Broker(kind, _endpoints(users, port), path, supervisor)
        finally:
            supervisor.close()


def _external(url: str, users: Sequence[User], limit_s: float) -> Broker:
    endpoint = Endpoint.from_url(url)
    MqttClient(endpoint, connect_limit_s=limit_s).close()
    return Broker("external", {user.name: endpoint for user in users})


def _installed(choice: str) -> str:
    present = {
        "mosquitto": find_mosquitto() is not None,
        "amqtt": importlib.util.find_spec("amqtt") is not None,
    }
    if choice == "auto":
        choice = next((kind for kind, found in present.items() if found), "auto")
    if present.get(choice):
        return choice
    if choice in present or choice == "auto":
        missing = "no broker" if choice == "auto" else f"no {choice}"
        raise BrokerError(
            f"{missing} is installed; try `apt install mosquitto` or `pip install highbay[broker]`"
        )
    raise ValueError(f"broker {choice!r} is not auto, mosquitto, amqtt or mqtt://host:port")


def _check(kind: str, users: Sequence[User], listen: Listen | None) -> None:
    names = [user.name for user in users]
    if len({*names, READINESS}) != len(names) + 1:
        raise ValueError(f"one of the users {', '.join(names)} is there twice, or is {READINESS}")
    if kind == "amqtt" and listen is not None:
        raise ValueError(
            f"amqtt listens on {LOOPBACK} alone, not at {listen.address}; "
            "choose mosquitto for others to come in"
        )


def _socket_path(directory: Path) -> Path:
    path = directory / "socket"
    if len(bytes(path)) > LONGEST_SOCKET_PATH:
        raise BrokerError(f"{path} is too long for a Unix socket; set TMPDIR to /tmp, for example")
    return path


def _start(
    kind: str, directory: Path, settings: Settings, limit_s: float, restart: bool
) -> tuple[Supervisor, int]:
    """Start a broker on a free port; another process may take that port first, so try again."""
    for _ in range(PORT_ATTEMPTS):
        port = _free_port()
        program = _program(kind, directory, replace(settings, port=port))
        supervisor = Supervisor(program, directory / "log", limit_s=limit_s, restart=restart)
        if supervisor.start():
            return supervisor, port
        if supervisor.silent:
            break
    said = supervisor.failure or _last_line(directory / "log") or "nothing"
    raise BrokerError(f"{kind} did not come up within {limit_s:g} s; it said: {said}")


def _last_line(log: Path) -> str:
    return log.read_text(errors="replace").strip().rpartition("\n")[2]


def _program(kind: str, directory: Path, settings: Settings) -> _Program:
    readiness = User.new(READINESS)
    settings = replace(settings, users=[*settings.users, readiness])
    endpoint = Endpoint(LOOPBACK, settings.port, readiness.name, readiness.password)
    return _Program(kind, directory, settings, endpoint)


@dataclass(frozen=True, slots=True)
class _Program:
    """A broker as its supervisor sees it."""

    kind: str
    directory: Path
    settings: Settings
    readiness: Endpoint

    def prepare(self) -> Sequence[str]:
        configure = configure_mosquitto if self.kind == "mosquitto" else _configure_amqtt
        return configure(self.directory, self.settings)

    def answers(self, limit_s: float) -> bool:
        try:
            MqttClient(self.readiness, connect_limit_s=limit_s).close()
        except BrokerError:
            return False
        return True

    def forget(self) -> None:
        """Take away what it has read, so that a kill leaves no password behind."""
        for file in self.directory.iterdir():
            if file.name != "log" and file.is_file():
                file.unlink()


def _endpoints(users: Sequence[User], port: int) -> dict[str, Endpoint]:
    return {user.name: Endpoint(LOOPBACK, port, user.name, user.password) for user in users}


def _free_port() -> int:
    with sockets.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _configure_amqtt(directory: Path, settings: Settings) -> list[str]:
    users = {
        user.name: {
            "password": user.password,
            "publish": user.publish,
            "subscribe": user.subscribe,
        }
        for user in settings.users
    }
    write_private(directory / "amqtt.json", [json.dumps({"port": settings.port, "users": users})])
    return [sys.executable, "-m", "groundlink.amqtt_broker", str(directory)]
