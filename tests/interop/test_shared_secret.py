"""Torrents with a secret between real daemons: who knows it, and what others see of them."""

from __future__ import annotations

import contextlib
import json
import socket
import time

import pytest
from peers.payload import MIB, libtorrent_content, make_file, p2pd_content
from peers.processes import wait_until
from peers.scripted import PROTOCOL

from p2pd.clients.swarm_secrets import new_secret

QUIET_SECONDS = 3.0
"""For which nothing may come of who does not know it."""
PASSPHRASE = "walnut ferry copper lantern"


def sealed_by(folder):
    """Settings of a daemon whose keys are sealed with a passphrase."""
    path = folder / "passphrase"
    path.write_text("of the operator\n")
    path.chmod(0o600)
    return {"keys.passphrase_file": str(path)}


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_who_knows_the_secret_gets_it_from_a_link_and_after_a_restart(work, new_p2pd, version):
    content = p2pd_content(make_file(work / "original", 2 * MIB), version)
    secret = new_secret()
    seed = new_p2pd("seed", settings=sealed_by(work))
    leecher = new_p2pd("leecher", settings={"peers.encryption": "required"})
    seed.add(content.torrent, save=content.folder, secret=secret)
    leecher.add_magnet(content.magnet, secret=secret.upper())
    seed.wait_checked()
    leecher.dial(seed)
    leecher.wait_copy_of(content)
    seed.kill()
    seed.start()
    again = new_p2pd("again")
    again.add(content.torrent, secret=secret)
    again.dial(seed)
    again.wait_copy_of(content)
    for node in (seed, leecher, again):
        assert node.torrent("has_secret")["has_secret"] is True
        node.check_healthy()
        kept_from(node, secret, sealed=node is seed)


def kept_from(node, secret: str, *, sealed: bool) -> None:
    """Nowhere is the secret to be read: not in answers, logs or the audit; sealed, nor on disk."""
    fields = ["has_secret", "magnet_link", "torrent_file", "name", "error_string", "tracker_list"]
    everything = json.dumps(node.call("torrent_get", fields=fields))
    assert secret not in everything
    assert secret not in node.log_text()
    entries = json.dumps(node.call("audit_get"))
    assert "torrent_add" in entries
    assert secret.casefold() not in entries.casefold()
    for path in node.state_folder.rglob("*"):
        if path.is_file() and path.stat().st_size:
            assert not path.stat().st_mode & 0o077 or b"PRIVATE KEY" not in path.read_bytes()
            assert not sealed or b"BEGIN PRIVATE KEY" not in path.read_bytes(), path


def test_a_passphrase_is_as_good_for_who_knows_it(work, new_p2pd):
    content = p2pd_content(make_file(work / "original", MIB), "hybrid")
    seed, leecher = new_p2pd("seed"), new_p2pd("leecher")
    seed.add(content.torrent, save=content.folder, secret=PASSPHRASE)
    leecher.add_magnet(content.magnet, secret=PASSPHRASE)
    seed.wait_checked()
    leecher.dial(seed)
    leecher.wait_copy_of(content)


@pytest.mark.parametrize("theirs", ["", "wrong"])
def test_who_does_not_know_it_gets_nothing(work, new_p2pd, theirs):
    content = p2pd_content(make_file(work / "original", MIB), "v1")
    seed, stranger = (
        new_p2pd("seed"),
        new_p2pd("stranger", settings={"peers.encryption": "allowed"}),
    )
    seed.add(content.torrent, save=content.folder, secret=new_secret())
    stranger.add_magnet(content.magnet, **({"secret": new_secret()} if theirs else {}))
    seed.wait_checked()
    stranger.dial(seed)
    seed.dial(stranger)
    ended = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < ended:
        for node in (seed, stranger):
            assert node.torrent("peers_connected")["peers_connected"] == 0
        time.sleep(0.2)
    assert stranger.torrent("metadata_percent_complete")["metadata_percent_complete"] == 0
    seed.check_healthy()
    stranger.check_healthy()


def test_a_client_that_knows_the_torrent_alone_gets_nothing(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", MIB), "v1")
    seed = new_p2pd("seed", settings={"peers.encryption": "allowed"})
    seed.add(content.torrent, save=content.folder, secret=new_secret())
    seed.wait_checked()
    client = new_libtorrent(in_enc_policy=1, out_enc_policy=1, allowed_enc_level=3)
    client.add(content.torrent)
    client.dial(seed)
    time.sleep(QUIET_SECONDS)
    assert seed.torrent("peers_connected")["peers_connected"] == 0
    assert client.status.total_done == 0


def told(node, info_hash: bytes) -> bytes:
    """What the node says to who greets it in the clear, until it hangs up."""
    heard = bytearray()
    with socket.create_connection((node.host, node.port), timeout=10) as stranger:
        stranger.sendall(PROTOCOL + bytes(8) + info_hash + b"-XX0001-" + b"x" * 12)
        with contextlib.suppress(ConnectionError):
            while len(heard) < len(PROTOCOL) + 48 and (more := stranger.recv(4096)):
                heard += more
    return bytes(heard)


def test_a_stranger_is_told_as_much_as_of_a_torrent_that_is_not_here(work, new_p2pd):
    content = p2pd_content(make_file(work / "original", MIB), "v1")
    seed = new_p2pd("seed", settings={"peers.encryption": "allowed"})
    seed.add(content.torrent, save=content.folder, secret=new_secret())
    seed.wait_checked()
    (info_hash,) = content.wire_ids
    assert told(seed, info_hash) == told(seed, b"n" * 20) == b""
    seed.call("torrent_set", ids=[seed.hash_string], secret="")
    wait_until(lambda: info_hash in told(seed, info_hash), 5, "an answer", details=seed.state)
