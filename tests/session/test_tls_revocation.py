"""Certificates that a swarm's CA took back: who has them is let in no more, anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p2pd.protocols.peerwire.extensions import p2pd_crl
from p2pd.session.revoking.swarm_revoking import OWN_REVOKED
from p2pd.session.session_events import EventKind, TorrentEvent
from p2pd.session.tls.tls_api import GivenCertificate, TlsState
from p2pd.session.torrents.torrent import Torrent
from p2pd.state.revocation_files import RevocationFiles
from p2pd.testing import MemoryNetwork, SimNode
from p2pd.testing.torrents import make_torrent
from tests.session.revocation_lists import number_at, revoking, take
from tests.session.tls_swarm import (
    DAY,
    FILES,
    LATE,
    authority,
    foreign,
    give,
    node,
    of_everybody,
    tls_torrent,
)

SLOWLY: dict[str, Any] = {"speed_limit_up": 8, "speed_limit_up_enabled": True}
"""So that nobody has all, and parts from the others, before half a minute has passed."""


def swarm(
    network: MemoryNetwork, *given: GivenCertificate, **options: Any
) -> tuple[list[SimNode], list[Torrent]]:
    """Nodes with these certificates, each connected with each; the first has all of the torrent."""
    options = {**SLOWLY, **options}
    nodes = [node(network, f"10.0.0.{at}", **options) for at in range(1, len(given) + 1)]
    torrents: list[Torrent] = []
    for at, one in enumerate(nodes):
        torrent = tls_torrent()
        torrents.append(one.add(torrent) if at else one.put(torrent, FILES))
        give(one, torrents[-1], given[at])
        one.connect(torrents[-1], *(other.tls_address for other in nodes[:at]))
    network.run_until(lambda: all(len(one.connected) == len(nodes) - 1 for one in torrents))
    network.run(1.0)
    return nodes, torrents


def test_a_list_spreads_and_whoever_is_on_it_is_alone(network: MemoryNetwork) -> None:
    given = [authority().issue("*") for _ in range(3)]
    heard: list[TorrentEvent] = []
    (one, bad, two), (had, lost, wanted) = swarm(network, *given, listener=heard.append)
    take(one, revoking(given[1], number=4))
    network.run(5.0)
    assert [number_at(each) for each in (one, bad, two)] == [4, 4, 4]
    assert not lost.connected
    assert len(had.connected) == len(wanted.connected) == 1
    network.run_until(wanted.is_complete, limit=90)

    report = bad.session.tls.report(lost)
    assert report is not None
    assert (report.state, report.why) == (TlsState.REVOKED, f"{OWN_REVOKED}: it needs another one")
    assert not lost.running
    told = [event for event in heard if event.kind is EventKind.CERTIFICATE]
    assert [event.detail["stage"] for event in told] == ["revoked"]

    # With another certificate it is a peer again.
    give(bad, lost, authority().issue("*"))
    bad.connect(lost, two.tls_address)
    network.run_until(lambda: bool(lost.connected), limit=60)
    network.run_until(lost.is_complete, limit=90)


@pytest.mark.parametrize("who_knows", ["the dialled", "the dialler"])
def test_who_is_revoked_is_refused_at_the_handshake(network: MemoryNetwork, who_knows: str) -> None:
    revoked = authority().issue("*")
    seeds, leeches = of_everybody(), revoked
    if who_knows == "the dialler":
        seeds, leeches = leeches, seeds
    seed, leecher = node(network, "10.0.0.1"), node(network, "10.0.0.2")
    had, wanted = seed.put(tls_torrent(), FILES), leecher.add(tls_torrent())
    give(seed, had, seeds)
    give(leecher, wanted, leeches)
    take(seed if who_knows == "the dialled" else leecher, revoking(revoked))
    leecher.connect(wanted, seed.tls_address)
    network.run(30.0)
    assert not had.connected
    assert not wanted.connected
    assert not wanted.is_complete()
    assert sum((seed.session.connections.failed + leecher.session.connections.failed).values())


def test_who_meets_a_node_with_a_newer_list_has_it_too(network: MemoryNetwork) -> None:
    gone = authority().issue("*")
    (seed, leecher), (had, wanted) = swarm(network, of_everybody(), authority().issue("*"))
    take(leecher, revoking(gone, number=3))
    network.run(2.0)
    assert number_at(seed) == 3
    take(seed, revoking(gone, number=2))
    assert number_at(seed) == 3
    assert had.connected
    assert wanted.connected


def test_a_list_that_another_ca_signed_ends_the_connection(network: MemoryNetwork) -> None:
    (seed, _), (had, wanted) = swarm(network, of_everybody(), authority().issue("*"))
    forged = revoking(number=9, by=foreign())
    message = p2pd_crl.ListSent(p2pd_crl.ListVersion(*forged.version), forged.der)
    network.run(1.0)
    (liar,) = wanted.connected
    assert liar.extensions.speaks(p2pd_crl.NAME)
    liar.extensions.send(p2pd_crl.NAME, message.encode())
    liar.flush()
    network.run(0.5)
    assert not had.connected
    assert number_at(seed) == 0
    assert seed.session.tls.revoking.lists.refused == 1


def test_what_is_revoked_is_so_after_a_restart(network: MemoryNetwork, tmp_path: Path) -> None:
    revoked = authority().issue("*")
    first = node(network, "10.0.0.1", revocations=RevocationFiles(str(tmp_path)))
    had = first.put(tls_torrent(), FILES)
    give(first, had, of_everybody())
    take(first, revoking(revoked, number=5))
    network.run(1.0)
    first.stop()
    again = node(
        network, "10.0.0.1", revocations=RevocationFiles(str(tmp_path)), store=first.store,
        disk=first.disk, keys=first.keys,
    )  # fmt: skip
    assert number_at(again) == 5
    take(again, revoking(number=4))
    assert number_at(again) == 5
    leecher = node(network, "10.0.0.2")
    wanted = leecher.add(tls_torrent())
    give(leecher, wanted, revoked)
    leecher.connect(wanted, again.tls_address)
    network.run(30.0)
    assert not wanted.connected


def test_a_torrent_without_a_ca_does_not_speak_of_lists(network: MemoryNetwork) -> None:
    plain = make_torrent(FILES, "v1")
    seed, leecher = node(network, "10.0.0.1"), node(network, "10.0.0.2")
    had, wanted = seed.put(plain, FILES), leecher.add(plain)
    leecher.connect(wanted, seed.address)
    network.run_until(lambda: bool(wanted.connected) and bool(had.connected))
    network.run(0.2)
    assert not any(
        peer.extensions.speaks("p2pd_crl") for peer in [*had.connected, *wanted.connected]
    )


def test_a_connection_ends_with_the_certificate_it_was_made_with(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seed, _), (had, _) = swarm(network, of_everybody(), authority().issue("*", end=LATE - DAY))
    assert had.connected
    monkeypatch.setattr(seed.session, "wall", lambda: (LATE - DAY).timestamp() - 5)
    network.run(2.0)
    assert had.connected
    monkeypatch.setattr(seed.session, "wall", lambda: (LATE - DAY).timestamp() + 5)
    network.run(2.0)
    assert not had.connected


def test_what_ends_soon_is_told_of_the_torrent(network: MemoryNetwork) -> None:
    heard: list[TorrentEvent] = []
    at = node(network, "10.0.0.1", listener=heard.append)
    torrent = at.put(tls_torrent(), FILES)
    take(at, revoking(number=1, days=14 + 1 / 1440))
    give(at, torrent, authority().issue("*"))
    network.run(5.0)
    report = at.session.tls.report(torrent)
    assert report is not None
    assert report.prospects.warnings == ()
    assert report.prospects.list_number == 1
    assert report.prospects.ca_not_after == LATE.timestamp()
    network.run(60.0)
    told = [event.detail for event in heard if event.kind is EventKind.CERTIFICATE]
    assert [(one["what"], one["stage"]) for one in told] == [("revocation_list", "soon")]
    report = at.session.tls.report(torrent)
    assert report is not None
    (warning,) = report.prospects.warnings
    assert warning.startswith("the revocation list of the CA CN=")
    assert warning.endswith(" ends in 13 days")
