"""Bans of hosts and of single peers: whom they cover, how they end, how many there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.swarm.bans import REASON_LIMIT, Ban, Bans, PeerName, ban_of

PEER = PeerName("192.0.2.1", 6881, b"-XX0001-............")


def ban(host: str = PEER.host, port: int = 0, peer_id: bytes = b"", **other: object) -> Ban:
    facts: dict[str, object] = {"reason": "it lied", "since": 1.0, "until": 100.0, **other}
    return Ban(host, port, peer_id, **facts)  # type: ignore[arg-type]


def test_a_host_is_banned_with_every_port_and_id() -> None:
    bans = Bans()
    bans.add(ban())
    assert bans.covers(PEER.host)
    assert bans.covers(*PEER)
    assert not bans.covers("192.0.2.2", PEER.port, PEER.peer_id)
    assert len(bans) == 1


def test_of_a_shared_host_one_peer_is_banned_by_its_port_or_its_id() -> None:
    bans = Bans()
    bans.add(ban(port=PEER.port, peer_id=PEER.peer_id))
    assert not bans.covers(PEER.host)
    assert not bans.covers(PEER.host, 7000, b"-XX0001-,,,,,,,,,,,,")
    assert bans.covers(PEER.host, PEER.port)
    assert bans.covers(PEER.host, 0, PEER.peer_id)


@pytest.mark.parametrize(
    ("host", "shared", "whole"),
    [
        ("192.0.2.1", False, True),
        ("192.0.2.1", True, False),
        ("192.168.1.5", False, True),
        ("127.0.0.1", False, False),
        ("::1", False, False),
        ("2001:db8::1", False, True),
    ],
)
def test_a_peer_is_banned_with_its_host_unless_others_share_it(
    host: str, shared: bool, whole: bool
) -> None:
    name = PEER._replace(host=host)
    made = ban_of(name, "x" * 999, since=1.0, until=None, shared=shared)
    assert made.whole_host is whole
    assert made.covers(name.port, name.peer_id)
    assert len(made.reason) == REASON_LIMIT


def test_a_peer_that_says_neither_port_nor_id_is_not_every_peer() -> None:
    assert not ban(port=PEER.port, peer_id=PEER.peer_id).covers(0, b"")


def test_a_ban_of_the_host_takes_the_place_of_those_of_its_peers() -> None:
    bans = Bans()
    of_peer = ban(port=1)
    bans.add(of_peer)
    assert bans.add(ban(port=2)) == []
    assert bans.add(ban(port=1, reason="again")) == [of_peer]
    assert len(bans.add(ban())) == 2
    assert list(bans) == [ban()]


def test_bans_end_when_their_time_is_over_and_those_without_end_never() -> None:
    bans = Bans()
    for number, until in enumerate((50.0, 20.0, None)):
        bans.add(ban(f"192.0.2.{number}", until=until))
    assert bans.expire(19.9) == []
    assert [each.until for each in bans.expire(20.0)] == [20.0]
    assert [each.until for each in bans.expire(1e9)] == [50.0]
    assert [each.host for each in bans] == ["192.0.2.2"]


def test_bans_are_lifted_by_host_or_by_port() -> None:
    bans = Bans()
    for port in (1, 2):
        bans.add(ban(port=port, peer_id=bytes([port])))
    assert [each.port for each in bans.lift(PEER.host, 2)] == [2]
    assert bans.lift("192.0.2.9") == []
    assert [each.port for each in bans.lift(PEER.host)] == [1]
    assert not bans.covers(*PEER)
    assert len(bans) == 0


def test_when_there_are_too_many_the_one_that_ends_first_gives_way() -> None:
    bans = Bans(limit=3)
    for number, until in enumerate((30.0, None, 20.0, 40.0)):
        gone = bans.add(ban(f"192.0.2.{number}", until=until))
    assert [each.host for each in gone] == ["192.0.2.2"]
    assert len(bans) == 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "lift", "expire"]),
            st.integers(1, 3),
            st.integers(0, 2),
            st.one_of(st.none(), st.integers(0, 50)),
        )
    )
)
def test_bans_are_as_many_as_they_say_and_cover_what_they_are_of(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    bans = Bans(limit=4)
    for what, number, port, until in steps:
        host = f"192.0.2.{number}"
        if what == "add":
            bans.add(ban(host, port, until=until))
            assert bans.covers(host, port)
        elif what == "lift":
            bans.lift(host, port)
            assert not any(each.host == host and each.port == port for each in bans if port)
        else:
            now = float(until or 0)
            bans.expire(now)
            assert all(each.until is None or each.until > now for each in bans)
        assert len(bans) == len(list(bans)) <= 4


NODE_KEY = b"k" * 32


def test_a_node_is_banned_wherever_it_is() -> None:
    bans = Bans()
    bans.add(ban(host="", node_key=NODE_KEY))
    assert bans.covers("192.0.2.9", 1, b"x", NODE_KEY)
    assert not bans.covers("192.0.2.9", 1, b"x", b"j" * 32)
    assert not bans.covers("192.0.2.9", 1, b"x")
    assert not bans.covers("")
    assert [each.node_key for each in bans.of_node(NODE_KEY)] == [NODE_KEY]
    again = ban(host="", node_key=NODE_KEY, reason="again")
    assert [each.reason for each in bans.add(again)] == ["it lied"]
    assert len(bans) == 1
    assert again in bans
    assert bans.lift(NODE_KEY) == [again]
    assert not bans.covers("192.0.2.9", 1, b"x", NODE_KEY)
    assert len(bans) == 0


def test_bans_of_nodes_end_like_others() -> None:
    bans = Bans()
    bans.add(ban(host="", node_key=NODE_KEY, until=5.0))
    assert [each.node_key for each in bans.expire(5.0)] == [NODE_KEY]
    assert not bans.covers("", node_key=NODE_KEY)
