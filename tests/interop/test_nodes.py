"""Real daemons that prove to each other who they are, over encrypted connections; hostile ones."""

from __future__ import annotations

import urllib.request

import pytest
from peers.mse_wire import ManInTheMiddle, NodeWire
from peers.payload import MIB, make_file, p2pd_content
from peers.processes import wait_until
from peers.tls_swarm import TlsSwarm, certify, tls_p2pd

from p2pd.protocols.peerwire.extensions.p2pd_node import NodeProof, parse
from p2pd.protocols.peerwire.node_proofs import NodeKey, check

ENCRYPTED = {"peers.encryption": "required"}
TO_ALL = {**ENCRYPTED, "peers.identity": "all"}
DOWNLOADING = 4
SCRIPT = NodeKey(b"\x07" * 32)


@pytest.fixture
def content(work):
    return p2pd_content(make_file(work / "original", MIB), "v1")


@pytest.fixture
def info_hash(content):
    from p2pd.formats.metainfo import parse_torrent

    return parse_torrent(content.torrent.read_bytes()).info_hashes.wire_ids[0]


def leecher(new_p2pd, content, name="leecher", settings=TO_ALL, **options):
    """A daemon with the torrent and without its data, which nobody has: connections stay."""
    node = new_p2pd(name, settings=settings, **options)
    node.add(content.torrent)
    runs(node)
    return node


def runs(node) -> None:
    wait_until(lambda: node.torrent("status")["status"] == DOWNLOADING, 20, "a start")


def key_of(node) -> str:
    found: str = node.call("node_identity")["key"]
    assert len(found) == 64
    return found


def keys(node) -> list[str]:
    return [peer["node_key"] for peer in node.torrent("peers")["peers"]]


def metrics(node) -> list[str]:
    token = (node.state_folder / "control-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{node.control_port}/metrics"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as page:
        return page.read().decode().splitlines()


def metric(node, name: str) -> float:
    (line,) = [line for line in metrics(node) if line.startswith(f"{name} ")]
    return float(line.split(" ")[-1])


def outcomes(node) -> dict[str, int]:
    lines = metrics(node)
    begin = "p2pd_node_proofs_total{outcome="
    found = [line.removeprefix(begin).split("} ") for line in lines if line.startswith(begin)]
    return {name.strip('"'): int(float(value)) for name, value in found}


def test_two_daemons_prove_to_each_other_who_they_are(new_p2pd, content):
    one = leecher(new_p2pd, content, "one")
    other = leecher(new_p2pd, content, "other")
    one.dial(other)
    wait_until(lambda: keys(one) == [key_of(other)], 20, "the other's key", details=one.state)
    wait_until(lambda: keys(other) == [key_of(one)], 20, "our key", details=other.state)
    assert (one.state_folder / "node.key").stat().st_mode & 0o777 == 0o600
    before = key_of(one)
    one.kill()
    one.start()
    assert key_of(one) == before


def test_only_those_who_are_trusted_hear_who_a_node_is(new_p2pd, content, info_hash):
    one = leecher(new_p2pd, content, "one", ENCRYPTED)
    other = leecher(new_p2pd, content, "other", ENCRYPTED)
    one.call("nodes_trust", key=key_of(other), name="other")
    other.call("nodes_trust", key=key_of(one), name="one")
    one.dial(other)
    wait_until(lambda: keys(one) == [key_of(other)], 20, "the other's key", details=one.state)
    wait_until(lambda: keys(other) == [key_of(one)], 20, "our key", details=other.state)
    assert [row["node_name"] for row in one.torrent("peers")["peers"]] == ["other"]
    (row,) = one.call("nodes_list")["nodes"]
    assert (row["name"], row["connections"], row["address"]) == ("other", 1, "127.0.0.1")
    stranger = NodeWire(one, info_hash)
    heard = [parse(payload) for payload in stranger.heard(1.0)]
    assert not any(isinstance(message, NodeProof) for message in heard)
    stranger.say(SCRIPT.proof(stranger.channel).encode())
    wait_until(lambda: SCRIPT.public.hex() in keys(one), 20, "the stranger", details=one.state)
    assert stranger.heard(1.0) == []
    stranger.close()


def test_a_banned_node_is_dropped_from_whatever_address_it_comes(new_p2pd, content):
    one = leecher(new_p2pd, content, "one")
    other = leecher(new_p2pd, content, "other")
    one.dial(other)
    wait_until(lambda: keys(one) == [key_of(other)], 20, "the other's key", details=one.state)
    banned = key_of(other)
    one.call("peer_ban", keys=[banned], hours=0)
    assert keys(one) == []
    moved = new_p2pd("moved", settings=TO_ALL, host="127.0.0.9", start=False)
    other.kill()
    moved.state_folder.mkdir(parents=True)
    (moved.state_folder / "node.key").write_bytes((other.state_folder / "node.key").read_bytes())
    moved.start()
    moved.add(content.torrent)
    runs(moved)
    assert key_of(moved) == banned
    before = outcomes(one)["proved"]
    moved.dial(one)
    wait_until(lambda: outcomes(one)["proved"] > before, 20, "its proof", details=one.state)
    wait_until(lambda: keys(one) == [], 20, "its end", details=one.state)
    one.kill()
    one.start()
    assert [ban["node_key"] for ban in one.call("peer_banned")["bans"]] == [banned]


def test_a_script_that_keeps_the_rules_is_believed(new_p2pd, content, info_hash):
    """What the hostile ones below do differently is why they are not."""
    node = leecher(new_p2pd, content)
    script = NodeWire(node, info_hash)
    (payload,) = script.heard()
    proof = parse(payload)
    assert isinstance(proof, NodeProof)
    assert proof.key.hex() == key_of(node)
    check(proof, script.channel)
    script.say(SCRIPT.proof(script.channel).encode())
    wait_until(lambda: keys(node) == [SCRIPT.public.hex()], 20, "its key", details=node.state)
    script.close()


def hostile(new_p2pd, content, info_hash):
    """A daemon, a connection to it, and its own proof on that."""
    node = leecher(new_p2pd, content)
    script = NodeWire(node, info_hash)
    (payload,) = script.heard()
    return node, script, payload


def is_refused(node, script) -> None:
    assert script.is_hung_up_on()
    wait_until(lambda: outcomes(node)["refused"] == 1, 10, "the refusal", details=node.state)
    assert outcomes(node)["proved"] == 0
    assert not any(keys(node))
    script.close()
    node.check_healthy()


def test_a_proof_of_another_connection_is_refused(new_p2pd, content, info_hash):
    """A daemon proves itself to the script, which hands that on to another daemon."""
    victim = leecher(new_p2pd, content, "victim")
    first = NodeWire(victim, info_hash)
    (stolen,) = first.heard()
    node, script, _ = hostile(new_p2pd, content, info_hash)
    script.say(stolen)
    is_refused(node, script)
    again = NodeWire(victim, info_hash)
    again.heard()
    again.say(stolen)  # its own, of another connection
    is_refused(victim, again)
    first.close()


def test_a_proof_in_the_wrong_role_is_refused(new_p2pd, content, info_hash):
    node, script, _ = hostile(new_p2pd, content, info_hash)
    channel = script.channel._replace(role=script.channel.role.other)
    script.say(SCRIPT.proof(channel).encode())
    is_refused(node, script)


def test_a_nodes_own_proof_that_is_sent_back_is_refused(new_p2pd, content, info_hash):
    node, script, own = hostile(new_p2pd, content, info_hash)
    script.say(own)
    is_refused(node, script)


def test_a_nodes_own_signature_under_another_key_is_refused(new_p2pd, content, info_hash):
    node, script, own = hostile(new_p2pd, content, info_hash)
    proof = parse(own)
    assert isinstance(proof, NodeProof)
    script.say(proof._replace(key=SCRIPT.public).encode())
    is_refused(node, script)


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage",
        b"d3:key32:",
        b"d5:hints3:abce",
        b"x" * 50_000,
        b"d5:hints16:0123456789abcdefe" * 2,
    ],
)
def test_garbage_ends_the_connection(new_p2pd, content, info_hash, garbage):
    node, script, _ = hostile(new_p2pd, content, info_hash)
    script.say(garbage)
    assert script.is_hung_up_on()
    script.close()
    node.check_healthy()


def test_a_second_proof_ends_the_connection(new_p2pd, content, info_hash):
    node, script, _ = hostile(new_p2pd, content, info_hash)
    proof = SCRIPT.proof(script.channel).encode()
    script.say(proof)
    script.say(proof)
    assert script.is_hung_up_on()
    script.close()
    node.check_healthy()


def test_a_man_in_the_middle_of_two_encrypted_sessions_is_found_out(
    new_p2pd, content, info_hash, ended_after
):
    one = leecher(new_p2pd, content, "one")
    other = leecher(new_p2pd, content, "other")
    middle = ended_after(ManInTheMiddle(other, info_hash))
    one.dial(middle)
    wait_until(lambda: outcomes(one)["refused"], 20, "our refusal", details=one.state)
    wait_until(lambda: outcomes(other)["refused"], 20, "its refusal", details=other.state)
    assert middle.passed_on > 200
    for node in (one, other):
        assert outcomes(node)["proved"] == 0
        assert not any(keys(node))
        node.check_healthy()


def test_over_tls_it_is_bound_to_that(work, new_p2pd):
    swarm = TlsSwarm(work, "v2", size=MIB)
    one, other = tls_p2pd(new_p2pd, "one"), tls_p2pd(new_p2pd, "other")
    for node in (one, other):
        node.call("session_set", peer_identity="all")
        node.add(swarm.content.torrent)
        certify(node, swarm.issue())
        runs(node)
    one.dial(other.tls)
    wait_until(lambda: keys(one) == [key_of(other)], 20, "the other's key", details=one.state)
    wait_until(lambda: keys(other) == [key_of(one)], 20, "our key", details=other.state)
    assert [row["transport"] for row in one.torrent("peers")["peers"]] == ["tls"]


def test_with_a_shared_secret_it_is_bound_to_that(new_p2pd, content):
    one, other = [new_p2pd(name, settings=TO_ALL) for name in ("one", "other")]
    for node in (one, other):
        node.add(content.torrent, secret="walnut ferry copper lantern")
        runs(node)
    one.dial(other)
    wait_until(lambda: keys(one) == [key_of(other)], 20, "the other's key", details=one.state)
    wait_until(lambda: keys(other) == [key_of(one)], 20, "our key", details=other.state)


def test_a_torrent_for_trusted_nodes_alone_goes_to_them_and_survives_a_kill(new_p2pd, content):
    seed = new_p2pd("seed", settings=TO_ALL)
    seed.add(content.torrent, save=content.folder, trusted_only=True)
    seed.wait_seeding()
    trusted, stranger = (new_p2pd(name, settings=TO_ALL) for name in ("trusted", "stranger"))
    seed.call("nodes_trust", key=key_of(trusted), name="trusted")
    seed.kill()
    seed.start()
    assert seed.torrent("trusted_only")["trusted_only"] is True
    for node in (stranger, trusted):
        node.add_magnet(content.magnet)
    stranger.dial(seed)
    wait_until(lambda: refused(seed), 20, "a refusal", details=seed.state)
    trusted.dial(seed)
    trusted.wait_copy_of(content)
    assert stranger.torrent("metadata_percent_complete")["metadata_percent_complete"] == 0
    for node in (seed, trusted, stranger):
        node.check_healthy()


def refused(node) -> int:
    """How many did not prove to be trusted."""
    return int(metric(node, 'p2pd_handshakes_failed_total{end="not_proved"}'))
