"""The gate: the door through which programs come to the on-board bus.

It stands before the broker, which lets programs in and carries whatever they
say, but for their messages to the ground: the gate takes these, posts them,
and acknowledges them itself once the store holds them for good. One thread
hears all its sockets; who knows what is stored answers programs at once, without
waiting for that thread to be let run.
"""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import NamedTuple

from firmware_bridge.clock import Post
from groundlink.crossing import Account, Crossing
from groundlink.endpoint import Endpoint
from groundlink.events import OnboardBurst, OnboardPublished
from groundlink.passage import Passage, Taken, Topics
from groundlink.topics import taken_topics

MOST_STRANGERS = 64  # connections that the broker has not accepted
MOST_CONNECTIONS = 256
LOOPBACK = "127.0.0.1"
_BACKLOG = 128


class _Owed(NamedTuple):
    """What a message's program waits for."""

    crossing: Crossing
    account: Account
    qos: int
    number: int
    bytes: int
    own: int  # the gate's number for it


class Gate:
    """The gate before the broker at ``broker``, for these programs of a satellite.

    ``endpoint`` tells a program where it is, ``socket_path`` where one
    enters from a network namespace of its own. A message on one of the three
    topics of the program's own is posted, and acknowledged (PUBACK; PUBREC
    at QoS 2) by `stored`. All else is the broker's to judge. A connection ends with
    the broker's, and the program sends again, on the next, what was not
    acknowledged on this one: a message can come twice.
    """

    def __init__(
        self, broker: Endpoint, satellite: str, programs: Sequence[str], post: Post
    ) -> None:
        self._broker, self._post = (broker.host, broker.port), post
        self._accounts = {name: Account() for name in programs}
        self._topics: dict[str, Topics] = {
            name: {topic.encode(): kind for topic, kind in taken_topics(satellite, name).items()}
            for name in programs
        }
        self._crossings: dict[Crossing, None] = {}  # the oldest first
        self._numbers = count(1)
        self._owed: dict[int, _Owed] = {}
        self._behind: dict[int, list[Taken]] = {}  # too large, to be answered after a number
        self._lock = threading.Lock()  # of all that is owed, and of every crossing
        self._closing = False
        with ExitStack() as stack:
            self._selector = stack.enter_context(closing(DefaultSelector()))
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="highbay-gate-"))
            self.socket_path = Path(folder) / "socket"
            self._port = self._open(stack)
            self._undo = stack.pop_all()
        self._thread = threading.Thread(target=self._live, name="gate", daemon=True)
        self._thread.start()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def endpoint(self, user: Endpoint) -> Endpoint:
        """Return where a user of the broker enters by the gate."""
        return replace(user, host=LOOPBACK, port=self._port, path=None)

    @property
    def strays(self) -> Mapping[str, int]:
        """Return how many messages of each program were too large to be taken."""
        return {name: account.strays for name, account in self._accounts.items()}

    def stored(self, numbers: Sequence[int]) -> None:
        """Acknowledge messages that the store holds for good; called from any thread."""
        self._settle(True, numbers)

    def refused(self, numbers: Sequence[int]) -> None:
        """End the connections of messages that the store cannot hold: MQTT 3.1.1 has no other no.

        A program sends them again on its next connection.
        """
        self._settle(False, numbers)

    def close(self) -> None:
        """End every connection; nothing is posted after this."""
        if not self._closing:
            self._closing = True
            self._waker.send(b"!")
            self._thread.join()
            self._undo.close()

    def _open(self, stack: ExitStack) -> int:
        """Open what the gate listens at; return the port."""
        self._waker, woken = (stack.enter_context(each) for each in socket.socketpair())
        inward = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=_BACKLOG))
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind(str(self.socket_path))
        local.listen(_BACKLOG)
        self._selector.register(woken, EVENT_READ, lambda *_: None)
        for listener in (inward, local):
            listener.setblocking(False)
            self._selector.register(listener, EVENT_READ, self._admit)
        port: int = inward.getsockname()[1]
        return port

    def _settle(self, stored: bool, numbers: Sequence[int]) -> None:
        """Answer what is stored, or is not, and let programs go on that waited for it."""
        with self._lock:
            if self._closing:
                return
            moved: set[Account] = set()
            for owed in filter(None, (self._owed.pop(number, None) for number in numbers)):
                crossing, account, qos, number, size, _ = owed
                account.messages -= 1
                account.bytes -= size
                moved.add(account)
                behind = self._behind.pop(owed.own, ())
                if stored:
                    crossing.passage.stored(qos, number)
                    for stray in behind:
                        crossing.passage.stored(stray.qos, stray.number)
                else:
                    crossing.go_on()  # it shall know what is stored
                    crossing.end()
            for crossing in [each for account in moved for each in account.crossings]:
                crossing.go_on()

    # From here on all is the gate's own thread.

    def _live(self) -> None:
        while not self._closing:
            ready = self._selector.select()
            with self._lock:
                for key, mask in ready:
                    key.data(key.fileobj, mask)
        with self._lock:
            for crossing in self._crossings:
                crossing.end()

    def _admit(self, listener: socket.socket, mask: int) -> None:
        with suppress(OSError):  # it went away again, or the host has no sockets left
            near, _ = listener.accept()
            self._make_room()
            if len(self._crossings) >= MOST_CONNECTIONS:
                near.close()
                return
            passage = Passage(self._topics)
            crossing = Crossing(near, self._broker, passage, self._selector, self._take)
            self._crossings[crossing] = None

    def _make_room(self) -> None:
        """Forget who has left, and send the oldest stranger away where there are many."""
        self._crossings = {each: None for each in self._crossings if not each.ended}
        strangers = [each for each in self._crossings if not each.passage.accepted]
        if len(strangers) >= MOST_STRANGERS:
            strangers[0].end()
            del self._crossings[strangers[0]]

    def _take(self, crossing: Crossing, taken: Iterable[Taken]) -> None:
        program = crossing.passage.user
        account = self._accounts.get(program)
        if account is None:
            return
        if crossing.account is not account:
            crossing.account = account
            account.crossings.add(crossing)
        owed, numbers, came = self._owed, self._numbers, list[OnboardPublished]()
        for each in taken:
            kind, body, qos, packet_number = each
            if body is None:
                account.strays += 1
                self._answer_in_turn(crossing, each)
                continue
            number = crossing.last = next(numbers)
            owed[number] = _Owed(crossing, account, qos, packet_number, len(body), number)
            account.messages += 1
            account.bytes += len(body)
            came.append(OnboardPublished(program, kind, body, number))
        if came:
            self._post(OnboardBurst(tuple(came)))

    def _answer_in_turn(self, crossing: Crossing, stray: Taken) -> None:
        """Answer what is never stored, after all that the program said before it."""
        if crossing.last in self._owed:
            self._behind.setdefault(crossing.last, []).append(stray)
        else:
            crossing.passage.stored(stray.qos, stray.number)
