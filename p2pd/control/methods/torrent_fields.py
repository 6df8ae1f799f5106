"""What torrent_get tells: one getter for every field that has a meaning (rpc-spec, 3.3).

A getter takes a torrent and the wall clock's time in Unix seconds. Names and shapes are
Transmission's 4.1; what is p2pd's own is marked so in docs/api.rst.
"""

from __future__ import annotations

import base64
import mimetypes
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from p2pd.control.methods.certificate_fields import tls_row
from p2pd.control.methods.column import Column, Getter, Shown
from p2pd.control.methods.discovery_fields import discovery_rows
from p2pd.control.methods.peer_fields import peer_row, peer_source
from p2pd.control.methods.tracker_fields import tracker_row, tracker_statistics_row
from p2pd.control.methods.web_seed_fields import sending, web_seed_row
from p2pd.session.api import TorrentView
from p2pd.state.summaries import TorrentSummary

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

    def show(summary: TorrentSummary | None) -> Any:
        value = getattr(summary, attribute, None)
        return missing if value is None else value

    return Shown("summary", show=show)


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


def _upload_ratio(downloaded: int, have_valid: int, uploaded: int) -> float:
    """Uploaded by downloaded, or by what is here for data that came otherwise; -1 if none is."""
    base = downloaded or have_valid
    return uploaded / base if base else -1.0


def _seed_limits_in_force(torrent: TorrentView, now: float) -> dict[str, Any]:
    """Times in minutes; None for no limit."""
    limits = torrent.sharing.in_force
    return {
        "action": limits.action,
        "idle_limit": None if limits.idle is None else int(limits.idle // 60),
        "ratio_limit": limits.ratio,
        "time_limit": None if limits.time is None else int(limits.time // 60),
    }


def _tracker_list(tiers: tuple[tuple[str, ...], ...]) -> str:
    return "\n\n".join("\n".join(tier) for tier in tiers)


def in_force(limit: int | None) -> int:
    """A limit in bytes per second; -1 for none."""
    return -1 if limit is None else limit


def _hex(digest: bytes | None) -> str:
    return digest.hex() if digest else ""


TORRENT_FIELDS: Mapping[str, Getter] = {
    "activity_date": Shown("active_at", show=int),
    "added_date": Shown("added_at", show=int),
    "availability": lambda torrent, now: torrent.availability(),
    "bandwidth_priority": Shown("limits.priority"),
    "bytes_completed": lambda torrent, now: [file.completed for file in torrent.files()],
    "comment": _of_summary("comment", ""),
    "corrupt_ever": Shown("corrupt"),
    "creator": _of_summary("created_by", ""),
    "current_dir": Shown("current_dir"),
    "date_created": _of_summary("created_at", 0),
    "desired_available": Shown("desired_available"),
    "discovery": lambda torrent, now: discovery_rows(torrent),
    "disk_state": Shown("disk_state.value"),
    "done_date": Shown("completed_at", show=int),
    "download_dir": Shown("download_dir"),
    "download_limit": Shown("limits.download_limit"),
    "download_limit_in_force": Shown("limits.down_in_force", show=in_force),
    "download_limited": Shown("limits.download_limited"),
    "downloaded_ever": Shown("downloaded"),
    "edit_date": Shown("edited_at", show=int),
    "error": Shown("trouble", show=int),
    "error_string": Shown("error_string"),
    "eta": Shown("eta"),
    "eta_idle": Shown("sharing.eta_idle"),
    "file_count": _of_summary("files", 0),
    "file_stats": _file_stats,
    "files": _files,
    "group": Shown("limits.group"),
    "hash_string": Shown("hash_string"),
    "has_secret": Shown("has_secret"),
    "have_unchecked": Shown("have_unchecked"),
    "have_valid": Shown("have_valid"),
    "honors_session_limits": Shown("limits.honors_session_limits"),
    "id": Shown("id"),
    "info_hash_v1": Shown("info_hashes.v1", show=_hex),
    "info_hash_v2": Shown("info_hashes.v2", show=_hex),
    "is_finished": Shown("sharing.is_finished"),
    "is_private": _of_summary("private", False),
    "is_stalled": Shown("is_stalled"),
    "labels": Shown("labels", show=list),
    "left_until_done": Shown("left_until_done"),
    "magnet_link": Shown("magnet_link"),
    "manual_announce_time": lambda torrent, now: -1,
    "max_connected_peers": Shown("peer_limit"),
    "metadata_only": Shown("metadata_only"),
    "metadata_percent_complete": Shown("metadata_percent_complete"),
    "move": _move,
    "name": Shown("name"),
    "owner": Shown("owner"),
    "peer_limit": Shown("peer_limit"),
    "peers": lambda torrent, now: [peer_row(peer) for peer in torrent.peers],
    "peers_connected": Shown("peers", show=len),
    "peers_from": _peers_from,
    "peers_getting_from_us": lambda torrent, now: sum(
        peer.rate_to_peer > 0 for peer in torrent.peers
    ),
    "peers_sending_to_us": lambda torrent, now: sum(
        peer.rate_to_client > 0 for peer in torrent.peers
    ),
    "percent_complete": Shown("percent_complete"),
    "percent_done": Shown("percent_done"),
    "piece_count": _of_summary("pieces", 0),
    "piece_deadlines": lambda torrent, now: [
        [piece, round(seconds, 3)] for piece, seconds in torrent.deadlines()
    ],
    "piece_size": _of_summary("piece_length", 0),
    "pieces": _pieces,
    "primary_mime_type": _primary_mime_type,
    "priorities": lambda torrent, now: [file.priority for file in torrent.files()],
    "queue_position": Shown("queue_position"),
    "rate_download": Shown("rate_download", show=int),
    "rate_upload": Shown("rate_upload", show=int),
    "recheck_progress": Shown("recheck_progress"),
    "seconds_downloading": Shown("seconds_downloading"),
    "seconds_seeding": Shown("seconds_seeding"),
    "seed_choking": Shown("seed_choking"),
    "seed_idle_limit": Shown("sharing.own.seed_idle_limit"),
    "seed_idle_mode": Shown("sharing.own.seed_idle_mode"),
    "seed_limit_action": Shown("sharing.own.seed_limit_action"),
    "seed_limits_in_force": _seed_limits_in_force,
    "seed_limits_reached": Shown("sharing.reached", show=list),
    "seed_ratio_limit": Shown("sharing.own.seed_ratio_limit"),
    "seed_ratio_mode": Shown("sharing.own.seed_ratio_mode"),
    "seed_time_limit": Shown("sharing.own.seed_time_limit"),
    "seed_time_mode": Shown("sharing.own.seed_time_mode"),
    "sequential_download": Shown("sequential"),
    "sequential_download_from_piece": Shown("sequential_from"),
    "signatures": lambda torrent, now: [verdict._asdict() for verdict in torrent.signatures],
    "size_when_done": Shown("size_when_done"),
    "start_date": Shown("started_at", show=int),
    "status": Shown("status", show=int),
    "super_seeding": Shown("super_seeding"),
    "tls": lambda torrent, now: tls_row(torrent.tls),
    "torrent_file": Shown("torrent_file"),
    "total_size": Shown("total_size"),
    "tracker_list": Shown("tracker_tiers", show=_tracker_list),
    "tracker_stats": lambda torrent, now: [
        tracker_statistics_row(state) for state in torrent.tracker_states
    ],
    "trackers": lambda torrent, now: [tracker_row(state) for state in torrent.tracker_states],
    "trusted_only": Shown("trusted_only"),
    "upload_limit": Shown("limits.upload_limit"),
    "upload_limit_in_force": Shown("limits.up_in_force", show=in_force),
    "upload_limited": Shown("limits.upload_limited"),
    "upload_ratio": Shown("downloaded", "have_valid", "uploaded", show=_upload_ratio),
    "uploaded_ever": Shown("uploaded"),
    "wanted": lambda torrent, now: [file.wanted for file in torrent.files()],
    "webseeds": Shown("web_seeds", "http_seeds", show=lambda files, pieces: [*files, *pieces]),
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

SHARED = frozenset(
    (
        "desired_available", "error", "error_string", "have_unchecked", "left_until_done",
        "metadata_percent_complete", "peers_connected", "peers_getting_from_us",
        "peers_sending_to_us", "percent_complete", "percent_done", "rate_download", "rate_upload",
        "status",
    )
)  # fmt: skip
"""Those of them that all show alike that are in the same state (Column.shared)."""

STAYING: Mapping[str, Callable[[TorrentView], bool]] = {
    "eta": lambda torrent: not torrent.sharing.in_force.exist,
    "eta_idle": lambda torrent: torrent.sharing.in_force.idle is None,
}
"""Those that time changes of some torrents at rest, and of others nothing (Column.stays)."""

TORRENT_COLUMNS: Mapping[str, Column] = {
    name: Column(name, get, name in OF_FILES, name in LASTING, STAYING.get(name), name in SHARED)
    for name, get in TORRENT_FIELDS.items()
}
"""By the name that a client asks for."""
