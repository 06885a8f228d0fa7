"""The turning, flattened Earth: sidereal time, WGS 84 geodesy, Julian dates."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

EQUATORIAL_RADIUS_KM = 6378.137  # WGS 84 (NIMA TR8350.2)
FLATTENING = 1.0 / 298.257223563  # WGS 84 (NIMA TR8350.2)
ECCENTRICITY_SQUARED = FLATTENING * (2.0 - FLATTENING)
ROTATION_RAD_PER_S = 7.292115e-5  # WGS 84 (NIMA TR8350.2), inertial rate
SECONDS_PER_DAY = 86400.0
J2000_JD = 2451545.0
DAYS_PER_CENTURY = 36525.0
_UNIX_EPOCH_JD = 2440587.5
_GEODETIC_ROUNDS = 4  # each gains a factor of 300; four are exact to rounding above 100 km


def julian_date(moment: datetime) -> tuple[float, float]:
    """Return the Julian date of ``moment`` as a midnight (it ends in .5) and a fraction of a day.

    Raises:
        ValueError: ``moment`` has no time zone.

    >>> from datetime import datetime, timezone
    >>> julian_date(datetime(2000, 1, 1, 12, tzinfo=timezone.utc))
    (2451544.5, 0.5)
    """
    if moment.tzinfo is None:
        raise ValueError(
            f"{moment.isoformat()} has no time zone; mission times are UTC, "
            f"for example {moment.isoformat()}Z"
        )
    since = moment.astimezone(timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    seconds = since.seconds + since.microseconds * 1e-6
    return _UNIX_EPOCH_JD + since.days, seconds / SECONDS_PER_DAY


def gmst82(jd: Array | float, fraction: Array | float) -> Array:
    """Return the Greenwich mean sidereal time of 1982 in radians, in [0, 2π).

    It turns SGP4's TEME frame into an Earth-fixed one. UTC stands for UT1
    (at most 0.9 s, 0.4 km at the equator); polar motion (10 m) is left out.

    Source: Aoki et al. 1982; Vallado, *Fundamentals*, 4th ed., ch. 3.5.
    """
    t = ((jd - J2000_JD) + fraction) / DAYS_PER_CENTURY
    # The day's own turn is taken from the fraction, where no digit is lost.
    turns = jd % 1.0 + fraction
    extra_s = 67310.54841 + (8640184.812866 + (0.093104 - 6.2e-6 * t) * t) * t
    return 2.0 * np.pi * np.asarray((turns + extra_s / SECONDS_PER_DAY) % 1.0)


def earth_fixed(vector: Array, angle_rad: Array) -> Array:
    """Return ``vector`` (…, 3) of the TEME frame in the Earth-fixed frame at sidereal angle."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    x, y = vector[..., 0], vector[..., 1]
    turned = np.empty(np.broadcast_shapes(vector.shape, (*np.shape(angle_rad), 3)))
    turned[..., 0] = cos * x + sin * y
    turned[..., 1] = cos * y - sin * x
    turned[..., 2] = vector[..., 2]
    return turned


def geodetic(r_km: Array) -> tuple[Array, Array, Array]:
    """Return latitude and longitude in degrees and altitude in km of Earth-fixed ``r_km`` (…, 3).

    Source: Vallado, *Fundamentals*, 4th ed., algorithm 12 (fixed-point iteration).
    """
    x, y, z = r_km[..., 0], r_km[..., 1], r_km[..., 2]
    rho = np.hypot(x, y)
    lift = ECCENTRICITY_SQUARED * z  # e² N sin(latitude), in km
    for _ in range(_GEODETIC_ROUNDS):
        sin_latitude = (z + lift) / np.hypot(rho, z + lift)
        lift = ECCENTRICITY_SQUARED * _normal_radius(sin_latitude) * sin_latitude
    normal_radius = _normal_radius(sin_latitude)
    altitude_km = np.hypot(rho, z + lift) - normal_radius
    return np.degrees(np.arctan2(z + lift, rho)), np.degrees(np.arctan2(y, x)), altitude_km


def zenith(latitude_deg: Array | float, longitude_deg: Array | float) -> Array:
    """Return the unit vector (…, 3), Earth-fixed, that points straight up from the ellipsoid."""
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=-1)


def site_km(
    latitude_deg: Array | float, longitude_deg: Array | float, altitude_m: Array | float
) -> Array:
    """Return the Earth-fixed position (…, 3) in km of a place on or above the ellipsoid."""
    up = zenith(latitude_deg, longitude_deg)
    radius = _normal_radius(up[..., 2])
    altitude_km = np.asarray(altitude_m) * 1e-3
    polar = radius * (1.0 - ECCENTRICITY_SQUARED) + altitude_km
    equatorial = radius + altitude_km
    return up * np.stack([equatorial, equatorial, polar], axis=-1)


def _normal_radius(sin_latitude: Array) -> Array:
    radius: Array = EQUATORIAL_RADIUS_KM / np.sqrt(1.0 - ECCENTRICITY_SQUARED * sin_latitude**2)
    return radius
