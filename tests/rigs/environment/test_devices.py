"""Profiles of parts: what each number rests on, and the rates that follow."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from firmware_bridge.boards.profile import BoardProfile, shipped_profile_text
from firmware_bridge.faults import FaultKind
from payloads.injection.sites import upset_bits
from rigs.environment.devices import (
    CLAIM,
    CrossSection,
    DeviceProfile,
    Multiplicity,
    device_of,
    load_device,
    rates,
    shipped_devices,
)
from rigs.environment.faults import Strike
from rigs.shipped import parse

DEVICES = ["jetson-orin-nx", "jetson-tx2", "jetson-xavier-nx", "pi-class", "tpu-trillium"]
DAY_S = np.array([0.0, 43_200.0, 86_400.0])


def test_the_devices_are_there():
    assert shipped_devices() == DEVICES


@pytest.mark.parametrize("name", DEVICES)
def test_a_number_that_is_no_assumption_says_secondary_or_was_read(name):
    device = load_device(name)
    assert device.name == name
    figures = [getattr(device, key) for key in type(device).model_fields]
    for figure in figures:
        if figure is None or isinstance(figure, str):
            continue
        assert figure.source
        if figure.kind != "assumed":
            assert figure.primary_read != ("secondary" in figure.source)
    assert device.weight_share is None or device.weight_share.kind == "assumed"


# Daily rates at 25.3 /cm²/s (AP-8 minimum > 30 MeV, 550 km, sun-synchronous), published beside
# the cross-sections that were copied.
@pytest.mark.parametrize(
    ("name", "sefi_per_day"),
    [("jetson-orin-nx", 3.5e-3), ("jetson-xavier-nx", 2.8e-2), ("jetson-tx2", 2.2e-3)],
)
def test_hangs_per_day_are_those_of_the_reference(name, sefi_per_day):
    TWO_FIGURES = 0.02  # relative
    found = {rate.fault: rate for rate in rates_of(load_device(name))}
    assert found[FaultKind.SEFI].per_day == pytest.approx(sefi_per_day, rel=TWO_FIGURES)


def test_a_tpu_has_the_silent_corruptions_of_its_paper():
    # 150 rad a year at one in 17 rad: 0.024 a day; by flux and cross-section 0.020 at 9e-9.
    found = {rate.fault: rate for rate in rates_of(load_device("tpu-trillium"))}
    per_day = found[FaultKind.SEU].per_day + found[FaultKind.MBU].per_day
    assert 0.013 < per_day < 0.020  # 6e-9 to 9e-9
    assert found[FaultKind.SEFI].section.primary_read


# V20: TI SBOK044B: 6.4e-4 ions of LET > 43 per cm² and day on 9.23e-8 cm².
def test_v20_flux_times_cross_section_is_the_rate_of_a_data_sheet():
    ONE_PERCENT = 0.01
    flux = np.full(3, 6.4e-4 / 86_400.0)
    section = CrossSection(9.23e-8, "measured", "TI SBOK044B", primary_read=False)
    (rate,) = rates(DAY_S, flux, {FaultKind.SEL: section})
    assert rate.per_day == pytest.approx(5.91e-11, rel=ONE_PERCENT)
    assert rate.fit == pytest.approx(2.5e-3, rel=0.02)  # it gives two figures
    assert 1.0 / rate.per_day / 365.25 == pytest.approx(4.63e7, rel=ONE_PERCENT)


# V22: CREME96 against CRRES: calculated over observed from 0.8 to 2.4, on average 1.5.
@pytest.mark.parametrize("name", DEVICES)
def test_v22_every_rate_says_how_far_to_trust_it(name):
    for rate in rates_of(load_device(name)):
        assert rate.claim == CLAIM == "a factor of two at best"
        assert rate.section.source
        assert rate.section.kind in ("measured", "derived", "assumed")


def test_a_rate_is_accelerated_and_says_by_how_much():
    device = load_device("jetson-xavier-nx")
    plain, fast = (rates_of(device, acceleration=a) for a in (1.0, 5000.0))
    for slow, quick in zip(plain, fast, strict=True):
        assert quick.per_day == pytest.approx(5000.0 * slow.per_day)
        assert (slow.acceleration, quick.acceleration) == (1.0, 5000.0)


def test_upsets_go_with_the_weights_only_where_bits_were_counted():
    small, large = (load_device("jetson-tx2").cross_sections(bits) for bits in (10**6, 10**7))
    assert large[FaultKind.SEU].cm2 == pytest.approx(10.0 * small[FaultKind.SEU].cm2)
    per_device = [load_device("jetson-orin-nx").cross_sections(bits) for bits in (10**6, 10**7)]
    assert per_device[0] == per_device[1]
    both = per_device[0][FaultKind.SEU].cm2 + per_device[0][FaultKind.MBU].cm2
    assert both == pytest.approx(0.5 * 3.90e-9)
    assert per_device[0][FaultKind.SEU].kind == "assumed"  # the share on weights is


def test_the_board_itself_is_the_part_unless_another_is_named():
    text = shipped_profile_text("raspberry-pi-4b")
    board = BoardProfile.model_validate(parse(text, "raspberry-pi-4b"))
    sections = device_of(board).cross_sections(8 * 10**6)
    upset_cm2 = board.radiation.seu_cm2_per_bit.value * 8e6
    assert sections[FaultKind.SEU].cm2 == pytest.approx(upset_cm2 * 0.685)
    assert sections[FaultKind.SEFI].cm2 == board.radiation.sefi_cm2.value
    strike = Strike(1.0, FaultKind.MBU, (0.1, 0.2, 0.3, 0.4))
    assert device_of(board).variates(strike) == strike.variates


def test_an_upset_of_many_bits_has_its_width_from_its_second_variate():
    device = load_device("pi-class")
    uniform = (np.arange(100_000) + 0.5) / 100_000
    widths = np.array([device.mbu_multiplicity.bits(u) for u in uniform])
    shares = np.bincount(widths, minlength=9)[2:] / len(widths)
    GRID = 1e-5  # of the variates
    expected = [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.015625]
    assert shares == pytest.approx(expected, abs=GRID)
    for u, width in zip(uniform[::997], widths[::997], strict=True):
        strike = Strike(1.0, FaultKind.MBU, (0.1, float(u), 0.3, 0.4))
        flown = device.variates(strike)
        assert upset_bits(flown[1]) == min(width, 4)
        assert (flown[0], *flown[2:]) == (0.1, 0.3, 0.4)
    seu = Strike(1.0, FaultKind.SEU, (0.1, 0.2, 0.3, 0.4))
    assert device.variates(seu) == seu.variates


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="no part 'jetson-nano' is known; there is jetson-orin-nx"):
        load_device("jetson-nano")
    good = load_device("jetson-orin-nx").model_dump()
    for wrong in (
        {"weight_share": None},
        {"seu_cm2": None, "weight_share": None},
        {"seu_cm2_per_bit": good["seu_cm2"]},
        {"sefi_cm2": good["sefi_cm2"] | {"value": -1.0}},
    ):
        with pytest.raises(ValidationError):
            DeviceProfile.model_validate(good | wrong)
    with pytest.raises(ValidationError, match="sum to 1"):
        Multiplicity(shares=[0.5, 0.4], kind="assumed", source="x", primary_read=False)


def rates_of(device, acceleration=1.0):
    return rates(DAY_S, np.full(3, 25.3), device.cross_sections(8 * 10**6), acceleration)
