"""A board in software: durations and watts from a profile, stricter than silicon."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from firmware_bridge.board import (
    BoardDue,
    BoardError,
    Booted,
    OperatingPoint,
    Task,
    Work,
    WorkFinished,
    WorkOrder,
)
from firmware_bridge.clock import Post
from firmware_bridge.faults import FaultEvent, FaultKind, FaultLanded, FaultSite
from firmware_bridge.telemetry import TelemetrySample

if TYPE_CHECKING:
    from firmware_bridge.boards.profile import BoardProfile


class BoardState(Enum):
    """What an emulated board is doing."""

    OFF = "off"
    BOOTING = "booting"
    IDLE = "idle"
    BUSY = "busy"
    HUNG = "hung"


class EmulatedBoard:
    """Runs whatever `Work` it is handed, for as long as the profile says.

    The work is really done, at the moment at which it ends, so that a strike
    in between is in the answer. Stricter than silicon: an operating point
    that the profile does not list, or two jobs at once, is an error.

    The choice of the model is kept on board: a boot loads the one that was
    loaded last. A load that is cut off leaves the one before.
    """

    def __init__(self, payload: str, profile: BoardProfile, work: Work, post: Post) -> None:
        """Start switched off, set to the fastest operating point."""
        self._payload, self._profile, self._work, self._post = payload, profile, work, post
        self._points = profile.operating_points()
        self._point = next(iter(self._points.values()))
        self._fastest = self._point
        self._state = BoardState.OFF
        self._latched = False
        self._order: WorkOrder | None = None
        self._left = 0.0  # share of the job that is still to do
        self._since_s = 0.0  # when the share left was last brought up to date
        self._due_s: float | None = None

    def __str__(self) -> str:
        """Return the name by which errors call this board."""
        return f"{self._payload} ({self._profile.name}, emulated)"

    def power(self, t_s: float, on: bool) -> None:
        """Switch the supply; a boot takes as long as the profile says."""
        if on and self._state is not BoardState.OFF:
            raise BoardError(f"{self} is switched on already; switch it off first")
        self._order, self._due_s = None, None
        self._latched = self._latched and on
        self._state = BoardState.BOOTING if on else BoardState.OFF
        if on:
            self._ask_to_be_woken(t_s + self._profile.boot.duration_s.value)
        self._report(t_s)

    def set_point(self, t_s: float, point: str) -> None:
        """Change the operating point; a job under way goes on at the new speed."""
        if point not in self._points:
            offered = ", ".join(self._points)
            raise BoardError(f"{self} has no operating point {point!r}; it offers {offered}")
        self._bring_up_to_date(t_s)
        self._point = self._points[point]
        if self._state is BoardState.BUSY:
            self._ask_to_be_woken(t_s + self._left * self._duration_s(self._point))
        self._report(t_s)

    def start(self, t_s: float, order: WorkOrder) -> None:
        """Start one job; the board must be idle. A hung board swallows it, as silicon would."""
        if self._state is BoardState.HUNG:
            return
        if self._state is not BoardState.IDLE:
            raise BoardError(
                f"{self} is {self._state.value} and cannot start job {order.job}; "
                "it runs one job at a time, after it has booted"
            )
        self._order, self._left, self._since_s = order, 1.0, t_s
        self._state = BoardState.BUSY
        self._ask_to_be_woken(t_s + self._duration_s(self._point))
        self._report(t_s)

    def strike(self, t_s: float, fault: FaultEvent) -> None:
        """Let a fault take its effect on what is powered and loaded."""
        site: FaultSite | None = None
        effective = self._state is not BoardState.OFF
        match fault.kind:
            case FaultKind.SEL:
                self._latched = effective
            case FaultKind.SEFI:
                effective = self._state in (BoardState.IDLE, BoardState.BUSY)
                self._hang(effective)
            case FaultKind.SEU | FaultKind.MBU | FaultKind.SET:
                loaded = self._state in (BoardState.IDLE, BoardState.BUSY)
                site = self._work.strike(fault) if loaded else None
                effective = site is not None
        self._post(FaultLanded(self._payload, fault.kind, site, effective), t_s)
        self._report(t_s)

    def wake(self, t_s: float) -> None:
        """Finish what was due at ``t_s``: a boot or a job."""
        if self._due_s is None or t_s != self._due_s:
            return  # asked for before the job was lost or its speed changed
        self._due_s = None
        if self._state is BoardState.BOOTING:
            self._work.load()
            self._state = BoardState.IDLE
            self._post(Booted(self._payload), t_s)
        elif self._order is not None:
            self._finish(t_s, self._order)
        self._report(t_s)

    def _finish(self, t_s: float, order: WorkOrder) -> None:
        result, product = None, b""
        match order.task:
            case Task.RUN:
                result = self._work.run(order.subject_s)
            case Task.FETCH:
                product = self._work.fetch(order.subject_s)
            case Task.RELOAD | Task.LOAD:
                self._work.load(order.model)
        self._order, self._state = None, BoardState.IDLE
        self._post(WorkFinished(self._payload, order.job, result, product), t_s)

    def _hang(self, effective: bool) -> None:
        if effective:
            self._state, self._order, self._due_s = BoardState.HUNG, None, None

    def _duration_s(self, point: OperatingPoint) -> float:
        order = self._order
        if order is None:
            raise BoardError(f"{self} has no job to time")
        if order.task in (Task.RELOAD, Task.LOAD):
            return self._profile.boot.reload_s.value
        inference_s = self._work.gflop * point.s_per_gflop if order.task is Task.RUN else 0.0
        slowdown = self._fastest.clock_mhz / point.clock_mhz
        return order.preparation_s * slowdown + inference_s

    def _bring_up_to_date(self, t_s: float) -> None:
        if self._state is BoardState.BUSY:
            duration_s = self._duration_s(self._point)
            done = (t_s - self._since_s) / duration_s if duration_s else 1.0
            self._left, self._since_s = max(self._left - done, 0.0), t_s

    def _ask_to_be_woken(self, at_s: float) -> None:
        self._due_s = at_s
        self._post(BoardDue(self._payload), at_s)

    def _power_w(self) -> float:
        drawn = {
            BoardState.OFF: 0.0,
            BoardState.BOOTING: self._profile.boot.power_w.value,
            BoardState.IDLE: self._point.idle_w,
            BoardState.BUSY: self._point.busy_w,
            BoardState.HUNG: self._point.idle_w,  # assumed: a hang is a wait, not a spin
        }[self._state]
        return drawn + (self._profile.latch_up.extra_w.value if self._latched else 0.0)

    def _report(self, t_s: float) -> None:
        sample = TelemetrySample(
            self._payload, self._power_w(), self._state.value, self._point.name, "emulated"
        )
        self._post(sample, t_s)
