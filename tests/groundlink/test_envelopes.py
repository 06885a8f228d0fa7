import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from groundlink import envelopes, wording
from groundlink.commands import Verification, parse_request
from groundlink.envelopes import (
    CommandReport,
    GroundMessage,
    LinkStateNews,
    ProgramCommand,
    ProgramReportSaid,
    ProgramStateSaid,
    StoredCount,
)
from groundlink.events import CommandProgress, CommandRejected, LinkChanged, LinkState, Received
from groundlink.messages import Message, MessageKind
from groundlink.topics import BULK

TIMES = st.floats(min_value=0.0, max_value=1e9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | TIMES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(), JSON)


def received(body, kind=MessageKind.PRODUCT):
    return Received(Message(kind, "pi", 7, 12.5, body), "svalbard", 20.0)


def test_a_json_body_is_readable_in_the_envelope():
    envelope = json.loads(wording.ground_envelope("sat", received(b'{"die_c": 40.5}')))
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
BREAKING_OUT = b'{"a":1},"src":"sat/other","body":{}'


@pytest.mark.parametrize(
    "body",
    [
        b"\x89PNG",
        b"{ not json",
        b"",
        b'{"x": \xff}',
        b'{"x": NaN}',
        b'{"x": 1e999}',
        b'{"x": "\\ud800"}',
        b"[1]",
        BREAKING_OUT,
        pytest.param(DEEP, id="deep"),
    ],
)
def test_any_other_body_is_base64(body):
    envelope = json.loads(wording.ground_envelope("sat", received(body)))
    assert "body" not in envelope
    assert base64.b64decode(envelope["body_base64"]) == body


@given(OBJECTS, st.sampled_from(BULK), TIMES, st.integers(0, 2**32 - 1))
def test_every_json_body_makes_an_envelope_of_the_model(content, kind, t_s, sequence):
    body = json.dumps(content).encode()
    news = Received(Message(kind, "pi", sequence, t_s, body), "svalbard", t_s)
    said = GroundMessage.model_validate_json(wording.ground_envelope("sat", news))
    assert (said.src, said.kind, said.seq) == ("sat/pi", kind.value, sequence)
    assert (said.met_s, said.received_s) == (t_s, t_s)
    assert said.body == content or said.body_base64 is not None


@given(st.binary(max_size=300), st.sampled_from(BULK))
def test_any_bytes_make_an_envelope_of_the_model(body, kind):
    envelope = wording.ground_envelope("sat", received(body, kind))
    said = GroundMessage.model_validate_json(envelope)
    carried = said.body_base64
    assert carried is None or base64.b64decode(carried) == body


def test_an_envelope_has_one_body():
    envelope = json.loads(wording.ground_envelope("sat", received(b"{}")))
    with pytest.raises(ValidationError, match="either body or body_base64"):
        GroundMessage.model_validate({**envelope, "body_base64": ""})


def test_the_link_s_state_says_who_hears_it_and_until_when():
    heard = wording.state_envelope(3.0, LinkChanged(LinkState.AOS, "svalbard", 90.0))
    said = LinkStateNews.model_validate_json(heard)
    assert (said.met_s, said.state, said.station, said.until_s) == (3.0, "aos", "svalbard", 90.0)
    assert "station" not in json.loads(wording.state_envelope(9.0, LinkChanged(LinkState.LOS)))


@pytest.mark.parametrize("state", LinkState)
def test_every_state_of_the_link_is_in_the_model(state):
    LinkStateNews.model_validate_json(wording.state_envelope(0.0, LinkChanged(state)))


@pytest.mark.parametrize("stage", ["acceptance", "start", "completion"])
@pytest.mark.parametrize("ok", [True, False])
def test_every_stage_of_a_command_is_in_the_model(stage, ok):
    news = CommandProgress("42", "pi", Verification(stage, ok, b"\x18\x01\xc0\x05", ""), 640.0)
    said = CommandReport.model_validate_json(wording.progress_envelope("sat", news))
    assert (said.src, said.id, said.stage, said.ok) == ("sat/pi", "42", stage, ok)
    assert said.received_s == 640.0
    assert said.final == (stage == "completion" or not ok)


@given(st.text(), st.text(st.characters(codec=None)))
def test_a_rejected_request_is_answered_whatever_it_quotes(command_id, reason):
    news = CommandRejected(command_id, "pi", reason)
    said = CommandReport.model_validate_json(wording.rejected_envelope("sat", 5.0, news))
    assert (said.stage, said.ok, said.final) == ("request", False, True)
    assert said.id in (command_id, wording.UNNAMED)


@given(st.sampled_from(BULK), st.integers(0, 2**40))
def test_a_count_of_stored_messages_is_in_the_model(kind, number):
    said = StoredCount.model_validate_json(wording.stored_envelope(kind, number))
    assert (said.kind, said.stored) == (kind.value, number)


@given(OBJECTS)
def test_a_released_command_is_in_the_model(arguments):
    said = ProgramCommand.model_validate_json(wording.command_envelope("1801c005", arguments))
    assert (said.id, said.arguments) == ("1801c005", arguments)


@given(st.binary(max_size=100))
def test_what_a_program_says_is_read_or_refused(noise):
    for read in (wording.program_state, wording.program_report):
        with pytest.raises(ValueError, match="this is no Program"):
            read(noise)


def test_what_a_program_says_in_order_is_read():
    lost = ProgramStateSaid(state="lost").model_dump_json().encode()
    assert wording.program_state(lost) == "lost"
    failed = ProgramReportSaid(ok=False, reason="no lens").model_dump_json().encode()
    assert wording.program_report(failed) == ProgramReportSaid(ok=False, reason="no lens")


@pytest.mark.parametrize("reason", ["x" * 201, "x" * 10_000])
def test_a_program_s_reason_is_short(reason):
    said = json.dumps({"v": 1, "ok": False, "reason": reason}).encode()
    with pytest.raises(ValueError, match=r"this is no|more than 4096"):
        wording.program_report(said)


REQUESTS = TypeAdapter(
    envelopes.LoadModelRequest
    | envelopes.StartStreamRequest
    | envelopes.StopStreamRequest
    | envelopes.SetOperatingPointRequest
    | envelopes.RequestProductRequest
    | envelopes.SetPriorityRequest
    | envelopes.ForwardRequest
)
WORDS = "load-model start-stream stop-stream set-operating-point request-product set-priority"
SOME = st.sampled_from([None, "42", "", "a b", "x" * 65, 5, 2**32, -1, 7, 8, "pi", "tm", "tcr", {}])


@given(
    st.dictionaries(
        st.sampled_from(
            ["id", "model", "stream", "point", "job", "source", "kind", "priority", "arguments"]
        ),
        SOME,
    ),
    st.sampled_from([*WORDS.split(), "forward", "fly"]),
    st.sampled_from([None, 0, 7200.0, -1, "soon"]),
)
def test_a_request_is_right_by_the_model_when_it_is_right_on_the_ground(content, word, not_after):
    text = json.dumps({**content, "command": word, "not_after_s": not_after}).encode()
    try:
        REQUESTS.validate_json(text)
        right = True
    except ValidationError:
        right = False
    try:
        parse_request("obc" if word == "set-priority" else "pi", text)
        taken = True
    except ValueError:
        taken = False
    assert right == taken
