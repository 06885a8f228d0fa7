"""Where a broker listens, and who one is to it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXAMPLE = "mqtt://user:password@host:1883"


class BrokerError(Exception):
    """The broker is missing, refuses us, or is gone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A broker's address, with the user name and password to give there.

    Raises:
        ValueError: the address is not on this machine, and has no credentials.
    """

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False

    def __post_init__(self) -> None:
        if not (self.username and self.password) and not _is_loopback(self.host):
            raise ValueError(
                f"broker {self.host}:{self.port} is not on this machine and has no user name "
                f"and password; give them as in {_EXAMPLE}"
            )

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """Return the endpoint that an ``mqtt://`` or ``mqtts://`` URL names.

        Raises:
            ValueError: the URL is not one, or goes elsewhere without credentials.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"broker URL {_without_password(url)!r} is not like {_EXAMPLE}")
        try:
            port = parts.port
        except ValueError as error:
            raise ValueError(
                f"broker URL {_without_password(url)!r} has no port between 0 and 65535"
            ) from error
        return cls(
            parts.hostname,
            port or _PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            parts.scheme == "mqtts",
        )

    @property
    def url(self) -> str:
        """Return the address as a URL, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
