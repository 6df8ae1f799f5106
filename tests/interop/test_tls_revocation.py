"""Real daemons of one swarm: a certificate is taken back, and nobody speaks with its owner."""

from __future__ import annotations

from typing import Any

import pytest
from peers.payload import content_of, make_file
from peers.processes import wait_until
from peers.tls_swarm import Identity, certify, tls_libtorrent, tls_p2pd

from p2pd.formats.creator import CreationOptions
from p2pd.storage.torrent_creator import create_torrent

SIZE = 6_000_000
SLOWLY = {"speed_limit_up": 200, "speed_limit_up_enabled": True}


def film(work: Any, keeper: Any) -> Any:
    """A torrent that is private to a CA, which a daemon makes and keeps."""
    ca = keeper.call("swarm_ca_create", name="films")["ca"]["certificate"]
    path = make_file(work / "original", SIZE, name="a film.bin")
    return content_of(path, create_torrent(str(path), CreationOptions(authority=ca)))


def issued(keeper: Any, label: str) -> Identity:
    """A certificate of that CA."""
    given = keeper.call("swarm_ca_issue", name="films", label=label)
    return Identity(given["certificate"], given["private_key"])


def peers_of(node: Any) -> int:
    """How many are connected."""
    return len(node.torrent("peers")["peers"])


def list_number(node: Any) -> int:
    """Of the list that is in force for the torrent."""
    row = node.torrent("tls")["tls"]["revocation_list"]
    return 0 if row is None else row["number"]


def test_who_is_revoked_is_alone_in_the_whole_swarm(work, new_p2pd):
    keeper, bob, carol = nodes = [tls_p2pd(new_p2pd, each) for each in ("keeper", "bob", "carol")]
    content = film(work, keeper)
    for node, label in zip(nodes, ("keeper", "bob", "carol"), strict=True):
        node.call("session_set", **SLOWLY)
        node.add(content.torrent, **({"save": content.folder} if node is keeper else {}))
        assert certify(node, issued(keeper, label))["state"] == "ready"
    keeper.wait_seeding()
    bob.dial(keeper.tls)
    carol.dial(keeper.tls)
    carol.dial(bob.tls)
    for node in nodes:
        wait_until(lambda node=node: peers_of(node) == 2, 20, "peers", details=node.state)

    answer = keeper.call("swarm_ca_revoke", name="films", certificates=["bob"])
    assert [row["label"] for row in answer["revoked"]] == ["bob"]
    assert answer["hash_strings"] == [keeper.hash_string]
    wait_until(lambda: [peers_of(node) for node in nodes] == [1, 0, 1], 10, "bob is alone")
    assert [list_number(node) for node in nodes] == [1, 1, 1]
    told = bob.torrent("tls", "error_string", "status")
    assert told["tls"]["state"] == "revoked"
    assert "its own certificate is revoked" in told["error_string"]

    # It holds after a restart, and bob is not let in by the certificate that he has.
    assert carol.terminate() == 0
    carol.start()
    wait_until(lambda: list_number(carol) == 1, 10, "the list")
    carol.dial(keeper.tls)
    wait_until(lambda: peers_of(carol) == 1, 20, "peer", details=carol.state)

    # With another one he is a peer again.
    assert certify(bob, issued(keeper, "bob again"))["state"] == "ready"
    bob.dial(carol.tls)
    wait_until(lambda: peers_of(bob) >= 1, 20, "peer", details=bob.state)
    for node in nodes:
        node.check_healthy()


def test_who_has_no_notice_of_it_is_refused_by_who_has(work, new_p2pd):
    keeper, bob = tls_p2pd(new_p2pd, "keeper"), tls_p2pd(new_p2pd, "bob")
    content = film(work, keeper)
    keeper.add(content.torrent, save=content.folder)
    certify(keeper, issued(keeper, "keeper"))
    keeper.wait_seeding()
    bob.add(content.torrent)
    certify(bob, issued(keeper, "bob"))
    keeper.call("swarm_ca_revoke", name="films", certificates=["bob"])
    bob.dial(keeper.tls)
    with pytest.raises(TimeoutError):
        wait_until(lambda: peers_of(keeper) or peers_of(bob), 3, "peer", exactly=True)
    assert bob.torrent("tls")["tls"]["state"] == "ready"  # nobody told him yet
    certify(bob, issued(keeper, "bob again"))
    bob.dial(keeper.tls)
    bob.wait_copy_of(content)
    assert list_number(bob) == 1
    for node in (keeper, bob):
        node.check_healthy()


def test_a_seed_that_nobody_told_parts_from_who_is_revoked(work, new_p2pd, new_libtorrent):
    keeper, carol = (tls_p2pd(new_p2pd, each) for each in ("keeper", "carol"))
    content = film(work, keeper)
    keeper.add(content.torrent, save=content.folder)
    certify(keeper, issued(keeper, "keeper"))
    keeper.wait_seeding()
    carol.add(content.torrent)
    certify(carol, issued(keeper, "carol"))
    carol.dial(keeper.tls)
    carol.wait_copy_of(content)
    carol.call("session_set", **SLOWLY)
    bob, (certificate, key) = tls_libtorrent(new_libtorrent, "bob"), issued(keeper, "bob")
    bob.add(content.torrent)
    bob.handle.set_ssl_certificate_buffer(certificate, key, "")
    # Two that have everything need each other no more, and nobody is left to tell carol.
    for act in ("torrent_stop", "torrent_start"):
        carol.call(act, ids=[carol.hash_string])
    carol.wait_seeding()
    wait_until(lambda: not peers_of(keeper) + peers_of(carol), 60, "seeds that part")
    bob.dial(carol.tls)
    wait_until(lambda: peers_of(carol), 20, "bob", details=carol.state)
    keeper.call("swarm_ca_revoke", name="films", certificates=["bob"])
    wait_until(lambda: list_number(carol) == 1, 20, "the list", details=carol.state)
    assert bob.is_seed() is False
    wait_until(lambda: _clients_of(carol) <= {"p2pd"}, 10, "no bob", details=carol.state)
    for node in (keeper, carol):
        node.check_healthy()


def _clients_of(node: Any) -> set[str]:
    return {peer["client_name"].partition(" ")[0] for peer in node.torrent("peers")["peers"]}
