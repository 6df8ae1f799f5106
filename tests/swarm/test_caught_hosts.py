"""Peers that worked, of all torrents together: who enters, who is tried first, who goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.caught_hosts import (
    KEPT_OUT,
    KEPT_SECONDS,
    LEAST_BYTES,
    LEAST_SECONDS,
    MOST_FAILURES,
    SLACK,
    CaughtHost,
    CaughtHosts,
)

NOW = 1_700_000_000.0


def place(number: int) -> PeerAddress:
    """One of many addresses."""
    return PeerAddress(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", 6881)


def meet(
    caught: CaughtHosts, number: int, *, received: int = LEAST_BYTES, wall: float = NOW
) -> None:
    """A connection with a peer is over."""
    caught.met(place(number), received=received, sent=0, seconds=1, wall=wall)


def anybody(_address: PeerAddress) -> bool:
    return True


def test_who_moved_nothing_and_left_at_once_was_not_seen_to_work() -> None:
    caught = CaughtHosts()
    caught.met(place(1), received=LEAST_BYTES - 1, sent=0, seconds=1, wall=NOW)
    assert (len(caught), caught.changed) == (0, False)
    caught.met(place(2), received=0, sent=LEAST_BYTES, seconds=1, wall=NOW)
    caught.met(place(3), received=0, sent=0, seconds=LEAST_SECONDS, wall=NOW)
    assert [one.address for one in caught] == [place(2), place(3)]
    assert caught.changed


def test_what_there_was_of_an_address_is_added_up() -> None:
    caught = CaughtHosts()
    caught.met(place(1), received=100_000, sent=5, seconds=10, wall=NOW)
    caught.failed(place(1))
    caught.met(place(1), received=1, sent=7, seconds=100, wall=NOW + 9)
    assert list(caught) == [CaughtHost(place(1), NOW + 9, 100_001, 12, 110, 2, 0)]


def test_who_gave_more_or_was_met_later_is_tried_first() -> None:
    caught = CaughtHosts()
    meet(caught, 1)
    meet(caught, 2, received=1_000_000_000)
    meet(caught, 3, received=1_000_000_000, wall=NOW - 86_400)
    order = []
    while (best := caught.best(NOW, lambda one: one not in order)) is not None:
        order.append(best)
    assert order == [place(2), place(3), place(1)]


def test_where_nobody_was_several_times_nobody_is_tried() -> None:
    caught = CaughtHosts()
    meet(caught, 1)
    for _ in range(MOST_FAILURES):
        assert len(caught) == 1
        caught.failed(place(1))
    assert len(caught) == 0
    caught.failed(place(1))


def test_who_misbehaves_is_forgotten() -> None:
    caught = CaughtHosts()
    meet(caught, 1)
    caught.forget(place(1))
    caught.forget(place(2))
    assert len(caught) == 0


def test_peers_of_private_torrents_go_and_never_enter() -> None:
    caught = CaughtHosts()
    meet(caught, 1)
    caught.keep_out(place(1).host, NOW)
    meet(caught, 1)
    assert len(caught) == 0
    again = CaughtHosts()
    hosts, kept_out = caught.to_keep(NOW)
    again.recall([CaughtHost(place(1), NOW, LEAST_BYTES, 0, 1, 1), *hosts], kept_out, NOW)
    meet(again, 1)
    assert len(again) == 0


def test_both_are_bounded_and_the_best_stay() -> None:
    caught = CaughtHosts(limit=10)
    for number in range(10 + SLACK + 1):
        meet(caught, number, received=LEAST_BYTES << number % 20)
    assert len(caught) == 10
    assert min(one.received for one in caught) == LEAST_BYTES << 19
    for number in range(KEPT_OUT + 5):
        caught.keep_out(place(number).host, NOW)
    assert len(caught.to_keep(NOW)[1]) == KEPT_OUT


def test_what_is_old_is_forgotten() -> None:
    caught = CaughtHosts()
    meet(caught, 1, wall=NOW - KEPT_SECONDS - 1)
    assert caught.best(NOW, anybody) is None
    assert caught.to_keep(NOW)[0] == []
    old = CaughtHost(place(2), NOW - KEPT_SECONDS - 1, LEAST_BYTES, 0, 1, 1)
    caught.recall([old], [("10.9.9.9", NOW - KEPT_SECONDS - 1)], NOW)
    assert caught.to_keep(NOW) == ([], [])


def test_nothing_is_known_after_it_was_cleared() -> None:
    caught = CaughtHosts()
    caught.clear()
    assert not caught.changed
    meet(caught, 1)
    caught.changed = False
    caught.clear()
    assert caught.changed
    assert caught.to_keep(NOW) == ([], [])


@given(
    st.lists(
        st.tuples(st.sampled_from(["met", "failed", "keep out", "forget"]), st.integers(0, 30)),
        max_size=200,
    )
)
def test_nobody_who_is_kept_out_is_ever_in(steps: list[tuple[str, int]]) -> None:
    caught, out = CaughtHosts(limit=5), set()
    for what, number in steps:
        if what == "met":
            meet(caught, number)
        elif what == "failed":
            caught.failed(place(number))
        elif what == "forget":
            caught.forget(place(number))
        else:
            caught.keep_out(place(number).host, NOW)
            out.add(place(number).host)
        assert not out & {one.address.host for one in caught}
        assert len(caught) <= 5 + SLACK
        assert all(one.failures < MOST_FAILURES for one in caught)
