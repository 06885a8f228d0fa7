"""What happened on board, as messages for the ground: here the siblings meet, as values."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from groundlink.commands import Verification, report_body
from groundlink.events import OnboardPublished, ProgramState, UplinkRefused
from groundlink.messages import Message, MessageKind
from payloads.commands import ProductFetched
from payloads.events import Completed, Housekeeping, SwitchSupply
from rigs.records import to_json

TRUTH = "_truth"
OBC = "obc"  # the on-board computer, source of the satellite's own telemetry
Last = Callable[[str, MessageKind], int]


class Downlink:
    """Makes messages and numbers them, one sequence for each kind and source.

    ``last`` tells the last number that a sequence has used, -1 where there is none.
    """

    def __init__(self, last: Last = lambda source, kind: -1) -> None:
        """Go on where every sequence ended."""
        self._last = last
        self._sequences: dict[tuple[str, MessageKind], int] = {}

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
        if result.product:
            return self._product(t_s, done.payload, answer, result.product)
        return self._message(MessageKind.TELEMETRY, done.payload, t_s, to_json(answer))

    def fetched(self, t_s: float, product: ProductFetched) -> Message:
        """Return a product that the ground asked for."""
        manifest = {"job": product.job, "t_s": product.subject_s, "label": "requested"}
        return self._product(t_s, product.payload, manifest, product.product)

    def housekeeping(self, t_s: float, state: Housekeeping, uplink_refused: int) -> Message:
        """Return the state of the satellite, as it is sent home.

        ``uplink_refused`` counts the frames that were refused since mission start.
        """
        body = to_json(
            {
                "mode": state.mode.value,
                "battery_v": round(state.battery_v, 3),
                "array_w": round(state.array_w, 2),
                "load_w": round(state.load_w, 2),
                "radiator_c": round(state.radiator_c, 1),
                "die_c": {name: round(c, 1) for name, c in state.die_c.items()},
                "uplink_refused": uplink_refused,
            }
        )
        return self._message(MessageKind.TELEMETRY, OBC, t_s, body)

    def supply(self, t_s: float, switched: SwitchSupply) -> Message:
        """Return the report that a payload was switched, all that a satellite knows of a fault.

        Why a board hung, or that a bit flipped in a weight, only the bench
        knows; its records say so.
        """
        body = to_json({"supply": "on" if switched.on else "off"})
        return self._message(MessageKind.EVENT, switched.payload, t_s, body)

    def state(self, t_s: float, state: ProgramState) -> Message:
        """Return the report of how a program on board is."""
        body = to_json({"program": state.source, "state": state.state})
        return self._message(MessageKind.EVENT, OBC, t_s, body)

    def refused(self, t_s: float, refused: UplinkRefused, times: int) -> Message:
        """Return the report that frames were refused, ``times`` since the last report."""
        body = to_json({"uplink_refused": refused.reason.value, "times": times})
        return self._message(MessageKind.EVENT, OBC, t_s, body)

    def report(self, t_s: float, payload: str, report: Verification) -> Message:
        """Return how far a telecommand came."""
        return self._message(MessageKind.REPORT, payload, t_s, report_body(report))

    def published(self, t_s: float, published: OnboardPublished) -> Message:
        """Return what a program on board published."""
        return self._message(published.kind, published.source, t_s, published.body)

    def _product(
        self, t_s: float, payload: str, answer: dict[str, object], picture: bytes
    ) -> Message:
        """Return a file with its manifest: one line of JSON, then the bytes that it tells of."""
        manifest = {**answer, "bytes": len(picture), "sha256": sha256(picture).hexdigest()}
        body = to_json(manifest) + b"\n" + picture
        return self._message(MessageKind.PRODUCT, payload, t_s, body)

    def _message(self, kind: MessageKind, source: str, t_s: float, body: bytes) -> Message:
        key = source, kind
        if key not in self._sequences:
            self._sequences[key] = self._last(source, kind)
        self._sequences[key] += 1
        return Message(kind, source, self._sequences[key], t_s, body)
