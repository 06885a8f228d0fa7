"""One die on one radiator, stepped without a matrix: the network that most satellites are."""

from __future__ import annotations

from math import sqrt

from payloads.exponentials import responses
from payloads.heat_network import BEND_SHARE, INSTANT_S, TOLERATED_K, HeatNetwork, next_share


class HeatPair:
    """Two nodes, of which the last one radiates: the method of `HeatNetwork`, by hand.

    The die warms by a constant power, the radiator by a ramp.
    """

    def __init__(self, network: HeatNetwork) -> None:
        """Take over a network of two nodes, tied by one link."""
        (die, radiator), (link,) = network.nodes, network.links
        self._die_per_s = link.w_per_k / die.capacity_j_per_k
        self._radiator_per_s = link.w_per_k / radiator.capacity_j_per_k
        self._product = self._die_per_s * self._radiator_per_s
        self._per_die_j = 1.0 / die.capacity_j_per_k
        self._per_radiator_j = 1.0 / radiator.capacity_j_per_k
        self._emits = radiator.w_per_k4 / radiator.capacity_j_per_k
        self._sink_k_per_s = self._emits * radiator.sink_k**4

    def step(
        self, kelvin: list[float], die_w: float, heat_w: float, slope_w_s: float, dt_s: float
    ) -> list[float]:
        """Return die and radiator after ``dt_s``, K; the radiator takes in a ramp of ``heat_w``."""
        die_k, radiator_k = kelvin
        die_rise = die_w * self._per_die_j
        ramp = slope_w_s * self._per_radiator_j
        rise = heat_w * self._per_radiator_j + self._sink_k_per_s
        at_s, h = 0.0, dt_s
        while at_s < dt_s:
            now_rise = rise + ramp * at_s
            die_more, radiator_more, error_k = self._try(
                die_k, radiator_k, die_rise, now_rise, ramp, h
            )
            if not error_k > TOLERATED_K:
                die_k += die_more
                radiator_k += radiator_more
                if h == dt_s - at_s:
                    break
                at_s += h
            h = min(h * next_share(error_k), dt_s - at_s)
        return [die_k, radiator_k]

    def _try(
        self,
        die_k: float,
        radiator_k: float,
        die_rise: float,
        rise: float,
        ramp: float,
        h: float,
    ) -> tuple[float, float, float]:
        """Return by how much die and radiator warm within ``h``, and the error's estimate, K.

        The two modes are named by what they add to the radiator; a mode that
        adds y to it adds y · a / (rate + a) to the die.
        """
        a, m, product, emits = self._die_per_s, self._radiator_per_s, self._product, self._emits
        gap, square = die_k - radiator_k, radiator_k * radiator_k
        cubed = emits * square * radiator_k
        die_slope = die_rise - a * gap
        slope = rise + m * gap - cubed * radiator_k
        linear = 4.0 * cubed

        half = 0.5 * (a - m - linear)  # rate + a of each mode, without cancellation
        if half >= 0.0:
            slow = half + sqrt(half * half + product)
            fast = -product / slow
        else:
            fast = half - sqrt(half * half + product)
            slow = -product / fast
        weight = fast / (product + fast * fast)
        share = fast * weight
        rest = 1.0 - share
        fast_b = share * slope + m * weight * die_slope
        slow_b = slope - fast_b
        fast_rate = fast - a
        slow_rate = a * linear / fast_rate

        f1h, f2h, f1, f2, f3 = responses(fast_rate, 0.5 * h)
        s1h, s2h, s1, s2, s3 = responses(slow_rate, 0.5 * h)
        fast_c, slow_c = share * ramp, rest * ramp
        middle = fast_b * f1h + fast_c * f2h + slow_b * s1h + slow_c * s2h
        fast_y, slow_y = fast_b * f1 + fast_c * f2, slow_b * s1 + slow_c * s2
        end = fast_y + slow_y

        six, four = 6.0 * square, 4.0 * radiator_k  # radiation beside its linear part
        middle_rest = -emits * middle * middle * (six + middle * (four + middle))
        end_rest = -emits * end * end * (six + end * (four + end))
        per_s = 1.0 / h if h > INSTANT_S else 1.0 / INSTANT_S
        bend = (4.0 * middle_rest - end_rest) * per_s
        turn = 4.0 * (end_rest - 2.0 * middle_rest) * per_s * per_s
        fast_y += share * (bend * f2 + turn * f3)
        slow_more = rest * (bend * s2 + turn * s3)
        slow_y += slow_more
        more = fast_y + slow_y

        swing = max(abs(middle), abs(end))
        reach = radiator_k + swing
        missed = abs(h * slope - 4.0 * middle + end) / 16.0 + abs(more - end) / 4.0
        lasts_s = h if linear * h < 1.0 else 1.0 / linear
        cubic = swing * swing * (four + swing) * BEND_SHARE
        error_k = emits * lasts_s * swing * (12.0 * reach * reach * missed + cubic)
        return -(slow * fast_y + fast * slow_y) / m, more, error_k
