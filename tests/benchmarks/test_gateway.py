"""The gateway against plain paho, and the wall clock: throughput, latency, contact edges, pace.

Stock clients run as processes of their own in every case; the peer is the
same pair of clients on the same kind of broker, without a gateway between.
"""

import json
import threading

import numpy as np
import pytest
from wall_clock import flight, ground, measure, onboard

from groundlink.broker import User, open_broker
from groundlink.endpoint import Endpoint
from groundlink.mqtt import MqttClient

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]

UNLIMITED_BPS = 1e9  # a frame of 256 bytes takes 2 µs
ALWAYS = (0.1, 599.0)
EDGE_S = 0.020
ADDED_P99_S = 0.005
RATE_ERROR = 1e-3
FRAME_BYTES, OVERHEAD_BYTES = 1115, 32
SETTLED_S = 6.0  # until flight, brokers and clients are up


@pytest.fixture
def bare():
    """Give two stock clients a broker of their own, without a gateway."""
    with open_broker("mosquitto", [User.new("a", ("t",), ("t",))]) as broker:
        at = broker.endpoints["a"]
        yield at.url, at.username, at.password, "t"


WINDOWS = (20, 200, 1000)  # messages unacknowledged at once; 20 is paho's own


def test_throughput_is_at_least_half_of_plain_paho(tmp_path, bare):
    messages, size, rounds = 20_000, 256, 5
    paho, gateway = [], []
    with flight(tmp_path, UNLIMITED_BPS, ALWAYS) as (_, results):
        at = onboard(results), ground(results)
        for window in WINDOWS:
            pairs = [
                (
                    measure(bare, bare, messages, size, window=window).per_s,
                    measure(*at, messages, size, window=window).per_s,
                )
                for _ in range(rounds)
            ]
            theirs, ours = np.median(pairs, axis=0)
            print(f"window {window}: paho {theirs:.0f}, gateway {ours:.0f}: {ours / theirs:.2f}")
            paho.append(theirs)
            gateway.append(ours)
    print(f"best against best: {max(gateway) / max(paho):.2f}")
    assert max(gateway) / max(paho) >= 0.5


def test_a_message_in_contact_comes_hardly_later_than_without_a_gateway(tmp_path, bare):
    messages, size, per_s = 2000, 256, 200.0
    with flight(tmp_path, UNLIMITED_BPS, ALWAYS) as (_, results):
        rounds = [
            (
                measure(bare, bare, messages, size, per_s).delays_s,
                measure(onboard(results), ground(results), messages, size, per_s).delays_s,
            )
            for _ in range(3)
        ]
    added = [
        (np.percentile(ours, 99) - np.percentile(peer, 99), np.median(ours) - np.median(peer))
        for peer, ours in rounds
    ]
    for p99_s, p50_s in added:
        print(f"added latency at 200 msg/s: p50 {1e3 * p50_s:.2f} ms, p99 {1e3 * p99_s:.2f} ms")
    assert np.median([p99_s for p99_s, _ in added]) <= ADDED_P99_S


def test_contacts_begin_and_end_as_planned_on_the_wall_clock(tmp_path):
    contacts = [(SETTLED_S + 0.5 * k, SETTLED_S + 0.5 * k + 0.2) for k in range(20)]
    edges_s, done = [], threading.Event()
    with flight(tmp_path, 9600.0, *contacts) as (rig, results):
        url, user, password, _ = ground(results)

        def hear(arrival):
            if arrival.payload and json.loads(arrival.payload)["state"] in ("aos", "los"):
                edges_s.append(rig.clock.now_s())
                if len(edges_s) == 2 * len(contacts):
                    done.set()

        endpoint = Endpoint.from_url(url.replace("://", f"://{user}:{password}@"))
        with MqttClient(endpoint, {"gnd/1/bench/link/state": hear}):
            assert done.wait(60.0)
    planned_s = [t_s for contact in contacts for t_s in contact]
    off_s = np.abs(np.array(edges_s) - np.array(planned_s))
    print(
        f"{len(off_s)} contact edges, heard by a client: off by {1e3 * off_s.max():.1f} ms at most"
    )
    assert off_s.max() <= EDGE_S


@pytest.mark.parametrize("rate_bps", [9_600.0, 64_000.0, 1_000_000.0, 20_000_000.0])
def test_frames_come_at_the_rate_on_the_wall_clock(tmp_path, rate_bps):
    lasts_s = 15.0 if rate_bps < 1e5 else 6.0
    messages = int(lasts_s * rate_bps / (8 * FRAME_BYTES))
    size = FRAME_BYTES - OVERHEAD_BYTES
    with flight(tmp_path, rate_bps, (2.0 * SETTLED_S, 599.0)) as (rig, results):
        came_s = measure(onboard(results), ground(results), messages, size).came_s
        assert rig.session.counts.messages.generated >= messages
    slope_s = np.polyfit(np.arange(messages), came_s, 1)[0]
    error = 8 * FRAME_BYTES / slope_s / rate_bps - 1.0
    print(f"{rate_bps:12,.0f} bit/s: {messages} frames, rate off by {100 * error:+.4f} %")
    assert abs(error) <= RATE_ERROR
