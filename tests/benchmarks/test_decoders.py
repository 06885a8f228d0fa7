"""A flight's downlink, read by ccsdspy: somebody else's decoder, installed by ``make prove``."""

import struct

import pytest

from rigs.flight import fly
from rigs.reading import read_scenario
from rigs.rig import RigTable

pytestmark = pytest.mark.slow

FIRST_DAY_1958_TO_2026 = 24_915  # 2026-03-20: days since 1958-01-01, counted by datetime elsewhere


def test_every_packet_of_a_day_is_read_by_ccsdspy(tmp_path):
    pytest.importorskip("ccsdspy", reason="an oracle; pip install highbay[oracles]")
    from ccsdspy.utils import count_packets, iter_packet_bytes, split_by_apid

    landed = fly(read_scenario("first-light"), RigTable(mode="emulation"), tmp_path / "r", print_no)
    path = str(landed.folder / "downlink.ccsds")
    frames = landed.summary["link"]["frames"]["received"]
    assert count_packets(path) == frames > 1000
    by_apid = split_by_apid(path)
    assert set(by_apid) == {0x100, 0x101}
    packets = [bytes(packet) for packet in iter_packet_bytes(path)]
    assert len(packets) == frames
    for packet in packets:
        assert packet[6] >> 4 == 2  # PUS-C
        assert packet[13] == 0x41  # CDS with microseconds
        assert struct.unpack_from(">H", packet, 14)[0] == FIRST_DAY_1958_TO_2026
    counts = [struct.unpack_from(">H", p, 2)[0] & 0x3FFF for p in packets if p[1] == 0]
    assert counts == sorted(counts)  # one frame in all was lost, so counts rise with gaps
    print(f"ccsdspy reads {frames} packets of {len(by_apid)} APIDs")


def print_no(t_s):
    """Show no progress."""
