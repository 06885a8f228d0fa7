"""Temperatures at any moments of what has been flown, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from payloads.exponentials import responses_at
from payloads.heat_network import BEND_SHARE, INSTANT_S, TOLERATED_K, HeatNetwork

Array = NDArray[np.float64]

# Modes that decay more slowly, or swing wider, would lose more than 1e-9 K of the sixteen
# digits to cancellation.
SLOWEST_PER_S, LARGEST_K = 1e-9, 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """A history: n stretches, each from its start to the next, with power linear in time.

    ``starts_s`` rises, shape (n,); ``kelvin``, ``watts`` and ``slopes_w_s``
    are each stretch's temperatures, loads and their slopes at its start,
    shape (n, nodes).

    Raises:
        ValueError: the shapes differ, or a stretch starts before the one ahead of it.
    """

    starts_s: Array
    kelvin: Array
    watts: Array
    slopes_w_s: Array

    def __post_init__(self) -> None:
        shapes = {self.kelvin.shape, self.watts.shape, self.slopes_w_s.shape}
        if len(shapes) > 1 or self.kelvin.shape[:1] != self.starts_s.shape:
            raise ValueError(f"shapes {shapes} must be ({self.starts_s.size}, nodes)")
        if (np.diff(self.starts_s) < 0.0).any():
            raise ValueError("starts_s must rise")


class _Paths(NamedTuple):
    """How each stretch goes on from its start, in modes; shapes (n, nodes)."""

    rates_per_s: Array
    out: Array  # (n, nodes, nodes), modes to kelvin
    push: Array
    ramp: Array
    bend: Array
    turn: Array
    error_k: Array  # (n,)


def along(network: HeatNetwork, stretches: Stretches, t_s: Array) -> Array:
    """Return the temperatures, shape (m, nodes), at ``t_s``, shape (m,), K.

    Good to the microkelvin to which steps compose. Moments after the last
    start belong to the last stretch.

    Raises:
        ValueError: a moment lies before the first start.
    """
    if len(t_s) == 0:
        return np.empty((0, stretches.kelvin.shape[1]))
    if t_s.min() < stretches.starts_s[0]:
        raise ValueError(f"t_s = {t_s.min()} is before the history's {stretches.starts_s[0]} s")
    ends_s = np.append(stretches.starts_s[1:], max(t_s.max(), stretches.starts_s[-1]))
    lengths_s = ends_s - stretches.starts_s
    paths = _paths(network, stretches, lengths_s)
    coarse = np.flatnonzero(paths.error_k > TOLERATED_K)
    if len(coarse):
        stretches, lengths_s = _refined(network, stretches, lengths_s, coarse.tolist())
        paths = _paths(network, stretches, lengths_s)
    row = np.searchsorted(stretches.starts_s, t_s, side="right") - 1
    after_s = (t_s - stretches.starts_s[row])[:, None]
    return stretches.kelvin[row] + _rise(paths, row, after_s)


def _rise(paths: _Paths, row: NDArray[np.intp], after_s: Array) -> Array:
    """Return by how much the nodes warmed since the start of their stretch, (m, nodes), K."""
    rates = np.minimum(paths.rates_per_s, -SLOWEST_PER_S)
    turn = paths.turn / rates
    ramp = (paths.ramp + paths.bend + turn) / rates
    fall = (paths.push + ramp) / rates
    largest_k = (np.abs(paths.out).max(axis=1) * np.abs(fall)).max()
    if paths.rates_per_s.max() > -SLOWEST_PER_S or largest_k > LARGEST_K:
        return _careful_rise(paths, row, after_s)
    after_s = after_s[:, 0]  # nodes by rows from here on: numpy is at its best along long ones
    rise = np.take(-0.5 * _outof(paths.out, turn).T, row, axis=1)
    rise *= after_s
    rise -= np.take(_outof(paths.out, ramp).T, row, axis=1)
    rise *= after_s
    falls = paths.out * fall[:, None, :]
    for j in range(rates.shape[1]):
        fallen = np.expm1(np.take(rates[:, j], row) * after_s)
        rise += np.take(falls[:, :, j].T, row, axis=1) * fallen
    return rise.T


def _careful_rise(paths: _Paths, row: NDArray[np.intp], after_s: Array) -> Array:
    """Do the same without a difference of large numbers, for modes that hardly decay."""
    first, second, third = responses_at(paths.rates_per_s[row], after_s)
    modes = paths.push[row] * first
    modes += (paths.ramp + paths.bend)[row] * second
    modes += paths.turn[row] * third
    rise: Array = np.einsum("mij,mj->mi", paths.out[row], modes)
    return rise


def _paths(network: HeatNetwork, stretches: Stretches, lengths_s: Array) -> _Paths:
    """Do for all stretches what `HeatNetwork` does for a sub-step."""
    kelvin = stretches.kelvin
    capacity = np.array([node.capacity_j_per_k for node in network.nodes])
    emits = np.array([node.w_per_k4 for node in network.nodes])
    sink_k = np.array([node.sink_k for node in network.nodes])
    conduction, roots = network.conduction(), np.sqrt(capacity)
    linear = 4.0 * emits * kelvin**3
    scaled = (conduction - linear[:, None, :] * np.eye(len(roots))) / np.outer(roots, roots)
    rates, vectors = np.linalg.eigh(scaled)
    rates = np.minimum(rates, 0.0)
    out = vectors / roots[:, None]
    net_w = stretches.watts + kelvin @ conduction - emits * (kelvin**4 - sink_k**4)
    push, ramp = _into(out, net_w), _into(out, stretches.slopes_w_s)

    h = np.maximum(lengths_s, INSTANT_S)[:, None]
    half_1, half_2, _ = responses_at(rates, 0.5 * h)
    whole_1, whole_2, whole_3 = responses_at(rates, h)
    middle = _outof(out, push * half_1 + ramp * half_2)
    end = _outof(out, push * whole_1 + ramp * whole_2)
    middle_w, end_w = (_rest_w(emits, kelvin, rise) for rise in (middle, end))
    bend = _into(out, (4.0 * middle_w - end_w) / h)
    turn = _into(out, 4.0 * (end_w - 2.0 * middle_w) / (h * h))

    swing = np.maximum(np.abs(middle), np.abs(end))
    lasts_s = capacity / np.maximum(capacity / h, linear)
    gain = 12.0 * emits * (kelvin + swing) ** 2 * swing * lasts_s / capacity
    fixed = emits * swing**3 * (4.0 * kelvin + swing) * BEND_SHARE * lasts_s / capacity
    missed = np.abs(h * _outof(out, push) - 4.0 * middle + end) / 16.0
    missed += np.abs(_outof(out, bend * whole_2 + turn * whole_3)) / 4.0
    return _Paths(rates, out, push, ramp, bend, turn, (gain * missed + fixed).max(axis=1))


def _into(out: Array, watts: Array) -> Array:
    pushed: Array = np.einsum("nij,ni->nj", out, watts)
    return pushed


def _outof(out: Array, modes: Array) -> Array:
    kelvin: Array = np.einsum("nij,nj->ni", out, modes)
    return kelvin


def _rest_w(emits: Array, kelvin: Array, rise: Array) -> Array:
    square = rise * rise
    rest: Array = -emits * square * (6.0 * kelvin * kelvin + 4.0 * kelvin * rise + square)
    return rest


def _refined(
    network: HeatNetwork, stretches: Stretches, lengths_s: Array, coarse: list[int]
) -> tuple[Stretches, Array]:
    """Return the stretches with some cut into the sub-steps that they need."""
    rows, starts = list[Array](), list[float]()
    kelvin, watts, slopes = stretches.kelvin, stretches.watts, stretches.slopes_w_s
    kept = np.ones(len(lengths_s), dtype=bool)
    kept[coarse] = False
    lengths = list[float]()
    for i in coarse:
        pieces = list(
            network.pieces(
                kelvin[i].tolist(), watts[i].tolist(), slopes[i].tolist(), float(lengths_s[i])
            )
        )
        for piece, following in pairwise(pieces):
            starts.append(float(stretches.starts_s[i]) + piece.at_s)
            lengths.append(following.at_s - piece.at_s)
            rows.append(np.stack([piece.kelvin, watts[i] + slopes[i] * piece.at_s, slopes[i]]))
    order = np.argsort(np.concatenate([stretches.starts_s[kept], starts]), kind="stable")

    def merged(old: Array, new: Array) -> Array:
        return np.asarray(np.concatenate([old[kept], new])[order])

    cut = np.array(rows)
    return (
        Stretches(
            merged(stretches.starts_s, np.array(starts)),
            merged(kelvin, cut[:, 0]),
            merged(watts, cut[:, 1]),
            merged(slopes, cut[:, 2]),
        ),
        merged(lengths_s, np.array(lengths)),
    )
