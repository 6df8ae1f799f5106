"""What torrents/info and sync/maindata tell of a torrent: one getter for every field.

Times are Unix seconds, rates and limits bytes per second. What p2pd does not have is said as
qBittorrent says it of a feature that is off, or of a thing that is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from p2pd.control.methods.torrent_fields import TORRENT_FIELDS
from p2pd.control.qbittorrent.labels import Labels
from p2pd.control.qbittorrent.limits import of_torrent
from p2pd.control.qbittorrent.share_limits import UNLIMITED, minutes, shown
from p2pd.control.qbittorrent.states import state_of
from p2pd.session.api import TorrentStatus, TorrentView

ETA_INFINITE = 8_640_000
"""A hundred days: what stands for never."""

Getter = Callable[[TorrentView, float], Any]

_ratio = TORRENT_FIELDS["upload_ratio"]


def ratio(torrent: TorrentView, now: float) -> float:
    """What was sent by what was received."""
    found: float = _ratio(torrent, now) if torrent.uploaded else 0.0
    return found


def eta(torrent: TorrentView, now: float) -> int:
    """Seconds until it is complete."""
    return min(torrent.eta, ETA_INFINITE) if torrent.eta >= 0 else ETA_INFINITE


def connected(torrent: TorrentView) -> tuple[int, int]:
    """Seeds and others that it is connected to."""
    peers = torrent.peers
    seeds = sum(peer.progress >= 1 for peer in peers)
    return seeds, len(peers) - seeds


def swarm(torrent: TorrentView) -> tuple[int, int]:
    """Seeds and others that there are, by the trackers; -1 if none of them said so."""
    states = torrent.tracker_states
    seeds = max((state.seeders for state in states), default=-1)
    return seeds, max((state.leechers for state in states), default=-1)


def availability(torrent: TorrentView, now: float) -> float:
    """Of the pieces that are to come how many copies the peers have; -1 if none are to come."""
    if torrent.status is not TorrentStatus.DOWNLOADING or not torrent.peers:
        return -1.0 if not torrent.left_until_done else 0.0
    counts = [count for count in torrent.availability() if count >= 0]
    if not counts:
        return -1.0
    least = min(counts)
    return round(least + sum(count > least for count in counts) / len(counts), 3)


def tracker(torrent: TorrentView, now: float) -> str:
    """The first tracker that answers."""
    for state in torrent.tracker_states:
        if state.last_announce_succeeded:
            return state.url
    return ""


def content_path(torrent: TorrentView, now: float = 0.0) -> str:
    """Its file or folder; empty while its name is not known for certain."""
    if torrent.summary is None:
        return ""
    return f"{torrent.current_dir.rstrip('/')}/{torrent.name}"


def incomplete_folder(torrent: TorrentView, now: float) -> str:
    """Where its data is as long as it is elsewhere than where it is to be saved."""
    return torrent.current_dir if torrent.current_dir != torrent.download_dir else ""


def super_seeds(torrent: TorrentView, now: float) -> bool:
    """Whether it is to show single pieces."""
    return torrent.super_seeding == "on"


def _or_unlimited(ratio: float | None) -> float:
    return UNLIMITED if ratio is None else ratio


def _label_fields(labels: Labels) -> Mapping[str, Getter]:
    return {
        "category": lambda torrent, now: labels.category_of(torrent.labels),
        "tags": lambda torrent, now: ", ".join(labels.tags_of(torrent.labels)),
    }


_FIELDS: Mapping[str, Getter] = {
    "added_on": lambda torrent, now: int(torrent.added_at),
    "amount_left": lambda torrent, now: torrent.left_until_done if torrent.summary else 0,
    "auto_tmm": lambda torrent, now: False,
    "availability": availability,
    "comment": TORRENT_FIELDS["comment"],
    "completed": lambda torrent, now: max(0, torrent.size_when_done - torrent.left_until_done),
    "completion_on": lambda torrent, now: int(torrent.completed_at) or -1,
    "content_path": content_path,
    "dl_limit": lambda torrent, now: of_torrent(torrent.limits)[0],
    "dlspeed": lambda torrent, now: int(torrent.rate_download),
    "download_path": incomplete_folder,
    "downloaded": lambda torrent, now: torrent.downloaded,
    "eta": eta,
    "f_l_piece_prio": lambda torrent, now: False,
    "force_start": lambda torrent, now: False,
    "hash": lambda torrent, now: torrent.hash_string,
    "inactive_seeding_time_limit": lambda torrent, now: shown(
        torrent.sharing.own.seed_idle_mode, torrent.sharing.own.seed_idle_limit
    ),
    "infohash_v1": TORRENT_FIELDS["info_hash_v1"],
    "infohash_v2": TORRENT_FIELDS["info_hash_v2"],
    "last_activity": lambda torrent, now: int(torrent.active_at or torrent.added_at),
    "magnet_uri": lambda torrent, now: torrent.magnet_link,
    "max_inactive_seeding_time": lambda torrent, now: minutes(torrent.sharing.in_force.idle),
    "max_ratio": lambda torrent, now: _or_unlimited(torrent.sharing.in_force.ratio),
    "max_seeding_time": lambda torrent, now: minutes(torrent.sharing.in_force.time),
    "name": lambda torrent, now: torrent.name,
    "num_complete": lambda torrent, now: swarm(torrent)[0],
    "num_incomplete": lambda torrent, now: swarm(torrent)[1],
    "num_leechs": lambda torrent, now: connected(torrent)[1],
    "num_seeds": lambda torrent, now: connected(torrent)[0],
    "private": TORRENT_FIELDS["is_private"],
    "progress": lambda torrent, now: round(torrent.percent_done, 6),
    "ratio": ratio,
    "ratio_limit": lambda torrent, now: shown(
        torrent.sharing.own.seed_ratio_mode, torrent.sharing.own.seed_ratio_limit
    ),
    "save_path": lambda torrent, now: torrent.download_dir,
    "seeding_time": lambda torrent, now: torrent.seconds_seeding,
    "seeding_time_limit": lambda torrent, now: shown(
        torrent.sharing.own.seed_time_mode, torrent.sharing.own.seed_time_limit
    ),
    "seen_complete": lambda torrent, now: -1,
    "seq_dl": lambda torrent, now: torrent.sequential,
    "size": lambda torrent, now: torrent.size_when_done,
    "state": lambda torrent, now: state_of(torrent),
    "super_seeding": super_seeds,
    "time_active": lambda torrent, now: torrent.seconds_downloading + torrent.seconds_seeding,
    "total_size": lambda torrent, now: torrent.total_size,
    "tracker": tracker,
    "trackers_count": lambda torrent, now: sum(map(len, torrent.tracker_tiers)),
    "up_limit": lambda torrent, now: of_torrent(torrent.limits)[1],
    "uploaded": lambda torrent, now: torrent.uploaded,
    "upspeed": lambda torrent, now: int(torrent.rate_upload),
}


def _queue_field(is_queueing: Callable[[], bool]) -> Getter:
    def get(torrent: TorrentView, now: float) -> int:
        if not torrent.left_until_done or not is_queueing():
            return 0
        return torrent.queue_position + 1

    return get


def info_fields(labels: Labels, is_queueing: Callable[[], bool]) -> Mapping[str, Getter]:
    """All fields, by name and in the order of names."""
    more = {**_label_fields(labels), "priority": _queue_field(is_queueing)}
    return dict(sorted({**_FIELDS, **more}.items()))
