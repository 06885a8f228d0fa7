"""A satellite's orbit, propagated by SGP4; the only importer of ``sgp4``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sgp4.api import SGP4_ERRORS, WGS72, Satrec, SatrecArray

from rigs.environment.earth import EQUATORIAL_RADIUS_KM, SECONDS_PER_DAY, Array, julian_date
from rigs.environment.sun import mean_sun_right_ascension_rad
from rigs.environment.tle import check_tle

# SGP4's own constants, WGS 72: element sets are fitted with them (Spacetrack Report 3).
_MU_KM3_S2 = 398600.8
_RADIUS_KM = 6378.135
_J2 = 0.001082616
_SGP4_EPOCH_JD = 2433281.5  # 1949-12-31 00:00 UTC
_TROPICAL_YEAR_S = 365.24219 * SECONDS_PER_DAY
LOWEST_PERIGEE_KM = 150.0  # below it an orbit lasts less than a day or two (ISO 27852)


class Orbit:
    """One satellite as SGP4 sees it. Positions are TEME, in km; times are mission seconds."""

    __slots__ = ("_satellite",)

    def __init__(self, satellite: Satrec) -> None:
        self._satellite = satellite
        if satellite.error:
            raise ValueError(f"SGP4 refuses these elements: {SGP4_ERRORS[satellite.error]}")

    @classmethod
    def from_tle(cls, line1: str, line2: str) -> Orbit:
        """Return the orbit of a two-line element set.

        Raises:
            ValueError: the set breaks a rule of ``check_tle``, or SGP4 refuses it.
        """
        line1, line2 = line1.rstrip(), line2.rstrip()
        check_tle(line1, line2)
        return cls(Satrec.twoline2rv(line1, line2))

    @classmethod
    def from_elements(
        cls,
        epoch: datetime,
        altitude_km: float,
        inclination_deg: float | None = None,
        eccentricity: float = 0.0,
        raan_deg: float | None = None,
        local_time_of_ascending_node: str | None = None,
        argument_of_perigee_deg: float = 0.0,
        mean_anomaly_deg: float = 0.0,
        node_offset_deg: float = 0.0,
    ) -> Orbit:
        """Return a drag-free orbit from mean elements at ``epoch``.

        ``altitude_km`` is the mean semi-major axis above the equatorial
        radius of 6378.137 km. Without an inclination the orbit is made
        sun-synchronous. The node is given as right ascension (TEME), or as
        mean local solar time such as ``"10:30"``, which a sun-synchronous
        orbit keeps; the Sun's own (apparent) time is up to 17 min off it.
        ``node_offset_deg`` moves it further east, for other planes of a pattern.

        Raises:
            ValueError: an element is out of range, both forms of node are
                given, or no sun-synchronous orbit exists that high.
        """
        _check_elements(altitude_km, eccentricity)
        jd, fraction = julian_date(epoch)
        node_rad = _node_rad(jd + fraction, raan_deg, local_time_of_ascending_node)
        mean = _MeanElements(
            days=jd - _SGP4_EPOCH_JD + fraction,
            axis_km=EQUATORIAL_RADIUS_KM + altitude_km,
            eccentricity=eccentricity,
            node_rad=node_rad + math.radians(node_offset_deg),
            perigee_rad=math.radians(argument_of_perigee_deg),
            anomaly_rad=math.radians(mean_anomaly_deg),
        )
        if inclination_deg is None:
            return cls(mean.satellite(mean.sun_synchronous_rad()))
        if not 0.0 <= inclination_deg <= 180.0:
            raise ValueError(
                f"inclination_deg = {inclination_deg} is outside 0 to 180; for example 51.6, "
                "or leave it out for a sun-synchronous orbit"
            )
        return cls(mean.satellite(math.radians(inclination_deg)))

    @property
    def period_s(self) -> float:
        """The anomalistic period, from the mean motion of the elements."""
        return 2.0 * math.pi * 60.0 / float(self._satellite.no_kozai)

    @property
    def inclination_deg(self) -> float:
        """The mean inclination at epoch."""
        return math.degrees(float(self._satellite.inclo))

    def states(self, start: datetime, t_s: Array) -> tuple[Array, Array]:
        """Return positions in km and velocities in km/s, TEME, each (n, 3), at ``start + t_s``.

        Raises:
            ValueError: the satellite has decayed, or the elements stop
                making sense; the message says when.
        """
        jd, fraction = julian_date(start)
        fractions = fraction + np.asarray(t_s, dtype=np.float64) / SECONDS_PER_DAY
        errors, r_km, v_km_s = self._satellite.sgp4_array(np.full_like(fractions, jd), fractions)
        if errors.any():
            raise ValueError(_failure(errors, start, t_s))
        return r_km, v_km_s

    @property
    def catalogue_number(self) -> int:
        """The number of the element set's satellite; 0 where there was no set."""
        return int(self._satellite.satnum)


def states_of(orbits: Sequence[Orbit], start: datetime, t_s: Array) -> tuple[Array, Array]:
    """Return what ``Orbit.states`` does for several satellites, each (satellites, n, 3).

    All are in memory at once, 48 bytes a state.

    Raises:
        ValueError: SGP4 fails on the way of a satellite; the message says which.
    """
    jd, fraction = julian_date(start)
    fractions = fraction + np.asarray(t_s, dtype=np.float64) / SECONDS_PER_DAY
    fleet = SatrecArray([orbit._satellite for orbit in orbits])
    errors, r_km, v_km_s = fleet.sgp4(np.full_like(fractions, jd), fractions)
    if errors.any():
        which = int(np.flatnonzero(errors.any(axis=1))[0])
        number = orbits[which].catalogue_number or which
        raise ValueError(f"satellite {number}: {_failure(errors[which], start, t_s)}")
    return r_km, v_km_s


def _failure(errors: NDArray[np.uint8], start: datetime, t_s: Array) -> str:
    first = int(np.flatnonzero(errors)[0])
    return (
        f"SGP4 fails {float(t_s[first]):.0f} s after {start.isoformat()}: "
        f"{SGP4_ERRORS[int(errors[first])]}; start nearer to the epoch of the elements, "
        "fly higher, or fly shorter"
    )


@dataclass(frozen=True, slots=True)
class _MeanElements:
    """What SGP4 is told, except for the inclination."""

    days: float
    axis_km: float
    eccentricity: float
    node_rad: float
    perigee_rad: float
    anomaly_rad: float

    def satellite(self, inclination_rad: float) -> Satrec:
        """Return SGP4's satellite; its drag term is zero."""
        motion = math.sqrt(_MU_KM3_S2 / self.axis_km**3)  # rad/s
        # SGP4 takes Kozai's mean motion and recovers Brouwer's, which belongs
        # to the axis (Spacetrack Report 3, "original mean motion").
        ratio = 1.5 * _J2 / 2.0 * (_RADIUS_KM / self.axis_km) ** 2
        shape = (3.0 * math.cos(inclination_rad) ** 2 - 1.0) / (1.0 - self.eccentricity**2) ** 1.5
        satellite = Satrec()
        satellite.sgp4init(
            WGS72, "i", 0, self.days, 0.0, 0.0, 0.0,
            self.eccentricity, self.perigee_rad, inclination_rad, self.anomaly_rad,
            motion * (1.0 + ratio * shape) * 60.0, self.node_rad,
        )  # fmt: skip
        return satellite

    def sun_synchronous_rad(self) -> float:
        """Return the inclination at which SGP4's node turns once in a tropical year.

        Source: Vallado, *Fundamentals*, 4th ed., ch. 11.4 as the first
        guess; SGP4's own secular rate, with J2² and J4, corrects it.
        """
        wanted = 2.0 * math.pi / _TROPICAL_YEAR_S
        motion = math.sqrt(_MU_KM3_S2 / self.axis_km**3)
        parameter_km = self.axis_km * (1.0 - self.eccentricity**2)
        cosine = -wanted / (1.5 * motion * _J2 * (_RADIUS_KM / parameter_km) ** 2)
        for _ in range(3):
            if cosine <= -1.0:
                raise ValueError(
                    f"altitude_km = {self.axis_km - EQUATORIAL_RADIUS_KM:g} has no sun-synchronous "
                    "orbit; give inclination_deg, or an altitude below 5900, for example 550"
                )
            cosine *= wanted / (self.satellite(math.acos(cosine)).nodedot / 60.0)
        return math.acos(cosine)


def _check_elements(altitude_km: float, eccentricity: float) -> None:
    if not 0.0 <= eccentricity < 1.0:
        raise ValueError(f"eccentricity = {eccentricity} is outside 0 to 1; for example 0.001")
    axis_km = EQUATORIAL_RADIUS_KM + altitude_km
    perigee_km = axis_km * (1.0 - eccentricity) - EQUATORIAL_RADIUS_KM
    if not perigee_km >= LOWEST_PERIGEE_KM:
        raise ValueError(
            f"altitude_km = {altitude_km} with eccentricity = {eccentricity} has its perigee at "
            f"{perigee_km:.0f} km; it must be at least {LOWEST_PERIGEE_KM:.0f} km, for example "
            "altitude_km = 550 with eccentricity = 0"
        )


def _node_rad(jd: float, raan_deg: float | None, local_time: str | None) -> float:
    """Return the node's right ascension from whichever form is given; 0 from neither."""
    if local_time is None:
        return math.radians(raan_deg or 0.0)
    if raan_deg is not None:
        raise ValueError(
            f"raan_deg = {raan_deg} and local_time_of_ascending_node = {local_time!r} "
            "both place the node; give one of them"
        )
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", local_time)
    if match is None:
        raise ValueError(
            f"local_time_of_ascending_node = {local_time!r} is no time of day; "
            'hours and minutes, for example "10:30"'
        )
    hours = int(match[1]) + int(match[2]) / 60.0
    return (mean_sun_right_ascension_rad(jd) + math.radians(15.0 * (hours - 12.0))) % (2 * math.pi)
