"""What any clock must keep to."""

import threading

import pytest

from rigs.clock import VirtualClock, WallClock

FAST = 1e5  # mission seconds per second: no test waits for the wall


class ClockContract:
    """The promises of `Clock`; a subclass makes one."""

    @pytest.fixture
    def clock(self):
        return self.make()

    def test_time_starts_at_zero_and_never_runs_back(self, clock):
        seen_s = [clock.now_s()]
        for t_s in (5.0, 3.0, 7.0):
            clock.wait_until(t_s)
            seen_s.append(clock.now_s())
        assert seen_s == sorted(seen_s)
        assert seen_s[0] < 1e-3 * FAST

    def test_a_wait_for_the_past_returns_at_once(self, clock):
        clock.wait_until(5.0)
        assert clock.wait_until(3.0) >= 3.0

    def test_a_wait_ends_at_its_time_or_before_it_and_says_when(self, clock):
        reached_s = clock.wait_until(50.0)
        while reached_s < 50.0:
            reached_s = clock.wait_until(50.0)
        assert clock.now_s() >= 50.0


class TestVirtualClock(ClockContract):
    make = VirtualClock

    def test_it_jumps(self, clock):
        assert clock.wait_until(1e9) == 1e9


class TestWallClock(ClockContract):
    def make(self):
        return WallClock(FAST)

    def test_a_post_from_another_thread_ends_a_wait(self):
        clock = WallClock(1e-3)  # a wait for 1 s would take a quarter of an hour
        waiting = threading.Thread(target=clock.wait_until, args=(1.0,))
        waiting.start()
        while waiting.is_alive():
            clock.interrupt()
            waiting.join(0.001)
        assert clock.now_s() < 1.0
