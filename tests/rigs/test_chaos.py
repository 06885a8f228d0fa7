"""What a flight makes of brokers, connections, clients and disks that fail in mid-pass."""

import json
import math
import re
import shutil
import socket
import statistics
import subprocess
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from itertools import pairwise

import pytest
from _pytest.outcomes import Failed
from flights import Log
from rehearsals import (
    FRAME_OVERHEAD_BYTES,
    IN_VIEW,
    LIMIT_S,
    PAYLOAD,
    Flight,
    Listener,
    Payload,
    Process,
    Proxy,
    Publishing,
    idle,
    kill_broker,
    numbered,
    peak_bytes,
    port_of,
    rehearsal,
    stopped,
    there_or_skip,
    until,
)

from groundlink.accounts import LinkCounts
from groundlink.bench_control import inject
from groundlink.events import ProgramState, Received
from groundlink.topics import Control
from rigs.events import FlightEnded

DELETES_FIRST = (
    "amqtt ends the session of a CONNECT's client id before it looks at the password: "
    "the victim stays connected and hears nothing any more"
)
TAKES_OVER_HALF = (
    "amqtt hands a session to a client that connects again while the old connection still "
    "stands, and leaves that one standing"
)


def on_both(*amqtt_marks):
    """Run a test on mosquitto, and on amqtt with what it is known to get wrong."""
    mosquitto = pytest.param("mosquitto", marks=pytest.mark.mosquitto)
    amqtt = pytest.param("amqtt", marks=amqtt_marks)
    return pytest.mark.parametrize("kind", [mosquitto, amqtt])


def fails(reason):
    """Expect a failure of amqtt."""
    return pytest.mark.xfail(reason=reason, strict=True, raises=(AssertionError, Failed))


@pytest.fixture(autouse=True)
def installed(request):
    """Skip, or fail where programs are required, what runs on a broker that is not there."""
    kind = request.node.callspec.params["kind"] if hasattr(request.node, "callspec") else ""
    there_or_skip(kind or "mosquitto")


RATE = 60.0  # mission seconds per second
A_PASS = {"action": "open", "duration_s": 7200.0}
FAST_BPS = 1e6  # a link that takes what a payload says at once


def in_view(**changes):
    """Return a mission that is in contact from its first moment on."""
    return idle(**{"link__contacts": IN_VIEW, "link__rate_bps": FAST_BPS} | changes)


def flow(log: Log, of: str = f"{PAYLOAD}/tm"):
    return log.last(LinkCounts).classes[of]


def all_accounted_for(log: Log, of: str = f"{PAYLOAD}/tm") -> None:
    """Assert that what the payload's messages came to is what was taken down of each."""
    counts = flow(log, of)
    fates = counts.delivered + counts.queued + counts.expired + counts.dropped + counts.lost
    assert counts.generated == fates
    received = [r.message for r in log.all(Received) if r.message.source == PAYLOAD]
    assert counts.delivered == len(received)
    assert len({message.key for message in received}) == len(received)


# A black-holed loss of signal, and what comes after it.

MANY = 20_000
SLOW_BPS = 9600.0
PASS_RATE = 90.0  # 20,000 frames of 47 bytes take 783 mission s at 9.6 kbit/s, hence 8.7 s
LATE_S = 4.0  # host seconds that half of them may be late: half of the pass, else it is a burst
EARLY_S = 1e-3  # rounding of two clocks


@on_both(pytest.mark.slow)
def test_what_is_said_during_loss_of_signal_comes_down_at_the_frame_rate(tmp_path, kind):
    said = [numbered(number) for number in range(MANY)]
    with Flight(
        tmp_path / "r", idle(link__rate_bps=SLOW_BPS), rehearsal(PASS_RATE, broker=kind)
    ) as flight:
        with Listener(flight.session) as ground, Payload(flight.credentials()) as payload:
            payload.publish(*said)
            until(lambda: payload.stored == MANY, what=f"{payload.stored} are stored")
            assert len(payload.acknowledged()) == MANY
            assert ground.said() == []  # none before AOS
            opened = inject(flight.session, Control.WINDOW, A_PASS)
            until(lambda: len(ground.heard) >= MANY and len(ground.said()) == MANY)
            start_host_s = time.monotonic() - flight.rig.clock.now_s() / PASS_RATE
            heard = [h for h in ground.heard if h.topic.endswith(f"/{PAYLOAD}/tm")]
            answers = ground.said()
        log = flight.land()
    assert [answer["body"]["n"] - 100_000 for answer in answers] == list(range(MANY))
    assert opened.t_s < answers[0]["received_s"]
    paced(log)
    late_s = sorted(
        h.host_s - start_host_s - answer["received_s"] / PASS_RATE
        for h, answer in zip(heard, answers, strict=True)
    )
    print(f"late by {late_s[0]:.4f}, {statistics.median(late_s):.4f}, {late_s[-1]:.4f} s")
    assert late_s[0] > -EARLY_S  # nothing before its frame has come, hence no burst
    assert statistics.median(late_s) < LATE_S
    all_accounted_for(log)


def paced(log):
    """Assert that frame follows frame: each is there when its own bits have left, no sooner."""
    received = log.all(Received)
    for before, after in pairwise(received):
        bits = 8 * (len(after.message.body) + FRAME_OVERHEAD_BYTES)
        gap_s = after.received_s - before.received_s
        if after.message.generated_s < before.received_s:  # it waited
            assert math.isclose(gap_s, bits / SLOW_BPS, rel_tol=1e-6)
        else:
            assert gap_s > bits / SLOW_BPS * (1.0 - 1e-6)


# Brokers that are killed.

MOMENTS = (40, 90, 20, 110)  # messages between one kill and the next


@on_both(pytest.mark.slow)
def test_killed_brokers_lose_nothing_that_was_acknowledged(tmp_path, kind):
    with Flight(tmp_path / "r", in_view(), rehearsal(RATE, broker=kind)) as flight:
        session = flight.session
        with (
            Listener(session) as ground,
            Payload(flight.credentials()) as payload,
            Publishing(payload) as publishing,
        ):
            for messages in MOMENTS:
                for broker in flight.brokers.values():
                    publishing.goes_on(messages)
                    kill_broker(broker)
            publishing.goes_on()
            publishing.stop()
            until(lambda: len(payload.acknowledged()) == publishing.count)
            until(lambda: missing(payload, flight) == set(), what="a message is lost")
            until(lambda: len(flight.received()) == len(flight.published()))
            until(lambda: ground.bodies()[-1]["n"] == 100_000 + publishing.count - 1)
        log = flight.land()
    trouble = log.last(FlightEnded).trouble
    # Four kills of each; one that comes before a client is back is no departure of its own.
    assert re.search(r"on-board broker \S+ went away [1-4] time", trouble)
    assert re.search(rf"(^|; )broker {re.escape(session.url)} went away [1-4] time", trouble)
    all_accounted_for(log)
    again = [body for body, times in Counter(flight.published()).items() if times > 1]
    print(f"{publishing.count} messages, 8 kills, {len(again)} came twice")


def missing(payload, flight):
    """Return what was acknowledged to a payload, and never came to the flight."""
    return set(payload.acknowledged()) - set(flight.published())


# Brokers that stand still, connections that are half open, clients that others imitate.

STANDSTILL_S = 2.5  # host seconds; longer than the payload's keep-alive of 2 s


@pytest.mark.parametrize("which", ["on-board", "ground"])
@on_both(pytest.mark.slow)
def test_a_broker_that_stands_still_holds_up_nobody_for_good(tmp_path, kind, which):
    with Flight(tmp_path / "r", in_view(), rehearsal(RATE, broker=kind)) as flight:
        session = flight.session
        with (
            Listener(session) as ground,
            Payload(flight.credentials()) as payload,
            Publishing(payload) as publishing,
        ):
            publishing.goes_on()
            with stopped(flight.brokers[which]()):
                stands_since_s = flight.rig.clock.now_s()
                until(lambda: flight.rig.clock.now_s() > stands_since_s + STANDSTILL_S * RATE)
                assert flight.flying
            publishing.goes_on()
            publishing.stop()
            everything_arrives(payload, flight, publishing, ground)
        log = flight.land()
    assert log.last(FlightEnded).trouble == ""
    all_accounted_for(log)


def everything_arrives(payload, flight, publishing, ground):
    """Wait until all that was said is acknowledged, on board, and heard on the ground."""
    until(lambda: len(payload.acknowledged()) == publishing.count)
    until(lambda: missing(payload, flight) == set(), what="a message is lost")
    wanted = set(range(publishing.count))
    until(lambda: set(numbered_of(ground)) == wanted)


def numbered_of(ground):
    """Return the numbers of the messages that the ground has heard, in its order."""
    return [body["n"] - 100_000 for body in ground.bodies()]


@on_both(pytest.mark.slow)
def test_a_half_open_connection_of_a_payload_loses_nothing(tmp_path, kind):
    with Flight(tmp_path / "r", in_view(), rehearsal(RATE, broker=kind)) as flight:
        credentials = flight.credentials()
        with (
            closing(Proxy(port_of(credentials["HIGHBAY_BROKER"]))) as proxy,
            Listener(flight.session) as ground,
            Payload(credentials, proxy.port) as payload,
            Publishing(payload) as publishing,
        ):
            publishing.goes_on()
            proxy.fall_silent()
            until(lambda: payload.departures)
            publishing.goes_on()
            publishing.stop()
            everything_arrives(payload, flight, publishing, ground)
        log = flight.land()
    assert log.last(FlightEnded).trouble == ""
    all_accounted_for(log)


@on_both(fails(TAKES_OVER_HALF))
def test_a_client_id_that_is_used_twice_loses_nothing(tmp_path, kind):
    rig = rehearsal(RATE, programs=(PAYLOAD, "intruder"), broker=kind)
    patience_s = LIMIT_S if kind == "mosquitto" else PATIENCE_S
    with Flight(tmp_path / "r", in_view(), rig) as flight:
        with (
            Listener(flight.session) as ground,
            Payload(flight.credentials()) as payload,
            Publishing(payload) as publishing,
        ):
            for turn in range(3):
                publishing.goes_on()
                with by_hand(flight.credentials(), PAYLOAD) as answer:
                    assert answer == ACCEPTED  # it knows the password
                    until(lambda turn=turn: payload.departures > turn, patience_s)
            with by_hand(flight.credentials("intruder"), HOSTS_OWN) as answer:
                assert answer == ACCEPTED  # under its own name, whatever it said
                publishing.goes_on()
            publishing.stop()
            everything_arrives(payload, flight, publishing, ground)
        log = flight.land()
    assert log.last(FlightEnded).trouble == ""  # the flight's own connections were left alone
    all_accounted_for(log)


HOSTS_OWN = f"quiet.HOST-{PAYLOAD}"  # the client id of the host's end of the program
PATIENCE_S = 5.0  # where amqtt is known to keep us waiting in vain
ACCEPTED = b"\x20\x02\x00\x00"


@on_both(fails(DELETES_FIRST))
def test_a_wrong_password_takes_nothing_from_the_flight(tmp_path, kind):
    with Flight(tmp_path / "r", in_view(), rehearsal(RATE, broker=kind)) as flight:
        credentials = flight.credentials()
        with Payload(credentials) as payload:
            with by_hand(credentials | {"HIGHBAY_PASSWORD": "guess"}, HOSTS_OWN) as answer:
                assert answer != ACCEPTED
            payload.is_now("ready")
            until(lambda: flight.log.all(ProgramState), PATIENCE_S)
        log = flight.land()
    assert log.last(FlightEnded).trouble == ""


def text(value):
    return len(value).to_bytes(2, "big") + value


@contextmanager
def by_hand(credentials, client_id, *more):
    """Open a connection, say CONNECT and whatever ``more``, and read nothing but the answer."""
    names = [credentials["HIGHBAY_USERNAME"].encode(), credentials["HIGHBAY_PASSWORD"].encode()]
    body = text(b"MQTT") + bytes([4, 0xC2, 0, 60]) + text(client_id.encode())
    body += b"".join(map(text, names))
    there = ("127.0.0.1", port_of(credentials["HIGHBAY_BROKER"]))
    with socket.create_connection(there, LIMIT_S) as connection:
        connection.sendall(bytes([0x10, len(body)]) + body)
        answer = connection.recv(4)
        for packet in more:
            connection.sendall(packet)
        yield answer


SUBSCRIBE_ALL = b"\x82\x0a\x00\x01" + text(b"gnd/#") + b"\x01"
PICTURE = bytes(65_536)
PICTURES = 200  # 17 MB in base64: more than a socket takes
MEBIBYTE = 2**20
# The bound that the on-board and ground brokers are given for one client: 64 MiB in flight, as much
# queued, and as much again as packets that wait for its socket; and what a broker needs besides.
MOST_BYTES = (3 * 64 + 128) * MEBIBYTE


@on_both(pytest.mark.slow)
def test_a_ground_client_that_reads_nothing_harms_nobody(tmp_path, kind):
    with Flight(
        tmp_path / "r", in_view(link__rate_bps=1e8), rehearsal(RATE, broker=kind)
    ) as flight:
        session = flight.session
        slow = {
            "HIGHBAY_BROKER": session.url,
            "HIGHBAY_USERNAME": session.username,
            "HIGHBAY_PASSWORD": session.password,
        }
        with (
            by_hand(slow, "slow", SUBSCRIBE_ALL) as answer,
            Listener(session) as ground,
            Payload(flight.credentials()) as payload,
        ):
            assert answer == ACCEPTED
            payload.publish(*[PICTURE] * PICTURES, kind="prod")
            until(lambda: len(ground.said(f"/{PAYLOAD}/prod")) == PICTURES)
            peak = peak_bytes(flight.brokers["ground"]())
        log = flight.land()
    print(f"the ground broker took {peak / MEBIBYTE:.0f} MiB at most")
    assert peak < MOST_BYTES
    assert log.last(FlightEnded).trouble == ""
    assert flow(log, f"{PAYLOAD}/prod").delivered == PICTURES
    all_accounted_for(log, f"{PAYLOAD}/prod")


# A store whose disk is full.

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
MOUNT = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
SOME, ALL = 100, 400


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder, and what must stand before a command that finds a small disk there."""
    folder = tmp_path / "store"
    folder.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("there is no program unshare")
    if subprocess.run([*NAMESPACE, MOUNT, folder, "true"], check=False).returncode:
        pytest.skip("this host lets no user mount a file system in a namespace")
    return folder, (*NAMESPACE, MOUNT, folder)


@contextmanager
def full(folder):
    """Let the disk of a folder take nothing more, for a while."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@on_both(pytest.mark.slow)
def test_a_full_disk_under_the_store_costs_what_comes_meanwhile_and_nothing_else(
    tmp_path, small_disk, kind
):
    folder, wrapper = small_disk
    rig = rehearsal(RATE, broker=kind, store=str(folder))
    said = [numbered(number)[:-1] + b',"fill":"%s"}' % (b"x" * 1000) for number in range(ALL)]
    with (
        Process(tmp_path / "r", idle(link__rate_bps=FAST_BPS), rig, wrapper=wrapper) as flight,
        Listener(flight.session) as ground,
        Payload(flight.credentials(), in_flight=ALL) as payload,
    ):
        payload.publish(*said[:SOME])
        until(lambda: len(payload.acknowledged()) == SOME)
        with full(flight.seen(folder)):
            payload.publish(*said[SOME:-1])
            flight.wait_for_records("onboard-published", count=ALL - 1)
            assert ground.said() == []
            inject(flight.session, Control.WINDOW, A_PASS)
            until(lambda: len(ground.said()) + flight.count("dropped") >= ALL - 1)
            until(lambda: payload.stored == len(payload.acknowledged()))
            acknowledged = {json.loads(body)["n"] - 100_000 for body in payload.acknowledged()}
            came_down = numbered_of(ground)
            assert set(range(SOME)) <= acknowledged <= set(range(SOME)).union(came_down)
            dropped = [r for r in flight.records("dropped") if r["source"] == PAYLOAD]
        until(lambda: len(payload.acknowledged()) == ALL - 1)  # now there is room
        payload.publish(said[-1])
        until(lambda: len(payload.acknowledged()) == ALL)
        until(lambda: set(numbered_of(ground)) == set(range(ALL)))
        flight.interrupt()
    print(f"{SOME} stored, {len(came_down)} came down from a full disk, {len(dropped)} dropped")
    assert {record["reason"] for record in dropped} == {"store failed"}
    assert set(came_down) >= set(range(SOME))
    assert len(set(came_down)) == len(came_down) == ALL - 1 - len(dropped)
    in_one_line = f"on-board store {folder}/store.sqlite: database or disk is full"
    assert flight.summary["trouble"] == in_one_line
