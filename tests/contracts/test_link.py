"""What every link promises, whichever way its frames travel."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator

import pytest

from groundlink.broker import Broker, Role, find_mosquitto, open_broker
from groundlink.events import FrameArrived, LinkChanged, LinkState, Received
from groundlink.link import Link, LoopbackLink
from groundlink.messages import Message, MessageKind
from groundlink.mqtt_link import MqttLink

LIMIT_S = 10.0
SENTINEL = b"the end"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    if find_mosquitto() is None:
        if os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") == "1":
            pytest.fail("mosquitto is not installed, and HIGHBAY_REQUIRE_PROGRAMS=1")
        pytest.skip("mosquitto is not installed")
    with open_broker("mosquitto") as broker:
        yield broker


class LinkContract:
    """Subclasses give a ``link`` that posts to ``posted``."""

    @pytest.fixture
    def posted(self) -> queue.SimpleQueue[tuple[object, float | None]]:
        return queue.SimpleQueue()

    @pytest.fixture
    def post(self, posted):
        return lambda event, at_s=None: posted.put((event, at_s))

    def arrivals(self, link: Link, posted) -> list[bytes]:
        """Return the frames that arrive before one that is sent last."""
        link.transmit(1000.0, SENTINEL, 1000.0)
        frames = []
        while (frame := posted.get(timeout=LIMIT_S)[0].frame) != SENTINEL:
            frames.append(frame)
        return frames

    def test_frames_arrive_whole_once_and_in_order(self, link, posted):
        sent = [bytes([n % 256]) * (n + 1) for n in range(300)]
        for n, frame in enumerate(sent):
            link.transmit(float(n), frame, n + 0.5)
        assert self.arrivals(link, posted) == sent

    def test_what_arrives_is_an_event_for_the_session(self, link, posted):
        link.transmit(0.0, b"frame", 0.0)
        event, _ = posted.get(timeout=LIMIT_S)
        assert event == FrameArrived(b"frame")

    def test_an_announcement_is_no_arrival(self, link, posted):
        link.announce(0.0, LinkChanged(LinkState.AOS, "svalbard", 600.0))
        message = Message(MessageKind.EVENT, "obc", 0, 0.0, b"{}", 3)
        link.announce(1.0, Received(message, "svalbard", 1.0))
        assert self.arrivals(link, posted) == []

    def test_nothing_is_carried_after_close(self, link, posted):
        self.arrivals(link, posted)
        link.close()
        link.transmit(0.0, b"late", 0.0)
        assert posted.empty()


class TestLoopbackLink(LinkContract):
    @pytest.fixture
    def link(self, post) -> Link:
        return LoopbackLink(post)

    def test_a_frame_arrives_exactly_when_it_is_due(self, link, posted):
        link.transmit(1.0, b"frame", 1.25)
        assert posted.get(timeout=LIMIT_S)[1] == 1.25


@pytest.mark.mosquitto
class TestMqttLink(LinkContract):
    @pytest.fixture
    def link(self, broker, post) -> Iterator[Link]:
        link = MqttLink(broker.endpoints[Role.HOST], "sat", post)
        yield link
        link.close()
