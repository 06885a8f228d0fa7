"""How a payload computer is run, and what it may be commanded to do."""

from __future__ import annotations

from dataclasses import dataclass

from payloads.commands import unknown


@dataclass(frozen=True, slots=True)
class ComputerRules:
    """How a payload computer is run.

    The watchdog restarts a board that has not answered within
    ``watchdog_s`` of a start; a power cycle keeps the supply off for
    ``off_s``; every ``reload_every_s`` the model is loaded afresh.
    ``streams`` and ``models`` are all that commands may name; streams that
    are ``stopped`` do not run at the start. ``remembered`` is how many
    completed jobs have their picture kept on board.

    Raises:
        ValueError: a stream is stopped that there is not, or ``remembered`` is negative.
    """

    queue_length: int
    watchdog_s: float
    off_s: float
    reload_every_s: float
    streams: tuple[str, ...]
    models: tuple[str, ...]
    stopped: frozenset[str] = frozenset()
    remembered: int = 10_000

    def __post_init__(self) -> None:
        for stream in sorted(self.stopped):
            if refusal := unknown("job stream", stream, self.streams):
                raise ValueError(refusal)
        if self.remembered < 0:
            raise ValueError(f"remembered = {self.remembered} must be 0 or more, such as 10000")
