"""A flight at rate 1 over two mosquittos, with stock clients on either bus."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rigs.build import Options, build
from rigs.reading import read_scenario
from rigs.records import Records
from rigs.rig import RigTable
from rigs.run import finish, run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOAD = Path(__file__).parent / "mqtt_load.py"
SCENARIO = """
extends = "first-light"
name = "bench"
horizon_s = 600.0
payloads.pi.jobs = [{{ name = "none", period_s = 60.0, start_s = 86000.0, deadline_s = 60.0 }}]
[link]
rate_bps = {rate_bps}
store_bytes = 100000000
frame_bytes = 1115
bit_error_rate = 0.0
light_time_s = 0.0
contacts = [{contacts}]
[radiation]
acceleration = 0.0
"""


@contextmanager
def flight(folder, rate_bps, *contacts):
    """Fly on the wall clock at rate 1, with a program that we play ourselves."""
    plan = ", ".join(f'{{ station = "a", aos_s = {a}, los_s = {b} }}' for a, b in contacts)
    path = folder / "bench.toml"
    path.write_text(SCENARIO.format(rate_bps=rate_bps, contacts=plan))
    rig_table = RigTable(mode="rehearsal", rate=1.0, broker="mosquitto", programs={"load": {}})
    results = folder / "results"
    results.mkdir()
    flown, ready = [], threading.Event()

    def fly():
        with (results / "records.jsonl").open("wb", buffering=0) as stream:
            options = Options(rig_table, results, inference=False)
            with build(read_scenario(str(path)), options, Records(stream)) as rig:
                flown.append(rig)
                ready.set()
                run(rig)
                finish(rig)

    loop = threading.Thread(target=fly)  # all of a flight belongs to one thread
    loop.start()
    assert ready.wait(30.0)
    try:
        yield flown[0], results
    finally:
        flown[0].stop()
        loop.join()


def load(*arguments):
    return subprocess.Popen(
        [sys.executable, str(LOAD), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


class Measured(NamedTuple):
    """What a counter saw: messages per second, and when each came and how late, host s."""

    per_s: float
    came_s: np.ndarray
    delays_s: np.ndarray


def measure(publisher_at, counter_at, messages, size, per_s=0.0, window=1000):
    """Publish and count, each in a process of its own."""
    counter = load("count", *counter_at, messages)
    assert counter.stdout.readline().strip() == "ready"
    publisher = load("publish", *publisher_at, messages, size, per_s, window)
    sent, came = json.loads(publisher.communicate()[0]), json.loads(counter.communicate()[0])
    assert len(came["came_s"]) == sent["sent"] == messages
    rate_per_s = messages / (came["came_s"][-1] - sent["first_s"])
    return Measured(rate_per_s, np.array(came["came_s"]), np.array(came["delays_s"]))


def onboard(results):
    said = tomllib.loads((results / "onboard" / "load.toml").read_text())
    at = said["HIGHBAY_BROKER"], said["HIGHBAY_USERNAME"], said["HIGHBAY_PASSWORD"]
    return *at, f"{said['HIGHBAY_TOPIC']}/tm"


def ground(results):
    said = tomllib.loads((results / "session.toml").read_text())
    return said["url"], said["username"], said["password"], "gnd/1/bench/load/tm"
