"""torrent_import (p2pd's own): a torrent with what another program knew of it.

Who reads that program's state is the client: it may read what the daemon's user may not. What of it
is believed is for the session to judge, which sees the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pd.base.addresses import PeerAddress, parse_address
from p2pd.base.errors import FormatError
from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.methods.torrent_add import ADD_PARAMS, add_request, as_magnet, decode_metainfo
from p2pd.control.schema import (
    Check,
    JsonObject,
    Param,
    base64_of,
    bind,
    boolean,
    described,
    integer,
    list_of,
    path_or_none,
    refuse,
    schema_of,
    text,
)
from p2pd.session.api import SessionApi
from p2pd.session.importing.import_requests import ImportedTorrent, ImportTorrent

BYTES = integer(0, 2**62)
DATE = integer(0, 2**40)
SECONDS = integer(0, 2**40)
MAX_BITFIELD = 2 * 1024 * 1024
"""Bytes, for as many pieces as a torrent can have."""
MAX_PEERS = 200


@described({"type": "string"})
def _peer(name: str, value: object) -> PeerAddress:
    try:
        return parse_address(text(100)(name, value))
    except FormatError as problem:
        raise refuse(f"{name}: {problem}") from None


@described({"type": "string", "maxLength": 20, "pattern": "^[^/]*$"})
def _suffix(name: str, value: object) -> str:
    suffix: str = text(20)(name, value)
    if "/" in suffix:
        raise refuse(f"{name} cannot hold a slash")
    return suffix


def _or_null(check: Check) -> Check:
    @described({"anyOf": [schema_of(check), {"type": "null"}]})
    def checked(name: str, value: object) -> Any:
        return None if value is None else check(name, value)

    return checked


IMPORT_PARAMS = (
    *(param for param in ADD_PARAMS if param.name != "cookies"),
    Param("dry_run", boolean, False),
    Param("pieces", base64_of(MAX_BITFIELD), None),
    Param("file_times", list_of(_or_null(integer(-1, 2**40))), None),
    Param("exact_times", boolean, False),
    Param("changed_before", DATE, None),
    Param("final_dir", path_or_none, ""),
    Param("file_names", list_of(text(32 * 1024)), ()),
    Param("partial_suffix", _suffix, ""),
    Param("peers", list_of(_peer, MAX_PEERS), ()),
    Param("uploaded_ever", BYTES, 0),
    Param("downloaded_ever", BYTES, 0),
    Param("corrupt_ever", BYTES, 0),
    Param("added_date", DATE, 0),
    Param("done_date", DATE, 0),
    Param("activity_date", DATE, 0),
    Param("seconds_downloading", SECONDS, 0),
    Param("seconds_seeding", SECONDS, 0),
)

_SAME_NAME = (
    "pieces", "final_dir", "file_times", "exact_times", "changed_before", "file_names",
    "partial_suffix", "peers", "seconds_downloading", "seconds_seeding",
)  # fmt: skip


async def import_torrent(api: SessionApi, params: Mapping[str, object]) -> JsonObject:
    """Add it with its totals and pieces. Raises RpcError, P2pdError."""
    wanted = bind(params, IMPORT_PARAMS)
    request = ImportTorrent(
        add_request(wanted, _content(wanted)),
        trial=wanted["dry_run"],
        uploaded=wanted["uploaded_ever"],
        downloaded=wanted["downloaded_ever"],
        corrupt=wanted["corrupt_ever"],
        added_at=wanted["added_date"],
        completed_at=wanted["done_date"],
        active_at=wanted["activity_date"],
        **{name: wanted[name] for name in _SAME_NAME},
    )
    try:
        imported = await api.import_torrent(request)
    except IndexError:
        raise RpcError(
            RpcCode.FILE_INDEX_OUT_OF_RANGE, "the torrent has no file of that index"
        ) from None
    return _answer(imported)


def _content(wanted: Mapping[str, Any]) -> bytes | str:
    if (wanted["metainfo"] is None) == (wanted["filename"] is None):
        raise refuse("give either metainfo (a .torrent file in base64) or filename")
    if wanted["metainfo"] is not None:
        return decode_metainfo(wanted["metainfo"])
    link = as_magnet(wanted["filename"].strip())
    if link is None:
        raise refuse("filename must be a magnet link or an info-hash")
    return link


def _answer(imported: ImportedTorrent) -> JsonObject:
    facts = {"hash_string": imported.hash_string, "id": imported.id, "name": imported.name}
    if imported.duplicate:
        return {"torrent_duplicate": facts}
    return {
        "torrent_imported": facts | {"paused": imported.paused},
        "pieces_claimed": imported.pieces.claimed,
        "pieces_believed": imported.pieces.believed,
        "pieces_to_check": imported.pieces.to_check,
        "pieces_missing": imported.pieces.missing,
        "problem": imported.problem,
    }
