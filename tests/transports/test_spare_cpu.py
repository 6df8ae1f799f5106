"""How much of a thread's time is left for strangers."""

from __future__ import annotations

from twisted.internet.task import Clock

from p2pd.transports.spare_cpu import LEAST, WINDOW, SpareCpu


class Thread:
    """One that is at work for a part of the time."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.used = 5.0
        self.spare = SpareCpu(self.clock, lambda: self.used)

    def goes_on(self, seconds: float, *, busy: float) -> float:
        self.clock.advance(seconds)
        self.used += seconds * busy
        return self.spare.share()


def test_it_is_what_was_left_of_the_last_window() -> None:
    thread = Thread()
    assert thread.spare.share() == 1.0
    assert thread.goes_on(WINDOW, busy=0.25) == 0.75
    assert thread.goes_on(4 * WINDOW, busy=0.0) == 1.0


def test_it_stays_until_a_window_is_over() -> None:
    thread = Thread()
    assert thread.goes_on(WINDOW / 2, busy=1.0) == 1.0
    assert thread.goes_on(WINDOW / 2, busy=0.5) == 0.25
    assert thread.goes_on(WINDOW / 2, busy=0.0) == 0.25


def test_something_is_left_however_busy_it_is() -> None:
    thread = Thread()
    assert thread.goes_on(WINDOW, busy=1.0) == LEAST
    assert thread.goes_on(WINDOW, busy=1.1) == LEAST, "clocks of threads and of the wall differ"


def test_a_timer_that_began_anew_with_a_fork_does_no_harm() -> None:
    thread = Thread()
    thread.used = 0.0
    assert thread.goes_on(WINDOW, busy=1.0) == 1.0
    assert thread.goes_on(WINDOW, busy=1.0) == LEAST
