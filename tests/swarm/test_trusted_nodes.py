"""The nodes that are trusted, and the bounds of what that is worth to them."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.swarm.choking.favoured_slots import favoured_first, favoured_share
from p2pd.swarm.choking.terms import Terms
from p2pd.swarm.trusted_nodes import TrustedNode, TrustedNodes, keep_their_places

FRIEND = TrustedNode(b"f" * 32, "friend", 1.0)
OTHER = TrustedNode(b"o" * 32, "other", 2.0, "192.0.2.7")


def test_nodes_are_known_by_their_keys_and_have_one_name() -> None:
    nodes = TrustedNodes()
    assert nodes.add(FRIEND)
    assert nodes.add(FRIEND._replace(name="best friend"))
    assert FRIEND.key in nodes
    found = nodes.get(FRIEND.key)
    assert found is not None
    assert found.name == "best friend"
    assert len(nodes) == 1
    assert nodes.remove(FRIEND.key) == found
    assert nodes.remove(FRIEND.key) is None
    assert FRIEND.key not in nodes


def test_there_is_a_bound_and_who_is_known_may_be_renamed_at_it() -> None:
    nodes = TrustedNodes(limit=1)
    assert nodes.add(FRIEND)
    assert not nodes.add(OTHER)
    assert nodes.add(FRIEND._replace(name="x"))
    assert nodes.keys == (FRIEND.key,)


def test_a_host_is_preferred_as_long_as_one_was_there_last() -> None:
    nodes = TrustedNodes()
    nodes.add(FRIEND)
    nodes.add(OTHER)
    before = nodes.version
    assert nodes.at("192.0.2.7")
    assert not nodes.at("192.0.2.8")
    moved = nodes.seen(FRIEND.key, "192.0.2.7")
    assert moved == FRIEND._replace(host="192.0.2.7")
    assert nodes.seen(FRIEND.key, "192.0.2.7") is None
    assert nodes.version > before
    nodes.remove(OTHER.key)
    assert nodes.at("192.0.2.7")
    nodes.seen(FRIEND.key, "192.0.2.8")
    assert nodes.at("192.0.2.8")
    assert not nodes.at("192.0.2.7")
    assert nodes.seen(b"x" * 32, "192.0.2.9") is None
    assert not nodes.at("192.0.2.9")


def test_half_of_the_places_may_be_kept_by_trust() -> None:
    assert keep_their_places("abcdef", 6) == ["a", "b", "c"]
    assert keep_their_places("ab", 6) == ["a", "b"]
    assert keep_their_places("a", 1) == []


@dataclass(frozen=True)
class Peer:
    key: str
    connected_at: float = 0.0
    unchoked: bool = False
    upload_rate: float = 0.0
    progress: float = 0.0


def first(favoured: str, slots: int, peers: str = "abcdef") -> str:
    willing = [Peer(key, connected_at=float(at)) for at, key in enumerate(peers)]
    chosen = favoured_first(willing, set(favoured), Terms(), 100.0, slots)
    return "".join(peer.key for peer in chosen)


def test_a_quarter_of_the_slots_is_for_those_who_are_trusted() -> None:
    assert [favoured_share(slots) for slots in (0, 1, 2, 4, 8, 50)] == [0, 0, 1, 1, 2, 12]
    assert first("fed", slots=8) == "de"
    assert first("f", slots=8) == "f"
    assert first("", slots=8) == ""
    assert first("abc", slots=1) == ""
    assert first("xyz", slots=8) == ""


def test_among_those_who_are_trusted_it_goes_by_turns() -> None:
    terms, now = Terms(), 100.0
    peers = [Peer("a", unchoked=True, upload_rate=1.0), Peer("b", connected_at=50.0)]
    terms.settle({"a"}, {"a", "b"}, 0.0)
    assert [peer.key for peer in favoured_first(peers, {"a", "b"}, terms, now, 4)] == ["b"]
