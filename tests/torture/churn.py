"""Peers and clients of a soak that come and go on threads of their own."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from peers.libtorrent_node import LibtorrentNode, available

from tests.torture.contents import Content
from tests.torture.daemon import RpcError, TorturedDaemon
from tests.torture.expected import Expected
from tests.torture.figures import Figures

BURST = 40
"""Connections of strangers at a time."""


class Churn:
    """Begins with `start`; `stop` ends every thread, and what it holds."""

    def __init__(
        self, folder: Path, daemon: TorturedDaemon, expected: Expected, rng: random.Random
    ) -> None:
        self._folder = folder
        self._daemon = daemon
        self._expected = expected
        self._rng = random.Random(rng.random())
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.figures = Figures()

    def start(self) -> None:
        """Two clients that poll, strangers, and libtorrent where it is installed."""
        self._every(1.0, self._poll)
        self._every(1.3, self._poll)
        self._every(5.0, self._scrape)
        self._every(2.0, self._strangers)
        if available():
            self._every(1.0, self._libtorrent)

    def stop(self) -> None:
        """End all of it."""
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        def run() -> None:
            while not self._ended.wait(seconds):
                try:
                    act()
                except (OSError, RpcError, RuntimeError):
                    self.figures.count("calls and peers that failed")

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _poll(self) -> None:
        fields = ["id", "name", "percent_done", "rate_download", "peers", "error_string", "files"]
        self._daemon.call("torrent_get", ids="recently_active", fields=fields)
        self._daemon.call("session_stats")
        self.figures.count("polls of clients", 2)

    def _scrape(self) -> None:
        token = (self._daemon.state_folder / "control-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._daemon.control_port}/metrics",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert b"p2pd_" in answer.read()
        self.figures.count("scrapes of metrics")

    def _strangers(self) -> None:
        """Some say nothing, some talk nonsense, some send half a handshake."""
        with contextlib.ExitStack() as stack:
            for number in range(self._rng.randint(1, BURST)):
                with contextlib.suppress(OSError):
                    sock = socket.create_connection((self._daemon.host, self._daemon.port), 2)
                    stack.enter_context(sock)
                    sock.sendall(
                        (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x13BitTorrent pro")[number % 3]
                    )
                    self.figures.count("strangers")
            time.sleep(self._rng.uniform(0, 0.5))

    def _libtorrent(self) -> None:
        """A leecher for a while."""
        torrent = self._some()
        if torrent is None:
            return
        folder = self._folder / "libtorrent"
        node = LibtorrentNode(folder, host="127.0.0.1")
        try:
            path = folder / "leeched.torrent"
            path.write_bytes(torrent.torrent)
            node.add(path)
            node.dial(self._daemon)
            self._ended.wait(self._rng.uniform(1, 8))
            self.figures.count("libtorrent peers")
            self.figures.count("bytes that libtorrent got", node.status.total_payload_download)
            failed = node.status.total_failed_bytes
            if failed:
                self.figures.violation("wrong bytes sent", f"{torrent.name}: {failed}", failed)
        finally:
            node.stop()

    def _some(self) -> Content | None:
        here = self._expected.here()
        return self._rng.choice(here).content if here else None
