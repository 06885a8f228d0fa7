"""CDS: mission time as a packet says it, in days since 1958, milliseconds and microseconds.

Source: CCSDS 301.0-B-4, 3.3 (day segmented time code; 16-bit days, epoch 1958-01-01).
Days have 86,400 s: leap seconds are not counted, and neither are they in mission time.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

TIME_CODE = 0x41  # CDS, epoch 1958, 16-bit days, microseconds

_FIRST_DAY = datetime(1958, 1, 1, tzinfo=timezone.utc)
_DAY_MS = 86_400_000
_END_US = 2**16 * _DAY_MS * 1000  # in 2137


class CdsEpoch:
    """The date of mission time 0.

    Raises:
        ValueError: the date is not UTC within 1958 to 2137.
    """

    def __init__(self, epoch: datetime) -> None:
        if epoch.utcoffset() != timedelta(0):
            raise ValueError(f"epoch {epoch} is not in UTC; give it tzinfo=timezone.utc")
        self._epoch_us = (epoch - _FIRST_DAY) // timedelta(microseconds=1)
        self._earliest_us = -self._epoch_us - 0.5  # what is later is rounded up to 1958
        self._end_us = _END_US - self._epoch_us - 0.5
        self.segments(0.0)

    def segments(self, mission_s: float) -> tuple[int, int, int]:
        """Return day, millisecond of the day and microsecond of that; finer is rounded.

        Raises:
            ValueError: the date is not within 1958 to 2137.
        """
        self.check(mission_s)
        ms, us = divmod(round(mission_s * 1e6) + self._epoch_us, 1000)
        return *divmod(ms, _DAY_MS), us

    def check(self, mission_s: float) -> None:
        """Raise ValueError unless a packet can tell of this moment, within 1958 to 2137."""
        if not self._earliest_us <= mission_s * 1e6 < self._end_us:
            raise ValueError(
                f"{mission_s} s of mission time is before 1958 or after 2137; "
                "the date of a packet is within"
            )

    def mission_s(self, days: int, ms: int, us: int) -> float:
        """Return the mission time, s, at a date.

        Raises:
            ValueError: no day has that millisecond, or no millisecond that microsecond.
        """
        if ms >= _DAY_MS or us >= 1000:
            raise ValueError(f"day {days} has no {ms} ms, {us} us")
        return ((days * _DAY_MS + ms) * 1000 + us - self._epoch_us) / 1e6
