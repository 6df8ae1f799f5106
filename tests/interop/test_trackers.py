"""p2pd and libtorrent find each other through a real tracker, over HTTP and over UDP."""

from __future__ import annotations

import http.server
import threading

import pytest
from peers.payload import libtorrent_content, make_file
from peers.processes import wait_until

from p2pd.clients.free_port import free_port

SIZE = 4_000_003


def make(work, tracker, version, protocol):
    path = make_file(work / "original", SIZE)
    content = libtorrent_content(path, version, trackers=[tracker.url(protocol)])
    tracker.serve(content.wire_ids)
    return content


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_p2pd_finds_the_seed(work, tracker, new_p2pd, new_libtorrent, protocol, version):
    content = make(work, tracker, version, protocol)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.add(content.torrent, save=content.folder)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)
    leecher.check_healthy()


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_the_leecher_finds_p2pd(work, tracker, new_p2pd, new_libtorrent, protocol, version):
    content = make(work, tracker, version, protocol)
    seed, leecher = new_p2pd(), new_libtorrent()
    seed.share(content)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)
    seed.check_healthy()


class _BadTracker(http.server.BaseHTTPRequestHandler):
    """Answers what a tracker must not: a page, a loop of redirects, a lie about sizes, nothing."""

    def do_GET(self):
        behaviour = self.path.split("/")[1]
        if behaviour == "hangs":
            self.server.hung.wait(60)
            return
        self.send_response(302 if behaviour == "redirects" else 200)
        if behaviour == "redirects":
            self.send_header("Location", self.path)
        length = 1_000_000_000 if behaviour == "lies" else None
        body = b"d8:intervali1800e5:peers6000000:" if behaviour == "lies" else b"<html>Hi</html>"
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Keeps the test's output clean."""


@pytest.fixture
def bad_tracker():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), _BadTracker)
    server.daemon_threads = True
    server.hung = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.hung.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_bad_trackers_hold_nothing_up(work, tracker, bad_tracker, new_p2pd, new_libtorrent):
    bad = [f"{bad_tracker}/{what}/announce" for what in ("html", "redirects", "lies", "hangs")]
    dead = [f"http://127.0.0.1:{free_port()}/announce", f"udp://127.0.0.1:{free_port()}/announce"]
    path = make_file(work / "original", SIZE)
    only_good = libtorrent_content(path, "v1", trackers=[tracker.http_url])
    seed, leecher = new_libtorrent(), new_p2pd()
    tracker.serve(only_good.wire_ids)
    seed.add(only_good.torrent, save=only_good.folder)
    seed.wait_announced()
    content = libtorrent_content(path, "v1", trackers=[*bad, *dead, tracker.http_url])
    leecher.add(content.torrent)
    leecher.wait_copy_of(content, 15)

    def complaints():
        stats = leecher.torrent("tracker_stats")["tracker_stats"]
        return {
            s["announce"]: s["last_announce_result"]
            for s in stats
            if not s["last_announce_succeeded"]
        }

    wait_until(lambda: complaints().get(bad[0]), 10, "words about HTML", details=leecher.state)
    leecher.check_healthy()


def test_a_stopped_announce_is_sent_on_exit(work, tracker, new_p2pd):
    content = make(work, tracker, "v1", "http")
    node = new_p2pd()
    node.share(content)
    wait_until(lambda: tracker.seeds(content.wire_ids[0]) == 1, 15, "seed at the tracker")
    assert node.terminate() == 0
    assert tracker.seeds(content.wire_ids[0]) == 0
