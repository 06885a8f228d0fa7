"""How the numbers of a flight came about: what was measured, what emulated, what assumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from firmware_bridge.boards.profile import BoardProfile, Sourced
from rigs.report.figures import ASSUMED, EMULATED, MEASURED
from rigs.scenario import Scenario

COMPOSED = "composed"  # pictures of no real place or time, made for the flight
REAL = "real"
BUSES = {"ground": "ground", "onboard": "on-board"}

Table = BaseModel | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """A part of the flight, and how it came about."""

    what: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class BoardNumber:
    """One number of a board's profile with its source."""

    name: str
    value: float
    kind: str
    source: str


def origins(
    scenario: Scenario | None,
    brokers: Mapping[str, str],
    programs: Mapping[str, str],
    sources: Mapping[str, str],
) -> list[Origin]:
    """Return how each part of the flight came about.

    ``brokers`` are those that ran, by bus; ``programs`` are those of third
    parties, with how each was isolated.
    """
    boards = [
        Origin(f"Board of {name}: watts and durations", source, _board_words(source))
        for name, source in sources.items()
    ]
    return [
        Origin("Answers of the model", MEASURED,
               "the ONNX model really ran on every picture, with really flipped bits, and each "
               "answer is compared with the sound model's; when and where bits flip is emulated"),
        *boards,
        Origin("Orbit, eclipse, contacts", EMULATED, "SGP4, conical shadow, WGS 84, no refraction"),
        Origin("Battery, array, power system", EMULATED,
               "open-circuit voltage curve and efficiencies of the scenario"),
        Origin("Die and radiator temperatures", EMULATED, "lumped nodes and radiation to space"),
        Origin("Radiation", EMULATED,
               "AP-8 trapped protons above 30 MeV, galactic ones behind the geomagnetic cut-off, "
               "good to a factor of two, "
               f"times {ASSUMED} cross-sections, times the acceleration"),
        Origin("Link", EMULATED,
               "frames really cross the codec, its CRC and, upwards, authentication; contacts, "
               "rate, light time, errors and loss are a model"),
        *(Origin(f"Broker of the {BUSES.get(bus, bus)} bus", REAL, f"MQTT over {kind}")
          for bus, kind in brokers.items()),
        *(Origin(f"Program {name} of a third party", REAL, _program_words(isolation))
          for name, isolation in programs.items()),
        *(_pictures(scenario) if scenario else []),
        Origin("Satellite", ASSUMED, "what scenario.toml says of battery, array, loads, radiator"),
        Origin("Wall time", MEASURED, "of the machine that ran the emulation"),
    ]  # fmt: skip


def board_numbers(profile: BoardProfile) -> list[BoardNumber]:
    """Return every number of a profile, in its order."""
    return [
        BoardNumber(name, item.value, item.kind, item.source)
        for name, item in _sourced(profile, "")
    ]


def _sourced(table: Table, name: str) -> Iterator[tuple[str, Sourced]]:
    for key, item in table.items() if isinstance(table, dict) else table:
        if isinstance(item, Sourced):
            yield f"{name}{key}", item
        elif isinstance(item, (BaseModel, dict)):
            yield from _sourced(item, f"{name}{key}.")


def _board_words(source: str) -> str:
    if source == EMULATED:
        return "from the board's profile, whose numbers and sources stand below"
    return "read from the hardware while it ran"


def _program_words(isolation: str) -> str:
    return f"ran as a process of its own; isolation: {isolation}"


def _pictures(scenario: Scenario) -> list[Origin]:
    own = [name for name, table in scenario.payloads.items() if table.images is not None]
    found = [Origin(f"Pictures of {name}", REAL, "the user's own images") for name in own]
    if len(own) < len(scenario.payloads):
        found += [
            Origin("Ground in the pictures", REAL, "NASA Blue Marble Next Generation"),
            Origin("Clouds, night, noise in them", COMPOSED,
                   "so that the true cloud fraction is known; no real weather"),
        ]  # fmt: skip
    return found
