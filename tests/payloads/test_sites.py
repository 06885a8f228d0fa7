import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from firmware_bridge.faults import FaultKind, FaultSite
from payloads.injection.sites import MBU_SHARES, SiteError, choose, flip, read
from payloads.storage import STORAGE, Cells

UNITS = st.floats(0.0, 1.0, exclude_max=True)
KINDS = st.sampled_from([FaultKind.SEU, FaultKind.MBU, FaultKind.SET])
ONE_IN_A_THOUSAND = 0.999  # the seed is fixed, so a fair chooser fails never or always
EVERY = tuple(STORAGE.values())
NUMPY = tuple(s for s in EVERY if s.bits >= 8 and s.name != "bfloat16")


@st.composite
def tensors(draw, storages=EVERY):
    shape = draw(st.lists(st.integers(1, 5), max_size=4).map(tuple))
    return Cells(draw(st.text("abc", min_size=1)), draw(st.sampled_from(storages)), shape)


@st.composite
def struck_memories(draw, storages=EVERY):
    cells = draw(tensors(storages))
    memory = draw(st.binary(min_size=cells.size_bytes, max_size=cells.size_bytes))
    return cells, memory, choose([cells], draw(KINDS), (draw(UNITS), draw(UNITS)))


@given(struck_memories())
def test_a_site_flipped_twice_leaves_memory_as_it_was(struck):
    cells, pristine, site = struck
    memory = bytearray(pristine)
    flip(memory, cells, site)
    assert memory != pristine
    flip(memory, cells, site)
    assert memory == pristine


@given(struck_memories())
def test_exactly_the_bits_of_the_site_flip(struck):
    cells, pristine, site = struck
    memory = bytearray(pristine)
    flip(memory, cells, site)
    changed = int.from_bytes(memory, "little") ^ int.from_bytes(pristine, "little")
    first = int(np.ravel_multi_index(site.index, cells.shape)) if cells.shape else 0
    assert changed == sum(1 << first * cells.storage.bits + bit for bit in site.bits)


@given(struck_memories(storages=NUMPY))
def test_values_are_those_that_numpy_reads(struck):
    cells, pristine, site = struck
    memory = bytearray(pristine)
    landed = flip(memory, cells, site)
    for raw, value in ((pristine, landed.before), (bytes(memory), landed.after)):
        array = np.frombuffer(raw, cells.storage.name).reshape(cells.shape)
        assert value == array[site.index] or (np.isnan(value) and np.isnan(array[site.index]))


@given(st.lists(tensors(), min_size=1, max_size=5), KINDS, UNITS, UNITS)
def test_every_site_lies_inside_a_tensor(several, kind, place, width):
    several = [Cells(f"{k}", c.storage, c.shape) for k, c in enumerate(several)]
    site = choose(several, kind, (place, width))
    cells = several[int(site.tensor)]
    assert all(0 <= i < size for i, size in zip(site.index, cells.shape, strict=True))
    assert 0 <= site.bits[0] < cells.storage.bits
    assert site.bits == tuple(range(site.bits[0], site.bits[0] + len(site.bits)))
    flip(bytearray(cells.size_bytes), cells, site)


def test_upsets_are_uniform_over_the_memory_footprint():
    several = [
        Cells("weight", STORAGE["FLOAT"], (2, 3)),
        Cells("kernel", STORAGE["INT8"], (8,)),
        Cells("half", STORAGE["FLOAT16"], (2, 2)),
        Cells("nibbles", STORAGE["INT4"], (5,)),
        Cells("scale", STORAGE["FLOAT"], ()),
    ]
    chance = np.random.default_rng(6)
    counts: dict[tuple[object, ...], int] = {}
    draws, bits = 40_000, sum(cells.bits for cells in several)
    for place in chance.random(draws):
        site = choose(several, FaultKind.SEU, (place, 0.0))
        key = (site.tensor, site.index, site.bits)
        counts[key] = counts.get(key, 0) + 1
    expected = draws / bits
    seen = np.array([*counts.values(), *[0] * (bits - len(counts))])
    assert ((seen - expected) ** 2 / expected).sum() < chi2.ppf(ONE_IN_A_THOUSAND, bits - 1)


def test_multiple_bit_upsets_have_the_documented_widths():
    cells = Cells("w", STORAGE["FLOAT"], (1000,))
    chance = np.random.default_rng(7)
    pairs = chance.random((7_000, 2)).tolist()
    widths = [len(choose([cells], FaultKind.MBU, pair).bits) for pair in pairs]
    expected = np.array([7_000 * share for share in MBU_SHARES.values()])
    seen = np.array([widths.count(width) for width in MBU_SHARES])
    assert seen.sum() == 7_000
    assert ((seen - expected) ** 2 / expected).sum() < chi2.ppf(ONE_IN_A_THOUSAND, 2)


def test_a_multiple_bit_upset_runs_over_into_the_next_element():
    cells = Cells("w", STORAGE["INT8"], (2, 2))
    site = choose([cells], FaultKind.MBU, (15 / 32, 0.0))
    assert (site.index, site.bits) == ((0, 1), (7, 8))
    memory = bytearray(4)
    landed = flip(memory, cells, site)
    assert list(memory) == [0, 0x80, 0x01, 0]
    assert (landed.before, landed.after) == (0.0, -128.0)


def test_at_the_end_of_memory_adjacent_bits_move_back_inside():
    cells = Cells("w", STORAGE["UINT8"], (2,))
    site = choose([cells], FaultKind.MBU, (0.9999, 0.9999))
    assert (site.index, site.bits) == ((1,), (4, 5, 6, 7))


@pytest.mark.parametrize(
    ("storage", "pattern", "value"),
    [
        ("BFLOAT16", 0x3FC0, 1.5),
        ("FLOAT16", 0xC000, -2.0),
        ("DOUBLE", 0x3FF0 << 48, 1.0),
        ("INT4", 0xF, -1.0),
        ("UINT4", 0xF, 15.0),
        ("INT16", 0x8000, -32768.0),
        ("UINT32", 0xFFFF_FFFF, 4294967295.0),
    ],
)
def test_a_pattern_means_what_its_type_says(storage, pattern, value):
    assert STORAGE[storage].value(pattern) == value


def test_four_bit_elements_share_a_byte_low_half_first():
    cells = Cells("w", STORAGE["INT4"], (3,))
    memory = bytearray([0xF1, 0x02])
    assert [read(memory, cells, (k,)) for k in range(3)] == [1.0, -1.0, 2.0]


@pytest.mark.parametrize(
    ("index", "bits"),
    [((2,), (0,)), ((-1,), (0,)), ((0, 0), (0,)), ((1,), (8,)), ((0,), ()), ((0,), (-1,))],
)
def test_a_site_outside_the_tensor_flips_nothing(index, bits):
    memory = bytearray(2)
    with pytest.raises(SiteError, match="outside 'w', int8 of shape"):
        flip(memory, Cells("w", STORAGE["INT8"], (2,)), FaultSite("w", index, bits, 0.0, 0.0))
    assert not any(memory)


@pytest.mark.parametrize("variates", [(), (0.5,), (1.0, 0.5), (-0.1, 0.5), (float("nan"), 0.5)])
def test_a_fault_without_uniform_variates_has_no_site(variates):
    with pytest.raises(SiteError, match="needs two variates"):
        choose([Cells("w", STORAGE["INT8"], (2,))], FaultKind.SEU, variates)


def test_where_nothing_is_stored_nothing_is_struck():
    with pytest.raises(SiteError, match="no weight to strike"):
        choose([], FaultKind.SEU, (0.5, 0.5))
