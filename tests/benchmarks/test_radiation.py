"""How fast a thousand seeded days of strikes are drawn, against thinning of the same processes.

Run: make prove, or python -m pytest -m slow -s tests/benchmarks
"""

import time

import numpy as np
import pytest

from firmware_bridge.faults import FaultKind
from rigs.build import _stream
from rigs.environment.faults import VARIATES, exposure_per_cm2, fault_days
from rigs.reading import read_scenario
from rigs.sky import environment

pytestmark = pytest.mark.slow

DAYS, GOAL_S, REPEATS = 1000, 0.1, 5
A_DAY = {  # strikes of each class, about what first-light meets accelerated
    FaultKind.SEU: 23.0,
    FaultKind.MBU: 10.6,
    FaultKind.SEFI: 1.0,
    FaultKind.SEL: 0.5,
}


def stream(seed, kind):
    return _stream(seed, f"pi/{kind.value}")


def thinned(knots_s, flux, cross_section_cm2):
    """Return the number of strikes, drawn as candidates under the highest flux and then sieved."""
    top, found = flux.max(), 0
    for seed in range(DAYS):
        for kind, sigma_cm2 in cross_section_cm2.items():
            chance = stream(seed, kind)
            count = chance.poisson(sigma_cm2 * top * knots_s[-1])
            t_s = np.sort(chance.random(count)) * knots_s[-1]
            kept = t_s[chance.random(count) * top < np.interp(t_s, knots_s, flux)]
            chance.random((len(kept), VARIATES))
            found += len(kept)
    return found


def best_of(measure):
    best_s, result = np.inf, None
    for _ in range(REPEATS):
        began_s = time.perf_counter()
        result = measure()
        best_s = min(best_s, time.perf_counter() - began_s)
    return best_s, result


def test_a_thousand_fault_days_take_a_tenth_of_a_second():
    tape = environment(read_scenario("first-light"))
    knots_s, flux = tape.knots_s, tape.proton_flux_per_cm2_s
    fluence = exposure_per_cm2(knots_s, flux)[-1]
    sigma = {kind: count / fluence for kind, count in A_DAY.items()}
    ours_s, days = best_of(lambda: fault_days(knots_s, flux, sigma, 1.0, range(DAYS), stream))
    thinned_s, found = best_of(lambda: thinned(knots_s, flux, sigma))
    print(
        f"\n{DAYS} fault days, {len(days.t_s)} strikes: {ours_s:.3f} s (goal {GOAL_S} s); "
        f"by thinning {thinned_s:.3f} s, {thinned_s / ours_s:.1f} times that"
    )
    SIGMAS = 5.0
    assert abs(len(days.t_s) - found) < SIGMAS * np.sqrt(len(days.t_s) + found)
    assert ours_s < GOAL_S
    assert ours_s < thinned_s
