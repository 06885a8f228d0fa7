"""What a rehearsal opens around a flight: the two buses, and what the satellite keeps."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from groundlink.authentication import Key
from groundlink.bench_control import SessionFile
from groundlink.broker import Broker, Listen, User, open_broker
from groundlink.endpoint import BrokerError, Endpoint
from groundlink.gate import Gate
from groundlink.journal import SqliteJournal, StoreError
from groundlink.programs import Isolation, Program, RunningProgram
from groundlink.topics import Rights, Role, ground_rights, onboard_rights, program_topic
from rigs.errors import RigError
from rigs.rig import RigTable

STORE, KEY, BUS = "store.sqlite", "key", "bus"
KEY_ID = 1
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Buses:
    """The brokers of a rehearsal; without programs there is no on-board bus."""

    ground: Broker
    onboard: Broker | None

    def endpoint(self, role: Role) -> Endpoint:
        """Return where a role enters the ground bus."""
        return self.ground.endpoints[role.value]

    @property
    def kinds(self) -> dict[str, str]:
        """Return which broker runs each bus."""
        kinds = {"ground": self.ground.kind}
        return kinds if self.onboard is None else kinds | {"onboard": self.onboard.kind}


@contextmanager
def open_buses(name: str, rig: RigTable, keeps: Path) -> Iterator[Buses]:
    """Give the ground bus and, where programs fly, the on-board bus, which ``keeps`` its memory.

    Raises:
        RigError: a broker does not come up, or may not listen where it should.
    """
    with ExitStack() as stack:
        try:
            ground = stack.enter_context(
                open_broker(rig.broker, _users(ground_rights(name, name)), listen=_listen(rig))
            )
            onboard = stack.enter_context(_onboard_bus(name, rig, keeps)) if rig.programs else None
        except (BrokerError, ValueError) as error:
            raise RigError(f"broker: {error}") from error
        yield Buses(ground, onboard)


def _onboard_bus(name: str, rig: RigTable, keeps: Path) -> AbstractContextManager[Broker]:
    users = _users(onboard_rights(name, tuple(rig.programs)))
    return open_broker(rig.onboard_broker, users, directory=keeps / BUS, one_client_per_user=True)


def _users(rights: Mapping[str, Rights]) -> Sequence[User]:
    return [User.new(name, may.publish, may.subscribe) for name, may in rights.items()]


def _listen(rig: RigTable) -> Listen | None:
    table = rig.listen
    if table is None:
        return None
    files = (Path(table.certificate), Path(table.key), Path(table.ca))
    return Listen(table.address, table.port, *files)


@contextmanager
def session_file(path: Path, buses: Buses, name: str) -> Iterator[None]:
    """Tell `highbay inject` and `highbay command` where to turn, as long as the flight lasts."""
    bench, operator = buses.endpoint(Role.BENCH), buses.endpoint(Role.OPERATOR)
    SessionFile.of(bench, operator, name, name).write(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of third parties that fly, and how each is isolated."""

    isolation: Mapping[str, str]
    running: Sequence[RunningProgram]

    def trouble(self) -> str:
        """Return in a sentence which of them ended before the flight; empty where none did."""
        ended = [(each.name, each.status) for each in self.running if each.status is not None]
        return "; ".join(f"program {name} ended with {status}" for name, status in ended)


@contextmanager
def flying_programs(
    rig: RigTable, buses: Buses, gate: Gate | None, name: str, keeps: Path
) -> Iterator[Programs]:
    """Start the programs of third parties at the gate.

    For one without a command a file in ``keeps`` tells whoever starts it
    where to turn, as long as the flight lasts.

    Raises:
        RigError: a program cannot be started, or not be isolated as it must.
    """
    bus, isolation, flying = buses.onboard, dict[str, str](), list[RunningProgram]()
    with ExitStack() as stack:
        for program, table in rig.programs.items():
            if bus is None or gate is None:
                raise RigError(f"program {program} flies, and there is no on-board bus")
            endpoint = gate.endpoint(bus.endpoints[program])
            if table.command is None:
                isolation[program] = "none (started by somebody else)"
                stack.enter_context(_credentials(keeps / f"{program}.toml", endpoint, name))
                continue
            said = Program(program, tuple(table.command), Isolation(table.isolation))
            try:
                running = RunningProgram(said, endpoint, gate.socket_path, name, keeps)
            except (OSError, ValueError) as error:
                raise RigError(f"programs.{program}: {error}") from error
            isolation[program] = stack.enter_context(running).isolation
            flying.append(running)
        yield Programs(isolation, flying)


@contextmanager
def _credentials(path: Path, endpoint: Endpoint, satellite: str) -> Iterator[None]:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(
            tomli_w.dumps(
                {
                    "HIGHBAY_BROKER": endpoint.url,
                    "HIGHBAY_USERNAME": endpoint.username,
                    "HIGHBAY_PASSWORD": endpoint.password,
                    "HIGHBAY_TOPIC": program_topic(satellite, endpoint.username),
                }
            )
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def open_store(path: Path) -> Iterator[SqliteJournal]:
    """Give the memory of the on-board store.

    What a full disk does not take at the very end is no error: the flight has
    tried before, and its record says so.

    Raises:
        StoreError: it cannot be opened.
    """
    if not path.exists() and (path.parent / KEY).exists():
        raise RigError(
            f"{path}: is not there, and beside it is a key: its counters are lost, and old frames "
            f"could be replayed; remove {path.parent / KEY} to make a new one"
        )
    journal = SqliteJournal(path)
    flown = False
    try:
        yield journal
        flown = True
    finally:
        with suppress(StoreError):
            journal.close(forget=flown)  # a flight that broke off may have lost what came down


def shared_key(keeps: Path) -> Key:
    """Return the key of ground and satellite, which is made when a satellite first flies.

    Raises:
        RigError: the file holds no key.
    """
    path = keeps / KEY
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    try:
        return Key(KEY_ID, bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except ValueError as error:
        rule = "holds no key; one is 64 hexadecimal digits. Remove it to make a new one"
        raise RigError(f"{path}: {rule}") from error
