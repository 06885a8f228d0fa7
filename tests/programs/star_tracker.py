"""An example payload: a star tracker's program, written against the on-board topics alone.

It says where it points, keeps count of what is safe on board, and obeys one
command: {"period_s": 0.1} changes how often it speaks. It needs paho-mqtt and
nothing of highbay. ``python star_tracker.py [MESSAGES]`` ends after so many.
"""

import json
import math
import os
import signal
import sys
import threading
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

TOPIC = os.environ["HIGHBAY_TOPIC"]
STATE = f"{TOPIC}/state"
FASTEST_S = 0.01

stopping = threading.Event()
stored = threading.Condition()
counts = {}
period_s = 0.02


def hear(client, userdata, message):
    said = json.loads(message.payload)
    if message.topic.endswith("/stored"):
        with stored:
            counts[said["kind"]] = said["stored"]
            stored.notify_all()
    else:
        report = obey(said["arguments"])
        client.publish(f"{TOPIC}/tcr/{said['id']}", json.dumps(report), qos=1)


def obey(arguments):
    global period_s
    wanted = arguments.get("period_s")
    if not isinstance(wanted, (int, float)) or not wanted >= FASTEST_S:
        return {"v": 1, "ok": False, "reason": f"period_s is {FASTEST_S} or more"}
    period_s = wanted
    return {"v": 1, "ok": True}


def connect():
    bus = urlsplit(os.environ["HIGHBAY_BROKER"])
    local = bus.scheme == "unix"
    client = Client(CallbackAPIVersion.VERSION2, transport="unix" if local else "tcp")
    client.username_pw_set(os.environ["HIGHBAY_USERNAME"], os.environ["HIGHBAY_PASSWORD"])
    client.will_set(STATE, json.dumps({"v": 1, "state": "lost"}), qos=1)
    client.on_message = hear
    client.on_connect = lambda client, *_: client.subscribe(
        [(f"{TOPIC}/tc", 1), (f"{TOPIC}/stored", 1)]
    )
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.connect(bus.path if local else bus.hostname, bus.port or 1)
    client.loop_start()
    ready.wait(10)
    client.publish(STATE, json.dumps({"v": 1, "state": "ready"}), qos=1)
    return client


def measure(number):
    half = math.pi * number / 1000.0
    return {"n": number, "quaternion": [0.0, 0.0, math.sin(half), math.cos(half)]}


def main(messages):
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    client = connect()
    number = 0
    while not stopping.is_set() and (messages is None or number < messages):
        client.publish(f"{TOPIC}/tm", json.dumps(measure(number)), qos=1)
        number += 1
        stopping.wait(period_s)
    with stored:
        stored.wait_for(lambda: stopping.is_set() or counts.get("tm", 0) >= number, 60)
    print("stored", counts.get("tm", 0), "of", number, flush=True)
    last = client.publish(STATE, json.dumps({"v": 1, "state": "disconnected"}), qos=1)
    last.wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
