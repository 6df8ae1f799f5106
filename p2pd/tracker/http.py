"""The tracker's HTTP side: /announce and /scrape (BEP 3, 7, 23, 24, 48).

A peer's address is the one it calls from; what it claims with `ip` is not believed, so nobody can
point a swarm at somebody else. Refusals are bencoded failure reasons, as clients expect them.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any, Mapping
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from p2pd.base.addresses import PeerAddress, canonical_host, pack_compact
from p2pd.base.clock import Clock
from p2pd.base.errors import FormatError
from p2pd.base.ids import PEER_ID_SIZE, V1_SIZE
from p2pd.base.measures import Labels
from p2pd.formats import bencode
from p2pd.tracker.http_site import (
    MOST_CONNECTIONS,
    MOST_OF_HOST,
    OLDEST_SECONDS,
    TrackerSite,
)
from p2pd.tracker.swarm_store import (
    KeyMismatchError,
    SwarmCounts,
    SwarmPeer,
    SwarmStore,
    TrackerFullError,
)
from p2pd.transports.bounded_connections import BoundedConnections

DEFAULT_NUMWANT = 50
MOST_NUMWANT = 200
MOST_SCRAPED = 74
LONGEST_QUERY = 8 * 1024
EVENTS = ("", "started", "completed", "stopped", "empty", "paused")

Query = Mapping[str, list[bytes]]


class RefusalError(FormatError):
    """An announce or scrape that is refused; the sentence goes to the client."""


class TrackerResource(Resource):
    """What both have in common: a bencoded answer, and every refusal in words."""

    isLeaf = True
    log = Logger()

    kind = ""

    def __init__(self, store: SwarmStore, clock: Clock, outcomes: Counter[Labels]) -> None:
        """`outcomes` counts what comes of requests, by kind and result."""
        super().__init__()
        self._store = store
        self._clock = clock
        self._outcomes = outcomes

    def render(self, request: Request) -> int | bytes:
        """Answer GET; other methods are refused.

        HEAD is too: it would count a peer in, or out, without telling it anything.
        """
        if request.method != b"GET":
            request.setHeader(b"allow", b"GET")
            return _page(request, 405, b"a tracker is asked with GET\n")
        return self.render_GET(request)

    def render_GET(self, request: Request) -> int:  # noqa: N802 - Twisted's name
        """Answer, now or when the store has."""
        answering = Deferred.fromCoroutine(self._answer(request))
        # Whoever hangs up meanwhile is not answered.
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addErrback(self._broken)
        answering.addCallback(self._say, request)
        return NOT_DONE_YET

    async def answer(self, query: Query, host: str) -> dict[bytes, Any]:
        """The answer to a query from `host`. Raises RefusalError."""
        raise NotImplementedError

    async def _answer(self, request: Any) -> bytes:
        try:
            raw = request.uri.partition(b"?")[2]
            if len(raw) > LONGEST_QUERY:
                raise RefusalError("the query is too long")
            host = canonical_host(request.getClientAddress().host)
            answer = bencode.encode(await self.answer(parsed_query(raw), host))
        except TrackerFullError:
            return self._refuse("full", "the tracker is full")
        except KeyMismatchError:
            return self._refuse("refused", "another peer announced this address with another key")
        except FormatError as problem:
            return self._refuse("refused", str(problem))
        self._outcomes[self.kind, "ok"] += 1
        return answer

    def _refuse(self, result: str, sentence: str) -> bytes:
        self._outcomes[self.kind, result] += 1
        return _failure(sentence)

    def _broken(self, failure: Failure) -> bytes | None:
        if failure.check(CancelledError):
            return None
        self.log.failure("internal error in the tracker", failure)
        return _failure("internal error")

    def _say(self, body: bytes | None, request: Any) -> None:
        if body is not None:
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            request.setHeader(b"content-length", str(len(body)).encode())
            request.write(body)
            request.finish()


class AnnounceResource(TrackerResource):
    """GET /announce. `interval` is in seconds; a peer expires after twice that."""

    kind = "announce"

    def __init__(
        self, store: SwarmStore, clock: Clock, outcomes: Counter[Labels], interval: int
    ) -> None:
        super().__init__(store, clock, outcomes)
        self._interval = interval

    async def answer(self, query: Query, host: str) -> dict[bytes, Any]:
        """Count the peer in, and name others."""
        info_hash = _exactly(query, "info_hash", V1_SIZE)
        event = _text(query, "event")
        if event not in EVENTS:
            raise RefusalError("there is no such event")
        peer = SwarmPeer(
            peer_id=_exactly(query, "peer_id", PEER_ID_SIZE),
            address=PeerAddress(host, _number(query, "port", least=1, most=65535)),
            left=_number(query, "left", default=1),
            key=_text(query, "key"),
        )
        wanted = min(_number(query, "numwant", default=DEFAULT_NUMWANT), MOST_NUMWANT)
        now = self._clock.seconds()
        counts = await self._store.announce(
            info_hash, peer, event=event, expires=now + 2 * self._interval + 60, now=now
        )
        others: list[SwarmPeer] = []
        if event != "stopped":
            others = list(await self._store.peers(info_hash, peer, wanted, now=now))
        return {
            **self._answer_of(counts, others, query),
            b"external ip": ipaddress.ip_address(host).packed,
        }

    def _answer_of(
        self, counts: SwarmCounts, others: list[SwarmPeer], query: Query
    ) -> dict[bytes, Any]:
        answer: dict[bytes, Any] = {
            b"complete": counts.seeders,
            b"downloaded": counts.downloads,
            b"incomplete": counts.leechers,
            b"interval": self._interval,
            b"min interval": max(1, min(self._interval, 60) // 2),
        }
        if _text(query, "compact") == "0":
            named = _text(query, "no_peer_id") != "1"
            answer[b"peers"] = [_listed(peer, named=named) for peer in others]
        else:
            addresses = [peer.address for peer in others]
            answer[b"peers"] = pack_compact(addresses, ipv6=False)
            peers6 = pack_compact(addresses, ipv6=True)
            if peers6:
                answer[b"peers6"] = peers6
        return answer


class ScrapeResource(TrackerResource):
    """GET /scrape: only of the torrents that are named, never a list of all."""

    kind = "scrape"

    async def answer(self, query: Query, host: str) -> dict[bytes, Any]:
        """The counts of each torrent that is known."""
        asked = query.get("info_hash", [])
        if not asked:
            raise RefusalError("a scrape has to name its torrents")
        files = {}
        for info_hash in sorted(set(asked[:MOST_SCRAPED])):
            if len(info_hash) != V1_SIZE:
                raise RefusalError("an info_hash has 20 bytes")
            counts = await self._store.scrape(info_hash, now=self._clock.seconds())
            if counts is not None:
                files[info_hash] = {
                    b"complete": counts.seeders,
                    b"downloaded": counts.downloads,
                    b"incomplete": counts.leechers,
                }
        return {b"files": files}


class NothingHere(Resource):
    """What stands for every other path: a sentence, not a page."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        """Say what this is."""
        return _page(request, 404, b"nothing here: this is a tracker, its path is /announce\n")


class TrackerRoot(Resource):
    """The way to the others."""

    def getChild(self, path: bytes, request: Request) -> Resource:  # noqa: N802
        """Nothing but what was put here."""
        return NothingHere()


def make_tracker_site(
    store: SwarmStore,
    clock: Clock,
    *,
    announce_interval: int = 1800,
    outcomes: Counter[Labels] | None = None,
) -> BoundedConnections:
    """The tracker, to be listened with. `announce_interval` is in seconds.

    `outcomes` counts what comes of requests, by kind and result.
    """
    counted = Counter() if outcomes is None else outcomes
    root = TrackerRoot()
    root.putChild(b"announce", AnnounceResource(store, clock, counted, announce_interval))
    root.putChild(b"scrape", ScrapeResource(store, clock, counted))
    return BoundedConnections(
        TrackerSite(root, clock),
        clock,
        most=MOST_CONNECTIONS,
        most_of_host=MOST_OF_HOST,
        oldest=OLDEST_SECONDS,
    )


def parsed_query(raw: bytes) -> dict[str, list[bytes]]:
    """A query's values as bytes: info-hashes are no text, so they must never be decoded as one."""
    query: dict[str, list[bytes]] = {}
    for part in raw.split(b"&")[:200]:
        name, _, value = part.partition(b"=")
        value = unquote_to_bytes(value.replace(b"+", b" "))
        query.setdefault(name.decode("ascii", "replace"), []).append(value)
    return query


def _exactly(query: Query, name: str, size: int) -> bytes:
    value = query.get(name, [b""])[0]
    if len(value) != size:
        raise RefusalError(f"{name} has to have {size} bytes, not {len(value)}")
    return value


def _text(query: Query, name: str) -> str:
    return query.get(name, [b""])[0][:100].decode("utf-8", "replace")


def _number(
    query: Query, name: str, *, default: int | None = None, least: int = 0, most: int = 2**63
) -> int:
    text = query.get(name, [b""])[0]
    if not text and default is not None:
        return default
    if name == "numwant" and text.startswith(b"-"):
        return DEFAULT_NUMWANT
    if not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise RefusalError(f"{name} has to be a number from {least} on")
    return int(text)


def _listed(peer: SwarmPeer, *, named: bool) -> dict[bytes, Any]:
    entry: dict[bytes, Any] = {b"ip": peer.address.host.encode(), b"port": peer.address.port}
    if named:
        entry[b"peer id"] = peer.peer_id
    return entry


def _page(request: Request, status: int, sentence: bytes) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    return sentence


def _failure(sentence: str) -> bytes:
    return bencode.encode({b"failure reason": sentence.encode()})
