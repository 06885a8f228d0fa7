"""Makes the parts of the space link from the tables of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import orjson
from numpy.random import Generator

from groundlink.authentication import Counters, Key, Signer, Verifier
from groundlink.channel import Bursts, Channel
from groundlink.commands import parse_request
from groundlink.contacts import Contact
from groundlink.events import CommandRequested
from groundlink.ground import GroundEnd
from groundlink.journal import Journal
from groundlink.messages import MessageKind
from groundlink.onboard import OnboardEnd
from groundlink.packets import Addresses, TelemetryCodec
from groundlink.rules import BY_KIND, DEFAULTS, ClassRules, DropPolicy, Rules
from groundlink.session import LinkSession
from groundlink.settings import LinkSettings
from groundlink.store import Store
from rigs.assemble import profile
from rigs.environment.passes import with_shipped
from rigs.environment.profile import profiles, rate_steps
from rigs.environment.tape import EnvironmentTape
from rigs.link_tables import ClassTable, CommandTable, LinkTable
from rigs.reading import Sheet
from rigs.scenario import Scenario

RANGE_TOLERANCE_KM = 1.0  # 3.3 µs of light time
PROGRAM_PRIORITIES = {"ev": 2, "tm": 1, "prod": 0}  # below those of the satellite's own messages
LEO_LIGHT_S = 0.004  # 1,200 km, where no range is known [assumed]


@dataclass(frozen=True, slots=True)
class Trust:
    """The key that ground and satellite share, and where their counters are kept."""

    key: Key
    counters: Counters


class _Heard(NamedTuple):
    """A contact as far as it is flown."""

    station: str
    aos_s: float
    los_s: float


def contacts(sheet: Sheet, tape: EnvironmentTape) -> list[Contact]:
    """Return the contact plan: the scenario's own, or every pass over its stations.

    Light time follows from the range where the satellite is in the station's
    sky, unless the scenario gives it; rates by elevation are for passes.

    Raises:
        ScenarioError: a rate step begins at no elevation.
    """
    link, horizon_s = sheet.scenario.link, sheet.scenario.horizon_s
    plan = [contact for contact in _plan(link, tape) if contact.aos_s < horizon_s]
    stations = with_shipped(tape.stations, (contact.station for contact in plan))
    if link.light_time_s is None:
        flown = [_Heard(c.station, c.aos_s, min(c.los_s, horizon_s)) for c in plan]
        ranges = profiles(tape.earth_fixed, stations, flown, RANGE_TOLERANCE_KM)
        plan = [replace(c, light=r.light) for c, r in zip(plan, ranges, strict=True)]
    if link.contacts is not None or not link.rates:
        return plan
    try:
        by_elevation = [(above_deg, rate_bps) for above_deg, rate_bps in link.rates]
        steps = rate_steps(tape.earth_fixed, stations, plan, link.rate_bps, by_elevation)
    except ValueError as error:
        raise sheet.error("link.rates", link.rates, str(error)) from error
    return [replace(c, rates=s) for c, s in zip(plan, steps, strict=True)]


def _plan(link: LinkTable, tape: EnvironmentTape) -> list[Contact]:
    if link.contacts is None:
        return [
            Contact(p.station, p.aos_s, p.los_s, link.rate_bps, p.max_elevation_deg)
            for p in tape.passes
        ]
    return [
        Contact(
            c.station,
            c.aos_s,
            c.los_s,
            c.rate_bps or link.rate_bps,
            rates=tuple((c.aos_s + after_s, rate_bps) for after_s, rate_bps in c.rates),
        )
        for c in link.contacts
    ]


def link_session(
    scenario: Scenario,
    journal: Journal,
    trust: Trust,
    programs: Sequence[str],
    chance: tuple[Generator, Generator],
) -> LinkSession:
    """Return the two ends of the link, and what is between them.

    ``programs`` are those of third parties on board; ``chance`` is that of the
    downlink, and of the uplink.
    """
    link, rules = scenario.link, link_rules(scenario.link, programs)
    addresses = Addresses(("obc", *scenario.payloads, *programs))
    codec = TelemetryCodec(addresses, scenario.start, link.frame_bytes)
    bursts = Bursts(**link.bursts.model_dump()) if link.bursts else None
    settings = LinkSettings(
        window_rate_bps=link.rate_bps,
        uplink_bps=link.uplink_bps,
        acquisition_s=link.acquisition_s,
        half_duplex=link.half_duplex,
        turnaround_s=link.turnaround_s,
        light_time_s=LEO_LIGHT_S if link.light_time_s is None else link.light_time_s,
    )
    onboard = OnboardEnd(
        Store(link.store_bytes, rules, journal), codec, rules, Verifier([trust.key], trust.counters)
    )
    ground = GroundEnd(codec.addresses, rules, Signer(trust.key, trust.counters))
    return LinkSession(
        onboard,
        ground,
        rules,
        settings,
        Channel(chance[0], link.bit_error_rate, link.frame_loss, bursts),
        Channel(chance[1], link.bit_error_rate, link.frame_loss, bursts),
    )


def _check_names(sheet: Sheet, path: str, table: CommandTable, programs: Sequence[str]) -> None:
    """Raise unless what a command names is on board; its operating point the board knows."""
    scenario = sheet.scenario
    known = {"source": ["obc", *scenario.payloads, *programs]}
    if table.payload in scenario.payloads:
        payload = scenario.payloads[table.payload]
        known["model"] = [Path(model).name for model in (payload.model, *payload.models)]
        known["stream"] = [jobs.name for jobs in payload.jobs]
        known["point"] = list(profile(sheet, table.payload).operating_points())
    for key, names in known.items():
        value = getattr(table, key)
        if value is not None and value not in names:
            raise sheet.error(
                f"{path}.{key}", value, f"is not on board; there is {', '.join(names)}"
            )


def check_classes(sheet: Sheet, programs: Sequence[str]) -> None:
    """Check that the classes which a scenario rules are those of somebody on board.

    Raises:
        ScenarioError: a class has a source that is not there.
    """
    sources = ("obc", *sheet.scenario.payloads, *programs)
    for name, table in sheet.scenario.link.classes.items():
        source = name.rpartition("/")[0]
        if source and source not in sources:
            rule = (
                f"{source!r} is not on board; there is {', '.join(sources)}, and a program "
                "where its rig flies it; a class is a kind or SOURCE/KIND such as obc/tm"
            )
            raise sheet.error(f'link.classes."{name}"', table.model_dump(), rule)


def stations(sheet: Sheet, tape: EnvironmentTape) -> list[str]:
    """Return the names of the stations that can hear the satellite: the plan's, or all."""
    plan = sheet.scenario.link.contacts
    return [each.name for each in tape.stations] if plan is None else [c.station for c in plan]


def link_rules(link: LinkTable, programs: Sequence[str] = ()) -> Rules:
    """Return the rules of every class: the scenario's on top of the usual ones.

    Programs of third parties come last, and their oldest messages yield
    first: one that floods the store pushes nobody else out of it.
    """
    kinds = {
        kind.value: _ruled(BY_KIND[kind], link.classes.get(kind.value)) for kind in MessageKind
    }
    named = {
        name: replace(kinds[name.rpartition("/")[2]], priority=usual.priority)
        for name, usual in DEFAULTS.items()
        if "/" in name
    }
    for program in programs:
        for kind, priority in PROGRAM_PRIORITIES.items():
            usual = replace(kinds[kind], priority=priority, drop=DropPolicy.OLDEST)
            named[f"{program}/{kind}"] = usual
    for name, table in link.classes.items():
        if "/" in name:
            named[name] = _ruled(named.get(name) or kinds[name.rpartition("/")[2]], table)
    return Rules(kinds | named)


def reports_repeat(link: LinkTable) -> bool:
    """Return whether reports on commands stay on board until they have come down."""
    return link_rules(link).of("obc", MessageKind.REPORT).repeat


def _ruled(rules: ClassRules, table: ClassTable | None) -> ClassRules:
    """Return rules with what a table says in place of what was usual."""
    if table is None:
        return rules
    said = table.model_dump(exclude_none=True)
    if "drop" in said:
        said["drop"] = DropPolicy(said["drop"])
    return replace(rules, **said)


def command_requests(sheet: Sheet, programs: Sequence[str]) -> list[tuple[float, CommandRequested]]:
    """Return the commands that operators ask for, with the times at which they do.

    Raises:
        ScenarioError: one is for nobody on board, or lacks what it needs.
    """
    scenario, requests = sheet.scenario, []
    for i, table in enumerate(scenario.commands):
        path = f"commands[{i}]"
        if table.payload not in ("obc", *scenario.payloads, *programs):
            there = ", ".join((*scenario.payloads, *programs))
            rule = f"is no payload on board; there is {there}, and obc"
            raise sheet.error(f"{path}.payload", table.payload, rule)
        _check_names(sheet, path, table, programs)
        said = table.model_dump(exclude_none=True, exclude={"t_s", "payload"})
        text = orjson.dumps({"id": f"plan-{i + 1}", **said})
        try:
            parse_request(table.payload, text)
        except ValueError as error:
            raise sheet.error(f"{path}.command", table.command, str(error)) from error
        requests.append((table.t_s, CommandRequested(table.payload, text.decode(), planned=True)))
    return requests
