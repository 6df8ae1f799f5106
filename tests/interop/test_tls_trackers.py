"""HTTPS trackers of TLS torrents, by Python's own TLS: each side is believed by its CA alone."""

from __future__ import annotations

import pytest
from cryptography import x509
from peers.https_tracker import HttpsTracker
from peers.processes import wait_until
from peers.tls_swarm import Identity, TlsSwarm, certify, tls_p2pd

SIZE = 300_000
HOST = "localhost"


@pytest.fixture
def tracker(work):
    with HttpsTracker(work / "tracker") as found:
        yield found


@pytest.fixture
def swarm(work, tracker):
    return TlsSwarm(work / "one", "v1", size=SIZE, tracker=tracker.url)


def serial(identity: Identity) -> int:
    return x509.load_pem_x509_certificate(identity.certificate.encode()).serial_number


def told(node) -> str:
    """What became of its last announce."""
    (state,) = node.torrent("tracker_stats")["tracker_stats"]
    return state["last_announce_result"]


def seeding(new_p2pd, swarm: TlsSwarm, identity: Identity, name: str = "seed"):
    """A daemon that announces what it has."""
    node = tls_p2pd(new_p2pd, name)
    node.add(swarm.content.torrent, save=swarm.content.folder)
    certify(node, identity)
    node.wait_seeding()
    return node


def wait_told(node, words: str) -> None:
    wait_until(lambda: words in told(node), 20, words, details=lambda: f"{told(node)}")


def test_peers_find_each_other_by_a_tracker_of_their_ca(new_p2pd, tracker, swarm):
    tracker.show(swarm.issue([HOST]), trusts=swarm.ca_pem)
    identities = [swarm.issue(), swarm.issue()]
    seed = seeding(new_p2pd, swarm, identities[0])
    seed.wait_announced()
    leecher = tls_p2pd(new_p2pd, "leecher")
    leecher.add(swarm.content.torrent)
    certify(leecher, identities[1])
    leecher.wait_copy_of(swarm.content)
    assert {question.serial for question in tracker.questions} == set(map(serial, identities))
    assert {question.server_name for question in tracker.questions} == {HOST}
    assert {question.port for question in tracker.questions} == {seed.tls.port, leecher.tls.port}
    assert seed.terminate() == leecher.terminate() == 0
    stopped = [each.serial for each in tracker.questions if each.event == "stopped"]
    assert sorted(stopped) == sorted(map(serial, identities)), "both said goodbye"
    assert not tracker.refused


@pytest.mark.parametrize("name", ["*", "a film.bin", "127.0.0.1"])
def test_a_peers_certificate_makes_no_tracker(new_p2pd, tracker, swarm, name):
    tracker.show(swarm.issue([name]), trusts=swarm.ca_pem)
    seed = seeding(new_p2pd, swarm, swarm.issue())
    wait_told(seed, f"its certificate is refused: it is not for {HOST}")
    assert not tracker.questions
    seed.check_healthy()


def test_a_tracker_of_another_ca_is_not_believed(work, new_p2pd, tracker, swarm):
    foreign = TlsSwarm(work / "foreign", "v1", size=1000)
    tracker.show(foreign.issue([HOST]), trusts=swarm.ca_pem)
    seed = seeding(new_p2pd, swarm, swarm.issue())
    wait_told(seed, "its certificate is refused: it")
    assert not tracker.questions
    seed.check_healthy()


def test_a_tracker_that_does_not_know_the_ca_says_so(work, new_p2pd, tracker, swarm):
    foreign = TlsSwarm(work / "foreign", "v1", size=1000)
    tracker.show(swarm.issue([HOST]), trusts=foreign.ca_pem)
    seed = seeding(new_p2pd, swarm, swarm.issue())
    wait_told(seed, "it refuses the certificate of the torrent")
    assert not tracker.questions
    assert tracker.refused
    seed.check_healthy()


def test_without_a_certificate_it_is_not_asked(new_p2pd, tracker, swarm):
    tracker.show(swarm.issue([HOST]), trusts=swarm.ca_pem)
    node = tls_p2pd(new_p2pd)
    node.add(swarm.content.torrent, save=swarm.content.folder)
    wait_told(node, "it is not asked, since the torrent has no certificate to show it")
    certify(node, swarm.issue())
    node.wait_announced()
    (question, *_) = tracker.questions
    assert question.event == "started"
    assert not tracker.refused, "nobody came before there was a certificate"


def test_torrents_of_two_cas_share_no_connection(work, new_p2pd, tracker, swarm):
    other = TlsSwarm(work / "two", "v1", size=SIZE, name="b.bin", tracker=tracker.url)
    first, second = swarm.issue(), other.issue()
    tracker.show(swarm.issue([HOST]), trusts=swarm.ca_pem)
    node = seeding(new_p2pd, swarm, first)
    node.wait_announced()
    tracker.show(other.issue([HOST]), trusts=other.ca_pem)
    node.add(other.content.torrent, save=other.content.folder)
    certify(node, second)
    node.wait_announced()
    asked = {(each.info_hash, each.serial) for each in tracker.questions}
    (one,), (two,) = swarm.content.wire_ids, other.content.wire_ids
    assert asked == {(one, serial(first)), (two, serial(second))}
    connections = [question.connection for question in tracker.questions]
    assert len(set(connections)) == len(connections) == 2
    node.check_healthy()
