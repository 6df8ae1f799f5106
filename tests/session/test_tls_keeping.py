"""A torrent that was given a certificate is never for everybody again, whatever is lost of it."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import P2pdError
from p2pd.session.connecting.admission import Way
from p2pd.session.tls.standing import NO_CERTIFICATE
from p2pd.session.tls.tls_api import GivenCertificate
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.tls_swarm import authority, give, node, of_everybody, tls_torrent

LINK = f"magnet:?xt=urn:btih:{'ab' * 20}"


def with_ca() -> GivenCertificate:
    """For a magnet link."""
    return GivenCertificate(of_everybody().certificate, of_everybody().private_key, authority().pem)


def test_a_magnet_whose_ca_is_lost_waits_for_it(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    give(at, at.add(LINK), with_ca())
    at.stop()
    # As it is after a restore of a backup, which has no certificates.
    after = node(network, "10.0.0.1", store=at.store, disk=at.disk)
    network.run(1.0)
    (torrent,) = after.session.torrents
    assert torrent.way is Way.TLS
    assert not torrent.running
    assert after.session.tls.why_not(torrent) == NO_CERTIFICATE
    with pytest.raises(P2pdError, match="the certificate of its CA is needed"):
        give(after, torrent, of_everybody())
    give(after, torrent, with_ca())
    network.run(1.0)
    assert torrent.running


def test_what_was_removed_meanwhile_gets_no_certificate(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    save, done = at.keys.save, _Removing(at)
    at.keys.save = lambda *kept: (save(*kept), done())  # type: ignore[method-assign, assignment]
    with pytest.raises(P2pdError, match="was removed"):
        give(at, torrent, of_everybody())
    assert not at.keys.kept
    assert not at.session.tls.has_ca(torrent)


class _Removing:
    """Removes the one torrent of a node, while its certificate is written."""

    def __init__(self, at: SimNode) -> None:
        self.at = at

    def __call__(self) -> None:
        (view,) = self.at.control.torrents()
        Deferred.fromCoroutine(self.at.control.remove(view, delete_data=False))
