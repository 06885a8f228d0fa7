"""The satellite as a whole: what reaches its computers."""

import pytest

from payloads.commands import ChoosePoint, CommandAnswered, CommandIssued, Stage, StopStream
from payloads.computer import PayloadComputer
from payloads.events import SetPoint
from payloads.governor import Governor
from payloads.jobs import Job, Released, ReleaseDue
from payloads.power import Battery, Eps, Ramp
from payloads.rules import ComputerRules
from payloads.satellite import Breaker, Bus, BusLoads, Satellite
from payloads.thermal import Die, Radiator, ThermalStar

BATTERY = Battery(10.0, 0.95, 0.9, ((0.0, 6.0), (1.0, 8.4)))
DARK = Ramp([0.0, 1.0], [0.0, 0.0])


@pytest.fixture
def satellite():
    bus = Bus(
        battery=BATTERY,
        eps=Eps(8.2, 7.3, 7.1, 6.4, own_w=0.5, empty_v=6.0, wake_v=6.1),
        loads=BusLoads(1.0, 0.5, 5.0),
        breaker=Breaker(15.0, 0.5),
        star=ThermalStar((Die(20.0, 5.0),) * 2, Radiator(0.06, 0.85, 0.2, 1500.0, (0.0, 0.0, 1.0))),
        array_w=DARK,
        absorbed_w=DARK,
        housekeeping_s=60.0,
        start_charge_j=BATTERY.capacity_j,
        start_k=290.0,
    )
    return Satellite(bus, {name: computer(name) for name in ("left", "right")})


def computer(name):
    rules = ComputerRules(2, 60.0, 5.0, 1000.0, streams=("survey",), models=("sorter",))
    computer = PayloadComputer(name, rules, Governor("fast", (), ("fast", "slow")))
    computer.restore()
    return computer


def test_a_command_reaches_the_payload_that_it_names(satellite):
    actions = satellite.react(0.0, CommandIssued("right", b"7", ChoosePoint("slow")))
    assert actions == [
        CommandAnswered("right", b"7", Stage.STARTED, True),
        SetPoint("right", "slow"),
        CommandAnswered("right", b"7", Stage.COMPLETED, True),
    ]


def test_a_stream_stopped_on_one_payload_runs_on_the_other(satellite):
    satellite.react(0.0, CommandIssued("right", b"7", StopStream("survey")))
    job = Job(1, "survey", 0.0, 30.0, 0.0)
    assert satellite.react(0.0, ReleaseDue("right", job)) == []
    assert satellite.react(0.0, ReleaseDue("left", job)) == [Released("left", job)]
