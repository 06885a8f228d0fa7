"""Heat against what others published: temperatures and closed forms that nobody here wrote."""

import numpy as np
import pytest

from payloads.heat_network import HeatNetwork, Link, Node
from payloads.thermal import (
    STEFAN_BOLTZMANN,
    ZERO_CELSIUS_K,
    Die,
    Radiator,
    Spreader,
    Structure,
    ThermalStar,
)

SUN_W_M2 = 1361.0
ZENITH = (0.0, 0.0, -1.0)
FAR_OUT = np.array([1e6])  # Earth radii: no Earth in the sky
NONE = np.array([0.0])
OVERHEAD = np.array([[0.0, 0.0, -SUN_W_M2]])

BASILISK_SIGMA = 5.76051e-8  # its sensorThermal has two digits of 5.67051e-8 exchanged
BASILISK_K = 1e-6  # to which its test gives temperatures
TEXTBOOK_K = 0.01
WIKI_K = 0.1  # orbital-thermal-bounds gives tenths
CLOSED_FORM_K = 1e-6


def instrument(sigma):
    """Return Basilisk's instrument: 1 m², emissivity 0.34, 2 kg of 890 J/kg/K."""
    return Node(2.0 * 890.0, 0.34 * 1.0 * sigma)


@pytest.mark.parametrize(
    ("sigma", "start_c", "after_c"),
    [
        # Basilisk 2.12.1, simulation/sensors/sensorThermal/_UnitTest: 30 W, one step of 1 s
        (BASILISK_SIGMA, 0.0, -0.0443986873),
        (BASILISK_SIGMA, 97.961, 97.7691478),
        (BASILISK_SIGMA, -74.8505, -74.8506601),
        # the same with the constant of CODATA 2018
        (STEFAN_BOLTZMANN, 0.0, -0.0434402582),
        (STEFAN_BOLTZMANN, 97.961, 97.7724135),
        (STEFAN_BOLTZMANN, -74.8505, -74.8503938),
    ],
)
def test_basilisks_instrument_warms_as_basilisk_says(sigma, start_c, after_c):
    # V11. Basilisk takes one explicit Euler step: the heat balance at the start, for a second.
    node = instrument(sigma)
    network, start_k = HeatNetwork([node], []), start_c + ZERO_CELSIUS_K
    (net_w,) = network.net_w([start_k], [30.0])
    assert start_c + net_w / node.capacity_j_per_k == pytest.approx(after_c, abs=BASILISK_K)
    # Ours bends as it cools: by half the share of its time constant that a second is.
    (ours_k,) = network.step([start_k], [30.0], [0.0], 1.0)
    share = 4.0 * node.w_per_k4 * start_k**3 / node.capacity_j_per_k
    bent_k = abs(ours_k - start_k - net_w / node.capacity_j_per_k)
    straight_k = abs(net_w) / node.capacity_j_per_k
    assert bent_k == pytest.approx(0.5 * share * straight_k, rel=0.002, abs=1e-12)


def test_a_grey_sphere_at_the_earths_distance():
    # V12. (S / 4σ)^¼, whatever its colour
    sphere = Structure(1000.0, 1.0, 2.0, 0.6, 0.6)
    heat_w = float(sphere.absorbed_w(OVERHEAD, NONE, NONE, FAR_OUT)[0])
    node = Node(1000.0, 0.6 * 2.0 * STEFAN_BOLTZMANN)
    (kelvin,) = HeatNetwork([node], []).step([3.0], [heat_w], [0.0], 1e6)
    assert kelvin == pytest.approx(278.32, abs=TEXTBOOK_K)


@pytest.mark.parametrize(("sides", "expected_k"), [(1, 393.61), (2, 393.61 / 2.0**0.25)])
def test_a_plate_that_faces_the_sun(sides, expected_k):
    # V12. (S / σ)^¼ with an insulated back; both sides radiate what one takes in
    plate = Radiator(1.5, 0.7, 0.7, 1000.0, ZENITH, sides)
    heat_w = float(plate.absorbed_w(OVERHEAD, NONE, NONE, FAR_OUT)[0])
    star = ThermalStar((Die(1.0, 1.0),), plate)
    _, kelvin = star.step([300.0, 300.0], [0.0], heat_w, 0.0, 1e6)
    assert kelvin == pytest.approx(expected_k, abs=TEXTBOOK_K)


@pytest.mark.parametrize("dt_s", [1.0, 60.0, 3600.0, 86_400.0])
@pytest.mark.parametrize("start_k", [30.0, 300.0, 2000.0])
def test_a_lone_node_cools_along_the_closed_form(start_k, dt_s):
    # V13. T = T0 (1 + 3 ε σ A T0³ t / C)^(-1/3)
    node = Node(900.0, 0.85 * 0.06 * STEFAN_BOLTZMANN)
    (kelvin,) = HeatNetwork([node], []).step([start_k], [0.0], [0.0], dt_s)
    growth = 1.0 + 3.0 * node.w_per_k4 * start_k**3 * dt_s / 900.0
    assert kelvin == pytest.approx(start_k * growth ** (-1.0 / 3.0), abs=CLOSED_FORM_K)


def test_a_small_disturbance_fades_with_the_published_time_constant():
    # V13. C / 4 ε σ A T³ = 2881.6 s at 300 K
    node = Node(900.0, 0.85 * 0.06 * STEFAN_BOLTZMANN)
    held_w = node.w_per_k4 * 300.0**4
    (kelvin,) = HeatNetwork([node], []).step([300.001], [held_w], [0.0], 2881.6)
    assert kelvin - 300.0 == pytest.approx(0.001 * np.exp(-1.0), rel=1e-4)


def test_three_nodes_settle_where_the_textbook_says():
    # V14. 15 W, four fifths of it in the die; 20 W from the sky; 2 and 3 W/K
    die = Die(20.0, 1.0 / 2.0, Spreader(100.0, 1.0 / 3.0))
    star = ThermalStar((die,), Radiator(0.06, 0.85, 0.2, 900.0, ZENITH))
    settled = star.network.step([300.0] * 3, [12.0, 3.0, 20.0], [0.0] * 3, 1e5)
    assert settled == pytest.approx([342.6817, 336.6817, 331.6817], abs=1e-4)  # V14 asks for 1e-3


@pytest.mark.parametrize("start_k", [3.0, 300.0, 2000.0])
def test_a_data_centres_radiator_reaches_the_published_temperature(start_k):
    # V15. orbital-thermal-bounds: 120 kW, 110 m² on both sides, emissivity 0.91, 220 K sink
    radiator = Radiator(110.0, 0.91, 0.0, 1e6, ZENITH, sides=2, sink_k=220.0)
    star = ThermalStar((Die(1e4, 1e-3),), radiator)
    _, radiator_k = star.step([start_k, start_k], [120_000.0], 0.0, 0.0, 1e6)
    assert radiator_k == pytest.approx(337.1, abs=WIKI_K)
    assert radiator.w_per_k4 * (radiator_k**4 - 220.0**4) == pytest.approx(120_000.0, rel=1e-9)


def test_both_sides_of_a_radiator_face_the_sky():
    # seen from far away the two sides take in sunlight from either side alike
    for normal in ((0.0, 0.0, 1.0), ZENITH):
        both = Radiator(1.0, 0.9, 0.2, 1.0, normal, sides=2)
        assert both.absorbed_w(OVERHEAD, NONE, NONE, FAR_OUT) == pytest.approx([0.2 * SUN_W_M2])
    # and low above the Earth, edge on, each side sees as much of it as the other
    low, infrared = np.array([1.086]), np.array([200.0])
    dark = np.zeros((1, 3))
    one = Radiator(1.0, 0.9, 0.2, 1.0, (1.0, 0.0, 0.0))
    both = Radiator(1.0, 0.9, 0.2, 1.0, (1.0, 0.0, 0.0), sides=2)
    once_w, twice_w = (r.absorbed_w(dark, NONE, infrared, low)[0] for r in (one, both))
    assert twice_w == pytest.approx(2.0 * once_w)


@pytest.mark.parametrize("radii", [1.01, 1.0863, 3.0])
def test_a_sphere_sees_the_mean_of_what_plates_see(radii):
    # an oracle by the plates of `Radiator`, turned to 2000 directions evenly over the sphere
    h, infrared = np.array([radii]), np.array([200.0])
    cosines = (np.arange(2000) + 0.5) / 1000.0 - 1.0
    plates_w = [
        Radiator(1.0, 0.8, 0.2, 1.0, ((1.0 - c * c) ** 0.5, 0.0, c)).absorbed_w(
            np.zeros((1, 3)), infrared, infrared, h
        )[0]
        for c in cosines.tolist()
    ]
    sphere = Structure(1.0, 1.0, 1.0, 0.8, 0.2)
    ours_w = sphere.absorbed_w(np.zeros((1, 3)), infrared, infrared, h)[0]
    assert ours_w == pytest.approx(np.mean(plates_w), rel=1e-4)  # of a sum over 2000 bands


@pytest.mark.slow
@pytest.mark.parametrize("method", ["LSODA", "Radau"])
def test_a_day_of_eclipses_as_scipy_integrates_it(method):
    from heat import Warmed, scipy_kelvin

    network = HeatNetwork(
        [Node(19.1), Node(80.0), Node(5000.0, 0.4 * STEFAN_BOLTZMANN, 3.0), Node(2000.0, 2e-9)],
        [Link(0, 1, 0.2), Link(1, 3, 1.0), Link(2, 3, 2.0)],
    )
    warmed = Warmed(network, [290.0] * 4, [4.9, 0.0, 60.0, 12.0], [0.0, 0.0, 0.01, 0.0])
    ours, theirs = warmed, warmed
    for leg in range(30):
        watts = [4.9, 0.0, 60.0, 12.0] if leg % 2 else [2.1, 0.0, 10.0, 9.0]
        ours = Warmed(network, ours.step(2880.0), watts, [0.0, 0.0, 0.005, 0.0])
        kelvin = scipy_kelvin(theirs, 2880.0, method).tolist()
        theirs = Warmed(network, kelvin, watts, [0.0, 0.0, 0.005, 0.0])
        assert ours.kelvin == pytest.approx(theirs.kelvin, abs=CLOSED_FORM_K)
