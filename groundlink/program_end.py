"""The host's end of one program of a third party at the broker of the on-board bus.

The program's messages to the ground do not come here: the gate takes them.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Mapping

from firmware_bridge.clock import Post
from groundlink.endpoint import Endpoint
from groundlink.events import ProgramReport, ProgramState
from groundlink.messages import MessageKind
from groundlink.mqtt import Arrival, MqttClient
from groundlink.topics import (
    heard_filters,
    host_user,
    parse,
    program_command_topic,
    stored_topic,
)
from groundlink.wording import command_envelope, program_report, program_state, stored_envelope

MOST_CHANGES = 1000  # of a program's state in a flight; one that changes more often is not believed
MOST_COMMANDS = 256  # released to a program and not reported on yet
_REFUSALS = {
    "state": ("state that is none was refused", "states that are none were refused"),
    "report": (
        "report on no command that it still had to report on was refused",
        "reports on no command that it still had to report on were refused",
    ),
}

_log = logging.getLogger(__name__)


class ProgramEnd:
    """The host's end of one program on the on-board bus, in a session of its own.

    Each program has one, so that whoever floods the bus fills only the queue
    that the broker keeps of what it says itself.
    """

    def __init__(self, endpoint: Endpoint, satellite: str, program: str, post: Post) -> None:
        self._refused = dict.fromkeys(_REFUSALS, 0)  # things said that are nothing
        self._program, self._post = program, post
        self._stored: Counter[MessageKind] = Counter()
        self._untold: set[MessageKind] = set()  # of which more are stored than was said
        self._state, self._changes = "", 0
        self._commands: deque[str] = deque(maxlen=MOST_COMMANDS)  # not reported on yet
        self._command_topic = program_command_topic(satellite, program)
        self._stored_topic = stored_topic(satellite, program)
        state_filter, report_filter = heard_filters(satellite, program)
        self.client = MqttClient(
            endpoint,
            {state_filter: self._hear_state, report_filter: self._hear_report},
            client_id=f"{satellite}.{host_user(program)}",
            clean_session=False,
        )

    @property
    def strays(self) -> int:
        """Return how often the program said what is nothing."""
        return sum(self._refused.values())

    @property
    def refusals(self) -> list[str]:
        """Return in words what was refused of what the program said."""
        counts = [(count, _REFUSALS[what]) for what, count in self._refused.items() if count]
        return [f"{count} {one if count == 1 else many}" for count, (one, many) in counts]

    def command(self, command_id: str, arguments: Mapping[str, object]) -> None:
        """Give the program a command."""
        self._commands.append(command_id)
        self.client.publish(self._command_topic, command_envelope(command_id, arguments))

    def stored(self, kind: MessageKind, count: int) -> None:
        """Count so many more messages of a kind that are stored."""
        self._stored[kind] += count
        self._untold.add(kind)

    def tell(self) -> None:
        """Say how many messages of each kind are stored, where that is not said yet."""
        for kind in MessageKind:
            if kind in self._untold:
                self.client.publish(self._stored_topic, stored_envelope(kind, self._stored[kind]))
        self._untold.clear()

    def _hear_state(self, arrival: Arrival) -> None:
        """Take what a program says of itself, where it says something else than before."""
        try:
            state = program_state(arrival.payload)
        except ValueError as error:
            self._refuse("state", str(error))
            return
        if state != self._state and self._changes < MOST_CHANGES:
            self._state, self._changes = state, self._changes + 1
            self._post(ProgramState(self._program, state))

    def _hear_report(self, arrival: Arrival) -> None:
        """Take a program's word on a command that it was given, once."""
        try:
            command_id = parse(arrival.topic).id
            report = program_report(arrival.payload)
            self._commands.remove(command_id)
        except ValueError as error:
            self._refuse("report", f"no report on a command that it was given: {error}")
            return
        self._post(ProgramReport(self._program, command_id, report.ok, report.reason))

    def _refuse(self, what: str, reason: str) -> None:
        """Count what is nothing."""
        if not self.strays:  # the first only: nobody shall fill the log
            _log.warning("program %s said what is refused: %s", self._program, reason)
        self._refused[what] += 1
