"""The tape as a table of knots, and its eclipses and contacts as a table of events."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib import metadata
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rigs.almanac.figures import EMULATED
from rigs.environment.devices import CLAIM
from rigs.environment.earth import Array

if TYPE_CHECKING:
    from rigs.almanac.figures import Almanac

Column: TypeAlias = NDArray[np.float64] | NDArray[np.datetime64]

LIBRARIES = ("highbay", "numpy", "sgp4")
SOURCES = {
    "orbit": "SGP4 (Spacetrack Report 3; Vallado et al. 2006)",
    "light": "conical shadow of a spherical Earth: Montenbruck & Gill, Satellite Orbits, 3.4.2",
    "albedo_earth_ir": "Gilmore, Spacecraft Thermal Control Handbook, 2nd ed., ch. 2; SMAD 11.5",
    "protons": f"AP-8 (Sawyer & Vette, NSSDC 76-06), galactic and solar ones; {CLAIM}",
}
COLUMNS = {  # of the knots, each with what it is
    "t_s": "mission elapsed time",
    "utc": "date and time",
    "sunlit_fraction": "share of the Sun's disc that is seen",
    "sun_along_w_m2": "sunlight along track, towards the Sun",
    "sun_across_w_m2": "sunlight against the orbit's normal",
    "sun_nadir_w_m2": "sunlight towards the nadir",
    "albedo_w_m2": "sunlight from the globe on a plate that faces it",
    "earth_ir_w_m2": "infrared from the globe on a plate that faces it",
    "latitude_deg": "of the geodetic sub-satellite point",
    "longitude_deg": "of the sub-satellite point, east",
    "altitude_km": "above the WGS 84 ellipsoid",
    "beta_deg": "from the orbit's plane to the Sun, positive to the normal",
    "proton_flux_per_cm2_s": "above 30 MeV behind the shielding: the sum of the next three",
    "proton_trapped_per_cm2_s": "of the belts",
    "proton_galactic_per_cm2_s": "of galactic cosmic rays",
    "proton_solar_per_cm2_s": "of the scenario's solar particle event",
    "array_w": "power of the solar array at the bus",
    "absorbed_w": "heat that the radiator absorbs from Sun and Earth",
}


@dataclass(frozen=True, slots=True)
class Event:
    """An eclipse or a contact, in mission s; what does not belong to its kind is None.

    One under way at the start or end of the mission is cut there.
    """

    event: str  # eclipse or contact
    from_s: float
    until_s: float
    from_utc: datetime
    until_utc: datetime
    umbra_from_s: float | None
    umbra_until_s: float | None
    station: str | None
    max_elevation_deg: float | None
    cut_at_start: bool
    cut_at_end: bool


def knots(almanac: Almanac) -> dict[str, Column]:
    """Return the columns of the knots, one row each; linear in between."""
    tape, protons = almanac.tape, almanac.tape.protons
    along, across, nadir = tape.sun_w_m2.T
    columns = (
        tape.knots_s, moments(almanac, tape.knots_s), tape.sunlit_fraction, along, across, nadir,
        tape.albedo_w_m2, tape.earth_ir_w_m2, tape.latitude_deg, tape.longitude_deg,
        tape.altitude_km, tape.beta_along_deg, tape.proton_flux_per_cm2_s, protons.trapped,
        protons.galactic, protons.solar, almanac.array_w, almanac.absorbed_w,
    )  # fmt: skip
    return dict(zip(COLUMNS, columns, strict=True))


def events(almanac: Almanac) -> list[Event]:
    """Return every eclipse and contact, in order of time."""
    found = [
        _event(almanac, "eclipse", e.entry_s, e.exit_s, (e.umbra_entry_s, e.umbra_exit_s))
        for e in almanac.tape.eclipses
    ]
    found += [
        _event(almanac, "contact", p.from_s, p.until_s, station=p.station,
               elevation_deg=p.max_elevation_deg)
        for p in almanac.plan.passes
    ]  # fmt: skip
    return sorted(found, key=lambda event: (event.from_s, event.event, event.station or ""))


def moments(almanac: Almanac, t_s: Array) -> NDArray[np.datetime64]:
    """Return UTC at mission times, to the microsecond."""
    start = almanac.tape.start.astimezone(timezone.utc).replace(tzinfo=None)
    since = np.rint(t_s * 1e6).astype(np.int64).astype("timedelta64[us]")
    return np.asarray(np.datetime64(start, "us") + since)


def moment(almanac: Almanac, t_s: float) -> datetime:
    """Return UTC at a mission time, to the microsecond."""
    start = almanac.tape.start.astimezone(timezone.utc)
    return start + timedelta(microseconds=round(t_s * 1e6))


def written(moment: datetime) -> str:
    """Return a moment as the files write it.

    >>> written(datetime(2026, 3, 20, tzinfo=timezone.utc))
    '2026-03-20T00:00:00.000000Z'
    """
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def about(almanac: Almanac) -> dict[str, object]:
    """Return what a reader of the files must know: whose numbers these are, and where from."""
    scenario = almanac.scenario
    return {
        "kind": EMULATED,
        "scenario": scenario.name,
        "seed": scenario.seed,
        "start_utc": written(moment(almanac, 0.0)),
        "horizon_s": scenario.horizon_s,
        "activity": scenario.radiation.activity,
        "shielding_mm": scenario.radiation.shielding_mm,
        "radiation_acceleration": scenario.radiation.acceleration,
        "radiation_note": "the flux is without acceleration; a flight multiplies its rates by it",
        "versions": versions(),
        "sources": SOURCES,
        "columns": COLUMNS,
    }


def versions() -> Mapping[str, str]:
    """Return the versions that the numbers depend on."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **libraries}


def _event(
    almanac: Almanac,
    kind: str,
    from_s: float,
    until_s: float,
    umbra: tuple[float | None, float | None] = (None, None),
    station: str | None = None,
    elevation_deg: float | None = None,
) -> Event:
    known = None if elevation_deg is None or math.isnan(elevation_deg) else elevation_deg
    return Event(
        kind, from_s, until_s, moment(almanac, from_s), moment(almanac, until_s), *umbra, station,
        known, from_s <= 0.0, until_s >= almanac.tape.horizon_s,
    )  # fmt: skip
