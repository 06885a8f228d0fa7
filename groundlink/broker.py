"""The broker of a flight: one that highbay starts and ends, or one given by URL."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from groundlink.endpoint import BrokerError, Endpoint
from groundlink.mqtt import MqttClient
from groundlink.tether import tethered

READY_LIMIT_S = 10.0
PORT_ATTEMPTS = 5
PAUSE_S = 0.02  # between two attempts to connect
LOOPBACK = "127.0.0.1"


class Role(Enum):
    """Who speaks to the broker; the value is the user name."""

    HOST = "host"  # the mission itself
    BENCH = "bench"  # a person who injects and watches
    OBSERVER = "observer"  # a person who watches


@dataclass(frozen=True, slots=True)
class Rights:
    """Topic filters that a role may publish to and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


RIGHTS = {
    Role.HOST: Rights(("gnd/#", "spl/#", "ctl/#"), ("gnd/#", "spl/#", "ctl/#")),
    Role.BENCH: Rights(("ctl/#",), ("ctl/#", "gnd/#")),
    Role.OBSERVER: Rights((), ("gnd/#",)),
}


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that answers. ``kind`` names what runs: mosquitto, amqtt or external."""

    kind: str
    endpoints: Mapping[Role, Endpoint]


@contextmanager
def open_broker(choice: str = "auto", limit_s: float = READY_LIMIT_S) -> Iterator[Broker]:
    """Give a broker that answers, and end it afterwards if it was started here.

    ``choice`` is ``mosquitto``, ``amqtt``, the first of them that is
    installed (``auto``), or the URL of one that runs. Start it from the main
    thread: a broker of ours dies with the thread that started it.

    Raises:
        ValueError: the choice is not one of these, or the URL is refused.
        BrokerError: the broker is not installed, or does not come up in time.
    """
    if "://" in choice:
        endpoint = Endpoint.from_url(choice)
        MqttClient(endpoint, connect_limit_s=limit_s).close()
        yield Broker("external", dict.fromkeys(Role, endpoint))
        return
    kind = _installed(choice)
    with tempfile.TemporaryDirectory(prefix="highbay-broker-") as name:
        process, endpoints = _start(kind, Path(name), limit_s)
        try:
            _forget_passwords(Path(name))
            yield Broker(kind, endpoints)
        finally:
            _end(process)


def _forget_passwords(directory: Path) -> None:
    """Take away what a broker has read, so that a kill leaves no password behind."""
    for file in directory.iterdir():
        if file.name != "log" and file.is_file():
            file.unlink()


def find_mosquitto() -> str | None:
    """Return the path of the mosquitto broker; Debian keeps it where only root's PATH looks."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("mosquitto", path=path)


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


def _start(
    kind: str, directory: Path, limit_s: float
) -> tuple[subprocess.Popen[bytes], dict[Role, Endpoint]]:
    """Start a broker on a free port; another process may take that port first, so try again."""
    passwords = {role: secrets.token_urlsafe(16) for role in Role}
    configure = _configure_mosquitto if kind == "mosquitto" else _configure_amqtt
    for _ in range(PORT_ATTEMPTS):
        port = _free_port()
        endpoints = {role: Endpoint(LOOPBACK, port, role.value, passwords[role]) for role in Role}
        process = _spawn(configure(directory, port, passwords), directory / "log")
        if _answers(process, endpoints[Role.HOST], limit_s):
            return process, endpoints
        ended = process.poll() is not None
        _end(process)
        if not ended:
            break
    said = (directory / "log").read_text(errors="replace").strip().rpartition("\n")[2]
    raise BrokerError(f"{kind} did not come up within {limit_s:g} s; it said: {said or 'nothing'}")


def _spawn(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            tethered(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at the terminal is for the flight alone
        )


def _answers(process: subprocess.Popen[bytes], endpoint: Endpoint, limit_s: float) -> bool:
    """Wait until the broker accepts a CONNECT; False when it ended or the time is over."""
    for _ in range(max(1, round(limit_s / PAUSE_S))):
        try:
            MqttClient(endpoint, connect_limit_s=limit_s).close()
        except BrokerError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PAUSE_S)
                return False
        else:
            return process.poll() is None  # else it was somebody else's broker
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _configure_mosquitto(
    directory: Path, port: int, passwords: Mapping[Role, str]
) -> Sequence[str]:
    lines = [
        f"listener {port} {LOOPBACK}",
        "allow_anonymous false",
        f"password_file {directory / 'passwords'}",
        f"acl_file {directory / 'rights'}",
        "persistence false",
        "set_tcp_nodelay true",  # otherwise QoS 1 and 2 wait for delayed TCP acknowledgements
        "max_inflight_messages 200",
        "max_queued_messages 20000",  # its default of 1000 drops the rest without a word
        "max_queued_bytes 67108864",
        "max_connections 64",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    ]
    if os.geteuid() == 0:  # else it becomes a user who cannot read the directory
        lines.append("user root")
    _write(directory / "mosquitto.conf", lines)
    _write(directory / "passwords", [f"{r.value}:{_hash(pw)}" for r, pw in passwords.items()])
    _write(directory / "rights", _mosquitto_rights())
    return [find_mosquitto() or "mosquitto", "-c", str(directory / "mosquitto.conf")]


def _mosquitto_rights() -> Iterator[str]:
    for role, rights in RIGHTS.items():
        yield f"user {role.value}"
        yield from (f"topic write {topic}" for topic in rights.publish)
        yield from (f"topic read {topic}" for topic in rights.subscribe)


def _hash(password: str) -> str:
    """Return a line's hash as `mosquitto_passwd` writes it (PBKDF2 with HMAC-SHA-512)."""
    salt, rounds = secrets.token_bytes(12), 101
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _configure_amqtt(directory: Path, port: int, passwords: Mapping[Role, str]) -> Sequence[str]:
    users = {
        role.value: {
            "password": passwords[role],
            "publish": rights.publish,
            "subscribe": rights.subscribe,
        }
        for role, rights in RIGHTS.items()
    }
    _write(directory / "amqtt.json", [json.dumps({"port": port, "users": users})])
    return [sys.executable, "-m", "groundlink.amqtt_broker", str(directory)]


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    path.chmod(0o600)
