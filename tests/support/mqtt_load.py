"""Stock paho clients as processes of their own: one that publishes, one that counts.

``python mqtt_load.py publish URL USER PASSWORD TOPIC MESSAGES BYTES PER_S WINDOW``
``python mqtt_load.py count URL USER PASSWORD TOPIC MESSAGES``

Each prints one line of JSON: host times (monotonic, s) of the first and last
message, and for the counter the delay of each message that carries its time.
"""

import json
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

STAMP_BYTES = 24  # of a publisher's host time, at the beginning of each message


def client(url, user, password, window=20):
    made = Client(CallbackAPIVersion.VERSION2)
    made.username_pw_set(user, password)
    made.max_inflight_messages_set(window)  # unacknowledged at once; 20 is paho's own
    made.on_socket_open = lambda c, u, s: s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made, urlsplit(url)


def publish(url, user, password, topic, messages, size, per_s, window):
    publisher, parts = client(url, user, password, window)
    done, acknowledged = threading.Event(), 0

    def on_publish(*_):
        nonlocal acknowledged
        acknowledged += 1
        if acknowledged == messages:
            done.set()

    publisher.on_publish = on_publish
    publisher.connect(parts.hostname, parts.port)
    publisher.loop_start()
    while not publisher.is_connected():
        time.sleep(0.01)
    first_s = time.monotonic()
    for number in range(messages):
        if per_s:
            left_s = first_s + number / per_s - time.monotonic()
            if left_s > 0.0:
                time.sleep(left_s)
        stamp = f"{time.monotonic():.9f}".ljust(STAMP_BYTES).encode()
        publisher.publish(topic, stamp.ljust(size, b"x"), qos=1)
    done.wait(120.0)
    print(json.dumps({"first_s": first_s, "last_s": time.monotonic(), "sent": acknowledged}))


def count(url, user, password, topic, messages):
    counter, parts = client(url, user, password)
    done, came, delays_s = threading.Event(), [], []

    def on_message(_client, _userdata, message):
        now_s = time.monotonic()
        came.append(now_s)
        delays_s.append(message.payload)
        if len(came) == messages:
            done.set()

    counter.on_message = on_message
    counter.on_connect = lambda c, *_: c.subscribe(topic, qos=1)
    counter.on_subscribe = lambda *_: print("ready", flush=True)
    counter.connect(parts.hostname, parts.port)
    counter.loop_start()
    done.wait(120.0)
    delays_s = [now_s - _stamp(body) for now_s, body in zip(came, delays_s, strict=True)]
    print(json.dumps({"came_s": came, "delays_s": delays_s}))


def _stamp(payload):
    if payload.startswith(b"{"):  # an envelope of the ground bus
        from base64 import b64decode

        payload = b64decode(json.loads(payload)["body_base64"])
    return float(payload[:STAMP_BYTES])


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "publish":
        publish(
            *arguments[:4],
            int(arguments[4]),
            int(arguments[5]),
            float(arguments[6]),
            int(arguments[7]),
        )
    else:
        count(*arguments[:4], int(arguments[4]))
