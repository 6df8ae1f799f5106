"""What becomes known of who may be a peer while others shake hands."""

from __future__ import annotations

import pytest

from p2pd.session.connecting.admission import Way
from p2pd.session.tls.tls_api import GivenCertificate
from p2pd.session.torrents.resting import REST_SECONDS
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, ScriptedPeer, make_torrent
from tests.session.tls_swarm import FILES, PIECE, Authority, authority, foreign, give, node

LINK = f"magnet:?xt=urn:btih:{'a0' * 20}&dn=a+film"


def member(of: Authority) -> GivenCertificate:
    """What a magnet's torrent is given."""
    issued = of.issue("*")
    return GivenCertificate(issued.certificate, issued.private_key, of.pem)


@pytest.mark.parametrize("after", [0.0, 0.015, 0.025, 0.035, 0.045, 0.055, 0.065, 0.075])
@pytest.mark.parametrize("dials", [False, True])
def test_who_was_shaking_hands_when_it_got_another_ca_does_not_get_in(
    network: MemoryNetwork, after: float, dials: bool
) -> None:
    first, second = node(network, "10.0.0.1"), node(network, "10.0.0.2")
    ours, theirs = first.add(LINK), second.add(LINK)
    for at, torrent in ((first, ours), (second, theirs)):
        give(at, torrent, member(foreign()))
    assert ours.way is theirs.way is Way.TLS
    if dials:
        first.connect(ours, second.tls_address)
    else:
        second.connect(theirs, first.tls_address)
    network.run(after)
    give(first, ours, member(authority()))
    network.run(10)
    assert not ours.connected
    assert not theirs.connected


def test_what_is_known_when_a_torrent_is_woken_counts(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = node(network, "10.0.0.1")
    torrent = seed.put(make_torrent(FILES, piece_length=PIECE), FILES)
    network.run(REST_SECONDS + 5)
    assert torrent.resting
    wake = seed.session.resting.wake

    async def woken(torrent: Torrent) -> None:
        await wake(torrent)
        monkeypatch.setattr(Torrent, "way", Way.TLS)

    monkeypatch.setattr(seed.session.resting, "wake", woken)
    peer = ScriptedPeer(network, "10.0.0.2", torrent.info_hashes.wire_ids[0])
    peer.dial(seed.address)
    network.run(1)
    assert not torrent.resting
    assert not torrent.connected
    assert peer.closed is not None
    assert seed.session.connections.refused == {"not_wanted": 1}
