"""Nodes that store heat, joined by conduction, some of which radiate to a sink."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from payloads.exponentials import responses

# What one sub-step may err by; a hundred of them stay below the microkelvin that steps
# of different lengths may differ by.
TOLERATED_K = 2e-9
INSTANT_S = 1e-100  # a step so short that its square is still a number
# Of x³ and x⁴ on 0..1, what a parabola through 0, ½ and 1 leaves of a decaying mean: at most.
BEND_SHARE = 0.01
_ANCHORS_K = 2.0  # apart: temperatures about which radiation is split into linear and rest
_MODES_KEPT = 512
_SHRINKS_TO, _GROWS_BY = 0.1, 4.0  # a sub-step against the one before


@dataclass(frozen=True, slots=True)
class Node:
    """A lump of one temperature; ``w_per_k4`` is emissivity × area × σ of what it shows to space.

    Raises:
        ValueError: the capacity is not positive, or another number is negative.
    """

    capacity_j_per_k: float
    w_per_k4: float = 0.0
    sink_k: float = 0.0

    def __post_init__(self) -> None:
        if not (self.capacity_j_per_k > 0.0 and self.w_per_k4 >= 0.0 and self.sink_k >= 0.0):
            raise ValueError(f"{self} must have a capacity above 0, and nothing below 0")

    def radiated_w(self, kelvin: float) -> float:
        """Return what it sends out, less what its sink sends in."""
        square, sink = kelvin * kelvin, self.sink_k * self.sink_k
        return self.w_per_k4 * (square * square - sink * sink)


@dataclass(frozen=True, slots=True)
class Link:
    """Conduction between two nodes, by their places in the network."""

    one: int
    other: int
    w_per_k: float


class Modes(NamedTuple):
    """A network's linear part about one set of temperatures, in modes that do not mix."""

    rates_per_s: list[float]
    push: list[list[float]]  # watts to modes
    out: list[list[float]]  # modes to kelvin
    linear_w_per_k: list[float]  # of radiation, for each radiating node
    shown_push: list[list[float]]  # the part of ``push`` that belongs to radiating nodes


class Piece(NamedTuple):
    """A sub-step that was taken: when it began, and from which temperatures."""

    at_s: float
    kelvin: list[float]


class HeatNetwork:
    """Nodes and links, integrated so that steps of any length compose to 1e-6 K.

    Each sub-step solves conduction, a ramp of power and the linear part of
    radiation exactly, in modes that decay, so that no step can blow up; what
    radiation has beside its linear part is laid through a parabola in time
    along that solution (fourth order), and the sub-step is as long as the
    error of that, estimated with it, allows.

    Source: Hochbruck & Ostermann, "Exponential integrators", Acta Numerica
    19 (2010), exponential Rosenbrock methods; modes by the symmetric
    eigenproblem of the capacity-scaled conductances.
    """

    def __init__(self, nodes: Sequence[Node], links: Sequence[Link]) -> None:
        """Take nodes in the order in which their temperatures are given.

        Raises:
            ValueError: a link does not join two of the nodes, or its conductance is not positive.
        """
        self.nodes, self.links = tuple(nodes), tuple(links)
        for link in links:
            places = {link.one, link.other}
            if len(places) < 2 or not places <= set(range(len(nodes))) or not link.w_per_k > 0.0:
                raise ValueError(f"{link} must join two of {len(nodes)} nodes, above 0 W/K")
        self._radiators = [i for i, node in enumerate(nodes) if node.w_per_k4 > 0.0]
        self._ties = [(link.one, link.other, link.w_per_k) for link in links]
        self._kept: Callable[[tuple[float, ...]], Modes] = lru_cache(_MODES_KEPT)(self._split)

    def step(
        self, kelvin: list[float], watts: list[float], slopes_w_s: list[float], dt_s: float
    ) -> list[float]:
        """Return the temperatures after ``dt_s``, K.

        The nodes take in ``watts`` at the start, changing by ``slopes_w_s``.
        """
        for piece in self.pieces(kelvin, watts, slopes_w_s, dt_s):
            kelvin = piece.kelvin
        return kelvin

    def pieces(
        self, kelvin: list[float], watts: list[float], slopes_w_s: list[float], dt_s: float
    ) -> Iterator[Piece]:
        """Yield the sub-steps that ``dt_s`` takes, and last of all where they end."""
        at_s, h, exact = 0.0, dt_s, False
        while at_s < dt_s:
            yield Piece(at_s, kelvin)
            now_w = [w + s * at_s for w, s in zip(watts, slopes_w_s, strict=True)]
            net_w = self.net_w(kelvin, now_w)
            modes = self._modes_at(kelvin, exact)
            rise, error_k = self._try(kelvin, modes, net_w, slopes_w_s, h)
            if error_k > TOLERATED_K and not exact:
                exact, modes = True, self._modes_at(kelvin, exact=True)
                rise, error_k = self._try(kelvin, modes, net_w, slopes_w_s, h)
            while error_k > TOLERATED_K:
                h *= next_share(error_k)
                rise, error_k = self._try(kelvin, modes, net_w, slopes_w_s, h)
            kelvin = [k + r for k, r in zip(kelvin, rise, strict=True)]
            at_s = dt_s if h == dt_s - at_s else at_s + h
            h = min(h * next_share(error_k), dt_s - at_s)
        yield Piece(dt_s, kelvin)

    def net_w(self, kelvin: Sequence[float], watts: Sequence[float]) -> list[float]:
        """Return what each node stores per second, W: power, conduction and radiation."""
        net = list(watts)
        for one, other, w_per_k in self._ties:
            flow_w = w_per_k * (kelvin[other] - kelvin[one])
            net[one] += flow_w
            net[other] -= flow_w
        for i in self._radiators:
            net[i] -= self.nodes[i].radiated_w(kelvin[i])
        return net

    def _try(
        self,
        kelvin: list[float],
        modes: Modes,
        net_w: list[float],
        slopes_w_s: list[float],
        h: float,
    ) -> tuple[list[float], float]:
        """Return by how much the nodes warm within ``h``, and by how much that may be wrong, K."""
        b = [_dot(row, net_w) for row in modes.push]
        c = [_dot(row, slopes_w_s) for row in modes.push] if any(slopes_w_s) else slopes_w_s
        answers = [responses(rate, 0.5 * h) for rate in modes.rates_per_s]
        middle = [bj * x[0] + cj * x[1] for x, bj, cj in zip(answers, b, c, strict=True)]
        end = [bj * x[2] + cj * x[3] for x, bj, cj in zip(answers, b, c, strict=True)]
        per_s = 1.0 / max(h, INSTANT_S)
        bends, turns, doubts = list[float](), list[float](), list[tuple[int, float, float]]()
        for i, linear in zip(self._radiators, modes.linear_w_per_k, strict=True):
            node, row = self.nodes[i], modes.out[i]
            middle_k, end_k = _dot(row, middle), _dot(row, end)
            middle_w = _rest_w(node.w_per_k4, kelvin[i], linear, middle_k)
            end_w = _rest_w(node.w_per_k4, kelvin[i], linear, end_k)
            bends.append((4.0 * middle_w - end_w) * per_s)
            turns.append(4.0 * (end_w - 2.0 * middle_w) * per_s * per_s)
            missed_k = h * net_w[i] / node.capacity_j_per_k - 4.0 * middle_k + end_k
            swing_k = max(abs(middle_k), abs(end_k))
            lasts_s = node.capacity_j_per_k / max(node.capacity_j_per_k * per_s, linear)
            per_k, fixed_k = _doubt(node, kelvin[i], linear, swing_k, lasts_s)
            doubts.append((i, per_k, fixed_k + per_k * abs(missed_k) / 16.0))
        more = [
            _dot(row, bends) * x[3] + _dot(row, turns) * x[4]
            for row, x in zip(modes.shown_push, answers, strict=True)
        ]
        error_k = 0.0
        for i, per_k, so_far_k in doubts:
            moved_k = abs(_dot(modes.out[i], more)) / 4.0  # as if it grew with the cube of time
            error_k = max(error_k, so_far_k + per_k * moved_k)
        whole = [y + z for y, z in zip(end, more, strict=True)]
        return [_dot(row, whole) for row in modes.out], error_k

    def _modes_at(self, kelvin: list[float], exact: bool) -> Modes:
        """Return the modes about these temperatures, or about kept ones that are near."""
        if exact:
            return self._split(tuple(kelvin[i] for i in self._radiators))
        return self._kept(
            tuple(_ANCHORS_K * round(kelvin[i] / _ANCHORS_K) for i in self._radiators)
        )

    def _split(self, radiators_k: tuple[float, ...]) -> Modes:
        linear = [
            4.0 * self.nodes[i].w_per_k4 * kelvin * kelvin * kelvin
            for i, kelvin in zip(self._radiators, radiators_k, strict=True)
        ]
        matrix: NDArray[np.float64] = self.conduction()
        for i, w_per_k in zip(self._radiators, linear, strict=True):
            matrix[i, i] -= w_per_k
        roots = np.sqrt([node.capacity_j_per_k for node in self.nodes])
        rates, vectors = np.linalg.eigh(matrix / np.outer(roots, roots))
        push = vectors.T / roots
        return Modes(
            rates_per_s=np.minimum(rates, 0.0).tolist(),
            push=push.tolist(),
            out=push.T.tolist(),
            linear_w_per_k=linear,
            shown_push=push[:, self._radiators].tolist(),
        )

    def conduction(self) -> NDArray[np.float64]:
        """Return the matrix (nodes, nodes) that makes watts of temperatures, W/K, by conduction."""
        matrix: NDArray[np.float64] = np.zeros((len(self.nodes), len(self.nodes)))
        for one, other, w_per_k in self._ties:
            matrix[[one, other], [one, other]] -= w_per_k
            matrix[[one, other], [other, one]] += w_per_k
        return matrix


def next_share(error_k: float) -> float:
    """Return how much longer the next sub-step may be than one that erred by ``error_k``.

    >>> next_share(0.0), next_share(1e9), round(next_share(TOLERATED_K), 3)
    (4.0, 0.1, 0.85)
    """
    if error_k <= 0.0:
        return _GROWS_BY
    fits: float = 0.85 * (TOLERATED_K / error_k) ** 0.2  # the method's local order is five
    return min(max(fits, _SHRINKS_TO), _GROWS_BY)


def _doubt(
    node: Node, kelvin: float, linear_w_per_k: float, swing_k: float, lasts_s: float
) -> tuple[float, float]:
    """Return what a sub-step's radiation may be wrong by, K: for each kelvin of path, and at all.

    ``lasts_s`` is how long an error of power stays in the node. The path is
    wrong where it leaves the parabola that its middle, its end and its
    starting slope do not agree on (by an eighth of that at most), and by
    what the correction would change in itself. Radiation is wrong at all by
    its third and fourth powers in the swing, which no parabola follows.
    """
    reach_k = kelvin + swing_k
    off = abs(linear_w_per_k - 4.0 * node.w_per_k4 * kelvin * kelvin * kelvin)
    gain = off + 12.0 * node.w_per_k4 * reach_k * reach_k * swing_k
    bend = node.w_per_k4 * swing_k * swing_k * swing_k * (4.0 * kelvin + swing_k) * BEND_SHARE
    return gain * lasts_s / node.capacity_j_per_k, bend * lasts_s / node.capacity_j_per_k


def _rest_w(w_per_k4: float, kelvin: float, linear_w_per_k: float, rise_k: float) -> float:
    """Return the power at a node that risen by ``rise_k`` is left to the parabola."""
    square = kelvin * kelvin
    cubic = rise_k * (6.0 * square + rise_k * (4.0 * kelvin + rise_k))
    return rise_k * (linear_w_per_k - w_per_k4 * (4.0 * square * kelvin + cubic))


def _dot(a: list[float], b: list[float]) -> float:
    total: float = sum(map(mul, a, b))
    return total
