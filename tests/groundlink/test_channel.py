import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from groundlink.channel import Bursts, Channel

SIGMAS = 4.0  # chance alone goes further once in 16,000 seeds; the seeds here are fixed
RATE_BPS = 1024.0  # a power of two: times of bits are exact
BURSTS = Bursts(mean_clear_s=20 / RATE_BPS, mean_burst_s=5 / RATE_BPS, bit_error_rate=0.3)
STEP_S = 1.0 / RATE_BPS  # from bit to bit, s


def channel(seed=1, **settings):
    return Channel(np.random.default_rng(seed), **settings)


def send(channel, frame, frames, rate_bps=9600.0, **loss):
    """Send a frame again and again, back to back."""
    length_s = 8 * len(frame) / rate_bps
    return [channel.cross(frame, k * length_s, rate_bps, **loss) for k in range(frames)]


def errors(channel, bits, frame_bytes=125):
    """Send zeros back to back; return uint8 array of shape (bits,): 1 where one flipped."""
    frames = send(channel, bytes(frame_bytes), bits // (8 * frame_bytes), RATE_BPS)
    return np.unpackbits(np.frombuffer(b"".join(frames), dtype=np.uint8))


def within(share, expected, trials, sigmas=SIGMAS):
    """Whether a share of independent trials is the expected one, but for chance."""
    return abs(share - expected) <= sigmas * math.sqrt(expected * (1 - expected) / trials)


def still_bursting(after_s, bursts=BURSTS):
    """The chance that a two-state chain, in a burst, is in one ``after_s`` later."""
    share = bursts.mean_burst_s / (bursts.mean_burst_s + bursts.mean_clear_s)
    rate = 1.0 / bursts.mean_burst_s + 1.0 / bursts.mean_clear_s
    return share + (1.0 - share) * math.exp(-rate * after_s)


@pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan])
@pytest.mark.parametrize("name", ["bit_error_rate", "frame_loss"])
def test_a_rate_is_a_share(name, rate):
    with pytest.raises(ValueError, match=name):
        channel(**{name: rate})


@pytest.mark.parametrize("mean_s", [0.0, -1.0, math.nan, math.inf])
def test_a_burst_has_a_mean_length(mean_s):
    with pytest.raises(ValueError, match="mean_burst_s"):
        Bursts(1.0, mean_s, 0.1)
    with pytest.raises(ValueError, match="mean_clear_s"):
        Bursts(mean_s, 1.0, 0.1)


def test_a_perfect_channel_changes_nothing():
    assert set(send(channel(), b"frame", 1000)) == {b"frame"}


@pytest.mark.parametrize(("bit_error_rate", "stated"), [(1e-6, 0.009), (1e-5, 0.085), (1e-4, 0.59)])
def test_frame_errors_follow_from_bit_errors(bit_error_rate, stated):
    """FER = 1 - (1 - BER)^(8 n), for frames of 1115 bytes; its values as our reference states."""
    frame, frames = bytes(1115), 40_000
    expected = 1 - (1 - bit_error_rate) ** (8 * len(frame))
    assert expected == pytest.approx(stated, rel=0.02)  # it states two digits
    damaged = sum(
        out != frame for out in send(channel(bit_error_rate=bit_error_rate), frame, frames)
    )
    assert within(damaged / frames, expected, frames)


def test_every_bit_of_a_frame_is_as_likely_to_flip():
    flipped = errors(channel(bit_error_rate=0.01), 1_000_000, frame_bytes=8)
    counts = flipped.reshape(-1, 64).sum(axis=0)
    assert chisquare(counts).pvalue > 1e-4


def test_every_bit_flips_where_all_do():
    assert channel(bit_error_rate=1.0).cross(bytes(3), 0.0, 9600.0) == b"\xff\xff\xff"


def test_frames_vanish_by_their_share():
    lost = send(channel(frame_loss=0.1), b"frame", 40_000).count(None)
    assert within(lost / 40_000, 0.1, 40_000)


def test_a_contact_s_own_loss_takes_the_place_of_the_channel_s():
    link = channel(frame_loss=0.5)
    assert send(link, b"frame", 1000, frame_loss=1.0) == [None] * 1000
    assert send(link, b"frame", 1000, frame_loss=0.0).count(None) == 0
    own = send(link, b"frame", 4000).count(None)
    assert within(own / 4000, 0.5, 4000)


def test_changing_losses_keep_each_its_share():
    link = channel()
    shares = (0.05, 0.4)
    lost = [0, 0]
    for k in range(40_000):
        lost[k % 2] += link.cross(b"frame", float(k), 9600.0, shares[k % 2]) is None
    assert [within(n / 20_000, share, 20_000) for n, share in zip(lost, shares, strict=True)] == [
        True,
        True,
    ]


def test_bursts_damage_by_their_share_of_time():
    """The share of time in bursts has the variance 2 p (1 - p) tau / T of a two-state chain."""
    bits = 2_000_000
    rate = errors(channel(bit_error_rate=0.001, bursts=BURSTS), bits).mean()
    share = 5 / 25
    expected = share * 0.3 + (1 - share) * 0.001
    tau_bits = 1 / (1 / 5 + 1 / 20)
    sigma = 0.3 * math.sqrt(2 * share * (1 - share) * tau_bits / bits)
    sigma += math.sqrt(expected / bits)  # of the bits within bursts
    assert abs(rate - expected) <= SIGMAS * sigma


def test_a_burst_lasts_its_mean_length():
    """Where every bit of a burst flips, runs of errors are the chain, looked at once a bit."""
    bursts = Bursts(BURSTS.mean_clear_s, BURSTS.mean_burst_s, bit_error_rate=1.0)
    flipped = errors(channel(bursts=bursts), 1_000_000).astype(int)
    edges = np.diff(flipped)
    runs = int((edges == 1).sum())
    mean_bits = flipped.sum() / runs
    expected_bits = 1.0 / (1.0 - still_bursting(STEP_S))  # geometric: its sigma is below its mean
    assert abs(mean_bits - expected_bits) <= SIGMAS * expected_bits / math.sqrt(runs)


@pytest.mark.parametrize("distance_bits", [1, 4, 20])
def test_errors_cluster_as_the_closed_form_says(distance_bits):
    """P(error at i + k | error at i) = BER (p + (1 - p) exp(-k dt / tau)) where clear is clean."""
    flipped = errors(channel(bursts=BURSTS), 4_000_000)
    again = flipped[distance_bits:][flipped[:-distance_bits] == 1]
    expected = 0.3 * still_bursting(distance_bits * STEP_S)
    # Errors of one burst are one trial, not several: about 25 bits from burst to burst.
    assert within(again.mean(), expected, flipped.size / 25)


@pytest.mark.parametrize("pause_s", [0.2, 1.0, 3.0, 1e9])
@pytest.mark.parametrize("mean_clear_s", [1.0, 9.0])
def test_bursts_come_and_go_between_frames(mean_clear_s, pause_s):
    bursts = Bursts(mean_clear_s, mean_burst_s=1.0, bit_error_rate=1.0)
    link, at_once_bps = channel(bursts=bursts), 1e12
    hit = [link.cross(b"\0", k * pause_s, at_once_bps) == b"\xff" for k in range(40_000)]
    after_hit = [later for earlier, later in pairwise(hit) if earlier]
    assert within(np.mean(after_hit), still_bursting(pause_s, bursts), len(after_hit))


def test_a_channel_is_in_a_burst_from_the_start_as_often_as_ever():
    bursts = Bursts(3.0, 1.0, bit_error_rate=1.0)
    first = [
        channel(seed, bursts=bursts).cross(b"\0", 5.0, 1e12) == b"\xff" for seed in range(4000)
    ]
    assert within(np.mean(first), 0.25, 4000)


@settings(deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.integers(1, 60), min_size=1, max_size=20),
    st.sampled_from([None, BURSTS, Bursts(0.5 * STEP_S, 0.25 * STEP_S, 1.0)]),
)
def test_bits_suffer_the_same_however_they_are_cut_into_frames(seed, lengths, bursts):
    whole = bytes(sum(lengths))
    start_s, cut = 0.0, []
    pieces = channel(seed, bit_error_rate=0.01, bursts=bursts)
    for length in lengths:
        cut.append(pieces.cross(bytes(length), start_s, RATE_BPS))
        start_s += 8 * length / RATE_BPS
    at_once = channel(seed, bit_error_rate=0.01, bursts=bursts).cross(whole, 0.0, RATE_BPS)
    assert b"".join(cut) == at_once


def test_the_same_seed_does_the_same():
    link = {"bit_error_rate": 1e-3, "frame_loss": 0.1, "bursts": BURSTS}
    first, second, other = (send(channel(seed, **link), bytes(99), 500) for seed in (1, 1, 2))
    assert first == second != other
