"""A program that is kept running: started, waited for, and started again.

Linux ends a tethered program with the *thread* that started it, so one thread
starts it every time and lives as long as it does.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from groundlink.tether import tethered

RESTART_PAUSE_S = 0.25  # at most four starts a second
PAUSE_S = 0.02  # between two looks at whether it answers
END_LIMIT_S = 2.0

_log = logging.getLogger(__name__)


class Program(Protocol):
    """What a supervisor must know of the program it runs."""

    def prepare(self) -> Sequence[str]:
        """Write the files that it reads; return its command."""

    def answers(self, limit_s: float) -> bool:
        """Return whether it answers, after one attempt."""

    def forget(self) -> None:
        """Take away the files that it has read."""


class Supervisor:
    """Runs a program in a session of its own, where no Ctrl-C at the terminal reaches it."""

    def __init__(self, program: Program, log: Path, *, limit_s: float, restart: bool) -> None:
        self.restarts = 0  # times that it ended unasked, and came up again
        self.answered = False  # whether it did, at first
        self.failure = ""  # why the last attempt did not even run it
        self.silent = False  # whether it ran, and did not answer in time
        self._program = program
        self._log = log
        self._limit_s = limit_s
        self._restart = restart
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._started = threading.Event()
        self._lock = threading.Lock()  # no process is started once we are closing
        self._thread = threading.Thread(target=self._live, name="supervisor", daemon=True)

    @property
    def process_id(self) -> int | None:
        """Return which process runs, or ran last."""
        return None if self._process is None else self._process.pid

    def start(self) -> bool:
        """Start the program; return whether it answered in time, and else leave none."""
        self._thread.start()
        try:
            self._started.wait()
        finally:
            if not self.answered:
                self.close()
        return self.answered

    def close(self) -> None:
        """End the program: gently, and after `END_LIMIT_S` by force."""
        with self._lock:
            self._closing.set()
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)  # a stopped process would not see the other
        self._thread.join(END_LIMIT_S)
        if self._thread.is_alive():
            self._send(signal.SIGKILL)
            self._thread.join()

    def _live(self) -> None:
        self.answered = self._start()
        self._started.set()
        while self.answered and self._process is not None:
            self._process.wait()
            if self._closing.is_set() or not self._restart:
                return
            _log.warning("process %s ended unasked; starting it again", self._process.pid)
            if not self._start_again():
                return
            self.restarts += 1

    def _start_again(self) -> bool:
        while not self._closing.wait(RESTART_PAUSE_S):
            if self._start():
                return True
        return False

    def _start(self) -> bool:
        """Start it once; return whether it answered, and leave no process if it did not."""
        try:
            with self._lock:
                if self._closing.is_set():
                    return False
                self._process = _spawn(self._program.prepare(), self._log)
            answered = self._answers(self._process)
            self._program.forget()
        except OSError as error:  # a full disk, a program that is gone
            self.failure = str(error)
            return False
        return answered

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        for _ in range(max(1, round(self._limit_s / PAUSE_S))):
            if self._program.answers(self._limit_s):
                return process.poll() is None  # else it was somebody else who answered
            with suppress(subprocess.TimeoutExpired):
                process.wait(PAUSE_S)
                return False
        self.silent = True
        process.kill()
        process.wait()
        return False

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def _spawn(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            tethered(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
