"""libtorrent's nodes of the DHT, each with an address of loopback, in the test's own process."""

from __future__ import annotations

import time
import warnings
from typing import Any

Address = tuple[str, int]


def dht_settings(bootstrap: Address) -> dict[str, Any]:
    """What a session needs to be in a DHT whose nodes are all on one machine."""
    return {
        "enable_dht": True,
        "dht_bootstrap_nodes": "{}:{}".format(*bootstrap),
        "dht_restrict_routing_ips": False,
        "dht_restrict_search_ips": False,
        "dht_prefer_verified_node_ids": False,
        "dht_ignore_dark_internet": False,
        "dht_upload_rate_limit": 1_000_000,
        "dht_block_ratelimit": 10_000,
    }


class LibtorrentDht:
    """One node, without torrents."""

    def __init__(self, address: Address, bootstrap: Address) -> None:
        import libtorrent

        self._lt = libtorrent
        self.host, self.port = address
        parameters = libtorrent.session_params()
        parameters.settings = {
            **libtorrent.default_settings(),
            "listen_interfaces": f"{self.host}:{self.port}",
            "outgoing_interfaces": self.host,
            "alert_mask": libtorrent.alert.category_t.all_categories,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            **dht_settings(bootstrap),
        }
        self._session: Any = libtorrent.session(parameters)

    @property
    def known(self) -> int:
        """Nodes in its table."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what is new tells it in alerts
            return int(self._session.status().dht_nodes)

    def announce(self, info_hash: bytes, port: int) -> None:
        self._session.dht_announce(self._lt.sha1_hash(info_hash), port, 0)

    def find_peers(self, info_hash: bytes, wanted: set[Address]) -> set[Address]:
        """Those that were found when all that are wanted were, or after some seconds."""
        self._session.dht_get_peers(self._lt.sha1_hash(info_hash))
        found: set[Address] = set()
        for alert in self._alerts("dht_get_peers_reply_alert"):
            found.update(alert.peers())
            if wanted <= found:
                break
        return found

    def put_mutable(self, secret: bytes, key: bytes, value: bytes, salt: bytes) -> int:
        """By how many nodes it was taken; the sequence number is one more than what is there."""
        self._session.dht_put_mutable_item(secret, key, value, salt)
        return self._taken()

    def get_mutable(self, key: bytes, salt: bytes) -> tuple[int, bytes]:
        """The number and the string of the item that is final."""
        self._session.dht_get_mutable_item(key, salt)
        for alert in self._alerts("dht_mutable_item_alert"):
            if alert.authoritative:
                return int(alert.seq), alert.item
        raise TimeoutError("libtorrent found no mutable item")

    def put_immutable(self, value: bytes) -> int:
        self._session.dht_put_immutable_item(value)
        return self._taken()

    def get_immutable(self, target: bytes) -> Any:
        self._session.dht_get_immutable_item(self._lt.sha1_hash(target))
        return next(self._alerts("dht_immutable_item_alert")).item

    def stop(self) -> None:
        self._session = None

    def _taken(self) -> int:
        return int(next(self._alerts("dht_put_alert")).num_success)

    def _alerts(self, kind: str, seconds: float = 30) -> Any:
        """The alerts of a kind as they come; raises TimeoutError when no more do."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._session.wait_for_alert(100)
            yield from (a for a in self._session.pop_alerts() if type(a).__name__ == kind)
        raise TimeoutError(f"no {kind} of libtorrent")
