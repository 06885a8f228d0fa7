"""The store's journal: what must outlive a power cut, on disk in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol

from groundlink.messages import LARGEST_SEQUENCE, Key, Message, MessageKind

APPLICATION_ID = 0x48424A31  # "HBJ1", in the file's header: no other program's database
LOCK_WAIT_S = 1.0  # a process that was killed may take a moment to be gone

_SCHEMA = f"""
BEGIN EXCLUSIVE;
CREATE TABLE messages (
    source TEXT NOT NULL, kind TEXT NOT NULL, sequence INTEGER NOT NULL,
    generated_s REAL NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (source, kind, sequence)
);
CREATE TABLE sequences (
    source TEXT NOT NULL, kind TEXT NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (source, kind)
) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
COMMIT;
"""
SEQUENCES_AHEAD = 1024  # that a class may use before the next one must be written down
_DELETE = "DELETE FROM messages WHERE source = ? AND kind = ? AND sequence = ?"
_INSERT = "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?)"
_SET_ASIDE = "INSERT OR REPLACE INTO sequences VALUES (?, ?, ?)"
CHECKPOINT_PAGES = 256  # a log that grows large on a full disk could never be folded back
# Counters have 64 bits without a sign, SQLite's integers 63: hence text.


class StoreError(Exception):
    """What keeps the store's content failed; the message names the file."""


class Journal(Protocol):
    """Remembers the messages on board."""

    def keep(self, message: Message) -> None:
        """Remember a message, durably from the next commit on.

        Raises:
            StoreError: nothing can be kept; the message is not.
        """

    def pass_over(self, key: Key) -> None:
        """Remember that a sequence was used by a message that is not kept."""

    def forget(self, key: Key) -> None:
        """Forget a message, durably from the next commit on."""

    def is_safe(self, key: Key) -> bool:
        """Return whether a message that was kept is durable, or forgotten."""

    def commit(self) -> None:
        """Return once all that was kept and forgotten is durable.

        Raises:
            StoreError: it is not yet; the next commit tries all of it again.
        """

    def messages(self) -> Iterator[Message]:
        """Return what was kept, oldest first, as of the last commit."""

    def last_sequence(self, source: str, kind: MessageKind) -> int:
        """Return a sequence of a class that is at least as high as all ever kept, or -1."""


class NoJournal:
    """A journal that remembers nothing, for virtual time."""

    def keep(self, message: Message) -> None:
        """Remember nothing."""

    def pass_over(self, key: Key) -> None:
        """Remember nothing."""

    def forget(self, key: Key) -> None:
        """Forget nothing."""

    def is_safe(self, key: Key) -> bool:
        """Return True: nothing here can be lost."""
        return True

    def commit(self) -> None:
        """Return at once."""

    def messages(self) -> Iterator[Message]:
        """Return nothing."""
        return iter(())

    def last_sequence(self, source: str, kind: MessageKind) -> int:
        """Return -1: no class is known."""
        return -1


NO_JOURNAL = NoJournal()


class SqliteJournal:
    """A journal in an SQLite file, of which one process at a time has hold.

    What was committed survives ``kill -9`` and a power cut (WAL,
    ``synchronous=FULL``). What waits for the next commit stands in memory, so
    a message that is kept and forgotten in between never reaches the disk.
    After a commit that failed, `keep` tries what it wrote again before it takes
    more. What is forgotten leaves the disk with `commit` alone.

    No sequence is used twice, not even after a kill: some are set aside,
    durably, before the first of them is, and those that a kill left are skipped. The
    counters are durable as soon as `advance` returns. One thread uses it.

    Raises:
        StoreError: the file is damaged, foreign, in use, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[Key, Message] = {}
        self._forgotten: dict[Key, None] = {}
        self._sequences: dict[tuple[str, MessageKind], int] = {}  # the last of each class
        self._set_aside: dict[tuple[str, MessageKind], int] = {}  # up to which it may rise
        self._wanted: dict[tuple[str, MessageKind], int] = {}  # likewise, not durable yet
        self._failed = False
        with self._errors():
            self._connection = sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None)
        try:
            with self._errors():
                self._open()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> SqliteJournal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(forget=kind is None)

    def keep(self, message: Message) -> None:
        """Remember a message, durably from the next commit on.

        Raises:
            StoreError: the last commit failed, and fails again, or no sequences can be
                set aside; the message is not kept.
        """
        source, kind, sequence = key = message.key
        of_class = source, kind
        if sequence > self._set_aside.get(of_class, -1):
            self._wanted[of_class] = min(sequence + SEQUENCES_AHEAD, LARGEST_SEQUENCE)
        if self._failed or self._wanted:
            self._commit(keep=self._failed, forget=False)
        self.pass_over(key)
        self._kept[key] = message

    def pass_over(self, key: Key) -> None:
        """Remember that a sequence was used by a message that is not kept."""
        source, kind, sequence = key
        if sequence > self._sequences.get((source, kind), -1):
            self._sequences[source, kind] = sequence

    def forget(self, key: Key) -> None:
        """Forget a message, durably from the next commit on."""
        if self._kept.pop(key, None) is None:
            self._forgotten[key] = None

    def is_safe(self, key: Key) -> bool:
        """Return whether a message that was kept is durable, or forgotten."""
        return key not in self._kept

    def commit(self) -> None:
        """Return once all that was kept and forgotten is durable.

        Raises:
            StoreError: it is not yet; the next commit tries all of it again.
        """
        self._commit(keep=True, forget=True)

    def messages(self) -> Iterator[Message]:
        """Return what was kept, oldest first, as of the last commit.

        Raises:
            StoreError: the file cannot be read.
        """
        query = "SELECT kind, source, sequence, generated_s, body FROM messages ORDER BY rowid"
        with self._errors():
            for kind, source, sequence, generated_s, body in self._connection.execute(query):
                if not (isinstance(body, bytes) and isinstance(generated_s, float)):
                    raise ValueError(f"message {sequence} of {source!r} is none")
                yield Message(MessageKind(kind), source, sequence, generated_s, body)

    def last_sequence(self, source: str, kind: MessageKind) -> int:
        """Return a sequence of a class that is at least as high as all ever kept, or -1.

        After a kill it can be up to `SEQUENCES_AHEAD` higher.
        """
        return self._sequences.get((source, kind), -1)

    def last(self, name: str) -> int:
        """Return the value that a counter was advanced to last; 0 if it never was."""
        with self._errors():
            row = self._connection.execute(
                "SELECT value FROM counters WHERE name = ?", (name,)
            ).fetchone()
            value = int(row[0]) if row else 0
            if not 0 <= value < 2**64:
                raise ValueError(f"counter {name} = {value} is outside 0..2**64 - 1")
            return value

    def advance(self, name: str, value: int) -> None:
        """Set a counter, and return once that is durable.

        Raises:
            StoreError: it is not.
        """
        with self._transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, str(value))
            )

    def close(self, *, forget: bool = True) -> None:
        """Commit, and let go of the file.

        Without ``forget`` what was forgotten since the last commit stays: where a
        flight broke off, the ground may not have it.

        Raises:
            StoreError: what was not durable is not.
        """
        try:
            self._wanted = {  # nothing is left to be skipped
                of_class: last
                for of_class, last in self._sequences.items()
                if self._set_aside.get(of_class) != last
            }
            self._commit(keep=True, forget=forget)
        finally:
            self._connection.close()

    def _open(self) -> None:
        # The lock comes first: until the file is known as ours, nothing in it may change.
        run = self._connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        application = run("PRAGMA application_id").fetchone()[0]
        if application == 0 and not run("SELECT 1 FROM sqlite_master").fetchone():
            self._connection.executescript(_SCHEMA)
        elif application != APPLICATION_ID:
            raise StoreError(f"{self._path} is a database, but no journal of a store")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        damage = run("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise StoreError(f"{self._path} is damaged: {' '.join(damage.split())}")
        for source, kind, last in run("SELECT source, kind, last FROM sequences"):
            self._sequences[source, MessageKind(kind)] = last
        self._set_aside = dict(self._sequences)

    def _commit(self, keep: bool, forget: bool) -> None:
        """Set sequences aside; and, if asked, write down what is to be kept, and what is not."""
        kept = list(self._kept.values()) if keep else []
        forgotten = list(self._forgotten) if forget else []
        if not (kept or forgotten or self._wanted):
            return
        self._failed = True
        with self._transaction():
            self._write(kept, forgotten)
        self._failed = False
        self._set_aside |= self._wanted
        self._wanted = {}
        if keep:
            self._kept.clear()
        if forget:
            self._forgotten.clear()

    def _write(self, kept: Sequence[Message], forgotten: Sequence[Key]) -> None:
        wanted = self._wanted.items()
        for statement, rows in (
            (_DELETE, [(source, kind.value, sequence) for source, kind, sequence in forgotten]),
            (_INSERT, [_row(message) for message in kept]),
            (_SET_ASIDE, [(source, kind.value, last) for (source, kind), last in wanted]),
        ):
            if rows:
                self._connection.executemany(statement, rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors, and content that cannot be ours, into a `StoreError`."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # our bug: a second thread, or a closed journal
        except sqlite3.OperationalError as error:
            in_use = str(error) == "database is locked"
            reason = "another process has hold of it" if in_use else str(error)
            raise StoreError(f"{self._path}: {reason}") from error
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            raise StoreError(f"{self._path} is damaged: {error}") from error


def _row(message: Message) -> tuple[str, str, int, float, bytes]:
    return (
        message.source,
        message.kind.value,
        message.sequence,
        message.generated_s,
        message.body,
    )
