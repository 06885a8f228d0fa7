"""The topic tree of both buses, and who may speak and listen where.

The on-board bus; ``payload`` is a program of a third party::

    onb/1/{satellite}/{payload}/tm|ev|prod   what the program says: its bytes are the message
    onb/1/{satellite}/{payload}/state        how the program is; ``lost`` as its last will
    onb/1/{satellite}/{payload}/stored       how many of its messages are safe on board
    onb/1/{satellite}/{payload}/tc           a command released to it
    onb/1/{satellite}/{payload}/tcr/{id}     how that command went
    onb/1/{satellite}/obc/tcraw              a command's frame as it left the link

The ground bus::

    gnd/1/{satellite}/{payload}/tm|ev|prod   a message that is whole on the ground
    gnd/1/{satellite}/{payload}/tc           an operator's request for a command
    gnd/1/{satellite}/{payload}/tcr/{id}     how far that command came
    gnd/1/{satellite}/link/state             whether a station hears the satellite (retained)
    ctl/1/{rig}/fault|window|clock|uplink    bench control: requests
    ctl/1/{rig}/ack                          bench control: answers

The second level is the version of what is said on a topic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from groundlink.access import User
from groundlink.messages import MessageKind, is_name

VERSION = 1
BULK = (MessageKind.TELEMETRY, MessageKind.EVENT, MessageKind.PRODUCT)
RESERVED = frozenset({"obc", "link"})  # no program may bear these names

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Control(Enum):
    """What a person at the bench can ask for; the value is the last topic level."""

    FAULT = "fault"
    WINDOW = "window"
    CLOCK = "clock"
    UPLINK = "uplink"


class Role(Enum):
    """Who speaks on the buses; the value is the user name."""

    HOST = "host"  # the mission itself, on either bus
    BENCH = "bench"  # a person who injects and watches
    OBSERVER = "observer"  # a person who watches
    OPERATOR = "operator"  # a person who commands and watches


class Rights(NamedTuple):
    """Topic filters that a user may publish to and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def is_id(text: str) -> bool:
    """Return whether ``text`` can name a command in a topic."""
    return _ID.fullmatch(text) is not None


def onboard_topic(satellite: str, program: str, kind: MessageKind) -> str:
    """Return where a program publishes its messages of a kind.

    >>> onboard_topic("first-light", "star-tracker", MessageKind.TELEMETRY)
    'onb/1/first-light/star-tracker/tm'
    """
    return f"{program_topic(satellite, program)}/{_bulk(kind)}"


def program_topic(satellite: str, program: str) -> str:
    """Return the topic under which everything stands that concerns a program."""
    return f"onb/{VERSION}/{_name(satellite)}/{_name(program)}"


def program_state_topic(satellite: str, program: str) -> str:
    """Return where a program says how it is."""
    return f"{program_topic(satellite, program)}/state"


def stored_topic(satellite: str, program: str) -> str:
    """Return where a program hears how many of its messages are safe on board."""
    return f"{program_topic(satellite, program)}/stored"


def program_command_topic(satellite: str, program: str) -> str:
    """Return where a program hears its commands."""
    return f"{program_topic(satellite, program)}/tc"


def program_report_topic(satellite: str, program: str, command_id: str) -> str:
    """Return where a program says how a command went."""
    return f"{program_topic(satellite, program)}/tcr/{_id(command_id)}"


def raw_command_topic(satellite: str) -> str:
    """Return where the frames of released commands are published."""
    return f"onb/{VERSION}/{_name(satellite)}/obc/tcraw"


@lru_cache(maxsize=1024)
def ground_topic(satellite: str, source: str, kind: MessageKind) -> str:
    """Return where messages of a source are published on the ground.

    >>> ground_topic("first-light", "pi", MessageKind.TELEMETRY)
    'gnd/1/first-light/pi/tm'
    """
    return f"gnd/{VERSION}/{_name(satellite)}/{_name(source)}/{_bulk(kind)}"


def link_state_topic(satellite: str) -> str:
    """Return where the state of the link is published, retained."""
    return f"gnd/{VERSION}/{_name(satellite)}/link/state"


def request_topic(satellite: str, payload: str) -> str:
    """Return where an operator asks for a command to a payload."""
    return f"gnd/{VERSION}/{_name(satellite)}/{_name(payload)}/tc"


def requests_filter(satellite: str) -> str:
    """Return the filter of every operator's request to a satellite."""
    return f"gnd/{VERSION}/{_name(satellite)}/+/tc"


def report_topic(satellite: str, payload: str, command_id: str) -> str:
    """Return where the ground says how far a command came."""
    return f"gnd/{VERSION}/{_name(satellite)}/{_name(payload)}/tcr/{_id(command_id)}"


def control_topic(rig: str, control: Control) -> str:
    """Return where requests of one sort are heard."""
    return f"ctl/{VERSION}/{_name(rig)}/{control.value}"


def ack_topic(rig: str) -> str:
    """Return where requests are answered."""
    return f"ctl/{VERSION}/{_name(rig)}/ack"


class Address(NamedTuple):
    """What a topic says: the bus, whose it is, what it carries, and a command's id."""

    bus: str
    owner: str  # the satellite; the rig on ``ctl``
    source: str  # the program or payload; empty on ``ctl``
    what: str
    id: str = ""


_WHAT = {
    "onb": frozenset({"tm", "ev", "prod", "state", "stored", "tc", "tcr"}),
    "gnd": frozenset({"tm", "ev", "prod", "tc", "tcr"}),
    "ctl": frozenset({"ack", *(control.value for control in Control)}),
}


def parse(topic: str) -> Address:
    """Return what a topic of the tree says.

    Raises:
        ValueError: the topic is not of the tree.

    >>> parse("gnd/1/first-light/pi/tcr/42")
    Address(bus='gnd', owner='first-light', source='pi', what='tcr', id='42')
    """
    match topic.split("/", 6):
        case ["ctl", "1", rig, what] if what in _WHAT["ctl"]:
            address = Address("ctl", rig, "", what)
        case ["onb" as bus, "1", owner, "obc" as source, "tcraw" as what]:
            address = Address(bus, owner, source, what)
        case ["gnd" as bus, "1", owner, "link" as source, "state" as what]:
            address = Address(bus, owner, source, what)
        case ["onb" | "gnd" as bus, "1", owner, source, "tcr" as what, command_id]:
            address = Address(bus, owner, source, what, _id(command_id))
        case ["onb" | "gnd" as bus, "1", owner, source, what] if what in _WHAT[bus] - {"tcr"}:
            address = Address(bus, owner, source, what)
        case _:
            raise ValueError(f"{topic!r:.80} is not a topic of the tree")
    _name(address.owner)
    if address.source:
        _name(address.source)
    elif address.bus != "ctl":
        raise ValueError(f"{topic!r:.80} names no payload")
    return address


def ground_rights(satellite: str, rig: str) -> Mapping[str, Rights]:
    """Return who may do what on the ground bus, by user name."""
    ground = f"gnd/{VERSION}/{_name(satellite)}"
    controls = tuple(control_topic(rig, control) for control in Control)
    return {
        Role.HOST.value: Rights(
            (f"{ground}/#", ack_topic(rig)), (requests_filter(satellite), *controls)
        ),
        Role.BENCH.value: Rights(controls, (f"{ground}/#", f"ctl/{VERSION}/{_name(rig)}/#")),
        Role.OBSERVER.value: Rights((), (f"{ground}/#",)),
        Role.OPERATOR.value: Rights((requests_filter(satellite),), (f"{ground}/#",)),
    }


def onboard_rights(satellite: str, programs: Iterable[str]) -> Mapping[str, Rights]:
    """Return who may do what on the on-board bus, by user name.

    The host has a user of its own for each program (`host_user`), besides
    ``host`` itself. An observer may watch all that comes to the broker: what
    the gate takes does not. The bus is isolated from the ground bus: nobody
    has a right to ``gnd`` or ``ctl`` here.
    """
    whole = f"onb/{VERSION}/{_name(satellite)}/#"
    rights = {
        Role.HOST.value: Rights((raw_command_topic(satellite),), ()),
        Role.OBSERVER.value: Rights((), (whole,)),
    }
    for program in programs:
        taken = tuple(taken_topics(satellite, checked_program(program)))
        said = heard_filters(satellite, program)
        heard = (program_command_topic(satellite, program), stored_topic(satellite, program))
        rights[program] = Rights((*taken, *said), heard)
        rights[host_user(program)] = Rights(heard, said)
    return rights


def users(rights: Mapping[str, Rights]) -> list[User]:
    """Return these users of a bus, with passwords that live as long as its broker."""
    return [User.new(name, *allowed) for name, allowed in rights.items()]


def taken_topics(satellite: str, program: str) -> dict[str, MessageKind]:
    """Return the topics of a program's messages to the ground, which the gate takes."""
    return {onboard_topic(satellite, program, kind): kind for kind in BULK}


def heard_filters(satellite: str, program: str) -> tuple[str, str]:
    """Return the filters of what a program says to the host by the broker: state, and reports."""
    return (
        program_state_topic(satellite, program),
        f"{program_topic(satellite, program)}/tcr/+",
    )


def host_user(program: str) -> str:
    """Return the host's own user for one program; no program can be named like it.

    >>> host_user("star-tracker")
    'HOST-star-tracker'
    """
    return f"HOST-{program}"  # names of programs are lower case


def checked_program(name: str) -> str:
    """Return the name of a program.

    Raises:
        ValueError: it cannot stand in a topic, or is somebody else's.
    """
    if _name(name) in RESERVED or name in {role.value for role in Role}:
        raise ValueError(f"a program cannot be named {name!r}: that name is taken")
    return name


def _bulk(kind: MessageKind) -> str:
    if kind not in BULK:
        raise ValueError(f"messages of kind {kind.value!r} have no topic of their own")
    return kind.value


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"{text!r} is not 1 to 32 characters of a-z, 0-9, _ and -")
    return text


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"{text!r:.80} is not 1 to 64 characters of A-Z, a-z, 0-9, _ and -")
    return text
