"""Flights on the wall clock, and all who take part in them: payloads, listeners, and what fails."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import tomli_w
from flights import Log, sheet
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from wiring import NO_JOBS

from groundlink.bench_control import SessionFile
from groundlink.broker import find_mosquitto
from groundlink.events import OnboardPublished, Received
from groundlink.messages import Message
from rigs.build import ONBOARD, SESSION, Options, build
from rigs.reading import Sheet
from rigs.records import Record, read_records
from rigs.rig import ProgramTable, RigTable
from rigs.run import Rig, finish, run

LIMIT_S = 20.0  # host seconds until we give up waiting, on a machine with other things to do
POLL_S = 0.01
PAYLOAD = "camera"
FRAME_OVERHEAD_BYTES = 32  # marker, headers, time, sequence and check, beside the body
AT_LEAST_ONCE = 1

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def until(fact: Callable[[], object], limit_s: float = LIMIT_S, what: str = "") -> None:
    """Wait until a fact holds; fail when it does not come to."""
    waiting = threading.Event()
    ends_s = time.monotonic() + limit_s
    while not fact():
        if time.monotonic() > ends_s:
            pytest.fail(f"what was waited for did not come {what}")
        waiting.wait(POLL_S)


def there_or_skip(name: str) -> str:
    """Return a broker's name if it is installed; else skip, or fail where it is required."""
    there = {
        "mosquitto": find_mosquitto() is not None,
        "amqtt": importlib.util.find_spec("amqtt") is not None,
    }[name]
    if not there and os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") != "1":
        pytest.skip(f"{name} is not installed")
    return name


def idle(**changes: Any) -> Sheet:
    """Return a mission in which nothing happens by itself but housekeeping, once in ten minutes."""
    usual: dict[str, Any] = {
        "horizon_s": 864_000.0,
        "housekeeping_s": 600.0,
        "payloads__pi__jobs": [{**NO_JOBS[0], "start_s": 863_000.0}],
        "battery__charge_fraction": 0.9,
        "link__contacts": [],
        "link__light_time_s": 0.0,
        "link__bit_error_rate": 0.0,
        "link__store_bytes": 100_000_000,
    }
    return sheet(**usual | changes)


IN_VIEW = [{"station": "a", "aos_s": 0.0, "los_s": 863_999.0}]  # a contact that never ends


def rehearsal(
    rate: float, programs: Sequence[str] = (PAYLOAD,), broker: str = "mosquitto", **more: Any
) -> RigTable:
    """Return a rig with programs that the test itself plays."""
    tables = {name: ProgramTable() for name in programs}
    return RigTable(
        mode="rehearsal",
        rate=rate,
        broker=broker,
        onboard_broker=broker,
        programs=tables,
        **more,
    )


class Flight:
    """A flight in a thread of this process: what happened stands in its `log`, bodies and all."""

    def __init__(self, folder: Path, flown: Sheet, rig: RigTable) -> None:
        self.folder, self.log = folder, Log()
        self._options = Options(rig, folder, inference=False)
        self._sheet = flown
        self._rig: queue.SimpleQueue[Rig | BaseException] = queue.SimpleQueue()
        self._failed: BaseException | None = None
        folder.mkdir()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()
        rig_or_error = self._rig.get(timeout=LIMIT_S)
        if isinstance(rig_or_error, BaseException):
            raise rig_or_error
        self.rig = rig_or_error

    def __enter__(self) -> Flight:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.rig.stop()
        self._thread.join(LIMIT_S)
        if self._failed is not None and kind is None:
            raise self._failed

    def land(self) -> Log:
        """End the flight; its accounts are checked. Return all that happened."""
        self.__exit__(None)
        return self.log

    @property
    def session(self) -> SessionFile:
        return SessionFile.read(self.folder / SESSION)

    @property
    def brokers(self) -> dict[str, Callable[[], int | None]]:
        """Return how to find the processes of the two buses."""
        session = self.session
        return {
            "on-board": lambda: onboard_broker(os.getpid(), session),
            "ground": lambda: ground_broker(session),
        }

    @property
    def flying(self) -> bool:
        return self._thread.is_alive()

    def credentials(self, program: str = PAYLOAD) -> dict[str, str]:
        return read_toml(self._options.keeps / f"{program}.toml")

    def published(self) -> list[bytes]:
        """Return what programs published, as the flight took it down, in its order."""
        return [event.body for event in self.log.all(OnboardPublished)]

    def received(self, source: str = PAYLOAD) -> list[Message]:
        """Return what came down of a source, in its order."""
        return [r.message for r in self.log.all(Received) if r.message.source == source]

    def _live(self) -> None:
        try:
            with build(self._sheet, self._options, self.log) as rig:
                self._rig.put(rig)
                run(rig)
                finish(rig)
        except BaseException as error:  # noqa: BLE001  # it is raised again in the test's thread
            self._failed = error
            self._rig.put(error)


class Process:
    """A flight by the command line, in a process of its own."""

    def __init__(
        self,
        folder: Path,
        flown: Sheet,
        rig: RigTable,
        *words: str,
        wrapper: Sequence[str | Path] = (),
    ) -> None:
        self.folder = folder
        self.store = Path(rig.store) if rig.store else folder / ONBOARD
        files = [folder.with_suffix(f".{what}.toml") for what in ("scenario", "rig")]
        for path, table in zip(files, (flown.scenario, rig), strict=True):
            path.write_text(tomli_w.dumps(table.model_dump(exclude_none=True)))
        command = [*wrapper, sys.executable, "-m", "rigs.cli", "run", files[0], "--rig", files[1]]
        self.process = subprocess.Popen(
            [*map(str, command), "--out", str(folder), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.kill()

    @property
    def session(self) -> SessionFile:
        self._wait_for(self.folder / SESSION)
        return SessionFile.read(self.folder / SESSION)

    def credentials(self, program: str = PAYLOAD) -> dict[str, str]:
        self._wait_for(self.folder / SESSION)
        return read_toml(self.seen(self.store) / f"{program}.toml")

    def seen(self, folder: Path) -> Path:
        """Return a folder as the flight sees it, which may have a file system of its own there."""
        return Path(f"/proc/{self.process.pid}/root{folder.absolute()}")

    def records(self, *kinds: str) -> list[Record]:
        return [r for r in read_records(self.folder / "records.jsonl") if r["what"] in kinds]

    def count(self, kind: str) -> int:
        """Return how many records there are of a kind, also while they are being written."""
        path = self.folder / "records.jsonl"
        return path.read_bytes().count(f'"what":"{kind}"'.encode()) if path.exists() else 0

    def wait_for_records(self, kind: str, count: int = 1) -> None:
        until(lambda: self.count(kind) >= count, what=kind)

    def land(self, *, code: int = 0) -> str:
        """Wait for its end; return what it said."""
        out, err = self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == code, err
        assert "Traceback" not in err
        return out

    def interrupt(self) -> str:
        """End it as Ctrl-C does; return what it said."""
        self.wait_for_records("housekeeping")
        self.process.send_signal(signal.SIGINT)
        return self.land(code=130)

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "summary.json").read_text())
        return found

    def kill(self) -> None:
        """Kill it, and all that it started with it; return when they are gone."""
        self.process.kill()
        self.process.communicate(timeout=LIMIT_S)

    def _wait_for(self, path: Path) -> None:
        def there() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            return path.exists()

        until(there, what=str(path))


def read_toml(path: Path) -> dict[str, str]:
    found: dict[str, str] = tomllib.loads(path.read_text())
    return found


class Payload:
    """A payload's program: it publishes at QoS 1, and knows what was acknowledged to it."""

    def __init__(
        self, credentials: Mapping[str, str], port: int | None = None, *, in_flight: int = 100
    ) -> None:
        bus = urlsplit(credentials["HIGHBAY_BROKER"])
        self.port = port or bus.port or 0
        self.topic = credentials["HIGHBAY_TOPIC"]
        self.stored = 0  # how many of its messages the flight says are safe
        self.obeys: bool | None = None  # what it reports on commands, None nothing
        self.commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.departures = 0
        self._bodies: dict[int, bytes] = {}
        self._acknowledged: list[int] = []
        self._ready = threading.Event()
        name = credentials["HIGHBAY_USERNAME"]
        self.client = client = Client(CallbackAPIVersion.VERSION2, client_id=name)
        client.username_pw_set(name, credentials["HIGHBAY_PASSWORD"])
        client.reconnect_delay_set(0.1, 1)  # type: ignore[arg-type]  # fractions work
        client.max_inflight_messages_set(in_flight)
        client.on_publish = lambda client, userdata, mid, *_: self._acknowledged.append(mid)
        client.on_message = self._hear
        client.on_connect = lambda client, *_: client.subscribe(
            [(f"{self.topic}/tc", 1), (f"{self.topic}/stored", 1)]
        )
        client.on_subscribe = lambda *_: self._ready.set()
        client.on_disconnect = self._leave
        client.connect("127.0.0.1", self.port, keepalive=2)
        client.loop_start()
        assert self._ready.wait(LIMIT_S)

    def __enter__(self) -> Payload:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, *bodies: bytes, kind: str = "tm") -> None:
        for body in bodies:
            self._bodies[self.client.publish(f"{self.topic}/{kind}", body, qos=1).mid] = body

    def acknowledged(self) -> list[bytes]:
        """Return the bodies of which a PUBACK came."""
        return [self._bodies[mid] for mid in list(self._acknowledged) if mid in self._bodies]

    def is_now(self, state: str) -> None:
        self.client.publish(f"{self.topic}/state", json.dumps({"v": 1, "state": state}), qos=1)

    def _hear(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        said = json.loads(message.payload)
        if message.topic.endswith("/stored"):
            self.stored = said["stored"]
        else:
            self.commands.put(said)
            self._report(said["id"])

    def _report(self, command_id: str) -> None:
        if self.obeys is not None:
            report = {"v": 1, "ok": self.obeys, "reason": "" if self.obeys else "not in the mood"}
            self.client.publish(f"{self.topic}/tcr/{command_id}", json.dumps(report), qos=1)

    def _leave(self, *_: object) -> None:
        self.departures += 1


class Publishing:
    """A payload that publishes numbered bodies in a thread, some hundred a second."""

    def __init__(self, payload: Payload, *, pause_s: float = 0.003, fill: bytes = b"") -> None:
        self.count = 0
        self._payload, self._pause_s, self._fill = payload, pause_s, fill
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live)

    def __enter__(self) -> Publishing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def goes_on(self, messages: int = 50) -> None:
        """Wait until so many more were acknowledged."""
        before = len(self._payload.acknowledged())
        until(lambda: len(self._payload.acknowledged()) >= before + messages, what="no PUBACK")

    def _live(self) -> None:
        while not self._stopping.wait(self._pause_s):
            self._payload.publish(numbered(self.count) + self._fill)
            self.count += 1


def numbered(number: int) -> bytes:
    return b'{"n":%06d}' % (number + 100_000)


class Heard(NamedTuple):
    host_s: float
    topic: str
    payload: bytes


class Listener:
    """A stock client on the ground bus, which keeps all that it hears, and when."""

    def __init__(self, session: SessionFile) -> None:
        self.heard: list[Heard] = []
        self._ready = threading.Event()
        self.client = client = Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set(session.username, session.password)
        client.reconnect_delay_set(0.1, 1)  # type: ignore[arg-type]
        client.on_connect = lambda client, *_: client.subscribe(
            f"gnd/1/{session.satellite}/#", qos=1
        )
        client.on_subscribe = lambda *_: self._ready.set()
        client.on_message = self._hear
        client.connect("127.0.0.1", urlsplit(session.url).port or 0, keepalive=5)
        client.loop_start()
        assert self._ready.wait(LIMIT_S)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def said(self, ending: str = f"/{PAYLOAD}/tm") -> list[dict[str, Any]]:
        """Return what was said on the topics of an ending."""
        heard = list(self.heard)
        return [json.loads(h.payload) for h in heard if h.topic.endswith(ending) and h.payload]

    def bodies(self, ending: str = f"/{PAYLOAD}/tm") -> list[Any]:
        return [said["body"] for said in self.said(ending)]

    def _hear(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        self.heard.append(Heard(time.monotonic(), message.topic, bytes(message.payload)))


class Proxy:
    """A TCP connection's middle, which can fall silent without ending anything."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._wake, self._woken = socket.socketpair()
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def fall_silent(self) -> None:
        """Forward nothing more on the connections there are; new ones are as good as ever."""
        self._wake.send(b"s")

    def close(self) -> None:
        self._wake.send(b"q")
        self._thread.join()

    def _serve(self) -> None:
        pairs: dict[socket.socket, socket.socket] = {}
        silent: list[socket.socket] = []
        while True:
            ready, _, _ = select.select([self._server, self._woken, *pairs], [], [])
            for end in ready:
                if end is self._woken:
                    silent, word = [*silent, *pairs], end.recv(1)
                    pairs = {}
                    if word == b"q":
                        for each in (*silent, self._server, self._wake, self._woken):
                            each.close()
                        return
                elif end is self._server:
                    near, far = self._server.accept()[0], socket.create_connection(self._target)
                    pairs |= {near: far, far: near}
                elif end in pairs:
                    _forward(end, pairs)


def _forward(end: socket.socket, pairs: dict[socket.socket, socket.socket]) -> None:
    with suppress(OSError):
        if piece := end.recv(65_536):
            pairs[end].sendall(piece)
            return
    for each in (pairs.pop(end), end):
        pairs.pop(each, None)
        each.close()


# Processes and their sockets, from /proc.


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


def process_at(port: int) -> int | None:
    """Return the process that listens at a port of this machine, None if none does."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in table]
    inodes = {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}
    for fd in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if (name := os.readlink(fd)).startswith("socket:[") and name[8:-1] in inodes:
                return int(fd.parts[2])
    return None


def ground_broker(session: SessionFile) -> int | None:
    """Return the process of the broker of the ground bus, None while there is none."""
    return process_at(port_of(session.url))


def onboard_broker(host: int, session: SessionFile) -> int | None:
    """Return the process of the on-board broker of a flight; nobody tells its port."""
    ground = ground_broker(session)
    return next((pid for pid in _brokers_of(host) if pid != ground), None)


def _brokers_of(host: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes()
            if parent == host and (b"mosquitto.conf" in words or b"amqtt_broker" in words):
                yield int(folder.name)


def kill_broker(broker: Callable[[], int | None]) -> None:
    """Kill a broker, and wait for the next one in its place."""
    before = broker()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: broker() not in (None, before), what="no broker came up again")


@contextmanager
def stopped(process_id: int) -> Iterator[None]:
    """Let a process stand still for a while."""
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def peak_bytes(process_id: int) -> int:
    """Return the most memory that a process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
