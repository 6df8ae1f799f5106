"""Nodes that ask each other for certificates, in memory: threads are none, and time is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from p2pd.automation.swarm_ca.authorities import Authorities
from p2pd.automation.swarm_ca.enrolments import Enrolment, Enrolments, Wishes
from p2pd.automation.swarm_ca.issuer import Answered, Issuer
from p2pd.automation.swarm_ca.own_certificates import OwnCertificates
from p2pd.automation.swarm_ca.renewals import Renewals
from p2pd.automation.web import WebError
from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.formats.creator import CreationOptions, CreationPlan, SourceFile, TorrentDraft
from p2pd.formats.metainfo import Metainfo, parse_torrent, to_torrent
from p2pd.formats.x509.pem import certificate_pem, read_certificate
from p2pd.session.session_events import EventKind, TorrentEvent
from p2pd.session.tls.tls_api import GivenCertificate, TlsReport, TlsState
from p2pd.state.swarm_ca.book import Limits
from p2pd.state.swarm_ca.enrolled import EnrolledStore
from p2pd.state.swarm_ca.issuing import TokenWish
from p2pd.state.swarm_ca.store import SwarmCaStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0


def torrent_of(ca_pem: str | None, name: str = "film") -> bytes:
    """A torrent of five bytes, private to a CA or not."""
    plan = CreationPlan(name, (SourceFile((name,), 5),), True, CreationOptions(authority=ca_pem))
    draft = TorrentDraft(plan)
    return draft.assemble([draft.hash_piece(0, b"12345")])


@dataclass(eq=False)
class FakeTorrent:
    """A torrent; without `metainfo` a magnet."""

    id: int
    metainfo: Metainfo | None
    name: str = "film"
    tls: TlsReport | None = None
    given: GivenCertificate | None = None
    met: list[PeerAddress] = field(default_factory=list)

    @property
    def hash_string(self) -> str:
        assert self.metainfo is not None
        return self.metainfo.info_hashes.hash_string


@dataclass
class FakeSession:
    """Torrents, and what they were given."""

    all: list[FakeTorrent] = field(default_factory=list)
    listeners: list[Any] = field(default_factory=list)
    refuses: str = ""

    @property
    def events(self) -> Any:
        return SimpleNamespace(listen=self._listen)

    @property
    def certificates(self) -> Any:
        return SimpleNamespace(give=self._give)

    def torrents(self) -> Sequence[FakeTorrent]:
        return list(self.all)

    def find(self, key: int | str) -> FakeTorrent | None:
        found = [x for x in self.all if key == x.id or (x.metainfo and key == x.hash_string)]
        return found[0] if found else None

    async def metainfo(self, torrent: FakeTorrent) -> Metainfo | None:
        return torrent.metainfo

    async def add(self, request: Any) -> Any:
        return SimpleNamespace(torrent=self.put(request.torrent))

    def put(self, torrent: bytes | None) -> FakeTorrent:
        """Have it here, and tell."""
        metainfo = None if torrent is None else parse_torrent(torrent)
        found = FakeTorrent(len(self.all) + 1, metainfo)
        if metainfo is None or metainfo.tls_ca is not None:
            found.tls = TlsReport(TlsState.NO_CERTIFICATE)
        if metainfo is not None:
            found.name = metainfo.name
        self.all.append(found)
        tls, found.tls = found.tls, None  # that is known a little later
        for listener in list(self.listeners):
            listener(TorrentEvent(EventKind.ADDED, found.id, "", found.name, NOW))
        found.tls = tls
        return found

    def _listen(self, listener: Any) -> Callable[[], object]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def add_peers(self, torrent: FakeTorrent, addresses: Sequence[PeerAddress]) -> int:
        torrent.met += addresses
        return len(addresses)

    async def _give(self, torrent: FakeTorrent, given: GivenCertificate) -> TlsReport:
        if self.refuses:
            raise P2pdError(self.refuses)
        serial = read_certificate(given.certificate).serial_number
        torrent.given = given
        torrent.tls = TlsReport(TlsState.READY, serial=serial)
        return torrent.tls


class Node:
    """One node, with CAs, certificates and torrents."""

    def __init__(self, folder: Path, world: World, name: str) -> None:
        self.folder, self.world, self.name = folder, world, name
        self.address = f"http://{name}.test:9091"
        self.session = FakeSession()
        self.start()

    def start(self) -> None:
        """As after a start of the daemon."""
        world, state = self.world, str(self.folder)
        wall = lambda: world.now  # noqa: E731
        store = SwarmCaStore(str(self.folder / "swarm-ca"))
        self.authorities = Authorities(store, at_once, wall)
        self.own = OwnCertificates(EnrolledStore(state), at_once, self.session)  # type: ignore
        self.enrolments = Enrolments(self.own, world, at_once, wall)
        self.renewals = Renewals(
            self.session, self.own, self.authorities, world,  # type: ignore[arg-type]
            clock=world.clock, wall=wall, in_thread=at_once, label=self.name,
        )  # fmt: skip
        self.issuer = Issuer(self.authorities, self._torrents, lambda: [self.address], lambda: 6882)
        self.world.nodes[self.address] = self
        self.answers: list[Answered] = []
        result_of(self.renewals.start())

    def restart(self) -> None:
        """It ends and starts again."""
        if self.session.listeners:
            self.renewals.stop()
        self.start()

    async def _torrents(self, ids: Sequence[str]) -> list[bytes]:
        found = [self.session.find(each) for each in ids]
        return [to_torrent(x.metainfo) for x in found if x is not None and x.metainfo is not None]

    # -- what a user does ----------------------------------------------------------------------

    def create(self, name: str = "films", **limits: Any) -> str:
        """A CA; its certificate."""
        view = result_of(self.authorities.create(name, 3650, Limits(**limits)))
        assert view.certificate is not None
        return certificate_pem(view.certificate)

    def book_ca(self, name: str = "films") -> str:
        """The certificate of a CA that is here."""
        view = result_of(self.authorities.show(name))
        return certificate_pem(view.certificate)

    def token(self, name: str = "films", **other: Any) -> str:
        given = {"addresses": (self.address,), "names": ("*",), **other}
        made, _ = result_of(self.authorities.make_token(name, TokenWish(**given)))
        return made

    def book(self, name: str = "films") -> Any:
        return result_of(self.authorities.show(name)).book

    def enrol(self, token: str, **wishes: Any) -> Enrolment:
        found: Enrolment = result_of(
            self.enrolments.enrol(
                token,
                Wishes(**wishes),
                self.session.add,
                self.session.add_peers,  # type: ignore
            )
        )
        return found


class World:
    """Nodes, and the network between them: it is what they send by."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.nodes: dict[str, Node] = {}
        self.sent: list[bytes] = []
        self.came: list[bytes] = []
        self.in_the_middle: Callable[[bytes], bytes] = lambda body: body
        self.lost_answers = 0

    @property
    def now(self) -> float:
        return NOW + self.clock.seconds()

    def node(self, name: str) -> Node:
        folder = self.folder / name
        folder.mkdir()
        return Node(folder, self, name)

    async def send(self, address: str, body: bytes) -> bytes:
        node = self.nodes.get(address)
        if node is None:
            raise WebError(f"{address}: nobody answers")
        self.sent.append(body)
        answered = await node.issuer.answer(self.in_the_middle(body))
        node.answers.append(answered)
        if self.lost_answers:
            self.lost_answers -= 1
            raise WebError(f"{address}: the connection broke")
        self.came.append(answered.body)
        return self.in_the_middle(answered.body)

    async def hosts(self, address: str) -> Sequence[str]:
        return ["192.0.2.5"]

    def days_pass(self, days: float) -> None:
        """In rounds of an hour."""
        for _ in range(round(days * 24)):
            self.clock.advance(3600.0)


def at_once(work: Callable[[], Any]) -> Deferred[Any]:
    """In the place of a thread."""
    return maybeDeferred(work)


def result_of(work: Any) -> Any:
    """What a coroutine returns at once, or raises."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    (found,) = results
    if hasattr(found, "raiseException"):
        found.raiseException()
    return found
