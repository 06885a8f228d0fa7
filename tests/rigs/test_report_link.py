"""The report's link accounting says what the records say, and that it closes."""

from __future__ import annotations

import html
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from firmware_bridge.faults import FaultEvent, FaultKind
from groundlink.accounts import (
    ClassFlow,
    ContactAccount,
    DroppedCounts,
    FrameCounts,
    LinkCounts,
    MessageCounts,
    UplinkCounts,
)
from groundlink.authentication import Refusal
from groundlink.commands import StopStream, Verification
from groundlink.contacts import AcquisitionOfSignal, Contact, WindowAction, WindowInjected
from groundlink.events import (
    CommandProgress,
    CommandQueued,
    CommandRejected,
    CommandReleased,
    CommandRequested,
    CommandSent,
    LinkChanged,
    LinkState,
    Received,
    UplinkInjected,
    UplinkRefused,
)
from groundlink.messages import Message, MessageKind
from rigs.events import FlightEnded, FlightStarted, Flown, StoreResumed
from rigs.records import Records, read_records
from rigs.report.accounting import FATES, Accounting
from rigs.report.contacts import MOST_FATES, MOST_OPEN, MOST_ROWS, contact_chart, fate_table
from rigs.report.figures import tables
from rigs.report.page import write_report
from rigs.table import show

EVIL = '"><script>alert(1)</script>'
IMAGE_BYTES = 65_536  # the example: 64 KiB
IMAGE_BITS = 528_000  # with headers, 55 s at 9.6 kbit/s
HUNDREDTH = 0.006  # of a unit of the chart, to which its paths are written


def started(**more):
    said = {"scenario": "made-up", "seed": 1, "mode": "emulation", "brokers": {}, "programs": {},
            "horizon_s": 90_000.0, "acceleration": 1.0, "sunlit": True, "versions": {}}  # fmt: skip
    flown = {"pi": Flown("raspberry-pi-4b", "a-model", "00" * 32, 1000, "1800MHz")}
    return 0.0, FlightStarted(payloads=flown, **(said | more))


def records_of(*happened):
    """Return the records of pairs of a time and a thing."""
    taken = []
    records = Records(None, taken.append)
    for t_s, thing in happened:
        records.write(t_s, thing)
    records.flush()
    return taken


def accounting_of(*happened):
    accounting = Accounting()
    for record in records_of(*happened):
        accounting.add(record)
    return accounting


def report_of(folder, *happened, begun=None):
    folder.mkdir(exist_ok=True)
    with (folder / "records.jsonl").open("wb") as stream:
        records = Records(stream)
        for t_s, thing in (begun or started(), *happened):
            records.write(t_s, thing)
        records.flush()
    return write_report(folder, {}).read_text(encoding="utf-8")


def section(page, title):
    """Return the text of one section, cell by cell; empty where there is none."""
    found = re.search(rf"<section>\s*<h2>{title}.*?</section>", page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[0])).split()) if found else ""


def counted(classes, **more):
    """Return the accounts of a whole link."""
    total = {name: sum(getattr(flow, name) for flow in classes.values())
             for name in ("generated", *FATES, "delivered_bytes")}  # fmt: skip
    down = total.pop("delivered_bytes")
    said = {"messages": MessageCounts(**total), "uplink": UplinkCounts(0, 0, 0, {})} | more
    return LinkCounts(
        downlinked_bytes=down, uplinked_bytes=0, backlog_bytes=40_794,
        frames=FrameCounts(11, 10, 1, 0, 0), dropped=DroppedCounts(0, 0), classes=classes, **said,
    )  # fmt: skip


def contact(
    aos_s, los_s, classes=None, lock_s=None, rate_bps=9600.0, station="svalbard", bits=None
):
    """Return the things that happen in a contact, from AOS to its account."""
    classes, lock_s = classes or {}, aos_s if lock_s is None else lock_s
    left = sum(flow.air_bits for flow in classes.values()) if bits is None else bits
    body_bytes = sum(flow.delivered_bytes for flow in classes.values())
    capacity_bits = (los_s - lock_s) * rate_bps
    return [
        (aos_s, AcquisitionOfSignal(Contact(station, aos_s, los_s, rate_bps, 42.0))),
        (aos_s, LinkChanged(LinkState.ACQUIRING, station, los_s)),
        (lock_s, LinkChanged(LinkState.AOS, station, los_s)),
        (los_s, LinkChanged(LinkState.LOS)),
        (los_s + 0.01, ContactAccount(station, aos_s, los_s, capacity_bits, left, 800, 9,
                                      body_bytes, classes)),
    ]  # fmt: skip


def flow(delivered=0, size=100, air_bits=0, **fates):
    return ClassFlow(
        generated=delivered + sum(fates.values()), delivered=delivered,
        delivered_bytes=delivered * size, air_bits=air_bits, **fates,
    )  # fmt: skip


flows = st.builds(
    flow,
    delivered=st.integers(0, 10_000),
    air_bits=st.integers(0, 10**8),
    queued=st.integers(0, 100),
    expired=st.integers(0, 100),
    dropped=st.integers(0, 100),
    lost=st.integers(0, 100),
)
IMAGE = flow(1, size=IMAGE_BYTES, air_bits=IMAGE_BITS)
ENDED = (90_000.0, FlightEnded(True))
PRODUCT = Message(MessageKind.PRODUCT, "pi", 1, 0.0, b"picture")


def came_down(t_s):
    return t_s, Received(PRODUCT, "svalbard", t_s)


def test_the_fates_of_each_class_stand_in_its_row_and_close_below(tmp_path):
    classes = {"pi/prod": flow(433, queued=26, lost=1), "obc/tm": flow(1000, expired=7, dropped=3)}
    told = section(report_of(tmp_path, (100.0, counted(classes)), ENDED), "Link accounting")
    assert "pi/prod 460 433 26 0 0 1 43.3" in told
    assert "obc/tm 1,010 1,000 0 7 3 0 100" in told
    fates = "1,433 delivered + 26 queued + 7 expired + 3 dropped + 1 lost"
    assert f"1,470 generated = {fates} ✓ closes" in told
    assert "emulated" in told


@given(st.dictionaries(st.sampled_from(["pi/prod", "pi/tm", "obc/tm", "cam/ev"]), flows))
def test_accounts_that_close_are_said_to(classes):
    accounting = accounting_of((1.0, counted(classes)))
    assert accounting.error == ""
    total = accounting.total
    assert total.generated == sum(getattr(total, fate) for fate in FATES)


@given(flows, st.sampled_from(FATES), st.integers(1, 5))
def test_a_message_without_a_fate_or_a_class_is_missed(true, fate, more):
    false = replace(true, **{fate: getattr(true, fate) + more})
    right = counted({"pi/tm": true})
    assert accounting_of((1.0, counted({"pi/tm": false}))).error
    assert accounting_of((1.0, counted({"pi/tm": false}, messages=right.messages))).error


def test_accounts_that_do_not_close_are_shown_with_what_is_missing(tmp_path):
    classes = {"pi/tm": replace(flow(10), generated=12)}
    told = section(report_of(tmp_path, (100.0, counted(classes))), "Link accounting")
    assert "does not close: +2 of the messages generated have no fate" in told
    assert "✓" not in told


def test_bits_that_left_and_are_of_no_class_are_missed():
    happened = contact(0.0, 600.0, {"pi/tm": flow(1, air_bits=1000)}, bits=3000)
    last = (700.0, counted({"pi/tm": flow(1, air_bits=1000)}))
    accounting = accounting_of(*happened, last, ENDED)
    assert accounting.error == "2,000 bits that left are of no class"


def test_a_pass_of_600_s_at_9600_bit_per_s_carries_720_kb_and_an_image_costs_55_s(tmp_path):
    happened = contact(1000.0, 1600.0, {"pi/prod": IMAGE})
    told = section(report_of(tmp_path, *happened, (2000.0, counted({"pi/prod": IMAGE}))),
                   "Link accounting")  # fmt: skip
    assert "A pass of 600 s at 9.6 kbit/s carries 720 kB and no more." in told
    assert "A product of pi, 65.5 kB in the mean, costs 55 s of contact." in told
    assert "65.5 kB 55 s" in told


def test_what_a_pass_carries_counts_from_its_lock(tmp_path):
    happened = contact(1000.0, 1600.0, lock_s=1010.0)
    told = section(report_of(tmp_path, *happened, (2000.0, counted({}))), "Link accounting")
    assert "A pass of 600 s, 590 s of it locked, at 9.6 kbit/s carries 708 kB" in told


def test_time_on_the_air_is_that_of_the_contact_in_which_a_frame_left():
    slow = contact(0.0, 600.0, {"pi/tm": flow(1, air_bits=1200)}, rate_bps=1200.0)
    fast = contact(1000.0, 1600.0, {"pi/tm": flow(1, air_bits=9600)})
    accounting = accounting_of(*slow, *fast, (2000.0, counted({"pi/tm": flow(2, air_bits=10_800)})))
    (row,) = accounting.classes
    assert row.air_s == pytest.approx(2.0)  # 1200 bits at 1200 bit/s, 9600 at 9600 bit/s
    assert row.cost_s == pytest.approx(1.0)


def test_what_is_lost_is_paid_for_by_what_is_delivered():
    half = flow(1, air_bits=19_200, lost=1)
    accounting = accounting_of(*contact(0.0, 600.0, {"pi/prod": half}),
                               (700.0, counted({"pi/prod": half})))  # fmt: skip
    assert accounting.classes[0].cost_s == pytest.approx(2.0)


def test_a_contact_that_never_locked_carries_nothing(tmp_path):
    never = ContactAccount("svalbard", 0.0, 5.0, 0.0, 0, 0, 0, 0, {})
    told = report_of(tmp_path, (0.0, LinkChanged(LinkState.ACQUIRING, "svalbard", 5.0)),
                     (5.0, never), (6.0, counted({})))  # fmt: skip
    assert "svalbard 00:00:00 5 s – 0 0 – 0 0" in section(told, "Contacts")
    assert "A pass of" not in told


def test_a_contact_is_told_with_its_capacity_its_use_and_its_classes(tmp_path):
    classes = {"pi/prod": IMAGE, "pi/tm": flow(12, queued=26)}
    happened = contact(3600.0, 4200.0, classes)
    told = section(report_of(tmp_path, *happened, (5000.0, counted(classes))), "Contacts")
    # 720 kB could go, 66 kB of frames went, of 66.7 kB of bodies; 100 bytes up
    assert "svalbard 01:00:00 10 min 42° 720 66.0 9.2 % 66.7 100 1 / 0 12 / 26" in told


def test_all_six_fates_of_each_class_unfold_against_each_contact(tmp_path):
    first = {"pi/prod": flow(433, queued=26, lost=1), "obc/tm": flow(9, expired=7, dropped=3),
             "obc/ev": flow()}  # fmt: skip
    second = {"pi/prod": ClassFlow(generated=4, delivered=28, queued=2)}
    page = report_of(tmp_path, *contact(1000.0, 1600.0, first),
                     *contact(7000.0, 7600.0, second, station="matera"), ENDED)  # fmt: skip
    (folded,) = re.findall(r'<details class="fates">.*?</details>', page, re.DOTALL)
    told = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", folded)).split())
    assert "Generated Delivered Queued at LOS Expired Dropped Lost" in told
    assert "svalbard 00:16:40 pi/prod 460 433 26 0 0 1 obc/tm 19 9 0 7 3 0 matera" in told
    assert "matera 01:56:40 pi/prod 4 28 2 0 0 0" in told
    assert "obc/ev" not in told  # nothing happened to it
    assert "details-content" in page[page.index("@media print") :]  # paper has no fold


def test_the_fates_of_very_many_contacts_end_with_how_many_are_left_out():
    classes = {f"pi{k}/tm": flow(1) for k in range(10)}
    count = MOST_FATES // 10 + 7
    table = fate_table(accounting_of(
        *(event for k in range(count) for event in contact(100.0 * k, 100.0 * k + 60.0, classes))
    ))  # fmt: skip
    assert sum(len(group.flows) for group in table.groups) == MOST_FATES
    assert table.more == 7


def test_records_that_break_off_are_told_as_of_their_last_count(tmp_path):
    happened = [came_down(50.0), (3700.0, counted({"pi/prod": flow(1)})), came_down(3800.0),
                came_down(3900.0)]  # fmt: skip
    page = report_of(tmp_path, *happened)
    told = section(page, "Link accounting")
    assert "As of 01:01:40" in told
    assert "2 messages came down since, which are not counted here" in told
    assert "0 lost as of 01:01:40" in told
    assert "✓" not in told
    assert "✗" not in told
    ended = section(report_of(tmp_path, *happened, ENDED), "Link accounting")
    assert "✓ closes" in ended
    assert "As of" not in ended


def test_a_flight_that_goes_on_with_a_store_says_with_how_much(tmp_path):
    page = report_of(tmp_path, (0.0, StoreResumed(38)), (9.0, counted({"pi/tm": flow(38)})), ENDED)
    assert "goes on with <b>38 messages</b> from an earlier flight" in page
    told = section(page, "Link accounting")
    assert "38 messages from an earlier flight were in the store" in told
    assert "an earlier flight" not in report_of(tmp_path, (9.0, counted({})), ENDED)


def test_bytes_up_say_of_what_they_are(tmp_path):
    happened = [*contact(0.0, 600.0), (700.0, counted({})), ENDED]
    page = report_of(tmp_path, *happened)
    told = section(page, "Contacts")
    assert "Frames up, bytes" in told
    assert "uplinked_bytes below are those of the packets that the satellite accepted" in told
    (row,) = tables({"link": {"uplinked_bytes": 12}}, {})["link"]
    assert row.note == "packets accepted on board"


def test_a_contact_under_way_as_the_records_end_is_told_as_such(tmp_path):
    begun = contact(1000.0, 1600.0)[:3]
    told = section(report_of(tmp_path, *begun, (1000.0, counted({}))), "Contacts")
    assert "svalbard 00:16:40 10 min 42° under way as the records end" in told


def test_a_contact_that_another_station_had_is_told_as_not_used(tmp_path):
    seen = (1000.0, AcquisitionOfSignal(Contact("matera", 1000.0, 1500.0, 9600.0)))
    happened = [seen, *contact(1000.0, 1600.0), (2000.0, FlightEnded(True))]
    told = section(report_of(tmp_path, *happened), "Contacts")
    assert "matera 00:16:40 8 min 20 s – not used" in told


def test_hundreds_of_contacts_are_folded_and_summed_by_station(tmp_path):
    count, names = MOST_ROWS + 20, ("svalbard", "matera")
    flown = [contact(100.0 * k, 100.0 * k + 60.0, station=names[k % 2]) for k in range(count)]
    page = report_of(tmp_path, *(event for each in flown for event in each))
    told = section(page, "Contacts")
    assert f"svalbard {count // 2} 4 h 20 min 18,720" in told  # 260 of 60 s, 72 kB
    assert f"all {count} 8 h 40 min 37,440" in told
    assert f"{MOST_ROWS - MOST_OPEN} further contacts" in told
    assert "And 20 more, in records.jsonl" in told
    assert page.count("42°") == MOST_ROWS
    assert len(page) < 1_000_000


def rectangles(path):
    """Return x, bottom and top of each bar of a path."""
    return [tuple(map(float, bar)) for bar in
            re.findall(r"M([\d.]+),([\d.]+)h[\d.]+V([\d.]+)h-[\d.]+z", path)]  # fmt: skip


@given(st.lists(st.tuples(st.floats(10.0, 900.0), st.lists(st.floats(0.0, 0.24), max_size=4)),
                min_size=1, max_size=40))  # fmt: skip
def test_the_bars_of_a_contact_stand_on_one_another_within_what_it_could_carry(passes):
    happened = []
    for k, (length_s, shares) in enumerate(passes):
        air = {f"pi/{i}": flow(1, air_bits=int(share * length_s * 9600.0))
               for i, share in enumerate(shares)}  # fmt: skip
        happened += contact(1000.0 * k, 1000.0 * k + length_s, air)
    names = {name for _, shares in passes for name in (f"pi/{i}" for i in range(len(shares)))}
    chart = contact_chart(accounting_of(*happened, (1e6, counted(dict.fromkeys(names, flow(1))))))
    room = {x: top for x, _, top in rectangles(chart.frames)}
    assert len(room) == len(passes)
    reached = {}
    for layer in chart.layers:
        for x, bottom, top in rectangles(layer.path):
            assert bottom == reached.get(x, 100.0)
            reached[x] = top
    assert all(top >= room[x] - HUNDREDTH for x, top in reached.items())


def requested(t_s, name, request, planned=True):
    return t_s, CommandRequested("pi", request, planned)


def progress(t_s, name, stage, ok=True, reason=""):
    return t_s, CommandProgress(
        name, "pi", Verification(stage, ok, b"\x18\x01\xc0\x00", reason), t_s
    )


def stop(t_s, name):
    request = f'{{"id":"{name}","command":"stop-stream","stream":"survey"}}'
    return [requested(t_s, name, request), (t_s, CommandQueued(name, StopStream("pi", "survey")))]


def test_a_command_is_told_from_its_request_to_its_completion(tmp_path):
    told = section(report_of(
        tmp_path, *stop(3600.0, "1"), (4712.0, CommandSent("1", 4, 1)),
        (4716.0, CommandSent("1", 5, 2)),
        (4717.0, CommandReleased(b"\x18\x01\xc0\x00", StopStream("pi", "survey"), b"frame")),
        progress(4718.0, "1", "acceptance"), progress(4719.0, "1", "start"),
        progress(4720.0, "1", "completion"), progress(4730.0, "1", "acceptance"),
    ), "Telecommands")  # fmt: skip
    row = "01:00:00 pi stop-stream, stream survey planned, id 1 carried out"
    assert f"{row} 01:18:32 2 01:18:38 01:18:39 01:18:40" in told
    assert "1 authentic commands were released" in told


def test_a_command_that_was_not_carried_out_says_why(tmp_path):
    told = section(report_of(
        tmp_path, *stop(1.0, "1"), (2.0, CommandSent("1", 1, 1)), progress(3.0, "1", "acceptance"),
        progress(3.0, "1", "start", False, "there is no stream 'survey'"),
        *stop(4.0, "2"), (5.0, CommandSent("2", 2, 1)), *stop(6.0, "3"),
        requested(7.0, "4", "{}", planned=False), (7.0, CommandRejected("4", "pi", "no command")),
    ), "Telecommands")  # fmt: skip
    assert "start failed: there is no stream 'survey' 00:00:02 1 00:00:03 00:00:03 ✗ –" in told
    assert "id 2 no report came down" in told
    assert "id 3 waited for a contact" in told
    assert "{} by an operator, id 4 not sent: no command" in told


def test_refused_frames_are_counted_by_reason(tmp_path):
    refusals = [(9.0, UplinkRefused(Refusal.FORGED, injected=True)),
                (9.0, UplinkRefused(Refusal.DAMAGED, injected=False)),
                (9.0, UplinkRefused(Refusal.DAMAGED, injected=False))]  # fmt: skip
    uplink = UplinkCounts(14, 11, 1, {"damaged": 2, "forged": 1})
    told = section(report_of(tmp_path, *refusals, (10.0, counted({}, uplink=uplink))),
                   "Telecommands")  # fmt: skip
    assert "2 damaged, 1 forged; 1 of them put on the uplink at the bench" in told
    assert "14 sent, 11 accepted, 1 lost" in told


def test_without_commands_or_contacts_nothing_is_said_of_them(tmp_path):
    page = report_of(tmp_path, (90_000.0, counted({})), ENDED)
    assert "Telecommands" not in page
    assert "No station heard" in page
    assert "0 generated = 0 delivered" in section(page, "Link accounting")
    assert "was not counted" in report_of(tmp_path / "killed")


def test_what_operators_and_programs_write_is_only_text(tmp_path):
    page = report_of(
        tmp_path, requested(1.0, "1", f'{{"id":"1","command":"forward","arguments":"{EVIL[1:]}"}}'),
        (1.0, CommandRejected(EVIL, EVIL, EVIL)), requested(2.0, "2", EVIL * 50),
        (2.0, CommandRejected("", "pi", EVIL)),
    )  # fmt: skip
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 4
    assert len(section(page, "Telecommands")) < 1500  # a request may be of any length


def test_the_accounts_need_no_script(tmp_path):
    page = report_of(tmp_path, *contact(0.0, 600.0), *stop(1.0, "1"), (700.0, counted({})))
    body = page[page.index("<h2>Link accounting") : page.index("<h2>All the numbers")]
    assert "<script" not in body
    assert " on" not in re.sub(r">[^<]*<", "><", body)  # no handlers either


def test_brokers_and_programs_that_ran_are_named(tmp_path):
    page = report_of(tmp_path, begun=started(
        brokers={"ground": "mosquitto", "onboard": "amqtt"},
        programs={"cam": "network-namespace", "tool": "none (no unshare here)"},
    ))  # fmt: skip
    told = section(page, "How these numbers came about")
    assert "Broker of the ground bus real MQTT over mosquitto" in told
    assert "Broker of the on-board bus real MQTT over amqtt" in told
    assert "Program cam of a third party real" in told
    assert "isolation: none (no unshare here)" in told
    assert "<b>mosquitto</b> on the ground bus and <b>amqtt</b> on the on-board bus" in page
    assert "Broker" not in section(report_of(tmp_path), "How these numbers came about")


def footer_of(folder, *happened, **begun):
    page = report_of(folder, *happened, ENDED, begun=started(**begun))
    (found,) = re.findall(r"<footer>.*?</footer>", page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", found)).split())


def test_a_flight_by_its_scenario_alone_is_flown_again_by_it(tmp_path):
    sky = (5.0, FaultEvent("pi", FaultKind.SEU, (0.5,)))
    told = footer_of(tmp_path, sky, requested(7.0, "4", "{}"))
    assert "highbay run scenario.toml" in told
    assert "byte for byte" in told
    assert "--replay" not in told


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (WindowInjected(WindowAction.OPEN, 60.0), "1 contact or outage"),
        (FaultEvent("pi", FaultKind.SEU, (0.5,), injected=True), "1 fault"),
        (UplinkInjected("00"), "1 frame on the uplink"),
        (CommandRequested("pi", "{}"), "1 command"),
    ],
)
def test_what_people_did_is_flown_again_by_a_replay(tmp_path, deed, words):
    told = footer_of(tmp_path, (5.0, deed))
    assert "highbay run --replay DIR" in told
    assert f"by hand here, {words}." in told
    assert "byte for byte" not in told


def test_messages_of_programs_and_of_an_earlier_flight_are_said_to_be_missing(tmp_path):
    told = footer_of(tmp_path, programs={"cam": "network-namespace"})
    assert "highbay run --replay DIR" in told
    assert "Not flown again: the messages of programs." in told
    told = footer_of(tmp_path, (0.0, StoreResumed(38)))
    assert "Not flown again: what an earlier flight left in the store." in told
    assert "byte for byte" not in told


def table_of(report=Path("report.html"), complete=True, **link):
    """Return the terminal's table of a flight whose link counted so much."""
    flat = {
        "downlinked_bytes": 733_641, "backlog_bytes": 40_794,
        "frames": {"sent": 4997, "received": 4996},
        "messages": {"generated": 2897, "delivered": 2777, "queued": 119, "expired": 0,
                     "dropped": 0, "lost": 1},
        "uplink": {"refused": {}},
        "commands": {"requested": 0, "rejected": 0, "completed": 0, "failed": 0},
    }  # fmt: skip
    summary = {
        "scenario": "made-up", "seed": 4, "mode": "emulation", "complete": complete, "trouble": "",
        "flown_s": 60.0, "horizon_s": 60.0, "acceleration": 1.0, "payloads": {}, "faults": {},
        "environment": {"contacts": 1, "contact_s": 60.0, "eclipse_s": 0.0}, "power": {},
        "link": flat | link,
    }  # fmt: skip
    stream = io.StringIO()
    show(summary, report, Console(file=stream, width=80))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_the_terminal_tells_first_what_became_of_the_messages():
    told = table_of()
    link = next(i for i, line in enumerate(told) if line.startswith("Link"))
    assert told[link : link + 2] == [
        "Link    2777 of 2897 messages down (734 kB), 119 queued (41 kB), 0 expired, 0",
        "        dropped, 1 lost; 4996 of 4997 frames good",
    ]
    assert not any("uplink" in line for line in told)


def test_the_terminal_tells_of_commands_where_there_were_any():
    commands = {"requested": 5, "rejected": 1, "completed": 3, "failed": 1}
    told = table_of(commands=commands, uplink={"refused": {"damaged": 2, "forged": 1}})
    (first,) = (line for line in told if line.startswith("  uplink"))
    assert first == "  uplink  5 commands: 1 rejected, 3 completed, 1 failed; 1 frame refused; 2"
    assert told[told.index(first) + 1].strip() == "frames damaged on the way up"


def test_the_terminal_calls_no_frame_refused_that_the_channel_damaged():
    told = " ".join(table_of(uplink={"refused": {"damaged": 11}}))
    assert "11 frames damaged on the way up" in told
    assert "refused" not in told


def test_the_terminal_counts_one_contact_and_few_bytes():
    told = " ".join(table_of(downlinked_bytes=154, backlog_bytes=0))
    assert "1 contact, " in told
    assert "(154 bytes)" in told
    assert "(0 bytes)" in told


def test_the_terminal_tells_of_what_moment_numbers_are_where_records_break_off(tmp_path):
    report_of(tmp_path, (3700.0, counted({"pi/prod": flow(1)})), came_down(3800.0))
    told = " ".join(" ".join(table_of(tmp_path / "report.html", complete=False)).split())
    assert "not final, as of 1 h 01 min: 2777 of 2897 messages down" in told
    assert "1 message came down since" in told
    report_of(tmp_path, (3700.0, counted({})), (3700.0, FlightEnded(False)))
    stopped = table_of(tmp_path / "report.html", complete=False)
    assert not any("not final" in line for line in stopped)  # broken off, and counted then


def test_records_that_are_read_again_have_the_same_accounts(tmp_path):
    happened = [*contact(0.0, 600.0, {"pi/prod": IMAGE}), (700.0, counted({"pi/prod": IMAGE}))]
    report_of(tmp_path, *happened)
    again = Accounting()
    for record in read_records(tmp_path / "records.jsonl"):
        again.add(record)
    assert again.contacts == accounting_of(*happened).contacts
    assert again.classes == accounting_of(*happened).classes
