"""Heat against Basilisk's own instrument, run beside ours."""

import numpy as np
import pytest

from payloads.heat_network import HeatNetwork, Node
from payloads.thermal import ZERO_CELSIUS_K

pytestmark = pytest.mark.slow

BASILISK_SIGMA = 5.76051e-8  # its sensorThermal has two digits of 5.67051e-8 exchanged
POWER_W, MASS_KG, J_PER_KG_K, EMISSIVITY, AREA_M2 = 30.0, 2.0, 890.0, 0.34, 1.0
DURATION_S = 60.0


def basilisk_c(start_c, step_s):
    """Return the temperature after a minute of Basilisk's explicit Euler steps, in the dark."""
    pytest.importorskip("Basilisk")
    from Basilisk.architecture import messaging
    from Basilisk.simulation import sensorThermal
    from Basilisk.utilities import SimulationBaseClass, macros

    simulation = SimulationBaseClass.SimBaseClass()
    process = simulation.CreateNewProcess("process")
    process.addTask(simulation.CreateNewTask("task", macros.sec2nano(step_s)))
    sun, craft, status = (
        messaging.SpicePlanetStateMsgPayload(),
        messaging.SCStatesMsgPayload(),
        messaging.DeviceStatusMsgPayload(),
    )
    sun.PositionVector = [1.5e11, 0.0, 0.0]
    craft.r_BN_N, craft.sigma_BN = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    status.deviceStatus = 1
    sun_msg = messaging.SpicePlanetStateMsg().write(sun)
    craft_msg = messaging.SCStatesMsg().write(craft)
    status_msg = messaging.DeviceStatusMsg().write(status)
    instrument = sensorThermal.SensorThermal()
    instrument.T_0, instrument.nHat_B = start_c, [0.0, 0.0, -1.0]
    instrument.sensorArea, instrument.sensorAbsorptivity = AREA_M2, 0.25
    instrument.sensorEmissivity, instrument.sensorMass = EMISSIVITY, MASS_KG
    instrument.sensorSpecificHeat, instrument.sensorPowerDraw = J_PER_KG_K, POWER_W
    instrument.sunInMsg.subscribeTo(sun_msg)
    instrument.stateInMsg.subscribeTo(craft_msg)
    instrument.sensorStatusInMsg.subscribeTo(status_msg)
    simulation.AddModelToTask("task", instrument)
    log = instrument.temperatureOutMsg.recorder()
    simulation.AddModelToTask("task", log)
    simulation.InitializeSimulation()
    simulation.ConfigureStopTime(macros.sec2nano(DURATION_S))
    simulation.ExecuteSimulation()
    return float(np.asarray(log.temperature)[-1])


@pytest.mark.parametrize("start_c", [0.0, 97.961, -74.8505])
def test_a_minute_of_basilisks_instrument(start_c):
    # V11, run. Euler's error falls with its step: ours is where it goes.
    node = Node(MASS_KG * J_PER_KG_K, EMISSIVITY * AREA_M2 * BASILISK_SIGMA)
    network = HeatNetwork([node], [])
    (kelvin,) = network.step([start_c + ZERO_CELSIUS_K], [POWER_W], [0.0], DURATION_S)
    coarse, fine = (basilisk_c(start_c, step_s) for step_s in (0.2, 0.1))
    euler_c = abs(fine - coarse)  # what half the step mends, and as much is left
    limit_c = 2.0 * fine - coarse
    assert kelvin - ZERO_CELSIUS_K == pytest.approx(limit_c, abs=max(0.01 * euler_c, 1e-9))
