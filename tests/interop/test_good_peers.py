"""After a restart a daemon finds the peers that were good by itself, with no tracker to ask."""

from __future__ import annotations

import sqlite3

from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until


def test_a_download_finds_its_peer_again_after_a_restart(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 24 * MIB), "v1")
    seed = new_libtorrent()
    node = new_p2pd(settings={"peers.geoip_database": str(work / "gone.mmdb")})
    seed.share(content)
    seed.limit_upload(12 * MIB)
    node.add(content.torrent)
    node.dial(seed)
    wait_until(lambda: node.bytes_verified() > 4 * MIB, 30, "4 MiB", details=node.state)
    seed.limit_upload(50_000)  # it stays a download, however long anything takes
    (peer,) = node.torrent("peers")["peers"]
    assert (peer["source"], peer["country"]) == ("manual", "")
    assert node.terminate() == 0
    with sqlite3.connect(node.state_folder / "state.db") as database:
        rows = database.execute("SELECT host, port, received FROM good_peers").fetchall()
    ((host, port, received),) = rows
    assert (host, port) == (seed.host, seed.port)
    assert received > 4 * MIB
    node.start()
    wait_until(lambda: node.torrent("peers")["peers"], 15, "the peer", details=node.state)
    (peer,) = node.torrent("peers")["peers"]
    assert peer["source"] == "cache" or peer["is_incoming"]
    seed.limit_upload(0)
    node.wait_copy_of(content)
    log = node.log_text()
    assert "gone.mmdb cannot be used, so countries are not known: No such file" in log
    assert "Traceback" not in log
