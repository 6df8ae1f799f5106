"""Follows owners' keys: asks the DHT now and then which torrent is their newest, and has that.

The new torrent gets the folder, the labels and the limits of the old one, which is removed without
its files: what is the same in both is found there by the check. A torrent that the user removed is
not replaced, and one that the user had anyway is not removed: an owner may name any torrent.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Callable

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from p2pd.automation.mutable.due_rounds import DueRounds
from p2pd.automation.mutable.followed_torrent import (
    PUT_SECONDS,
    WAS_REMOVED,
    Choice,
    FollowedTorrent,
    Note,
    followed_of,
)
from p2pd.automation.owners import AddFor, as_nobodys
from p2pd.automation.refusals import RefusedError
from p2pd.base.clock import Clock
from p2pd.base.errors import P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.discovery.dht.mutable_items import MutableItem, torrent_of
from p2pd.formats.mutable_link import MutableLink, parse_mutable_link
from p2pd.session.api import SessionApi, TorrentStatus, TorrentView
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.state.noted_rows import NotedStore

MOST_FOLLOWED = 1000

NOBODY_KNOWS = "no node of the DHT knows of an item of this key"


@dataclass(frozen=True, slots=True)
class FollowingParts:
    """What it is given."""

    api: SessionApi
    store: NotedStore
    clock: Clock
    wall: Callable[[], float]
    rng: random.Random
    add_for: AddFor | None = None
    """Knows the users who follow."""


class FollowedTorrents:
    """All of them."""

    log = Logger()

    def __init__(self, parts: FollowingParts) -> None:
        self._parts = parts
        self.all: dict[int, FollowedTorrent] = {}
        self._adding = DeferredLock()
        self._rounds = DueRounds(
            lambda: self.all.values(),
            self._check_quietly,
            on=lambda: parts.api.dht.enabled,
            clock=parts.clock,
            wall=parts.wall,
        )

    # -- its life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Those of earlier runs, and then the first questions, not all at once."""
        for row in await self._parts.store.load():
            found = followed_of(row)
            if found is not None:
                self.all[found.id] = found
                spread = self._parts.rng.uniform(0.0, 10.0 * len(self.all) ** 0.5)
                found.not_before = self._parts.wall() + spread
        self._rounds.start()

    def stop(self) -> None:
        """No more questions; what is under way is given up."""
        self._rounds.stop()

    # -- what users ask ------------------------------------------------------------------------

    def of(self, id_: int) -> FollowedTorrent:
        """One by its number. Raises RefusedError."""
        if id_ not in self.all:
            raise RefusedError(f"no torrent is followed with the number {id_}")
        return self.all[id_]

    async def follow(self, choice: Choice) -> FollowedTorrent:
        """Follow a link's owner from now on; known before it is what was known.

        The first question is answered when this returns: what came of it is in the note. Raises
        FormatError for what is no such link, RefusedError.
        """
        link = parse_mutable_link(choice.link)
        if link is None:
            raise RefusedError("the link names no owner's key (xs=urn:btpk:…)")
        await self._adding.acquire()
        try:
            followed = await self._of_link(link, choice)
        finally:
            self._adding.release()
        await self._check_quietly(followed)
        return followed

    async def _of_link(self, link: MutableLink, choice: Choice) -> FollowedTorrent:
        for each in self.all.values():
            if each.key == (link.public_key, link.salt):
                if not self._here(each):
                    each.noted(info_hash="", seq=-1, value="", signature="")
                return each
        if len(self.all) >= MOST_FOLLOWED:
            raise RefusedError(f"{MOST_FOLLOWED} torrents are followed already")
        followed = FollowedTorrent(0, choice, link, Note())
        row = followed.row()
        followed.id = await self._parts.store.add(row.chosen, row.note)
        self.all[followed.id] = followed
        return followed

    async def unfollow(self, id_: int) -> None:
        """Follow it no more; its torrent stays. Raises RefusedError."""
        self.of(id_)
        del self.all[id_]
        await self._parts.store.remove(id_)

    async def check(self, id_: int) -> FollowedTorrent:
        """Ask about it now. Raises RefusedError."""
        followed = self.of(id_)
        await self._check_quietly(followed)
        return followed

    # -- checks --------------------------------------------------------------------------------

    async def _check_quietly(self, followed: FollowedTorrent) -> None:
        """Ask about it; what comes of it, problems too, is in its note, and kept."""
        if followed.busy:
            return
        followed.busy = True
        now = self._parts.wall()
        try:
            await self._check(followed, now)
            followed.noted(checked_at=now, problem="")
        except P2pdError as problem:
            followed.noted(problem=str(problem))
        finally:
            followed.noted(tried_at=now)
            followed.busy = False
        if followed.id in self.all:
            await self._parts.store.save(followed.row())

    async def _check(self, followed: FollowedTorrent, now: float) -> None:
        link, note = followed.link, followed.note
        if note.info_hash and not self._here(followed):
            raise RefusedError(WAS_REMOVED)
        item = await self._parts.api.dht.get_mutable(link.public_key, link.salt)
        if item is not None and item.seq > note.seq:
            await self._renew(followed, item, now)
        elif item is None and note.seq < 0:
            await self._begin_with_link(followed)
        await self._keep_alive(followed, now)

    async def _renew(self, followed: FollowedTorrent, item: MutableItem, now: float) -> None:
        """The owner says something newer. Raises FormatError if that is no torrent."""
        info_hash = torrent_of(item.value)
        if info_hash.hex() != followed.note.info_hash:
            added = await self._replace(followed, InfoHashes(info_hash))
            followed.noted(changed_at=now, added=added)
        followed.noted(
            seq=item.seq,
            value=item.value.hex(),
            signature=item.signature.hex(),
            info_hash=info_hash.hex(),
        )

    async def _begin_with_link(self, followed: FollowedTorrent) -> None:
        """Nobody tells: the torrent that the link names does for now. Raises RefusedError."""
        torrent = followed.link.torrent
        if torrent is not None and not followed.note.info_hash:
            added = await self._replace(followed, torrent)
            followed.noted(info_hash=torrent.hash_string, added=added)
        raise RefusedError(NOBODY_KNOWS)

    async def _keep_alive(self, followed: FollowedTorrent, now: float) -> None:
        item = followed.item
        if item is not None and now - followed.note.put_at >= PUT_SECONDS:
            await self._parts.api.dht.put_mutable(item)
            followed.noted(put_at=now)

    # -- torrents ------------------------------------------------------------------------------

    def torrent(self, followed: FollowedTorrent) -> TorrentView | None:
        """The one that is here."""
        info_hash = followed.note.info_hash
        return self._parts.api.find(info_hash) if info_hash else None

    def _here(self, followed: FollowedTorrent) -> bool:
        return not followed.note.info_hash or self.torrent(followed) is not None

    async def _replace(self, followed: FollowedTorrent, newest: InfoHashes) -> bool:
        """Add the newest torrent, as the old one was, and remove that; whether it was not here yet.

        Raises P2pdError.
        """
        api, old = self._parts.api, self.torrent(followed)
        link = followed.link.magnet_for(newest)
        if old is None:
            add_for = self._parts.add_for or as_nobodys(api)
            first = await add_for(followed.choice.owner, _first(followed.choice, link))
            return not first.duplicate
        added = await api.add(_like(old, link))
        self.log.info(
            "{name}: its owner has a newer torrent, {newest}",
            name=old.name,
            newest=newest.hash_string,
        )
        if added.torrent.id == old.id:
            return followed.note.added
        await self._pass_on(old, added.torrent)
        if followed.note.added:
            await api.remove(old, delete_data=False)
        return not added.duplicate

    async def _pass_on(self, old: TorrentView, new: TorrentView) -> None:
        """The CA, which no link names, and the certificate: without these the new one waits."""
        try:
            await self._parts.api.certificates.pass_on(old, new)
        except P2pdError as problem:
            self.log.warn("{name}: {why}", name=new.name, why=str(problem))


def _first(choice: Choice, link: str) -> AddTorrent:
    return AddTorrent(
        magnet=link,
        download_dir=choice.download_dir or None,
        labels=choice.labels,
        paused=choice.paused,
        owner=choice.owner,
    )


def _like(old: TorrentView, link: str) -> AddTorrent:
    limits = old.limits
    return AddTorrent(
        magnet=link,
        download_dir=old.download_dir,
        labels=old.labels,
        paused=old.metadata_only or old.status is TorrentStatus.STOPPED,
        owner=old.owner,
        secret_of=old.id,
        sequential=old.sequential,
        super_seeding=old.super_seeding,
        trusted_only=old.trusted_only,
        seed_choking=old.seed_choking,
        peer_limit=old.peer_limit,
        queue_position=old.queue_position,
        bandwidth_group=limits.group,
        bandwidth_priority=limits.priority,
        download_limit=limits.download_limit if limits.download_limited else None,
        upload_limit=limits.upload_limit if limits.upload_limited else None,
        honors_session_limits=limits.honors_session_limits,
        share_limits=old.sharing.own,
    )
