"""Puts a rig together: the one place that knows what is emulated and what is real."""

from __future__ import annotations

import platform
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np

from firmware_bridge.board import Work
from firmware_bridge.boards.emulated import EmulatedBoard
from firmware_bridge.boards.profile import BoardProfile
from firmware_bridge.clock import Clock, Post
from firmware_bridge.faults import FaultEvent, FaultKind
from groundlink.authentication import Key, MemoryCounters
from groundlink.contacts import AcquisitionOfSignal, LossOfSignal
from groundlink.gateway import Gateway, NoGateway
from groundlink.injector import Ack, Injector
from groundlink.journal import NO_JOURNAL, Journal
from groundlink.session import BENCH_STATION
from payloads.events import HousekeepingDue, MissionStarted
from payloads.jobs import ReleaseDue, release_plan
from payloads.model import ModelFile
from payloads.null_work import NullWork
from rigs import assemble, spacelink
from rigs.archive import Archive
from rigs.bus import satellite
from rigs.clock import VirtualClock, WallClock
from rigs.commanding import Commanding
from rigs.craft import Rig
from rigs.downlink import Downlink
from rigs.environment.faults import VARIATES, exposure_per_cm2, strikes
from rigs.environment.tape import EnvironmentTape
from rigs.errors import RigError
from rigs.events import FlightStarted, Flown, SunlightChanged
from rigs.parts import part_of
from rigs.reading import Sheet
from rigs.records import Recorder
from rigs.replay import Injection
from rigs.rig import RigTable
from rigs.scenario import Scenario
from rigs.sky import environment
from rigs.spacelink import Trust
from rigs.timeline import Timeline

MOST_STRIKES = 100_000  # on a payload in one flight
LIBRARIES = ("highbay", "numpy", "onnx", "onnxruntime", "sgp4", "spacepackets")
SESSION, ONBOARD = "session.toml", "onboard"  # in the results folder
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Options:
    """How a mission is flown, beyond what its scenario says."""

    rig: RigTable
    folder: Path | None = None  # the results folder
    inference: bool = True  # without it jobs take their time and answer nothing
    injections: tuple[tuple[float, Injection], ...] = ()  # of a flight that is replayed
    key: Key | None = None  # of that flight, so that its recorded frames stay what they were
    knot_tolerance: float = 0.0  # of the sky, for a fast day; see `rigs.bus.satellite`

    @property
    def keeps(self) -> Path:
        """Return the folder of what the satellite keeps over a power cut."""
        return Path(self.rig.store) if self.rig.store else (self.folder or Path()) / ONBOARD


@contextmanager
def build(sheet: Sheet, options: Options, records: Recorder) -> Iterator[Rig]:
    """Give everything that flies, its timeline filled with what is known beforehand.

    Raises:
        ScenarioError: something in the scenario does not fit together.
        RigError: the brokers, programs or on-board store of a rehearsal do not come up.
    """
    scenario = sheet.scenario
    profiles = {name: assemble.profile(sheet, name) for name in scenario.payloads}
    tape = environment(sheet)
    models = {name: assemble.models(sheet, name) for name in scenario.payloads}
    clock: Clock = WallClock(options.rig.rate) if options.rig.rate else VirtualClock()
    timeline = Timeline(clock)
    works = {name: _work(sheet, name, models[name], tape, options) for name in models}
    programs = tuple(options.rig.programs)
    commands = spacelink.command_requests(sheet, programs)
    if options.key is None:  # else it is a rehearsal that flies again, without its programs
        spacelink.check_classes(sheet, programs)
    for name in set(programs) & set(scenario.payloads):
        raise RigError(f"programs.{name}: a payload of {scenario.name} has that name; take another")
    chance = _stream(scenario.seed, "link"), _stream(scenario.seed, "uplink")
    with _outside(scenario, options, timeline.post) as outside:
        _fill(timeline, sheet, tape, profiles, models)
        for t_s, event in (*commands, *options.injections):
            timeline.post(event, t_s)
        records.write(0.0, _started(scenario, options, outside, tape, profiles, models))
        downlink = Downlink(outside.journal.last_sequence)
        yield Rig(
            clock=clock,
            timeline=timeline,
            satellite=satellite(scenario, tape, profiles, options.knot_tolerance),
            boards={
                name: EmulatedBoard(name, profiles[name], works[name], timeline.post)
                for name in works
            },
            session=spacelink.link_session(
                scenario, outside.journal, outside.trust, programs, chance
            ),
            journal=outside.journal,
            program_trouble=outside.trouble,
            gateway=outside.gateway,
            downlink=downlink,
            commanding=Commanding(
                tuple(works), programs, downlink, spacelink.reports_repeat(scenario.link)
            ),
            archive=Archive(options.folder),
            injector=Injector(
                works,
                {BENCH_STATION, *spacelink.stations(sheet, tape)},
                _stream(scenario.seed, "injector"),
                VARIATES,
            ),
            acknowledge=outside.acknowledge,
            records=records,
            horizon_s=scenario.horizon_s,
        )


@dataclass(frozen=True, slots=True)
class _Outside:
    """What stands around the flight: the buses, the store's memory, and the shared key."""

    gateway: Gateway
    journal: Journal
    trust: Trust
    acknowledge: Callable[[Ack], None]
    brokers: Mapping[str, str]
    programs: Mapping[str, str]  # and how each is isolated
    trouble: Callable[[], str]  # that these had


@contextmanager
def _outside(scenario: Scenario, options: Options, post: Post) -> Iterator[_Outside]:
    """Give what emulation needs, which is nothing, or the buses and the store of a rehearsal."""
    if options.rig.rate is None:
        secret = _stream(scenario.seed, "key").bytes(SECRET_BYTES)  # guards nothing real
        trust = Trust(options.key or Key(1, secret), MemoryCounters())
        yield _Outside(NoGateway(), NO_JOURNAL, trust, lambda ack: None, {}, {}, str)
        return
    with ExitStack() as stack:
        yield _rehearsal(scenario, options, post, stack)


def _rehearsal(scenario: Scenario, options: Options, post: Post, stack: ExitStack) -> _Outside:
    """Open the store, the buses and the programs of a rehearsal, to be closed by ``stack``."""
    from groundlink.bench_control import MqttBench
    from groundlink.endpoint import BrokerError
    from groundlink.journal import StoreError
    from groundlink.mqtt_gateway import MqttGateway
    from groundlink.topics import Role
    from rigs.rehearsal import (
        STORE,
        flying_programs,
        open_buses,
        open_store,
        session_file,
        shared_key,
    )

    name, keeps = scenario.name, options.keeps
    try:
        keeps.mkdir(parents=True, exist_ok=True)
        journal = stack.enter_context(open_store(keeps / STORE))
        trust = Trust(shared_key(keeps), journal)
        buses = stack.enter_context(open_buses(name, options.rig, keeps))
        host = buses.endpoint(Role.HOST)
        onboard = None if buses.onboard is None else buses.onboard.endpoints
        programs = tuple(options.rig.programs)
        gateway = stack.enter_context(closing(MqttGateway(onboard, host, name, programs, post)))
        bench = stack.enter_context(closing(MqttBench(host, name, post)))
        flying = stack.enter_context(flying_programs(options.rig, buses, gateway.gate, name, keeps))
    except (BrokerError, StoreError, OSError) as error:
        raise RigError(f"rehearsal: {error}") from error
    if options.folder is not None:
        stack.enter_context(session_file(options.folder / SESSION, buses, name))
    return _Outside(
        gateway, journal, trust, bench.acknowledge, buses.kinds, flying.isolation, flying.trouble
    )


def _work(
    sheet: Sheet, name: str, files: Mapping[str, ModelFile], tape: EnvironmentTape, options: Options
) -> Work:
    if not options.inference:
        return NullWork()
    seeds = {
        what: int(_stream(sheet.scenario.seed, f"{name}/{what}").integers(2**32))
        for what in ("clouds", "noise")
    }
    return assemble.inference(sheet, name, files, tape, seeds)


def _fill(
    timeline: Timeline,
    sheet: Sheet,
    tape: EnvironmentTape,
    profiles: Mapping[str, BoardProfile],
    models: Mapping[str, Mapping[str, ModelFile]],
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
    for contact in spacelink.contacts(sheet, tape):
        timeline.post(AcquisitionOfSignal(contact), contact.aos_s)
        timeline.post(LossOfSignal(contact), contact.los_s)
    for name in scenario.payloads:
        for job in release_plan(assemble.job_streams(sheet, name)):
            timeline.post(ReleaseDue(name, job), job.released_s)
        for t_s, fault in _faults(sheet, name, tape, profiles[name], _first(models[name])):
            timeline.post(fault, t_s)


def _faults(
    sheet: Sheet, name: str, tape: EnvironmentTape, profile: BoardProfile, model: ModelFile
) -> list[tuple[float, FaultEvent]]:
    """Return when radiation strikes a payload.

    Upsets of weights come from a cross-section per bit and the bits that the
    model occupies that is loaded at the start, also once a command has loaded
    another, or from the part's own count; of those, its share flips several
    bits at once.

    Raises:
        ScenarioError: there is no such part, or the acceleration brings more strikes
            than a flight can hold.
    """
    scenario, part = sheet.scenario, part_of(sheet, name, profile)
    sections = part.cross_sections(model.weight_bits)
    cross_section_cm2 = {kind: section.cm2 for kind, section in sections.items()}
    fluence = exposure_per_cm2(tape.knots_s, tape.proton_flux_per_cm2_s)[-1]
    count = fluence * sum(cross_section_cm2.values()) * scenario.radiation.acceleration
    if count > MOST_STRIKES:
        rule = f"brings about {count:.3g} strikes, and at most {MOST_STRIKES:,} fit in a flight"
        raise sheet.error("radiation.acceleration", scenario.radiation.acceleration, rule)
    streams = {kind: _stream(scenario.seed, f"{name}/{kind.value}") for kind in FaultKind}
    return [
        (strike.t_s, FaultEvent(name, strike.kind, part.variates(strike)))
        for strike in strikes(
            tape.knots_s,
            tape.proton_flux_per_cm2_s,
            cross_section_cm2,
            scenario.radiation.acceleration,
            streams,
        )
    ]


def _first(models: Mapping[str, ModelFile]) -> ModelFile:
    """Return the model that is loaded at the start."""
    return next(iter(models.values()))


def _stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator of a named stream: one more stream moves none of the others."""
    key = zlib.crc32(name.encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))


def _started(
    scenario: Scenario,
    options: Options,
    outside: _Outside,
    tape: EnvironmentTape,
    profiles: Mapping[str, BoardProfile],
    models: Mapping[str, Mapping[str, ModelFile]],
) -> FlightStarted:
    flown = {
        name: Flown(
            board=table.board,
            model=_first(models[name]).name if options.inference else "none",
            model_sha256=_first(models[name]).sha256,
            weight_bits=_first(models[name]).weight_bits,
            point=assemble.governor(table, profiles[name]).coolest,
        )
        for name, table in scenario.payloads.items()
    }
    return FlightStarted(
        scenario=scenario.name,
        seed=scenario.seed,
        mode=options.rig.mode,
        brokers=outside.brokers,
        programs=outside.programs,
        horizon_s=scenario.horizon_s,
        acceleration=scenario.radiation.acceleration,
        sunlit=not (tape.eclipses and tape.eclipses[0].entry_s <= 0.0),
        payloads=flown,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Return the versions that numbers depend on."""
    return dict(_versions())


@lru_cache(maxsize=1)
def _versions() -> Mapping[str, str]:
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{library: metadata.version(library) for library in LIBRARIES},
    }
