"""The topic tree, and what a message looks like to whoever watches the ground.

::

    gnd/1/{satellite}/{source}/tm|ev|prod    a message that is whole on the ground
    gnd/1/{satellite}/link/state             whether a station hears the satellite (retained)
    spl/1/{satellite}/down                   the space link: frames as they leave the transmitter
    ctl/1/{rig}/fault|window|clock           bench control: requests
    ctl/1/{rig}/ack                          bench control: answers

The second level is the version of what is said on a topic.
"""

from __future__ import annotations

import base64
import json
from enum import Enum

from groundlink.events import LinkChanged, Received
from groundlink.messages import MessageKind, is_name

VERSION = 1


class Control(Enum):
    """What a person at the bench can ask for; the value is the last topic level."""

    FAULT = "fault"
    WINDOW = "window"
    CLOCK = "clock"


def ground_topic(satellite: str, source: str, kind: MessageKind) -> str:
    """Return where messages of a source are published.

    >>> ground_topic("first-light", "pi", MessageKind.TELEMETRY)
    'gnd/1/first-light/pi/tm'
    """
    return f"gnd/{VERSION}/{_name(satellite)}/{_name(source)}/{kind.value}"


def state_topic(satellite: str) -> str:
    """Return where the state of the link is published, retained."""
    return f"gnd/{VERSION}/{_name(satellite)}/link/state"


def downlink_topic(satellite: str) -> str:
    """Return where frames leave the satellite."""
    return f"spl/{VERSION}/{_name(satellite)}/down"


def control_topic(rig: str, control: Control) -> str:
    """Return where requests of one sort are heard."""
    return f"ctl/{VERSION}/{_name(rig)}/{control.value}"


def ack_topic(rig: str) -> str:
    """Return where requests are answered."""
    return f"ctl/{VERSION}/{_name(rig)}/ack"


def ground_envelope(satellite: str, received: Received) -> bytes:
    """Return a received message as JSON.

    ``met_s`` is the mission time at which it was generated. A body that is a
    JSON object stands in ``body`` as it is, any other in ``body_base64``.
    ``emu`` says that the satellite is emulated.
    """
    message = received.message
    return _json(
        {
            "v": VERSION,
            "src": f"{satellite}/{message.source}",
            "kind": message.kind.value,
            "seq": message.sequence,
            "met_s": message.generated_s,
            "received_s": received.received_s,
            "station": received.station,
            "emu": True,
            **_body(message.body),
        }
    )


def state_envelope(t_s: float, changed: LinkChanged) -> bytes:
    """Return the state of the link as JSON."""
    state: dict[str, object] = {"v": VERSION, "met_s": t_s, "state": changed.state.value}
    if changed.station is not None:
        state |= {"station": changed.station, "until_s": changed.until_s}
    return _json(state | {"emu": True})


def _body(body: bytes) -> dict[str, object]:
    if body.startswith(b"{"):
        try:
            return {"body": json.loads(body, parse_constant=_refuse)}
        except (ValueError, RecursionError):  # it only looks like JSON, or is absurdly deep
            pass
    return {"body_base64": base64.b64encode(body).decode("ascii")}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")  # Python reads NaN and Infinity all the same


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"{text!r} is not 1 to 32 characters of a-z, 0-9, _ and -")
    return text
