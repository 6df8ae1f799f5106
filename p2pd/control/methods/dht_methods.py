"""p2pd's own: dht_status, dht_get, dht_put and the like (BEP 44, 46).

Values travel as they are bencoded, in base64; one that is a string of UTF-8 is told as text, too.
No secret is ever taken: who owns a key signs with it, and hands in what is signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import fields

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.automation.mutable.followed_torrent import Choice, FollowedTorrent
from p2pd.automation.mutable.followed_torrents import FollowedTorrents
from p2pd.automation.mutable.mutable_torrents import MutableTorrents
from p2pd.automation.mutable.published_items import Item, PublishedItem, PublishedItems, item_of
from p2pd.base.errors import FormatError
from p2pd.control.access.caller import current_caller
from p2pd.control.methods.selection import Ids, Selection, ids
from p2pd.control.schema import (
    Check,
    JsonObject,
    Param,
    absolute_path,
    boolean,
    described,
    integer,
    labels,
    refuse,
    takes,
    text,
)
from p2pd.discovery.dht.mutable_items import (
    KEY_SIZE,
    MAX_SALT_SIZE,
    MAX_SEQ,
    MAX_VALUE_SIZE,
    SIGNATURE_SIZE,
    MutableItem,
    torrent_of,
)
from p2pd.discovery.dht.outcomes import DhtStatus
from p2pd.formats.bencode import decode, encode
from p2pd.formats.magnet import MAX_URI
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.discovering.dht_api import SwarmEstimate

TARGET_SIZE = 20
MOST_SCRAPED = 50
ID = integer(1, 2**53)


def hex_of(least: int, most: int) -> Check:
    """Bytes in hex: so many."""

    @described({"type": "string", "pattern": f"^([0-9a-fA-F]{{2}}){{{least},{most}}}$"})
    def check(name: str, value: object) -> bytes:
        given: str = text(2 * most)(name, value)
        if not re.fullmatch(r"([0-9a-fA-F]{2})*", given) or len(given) < 2 * least:
            wanted = f"{most}" if least == most else f"{least} to {most}"
            raise refuse(f"{name} must be {wanted} bytes in hex")
        return bytes.fromhex(given)

    return check


@described({"type": "string", "contentEncoding": "base64", "maxLength": 2 * MAX_VALUE_SIZE})
def bencoded(name: str, value: object) -> bytes:
    """A bencoded value in base64, small enough for the DHT."""
    given: str = text(2 * MAX_VALUE_SIZE)(name, value)
    try:
        found = base64.b64decode(given, validate=True)
        decode(found, max_size=MAX_VALUE_SIZE)
    except (binascii.Error, ValueError, FormatError) as problem:
        wanted = f"a bencoded value of at most {MAX_VALUE_SIZE} bytes in base64"
        raise refuse(f"{name} must be {wanted}: {problem}") from None
    return found


_TARGET = hex_of(TARGET_SIZE, TARGET_SIZE)
_KEY = hex_of(KEY_SIZE, KEY_SIZE)
_SALT = Param("salt", hex_of(0, MAX_SALT_SIZE), b"")


class DhtMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `dht`."""

    def __init__(
        self,
        api: SessionApi,
        selection: Selection,
        mutable: MutableTorrents | None,
    ) -> None:
        super().__init__()
        self._api = api
        self._selection = selection
        self._mutable = mutable

    @takes()
    async def jsonrpc_status(self) -> JsonObject:
        """How the DHT stands: our nodes, what they know, and what they were asked."""
        report = self._api.dht.report()
        network = report.network
        return {
            "enabled": report.enabled,
            "why_not": report.why_not,
            "torrents": report.torrents,
            "torrents_looked_up": report.looked_up,
            "last_error": report.last_error,
            "read_only": network is not None and network.read_only,
            "bootstrap_error": "" if network is None else network.bootstrap_error,
            "sent_bytes": 0 if network is None else network.sent_bytes,
            "dropped": 0 if network is None else network.dropped,
            "nodes": [] if network is None else [node_row(node) for node in network.nodes],
            "followed": 0 if self._mutable is None else len(self._mutable.followed.all),
            "published": 0 if self._mutable is None else len(self._mutable.published.all),
        }

    @takes(Param("ids", ids))
    async def jsonrpc_scrape(self, ids: Ids) -> JsonObject:
        """How many seeds and peers torrents have, by what nodes know of them (BEP 33)."""
        torrents = self._selection.torrents(ids)
        if len(torrents) > MOST_SCRAPED:
            raise refuse(f"no more than {MOST_SCRAPED} torrents at a time")
        if any(map(_may_be_private, torrents)):
            raise refuse("nothing is asked of the DHT about private torrents")
        found = [(torrent, await self._estimate(torrent)) for torrent in torrents]
        return {"torrents": [_estimate_row(*each) for each in found]}

    async def _estimate(self, torrent: TorrentView) -> SwarmEstimate:
        return await self._api.dht.estimate(torrent.info_hashes)

    # -- items ---------------------------------------------------------------------------------

    @takes(Param("target", _TARGET, None), Param("public_key", _KEY, None), _SALT)
    async def jsonrpc_get(
        self, target: bytes | None, public_key: bytes | None, salt: bytes
    ) -> JsonObject:
        """An item of the DHT (BEP 44): immutable by its target, else the newest of a key."""
        if (target is None) == (public_key is None):
            raise refuse("give either target or public_key")
        if public_key is not None:
            item = await self._api.dht.get_mutable(public_key, salt)
            return {"item": None if item is None else mutable_row(item)}
        assert target is not None
        value = await self._api.dht.get_immutable(target)
        return {"item": None if value is None else value_row(value) | {"target": target.hex()}}

    @takes(
        Param("value", bencoded, None),
        Param("text", text(MAX_VALUE_SIZE), None),
        Param("public_key", _KEY, None),
        _SALT,
        Param("seq", integer(0, MAX_SEQ), 0),
        Param("signature", hex_of(SIGNATURE_SIZE, SIGNATURE_SIZE), b""),
        Param("cas", integer(0, MAX_SEQ), None),
        Param("keep", boolean, False),
        strict=True,
    )
    async def jsonrpc_put(
        self,
        value: bytes | None,
        text: str | None,
        public_key: bytes | None,
        salt: bytes,
        seq: int,
        signature: bytes,
        cas: int | None,
        keep: bool,
    ) -> JsonObject:
        """Have nodes store an item (BEP 44): signed, or immutable; `keep`: again every hour."""
        item = _item(_value(value, text), public_key, salt, seq, signature)
        if keep:
            published = await self._publisher.publish(item, cas)
            return {"target": item.target.hex(), "nodes": published.note.nodes, "id": published.id}
        mutable = item.mutable
        if mutable is None:
            nodes = await self._api.dht.put_immutable(bytes.fromhex(item.value))
        else:
            nodes = await self._api.dht.put_mutable(mutable, cas)
        return {"target": item.target.hex(), "nodes": nodes, "id": None}

    @takes()
    async def jsonrpc_published(self) -> JsonObject:
        """The items that are put again every hour."""
        return {"items": [published_row(each) for each in self._publisher.all.values()]}

    @takes(Param("id", ID))
    async def jsonrpc_forget(self, id: int) -> JsonObject:
        """Put an item no more: nodes forget it within two hours."""
        await self._publisher.forget(id)
        return {}

    # -- torrents that their owners renew --------------------------------------------------------

    @takes(
        Param("link", text(MAX_URI)),
        Param("download_dir", absolute_path, ""),
        Param("labels", labels, ()),
        Param("paused", boolean, None),
        strict=True,
    )
    async def jsonrpc_follow(
        self, link: str, download_dir: str, labels: tuple[str, ...], paused: bool | None
    ) -> JsonObject:
        """Have the newest torrent of a key's owner, from now on (BEP 46)."""
        identity = current_caller().identity
        folder = download_dir or identity.folder
        choice = Choice(link, folder, labels, paused, identity.user)
        return {"followed": self._row(await self._follower.follow(choice))}

    @takes()
    async def jsonrpc_followed(self) -> JsonObject:
        """Whose torrents are followed, and what came of it."""
        return {"followed": [self._row(each) for each in self._follower.all.values()]}

    @takes(Param("id", ID))
    async def jsonrpc_follow_check(self, id: int) -> JsonObject:
        """Ask now whether there is a newer torrent."""
        return {"followed": self._row(await self._follower.check(id))}

    @takes(Param("id", ID))
    async def jsonrpc_unfollow(self, id: int) -> JsonObject:
        """Follow it no more; the torrent that is here stays."""
        await self._follower.unfollow(id)
        return {}

    @property
    def _follower(self) -> FollowedTorrents:
        if self._mutable is None:
            raise refuse("nothing can be followed here")
        return self._mutable.followed

    @property
    def _publisher(self) -> PublishedItems:
        if self._mutable is None:
            raise refuse("nothing can be kept published here")
        return self._mutable.published

    def _row(self, followed: FollowedTorrent) -> JsonObject:
        torrent = self._follower.torrent(followed)
        note = followed.note
        return {
            "id": followed.id,
            "link": followed.link.to_uri(),
            "torrent_id": None if torrent is None else torrent.id,
            "name": "" if torrent is None else torrent.name,
            "hash_string": note.info_hash,
            "seq": note.seq,
            "checked_date": int(note.checked_at),
            "changed_date": int(note.changed_at),
            "next_date": int(followed.next_at()),
            "problem": note.problem,
        }


# -- rows ----------------------------------------------------------------------------------------


def node_row(node: DhtStatus) -> JsonObject:
    """One of our nodes."""
    row = {each.name: getattr(node, each.name) for each in fields(node)}
    return row | {"node_id": node.node_id.hex()}


def value_row(value: bytes) -> JsonObject:
    """A bencoded value."""
    decoded = decode(value)
    return {
        "value": base64.b64encode(value).decode("ascii"),
        "text": _as_text(decoded) if isinstance(decoded, bytes) else None,
    }


def mutable_row(item: MutableItem) -> JsonObject:
    """An item with its signature."""
    try:
        torrent: str | None = torrent_of(item.value).hex()
    except FormatError:
        torrent = None
    return value_row(item.value) | {
        "target": item.target().hex(),
        "public_key": item.public_key.hex(),
        "salt": item.salt.hex(),
        "seq": item.seq,
        "signature": item.signature.hex(),
        "info_hash": torrent,
    }


def published_row(published: PublishedItem) -> JsonObject:
    """An item that is put again and again."""
    mutable, note = published.item.mutable, published.note
    value = bytes.fromhex(published.item.value)
    shown = value_row(value) if mutable is None else mutable_row(mutable)
    return {
        "id": published.id,
        "target": published.item.target.hex(),
        **shown,
        "put_date": int(note.put_at),
        "next_date": int(published.next_at()),
        "nodes": note.nodes,
        "problem": note.problem,
    }


def _estimate_row(torrent: TorrentView, found: SwarmEstimate) -> JsonObject:
    return {
        "id": torrent.id,
        "hash_string": torrent.hash_string,
        "seeds": found.seeds,
        "peers": found.peers,
        "nodes": found.nodes,
    }


def _may_be_private(torrent: TorrentView) -> bool:
    """Also one whose files are not known yet, but for a magnet."""
    if torrent.summary is not None:
        return torrent.summary.private
    return torrent.metadata_percent_complete >= 1.0


def _value(value: bytes | None, words: str | None) -> bytes:
    if (value is None) == (words is None):
        raise refuse("give either value (bencoded, in base64) or text")
    found = value if value is not None else encode((words or "").encode())
    if len(found) > MAX_VALUE_SIZE:
        raise refuse(f"an item has at most {MAX_VALUE_SIZE} bencoded bytes")
    return found


def _item(value: bytes, key: bytes | None, salt: bytes, seq: int, signature: bytes) -> Item:
    if key is None:
        return Item(value.hex())
    item = MutableItem(key, seq, value, signature, salt)
    if not item.verify():
        raise refuse("the signature is not that of the key's owner over salt, seq and value")
    return item_of(item)


def _as_text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
