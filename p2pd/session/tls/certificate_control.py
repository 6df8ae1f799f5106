"""Certificates of torrents, for callers (tls_api.CertificatesApi)."""

from __future__ import annotations

from typing import Any, Callable

from p2pd.session.revoking.revocation_control import RevocationControl
from p2pd.session.tls.tls_api import GivenCertificate, TlsReport
from p2pd.session.tls.tls_torrents import TlsTorrents


class CertificateControl:
    """`torrent_of` knows which torrent a caller's view shows."""

    def __init__(self, tls: TlsTorrents, torrent_of: Callable[[Any], Any]) -> None:
        self._tls = tls
        self.revocations = RevocationControl(tls.revoking, tls)
        """Lists of those that CAs took back."""
        self._torrent_of = torrent_of

    async def give(self, torrent: Any, given: GivenCertificate) -> TlsReport:
        """Use this one from now on. Raises P2pdError."""
        return await self._tls.give(self._torrent_of(torrent), given)

    async def take_away(self, torrent: Any) -> None:
        """Use none. Raises P2pdError."""
        await self._tls.take_away(self._torrent_of(torrent))
