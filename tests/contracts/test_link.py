"""What every link promises, whichever way its frames travel."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Iterator

import pytest

from groundlink import broker as broker_module
from groundlink.broker import Broker, Role, find_mosquitto, open_broker
from groundlink.events import FrameArrived, LinkChanged, LinkState, Received
from groundlink.link import Link, LoopbackLink
from groundlink.messages import Message, MessageKind
from groundlink.mqtt_link import MqttLink

LIMIT_S = 10.0
SENTINEL = b"the end"


@pytest.fixture(scope="module")
def mosquitto() -> None:
    if find_mosquitto() is None:
        if os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") == "1":
            pytest.fail("mosquitto is not installed, and HIGHBAY_REQUIRE_PROGRAMS=1")
        pytest.skip("mosquitto is not installed")


@pytest.fixture(scope="module")
def broker(mosquitto) -> Iterator[Broker]:
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

    def test_what_was_transmitted_has_arrived_once_the_link_is_drained(self, link, posted):
        sent = [bytes([n % 256]) * (n + 1) for n in range(300)]
        for n, frame in enumerate(sent):
            link.transmit(float(n), frame, n + 0.5)
        link.drain(LIMIT_S)
        assert [posted.get_nowait()[0] for _ in range(posted.qsize())] == [
            FrameArrived(frame) for frame in sent
        ]

    def test_draining_posts_nothing_of_its_own(self, link, posted):
        link.drain(LIMIT_S)
        link.drain(LIMIT_S)
        assert self.arrivals(link, posted) == []

    def test_a_closed_link_has_nothing_to_drain(self, link, posted):
        link.close()
        link.transmit(0.0, b"late", 0.0)
        link.drain(LIMIT_S)
        link.close()
        assert posted.empty()
        assert link.trouble() == ""

    def test_a_carrier_that_works_is_no_trouble(self, link, posted):
        assert link.trouble() == ""
        for n in range(300):
            link.transmit(0.0, b"frame %d" % n, 0.0)
            link.announce(0.0, LinkChanged(LinkState.LOS))
        assert link.trouble() == ""
        link.drain(LIMIT_S)
        assert link.trouble() == ""
        link.close()
        assert link.trouble() == ""

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


SOON_S = 0.2  # a limit that is meant to pass


@pytest.fixture
def mortal(mosquitto, tmp_path):
    """Give a broker's process, and where it listens."""
    process, endpoints = broker_module._start("mosquitto", tmp_path, LIMIT_S)
    yield process, endpoints[Role.HOST]
    process.send_signal(signal.SIGCONT)
    broker_module._end(process)


@pytest.mark.mosquitto
class TestMqttLinkWhoseBrokerFails:
    @pytest.fixture
    def posted(self) -> queue.SimpleQueue[object]:
        return queue.SimpleQueue()

    @pytest.fixture
    def link(self, mortal, posted) -> Iterator[Link]:
        link = MqttLink(mortal[1], "sat", lambda event, at_s=None: posted.put(event))
        yield link
        link.close()

    def test_a_killed_broker_is_named_with_what_it_did_not_deliver(self, mortal, link, posted):
        process, endpoint = mortal
        link.transmit(0.0, b"delivered", 0.0)
        link.drain(LIMIT_S)
        process.kill()
        process.wait()
        for n in range(31):
            link.transmit(1.0, b"frame %d" % n, 1.0)
        link.drain(SOON_S)
        link.close()
        assert link.trouble().startswith(
            f"broker {endpoint.url} went away 1 time; 31 frames were not delivered by it; "
        )
        assert posted.qsize() == 1

    def test_a_broker_killed_while_idle_is_trouble(self, mortal, link, posted):
        process, endpoint = mortal
        process.kill()
        process.wait()
        link.close()
        assert link.trouble().startswith(f"broker {endpoint.url} went away 1 time")

    def test_a_frozen_broker_is_trouble_until_it_thaws(self, mortal, link, posted):
        process, endpoint = mortal
        process.send_signal(signal.SIGSTOP)
        link.transmit(0.0, b"one", 0.0)
        link.drain(SOON_S)
        assert link.trouble().startswith(
            f"broker {endpoint.url} stayed connected; 1 frame was not delivered by it; "
        )
        assert posted.empty()
        process.send_signal(signal.SIGCONT)
        link.drain(LIMIT_S)
        assert posted.get_nowait() == FrameArrived(b"one")
        assert link.trouble() == ""

    def test_a_broker_frozen_for_good_does_not_hold_up_the_end(self, mortal, link, posted):
        mortal[0].send_signal(signal.SIGSTOP)
        for n in range(3000):
            link.transmit(0.0, b"%04d" % n + bytes(1100), 0.0)
        link.close()
        assert "3000 frames were not delivered by it" in link.trouble()

    def test_frames_without_room_in_the_queue_are_not_delivered(self, mortal, monkeypatch):
        process, endpoint = mortal
        monkeypatch.setattr("groundlink.mqtt.MOST_QUEUED", 10)
        link = MqttLink(endpoint, "sat", lambda event, at_s=None: None)
        process.send_signal(signal.SIGSTOP)
        for n in range(15):
            link.transmit(0.0, b"frame %d" % n, 0.0)
        assert "; 5 frames were not delivered by it" in link.trouble()
        process.send_signal(signal.SIGCONT)
        link.close()
