"""The same contacts and shadows as two independent programs; needs the extra ``oracles``."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone

import numpy as np
import pytest

from rigs.environment.earth import julian_date
from rigs.environment.orbit import Orbit
from rigs.environment.passes import Station, find_passes, passes_along
from rigs.environment.profile import profiles
from rigs.environment.sun import AU_KM, sun_km, visible_fraction
from rigs.environment.trajectory import Trajectory

pytestmark = pytest.mark.slow

# The International Space Station, elements rounded; what is compared is the geometry.
LINE1 = "1 25544U 98067A   24079.50000000  .00016717  00000-0  30000-3 0  9995"
LINE2 = "2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.49560000432108"
START = datetime(2024, 3, 19, tzinfo=timezone.utc)
WEEK_S = 7 * 86400.0
STATIONS = [
    Station(f"{latitude}", latitude, longitude, 100.0, 5.0)
    for latitude, longitude in zip(
        [-55.0, -45.0, -33.0, -20.0, -5.0, 5.0, 20.0, 33.0, 47.0, 60.0],
        [-70.0, 168.0, -70.6, 130.0, 40.0, 103.7, -155.0, -117.0, 8.0, 25.0],
        strict=True,
    )
]
UT1_S = 0.35  # V7: the oracles apply UT1-UTC and polar motion, or round their edges
AT_THE_END_S = 1.0  # an oracle's edge this near to an end of the week is the cut itself
# Skyfield turns the Earth by UT1 (0.01 s off UTC then: 5 m at the equator) and moves its poles by
# 15 m; our range is a chord that may be 100 m off; a kilometre is 3 µs of light time.
RANGE_KM = 0.2
ELEVATION_DEG = 0.01  # 20 m at 550 km are 0.002°; the ISS flies lower
DISC = 1e-8  # the same formula
BASILISK_EARTH_KM, BASILISK_SUN_KM = 6378.1366, 695000.0  # its astroConstants; 696000 gives 5e-4


def test_skyfield_sees_the_same_passes():
    api = pytest.importorskip("skyfield.api", reason="skyfield is in the extra `oracles`")
    scale = api.load.timescale(builtin=True)
    satellite = api.EarthSatellite(LINE1, LINE2, "oracle", scale)
    t0 = scale.from_datetime(START)
    t1 = scale.tt_jd(t0.tt + WEEK_S / 86400.0)
    passes = {}
    for station in STATIONS:
        site = api.wgs84.latlon(
            station.latitude_deg, station.longitude_deg, elevation_m=station.altitude_m
        )
        times, events = satellite.find_events(site, t0, t1, altitude_degrees=station.mask_deg)
        since_s = (times.tt - t0.tt) * 86400.0
        passes[station.name] = (since_s[events == 0], since_s[events == 2])
    assert_same_passes("skyfield", passes)


def test_skyfield_sees_the_same_range_and_elevation():
    api = pytest.importorskip("skyfield.api", reason="skyfield is in the extra `oracles`")
    scale = api.load.timescale(builtin=True)
    satellite = api.EarthSatellite(LINE1, LINE2, "oracle", scale)
    trajectory = Trajectory.of(Orbit.from_tle(LINE1, LINE2), START, WEEK_S).earth_fixed(START)
    passes = passes_along(trajectory, STATIONS, WEEK_S)
    by_name = {station.name: station for station in STATIONS}
    worst_km = worst_deg = 0.0
    for contact, seen in zip(passes, profiles(trajectory, STATIONS, passes), strict=True):
        station = by_name[contact.station]
        site = api.wgs84.latlon(
            station.latitude_deg, station.longitude_deg, elevation_m=station.altitude_m
        )
        t_s = np.linspace(contact.aos_s, contact.los_s, 30)
        utc = (START.year, START.month, START.day, 0, 0, t_s)
        altitude, _, distance = (satellite - site).at(scale.utc(*utc)).altaz()
        range_km = np.interp(t_s, seen.t_s, seen.range_km)
        worst_km = max(worst_km, np.abs(range_km - distance.km).max())
        utc = (START.year, START.month, START.day, 0, 0, seen.t_s)
        altitude, _, _ = (satellite - site).at(scale.utc(*utc)).altaz()
        worst_deg = max(worst_deg, np.abs(seen.elevation_deg - altitude.degrees).max())
    print(f"skyfield: range within {1e3 * worst_km:.0f} m, elevation within {worst_deg:.4f}°")
    assert worst_km < RANGE_KM
    assert worst_deg < ELEVATION_DEG


def test_brahe_sees_the_same_passes():
    bh = pytest.importorskip("brahe", reason="brahe is in the extra `oracles`")
    bh.set_global_eop_provider(bh.StaticEOPProvider.from_zero())
    e0 = bh.Epoch.from_datetime(
        START.year, START.month, START.day, 0, 0, 0.0, 0.0, bh.TimeSystem.UTC
    )
    propagator = bh.SGPPropagator.from_tle(LINE1, LINE2, 60.0)
    passes = {}
    for station in STATIONS:
        site = bh.PointLocation(station.longitude_deg, station.latitude_deg, station.altitude_m)
        windows = bh.location_accesses(
            [site], [propagator], e0, e0 + WEEK_S, bh.ElevationConstraint(station.mask_deg)
        )
        passes[station.name] = (
            np.array([w.window_open - e0 for w in windows]),
            np.array([w.window_close - e0 for w in windows]),
        )
    assert_same_passes("brahe", passes)


def test_brahe_sees_the_same_share_of_the_sun():
    bh = pytest.importorskip("brahe", reason="brahe is in the extra `oracles`")
    bh.set_global_eop_provider(bh.StaticEOPProvider.from_zero())
    orbit = Orbit.from_elements(START, 550.0, local_time_of_ascending_node="10:30")
    t_s = np.arange(0.0, 12000.0, 5.0)
    r_km, _ = orbit.states(START, t_s)
    jd = sum(julian_date(START))
    suns = sun_km(jd + t_s / 86400.0)
    # The same Sun and the same radii for both: what is compared is the shadow.
    ours = visible_fraction(r_km, suns, bh.R_EARTH / 1e3, bh.R_SUN / 1e3)
    theirs = np.array(
        [bh.eclipse_conical(1e3 * r, 1e3 * s) for r, s in zip(r_km, suns, strict=True)]
    )
    print(f"brahe: worst difference of the visible disc {np.abs(ours - theirs).max():.1e}")
    assert np.abs(ours - theirs).max() < DISC


def test_basilisk_sees_the_same_share_of_the_sun():
    # V5: Basilisk's `eclipse` at 4,000 random places, most of them near a shadow's edge.
    pytest.importorskip("Basilisk", reason="bsk is in the extra `oracles`")
    chance = np.random.default_rng(5)
    sun = AU_KM * np.array([0.8, 0.5, 0.33166247903554])
    r_km = random_places(chance, 4000, sun)
    theirs = basilisk_factor(r_km, sun)
    ours = visible_fraction(r_km, sun[None, :], BASILISK_EARTH_KM, BASILISK_SUN_KM)
    partial = (theirs > 0.0) & (theirs < 1.0)
    worst = np.abs(ours - theirs).max()
    print(f"Basilisk: {partial.sum()} places in penumbra, disc within {worst:.1e}")
    assert partial.sum() > 500
    assert (theirs == 0.0).sum() > 500
    assert worst < DISC


def basilisk_factor(r_km, sun):
    """Return Basilisk's illumination factor at places (n, 3), in km."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its bindings warn of themselves on import
        from Basilisk.architecture import messaging
        from Basilisk.simulation import eclipse
    model = eclipse.Eclipse()
    body = messaging.SpicePlanetStateMsgPayload(PositionVector=(1e3 * sun).tolist())
    star = messaging.SpicePlanetStateMsg().write(body)
    planet = messaging.SpicePlanetStateMsgPayload(PlanetName="earth")
    earth = messaging.SpicePlanetStateMsg().write(planet)
    model.sunInMsg.subscribeTo(star)
    model.addPlanetToModel(earth)
    states = [messaging.SCStatesMsg() for _ in r_km]
    for state, place in zip(states, r_km, strict=True):
        state.write(messaging.SCStatesMsgPayload(r_BN_N=(1e3 * place).tolist()))
        model.addSpacecraftToModel(state)
    model.Reset(0)
    model.UpdateState(0)
    return np.array([out.read().shadowFactor for out in model.eclipseOutMsgs])


def random_places(chance, count, sun):
    """Return places from 300 to 36,000 km high, most of them where the limb meets the Sun."""
    away = -sun / np.linalg.norm(sun)
    side = np.cross(away, chance.normal(size=(count, 3)))
    side /= np.linalg.norm(side, axis=1)[:, None]
    radius = BASILISK_EARTH_KM + 300.0 * 120.0 ** chance.uniform(size=count)
    edge = np.arcsin(BASILISK_EARTH_KM / radius)
    wide = chance.uniform(0.0, np.pi, count)
    angle = np.where(np.arange(count) % 4, edge + chance.normal(scale=0.005, size=count), wide)
    return radius[:, None] * (np.cos(angle)[:, None] * away + np.sin(angle)[:, None] * side)


def assert_same_passes(oracle, passes):
    """Compare rises and sets of whole passes; one cut by an end of the week has only one edge."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = find_passes(Orbit.from_tle(LINE1, LINE2), STATIONS, START, WEEK_S)
    count, worst_s = 0, 0.0
    for station in STATIONS:
        rises, sets = passes[station.name]
        mine = [c for c in ours if c.station == station.name]
        my_rises = np.array([c.aos_s for c in mine if not c.starts_before])
        my_sets = np.array([c.los_s for c in mine if not c.ends_after])
        rises, sets = rises[rises > AT_THE_END_S], sets[sets < WEEK_S - AT_THE_END_S]
        assert len(my_rises) == len(rises)
        assert len(my_sets) == len(sets)
        worst_s = max(worst_s, np.abs(my_rises - rises).max(), np.abs(my_sets - sets).max())
        count += len(mine)
    print(f"{oracle}: {count} passes, edges within {worst_s:.3f} s")
    assert worst_s < UT1_S
