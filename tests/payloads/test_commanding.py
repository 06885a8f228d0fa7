"""Commands to a payload computer: what they do, what they answer, and that they always end."""

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_bridge.board import BoardDue, Booted, Task, WorkFinished, WorkResult
from firmware_bridge.boards.emulated import EmulatedBoard
from firmware_bridge.boards.profile import BoardProfile, shipped_profile_text
from firmware_bridge.faults import FaultEvent, FaultKind, FaultLanded, Outcome
from firmware_bridge.telemetry import TelemetrySample
from payloads.agenda import MOST_ERRANDS
from payloads.commands import (
    ChoosePoint,
    CommandAnswered,
    CommandIssued,
    FetchProduct,
    LoadModel,
    ProductFetched,
    Stage,
    StartStream,
    StopStream,
)
from payloads.computer import CUT_SHORT, PayloadComputer
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
from payloads.jobs import Job, JobLost, Loss, Released, ReleaseDue
from payloads.null_work import NullWork
from payloads.rules import ComputerRules
from rigs.reading import checked
from rigs.shipped import parse

PROFILE = checked(BoardProfile, parse(shipped_profile_text("raspberry-pi-4b"), "pi"), "pi")
POINTS = tuple(PROFILE.operating_points())
FASTEST, SLOWER, SLOWEST = POINTS[0], POINTS[1], POINTS[-1]
GOVERNOR = Governor(FASTEST, (TripPoint(70.0, 5.0, SLOWER), TripPoint(80.0, 5.0, SLOWEST)), POINTS)
RULES = ComputerRules(
    queue_length=2,
    watchdog_s=60.0,
    off_s=5.0,
    reload_every_s=1000.0,
    streams=("survey", "sweep"),
    models=("fp32", "int8"),
    stopped=frozenset({"sweep"}),
    remembered=3,
)
ANSWER = WorkResult("sea", 0.9, Outcome.NOMINAL)


def job(number, stream="survey", released_s=0.0):
    return ReleaseDue("pi", Job(number, stream, released_s, released_s + 30.0, 2.0))


def command(order, name=b"a"):
    return CommandIssued("pi", name, order)


def of(kind, actions):
    return [action for action in actions if isinstance(action, kind)]


def answers(actions):
    return [(a.id, a.stage, a.ok, a.reason) for a in of(CommandAnswered, actions)]


def started(name=b"a"):
    return (name, Stage.STARTED, True, "")


def completed(name=b"a"):
    return (name, Stage.COMPLETED, True, "")


def shed_computer(rules=RULES):
    return PayloadComputer("pi", rules, GOVERNOR)


@pytest.fixture
def computer():
    computer = shed_computer()
    computer.restore()
    computer.react(0.0, Booted("pi"))
    return computer


# Streams


def test_a_stopped_stream_releases_nothing_until_it_is_started(computer):
    assert computer.react(1.0, job(1, "sweep")) == []
    assert answers(computer.react(2.0, command(StartStream("sweep")))) == [started(), completed()]
    assert of(Released, computer.react(3.0, job(2, "sweep"))) == [
        Released("pi", job(2, "sweep").job)
    ]


def test_jobs_that_wait_are_done_though_their_stream_is_stopped(computer):
    computer.react(1.0, job(1))
    computer.react(1.0, job(2))
    assert answers(computer.react(2.0, command(StopStream("survey")))) == [started(), completed()]
    (start,) = of(StartWork, computer.react(9.0, WorkFinished("pi", 1, ANSWER)))
    assert start.order.job == 2
    assert computer.react(10.0, job(3)) == []


@pytest.mark.parametrize("order", [StartStream("survey"), StopStream("sweep")])
def test_starting_what_runs_and_stopping_what_is_stopped_is_done_at_once(computer, order):
    assert answers(computer.react(1.0, command(order))) == [started(), completed()]


def test_a_stream_can_be_stopped_while_the_payload_is_shed():
    computer = shed_computer()
    assert answers(computer.react(1.0, command(StopStream("survey")))) == [started(), completed()]
    assert computer.react(2.0, job(1)) == []


def test_a_stream_that_there_is_not_cannot_be_stopped_from_the_start():
    with pytest.raises(ValueError, match="no job stream 'b'; there is a"):
        ComputerRules(2, 60.0, 5.0, 1000.0, ("a",), ("m",), frozenset({"b"}))


def test_pictures_are_not_kept_in_negative_numbers():
    with pytest.raises(ValueError, match="remembered = -1 must be 0 or more"):
        ComputerRules(2, 60.0, 5.0, 1000.0, ("a",), ("m",), remembered=-1)


# The operating point


def test_a_chosen_point_is_set_at_once(computer):
    actions = computer.react(1.0, command(ChoosePoint(SLOWER)))
    assert actions[1] == SetPoint("pi", SLOWER)
    assert answers(actions) == [started(), completed()]


def test_a_trip_point_wins_over_a_faster_choice_until_the_die_has_cooled(computer):
    computer.react(1.0, TripCrossed("pi", True, 70.0))
    computer.react(2.0, TripCrossed("pi", True, 80.0))
    assert SetPoint("pi", SLOWEST) in computer.react(3.0, command(ChoosePoint(FASTEST)))
    assert computer.react(4.0, TripCrossed("pi", False, 75.0)) == [SetPoint("pi", SLOWER)]
    assert computer.react(5.0, TripCrossed("pi", False, 65.0)) == [SetPoint("pi", FASTEST)]


def test_heat_never_makes_a_board_faster_than_commanded(computer):
    computer.react(1.0, command(ChoosePoint(SLOWEST)))
    assert computer.react(2.0, TripCrossed("pi", True, 70.0)) == [SetPoint("pi", SLOWEST)]
    assert computer.react(3.0, TripCrossed("pi", False, 65.0)) == [SetPoint("pi", SLOWEST)]


@given(st.sampled_from(POINTS), st.integers(0, 2))
def test_a_board_runs_at_the_slower_of_what_heat_and_the_ground_ask_for(point, level):
    limits = (point, FASTEST if level == 0 else GOVERNOR.trips[level - 1].point)
    assert GOVERNOR.commanded(point).point_at(level) == max(limits, key=POINTS.index)


def test_a_point_chosen_while_shed_holds_once_power_is_back():
    computer = shed_computer()
    actions = computer.react(1.0, command(ChoosePoint(SLOWER)))
    assert (of(SetPoint, actions), answers(actions)) == ([], [started(), completed()])
    assert SetPoint("pi", SLOWER) in computer.restore()


# Models and pictures


def test_a_load_waits_for_the_job_under_way_and_goes_before_the_next(computer):
    computer.react(1.0, job(1))
    computer.react(1.0, job(2))
    assert computer.react(2.0, command(LoadModel("int8"))) == []
    actions = computer.react(9.0, WorkFinished("pi", 1, ANSWER))
    (start,) = of(StartWork, actions)
    assert (start.order.task, start.order.model) == (Task.LOAD, "int8")
    assert answers(actions) == [started()]
    actions = computer.react(10.0, WorkFinished("pi", start.order.job, None))
    assert actions[:2] == [Reloaded("pi"), CommandAnswered("pi", b"a", Stage.COMPLETED, True)]
    assert of(StartWork, actions)[0].order.job == 2


def test_a_load_starts_at_once_on_an_idle_board(computer):
    actions = computer.react(1.0, command(LoadModel("fp32")))
    assert answers(actions) == [started()]
    assert of(Schedule, actions) == [Schedule(61.0, WatchdogDue("pi"))]


def test_a_command_waits_for_the_boot():
    computer = shed_computer()
    computer.restore()
    assert computer.react(1.0, command(LoadModel("int8"))) == []
    assert answers(computer.react(35.0, Booted("pi"))) == [started()]


def test_a_fetched_picture_is_that_of_the_job(computer):
    computer.react(60.0, job(1, released_s=60.0))
    computer.react(69.0, WorkFinished("pi", 1, ANSWER))
    actions = computer.react(100.0, command(FetchProduct(1)))
    (start,) = of(StartWork, actions)
    assert (start.order.task, start.order.subject_s, start.order.preparation_s) == (
        Task.FETCH,
        60.0,
        1.0,
    )
    assert answers(actions) == [started()]
    fetched, *rest = computer.react(101.0, WorkFinished("pi", start.order.job, None, b"jpeg"))
    assert fetched == ProductFetched("pi", 1, 60.0, b"jpeg")
    assert answers(rest) == [completed()]


def test_the_oldest_pictures_make_room(computer):
    for number in (1, 2, 3, 4):
        computer.react(0.0, job(number))
        computer.react(9.0, WorkFinished("pi", number, ANSWER))
    assert answers(computer.react(10.0, command(FetchProduct(1)))) == [
        (b"a", Stage.STARTED, False, "no picture of job 1 is kept; there are 3, of jobs 2 to 4")
    ]
    assert answers(computer.react(11.0, command(FetchProduct(2)))) == [started()]


def test_a_picture_is_still_there_after_a_power_cycle(computer):
    computer.react(0.0, job(1))
    computer.react(9.0, WorkFinished("pi", 1, ANSWER))
    computer.shed()
    computer.restore()
    computer.react(50.0, Booted("pi"))
    assert answers(computer.react(51.0, command(FetchProduct(1)))) == [started()]


# Refusals and failures


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (LoadModel("fp16"), "there is no model 'fp16'; there is fp32, int8"),
        (StartStream("dig"), "there is no job stream 'dig'; there is survey, sweep"),
        (StopStream("dig"), "there is no job stream 'dig'; there is survey, sweep"),
        (ChoosePoint("9GHz"), f"there is no operating point '9GHz'; there is {', '.join(POINTS)}"),
        (FetchProduct(7), "no picture of job 7 is kept; there is none"),
        (LoadModel("a\nb"), "there is no model 'a\\nb'; there is fp32, int8"),
    ],
)
def test_what_there_is_not_is_refused_in_one_line_that_says_what_there_is(computer, order, reason):
    assert computer.react(1.0, command(order)) == [
        CommandAnswered("pi", b"a", Stage.STARTED, False, reason)
    ]


def test_a_payload_that_is_off_is_asked_to_do_nothing(computer):
    off = [(b"a", Stage.STARTED, False, "payload is off")]
    computer.react(0.0, job(1))
    computer.react(1.0, WorkFinished("pi", 1, ANSWER))
    (*_, again) = computer.react(10.0, OvercurrentTripped("pi", 1))
    assert answers(computer.react(11.0, command(LoadModel("int8")))) == off
    assert answers(computer.react(11.0, command(FetchProduct(1)))) == off
    computer.react(again.at_s, again.event)
    computer.shed()
    assert answers(computer.react(20.0, command(LoadModel("int8")))) == off


def test_too_many_commands_are_refused(computer):
    computer.react(0.0, job(1))
    for _ in range(MOST_ERRANDS):
        assert computer.react(1.0, command(LoadModel("int8"))) == []
    assert answers(computer.react(1.0, command(LoadModel("int8")))) == [
        (b"a", Stage.STARTED, False, "payload has too many commands waiting already")
    ]


@pytest.mark.parametrize(
    ("end", "loss"),
    [
        (lambda computer: computer.shed(), Loss.POWER),
        (lambda computer: computer.react(62.0, WatchdogDue("pi")), Loss.WATCHDOG),
        (lambda computer: computer.react(2.0, OvercurrentTripped("pi", 1)), Loss.BREAKER),
    ],
    ids=["shed", "hung", "cycled"],
)
def test_a_command_under_way_fails_once_when_the_supply_is_cut(computer, end, loss):
    (start,) = of(StartWork, computer.react(1.0, command(LoadModel("int8"))))
    actions = end(computer)
    assert actions[0] == SwitchSupply("pi", on=False)
    assert answers(actions) == [(b"a", Stage.COMPLETED, False, CUT_SHORT[loss])]
    assert computer.react(63.0, WorkFinished("pi", start.order.job, None)) == []


def test_a_command_that_waits_is_refused_when_the_payload_is_shed(computer):
    computer.react(0.0, job(1))
    computer.react(1.0, command(LoadModel("int8")))
    assert answers(computer.shed()) == [(b"a", Stage.STARTED, False, "payload is off")]


def test_a_command_that_waits_lives_through_a_power_cycle(computer):
    computer.react(0.0, job(1))
    computer.react(1.0, command(LoadModel("int8")))
    (*_, again) = computer.react(2.0, OvercurrentTripped("pi", 1))
    computer.react(again.at_s, again.event)
    assert answers(computer.react(40.0, Booted("pi"))) == [started()]


def test_an_answer_to_an_earlier_load_does_not_complete_a_later_one(computer):
    (first,) = of(StartWork, computer.react(1.0, command(LoadModel("int8"))))
    (*_, again) = computer.react(2.0, OvercurrentTripped("pi", 1))
    computer.react(again.at_s, again.event)
    computer.react(40.0, Booted("pi"))
    computer.react(41.0, command(LoadModel("int8"), b"b"))
    assert computer.react(42.0, WorkFinished("pi", first.order.job, None)) == []


# Properties


ORDERS = st.one_of(
    st.sampled_from(("fp32", "int8", "gone")).map(LoadModel),
    st.sampled_from(("survey", "sweep", "gone")).map(StartStream),
    st.sampled_from(("survey", "sweep", "gone")).map(StopStream),
    st.sampled_from((*POINTS, "gone")).map(ChoosePoint),
    st.integers(1, 9).map(FetchProduct),
)
NUMBERS = st.integers(-4, 9)
STEPS = st.one_of(
    st.sampled_from(("survey", "sweep")),  # a release of this stream
    ORDERS,
    st.just("answer"),  # of the work under way
    st.builds(WorkFinished, st.just("pi"), NUMBERS, st.sampled_from((None, ANSWER))),
    st.sampled_from(("shed", "restore")),
    st.sampled_from(
        (Booted("pi"), WatchdogDue("pi"), ReloadDue("pi"), OvercurrentTripped("pi", 1))
    ),
    st.builds(SupplyOffered, st.just("pi"), st.integers(1, 9)),
)


class Watched:
    """A computer, and everything it did."""

    def __init__(self):
        self.computer, self.actions, self.issued = shed_computer(), [], []
        self.jobs = 0

    def take(self, t_s, step):
        match step:
            case "shed" | "restore":
                self.actions += getattr(self.computer, step)()
            case "survey" | "sweep":
                self.jobs += 1
                self.actions += self.computer.react(t_s, job(self.jobs, step, t_s))
            case "answer":
                self.actions += self._answer(t_s)
            case LoadModel() | StartStream() | StopStream() | ChoosePoint() | FetchProduct():
                self.issued.append(str(len(self.issued)).encode())
                self.actions += self.computer.react(t_s, command(step, self.issued[-1]))
            case event:
                self.actions += self.computer.react(t_s, event)

    def _answer(self, t_s):
        starts = of(StartWork, self.actions)
        if not starts:
            return []
        order = starts[-1].order
        result = ANSWER if order.task is Task.RUN else None
        return self.computer.react(t_s, WorkFinished("pi", order.job, result))

    def check(self):
        """Check the accounts of a computer that has nothing to do any more."""
        count = Counter((a.id, a.stage, a.ok) for a in of(CommandAnswered, self.actions))
        for name in self.issued:
            begun, refused = count[name, Stage.STARTED, True], count[name, Stage.STARTED, False]
            ended = count[name, Stage.COMPLETED, True] + count[name, Stage.COMPLETED, False]
            assert begun + refused == 1
            assert ended == begun
        released, done, lost = (len(of(k, self.actions)) for k in (Released, Completed, JobLost))
        assert released == done + lost


@settings(max_examples=500, deadline=None)
@given(st.lists(STEPS, max_size=60))
@example(["restore", LoadModel("int8"), "shed", "restore", Booted("pi"), "answer"])
def test_whatever_happens_every_command_ends_once_and_every_job_is_accounted_for(steps):
    watched = Watched()
    for k, step in enumerate(steps):
        watched.take(40.0 * k, step)
    watched.take(40.0 * len(steps), "shed")
    watched.check()


class Desk(Watched):
    """A computer with an emulated board, on a small timeline of their own."""

    def __init__(self):
        super().__init__()
        self.due, self.serial, self.now_s = [], 0, 0.0
        self.board = EmulatedBoard("pi", PROFILE, NullWork(), self.post)

    def post(self, event, at_s):
        self.serial += 1
        self.due.append((max(at_s, self.now_s), self.serial, event))

    def until(self, t_s):
        while self.due and min(self.due)[0] <= t_s:
            entry = min(self.due)
            self.due.remove(entry)
            self.now_s, _, event = entry
            self.happen(event)
        self.now_s = t_s

    def happen(self, event):
        match event:
            case BoardDue():
                self.board.wake(self.now_s)
            case FaultLanded() | TelemetrySample():
                pass
            case _:
                before = len(self.actions)
                self.take(self.now_s, event)
                self.perform(self.actions[before:])

    def perform(self, actions):
        for action in actions:
            match action:
                case SwitchSupply(on=on):
                    self.board.power(self.now_s, on)
                case SetPoint(point=point):
                    self.board.set_point(self.now_s, point)
                case StartWork(order=order):
                    self.board.start(self.now_s, order)
                case StrikeBoard(fault=fault):
                    self.board.strike(self.now_s, fault)
                case Schedule(at_s=at_s, event=event):
                    self.post(event, at_s)


HAPPENINGS = st.one_of(
    st.sampled_from(("survey", "sweep")),
    ORDERS,
    st.sampled_from((FaultKind.SEFI, FaultKind.SEL)).map(lambda k: FaultEvent("pi", k, (0.5, 0.5))),
    st.just(OvercurrentTripped("pi", 1)),
    st.just(ReloadDue("pi")),
    st.sampled_from(("shed", "restore")),
)
PAUSES = st.sampled_from((0.0, 0.0, 0.5, 1.0, 4.0, 30.0, 100.0))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(PAUSES, HAPPENINGS), max_size=40))
def test_on_a_board_that_is_struck_and_cycled_every_command_ends_once(happenings):
    desk, t_s, powered = Desk(), 0.0, False
    for pause_s, happening in [(0.0, "restore"), *happenings]:
        t_s += pause_s
        if happening in ("shed", "restore"):
            if powered == (happening == "restore"):
                continue  # a satellite gives power back once, after it has taken it away
            powered = not powered
        desk.post(happening, t_s)
        desk.until(t_s)
    desk.until(t_s + 10_000.0)  # time enough for all that waits, as nothing strikes any more
    desk.check()
