import pytest

from firmware_bridge.board import Booted, Task, WorkFinished, WorkResult
from firmware_bridge.faults import FaultEvent, FaultKind, Outcome
from payloads.computer import PayloadComputer
from payloads.events import (
    Completed,
    OvercurrentTripped,
    ReloadDue,
    Reloaded,
    Schedule,
    SetPoint,
    StartWork,
    StrikeBoard,
    SupplyOffered,
    SwitchSupply,
    TripCrossed,
    WatchdogDue,
)
from payloads.governor import Governor, TripPoint
from payloads.jobs import Job, JobLost, JobStream, Loss, Released, ReleaseDue, release_plan
from payloads.rules import ComputerRules

RULES = ComputerRules(
    queue_length=2,
    watchdog_s=60.0,
    off_s=5.0,
    reload_every_s=1000.0,
    streams=("survey",),
    models=("sorter",),
)
TRIPS = (TripPoint(70.0, 5.0, "slow"), TripPoint(80.0, 5.0, "slowest"))
POINTS = ("fast", "slow", "slowest")
GOVERNOR = Governor("fast", TRIPS, POINTS)
ANSWER = WorkResult("sea", 0.9, Outcome.NOMINAL)


def job(number, released_s=0.0):
    return ReleaseDue("pi", Job(number, "survey", released_s, released_s + 30.0, 0.0))


def of(kind, actions):
    return [action for action in actions if isinstance(action, kind)]


@pytest.fixture
def computer():
    computer = PayloadComputer("pi", RULES, GOVERNOR)
    computer.restore()
    computer.react(0.0, Booted("pi"))
    return computer


def test_a_job_starts_only_once_the_board_has_booted():
    computer = PayloadComputer("pi", RULES, GOVERNOR)
    computer.restore()
    assert of(StartWork, computer.react(1.0, job(1))) == []
    (start,) = of(StartWork, computer.react(35.0, Booted("pi")))
    assert (start.order.job, start.order.task) == (1, Task.RUN)


def test_a_job_is_released_before_anything_follows_from_it(computer):
    released, started, _ = computer.react(3.0, job(1, 3.0))
    assert released == Released("pi", job(1, 3.0).job)
    assert isinstance(started, StartWork)


def test_jobs_run_one_after_the_other(computer):
    assert of(StartWork, computer.react(0.0, job(1)))[0].order.job == 1
    assert of(StartWork, computer.react(1.0, job(2))) == []
    done, *_ = computer.react(9.0, WorkFinished("pi", 1, ANSWER))
    assert done == Completed("pi", 1, "survey", 0.0, 9.0, False, ANSWER)


def test_a_result_after_its_deadline_is_late(computer):
    computer.react(0.0, job(1))
    (done,) = of(Completed, computer.react(30.1, WorkFinished("pi", 1, ANSWER)))
    assert done.late


def test_a_full_queue_loses_its_oldest_job(computer):
    for number in (1, 2, 3):
        computer.react(0.0, job(number))
    assert of(JobLost, computer.react(0.0, job(4))) == [JobLost("pi", 2, Loss.QUEUE_FULL)]


def test_the_watchdog_restarts_a_board_that_does_not_answer(computer):
    (watchdog,) = of(Schedule, computer.react(0.0, job(1)))
    assert watchdog == Schedule(60.0, WatchdogDue("pi"))
    actions = computer.react(60.0, watchdog.event)
    assert actions == [
        SwitchSupply("pi", on=False),
        JobLost("pi", 1, Loss.WATCHDOG),
        Schedule(65.0, SupplyOffered("pi", 2)),
    ]
    assert SwitchSupply("pi", on=True) in computer.react(65.0, SupplyOffered("pi", 2))


def test_the_watchdog_leaves_a_job_alone_that_began_after_it_was_set(computer):
    computer.react(0.0, job(1))
    computer.react(59.0, WorkFinished("pi", 1, ANSWER))
    computer.react(59.5, job(2))
    again = computer.react(60.0, WatchdogDue("pi"))
    assert again == [Schedule(119.5, WatchdogDue("pi"))]
    assert of(SwitchSupply, computer.react(119.5, WatchdogDue("pi"))) != []


def test_the_watchdog_sleeps_while_nothing_runs(computer):
    computer.react(0.0, job(1))
    computer.react(9.0, WorkFinished("pi", 1, ANSWER))
    assert computer.react(60.0, WatchdogDue("pi")) == []
    assert of(Schedule, computer.react(100.0, job(2))) == [Schedule(160.0, WatchdogDue("pi"))]


def test_a_power_cycle_gives_the_supply_back_after_a_pause(computer):
    computer.react(0.0, job(1))
    off, lost, again = computer.react(10.0, OvercurrentTripped("pi", 1))
    assert (off, lost) == (SwitchSupply("pi", on=False), JobLost("pi", 1, Loss.BREAKER))
    assert again.at_s == 15.0


def test_a_breaker_that_opens_on_a_shed_payload_changes_nothing(computer):
    computer.react(0.0, job(1))
    computer.shed()
    assert computer.react(10.0, OvercurrentTripped("pi", 1)) == []
    assert SwitchSupply("pi", on=True) in computer.restore()


def test_a_second_power_cycle_before_the_first_is_over_starts_the_pause_again(computer):
    (*_, first) = computer.react(10.0, OvercurrentTripped("pi", 1))
    (*_, second) = computer.react(12.0, OvercurrentTripped("pi", 2))
    assert computer.react(first.at_s, first.event) == []
    assert SwitchSupply("pi", on=True) in computer.react(second.at_s, second.event)


def test_jobs_released_during_a_power_cycle_wait_for_the_boot(computer):
    (*_, again) = computer.react(10.0, OvercurrentTripped("pi", 1))
    assert computer.react(12.0, job(1)) == [Released("pi", job(1).job)]
    assert of(StartWork, computer.react(15.0, again.event)) == []
    assert of(StartWork, computer.react(50.0, Booted("pi")))[0].order.job == 1


def test_a_fault_strikes_the_board(computer):
    fault = FaultEvent("pi", FaultKind.SEU, (0.1, 0.2, 0.3, 0.4))
    assert computer.react(1.0, fault) == [StrikeBoard("pi", fault)]


def test_a_supply_offered_before_the_payload_was_shed_is_void(computer):
    (*_, again) = computer.react(10.0, OvercurrentTripped("pi", 1))
    computer.shed()
    assert computer.react(15.0, again.event) == []
    computer.restore()
    assert computer.react(15.0, again.event) == []


def test_shedding_loses_what_runs_and_what_waits(computer):
    computer.react(0.0, job(1))
    computer.react(0.0, job(2))
    assert of(JobLost, computer.shed()) == [
        JobLost("pi", 1, Loss.POWER),
        JobLost("pi", 2, Loss.POWER),
    ]
    assert of(JobLost, computer.react(5.0, job(3))) == [JobLost("pi", 3, Loss.POWER)]


def test_a_reload_waits_for_the_job_under_way_and_goes_before_the_next(computer):
    computer.react(999.0, job(1))
    computer.react(999.0, job(2))
    computer.begin()
    again, *_ = computer.react(1000.0, ReloadDue("pi"))
    assert again == Schedule(2000.0, ReloadDue("pi"))
    (start,) = of(StartWork, computer.react(1009.0, WorkFinished("pi", 1, ANSWER)))
    assert start.order.task is Task.RELOAD
    (start,) = of(StartWork, computer.react(1010.0, WorkFinished("pi", 0, None)))
    assert start.order.job == 2


def test_the_first_reload_is_due_a_period_after_the_start(computer):
    assert computer.begin() == [Schedule(1000.0, ReloadDue("pi"))]


def test_a_reload_starts_at_once_on_an_idle_board_and_keeps_jobs_waiting(computer):
    (start,) = of(StartWork, computer.react(5.0, ReloadDue("pi")))
    assert start.order.task is Task.RELOAD
    assert of(StartWork, computer.react(5.5, job(1))) == []
    assert of(Reloaded, computer.react(6.5, WorkFinished("pi", 0, None))) == [Reloaded("pi")]


def test_a_board_that_hangs_in_a_reload_is_restarted_and_no_job_is_lost(computer):
    computer.react(5.0, ReloadDue("pi"))
    actions = computer.react(65.0, WatchdogDue("pi"))
    assert SwitchSupply("pi", on=False) in actions
    assert of(JobLost, actions) == []


def test_a_boot_makes_a_reload_that_was_due_needless(computer):
    computer.react(0.0, job(1))
    computer.react(5.0, ReloadDue("pi"))
    computer.react(10.0, OvercurrentTripped("pi", 1))
    computer.react(15.0, SupplyOffered("pi", 2))
    computer.react(16.0, job(2))
    (start,) = of(StartWork, computer.react(50.0, Booted("pi")))
    assert (start.order.task, start.order.job) == (Task.RUN, 2)


def test_an_answer_to_a_job_that_was_given_up_is_passed_over(computer):
    computer.react(0.0, job(1))
    computer.react(10.0, OvercurrentTripped("pi", 1))
    assert computer.react(10.0, WorkFinished("pi", 1, ANSWER)) == []
    computer.react(15.0, SupplyOffered("pi", 2))
    computer.react(16.0, job(2))
    computer.react(50.0, Booted("pi"))
    assert computer.react(51.0, WorkFinished("pi", 1, ANSWER)) == []


def test_a_boot_that_ends_as_the_supply_is_cut_starts_nothing(computer):
    computer.react(10.0, OvercurrentTripped("pi", 1))
    assert computer.react(10.0, Booted("pi")) == []
    assert of(StartWork, computer.react(11.0, job(1))) == []


def test_an_answer_to_a_reload_that_was_given_up_is_passed_over(computer):
    computer.react(5.0, ReloadDue("pi"))
    computer.react(6.0, OvercurrentTripped("pi", 1))
    assert computer.react(6.0, WorkFinished("pi", 0, None)) == []


def test_an_answer_to_a_job_that_was_given_up_ends_no_reload(computer):
    computer.react(0.0, job(1))
    (*_, again) = computer.react(1.0, OvercurrentTripped("pi", 1))
    computer.react(again.at_s, again.event)
    computer.react(50.0, Booted("pi"))
    computer.react(51.0, ReloadDue("pi"))
    assert computer.react(52.0, WorkFinished("pi", 1, ANSWER)) == []
    assert of(StartWork, computer.react(52.0, job(2))) == []


def test_the_governor_goes_down_and_up_its_trip_points(computer):
    assert computer.watched_c == (float("-inf"), 70.0)
    assert computer.react(1.0, TripCrossed("pi", True, 70.0)) == [SetPoint("pi", "slow")]
    assert computer.watched_c == (65.0, 80.0)
    assert computer.react(2.0, TripCrossed("pi", True, 80.0)) == [SetPoint("pi", "slowest")]
    assert computer.watched_c == (75.0, float("inf"))
    assert computer.react(3.0, TripCrossed("pi", False, 75.0)) == [SetPoint("pi", "slow")]


@pytest.mark.parametrize(
    ("coolest", "trips"), [("fastest", ()), ("fast", (TripPoint(70.0, 5.0, "fastest"),))]
)
def test_a_governor_names_the_points_that_there_are(coolest, trips):
    with pytest.raises(ValueError, match="no operating point 'fastest'; there is fast, slow"):
        Governor(coolest, trips, POINTS)


def test_a_board_that_cooled_while_shed_comes_back_fast(computer):
    computer.react(1.0, TripCrossed("pi", True, 70.0))
    computer.shed()
    assert computer.react(2.0, TripCrossed("pi", False, 65.0)) == []
    assert SetPoint("pi", "fast") in computer.restore()


def test_releases_of_all_streams_are_numbered_in_order_of_time():
    plan = release_plan(
        (JobStream("a", 10.0, 0.0, 30.0, 5.0, 0.0), JobStream("b", 15.0, 5.0, 30.0, 5.0, 0.0))
    )
    assert [(j.number, j.stream, j.released_s) for j in plan] == [
        (1, "a", 0.0),
        (2, "b", 5.0),
        (3, "a", 10.0),
        (4, "a", 20.0),
        (5, "b", 20.0),
    ]


def test_release_times_are_computed_and_never_accumulated():
    stream = JobStream("a", 0.1, 0.0, 86_400.0, 1.0, 0.0)
    *_, last_s = stream.releases_s()
    assert last_s == 863_999 * 0.1
