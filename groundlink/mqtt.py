"""MQTT 3.1.1 through paho: a client that stays connected.

paho's thread runs the callbacks; each hands over or counts what came, and does
nothing else. paho queues what is published while the broker is away, up to a bound,
and what no longer fits is counted in `MqttClient.refused`.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTMessageInfo,
    MQTTv311,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from groundlink.endpoint import BrokerError, Endpoint

MOST_QUEUED = 10_000  # messages waiting for the broker; paho alone knows no bound
MOST_IN_FLIGHT = 200  # unacknowledged at once; paho's 20 makes throughput a matter of delay
KEEPALIVE_S = 15
AT_LEAST_ONCE = 1

Arrived = Callable[[bytes], None]

_log = logging.getLogger(__name__)


class MqttClient:
    """A connected client, which connects again by itself and renews its subscriptions.

    ``subscriptions`` maps each topic filter (without wildcards) to what takes
    its payloads, on paho's thread.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        subscriptions: Mapping[str, Arrived] | None = None,
        *,
        connect_limit_s: float = 5.0,
    ) -> None:
        """Connect, and return once every subscription holds.

        Raises:
            BrokerError: the broker does not answer in time, or refuses us.
        """
        self.refused = 0  # messages that did not fit into the queue
        self.departures = 0  # times that the broker went away unasked
        self._sent = self._acknowledged = 0
        self._connected = False
        self._endpoint = endpoint
        self._subscriptions = dict(subscriptions or {})
        self._ready = threading.Event()
        self._refusal = ""
        self._client = _paho(endpoint)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect
        for topic, arrived in self._subscriptions.items():
            self._client.message_callback_add(topic, _handing_to(arrived))
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
        return self._sent - self._acknowledged

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send a message at least once, now or when the broker is back; return whether it fits."""
        sent = self._send(topic, payload, retain)
        return sent.rc != MQTTErrorCode.MQTT_ERR_QUEUE_SIZE

    def flush(self, topic: str, payload: bytes, limit_s: float, *, retain: bool = False) -> bool:
        """Send a message; return whether the broker has it, and all before it, in time."""
        sent = self._send(topic, payload, retain)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        try:
            sent.wait_for_publish(limit_s)
        except RuntimeError:  # paho's word for a connection that broke meanwhile
            return False
        return sent.is_published()

    def close(self) -> None:
        """Disconnect, and end paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _send(self, topic: str, payload: bytes, retain: bool) -> MQTTMessageInfo:
        self._sent += 1  # first, so that no acknowledgement overtakes it
        sent = self._client.publish(topic, payload, qos=AT_LEAST_ONCE, retain=retain)
        self.refused += sent.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE
        return sent

    def _connect(self, limit_s: float) -> None:
        endpoint = self._endpoint
        try:
            self._client.connect_timeout = limit_s
            self._client.connect(endpoint.host, endpoint.port, KEEPALIVE_S)
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
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._connected = not reason.is_failure
        if reason.is_failure:
            self._refuse(f"refuses user {self._endpoint.username!r}: {reason}")
        elif self._subscriptions:
            client.subscribe([(topic, AT_LEAST_ONCE) for topic in self._subscriptions])
        else:
            self._ready.set()

    def _on_subscribe(
        self,
        client: Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refuse(f"refuses a subscription of user {self._endpoint.username!r}")
        self._ready.set()

    def _on_publish(
        self,
        client: Client,
        userdata: object,
        mid: int,
        reason: ReasonCode,
        properties: Properties,
    ) -> None:
        self._acknowledged += 1

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure and self._connected:
            self.departures += 1
            _log.warning("broker %s went away: %s", self._endpoint.url, reason)
        self._connected = False

    def _refuse(self, refusal: str) -> None:
        self._refusal = refusal
        self._ready.set()


def _handing_to(arrived: Arrived) -> Callable[[Client, object, MQTTMessage], None]:
    return lambda client, userdata, message: arrived(bytes(message.payload))


def _paho(endpoint: Endpoint) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311, clean_session=True)
    client.max_queued_messages_set(MOST_QUEUED)
    client.max_inflight_messages_set(MOST_IN_FLIGHT)
    client.reconnect_delay_set(0.1, 2)  # type: ignore[arg-type]  # fractions work; 120 s is its default
    client.on_socket_open = _without_delay
    if endpoint.username:
        client.username_pw_set(endpoint.username, endpoint.password)
    if endpoint.tls:
        client.tls_set(tls_version=ssl.PROTOCOL_TLS_CLIENT)
    return client


def _without_delay(client: Client, userdata: object, connection: Any) -> None:
    """Send small packets at once (TCP_NODELAY); otherwise tails of 40 ms appear."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
