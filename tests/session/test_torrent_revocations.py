"""Revocation lists among peers: they spread, cross a connection once, and hold at once."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.base.errors import FormatError
from p2pd.formats.x509.revocation import RevocationList, make_list
from p2pd.formats.x509.swarm_ca import issue, new_ca, new_key
from p2pd.protocols.peerwire.extensions.p2pd_crl import ListHeld, ListSent, ListVersion, ListWanted
from p2pd.session.connecting.admission import PeerCertificate
from p2pd.session.revoking.revocations import Revocations
from p2pd.session.revoking.torrent_revocations import (
    ANSWER_SECONDS,
    AT_ONCE,
    NAME,
    SECONDS_EACH,
    TorrentRevocations,
)
from p2pd.state.revocation_files import RevocationFiles
from p2pd.testing.inline_disk import InlineDisk, OneDisk

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CA, CA_KEY = new_ca("a swarm", 365, NOW)
OTHER, OTHER_KEY = new_ca("another swarm", 365, NOW)


def issued(ca: x509.Certificate = CA, key: Any = CA_KEY, days: float = 30) -> x509.Certificate:
    """A peer's certificate."""
    return issue(ca, key, new_key().public_key(), ["*"], days, NOW)


def revoking(*certificates: x509.Certificate, number: int = 1) -> RevocationList:
    """A list of these."""
    since = int(NOW.timestamp())
    return make_list(
        CA, CA_KEY, {one.serial_number: since for one in certificates}, number=number, now=NOW
    )


class End:
    """One end of a connection, as its node sees the peer at the other."""

    def __init__(self, name: str, theirs: x509.Certificate, *, speaks: bool = True) -> None:
        self.address = name
        self.certificate = PeerCertificate(
            name,
            theirs.serial_number,
            theirs.public_bytes(Encoding.DER),
            theirs.not_valid_after_utc.timestamp(),
        )
        self.closed = self.peer_interested = False
        self.why = ""
        self.sent: deque[bytes] = deque()
        self.other: End | None = None
        self.node: Node | None = None
        self.extensions = self
        self._speaks = speaks

    def speaks(self, name: str) -> bool:
        """Whether the peer takes these messages."""
        return self._speaks and name == NAME

    def send(self, name: str, payload: bytes) -> None:
        """To the peer."""
        assert name == NAME
        self.sent.append(payload)

    def flush(self) -> None:
        """It is on its way."""

    def disconnect(self, reason: str) -> None:
        """Part from it; what was sent before still comes to it."""
        assert self.node is not None
        self.closed, self.why = True, reason
        self.node.connected.remove(self)
        self.node.torrent.left(self, self.node.now)


class Node:
    """A node with one torrent."""

    def __init__(self, memory: RevocationFiles | None = None) -> None:
        self.certificate = issued()
        self.ca: x509.Certificate | None = CA
        self.connected: list[End] = []
        self.now = 0.0
        self.record = SimpleNamespace(name="film")
        self.host = self
        self.clock = Clock()
        self.disks: Any = OneDisk(InlineDisk(self.clock))
        self.session = Revocations(self, memory)
        self.torrent = TorrentRevocations(self, self.session)
        self.session.listen(lambda _, found: self.torrent.list_changed(found))

    def wall(self) -> float:
        """Unix seconds."""
        return NOW.timestamp() + self.now

    def is_complete(self) -> bool:
        """Seeds are tried elsewhere."""
        return False

    def background(self, work: Any, what: str) -> None:
        """Nobody waits for it."""
        Deferred.fromCoroutine(work)
        self.clock.advance(0)

    @property
    def number(self) -> int:
        """Of the list in force."""
        found = self.session.of(CA)
        return 0 if found is None else found.number

    def meet(self, peer: End) -> None:
        """A peer shook hands."""
        peer.node = self
        self.connected.append(peer)
        self.torrent.introduced(peer, self.now)


class Swarm:
    """Nodes, and connections that carry what is sent when `run` is called."""

    def __init__(self, count: int) -> None:
        self.nodes = [Node() for _ in range(count)]
        self.ends: list[End] = []
        self.carried: list[Any] = []

    def link(self, one: int, other: int) -> tuple[End, End]:
        """Two of them are connected: how each sees the other."""
        a, b = self.nodes[one], self.nodes[other]
        ends = End(f"node {other}", b.certificate), End(f"node {one}", a.certificate)
        ends[0].other, ends[1].other = ends[1], ends[0]
        for node, end in zip((a, b), ends, strict=True):
            node.meet(end)
        self.ends += ends
        return ends

    def run(self) -> None:
        """Until nobody has anything to say."""
        while any(end.sent for end in self.ends):
            for end in self.ends:
                while end.sent:
                    self._carry(end)

    def _carry(self, end: End) -> None:
        payload, there = end.sent.popleft(), end.other
        self.carried.append(payload)
        assert there is not None
        assert there.node is not None
        if not there.closed:
            there.node.torrent.received(there, payload, there.node.now)

    @property
    def lists_carried(self) -> int:
        """How many lists went over the wire."""
        return sum(b"msg_typei2e" in payload for payload in self.carried)


def test_whoever_has_a_newer_list_gives_it_when_two_meet() -> None:
    swarm = Swarm(2)
    swarm.nodes[1].session.adopt(revoking(issued(), number=4), CA, "a file")
    swarm.link(0, 1)
    swarm.run()
    assert swarm.nodes[0].number == 4
    assert swarm.lists_carried == 1


def test_an_older_list_never_takes_the_place_of_a_newer_one() -> None:
    swarm = Swarm(2)
    swarm.nodes[0].session.adopt(revoking(number=7), CA, "a file")
    swarm.nodes[1].session.adopt(revoking(number=4), CA, "a file")
    swarm.link(0, 1)
    swarm.run()
    assert [node.number for node in swarm.nodes] == [7, 7]
    assert not swarm.nodes[0].session.adopt(revoking(number=6), CA, "a file")
    assert swarm.nodes[0].number == 7


def test_a_list_goes_round_a_ring_once_and_then_there_is_silence() -> None:
    swarm = Swarm(8)
    for at in range(8):
        swarm.link(at, (at + 1) % 8)
    swarm.run()
    swarm.nodes[0].session.adopt(revoking(issued(), number=2), CA, "a file")
    swarm.run()
    assert {node.number for node in swarm.nodes} == {2}
    assert swarm.lists_carried == 7  # each of the others got it once


def test_everybody_knows_everybody_and_each_gets_it_once() -> None:
    swarm = Swarm(6)
    for one in range(6):
        for other in range(one):
            swarm.link(one, other)
    swarm.run()
    swarm.nodes[3].session.adopt(revoking(issued(), number=2), CA, "a file")
    swarm.run()
    assert {node.number for node in swarm.nodes} == {2}
    assert swarm.lists_carried == 5


def test_who_is_revoked_is_parted_from_at_once_everywhere_and_learns_why() -> None:
    swarm = Swarm(3)
    to_one, _ = swarm.link(0, 1)
    to_two, _ = swarm.link(0, 2)
    two_to_one, _ = swarm.link(2, 1)
    swarm.run()
    found = revoking(swarm.nodes[1].certificate, number=2)
    swarm.nodes[0].session.adopt(found, CA, "a file")
    assert to_one.closed
    assert to_one.why.startswith("its certificate is revoked (serial ")
    swarm.run()
    assert two_to_one.closed
    assert not to_two.closed
    assert {node.number for node in swarm.nodes} == {2}
    revoked = swarm.nodes[1]
    assert revoked.session.judge([revoked.certificate, CA]) is not None
    assert swarm.nodes[0].session.judge([swarm.nodes[2].certificate, CA]) is None


def test_who_came_by_an_intermediate_is_judged_anew() -> None:
    node = Node()
    end = End("somebody", issued(OTHER, OTHER_KEY))
    node.meet(end)
    node.session.adopt(revoking(number=1), CA, "a file")
    assert not end.closed
    node.session.adopt(revoking(issued(), number=2), CA, "a file")
    assert end.why == "its certificate is to be looked at anew"


def by_an_intermediate(name: str) -> tuple[End, x509.Certificate]:
    """Somebody, and the certificate of the one that issued his."""
    between = issued()
    end = End(name, issued(OTHER, OTHER_KEY))
    shown = (between.public_bytes(Encoding.DER),)
    end.certificate = replace(end.certificate, between=shown)
    return end, between


def test_whose_intermediate_was_revoked_is_parted_from_and_nobody_else() -> None:
    node = Node()
    (end, between), (other, _) = by_an_intermediate("one"), by_an_intermediate("another")
    for each in (end, other):
        node.meet(each)
    node.session.adopt(revoking(between, number=1), CA, "a file")
    assert (end.closed, other.closed) == (True, False)
    assert end.why == f"its certificate is revoked (serial {between.serial_number:x})"


def test_whose_intermediate_was_revoked_while_he_was_verified_is_not_let_in() -> None:
    node = Node()
    (end, between), (other, _) = by_an_intermediate("one"), by_an_intermediate("another")
    node.session.adopt(revoking(between, number=1), CA, "a file")
    for each in (end, other):
        node.meet(each)
        node.torrent.tick(1.0)
    assert (end.closed, other.closed) == (True, False)
    assert end.why == f"its certificate is revoked (serial {between.serial_number:x})"


def test_a_list_that_the_ca_did_not_sign_is_held_against_the_sender() -> None:
    node, end = Node(), End("a liar", issued())
    node.meet(end)
    forged = make_list(OTHER, OTHER_KEY, {}, number=9, now=NOW)
    message = ListSent(ListVersion(*forged.version), forged.der)
    with pytest.raises(FormatError, match="of another CA"):
        node.torrent.received(end, message.encode(), 1.0)
    same_name, its_key = new_ca("a swarm", 365, NOW)
    forged = make_list(same_name, its_key, {}, number=9, now=NOW)
    message = ListSent(ListVersion(*forged.version), forged.der)
    with pytest.raises(FormatError, match="not signed by the CA"):
        node.torrent.received(end, message.encode(), 1.0)
    assert node.number == 0
    assert node.session.refused == 2


def test_another_list_than_it_said_is_held_against_the_sender() -> None:
    node, end = Node(), End("a liar", issued())
    node.meet(end)
    node.session.adopt(revoking(number=5), CA, "a file")
    old = revoking(number=3)
    with pytest.raises(FormatError, match="another revocation list than it said"):
        node.torrent.received(end, ListSent(ListVersion(8, 1), old.der).encode(), 1.0)
    assert node.number == 5
    # What is no newer, and says so, is no fault: somebody else was quicker.
    node.torrent.received(end, ListSent(ListVersion(*old.version), b"unread").encode(), 2.0)


def test_who_says_too_much_is_refused_and_may_speak_slowly() -> None:
    node, end = Node(), End("a flood", issued())
    node.meet(end)
    held = ListHeld(ListVersion(0, 0)).encode()
    for _ in range(AT_ONCE):
        node.torrent.received(end, held, 1.0)
    with pytest.raises(FormatError, match="too much"):
        node.torrent.received(end, held, 1.0)
    quiet = End("another", issued())
    node.meet(quiet)
    for at in range(3 * AT_ONCE):
        node.torrent.received(quiet, held, at * SECONDS_EACH)


def test_a_list_is_given_once_however_often_it_is_asked_for() -> None:
    node, end = Node(), End("a beggar", issued())
    node.session.adopt(revoking(number=1), CA, "a file")
    node.meet(end)
    for _ in range(5):
        node.torrent.received(end, ListWanted().encode(), 1.0)
    assert sum(b"msg_typei2e" in payload for payload in end.sent) == 1
    node.session.adopt(revoking(number=2), CA, "a file")
    node.torrent.received(end, ListWanted().encode(), 1.0)
    assert sum(b"msg_typei2e" in payload for payload in end.sent) == 2


def test_who_does_not_send_what_it_has_is_asked_last() -> None:
    node = Node()
    silent, honest = End("silent", issued()), End("honest", issued())
    for end in (silent, honest):
        node.meet(end)
        end.sent.clear()
    node.torrent.received(silent, ListHeld(ListVersion(99, 1)).encode(), 0.0)
    node.torrent.received(honest, ListHeld(ListVersion(2, 1)).encode(), 0.0)
    assert (len(silent.sent), len(honest.sent)) == (1, 0)
    node.torrent.tick(ANSWER_SECONDS - 1)
    assert not honest.sent
    node.torrent.tick(ANSWER_SECONDS)
    assert list(honest.sent) == [ListWanted().encode()]
    node.torrent.received(silent, ListHeld(ListVersion(100, 1)).encode(), 11.0)
    assert len(silent.sent) == 1


def test_who_was_asked_and_left_is_not_waited_for() -> None:
    node = Node()
    first, second = End("first", issued()), End("second", issued())
    for end in (first, second):
        node.meet(end)
        end.sent.clear()
        node.torrent.received(end, ListHeld(ListVersion(2, 1)).encode(), 0.0)
    first.disconnect("it is over")
    assert list(second.sent) == [ListWanted().encode()]


def test_who_does_not_speak_of_lists_is_told_nothing_and_still_judged() -> None:
    node = Node()
    certificate = issued()
    end = End("another client", certificate, speaks=False)
    node.meet(end)
    node.session.adopt(revoking(certificate, number=1), CA, "a file")
    assert not end.sent
    assert end.closed


def test_where_there_is_no_ca_nothing_is_read() -> None:
    node, end = Node(), End("a stranger", issued())
    node.ca = None
    node.meet(end)
    node.torrent.received(end, b"rubbish", 1.0)
    assert not end.sent
    assert not node.torrent.allowed


def test_what_is_in_force_is_so_after_a_restart(tmp_path: Path) -> None:
    gone = issued()
    files = RevocationFiles(str(tmp_path))
    node = Node(files)
    node.session.adopt(revoking(number=1), CA, "a file")
    node.session.adopt(revoking(gone, number=3), CA, "a file")
    again = Node(RevocationFiles(str(tmp_path)))
    again.background(again.session.recall(), "recall")
    assert again.number == 3
    assert again.session.judge([gone, CA]) is not None
    assert not again.session.adopt(revoking(number=2), CA, "a file")


def test_files_that_were_changed_are_left_out(tmp_path: Path) -> None:
    files = RevocationFiles(str(tmp_path))
    node = Node(files)
    node.session.adopt(revoking(issued(), number=1), CA, "a file")
    (path,) = Path(files.folder).glob("*.pem")
    whole = path.read_text()
    for content in ("", "rubbish", whole[: len(whole) // 2], whole.replace("M", "N", 5)):
        path.write_text(content)
        again = Node(RevocationFiles(str(tmp_path)))
        again.background(again.session.recall(), "recall")
        assert again.number == 0


def test_a_renewed_ca_has_the_list_of_the_one_before(tmp_path: Path) -> None:
    node = Node()
    gone = issued()
    node.session.adopt(revoking(gone, number=1), CA, "a file")
    builder = (
        x509.CertificateBuilder()
        .subject_name(CA.subject)
        .issuer_name(CA.subject)
        .public_key(CA_KEY.public_key())
        .serial_number(5)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=9999))
    )
    renewed = builder.sign(CA_KEY, CA.signature_hash_algorithm)  # type: ignore[arg-type]
    assert node.session.judge([gone, renewed]) is not None


def test_a_connection_ends_with_the_certificate_of_its_peer() -> None:
    node = Node()
    soon, later = End("soon", issued(days=1)), End("later", issued(days=2))
    for end in (soon, later):
        node.meet(end)
    for hours, closed in ((23, (False, False)), (24, (True, False)), (47, (True, False))):
        node.now = hours * 3600.0
        node.torrent.tick(node.now)
        assert (soon.closed, later.closed) == closed
    assert soon.why == "its certificate has expired"


def test_all_connections_end_with_the_ca() -> None:
    node = Node()
    end = End("somebody", issued(days=3000))
    end.certificate = replace(end.certificate, not_after=NOW.timestamp() + 3000 * 86_400)
    node.meet(end)
    node.now = 364 * 86_400.0
    node.torrent.tick(node.now)
    assert not end.closed
    node.now = 365 * 86_400.0
    node.torrent.tick(node.now)
    assert end.closed


def test_who_leaves_gives_the_list_without_being_asked() -> None:
    node, end = Node(), End("somebody", issued())
    node.meet(end)
    end.sent.clear()
    found = revoking(node.certificate, number=2)
    node.session.adopt(found, CA, "a file")
    end.sent.clear()
    node.torrent.list_changed(found, leaving=True)
    assert list(end.sent) == [ListSent(ListVersion(*found.version), found.der).encode()]


def test_who_was_verified_before_the_list_came_and_let_in_after_it_is_parted_from() -> None:
    node = Node()
    speaks, other, fine = issued(), issued(), issued()
    node.session.adopt(revoking(speaks, other, number=1), CA, "a file")
    ends = [End("one", speaks), End("another client", other, speaks=False), End("fine", fine)]
    for end in ends:
        node.meet(end)
    assert ends[0].closed
    assert ends[0].why.startswith("its certificate is revoked")
    node.torrent.tick(1.0)
    assert [end.closed for end in ends] == [True, True, False]


def test_who_speaks_before_it_introduces_itself_is_told_all_the_same() -> None:
    node, end = Node(), End("hasty", issued())
    node.connected.append(end)
    end.node = node
    node.torrent.received(end, ListHeld(ListVersion(0, 0)).encode(), 0.0)
    for _ in range(2):
        node.torrent.introduced(end, 0.0)
    assert list(end.sent) == [ListHeld(ListVersion(0, 0)).encode()]


def test_after_a_list_the_next_newer_one_is_asked_for() -> None:
    node = Node()
    first, second = End("first", issued()), End("second", issued())
    for end in (first, second):
        node.meet(end)
        end.sent.clear()
    found = revoking(number=2)
    node.torrent.received(first, ListHeld(ListVersion(*found.version)).encode(), 0.0)
    node.torrent.received(second, ListHeld(ListVersion(3, 1)).encode(), 0.0)
    assert not second.sent
    node.torrent.received(first, ListSent(ListVersion(*found.version), found.der).encode(), 1.0)
    assert node.number == 2
    assert ListWanted().encode() in second.sent
