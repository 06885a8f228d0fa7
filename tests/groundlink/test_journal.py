import json
import random
import shutil
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundlink.journal import NO_JOURNAL, SEQUENCES_AHEAD, SqliteJournal, StoreError
from groundlink.messages import LARGEST_SEQUENCE, Message, MessageKind

TELEMETRY, PRODUCT = MessageKind.TELEMETRY, MessageKind.PRODUCT


def message(sequence, kind=TELEMETRY, source="pi", body=b"body", generated_s=0.0):
    return Message(kind, source, sequence, generated_s, body)


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "live"
    folder.mkdir()
    return folder / "store.sqlite"


def after_a_crash(path):
    """The journal as it stands on disk at this moment, as if the process were no more."""
    folder = path.parent.with_name("after a crash")
    shutil.copytree(path.parent, folder)
    return folder / path.name


def kept(path):
    with SqliteJournal(path) as journal:
        return list(journal.messages())


messages = st.builds(
    Message,
    st.sampled_from(MessageKind),
    st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True),
    st.integers(0, LARGEST_SEQUENCE),
    st.floats(allow_nan=False, allow_infinity=False),
    st.binary(max_size=300),
)


@given(st.lists(messages, unique_by=lambda m: m.key))
def test_what_is_kept_is_found_again_whole_and_in_order(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("journal") / "store.sqlite"
    with SqliteJournal(path) as journal:
        for each in some:
            journal.keep(each)
    assert kept(path) == some


def test_what_is_forgotten_is_gone(path):
    with SqliteJournal(path) as journal:
        for sequence in range(4):
            journal.keep(message(sequence))
            if sequence == 1:
                journal.commit()
        journal.forget(message(0).key)
        journal.forget(message(3).key)
    assert kept(path) == [message(1), message(2)]


def test_what_is_forgotten_may_come_again(path):
    with SqliteJournal(path) as journal:
        journal.keep(message(0))
        journal.commit()
        journal.forget(message(0).key)
        journal.keep(message(0, body=b"again"))
    assert kept(path) == [message(0, body=b"again")]


def test_sequences_go_on_after_the_last_that_was_ever_kept(path):
    with SqliteJournal(path) as journal:
        assert journal.last_sequence("pi", TELEMETRY) == -1
        for sequence in (0, LARGEST_SEQUENCE, 5):
            journal.keep(message(sequence))
        journal.commit()
        for sequence in (0, LARGEST_SEQUENCE, 5):
            journal.forget(message(sequence).key)
    with SqliteJournal(path) as journal:
        assert journal.last_sequence("pi", TELEMETRY) == LARGEST_SEQUENCE
        assert journal.last_sequence("pi", PRODUCT) == -1
        assert list(journal.messages()) == []


def test_a_sequence_counts_although_its_message_left_at_once(path):
    with SqliteJournal(path) as journal:
        journal.keep(message(7))
        journal.forget(message(7).key)
    with SqliteJournal(path) as journal:
        assert journal.last_sequence("pi", TELEMETRY) == 7


def test_no_sequence_is_used_twice_although_nothing_of_it_was_committed(path):
    with SqliteJournal(path) as journal:
        journal.keep(message(7))
        journal.forget(message(7).key)
        journal.keep(message(8))
        found = after_a_crash(path)
    with SqliteJournal(found) as journal:
        assert list(journal.messages()) == []
        assert 8 <= journal.last_sequence("pi", TELEMETRY) <= 7 + SEQUENCES_AHEAD
        assert journal.last_sequence("pi", PRODUCT) == -1
    with SqliteJournal(path) as journal:
        assert journal.last_sequence("pi", TELEMETRY) == 8


def test_the_last_sequences_of_all_can_be_set_aside(path):
    with SqliteJournal(path) as journal:
        journal.keep(message(LARGEST_SEQUENCE - 1))
        journal.keep(message(LARGEST_SEQUENCE))
        found = after_a_crash(path)
    with SqliteJournal(found) as journal:
        assert journal.last_sequence("pi", TELEMETRY) == LARGEST_SEQUENCE


def test_a_message_is_safe_once_it_is_committed_or_forgotten(path):
    with SqliteJournal(path) as journal:
        journal.keep(message(0))
        journal.keep(message(1))
        assert not journal.is_safe(message(0).key)
        journal.forget(message(0).key)
        assert journal.is_safe(message(0).key)
        assert not journal.is_safe(message(1).key)
        journal.commit()
        assert journal.is_safe(message(1).key)


def failing(journal, monkeypatch):
    """Let nothing be written from here on, as on a full disk."""

    def fail(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(journal, "_write", fail)


def test_sequences_that_cannot_be_set_aside_are_tried_again_by_the_next_commit(path, monkeypatch):
    with SqliteJournal(path) as journal:
        with monkeypatch.context() as full:
            failing(journal, full)
            with pytest.raises(StoreError, match="disk is full"):
                journal.keep(message(0))
            with pytest.raises(StoreError, match="disk is full"):
                journal.commit()
        journal.commit()
        journal.keep(message(1))
        found = after_a_crash(path)
    with SqliteJournal(found) as journal:
        assert journal.last_sequence("pi", TELEMETRY) >= 1


def test_only_a_commit_takes_off_the_disk_what_is_forgotten(path, monkeypatch):
    with SqliteJournal(path) as journal:
        journal.keep(message(0))
        journal.commit()
        journal.forget(message(0).key)
        with monkeypatch.context() as full:
            failing(journal, full)
            with pytest.raises(StoreError):
                journal.commit()
        journal.keep(message(1))  # which tries again what failed
        assert list(journal.messages()) == [message(0)]
        journal.commit()
        assert list(journal.messages()) == [message(1)]


def test_a_flight_that_broke_off_leaves_what_it_forgot_last(path):
    def break_off():
        with SqliteJournal(path) as journal:
            journal.keep(message(0))
            journal.keep(message(1))
            journal.commit()
            journal.forget(message(0).key)
            journal.keep(message(2))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert kept(path) == [message(0), message(1), message(2)]


def test_a_sequence_that_was_passed_over_is_not_used_again(path):
    with SqliteJournal(path) as journal:
        journal.keep(message(0))
        journal.pass_over(message(5).key)
        journal.pass_over(message(3).key)
    with SqliteJournal(path) as journal:
        assert journal.last_sequence("pi", TELEMETRY) == 5


def test_a_counter_of_64_bits_is_durable_at_once(path):
    with SqliteJournal(path) as journal:
        assert journal.last("uplink") == 0
        journal.advance("uplink", 2**64 - 1)
        found = after_a_crash(path)
    with SqliteJournal(found) as journal:
        assert journal.last("uplink") == 2**64 - 1
        assert journal.last("onboard") == 0


def test_what_is_not_committed_is_not_there_after_a_crash(path):
    with SqliteJournal(path) as journal:
        journal.keep(message(0))
        journal.commit()
        journal.keep(message(1))
        journal.forget(message(0).key)
        found = after_a_crash(path)
    assert kept(found) == [message(0)]


def test_no_journal_remembers_nothing():
    NO_JOURNAL.keep(message(0))
    NO_JOURNAL.commit()
    assert list(NO_JOURNAL.messages()) == []
    assert NO_JOURNAL.last_sequence("pi", TELEMETRY) == -1
    assert NO_JOURNAL.is_safe(message(0).key)


# A file that is not what it should be.


def test_another_program_s_database_is_refused_and_left_as_it_was(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE letters (text)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"store\.sqlite is a database, but no journal"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(path):
    path.write_text("a letter to the ground\n" * 100)
    with pytest.raises(StoreError, match=r"store\.sqlite is damaged: file is not a database"):
        SqliteJournal(path)
    assert path.read_text().startswith("a letter")


def test_a_damaged_file_is_refused(path):
    with SqliteJournal(path) as journal:
        for sequence in range(100):
            journal.keep(message(sequence, body=bytes(1000)))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.sqlite is damaged"):
        SqliteJournal(path)


def test_a_message_of_a_kind_we_do_not_know_is_damage(path):
    SqliteJournal(path).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO messages VALUES ('pi', 'letter', 0, 0.0, x'00')")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"store\.sqlite is damaged: 'letter'"):
        kept(path)


def test_a_journal_needs_its_folder(tmp_path):
    with pytest.raises(StoreError, match=r"missing/store\.sqlite: unable to open"):
        SqliteJournal(tmp_path / "missing" / "store.sqlite")


def test_a_journal_is_one_process_s(path):
    with SqliteJournal(path):
        second = run(
            "import sys; from pathlib import Path\n"
            "from groundlink.journal import SqliteJournal\n"
            "SqliteJournal(Path(sys.argv[1]))",
            path,
        )
    assert second.returncode == 1
    last_line = second.stderr.splitlines()[-1]
    assert last_line == f"groundlink.journal.StoreError: {path}: another process has hold of it"
    SqliteJournal(path).close()


def run(script, *arguments, wrapper=()):
    command = [*wrapper, sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# A process that is killed.

LIFE = """
import json, random, sys
from pathlib import Path
from groundlink.journal import SqliteJournal
from groundlink.messages import Message, MessageKind

path, seed = sys.argv[1:]
chance = random.Random(seed)
with SqliteJournal(Path(path)) as journal:
    on_board = [m.sequence for m in journal.messages()]
    sequence = journal.last_sequence("pi", MessageKind.PRODUCT) + 1
    while True:
        keep = list(range(sequence, sequence := sequence + chance.randrange(1, 40)))
        forget = chance.sample(on_board, chance.randrange(len(on_board) + 1) // 2)
        print(json.dumps([keep, forget]), flush=True)
        for each in keep:
            body = each.to_bytes(4, "big") * chance.randrange(5_000)
            journal.keep(Message(MessageKind.PRODUCT, "pi", each, each / 7, body))
        for each in forget:
            journal.forget(("pi", MessageKind.PRODUCT, each))
        journal.commit()
        print("committed", flush=True)
        on_board = [each for each in on_board if each not in forget] + keep
"""


def lives_until(path, seed, life_s):
    """Let a process keep and forget for about so long; kill it; return all that it said."""
    command = [sys.executable, "-c", LIFE, path, str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.wait(life_s)
        except subprocess.TimeoutExpired:
            process.kill()
        return [line for line in process.stdout if line.endswith("\n")]


def follow(on_board, said):
    """Return what is certainly on board, and what is there if the last commit came through."""
    certain = possible = on_board
    for line in said:
        if line == "committed\n":
            certain = possible
        else:
            keep, forget = json.loads(line)
            possible = [each for each in certain if each not in forget] + keep
    return certain, possible


def test_whatever_was_committed_outlives_kill_9(path):
    chance = random.Random(1)
    on_board, commits = [], 0
    for seed in range(30):
        said = lives_until(path, seed, chance.uniform(0.0, 0.15))
        commits += said.count("committed\n")
        found = kept(path)
        before, on_board = on_board, [each.sequence for each in found]
        assert on_board in follow(before, said)
        for each in found:
            assert each.generated_s == each.sequence / 7
            assert each.body == each.sequence.to_bytes(4, "big") * (len(each.body) // 4)
    assert commits > 30


# A disk that is full.

FULL = """
import json, resource, sys
from pathlib import Path
from groundlink.journal import SqliteJournal, StoreError
from groundlink.messages import Message, MessageKind
from groundlink.store import Store, Stored

path, how = Path(sys.argv[1]), sys.argv[2]
filler = path.with_name("filler")

def product(sequence):
    return Stored(Message(MessageKind.PRODUCT, "pi", sequence, 0.0, bytes(2_000)), 1)

def fill():
    if how == "limit":
        size = max(each.stat().st_size for each in path.parent.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        return
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass

def make_room():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    filler.unlink(missing_ok=True)

def attempt(action):
    try:
        action()
    except StoreError as error:
        return str(error)
    return "done"

with SqliteJournal(path) as journal:
    store, log = Store(10**7, journal=journal), {}
    for sequence in range(10):
        store.put(0.0, product(sequence))
    journal.commit()
    fill()
    for sequence in range(10, 100):
        store.put(0.0, product(sequence))
    log["commit"] = attempt(journal.commit)
    refused = product(100)
    store.put(0.0, refused)
    log["refused"] = refused.failure.value
    log["counter"] = attempt(lambda: journal.advance("uplink", 1))
    taken, _ = store.take(0.0)
    store.release(taken)
    log["full"] = [m.sequence for m in journal.messages()]
    log["waiting"] = len(store)
    make_room()
    accepted = product(101)
    store.put(0.0, accepted)
    log["accepted"] = not accepted.gone
    log["later"] = attempt(journal.commit)
    log["after"] = [m.sequence for m in journal.messages()]
    print(json.dumps(log))
"""

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
MOUNT = 'mount -t tmpfs -o size=400k tmpfs "$0" && exec "$@"'


def may_mount(path):
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, MOUNT, path, "true"], check=False).returncode == 0


@pytest.mark.parametrize("how", ["limit", "disk"])
def test_a_full_disk_costs_what_comes_meanwhile_and_nothing_else(path, how):
    """Once as a small file system of its own, once as a limit to the size of a file."""
    if how == "disk" and not may_mount(path.parent):
        pytest.skip("this host lets no user mount a file system in a namespace")
    wrapper = (*NAMESPACE, MOUNT, path.parent) if how == "disk" else ()
    ran = run(FULL, path, how, wrapper=wrapper)
    assert ran.stderr == ""
    log = json.loads(ran.stdout)
    reason = "database or disk is full" if how == "disk" else "disk I/O error"
    assert log["commit"] == log["counter"] == f"{path}: {reason}"
    assert log["refused"] == "store failed"
    assert log["full"] == list(range(10))
    assert log["waiting"] == 99
    assert log["accepted"]
    assert log["later"] == "done"
    assert log["after"] == [*range(1, 100), 101]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE messages SET kind = 'zz'",
        "UPDATE messages SET generated_s = 9e999",
        "UPDATE messages SET generated_s = 'abc'",
        "UPDATE messages SET body = 'text'",
        "DROP TABLE messages",
    ],
)
def test_messages_that_cannot_be_ours_are_an_error_that_names_the_file(tmp_path, damage):
    path = tmp_path / "store.sqlite"
    with SqliteJournal(path) as journal:
        journal.keep(Message(MessageKind.TELEMETRY, "pi", 0, 1.0, b"x"))
        journal.commit()
    with sqlite3.connect(path) as database:
        database.execute(damage)
    database.close()
    with SqliteJournal(path) as journal, pytest.raises(StoreError, match="store"):
        list(journal.messages())


def test_a_counter_below_zero_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "store.sqlite"
    with SqliteJournal(path) as journal:
        journal.advance("uplink/1", 5)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE counters SET value = '-5'")
    database.close()
    with SqliteJournal(path) as journal, pytest.raises(StoreError, match="store"):
        journal.last("uplink/1")
