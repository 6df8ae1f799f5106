"""Strikes for bad pieces."""

from __future__ import annotations

import pytest

from p2pd.swarm import suspicion
from p2pd.swarm.suspicion import ENOUGH, Suspicion


def test_who_sent_a_bad_piece_alone_is_guilty() -> None:
    assert Suspicion().failed({"a"}) == ["a"]


def test_of_several_those_who_were_there_too_often_are_guilty() -> None:
    suspects = Suspicion()
    assert suspects.failed({"a", "b"}) == []
    assert suspects.failed({"a", "c"}) == []
    assert suspects.failed({"a", "d"}) == ["a"]
    assert suspects.strikes("a") == 0
    assert suspects.strikes("b") == 1
    assert ENOUGH == 3


def test_good_pieces_make_up_for_bad_ones() -> None:
    suspects = Suspicion()
    for _ in range(10):
        assert suspects.failed({"a", "b"}) == []
        suspects.passed({"a", "b"})
    suspects.failed({"a", "b"})
    suspects.failed({"a", "b"})
    suspects.passed({"b", "stranger"})
    assert suspects.failed({"a", "b"}) == ["a"]
    assert (suspects.strikes("b"), suspects.strikes("stranger")) == (2, 0)


def test_good_pieces_are_not_saved_up() -> None:
    suspects = Suspicion()
    for _ in range(50):
        suspects.passed({"a"})
    suspects.failed({"a", "b"})
    assert suspects.strikes("a") == 1


def test_a_piece_of_nobody_is_nobodys_fault() -> None:
    assert Suspicion().failed(set()) == []


def test_a_forgotten_peer_has_no_strikes() -> None:
    suspects = Suspicion()
    suspects.failed({"a", "b"})
    suspects.forget("a")
    suspects.forget("nobody")
    assert suspects.strikes("a") == 0


def test_strikes_are_remembered_of_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "REMEMBERED", 5)
    suspects = Suspicion()
    for number in range(50):
        suspects.failed([number, "always"])
        suspects.passed(["always"])
    assert sum(suspects.strikes(number) for number in range(50)) <= 5
    assert suspects.strikes(49) == 1
