"""Items that rules want are got and added, one after the other; what fails is tried again.

A torrent is got from where its item leads, or is added by its magnet link. An item's size that its
feed did not tell is held against its rule when the torrent is there.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from p2pd.automation.owners import AddFor
from p2pd.automation.rss.feed_refresh import INTERNAL, item_request
from p2pd.automation.rss.rss_feeds import Feed, ItemState, SeenItem
from p2pd.automation.rss.rss_rules import RssRule, size_fits
from p2pd.automation.web import Web, WebError
from p2pd.base.errors import FormatError, P2pdError
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.api import AddedTorrent
from p2pd.session.torrents.torrent_requests import AddProblem, AddTorrent, AddTorrentError

FIRST_RETRY = 300.0
"""Seconds until a second try; then three times as many each time."""

MOST_TRIES = 5


class NotWantedError(P2pdError):
    """Now that it is here it turns out that the rule does not want it."""


class ItemAdder:
    """Adds items. For the reactor's thread."""

    log = Logger()

    def __init__(self, add_for: AddFor, web: Web, in_thread: Any) -> None:
        self._add_for = add_for
        self._web = web
        self._in_thread = in_thread
        self.added = 0
        """Since the start, as `failures`."""
        self.failures = 0

    async def add(self, feed: Feed, seen: SeenItem, rule: RssRule, now: float) -> None:
        """Try it; what came of it is in `seen`. Raises nothing."""
        try:
            added = await self._try(feed, seen, rule)
        except CancelledError:
            raise
        except Exception as problem:
            self._failed(seen, problem, now)
            return
        self.added += not added.duplicate
        seen.state = ItemState.DUPLICATE if added.duplicate else ItemState.ADDED
        seen.problem, seen.hash_string = "", added.torrent.hash_string
        if not added.duplicate:
            self.log.info(
                "added {title} of the feed {feed}, as {rule} wants it",
                title=seen.item.title,
                feed=feed.chosen.name,
                rule=rule.name,
            )

    async def _try(self, feed: Feed, seen: SeenItem, rule: RssRule) -> AddedTorrent:
        link, data = seen.item.link, None
        if not link:
            raise FormatError("it has no torrent: no enclosure, magnet link or other link")
        if not link.startswith("magnet:"):
            answer = await self._web.ask(item_request(feed, link))
            if answer.url.startswith("magnet:"):
                link = answer.url
            elif answer.code != 200:
                raise WebError(f"its server answered {answer.code}", answer.code)
            else:
                data = answer.body
                await self._check_size(seen, rule, data)
        return await self._add_for(
            rule.owner,
            AddTorrent(
                torrent=data,
                magnet=link if data is None else None,
                download_dir=rule.download_dir or None,
                paused=rule.paused,
                labels=rule.labels,
                bandwidth_priority=rule.bandwidth_priority,
            ),
        )

    async def _check_size(self, seen: SeenItem, rule: RssRule, data: bytes) -> None:
        if seen.item.size is None and (rule.min_size or rule.max_size):
            size = await self._in_thread(lambda: parse_torrent(data).total_length)
            if not size_fits(rule, size):
                raise NotWantedError(f"it has {size} bytes, which {rule.name} does not want")

    def _failed(self, seen: SeenItem, problem: Exception, now: float) -> None:
        self.failures += 1
        seen.tries += 1
        seen.problem = str(problem)[:300] if isinstance(problem, P2pdError) else INTERNAL
        if not isinstance(problem, P2pdError):
            self.log.failure("an item of a feed: internal error")
        if _lasts(problem) or seen.tries >= MOST_TRIES:
            seen.state = ItemState.FAILED
        else:
            seen.state = ItemState.WAITING
            seen.next_at = now + FIRST_RETRY * 3.0 ** (seen.tries - 1)


def _lasts(problem: Exception) -> bool:
    """Whether to try again would come to the same."""
    if isinstance(problem, AddTorrentError):
        return problem.problem is not AddProblem.SYSTEM
    return isinstance(problem, (FormatError, NotWantedError))
