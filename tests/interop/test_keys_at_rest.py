"""Private keys of a real daemon: sealed when a passphrase appears, and of no use without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peers.processes import wait_until
from peers.tls_swarm import TlsSwarm, certify, tls_p2pd

SIZE = 100_000


def keys_of(node: Any) -> dict[str, bytes]:
    """All private keys in the state folder, by path."""
    return {str(path): path.read_bytes() for path in Path(node.state_folder).rglob("*.key")}


def restart(node: Any, passphrase_file: str) -> None:
    """With this passphrase, or none."""
    assert node.terminate() == 0
    node._settings["keys.passphrase_file"] = passphrase_file
    node.start()


def test_keys_are_sealed_by_a_passphrase_and_stop_only_what_needs_them(work, new_p2pd):
    swarm = TlsSwarm(work, "v1", size=SIZE)
    node = tls_p2pd(new_p2pd)
    node.add(swarm.content.torrent, save=swarm.content.folder)
    certify(node, swarm.issue())
    node.call("swarm_ca_create", name="films")
    node.wait_seeding()
    plain = keys_of(node)
    assert len(plain) >= 2
    assert all(b"BEGIN PRIVATE KEY" in key for key in plain.values())

    passphrase = work / "passphrase"
    passphrase.write_text("walnut ferry copper lantern\n")
    passphrase.chmod(0o600)
    restart(node, str(passphrase))
    node.wait_seeding()
    sealed = keys_of(node)
    assert sealed.keys() == plain.keys()
    assert all(b"BEGIN ENCRYPTED PRIVATE KEY" in key for key in sealed.values())
    assert all(Path(path).stat().st_mode & 0o777 == 0o600 for path in sealed)
    assert node.torrent("tls")["tls"]["state"] == "ready"
    node.call("swarm_ca_issue", name="films")

    restart(node, "")
    wait_until(lambda: node.torrent("tls")["tls"]["state"] == "unfit", 10, "no key")
    told = node.torrent("error_string")["error_string"]
    assert "is sealed, and no passphrase is given" in told
    assert keys_of(node) == sealed
    node.check_healthy()

    passphrase.write_text("another one\nwalnut ferry copper lantern\n")
    restart(node, str(passphrase))
    node.wait_seeding()
    again = keys_of(node)
    assert all(b"BEGIN ENCRYPTED" in key and key != sealed[path] for path, key in again.items())
    node.check_healthy()
