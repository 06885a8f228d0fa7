"""The file of a fitted board: written with comments, read back strictly."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tomli_w
from pydantic import Field, ValidationError, model_validator
from typing_extensions import Self

from payloads.calibration.fit import BLOCK_S, OWN_SD_C
from payloads.calibration.network import NODES, REFERENCE_C, Network
from payloads.calibration.quality import Order
from payloads.calibration.surroundings import COMPONENTS, DRIFT_UNIT_S, Surroundings
from payloads.calibration.twin import Throttle, Twin
from rigs.errors import ScenarioError
from rigs.explain import explain_line, visible
from rigs.reading import read_text
from rigs.shipped import parse
from rigs.tables import Finite, Fraction, NotNegative, Positive, Table

FORMAT: Literal[1] = 1
EXAMPLE = "make one with `highbay calibrate thermal TRACE... -o MODEL.toml`"
_Clock = Annotated[float, Field(gt=0.0, le=1e5, allow_inf_nan=False)]
_Limit = Annotated[float, Field(gt=-50.0, le=150.0, allow_inf_nan=False)]
COMMENTS = {
    "[[nodes]]": "From the heat outwards: what a node holds, and its path to the next. sd: one\n"
    f"# standard deviation, clustered sandwich over blocks of {BLOCK_S:g} s.",
    "[radiation]": f"Share of the last path that goes with T^4, stated for {REFERENCE_C:g} °C.",
    "[surroundings]": "Where the last path leads; walls, sky and sunlight as one temperature:\n"
    "# mean + cosine and sine of the orbit + drift. sd: of a recording not seen here.",
    "[recorder]": "By how much temperatures lag power in the files; flicker of a single reading.",
    "[power]": "Watts without a load; how a load's watts rise with die temperature (leakage).",
    "[governor]": "Raspberry Pi documentation, frequency management and thermal control:\n"
    "# from 80 °C the Arm clock is throttled progressively, at 85 °C Arm and GPU are.\n"
    "# That it goes in proportion to 600 MHz, and that a load's watts go with clock^1.5\n"
    "# (the voltage falls with it), is assumed; nothing here was fitted.\n"
    "# Edit it for another board.",
    "[fit]": "Where it comes from, and mean absolute errors in °C. between: each recording\n"
    "# predicted by a fit to the others; within: stretches predicted by a fit to the rest.",
}


class NodeTable(Table):
    """One node."""

    name: str
    capacity_j_per_k: Positive
    capacity_sd: NotNegative
    conductance_w_per_k: Positive
    conductance_sd: NotNegative


class RadiationTable(Table):
    """Radiation on the last path."""

    share: Fraction
    share_sd: NotNegative


class SurroundingsTable(Table):
    """What the board gives its heat to."""

    mean_c: Finite
    mean_sd: NotNegative
    cosine_c: Finite
    cosine_sd: NotNegative
    sine_c: Finite
    sine_sd: NotNegative
    drift_c: Finite
    drift_sd: NotNegative
    period_s: Positive
    until_s: Positive


class RecorderTable(Table):
    """How recordings were made."""

    late_s: Finite
    flicker_c: NotNegative


class PowerTable(Table):
    """Watts."""

    idle_w: NotNegative
    leakage_w_per_k: NotNegative


class GovernorTable(Table):
    """When heat lowers the clock."""

    full_clock_mhz: _Clock
    least_clock_mhz: _Clock
    soft_limit_c: _Limit
    hard_limit_c: _Limit
    power_exponent: Annotated[float, Field(ge=0.0, le=4.0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not (
            self.least_clock_mhz < self.full_clock_mhz and self.soft_limit_c < self.hard_limit_c
        ):
            raise ValueError(
                "a governor needs least_clock_mhz < full_clock_mhz and soft_limit_c < hard_limit_c"
            )
        return self


class RecordingTable(Table):
    """A recording that was fitted."""

    name: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    samples: Annotated[int, Field(gt=0)]
    span_s: Positive
    mae_c: NotNegative


class OrderTable(Table):
    """How well a network of so many nodes did."""

    nodes: Annotated[int, Field(gt=0)]
    between_c: list[NotNegative]
    within_c: NotNegative


class FitTable(Table):
    """Provenance and quality."""

    highbay: str
    numpy: str
    scipy: str
    recordings: Annotated[list[RecordingTable], Field(min_length=1)]
    orders: list[OrderTable]


class ModelTable(Table):
    """A fitted board."""

    format: Literal[1]
    nodes: Annotated[list[NodeTable], Field(min_length=1, max_length=len(NODES))]
    radiation: RadiationTable
    surroundings: SurroundingsTable
    recorder: RecorderTable
    power: PowerTable
    governor: GovernorTable
    fit: FitTable

    def twin(self) -> Twin:
        """Return the board that the file describes."""
        s, g = self.surroundings, self.governor
        return Twin(
            Network(
                tuple(node.capacity_j_per_k for node in self.nodes),
                tuple(node.conductance_w_per_k for node in self.nodes),
                self.radiation.share,
            ),
            Surroundings(s.mean_c, s.cosine_c, s.sine_c, s.drift_c, s.period_s, s.until_s),
            self.recorder.late_s,
            self.recorder.flicker_c,
            self.power.idle_w,
            self.power.leakage_w_per_k,
            Throttle(
                g.full_clock_mhz,
                g.least_clock_mhz,
                g.soft_limit_c,
                g.hard_limit_c,
                g.power_exponent,
            ),
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """A fitted recording as the file names it."""

    name: str
    sha256: str
    samples: int
    span_s: float
    mae_c: float


def model_table(
    twin: Twin, order: Order, orders: tuple[Order, ...], recordings: list[Recording]
) -> ModelTable:
    """Return the file's contents for a fit."""
    raw = {
        "format": FORMAT,
        "nodes": _nodes(order),
        "radiation": {"share": twin.network.radiative, "share_sd": order.fitted.sd("radiative")},
        "surroundings": _surroundings(order),
        "recorder": {"late_s": twin.late_s, "flicker_c": twin.flicker_c},
        "power": {"idle_w": twin.idle_w, "leakage_w_per_k": twin.leakage_w_per_k},
        "governor": {
            "full_clock_mhz": float(twin.throttle.full_mhz),
            "least_clock_mhz": twin.throttle.least_mhz,
            "soft_limit_c": twin.throttle.soft_c,
            "hard_limit_c": twin.throttle.hard_c,
            "power_exponent": twin.throttle.exponent,
        },
        "fit": {
            **{name: version(name) for name in ("highbay", "numpy", "scipy")},
            "recordings": [
                {key: getattr(each, key) for key in Recording.__dataclass_fields__}
                for each in recordings
            ],
            "orders": [
                {
                    "nodes": each.nodes,
                    "between_c": list(each.between_c),
                    "within_c": each.within_c,
                }
                for each in orders
            ],
        },
    }
    return ModelTable.model_validate(raw)


def _nodes(order: Order) -> list[dict[str, object]]:
    network, sd = order.fitted.network, order.fitted.sd
    pairs = zip(network.capacities_j_per_k, network.conductances_w_per_k, strict=True)
    return [
        {
            "name": NODES[i],
            "capacity_j_per_k": capacity,
            "capacity_sd": capacity * sd(f"capacity_{i}"),
            "conductance_w_per_k": conductance,
            "conductance_sd": conductance * sd(f"conductance_{i}"),
        }
        for i, (capacity, conductance) in enumerate(pairs)
    ]


def _surroundings(order: Order) -> dict[str, float]:
    """Return the shared surroundings; their sd counts that each recording has its own."""
    around = order.fitted.surroundings
    raw = {"period_s": around.period_s, "until_s": around.until_s}
    for component, own_c in zip(COMPONENTS, OWN_SD_C, strict=True):
        raw[component] = getattr(around, component)
        sd_name = component.removesuffix("_c") + "_sd"
        raw[sd_name] = float(np.hypot(order.fitted.sd(component), own_c))
    return raw


def model_text(table: ModelTable) -> str:
    """Return a model as the text of a file."""
    text = tomli_w.dumps(table.model_dump())
    for header, comment in COMMENTS.items():
        text = text.replace(f"\n{header}\n", f"\n# {comment}\n{header}\n", 1)
    heading = "# The heat of a board, fitted by `highbay calibrate thermal`.\n"
    heading += f"# drift_c is per {DRIFT_UNIT_S:g} s."
    return f"{heading}\n{text}"


def read_model(path: Path) -> ModelTable:
    """Read a model back.

    Raises:
        ScenarioError: there is no such file, or something in it is wrong; in one line.
    """
    name = visible(str(path))
    raw = parse(read_text(path, str(path), EXAMPLE), name)
    try:
        return ModelTable.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        value = first["input"] if not isinstance(first["input"], dict) else "{...}"
        rule = {"extra_forbidden": "is no key of a model", "missing": "is missing"}.get(
            first["type"], first["msg"].removeprefix("Value error, ")
        )
        raise ScenarioError(explain_line(name, where, value, rule, EXAMPLE)) from error
