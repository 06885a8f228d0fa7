"""Flights on the wall clock, over real brokers, with people at the bench and at the console."""

import os
import shutil
import subprocess
from base64 import b64encode

import pytest
from rehearsals import (
    IN_VIEW,
    LIMIT_S,
    PAYLOAD,
    Flight,
    Listener,
    Payload,
    Process,
    ground_broker,
    idle,
    kill_broker,
    port_of,
    rehearsal,
    there_or_skip,
    until,
)

from groundlink.accounts import LinkCounts
from groundlink.authentication import Key, MemoryCounters, Signer
from groundlink.bench_control import inject
from groundlink.commands import SetPriority, pack
from groundlink.events import CommandReleased, UplinkRefused
from groundlink.messages import MessageKind
from groundlink.packets import Addresses, TelecommandPacket, encode_telecommand
from groundlink.topics import Control
from rigs.events import FlightEnded
from rigs.flight import fly
from rigs.reading import read_scenario
from rigs.records import read_records
from rigs.rig import RigTable

HORIZON_S = 9000.0
RATE = 3000.0  # mission seconds per second: two and a half hours in 3 s
BROKERS = [
    pytest.param("mosquitto", marks=pytest.mark.mosquitto),
    "amqtt",
]


@pytest.fixture(params=BROKERS)
def broker(request):
    return there_or_skip(request.param)


@pytest.fixture
def mosquitto():
    return there_or_skip("mosquitto")


def first_light(horizon_s=HORIZON_S):
    return read_scenario("first-light").with_options(horizon_s=horizon_s)


def rehearse(folder, broker, rate=RATE, horizon_s=HORIZON_S):
    return Process(folder, first_light(horizon_s), rehearsal(rate, programs=(), broker=broker))


def records_of(folder, *kinds):
    return [r for r in read_records(folder / "records.jsonl") if r["what"] in kinds]


def test_what_a_person_injects_happens_is_recorded_and_can_be_flown_again(
    tmp_path, broker, run_highbay
):
    with rehearse(tmp_path / "r", broker) as flight:
        session = flight.session
        assert (tmp_path / "r" / "session.toml").stat().st_mode & 0o777 == 0o600
        opened = inject(session, Control.WINDOW, {"action": "open", "duration_s": 1200.0})
        inject(session, Control.FAULT, {"payload": "pi", "kind": "seu"})
        struck = inject(session, Control.FAULT, {"payload": "pi", "kind": "sefi"})
        refused = inject(session, Control.FAULT, {"payload": "no-such", "kind": "sefi"})
        flight.land()
    assert (opened.accepted, struck.accepted, refused.accepted) == (True, True, False)
    assert not (tmp_path / "r" / "session.toml").exists()
    (window,) = flight.records("window-injected")
    faults = [r for r in flight.records("fault-event") if r["injected"]]
    assert [fault["kind"] for fault in faults] == ["seu", "sefi"]
    assert faults[1]["t_s"] == struck.t_s
    heard = [r for r in flight.records("received") if r["station"] == "bench"]
    assert heard
    opened_s = window["t_s"]
    assert all(opened_s <= r["received_s"] <= opened_s + 1200.01 for r in heard)
    assert (flight.summary["mode"], flight.summary["complete"]) == ("rehearsal", True)
    result = run_highbay("run", "--replay", tmp_path / "r", "--out", tmp_path / "again")
    assert result.exit_code == 0, result.output
    kinds = ("window-injected", "fault-landed", "completed", "job-lost", "booted", "received")
    assert records_of(tmp_path / "again", *kinds) == flight.records(*kinds)


def test_a_rehearsal_decides_as_the_emulation_does(tmp_path, broker):
    """The same loop on another clock: the same jobs, answers, faults, contacts and messages."""
    with rehearse(tmp_path / "wall", broker) as flight:
        flight.land()
    fly(first_light(), RigTable(mode="emulation"), tmp_path / "virtual", lambda t_s: None)
    kinds = ("completed", "fault-landed", "acquisition-of-signal", "mode-changed", "set-point")
    kinds += ("received", "contact-account")
    assert flight.records(*kinds) == records_of(tmp_path / "virtual", *kinds)


@pytest.mark.mosquitto
def test_stock_clients_watch_and_inject(tmp_path, mosquitto):
    if shutil.which("mosquitto_sub") is None and os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") != "1":
        pytest.skip("mosquitto's own clients are not installed")
    with rehearse(tmp_path / "r", mosquitto) as flight:
        session = flight.session
        port = str(port_of(session.url))
        who = ["-h", "127.0.0.1", "-p", port, "-u", session.username, "-P", session.password]
        with subprocess.Popen(
            ["mosquitto_sub", *who, "-t", "gnd/#", "-v"], stdout=subprocess.PIPE, text=True
        ) as watching:
            wish = '{"payload":"pi","kind":"seu"}'
            topic = f"ctl/1/{session.rig}/fault"
            subprocess.run(["mosquitto_pub", *who, "-t", topic, "-m", wish], check=True)
            flight.land()
            watching.terminate()
            seen, _ = watching.communicate(timeout=LIMIT_S)
    assert f"gnd/1/{session.satellite}/pi/prod" in seen
    assert f"gnd/1/{session.satellite}/link/state" in seen
    assert any(r["injected"] for r in flight.records("fault-event"))


def test_ctrl_c_ends_a_rehearsal_with_results(tmp_path, broker):
    with rehearse(tmp_path / "r", broker, horizon_s=86_400.0) as flight:
        flight.wait_for_records("completed")
        assert "Broken off" in flight.interrupt()
    assert not flight.summary["complete"]
    assert not (tmp_path / "r" / "session.toml").exists()


@pytest.mark.mosquitto
def test_a_broker_that_dies_is_no_secret(tmp_path, mosquitto):
    with rehearse(tmp_path / "r", mosquitto) as flight:
        session = flight.session
        flight.wait_for_records("completed")
        kill_broker(lambda: ground_broker(session))
        out = flight.land()
    assert "Trouble: broker" in out
    assert "went away" in flight.summary["trouble"]
    assert "went away" in (tmp_path / "r" / "report.html").read_text()


@pytest.mark.mosquitto
def test_a_flight_faster_than_its_broker_still_gets_its_frames(tmp_path, mosquitto):
    with rehearse(tmp_path / "r", mosquitto, rate=60_000.0, horizon_s=12_000.0) as flight:
        flight.land()
    frames = flight.summary["link"]["frames"]
    assert frames["received"] + frames["corrupt"] == frames["sent"] > 100


@pytest.mark.mosquitto
def test_a_window_takes_only_stations_of_the_flight(tmp_path, mosquitto, run_highbay):
    window = ("inject", "window", "--in", tmp_path / "r")
    rig = rehearsal(60.0, programs=(), broker=mosquitto)
    with Flight(tmp_path / "r", idle(link__contacts=IN_VIEW), rig) as flight:
        for action in ("cut", "open"):
            result = run_highbay(*window, action, "--station", "aa")
            assert result.exit_code == 2
            assert "window: station = 'aa' is none of this flight; there is a, bench" in (
                result.stderr
            )
            assert run_highbay(*window, action, "--station", "a").exit_code == 0
        flight.land()


@pytest.mark.mosquitto
def test_a_flight_tells_what_a_program_said_in_vain(tmp_path, mosquitto):
    with Flight(tmp_path / "r", idle(), rehearsal(600.0, broker=mosquitto)) as flight:
        with Payload(flight.credentials()) as payload:
            payload.publish(bytes(2**18 + 1), bytes(2**18 + 1), b"small")
            until(lambda: len(payload.acknowledged()) == 3)
        log = flight.land()
    told = f"program {PAYLOAD}: 2 messages over 256 KiB were not taken"
    assert log.last(FlightEnded).trouble == told


# Commands.

INT8 = "tile-sorter-int8"
SURVEY = {"name": "survey", "period_s": 60.0, "deadline_s": 120.0, "preparation_s": 20.0}
DONE = "acceptance ok\nstart ok\ncompletion ok\n"
COMMANDS = [
    "pi stop-stream stream=survey",
    "pi start-stream stream=survey",
    f"pi load-model model={INT8}",
    "pi set-operating-point point=600MHz",
    "pi request-product job=1",
    "obc set-priority source=pi kind=prod priority=6",
]
WRONG = {
    "pi load-model": "model",
    "pi no-such-command a=1": "no-such-command",
    "pi set-operating-point 600MHz": "'600MHz' is no argument like",
    "obc set-priority source=pi kind=prod priority=9": "priority",
    "PI stop-stream stream=survey": "PI",
}


def commanded(**changes):
    """Return a mission in contact that has something to command."""
    usual = {"link__contacts": IN_VIEW, "link__rate_bps": 1e5, "link__uplink_bps": 1e5}
    usual |= {"payloads__pi__jobs": [SURVEY], "payloads__pi__models": [INT8], "horizon_s": 36_000.0}
    return idle(**usual | changes)


@pytest.mark.mosquitto
def test_commands_are_carried_out_in_flight_and_flown_again(tmp_path, mosquitto, run_highbay):
    with Process(tmp_path / "r", commanded(), rehearsal(600.0, programs=())) as flight:
        session = flight.session
        flight.wait_for_records("completed", count=2)
        for words in COMMANDS:
            result = run_highbay("command", "--in", tmp_path / "r", *words.split())
            assert (result.output, result.exit_code) == (DONE, 0), words
        for words, named in WRONG.items():
            result = run_highbay("command", "--in", tmp_path / "r", *words.split())
            assert result.exit_code == 2, words
            assert named in result.output
            assert result.output.count("\n") == 1
        failed = run_highbay("command", "--in", tmp_path / "r", "pi", "load-model", "model=no")
        assert failed.exit_code == 1
        assert "failed: " in failed.output
        key = (tmp_path / "r" / "onboard" / "key").read_text()
        for frame in (signed(Key(1, bytes.fromhex(key)), counter=1), signed(Key(1, bytes(32)))):
            inject(session, Control.UPLINK, {"frame_base64": b64encode(frame).decode()})
        inject(session, Control.FAULT, {"payload": "pi", "kind": "sefi"})
        inject(session, Control.WINDOW, {"action": "cut", "duration_s": 600.0})
        flight.wait_for_records("link-changed", count=3)
        flight.interrupt()
    counted = flight.summary["link"]["commands"]
    assert (counted["requested"], counted["completed"], counted["failed"]) == (7, 6, 1)
    until_s = str(flight.summary["flown_s"])
    again = ["run", "--replay", tmp_path / "r", "--out", tmp_path / "again", "--until", until_s]
    result = run_highbay(*again)
    assert result.exit_code == 0, result.output
    kinds = ("received", "uplink-refused", "command-released", "command-progress", "link-changed")
    assert [r["reason"] for r in flight.records("uplink-refused")] == ["replayed", "forged"]
    assert records_of(tmp_path / "again", *kinds) == flight.records(*kinds)


@pytest.mark.mosquitto
def test_a_command_reaches_a_program_and_its_word_comes_back(tmp_path, mosquitto, run_highbay):
    with Flight(tmp_path / "r", commanded(), rehearsal(60.0)) as flight:
        with Payload(flight.credentials()) as payload:
            payload.obeys = True
            words = ["command", "--in", tmp_path / "r", PAYLOAD, "forward", 'arguments={"a":1}']
            assert run_highbay(*words).output == DONE
            assert payload.commands.get(timeout=LIMIT_S)["arguments"] == {"a": 1}
            payload.obeys = False
            result = run_highbay(*words)
            assert (result.exit_code, result.output.splitlines()[-1]) == (
                1,
                "completion failed: not in the mood",
            )
        flight.land()


@pytest.mark.mosquitto
def test_forged_commands_are_refused_counted_and_reported(tmp_path, mosquitto, run_highbay):
    with Flight(tmp_path / "r", commanded(), rehearsal(600.0, programs=())) as flight:
        words = ["obc", "set-priority", "source=pi", "kind=prod", "priority=6"]
        assert run_highbay("command", "--in", tmp_path / "r", *words).output == DONE
        (released,) = flight.log.all(CommandReleased)
        key = (tmp_path / "r" / "onboard" / "key").read_text()
        forged = {
            "replayed": released.frame,
            "damaged": released.frame[:-3],
            "forged": signed(Key(1, bytes(32))),
            "unknown key": signed(Key(2, bytes(32))),
            "stale": signed(Key(1, bytes.fromhex(key)), not_after_s=1.0),
        }
        with Listener(flight.session) as ground:
            for number, frame in enumerate(forged.values(), start=1):
                (tmp_path / "frame").write_bytes(frame)
                result = run_highbay("inject", "--in", tmp_path / "r", "uplink", tmp_path / "frame")
                assert result.exit_code == 0, result.output
                until(lambda n=number: len(flight.log.all(UplinkRefused)) == n)
                # Of those that come within a minute only the first is reported at once.
                report_due_s = flight.rig.clock.now_s() + 61.0
                until(lambda s=report_due_s: flight.rig.clock.now_s() > s)
            until(lambda: len(ground.said("/obc/ev")) >= len(forged))
            said = [body["uplink_refused"] for body in ground.bodies("/obc/ev")]
        log = flight.land()
    assert said == list(forged)
    assert log.last(LinkCounts).uplink.refused == dict.fromkeys(forged, 1)
    assert len(log.all(CommandReleased)) == 1


def signed(key, counter=1001, **options):
    """Return the frame of a command that the satellite would obey, signed with a key."""
    service, subtype, application = pack(SetPriority("pi", MessageKind.PRODUCT, 1))
    packet = TelecommandPacket("obc", service, subtype, application, 77)
    counters = MemoryCounters()
    counters.advance(f"uplink/{key.id}", counter - 1)
    data = encode_telecommand(packet, Addresses(("obc", "pi")))
    return Signer(key, counters).sign(data, **options).frame
