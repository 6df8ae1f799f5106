"""When feeds are asked, and what their servers are asked: politely, and two at a time at most.

A feed is asked for what is new (ETag, Last-Modified). After a failure it is left alone longer each
time, and as long as its server wants. Reading is done in a thread, one feed at a time: a hostile
one keeps the others waiting, not the daemon.
"""

from __future__ import annotations

import base64
from typing import Any, Callable, Coroutine, Mapping, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pd.automation.rss.feed_reader import MOST_BYTES, ReadFeed, read_feed
from p2pd.automation.rss.rss_feeds import LONGEST_WISH, MINUTE, Feed, SeenItem
from p2pd.automation.web import Web, WebAnswer, WebError, WebRequest, origin_of
from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.discovery.tracker_client.request_target import RequestTarget
from p2pd.protocols.tracker.announce import TrackerError

T = TypeVar("T")

AT_ONCE = 2
LEAST_BETWEEN = MINUTE
"""Seconds between two questions, also when its user asks."""

LONGEST_NAP = 3600.0
"""A clock that is set otherwise is seen within so many seconds."""

ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.5"
INTERNAL = "internal error, see the log"

InThread = Callable[[Callable[[], T]], Deferred[T]]


class RefreshOwner(Protocol):
    """Rss."""

    @property
    def feeds(self) -> Mapping[int, Feed]: ...
    def wall(self) -> float: ...
    def background(self, work: Coroutine[Any, Any, Any], what: str) -> None: ...
    def came(self, feed: Feed, changed: list[SeenItem], gone: list[str]) -> None:
        """It was asked, and stands otherwise now."""


class FeedRefresher:
    """Asks feeds when they are due."""

    log = Logger()

    def __init__(self, owner: RefreshOwner, web: Web, clock: Clock, in_thread: Any) -> None:
        self._owner = owner
        self._web = web
        self._clock = clock
        self._in_thread = in_thread
        self._reading = DeferredLock()
        self._timer: DelayedCall | None = None
        self._running = False
        self._busy: dict[int, Deferred[None]] = {}
        self.failures = 0
        """Since the start."""

    @property
    def busy(self) -> int:
        """Feeds that are being asked."""
        return len(self._busy)

    def start(self) -> None:
        """From now on feeds are asked when they are due."""
        self._running = True
        self.arrange()

    def stop(self) -> None:
        """No more; what is under way is given up."""
        self._running = False
        self._cancel_timer()
        for asking in list(self._busy.values()):
            asking.cancel()

    def arrange(self) -> None:
        """Feeds are other ones, or are due at other times."""
        self._cancel_timer()
        if not self._running:
            return
        now = self._owner.wall()
        idle = [
            each for each in self._owner.feeds.values() if each.chosen.enabled and not each.busy
        ]
        due = sorted((each for each in idle if each.next_at() <= now), key=Feed.next_at)
        for feed in due[: max(0, AT_ONCE - self.busy)]:
            self._begin(feed)
        later = [each.next_at() - now for each in idle if not each.busy]
        if later and self.busy < AT_ONCE:
            nap = min(max(min(later), 1.0), LONGEST_NAP)
            self._timer = self._clock.callLater(nap, self.arrange)

    async def refresh(self, feed: Feed) -> None:
        """Ask one now. Raises WebError when it was asked a moment ago or does not want to be."""
        now = self._owner.wall()
        wait = max(feed.note.tried_at + LEAST_BETWEEN, feed.note.wished_at) - now
        if feed.id not in self._busy:
            if 0 < wait <= LONGEST_WISH:
                raise WebError(f"{feed.chosen.name}: it may be asked again in {wait:.0f} seconds")
            self._begin(feed)
        asking = self._busy.get(feed.id)
        if asking is not None:
            done: Deferred[None] = Deferred()
            asking.addBoth(_tell, done)
            await done

    def forget(self, feed: Feed) -> None:
        """It is removed."""
        asking = self._busy.get(feed.id)
        if asking is not None:
            asking.cancel()

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _begin(self, feed: Feed) -> None:
        feed.busy = True
        work = Deferred.fromCoroutine(self._ask(feed))
        if work.called:
            self._ended(None, feed)
            return
        self._busy[feed.id] = work
        work.addErrback(self._failed_inside)
        work.addBoth(self._ended, feed)

    def _failed_inside(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure("a feed: internal error", failure)

    def _ended(self, _result: object, feed: Feed) -> None:
        feed.busy = False
        self._busy.pop(feed.id, None)
        self.arrange()

    async def _ask(self, feed: Feed) -> None:
        note = feed.note
        try:
            answer = await self._web.ask(_request(feed))
            read = await self._read(answer, feed)
        except CancelledError:
            raise
        except Exception as problem:
            self._failed(feed, problem)
            self._owner.came(feed, [], [])
            return
        now = self._owner.wall()
        note.tried_at = note.checked_at = now
        note.failures, note.problem, note.wished_at = 0, "", 0.0
        changed: list[SeenItem] = []
        gone: list[str] = []
        if read is not None:
            note.updated_at = now
            note.etag, note.last_modified = answer.header("etag"), answer.header("last-modified")
            changed, gone = feed.take_in(read, now)
        self._owner.came(feed, changed, gone)

    async def _read(self, answer: WebAnswer, feed: Feed) -> ReadFeed | None:
        """What was answered; None if it is what is known already. Raises P2pdError."""
        if answer.code == 304 and (feed.note.etag or feed.note.last_modified):
            return None
        if answer.code != 200:
            after = _seconds(answer.header("retry-after"))
            raise WebError(f"it answered {answer.code}", answer.code, after)
        read: ReadFeed = await self._reading.run(
            self._in_thread, lambda: read_feed(answer.body, answer.url)
        )
        return read

    def _failed(self, feed: Feed, problem: Exception) -> None:
        note = feed.note
        self.failures += 1
        note.failures += 1
        note.tried_at = self._owner.wall()
        note.problem = str(problem)[:300] if isinstance(problem, P2pdError) else INTERNAL
        if isinstance(problem, WebError) and problem.retry_after:
            note.wished_at = note.tried_at + problem.retry_after
        if not isinstance(problem, P2pdError):
            self.log.failure("a feed: internal error", Failure(problem))
        elif note.failures == 1:
            name = feed.chosen.name
            self.log.warn("the feed {name}: {problem}", name=name, problem=note.problem)


def _tell(result: T, done: Deferred[None]) -> T:
    if not done.called:
        done.callback(None)
    return result


def secret_headers(feed: Feed) -> dict[str, str]:
    """What its server is shown to let us in, for requests to nobody else."""
    chosen = feed.chosen
    headers = {"Cookie": chosen.cookies} if chosen.cookies else {}
    if chosen.user or chosen.password:
        login = f"{chosen.user}:{chosen.password}".encode("utf-8", "replace")
        headers["Authorization"] = f"Basic {base64.b64encode(login).decode('ascii')}"
    else:
        try:
            in_url = RequestTarget.of(chosen.url).authorization
        except TrackerError:
            in_url = b""
        if in_url:
            headers["Authorization"] = in_url.decode("ascii")
    return headers


def item_request(feed: Feed, link: str) -> WebRequest:
    """For a torrent that an item leads to: where the feed is, it is let in as the feed is."""
    ours = origin_of(link) == origin_of(feed.chosen.url)
    headers = {"Accept": "application/x-bittorrent, */*"}
    return WebRequest(link, headers=headers, secret_headers=secret_headers(feed) if ours else {})


def _request(feed: Feed) -> WebRequest:
    headers = {"Accept": ACCEPT}
    if feed.note.etag:
        headers["If-None-Match"] = feed.note.etag
    if feed.note.last_modified:
        headers["If-Modified-Since"] = feed.note.last_modified
    return WebRequest(
        feed.chosen.url, headers=headers, secret_headers=secret_headers(feed), most=MOST_BYTES
    )


def _seconds(text: str) -> float:
    """Of a Retry-After in seconds; of a date nothing is believed."""
    return min(float(text), LONGEST_WISH) if text.isascii() and text.isdigit() else 0.0
