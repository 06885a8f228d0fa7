import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundlink import topics
from groundlink.messages import MessageKind
from groundlink.topics import Address, Control, Role, parse

NAMES = st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True)
PROGRAMS = NAMES.filter(lambda name: name not in {"obc", "link", *(role.value for role in Role)})
IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


def test_the_tree_is_the_design_s():
    assert topics.onboard_topic("sat", "star", MessageKind.EVENT) == "onb/1/sat/star/ev"
    assert topics.program_state_topic("sat", "star") == "onb/1/sat/star/state"
    assert topics.stored_topic("sat", "star") == "onb/1/sat/star/stored"
    assert topics.program_command_topic("sat", "star") == "onb/1/sat/star/tc"
    assert topics.program_report_topic("sat", "star", "42") == "onb/1/sat/star/tcr/42"
    assert topics.raw_command_topic("sat") == "onb/1/sat/obc/tcraw"
    assert topics.ground_topic("sat", "pi", MessageKind.PRODUCT) == "gnd/1/sat/pi/prod"
    assert topics.link_state_topic("sat") == "gnd/1/sat/link/state"
    assert topics.request_topic("sat", "pi") == "gnd/1/sat/pi/tc"
    assert topics.report_topic("sat", "pi", "42") == "gnd/1/sat/pi/tcr/42"
    assert topics.control_topic("rig", Control.UPLINK) == "ctl/1/rig/uplink"
    assert topics.ack_topic("rig") == "ctl/1/rig/ack"


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "Big", "x" * 33, "a\n"])
def test_a_name_cannot_reach_into_another_topic(name):
    with pytest.raises(ValueError, match="a-z, 0-9"):
        topics.ground_topic(name, "pi", MessageKind.EVENT)
    with pytest.raises(ValueError, match="a-z, 0-9"):
        topics.onboard_topic("sat", name, MessageKind.EVENT)


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "x" * 65, "a\n", "é"])
def test_a_command_s_id_cannot_reach_into_another_topic(name):
    with pytest.raises(ValueError, match="1 to 64 characters"):
        topics.report_topic("sat", "pi", name)


def test_reports_on_commands_are_no_messages_of_their_own():
    with pytest.raises(ValueError, match="no topic"):
        topics.ground_topic("sat", "pi", MessageKind.REPORT)


@given(NAMES, NAMES, IDS)
def test_what_is_built_is_read_again(owner, source, command_id):
    assert parse(topics.report_topic(owner, source, command_id)) == Address(
        "gnd", owner, source, "tcr", command_id
    )
    assert parse(topics.program_report_topic(owner, source, command_id)) == Address(
        "onb", owner, source, "tcr", command_id
    )
    assert parse(topics.onboard_topic(owner, source, MessageKind.EVENT)) == Address(
        "onb", owner, source, "ev"
    )
    assert parse(topics.request_topic(owner, source)) == Address("gnd", owner, source, "tc")
    assert parse(topics.control_topic(owner, Control.FAULT)) == Address("ctl", owner, "", "fault")


LEVELS = st.one_of(
    st.sampled_from(["onb", "gnd", "ctl", "1", "2", "sat", "pi", "obc", "link", "tm", "tcr"]),
    st.sampled_from(["state", "tcraw", "ack", "fault", "", "+", "#", "A", "x" * 40]),
    st.text(max_size=5),
)


@given(st.lists(LEVELS, max_size=9).map("/".join))
def test_any_text_is_a_topic_of_the_tree_or_refused(text):
    try:
        address = parse(text)
    except ValueError:
        return
    again = [address.bus, "1", address.owner, address.source, address.what, address.id]
    assert text == "/".join(level for level in again if level)


def test_a_topic_of_ten_thousand_levels_is_refused():
    with pytest.raises(ValueError, match="not a topic"):
        parse("onb/1/sat/star/tcr" + "/x" * 10_000)


def matches(topic_filter, topic):
    """MQTT 3.1.1, 4.7.1."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for n, level in enumerate(wanted):
        if level == "#":
            return True
        if n >= len(levels) or level not in ("+", levels[n]):
            return False
    return len(wanted) == len(levels)


def may(filters, topic):
    return any(matches(each, topic) for each in filters)


def test_only_the_host_speaks_for_the_satellite_and_acknowledges():
    rights = topics.ground_rights("sat", "rig")
    for topic in ["gnd/1/sat/pi/tm", "gnd/1/sat/link/state", "gnd/1/sat/pi/tcr/1", "ctl/1/rig/ack"]:
        assert {name for name, it in rights.items() if may(it.publish, topic)} == {"host"}


def test_an_operator_asks_for_commands_and_the_bench_for_faults():
    rights = topics.ground_rights("sat", "rig")
    command, fault = topics.request_topic("sat", "pi"), "ctl/1/rig/fault"
    askers = {name for name, it in rights.items() if may(it.publish, command)}
    assert askers == {"host", "operator"}
    assert {name for name, it in rights.items() if may(it.publish, fault)} == {"bench"}
    assert {name for name, it in rights.items() if may(it.subscribe, fault)} == {"host", "bench"}


def test_everyone_on_the_ground_may_watch_it_but_the_observer_says_nothing():
    rights = topics.ground_rights("sat", "rig")
    watchers = {name for name, it in rights.items() if may(it.subscribe, "gnd/1/sat/pi/prod")}
    assert watchers == {"bench", "observer", "operator"}
    assert rights["observer"].publish == ()


@given(PROGRAMS, PROGRAMS)
def test_a_program_speaks_and_listens_under_its_own_topic_alone(one, other):
    rights = topics.onboard_rights("sat", {one, other})
    own = f"onb/1/sat/{one}/"
    assert all(each.startswith(own) for each in rights[one].publish + rights[one].subscribe)
    assert not set(rights[one].publish) & set(rights[one].subscribe)
    heard = {topics.program_command_topic("sat", one), topics.stored_topic("sat", one)}
    assert set(rights[one].subscribe) == heard


@given(PROGRAMS)
def test_nobody_on_board_has_a_right_on_the_ground_or_at_the_bench(program):
    for rights in topics.onboard_rights("sat", [program]).values():
        assert all(each.startswith("onb/1/sat/") for each in rights.publish + rights.subscribe)


@given(PROGRAMS)
def test_the_host_s_user_for_a_program_is_no_program_s(program):
    with pytest.raises(ValueError, match="a-z, 0-9"):
        topics.checked_program(topics.host_user(program))


@pytest.mark.parametrize("name", ["obc", "link", "host", "bench", "operator", "observer"])
def test_a_program_cannot_take_a_name_that_is_somebody_else_s(name):
    with pytest.raises(ValueError, match="that name is taken"):
        topics.onboard_rights("sat", [name])


def test_users_have_their_rights_and_passwords_of_their_own():
    rights = topics.onboard_rights("sat", ["star", "other"])
    users = topics.users(rights)
    assert {user.name: (user.publish, user.subscribe) for user in users} == rights
    assert len({user.password for user in users}) == len(users)
