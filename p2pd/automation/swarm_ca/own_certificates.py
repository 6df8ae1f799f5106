"""The certificates of this node that it was given, or gave itself: which there are, and for whom.

A certificate is for all torrents of its CA whose names it has. Those that users gave to torrents
themselves are not among these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from p2pd.automation.refusals import RefusedError
from p2pd.base.errors import FormatError, P2pdError
from p2pd.formats.metainfo import Metainfo
from p2pd.formats.x509.peer_names import matches
from p2pd.formats.x509.swarm_ca import fingerprint, read_ca
from p2pd.session.api import TorrentView
from p2pd.session.tls.tls_api import CertificatesApi, GivenCertificate, TlsState
from p2pd.state.swarm_ca.enrolled import MOST_ENROLLED, Enrolled, EnrolledStore

RENEWED_AT = 1 / 3
"""Of its life that is left."""

LACKING = (TlsState.NO_CERTIFICATE, TlsState.EXPIRED, TlsState.UNFIT)
"""States of torrents that wait for a certificate."""

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class Torrents(Protocol):
    """What is asked of the session (session/api.py)."""

    @property
    def certificates(self) -> CertificatesApi: ...
    def torrents(self) -> Iterable[TorrentView]: ...
    async def metainfo(self, torrent: TorrentView) -> Metainfo | None: ...


@dataclass(slots=True)
class Known:
    """A certificate of this node, and how its renewal goes. Times are in Unix seconds."""

    enrolled: Enrolled
    next_at: float
    """When it is renewed."""
    tried_at: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Gift:
    """Which torrents were given a certificate, and in words why others were not."""

    torrents: tuple[TorrentView, ...]
    problems: tuple[str, ...]


class OwnCertificates:
    """All of them, kept on the disk."""

    def __init__(self, store: EnrolledStore, in_thread: InThread, session: Torrents) -> None:
        self._store = store
        self._in_thread = in_thread
        self._session = session
        self.all: dict[str, Known] = {}

    async def load(self) -> Sequence[str]:
        """Those of earlier runs, and of a backup; in words what is lost. What is known stays."""
        good, bad = await self._in_thread(self._store.load)
        for each in good:  # one may have been renewed while they were read
            self.all.setdefault(each.id, known(each))
        return list(bad)

    def check_room(self) -> None:
        """Raises RefusedError when there can be no more."""
        if len(self.all) >= MOST_ENROLLED:
            raise RefusedError(f"this node has {MOST_ENROLLED} certificates already")

    async def keep(self, enrolled: Enrolled, key_pem: str) -> Known:
        """One more, or another in the place of one. Raises P2pdError."""
        await self._in_thread(lambda: self._store.save(enrolled, key_pem))
        found = self.all[enrolled.id] = known(enrolled)
        return found

    async def forget(self, id_: str) -> None:
        """It is of no use any more. Raises P2pdError."""
        await self._in_thread(lambda: self._store.forget(id_))
        self.all.pop(id_, None)

    async def note_idle(self, known: Known, since: int) -> None:
        """No torrent has it since then (Unix seconds); 0: one has. Raises P2pdError."""
        noted = replace(known.enrolled, idle_since=since)
        await self._in_thread(lambda: self._store.note(noted))
        known.enrolled = noted

    async def metainfo(self, torrent: TorrentView) -> Metainfo | None:
        """Of a torrent; None: it is not here yet."""
        return await self._session.metainfo(torrent)

    async def key(self, enrolled: Enrolled) -> str:
        """The private key, in PEM. Raises P2pdError."""
        found: str = await self._in_thread(lambda: self._store.key(enrolled))
        return found

    def lacking(self) -> list[TorrentView]:
        """Torrents that wait for a certificate."""
        return [each for each in self._session.torrents() if lacks(each)]

    def having(self, enrolled: Enrolled) -> list[TorrentView]:
        """Torrents that have this certificate."""
        serial = enrolled.certificate.serial_number
        torrents = self._session.torrents()
        return [each for each in torrents if each.tls is not None and each.tls.serial == serial]

    async def give(
        self,
        enrolled: Enrolled,
        torrents: Iterable[TorrentView],
        asked: Sequence[TorrentView] = (),
    ) -> Gift:
        """Give it to those that it is for; of those that were `asked` for it is told why not."""
        given: list[TorrentView] = []
        problems: list[str] = []
        for torrent in dict.fromkeys((*asked, *torrents)):
            try:
                if await self._give(enrolled, torrent, is_asked=torrent in asked):
                    given.append(torrent)
            except P2pdError as problem:
                problems.append(f"{torrent.name}: {problem}")
        return Gift(tuple(given), tuple(problems))

    async def _give(self, enrolled: Enrolled, torrent: TorrentView, *, is_asked: bool) -> bool:
        metainfo = await self._session.metainfo(torrent)
        if metainfo is None and not is_asked:
            return False  # nobody said that the magnet is of that swarm
        why_not = "" if metainfo is None else unfit(enrolled, metainfo)
        if why_not and is_asked:
            raise RefusedError(why_not)
        if why_not:
            return False
        ca = enrolled.ca_pem if metainfo is None else ""
        certificate = GivenCertificate(enrolled.certificate_pem, await self.key(enrolled), ca)
        await self._session.certificates.give(torrent, certificate)
        return True


def known(enrolled: Enrolled) -> Known:
    """A certificate, and when it is renewed."""
    begin = enrolled.certificate.not_valid_before_utc.timestamp()
    end = enrolled.certificate.not_valid_after_utc.timestamp()
    return Known(enrolled, end - (end - begin) * RENEWED_AT)


def lacks(torrent: TorrentView) -> bool:
    """Whether a torrent waits for a certificate."""
    return torrent.tls is not None and torrent.tls.state in LACKING


def unfit(enrolled: Enrolled, metainfo: Metainfo) -> str:
    """Why a certificate is not for a torrent; empty if it is."""
    if metainfo.tls_ca is None:
        return "its peers are not reached by TLS: there is no CA in its metadata"
    if print_of(metainfo.tls_ca) != fingerprint(enrolled.ca):
        return "it is of another CA than the certificate"
    if not matches(enrolled.certificate, metainfo.name):
        return "the certificate is not for a torrent of that name"
    return ""


@lru_cache(maxsize=256)
def print_of(ca: bytes) -> bytes:
    """The fingerprint of the CA in a torrent; empty if there is none that can be read."""
    try:
        return fingerprint(read_ca(ca))
    except FormatError:
        return b""
