"""What of a torrent is not in memory, or not worked out, until somebody asks: the files of one at
rest, and whether its signatures are right (BEP 35).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Callable, Protocol, Sequence

from cryptography.x509 import Certificate

from p2pd.base.errors import P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.formats.metainfo import Metainfo
from p2pd.formats.torrent_signatures import TorrentSignature
from p2pd.formats.x509.torrent_signing import SignedInfo, Verdict
from p2pd.session.torrents.resting import Resting
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.storage.disks import Disks

REMEMBERED = 100
"""Torrents whose signatures are not checked again for each question."""
RECHECK_SECONDS = 600.0
"""What is trusted may expire."""


Signed = tuple[InfoHashes, tuple[TorrentSignature, ...]]


class DetailingSession(Protocol):
    """The session."""

    disks: Disks
    resting: Resting

    def wall(self) -> float:
        """Unix seconds."""


class TorrentDetailing:
    """Reports with everything."""

    def __init__(self, session: DetailingSession) -> None:
        self._session = session
        self._trusted: tuple[Certificate, ...] = ()
        self._verdicts: dict[Signed, tuple[float, Sequence[Verdict]]] = {}

    def trust_signers(self, certificates: Sequence[Certificate]) -> None:
        """By these it is judged from now on."""
        self._trusted = tuple(certificates)
        self._verdicts.clear()

    async def detailed(
        self, torrent: Torrent, report: Callable[[Torrent], TorrentReport]
    ) -> TorrentReport:
        """A torrent for readers, with its files, and with what its signatures are worth."""
        try:
            if torrent.resting:
                details = await self._session.resting.details(torrent)
                signatures = await self._judged(details.metainfo)
                return TorrentReport(torrent, details, signatures)
            content = torrent.content
            if content is None or not content.metainfo.signatures:
                return report(torrent)
            return TorrentReport(torrent, None, await self._judged(content.metainfo))
        except P2pdError as problem:
            torrent.fail(f"its record cannot be read: {problem}")
            return report(torrent)

    async def metainfo(self, torrent: Torrent) -> Metainfo | None:
        """What its .torrent file says. Raises P2pdError."""
        if torrent.content is not None:
            return torrent.content.known_metainfo()
        if not torrent.resting:
            return None
        return (await self._session.resting.details(torrent)).metainfo

    async def _judged(self, metainfo: Metainfo) -> Sequence[Verdict]:
        if not metainfo.signatures:
            return ()
        now = self._session.wall()
        signed = metainfo.info_hashes, metainfo.signatures
        at, verdicts = self._verdicts.pop(signed, (float("-inf"), ()))
        if not 0 <= now - at < RECHECK_SECONDS:
            args = metainfo.info_bytes, metainfo.signatures, self._trusted, now
            at, verdicts = now, await self._session.disks.aside.run("read", _check, *args)
        self._verdicts[signed] = at, verdicts
        if len(self._verdicts) > REMEMBERED:
            del self._verdicts[next(iter(self._verdicts))]
        return verdicts


def _check(
    info_bytes: bytes,
    signatures: Sequence[TorrentSignature],
    trusted: Sequence[Certificate],
    now: float,
) -> Sequence[Verdict]:
    """In a thread."""
    info, moment = SignedInfo(info_bytes), datetime.fromtimestamp(now, UTC)
    return [info.check(signature, trusted, moment) for signature in signatures]
