"""Telecommands on board: an authentic one becomes an order, and its answers become reports.

Here the siblings meet, as values: what left the link is translated into what
a payload computer understands, and what it answers into service-1 reports.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from typing_extensions import assert_never

from groundlink import commands as link
from groundlink.commands import Command, Request, Verification
from groundlink.events import CommandReleased, CommandRepeated, ProgramReport, UplinkRefused
from groundlink.messages import Message, MessageKind
from payloads import commands as onboard
from payloads.commands import CommandAnswered, CommandIssued, Order, Stage
from rigs.downlink import OBC, Downlink

MOST_REMEMBERED = 256  # commands whose reports can be repeated
REFUSAL_PERIOD_S = 60.0  # [assumed] between two reports of refused frames: strangers fill no store
STAGES = {Stage.STARTED: "start", Stage.COMPLETED: "completion"}


@dataclass(frozen=True, slots=True)
class SetDownlinkPriority:
    """Give a class of messages another priority."""

    source: str
    kind: MessageKind
    priority: int


@dataclass(slots=True)
class _Known:
    """A command that was released before: what it was for, and what was reported of it."""

    payload: str
    reports: list[Verification] = field(default_factory=list)


Consequence = Message | CommandIssued | SetDownlinkPriority


class Commanding:
    """Carries out each command once, however often it comes up, and reports on it."""

    def __init__(
        self,
        payloads: Collection[str],
        programs: Collection[str],
        downlink: Downlink,
        reliable: bool,
    ) -> None:
        """Take what is on board; with ``reliable`` a report stays there until it has come down."""
        self._payloads, self._programs = payloads, programs
        self._downlink, self._reliable = downlink, reliable
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._requested: OrderedDict[tuple[str, str], Request] = OrderedDict()
        self._refused = 0
        self.refusals = 0  # since mission start
        self._reported_s = -REFUSAL_PERIOD_S

    def is_first(self, payload: str, request: Request) -> bool:
        """Return whether an operator's request comes for the first time.

        Raises:
            ValueError: its id is that of an earlier request for something else.
        """
        before = self._requested.setdefault((payload, request.id), request)
        if before is not request:
            if before != request:
                raise ValueError(
                    f"id = {request.id!r} was used already, for another request to {payload}; "
                    "give each request an id of its own"
                )
            return False
        if len(self._requested) > MOST_REMEMBERED:
            self._requested.popitem(last=False)
        return True

    def released(self, t_s: float, released: CommandReleased) -> list[Consequence]:
        """Return what an authentic command brings about, the reports on it among that."""
        request_id, command = released.request_id, released.command
        self._known[request_id] = _Known(command.payload)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        objection = self._objection(command)
        accepted = self._report(t_s, request_id, "acceptance", not objection, objection)
        return [*accepted, *([] if objection else self._carry_out(t_s, request_id, command))]

    def repeated(self, t_s: float, repeated: CommandRepeated) -> list[Message]:
        """Return the reports on a command again, where one that was lost would not come again."""
        known = self._known.get(repeated.request_id)
        if known is None or self._reliable:
            return []
        return [self._downlink.report(t_s, known.payload, report) for report in known.reports]

    def answered(self, t_s: float, answered: CommandAnswered) -> list[Message]:
        """Return the report of what a payload computer answered."""
        return self._report(
            t_s, bytes.fromhex(answered.id), STAGES[answered.stage], answered.ok, answered.reason
        )

    def reported(self, t_s: float, report: ProgramReport) -> list[Message]:
        """Return the report of how a program says that a command went."""
        try:
            request_id = bytes.fromhex(report.id)
        except ValueError:
            return []
        known = self._known.get(request_id)
        if known is None or known.payload != report.source:
            return []  # not its command
        if any(said.stage == "completion" for said in known.reports):
            return []
        return self._report(t_s, request_id, "completion", report.ok, report.reason)

    def refused(self, t_s: float, refused: UplinkRefused) -> list[Message]:
        """Return the report of refused frames, if it is time for one."""
        self._refused += 1
        self.refusals += 1
        if t_s - self._reported_s < REFUSAL_PERIOD_S:
            return []
        times, self._refused, self._reported_s = self._refused, 0, t_s
        return [self._downlink.refused(t_s, refused, times)]

    def _objection(self, command: Command) -> str:
        """Return why a command cannot be accepted; empty if it can."""
        is_forward = isinstance(command, link.Forward)
        if isinstance(command, link.SetPriority):
            known = command.source == OBC or command.source in (*self._payloads, *self._programs)
            return "" if known else f"there is no source {command.source!r}"
        if command.payload in self._programs:
            return "" if is_forward else f"{command.payload} takes only forwarded commands"
        if command.payload in self._payloads:
            return f"{command.payload} is no program" if is_forward else ""
        return f"there is no payload {command.payload!r}"

    def _carry_out(self, t_s: float, request_id: bytes, command: Command) -> list[Consequence]:
        match command:
            case link.SetPriority():
                return [
                    SetDownlinkPriority(command.source, command.kind, command.priority),
                    *self._report(t_s, request_id, "start", True, ""),
                    *self._report(t_s, request_id, "completion", True, ""),
                ]
            case link.Forward():
                return [*self._report(t_s, request_id, "start", True, "")]  # the gateway has it
            case _:
                return [CommandIssued(command.payload, request_id.hex(), _order(command))]

    def _report(
        self, t_s: float, request_id: bytes, stage: str, ok: bool, reason: str
    ) -> list[Message]:
        known = self._known.get(request_id)
        if known is None:
            return []  # so long ago that it was forgotten
        report = Verification(stage, ok, request_id, reason)
        known.reports.append(report)
        return [self._downlink.report(t_s, known.payload, report)]


def _order(command: Command) -> Order:
    match command:
        case link.LoadModel():
            return onboard.LoadModel(command.model)
        case link.StartStream():
            return onboard.StartStream(command.stream)
        case link.StopStream():
            return onboard.StopStream(command.stream)
        case link.SetOperatingPoint():
            return onboard.ChoosePoint(command.point)
        case link.RequestProduct():
            return onboard.FetchProduct(command.job)
        case link.SetPriority() | link.Forward():
            raise ValueError(f"{command} is not for a payload computer")
        case _:
            assert_never(command)
