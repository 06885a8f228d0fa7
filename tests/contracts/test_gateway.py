"""What every gateway promises, whatever it joins the link to."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator

import pytest
from buses import PROGRAMS, SATELLITE, Buses, open_buses

from groundlink.broker import find_mosquitto
from groundlink.commands import Forward, LoadModel, Verification
from groundlink.events import (
    CommandProgress,
    CommandRejected,
    CommandReleased,
    LinkChanged,
    LinkState,
    OnboardPublished,
    Received,
)
from groundlink.gateway import Gateway, NoGateway
from groundlink.messages import Message, MessageKind
from groundlink.mqtt_gateway import MqttGateway
from groundlink.topics import Role

LIMIT_S = 10.0
REQUEST_ID = bytes.fromhex("1801c005")
NEWS = [
    LinkChanged(LinkState.ACQUIRING, "svalbard", 600.0),
    LinkChanged(LinkState.AOS, "svalbard", 600.0),
    Received(Message(MessageKind.EVENT, "obc", 0, 0.0, b"{}"), "svalbard", 1.0),
    Received(Message(MessageKind.REPORT, "obc", 0, 0.0, b"\x01"), "svalbard", 1.0),
    CommandProgress("42", "pi", Verification("start", True, REQUEST_ID, ""), 2.0),
    CommandRejected("", "pi", "it is not JSON"),
    LinkChanged(LinkState.LOS),
]


class GatewayContract:
    """Subclasses give a ``gateway`` that posts to ``posted``."""

    @pytest.fixture
    def posted(self) -> queue.SimpleQueue[object]:
        return queue.SimpleQueue()

    @pytest.mark.parametrize("news", NEWS)
    def test_every_news_can_be_announced(self, gateway: Gateway, news, posted):
        gateway.announce(5.0, news)
        gateway.drain(LIMIT_S)
        assert gateway.trouble() == ""
        assert posted.empty()

    @pytest.mark.parametrize(
        "command",
        [LoadModel("pi", "sorter"), Forward("star-tracker", {"mode": 1}), Forward("gone", {})],
    )
    def test_every_command_can_be_released(self, gateway: Gateway, command, posted):
        gateway.release(5.0, CommandReleased(REQUEST_ID, command, b"frame"))
        gateway.drain(LIMIT_S)
        assert gateway.trouble() == ""
        assert posted.empty()

    def test_no_receipts_are_nothing(self, gateway: Gateway, posted):
        gateway.stored([])
        gateway.drain(LIMIT_S)
        assert gateway.trouble() == ""

    def test_a_receipt_that_is_no_longer_owed_is_nothing(self, gateway: Gateway, posted):
        gateway.stored([OnboardPublished("star-tracker", MessageKind.EVENT, b"x", 10**6)])
        gateway.drain(LIMIT_S)
        assert gateway.trouble() == ""

    def test_there_may_be_nothing_to_tell(self, gateway: Gateway, posted):
        gateway.tell()
        gateway.tell()
        gateway.drain(LIMIT_S)
        assert gateway.trouble() == ""

    def test_a_bus_that_works_is_no_trouble(self, gateway: Gateway):
        assert gateway.trouble() == ""
        for _ in range(300):
            gateway.announce(0.0, LinkChanged(LinkState.LOS))
        assert gateway.trouble() == ""
        gateway.drain(LIMIT_S)
        gateway.close()
        assert gateway.trouble() == ""

    def test_a_closed_gateway_says_nothing_and_can_be_closed_again(self, gateway: Gateway, posted):
        gateway.close()
        gateway.close()
        gateway.announce(5.0, LinkChanged(LinkState.LOS))
        gateway.release(5.0, CommandReleased(REQUEST_ID, LoadModel("pi", "sorter"), b"frame"))
        gateway.stored([OnboardPublished("star-tracker", MessageKind.EVENT, b"x", 1)])
        gateway.tell()
        gateway.drain(LIMIT_S)
        assert gateway.trouble() == ""
        assert posted.empty()


class TestNoGateway(GatewayContract):
    @pytest.fixture
    def gateway(self) -> Gateway:
        return NoGateway()


@pytest.fixture(scope="module")
def buses() -> Iterator[Buses]:
    if find_mosquitto() is None:
        if os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") == "1":
            pytest.fail("mosquitto is not installed, and HIGHBAY_REQUIRE_PROGRAMS=1")
        pytest.skip("mosquitto is not installed")
    with open_buses() as buses:
        yield buses


@pytest.mark.mosquitto
class TestMqttGateway(GatewayContract):
    @pytest.fixture
    def gateway(self, buses: Buses, posted) -> Iterator[Gateway]:
        gateway = MqttGateway(
            buses.onboard.endpoints,
            buses.on_ground(Role.HOST),
            SATELLITE,
            PROGRAMS,
            lambda event, at_s=None: posted.put(event),
        )
        yield gateway
        gateway.close()


@pytest.mark.mosquitto
class TestMqttGatewayWithoutPrograms(GatewayContract):
    @pytest.fixture
    def gateway(self, buses: Buses, posted) -> Iterator[Gateway]:
        host = buses.on_ground(Role.HOST)
        gateway = MqttGateway(None, host, SATELLITE, (), lambda event, at_s=None: posted.put(event))
        yield gateway
        gateway.close()
