"""What torrents/info and sync/maindata tell of a torrent: one getter for every field.

Times are Unix seconds, rates and limits bytes per second. What p2pd does not have is said as
qBittorrent says it of a feature that is off, or of a thing that is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from p2pd.control.methods.column import Column, Getter, Shown
from p2pd.control.methods.torrent_fields import TORRENT_FIELDS
from p2pd.control.qbittorrent.labels import Labels
from p2pd.control.qbittorrent.limits import shown as shown_limit
from p2pd.control.qbittorrent.share_limits import UNLIMITED, minutes, shown
from p2pd.control.qbittorrent.states import state_of
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.session.api import TorrentStatus, TorrentView
from p2pd.state.summaries import TorrentSummary
from p2pd.swarm.share_limits import ShareLimits

ETA_INFINITE = 8_640_000
"""A hundred days: what stands for never."""

_ratio: Any = TORRENT_FIELDS["upload_ratio"]


def _ratio_shown(downloaded: int, have_valid: int, uploaded: int) -> float:
    found: float = _ratio.show(downloaded, have_valid, uploaded) if uploaded else 0.0
    return found


ratio = Shown(*_ratio.attributes, show=_ratio_shown)
"""What was sent by what was received."""


def _eta(seconds: int) -> int:
    return min(seconds, ETA_INFINITE) if seconds >= 0 else ETA_INFINITE


eta = Shown("eta", show=_eta)
"""Seconds until it is complete."""


def connected(torrent: TorrentView) -> tuple[int, int]:
    """Seeds and others that it is connected to."""
    peers = torrent.peers
    seeds = sum(peer.progress >= 1 for peer in peers)
    return seeds, len(peers) - seeds


def swarm_seeds(states: Sequence[TrackerState]) -> int:
    """Seeds that there are, by the trackers; -1 if none of them said so."""
    return max([state.seeders for state in states], default=-1)


def swarm_others(states: Sequence[TrackerState]) -> int:
    """The same of those who are no seeds."""
    return max([state.leechers for state in states], default=-1)


def availability(torrent: TorrentView, now: float) -> float:
    """Of the pieces that are to come how many copies the peers have; -1 if none are to come."""
    if torrent.status is not TorrentStatus.DOWNLOADING or not torrent.peers:
        return -1.0 if not torrent.left_until_done else 0.0
    counts = [count for count in torrent.availability() if count >= 0]
    if not counts:
        return -1.0
    least = min(counts)
    return round(least + sum(count > least for count in counts) / len(counts), 3)


def _tracker(states: Sequence[TrackerState]) -> str:
    """The first that answers."""
    for state in states:
        if state.last_announce_succeeded:
            return state.url
    return ""


def content_path(torrent: TorrentView) -> str:
    """Its file or folder; empty while its name is not known for certain."""
    return _path_in(torrent.summary, torrent.current_dir, torrent.name)


def _path_in(summary: TorrentSummary | None, folder: str, name: str) -> str:
    return "" if summary is None else f"{folder.rstrip('/')}/{name}"


incomplete_folder = Shown(
    "current_dir", "download_dir", show=lambda now, then: now if now != then else ""
)
"""Where its data is as long as it is elsewhere than where it is to be saved."""


def _or_unlimited(ratio: float | None) -> float:
    return UNLIMITED if ratio is None else ratio


def _own_limit(limit: int, limited: bool) -> int:
    return shown_limit(limit if limited else None)


def _own_ratio(own: ShareLimits) -> float:
    return shown(own.seed_ratio_mode, own.seed_ratio_limit)


def _own_idle(own: ShareLimits) -> float:
    return shown(own.seed_idle_mode, own.seed_idle_limit)


def _own_time(own: ShareLimits) -> float:
    return shown(own.seed_time_mode, own.seed_time_limit)


def _label_fields(labels: Labels) -> Mapping[str, Getter]:
    return {
        "category": Shown("labels", show=labels.category_of),
        "tags": Shown("labels", show=lambda found: ", ".join(labels.tags_of(found))),
    }


_FIELDS: Mapping[str, Getter] = {
    "added_on": Shown("added_at", show=int),
    "amount_left": lambda torrent, now: torrent.left_until_done if torrent.summary else 0,
    "auto_tmm": lambda torrent, now: False,
    "availability": availability,
    "comment": TORRENT_FIELDS["comment"],
    "completed": Shown(
        "size_when_done", "left_until_done", show=lambda size, left: max(0, size - left)
    ),
    "completion_on": Shown("completed_at", show=lambda at: int(at) or -1),
    "content_path": Shown("summary", "current_dir", "name", show=_path_in),
    "dl_limit": Shown("limits.download_limit", "limits.download_limited", show=_own_limit),
    "dlspeed": Shown("rate_download", show=int),
    "download_path": incomplete_folder,
    "downloaded": Shown("downloaded"),
    "eta": eta,
    "f_l_piece_prio": lambda torrent, now: False,
    "force_start": lambda torrent, now: False,
    "hash": Shown("hash_string"),
    "inactive_seeding_time_limit": Shown("sharing.own", show=_own_idle),
    "infohash_v1": TORRENT_FIELDS["info_hash_v1"],
    "infohash_v2": TORRENT_FIELDS["info_hash_v2"],
    "last_activity": Shown(
        "active_at", "added_at", show=lambda active, added: int(active or added)
    ),
    "magnet_uri": Shown("magnet_link"),
    "max_inactive_seeding_time": Shown(
        "sharing.in_force", show=lambda limits: minutes(limits.idle)
    ),
    "max_ratio": Shown("sharing.in_force", show=lambda limits: _or_unlimited(limits.ratio)),
    "max_seeding_time": Shown("sharing.in_force", show=lambda limits: minutes(limits.time)),
    "name": Shown("name"),
    "num_complete": Shown("tracker_states", show=swarm_seeds),
    "num_incomplete": Shown("tracker_states", show=swarm_others),
    "num_leechs": lambda torrent, now: connected(torrent)[1],
    "num_seeds": lambda torrent, now: connected(torrent)[0],
    "private": TORRENT_FIELDS["is_private"],
    "progress": lambda torrent, now: round(torrent.percent_done, 6),
    "ratio": ratio,
    "ratio_limit": Shown("sharing.own", show=_own_ratio),
    "save_path": Shown("download_dir"),
    "seeding_time": Shown("seconds_seeding"),
    "seeding_time_limit": Shown("sharing.own", show=_own_time),
    "seen_complete": lambda torrent, now: -1,
    "seq_dl": Shown("sequential"),
    "size": Shown("size_when_done"),
    "state": lambda torrent, now: state_of(torrent),
    "super_seeding": Shown("super_seeding", show="on".__eq__),
    "time_active": Shown("seconds_downloading", "seconds_seeding", show=int.__add__),
    "total_size": Shown("total_size"),
    "tracker": Shown("tracker_states", show=_tracker),
    "trackers_count": Shown("tracker_tiers", show=lambda tiers: sum(map(len, tiers))),
    "up_limit": Shown("limits.upload_limit", "limits.upload_limited", show=_own_limit),
    "uploaded": Shown("uploaded"),
    "upspeed": Shown("rate_upload", show=int),
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


SHARED = frozenset(
    (
        "amount_left", "auto_tmm", "availability", "dlspeed", "f_l_piece_prio", "force_start",
        "num_leechs", "num_seeds", "priority", "progress", "seen_complete", "state", "upspeed",
    )
)  # fmt: skip
"""Those that all torrents at rest show alike that are in the same state (Column.shared)."""


def info_columns(fields: Mapping[str, Getter]) -> Sequence[Column]:
    """The same as columns of rows that are made to be told at once: so long all of them last."""
    return [
        Column(name, get, stays=_gives_without_end)
        if name == "eta"
        else Column(name, get, lasts=True, shared=name in SHARED)
        for name, get in fields.items()
    ]


def _gives_without_end(torrent: TorrentView) -> bool:
    return not torrent.sharing.in_force.exist
