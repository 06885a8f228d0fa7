"""A program that tries everything gets nowhere, and nobody else notices."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from buses import SATELLITE, Host, open_buses

from groundlink import programs
from groundlink.events import LinkChanged, LinkState, OnboardPublished, ProgramState, Received
from groundlink.messages import Message, MessageKind
from groundlink.mqtt import MqttClient
from groundlink.passage import LARGEST_BODY
from groundlink.program_end import MOST_CHANGES
from groundlink.programs import Isolation, Program, RunningProgram
from groundlink.topics import Role

pytestmark = pytest.mark.mosquitto

TRACKER, SABOTEUR = NAMES = "star-tracker", "saboteur"
FOLDER = Path(__file__).parents[1] / "programs"
FLOOD = 20_000
AT_ONCE = 256  # messages that a flight stores with one write
MEASURED = 200
LIMIT_S = 60.0
MARK = b"SABOTAGE"


def started(host, folder, isolation, name, *arguments):
    command = (sys.executable, str(FOLDER / f"{name.replace('-', '_')}.py"), *arguments)
    endpoint, socket_path = host.door(name), host.gate.socket_path
    return RunningProgram(
        Program(name, command, isolation), endpoint, socket_path, SATELLITE, folder
    )


class Flight:
    """A flight during loss of signal: what programs say is stored, nothing comes down."""

    def __init__(self, host):
        self.host = host
        self.came = []
        self.states = []

    def until(self, finished):
        while not finished(self):
            events = [self.host.posted.get(timeout=LIMIT_S)]
            while len(events) < AT_ONCE and not self.host.posted.empty():
                events.append(self.host.posted.get())
            came = [each for each in events if isinstance(each, OnboardPublished)]
            self.host.gateway.stored(came)
            self.host.gateway.tell()
            self.came += came
            self.states += [each for each in events if not isinstance(each, OnboardPublished)]

    def bodies(self, source, kind=MessageKind.TELEMETRY):
        return [each.body for each in self.came if (each.source, each.kind) == (source, kind)]

    def is_done(self):
        return any(each.body == b"done" for each in self.came[-AT_ONCE:])


@pytest.fixture(params=["none", "network-namespace"])
def isolation(request):
    if request.param != "none" and programs.refusal():
        pytest.skip(f"this host gives no namespaces: {programs.refusal()}")
    return Isolation(request.param)


@pytest.fixture
def sabotaged(isolation, tmp_path, mosquitto_installed):
    """Give a flight after the sabotage, what was heard on the ground, and the two logs."""
    heard = []
    with (
        open_buses(mosquitto_installed, NAMES) as buses,
        Host(buses, NAMES) as host,
        MqttClient(buses.on_ground(Role.BENCH), {"gnd/1/sat/#": heard.append}),
        MqttClient(buses.on_ground(Role.BENCH), {"ctl/1/sat/#": heard.append}),
    ):
        flight = Flight(host)
        host.gateway.announce(0.0, LinkChanged(LinkState.LOS))
        ports = [str(buses.on_ground(Role.HOST).port)]
        with (
            started(host, tmp_path, isolation, TRACKER, str(MEASURED)) as tracker,
            started(host, tmp_path, isolation, SABOTEUR, str(FLOOD), TRACKER, *ports),
        ):
            flight.until(Flight.is_done)
            flight.until(lambda it: ProgramState(TRACKER, "disconnected") in it.states)
            tracker.close()
        said = {name: (tmp_path / f"{name}.log").read_text() for name in NAMES}
        yield flight, heard, said
        assert host.gateway.trouble().startswith(f"program {SABOTEUR}: ")  # and of nobody else
        assert ";" not in host.gateway.trouble()


def test_a_saboteur_gets_nowhere(sabotaged):
    flight, heard, said = sabotaged

    # It heard nothing, and got in nowhere.
    assert "GOT" not in said[SABOTEUR]
    assert "\ndone\n" in said[SABOTEUR]
    assert "Traceback" not in said[SABOTEUR]

    # Nothing of it appears outside its own class, and on the ground nothing at all.
    assert not [each for each in flight.came if each.source != SABOTEUR and MARK in each.body]
    assert {event.source for event in flight.came} == set(NAMES)
    states = Counter(event.source for event in flight.states)
    assert states[SABOTEUR] <= MOST_CHANGES
    assert [each.topic for each in heard] == ["gnd/1/sat/link/state"]

    # Its flood came whole and once, for it is its own class, and what was too large did not.
    flooded = [body for body in flight.bodies(SABOTEUR) if body != MARK]
    assert flooded == [MARK + b" %d" % n for n in range(FLOOD)]
    assert all(len(event.body) <= LARGEST_BODY for event in flight.came)
    assert flight.host.gateway.strays[SABOTEUR] > 0

    # The other program did not notice: all of its messages came in order and are safe on board.
    assert len(flight.bodies(TRACKER)) == MEASURED
    assert said[TRACKER] == f"stored {MEASURED} of {MEASURED}\n"
    own = [event.state for event in flight.states if event.source == TRACKER]
    assert own == ["ready", "disconnected"]
    assert flight.host.gateway.strays[TRACKER] == 0

    # The gateway lives.
    message = Message(MessageKind.EVENT, TRACKER, 0, 0.0, b"{}")
    flight.host.gateway.announce(1.0, Received(message, "svalbard", 1.0))
    flight.host.gateway.drain(LIMIT_S)
    assert [each.topic for each in heard][-1] == f"gnd/1/sat/{TRACKER}/ev"
