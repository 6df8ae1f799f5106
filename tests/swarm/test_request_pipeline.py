"""The request window keeps a link busy, and gives up on a peer in time."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.requests import BLOCK_SIZE
from p2pd.swarm.request_pipeline import (
    LONGEST_TIMEOUT,
    MAX_TARGET,
    MIN_TARGET,
    SHORTEST_TIMEOUT,
    UNTOLD_LIMIT,
    RequestWindow,
)

TICK = 0.01


class Link:
    """A peer that answers in order, at `rate` bytes a second, `latency` seconds away."""

    def __init__(self, window: RequestWindow, rate: float, latency: float) -> None:
        self.window, self.rate, self.latency = window, rate, latency
        self.now = 1000.0
        self.queue: deque[float] = deque()
        self.credit = 0.0
        self.received = 0

    def run(self, seconds: float) -> int:
        """Bytes that came in that time."""
        before, end = self.received, self.now + seconds
        while self.now < end:
            self._ask()
            self.now += TICK
            self._answer()
        return self.received - before

    def _ask(self) -> None:
        count = self.window.refill(len(self.queue))
        if count:
            self.window.on_request_sent(count, self.now)
            self.queue.extend([self.now] * count)

    def _answer(self) -> None:
        due = bool(self.queue) and self.queue[0] + self.latency <= self.now
        self.credit = min(self.credit + self.rate * TICK, 1e9) if due else 0.0
        blocks = 0
        while self.credit >= BLOCK_SIZE and self.queue and self.queue[0] + self.latency <= self.now:
            self.queue.popleft()
            self.credit -= BLOCK_SIZE
            blocks += 1
        if blocks:
            self.received += blocks * BLOCK_SIZE
            self.window.on_blocks(blocks, blocks * BLOCK_SIZE, self.now)


@pytest.mark.parametrize(
    ("rate", "latency"), [(100e3, 0.05), (2e6, 0.02), (2e6, 0.3), (10e6, 0.1), (5e6, 1.5)]
)
def test_a_link_is_filled_and_not_flooded(rate: float, latency: float) -> None:
    window = RequestWindow(limit=MAX_TARGET)
    link = Link(window, rate, latency)
    link.run(20)
    assert link.run(5) > 0.9 * rate * 5
    assert window.target() * BLOCK_SIZE < rate * (6 + 2 * latency) + MIN_TARGET * BLOCK_SIZE
    assert window.rate == pytest.approx(rate, rel=0.15)


def test_a_link_that_becomes_quicker_is_followed() -> None:
    window = RequestWindow(limit=MAX_TARGET)
    link = Link(window, 200e3, 0.1)
    link.run(15)
    link.rate = 4e6
    link.run(15)
    assert link.run(5) > 0.9 * 4e6 * 5


def test_a_link_that_becomes_slower_gets_a_smaller_window() -> None:
    window = RequestWindow(limit=MAX_TARGET)
    link = Link(window, 4e6, 0.1)
    link.run(10)
    wide = window.target()
    link.rate = 100e3
    link.run(60)
    assert window.target() < wide / 4


def test_at_first_the_window_doubles_with_each_round_trip() -> None:
    window = RequestWindow(limit=MAX_TARGET)
    targets, now = [window.target()], 5.0
    for _ in range(4):
        asked = window.refill(0)
        window.on_request_sent(asked, now)
        now += 0.05
        window.on_blocks(asked, asked * BLOCK_SIZE, now)
        targets.append(window.target())
    assert targets == [targets[0] << n for n in range(5)]


def test_a_window_drained_in_each_wake_up_is_still_measured() -> None:
    window = RequestWindow(limit=MAX_TARGET)
    now = 5.0
    for _ in range(100):
        window.on_request_sent(50, now)
        now += 0.05
        window.on_blocks(50, 50 * BLOCK_SIZE, now)
    assert window.rate == pytest.approx(50 * BLOCK_SIZE / 0.05, rel=0.05)


def test_time_in_which_nothing_was_asked_is_not_held_against_the_peer() -> None:
    window = RequestWindow(limit=MAX_TARGET)
    link = Link(window, 2e6, 0.05)
    link.run(10)
    while link.queue:
        link.now += TICK
        link._answer()
    rate = window.rate
    link.now += 300
    link.run(3)
    assert window.rate == pytest.approx(rate, rel=0.2)


def test_the_peer_says_how_many_requests_it_keeps() -> None:
    window = RequestWindow()
    window.on_request_sent(1000, 0.0)
    window.on_blocks(1000, 1000 * BLOCK_SIZE, 0.1)
    assert window.target() == UNTOLD_LIMIT
    window.set_limit(17)
    assert window.target() == 17
    window.set_limit(10**9)
    window.on_request_sent(5000, 0.2)
    window.on_blocks(5000, 5000 * BLOCK_SIZE, 0.3)
    assert window.target() == MAX_TARGET
    window.set_limit(0)
    assert window.target() == 1


def test_nothing_is_asked_until_an_eighth_is_free() -> None:
    window = RequestWindow(limit=MAX_TARGET)
    window.on_request_sent(56, 0.0)
    window.on_blocks(56, 56 * BLOCK_SIZE, 0.1)
    assert window.target() == 64
    assert [window.refill(n) for n in (0, 40, 56, 57, 64, 99)] == [64, 24, 8, 0, 0, 0]


def test_a_silent_peer_is_snubbed_and_asked_for_one_block() -> None:
    window = RequestWindow(initial_timeout=30.0)
    window.on_request_sent(8, 100.0)
    told = [(window.timed_out(100.0, now), window.snubbed) for now in (129.9, 130.0)]
    assert told == [(False, False), (True, True)]
    assert (window.refill(0), window.refill(1)) == (1, 0)
    assert window.score < 0


def test_a_snubbed_peer_that_sends_again_starts_over() -> None:
    window = RequestWindow()
    window.on_request_sent(8, 0.0)
    assert window.timed_out(0.0, 100.0)
    window.on_request_sent(1, 100.0)
    window.on_blocks(1, BLOCK_SIZE, 101.0)
    assert not window.snubbed
    assert window.target() == MIN_TARGET + 1
    assert window.timeout < 30.0


def test_each_time_out_in_a_row_waits_longer_up_to_a_minute() -> None:
    window = RequestWindow(initial_timeout=10.0)
    waits = []
    for _ in range(5):
        waits.append(window.timeout)
        assert window.timed_out(0.0, 1000.0)
    assert waits == [10.0, 20.0, 40.0, 60.0, 60.0]


def test_the_time_out_follows_the_response_time() -> None:
    def steady(response: float) -> RequestWindow:
        window, now = RequestWindow(), 0.0
        for _ in range(60):
            window.on_request_sent(1, now)
            now += response
            window.on_blocks(1, BLOCK_SIZE, now)
        assert window.response_time == pytest.approx(response)
        return window

    assert steady(0.02).timeout == SHORTEST_TIMEOUT
    assert 20.0 <= steady(20.0).timeout < 21.0
    assert steady(200.0).timeout == LONGEST_TIMEOUT
    assert steady(0.02).score > steady(2.0).score


def test_requests_that_were_lost_do_not_spoil_the_response_time() -> None:
    window = RequestWindow()
    window.on_request_sent(8, 0.0)
    assert window.refill(0) == 8  # a choke threw them away
    window.on_request_sent(8, 50.0)
    window.on_blocks(1, BLOCK_SIZE, 50.2)
    assert window.response_time == pytest.approx(0.2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sent", "blocks", "timeout", "refill", "limit"]),
            st.integers(0, 3000),
            st.floats(0, 100),
        ),
        max_size=60,
    )
)
def test_whatever_happens_the_window_stays_within_bounds(
    events: list[tuple[str, int, float]],
) -> None:
    window, now, limit = RequestWindow(), 0.0, UNTOLD_LIMIT
    for kind, number, step in events:
        now += step
        if kind == "sent":
            window.on_request_sent(number, now)
        elif kind == "blocks":
            window.on_blocks(number, number * BLOCK_SIZE, now)
        elif kind == "timeout":
            window.timed_out(now - number, now)
        elif kind == "limit":
            limit = max(1, number)
            window.set_limit(number)
        else:
            assert 0 <= window.refill(number) <= max(0, window.target() - number)
        assert 1 <= window.target() <= min(limit, MAX_TARGET)
        assert SHORTEST_TIMEOUT <= window.timeout <= LONGEST_TIMEOUT
        assert window._waiting == sum(batch[1] for batch in window._sent) >= 0


def test_a_limited_rate_bounds_what_is_asked() -> None:
    window = RequestWindow(limit=500)
    window.on_request_sent(400, 0.0)
    for second in range(1, 6):
        window.on_blocks(300, 300 * BLOCK_SIZE, float(second))
    assert window.target() > 400
    window.set_rate_limit(10 * BLOCK_SIZE)
    assert window.target() == window.most == 32
    window.set_limit(20)
    assert window.target() == 20
    window.set_limit(500)
    assert window.target() == 32
    window.set_rate_limit(0)
    assert window.target() == 0
    assert window.refill(0) == 0
    window.timed_out(0.0, 1000.0)
    assert window.target() == 0
    window.set_rate_limit(None)
    assert window.most == 500
    assert window.target() == 1


def window_at(rate: float, waiting: int = 10) -> RequestWindow:
    """A peer that has sent at that rate for some seconds, and is asked for more at 100.0."""
    window = RequestWindow()
    for second in range(90, 101):
        window.on_request_sent(1, second - 0.25)
        window.on_blocks(1, int(rate), float(second))
    window.on_request_sent(waiting, 100.0)
    return window


def test_answers_are_expected_at_the_rate_that_was_measured() -> None:
    window = window_at(4 * BLOCK_SIZE)
    each = BLOCK_SIZE / window.rate
    assert window.answer_takes(0, 100.0) == pytest.approx(each)
    assert window.answer_takes(3, 100.0) == pytest.approx(4 * each)
    assert window.answers_within(2.1 * each, 100.0) == 2
    assert window.answers_within(0.5 * each, 100.0) == 0
    assert window.answers_within(100.0, 100.0) == 10


def test_a_peer_that_is_silent_is_expected_to_need_as_long_again() -> None:
    window = window_at(4 * BLOCK_SIZE)
    assert window.answer_takes(0, 103.0) == pytest.approx(3.0)
    assert window.answers_within(2.5, 103.0) == 0
    assert window.answers_within(3.5, 103.0) == 1 + int(0.5 * window.rate / BLOCK_SIZE)


def test_of_a_peer_that_never_answered_nothing_is_known_but_how_long_it_takes() -> None:
    window = RequestWindow()
    assert window.answer_takes(0, 5.0) == float("inf")
    window.on_request_sent(4, 5.0)
    assert window.answers_within(1.0, 5.5) == 4
    assert window.answers_within(1.0, 6.5) == 0
    window.on_blocks(1, BLOCK_SIZE, 7.0)
    assert window.answer_takes(0, 7.0) == pytest.approx(2.0)


def test_nothing_is_expected_of_a_peer_that_timed_out() -> None:
    window = window_at(4 * BLOCK_SIZE)
    assert window.timed_out(100.0, 200.0)
    assert window.answer_takes(0, 200.0) == float("inf")
    assert window.answers_within(99.0, 200.0) == 0
