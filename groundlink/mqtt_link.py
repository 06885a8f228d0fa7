"""The link over MQTT: frames cross a broker, and stock clients can watch the ground."""

from __future__ import annotations

from firmware_bridge.clock import Post
from groundlink.endpoint import Endpoint
from groundlink.events import FrameArrived, LinkChanged, Received
from groundlink.link import News
from groundlink.mqtt import MqttClient
from groundlink.topics import (
    downlink_topic,
    ground_envelope,
    ground_topic,
    state_envelope,
    state_topic,
)

CLOSE_LIMIT_S = 2.0


class MqttLink:
    """A link whose frames cross a broker, and which tells watchers what came down.

    A frame arrives when the broker delivers it; its due time stays known to
    the session alone.
    """

    def __init__(self, endpoint: Endpoint, satellite: str, post: Post) -> None:
        self._satellite = satellite
        self._down = downlink_topic(satellite)
        self._state = state_topic(satellite)
        self._client = MqttClient(endpoint, {self._down: lambda frame: post(FrameArrived(frame))})

    def transmit(self, t_s: float, frame: bytes, arrives_s: float) -> None:
        """Publish the frame; our subscription brings it to the ground."""
        self._client.publish(self._down, frame)

    def announce(self, t_s: float, news: News) -> None:
        """Publish what came down, or the retained state of the link."""
        match news:
            case Received(message=message):
                topic = ground_topic(self._satellite, message.source, message.kind)
                self._client.publish(topic, ground_envelope(self._satellite, news))
            case LinkChanged():
                self._client.publish(self._state, state_envelope(t_s, news), retain=True)

    def close(self) -> None:
        """Deliver what is queued, take back the retained state, and disconnect."""
        self._client.flush(self._state, b"", CLOSE_LIMIT_S, retain=True)
        self._client.close()
