"""Many satellites: Walker patterns, and every satellite of a file of element sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from rigs.environment.orbit import Orbit
from rigs.environment.passes import Station
from rigs.environment.radiation import Activity
from rigs.environment.solar_particles import SolarParticleEvent
from rigs.environment.tape import EnvironmentTape, check_horizon, tape_along
from rigs.environment.tle_file import element_sets, nearest_of_each
from rigs.environment.trajectory import trajectories

Kind: TypeAlias = Literal["delta", "star"]
NODES_OVER_DEG: dict[Kind, float] = {"delta": 360.0, "star": 180.0}


@dataclass(frozen=True, slots=True)
class Walker:
    """A Walker pattern i:t/p/f of circular orbits: t satellites in p planes with phasing f.

    The nodes of a delta are spread over 360°, those of a star over 180°.
    Satellites of a plane are evenly spaced; from a plane to the next one
    east they are f · 360°/t further along. Numbers run plane by plane from 0.

    Raises:
        ValueError: the planes do not share the satellites evenly, or a number is out of range.

    Source: Walker, J. Brit. Interplanet. Soc. 37 (1984), 559; Vallado,
    *Fundamentals*, 4th ed., ch. 11.

    >>> Walker(24, 3, 1).offsets_deg(9)
    (120.0, 60.0)
    """

    satellites: int
    planes: int
    phasing: int
    kind: Kind = "delta"

    def __post_init__(self) -> None:
        if self.satellites < 1 or self.planes < 1 or self.satellites % self.planes:
            raise ValueError(
                f"planes = {self.planes} do not share {self.satellites} satellites evenly; "
                "for example 24 satellites in 3 planes"
            )
        if not 0 <= self.phasing < self.planes:
            raise ValueError(
                f"phasing = {self.phasing} is outside 0 to {self.planes - 1}, one less than the "
                "planes; for example 1"
            )

    def offsets_deg(self, satellite: int) -> tuple[float, float]:
        """Return node and anomaly of a satellite, beyond those of satellite 0.

        Raises:
            ValueError: there is no such satellite.
        """
        if not 0 <= satellite < self.satellites:
            raise ValueError(
                f"satellite = {satellite} is outside 0 to {self.satellites - 1}; for example 0"
            )
        each = self.satellites // self.planes
        plane, slot = divmod(satellite, each)
        node = plane * NODES_OVER_DEG[self.kind] / self.planes
        return node, slot * 360.0 / each + plane * self.phasing * 360.0 / self.satellites

    def orbit(
        self,
        satellite: int,
        epoch: datetime,
        altitude_km: float,
        inclination_deg: float | None = None,
        raan_deg: float | None = None,
        local_time_of_ascending_node: str | None = None,
        mean_anomaly_deg: float = 0.0,
    ) -> Orbit:
        """Return the orbit of one satellite; the elements are those of satellite 0.

        Raises:
            ValueError: as ``Orbit.from_elements``, or there is no such satellite.
        """
        node, anomaly = self.offsets_deg(satellite)
        return Orbit.from_elements(
            epoch,
            altitude_km,
            inclination_deg,
            raan_deg=raan_deg,
            local_time_of_ascending_node=local_time_of_ascending_node,
            mean_anomaly_deg=mean_anomaly_deg + anomaly,
            node_offset_deg=node,
        )


@dataclass(frozen=True, slots=True)
class Constellation:
    """Satellites by name, with their orbits."""

    names: tuple[str, ...]
    orbits: tuple[Orbit, ...]

    @classmethod
    def from_walker(
        cls,
        pattern: Walker,
        epoch: datetime,
        altitude_km: float,
        inclination_deg: float | None = None,
        raan_deg: float | None = None,
        local_time_of_ascending_node: str | None = None,
        mean_anomaly_deg: float = 0.0,
    ) -> Constellation:
        """Return every satellite of a pattern, named ``plane-slot``, both from 0.

        Raises:
            ValueError: as ``Walker.orbit``.
        """
        each = pattern.satellites // pattern.planes
        every = range(pattern.satellites)
        return cls(
            tuple("{}-{}".format(*divmod(satellite, each)) for satellite in every),
            tuple(
                pattern.orbit(
                    satellite,
                    epoch,
                    altitude_km,
                    inclination_deg,
                    raan_deg,
                    local_time_of_ascending_node,
                    mean_anomaly_deg,
                )
                for satellite in every
            ),
        )

    @classmethod
    def from_tles(cls, text: str, file: str, start: datetime) -> Constellation:
        """Return every satellite of a file of element sets, that nearest to ``start`` of each.

        Raises:
            ValueError: as ``element_sets``, or SGP4 refuses a set.
        """
        sets = nearest_of_each(element_sets(text, file), start)
        return cls(
            tuple(one.name or one.catalogue_number for one in sets),
            tuple(Orbit.from_tle(one.line1, one.line2) for one in sets),
        )

    def __len__(self) -> int:
        return len(self.orbits)

    def tapes(
        self,
        start: datetime,
        horizon_s: float,
        stations: Sequence[Station] = (),
        activity: Activity = "solar-minimum",
        shielding_mm: float = 0.0,
        particle_event: SolarParticleEvent | None = None,
    ) -> Iterator[EnvironmentTape]:
        """Yield the tape of each satellite, in order, as ``build_tape`` makes it.

        SGP4 takes a few satellites at a time, and nothing is kept here: a day's
        tape is about 1 MB, for whoever holds on to it.

        Raises:
            ValueError: as ``build_tape``; of SGP4, the message says which satellite.
        """
        check_horizon(horizon_s)
        for trajectory in trajectories(self.orbits, start, horizon_s):
            yield tape_along(
                trajectory, start, horizon_s, stations, activity, shielding_mm, particle_event
            )
