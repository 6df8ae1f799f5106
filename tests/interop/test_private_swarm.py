"""A private swarm as somebody sets it up: daemons, p2pctl, and a libtorrent that takes part."""

from __future__ import annotations

import json
import types

import pytest
from peers.p2pctl import p2pctl
from peers.payload import Content, assert_same, content_of, make_file
from peers.processes import wait_until

from p2pd.clients.free_port import free_port

HOST = "127.0.0.1"
SIZE = 1_500_001


@pytest.fixture
def new_node(new_p2pd):
    """Starts a daemon that listens for TLS, too; `tls` is where."""

    def start(name: str, **settings: str):
        port = free_port(HOST)
        node = new_p2pd(name, settings={"peers.tls_port": str(port), **settings})
        node.tls = types.SimpleNamespace(host=HOST, port=port)
        return node

    return start


def address_of(node) -> str:
    return f"http://{HOST}:{node.control_port}"


@pytest.fixture
def old(new_node):
    """The node with the data, and with a CA called films."""
    node = new_node("old")
    p2pctl(node, "swarm-ca", "create", "films")
    return node


@pytest.fixture
def content(old) -> Content:
    """A film that is private to the CA, which the old node seeds."""
    path = make_file(old.downloads, SIZE, name="a film.bin")
    torrent = path.parent / f"{path.name}.torrent"
    p2pctl(old, "create", path, "--tls-ca", "films", "-o", torrent, "--type", "hybrid")
    p2pctl(old, "add", torrent)
    content = content_of(path, torrent.read_bytes())
    old.hash_string = content.wire_ids[0].hex()
    old.wait_seeding()
    return content


def enrolled(old, new, *token: str) -> str:
    made = p2pctl(old, "swarm-ca", "token", "films", "--address", address_of(old), *token).strip()
    return p2pctl(new, "swarm-ca", "enrol", made)


def test_a_new_node_joins_with_one_command(old, new_node, content):
    new = new_node("new")
    said = enrolled(old, new, "--torrent", content.name)
    assert "torrent 1: has the certificate" in said
    new.hash_string = old.hash_string
    new.wait_seeding()
    assert_same(content.path, new.downloads / content.name)
    for node in (old, new):
        node.check_healthy()
        row = node.torrent("tls")["tls"]
        assert (row["state"], row["certificate_name"]) == ("ready", content.name)


def test_a_libtorrent_joins_with_what_is_issued_for_it(old, content, new_libtorrent):
    said = json.loads(
        p2pctl(old, "swarm-ca", "issue", "films", "--torrent", content.name, "-o", "bob", "--json")
    )
    port = free_port(HOST)
    bob = new_libtorrent("bob", port=port, listen_interfaces=f"{HOST}:{port}s")
    bob.add(content.torrent)
    key = (old.folder / "bob.key").read_text()
    bob.handle.set_ssl_certificate_buffer(said["certificate"], key, "")
    bob.dial(old.tls)
    bob.wait_copy_of(content)


def test_a_certificate_is_renewed_while_the_swarm_goes_on(old, new_node, content):
    new = new_node("new")
    enrolled(old, new, "--torrent", content.name)
    new.hash_string = old.hash_string
    new.wait_seeding()
    before = new.torrent("tls")["tls"]["serial"]
    assert content.name in p2pctl(new, "swarm-ca", "renew")
    wait_until(
        lambda: new.torrent("tls")["tls"]["serial"] != before, 10, "renewal", details=new.state
    )
    assert new.torrent("tls")["tls"]["state"] == "ready"
    shown = p2pctl(old, "swarm-ca", "show", "films")
    assert "renewal of" in shown
    for node in (old, new):
        node.check_healthy()


def test_over_restarts_it_is_all_there(old, new_node, content):
    new = new_node("new")
    enrolled(old, new, "--torrent", content.name)
    new.hash_string = old.hash_string
    new.wait_seeding()
    for node in (old, new):
        assert node.terminate() == 0
        node.start()
        wait_until(
            lambda node=node: node.torrent("tls")["tls"]["state"] == "ready", 20, "certificate",
            details=node.state,
        )  # fmt: skip
    third = new_node("third")
    enrolled(old, third, "--torrent", content.name)
    third.hash_string = old.hash_string
    third.wait_seeding()


def test_who_has_no_token_any_more_gets_nothing(old, new_node, content):
    new = new_node("new")
    made = p2pctl(old, "swarm-ca", "token", "films", "--address", address_of(old)).strip()
    (row,) = old.call("swarm_ca_list", name="films")["tokens"]
    p2pctl(old, "swarm-ca", "token", "films", "--revoke", row["id"])
    assert "refuses: there is no such token" in p2pctl(new, "swarm-ca", "enrol", made, status=1)
    assert new.call("swarm_ca_list")["certificates"] == []


def test_over_https_with_a_certificate_that_nobody_vouches_for(work, new_p2pd):
    new = new_p2pd("new")
    p2pctl(new, "swarm-ca", "create", "web", "--folder", work)
    p2pctl(new, "swarm-ca", "issue", "web", "--for", "x", "--folder", work, "-o", work / "web")
    settings = {
        "control.tls_certificate": str(work / "web.crt"), "control.tls_key": str(work / "web.key"),
        "control.socket": str(work / "control.sock"),
    }  # fmt: skip
    old = new_p2pd("old", start=False, settings=settings)
    old.start(wait=False)
    door = f"--url=unix:{work / 'control.sock'}"
    wait_until((work / "control.sock").exists, 20, "p2pd", details=old.log_tail)
    p2pctl(old, "swarm-ca", "create", "films", door)
    address = f"https://{HOST}:{old.control_port}"
    made = p2pctl(old, "swarm-ca", "token", "films", door, "--address", address).strip()
    assert "enrolled with films, for all torrents" in p2pctl(new, "swarm-ca", "enrol", made)
    (row,) = new.call("swarm_ca_list")["certificates"]
    assert row["addresses"] == [address]
    assert p2pctl(new, "swarm-ca", "renew")
