"""Every key about link and commands reaches the part that it is about, and moves what it should."""

import pytest
from flights import EMULATION, Log, fly, sheet
from wiring import EXACT, JOB, NO_JOBS, matters, near

from groundlink.accounts import ContactAccount, LinkCounts
from groundlink.authentication import Key, Refusal
from groundlink.commands import (
    LoadModel,
    RequestProduct,
    SetOperatingPoint,
    SetPriority,
    StopStream,
)
from groundlink.contacts import (
    AcquisitionOfSignal,
    LossOfSignal,
    WindowAction,
    WindowInjected,
)
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
    UplinkRefused,
)
from groundlink.messages import MessageKind
from groundlink.packets import Addresses, TelemetryCodec
from groundlink.store import STORED_COST_BYTES
from payloads.jobs import Released
from rigs.build import Options, build
from rigs.errors import ScenarioError
from rigs.run import finish, run
from rigs.spacelink import check_classes

FRAME_OVERHEAD_BYTES = 32  # marker, headers, time, sequence and check, beside the body
PLAN = [{"station": "a", "aos_s": 1000.0, "los_s": 3000.0}]
POLAR = {"altitude_km": 550.0, "inclination_deg": 90.0}
POLE = {"name": "pole", "latitude_deg": 90.0, "longitude_deg": 0.0, "mask_deg": 5.0}
STOP = {"t_s": 500.0, "payload": "pi", "command": "stop-stream", "stream": "survey"}
ON_THE_AIR_S = 1.0  # a frame of housekeeping takes a fifth of it
REPORTS = ["acceptance", "start", "completion"]
INT8 = "tile-sorter-int8"


@matters("seed")
def test_another_seed_brings_other_losses_on_the_link():
    ours, again, others = (arrivals_s(contact(seed=s, link__frame_loss=0.5)) for s in (1, 1, 2))
    assert ours == again != others


def contact(**changes):
    """Fly one contact with a stream of housekeeping and nothing else to say."""
    quiet = {"horizon_s": 4000.0, "link__contacts": PLAN, "payloads__pi__jobs": NO_JOBS}
    quiet |= {"link__bit_error_rate": 0.0, "link__rate_bps": 9600.0, "link__light_time_s": 0.0}
    return fly(sheet(**quiet | changes))


def arrivals_s(log):
    return [received.received_s for received in log.all(Received)]


def pace_bps(log, from_s=1000.0):
    """Return bits per second of the first frame after a contact begins."""
    first = log.all(Received)[0]
    bits = 8 * (len(first.message.body) + FRAME_OVERHEAD_BYTES)
    return bits / (first.received_s - from_s)


@matters("link.rate_bps")
def test_the_rate_of_the_link_is_that_of_a_contact_that_names_none():
    assert pace_bps(contact(link__rate_bps=2400.0)) == pytest.approx(2400.0)


@matters("link.rate_bps")
def test_the_rate_of_the_link_is_that_of_a_pass():
    passing = fly(sheet(orbit=POLAR, stations=[POLE], link__rate_bps=2400.0))
    (heard,) = passing.all(AcquisitionOfSignal)
    assert heard.contact.rate_bps == 2400.0


@matters("link.contacts.rate_bps")
def test_a_contact_has_its_own_rate():
    assert pace_bps(contact(link__contacts=[PLAN[0] | {"rate_bps": 4800.0}])) == pytest.approx(
        4800.0
    )


@matters("link.rate_bps")
def test_an_injected_window_has_the_rate_of_the_link():
    injected = sheet(horizon_s=2000.0, link__rate_bps=2400.0, link__light_time_s=0.0)
    window = WindowInjected(WindowAction.OPEN, duration_s=500.0)
    assert pace_bps(fly_with(injected, 1200.0, window), from_s=1200.0) == pytest.approx(2400.0)


def fly_with(flown, t_s, event):
    """Fly a sheet with one more event on its timeline."""
    log = Log()
    with build(flown, Options(EMULATION, inference=False), log) as rig:
        rig.timeline.post(event, t_s)
        run(rig)
        finish(rig)
    return log


@matters("link.contacts.station", "link.contacts.aos_s", "link.contacts.los_s")
def test_a_planned_contact_is_flown_as_planned():
    log = contact(link__contacts=[{"station": "b", "aos_s": 1100.0, "los_s": 1700.0}])
    heard, silent = log.all(LinkChanged)
    assert (heard.station, heard.until_s, silent.station) == ("b", 1700.0, None)
    assert log.times(LinkChanged) == [1100.0, 1700.0]
    assert log.times(AcquisitionOfSignal) + log.times(LossOfSignal) == [1100.0, 1700.0]


@matters("link.contacts.rates")
def test_a_planned_contact_changes_its_rate_at_its_steps():
    plan = [PLAN[0] | {"rates": [[500.0, 4800.0], [900.0, 1200.0]]}]
    (heard,) = contact(link__contacts=plan).all(AcquisitionOfSignal)
    assert [heard.contact.rate_at(t_s) for t_s in (1000.0, 1500.0, 1900.0)] == [9600, 4800, 1200]
    (account,) = contact(link__contacts=plan).all(ContactAccount)
    assert account.capacity_bits == 500 * 9600 + 400 * 4800 + 1100 * 1200


@matters("link.rates")
def test_the_rate_of_a_pass_follows_the_elevation():
    log = fly(sheet(orbit=POLAR, stations=[POLE], link__rates=[[20.0, 96_000.0]]))
    (heard,) = log.all(AcquisitionOfSignal)
    contact = heard.contact
    above_s = [t_s for t_s, rate_bps in contact.rates if rate_bps == 96_000.0]
    below_s = [t_s for t_s, rate_bps in contact.rates if rate_bps == 1200.0]
    assert len(above_s) == len(below_s) == 1
    assert above_s[0] + below_s[0] == pytest.approx(contact.aos_s + contact.los_s, abs=3.0)
    assert contact.rate_at(0.5 * (contact.aos_s + contact.los_s)) == 96_000.0


@matters("link.acquisition_s")
def test_nothing_leaves_before_the_link_is_locked():
    log = contact(link__acquisition_s=100.0)
    assert [c.state for c in log.all(LinkChanged)] == [
        LinkState.ACQUIRING,
        LinkState.AOS,
        LinkState.LOS,
    ]
    assert log.times(LinkChanged)[:2] == [1000.0, 1100.0]
    assert min(arrivals_s(log)) > 1100.0
    (account,) = log.all(ContactAccount)
    assert account.capacity_bits == 9600 * 1900


def command_bits(log):
    """Return the length of the frame of the only command."""
    return 8 * len(log.all(CommandReleased)[0].frame)


@matters("link.uplink_bps")
@pytest.mark.parametrize("uplink_bps", [1200.0, 9600.0])
def test_a_command_goes_up_at_the_rate_of_the_uplink(uplink_bps):
    log = contact(commands=[STOP], link__uplink_bps=uplink_bps)
    (sent_s,) = log.times(CommandSent)
    assert sent_s == pytest.approx(1000.0 + command_bits(log) / uplink_bps, rel=EXACT)


@matters("link.half_duplex", "link.turnaround_s")
def test_in_half_duplex_the_downlink_waits_for_the_uplink_and_two_turns():
    both = {"commands": [STOP], "link__uplink_bps": 1200.0, "link__turnaround_s": 3.0}
    full_s, half_s = (arrivals_s(contact(**both, link__half_duplex=h))[0] for h in (False, True))
    uplink_s = command_bits(contact(**both)) / 1200.0
    assert half_s - full_s == pytest.approx(2 * 3.0 + uplink_s, rel=EXACT)


@matters("link.bursts.mean_clear_s", "link.bursts.mean_burst_s", "link.bursts.bit_error_rate")
def test_in_bursts_every_frame_is_corrupted_and_between_them_none():
    share = {"mean_clear_s": 30.0, "mean_burst_s": 10.0, "bit_error_rate": 0.5}
    frames, _ = frames_through(link__bursts=share)
    # A burst of 10 s spans two or more of the frames that leave every 5 s: they are not
    # independent, so the sigma of ``near`` is widened by the bursts' own length.
    assert frames.corrupt / frames.sent == pytest.approx(10.0 / 40.0, abs=0.12)
    none, _ = frames_through(link__bursts=share | {"bit_error_rate": 1e-12})
    assert none.corrupt == 0
    few, _ = frames_through(link__bursts=share | {"mean_clear_s": 3000.0})
    assert few.corrupt < frames.corrupt / 4


@matters("link.classes.priority")
def test_the_class_of_the_highest_priority_comes_first():
    def first_kind(**classes):
        log = contact(link__classes=classes, payloads__pi__jobs=[{**JOB, "until_s": 900.0}])
        kinds = [r.message.source for r in log.all(Received) if r.message.kind.value == "tm"]
        return kinds[0]

    assert first_kind() == "obc"
    assert first_kind(**{"pi/tm": {"priority": 7}}) == "pi"
    assert first_kind(tm={"priority": 7}) == "pi"  # obc/tm keeps the 6 that it usually has


@matters("link.classes.ttl_s")
def test_a_message_that_is_too_old_is_not_sent():
    log = contact(link__classes={"obc/tm": {"ttl_s": 300.0}})
    assert log.last(LinkCounts).classes["obc/tm"].expired > 0
    states = [r for r in log.all(Received) if r.message.kind is MessageKind.TELEMETRY]
    ages_s = [r.received_s - r.message.generated_s for r in states]
    assert max(ages_s) < 300.0 + ON_THE_AIR_S


@matters("link.classes.drop")
def test_a_full_store_drops_as_the_class_says():
    full = {"link__contacts": [PLAN[0] | {"aos_s": 2900.0}], "link__store_bytes": 3000}

    def kept_s(drop):
        log = contact(**full, link__classes={"obc/tm": {"drop": drop}})
        return [r.message.generated_s for r in log.all(Received) if r.message.source == "obc"]

    assert min(kept_s("newest")) == 0.0
    assert min(kept_s("oldest")) > 1000.0


@matters("link.classes.repeat")
def test_a_class_that_asks_for_it_is_sent_again_until_it_has_come():
    lossy = {"link__frame_loss": 0.3}
    once = contact(**lossy).last(LinkCounts).messages
    again = contact(**lossy, link__classes={"tm": {"repeat": True}}).last(LinkCounts).messages
    assert once.lost > 0
    assert again.lost == 0


@matters(
    "commands.t_s",
    "commands.payload",
    "commands.command",
    "commands.stream",
    "commands.not_after_s",
)
def test_a_command_waits_for_its_contact_and_is_void_after_its_time():
    log = contact(commands=[STOP])
    assert log.times(CommandQueued) == [500.0]
    (released,) = log.all(CommandReleased)
    assert log.times(CommandReleased)[0] > 1000.0
    assert released.command == StopStream("pi", "survey")
    assert [p.report.stage for p in log.all(CommandProgress)] == REPORTS
    late = contact(commands=[STOP | {"not_after_s": 900.0}])
    assert not late.all(CommandReleased)
    assert {r.reason for r in late.all(UplinkRefused)} == {Refusal.STALE}


@matters(
    "commands.model",
    "commands.point",
    "commands.job",
    "commands.source",
    "commands.kind",
    "commands.priority",
    "payloads.models",
)
@pytest.mark.parametrize(
    ("said", "command"),
    [
        ({"command": "load-model", "model": INT8}, LoadModel("pi", INT8)),
        ({"command": "set-operating-point", "point": "600MHz"}, SetOperatingPoint("pi", "600MHz")),
        ({"command": "request-product", "job": 1}, RequestProduct("pi", 1)),
        (
            {"payload": "obc", "command": "set-priority", "source": "pi", "kind": "prod"}
            | {"priority": 6},
            SetPriority("pi", MessageKind.PRODUCT, 6),
        ),
    ],
)
def test_every_command_is_carried_out(said, command):
    jobs = [{**JOB, "until_s": 900.0}]
    table = {"t_s": 500.0, "payload": "pi"} | said
    flown = sheet(
        horizon_s=4000.0,
        link__contacts=PLAN,
        link__rate_bps=9600.0,
        payloads__pi__jobs=jobs,
        payloads__pi__models=[INT8],
        commands=[table],
    )
    log = fly(flown, inference=True)
    (released,) = log.all(CommandReleased)
    assert released.command == command
    progress = log.all(CommandProgress)
    assert [(p.report.stage, p.report.ok) for p in progress] == [(r, True) for r in REPORTS]


def test_a_command_that_waits_long_for_its_report_is_carried_out_once():
    before = {
        "payload": "obc",
        "command": "set-priority",
        "source": "pi",
        "kind": "tm",
        "priority": 7,
        "t_s": 900.0,
    }
    answers = {"payloads__pi__jobs": [{**JOB, "period_s": 1.0, "until_s": 990.0}]}
    slow = {"link__rate_bps": 1200.0, "payloads__pi__queue_length": 1000}
    log = contact(commands=[before], **answers, **slow)
    assert len(log.all(CommandReleased)) == 1
    progress = [p.report.stage for p in log.all(CommandProgress)]
    assert progress == REPORTS


def test_a_second_window_of_a_station_takes_the_place_of_the_first():
    flown = sheet(horizon_s=2000.0, link__rate_bps=1200.0, link__light_time_s=0.0)
    log = Log()
    with build(flown, Options(EMULATION, inference=False), log) as rig:
        rig.timeline.post(WindowInjected(WindowAction.OPEN, 400.0), 500.0)
        faster = WindowInjected(WindowAction.OPEN, 300.0, rate_bps=9600.0, frame_loss=0.5)
        rig.timeline.post(faster, 600.0)
        run(rig)
        finish(rig)
    first, second = log.all(ContactAccount)
    assert (first.los_s, second.aos_s, second.los_s) == (600.0, 600.0, 900.0)
    assert second.capacity_bits == 300.0 * 9600.0
    assert log.last(LinkCounts).frames.lost > 0


def requested(*texts):
    """Fly a mission in which an operator asks for these one after the other."""
    flown = sheet(horizon_s=4000.0, link__contacts=PLAN, link__rate_bps=9600.0)
    log = Log()
    with build(flown, Options(EMULATION, inference=False), log) as rig:
        for i, text in enumerate(texts, start=1):
            rig.timeline.post(CommandRequested("pi", text), 100.0 * i)
        run(rig)
        finish(rig)
    return log


STOPPING = '{"id": "twice", "command": "stop-stream", "stream": "survey"}'


@pytest.mark.parametrize(
    "again", [STOPPING, '{"stream":"survey","command":"stop-stream","id":"twice"}']
)
def test_a_request_that_comes_twice_is_one_command(again):
    log = requested(STOPPING, again)
    assert len(log.all(CommandQueued)) == len(log.all(CommandReleased)) == 1
    assert log.all(CommandRejected) == []


def test_another_request_under_a_used_id_is_not_swallowed():
    log = requested(STOPPING, STOPPING.replace("stop", "start"), STOPPING)
    assert len(log.all(CommandQueued)) == 1
    (rejected,) = log.all(CommandRejected)
    assert (rejected.id, rejected.payload) == ("twice", "pi")
    assert "id = 'twice' was used already" in rejected.reason
    assert "an id of its own" in rejected.reason


def test_a_request_with_an_id_that_is_no_text_is_rejected():
    flown = sheet(horizon_s=100.0)
    log = Log()
    with build(flown, Options(EMULATION, inference=False), log) as rig:
        rig.timeline.post(CommandRequested("pi", '{"id": "\\ud800"}'), 50.0)
        run(rig)
        finish(rig)
    (rejected,) = log.all(CommandRejected)
    assert rejected.id == ""


def test_a_contact_long_after_the_mission_costs_nothing():
    far = {"station": "svalbard", "aos_s": 1e8, "los_s": 1.00000001e8}
    long = {"station": "svalbard", "aos_s": 600.0, "los_s": 1e9}
    log = contact(link__contacts=[long, far], link__light_time_s=None)
    assert [h.contact.aos_s for h in log.all(AcquisitionOfSignal)] == [600.0]


def test_a_command_that_is_over_is_not_sent():
    late = {"payload": "pi", "command": "stop-stream", "stream": "survey", "t_s": 500.0}
    (rejected,) = contact(commands=[late | {"not_after_s": 400.0}]).all(CommandRejected)
    assert "not_after_s = 400.0 is over" in rejected.reason


@matters("commands.arguments")
def test_a_command_for_a_program_that_is_not_on_board_is_not_accepted():
    forward = {"t_s": 500.0, "payload": "pi", "command": "forward", "arguments": {"a": 1}}
    (progress,) = contact(commands=[forward]).all(CommandProgress)
    assert (progress.report.stage, progress.report.ok) == ("acceptance", False)
    assert "pi is no program" in progress.report.reason


@matters("payloads.jobs.running")
def test_a_stream_that_does_not_run_releases_jobs_only_once_it_is_started():
    idle = {"payloads__pi__jobs": [{**JOB, "running": False}]}
    assert not contact(**idle).all(Released)
    start = {"t_s": 500.0, "payload": "pi", "command": "start-stream", "stream": "survey"}
    log = contact(**idle, commands=[start])
    assert min(log.times(Released)) > log.times(CommandReleased)[0]


@matters("link.light_time_s")
def test_without_a_light_time_the_range_gives_it():
    (heard,) = fly(sheet(orbit=POLAR, stations=[POLE])).all(AcquisitionOfSignal)
    middle_s = 0.5 * (heard.contact.aos_s + heard.contact.los_s)
    nearest_s = 550.0 / 299_792.458  # overhead, at the altitude
    assert heard.contact.light_time_s(middle_s, 1.0) == pytest.approx(nearest_s, rel=0.05)
    assert heard.contact.light_time_s(heard.contact.aos_s, 1.0) > 3 * nearest_s


@matters("link.light_time_s")
def test_light_time_delays_everything_by_itself_and_changes_nothing_else():
    at_once, later = (arrivals_s(contact(link__light_time_s=s)) for s in (0.0, 2.5))
    assert later == pytest.approx([t_s + 2.5 for t_s in at_once], rel=EXACT)


@matters("link.frame_bytes")
@pytest.mark.parametrize("frame_bytes", [200, 1115])
def test_messages_take_the_frames_that_their_length_asks_for(frame_bytes):
    everything = {"payloads__pi__keep": ["cloud", "land", "sea", "night"], "link__contacts": PLAN}
    rates = {"link__rate_bps": 96_000.0, "link__bit_error_rate": 0.0}
    flown = sheet(horizon_s=4000.0, link__frame_bytes=frame_bytes, **everything, **rates)
    log = fly(flown, inference=True)
    messages = [received.message for received in log.all(Received)]
    sent = log.last(LinkCounts).frames.sent
    codec = TelemetryCodec(Addresses(("obc", "pi")), flown.scenario.start, frame_bytes)
    assert sent == sum(codec.chunk_count(message) for message in messages)
    assert sent > len(messages) > 50  # pictures take several


@matters("link.store_bytes")
def test_the_store_is_filled_to_its_size_and_no_further():
    log = contact(link__contacts=[], link__store_bytes=3000)
    counts = log.last(LinkCounts)
    used_bytes = counts.backlog_bytes + STORED_COST_BYTES * counts.messages.queued
    assert counts.dropped.count > 0
    assert 3000 - 200 < used_bytes <= 3000  # a message takes less than 200


@matters("link.bit_error_rate")
def test_bit_errors_corrupt_frames_and_lose_none():
    frames, bits = frames_through(link__bit_error_rate=5e-4)
    near(frames.corrupt, frames.sent, 1.0 - (1.0 - 5e-4) ** bits)
    assert frames.lost == 0


@matters("link.frame_loss")
def test_lost_frames_are_lost_and_not_corrupted():
    frames, _ = frames_through(link__frame_loss=0.4)
    near(frames.lost, frames.sent, 0.4)
    assert frames.corrupt == 0


def frames_through(**channel):
    """Return the frames of many like messages through a channel, and the bits of each."""
    often = {"housekeeping_s": 5.0, "link__frame_bytes": 1115}
    clean, noisy = contact(**often), contact(**often, **channel)
    bodies = [len(m.message.body) for m in clean.all(Received)]
    bits = 8 * (sum(bodies) / len(bodies) + FRAME_OVERHEAD_BYTES)
    assert noisy.last(LinkCounts).frames.sent > 500
    return noisy.last(LinkCounts).frames, bits


def test_a_class_may_be_that_of_a_program_of_the_rig():
    flown = sheet(link__classes={"camera/tm": {"priority": 7}})
    check_classes(flown, ("camera",))
    with pytest.raises(ScenarioError, match="'camera' is not on board; there is obc, pi"):
        check_classes(flown, ())


def test_a_rehearsal_flies_again_without_the_programs_that_its_classes_name():
    flown = sheet(horizon_s=100.0, link__classes={"camera/tm": {"priority": 7}})
    with build(flown, Options(EMULATION, inference=False, key=Key(1, bytes(32))), Log()) as rig:
        run(rig)
