"""Feeds of a web that is a table, rules, and a session that remembers what was added."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.web.http_headers import Headers

from p2pd.automation.rss.rss import Rss, RssParts
from p2pd.automation.web import WebAnswer, WebRequest
from p2pd.state.rss import RssStore
from p2pd.testing import make_torrent
from tests.automation.memory_database import MemoryDatabase
from tests.control.fake_session import FakeSession

START = 1_700_000_000.0
FEED = "http://feeds.test/rss?passkey=secret"


def rss(*items: str, head: str = "") -> bytes:
    """A feed of these items."""
    inside = f"<title>t</title>{head}{''.join(items)}"
    return f'<rss version="2.0"><channel>{inside}</channel></rss>'.encode()


def item(title: str, link: str = "", size: int = 0) -> str:
    """An item with a .torrent file or a magnet link."""
    link = link or f"http://feeds.test/{title.replace(' ', '.')}.torrent"
    about = f"<contentLength>{size}</contentLength>" if size else ""
    return (
        f"<item><title>{title}</title><guid>{title}</guid>"
        f'<enclosure url="{link}" type="application/x-bittorrent" length="1"/>'
        f'<torrent xmlns="http://xmlns.ezrss.it/0.1/">{about}</torrent></item>'
    )


class FakeWeb:
    """Answers what `holds` has for a URL: bytes, a code, an answer or an error."""

    def __init__(self) -> None:
        self.holds: dict[str, Any] = {}
        self.asked: list[WebRequest] = []
        self.waits: list[Deferred[None]] | None = None

    async def ask(self, request: WebRequest) -> WebAnswer:
        self.asked.append(request)
        if self.waits is not None:
            self.waits.append(Deferred())
            await self.waits[-1]
        held = self.holds.get(request.url)
        if held is None:
            held = make_torrent({"a": request.url.encode()}, name="torrent")
        if isinstance(held, Exception):
            raise held
        headers = Headers({"ETag": ['"1"']})
        if isinstance(held, WebAnswer):
            return held
        if isinstance(held, int):
            return WebAnswer(held, b"", request.url, headers)
        return WebAnswer(200, held, request.url, headers)

    def urls(self) -> list[str]:
        return [request.url for request in self.asked]


class World:
    """`rss` runs; `later` has time go by."""

    def __init__(self, database: Any = None) -> None:
        self.clock = Clock()
        self.database = database or MemoryDatabase()
        self.session: Any = FakeSession()
        self.web: Any = FakeWeb()
        self.rss = self.started()

    def started(self) -> Rss:
        made = Rss(
            RssParts(
                api=self.session,
                store=RssStore(self.database),
                web=self.web,
                clock=self.clock,
                wall=lambda: START + self.clock.seconds(),
                rng=random.Random(1),
                in_thread=execute,
            )
        )
        result(made.start())
        return made

    def restart(self) -> None:
        self.rss.stop()
        self.rss = self.started()

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def added(self) -> list[Any]:
        return [asked[1] for asked in self.session.asked if asked[0] == "add"]


def result(work: Any) -> Any:
    """What a coroutine came to, which must not wait. Raises what it raises."""
    found: list[Any] = []
    failed: list[Any] = []
    Deferred.fromCoroutine(work).addCallbacks(found.append, failed.append)
    if failed:
        failed[0].raiseException()
    assert found, "it waits"
    return found[0]
