"""Where those who follow and what changes come together: feeds, and who is told of them.

It listens to the session from the first wish until nobody has been there for a while; then all is
forgotten, and an idle daemon pays nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from p2pd.control.access.caller import Caller, Identity, called_by, current_caller
from p2pd.control.events.cursor import parse_cursor
from p2pd.control.events.events_load import EventsLoad
from p2pd.control.events.feed import NEW, UNKNOWN_CURSOR, Feed, Sources
from p2pd.control.events.subscription import Wish
from p2pd.control.schema import refuse
from p2pd.session.follow_api import FollowApi
from p2pd.session.session_events import TorrentEvent

COLLECT_SECONDS = 0.1
"""Between two looks at what changed."""

LINGER_SECONDS = 600.0
"""What a client may be away for and still be told only what it missed."""


class Follower(Protocol):
    """A client, as far as the hub knows it."""

    def news(self, feed: Feed) -> None:
        """There may be something to tell of it."""

    def go(self, code: int, reason: str) -> None:
        """The daemon ends."""


class EventsHub:
    """All feeds, and the clients that follow them."""

    log = Logger()

    def __init__(self, sources: Sources, load: EventsLoad, rng: random.Random) -> None:
        self.load = load
        self._sources = sources
        self._reactor = sources.reactor
        self._epoch = f"{rng.getrandbits(64):016x}"
        self._version = 0
        self._numbers = 0
        self._feeds: dict[tuple[Wish, Identity | None], Feed] = {}
        self._followers: dict[Feed, dict[Follower, None]] = {}
        self._left_at: dict[Feed, float] = {}
        """Those that nobody follows now, in the order in which they were left."""
        self._clients: dict[Follower, None] = {}
        self._calls: dict[Feed, IDelayedCall] = {}
        self._at_work: set[Feed] = set()
        self._told_at: dict[Feed, float] = {}
        """When they were brought up to date last, or tried to be."""
        self._following: FollowApi | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._collect_call: IDelayedCall | None = None
        self._collected_at = 0.0
        self._forget_call: IDelayedCall | None = None

    # -- clients -------------------------------------------------------------------------------

    def join(self, client: Follower) -> None:
        """It is connected; whoever calls this has asked `is_full` before."""
        self._clients[client] = None
        self.load.clients = len(self._clients)

    def leave(self, client: Follower) -> None:
        """It is gone, whatever it followed."""
        self._clients.pop(client, None)
        self.load.clients = len(self._clients)
        for feed in list(self._feeds.values()):
            self.unfollow(client, feed)

    @property
    def version(self) -> int:
        """Of what happened last."""
        return self._version

    @property
    def is_full(self) -> bool:
        """Whether no more clients are let in."""
        return len(self._clients) >= self.load.clients_limit

    def close(self, code: int, reason: str) -> None:
        """The daemon ends: say so, and forget everything."""
        for client in list(self._clients):
            client.go(code, reason)
        for feed in list(self._feeds.values()):
            self._forget(feed)
        self._fall_silent()

    # -- feeds ---------------------------------------------------------------------------------

    def follow(
        self, client: Follower, wish: Wish, cursor: str | None
    ) -> tuple[Feed, int | None, str]:
        """Have news of this from now on: as of which version, or why everything is to be told.

        Called as whoever it is. Raises RpcError if there are too many different wishes.
        """
        key = wish, _own_view(wish, current_caller().identity)
        feed = self._feeds.get(key) or self._new_feed(key)
        self._left_at.pop(feed, None)
        self._followers[feed][client] = None
        version = self._known(feed, cursor)
        if feed.stirs:
            self._due(feed)
        return feed, version, "" if version is not None else UNKNOWN_CURSOR if cursor else NEW

    def unfollow(self, client: Follower, feed: Feed) -> None:
        """No more news of it."""
        followers = self._followers.get(feed)
        if followers is None or followers.pop(client, self) is self or followers:
            return
        self._left_at[feed] = self._reactor.seconds()
        if self._forget_call is None:
            self._forget_call = self._reactor.callLater(LINGER_SECONDS, self._forget_old)

    def _known(self, feed: Feed, cursor: str | None) -> int | None:
        place = parse_cursor(cursor) if cursor else None
        if place is None or (place.epoch, place.feed) != (self._epoch, feed.number):
            return None
        return place.version if feed.filled and feed.knows(place.version) else None

    def _new_feed(self, key: tuple[Wish, Identity | None]) -> Feed:
        if len(self._feeds) >= self.load.feeds_limit:
            if not self._left_at:
                self.load.refused["feeds"] += 1
                raise refuse(
                    f"{len(self._feeds)} different subscriptions are followed already: "
                    "ask for what another client asks for, or let one go"
                )
            self._forget(next(iter(self._left_at)))
        self._listen()
        self._numbers += 1
        caller = Caller(current_caller().identity)
        feed = Feed(self._numbers, key[0], caller, self._sources, self._epoch, self._version)
        self._feeds[key] = feed
        self._followers[feed] = {}
        self.load.feeds = len(self._feeds)
        return feed

    def _forget_old(self) -> None:
        self._forget_call = None
        now = self._reactor.seconds()
        for feed, left_at in list(self._left_at.items()):
            if now - left_at >= LINGER_SECONDS:
                self._forget(feed)
        if self._left_at:
            first = next(iter(self._left_at.values()))
            seconds = first + LINGER_SECONDS - now
            self._forget_call = self._reactor.callLater(seconds, self._forget_old)
        elif not self._feeds:
            self._fall_silent()

    def _forget(self, feed: Feed) -> None:
        self._left_at.pop(feed, None)
        self._followers.pop(feed, None)
        self._told_at.pop(feed, None)
        self._feeds.pop((feed.wish, _own_view(feed.wish, feed.caller.identity)), None)
        self.load.feeds = len(self._feeds)
        call = self._calls.pop(feed, None)
        if call is not None:
            call.cancel()

    # -- what changes --------------------------------------------------------------------------

    def _listen(self) -> None:
        if self._following is None:
            session = self._sources.session
            self._following = session.follow(self._woken)
            self._stop_listening = session.events.listen(self._heard)

    def _fall_silent(self) -> None:
        if self._following is not None:
            self._following.close()
            self._following = None
            self._stop_listening()
        for call in (self._collect_call, self._forget_call):
            if call is not None:
                call.cancel()
        self._collect_call = self._forget_call = None

    def _woken(self) -> None:
        """Something changed, in the middle of which this is called."""
        if self._collect_call is None:
            wait = self._collected_at + COLLECT_SECONDS - self._reactor.seconds()
            self._collect_call = self._reactor.callLater(max(0.0, wait), self._collect)

    def _collect(self) -> None:
        self._collect_call = None
        assert self._following is not None
        self._collected_at = self._reactor.seconds()
        seen = self._following.take()
        ids = [*(torrent.id for torrent in seen.torrents), *seen.removed]
        for feed in self._feeds.values():
            feed.note(ids, everything=seen.everything)
            self._due(feed)

    def _heard(self, event: TorrentEvent) -> None:
        self._version += 1
        for feed in self._feeds.values():
            if called_by(feed.caller, feed.note_event, event, self._version):
                self._due(feed)

    # -- telling -------------------------------------------------------------------------------

    def _due(self, feed: Feed) -> None:
        """Have it brought up to date when its interval is over, if anybody is there."""
        waits = feed in self._calls or feed in self._at_work
        if waits or not self._followers.get(feed) or not feed.stirs:
            return
        wait = self._told_at.get(feed, -math.inf) + feed.wish.interval - self._reactor.seconds()
        self._calls[feed] = self._reactor.callLater(max(0.0, wait), self._begin, feed)

    def _begin(self, feed: Feed) -> None:
        del self._calls[feed]
        self._at_work.add(feed)
        self._version += 1
        looking = feed.bring_up_to_date(self._version)
        work: Deferred[None] = called_by(feed.caller, Deferred.fromCoroutine, looking)
        work.addErrback(lambda failure: self.log.failure("what changed cannot be told", failure))
        work.addCallback(lambda _: self._brought(feed))

    def _brought(self, feed: Feed) -> None:
        self._at_work.discard(feed)
        if feed not in self._followers:
            return  # it was forgotten meanwhile
        self._told_at[feed] = self._reactor.seconds()
        for follower in list(self._followers[feed]):
            follower.news(feed)
        self._due(feed)


def _own_view(wish: Wish, identity: Identity) -> Identity | None:
    """For whom alone this is; None: for whoever sees all torrents.

    What is told of the session depends on who asks.
    """
    return None if identity.sees_all and not wish.of_facts else identity
