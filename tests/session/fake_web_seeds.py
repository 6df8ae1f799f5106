"""Web seeds that answer on the virtual clock: files by URL, and whatever goes wrong with them."""

from __future__ import annotations

from typing import Callable, Mapping

from twisted.internet.defer import Deferred

from p2pd.base.clock import Clock
from p2pd.discovery.tracker_client.torrent_https import AskCredentials
from p2pd.discovery.web_seed_client.interfaces import Place, Question, Receiver
from p2pd.discovery.web_seed_client.permitted import KeepsAway
from p2pd.protocols.webseed.answers import SeedError

PART = 16 * 1024
"""Bytes that come at once."""


class FakeFlow:
    """A body that is on its way."""

    def __init__(self) -> None:
        self.paused = False
        self.pauses = 0

    def pause(self) -> None:
        self.paused = True
        self.pauses += 1

    def resume(self) -> None:
        self.paused = False


class FakeSeeds:
    """A SeedClient whose servers have `files` by URL; `rate` is bytes per second of a connection.

    `trouble` may raise what a question gets for an answer, `asked` has all of these, and `lines`
    how many were made.
    """

    def __init__(
        self, clock: Clock, files: Mapping[str, bytes], *, rate: float = 1_000_000.0
    ) -> None:
        self.clock = clock
        self.files = dict(files)
        self.rate = rate
        self.host = "203.0.113.5"
        self.asked: list[Question] = []
        self.trouble: Callable[[Question], None] = lambda question: None
        self.lines: list[FakeLine] = []
        self.under_way = 0
        self.most_under_way = 0

    def line(
        self, credentials: AskCredentials, keeps_away: KeepsAway, *, https_only: bool
    ) -> FakeLine:
        self.lines.append(FakeLine(self, credentials, keeps_away, https_only))
        return self.lines[-1]


class FakeLine:
    """One connection."""

    def __init__(
        self, seeds: FakeSeeds, credentials: AskCredentials, keeps_away: KeepsAway, only: bool
    ) -> None:
        self.seeds = seeds
        self.credentials = credentials
        self.keeps_away = keeps_away
        self.https_only = only
        self.closed = 0

    async def get(self, question: Question, receiver: Receiver) -> Place:
        seeds = self.seeds
        seeds.asked.append(question)
        seeds.under_way += 1
        seeds.most_under_way = max(seeds.most_under_way, seeds.under_way)
        try:
            await self._wait(0.01)
            seeds.trouble(question)
            data = seeds.files.get(question.place.url)
            if data is None:
                raise SeedError("it does not give this file out (HTTP 404)", missing=True)
            offset, length, _ = question.wanted
            flow = FakeFlow()
            receiver.begins(seeds.host, flow)
            for start in range(offset, offset + length, PART):
                await self._wait(PART / seeds.rate)
                while flow.paused:
                    await self._wait(0.01)
                receiver.received(data[start : min(start + PART, offset + length)])
            return question.place
        finally:
            seeds.under_way -= 1

    async def _wait(self, seconds: float) -> None:
        pause: Deferred[None] = Deferred()
        call = self.seeds.clock.callLater(seconds, pause.callback, None)
        try:
            await pause
        finally:
            if call.active():
                call.cancel()

    def close(self) -> None:
        self.closed += 1
