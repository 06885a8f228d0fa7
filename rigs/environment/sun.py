"""The Sun: where it stands, and how much of its disc the Earth leaves to be seen."""

from __future__ import annotations

import numpy as np

from rigs.environment.earth import (
    DAYS_PER_CENTURY,
    EQUATORIAL_RADIUS_KM,
    J2000_JD,
    Array,
    earth_fixed,
    gmst82,
)
from rigs.environment.vectors import cross, dot, length

AU_KM = 149597870.7  # IAU 2012 resolution B2
SUN_RADIUS_KM = 696000.0  # Montenbruck & Gill, *Satellite Orbits*, 3.4; Orekit's value too
SOLAR_CONSTANT_W_M2 = 1361.0  # at 1 AU; Kopp & Lean, Geophys. Res. Lett. 38 (2011), L01706


def sun_km(jd: Array | float) -> Array:
    """Return the Sun's geocentric position, shape (…, 3) in km, mean equator and equinox of date.

    Against ERFA's ``epv00`` it is wrong by at most 0.012° (rms 0.0045°)
    over ten years, which moves an eclipse edge by 0.03 s. SGP4's TEME frame
    differs from the mean equator by the nutation, less than 0.006°.

    Source: *Astronomical Almanac* low-precision series; Vallado,
    *Fundamentals*, 4th ed., algorithm 29. UTC stands for the dynamical time
    (about 70 s, 0.0008°).
    """
    t = (np.asarray(jd, dtype=np.float64) - J2000_JD) / DAYS_PER_CENTURY
    anomaly = np.radians(357.5291092 + 35999.05034 * t)
    longitude = np.radians(
        280.460 + 36000.771 * t + 1.914666471 * np.sin(anomaly) + 0.019994643 * np.sin(2 * anomaly)
    )
    distance_km = AU_KM * (
        1.000140612 - 0.016708617 * np.cos(anomaly) - 0.000139589 * np.cos(2 * anomaly)
    )
    obliquity = np.radians(23.439291 - 0.0130042 * t)
    side = np.sin(longitude)
    unit = np.stack(
        [np.cos(longitude), np.cos(obliquity) * side, np.sin(obliquity) * side], axis=-1
    )
    position: Array = distance_km[..., None] * unit
    return position


def mean_sun_right_ascension_rad(jd: float) -> float:
    """Return the right ascension of the fictitious mean Sun, which clocks follow, in radians.

    Source: the mean longitude of ``sun_km``; mean local time is 12 h plus
    the right ascension less this angle.
    """
    return float(np.radians((280.460 + 36000.771 * (jd - J2000_JD) / DAYS_PER_CENTURY) % 360.0))


def subsolar_point(jd: float, fraction: float) -> tuple[float, float]:
    """Return geodetic latitude and longitude in degrees of the place where the Sun is overhead."""
    sun = earth_fixed(sun_km(jd + fraction), gmst82(jd, fraction))
    # The Sun is overhead where the ellipsoid's normal points at it, so no
    # flattening enters; the Earth's radius against 1 AU is 0.002°.
    latitude = np.degrees(np.arctan2(sun[2], np.hypot(sun[0], sun[1])))
    return float(latitude), float(np.degrees(np.arctan2(sun[1], sun[0])))


def eclipse_angles(
    r_km: Array,
    sun: Array,
    earth_radius_km: float = EQUATORIAL_RADIUS_KM,
    sun_radius_km: float = SUN_RADIUS_KM,
) -> tuple[Array, Array, Array]:
    """Return the angular radii of Sun and Earth, and the angle between their centres, in radians.

    ``r_km`` and ``sun`` are geocentric, shape (…, 3). The Earth is a sphere:
    its flattening moves the edges of a polar orbit's eclipses by up to 6 s.

    Source: Montenbruck & Gill, *Satellite Orbits*, 3.4.2.
    """
    to_sun = sun - r_km
    r_km = np.broadcast_to(r_km, to_sun.shape)
    sun_distance, distance = length(to_sun), length(r_km)
    apparent_sun = np.arcsin(sun_radius_km / sun_distance)
    apparent_earth = np.arcsin(np.minimum(earth_radius_km / distance, 1.0))
    # The angle from cross and dot product keeps full precision near 0 and π,
    # where an arccos would lose half the digits.
    separation = np.arctan2(length(cross(to_sun, r_km)), -dot(r_km, to_sun))
    return apparent_sun, apparent_earth, separation


def shadow_depths(
    r_km: Array,
    sun: Array,
    earth_radius_km: float = EQUATORIAL_RADIUS_KM,
    sun_radius_km: float = SUN_RADIUS_KM,
) -> tuple[Array, Array]:
    """Return two signed angles in radians: negative inside the penumbra, and inside the umbra."""
    a, b, c = eclipse_angles(r_km, sun, earth_radius_km, sun_radius_km)
    return c - (a + b), c - (b - a)


def visible_fraction(
    r_km: Array,
    sun: Array,
    earth_radius_km: float = EQUATORIAL_RADIUS_KM,
    sun_radius_km: float = SUN_RADIUS_KM,
) -> Array:
    """Return the share of the Sun's disc that is seen from ``r_km``: 0 in umbra, 1 in full light.

    Source: Montenbruck & Gill, *Satellite Orbits*, 3.4.2.
    """
    a, b, c = eclipse_angles(r_km, sun, earth_radius_km, sun_radius_km)
    hidden = np.where(c <= np.abs(a - b), np.minimum(1.0, (b / a) ** 2), 0.0)
    partial = (c < a + b) & (c > np.abs(a - b))
    if partial.any():
        hidden[partial] = _overlap(a[partial], b[partial], c[partial])
    return 1.0 - np.clip(hidden, 0.0, 1.0)


def _overlap(a: Array, b: Array, c: Array) -> Array:
    """Return the share of a disc of radius ``a`` behind one of radius ``b``, ``c`` away."""
    chord = (c**2 + a**2 - b**2) / (2.0 * c)
    half = np.sqrt(np.maximum(a**2 - chord**2, 0.0))
    overlap = (
        a**2 * np.arccos(np.clip(chord / a, -1.0, 1.0))
        + b**2 * np.arccos(np.clip((c - chord) / b, -1.0, 1.0))
        - c * half
    )
    share: Array = overlap / (np.pi * a**2)
    return share


def beta_deg(r_km: Array, v_km_s: Array, sun: Array) -> Array:
    """Return the angle in degrees from the orbit's plane to the Sun, positive to its normal.

    ``r_km``, ``v_km_s`` and ``sun`` are geocentric in one inertial frame, shape (…, 3).

    >>> east, north = np.array([7000.0, 0.0, 0.0]), np.array([0.0, 7.5, 0.0])
    >>> float(beta_deg(east, north, np.array([0.0, 0.0, 1.5e8])))
    90.0
    """
    normal = cross(r_km, v_km_s)
    sine = dot(normal, sun) / (length(normal) * length(sun))
    angle: Array = np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
    return angle
