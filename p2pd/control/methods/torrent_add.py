"""torrent_add: a torrent from its bytes, a magnet link, a URL or a path (rpc-spec, 3.4)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from p2pd.automation.mutable.followed_torrent import Choice
from p2pd.automation.mutable.followed_torrents import FollowedTorrents
from p2pd.automation.mutable.mutable_torrents import MutableTorrents
from p2pd.base.errors import FormatError, P2pdError
from p2pd.control.access.caller import NotPermittedError, current_caller
from p2pd.control.access.roles import Need, permits
from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.methods.group_methods import group_name
from p2pd.control.methods.secret_param import MAX_SECRET
from p2pd.control.methods.share_params import SHARE_PARAMS, share_changes
from p2pd.control.schema import (
    FILE_INDICES,
    PIECE,
    QUEUE_POSITION,
    SPEED,
    JsonObject,
    Param,
    absolute_path,
    bind,
    boolean,
    integer,
    labels,
    one_of,
    refuse,
    text,
)
from p2pd.control.torrent_source import MAX_TORRENT, TorrentSource
from p2pd.formats.file_names import LAYOUTS, ORIGINAL
from p2pd.formats.mutable_link import parse_mutable_link
from p2pd.session.api import AddedTorrent, SessionApi
from p2pd.session.importing.import_requests import ImportTorrent
from p2pd.session.settings.session_settings import AS_SESSION, FIND_DATA, TORRENT_SEEDING_MODES
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.swarm.share_limits import ShareLimits
from p2pd.swarm.super_seeding import MODES

ADD_PARAMS = (
    Param("metainfo", text(MAX_TORRENT * 2), None),
    Param("filename", text(), None),
    Param("cookies", text(8192), None),
    Param("download_dir", absolute_path, None),
    Param("find_data", one_of(*FIND_DATA), None),
    Param("paused", boolean, None),
    Param("metadata_only", boolean, False),
    Param("labels", labels, ()),
    Param("name", text(255), ""),
    Param("secret", text(MAX_SECRET), ""),
    Param("content_layout", one_of(*LAYOUTS), ORIGINAL),
    Param("sequential_download", boolean, None),
    Param("sequential_download_from_piece", PIECE, 0),
    Param("super_seeding", one_of(*MODES), None),
    Param("trusted_only", boolean, False),
    Param("seed_choking", one_of(*TORRENT_SEEDING_MODES), AS_SESSION),
    Param("bandwidth_priority", integer(-1, 1), 0),
    Param("group", group_name, ""),
    Param("peer_limit", integer(0, 65535), None),
    Param("queue_position", QUEUE_POSITION, None),
    Param("download_limit", SPEED, None),
    Param("upload_limit", SPEED, None),
    Param("honors_session_limits", boolean, True),
    *SHARE_PARAMS,
    Param("files_wanted", FILE_INDICES, None),
    Param("files_unwanted", FILE_INDICES, None),
    Param("priority_high", FILE_INDICES, ()),
    Param("priority_normal", FILE_INDICES, ()),
    Param("priority_low", FILE_INDICES, ()),
)

_SAME_NAME = (
    "bandwidth_priority", "content_layout", "download_dir", "download_limit", "find_data",
    "honors_session_limits", "metadata_only", "name", "paused", "labels", "peer_limit",
    "queue_position", "secret", "seed_choking", "super_seeding", "trusted_only", "upload_limit",
    "files_wanted", "files_unwanted", "priority_high", "priority_normal", "priority_low",
)  # fmt: skip
_V1_HASH = re.compile(r"[0-9a-fA-F]{40}\Z")
_V2_HASH = re.compile(r"[0-9a-fA-F]{64}\Z")
_URL = re.compile(r"https?://[^/?#]", re.IGNORECASE)


class TorrentAdder:
    """Turns the params of torrent_add into what the session is asked."""

    def __init__(
        self, api: SessionApi, source: TorrentSource, mutable: MutableTorrents | None = None
    ) -> None:
        self._api = api
        self._source = source
        self._mutable = mutable

    async def add(self, params: Mapping[str, object], *, unchecked: bool = False) -> JsonObject:
        """Add; answers `torrent_added` or `torrent_duplicate`. Raises RpcError, AddTorrentError.

        `unchecked`: what is there is believed as far as it has the sizes that it should.
        """
        # Transmission passes over what is null, and clients (stig) rely on it.
        given = {name: value for name, value in params.items() if value is not None}
        wanted = bind(given, ADD_PARAMS)
        if (wanted["metainfo"] is None) == (wanted["filename"] is None):
            raise refuse("give either metainfo (a .torrent file in base64) or filename")
        _check_cookies(wanted["cookies"])
        content = await self._content(wanted)
        if isinstance(content, str) and self._mutable is not None and names_owner(content):
            return await self._follow(self._mutable.followed, content, wanted)
        request = add_request(wanted, content)
        try:
            if unchecked and (believed := await self._believed(request)) is not None:
                return believed
            added = await self._api.add(request)
        except IndexError:
            raise RpcError(
                RpcCode.FILE_INDEX_OUT_OF_RANGE, "the torrent has no file of that index"
            ) from None
        return _answer(added)

    async def _believed(self, request: AddTorrent) -> JsonObject | None:
        """The answer, if data of it is there that can be believed, and it was not here yet."""
        if request.torrent is None:
            return None
        try:
            imported = await self._api.import_torrent(ImportTorrent(request, is_whole=True))
        except P2pdError:
            return None  # what else is wrong with it is found once more
        if imported.duplicate:
            return None
        facts = {"hash_string": imported.hash_string, "id": imported.id, "name": imported.name}
        return {"torrent_added": facts}

    async def _follow(
        self, followed: FollowedTorrents, link: str, wanted: Mapping[str, Any]
    ) -> JsonObject:
        """The newest torrent of an owner, now and from now on (BEP 46)."""
        identity = current_caller().identity
        if not permits(identity.role, Need.SESSION, sees_all=identity.sees_all):
            raise NotPermittedError(f"to follow an owner's key takes {Need.SESSION.words}")
        folder = wanted["download_dir"] or identity.folder
        known = {each.id for each in followed.all.values()}
        found = await followed.follow(
            Choice(link, folder, wanted["labels"], wanted["paused"], identity.user)
        )
        torrent = followed.torrent(found)
        if torrent is None:
            if found.id not in known:
                await followed.unfollow(found.id)
            raise RpcError(RpcCode.UNRECOGNIZED_INFO, found.note.problem or "no torrent was found")
        return _answer(AddedTorrent(torrent, found.id in known))

    async def _content(self, wanted: Mapping[str, Any]) -> bytes | str:
        """The bytes of the torrent, or a magnet link."""
        if wanted["metainfo"] is not None:
            return decode_metainfo(wanted["metainfo"])
        filename: str = wanted["filename"].strip()
        if (link := as_magnet(filename)) is not None:
            return link
        if _URL.match(filename):
            return await self._source.fetch(filename, wanted["cookies"])
        if not filename.startswith("/"):
            raise RpcError(
                RpcCode.PATH_NOT_ABSOLUTE,
                "filename is no magnet link, info-hash, http URL or absolute path",
            )
        if current_caller().identity.is_kept_in:
            raise NotPermittedError("only who sees all torrents may name files of this host")
        return await self._source.read(absolute_path("filename", filename))


def add_request(wanted: Mapping[str, Any], content: bytes | str) -> AddTorrent:
    """What is asked of the session, of params that were checked."""
    return AddTorrent(
        torrent=content if isinstance(content, bytes) else None,
        magnet=content if isinstance(content, str) else None,
        sequential=wanted["sequential_download"],
        sequential_from=wanted["sequential_download_from_piece"],
        bandwidth_group=wanted["group"],
        share_limits=ShareLimits(**share) if (share := share_changes(wanted)) else None,
        **{name: wanted[name] for name in _SAME_NAME},
    )


def decode_metainfo(encoded: str) -> bytes:
    """The bytes behind base64, with or without line breaks. Raises RpcError."""
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise refuse("metainfo is not base64") from None
    if not data:
        raise RpcError(RpcCode.UNRECOGNIZED_INFO, "metainfo is empty")
    return data


def as_magnet(place: str) -> str | None:
    """The magnet link that `place` is, or stands for as a bare info-hash; None if it is neither."""
    if place[:7].lower() == "magnet:":
        return place
    if _V1_HASH.match(place):
        return f"magnet:?xt=urn:btih:{place.lower()}"
    if _V2_HASH.match(place):
        return f"magnet:?xt=urn:btmh:1220{place.lower()}"
    return None


def names_owner(link: str) -> bool:
    """Whether a magnet link names an owner's key (BEP 46). Raises RpcError when it is wrong."""
    try:
        return parse_mutable_link(link) is not None
    except FormatError as problem:
        raise RpcError(RpcCode.UNRECOGNIZED_INFO, str(problem)) from None


def _check_cookies(cookies: str | None) -> None:
    if cookies is not None and not (cookies.isascii() and cookies.isprintable()):
        raise refuse("cookies must be printable ASCII")


def _answer(added: AddedTorrent) -> JsonObject:
    torrent = added.torrent
    facts: JsonObject = {"hash_string": torrent.hash_string, "id": torrent.id, "name": torrent.name}
    if added.data_found_in:
        facts["data_found_in"] = added.data_found_in
    return {"torrent_duplicate" if added.duplicate else "torrent_added": facts}
