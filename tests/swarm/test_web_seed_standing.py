"""When a web seed may be asked again, and when never more."""

from __future__ import annotations

import random
from itertools import pairwise

from p2pd.swarm.web_seed_standing import FIRST_WAIT, MOST_WAIT, MOST_WRONG, WebSeedStanding


def new() -> WebSeedStanding:
    """One that nothing is known of."""
    return WebSeedStanding(random.Random(1))


def test_it_is_left_alone_for_longer_each_time_up_to_a_bound() -> None:
    standing, now, waits = new(), 0.0, []
    for _ in range(20):
        standing.failed("no", now)
        assert not standing.may_ask(standing.due - 0.01)
        waits.append(standing.due - now)
        now = standing.due
        assert standing.may_ask(now)
    assert FIRST_WAIT <= waits[0] <= 1.25 * FIRST_WAIT
    assert all(later > 1.5 * wait for wait, later in pairwise(waits[:7]))
    assert max(waits) <= 1.25 * MOST_WAIT


def test_an_answer_forgets_the_failures() -> None:
    standing = new()
    for now in range(5):
        standing.failed("no", float(now))
    standing.answered()
    assert standing.error == ""
    standing.failed("again", 1000.0)
    assert standing.due <= 1000.0 + 1.25 * FIRST_WAIT


def test_it_may_say_itself_when() -> None:
    standing = new()
    standing.failed("busy", 10.0, wait=500.0)
    assert 510.0 <= standing.due <= 10.0 + 625.0
    standing.failed("no", 11.0)
    assert standing.due >= 510.0


def test_wrong_data_ends_it() -> None:
    standing = new()
    for piece in range(MOST_WRONG - 1):
        assert not standing.sent_wrong(piece)
        assert not standing.sent_wrong(piece), "the same piece is no news"
    standing.answered()
    assert standing.error == f"it sent wrong data of piece {MOST_WRONG - 2}"
    assert standing.sent_wrong(99)
    assert not standing.may_ask(1e9)
    standing.failed("no", 0.0)
    standing.answered()
    assert standing.error == f"it sent wrong data of {MOST_WRONG} pieces"
