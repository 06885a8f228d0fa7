import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundlink.commands import (
    MOST_APPLICATION_BYTES,
    Acknowledge,
    Forward,
    LoadModel,
    RepeatParts,
    RequestProduct,
    SetOperatingPoint,
    SetPriority,
    StartStream,
    StopStream,
    pack,
    parse_request,
    unpack,
)
from groundlink.messages import MessageKind
from groundlink.packets import (
    Addresses,
    FrameError,
    TelecommandPacket,
    decode_telecommand,
    encode_telecommand,
)

ADDRESSES = Addresses(("obc", "pi", "third-party"))
EXAMPLES = [
    ("pi", '"command":"load-model","model":"sorter"', LoadModel("pi", "sorter")),
    ("pi", '"command":"start-stream","stream":"survey"', StartStream("pi", "survey")),
    ("pi", '"command":"stop-stream","stream":"survey"', StopStream("pi", "survey")),
    ("pi", '"command":"set-operating-point","point":"600MHz"', SetOperatingPoint("pi", "600MHz")),
    ("pi", '"command":"request-product","job":17', RequestProduct("pi", 17)),
    (
        "obc",
        '"command":"set-priority","source":"pi","kind":"prod","priority":5',
        SetPriority("pi", MessageKind.PRODUCT, 5),
    ),
    (
        "third-party",
        '"command":"forward","arguments":{"mode":"fast"}',
        Forward("third-party", {"mode": "fast"}),
    ),
]

payloads = st.text(string.ascii_lowercase + string.digits + "_-", min_size=1, max_size=32).filter(
    lambda name: name != "obc"
)
named = st.text(string.ascii_letters + string.digits + "._+-", min_size=1, max_size=64)
kinds = st.sampled_from(MessageKind)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=5,
)
commands = st.one_of(
    st.builds(LoadModel, payloads, named),
    st.builds(StartStream, payloads, named),
    st.builds(StopStream, payloads, named),
    st.builds(SetOperatingPoint, payloads, named),
    st.builds(RequestProduct, payloads, st.integers(0, 2**32 - 1)),
    st.builds(SetPriority, payloads | st.just("obc"), kinds, st.integers(0, 7)),
    st.builds(Forward, payloads, st.dictionaries(st.text("abc", max_size=5), values, max_size=3)),
)
acknowledgements = st.builds(Acknowledge, payloads, kinds, st.integers(0, 2**32 - 1))


@st.composite
def repeats(draw):
    edges = sorted(draw(st.sets(st.integers(0, 65_535), min_size=2, max_size=400)))
    gaps = tuple(zip(edges[::2], edges[1::2], strict=False))
    return RepeatParts(draw(payloads), draw(kinds), draw(st.integers(0, 2**32 - 1)), gaps)


def over_the_link(content, target):
    """Return what is left of a command after a packet."""
    packet = TelecommandPacket(target, *pack(content), 0)
    return unpack(packet)


def ask(text, payload="pi"):
    return parse_request(payload, text.encode())


# Packets


@given(commands)
def test_every_command_makes_the_round_trip(command):
    service, subtype, application = pack(command)
    assert (service, subtype) == (8, 1)
    assert len(application) <= MOST_APPLICATION_BYTES
    assert over_the_link(command, command.payload) == command


@given(acknowledgements | repeats())
def test_every_word_makes_the_round_trip(word):
    service, subtype, application = pack(word)
    assert (service, subtype) == (13, 5 if isinstance(word, Acknowledge) else 6)
    assert len(application) <= 200
    assert over_the_link(word, "obc") == word


@pytest.mark.parametrize(("payload", "said", "command"), EXAMPLES)
def test_a_command_is_in_a_packet_that_survives_the_codec(payload, said, command):
    packet = TelecommandPacket(payload, *pack(command), 7)
    assert unpack(decode_telecommand(encode_telecommand(packet, ADDRESSES), ADDRESSES)) == command


def test_commands_are_laid_out_as_written_down():
    assert pack(LoadModel("pi", "sorter")) == (8, 1, b'\x01{"model":"sorter"}')
    assert pack(SetPriority("pi", MessageKind.EVENT, 5)) == (
        8,
        1,
        b'\x06{"source":"pi","kind":"ev","priority":5}',
    )
    about = bytes.fromhex("02 00000102 02") + b"pi"
    assert pack(Acknowledge("pi", MessageKind.PRODUCT, 258)) == (13, 5, about)
    gaps = ((0, 2), (7, 65_535))
    ranges = bytes.fromhex("0000 0002 0007 ffff")
    assert pack(RepeatParts("pi", MessageKind.PRODUCT, 258, gaps)) == (13, 6, about + ranges)


def test_a_word_asks_for_as_many_parts_as_it_can_say():
    gaps = tuple((3 * k, 3 * k + 1) for k in range(100))
    asked = RepeatParts("pi", MessageKind.PRODUCT, 1, gaps).gaps
    assert asked == gaps[:48]  # 6 bytes and "pi", then 4 each: 200 bytes
    assert len(RepeatParts("x" * 32, MessageKind.PRODUCT, 1, gaps).gaps) == 40


@pytest.mark.parametrize("gaps", [(), ((2, 2),), ((3, 1),), ((0, 5), (4, 9)), ((0, 65_536),)])
def test_gaps_that_are_none_are_refused(gaps):
    with pytest.raises(ValueError, match=r"such as \(\(0, 2\), \(5, 6\)\)"):
        RepeatParts("pi", MessageKind.PRODUCT, 1, gaps)


@given(
    st.sampled_from(("obc", "pi")),
    st.sampled_from((8, 13)) | st.integers(0, 255),
    st.sampled_from((1, 5, 6)) | st.integers(0, 255),
    st.binary(max_size=220),
)
def test_noise_is_refused_or_is_a_command(target, service, subtype, application):
    try:
        found = unpack(TelecommandPacket(target, service, subtype, application, 0))
    except FrameError:
        return
    # JSON can be said in several ways; what it says is the same.
    assert over_the_link(found, target) == found


@pytest.mark.parametrize(
    ("target", "service", "subtype", "application", "what"),
    [
        ("pi", 17, 1, b"", "telecommand 17/1 for pi is none of ours"),
        ("pi", 8, 2, b'\x01{"model":"a"}', "8/2 for pi is none of ours"),
        ("pi", 8, 1, b"", r"0 bytes are outside 1\.\.1024"),
        ("pi", 8, 1, b"\x01" + b" " * 1024, r"1025 bytes are outside 1\.\.1024"),
        ("pi", 8, 1, b'\x00{"model":"a"}', "no function 0"),
        ("pi", 8, 1, b"\xff{}", "no function 255"),
        ("pi", 8, 1, b"\x01{", "Expecting property name"),
        ("pi", 8, 1, b"\x01\xff", "can't decode byte"),
        ("pi", 8, 1, b'\x01["model"]', "not one object"),
        ("pi", 8, 1, b"\x01{}", r"load-model takes model; it has \[\]"),
        ("pi", 8, 1, b'\x01{"model":"a","payload":"obc"}', "it has .*model.*, .*payload"),
        ("pi", 8, 1, b'\x01{"model":"a","model":"b"}', "a key is there twice"),
        ("pi", 8, 1, b'\x01{"model":5}', "model = 5 is not"),
        ("pi", 8, 1, b'\x01{"model":"../../etc/passwd"}', "model = '../../etc/passwd' is not"),
        ("pi", 8, 1, b'\x05{"job":true}', "job = True is not a whole number"),
        ("pi", 8, 1, b'\x05{"job":-1}', "job = -1 is not a whole number"),
        ("pi", 8, 1, b'\x05{"job":1e400}', "is not finite"),
        ("pi", 8, 1, b'\x05{"job":NaN}', "NaN is not a number of JSON"),
        ("pi", 8, 1, b'\x05{"job":' + b"9" * 900 + b"}", "more than 64 bits"),
        ("pi", 8, 1, b'\x06{"source":"pi","kind":"ev","priority":5}', "not for pi"),
        ("obc", 8, 1, b'\x01{"model":"a"}', "load-model is not for obc"),
        ("pi", 8, 1, b'\x07{"arguments":[]}', r"arguments = \[\] is not an object"),
        ("pi", 8, 1, b'\x07{"arguments":' + b"[" * 990 + b"}", r"deeper than 8|Expecting"),
        ("pi", 8, 1, b'\x07{"a":' + b"[" * 400 + b"]" * 400 + b"}", "at most 8 levels"),
        ("pi", 8, 1, b'\x07{"arguments":{"a":"\\ud800"}}', "surrogates not allowed"),
        ("pi", 13, 5, bytes.fromhex("02 00000102 02") + b"pi", "13/5 for pi is none of ours"),
        ("obc", 13, 5, bytes.fromhex("02 000001"), "4 bytes are no word"),
        ("obc", 13, 5, bytes.fromhex("02 00000102 03") + b"pi", "is cut short"),
        ("obc", 13, 5, bytes.fromhex("09 00000102 02") + b"pi", "has kind 9"),
        ("obc", 13, 5, bytes.fromhex("02 00000102 02") + b"PI", "no message is of 'PI'"),
        ("obc", 13, 5, bytes.fromhex("02 00000102 02") + b"p\xff", "can't decode byte"),
        ("obc", 13, 5, bytes.fromhex("02 00000102 02") + b"pi" + bytes(4), "13/5 with 12 bytes"),
        ("obc", 13, 6, bytes.fromhex("02 00000102 02") + b"pi", "gaps = "),
        ("obc", 13, 6, bytes.fromhex("02 00000102 02") + b"pi" + bytes(3), "is cut short"),
        ("obc", 13, 6, bytes.fromhex("02 00000102 02") + b"pi" + bytes(4), "gaps = "),
        ("obc", 13, 6, bytes.fromhex("02 00000102 02") + b"pi" + bytes(400), "are no word"),
        ("obc", 13, 7, bytes.fromhex("02 00000102 02") + b"pi", "13/7 with 8 bytes"),
    ],
)
def test_what_is_wrong_with_a_packet_is_said(target, service, subtype, application, what):
    with pytest.raises(FrameError, match=what):
        unpack(TelecommandPacket(target, service, subtype, application, 0))


@pytest.mark.parametrize(
    "arguments",
    [
        {"a": "x" * 1024},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": 2**63},
        {"a": "\ud800"},
        {"a": object()},
        {"a": [[[[[[[[1]]]]]]]]},
        ["not an object"],
    ],
)
def test_arguments_that_no_packet_or_record_can_hold_are_refused(arguments):
    with pytest.raises(ValueError, match=r"arguments|JSON|64 bits|levels|surrogates"):
        Forward("third-party", arguments)


def test_the_longest_arguments_fit():
    room = MOST_APPLICATION_BYTES - len('\x07{"arguments":{"a":""}}')
    longest = Forward("third-party", {"a": "x" * room})
    assert len(pack(longest)[2]) == MOST_APPLICATION_BYTES
    assert over_the_link(longest, "third-party") == longest
    with pytest.raises(ValueError, match="room for 1023"):
        Forward("third-party", {"a": "x" * (room + 1)})


def test_a_command_keeps_a_copy_of_its_arguments():
    arguments = {"mode": ["fast"]}
    command = Forward("third-party", arguments)
    arguments["mode"].append("slow")
    assert command.arguments == {"mode": ["fast"]}


# Requests of operators


@pytest.mark.parametrize(("payload", "said", "command"), EXAMPLES)
def test_an_operator_s_request_is_read(payload, said, command):
    request = ask(f'{{"id":"42",{said},"not_after_s":7200}}', payload)
    assert (request.id, request.command, request.not_after_s) == ("42", command, 7200.0)
    assert ask(f'{{"id":"A-1_b",{said}}}', payload).not_after_s is None
    assert ask(f'{{{said},"id":"1","not_after_s":null}}', payload).not_after_s is None


WRONG = [
    ("", "Expecting value"),
    ("[]", "not one object"),
    ("{", "Expecting property name"),
    ("null", "not one object"),
    ("{}", "command = None is none of load-model, start-stream"),
    ('{"id":"1","command":"explode"}', "command = 'explode' is none of load-model"),
    ('{"id":"1","command":["load-model"]}', r"command = \['load-model'\] is none of"),
    ('{"command":"load-model","model":"a"}', "id = None is not 1 to 64"),
    ('{"id":5,"command":"load-model","model":"a"}', "id = 5 is not 1 to 64"),
    ('{"id":"a/b","command":"load-model","model":"a"}', "id = 'a/b' is not"),
    ('{"id":"#","command":"load-model","model":"a"}', "id = '#' is not"),
    ('{"id":"1\\n","command":"load-model","model":"a"}', "id = .* is not"),
    ('{"id":"1","command":"load-model"}', r"load-model takes model; it has \[\]"),
    ('{"id":"1","command":"load-model","modle":"a"}', "takes model; it has .*modle"),
    ('{"id":"1","command":"load-model","model":"a","force":1}', "it has .*model.*, .*force"),
    ('{"id":"1","command":"load-model","model":""}', "model = '' is not 1 to 64 characters"),
    ('{"id":"1","command":"load-model","model":"a\\nb"}', "model = .* is not"),
    ('{"id":"1","command":"start-stream","stream":null}', "stream = None is not"),
    ('{"id":"1","command":"stop-stream","stream":{}}', r"stream = \{\} is not"),
    ('{"id":"1","command":"set-operating-point","point":1500}', "point = 1500 is not"),
    ('{"id":"1","command":"request-product","job":"17"}', "job = '17' is not a whole number"),
    ('{"id":"1","command":"request-product","job":1.5}', "job = 1.5 is not a whole number"),
    ('{"id":"1","command":"request-product","job":4294967296}', r"0\.\.4294967295"),
    ('{"id":"1","command":"set-priority","source":"pi","kind":"ev","priority":5}', "not for pi"),
    ('{"id":"1","command":"load-model","model":"a","not_after_s":-1}', "not_after_s = -1 is not"),
    ('{"id":"1","command":"load-model","model":"a","not_after_s":"9"}', "not_after_s = '9' is"),
    ('{"id":"1","command":"load-model","model":"a","not_after_s":true}', "not_after_s = True"),
    ('{"id":"1","command":"load-model","model":"a","not_after_s":Infinity}', "Infinity is not"),
    ('{"id":"1","id":"2","command":"load-model","model":"a"}', "a key is there twice"),
    ('{"id":"1","command":"load-model","model":"' + "a" * 5000 + '"}', "4096 are enough"),
    ('{"id":"1","command":"forward","arguments":' + "[" * 4000, r"deeper than 8|Expecting"),
    ('{"id":"1","command":"forward","arguments":{"a":"' + "x" * 2000 + '"}}', "room for 1023"),
]


@pytest.mark.parametrize(("text", "what"), WRONG)
def test_what_is_wrong_with_a_request_is_said_in_one_line_with_a_right_example(text, what):
    with pytest.raises(ValueError, match=what) as caught:
        ask(text)
    said = str(caught.value)
    assert said.startswith("request for 'pi': ")
    assert "\n" not in said
    assert len(said) < 400
    example = said.partition("; such as ")[2]
    payload = "obc" if "set-priority" in example else "pi"
    assert parse_request(payload, example.encode()).id == "42"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"kind": "video"}, "kind = 'video' is none of tm, ev, prod, tcr"),
        ({"kind": ["tm"]}, "kind = .* is none of"),
        ({"kind": None}, "kind = None is none of"),
        ({"source": "Pi"}, "source = 'Pi' is not"),
        ({"priority": 8}, r"priority = 8 is not a whole number in 0\.\.7"),
        ({"priority": "5"}, "priority = '5' is not"),
    ],
)
def test_a_wrong_priority_is_refused(change, what):
    right = {"id": "1", "command": "set-priority", "source": "pi", "kind": "tm", "priority": 5}
    parse_request("obc", json.dumps(right).encode())
    with pytest.raises(ValueError, match=what):
        parse_request("obc", json.dumps({**right, **change}).encode())


@given(st.binary(max_size=100))
def test_noise_is_no_request(noise):
    with pytest.raises(ValueError, match="request for 'pi': "):
        parse_request("pi", noise)


keys = st.sampled_from(["id", "command", "model", "job", "not_after_s", "a\nb"]) | st.text()


def objection(payload, text):
    """Return what is said against a request; nothing if it is a right one."""
    try:
        parse_request(payload, text)
    except ValueError as error:
        return str(error)
    return ""


@given(st.dictionaries(keys, values), st.sampled_from(["load-model", "set-priority", "forward"]))
def test_any_json_is_a_request_or_is_refused_in_one_short_line(content, word):
    text = json.dumps({"command": word, **content}).encode()
    for payload in ("pi", "obc", "p\ni"):
        said = objection(payload, text)
        assert len(said) < 400
        assert said.isprintable()


@pytest.mark.parametrize("payload", ["PI", "", "a/b", "a\nb"])
def test_a_request_for_nobody_is_refused(payload):
    with pytest.raises(ValueError, match="payload = "):
        ask('{"id":"1","command":"load-model","model":"a"}', payload)
