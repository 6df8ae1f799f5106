"""Hundreds of handshakes that never end: a real daemon keeps to its bounds, and hears others."""

from __future__ import annotations

import re
import threading
import time
import urllib.request
from pathlib import Path

from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until

from bench.accounting import resident
from bench.inside.half_open import ALL, HOSTS, HalfOpen, Plan

STRANGERS = 600
"""Three times as many as there are places, and fewer than a process may have files open."""
MOST_GROWTH = 48 * MIB
REDIAL_SECONDS = 2.0
LONGEST = 60.0


class Strangers:
    """They come and come again, in a thread, until `stop`."""

    def __init__(self, port: int, info_hash: str) -> None:
        plan = Plan("127.0.0.1", port, 0, info_hash, ALL, STRANGERS, HOSTS, 1.0, LONGEST)
        self._over = threading.Event()
        self._half_open = HalfOpen(plan, self._over.is_set)
        self._thread = threading.Thread(target=self._half_open.run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if not self._over.is_set():
            self._over.set()
            self._thread.join(10)
            self._half_open.close()


def metric(node, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{node.control_port}/metrics", timeout=20) as got:
        found = re.search(rf"^p2pd_{name} (\S+)$", got.read().decode(), re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def test_others_are_heard_while_strangers_hold_every_place(
    work: Path, new_p2pd, new_libtorrent, ended_after
):
    content = libtorrent_content(make_file(work / "original", 4 * MIB), "v1")
    seed = new_p2pd(settings={"control.open_metrics": "true", "peers.encryption": "preferred"})
    seed.share(content)
    seed.wait_seeding()
    before = resident(seed.process.pid)
    strangers = ended_after(Strangers(seed.port, content.wire_ids[0].hex()))
    limit = metric(seed, "handshakes_limit")
    wait_until(lambda: metric(seed, "handshakes") == limit, 20, "crowd of strangers")
    leecher = new_libtorrent()
    leecher.add(content.torrent)
    redial_at = 0.0
    began = time.monotonic()
    while not leecher.is_seed():
        assert metric(seed, "handshakes") <= limit
        assert metric(seed, "key_exchanges") <= metric(seed, "key_exchanges_limit")
        assert time.monotonic() - began < LONGEST / 2, leecher.state()
        if time.monotonic() >= redial_at:
            redial_at = time.monotonic() + REDIAL_SECONDS
            leecher.dial(seed)
        time.sleep(0.2)
    leecher.wait_copy_of(content)
    assert resident(seed.process.pid) - before < MOST_GROWTH
    strangers.stop()
    wait_until(lambda: metric(seed, "handshakes") == 0, 30, "end of the strangers")
    assert metric(seed, "key_exchanges") == 0
    seed.check_healthy()
