"""What a torrent has of the magnet link that it was added by, and how its metadata is taken in."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from p2pd.base.addresses import PeerAddress, canonical_host
from p2pd.base.errors import FormatError
from p2pd.discovery.source_report import MAGNET
from p2pd.formats.magnet import MAX_URI, Magnet, parse_magnet
from p2pd.formats.metainfo import Metainfo
from p2pd.state.records import Tiers

MOST_NAMES = 16
"""Names of peers in a link that are looked up."""

MOST_PEERS = 200
"""Peers that are kept of all links to a torrent."""


class TorrentLink:
    """The link of one torrent. `owner` is the torrent, which may have been added without one."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    @property
    def magnet(self) -> Magnet | None:
        """What the link says."""
        link = self._owner.record.magnet
        with suppress(FormatError):  # it was kept by a version that read links otherwise
            return None if link is None else parse_magnet(link)
        return None

    @property
    def web_seeds(self) -> tuple[str, ...]:
        """Those that the link names; what metadata names besides is not known here."""
        magnet = self.magnet
        return () if magnet is None else magnet.web_seeds

    @property
    def has_no_metadata(self) -> bool:
        """Whether nothing but links says how its peers are reached."""
        owner = self._owner
        return owner.content is None and not owner.resting and not owner.opening.busy

    # -- peers ---------------------------------------------------------------------------------

    def started(self) -> None:
        """The torrent runs: the link's peers are looked for, also after a restart."""
        owner = self._owner
        if owner.record.magnet is None or owner.private or owner.is_complete():
            return
        magnet = self.magnet
        if magnet is not None:
            self._tell_of(magnet.peers)

    def _tell_of(self, peers: tuple[tuple[str, int], ...]) -> None:
        """Peers that are addresses are told of at once, names when they are looked up."""
        owner, addresses, names = self._owner, [], []
        for host, port in peers:
            try:
                addresses.append(PeerAddress(canonical_host(host), port))
            except FormatError:
                names.append((host, port))
        if addresses:
            owner.add_peers(addresses, MAGNET)
        if owner.running and not owner.private:
            for host, port in names[:MOST_NAMES]:
                owner.host.background(self._look_up(host, port), owner.record.name)

    async def _look_up(self, host: str, port: int) -> None:
        if self._owner.host.names is None:
            return
        found = await self._owner.host.names.addresses(host)
        if found and self._owner.running:
            self._owner.add_peers([PeerAddress(one, port) for one in found], MAGNET)

    # -- other links to the same torrent -------------------------------------------------------

    def joined_by(self, magnet: Magnet | None, choices: Tiers) -> None:
        """The torrent is added a second time: what it lacks is taken from there."""
        owner = self._owner
        if magnet is not None and not owner.private:
            self._tell_of(magnet.peers)
        if owner.content is not None or owner.resting:
            return
        before = self.magnet
        if magnet is not None and before is not None:
            link = _merged(before, magnet).to_uri()
            owner.record.magnet = link if len(link) <= MAX_URI else owner.record.magnet
        if choices:
            owner.record.file_choices = choices
        owner.host.background(owner.host.store.save(owner.record), owner.record.name)

    # -- metadata ------------------------------------------------------------------------------

    def given(self, metainfo: Metainfo, torrent: bytes | None) -> None:
        """A user has the metadata (`torrent`, as it came): it is here from now on, also after a
        kill. To look what of it is on the disk may take hours.
        """
        owner, hashes = self._owner, metainfo.info_hashes
        host, record = owner.host, owner.record
        if self.has_no_metadata and host.twin_of(owner, hashes) is None:
            known = replace(
                record,
                hash_v1=hashes.v1,
                hash_v2=hashes.v2,
                torrent=torrent,
                paused=record.paused or record.metadata_only,
                metadata_only=False,
            )
            host.background(host.store.save(known), record.name)
        self.complete(metainfo)

    def complete(self, metadata: bytes | Metainfo) -> None:
        """The metadata came, from peers or from a user: now it is like any other torrent."""
        owner = self._owner
        if owner.content is None and not owner.opening.busy and not owner.record.is_whole:
            owner.host.background(self._adopt(metadata), owner.record.name)

    async def _adopt(self, metadata: bytes | Metainfo) -> None:
        owner = self._owner
        metainfo, checked = await owner.opening.adopt(metadata)
        content = owner.content
        if metainfo is None or content is None:
            return
        owner.host.metadata_arrived(owner, metainfo)
        if owner.private:
            owner.dialling.became_private()
        owner.record.file_choices = ()
        only, owner.record.metadata_only = owner.record.metadata_only, False
        owner.record.paused |= only
        owner.host.background(owner.host.store.save(owner.record), owner.record.name)
        owner.record.torrent = None
        if only:
            await owner.stop()
        elif owner.running:
            await owner.prepare()
        for peer in owner.peers:
            peer.metadata_arrived(content)
        if owner.layers is not None:
            owner.layers.tick(owner.seconds(), list(owner.peers))
        owner.outcomes.settle_completion(downloaded=False)
        await owner.go_on(checked=checked)

    def is_same_as(self, twin: Any, metainfo: Metainfo) -> None:
        """By its metadata it is a torrent that is here by its other hash: that one goes on."""
        owner, host = self._owner, self._owner.host
        if not metainfo.private:
            twin.trackers.add(owner.record.trackers)
        host.yield_hashes(owner, twin)
        twin.metadata_complete(metainfo)
        owner.record.paused, owner.record.metadata_only = True, False
        named = f"number {twin.record.id}, {metainfo.name}"
        owner.fail(f"it is the same torrent as {named}: remove one of them")
        host.background(host.store.save(owner.record), owner.record.name)


def _merged(first: Magnet, second: Magnet) -> Magnet:
    """The first link, with what the second one has besides; its trackers are kept elsewhere."""
    return Magnet(
        first.info_hashes,
        name=first.name or second.name,
        trackers=first.trackers,
        web_seeds=tuple(dict.fromkeys((*first.web_seeds, *second.web_seeds))),
        peers=tuple(dict.fromkeys((*first.peers, *second.peers)))[:MOST_PEERS],
        select_only=second.select_only if first.select_only is None else first.select_only,
        length=first.length,
        by_tls=first.by_tls,
    )
