"""What torrent_get tells of a connected peer (Transmission's rpc-spec, 3.3, `peers`).

`certificate_name`, `country`, `encryption`, `is_snubbed`, `node_key`, `node_name`, `rating`,
`rating_reasons`, `requests_outstanding`, `source` and `transport` are p2pd's own.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from p2pd.session.peers.peer_view import PeerView

SOURCES: Mapping[str, str] = {"lsd": "lpd", "resume": "cache"}
"""Sources that have another name on the API."""


def source_name(source: str) -> str:
    """What a source is called on the API."""
    return SOURCES.get(source, source)


def peer_source(peer: PeerView) -> str:
    """The key in `peers_from` that a peer counts under."""
    return "from_incoming" if peer.incoming else f"from_{source_name(peer.source)}"


def peer_row(peer: PeerView) -> dict[str, Any]:
    """One peer. `client` is us: `client_is_choked` says that the peer chokes us."""
    rating = peer.rating
    return {
        "address": peer.address.host,
        "bytes_to_client": peer.downloaded,
        "bytes_to_peer": peer.uploaded,
        "certificate_name": peer.certificate_name,
        "client_is_choked": peer.peer_choking,
        "client_is_interested": peer.am_interested,
        "client_name": peer.client,
        "country": peer.country,
        "encryption": peer.encryption,
        "flag_str": peer.flag_string,
        "is_downloading_from": peer.am_interested and not peer.peer_choking,
        "is_encrypted": peer.encrypted,
        "is_incoming": peer.incoming,
        "is_snubbed": peer.snubbed,
        "is_uploading_to": peer.peer_interested and not peer.am_choking,
        "is_utp": peer.transport_name == "utp",
        "node_key": peer.node_key.hex(),
        "node_name": peer.node_name,
        "peer_id": base64.b64encode(peer.peer_id).decode("ascii"),
        "peer_is_choked": peer.am_choking,
        "peer_is_interested": peer.peer_interested,
        "port": peer.address.port,
        "progress": peer.progress,
        "rate_to_client": int(peer.rate_to_client),
        "rate_to_peer": int(peer.rate_to_peer),
        "rating": rating.score,
        "rating_reasons": rating.words,
        "requests_outstanding": peer.requests_outstanding,
        "source": peer_source(peer).removeprefix("from_"),
        "transport": peer.transport_name,
    }
