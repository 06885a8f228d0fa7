"""The two buses of a mission, with their users; and the flight's side of them in a few lines."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from groundlink.broker import Broker, open_broker
from groundlink.endpoint import Endpoint
from groundlink.events import OnboardBurst, OnboardPublished
from groundlink.gate import Gate
from groundlink.messages import MessageKind
from groundlink.mqtt_gateway import MqttGateway
from groundlink.passage import LARGEST_BODY
from groundlink.topics import Role, ground_rights, onboard_rights, users

SATELLITE = RIG = "sat"
PROGRAMS = ("star-tracker", "other")
LIMIT_S = 20.0


@dataclass(frozen=True)
class Buses:
    onboard: Broker
    ground: Broker

    def on_board(self, user: str) -> Endpoint:
        return self.onboard.endpoints[user]

    def on_ground(self, role: Role) -> Endpoint:
        return self.ground.endpoints[role.value]


@contextmanager
def open_buses(
    kind: str = "mosquitto", programs: Sequence[str] = PROGRAMS, directory: Path | None = None
) -> Iterator[Buses]:
    aboard = users(onboard_rights(SATELLITE, programs))
    with (
        open_broker(
            kind,
            aboard,
            directory=directory,
            message_bytes=LARGEST_BODY,
            one_client_per_user=True,
        ) as onboard,
        open_broker(kind, users(ground_rights(SATELLITE, RIG))) as ground,
    ):
        yield Buses(onboard, ground)


def one_by_one(take):
    """Return a post that hands over the messages of a burst one by one."""

    def post(event: object, at_s: float | None = None) -> None:
        for each in event.messages if isinstance(event, OnboardBurst) else [event]:
            take(each)

    return post


class Host:
    """The flight's side of a gateway: it hears what is posted, and stores what it is given."""

    def __init__(self, buses: Buses, programs: Sequence[str] = PROGRAMS) -> None:
        self.posted: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._onboard: Mapping[str, Endpoint] = buses.onboard.endpoints
        self.gateway = MqttGateway(
            self._onboard,
            buses.on_ground(Role.HOST),
            SATELLITE,
            programs,
            one_by_one(self.posted.put),
        )

    def door(self, program: str) -> Endpoint:
        """Return where a program enters: at the gate."""
        return self.gate.endpoint(self._onboard[program])

    @property
    def gate(self) -> Gate:
        gate = self.gateway.gate
        assert gate is not None
        return gate

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.close()

    def next(self, kind: type) -> object:
        """Return the next event of a kind; store the messages that come before it."""
        while True:
            event = self.posted.get(timeout=LIMIT_S)
            if isinstance(event, kind):
                return event
            if isinstance(event, OnboardPublished):
                self.gateway.stored([event])
                self.gateway.tell()

    def store(self, number: int, source: str, kind: MessageKind) -> list[bytes]:
        """Store all messages that come until ``number`` of a class are; return those."""
        bodies: list[bytes] = []
        while len(bodies) < number:
            event = self.posted.get(timeout=LIMIT_S)
            if isinstance(event, OnboardPublished):
                self.gateway.stored([event])
                self.gateway.tell()
                if (event.source, event.kind) == (source, kind):
                    bodies.append(event.body)
        return bodies
