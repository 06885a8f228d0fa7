"""Where a broker listens, and who one is to it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXAMPLE = "mqtt://user:password@localhost:1883"
_BEYOND = "mqtts://user:password@host:8883?ca=ca.pem&certificate=me.pem&key=me.key"
_FILES = ("ca", "certificate", "key")


class BrokerError(Exception):
    """The broker is missing, refuses us, or is gone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A broker's address, with what to show there: a user's password, a certificate.

    ``path`` is that of a Unix socket, used in place of host and port. ``ca``
    is the certificate that signs the broker's (without it, the machine's own
    authorities count), ``certificate`` and ``key`` are one's own: PEM files.

    Raises:
        ValueError: the address is not on this machine, and lacks TLS or a client certificate.
    """

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError(
                f"broker {self.url} needs certificate and key together, as in {_BEYOND}"
            )
        if not self.tls and (self.ca or self.certificate):
            raise ValueError(f"broker {self.url} has certificates but no TLS; write {_BEYOND}")
        if self.path is None and not is_loopback(self.host):
            self._check_beyond()

    def _check_beyond(self) -> None:
        if not self.tls:
            raise ValueError(
                f"broker {self.url} is not on this machine and not TLS; write {_BEYOND}"
            )
        if self.certificate is None:
            raise ValueError(
                f"broker {self.url} is not on this machine and gets no client certificate; "
                f"give one as in {_BEYOND}"
            )

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """Return the endpoint that an ``mqtt://``, ``mqtts://`` or ``unix://`` URL names.

        The paths of certificates are its query (``?ca=…&certificate=…&key=…``);
        ``unix://user:password@/run/bus.socket`` is a socket of this machine.

        Raises:
            ValueError: the URL is not one, or goes elsewhere without TLS and certificates.
        """
        parts = urlsplit(url)
        shown = _without_password(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.scheme == "unix" and parts.path and not parts.hostname:
            return cls("localhost", 0, user, password, path=Path(unquote(parts.path)))
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"broker URL {shown!r} is not like {_EXAMPLE} or {_BEYOND}")
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError as error:
            raise ValueError(f"broker URL {shown!r} has no port between 0 and 65535") from error
        tls, files = parts.scheme == "mqtts", _files(parts, shown)
        return cls(parts.hostname, port, user, password, tls, *files)

    @property
    def url(self) -> str:
        """Return the address as a URL, without credentials."""
        if self.path is not None:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine, to be reached by nobody else.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _files(parts: SplitResult, shown: str) -> list[Path | None]:
    """Return the paths in a URL's query, in the order of `_FILES`."""
    given = dict(parse_qsl(parts.query))
    if unknown := sorted(given.keys() - set(_FILES)):
        raise ValueError(f"broker URL {shown!r}: {unknown[0]!r} is not one of {', '.join(_FILES)}")
    return [Path(given[name]) if name in given else None for name in _FILES]


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
