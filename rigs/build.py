"""Puts a rig together: the one place that knows what is emulated and what is real."""

from __future__ import annotations

import platform
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from firmware_bridge.board import Work
from firmware_bridge.boards.emulated import EmulatedBoard
from firmware_bridge.boards.profile import BoardProfile
from firmware_bridge.clock import Clock
from firmware_bridge.faults import FaultEvent, FaultKind
from groundlink.contacts import AcquisitionOfSignal, LossOfSignal
from groundlink.injector import Ack, Injector
from groundlink.link import Link, LoopbackLink
from groundlink.session import LinkSession
from groundlink.store import Store
from payloads.events import HousekeepingDue, MissionStarted
from payloads.jobs import Released, release_plan
from payloads.model import ModelFile
from payloads.null_work import NullWork
from rigs import assemble
from rigs.archive import Archive
from rigs.clock import VirtualClock, WallClock
from rigs.downlink import Downlink
from rigs.environment.faults import VARIATES, exposure_per_cm2, strikes
from rigs.environment.tape import EnvironmentTape
from rigs.errors import RigError
from rigs.events import FlightStarted, Flown, SunlightChanged
from rigs.reading import Sheet
from rigs.records import Recorder
from rigs.replay import Injection
from rigs.rig import RigTable
from rigs.run import Rig
from rigs.scenario import Scenario
from rigs.timeline import Timeline

MOST_STRIKES = 100_000  # on a payload in one flight
LIBRARIES = ("highbay", "numpy", "onnx", "onnxruntime", "sgp4")


@dataclass(frozen=True, slots=True)
class Options:
    """How a mission is flown, beyond what its scenario says."""

    rig: RigTable
    products: Path | None = None  # the folder for pictures that reach the ground
    session: Path | None = None  # the file that tells `highbay inject` where to turn
    inference: bool = True  # without it jobs take their time and answer nothing
    injections: tuple[tuple[float, Injection], ...] = ()  # of a flight that is replayed


@contextmanager
def build(sheet: Sheet, options: Options, records: Recorder) -> Iterator[Rig]:
    """Give everything that flies, its timeline filled with what is known beforehand.

    Raises:
        ScenarioError: something in the scenario does not fit together.
        RigError: the broker of a rehearsal does not come up.
    """
    scenario = sheet.scenario
    profiles = {name: assemble.profile(sheet, name) for name in scenario.payloads}
    tape = assemble.environment(sheet)
    models = {name: assemble.model(sheet, name) for name in scenario.payloads}
    clock: Clock = WallClock(options.rig.rate) if options.rig.rate else VirtualClock()
    timeline = Timeline(clock)
    works = {name: _work(sheet, name, models[name], tape, options) for name in models}
    with _ground(scenario, options, timeline) as ground:
        _fill(timeline, sheet, tape, profiles, models)
        for t_s, injection in options.injections:
            timeline.post(injection, t_s)
        records.write(0.0, _started(scenario, options, ground.broker, tape, profiles, models))
        yield Rig(
            clock=clock,
            timeline=timeline,
            satellite=assemble.satellite(scenario, tape, profiles),
            boards={
                name: EmulatedBoard(name, profiles[name], works[name], timeline.post)
                for name in works
            },
            session=_session(scenario),
            link=ground.link,
            downlink=Downlink(),
            archive=Archive(options.products),
            injector=Injector(works, _stream(scenario.seed, "injector"), VARIATES),
            acknowledge=ground.acknowledge,
            records=records,
            horizon_s=scenario.horizon_s,
        )


@dataclass(frozen=True, slots=True)
class _Ground:
    """The way to the ground, and who listens there."""

    broker: str
    link: Link
    acknowledge: Callable[[Ack], None]


@contextmanager
def _ground(scenario: Scenario, options: Options, timeline: Timeline) -> Iterator[_Ground]:
    """Give the loopback of emulation, or a broker with bench control for a rehearsal."""
    if options.rig.rate is None:
        with closing(LoopbackLink(timeline.post)) as loopback:
            yield _Ground("none", loopback, lambda ack: None)
        return
    from groundlink.bench_control import MqttBench, SessionFile
    from groundlink.broker import Role, open_broker
    from groundlink.endpoint import BrokerError
    from groundlink.mqtt_link import MqttLink

    with ExitStack() as stack:
        try:
            broker = stack.enter_context(open_broker(options.rig.broker))
            host, bench = broker.endpoints[Role.HOST], broker.endpoints[Role.BENCH]
            link = stack.enter_context(closing(MqttLink(host, scenario.name, timeline.post)))
            control = stack.enter_context(closing(MqttBench(host, scenario.name, timeline.post)))
        except (BrokerError, ValueError) as error:
            raise RigError(f"broker: {error}") from error
        if options.session is not None:
            session = SessionFile(
                bench.url, bench.username, bench.password, scenario.name, scenario.name
            )
            session.write(options.session)
            stack.callback(options.session.unlink, missing_ok=True)
        yield _Ground(broker.kind, link, control.acknowledge)


def _work(
    sheet: Sheet, name: str, file: ModelFile, tape: EnvironmentTape, options: Options
) -> Work:
    if not options.inference:
        return NullWork()
    seeds = {
        what: int(_stream(sheet.scenario.seed, f"{name}/{what}").integers(2**32))
        for what in ("clouds", "noise")
    }
    return assemble.inference(sheet, name, file, tape, seeds)


def _session(scenario: Scenario) -> LinkSession:
    link = scenario.link
    return LinkSession(
        Store(link.store_bytes),
        _stream(scenario.seed, "link"),
        window_rate_bps=link.rate_bps,
        frame_bytes=link.frame_bytes,
        bit_error_rate=link.bit_error_rate,
        frame_loss=link.frame_loss,
        light_time_s=link.light_time_s,
    )


def _fill(
    timeline: Timeline,
    sheet: Sheet,
    tape: EnvironmentTape,
    profiles: Mapping[str, BoardProfile],
    models: Mapping[str, ModelFile],
) -> None:
    """Post all that is known before the start: sky, contacts, jobs, and when radiation strikes."""
    scenario = sheet.scenario
    timeline.post(MissionStarted(), 0.0)
    timeline.post(HousekeepingDue(), 0.0)
    for eclipse in tape.eclipses:
        if eclipse.entry_s > 0.0:
            timeline.post(SunlightChanged(sunlit=False), eclipse.entry_s)
        if eclipse.exit_s < tape.horizon_s:
            timeline.post(SunlightChanged(sunlit=True), eclipse.exit_s)
    for contact in assemble.contacts(sheet, tape):
        timeline.post(AcquisitionOfSignal(contact), contact.aos_s)
        timeline.post(LossOfSignal(contact), contact.los_s)
    for name in scenario.payloads:
        for job in release_plan(assemble.job_streams(sheet, name)):
            timeline.post(Released(name, job), job.released_s)
        for t_s, fault in _faults(sheet, name, tape, profiles[name], models[name]):
            timeline.post(fault, t_s)


def _faults(
    sheet: Sheet, name: str, tape: EnvironmentTape, profile: BoardProfile, model: ModelFile
) -> list[tuple[float, FaultEvent]]:
    """Return when radiation strikes a payload.

    Upsets of weights come from a cross-section per bit and the bits that the
    model occupies; of those, the profile's share flips several bits at once.

    Raises:
        ScenarioError: the acceleration brings more strikes than a flight can hold.
    """
    scenario, part = sheet.scenario, profile.radiation
    upset_cm2 = part.seu_cm2_per_bit.value * model.weight_bits
    cross_section_cm2 = {
        FaultKind.SEU: upset_cm2 * (1.0 - part.mbu_fraction.value),
        FaultKind.MBU: upset_cm2 * part.mbu_fraction.value,
        FaultKind.SET: part.set_cm2.value,
        FaultKind.SEFI: part.sefi_cm2.value,
        FaultKind.SEL: part.sel_cm2.value,
    }
    fluence = exposure_per_cm2(tape.knots_s, tape.proton_flux_per_cm2_s)[-1]
    count = fluence * sum(cross_section_cm2.values()) * scenario.radiation.acceleration
    if count > MOST_STRIKES:
        rule = f"brings about {count:.3g} strikes, and at most {MOST_STRIKES:,} fit in a flight"
        raise sheet.error("radiation.acceleration", scenario.radiation.acceleration, rule)
    streams = {kind: _stream(scenario.seed, f"{name}/{kind.value}") for kind in FaultKind}
    return [
        (strike.t_s, FaultEvent(name, strike.kind, strike.variates))
        for strike in strikes(
            tape.knots_s,
            tape.proton_flux_per_cm2_s,
            cross_section_cm2,
            scenario.radiation.acceleration,
            streams,
        )
    ]


def _stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator of a named stream: one more stream moves none of the others."""
    key = zlib.crc32(name.encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))


def _started(
    scenario: Scenario,
    options: Options,
    broker: str,
    tape: EnvironmentTape,
    profiles: Mapping[str, BoardProfile],
    models: Mapping[str, ModelFile],
) -> FlightStarted:
    flown = {
        name: Flown(
            board=table.board,
            model=models[name].name if options.inference else "none",
            model_sha256=models[name].sha256,
            weight_bits=models[name].weight_bits,
            point=assemble.governor(table, profiles[name]).coolest,
        )
        for name, table in scenario.payloads.items()
    }
    return FlightStarted(
        scenario=scenario.name,
        seed=scenario.seed,
        mode=options.rig.mode,
        broker=broker,
        horizon_s=scenario.horizon_s,
        acceleration=scenario.radiation.acceleration,
        sunlit=not (tape.eclipses and tape.eclipses[0].entry_s <= 0.0),
        payloads=flown,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Return the versions that numbers depend on."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{library: metadata.version(library) for library in LIBRARIES},
    }
