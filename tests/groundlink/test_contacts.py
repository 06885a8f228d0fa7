import math

import pytest

from groundlink.contacts import Contact


def test_a_contact_ends_after_it_begins():
    with pytest.raises(ValueError, match=r"los_s = 580\.0 and aos_s = 600\.0"):
        Contact("svalbard", 600.0, 580.0, 9600.0)


@pytest.mark.parametrize("rate_bps", [0.0, -1.0, math.nan, math.inf])
def test_a_contact_has_a_positive_rate(rate_bps):
    with pytest.raises(ValueError, match="positive number of bits"):
        Contact("svalbard", 0.0, 1.0, rate_bps)


@pytest.mark.parametrize("times", [(math.nan, 1.0), (0.0, math.nan), (0.0, math.inf)])
def test_a_contact_has_times(times):
    with pytest.raises(ValueError, match="aos_s < los_s"):
        Contact("svalbard", *times, 9600.0)
