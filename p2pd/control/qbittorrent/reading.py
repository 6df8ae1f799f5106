"""What is told of one torrent: properties, files, trackers, web seeds, pieces, .torrent file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from p2pd.control.answers import encode_rows
from p2pd.control.methods.column import Getter, Shown
from p2pd.control.methods.torrent_fields import TORRENT_FIELDS
from p2pd.control.qbittorrent.call import (
    Action,
    Answer,
    Call,
    FileAnswer,
    one_torrent,
    whole,
)
from p2pd.control.qbittorrent.limits import of_torrent
from p2pd.control.qbittorrent.refusals import conflict
from p2pd.control.qbittorrent.share_limits import UNLIMITED
from p2pd.control.qbittorrent.torrent_fields import (
    availability,
    connected,
    eta,
    incomplete_folder,
    ratio,
    swarm_others,
    swarm_seeds,
)
from p2pd.discovery.source_report import DHT, IS_PRIVATE, LSD, PEX, SourceReport
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.formats.metainfo import Metainfo, to_torrent
from p2pd.session.api import FileView, SessionApi, TorrentView

PRIORITIES: Mapping[int, int] = {-1: 1, 0: 1, 1: 6}
"""qBittorrent has no low priority; 7 is its highest."""

NOT_CONTACTED, WORKING, UPDATING, NOT_WORKING = 1, 2, 3, 4
DISABLED = 0
PIECE_MISSING, PIECE_HERE = 0, 2


def _average(total: int, seconds: int) -> int:
    return total // seconds if seconds > 0 else -1


def _seconds(torrent: TorrentView) -> int:
    return torrent.seconds_downloading + torrent.seconds_seeding


def next_announce(torrent: TorrentView, now: float) -> int:
    """Seconds until a tracker is asked again; 0 if none will be."""
    due = [state.next_announce_at for state in torrent.tracker_states if state.next_announce_at]
    return max(0, int(min(due) - now)) if due else 0


def _summed(name: str, missing: Any) -> Getter:
    def get(torrent: TorrentView, now: float) -> Any:
        value = getattr(torrent.summary, name, None)
        return missing if value is None else value

    return get


PROPERTIES: Mapping[str, Getter] = {
    "addition_date": lambda torrent, now: int(torrent.added_at),
    "availability": availability,
    "comment": TORRENT_FIELDS["comment"],
    "completion_date": lambda torrent, now: int(torrent.completed_at) or -1,
    "created_by": TORRENT_FIELDS["creator"],
    "creation_date": _summed("created_at", -1),
    "dl_limit": lambda torrent, now: of_torrent(torrent.limits)[0] or UNLIMITED,
    "dl_speed": lambda torrent, now: int(torrent.rate_download),
    "dl_speed_avg": lambda torrent, now: _average(torrent.downloaded, torrent.seconds_downloading),
    "download_path": incomplete_folder,
    "eta": eta,
    "has_metadata": lambda torrent, now: torrent.summary is not None,
    "hash": lambda torrent, now: torrent.hash_string,
    "infohash_v1": TORRENT_FIELDS["info_hash_v1"],
    "infohash_v2": TORRENT_FIELDS["info_hash_v2"],
    "is_private": TORRENT_FIELDS["is_private"],
    "last_seen": lambda torrent, now: -1,
    "name": lambda torrent, now: torrent.name,
    "nb_connections": lambda torrent, now: len(torrent.peers),
    "nb_connections_limit": lambda torrent, now: torrent.peer_limit,
    "peers": lambda torrent, now: connected(torrent)[1],
    "peers_total": Shown("tracker_states", show=swarm_others),
    "piece_size": _summed("piece_length", -1),
    "pieces_have": lambda torrent, now: torrent.pieces.count if torrent.pieces else 0,
    "pieces_num": _summed("pieces", -1),
    "reannounce": next_announce,
    "save_path": lambda torrent, now: torrent.download_dir,
    "seeding_time": lambda torrent, now: torrent.seconds_seeding,
    "seeds": lambda torrent, now: connected(torrent)[0],
    "seeds_total": Shown("tracker_states", show=swarm_seeds),
    "share_ratio": ratio,
    "time_elapsed": lambda torrent, now: _seconds(torrent),
    "total_downloaded": lambda torrent, now: torrent.downloaded,
    "total_size": _summed("total", -1),
    "total_uploaded": lambda torrent, now: torrent.uploaded,
    "total_wasted": lambda torrent, now: torrent.corrupt,
    "up_limit": lambda torrent, now: of_torrent(torrent.limits)[1] or UNLIMITED,
    "up_speed": lambda torrent, now: int(torrent.rate_upload),
    "up_speed_avg": lambda torrent, now: _average(torrent.uploaded, _seconds(torrent)),
}


class Reading:
    """The actions that tell of one torrent."""

    def __init__(self, api: SessionApi, wall_clock: Callable[[], float]) -> None:
        self._api = api
        self._wall_clock = wall_clock

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "torrents/properties": Action(self.properties, "torrent_get"),
            "torrents/files": Action(self.files, "torrent_get"),
            "torrents/trackers": Action(self.trackers, "torrent_get"),
            "torrents/webseeds": Action(self.web_seeds, "torrent_get"),
            "torrents/pieceStates": Action(self.piece_states, "torrent_get"),
            "torrents/pieceHashes": Action(self.piece_hashes, "torrent_get"),
            "torrents/export": Action(self.export, "torrent_get"),
        }

    async def properties(self, call: Call) -> Answer:
        """What there is to say of it as a whole."""
        torrent, now = one_torrent(self._api, call), self._wall_clock()
        return {name: get(torrent, now) for name, get in PROPERTIES.items()}

    async def files(self, call: Call) -> Answer:
        """Its files, or those of some indices."""
        torrent = await self._api.detailed(one_torrent(self._api, call))
        files = torrent.files()
        if call.has("indexes"):
            files = _those(files, call.listed("indexes"))
        counts = torrent.availability()
        complete = torrent.summary is not None and not torrent.left_until_done
        rows = (
            file_row(file, counts) | ({"is_seed": complete} if not place else {})
            for place, file in enumerate(files)
        )
        return await encode_rows(rows, call.pacer)

    async def trackers(self, call: Call) -> Answer:
        """Its trackers, and the other ways to peers."""
        torrent = one_torrent(self._api, call)
        return [*_ways(torrent), *(tracker_row(state) for state in torrent.tracker_states)]

    async def web_seeds(self, call: Call) -> Answer:
        """Where else its data is."""
        torrent = one_torrent(self._api, call)
        return [{"url": url} for url in (*torrent.web_seeds, *torrent.http_seeds)]

    async def piece_states(self, call: Call) -> Answer:
        """By piece: 2 for one that is here, else 0."""
        torrent = one_torrent(self._api, call)
        flags = torrent.pieces.flags if torrent.pieces else ()
        return [PIECE_HERE if flag else PIECE_MISSING for flag in flags]

    async def piece_hashes(self, call: Call) -> Answer:
        """The SHA-1 hashes of its pieces; a torrent of v2 alone has none."""
        metainfo = await self._api.metainfo(one_torrent(self._api, call))
        hashes = (metainfo.piece_hashes if metainfo else None) or b""
        return [hashes[start : start + 20].hex() for start in range(0, len(hashes), 20)]

    async def export(self, call: Call) -> Answer:
        """Its .torrent file, with the trackers and web seeds that it has now."""
        torrent = one_torrent(self._api, call)
        metainfo: Metainfo | None = await self._api.metainfo(torrent)
        if metainfo is None:
            raise conflict("it has no metadata yet")
        addresses = replace(
            metainfo,
            trackers=torrent.tracker_tiers,
            web_seeds=torrent.web_seeds,
            http_seeds=torrent.http_seeds,
        )
        content = to_torrent(addresses)
        return FileAnswer(content, f"{torrent.name}.torrent", "application/x-bittorrent")


def file_row(file: FileView, counts: list[int]) -> dict[str, Any]:
    """A file; `counts` are the peers that have each piece of the torrent, -1 where we have it."""
    pieces = counts[file.first_piece : file.end_piece]
    reachable = sum(count != 0 for count in pieces)
    return {
        "availability": round(reachable / len(pieces), 3) if pieces else 1.0,
        "index": file.index,
        "name": file.path,
        "piece_range": [file.first_piece, max(file.first_piece, file.end_piece - 1)],
        "priority": PRIORITIES[file.priority] if file.wanted else 0,
        "progress": round(file.completed / file.length, 6) if file.length else 1.0,
        "size": file.length,
    }


def _those(files: list[FileView], indices: list[str]) -> list[FileView]:
    found = []
    for each in indices:
        index = whole("indexes", each)
        if not 0 <= index < len(files):
            raise conflict(f"there is no file {index}")
        found.append(files[index])
    return found


WAYS: Mapping[str, str] = {"** [DHT] **": DHT, "** [PeX] **": PEX, "** [LSD] **": LSD}
"""What is in the list of trackers besides them: the sources of peers that clients know there."""

PRIVATE = "This torrent is private"


def _ways(torrent: TorrentView) -> list[dict[str, Any]]:
    """The ways to peers that are no trackers, as clients expect them in the list."""
    sources = {source.name: source for source in torrent.sources}
    unknown = SourceReport("", enabled=False)
    return [_way(torrent, words, sources.get(name, unknown)) for words, name in WAYS.items()]


def _way(torrent: TorrentView, words: str, source: SourceReport) -> dict[str, Any]:
    found = [peer for peer in torrent.peers if not peer.incoming and peer.source == source.name]
    seeds = sum(peer.progress >= 1 for peer in found)
    status = NOT_WORKING if source.error else WORKING
    reason = PRIVATE if source.why_not == IS_PRIVATE else source.why_not
    return {
        "msg": source.error if source.enabled else reason,
        "num_downloaded": 0,
        "num_leeches": len(found) - seeds,
        "num_peers": source.found,
        "num_seeds": seeds,
        "status": status if source.enabled else DISABLED,
        "tier": -1,
        "url": words,
    }


def tracker_row(state: TrackerState) -> dict[str, Any]:
    """A tracker; counts are -1 while they are not known."""
    return {
        "msg": "" if state.last_announce_succeeded else state.last_announce_result,
        "num_downloaded": state.downloads,
        "num_leeches": state.leechers,
        "num_peers": state.last_announce_peer_count,
        "num_seeds": state.seeders,
        "status": _tracker_status(state),
        "tier": state.tier,
        "url": state.url,
    }


def _tracker_status(state: TrackerState) -> int:
    if state.announcing:
        return UPDATING
    if not state.last_announce_at:
        return NOT_CONTACTED
    return WORKING if state.last_announce_succeeded else NOT_WORKING
