"""What mosquitto reads before it starts: its configuration, passwords and rights.

A message of QoS 1 is written to the socket of a subscriber that reads before its
publisher gets the PUBACK (mosquitto does both in one turn of its loop, in this order),
as long as that subscriber is below the in-flight limits. So a kill of the broker alone
loses an acknowledged message only if a subscriber is away, or does not keep up: its Unix
socket holds some 200 small messages, the end of a TCP connection sometimes fewer.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundlink.access import Listen, User

_LONGEST_HEADERS = 65_546  # bytes: a topic of 65 535, its length, packet type, length and number


@dataclass(frozen=True, slots=True)
class Settings:
    """How a broker of ours is to run, whichever it is.

    ``keep`` is the directory of what survives a stop; ``message_bytes`` the largest
    body; with ``one_client_per_user`` the user name is the client id.
    """

    port: int
    users: Sequence[User]
    keep: Path | None = None
    socket: Path | None = None
    listen: Listen | None = None
    message_bytes: int = 2**20
    one_client_per_user: bool = False


def find_mosquitto() -> str | None:
    """Return the path of the mosquitto broker; Debian keeps it where only root's PATH looks."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("mosquitto", path=path)


def configure_mosquitto(directory: Path, settings: Settings) -> list[str]:
    """Write what mosquitto reads into ``directory``; return the command that starts it there."""
    write_private(
        directory / "passwords", [f"{u.name}:{_hash(u.password)}" for u in settings.users]
    )
    write_private(directory / "rights", _rights(settings.users))
    write_private(directory / "mosquitto.conf", _configuration(directory, settings))
    return [find_mosquitto() or "mosquitto", "-c", str(directory / "mosquitto.conf")]


def write_private(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file that nobody else can read at any moment."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def _configuration(directory: Path, settings: Settings) -> Iterator[str]:
    yield "allow_anonymous false"
    yield f"password_file {directory / 'passwords'}"
    yield f"acl_file {directory / 'rights'}"
    yield "set_tcp_nodelay true"  # otherwise QoS 1 waits for delayed TCP acknowledgements
    yield "sys_interval 0"
    yield from _limits(settings.message_bytes)
    yield from _persistence(settings.keep)
    if os.geteuid() == 0:  # else it becomes a user who cannot read the directory
        yield "user root"
    yield from ("log_dest stderr", "log_type error", "log_type warning")
    for listener in _listeners(settings):
        yield from listener
        yield "max_connections 64"
        if settings.one_client_per_user:
            yield "use_username_as_clientid true"


def _limits(message_bytes: int) -> Iterator[str]:
    """Bound what one client can hold: in flight, in its queue, and in one packet.

    Beyond ``message_size_limit`` mosquitto drops a message, and acknowledges it all the
    same; beyond ``max_packet_size`` it disconnects the sender before it allocates anything.
    """
    yield "max_inflight_messages 20000"  # 0, no limit, would let one slow reader take all memory
    yield "max_inflight_bytes 67108864"
    yield "max_queued_messages 20000"  # its default of 1000 drops the rest without a word
    yield "max_queued_bytes 67108864"
    yield f"message_size_limit {message_bytes}"
    yield f"max_packet_size {message_bytes + _LONGEST_HEADERS}"


def _persistence(keep: Path | None) -> Iterator[str]:
    if keep is None:
        yield "persistence false"
        return
    yield "persistence true"
    yield f"persistence_location {keep}/"
    # Seconds. To save on every change (autosave_on_changes) writes the whole file, with fsync, for
    # every message: a fifth of the throughput, 9 s for a backlog of 5000, and still not before the
    # PUBACK, so that the last message is lost all the same.
    yield "autosave_interval 1"


def _listeners(settings: Settings) -> Iterator[list[str]]:
    yield [f"listener {settings.port} 127.0.0.1"]
    if settings.socket is not None:
        yield [f"listener 0 {settings.socket}"]
    if (beyond := settings.listen) is not None:
        yield [
            f"listener {beyond.port} {beyond.address}",
            f"cafile {beyond.ca}",
            f"certfile {beyond.certificate}",
            f"keyfile {beyond.key}",
            "require_certificate true",
            "tls_version tlsv1.2",  # the oldest that is spoken
        ]


def _rights(users: Iterable[User]) -> Iterator[str]:
    for user in users:
        yield f"user {user.name}"
        yield from (f"topic write {topic}" for topic in user.publish)
        yield from (f"topic read {topic}" for topic in user.subscribe)


def _hash(password: str) -> str:
    """Return a line's hash as `mosquitto_passwd` writes it (PBKDF2 with HMAC-SHA-512)."""
    salt, rounds = secrets.token_bytes(12), 101
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
