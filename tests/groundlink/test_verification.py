import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.ecss.fields import PacketFieldU8
from spacepackets.ecss.pus_1_verification import FailureNotice, VerificationParams
from spacepackets.ecss.req_id import RequestId

from groundlink.packets import FrameError
from groundlink.verification import (
    MOST_REASON_BYTES,
    Failure,
    Verification,
    read_report,
    report_body,
)

STAGES = ("acceptance", "start", "completion")
request_ids = st.binary(min_size=4, max_size=4)
reasons = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.sampled_from(STAGES), request_ids)
def test_a_success_makes_the_round_trip(stage, request_id):
    report = Verification(stage, True, request_id)
    assert read_report(report_body(report)) == report


@given(st.sampled_from(STAGES), request_ids, st.sampled_from(Failure), reasons)
def test_a_failure_makes_the_round_trip(stage, request_id, failure, detail):
    report = Verification(stage, False, request_id, failure.value + detail)
    assert read_report(report_body(report)) == report


@given(st.text())
def test_any_reason_can_be_reported(reason):
    body = report_body(Verification("start", False, b"\x19\x01\xc0\x07", reason))
    assert len(body) <= 6 + MOST_REASON_BYTES
    assert not read_report(body).ok


def test_a_long_reason_is_cut_between_characters():
    body = report_body(Verification("start", False, bytes(4), "x" + "é" * 200))
    assert read_report(body).reason == "x" + "é" * 99


def test_a_success_gives_no_reason():
    assert report_body(Verification("start", True, bytes(4), "because")) == b"\x03" + bytes(4)


@pytest.mark.parametrize(
    ("report", "subtype"),
    [
        (Verification(s, ok, bytes(4)), t)
        for (s, ok), t in zip(
            [(s, ok) for s in STAGES for ok in (True, False)], (1, 2, 3, 4, 7, 8), strict=True
        )
    ],
)
def test_reports_have_the_subtypes_of_the_standard(report, subtype):
    assert report_body(report)[0] == subtype  # ECSS-E-ST-70-41C, 8.1.2


def test_a_report_is_source_data_as_spacepackets_packs_them():
    request_id = bytes.fromhex("1901c007")
    body = report_body(Verification("start", False, request_id, "there is no model 'a'"))
    theirs = VerificationParams(
        RequestId.unpack(request_id),
        failure_notice=FailureNotice(PacketFieldU8(Failure.UNKNOWN_NAME.code), b"model 'a'"),
    )
    assert body == b"\x04" + bytes(theirs.pack())


@given(st.binary(max_size=30))
def test_noise_is_refused_or_is_a_report(noise):
    try:
        report = read_report(noise)
    except FrameError:
        return
    assert report.stage in STAGES


@pytest.mark.parametrize(
    "body",
    ["", "01", "0100000000 00", "02 00000000", "0500000000", "02 00000000 ff", "02000000ff00ff"],
)
def test_what_is_no_report_is_refused(body):
    with pytest.raises(FrameError, match=r"none of service 1|has no reason"):
        read_report(bytes.fromhex(body))


def test_only_stages_of_verification_can_be_reported():
    with pytest.raises(ValueError, match="is not acceptance, start or completion"):
        Verification("progress", True, bytes(4))
    with pytest.raises(ValueError, match="has not 4 bytes"):
        Verification("start", True, bytes(3))
