"""The environment tape: everything the sky does to one satellite, computed once, then replayed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np

from payloads.scene import Footprint
from rigs.environment.earth import (
    EQUATORIAL_RADIUS_KM,
    SECONDS_PER_DAY,
    Array,
    earth_fixed,
    geodetic,
    gmst82,
    julian_date,
    zenith,
)
from rigs.environment.eclipse import Eclipse, find_eclipses
from rigs.environment.orbit import Orbit
from rigs.environment.passes import Pass, Station, passes_along
from rigs.environment.protons import Protons, protons_along
from rigs.environment.radiation import Activity, load_trapped_protons
from rigs.environment.solar_particles import SolarParticleEvent
from rigs.environment.sun import (
    AU_KM,
    SOLAR_CONSTANT_W_M2,
    beta_deg,
    sun_km,
    visible_fraction,
)
from rigs.environment.trajectory import SAMPLE_STEP_S, Trajectory
from rigs.environment.vectors import cross, dot, unit

ALBEDO = 0.30  # share of sunlight sent back, 0.2 to 0.4 by place and season; SMAD 3rd ed., 11.5
EARTH_INFRARED_W_M2 = 237.0  # leaving the globe, ± 21 by place and season; SMAD 3rd ed., 11.5


@dataclass(frozen=True, slots=True, eq=False)
class EnvironmentTape:
    """What one satellite meets from ``start`` to ``horizon_s``; nothing in it can be written.

    Arrays have one row per knot and are linear in between (the Sun's
    direction turns 1.9° in 30 s: 1.4e-4 of the flux is lost half-way).
    Knots lie at most 30 s apart; every edge of umbra and penumbra is one.
    """

    start: datetime
    horizon_s: float
    knots_s: Array
    sun_w_m2: Array
    """Shape (n, 3): direction to the Sun times the visible flux, in the orbital frame
    x = along track (completing), y = against the orbit's normal, z = nadir."""
    to_sun: Array
    """Shape (n, 3): unit vectors to the Sun in the same frame, in the shadow as well."""
    albedo_w_m2: Array
    """Sunlight from the globe on a plate that faces it: a first model, see ``build_tape``."""
    earth_ir_w_m2: Array
    """Infrared from the globe on a plate that faces it."""
    latitude_deg: Array
    """Of the geodetic sub-satellite point."""
    longitude_deg: Array
    altitude_km: Array
    """Above the WGS 84 ellipsoid."""
    proton_flux_per_cm2_s: Array
    """All that strike, the sum of ``protons``: good to a factor of two."""
    protons: Protons
    """Above 30 MeV behind the shielding, by where they come from."""
    eclipses: tuple[Eclipse, ...]
    stations: tuple[Station, ...]
    passes: tuple[Pass, ...]
    beta_deg: float
    """Angle from the orbit's plane to the Sun at ``start``, positive towards the normal."""
    beta_along_deg: Array
    """The same at every knot."""
    sunlit_fraction: Array
    """Share of the Sun's disc that is seen: 0 in umbra, 1 in full light."""
    up_and_sun: Array
    """Shape (n, 6): unit vectors, Earth-fixed, straight up and to the Sun; for ``footprint``."""
    earth_fixed: Trajectory
    """Where the satellite is at any moment, from which ``profile`` takes range and elevation."""

    def __post_init__(self) -> None:
        for owner in (self, self.earth_fixed, self.protons):
            for field in fields(owner):
                value = getattr(owner, field.name)
                if isinstance(value, np.ndarray):
                    value.flags.writeable = False

    def footprint(self, t_s: float) -> Footprint:
        """Return the place straight below and the Sun's height there.

        Good to 0.2 km and 0.01° within the tape; times beyond it are taken
        as its ends. The Sun's height is geometric, without refraction.
        """
        row = int(self.knots_s.searchsorted(t_s, side="right"))
        row = min(max(row, 1), len(self.knots_s) - 1)
        before, after = self.knots_s[row - 1 : row + 1].tolist()
        share = min(max((t_s - before) / (after - before), 0.0), 1.0)
        here, there = self.up_and_sun[row - 1 : row + 1].tolist()
        x, y, z, sx, sy, sz = [a + share * (b - a) for a, b in zip(here, there, strict=True)]
        length = math.sqrt((x * x + y * y + z * z) * (sx * sx + sy * sy + sz * sz))
        sine = (x * sx + y * sy + z * sz) / length
        return Footprint(
            latitude_deg=math.degrees(math.atan2(z, math.hypot(x, y))),
            longitude_deg=math.degrees(math.atan2(y, x)),
            sun_elevation_deg=math.degrees(math.asin(min(max(sine, -1.0), 1.0))),
        )


def build_tape(
    orbit: Orbit,
    start: datetime,
    horizon_s: float,
    stations: Sequence[Station],
    activity: Activity = "solar-minimum",
    shielding_mm: float = 0.0,
    particle_event: SolarParticleEvent | None = None,
) -> EnvironmentTape:
    """Return the tape of one satellite.

    Albedo is a first model: the whole globe shines as its sub-satellite
    point does, 0.30 times the solar flux times the cosine of the Sun's
    zenith angle there, seen with the view factor (Rₑ/r)². Earth infrared is
    237 W/m² with the same view factor, day and night.

    Raises:
        ValueError: the horizon is not positive, ``start`` has no time zone, or SGP4 fails.

    Source: Gilmore, *Spacecraft Thermal Control Handbook*, 2nd ed., ch. 2.
    """
    check_horizon(horizon_s)
    trajectory = Trajectory.of(orbit, start, horizon_s)
    return tape_along(
        trajectory, start, horizon_s, stations, activity, shielding_mm, particle_event
    )


def check_horizon(horizon_s: float) -> None:
    """Refuse a mission without end, or without beginning.

    Raises:
        ValueError: the horizon is not positive and finite.
    """
    if not 0.0 < horizon_s < math.inf:
        raise ValueError(f"horizon_s = {horizon_s} must be positive; for example 86400")


def tape_along(
    trajectory: Trajectory,
    start: datetime,
    horizon_s: float,
    stations: Sequence[Station],
    activity: Activity = "solar-minimum",
    shielding_mm: float = 0.0,
    particle_event: SolarParticleEvent | None = None,
) -> EnvironmentTape:
    """Return the tape of a TEME trajectory that reaches the horizon, as ``build_tape`` does."""
    fixed = trajectory.earth_fixed(start)
    eclipses = find_eclipses(trajectory, start, horizon_s)
    knots_s = _knots(eclipses, horizon_s)
    r_km, v_km_s = trajectory.at(knots_s), trajectory.velocity_at(knots_s)
    jd, fraction = julian_date(start)
    days = fraction + knots_s / SECONDS_PER_DAY
    sun = sun_km(jd + days)
    angle = gmst82(jd, days)
    latitude, longitude, altitude = geodetic(earth_fixed(r_km, angle))
    up, to_sun = zenith(latitude, longitude), earth_fixed(unit(sun), angle)
    sunward = sun - r_km
    flux = SOLAR_CONSTANT_W_M2 * AU_KM**2 / dot(sunward, sunward)
    view = EQUATORIAL_RADIUS_KM**2 / dot(r_km, r_km)
    seen = visible_fraction(r_km, sun)
    beta = beta_deg(r_km, v_km_s, sun)
    to_the_sun = in_orbital_frame(unit(sunward), r_km, v_km_s)
    belts = load_trapped_protons(activity).drifted_to(start.year)
    place = latitude, longitude, altitude
    protons = protons_along(belts, knots_s, place, shielding_mm, particle_event)
    return EnvironmentTape(
        start=start,
        horizon_s=float(horizon_s),
        knots_s=knots_s,
        sun_w_m2=(flux * seen)[:, None] * to_the_sun,
        to_sun=to_the_sun,
        albedo_w_m2=ALBEDO * flux * view * np.maximum(0.0, dot(up, to_sun)),
        earth_ir_w_m2=EARTH_INFRARED_W_M2 * view,
        latitude_deg=latitude,
        longitude_deg=longitude,
        altitude_km=altitude,
        proton_flux_per_cm2_s=protons.total,
        protons=protons,
        eclipses=eclipses,
        stations=tuple(stations),
        passes=tuple(passes_along(fixed, stations, horizon_s)),
        beta_deg=float(beta[0]),
        beta_along_deg=beta,
        sunlit_fraction=seen,
        up_and_sun=np.concatenate([up, to_sun], axis=1),
        earth_fixed=fixed,
    )


def in_orbital_frame(vector: Array, r_km: Array, v_km_s: Array) -> Array:
    """Return vectors (n, 3) of TEME in the frame of ``sun_w_m2``, whose z points to the nadir."""
    z, y = -unit(r_km), -unit(cross(r_km, v_km_s))
    return np.stack([dot(cross(y, z), vector), dot(y, vector), dot(z, vector)], axis=-1)


def _knots(eclipses: tuple[Eclipse, ...], horizon_s: float) -> Array:
    """Return the grid and every shadow edge, ascending, from 0 to the horizon."""
    edges = [
        edge
        for e in eclipses
        for edge in (e.entry_s, e.umbra_entry_s, e.umbra_exit_s, e.exit_s)
        if edge is not None
    ]
    grid = np.arange(0.0, horizon_s, SAMPLE_STEP_S)
    return np.unique(np.concatenate([grid, edges, [horizon_s]]))
