"""What happened on board, as messages for the ground: here the siblings meet, as values."""

from __future__ import annotations

from collections import defaultdict

from groundlink.messages import Message, MessageKind
from payloads.events import Completed, Housekeeping, SwitchSupply
from rigs.records import to_json

TRUTH = "_truth"
OBC = "obc"  # the on-board computer, source of the satellite's own telemetry
EVENT_PRIORITY, TELEMETRY_PRIORITY, ANSWER_PRIORITY, PRODUCT_PRIORITY = 7, 6, 5, 3


class Downlink:
    """Makes messages and numbers them, one sequence for each kind and source."""

    def __init__(self) -> None:
        """Start every sequence at zero."""
        self._sequences: defaultdict[tuple[MessageKind, str], int] = defaultdict(int)

    def result(self, t_s: float, done: Completed) -> Message:
        """Return a product, the answer with its picture, or the answer alone.

        The body is one line of JSON, followed by the picture.
        """
        result = done.result
        answer = {"job": done.job, "t_s": done.subject_s, "label": result.label}
        answer |= {
            name: round(value, 3)
            for name, value in result.figures.items()
            if not name.endswith(TRUTH)  # the bench knows it, a satellite does not
        }
        body = to_json(answer)
        if result.product:
            body += b"\n" + result.product
            return self._message(MessageKind.PRODUCT, done.payload, t_s, body, PRODUCT_PRIORITY)
        return self._message(MessageKind.TELEMETRY, done.payload, t_s, body, ANSWER_PRIORITY)

    def housekeeping(self, t_s: float, state: Housekeeping) -> Message:
        """Return the state of the satellite, as it is sent home."""
        body = to_json(
            {
                "mode": state.mode.value,
                "battery_v": round(state.battery_v, 3),
                "array_w": round(state.array_w, 2),
                "load_w": round(state.load_w, 2),
                "radiator_c": round(state.radiator_c, 1),
                "die_c": {name: round(c, 1) for name, c in state.die_c.items()},
            }
        )
        return self._message(MessageKind.TELEMETRY, OBC, t_s, body, TELEMETRY_PRIORITY)

    def supply(self, t_s: float, switched: SwitchSupply) -> Message:
        """Return the report that a payload was switched, all that a satellite knows of a fault.

        Why a board hung, or that a bit flipped in a weight, only the bench
        knows; its records say so.
        """
        body = to_json({"supply": "on" if switched.on else "off"})
        return self._message(MessageKind.EVENT, switched.payload, t_s, body, EVENT_PRIORITY)

    def _message(
        self, kind: MessageKind, source: str, t_s: float, body: bytes, priority: int
    ) -> Message:
        sequence = self._sequences[kind, source]
        self._sequences[kind, source] += 1
        return Message(kind, source, sequence, t_s, body, priority)
