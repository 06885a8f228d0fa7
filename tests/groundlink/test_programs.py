import os
import shutil
import sys
import threading
from pathlib import Path

import pytest
from buses import LIMIT_S, SATELLITE, Host, open_buses

from groundlink import programs
from groundlink.commands import Forward
from groundlink.endpoint import Endpoint
from groundlink.events import CommandReleased, ProgramReport, ProgramState
from groundlink.messages import MessageKind
from groundlink.programs import NAMESPACE, Isolation, Program, RunningProgram
from groundlink.topics import Role

TRACKER = "star-tracker"
EXAMPLE = Path(__file__).parents[1] / "programs" / "star_tracker.py"
NOWHERE = Endpoint("127.0.0.1", 1, TRACKER, "secret")
EACH = [Isolation.NONE, Isolation.NAMESPACE]


@pytest.fixture(params=EACH, ids=lambda isolation: isolation.value)
def isolation(request) -> Isolation:
    if request.param is Isolation.NAMESPACE and programs.refusal():
        pytest.skip(f"this host gives no namespaces: {programs.refusal()}")
    return request.param


def ended(running):
    """Return the status of a program that ends by itself."""
    pause = threading.Event()
    for _ in range(round(LIMIT_S / 0.02)):
        if running.status is not None:
            return running.status
        pause.wait(0.02)
    pytest.fail(f"{running.name} does not end")


def run(tmp_path, isolation, *command, endpoint=NOWHERE):
    """Run a program until it ends; return its status and what it said."""
    program = Program(TRACKER, command, isolation)
    socket_path = tmp_path / "socket" if isolation is Isolation.NAMESPACE else None
    with RunningProgram(program, endpoint, socket_path, SATELLITE, tmp_path) as running:
        status = ended(running)
    return status, (tmp_path / f"{TRACKER}.log").read_text()


def python(tmp_path, isolation, code):
    return run(tmp_path, isolation, sys.executable, "-c", code)


def test_a_program_is_told_of_the_bus_and_of_nothing_else(tmp_path, isolation, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    status, said = python(
        tmp_path, isolation, "import os; [print(k, os.environ[k]) for k in os.environ]"
    )
    told = dict(line.split(" ", 1) for line in said.splitlines())
    assert status == 0
    inside = isolation is Isolation.NAMESPACE
    bus = f"unix://{tmp_path}/socket" if inside else "mqtt://127.0.0.1:1"
    assert told.pop("HIGHBAY_BROKER") == bus
    assert told.pop("HIGHBAY_USERNAME") == TRACKER
    assert told.pop("HIGHBAY_PASSWORD") == "secret"
    assert told.pop("HIGHBAY_TOPIC") == f"onb/1/{SATELLITE}/{TRACKER}"
    assert told.pop("HOME") == str(tmp_path / TRACKER)
    set_by_the_shell_and_python = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    assert set(told) - set_by_the_shell_and_python == {"PATH", "LANG"}


def test_a_program_has_a_directory_and_no_input_of_its_own(tmp_path, isolation):
    _, said = python(
        tmp_path, isolation, "import os, sys; print(os.getcwd()); print(repr(sys.stdin.read()))"
    )
    assert said.splitlines() == [str(tmp_path / TRACKER), "''"]


def test_a_program_has_a_session_of_its_own(tmp_path, isolation):
    program = Program(TRACKER, ("sleep", "600"), isolation)
    socket_path = tmp_path / "socket" if isolation is Isolation.NAMESPACE else None
    with RunningProgram(program, NOWHERE, socket_path, SATELLITE, tmp_path) as running:
        assert os.getsid(running.process_id) == running.process_id


def test_a_program_s_status_is_kept_and_said(tmp_path, isolation, caplog):
    status, said = python(tmp_path, isolation, "import sys; print('oh', flush=True); sys.exit(3)")
    assert (status, said) == (3, "oh\n")
    assert "program star-tracker ended with 3" in caplog.text


def test_a_program_that_is_not_there_ends_with_the_shell_s_status(tmp_path, isolation):
    status, said = run(tmp_path, isolation, "no-such-program")
    assert status == 127
    assert "not found" in said


def test_a_program_s_files_are_bounded(tmp_path, isolation, monkeypatch):
    limited = programs._LIMITED.replace(str(programs.LARGEST_FILE_BYTES // 512), "8")
    monkeypatch.setattr(programs, "_HERE", programs._HERE.replace(programs._LIMITED, limited))
    monkeypatch.setattr(programs, "_INSIDE", programs._INSIDE.replace(programs._LIMITED, limited))
    status, _ = python(tmp_path, isolation, "while True: print('x' * 1000)")
    assert status != 0
    assert (tmp_path / f"{TRACKER}.log").stat().st_size <= 8 * 512


def alive(process_id):
    """Return whether a process runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    if {apart}: os.setsid()
print(os.readlink("/proc/self"), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("apart", [False, True])
def test_all_that_a_program_started_ends_with_it(tmp_path, isolation, apart, monkeypatch):
    """Outside a namespace a child in a session of its own escapes, as `programs` confesses."""
    if apart and isolation is Isolation.NONE:
        pytest.xfail("only a process namespace holds a child that leaves its process group")
    monkeypatch.setattr(programs, "END_LIMIT_S", 0.2)
    command = (sys.executable, "-c", STUBBORN.format(apart=apart))
    socket_path = tmp_path / "socket" if isolation is Isolation.NAMESPACE else None
    log = tmp_path / f"{TRACKER}.log"
    program = Program(TRACKER, command, isolation)
    with RunningProgram(program, NOWHERE, socket_path, SATELLITE, tmp_path) as running:
        pause = threading.Event()
        while len(log.read_text().split()) < 2:  # /proc shows the host's numbers
            assert running.status is None
            pause.wait(0.02)
        started = log.read_text().split()
        assert all(alive(each) for each in started)
    for _ in range(round(LIMIT_S / 0.02)):  # the kernel clears a killed namespace away
        if not any(alive(each) for each in started):
            return
        pause.wait(0.02)
    pytest.fail("something that the program started lives on")


REACH = """
import socket, sys
for port in map(int, sys.argv[1:]):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        print("reached")
    except OSError as error:
        print("refused")
"""


@pytest.mark.mosquitto
def test_from_a_namespace_no_port_of_the_host_is_reached(tmp_path, isolation, mosquitto_installed):
    with open_buses(mosquitto_installed) as buses:
        ports = [str(buses.on_board("host").port), str(buses.on_ground(Role.HOST).port)]
        _, said = run(tmp_path, isolation, sys.executable, "-c", REACH, *ports)
    inside = isolation is Isolation.NAMESPACE
    assert said.split() == (["refused"] if inside else ["reached"]) * 2


LOOK = """
import os
try:
    open(f"/proc/{%d}/environ", "rb").read()
    print("seen")
except OSError:
    print("hidden")
"""


def test_from_a_namespace_the_host_s_environment_is_hidden(tmp_path, isolation):
    _, said = python(tmp_path, isolation, LOOK % os.getpid())
    assert said.strip() == ("hidden" if isolation is Isolation.NAMESPACE else "seen")


def test_without_a_socket_there_is_no_namespace_and_the_record_says_so(tmp_path):
    program = Program(TRACKER, ("true",))
    with RunningProgram(program, NOWHERE, None, SATELLITE, tmp_path) as running:
        assert running.isolation == "none (the on-board broker has no Unix socket)"
    wanted = Program(TRACKER, ("true",), Isolation.NAMESPACE)
    with pytest.raises(ValueError, match="cannot have a network namespace: the on-board broker"):
        RunningProgram(wanted, NOWHERE, None, SATELLITE, tmp_path)


def test_where_the_host_gives_no_namespace_the_record_says_why(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    for name in ("sh", "ip"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name, path=programs._path()))
    refusing = tmp_path / "bin" / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(programs, "_path", lambda: str(tmp_path / "bin"))
    monkeypatch.setattr(programs, "refusal", programs.refusal.__wrapped__)
    program = Program(TRACKER, ("true",))
    with RunningProgram(program, NOWHERE, tmp_path / "s", SATELLITE, tmp_path) as running:
        assert running.isolation == "none (unshare failed: Operation not permitted)"


@pytest.mark.parametrize("name", ["obc", "link", "host", "Star", "a/b"])
def test_a_program_has_a_name_of_its_own(name):
    with pytest.raises(ValueError, match=r"named|a-z"):
        Program(name, ("true",))


def test_a_program_has_a_command():
    with pytest.raises(ValueError, match="has no command"):
        Program(TRACKER, ())


@pytest.mark.mosquitto
def test_the_example_is_stored_commanded_and_mourned(tmp_path, isolation, mosquitto_installed):
    with (
        open_buses(mosquitto_installed, [TRACKER]) as buses,
        Host(buses, [TRACKER]) as host,
        RunningProgram(
            Program(TRACKER, (sys.executable, str(EXAMPLE)), isolation),
            host.door(TRACKER),
            host.gate.socket_path,
            SATELLITE,
            tmp_path,
        ) as running,
    ):
        inside = isolation is Isolation.NAMESPACE
        assert running.isolation == (NAMESPACE if inside else "none (as asked for)")
        assert host.next(ProgramState) == ProgramState(TRACKER, "ready")
        assert len(host.store(10, TRACKER, MessageKind.TELEMETRY)) == 10
        released = CommandReleased(bytes(4), Forward(TRACKER, {"period_s": 0.05}), b"frame")
        host.gateway.release(5.0, released)
        assert host.next(ProgramReport) == ProgramReport(TRACKER, "00000000", True, "")
        released = CommandReleased(bytes(4), Forward(TRACKER, {"period_s": -1}), b"frame")
        host.gateway.release(5.0, released)
        refused = host.next(ProgramReport)
        assert refused == ProgramReport(TRACKER, "00000000", False, "period_s is 0.01 or more")
        os.killpg(running.process_id, 9)
        assert host.next(ProgramState) == ProgramState(TRACKER, "lost")
        ended(running)


@pytest.mark.mosquitto
def test_the_example_counts_what_is_safe_on_board(tmp_path, isolation, mosquitto_installed):
    with (
        open_buses(mosquitto_installed, [TRACKER]) as buses,
        Host(buses, [TRACKER]) as host,
        RunningProgram(
            Program(TRACKER, (sys.executable, str(EXAMPLE), "20"), isolation),
            host.door(TRACKER),
            host.gate.socket_path,
            SATELLITE,
            tmp_path,
        ) as running,
    ):
        host.store(20, TRACKER, MessageKind.TELEMETRY)
        assert host.next(ProgramState) == ProgramState(TRACKER, "disconnected")
        assert ended(running) == 0
    assert (tmp_path / f"{TRACKER}.log").read_text() == "stored 20 of 20\n"
