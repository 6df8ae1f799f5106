"""Feeds of a server on loopback: torrents are added by rules, each once, also over restarts."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from peers.http_calls import RpcError
from peers.p2pd_node import P2pdNode
from peers.processes import wait_until

from p2pd.testing import make_torrent

ALLOWED = {"automation.private_addresses": '["127.0.0.0/8"]'}
MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20


class FeedServer:
    """Serves what `pages` has for a path, with a version; remembers what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[tuple[str, int, str]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = outer.pages.get(self.path)
                tag = f'"{hash(data)}"'
                code = 404 if data is None else 200
                if self.headers.get("If-None-Match") == tag:
                    code, data = 304, None
                outer.asked.append((self.path, code, self.headers.get("Cookie", "")))
                self.send_response(code)
                self.send_header("ETag", tag)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def offer(self, *items: tuple[str, str]) -> None:
        """A feed of titles and links."""
        inside = "".join(
            f'<item><title>{title}</title><enclosure type="application/x-bittorrent" '
            f'url="{link}"/></item>'
            for title, link in items
        )
        self.pages["/rss"] = f'<rss version="2.0"><channel>{inside}</channel></rss>'.encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    made = FeedServer()
    made.pages["/a.torrent"] = make_torrent({"a": b"a" * 20_000}, name="a")
    made.pages["/b.torrent"] = make_torrent({"b": b"b" * 20_000}, name="b")
    yield made
    made.stop()


def names(node: P2pdNode) -> list[tuple[str, list[str]]]:
    found = node.call("torrent_get", fields=["name", "labels"])["torrents"]
    return sorted((each["name"], each["labels"]) for each in found)


def test_rules_add_what_they_want_and_each_item_once(
    new_p2pd: Callable[..., P2pdNode], server: FeedServer
) -> None:
    server.offer(("Show S01E01", "/a.torrent"), ("Other", "/b.torrent"), ("Show S01E02", MAGNET))
    node = new_p2pd(settings=ALLOWED)
    rule = {"name": "shows", "must_contain": "show", "smart": True, "labels": ["tv"]}
    assert node.call("rss_rule_add", **rule, paused=True)["rule"]["id"] == 1
    node.call("rss_feed_add", name="tv", url=f"{server.url}/rss", cookies="uid=1")
    wait_until(lambda: len(names(node)) == 2, 10, "two torrents", details=node.log_tail)
    assert [labels for _, labels in names(node)] == [["tv"], ["tv"]]
    assert ("/a.torrent", 200, "uid=1") in server.asked
    assert node.call("rss_items", states=["new"])["items"][0]["title"] == "Other"
    (shown,) = node.call("rss_preview", rule={"must_contain": "other"})["items"]
    assert shown["state"] == "new"
    assert len(names(node)) == 2

    # a restart knows what was seen, and asks for what is new
    assert node.terminate() == 0
    server.asked.clear()
    node.start()
    (feed,) = node.call("rss_feed_get")["feeds"]
    assert (feed["item_count"], feed["problem"]) == (3, "")
    (rule_now,) = node.call("rss_rule_get")["rules"]
    assert (rule_now["matches"], rule_now["episodes_had"]) == (2, 2)
    assert node.call("rss_rule_add", name="rest", must_contain="other")["rule"]["id"] == 2
    wait_until(lambda: len(names(node)) == 3, 10, "the third", details=node.log_tail)
    assert server.asked == [("/b.torrent", 200, "uid=1")]
    node.check_healthy()


def test_private_addresses_are_asked_only_where_that_is_allowed(
    new_p2pd: Callable[..., P2pdNode], server: FeedServer
) -> None:
    server.offer(("x", "/a.torrent"))
    node = new_p2pd()
    node.call("rss_feed_add", name="tv", url=f"{server.url}/rss")
    wait_until(lambda: node.call("rss_feed_get")["feeds"][0]["failures"], 10, "a refusal")
    (feed,) = node.call("rss_feed_get")["feeds"]
    assert "automation.private_addresses does not name it" in feed["problem"]
    assert server.asked == []
    with pytest.raises(RpcError, match="it may be asked again"):
        node.call("rss_feed_refresh", id=feed["id"])
    node.check_healthy()
