"""Which piece of metadata is asked of whom, and when of somebody else."""

from __future__ import annotations

from typing import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.swarm.metadata_requests import (
    ANSWER_SECONDS,
    HURRY_SECONDS,
    MOST_ASKED,
    PER_PEER,
    QUIET_SECONDS,
    MetadataRequests,
)


class Wanted:
    """Pieces that are missing, for all or for each peer apart."""

    def __init__(self, count: int) -> None:
        self.lacking = list(range(count))
        self.apart = False

    def missing(self, peer: Hashable) -> list[int]:
        return list(self.lacking)

    def group(self, peer: Hashable) -> Hashable:
        return peer if self.apart else None


@pytest.fixture
def wanted() -> Wanted:
    """Metadata of six pieces."""
    return Wanted(6)


@pytest.fixture
def requests(wanted: Wanted) -> MetadataRequests:
    """Nobody was asked yet."""
    return MetadataRequests(wanted)


def test_peers_are_asked_for_different_pieces(requests: MetadataRequests) -> None:
    assert requests.next_for("a", 0) == [0, 1, 2, 3]
    assert requests.next_for("a", 0) == []
    assert requests.next_for("b", 0) == [4, 5]
    assert requests.next_for("c", 0) == []


def test_who_answers_is_asked_for_more(requests: MetadataRequests, wanted: Wanted) -> None:
    requests.next_for("a", 0)
    assert requests.answered("a", 0)
    wanted.lacking.remove(0)
    assert requests.next_for("a", 1) == [4]


def test_data_that_nobody_asked_for_does_not_count(requests: MetadataRequests) -> None:
    assert not requests.answered("stranger", 0)
    requests.next_for("a", 0)
    assert not requests.answered("a", 5)


def test_a_late_answer_counts(requests: MetadataRequests) -> None:
    requests.next_for("a", 0)
    requests.give_up(ANSWER_SECONDS + 1)
    assert requests.answered("a", 0)


def test_what_stalls_is_asked_of_a_second_peer_and_of_no_third(
    requests: MetadataRequests, wanted: Wanted
) -> None:
    wanted.lacking = [5]
    assert requests.next_for("slow", 0) == [5]
    assert requests.next_for("second", HURRY_SECONDS - 0.1) == []
    assert requests.next_for("second", HURRY_SECONDS) == [5]
    assert requests.next_for("third", 2 * HURRY_SECONDS) == []
    requests.left("slow")
    assert requests.next_for("third", 2 * HURRY_SECONDS) == [5]


def test_what_nobody_was_asked_for_comes_before_what_is_late(requests: MetadataRequests) -> None:
    requests.next_for("slow", 0)
    assert requests.next_for("second", HURRY_SECONDS) == [4, 5, 0, 1]


def test_who_refuses_is_left_alone_for_a_while(requests: MetadataRequests) -> None:
    requests.next_for("a", 0)
    requests.rejected("a", 0, 1)
    assert requests.next_for("a", QUIET_SECONDS) == []
    assert requests.next_for("a", QUIET_SECONDS + 1) == [0]


def test_nobody_can_refuse_what_another_was_asked_for(requests: MetadataRequests) -> None:
    requests.next_for("a", 0)
    requests.rejected("b", 0, 0)
    requests.rejected("stranger", 0, 0)
    assert requests.next_for("c", 0) == [4, 5]


def test_those_that_failed_least_come_first(requests: MetadataRequests) -> None:
    requests.next_for("a", 0)
    requests.rejected("a", 0, 0)
    requests.refuse("liar", 0)
    requests.refuse("liar", 0)
    assert requests.in_turn(["liar", "a", "new"]) == ["new", "a", "liar"]


def test_peers_whose_pieces_are_kept_apart_are_all_asked_for_all(
    requests: MetadataRequests, wanted: Wanted
) -> None:
    wanted.apart = True
    assert requests.next_for("a", 0) == requests.next_for("b", 0) == [0, 1, 2, 3]


def test_requests_of_before_they_were_kept_apart_do_not_count_against_those_of_after(
    requests: MetadataRequests, wanted: Wanted
) -> None:
    requests.next_for("a", 0)
    wanted.apart = True
    assert requests.next_for("b", 0) == [0, 1, 2, 3]
    assert requests.answered("a", 0)
    wanted.lacking.remove(0)
    assert requests.next_for("a", 0) == [4]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "answer", "reject", "leave", "give up", "apart"]),
            st.sampled_from("abc"),
            st.integers(0, 5),
            st.floats(0, 10),
        ),
        max_size=60,
    )
)
def test_the_books_agree_whatever_happens(steps: list[tuple[str, str, int, float]]) -> None:
    wanted, now = Wanted(6), 0.0
    requests = MetadataRequests(wanted)
    for what, peer, piece, seconds in steps:
        now += seconds
        if what == "ask":
            assert len(set(requests.next_for(peer, now))) <= PER_PEER
        elif what == "answer":
            requests.answered(peer, piece)
        elif what == "reject":
            requests.rejected(peer, piece, now)
        elif what == "leave":
            requests.left(peer)
        elif what == "give up":
            requests.give_up(now)
        else:
            wanted.apart = not wanted.apart
        asked = {
            (group, number, name)
            for name, source in requests._sources.items()
            for number, (_, group) in source.asked.items()
        }
        books = {(*key, name) for key, names in requests._askers.items() for name in names}
        assert asked == books
        assert all(0 < len(names) <= MOST_ASKED for names in requests._askers.values())
        assert all(len(source.asked) <= PER_PEER for source in requests._sources.values())
