"""TLS torrents between p2pd and libtorrent, whose SSL torrents they are."""

from __future__ import annotations

import pytest
from peers.processes import wait_until
from peers.tls_swarm import TlsSwarm, certify, tls_libtorrent, tls_p2pd

SIZE = 1_300_001
SLOW = 600_000
"""Bytes a second, so that there is time to look at the connection."""

VERSIONS = pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])


def shown(node) -> list[tuple[str, bool, str]]:
    """How a p2pd speaks with each peer of its torrent."""
    peers = node.torrent("peers")["peers"]
    return [(p["transport"], p["is_encrypted"], p["certificate_name"]) for p in peers]


@VERSIONS
def test_p2pd_downloads_from_libtorrent(work, new_p2pd, new_libtorrent, version):
    swarm = TlsSwarm(work, version, size=SIZE)
    seed, leecher = tls_libtorrent(new_libtorrent), tls_p2pd(new_p2pd)
    seed.add(swarm.content.torrent, save=swarm.content.folder)
    seed.handle.set_ssl_certificate_buffer(*swarm.issue(["a film.bin"]), "")
    seed.wait_seeding()
    seed.limit_upload(SLOW)
    leecher.add(swarm.content.torrent)
    assert certify(leecher, swarm.issue())["state"] == "ready"
    leecher.dial(seed)
    wait_until(
        lambda: ("tls", True, "a film.bin") in shown(leecher), 20, "peer", details=leecher.state
    )
    seed.limit_upload(0)
    leecher.wait_copy_of(swarm.content)
    leecher.check_healthy()


@VERSIONS
def test_libtorrent_downloads_from_p2pd(work, new_p2pd, new_libtorrent, version):
    swarm = TlsSwarm(work, version, size=SIZE)
    seed, leecher = tls_p2pd(new_p2pd), tls_libtorrent(new_libtorrent)
    seed.add(swarm.content.torrent, save=swarm.content.folder)
    certify(seed, swarm.issue(["a film.bin"]))
    seed.wait_seeding()
    seed.call("session_set", speed_limit_up=SLOW // 1000, speed_limit_up_enabled=True)
    leecher.add(swarm.content.torrent)
    leecher.handle.set_ssl_certificate_buffer(*swarm.issue(), "")
    leecher.dial(seed.tls)
    wait_until(lambda: ("tls", True, "*") in shown(seed), 20, "peer", details=seed.state)
    seed.call("session_set", speed_limit_up_enabled=False)
    leecher.wait_copy_of(swarm.content)
    seed.check_healthy()


@VERSIONS
def test_p2pd_gets_metadata_of_a_magnet_by_tls(work, new_p2pd, new_libtorrent, version):
    swarm = TlsSwarm(work, version, size=SIZE)
    seed, leecher = tls_libtorrent(new_libtorrent), tls_p2pd(new_p2pd)
    seed.add(swarm.content.torrent, save=swarm.content.folder)
    seed.handle.set_ssl_certificate_buffer(*swarm.issue(["a film.bin"]), "")
    seed.wait_seeding()
    leecher.add_magnet(swarm.content.magnet)
    certify(leecher, swarm.issue(["a film.bin"]), ca=swarm.ca_pem)
    leecher.dial(seed)
    leecher.wait_copy_of(swarm.content)
    leecher.check_healthy()


@VERSIONS
def test_two_p2pd_after_a_restart_of_the_one_that_seeds(work, new_p2pd, version):
    swarm = TlsSwarm(work, version, size=SIZE)
    seed, leecher = tls_p2pd(new_p2pd, "seed"), tls_p2pd(new_p2pd, "leecher")
    seed.add(swarm.content.torrent, save=swarm.content.folder)
    assert seed.torrent("error", "tls")["tls"]["state"] == "no_certificate"
    certify(seed, swarm.issue())
    (key,) = (seed.state_folder / "tls" / seed.hash_string).glob("*.key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert seed.terminate() == 0
    seed.start()
    seed.wait_seeding()
    leecher.add(swarm.content.torrent)
    certify(leecher, swarm.issue(["a film.bin"]))
    leecher.dial(seed.tls)
    leecher.wait_copy_of(swarm.content)
    for node in (seed, leecher):
        node.check_healthy()
    seed.call("torrent_remove", ids=[seed.hash_string])
    assert not key.exists()


def test_peers_are_not_reached_by_the_port_of_others(work, new_p2pd, new_libtorrent):
    swarm = TlsSwarm(work, "v1", size=SIZE)
    seed, leecher = tls_p2pd(new_p2pd), tls_libtorrent(new_libtorrent)
    seed.add(swarm.content.torrent, save=swarm.content.folder)
    certify(seed, swarm.issue())
    seed.wait_seeding()
    leecher.add(swarm.content.torrent)
    leecher.handle.set_ssl_certificate_buffer(*swarm.issue(), "")
    leecher.dial(seed)
    with pytest.raises(TimeoutError):
        wait_until(lambda: shown(seed), 2, "peer", exactly=True)
    leecher.dial(seed.tls)
    leecher.wait_copy_of(swarm.content)
