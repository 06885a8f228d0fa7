"""The link over MQTT: frames cross a broker, and stock clients can watch the ground."""

from __future__ import annotations

import threading
from collections import deque

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
MARKER = b""  # no frame is empty


class MqttLink:
    """A link whose frames cross a broker, and which tells watchers what came down.

    A frame arrives when the broker delivers it; its due time stays known to
    the session alone.
    """

    def __init__(self, endpoint: Endpoint, satellite: str, post: Post) -> None:
        self._broker = endpoint.url
        self._satellite = satellite
        self._post = post
        self._down = downlink_topic(satellite)
        self._state = state_topic(satellite)
        self._under_way: set[bytes] = set()
        self._markers: deque[threading.Event] = deque()
        self._refused = 0  # frames that did not fit into the client's queue
        self._late = 0  # frames that were still under way when we stopped waiting
        self._unacknowledged = 0  # messages, frames among them, at that moment
        self._open = True
        self._client = MqttClient(endpoint, {self._down: self._arrive})

    def transmit(self, t_s: float, frame: bytes, arrives_s: float) -> None:
        """Publish the frame; our subscription brings it to the ground."""
        if not self._open:
            return
        self._under_way.add(frame)
        if not self._client.publish(self._down, frame):
            self._under_way.discard(frame)
            self._refused += 1

    def announce(self, t_s: float, news: News) -> None:
        """Publish what came down, or the retained state of the link."""
        match news:
            case Received(message=message):
                topic = ground_topic(self._satellite, message.source, message.kind)
                self._client.publish(topic, ground_envelope(self._satellite, news))
            case LinkChanged():
                self._client.publish(self._state, state_envelope(t_s, news), retain=True)

    def drain(self, limit_s: float) -> None:
        """Wait until a marker comes back, before which the broker has delivered every frame.

        MQTT keeps the order of what one client publishes on one topic.
        """
        if not self._open:
            return
        returned = threading.Event()
        self._markers.append(returned)
        self._client.publish(self._down, MARKER)
        in_time = returned.wait(limit_s)
        self._late = len(self._under_way)
        self._unacknowledged = 0 if in_time else self._client.unacknowledged

    def trouble(self) -> str:
        """Return how the broker failed: by a departure, or by what `drain` or `close` missed."""
        times, frames = self._client.departures, self._refused + self._late
        if not (times or frames or self._unacknowledged):
            return ""
        facts = [f"went away {times} time{'s' * (times > 1)}" if times else "stayed connected"]
        if frames:
            facts.append(f"{_were(frames, 'frame')} not delivered by it")
        if self._unacknowledged:
            facts.append(f"{_were(self._unacknowledged, 'message')} not acknowledged by it")
        return f"broker {self._broker} {'; '.join(facts)}"

    def close(self) -> None:
        """Deliver what is queued, take back the retained state, and disconnect."""
        if not self._open:
            return
        self._open = False
        if not self._client.flush(self._state, b"", CLOSE_LIMIT_S, retain=True):
            self._late = len(self._under_way)
        self._unacknowledged = self._client.unacknowledged
        self._client.close()

    def _arrive(self, payload: bytes) -> None:
        if payload != MARKER:
            self._under_way.discard(payload)
            self._post(FrameArrived(payload))
        elif self._markers:
            self._markers.popleft().set()


def _were(number: int, noun: str) -> str:
    return f"{number} {noun} was" if number == 1 else f"{number} {noun}s were"
