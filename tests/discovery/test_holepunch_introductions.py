"""Who is asked to introduce us to peers that cannot be dialled (BEP 55)."""

from __future__ import annotations

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.holepunch import introductions as bounds
from p2pd.discovery.holepunch.introductions import AGAIN_SECONDS, RELAYS, Introductions

THERE, ELSEWHERE = PeerAddress("203.0.113.2", 6882), PeerAddress("203.0.113.3", 6883)


@pytest.fixture
def known() -> Introductions[str]:
    """Two can introduce us to a peer."""
    made = Introductions[str]()
    made.offered("one", THERE)
    made.offered("two", THERE)
    return made


def test_nobody_is_asked_for_whom_nobody_told_of(known: Introductions[str]) -> None:
    assert known.whom_to_ask(ELSEWHERE, 0.0) is None


def test_the_latest_is_asked_first_and_then_the_other(known: Introductions[str]) -> None:
    assert known.whom_to_ask(THERE, 0.0) == "two"
    assert known.refused("one", THERE, 1.0) is None, "it was not asked"
    assert known.refused("two", THERE, 1.0) == "one"
    assert known.refused("one", THERE, 2.0) is None


def test_the_same_is_not_asked_for_again_soon(known: Introductions[str]) -> None:
    assert known.whom_to_ask(THERE, 0.0)
    assert known.whom_to_ask(THERE, AGAIN_SECONDS - 1) is None
    assert known.whom_to_ask(THERE, AGAIN_SECONDS)


def test_who_left_or_is_not_connected_to_it_any_more_is_not_asked(
    known: Introductions[str],
) -> None:
    known.withdrawn("two", THERE)
    known.withdrawn("two", ELSEWHERE)
    assert known.whom_to_ask(THERE, 0.0) == "one"
    known.left("one")
    assert len(known) == 0
    assert known.whom_to_ask(THERE, AGAIN_SECONDS) is None


def test_a_relay_that_left_while_it_was_asked_is_not_the_end(known: Introductions[str]) -> None:
    assert known.whom_to_ask(THERE, 0.0) == "two"
    known.left("two")
    assert known.whom_to_ask(THERE, AGAIN_SECONDS) == "one"


def test_one_relay_is_not_asked_much() -> None:
    known = Introductions[str]()
    addresses = [PeerAddress("203.0.113.2", port) for port in range(1, 100)]
    for address in addresses:
        known.offered("one", address)
    asked = [known.whom_to_ask(address, 0.0) for address in addresses]
    assert asked.count("one") == bounds.ASKED_AT_ONCE
    assert known.whom_to_ask(addresses[-1], bounds.ASK_SECONDS) == "one"


def test_whom_we_asked_may_have_us_dial_and_others_now_and_then(
    known: Introductions[str],
) -> None:
    assert known.whom_to_ask(THERE, 0.0) == "two"
    for _ in range(bounds.TOLD_AT_ONCE):
        assert known.may_connect("two", ELSEWHERE, 1.0)
    assert not known.may_connect("two", ELSEWHERE, 1.0)
    assert known.may_connect("two", THERE, 1.0), "it was asked for that"
    assert not known.may_connect("two", THERE, 1.0), "once"
    assert known.may_connect("one", THERE, 1.0)
    assert known.may_connect("two", THERE, 1.0 + bounds.TOLD_SECONDS)


def test_an_answer_that_comes_late_was_not_asked_for(known: Introductions[str]) -> None:
    known.whom_to_ask(THERE, 0.0)
    late = bounds.ANSWER_SECONDS + 1
    for _ in range(bounds.TOLD_AT_ONCE):
        known.may_connect("two", ELSEWHERE, late)
    assert not known.may_connect("two", THERE, late)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "KNOWN", 10)
    known = Introductions[int]()
    for number in range(100):
        known.offered(number, THERE)
        known.offered(0, PeerAddress("203.0.113.9", number + 1))
    assert len(known) == 10
    for number in range(100):
        known.offered(number, THERE)
    asked = known.whom_to_ask(THERE, 0.0)
    tried = {asked}
    while asked is not None:
        asked = known.refused(asked, THERE, 0.0)
        tried.add(asked)
    assert tried - {None} == set(range(100 - RELAYS, 100))
