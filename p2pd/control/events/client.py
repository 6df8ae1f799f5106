"""One client that follows: what it was told of each of its subscriptions, and what it is told next.

It is told as fast as it reads. While it does not nothing is made for it: what changed meanwhile is
found in the feeds when it does, each value once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from p2pd.control import answers
from p2pd.control.access.caller import Caller, called_by
from p2pd.control.answers import Pacer
from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.events.feed import BEHIND, Feed
from p2pd.control.events.hub import EventsHub
from p2pd.control.events.subscription import UNSUBSCRIBE_PARAMS, parse_wish
from p2pd.control.message import BadCall, Call, calls_of, parse_json
from p2pd.control.request import BUSY
from p2pd.control.rpc_load import RpcLoad
from p2pd.control.schema import JsonObject, bind, refuse

SUBSCRIBE, UNSUBSCRIBE = "events_subscribe", "events_unsubscribe"

Perform = Callable[[Call], Awaitable[JsonObject]]

POLICY, BROKEN = 1008, 1011
"""Codes of a good-bye (RFC 6455, 7.4.1)."""


class Channel(Protocol):
    """The connection."""

    @property
    def has_room(self) -> bool:
        """Whether it takes more now."""

    def send(self, message: bytes) -> None:
        """A text message, in JSON."""

    def room(self) -> Deferred[None]:
        """Fires when it takes more; errs with CancelledError when it is gone."""

    def read_on(self, yes: bool) -> None:
        """Whether to take more messages."""

    def close(self, code: int, reason: str) -> None:
        """Say good-bye, and hang up."""


class Subscription:
    """How far the client got with a feed."""

    __slots__ = ("_since", "feed", "known", "why")

    def __init__(self, feed: Feed, known: int | None, why: str, since: int) -> None:
        """`since`: events after this version are told in any case."""
        self._since = since
        self.feed = feed
        self.known = known
        """As of which version it knows all; None: it is to be told everything."""
        self.why = why
        """The reason for that."""

    @property
    def is_behind(self) -> bool:
        """Whether there may be something to tell."""
        return self.feed.filled and (self.known is None or self.known < self.feed.version)

    def parts(self) -> Iterable[bytes]:
        """What is to be told."""
        if self.known is not None and not self.feed.knows(self.known):
            self.why = BEHIND
        if self.why:
            since = self._since if self.known is None else self.known
            return self.feed.everything(self.why, since)
        assert self.known is not None
        return self.feed.since(self.known)


class EventsClient:
    """A client; its calls are answered one after the other."""

    log = Logger()

    def __init__(
        self,
        channel: Channel,
        hub: EventsHub,
        perform: Perform,
        reactor: Any,
        caller: Caller,
        holds: Callable[[], bool],
        load: RpcLoad,
    ) -> None:
        """`holds` tells whether the caller is still who it was, with the same rights."""
        self._load = load
        self._caller = caller
        self._holds = holds
        self._channel = channel
        self._hub = hub
        self._perform = perform
        self._reactor = reactor
        self._subscriptions: dict[int, Subscription] = {}
        self._calls: deque[bytes] = deque()
        self._answering = False
        self._telling = False
        self._gone = self._dismissed = False
        hub.join(self)

    def lost(self) -> None:
        """The connection is gone."""
        self._gone = True
        self._calls.clear()
        self._subscriptions.clear()
        self._hub.leave(self)

    def go(self, code: int, reason: str) -> None:
        """The daemon ends."""
        self._channel.close(code, reason)

    def is_welcome(self) -> bool:
        """Whether it may stay; if not, it is told so."""
        if self._gone or self._dismissed:
            return False
        if self._holds():
            return True
        self._dismissed = True
        self._hub.load.ended["access"] += 1
        self._channel.close(POLICY, "your login holds no more, or your rights are others")
        return False

    # -- telling -------------------------------------------------------------------------------

    def news(self, feed: Feed) -> None:
        """There may be something to tell of a feed, which is told when there is room."""
        if not self._telling and self.is_welcome():
            self._telling = True
            self._run(self._tell())

    async def _tell(self) -> None:
        pacer = Pacer(self._reactor)
        try:
            while (behind := self._behind()) is not None:
                await self._room()
                version = behind.feed.version
                if behind.why:
                    self._hub.load.resyncs[behind.why] += 1
                for part in behind.parts():
                    await self._room()
                    if self._subscriptions.get(behind.feed.number) is not behind:
                        break
                    self._send(part)
                    await pacer.pause()
                behind.known, behind.why = version, ""
        finally:
            self._telling = False

    def _behind(self) -> Subscription | None:
        return next((one for one in self._subscriptions.values() if one.is_behind), None)

    async def _room(self) -> None:
        if not self._channel.has_room:
            self._hub.load.behind += 1
            try:
                await self._channel.room()
            finally:
                self._hub.load.behind -= 1

    def _send(self, message: bytes) -> None:
        self._channel.send(message)
        self._hub.load.told(len(message))

    # -- calls ---------------------------------------------------------------------------------

    def received(self, message: bytes) -> None:
        """A message came; no more are read until it is answered."""
        self._calls.append(message)
        if not self._answering and self.is_welcome():
            self._answering = True
            self._channel.read_on(False)
            self._run(self._answer_all())

    async def _answer_all(self) -> None:
        try:
            while self._calls and self.is_welcome():
                await self._answer(self._calls.popleft())
        finally:
            self._answering = False
            if not self._gone:
                self._channel.read_on(True)

    async def _answer(self, message: bytes) -> None:
        """What it costs counts with the requests to /rpc, and is refused where these are."""
        busy = self._load.refusal()
        if not busy and not self._load.takes_body(len(message)):
            busy = BUSY
        if busy:
            answer = await self._encoded(message, RpcError(RpcCode.BUSY, busy))
        else:
            self._load.requests += 1
            try:
                answer = await self._encoded(message)
            finally:
                self._load.requests -= 1
                self._load.body_gone(len(message))
        if answer:
            await self._hand_over(answer)
        self.news_of_all()

    async def _encoded(self, message: bytes, refusal: RpcError | None = None) -> bytes:
        """The answer; empty when nothing wants one."""
        try:
            body = calls_of(parse_json(message))
        except RpcError as error:
            answer: object = answers.failure(None, error)
        else:
            replies = [await self._reply(entry, refusal) for entry in body.entries]
            wanted = [reply for reply in replies if reply is not None]
            answer = wanted if body.batch else next(iter(wanted), None)
        if not answer:
            return b""
        return b"".join(await answers.encode(answer, Pacer(self._reactor)))

    async def _hand_over(self, answer: bytes) -> None:
        """It counts as an answer that waits until the client takes more."""
        self._load.answers += len(answer)
        try:
            await self._room()
            self._send(answer)
            await self._room()
        finally:
            self._load.answers -= len(answer)

    def news_of_all(self) -> None:
        """After an answer: what was subscribed to may be there to be told already."""
        for one in list(self._subscriptions.values()):
            if one.is_behind:
                self.news(one.feed)

    async def _reply(self, entry: Call | BadCall, refusal: RpcError | None) -> JsonObject | None:
        if isinstance(entry, BadCall):
            return answers.failure(entry, entry.error)
        try:
            if refusal is not None:
                raise refusal
            answer = answers.success(entry, await self._do(entry))
        except RpcError as error:
            answer = answers.failure(entry, error)
        return None if entry.notification else answer

    async def _do(self, call: Call) -> JsonObject:
        if call.method == SUBSCRIBE:
            return self._subscribe(call.params)
        if call.method == UNSUBSCRIBE:
            return self._unsubscribe(call.params)
        return await self._perform(call)

    def _subscribe(self, params: Mapping[str, object]) -> JsonObject:
        wish, cursor = parse_wish(params)
        most = self._hub.load.subscriptions_limit
        if len(self._subscriptions) >= most:
            self._hub.load.refused["subscriptions"] += 1
            raise refuse(f"a client has at most {most} subscriptions: let one go")
        feed, known, why = self._hub.follow(self, wish, cursor)
        self._subscriptions[feed.number] = Subscription(feed, known, why, self._hub.version)
        return {
            "subscription": feed.number,
            "fields": feed.fields,
            "interval": wish.interval,
            "resumed": known is not None,
        }

    def _unsubscribe(self, params: Mapping[str, object]) -> JsonObject:
        number = bind(params, UNSUBSCRIBE_PARAMS)["subscription"]
        one = self._subscriptions.pop(number, None)
        if one is None:
            raise refuse(f"there is no subscription {number} here")
        self._hub.unfollow(self, one.feed)
        return {}

    def _run(self, work: Any) -> None:
        def failed(failure: Any) -> None:
            if failure.check(CancelledError) is None:
                self.log.failure("a client cannot be told", failure)
                self._channel.close(BROKEN, "internal error: see the daemon's log")

        done: Deferred[None] = called_by(self._caller, Deferred.fromCoroutine, work)
        done.addErrback(failed)
