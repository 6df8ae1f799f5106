"""libtorrent (its Python binding) as a peer, inside the test's own process.

Sessions of one process share libtorrent's cache of UDP tracker connection ids, which a tracker
binds to the source address: give all libtorrent nodes of one UDP swarm the same `host`.
"""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import Any

from p2pd.clients.free_port import free_port
from peers.payload import Content, differences
from peers.peer import Peer
from peers.processes import wait_until


def available() -> bool:
    return importlib.util.find_spec("libtorrent") is not None


class LibtorrentNode(Peer):
    """A libtorrent session, plain TCP only."""

    name = "libtorrent"

    def __init__(
        self, folder: Path, *, host: str = "127.0.0.1", port: int | None = None, **settings: Any
    ) -> None:
        import libtorrent

        self._lt = libtorrent
        self.downloads = folder
        self.host, self.port = host, port or free_port(host)
        folder.mkdir(parents=True, exist_ok=True)
        parameters = libtorrent.session_params()
        parameters.settings = {
            **libtorrent.default_settings(),
            **_settings(self.host, self.port),
            **settings,
        }
        self._session: Any = libtorrent.session(parameters)
        self.handle: Any = None

    def add(self, torrent: Path, *, save: Path | None = None) -> None:
        parameters = self._lt.add_torrent_params()
        parameters.ti = self._lt.torrent_info(str(torrent))
        self._add(parameters, save)

    def add_magnet(self, magnet: str, *, save: Path | None = None) -> None:
        self._add(self._lt.parse_magnet_uri(magnet), save)

    def _add(self, parameters: Any, save: Path | None) -> None:
        flags = self._lt.torrent_flags
        parameters.save_path = str(save or self.downloads)
        parameters.flags &= ~(flags.auto_managed | flags.paused)
        self.handle = self._session.add_torrent(parameters)

    def dial(self, other: Any) -> None:
        self.handle.connect_peer((other.host, other.port))

    @property
    def status(self) -> Any:
        return self.handle.status()

    @property
    def payload_uploaded(self) -> int:
        """Bytes of blocks that this session has sent (payload only)."""
        return int(self.status.total_payload_upload)

    def state(self) -> str:
        status = self.status
        peers = [(p.ip, str(p.flags), p.client) for p in self.handle.get_peer_info()]
        return (
            f"libtorrent: {status.state} {status.progress:.3f} {status.errc.message()} "
            f"peers {peers} trackers "
            f"{[(t['url'], t['message'], t['last_error']) for t in self.handle.trackers()]}"
        )

    def limit_upload(self, bytes_per_second: int) -> None:
        self.handle.set_upload_limit(bytes_per_second)

    def limit_download(self, bytes_per_second: int) -> None:
        """Of the torrent, for that of a session does not hold on loopback; 0 is no limit."""
        self.handle.set_download_limit(bytes_per_second)

    def wait_copy_from(self, other: Any, seconds: float = 60) -> None:
        """Until all of it is here; `other` dials as long as nobody is connected.

        libtorrent itself gives a peer up for good that has refused it three times, and tries that
        often in the moment in which the other is killed.
        """

        def connected_and_complete() -> bool:
            if not self.status.num_peers:
                other.dial(self)
            return self.is_seed()

        wait_until(connected_and_complete, seconds, "copy", details=self.state, every=1.0)

    def is_seed(self) -> bool:
        status = self.status
        return bool(status.is_seeding) and "checking" not in str(status.state)

    def wait_copy_of(self, content: Content, seconds: float = 60) -> None:
        """See Peer. What it says it has it may still have to write."""
        self.wait_seeding(seconds)
        copy = self.downloads / content.name
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not differences(content.path, copy), 5, "files")
        super().wait_copy_of(content, seconds)

    def wait_announced(self, seconds: float = 20) -> None:
        """Until a tracker has answered it."""

        def announced() -> bool:
            endpoints = [e for t in self.handle.trackers() for e in t["endpoints"]]
            return any(i["start_sent"] for e in endpoints for i in e["info_hashes"])

        wait_until(announced, seconds, "announce of libtorrent", details=self.state)

    def wait_dht(self, seconds: float = 20) -> None:
        """Until its node of the DHT runs."""
        wait_until(self._session.is_dht_running, seconds, "DHT of libtorrent")

    def stop(self) -> None:
        if self._session is not None:
            self._session = None
            self.handle = None


def _settings(host: str, port: int) -> dict[str, Any]:
    return {
        "listen_interfaces": f"{host}:{port}",
        "outgoing_interfaces": host,
        "alert_mask": 0,
        "user_agent": "interop-libtorrent",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
        "in_enc_policy": 2,
        "out_enc_policy": 2,
        "allowed_enc_level": 1,
        "allow_multiple_connections_per_ip": True,
        "min_reconnect_time": 0,
        "max_failcount": 1000,
        "connection_speed": 500,
        "stop_tracker_timeout": 1,
        "unchoke_slots_limit": -1,
        "close_redundant_connections": False,
        "announce_to_all_tiers": True,
        "announce_to_all_trackers": True,
    }
