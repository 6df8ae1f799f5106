"""What every interop test is given: `peers` to import, real programs, and their end after the test.

A missing program skips a test on a developer's machine and fails it where the environment variable
CI says that all of them must be there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from peers import aria2, home_network, libtorrent_node, nginx, trackers, transmission
from peers.home_network import HomeNetwork, NotHereError
from peers.p2pd_node import P2pdNode


def _require(module: Any, name: str) -> None:
    if module.available():
        return
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"{name} is not installed, and CI must run every interop test")
    pytest.skip(f"{name} is not installed")


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """The test's folder; its data is removed at once when the test passed or failed."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def ended_after(work: Path) -> Iterator[Callable[[Any], Any]]:
    """Registers a peer whose `stop` is called when the test ends, the latest first."""
    with contextlib.ExitStack() as stack:

        def register(peer: Any) -> Any:
            stack.callback(peer.stop)
            return peer

        yield register


@pytest.fixture
def new_p2pd(work: Path, ended_after: Callable[[Any], Any]) -> Callable[..., P2pdNode]:
    """Starts a p2pd daemon: ``new_p2pd("name", host=..., settings=...)``."""

    def start(name: str = "p2pd", **options: Any) -> P2pdNode:
        wanted = options.pop("start", True)
        node: P2pdNode = ended_after(P2pdNode(work / name, start=False, **options))
        if wanted:
            node.start()
        return node

    return start


@pytest.fixture
def new_libtorrent(work: Path, ended_after: Callable[[Any], Any]) -> Callable[..., Any]:
    """Starts a libtorrent session."""
    _require(libtorrent_node, "libtorrent")

    def start(name: str = "libtorrent", **options: Any) -> libtorrent_node.LibtorrentNode:
        node: libtorrent_node.LibtorrentNode = ended_after(
            libtorrent_node.LibtorrentNode(work / name, **options)
        )
        return node

    return start


@pytest.fixture
def new_transmission(work: Path, ended_after: Callable[[Any], Any]) -> Callable[..., Any]:
    """Starts a transmission-daemon."""
    _require(transmission, "transmission-daemon")

    def start(name: str = "transmission", **options: Any) -> transmission.TransmissionNode:
        node: transmission.TransmissionNode = ended_after(
            transmission.TransmissionNode(work / name, **options)
        )
        return node

    return start


@pytest.fixture
def new_aria2(work: Path, ended_after: Callable[[Any], Any]) -> Callable[..., Any]:
    """Starts an aria2c."""
    _require(aria2, "aria2c")

    def start(name: str = "aria2", **options: Any) -> aria2.Aria2Node:
        node: aria2.Aria2Node = ended_after(aria2.Aria2Node(work / name, **options))
        return node

    return start


@pytest.fixture
def new_nginx(work: Path, ended_after: Callable[[Any], Any]) -> Callable[..., nginx.Nginx]:
    """Starts an nginx that gives out a folder."""
    _require(nginx, "nginx")

    def start(root: Path, name: str = "nginx", **options: Any) -> nginx.Nginx:
        node: nginx.Nginx = ended_after(nginx.Nginx(work / name, root, **options))
        return node

    return start


@pytest.fixture
def home(work: Path) -> Iterator[HomeNetwork]:
    """Machines behind a router with NAT; skipped where the kernel has none in a namespace."""
    _require(home_network, "miniupnpd-nftables, nftables or iproute2")
    try:
        made = HomeNetwork(work)
    except NotHereError as problem:
        pytest.skip(str(problem))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def tracker(work: Path, ended_after: Callable[[Any], Any]) -> trackers.OpenTracker:
    """An opentracker that has its port, but is started by ``tracker.serve(info_hashes)``."""
    _require(trackers, "opentracker")
    node: trackers.OpenTracker = ended_after(trackers.OpenTracker(work / "tracker"))
    return node
