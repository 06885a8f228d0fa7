"""Who may enter a broker, and from where."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from pathlib import Path

_FILES = {"certificate": "broker.pem", "key": "broker.key", "ca": "ca.pem"}  # as an example


@dataclass(frozen=True, slots=True)
class User:
    """Whom a broker lets in, and the topic filters that they may publish to and subscribe to.

    Raises:
        ValueError: there is no password, or a name or filter that no broker's file can hold.
    """

    name: str
    password: str = field(repr=False)
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "_-" for c in self.name):
            raise ValueError(f"user {self.name!r} is not made of letters, digits, _ and -")
        if not self.password:
            raise ValueError(f"user {self.name!r} has no password; take User.new({self.name!r})")
        for topic in (*self.publish, *self.subscribe):
            if not topic or topic != topic.strip() or not topic.isprintable():
                raise ValueError(
                    f"user {self.name!r}: {topic!r} is not a topic filter like 'gnd/#'"
                )

    @classmethod
    def new(cls, name: str, publish: tuple[str, ...] = (), subscribe: tuple[str, ...] = ()) -> User:
        """Return a user with a random password, which lives as long as the broker."""
        return cls(name, secrets.token_urlsafe(16), publish, subscribe)


@dataclass(frozen=True, slots=True)
class Listen:
    """An address beside the loopback one: TLS 1.2 or later, client certificates, and passwords.

    ``certificate`` and ``key`` are the broker's, ``ca`` signs those of its
    clients: PEM files.

    Raises:
        ValueError: a part is missing, is not there, or is no address of a machine.
    """

    address: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None

    def __post_init__(self) -> None:
        for part, path in self.files.items():
            if path is None:
                raise ValueError(
                    f"a broker that listens at {self.address}:{self.port} needs TLS with client "
                    f"certificates and has no {part}; {_for_example(part)}"
                )
            if not path.is_file() or not str(path).isprintable():
                raise ValueError(
                    f"the broker's {part} {str(path)!r} is not a file; {_for_example(part)}"
                )
        try:
            ipaddress.ip_address(self.address)
        except ValueError as error:
            example = 'for example address = "192.0.2.1"'
            raise ValueError(f"{self.address!r} is no IP address; {example}") from error
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port {self.port} is outside 1..65535; for example port = 8883")

    @property
    def files(self) -> dict[str, Path | None]:
        """Return the three files by what they are."""
        return {"certificate": self.certificate, "key": self.key, "ca": self.ca}


def _for_example(part: str) -> str:
    return f'for example {part} = "{_FILES[part]}"'
