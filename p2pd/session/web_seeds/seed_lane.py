"""One connection to a web seed, as the torrent's pieces see it: somebody who is asked for blocks.

It asks for whole pieces in a row, takes what comes, and asks again. What others were faster with is
read and thrown away, unless nothing else is due: then it hangs up.
"""

from __future__ import annotations

from typing import Any, Coroutine, Hashable, Protocol

from twisted.internet.defer import CancelledError, Deferred

from p2pd.base.rates import RollingRate
from p2pd.base.requests import BLOCK_SIZE, Request
from p2pd.discovery.web_seed_client.interfaces import Flow, SeedLine
from p2pd.protocols.peerwire.messages import Block
from p2pd.protocols.webseed.answers import SeedError
from p2pd.protocols.webseed.fetches import BlockStream
from p2pd.session.pieces.block_tally import tally
from p2pd.session.pieces.torrent_pieces import TorrentPieces
from p2pd.session.rate_limits import PeerChains, RateLimits
from p2pd.session.web_seeds.metered_flow import MeteredFlow
from p2pd.session.web_seeds.web_seed import Errand, WebSeed
from p2pd.swarm.request_pipeline import RequestWindow

RUN_SECONDS = 4.0
LEAST_RUN = 256 * 1024
MOST_RUN = 8 * 1024 * 1024
"""Bytes of a row of pieces: what comes in so many seconds, within these bounds. The first is the
least, and until it is known how much that is each is twice the one before."""

AT_LAST = 8
"""Blocks that it is asked for at once when nothing is left that nobody is asked for: what others
bring meanwhile comes twice, for no cancel stops a server."""

NOT_WORTH_READING = 64 * 1024
"""Bytes that nobody needs any more: with more it is cheaper to connect anew."""


class LaneExchange(Protocol):
    """Who counts bytes, and knows limits."""

    def payload_received(self, size: int, now: float) -> None: ...
    def payload_wasted(self, size: int) -> None: ...
    def cancel(self, peer: Hashable, request: Request) -> None: ...
    def rate_limits(self) -> RateLimits: ...
    def chains(self, host: str) -> PeerChains: ...
    def seconds(self) -> float: ...


class LaneOwner(Protocol):
    """The web seeds of a torrent."""

    @property
    def exchange(self) -> LaneExchange: ...
    @property
    def pieces(self) -> TorrentPieces: ...

    def keep(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Run it."""

    def came(self, size: int) -> None:
        """So many wanted bytes."""

    def lane_rests(self, lane: SeedLane) -> None:
        """It has nothing to do, or failed."""


class SeedLane:
    """Blocks are asked of this object (a peer to the piece picker)."""

    __slots__ = (
        "_flow", "_last_run", "_line", "_owner", "_stream", "_work", "busy", "failed", "rate",
        "seed", "window",
    )  # fmt: skip

    def __init__(
        self, owner: LaneOwner, seed: WebSeed, line: SeedLine, window: RequestWindow
    ) -> None:
        self._owner = owner
        self.seed = seed
        self._line = line
        self.window = window
        self.rate = RollingRate()
        self.busy = False
        """Whether it asks for something."""
        self.failed = False
        """Whether the seed did not send the last thing that it was asked for."""
        self._work: Deferred[None] | None = None
        self._stream: BlockStream | None = None
        self._flow: MeteredFlow | None = None
        self._last_run = 0

    # -- life ----------------------------------------------------------------------------------

    def begin(self) -> bool:
        """Ask for something, if there is anything; whether there is."""
        blocks = self._pick()
        if blocks:
            self.busy = True
            work = self._owner.keep(self._run(blocks))
            self._work = work if self.busy else None  # it may be over already
        return bool(blocks)

    def limits_changed(self) -> None:
        """Other speed limits may hold."""
        if self._flow is not None:
            self._flow.limits_changed()

    def withdrawn(self) -> None:
        """Something was asked of it that is here by now."""
        stream = self._stream
        if stream is None or self._owner.pieces.outstanding(self):
            return
        if stream.left > NOT_WORTH_READING:
            self.close()

    def close(self) -> None:
        """Ask for nothing more, and hang up."""
        work, self._work, self.busy = self._work, None, False
        if work is not None:
            work.cancel()
        self._line.close()
        self._owner.pieces.forget_peer(self)

    # -- what to ask ---------------------------------------------------------------------------

    def _pick(self) -> list[Request]:
        pieces, have = self._owner.pieces, self.seed.have
        now = self._owner.exchange.seconds()
        most = self._most_bytes()
        if most <= 0:
            return []
        length = pieces.layout.piece_length
        run = pieces.picker.next_run(self, have, most // length)
        if run:
            each = -(-length // BLOCK_SIZE)
            count = len(run) * each if length <= most else max(1, most // BLOCK_SIZE)
            found = pieces.pick(self, have, count, only=run, prefer=run, pace=self.window, now=now)
        else:
            found = pieces.pick(self, have, AT_LAST, pace=self.window, now=now)
        if found:
            self.window.on_request_sent(len(found), now)
            self._last_run = sum(request.length for request in found)
        return sorted(found)

    def _most_bytes(self) -> int:
        limit = self._limit()
        wanted = self.window.rate * RUN_SECONDS or 2.0 * self._last_run
        wanted = min(max(wanted, LEAST_RUN), MOST_RUN)
        if limit is not None:
            wanted = min(wanted, max(limit * RUN_SECONDS, BLOCK_SIZE) if limit else 0)
        return int(wanted)

    def _limit(self) -> float | None:
        """Bytes per second that may come at most; None: as many as there are."""
        chain = self._owner.exchange.chains(self.seed.host or "192.0.2.1").down
        return min(bucket.rate for bucket in chain) if chain else None

    # -- asking --------------------------------------------------------------------------------

    async def _run(self, blocks: list[Request]) -> None:
        try:
            while blocks:
                await self._get(blocks)
                blocks = self._pick() if self.busy else []
        except SeedError as problem:
            self.failed = True
            self.seed.standing.failed(str(problem), self._owner.exchange.seconds(), problem.wait)
            self._line.close()
        except CancelledError:
            pass
        except Exception as problem:  # a mistake of ours: it is logged, and not made every second
            self.failed = True
            self.seed.standing.failed(f"cannot be asked: {problem}", self._owner.exchange.seconds())
            raise
        finally:
            self._stream = self._work = None
            self.busy = False
            self._owner.pieces.forget_requests(self)
            self.window.refill(0)
            self._owner.lane_rests(self)

    async def _get(self, blocks: list[Request]) -> None:
        """Raises SeedError. What is not had then is to be asked for again."""
        stream = self._stream = BlockStream(blocks)
        for errand in self.seed.errands(blocks):
            self._take(stream.zeros_until(errand.position))
            if not await self._do(errand):
                break
        else:
            self._take(stream.zeros_until())
        # Of some it may be that they came to nothing: they are free again.
        self._owner.pieces.forget_requests(self)
        self.window.refill(0)

    async def _do(self, errand: Errand) -> bool:
        """Whether all of it came."""
        seed = self.seed
        try:
            place = await self._line.get(errand.question, self)
        except SeedError as problem:
            if seed.forget_place(errand):
                return False  # where it was the last time: the next question goes to the beginning
            if not problem.missing or errand.file < 0:
                raise
            seed.lacks_file(errand.file, str(problem))
            if not seed.has_wanted():
                raise
            return False
        finally:
            self._end_of_flow()
        seed.answered(errand, place)
        return True

    # -- what comes (interfaces.Receiver) ------------------------------------------------------

    def begins(self, host: str, flow: Flow) -> None:
        """A body is about to come."""
        self.seed.host = host
        self._flow = MeteredFlow(self._owner.exchange, host, flow)

    def received(self, data: bytes) -> None:
        """A part of it."""
        if self._stream is not None:
            self._take(self._stream.feed(data))
        if self._flow is not None:
            self._flow.came(len(data))

    def _take(self, blocks: list[Block]) -> None:
        if not blocks:
            return
        exchange, now = self._owner.exchange, self._owner.exchange.seconds()
        outcomes = self._owner.pieces.receive(self, blocks)
        count, size = tally(outcomes, blocks, self)
        if count:
            self.window.on_blocks(count, size, now)
            self.rate.add(size, now)
            self.seed.standing.downloaded += size
            exchange.payload_received(size, now)
            self._owner.came(size)

    def cancel_at(self, peer: Hashable, request: Request) -> None:
        """A peer was asked for it, too (block_tally.Taker)."""
        self._owner.exchange.cancel(peer, request)

    def block_wasted(self, length: int) -> None:
        """It is not wanted."""
        self._owner.exchange.payload_wasted(length)

    def _end_of_flow(self) -> None:
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.close()
