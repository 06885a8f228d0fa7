"""Run a program that dies with its parent: ``python tether.py PARENT_PID PROGRAM ARGUMENT…``.

Linux sends SIGKILL to the program when the thread that started it ends, even
by SIGKILL (prctl(2), PR_SET_PDEATHSIG; it survives execve); so that thread must
live as long as the program is to. Elsewhere the program is only started.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command that runs ``command`` tethered to this process."""
    own = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [*own, str(os.getpid()), *command]


def _main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we were tethered
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
