"""A flight of nothing but the link, in virtual time; and brokers to test against."""

from __future__ import annotations

import heapq
import importlib.util
import os
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest

from groundlink.broker import Broker, find_mosquitto, open_broker
from groundlink.contacts import AcquisitionOfSignal, Contact, LossOfSignal
from groundlink.events import (
    FrameArrived,
    FrameLeft,
    LinkAction,
    Received,
    ScheduleContact,
    ScheduleFrame,
    Transmit,
)
from groundlink.link import Link
from groundlink.messages import Message, MessageKind
from groundlink.session import LinkSession
from groundlink.store import Store


class Flight:
    """Flies a link session: a timeline, and all that the session did, with its times."""

    def __init__(self, *, capacity_bytes: int = 2**20, seed: int = 1, **link: float) -> None:
        self.store = Store(capacity_bytes)
        generator = np.random.default_rng(seed)
        settings: dict[str, float] = {"window_rate_bps": 9600.0, **link}
        self.session = LinkSession(self.store, generator, **settings)  # type: ignore[arg-type]
        self.log: list[tuple[float, LinkAction]] = []
        self.events = 0
        self._link: Link | None = None
        self._heap: list[tuple[float, int, object]] = []
        self._serial = count()
        self._sequences: dict[MessageKind, Iterator[int]] = {kind: count() for kind in MessageKind}

    def at(self, t_s: float, event: object) -> None:
        heapq.heappush(self._heap, (t_s, next(self._serial), event))

    def contact(
        self, aos_s: float, los_s: float, rate_bps: float = 8000.0, name: str = "a"
    ) -> None:
        contact = Contact(name, aos_s, los_s, rate_bps)
        self.at(aos_s, AcquisitionOfSignal(contact))
        self.at(los_s, LossOfSignal(contact))

    def say(
        self,
        t_s: float,
        body_bytes: int = 100,
        priority: int = 3,
        kind: MessageKind = MessageKind.TELEMETRY,
    ) -> None:
        self.at(t_s, (kind, bytes(body_bytes), priority))

    def fly(self, over: Link | None = None) -> Flight:
        """Fly until nothing is left to happen; frames travel ``over`` a link, else at once."""
        self._link = over
        while self._heap:
            t_s, _, event = heapq.heappop(self._heap)
            self.events += 1
            if isinstance(event, tuple):
                kind, body, priority = event
                number = next(self._sequences[kind])
                actions = self.session.offer(t_s, Message(kind, "pi", number, t_s, body, priority))
            else:
                actions = self.session.react(t_s, event)  # type: ignore[arg-type]
            for action in actions:
                self._perform(t_s, action)
        self.session.check()
        return self

    def of(self, kind: type) -> list[LinkAction]:
        return [action for _, action in self.log if isinstance(action, kind)]

    def times(self, kind: type) -> list[float]:
        return [t_s for t_s, action in self.log if isinstance(action, kind)]

    @property
    def received(self) -> list[Received]:
        return [action for _, action in self.log if isinstance(action, Received)]

    def _perform(self, t_s: float, action: LinkAction) -> None:
        self.log.append((t_s, action))
        match action:
            case ScheduleFrame(at_s=at_s, token=token):
                self.at(at_s, FrameLeft(token))
            case Transmit(frame=frame, arrives_s=arrives_s):
                if self._link is not None:
                    self._link.transmit(t_s, frame, arrives_s)
                else:
                    self.at(arrives_s, FrameArrived(frame))
            case ScheduleContact(contact=contact):
                self.at(contact.aos_s, AcquisitionOfSignal(contact))
                self.at(contact.los_s, LossOfSignal(contact))


@pytest.fixture(scope="session")
def flight() -> Callable[..., Flight]:
    return Flight


def missing(what: str) -> None:
    if os.environ.get("HIGHBAY_REQUIRE_PROGRAMS") == "1":
        pytest.fail(f"{what} is not installed, and HIGHBAY_REQUIRE_PROGRAMS=1 requires it")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Broker]:
    if find_mosquitto() is None:
        missing("mosquitto")
    with open_broker("mosquitto") as broker:
        yield broker


@pytest.fixture(scope="session")
def amqtt() -> Iterator[Broker]:
    if importlib.util.find_spec("amqtt") is None:
        pytest.skip("amqtt is not installed")
    with open_broker("amqtt") as broker:
        yield broker


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "amqtt"])
def broker(request: pytest.FixtureRequest) -> Broker:
    found: Broker = request.getfixturevalue(request.param)
    return found
