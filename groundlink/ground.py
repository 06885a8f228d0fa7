"""The ground end of the link: it reads nothing but frames, and says what it has to say by frames.

Messages of classes that ask for it are acknowledged when they are whole; as
long as they are not, their gaps are asked for, each time that the last frame
one could hope for has come. What is said is composed as it goes up, of what
the ground knows then. Commands wait here for a contact.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from groundlink.authentication import Signer
from groundlink.command_queue import CommandQueue, Uplink
from groundlink.commands import (
    Acknowledge,
    Command,
    RepeatParts,
    Request,
    pack,
    read_report,
)
from groundlink.events import CommandProgress, CommandQueued, CommandSent
from groundlink.frames import Reassembler
from groundlink.messages import Key, Message, MessageKind
from groundlink.packets import (
    COUNTS,
    Addresses,
    Chunk,
    FrameError,
    TelecommandPacket,
    encode_telecommand,
)
from groundlink.ranges import Ranges
from groundlink.repeated import Repeated
from groundlink.rules import Rules
from groundlink.source_data import REQUEST_ID_BYTES

MOST_REMEMBERED = 4096  # commands whose reports are still understood
LATEST_S = 1e12  # a command can be valid until then, or for ever
WORDS = "*"  # counted apart, so that no word has the request id of a command


class GroundEnd:
    """Reassembles what comes down, and keeps what is to go up."""

    def __init__(self, addresses: Addresses, rules: Rules, signer: Signer) -> None:
        self._addresses, self._signer = addresses, signer
        self._repeated = Repeated(rules)
        self._reassembler = Reassembler()
        self._whole: dict[tuple[str, MessageKind], Ranges] = {}  # sequences of repeated classes
        self._asked: dict[Key, int] = {}  # the highest part that was asked for again
        self._words: OrderedDict[Key, None] = OrderedDict()  # what there is to say a word about
        self._commands = CommandQueue()
        self._counts: dict[str, int] = {}
        self._sent: OrderedDict[bytes, Uplink] = OrderedDict()  # by request id

    @property
    def overdue_s(self) -> float:
        """Return when a word of the satellite on a command is overdue, s; infinite if none is."""
        return self._commands.overdue_s

    @property
    def waiting(self) -> bool:
        """Return whether anything is to go up."""
        return bool(self._words or self._commands.waiting)

    @property
    def urgent(self) -> bool:
        """Return whether a command is to go up."""
        return self._commands.waiting

    def add(self, chunk: Chunk) -> Message | None:
        """Take a part of a message; return the message that it completes.

        Raises:
            FrameError: the part contradicts itself or its fellows.
        """
        if self._repeated[chunk.source, chunk.kind]:
            return self._add_repeated(chunk)
        return self._reassembler.add(chunk)

    def forget(self, key: Key) -> None:
        """Give up what has come of a message."""
        self._reassembler.forget(key)
        self._asked.pop(key, None)
        self._words.pop(key, None)

    def progress(self, message: Message, received_s: float) -> list[CommandProgress]:
        """Return what a verification report says of a command that was sent from here."""
        try:
            report = read_report(message.body)
        except FrameError:
            return []
        sent = self._sent.get(report.request_id)
        if sent is None:
            return []
        self._commands.answered(report.request_id)
        return [CommandProgress(sent.id, sent.target, report, received_s)]

    def queue(self, request: Request) -> CommandQueued:
        """Keep a command until it can go up.

        Raises:
            ValueError: nobody on board has its payload's name, or it is valid until no time.
        """
        not_after_s = math.inf if request.not_after_s is None else request.not_after_s
        if not (0.0 <= not_after_s <= LATEST_S or not_after_s == math.inf):
            raise ValueError(f"not_after_s = {not_after_s} is outside 0..{LATEST_S:.0e}")
        target = request.command.payload
        uplink = self._uplink(request.command, target, target)
        uplink.id, uplink.not_after_s = request.id, not_after_s
        self._commands.append(uplink)
        return CommandQueued(request.id, request.command)

    def take(self) -> Uplink | None:
        """Return what goes up next, if anything: commands first, then words, each in order."""
        if self._commands.waiting:
            return self._commands.first
        while self._words:
            key, _ = self._words.popitem(last=False)
            word = self._word(key)
            if word is not None:
                uplink = self._uplink(word, "obc", WORDS)
                uplink.key = key
                return uplink
        return None

    def put_back(self, uplink: Uplink) -> None:
        """Let the one that was taken last go first again."""
        if uplink.key is not None:
            self._counts[WORDS] = (self._counts[WORDS] - 1) % COUNTS
            self._words[uplink.key] = None
            self._words.move_to_end(uplink.key, last=False)

    def sign(self, uplink: Uplink, answer_due_s: float) -> tuple[bytes, list[CommandSent]]:
        """Return the frame of a packet that has left; its answer is expected until then."""
        frame, counter = self._signer.sign(uplink.packet, uplink.not_after_s)
        if uplink.key is not None:
            return frame, []
        self._commands.left(uplink, answer_due_s)
        self._sent[uplink.request_id] = uplink
        if len(self._sent) > MOST_REMEMBERED:
            self._sent.popitem(last=False)
        return frame, [CommandSent(uplink.id, counter, uplink.attempts)]

    def retry(self, t_s: float) -> None:
        """Let a command go up again that the satellite has not answered in time."""
        self._commands.retry(t_s)

    def lose_sight(self, t_s: float) -> None:
        """Keep what the satellite has not answered for its next contact."""
        self._commands.lose_sight(t_s)

    def _add_repeated(self, chunk: Chunk) -> Message | None:
        key = chunk.source, chunk.kind, chunk.sequence
        if self._has(key):
            self._words[key] = None
            return None
        message = self._reassembler.add(chunk)
        if message is not None:
            self._whole.setdefault(key[:2], Ranges()).add(chunk.sequence)
            self._asked.pop(key, None)
            self._words[key] = None
        elif chunk.number >= self._asked.get(key, chunk.chunks - 1):
            self._words[key] = None
        return message

    def _has(self, key: Key) -> bool:
        whole = self._whole.get(key[:2])
        return whole is not None and key[2] in whole

    def _word(self, key: Key) -> Acknowledge | RepeatParts | None:
        """Return what to say of a message; nothing of one whose parts were given up."""
        if self._has(key):
            return Acknowledge(*key)
        gaps = self._reassembler.gaps(key)
        if not gaps:
            return None
        word = RepeatParts(*key, gaps)
        self._asked[key] = word.gaps[-1][1] - 1
        return word

    def _uplink(
        self, content: Command | Acknowledge | RepeatParts, target: str, counted_as: str
    ) -> Uplink:
        service, subtype, application = pack(content)
        count = self._counts.get(counted_as, 0)
        packet = encode_telecommand(
            TelecommandPacket(target, service, subtype, application, count), self._addresses
        )
        self._counts[counted_as] = (count + 1) % COUNTS
        return Uplink(target, packet, packet[:REQUEST_ID_BYTES])
