"""The gateway over MQTT: one end on the on-board bus, the other on the ground bus.

paho's threads post what comes and do nothing else; all that is said here is
said by the thread that owns the flight.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from operator import attrgetter

from typing_extensions import assert_never

from firmware_bridge.clock import Post
from groundlink.commands import Forward
from groundlink.endpoint import Endpoint
from groundlink.events import (
    CommandProgress,
    CommandRejected,
    CommandReleased,
    CommandRequested,
    LinkChanged,
    OnboardPublished,
    Received,
)
from groundlink.gate import Gate
from groundlink.gateway import News
from groundlink.messages import MessageKind
from groundlink.mqtt import Arrival, MqttClient
from groundlink.passage import LARGEST_BODY
from groundlink.program_end import ProgramEnd
from groundlink.topics import (
    Role,
    checked_program,
    ground_topic,
    host_user,
    link_state_topic,
    parse,
    raw_command_topic,
    report_topic,
    requests_filter,
)
from groundlink.wording import (
    LARGEST_SAYING,
    answer_id,
    ground_envelope,
    progress_envelope,
    rejected_envelope,
    state_envelope,
)

CLOSE_LIMIT_S = 2.0
PAUSE_S = 0.005  # between two looks at what is unacknowledged

_CLASS = attrgetter("source", "kind")
_log = logging.getLogger(__name__)


class _Bus:
    """The clients of one bus, and how its broker served them."""

    def __init__(self, title: str, clients: Sequence[MqttClient], url: str) -> None:
        self._title, self._clients, self._url = title, clients, url
        self._late = 0  # messages not acknowledged when we stopped waiting

    def drain(self, limit_s: float) -> None:
        """Wait until the broker has acknowledged all that was said, or the time is over."""
        pause = threading.Event()
        for _ in range(round(limit_s / PAUSE_S)):
            if not self._unacknowledged:
                break
            pause.wait(PAUSE_S)
        self._late = self._unacknowledged

    def trouble(self) -> str:
        """Return how the broker failed: by a departure, or by what `drain` or `close` missed."""
        times = max((client.departures for client in self._clients), default=0)
        late = max(self._late, sum(client.refused for client in self._clients))
        if not (times or late):
            return ""
        facts = [f"went away {times} time{'s' * (times > 1)}" if times else "stayed connected"]
        if late:
            messages = "1 message was" if late == 1 else f"{late} messages were"
            facts.append(f"{messages} not acknowledged by it")
        return f"{self._title} {self._url} {'; '.join(facts)}"

    def close(self) -> None:
        """Disconnect; what is unacknowledged now stays so."""
        self._late = self._unacknowledged
        for client in self._clients:
            client.close()

    @property
    def _unacknowledged(self) -> int:
        return sum(client.unacknowledged for client in self._clients)


class MqttGateway:
    """The gateway over two brokers: programs speak on board, people listen on the ground.

    ``onboard`` holds the host's endpoints on the on-board bus by user name
    (`topics.onboard_rights`), or is None where no program flies; then there is no
    ``gate`` either, by which programs come there. Nobody leaves a last will
    on the ground bus: loss of signal is not death.

    Raises:
        BrokerError: a broker does not answer.
        ValueError: the satellite or a program cannot have its name.
    """

    def __init__(
        self,
        onboard: Mapping[str, Endpoint] | None,
        ground: Endpoint,
        satellite: str,
        programs: Sequence[str],
        post: Post,
    ) -> None:
        self._satellite, self._post = satellite, post
        self._state_topic = link_state_topic(satellite)
        self._raw_topic = raw_command_topic(satellite)
        self._strays = 0
        self._open = True
        self.gate: Gate | None = None
        self._programs: dict[str, ProgramEnd] = {}
        self._raw: MqttClient | None = None
        with ExitStack() as undo:
            requests = {requests_filter(satellite): self._hear_request}
            self._ground = undo.enter_context(MqttClient(ground, requests))
            self._buses = [_Bus("broker", [self._ground], ground.url)]
            if onboard is not None:
                self._connect(onboard, [checked_program(name) for name in programs], undo)
            undo.pop_all()

    def _connect(
        self, onboard: Mapping[str, Endpoint], programs: Sequence[str], undo: ExitStack
    ) -> None:
        host = onboard[Role.HOST.value]
        self._raw = raw = undo.enter_context(MqttClient(host))
        for name in programs:
            end = ProgramEnd(onboard[host_user(name)], self._satellite, name, self._post)
            undo.push(end.client)
            self._programs[name] = end
        self.gate = undo.enter_context(Gate(host, self._satellite, programs, self._post))
        clients = [raw, *(end.client for end in self._programs.values())]
        self._buses.append(_Bus("on-board broker", clients, host.url))

    @property
    def strays(self) -> Mapping[str, int]:
        """Return how often each program, or an operator, said what is nothing or too large."""
        gate = {} if self.gate is None else self.gate.strays
        ends = {name: end.strays + gate[name] for name, end in self._programs.items()}
        return ends | {Role.OPERATOR.value: self._strays}

    def announce(self, t_s: float, news: News) -> None:
        """Publish what came down, how far a command came, or the retained state of the link."""
        if not self._open:
            return
        satellite, publish = self._satellite, self._ground.publish
        match news:
            case Received(message=message):
                if message.kind is not MessageKind.REPORT:  # what it says is a command's progress
                    topic = ground_topic(satellite, message.source, message.kind)
                    publish(topic, ground_envelope(satellite, news))
            case CommandProgress(id=command_id, payload=payload):
                topic = report_topic(satellite, payload, answer_id(command_id))
                publish(topic, progress_envelope(satellite, news))
            case CommandRejected(id=command_id, payload=payload):
                topic = report_topic(satellite, payload, answer_id(command_id))
                publish(topic, rejected_envelope(satellite, t_s, news))
            case LinkChanged():
                publish(self._state_topic, state_envelope(t_s, news), retain=True)
            case _:
                assert_never(news)

    def release(self, t_s: float, released: CommandReleased) -> None:
        """Publish the command's frame on board, and what it says to the program it is for."""
        if not self._open or self._raw is None:
            return
        self._raw.publish(self._raw_topic, released.frame)
        match released.command:
            case Forward(payload=name, arguments=arguments) if name in self._programs:
                self._programs[name].command(released.request_id.hex(), arguments)

    def stored(self, messages: Sequence[OnboardPublished]) -> None:
        """Acknowledge messages on the on-board bus."""
        if not self._open:
            return
        if self.gate is not None:
            self.gate.stored([message.number for message in messages])
        for (source, kind), count in Counter(map(_CLASS, messages)).items():
            if source in self._programs:
                self._programs[source].stored(kind, count)

    def tell(self) -> None:
        """Tell programs how many of their messages are stored since the bus came up."""
        if self._open:
            for end in self._programs.values():
                end.tell()

    def refused(self, messages: Sequence[OnboardPublished]) -> None:
        """Let programs send again what the store could not take, on their next connection."""
        if self._open and self.gate is not None:
            self.gate.refused([message.number for message in messages])

    def drain(self, limit_s: float) -> None:
        """Wait until both brokers have acknowledged all that was said."""
        if self._open:
            for bus in self._buses:
                bus.drain(limit_s)

    def trouble(self) -> str:
        """Return how the brokers failed, and what of people and programs was not taken."""
        buses = (bus.trouble() for bus in self._buses)
        return "; ".join(filter(None, (*buses, *self._not_taken())))

    def close(self) -> None:
        """Say what is left to say, take back the retained state, and disconnect.

        What programs have said since and nobody has stored they say again to the
        next host; their states and reports stay with the broker until then.
        """
        if not self._open:
            return
        self._open = False
        if self.gate is not None:
            self.gate.close()
        self._ground.flush(self._state_topic, b"", CLOSE_LIMIT_S, retain=True)
        for bus in self._buses:
            bus.close()

    def _not_taken(self) -> Iterator[str]:
        """Yield in words what each program, and operators, said in vain."""
        too_large = {} if self.gate is None else self.gate.strays
        for name, end in self._programs.items():
            facts = [_too_large(too_large[name])] if too_large[name] else []
            if facts := [*facts, *end.refusals]:
                yield f"program {name}: {', '.join(facts)}"
        if self._strays:
            requests = "1 request was" if self._strays == 1 else f"{self._strays} requests were"
            yield (
                f"operators: {requests} not taken; one is not retained, has at most "
                f"{LARGEST_SAYING} bytes and is for a payload by its name"
            )

    def _hear_request(self, arrival: Arrival) -> None:
        try:
            payload = parse(arrival.topic).source
            if arrival.retained:
                raise ValueError("it is retained: it was said before this flight, or this moment")
            if len(arrival.payload) > LARGEST_SAYING:
                raise ValueError(f"{len(arrival.payload)} bytes are more than {LARGEST_SAYING}")
        except ValueError as error:
            self._strays += 1
            _log.warning("a request for a command is refused: %s", error)
            return
        text = arrival.payload.decode(errors="backslashreplace")  # which no JSON text survives
        self._post(CommandRequested(payload, text))


def _too_large(count: int) -> str:
    messages = "1 message" if count == 1 else f"{count} messages"
    return f"{messages} over {LARGEST_BODY // 1024} KiB {'was' if count == 1 else 'were'} not taken"
