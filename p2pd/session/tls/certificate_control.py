"""Certificates of torrents, for callers (tls_api.CertificatesApi)."""

from __future__ import annotations

from typing import Any, Callable

from p2pd.session.revoking.revocation_control import RevocationControl
from p2pd.session.tls.closed_torrents import check_no_secret
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
        wanted = self._torrent_of(torrent)
        check_no_secret(wanted)
        return await self._tls.give(wanted, given)

    async def pass_on(self, before: Any, after: Any) -> None:
        """The CA and the certificate of the one are the other's, too, if it lacks them, and needs
        some: no link names them. Raises P2pdError: they do not fit it.
        """
        kept, heir = self._tls.given_to(self._torrent_of(before)), self._torrent_of(after)
        lacks = heir.wants_certificates and self._tls.given_to(heir) is None
        if kept is not None and kept.certificate and lacks:
            given = GivenCertificate(kept.certificate, kept.private_key, kept.ca)
            await self._tls.give(heir, given)

    async def take_away(self, torrent: Any) -> None:
        """Use none. Raises P2pdError."""
        await self._tls.take_away(self._torrent_of(torrent))
