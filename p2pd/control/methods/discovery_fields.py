"""What torrent_get tells of the sources of a torrent's peers (`discovery`, p2pd's own)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from p2pd.control.methods.peer_fields import peer_source, source_name
from p2pd.session.api import TorrentView


def discovery_rows(torrent: TorrentView) -> list[dict[str, Any]]:
    """One for each source; times are Unix seconds, 0 for never."""
    connected = Counter(peer_source(peer) for peer in torrent.peers)
    return [
        {
            "disabled_reason": source.why_not,
            "enabled": source.enabled,
            "error_string": source.error,
            "last_time": int(source.last_at or 0),
            "name": source_name(source.name),
            "next_time": int(source.next_at or 0),
            "peers_connected": connected[f"from_{source_name(source.name)}"],
            "peers_known": source.found,
        }
        for source in torrent.sources
    ]
