"""What any board must keep to; a new board passes this unchanged."""

import pytest

from firmware_bridge.board import (
    Board,
    BoardDue,
    BoardError,
    Booted,
    Task,
    WorkFinished,
    WorkOrder,
    WorkResult,
)
from firmware_bridge.boards.emulated import EmulatedBoard
from firmware_bridge.boards.profile import BoardProfile, shipped_profile_text
from firmware_bridge.faults import FaultEvent, FaultKind, FaultLanded, FaultSite, Outcome
from firmware_bridge.telemetry import TelemetrySample
from rigs.reading import checked
from rigs.shipped import parse

SITE = FaultSite("w", (0,), (3,), 1.0, 9.0)


class CountingWork:
    """Counts what is asked of it."""

    gflop = 1.0

    def __init__(self):
        self.runs, self.loads, self.struck = [], [], []

    def run(self, t_s):
        self.runs.append(t_s)
        return WorkResult("sea", 1.0, Outcome.NOMINAL)

    def fetch(self, t_s):
        return f"picture of {t_s:g} s".encode()

    def strike(self, fault):
        self.struck.append(fault.kind)
        return SITE

    def load(self, model=""):
        self.loads.append(model)


class Bench:
    """A board on a small timeline of its own."""

    def __init__(self, make):
        self.t_s, self.seen, self.work, self._due = 0.0, [], CountingWork(), []
        self.board: Board = make(self.work, self.post)

    def post(self, event, at_s=None):
        if isinstance(event, BoardDue):
            self._due.append(at_s)
        else:
            self.seen.append((at_s, event))

    def until(self, t_s):
        while self._due and min(self._due) <= t_s:
            due_s = min(self._due)
            self._due.remove(due_s)
            self.board.wake(due_s)
        self.t_s = t_s

    def times(self, kind):
        return [t_s for t_s, event in self.seen if isinstance(event, kind)]

    def power_w(self):
        return [e.power_w for _, e in self.seen if isinstance(e, TelemetrySample)][-1]


class BoardContract:
    """The promises of `Board`; a subclass names one."""

    slowest: str

    @pytest.fixture
    def bench(self):
        return Bench(self.make)

    @pytest.fixture
    def up(self, bench):
        bench.board.power(0.0, on=True)
        bench.until(1000.0)
        return bench

    def test_a_board_that_is_off_draws_nothing_and_boots_when_switched_on(self, bench):
        bench.board.power(0.0, on=True)
        assert bench.power_w() > 0.0
        assert bench.times(Booted) == []
        bench.until(1000.0)
        assert len(bench.times(Booted)) == 1
        bench.board.power(1000.0, on=False)
        assert bench.power_w() == 0.0

    def test_a_boot_loads_the_work_afresh(self, up):
        assert up.work.loads == [""]

    def test_a_job_is_answered_once_with_its_number(self, up):
        up.board.start(1000.0, WorkOrder(7, Task.RUN, 990.0))
        up.until(2000.0)
        (done,) = [e for _, e in up.seen if isinstance(e, WorkFinished)]
        assert done.job == 7
        assert up.work.runs == [990.0]

    def test_a_reload_loads_and_answers_nothing(self, up):
        up.board.start(1000.0, WorkOrder(0, Task.RELOAD, 1000.0))
        up.until(2000.0)
        (done,) = [e for _, e in up.seen if isinstance(e, WorkFinished)]
        assert done.result is None
        assert up.work.loads == ["", ""]

    def test_a_load_names_the_model_and_answers_nothing(self, up):
        up.board.start(1000.0, WorkOrder(-1, Task.LOAD, 1000.0, model="sorter"))
        assert up.work.loads == [""]
        up.until(2000.0)
        (done,) = [e for _, e in up.seen if isinstance(e, WorkFinished)]
        assert (done.job, done.result, done.product) == (-1, None, b"")
        assert up.work.loads == ["", "sorter"]

    def test_a_load_that_is_cut_off_loads_nothing_and_a_boot_what_was_loaded_last(self, up):
        up.board.start(1000.0, WorkOrder(-1, Task.LOAD, 1000.0, model="sorter"))
        up.board.power(1000.001, on=False)
        up.board.power(1002.0, on=True)
        up.until(2000.0)
        assert up.work.loads == ["", ""]

    def test_a_boot_after_a_load_leaves_the_choice_of_model_to_the_work(self, up):
        up.board.start(1000.0, WorkOrder(-1, Task.LOAD, 1000.0, model="sorter"))
        up.until(1500.0)
        up.board.power(1500.0, on=False)
        up.board.power(1502.0, on=True)
        up.until(2500.0)
        assert up.work.loads == ["", "sorter", ""]

    def test_a_fetch_gives_the_picture_of_its_moment_and_runs_nothing(self, up):
        up.board.start(1000.0, WorkOrder(-2, Task.FETCH, 60.0, preparation_s=1.0))
        up.until(2000.0)
        (done,) = [e for _, e in up.seen if isinstance(e, WorkFinished)]
        assert (done.job, done.result, done.product) == (-2, None, b"picture of 60 s")
        assert up.work.runs == []

    def test_two_jobs_at_once_are_refused(self, up):
        up.board.start(1000.0, WorkOrder(1, Task.RUN, 1000.0))
        with pytest.raises(BoardError, match="one job at a time"):
            up.board.start(1000.0, WorkOrder(2, Task.RUN, 1000.0))

    def test_a_job_before_the_boot_is_refused(self, bench):
        bench.board.power(0.0, on=True)
        with pytest.raises(BoardError, match="booting"):
            bench.board.start(1.0, WorkOrder(1, Task.RUN, 1.0))

    def test_an_unlisted_operating_point_is_refused_and_the_listed_ones_named(self, up):
        with pytest.raises(BoardError, match=self.slowest):
            up.board.set_point(1000.0, "9 GHz")

    def test_switching_off_loses_the_job_under_way(self, up):
        up.board.start(1000.0, WorkOrder(1, Task.RUN, 1000.0, preparation_s=10.0))
        up.board.power(1001.0, on=False)
        up.until(2000.0)
        assert up.times(WorkFinished) == []
        assert up.work.runs == []

    def test_a_latch_up_draws_current_until_power_is_cycled(self, up):
        calm_w = up.power_w()
        up.board.strike(1000.0, fault(FaultKind.SEL))
        assert up.power_w() > calm_w + 1.0
        up.board.power(1001.0, on=False)
        up.board.power(1002.0, on=True)
        up.until(2000.0)
        assert up.power_w() == calm_w

    def test_a_hang_never_answers_and_ends_with_a_power_cycle(self, up):
        up.board.start(1000.0, WorkOrder(1, Task.RUN, 1000.0, preparation_s=10.0))
        up.board.strike(1001.0, fault(FaultKind.SEFI))
        up.until(5000.0)
        assert up.times(WorkFinished) == []
        up.board.power(5000.0, on=False)
        up.board.power(5001.0, on=True)
        up.until(6000.0)
        up.board.start(6000.0, WorkOrder(2, Task.RUN, 6000.0))
        up.until(7000.0)
        assert len(up.times(WorkFinished)) == 1

    def test_an_upset_strikes_the_work_and_says_where(self, up):
        up.board.strike(1000.0, fault(FaultKind.SEU))
        (landed,) = [e for _, e in up.seen if isinstance(e, FaultLanded)]
        assert landed.site == SITE
        assert landed.effective

    def test_nothing_is_struck_in_a_board_that_is_off(self, bench):
        for kind in FaultKind:
            bench.board.strike(0.0, fault(kind))
        assert bench.work.struck == []
        assert not any(e.effective for _, e in bench.seen if isinstance(e, FaultLanded))


class TestEmulatedBoard(BoardContract):
    slowest = "600MHz"
    profile = checked(BoardProfile, parse(shipped_profile_text("raspberry-pi-4b"), "pi"), "pi")

    def make(self, work, post):
        return EmulatedBoard("pi", self.profile, work, post)

    def test_a_job_takes_its_preparation_and_its_gflop(self, up):
        up.board.start(1000.0, WorkOrder(1, Task.RUN, 1000.0, preparation_s=10.0))
        up.until(2000.0)
        assert up.times(WorkFinished) == [1000.0 + 10.0 + 0.169]

    def test_a_load_takes_as_long_as_a_reload(self, up):
        up.board.start(1000.0, WorkOrder(-1, Task.LOAD, 1000.0, model="sorter"))
        up.until(1500.0)
        up.board.start(1500.0, WorkOrder(0, Task.RELOAD, 1500.0))
        up.until(2000.0)
        loaded_s, reloaded_s = up.times(WorkFinished)
        assert loaded_s - 1000.0 == reloaded_s - 1500.0 > 0.0

    def test_a_fetch_takes_its_preparation_and_no_inference(self, up):
        up.board.start(1000.0, WorkOrder(-1, Task.FETCH, 60.0, preparation_s=1.0))
        up.board.set_point(1000.5, "600MHz")  # half done; three times slower from here
        up.until(2000.0)
        assert up.times(WorkFinished) == [1000.0 + 0.5 + 1.5]

    def test_a_fetch_that_takes_no_time_survives_a_change_of_speed(self, up):
        up.board.start(1000.0, WorkOrder(-1, Task.FETCH, 60.0))
        up.board.set_point(1000.0, "600MHz")
        up.until(2000.0)
        assert up.times(WorkFinished) == [1000.0]

    def test_a_job_goes_on_at_the_speed_of_a_point_set_midway(self, up):
        up.board.start(1000.0, WorkOrder(1, Task.RUN, 1000.0, preparation_s=9.831))
        up.board.set_point(1005.0, "600MHz")  # half done; three times slower from here
        up.until(2000.0)
        assert up.times(WorkFinished) == [pytest.approx(1005.0 + 3.0 * 5.0)]

    def test_a_slower_point_draws_less(self, up):
        up.board.start(1000.0, WorkOrder(1, Task.RUN, 1000.0, preparation_s=10.0))
        fast_w = up.power_w()
        up.board.set_point(1001.0, "600MHz")
        assert up.power_w() < fast_w


def fault(kind):
    return FaultEvent("pi", kind, (0.5, 0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("task", "model"), [(Task.LOAD, ""), (Task.RUN, "sorter"), (Task.RELOAD, "sorter")]
)
def test_a_load_and_nothing_else_names_a_model(task, model):
    with pytest.raises(ValueError, match="a load names its model"):
        WorkOrder(1, task, 0.0, model=model)
