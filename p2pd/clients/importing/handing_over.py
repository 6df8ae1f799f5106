"""What the daemon is asked for a torrent of another program: the params of torrent_import."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from p2pd.base.errors import P2pdError
from p2pd.formats.foreign.model import ForeignGroup, ForeignTorrent, as_labels

MAX_TORRENT = 23 * 1024 * 1024
"""What fits into the daemon's bound on a call, in base64."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever imports wants otherwise than it was."""

    paused: bool = False
    labels: tuple[str, ...] = ()
    moved: Sequence[tuple[str, str]] = ()
    """Folders that are elsewhere for the daemon: old and new, absolute."""
    dry_run: bool = False

    def folder(self, place: str) -> str:
        """Where a folder is for the daemon: the longest that is known to be elsewhere counts."""
        path = PurePosixPath(place)
        for old, new in sorted(self.moved, key=lambda pair: len(pair[0]), reverse=True):
            if path.is_relative_to(old):
                return str(PurePosixPath(new) / path.relative_to(old))
        return place


def params_of(torrent: ForeignTorrent, wishes: Wishes) -> dict[str, Any]:
    """The params of the call. Raises P2pdError if it cannot be asked."""
    home = wishes.folder(torrent.folder)
    folder = _folder(torrent, wishes, home)
    final = wishes.folder(torrent.final_folder) if torrent.final_folder else home
    params: dict[str, Any] = {
        "download_dir": folder,
        "final_dir": "" if folder == final else final,
        "paused": torrent.paused or wishes.paused or bool(torrent.obstacle),
        "labels": list(as_labels([*torrent.labels, *wishes.labels])),
        "sequential_download": torrent.sequential,
        "uploaded_ever": torrent.uploaded,
        "downloaded_ever": torrent.downloaded,
        "corrupt_ever": torrent.corrupt,
        "added_date": torrent.added_at,
        "done_date": torrent.completed_at,
        "activity_date": torrent.active_at,
        "seconds_downloading": torrent.seconds_downloading,
        "seconds_seeding": torrent.seconds_seeding,
        "honors_session_limits": torrent.honors_session_limits,
        "bandwidth_priority": torrent.bandwidth_priority,
        "group": torrent.group,
        **torrent.share_limits,
        "peers": [str(address) for address in torrent.peers],
        "dry_run": wishes.dry_run,
    }
    for name in ("download_limit", "upload_limit", "peer_limit"):
        if (limit := getattr(torrent, name)) is not None:
            params[name] = limit
    if torrent.super_seeding:
        params["super_seeding"] = "on"
    return params | _content(torrent) | _files(torrent)


def group_params(group: ForeignGroup) -> dict[str, Any]:
    """The params of group_set."""
    params: dict[str, Any] = {
        "name": group.name,
        "honors_session_limits": group.honors_session_limits,
    }
    for way, limit in (("down", group.download_limit), ("up", group.upload_limit)):
        if limit is not None:
            params |= {f"speed_limit_{way}": limit, f"speed_limit_{way}_enabled": True}
    return params


def _folder(torrent: ForeignTorrent, wishes: Wishes, folder: str) -> str:
    """Where its files are: they may lie elsewhere as long as it is not complete."""
    other = wishes.folder(torrent.other_folder)
    complete = torrent.pieces is not None and torrent.pieces.is_full
    if not other or other == folder or complete:
        return folder
    tops = {path.partition("/")[0] for path in torrent.file_names} or {torrent.name}
    names = [top + suffix for top in tops for suffix in ("", torrent.partial_suffix)]
    if any(os.path.lexists(os.path.join(other, name)) for name in names):
        return other
    return folder


def _content(torrent: ForeignTorrent) -> dict[str, Any]:
    data = torrent.torrent
    if data is None:
        return {"filename": torrent.magnet}
    if len(data) > MAX_TORRENT:
        raise P2pdError(f"its torrent file is bigger than {MAX_TORRENT} bytes")
    return {"metainfo": _base64(data)}


def _files(torrent: ForeignTorrent) -> dict[str, Any]:
    """The choice of files, and what was verified of them."""
    if torrent.metainfo is None:
        return {}
    chosen = list(enumerate(torrent.priorities))
    params: dict[str, Any] = {
        "files_unwanted": [index for index, priority in chosen if priority is None],
        "priority_high": [index for index, priority in chosen if priority == 1],
        "priority_low": [index for index, priority in chosen if priority == -1],
    }
    if torrent.sequential_from < (torrent.pieces.size if torrent.pieces else 0):
        params["sequential_download_from_piece"] = torrent.sequential_from
    if torrent.file_names:
        params["file_names"] = list(torrent.file_names)
    if torrent.pieces is None or torrent.obstacle:
        return params
    params["pieces"] = _base64(torrent.pieces.to_bitfield())
    params["exact_times"] = torrent.exact_times
    params["partial_suffix"] = torrent.partial_suffix
    if torrent.file_times:
        params["file_times"] = list(torrent.file_times)
    if torrent.changed_before is not None:
        params["changed_before"] = torrent.changed_before
    return params


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
