"""MQTT 3.1.1 through paho: a client that stays connected.

paho's thread runs the callbacks; each hands over or counts what came, and does
nothing else. What is published while the broker is away waits, up to a bound,
and what no longer fits is counted in `MqttClient.refused`.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, NamedTuple

from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTv311,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from groundlink.endpoint import BrokerError, Endpoint
from groundlink.mqtt_packets import PUBLISH
from groundlink.outbox import Outbox
from groundlink.tls import client_context

MOST_QUEUED = 10_000  # messages waiting for the broker; paho alone knows no bound
KEEPALIVE_S = 15
RECEIVED_BYTES = 65_536  # at once
PAUSE_S = 0.005  # between two looks at what is unacknowledged
CROWDING_S = 0.001  # each write takes the interpreter from the thread that publishes
ALL = 2**16  # messages; more than there are packet identifiers
AT_LEAST_ONCE = 1
A_PUBACK = b"\x40\x02"  # and the packet identifier that it answers

_log = logging.getLogger(__name__)


class Arrival(NamedTuple):
    """A message that came."""

    topic: str
    payload: bytes
    retained: bool = False  # it was said before we listened


Arrived = Callable[[Arrival], None]


class Will(NamedTuple):
    """What the broker says for a client that is gone without a word."""

    topic: str
    payload: bytes
    retain: bool = True


class MqttClient:
    """A connected client, which connects again by itself and renews its subscriptions.

    ``subscriptions`` maps each topic filter to what takes its messages, on
    paho's thread; filters that overlap hand a message over more than once.
    With ``clean_session=False``, and a ``client_id`` that it needs, the broker
    keeps what comes while we are away, and what no handler has returned from:
    both come when we are back. ``publish`` and ``flush`` belong to one thread.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        subscriptions: Mapping[str, Arrived] | None = None,
        *,
        client_id: str = "",
        clean_session: bool = True,
        will: Will | None = None,
        keepalive_s: int = KEEPALIVE_S,
        max_queued: int = MOST_QUEUED,
        connect_limit_s: float = 5.0,
    ) -> None:
        """Connect, and return once every subscription holds.

        Raises:
            BrokerError: the broker does not answer in time, or refuses us.
            ValueError: a session is to last, and there is no client id to find it by.
        """
        if not (clean_session or client_id):
            raise ValueError("clean_session=False needs a client_id, such as 'gateway'")
        self.refused = 0  # messages that did not fit into the queue
        self.departures = 0  # times that the broker went away unasked
        self._connected = False
        self._endpoint = endpoint
        self._keepalive_s = keepalive_s
        self._subscriptions = dict(subscriptions or {})
        self._ready = threading.Event()
        self._refusal = ""
        self._outbox = Outbox(max_queued)
        self._client = _paho(endpoint, client_id, clean_session, self._outbox)
        if will is not None:
            self._client.will_set(will.topic, will.payload, AT_LEAST_ONCE, will.retain)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        for topic, arrived in self._subscriptions.items():
            self._client.message_callback_add(topic, self._handing_to(arrived))
        self._connect(connect_limit_s)

    def __enter__(self) -> MqttClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def unacknowledged(self) -> int:
        """Return how many messages the broker has not acknowledged, the refused among them."""
        return len(self._outbox) + self.refused

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send a message at least once, now or when the broker is back; return whether it fits."""
        fits = self._outbox.put(topic, payload, retain)
        self.refused += not fits
        if self._outbox.first:
            self._client.wake()
        return fits

    def flush(self, topic: str, payload: bytes, limit_s: float, *, retain: bool = False) -> bool:
        """Send a message; return whether the broker has it, and all that fitted before, in time."""
        fits = self.publish(topic, payload, retain=retain)
        pause = threading.Event()
        for _ in range(round(limit_s / PAUSE_S)):
            if not self._outbox:
                break
            pause.wait(PAUSE_S)
        return fits and not self._outbox

    def close(self) -> None:
        """Say what was published, disconnect, and end paho's thread."""
        self._client.hurry()
        self._client.disconnect()
        self._client.loop_stop()
        self._client.let_go()

    def _connect(self, limit_s: float) -> None:
        endpoint = self._endpoint
        host, port = endpoint.host, endpoint.port
        if endpoint.path is not None:
            host, port = str(endpoint.path), 1  # paho asks for a port even there
        try:
            self._client.connect_timeout = limit_s
            self._client.connect(host, port, self._keepalive_s)
        except ssl.SSLCertVerificationError as error:
            why = f"shows a certificate that we do not trust: {error.verify_message}"
            raise BrokerError(f"broker {endpoint.url} {why}") from error
        except OSError as error:
            raise BrokerError(f"broker {endpoint.url} does not answer: {error}") from error
        self._client.loop_start()
        ready = self._ready.wait(limit_s)
        if self._refusal or not ready:
            self.close()
            raise BrokerError(
                f"broker {endpoint.url} {self._refusal or f'did not answer in {limit_s} s'}"
            )

    def _on_connect(
        self, client: Client, userdata: object, flags: ConnectFlags, reason: ReasonCode, *_: object
    ) -> None:
        self._connected = not reason.is_failure
        if self._connected:
            self._outbox.open()
        if reason.is_failure:
            self._refuse(f"refuses user {self._endpoint.username!r}: {reason}")
        elif self._subscriptions:
            client.subscribe([(topic, AT_LEAST_ONCE) for topic in self._subscriptions])
        else:
            self._ready.set()

    def _on_subscribe(
        self, client: Client, userdata: object, mid: int, reasons: list[ReasonCode], *_: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refuse(f"refuses a subscription of user {self._endpoint.username!r}")
        self._ready.set()

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        *_: object,
    ) -> None:
        if reason.is_failure and self._connected:
            self.departures += 1
            _log.warning("broker %s went away: %s", self._endpoint.url, reason)
        elif reason.is_failure and not self._ready.is_set():
            self._refuse("ends the connection before it answers" + self._without_certificate())
        self._connected = False

    def _without_certificate(self) -> str:
        return "; does it know our certificate?" if self._endpoint.tls else ""

    def _refuse(self, refusal: str) -> None:
        self._refusal = refusal
        self._ready.set()

    def _handing_to(self, arrived: Arrived) -> Callable[[Client, object, MQTTMessage], None]:
        def hand_over(client: Client, userdata: object, message: MQTTMessage) -> None:
            arrived(Arrival(message.topic, bytes(message.payload), bool(message.retain)))

        return hand_over


class _Paho(Client):
    """paho, with our own way of publishing, and a few of its habits mended.

    For a message at QoS 1 paho makes some ten system calls, each of which lets another
    thread go first, and objects that nobody asks for: half of all that a message costs
    a flight. Here messages go by the `Outbox`, many in one call, and the answer to one
    sets off the next ones (as in Nagle's algorithm), so that few calls wake the thread.

    A failed write makes paho close the connection, and with it lose what the broker
    had written there, and perhaps acknowledged to others, before it died. Reading
    finds the end as well, after all that. It also would wait for ever at a Unix socket.
    """

    def __init__(self, outbox: Outbox, *arguments: Any, **options: Any) -> None:
        self._outbox = outbox
        self._received = b""  # by the socket, and not by paho yet
        self._pause = threading.Event()
        super().__init__(*arguments, **options)

    def wake(self) -> None:
        """Let the thread look at the outbox."""
        with suppress(AttributeError, OSError):  # there is no thread, or it is as good as woken
            self._sockpairW.send(b"!")  # type: ignore[union-attr]

    def let_go(self) -> None:
        """Close the pair of sockets by which paho wakes its thread; it leaves that to chance."""
        self._reset_sockets(sockpair_only=True)

    def hurry(self) -> None:
        """Write all that waits before anything that is said after this."""
        if octets := self._outbox.take(ALL):
            self._packet_queue(PUBLISH, octets, 0, AT_LEAST_ONCE)

    def want_write(self) -> bool:
        return super().want_write() or self._outbox.waits

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read on while there is something that no `select` knows of, and answer answers."""
        done = super().loop_read(max_packets)
        while self._received and not done:
            done = super().loop_read(max_packets)
        return self.loop_write() if self._outbox.waits and not done else done

    def loop_write(self) -> MQTTErrorCode:
        """Write all that waits; what comes in a crowd waits for more of it."""
        if self._outbox.crowded:
            self._pause.wait(CROWDING_S)
        done = super().loop_write()
        while self._outbox.waits and not (done or super().want_write()):
            octets = self._outbox.take()
            self._out_packet.append(
                {
                    "command": PUBLISH,
                    "mid": 0,
                    "qos": AT_LEAST_ONCE,
                    "pos": 0,
                    "to_process": len(octets),
                    "packet": octets,
                    "info": None,
                }
            )
            done = super().loop_write()
        return done

    def _packet_read(self) -> MQTTErrorCode:
        """Hear answers to what is in the outbox; all else is for paho."""
        if self._in_packet["command"]:
            return super()._packet_read()
        with suppress(OSError):  # paho will find it, too
            self._received = self._received or super()._sock_recv(RECEIVED_BYTES)
        start = 0
        while self._received.startswith(A_PUBACK, start) and start + 4 <= len(self._received):
            self._outbox.settle(int.from_bytes(self._received[start + 2 : start + 4], "big"))
            start += 4
        self._received = self._received[start:]
        return MQTTErrorCode.MQTT_ERR_SUCCESS if start else super()._packet_read()

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        self._outbox.settle(int.from_bytes(self._in_packet["packet"][:2], "big"))
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._received:
            self._received = super()._sock_recv(RECEIVED_BYTES)
        piece, self._received = self._received[:bufsize], self._received[bufsize:]
        return piece

    def _sock_close(self) -> None:
        self._received = b""
        self._outbox.close()
        super()._sock_close()

    def _sock_send(self, buf: bytes | bytearray) -> int:
        try:
            return super()._sock_send(buf)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise BlockingIOError from error

    def _create_unix_socket_connection(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.connect_timeout)
            connection.connect(self.host)
        except OSError:
            connection.close()
            raise
        return connection


def _paho(endpoint: Endpoint, client_id: str, clean_session: bool, outbox: Outbox) -> _Paho:
    client = _Paho(
        outbox,
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session,
        protocol=MQTTv311,
        transport="tcp" if endpoint.path is None else "unix",
    )
    client.reconnect_delay_set(0.1, 2)  # type: ignore[arg-type]  # fractions work; 120 s is its default
    client.on_socket_open = _without_delay
    if endpoint.username:
        client.username_pw_set(endpoint.username, endpoint.password)
    if endpoint.tls:
        client.tls_set_context(client_context(endpoint))
    return client


def _without_delay(client: Client, userdata: object, connection: Any) -> None:
    """Send small packets at once (TCP_NODELAY); otherwise tails of 40 ms appear."""
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
