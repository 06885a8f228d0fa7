import json

import pytest

from groundlink.events import LinkChanged, LinkState, Received
from groundlink.messages import Message, MessageKind
from groundlink.topics import (
    Control,
    ack_topic,
    control_topic,
    downlink_topic,
    ground_envelope,
    ground_topic,
    state_envelope,
    state_topic,
)


def received(body):
    return Received(Message(MessageKind.PRODUCT, "pi", 7, 12.5, body, 3), "svalbard", 20.0)


def test_the_tree_is_the_design_s():
    assert ground_topic("sat", "pi", MessageKind.PRODUCT) == "gnd/1/sat/pi/prod"
    assert state_topic("sat") == "gnd/1/sat/link/state"
    assert control_topic("rig", Control.FAULT) == "ctl/1/rig/fault"
    assert ack_topic("rig") == "ctl/1/rig/ack"
    assert downlink_topic("sat") == "spl/1/sat/down"


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "Big", "x" * 33, "a\n"])
def test_a_name_cannot_reach_into_another_topic(name):
    with pytest.raises(ValueError, match="a-z, 0-9"):
        ground_topic(name, "pi", MessageKind.EVENT)


def test_a_json_body_is_readable_in_the_envelope():
    envelope = json.loads(ground_envelope("sat", received(b'{"die_c": 40.5}')))
    assert envelope == {
        "v": 1,
        "src": "sat/pi",
        "kind": "prod",
        "seq": 7,
        "met_s": 12.5,
        "received_s": 20.0,
        "station": "svalbard",
        "emu": True,
        "body": {"die_c": 40.5},
    }


DEEP = b'{"x":' + b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [b"\x89PNG", b"{ not json", b"", b'{"x": \xff}', b'{"x": NaN}', pytest.param(DEEP, id="deep")],
)
def test_any_other_body_is_base64(body):
    envelope = json.loads(ground_envelope("sat", received(body)))
    assert "body_base64" in envelope


def test_the_link_s_state_says_who_hears_it_and_until_when():
    heard = json.loads(state_envelope(3.0, LinkChanged(LinkState.AOS, "svalbard", 90.0)))
    assert (heard["state"], heard["station"], heard["until_s"]) == ("aos", "svalbard", 90.0)
    assert "station" not in json.loads(state_envelope(90.0, LinkChanged(LinkState.LOS)))
