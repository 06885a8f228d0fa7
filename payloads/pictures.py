"""Which pictures a payload keeps on board, to be fetched later."""

from __future__ import annotations

from collections import OrderedDict


class Pictures:
    """Remembers when the pictures of the last completed jobs were taken."""

    def __init__(self, most: int) -> None:
        """Start with none; at ``most`` the oldest makes room."""
        self._most = most
        self._taken_s: OrderedDict[int, float] = OrderedDict()

    def keep(self, job: int, taken_s: float) -> None:
        """Keep the picture of a job."""
        self._taken_s[job] = taken_s
        if len(self._taken_s) > self._most:
            self._taken_s.popitem(last=False)

    def __contains__(self, job: int) -> bool:
        return job in self._taken_s

    def taken_s(self, job: int) -> float:
        """Return when the picture of a job was taken.

        Raises:
            KeyError: it is not kept.
        """
        return self._taken_s[job]

    def __str__(self) -> str:
        """Return in words what there is.

        >>> pictures = Pictures(2)
        >>> str(pictures)
        'there is none'
        >>> for job in (1, 2, 4):
        ...     pictures.keep(job, 60.0 * job)
        >>> str(pictures)
        'there are 2, of jobs 2 to 4'
        """
        if not self._taken_s:
            return "there is none"
        first, last = next(iter(self._taken_s)), next(reversed(self._taken_s))
        return f"there are {len(self._taken_s)}, of jobs {first} to {last}"
