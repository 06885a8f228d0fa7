"""The logbook: one account for each contact, from its first moment until its last frame came."""

from __future__ import annotations

import math
from dataclasses import dataclass

from groundlink.contacts import Contact

ROUNDING = 1e-9  # relative; a deadline is one quotient and one sum


@dataclass(slots=True, eq=False)
class Account:
    """One contact as it is used: bits, frames and bytes are those that left, or came, in it."""

    contact: Contact
    aos_s: float
    lock_s: float
    los_s: float = math.inf  # while it is used
    earliest_s: float = -math.inf  # a receipt
    latest_s: float = math.inf
    bits: int = 0
    uplink_bits: int = 0
    frames: int = 0
    body_bytes: int = 0
    quiet_s: float = -math.inf  # when the last frame had left
    uplink_quiet_s: float = -math.inf

    @property
    def capacity_bits(self) -> float:
        """Return what the rate carries from lock to LOS."""
        los_s = min(self.los_s, self.contact.los_s)
        return self.contact.bits_between(min(self.lock_s, los_s), los_s)


class Logbook:
    """The contact in use, and those before it whose frames may still be on their way.

    What breaks a promise of the link is written into ``violations``.
    """

    def __init__(self, light_time_s: float, violations: list[str]) -> None:
        self._light_time_s, self._violations = light_time_s, violations
        self._left: dict[int, Account] = {}
        self._numbers = 0
        self.used: Account | None = None

    def arrival_s(self, contact: Contact, left_s: float) -> float:
        """Return when what left at ``left_s`` arrives at the other end."""
        return left_s + contact.light_time_s(left_s, self._light_time_s)

    def open(self, t_s: float, contact: Contact, lock_s: float) -> None:
        """Begin the account of a contact."""
        self.used = Account(contact, t_s, lock_s)
        self.used.earliest_s = self.arrival_s(contact, lock_s) - _slack_s(lock_s)

    def leave(self, t_s: float) -> tuple[int, float]:
        """End the contact in use; return its number, and when its account can be closed.

        Raises:
            ValueError: there is none.
        """
        account, self.used = self.used, None
        if account is None:
            raise ValueError("there is no contact to leave")
        account.los_s = t_s
        closes_s = self.arrival_s(account.contact, t_s)
        account.latest_s = closes_s + _slack_s(closes_s)
        self._numbers += 1
        self._left[self._numbers] = account
        return self._numbers, closes_s

    def close(self, number: int) -> Account | None:
        """Return an account that can be closed, None if it was closed before."""
        return self._left.pop(number, None)

    def close_all(self, t_s: float) -> list[Account]:
        """Return every open account; the contact in use ends."""
        if self.used is not None:
            self.leave(t_s)
        accounts = list(self._left.values())
        self._left.clear()
        return accounts

    def carried(self, began_s: float, left_s: float, bits: int) -> Account | None:
        """Enter a downlink frame that has left; return the account, None if there is none."""
        account = self.used
        if account is None or began_s < account.lock_s or left_s > account.contact.los_s:
            self._check_within(began_s, left_s)
        if account is None:
            return None
        if began_s < account.quiet_s:
            self._violations.append(f"two frames were on the air at {began_s} s")
        account.quiet_s = left_s
        account.frames += 1
        account.bits += bits
        return account

    def carried_up(self, began_s: float, left_s: float, bits: int) -> None:
        """Enter an uplink frame that has left."""
        account = self.used
        self._check_within(began_s, left_s)
        if account is None:
            return
        if began_s < account.uplink_quiet_s:
            self._violations.append(f"two uplink frames were on the air at {began_s} s")
        account.uplink_quiet_s = left_s
        account.uplink_bits += bits

    def excesses(self) -> list[str]:
        """Return which contacts in use carried more than their rate can."""
        accounts = [*self._left.values(), *([self.used] if self.used else [])]
        return [excess for account in accounts if (excess := excess_of(account))]

    def _check_within(self, began_s: float, left_s: float) -> None:
        account, slack_s = self.used, _slack_s(left_s)
        on_air = f"a frame was on the air {began_s}..{left_s} s"
        if account is None:
            self._violations.append(f"{on_air}, outside every contact")
        elif began_s < account.lock_s - slack_s or left_s > account.contact.los_s + slack_s:
            self._violations.append(f"{on_air}, outside {account.contact}")


def excess_of(account: Account) -> str:
    """Return in what way a contact carried more than its rate can; empty if it did not."""
    contact, until_s = account.contact, max(account.quiet_s, account.lock_s)
    carried_bits = contact.bits_between(account.lock_s, until_s)
    if account.bits <= carried_bits * (1.0 + ROUNDING) + 1.0:
        return ""
    return (
        f"{account.bits} bits went by {until_s} s through {contact}, which carries {carried_bits}"
    )


def _slack_s(t_s: float) -> float:
    return ROUNDING * max(1.0, abs(t_s))
