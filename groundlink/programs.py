"""Programs of third parties: each is a process of its own, and is told of the on-board bus alone.

Where the host allows it, a program has its own user, process and network
namespaces: it reaches nothing but the Unix socket of the on-board bus, it
cannot look into the memory or environment of the host's processes, and all
that it starts ends with it. What this does not isolate: it runs under the
host's user id on the host's file system, so it can read what that user can
read, sockets in the file system included, and it shares processor and memory.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import TracebackType

from groundlink.endpoint import Endpoint
from groundlink.tether import tethered
from groundlink.topics import checked_program, program_topic

END_LIMIT_S = 2.0  # that a program has after SIGTERM
PROBE_LIMIT_S = 10.0
LARGEST_FILE_BYTES = 256 * 2**20  # that a program may write, its log among them
NAMESPACE = "network-namespace"

_BLOCK_BYTES = 512  # of `ulimit -f`
_LIMITED = f"ulimit -c 0; ulimit -f {LARGEST_FILE_BYTES // _BLOCK_BYTES}; "
_HERE = _LIMITED + 'exec "$@"'
# The shell stays, as the first process of the namespace: it collects orphans, and when it is
# killed, everything is. paho needs a loopback interface of its own.
_INSIDE = f'ip link set lo up; {_LIMITED}"$@"; exit $?'
_UNSHARE = ("--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--")

_log = logging.getLogger(__name__)


class Isolation(Enum):
    """What is asked for between a program and the host."""

    AUTO = "auto"  # a namespace where the host allows it
    NAMESPACE = "network-namespace"  # or no flight
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Program:
    """A program of a third party. The first of ``command`` is found on PATH.

    Raises:
        ValueError: it cannot have this name, or there is no command.
    """

    name: str
    command: tuple[str, ...]
    isolation: Isolation = Isolation.AUTO

    def __post_init__(self) -> None:
        checked_program(self.name)
        if not self.command:
            raise ValueError(f"program {self.name} has no command, such as ['python3', 'it.py']")


class RunningProgram:
    """A program while it runs; its directory and its log stand in ``folder`` under its name.

    ``isolation`` says what ran: `NAMESPACE`, or none with the reason. One
    that ends is not started again: its last will tells the flight, and a
    warning tells the status. It is killed if the thread that starts it ends.

    Raises:
        ValueError: it cannot be isolated as it must, or cannot be started.
    """

    def __init__(
        self,
        program: Program,
        endpoint: Endpoint,
        socket_path: Path | None,
        satellite: str,
        folder: Path,
    ) -> None:
        self.name = program.name
        self.isolation = _isolation(program, socket_path)
        self._log_path = folder / f"{program.name}.log"
        directory = folder / program.name
        directory.mkdir(parents=True, exist_ok=True)
        isolated = self.isolation == NAMESPACE
        bus = f"unix://{socket_path}" if isolated else endpoint.url
        self._process = _start(
            _command(program, isolated),
            _environment(bus, endpoint, program_topic(satellite, program.name), directory),
            directory,
            self._log_path,
        )
        self._closing = False
        self._watch = threading.Thread(target=self._wait, name=program.name, daemon=True)
        self._watch.start()

    def __enter__(self) -> RunningProgram:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        """Return its process, which leads a process group."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Return its exit status; None while it runs."""
        return self._process.poll()

    def close(self) -> None:
        """Let it end, and end it and its process group if it does not."""
        self._closing = True
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_LIMIT_S)
        self._signal(signal.SIGKILL)  # what it left behind, if it is gone itself
        self._process.wait()
        self._watch.join()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _wait(self) -> None:
        status = self._process.wait()
        if not self._closing:
            _log.warning("program %s ended with %d; see %s", self.name, status, self._log_path)


@cache
def refusal() -> str:
    """Return why this host gives a program no namespaces of its own; empty if it does."""
    missing = [name for name in ("unshare", "ip") if shutil.which(name, path=_path()) is None]
    if missing:
        return f"there is no program {missing[0]}"
    try:
        probe = subprocess.run(
            [*_unshare(), "/bin/sh", "-c", "ip link set lo up"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROBE_LIMIT_S,
            check=False,
            env={"PATH": _path()},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unshare: {error}"
    return probe.stderr.strip().rpartition("\n")[2] or "unshare" if probe.returncode else ""


def _isolation(program: Program, socket_path: Path | None) -> str:
    if program.isolation is Isolation.NONE:
        return "none (as asked for)"
    reason = "the on-board broker has no Unix socket" if socket_path is None else refusal()
    if reason and program.isolation is Isolation.NAMESPACE:
        raise ValueError(f"program {program.name} cannot have a network namespace: {reason}")
    return f"none ({reason})" if reason else NAMESPACE


def _command(program: Program, isolated: bool) -> list[str]:
    if not isolated:
        return tethered(["/bin/sh", "-c", _HERE, "sh", *program.command])
    return tethered([*_unshare(), "/bin/sh", "-c", _INSIDE, "sh", *program.command])


def _unshare() -> list[str]:
    return [shutil.which("unshare", path=_path()) or "unshare", *_UNSHARE]


def _environment(bus: str, endpoint: Endpoint, topic: str, home: Path) -> dict[str, str]:
    return {
        "PATH": _path(),
        "HOME": str(home),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HIGHBAY_BROKER": bus,
        "HIGHBAY_USERNAME": endpoint.username,
        "HIGHBAY_PASSWORD": endpoint.password,
        "HIGHBAY_TOPIC": topic,
    }


def _start(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path
) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _path() -> str:
    """Return PATH with the places of system programs, which only root's own has."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
