"""A program that tries everything: it has a program's credentials, and no manners.

``python saboteur.py MESSAGES VICTIM [PORT…]`` floods with MESSAGES, wrongs the program
VICTIM, and looks for other brokers at PORT…. What it should not have heard
or reached it prints in a line that begins with ``GOT``. It ends with ``done``.
"""

import os
import socket
import struct
import sys
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

BUS = urlsplit(os.environ["HIGHBAY_BROKER"])
LOCAL = BUS.scheme == "unix"
USER, PASSWORD = os.environ["HIGHBAY_USERNAME"], os.environ["HIGHBAY_PASSWORD"]
OWN = os.environ["HIGHBAY_TOPIC"]
SATELLITE = OWN.split("/")[2]
LIMIT_S = 2.0
LISTEN_S = 1.0
LONG_S = 60.0

MESSAGES, VICTIM, PORTS = int(sys.argv[1]), sys.argv[2], [int(port) for port in sys.argv[3:]]
OTHERS = f"onb/1/{SATELLITE}/{VICTIM}"
MARK = b"SABOTAGE"
WILL_ONCE_RETAINED = 0x2C  # flags of CONNECT

FOREIGN = [
    *(f"gnd/1/{SATELLITE}/{VICTIM}/{what}" for what in ("tm", "ev", "prod", "tc", "tcr/1")),
    f"gnd/1/{SATELLITE}/link/state",
    *("ctl/1/rig/fault", "ctl/1/sat/window", "ctl/1/sat/uplink", "ctl/1/sat/ack"),
    *(f"{OTHERS}/{what}" for what in ("tm", "ev", "prod", "state", "stored", "tc", "tcr/1")),
    *(f"onb/1/{SATELLITE}/obc/{what}" for what in ("tcraw", "tm", "tc", "stored", "state")),
    *(f"{OWN}/{what}" for what in ("tc", "stored", "tm/deeper", "tcr", "tcr/a/b", "", "other")),
    *(f"onb/2/{SATELLITE}/{USER}/tm", f"onb/1/other/{USER}/tm", "$SYS/broker/load", "/", "a"),
    *(f"onb/1/{SATELLITE}//tm", f"onb/1/{SATELLITE}/../{VICTIM}/tm", f"$share/x/{OTHERS}/tm"),
]
FILTERS = [
    *("#", "+/#", "$SYS/#", "onb/#", "gnd/#", "ctl/#", f"onb/1/{SATELLITE}/#", f"{OTHERS}/#"),
    *(f"onb/1/{SATELLITE}/+/tc", f"onb/1/{SATELLITE}/+/stored", f"{OTHERS}/tc", f"{OTHERS}/tm"),
    *(f"onb/1/{SATELLITE}/obc/tcraw", f"{OWN}/tm", f"{OWN}/#", f"$share/x/{OTHERS}/tm"),
]


def client(client_id="", user=USER, password=PASSWORD, port=None):
    """Return a client that is connected, or None if the broker refuses it."""
    over = LOCAL and port is None
    made = Client(CallbackAPIVersion.VERSION2, client_id, transport="unix" if over else "tcp")
    made.username_pw_set(user, password)
    made.max_inflight_messages_set(1000)
    answered, welcome = threading.Event(), []

    def answer(made, userdata, flags, reason, properties):
        welcome.append(not reason.is_failure)
        answered.set()

    made.on_connect = answer
    made.on_message = lambda made, userdata, message: hear(message)
    with suppress(OSError):
        made.connect(BUS.path if over else "127.0.0.1", 1 if over else port or BUS.port)
        made.loop_start()
        answered.wait(LIMIT_S)
    if not any(welcome):
        made.disconnect()
        made.loop_stop()
        return None
    return made


def hear(message):
    if message.topic not in (f"{OWN}/tc", f"{OWN}/stored"):
        print("GOT", message.topic, message.payload[:60], flush=True)


def end(made):
    made.disconnect()
    made.loop_stop()


def publish_where_it_may_not():
    made = client()
    for topic in FOREIGN:
        for qos in (0, 1, 2):
            made.publish(topic, MARK, qos=qos, retain=qos == 1)
    made.publish(f"{OWN}/ev", b"published", qos=1).wait_for_publish(LIMIT_S)
    end(made)


def listen_where_it_may_not():
    made = client()
    for topic in FILTERS:
        made.subscribe(topic, 1)
    threading.Event().wait(LISTEN_S)
    end(made)


def take_the_place_of_others():
    for name in (
        f"{SATELLITE}.HOST-{VICTIM}",
        f"HOST-{VICTIM}",
        VICTIM,
        "host",
        "observer",
        "HOST",
    ):
        made = client(client_id=name)
        if made:
            made.subscribe(f"{OTHERS}/#", 1)
            end(made)


def raw():
    if LOCAL:
        found = socket.socket(socket.AF_UNIX)
        found.connect(BUS.path)
    else:
        found = socket.create_connection((BUS.hostname, BUS.port))
    found.settimeout(0.3)
    return found


def text(value):
    return struct.pack(">H", len(value)) + value


def packet(first, body):
    length, left = b"", len(body)
    while True:
        left, digit = left >> 7, left & 0x7F
        length += bytes([digit | (0x80 if left else 0)])
        if not left:
            return bytes([first]) + length + body


def hello(level=4, flags=0xC2, will=b"", user=USER, password=PASSWORD):
    body = text(b"MQTT") + bytes([level, flags]) + b"\x00\x0a" + text(b"") + will
    return packet(0x10, body + text(user.encode()) + text(password.encode()))


WELCOME = b"\x20\x02\x00\x00"


def guess_passwords():
    for user in (f"HOST-{VICTIM}", VICTIM, "host", "observer", "operator", "bench", "root", ""):
        for password in (PASSWORD, "", user, "host", "x" * 60_000):
            with suppress(OSError), raw() as connection:
                connection.sendall(hello(user=user, password=password))
                if connection.recv(4) == WELCOME:
                    print("GOT in as", user, flush=True)


DEEP = (OWN + "/x" * 10_000).encode()
MALFORMED = [
    *(b"", b"\x00" * 64, os.urandom(4096), b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\xff"),
    *(b"\x10\xff\xff\xff\x7f", hello(level=9), hello(flags=0xFF), hello()[:-5], hello() * 2),
    packet(0x30, text(OTHERS.encode() + b"/tm") + MARK),  # without any CONNECT
    hello() + packet(0x36, text(OWN.encode() + b"/tm") + b"\x00\x01" + MARK),  # QoS 3
    hello() + packet(0x32, text(OWN.encode() + b"/+") + b"\x00\x01" + MARK),
    hello() + packet(0x32, text(OWN.encode() + b"/#") + b"\x00\x01" + MARK),
    hello() + packet(0x32, text(b"") + b"\x00\x01" + MARK),
    hello() + packet(0x32, text(OWN.encode() + b"/tm\x00") + b"\x00\x01" + MARK),
    hello() + packet(0x32, text(b"\xff\xfe") + b"\x00\x01" + MARK),
    hello() + packet(0x32, text(OWN.encode() + b"/tm") + b"\x00\x00" + MARK),  # number 0
    hello() + packet(0x32, text(DEEP) + b"\x00\x01" + MARK),
    hello() + packet(0x80, b"\x00\x01" + text(b"#") + b"\x01"),
    hello() + packet(0x82, b"\x00\x01" + text(DEEP) + b"\x01"),
    hello() + packet(0x82, b"\x00\x01" + text(b"#/#") + b"\x07"),
    hello() + packet(0x40, b"\x00\x01") * 1000 + packet(0x62, b"\x00\x01") * 1000,
    hello() + packet(0x20, b"\x00\x00") + packet(0xF0, b"") + packet(0x90, b"\x00\x01\x80"),
    hello() + b"\x32\xff\xff\xff\x7f" + bytes(65_536),
]


def speak_no_mqtt():
    for octets in MALFORMED:
        with suppress(OSError), raw() as connection:
            connection.sendall(octets)
            while connection.recv(65_536):
                pass
    idle = []
    for _ in range(200):  # more than the broker takes
        with suppress(OSError):
            idle.append(raw())
    for each in idle:
        each.close()


def leave_wills():
    for topic in [*FOREIGN, f"{OWN}/tm/x", f"{OWN}/+", "#", DEEP.decode()]:
        with suppress(OSError), raw() as connection:
            will = text(topic.encode()) + text(MARK)
            connection.sendall(hello(flags=0xC2 | WILL_ONCE_RETAINED, will=will))
            connection.recv(4)  # and gone without a word


def say_nonsense():
    made = client()
    for said in (b"", b"x", b"{}", b"[" * 100_000, os.urandom(100), b'{"v":1,"state":"lost"}' * 2):
        made.publish(f"{OWN}/state", said, qos=1)
        for name in ("1", "00000000", "x" * 100, "é", " "):
            made.publish(f"{OWN}/tcr/{name}", said, qos=1)
    for n in range(3000):
        state = b"ready" if n % 2 else b"alert"
        made.publish(f"{OWN}/state", b'{"v":1,"state":"%s"}' % state, qos=1)
    for what in ("tm", "state", "tcr/1"):
        made.publish(f"{OWN}/{what}", MARK, qos=1, retain=True)
    made.publish(f"{OWN}/ev", b"said", qos=1).wait_for_publish(LONG_S)
    end(made)


def say_too_much():
    for size in (262_145, 300_000, 1 << 20, 64 << 20):
        made = client()
        made.publish(f"{OWN}/prod", bytes(size), qos=1)
        made.publish(f"{OWN}/ev", b"large", qos=1).wait_for_publish(LIMIT_S)
        end(made)


def flood():
    made = client()
    sent = [made.publish(f"{OWN}/tm", MARK + b" %d" % n, qos=1) for n in range(MESSAGES)]
    sent[-1].wait_for_publish(LONG_S)
    end(made)


def look_around():
    for port in PORTS:
        made = client(port=port)
        if made:
            print("GOT into port", port, flush=True)
            end(made)


def main():
    for attack in (
        listen_where_it_may_not,
        publish_where_it_may_not,
        take_the_place_of_others,
        guess_passwords,
        speak_no_mqtt,
        leave_wills,
        say_nonsense,
        say_too_much,
        look_around,
        flood,
    ):
        print(attack.__name__, flush=True)
        with suppress(RuntimeError, ValueError, OSError, AttributeError):  # on to the next
            attack()
    print("done", flush=True)
    made = client()
    made.publish(f"{OWN}/ev", b"done", qos=1).wait_for_publish(LONG_S)
    end(made)


if __name__ == "__main__":
    main()
