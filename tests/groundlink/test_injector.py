import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.faults import FaultEvent, FaultKind
from groundlink.contacts import WindowAction, WindowInjected
from groundlink.events import UplinkInjected
from groundlink.injector import Ack, ControlArrived, Injector, id_of
from groundlink.topics import Control


def injector():
    return Injector(["pi"], ["svalbard", "bench"], np.random.default_rng(1), variates=4)


def ask(control, request, to=None):
    text = request if isinstance(request, bytes) else json.dumps(request).encode()
    return (to or injector()).react(5.0, ControlArrived(control, text))


def test_a_fault_is_injected_with_drawn_variates_and_acknowledged():
    fault, ack = ask(Control.FAULT, {"payload": "pi", "kind": "seu", "id": "a"})
    assert isinstance(fault, FaultEvent)
    assert (fault.payload, fault.kind, fault.injected) == ("pi", FaultKind.SEU, True)
    assert len(fault.variates) == 4
    assert all(0.0 <= u < 1.0 for u in fault.variates)
    assert ack == Ack("a", True, "", 5.0)


def test_given_variates_are_kept():
    variates = [0.1, 0.2, 0.3, 0.4]
    fault, _ = ask(Control.FAULT, {"payload": "pi", "kind": "sel", "variates": variates})
    assert fault == FaultEvent("pi", FaultKind.SEL, tuple(variates), injected=True)


def test_a_window_is_injected():
    request = {"action": "open", "duration_s": 300, "station": "bench", "rate_bps": 9600.0}
    window, ack = ask(Control.WINDOW, request)
    assert window == WindowInjected(WindowAction.OPEN, 300.0, "bench", 9600.0)
    assert ack.accepted


@pytest.mark.parametrize("station", ["svalbard", "bench", None])
def test_a_station_of_the_flight_can_be_cut(station):
    window, ack = ask(Control.WINDOW, {"action": "cut", "duration_s": 60, "station": station})
    assert window == WindowInjected(WindowAction.CUT, 60.0, station)
    assert ack.accepted


def test_a_window_may_lose_frames():
    window, _ = ask(Control.WINDOW, {"action": "open", "duration_s": 300, "frame_loss": 0.25})
    assert window == WindowInjected(WindowAction.OPEN, 300.0, frame_loss=0.25)


@given(st.binary(min_size=1, max_size=2000))
def test_any_bytes_can_be_put_on_the_uplink(frame):
    request = {"frame_base64": base64.b64encode(frame).decode(), "id": "forged"}
    injected, ack = ask(Control.UPLINK, request)
    assert bytes.fromhex(injected.frame_hex) == frame
    assert isinstance(injected, UplinkInjected)
    assert ack == Ack("forged", True, "", 5.0)


@pytest.mark.parametrize("request_", [b"", b"{}", b'{"id": "x"}'])
def test_a_clock_query_is_answered_with_the_time(request_):
    (ack,) = ask(Control.CLOCK, request_)
    assert (ack.accepted, ack.t_s) == (True, 5.0)


WRONG = [
    (Control.FAULT, b"not json", "Invalid JSON"),
    (Control.FAULT, b"[1]", "request"),
    (Control.FAULT, b"[" * 4096, "Invalid JSON"),
    (Control.FAULT, {"payload": "pi"}, "fault: kind: Field required"),
    (Control.FAULT, {"payload": "pi", "kind": "sue"}, "kind = 'sue'"),
    (Control.FAULT, {"payload": "moon", "kind": "seu"}, "there is pi"),
    (Control.FAULT, {"payload": "pi", "kind": "seu", "variates": [1.0] * 4}, "less than 1"),
    (Control.FAULT, {"payload": "pi", "kind": "seu", "variates": []}, "0 numbers; a fault takes 4"),
    (Control.FAULT, {"payload": "pi", "kind": "seu", "force": 1}, "force"),
    (Control.WINDOW, {"action": "open", "duration_s": -5}, "duration_s = -5"),
    (Control.WINDOW, b'{"action": "open", "duration_s": 1e-320}', "greater than or equal to 1"),
    (Control.WINDOW, {"action": "cut", "duration_s": 0.999}, "greater than or equal to 1"),
    (Control.WINDOW, {"action": "open", "duration_s": "5"}, "duration_s = '5'"),
    (Control.WINDOW, b'{"action": "open", "duration_s": 1e999}', "duration_s"),
    (Control.WINDOW, {"action": "open", "duration_s": 5, "station": "a/b"}, "station"),
    (Control.WINDOW, {"action": "open", "duration_s": 5, "rate_bps": 0}, "rate_bps"),
    (Control.WINDOW, {"action": "open", "duration_s": 5, "frame_loss": 1.5}, "frame_loss = 1.5"),
    (
        Control.WINDOW,
        {"action": "cut", "duration_s": 5, "station": "svalbrd"},
        "station = 'svalbrd' is none of this flight; there is bench, svalbard",
    ),
    (
        Control.WINDOW,
        {"action": "open", "duration_s": 5, "station": "svalbrd"},
        "station = 'svalbrd' is none of this flight; there is bench, svalbard",
    ),
    (Control.UPLINK, {}, "frame_base64: Field required"),
    (Control.UPLINK, {"frame_base64": ""}, "frame_base64 = ''"),
    (Control.UPLINK, {"frame_base64": "65A"}, 'padding; right is {"frame_base64": "65A="}'),
    (Control.UPLINK, {"frame_base64": "6 5A="}, "uplink: frame_base64 = '6 5A='"),
    (Control.UPLINK, {"frame_base64": "Ü"}, "uplink: frame_base64 = 'Ü'"),
    (Control.UPLINK, {"frame_base64": "A" * 3001}, "at most 3000 characters"),
    (Control.CLOCK, b"x" * 5000, "longer than 4096"),
    (Control.FAULT, b'{"id": "%s"}' % (b"x" * 2**20), "longer than 4096"),
]


@pytest.mark.parametrize(("control", "request_", "reason"), WRONG)
def test_what_is_wrong_is_refused_in_one_line(control, request_, reason):
    (ack,) = ask(control, request_)
    assert not ack.accepted
    assert reason in ack.reason
    assert "\n" not in ack.reason


def test_a_refusal_carries_the_id_of_its_request():
    (ack,) = ask(Control.FAULT, {"id": "mine", "kind": 5})
    assert (ack.id, ack.accepted) == ("mine", False)


def test_a_request_delivered_twice_acts_once():
    one = injector()
    request = {"payload": "pi", "kind": "seu", "id": "a"}
    assert len(ask(Control.FAULT, request, one)) == 2
    assert ask(Control.FAULT, request, one) == [Ack("a", True, "", 5.0)]


def test_requests_without_an_id_each_act():
    one = injector()
    request = {"payload": "pi", "kind": "seu"}
    assert [len(ask(Control.FAULT, request, one)) for _ in range(3)] == [2, 2, 2]


@given(st.sampled_from(Control), st.binary(max_size=100))
def test_no_request_breaks_the_injector(control, noise):
    *_, ack = ask(control, noise)
    assert isinstance(ack, Ack)


@pytest.mark.parametrize("text", ['{"id": "42", "command": 5}', b'{"id": "42"}'])
def test_the_id_of_a_wrong_request_is_found(text):
    assert id_of(text) == "42"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"id": 5}', '{"id": "%s"}' % ("x" * 65), "[" * 4000]
)
def test_an_id_that_cannot_be_read_is_none(text):
    assert id_of(text) == ""


def test_an_answer_survives_its_json():
    ack = Ack("a", False, "no – “quoted”", 1.5)
    assert Ack.from_json(ack.to_json()) == ack


def test_an_id_that_is_no_text_is_none():
    assert id_of(b'{"id": "\\ud800"}') == ""
    assert id_of(b'{"id": "42"}') == "42"
