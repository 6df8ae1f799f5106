"""What torrent_get tells: one getter for every field that has a meaning (rpc-spec, 3.3).

A getter takes a torrent and the wall clock's time in Unix seconds. Names and shapes are
Transmission's 4.1; what is p2pd's own is marked so in docs/api.rst.
"""

from __future__ import annotations

import base64
import mimetypes
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from p2pd.control.methods.certificate_fields import tls_row
from p2pd.control.methods.discovery_fields import discovery_rows
from p2pd.control.methods.peer_fields import peer_row, peer_source
from p2pd.control.methods.tracker_fields import tracker_row, tracker_statistics_row
from p2pd.control.methods.web_seed_fields import sending, web_seed_row
from p2pd.session.api import TorrentView

Getter = Callable[[TorrentView, float], Any]


class Column(NamedTuple):
    """A field of torrents as it is shown."""

    name: str
    get: Getter
    of_files: bool = False
    """Whether it takes the files of a torrent, which one at rest does not have in memory."""
    lasts: bool = False
    """Whether of a torrent at rest (FollowingApi.at_rest) it is the same until that is noted to
    have changed: neither time nor what happens to other torrents makes it another.
    """
    stays: Callable[[TorrentView], bool] | None = None
    """Of one that does not last: of which torrents it does all the same, as long as they rest."""


_MIME_TYPES = mimetypes.MimeTypes()
# Python's own table lacks what torrents are mostly made of, and the system's differs by host.
for _extension, _kind in (
    (".flac", "audio/flac"),
    (".iso", "application/x-iso9660-image"),
    (".m4a", "audio/mp4"),
    (".mkv", "video/x-matroska"),
    (".rar", "application/vnd.rar"),
    (".7z", "application/x-7z-compressed"),
):
    _MIME_TYPES.add_type(_kind, _extension)


def _files(torrent: TorrentView, now: float) -> list[dict[str, Any]]:
    return [
        {
            "begin_piece": file.first_piece,
            "bytes_completed": file.completed,
            "end_piece": file.end_piece,
            "length": file.length,
            "name": file.path,
        }
        for file in torrent.files()
    ]


def _file_stats(torrent: TorrentView, now: float) -> list[dict[str, Any]]:
    return [
        {"bytes_completed": file.completed, "priority": file.priority, "wanted": file.wanted}
        for file in torrent.files()
    ]


def _move(torrent: TorrentView, now: float) -> dict[str, Any] | None:
    move = torrent.move
    if move is None:
        return None
    return {
        "error_string": move.trouble,
        "location": move.target,
        "progress": move.progress,
        "stage": move.stage,
    }


def _of_summary(attribute: str, missing: Any) -> Getter:
    """The getter for what only metadata tells; `missing` stands in while there is none."""

    def get(torrent: TorrentView, now: float) -> Any:
        value = getattr(torrent.summary, attribute, None)
        return missing if value is None else value

    return get


def _peers_from(torrent: TorrentView, now: float) -> dict[str, int]:
    counts = dict.fromkeys(
        ("from_cache", "from_dht", "from_incoming", "from_lpd", "from_ltep", "from_pex",
         "from_tracker"), 0
    )  # fmt: skip
    return counts | Counter(peer_source(peer) for peer in torrent.peers)


def _pieces(torrent: TorrentView, now: float) -> str:
    if torrent.pieces is None:
        return ""
    return base64.b64encode(torrent.pieces.to_bitfield()).decode("ascii")


def _primary_mime_type(torrent: TorrentView, now: float) -> str:
    """The media type that most of the bytes have, by the files' names."""
    sizes: Counter[str] = Counter()
    for file in torrent.files():
        kind = _MIME_TYPES.guess_type(file.path)[0]
        sizes[kind or "application/octet-stream"] += file.length
    return sizes.most_common(1)[0][0] if sizes else "application/octet-stream"


def _upload_ratio(torrent: TorrentView, now: float) -> float:
    """Uploaded by downloaded, or by what is here for data that came otherwise; -1 if none is."""
    base = torrent.downloaded or torrent.have_valid
    return torrent.uploaded / base if base else -1.0


def _seed_limits_in_force(torrent: TorrentView, now: float) -> dict[str, Any]:
    """Times in minutes; None for no limit."""
    limits = torrent.sharing.in_force
    return {
        "action": limits.action,
        "idle_limit": None if limits.idle is None else int(limits.idle // 60),
        "ratio_limit": limits.ratio,
        "time_limit": None if limits.time is None else int(limits.time // 60),
    }


def _tracker_list(torrent: TorrentView, now: float) -> str:
    return "\n\n".join("\n".join(tier) for tier in torrent.tracker_tiers)


def in_force(limit: int | None) -> int:
    """A limit in bytes per second; -1 for none."""
    return -1 if limit is None else limit


def _hash_getter(version: str) -> Getter:
    def get(torrent: TorrentView, now: float) -> str:
        digest = getattr(torrent.info_hashes, version)
        return digest.hex() if digest else ""

    return get


TORRENT_FIELDS: Mapping[str, Getter] = {
    "activity_date": lambda torrent, now: int(torrent.active_at),
    "added_date": lambda torrent, now: int(torrent.added_at),
    "availability": lambda torrent, now: torrent.availability(),
    "bandwidth_priority": lambda torrent, now: torrent.limits.priority,
    "bytes_completed": lambda torrent, now: [file.completed for file in torrent.files()],
    "comment": _of_summary("comment", ""),
    "corrupt_ever": lambda torrent, now: torrent.corrupt,
    "creator": _of_summary("created_by", ""),
    "current_dir": lambda torrent, now: torrent.current_dir,
    "date_created": _of_summary("created_at", 0),
    "desired_available": lambda torrent, now: torrent.desired_available,
    "discovery": lambda torrent, now: discovery_rows(torrent),
    "disk_state": lambda torrent, now: torrent.disk_state.value,
    "done_date": lambda torrent, now: int(torrent.completed_at),
    "download_dir": lambda torrent, now: torrent.download_dir,
    "download_limit": lambda torrent, now: torrent.limits.download_limit,
    "download_limit_in_force": lambda torrent, now: in_force(torrent.limits.down_in_force),
    "download_limited": lambda torrent, now: torrent.limits.download_limited,
    "downloaded_ever": lambda torrent, now: torrent.downloaded,
    "edit_date": lambda torrent, now: int(torrent.edited_at),
    "error": lambda torrent, now: int(torrent.trouble),
    "error_string": lambda torrent, now: torrent.error_string,
    "eta": lambda torrent, now: torrent.eta,
    "eta_idle": lambda torrent, now: torrent.sharing.eta_idle,
    "file_count": _of_summary("files", 0),
    "file_stats": _file_stats,
    "files": _files,
    "group": lambda torrent, now: torrent.limits.group,
    "hash_string": lambda torrent, now: torrent.hash_string,
    "has_secret": lambda torrent, now: torrent.has_secret,
    "have_unchecked": lambda torrent, now: torrent.have_unchecked,
    "have_valid": lambda torrent, now: torrent.have_valid,
    "honors_session_limits": lambda torrent, now: torrent.limits.honors_session_limits,
    "id": lambda torrent, now: torrent.id,
    "info_hash_v1": _hash_getter("v1"),
    "info_hash_v2": _hash_getter("v2"),
    "is_finished": lambda torrent, now: torrent.sharing.is_finished,
    "is_private": _of_summary("private", False),
    "is_stalled": lambda torrent, now: torrent.is_stalled,
    "labels": lambda torrent, now: list(torrent.labels),
    "left_until_done": lambda torrent, now: torrent.left_until_done,
    "magnet_link": lambda torrent, now: torrent.magnet_link,
    "manual_announce_time": lambda torrent, now: -1,
    "max_connected_peers": lambda torrent, now: torrent.peer_limit,
    "metadata_only": lambda torrent, now: torrent.metadata_only,
    "metadata_percent_complete": lambda torrent, now: torrent.metadata_percent_complete,
    "move": _move,
    "name": lambda torrent, now: torrent.name,
    "owner": lambda torrent, now: torrent.owner,
    "peer_limit": lambda torrent, now: torrent.peer_limit,
    "peers": lambda torrent, now: [peer_row(peer) for peer in torrent.peers],
    "peers_connected": lambda torrent, now: len(torrent.peers),
    "peers_from": _peers_from,
    "peers_getting_from_us": lambda torrent, now: sum(
        peer.rate_to_peer > 0 for peer in torrent.peers
    ),
    "peers_sending_to_us": lambda torrent, now: sum(
        peer.rate_to_client > 0 for peer in torrent.peers
    ),
    "percent_complete": lambda torrent, now: torrent.percent_complete,
    "percent_done": lambda torrent, now: torrent.percent_done,
    "piece_count": _of_summary("pieces", 0),
    "piece_deadlines": lambda torrent, now: [
        [piece, round(seconds, 3)] for piece, seconds in torrent.deadlines()
    ],
    "piece_size": _of_summary("piece_length", 0),
    "pieces": _pieces,
    "primary_mime_type": _primary_mime_type,
    "priorities": lambda torrent, now: [file.priority for file in torrent.files()],
    "queue_position": lambda torrent, now: torrent.queue_position,
    "rate_download": lambda torrent, now: int(torrent.rate_download),
    "rate_upload": lambda torrent, now: int(torrent.rate_upload),
    "recheck_progress": lambda torrent, now: torrent.recheck_progress,
    "seconds_downloading": lambda torrent, now: torrent.seconds_downloading,
    "seconds_seeding": lambda torrent, now: torrent.seconds_seeding,
    "seed_choking": lambda torrent, now: torrent.seed_choking,
    "seed_idle_limit": lambda torrent, now: torrent.sharing.own.seed_idle_limit,
    "seed_idle_mode": lambda torrent, now: torrent.sharing.own.seed_idle_mode,
    "seed_limit_action": lambda torrent, now: torrent.sharing.own.seed_limit_action,
    "seed_limits_in_force": _seed_limits_in_force,
    "seed_limits_reached": lambda torrent, now: list(torrent.sharing.reached),
    "seed_ratio_limit": lambda torrent, now: torrent.sharing.own.seed_ratio_limit,
    "seed_ratio_mode": lambda torrent, now: torrent.sharing.own.seed_ratio_mode,
    "seed_time_limit": lambda torrent, now: torrent.sharing.own.seed_time_limit,
    "seed_time_mode": lambda torrent, now: torrent.sharing.own.seed_time_mode,
    "sequential_download": lambda torrent, now: torrent.sequential,
    "sequential_download_from_piece": lambda torrent, now: torrent.sequential_from,
    "signatures": lambda torrent, now: [verdict._asdict() for verdict in torrent.signatures],
    "size_when_done": lambda torrent, now: torrent.size_when_done,
    "start_date": lambda torrent, now: int(torrent.started_at),
    "status": lambda torrent, now: int(torrent.status),
    "super_seeding": lambda torrent, now: torrent.super_seeding,
    "tls": lambda torrent, now: tls_row(torrent.tls),
    "torrent_file": lambda torrent, now: torrent.torrent_file,
    "total_size": lambda torrent, now: torrent.total_size,
    "tracker_list": _tracker_list,
    "tracker_stats": lambda torrent, now: [
        tracker_statistics_row(state) for state in torrent.tracker_states
    ],
    "trackers": lambda torrent, now: [tracker_row(state) for state in torrent.tracker_states],
    "trusted_only": lambda torrent, now: torrent.trusted_only,
    "upload_limit": lambda torrent, now: torrent.limits.upload_limit,
    "upload_limit_in_force": lambda torrent, now: in_force(torrent.limits.up_in_force),
    "upload_limited": lambda torrent, now: torrent.limits.upload_limited,
    "upload_ratio": _upload_ratio,
    "uploaded_ever": lambda torrent, now: torrent.uploaded,
    "wanted": lambda torrent, now: [file.wanted for file in torrent.files()],
    "webseeds": lambda torrent, now: [*torrent.web_seeds, *torrent.http_seeds],
    "webseeds_ex": lambda torrent, now: [web_seed_row(seed) for seed in torrent.seed_reports],
    "webseeds_sending_to_us": lambda torrent, now: sending(torrent),
}

OF_FILES = frozenset(
    (
        "bytes_completed", "file_stats", "files", "primary_mime_type", "priorities", "signatures",
        "wanted",
    )
)  # fmt: skip
"""Those that take the files of a torrent, or what is worked out of its metadata."""

LASTING = frozenset(
    (
        "activity_date", "added_date", "bandwidth_priority", "comment", "corrupt_ever", "creator",
        "current_dir", "date_created", "desired_available", "done_date", "download_dir",
        "download_limit", "download_limited", "downloaded_ever", "edit_date", "error",
        "error_string", "file_count", "group", "has_secret", "hash_string", "have_unchecked",
        "have_valid",
        "honors_session_limits", "id", "info_hash_v1", "info_hash_v2", "is_private", "labels",
        "left_until_done", "magnet_link", "max_connected_peers", "metadata_percent_complete",
        "name", "owner", "peer_limit", "peers_connected", "peers_getting_from_us",
        "peers_sending_to_us", "percent_complete", "percent_done", "piece_count", "piece_size",
        "pieces", "rate_download", "rate_upload", "seed_choking", "seed_idle_limit",
        "seed_idle_mode", "seed_limit_action", "seed_limits_reached", "seed_ratio_limit",
        "seed_ratio_mode", "seed_time_limit", "seed_time_mode", "sequential_download",
        "sequential_download_from_piece", "size_when_done", "start_date", "status", "super_seeding",
        "torrent_file", "total_size", "tracker_list", "trusted_only", "upload_limit",
        "upload_limited", "upload_ratio", "uploaded_ever", "webseeds",
    )
)  # fmt: skip
"""Those that last of a torrent at rest: neither time nor others change them (Column.lasts)."""

STAYING: Mapping[str, Callable[[TorrentView], bool]] = {
    "eta": lambda torrent: not torrent.sharing.in_force.exist,
    "eta_idle": lambda torrent: torrent.sharing.in_force.idle is None,
}
"""Those that time changes of some torrents at rest, and of others nothing (Column.stays)."""

TORRENT_COLUMNS: Mapping[str, Column] = {
    name: Column(name, get, name in OF_FILES, name in LASTING, STAYING.get(name))
    for name, get in TORRENT_FIELDS.items()
}
"""By the name that a client asks for."""
