"""Flights of the link alone, brokers to test against, and certificates for them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from groundlink.broker import Broker, User, find_mosquitto, open_broker

USERS = [
    User.new("host", publish=("t/#",), subscribe=("t/#",)),
    User.new("writer", publish=("t/w/#",)),
    User.new("reader", subscribe=("t/r/#",)),
]


def missing(what: str) -> None:
    if os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") == "1":
        pytest.fail(f"{what} is not installed, and HIGHBAY_REQUIRE_PROGRAMS=1 requires it")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(scope="session")
def mosquitto_installed() -> str:
    """Skip, or fail where programs are required, if there is no mosquitto; else name it."""
    if find_mosquitto() is None:
        missing("mosquitto")
    return "mosquitto"


@pytest.fixture(scope="session")
def amqtt_installed() -> str:
    """Skip if there is no amqtt; else name it."""
    if importlib.util.find_spec("amqtt") is None:
        pytest.skip("amqtt is not installed")
    return "amqtt"


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "amqtt"])
def broker_kind(request: pytest.FixtureRequest) -> str:
    """Name each broker that is installed, for tests that open one of their own."""
    kind: str = request.getfixturevalue(f"{request.param}_installed")
    return kind


@pytest.fixture(scope="session")
def mosquitto(mosquitto_installed: str) -> Iterator[Broker]:
    """Run one mosquitto for all tests, with the users host, writer and reader of ``t/…``."""
    with open_broker(mosquitto_installed, USERS) as broker:
        yield broker


@pytest.fixture(scope="session")
def amqtt(amqtt_installed: str) -> Iterator[Broker]:
    """Run one amqtt for all tests, with the same users."""
    with open_broker(amqtt_installed, USERS) as broker:
        yield broker


@pytest.fixture
def broker(broker_kind: str, request: pytest.FixtureRequest) -> Broker:
    """Give the broker of all tests, of each kind in turn."""
    found: Broker = request.getfixturevalue(broker_kind)
    return found


@dataclass(frozen=True)
class Authority:
    """A certificate authority that lives as long as the tests."""

    directory: Path

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return a certificate for this machine, signed by the authority, and its key."""
        request, extension = self.directory / f"{name}.csr", self.directory / "extension"
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        extension.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        _openssl("req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        signed_by = ("-CA", self.ca, "-CAkey", self.directory / "ca.key", "-CAcreateserial")
        _openssl(
            *("x509", "-req", "-days", "2", "-in", request, "-out", certificate),
            *(*signed_by, "-extfile", extension),
        )
        return certificate, key


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="session")
def new_authority(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Authority]:
    """Make throw-away certificate authorities, with the openssl program."""
    if shutil.which("openssl") is None:
        missing("openssl")

    def make() -> Authority:
        authority = Authority(tmp_path_factory.mktemp("authority"))
        key = authority.directory / "ca.key"
        root = ("-x509", "-days", "2", "-subj", "/CN=throw-away")
        _openssl("req", *root, *_NEW_KEY, "-keyout", key, "-out", authority.ca)
        return authority

    return make
