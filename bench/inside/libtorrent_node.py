"""A libtorrent session.

``libtorrent_node.py HOST PORT FOLDER HASHING_THREADS UPLOAD CIPHER TLS_PORT``

A command is a line of JSON on stdin and has one answer, a line on stdout. Torrents whose resume
data is in FOLDER are there from the start. The settings are those that measured best on a machine
with two cores. UPLOAD limits it, in bytes a second without headers, to peers on loopback too; 0 is
no limit. CIPHER is none, rc4 for peers that speak so alone, or tls: then it listens for peers of
SSL torrents at TLS_PORT.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import libtorrent as lt

ADDRESSES = ("0.0.0.0", "255.255.255.255")
SAVE_SECONDS = 60.0

LOOPBACK_ONLY: dict[str, Any] = {
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
    "rate_limit_ip_overhead": False,
    "min_reconnect_time": 0,
    "max_failcount": 1000,
}
UNLIMITED: dict[str, Any] = {
    "alert_mask": 0,
    "connections_limit": 8000,
    "connection_speed": 500,
    "unchoke_slots_limit": -1,
    "active_limit": -1,
    "active_seeds": -1,
    "active_downloads": -1,
    "active_checking": -1,
    "active_tracker_limit": -1,
    "active_dht_limit": -1,
    "active_lsd_limit": -1,
    "close_redundant_connections": False,
}
UNLIMITED_DHT: Any = {
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "dht_upload_rate_limit": 1_000_000_000,
    "dht_block_ratelimit": 1_000_000,
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    "dht_ignore_dark_internet": False,
}
TUNED: dict[str, Any] = {
    "aio_threads": 2,
    "send_buffer_watermark": 3 << 20,
    "send_buffer_low_watermark": 1 << 20,
    "send_buffer_watermark_factor": 150,
    "max_allowed_in_request_queue": 1_000_000,
    "max_out_request_queue": 1500,
    "max_queued_disk_bytes": 512 << 20,
    "max_peer_recv_buffer_size": 5 << 20,
    "send_socket_buffer_size": 1 << 20,
    "recv_socket_buffer_size": 1 << 20,
}
LIMITED: dict[str, Any] = {"unchoke_slots_limit": 2}
"""In place of TUNED where uploads are limited: 2, 3, 4, 5 and its default of 8 were tried."""


RC4: dict[str, Any] = {"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 2}
"""Everything encrypted, with everybody."""


class Node:
    """The session; each public method is a command."""

    def __init__(
        self,
        host: str,
        port: int,
        folder: Path,
        hashing_threads: int,
        upload: int,
        cipher: str,
        tls_port: int,
    ) -> None:
        parameters = lt.session_params()
        settings: Any = lt.default_settings()
        tls = f",{host}:{tls_port}s" if cipher == "tls" else ""
        settings["listen_interfaces"] = f"{host}:{port}{tls}"
        settings["outgoing_interfaces"] = host
        settings["hashing_threads"] = hashing_threads
        settings["upload_rate_limit"] = upload
        settings |= LOOPBACK_ONLY | UNLIMITED | (LIMITED if upload else TUNED)
        parameters.settings = settings | RC4 if cipher == "rc4" else settings
        self._session = lt.session(parameters)
        if upload:
            self._limit_local_peers()
        self._folder = folder
        self._handles: dict[str, Any] = {}
        for saved in folder.glob("*.resume"):
            self._session.async_add_torrent(lt.read_resume_data(saved.read_bytes()))

    def _limit_local_peers(self) -> None:
        """Have all peers in the class that limits are for; those of loopback have one of theirs."""
        classes = lt.ip_filter()
        classes.add_rule(*ADDRESSES, 1 << int(lt.session.global_peer_class_id))
        self._session.set_peer_class_filter(classes)

    def add(self, torrent: str, folder: str, identity: list[str]) -> dict[str, Any]:
        """Add a torrent file, its data in or for `folder`.

        `identity` is the certificate and private key for an SSL torrent, or empty.
        """
        parameters = lt.add_torrent_params()
        parameters.ti = lt.torrent_info(torrent)
        parameters.save_path = folder
        parameters.flags = lt.torrent_flags.update_subscribe | lt.torrent_flags.disable_pex
        handle: Any = self._session.add_torrent(parameters)
        if identity:
            handle.set_ssl_certificate_buffer(*identity, "")
        self._handles[str(handle.info_hash())] = handle
        return {}

    def add_magnet(self, link: str, folder: str) -> dict[str, Any]:
        """Add a magnet link, its data for `folder`."""
        parameters = lt.parse_magnet_uri(link)
        parameters.save_path = folder
        parameters.flags = lt.torrent_flags.update_subscribe | lt.torrent_flags.disable_pex
        handle: Any = self._session.add_torrent(parameters)
        self._handles[str(handle.info_hash())] = handle
        return {}

    def has_metadata(self, info_hash: str) -> dict[str, Any]:
        """Whether it came."""
        return {"has": self._handles[info_hash].status(0).has_metadata}

    def status(self, info_hash: str) -> dict[str, Any]:
        """How far it is."""
        status = self._handles[info_hash].status(0)
        checking = _is_checking(status)
        return {
            "progress": status.progress,
            "done": status.is_seeding and not checking,
            "checking": checking,
            "peers": status.num_peers,
        }

    def connect(self, info_hash: str, peers: list[tuple[str, int]]) -> dict[str, Any]:
        """Dial peers."""
        for host, port in peers:
            self._handles[info_hash].connect_peer((host, port))
        return {}

    def start_dht(self) -> dict[str, Any]:
        """Be a node of the DHT, without any limit."""
        self._session.apply_settings(UNLIMITED_DHT)
        return {}

    def add_dht_nodes(self, nodes: list[tuple[str, int]]) -> dict[str, Any]:
        """Ping nodes of the DHT."""
        for host, port in nodes:
            self._session.add_dht_node((host, port))
        return {}

    def uploaded(self, info_hash: str) -> dict[str, Any]:
        """Bytes of blocks that were sent."""
        return {"bytes": self._handles[info_hash].status(0).total_payload_upload}

    def seeding(self) -> dict[str, Any]:
        """How many are complete."""
        told = self._session.get_torrent_status(lambda status: True)
        return {"count": sum(status.is_seeding and not _is_checking(status) for status in told)}

    def save(self) -> dict[str, Any]:
        """Write every torrent's resume data, with its metadata, to the folder."""
        handles = self._session.get_torrents()
        for handle in handles:
            handle.save_resume_data(lt.save_resume_flags_t.save_info_dict)
        saved, deadline = 0, time.monotonic() + SAVE_SECONDS
        while saved < len(handles):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(handles) - saved} torrents were not saved")
            self._session.wait_for_alert(200)
            for alert in self._session.pop_alerts():
                if isinstance(alert, lt.save_resume_data_alert):
                    data = lt.write_resume_data_buf(alert.params)
                    (self._folder / f"{saved}.resume").write_bytes(data)
                    saved += 1
        return {}


def _is_checking(status: Any) -> bool:
    return str(status.state).startswith("checking")


def main() -> None:
    """Answer commands until there are no more."""
    host, port, folder, hashing_threads, upload, cipher, tls_port = sys.argv[1:]
    numbers = int(hashing_threads), int(upload)
    node = Node(host, int(port), Path(folder), *numbers, cipher, int(tls_port))
    print(json.dumps({"version": lt.__version__}), flush=True)
    for line in sys.stdin:
        arguments = json.loads(line)
        command = arguments.pop("command")
        if command == "quit":
            return
        try:
            answer = getattr(node, command)(**arguments)
        except Exception as problem:
            answer = {"error": f"{command}: {problem!r}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
