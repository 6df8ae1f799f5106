"""Certificates that torrents are given: what they are for, and that they are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Callable, Sequence

from twisted.internet.defer import DeferredLock

from p2pd.base.errors import P2pdError
from p2pd.session.tls.closed_torrents import close_for_good, is_here, link_name
from p2pd.session.tls.standing import Standing
from p2pd.session.tls.swarm_identities import SwarmIdentities
from p2pd.session.tls.swarm_identity import (
    Refusal,
    SwarmIdentity,
    Terms,
    identity_of,
    made,
    name_of_ca,
)
from p2pd.session.tls.tls_api import GivenCertificate
from p2pd.session.tls.tls_parts import TlsHost, TlsParts
from p2pd.state.torrent_keys import KeptCertificate


class Giving:
    """One for a session: one torrent's is changed at a time. `use` is called with what it has."""

    def __init__(
        self,
        host: TlsHost,
        parts: TlsParts | None,
        identities: SwarmIdentities,
        standing: Standing,
        *,
        refusal: Refusal,
        use: Callable[[Any, SwarmIdentity], None],
    ) -> None:
        self._host = host
        self._parts = parts
        self._identities = identities
        self._being_made = standing.being_made
        self._refusal = refusal
        self._use = use
        self._changing = DeferredLock()

    async def give(self, torrent: Any, given: GivenCertificate) -> None:
        """Use this one from now on. Raises P2pdError: it does not fit, or cannot be kept."""
        if self._parts is None:
            raise P2pdError("there is no TLS in this session")
        await self._changing.acquire()
        try:
            terms = await self._terms(torrent, given.ca)
            now = datetime.fromtimestamp(self._host.wall(), UTC)
            kept = KeptCertificate(*terms, given.certificate, given.private_key)
            identity = await self._parts.work.run(made, kept, self._refusal, now)
            await self._keep(torrent, kept)
            await close_for_good(self._host, torrent)
        finally:
            self._changing.release()
        self._use(torrent, identity)

    async def take_away(self, torrent: Any) -> None:
        """Use none; what a magnet has as its CA stays. Raises P2pdError."""
        await self._changing.acquire()
        try:
            found = self._identities.of(torrent)
            if found is None:
                return
            kept = found.kept._replace(certificate="", private_key="", trouble="")
            await self._keep(torrent, kept)
        finally:
            self._changing.release()
        self._use(torrent, SwarmIdentity(kept, found.ca_name))
        await torrent.halt()

    async def _terms(self, torrent: Any, given_ca: str) -> Terms:
        metainfo = None
        if torrent.content is not None:
            metainfo = torrent.content.metainfo
        elif torrent.resting:
            metainfo = (await self._host.resting.details(torrent)).metainfo
        if metainfo is not None and metainfo.tls_ca is not None:
            if given_ca:
                raise P2pdError("the torrent's CA is in its metadata: none can be given")
            return Terms(metainfo.tls_ca.decode("ascii", "replace"), metainfo.name)
        known = self._identities.of(torrent)
        if metainfo is not None and known is None and not torrent.record.by_tls:
            raise P2pdError("its peers are not reached by TLS: there is no CA in its metadata")
        ca = given_ca or ("" if known is None else known.kept.ca)
        if not ca:
            raise P2pdError(
                "its metadata is not here yet: the certificate of its CA is needed, too"
            )
        if given_ca:
            name_of_ca(given_ca)  # the sentence is about that one
        name = metainfo.name if metainfo is not None else link_name(torrent)
        return Terms(ca, name)

    async def _keep(self, torrent: Any, kept: KeptCertificate) -> None:
        assert self._parts is not None
        name = torrent.info_hashes.hash_string
        await self._host.disks.aside.run("write", self._parts.keys.save, name, kept)
        if not is_here(self._host, torrent):
            await self._forget_kept([name])
            raise P2pdError("the torrent was removed")

    # -- torrents come, learn and go -----------------------------------------------------------

    def metadata_known(self, torrent: Any) -> None:
        """It is known which CA a torrent has, and what it is called: that counts."""
        found = self._identities.of(torrent)
        if found is None or self._parts is None:
            return
        metainfo = torrent.content.metainfo
        ca = (
            found.kept.ca if metainfo.tls_ca is None else metainfo.tls_ca.decode("ascii", "replace")
        )
        is_moved = torrent.info_hashes.hash_string not in self._identities
        if found.terms != Terms(ca, metainfo.name) or is_moved:
            kept = found.kept._replace(ca=ca, name=metainfo.name)
            self._being_made.add(torrent.info_hashes.hash_string)
            self._host.background(self._make_anew(torrent, kept), torrent.record.name)

    async def _make_anew(self, torrent: Any, kept: KeptCertificate) -> None:
        assert self._parts is not None
        info_hash = torrent.info_hashes.hash_string
        await self._changing.acquire()
        try:
            wall = self._host.wall()
            identity = await self._parts.work.run(identity_of, kept, self._refusal, wall)
            await self._keep(torrent, kept)
            known = set(self._identities.names_of(torrent)) - {info_hash}
            await self._forget_kept(sorted(known))
        finally:
            self._changing.release()
            self._being_made.discard(info_hash)
        self._use(torrent, identity)

    async def forget_removed(self, info_hashes: Sequence[str]) -> None:
        """Nothing is to be kept under these, unless a torrent is here again. Raises StateError."""
        await self._forget_kept(self._identities.drop_removed(info_hashes))

    async def _forget_kept(self, info_hashes: Sequence[str]) -> None:
        assert self._parts is not None or not info_hashes
        for info_hash in info_hashes:
            await self._host.disks.aside.run("write", self._parts.keys.forget, info_hash)  # type: ignore[union-attr]
