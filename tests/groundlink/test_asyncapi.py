"""The written contract is the one that the code keeps."""

import json
import re
from itertools import product
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from groundlink import envelopes, passage, topics
from groundlink.commands import parse_request
from groundlink.injector import parse as parse_control
from groundlink.topics import BULK, Control

PATH = Path(topics.__file__).with_name("asyncapi.yaml")
DOCUMENT = yaml.safe_load(PATH.read_text(encoding="utf-8"))
ABSTRACT = (envelopes.Said, envelopes.CommandRequest, envelopes.ControlRequest)
MODELS = {
    name: model
    for name, model in vars(envelopes).items()
    if isinstance(model, type) and issubclass(model, BaseModel)
    if model is not BaseModel and model not in ABSTRACT
}
REFERENCE = "#/components/schemas/"


def resolved(reference):
    found = DOCUMENT
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def untitled(schema):
    """Return a schema without the titles that pydantic makes of names."""
    if isinstance(schema, dict):
        return {key: untitled(value) for key, value in schema.items() if key != "title"}
    return [untitled(value) for value in schema] if isinstance(schema, list) else schema


def models_of(message):
    """Return the models of a message, none where it is plain bytes."""
    payload = message["payload"]
    references = payload.get("oneOf", [payload])
    return [MODELS[each["$ref"].removeprefix(REFERENCE)] for each in references if "$ref" in each]


def test_the_schemas_are_those_of_the_models():
    _, top = models_json_schema(
        [(model, "validation") for model in MODELS.values()],
        ref_template=REFERENCE + "{model}",
    )
    assert DOCUMENT["components"]["schemas"] == untitled(top["$defs"])


def test_every_model_is_said_in_some_message():
    said = {
        m for message in DOCUMENT["components"]["messages"].values() for m in models_of(message)
    }
    assert said == set(MODELS.values())


def test_every_message_parameter_and_channel_is_used():
    channels = DOCUMENT["channels"].values()
    used = {each["$ref"] for channel in channels for each in channel["messages"].values()}
    used |= {each["$ref"] for channel in channels for each in channel["parameters"].values()}
    components = DOCUMENT["components"]
    assert used == {
        f"#/components/{sort}/{name}"
        for sort in ("messages", "parameters")
        for name in components[sort]
    }
    operated = [each["channel"]["$ref"] for each in DOCUMENT["operations"].values()]
    assert sorted(operated) == sorted(f"#/channels/{name}" for name in DOCUMENT["channels"])


EXAMPLES = [
    pytest.param(message, example["payload"], id=f"{name}-{n}")
    for name, message in DOCUMENT["components"]["messages"].items()
    for n, example in enumerate(message.get("examples", []))
]


@pytest.mark.parametrize(("message", "example"), EXAMPLES)
def test_every_example_is_one_of_exactly_one_model(message, example):
    text = json.dumps(example)
    fitting = []
    for model in models_of(message):
        try:
            fitting.append(model.model_validate_json(text))
        except ValueError:
            continue
    assert len(fitting) == 1


def test_every_message_with_a_model_has_an_example_of_it():
    messages = DOCUMENT["components"]["messages"].values()
    assert all(len(each.get("examples", [])) >= len(models_of(each)) for each in messages)


def examples_of(name):
    return [each["payload"] for each in DOCUMENT["components"]["messages"][name]["examples"]]


def test_the_ground_takes_every_example_of_a_request():
    for example in examples_of("CommandRequest"):
        payload = "obc" if example["command"] == "set-priority" else "pi"
        assert parse_request(payload, json.dumps(example).encode()).id == example["id"]


@pytest.mark.parametrize("control", Control)
def test_bench_control_takes_every_example_of_a_request(control):
    for example in examples_of(f"{control.value.capitalize()}Request"):
        parse_control(control, json.dumps(example).encode())


BUILT = {
    "programMessage": {topics.onboard_topic("s", "p", kind) for kind in BULK},
    "programState": {topics.program_state_topic("s", "p")},
    "stored": {topics.stored_topic("s", "p")},
    "programCommand": {topics.program_command_topic("s", "p")},
    "programReport": {topics.program_report_topic("s", "p", "i")},
    "rawCommand": {topics.raw_command_topic("s")},
    "groundMessage": {topics.ground_topic("s", "p", kind) for kind in BULK},
    "linkState": {topics.link_state_topic("s")},
    "commandRequest": {topics.request_topic("s", "p")},
    "commandReport": {topics.report_topic("s", "p", "i")},
    "ack": {topics.ack_topic("r")},
    **{control.value: {topics.control_topic("r", control)} for control in Control},
}
VALUES = {"satellite": ["s"], "program": ["p"], "payload": ["p"], "id": ["i"], "rig": ["r"]}


def test_the_addresses_are_the_topics_that_are_built_and_no_others():
    written = {}
    for name, channel in DOCUMENT["channels"].items():
        names = re.findall(r"{(\w+)}", channel["address"])
        assert set(names) == set(channel["parameters"])
        kinds = resolved(channel["parameters"]["kind"])["enum"] if "kind" in names else []
        values = [{**VALUES, "kind": kinds}[each] for each in names]
        written[name] = {
            channel["address"].format(**dict(zip(names, each, strict=True)))
            for each in product(*values)
        }
    assert written == BUILT


def test_every_topic_of_the_document_is_of_the_tree():
    for built in BUILT.values():
        for topic in built:
            topics.parse(topic)


def test_each_bus_carries_its_own_topics():
    for channel in DOCUMENT["channels"].values():
        (server,) = channel["servers"]
        aboard = channel["address"].startswith("onb/")
        assert server["$ref"] == f"#/servers/{'onboard' if aboard else 'ground'}"


def test_what_the_host_receives_on_board_programs_may_say_and_nothing_else():
    rights = topics.onboard_rights("s", ["p"])
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"].removeprefix("#/channels/")
        if not DOCUMENT["channels"][channel]["address"].startswith("onb/"):
            continue
        topic = next(iter(BUILT[channel])).replace("/tcr/i", "/tcr/+")
        assert (topic in rights["p"].publish) == (operation["action"] == "receive")


def test_the_largest_body_is_the_gateway_s():
    body = DOCUMENT["components"]["messages"]["Body"]
    assert body["payload"]["maxLength"] == passage.LARGEST_BODY
    assert f"{passage.LARGEST_BODY:,}" in body["title"]
