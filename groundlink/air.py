"""The air between satellite and station: what is transmitted, when it begins and when it has left.

Both directions are lanes of frames. In full duplex neither knows of the
other; in half duplex the two ends take turns.
"""

from __future__ import annotations

from collections.abc import Iterator

from groundlink.channel import Channel
from groundlink.command_queue import Uplink
from groundlink.contacts import Contact
from groundlink.ends import Ends
from groundlink.events import FrameRefused, LinkAction, ScheduleFrame, Transmit, TransmitUp
from groundlink.journal import StoreError
from groundlink.lane import Lane
from groundlink.settings import LinkSettings
from groundlink.store import Stored
from groundlink.turns import Turns


class Air:
    """Two lanes between the satellite and the station that hears it.

    No frame begins that cannot end before LOS; what was interrupted begins
    again at the next opportunity. Before each frame the highest priority that
    waits is chosen afresh.
    """

    def __init__(
        self,
        ends: Ends,
        settings: LinkSettings,
        downlink: Channel,
        uplink: Channel,
        tokens: Iterator[int],
    ) -> None:
        self._ends, self._tokens = ends, tokens
        self._onboard, self._ground, self._ledger = ends.onboard, ends.ground, ends.ledger
        self._uplink_bps, self._light_time_s = settings.uplink_bps, settings.light_time_s
        self._downlink, self._uplink = downlink, uplink
        self._contact: Contact | None = None  # locked to
        self._patience_s = 0.0
        self._powered = True
        self._down: Lane[Stored] = Lane()
        self._up: Lane[Uplink] = Lane()
        self._turns = Turns(settings.turnaround_s) if settings.half_duplex else None
        self._turn_token = 0
        self._uplink_quiet_s = 0.0  # when the last uplink frame has come

    def open(self, t_s: float, contact: Contact, patience_s: float) -> list[LinkAction]:
        """Let both ends talk; an answer of the other may take ``patience_s``."""
        self._contact, self._patience_s = contact, patience_s
        self._down.stop(t_s)
        self._up.stop(t_s)
        if self._turns is None:
            return []
        quiet_s = max(t_s, self._uplink_quiet_s)  # what a contact before left on its way
        self._turns.begin(quiet_s)
        return [self._await_turn(quiet_s)] if quiet_s > t_s else []

    def close(self, t_s: float) -> list[LinkAction]:
        """Let both ends fall silent."""
        contact = self._contact
        if contact is None:
            return []
        actions = self._stop_down(t_s, contact)
        up = self._up.air
        if up is not None and up.leaves_s <= t_s:
            actions += self._leave_up(contact)
        interrupted = self._up.stop(t_s)
        if interrupted is not None:
            self._ground.put_back(interrupted.cargo)
        self._contact = None
        return actions

    def power(self, t_s: float, on: bool) -> list[LinkAction]:
        """Switch the satellite's transmitter; the ground notices nothing."""
        stopped = [] if on or self._contact is None else self._stop_down(t_s, self._contact)
        self._powered = on
        return stopped

    def left(self, t_s: float, token: int) -> list[LinkAction]:
        """Let the frame of this token have left, if it is still on the air, and begin the next."""
        contact, down, up = self._contact, self._down.air, self._up.air
        if contact is None:
            return []
        if down is not None and down.token == token:
            return self._leave_down(contact) + self.begin(t_s)
        if up is not None and up.token == token:
            return self._leave_up(contact) + self.begin(t_s)
        return self.begin(t_s) if token == self._turn_token else []

    def begin(self, t_s: float) -> list[LinkAction]:
        """Begin whatever can be begun, in either direction."""
        contact = self._contact
        if contact is None:
            return []
        if self._turns is not None:
            return self._speak(t_s, contact, self._turns)
        actions = self._begin_down(t_s, contact) if self._down.air is None else []
        if self._up.air is None and self._ground.waiting:
            actions += self._begin_up(t_s, contact)
        return actions

    # Half duplex.

    def _speak(self, t_s: float, contact: Contact, turns: Turns) -> list[LinkAction]:
        """Let the one whose turn it is speak, or hand the turn over."""
        actions: list[LinkAction] = []
        while self._down.air is None and self._up.air is None and t_s >= turns.since_s:
            if turns.up:
                actions += self._begin_up(t_s, contact)
            elif not self._must_yield(t_s, contact, turns):
                actions += self._begin_down(t_s, contact)
            if self._down.air is not None or self._up.air is not None:
                break
            if not turns.up and not self._could_answer(t_s, contact, turns):
                break
            turns.hand_over(t_s, self._light_s(contact, t_s))
            actions.append(self._await_turn(turns.since_s))
        return actions

    def _must_yield(self, t_s: float, contact: Contact, turns: Turns) -> bool:
        due = self._ground.urgent or (self._ground.waiting and t_s >= turns.yields_s)
        return due and self._could_answer(t_s, contact, turns)

    def _could_answer(self, t_s: float, contact: Contact, turns: Turns) -> bool:
        """Return whether the ground has something to say that ends before LOS."""
        uplink = self._ground.take()
        if uplink is None:
            return False
        self._ground.put_back(uplink)
        begins_s = t_s + turns.handover_s(self._light_s(contact, t_s))
        return self._up_ends_s(begins_s, uplink.bits) <= contact.los_s

    def _await_turn(self, at_s: float) -> ScheduleFrame:
        self._turn_token = next(self._tokens)
        return ScheduleFrame(at_s, self._turn_token)

    # Down.

    def _begin_down(self, t_s: float, contact: Contact) -> list[LinkAction]:
        """Begin the next downlink frame, if one waits and can end before LOS."""
        if not self._powered:
            return []
        stored, expired = self._onboard.next(t_s)
        actions = self._ends.drop(expired) if expired else []
        if stored is None:
            return actions
        bits = self._onboard.frame_bits(stored)
        leaves_s = self._down.leaves_s(t_s, bits, contact.ends_s)
        if leaves_s > contact.los_s:
            self._onboard.put_back()
            return actions
        if stored.interrupted:
            self._ledger.resent += 1
            stored.interrupted = False
        token = next(self._tokens)
        self._down.send(stored, bits, leaves_s, token)
        actions.append(ScheduleFrame(leaves_s, token))
        return actions

    def _leave_down(self, contact: Contact) -> list[LinkAction]:
        """Let the downlink frame on the air have left, whole."""
        air = self._down.leave()
        stored, left_s = air.cargo, air.leaves_s
        frame, again, released = self._onboard.send(stored, left_s, self._patience_s)
        self._ledger.resent += again
        if released:
            self._ledger.departed()
        rate_bps = contact.rate_at(air.began_s)
        crossed = self._downlink.cross(frame, air.began_s, rate_bps, contact.frame_loss)
        dropped = self._ledger.sent(stored, crossed, air, crossed is frame)
        if crossed is None:
            return [*self._ends.lose(dropped)]
        return [Transmit(crossed, left_s + self._light_s(contact, left_s))]

    def _stop_down(self, t_s: float, contact: Contact) -> list[LinkAction]:
        """Silence the satellite: a frame that has left by ``t_s`` has left."""
        air, actions = self._down.air, list[LinkAction]()
        if air is not None and air.leaves_s <= t_s:
            actions = self._leave_down(contact)
        interrupted = self._down.stop(t_s)
        if interrupted is not None:
            interrupted.cargo.interrupted = True
        self._onboard.put_back()
        return actions

    # Up.

    def _begin_up(self, t_s: float, contact: Contact) -> list[LinkAction]:
        """Begin the next uplink frame, if one waits and can end before LOS."""
        uplink = self._ground.take()
        if uplink is None:
            return []
        leaves_s = self._up.leaves_s(t_s, uplink.bits, self._up_ends_s)
        if leaves_s > contact.los_s:
            self._ground.put_back(uplink)
            return []
        token = next(self._tokens)
        self._up.send(uplink, uplink.bits, leaves_s, token)
        return [ScheduleFrame(leaves_s, token)]

    def _leave_up(self, contact: Contact) -> list[LinkAction]:
        """Let the uplink frame on the air have left, signed and whole."""
        air = self._up.leave()
        self._ledger.uplink_sent(air)
        try:
            frame, sent = self._ground.sign(air.cargo, air.leaves_s + self._patience_s)
        except (StoreError, ValueError) as error:  # no counter can be kept, or none is left
            self._ledger.uplink.lost += 1
            return [FrameRefused(f"uplink: {error}")]
        crossed = self._uplink.cross(frame, air.began_s, self._uplink_bps, contact.frame_loss)
        self._uplink_quiet_s = air.leaves_s + self._light_s(contact, air.leaves_s)
        if crossed is None:
            self._ledger.uplink.lost += 1
            return [*sent]
        return [*sent, TransmitUp(crossed, self._uplink_quiet_s)]

    def _up_ends_s(self, start_s: float, bits: int) -> float:
        return start_s + bits / self._uplink_bps

    def _light_s(self, contact: Contact, t_s: float) -> float:
        return contact.light_time_s(t_s, self._light_time_s)
