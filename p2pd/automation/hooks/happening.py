"""What happened to a torrent, as commands and webhooks are told of it.

Commands get it in their environment, under the names that Transmission's scripts know (TR_*) and
under our own (P2PD_*); webhooks as JSON. Text from torrents is only ever a value.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Mapping

from p2pd import __version__
from p2pd.session.api import TorrentView
from p2pd.session.session_events import TorrentEvent, hosts_of

LONGEST_VALUE = 16 * 1024
"""Bytes of a variable: the system takes 128 KiB of each, and some megabytes of all."""

MOST_TRACKERS = 100


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, with what is known of its torrent."""

    event: str
    at: float
    torrent: Mapping[str, Any]
    detail: Mapping[str, Any]
    labels: tuple[str, ...] = ()
    trackers: tuple[str, ...] = ()
    """Announce URLs, which may hold passkeys: programs are told them, servers are not."""
    hosts: tuple[str, ...] = ()
    priority: int = 0
    """-1 low, 0 normal, 1 high."""

    def body(self) -> str:
        """JSON for webhooks."""
        told = {
            "event": self.event,
            "at": self.at,
            "torrent": {**self.torrent, "tracker_hosts": list(self.hosts)},
            "detail": dict(self.detail),
            "version": __version__,
        }
        return json.dumps(told, ensure_ascii=True, allow_nan=False)

    def environment(self) -> dict[str, str]:
        """Variables for commands."""
        torrent = self.torrent
        labels, trackers = ",".join(self.labels), ",".join(self.trackers)
        values = {
            "TR_APP_VERSION": __version__,
            "TR_TIME_LOCALTIME": time.ctime(self.at),
            "TR_TORRENT_BYTES_DOWNLOADED": torrent.get("downloaded_ever", 0),
            "TR_TORRENT_DIR": torrent.get("download_dir", ""),
            "TR_TORRENT_HASH": torrent["hash_string"],
            "TR_TORRENT_ID": torrent["id"],
            "TR_TORRENT_LABELS": labels,
            "TR_TORRENT_NAME": torrent["name"],
            "TR_TORRENT_PRIORITY": self.priority,
            "TR_TORRENT_TRACKERS": trackers,
            "P2PD_EVENT": self.event,
            "P2PD_TIME": f"{self.at:.3f}",
            "P2PD_DETAIL": json.dumps(dict(self.detail)),
            "P2PD_TORRENT_ID": torrent["id"],
            "P2PD_TORRENT_HASH": torrent["hash_string"],
            "P2PD_TORRENT_NAME": torrent["name"],
            "P2PD_TORRENT_DIR": torrent.get("download_dir", ""),
            "P2PD_TORRENT_LABELS": labels,
            "P2PD_TORRENT_TRACKERS": trackers,
            "P2PD_TORRENT_SIZE": torrent.get("total_size", 0),
            "P2PD_TORRENT_DOWNLOADED": torrent.get("downloaded_ever", 0),
            "P2PD_TORRENT_UPLOADED": torrent.get("uploaded_ever", 0),
        }
        return {name: _as_value(value) for name, value in values.items()}


def happening_of(event: TorrentEvent, torrent: TorrentView | None) -> Happening:
    """An event, and its torrent if it is still there."""
    facts: dict[str, Any] = {
        "id": event.torrent_id,
        "hash_string": event.hash_string,
        "name": event.name,
    }
    if torrent is None:
        labels = tuple(event.detail.get("labels", ()))
        facts["download_dir"] = event.detail.get("download_dir", "")
        facts["labels"] = list(labels)
        hosts = tuple(event.detail.get("tracker_hosts", ()))
        return Happening(str(event.kind), event.at, facts, event.detail, labels, (), hosts)
    urls = tuple(url for tier in torrent.tracker_tiers for url in tier)[:MOST_TRACKERS]
    facts |= {
        "name": torrent.name,
        "download_dir": torrent.download_dir,
        "labels": list(torrent.labels),
        "total_size": torrent.total_size,
        "percent_done": torrent.percent_done,
        "downloaded_ever": torrent.downloaded,
        "uploaded_ever": torrent.uploaded,
        "error_string": torrent.error_string,
    }
    hosts = tuple(hosts_of(urls))
    priority = torrent.limits.priority
    return Happening(
        str(event.kind), event.at, facts, event.detail, torrent.labels, urls, hosts, priority
    )


def _as_value(value: object) -> str:
    """Without NUL, which no environment can hold, and not too long."""
    text = str(value).replace("\0", "")
    return text.encode("utf-8", "replace")[:LONGEST_VALUE].decode("utf-8", "ignore")
