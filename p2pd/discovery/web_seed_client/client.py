"""Asks web seeds over Twisted's Agent (BEP 19, BEP 17): bounded in time, size and redirects.

A connection is kept for the next question of the same torrent to the same seed; what was believed
of a server, or shown to it, is so for no other torrent. Who was asked by HTTPS cannot send us on to
somebody in the clear.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.web.client import Agent, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from p2pd import __version__
from p2pd.base.addresses import is_local
from p2pd.discovery.tracker_client.http_tracker import in_words
from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.request_target import RequestTarget, redirected
from p2pd.discovery.tracker_client.torrent_https import (
    AskCredentials,
    Credentials,
    TorrentCertificates,
    is_refusal,
)
from p2pd.discovery.web_seed_client.bodies import Body, Refusal, hang_up
from p2pd.discovery.web_seed_client.endpoints import SeedEndpoints, SeedPool
from p2pd.discovery.web_seed_client.interfaces import Place, Question, Receiver
from p2pd.discovery.web_seed_client.permitted import KeepsAway, permitted
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.protocols.webseed.answers import SeedError, check_head, redirect_of
from p2pd.transports.way_out import WayOut

REDIRECTS = 5
HEAD_SECONDS = 30.0
"""For looking up the name, connecting, and the head of the answer, of each redirect."""

NOT_HTTPS = "it is not HTTPS, and this torrent is not asked for in the clear"

KEPT_SECONDS = 30
"""How long a connection waits for the next question."""

OVERHEAD = 512 * 1024
"""Bytes that an answer may have besides its body; of TLS there may be as much as of that again."""


class WebSeedClient:
    """What all web seeds of a daemon are asked with."""

    def __init__(self, reactor: Any, way: str | WayOut, wall: Callable[[], float]) -> None:
        """`wall` tells Unix seconds."""
        self.reactor = reactor
        self.way = way
        self.wall = wall
        self.names = Names(reactor)

    def line(
        self, credentials: AskCredentials, keeps_away: KeepsAway, *, https_only: bool
    ) -> HttpLine:
        """See interfaces.SeedClient."""
        return HttpLine(self, credentials, keeps_away, https_only=https_only)


class HttpLine:
    """Asks one web seed (interfaces.SeedLine)."""

    def __init__(
        self,
        client: WebSeedClient,
        credentials: AskCredentials,
        keeps_away: KeepsAway,
        *,
        https_only: bool,
    ) -> None:
        self._client = client
        self._ask_credentials = credentials
        self._keeps_away = keeps_away
        self._https_only = https_only
        self._credentials: Credentials | None = None
        self._certificates: TorrentCertificates | None = None
        self._endpoints: SeedEndpoints | None = None
        self._agent: IAgent | None = None
        self._at = ""

    async def get(self, question: Question, receiver: Receiver) -> Place:
        """See interfaces.SeedLine."""
        try:
            return await self._get(question, receiver)
        except (SeedError, CancelledError):
            raise
        except TrackerError as problem:
            raise SeedError(str(problem)) from None
        except Exception as problem:
            if _was_cancelled(problem):
                raise CancelledError from None
            raise SeedError(self._in_words(problem)) from None

    def close(self) -> None:
        """See interfaces.SeedLine."""
        if self._endpoints is not None:
            self._endpoints.cut()
        self._agent = self._endpoints = self._certificates = None

    # -- one question --------------------------------------------------------------------------

    async def _get(self, question: Question, receiver: Receiver) -> Place:
        (url, from_outside), before = question.place, question.named
        for _ in range(REDIRECTS + 1):
            self._check_scheme(url, before)
            heading = Deferred.fromCoroutine(self._head(url, question, from_outside))
            heading.addTimeout(HEAD_SECONDS, self._client.reactor, _timed_out)
            response: IResponse = await heading
            location = redirect_of(response.code, _header(response))
            if location is None:
                await self._body(response, question, receiver)
                return Place(url, from_outside)
            hang_up(response)
            from_outside |= not is_local(self._at)
            before, url = url, redirected(url, location.encode("utf-8", "surrogateescape"))
        raise SeedError(f"it redirects more than {REDIRECTS} times")

    def _check_scheme(self, url: str, before: str) -> None:
        """Whether the way from one URL to the next is one to go. Raises SeedError."""
        if _is_https(url):
            return
        if self._https_only and url == before:
            raise SeedError(NOT_HTTPS)
        if self._https_only or _is_https(before):
            raise SeedError("it redirects to something that is not HTTPS")

    async def _head(self, url: str, question: Question, from_outside: bool) -> IResponse:
        target = RequestTarget.of(url)
        self._renew()
        found = await self._client.names.addresses(target.host)
        addresses = permitted(
            found, url, named=question.named, from_outside=from_outside,
            keeps_away=self._keeps_away,
        )  # fmt: skip
        reached = self._endpoints.reached() if self._endpoints is not None else set()
        last: Exception = SeedError("it has no address")
        for address in sorted(addresses, key=lambda one: one not in reached):
            try:
                return await self._ask(address, target, question)
            except ConnectError as problem:
                last = problem
        raise last

    def _ask(self, address: str, target: RequestTarget, question: Question) -> Deferred[IResponse]:
        agent, endpoints = self._with_agent()
        wanted = question.wanted
        headers = Headers({"User-Agent": [f"p2pd/{__version__}"], "Accept-Encoding": ["identity"]})
        if wanted.header:
            headers.addRawHeader("Range", wanted.header)
        if target.authorization:
            headers.addRawHeader(b"authorization", target.authorization)
        endpoints.allowance = 2 * wanted.length + OVERHEAD
        # The agent asks for the endpoint, and so for the address, before it returns.
        endpoints.address = self._at = address
        return agent.request(b"GET", target.url, headers)

    async def _body(self, response: IResponse, question: Question, receiver: Receiver) -> None:
        try:
            check_head(response.code, _header(response), question.wanted, self._client.wall())
        except SeedError as problem:
            if response.code != 503:
                hang_up(response)
                raise
            # Seeds by HTTP have the seconds in it (BEP 17).
            raise await Refusal(self._client.reactor).of(response, problem) from None
        body = Body(self._client.reactor, question.wanted.length, receiver)
        receiver.begins(self._at, body)
        await body.of(response)

    # -- whom to believe -----------------------------------------------------------------------

    def _renew(self) -> None:
        """What the torrent has to show may be another than before. Raises TrackerError."""
        credentials = self._ask_credentials()
        before = self._credentials
        if before is not credentials and (
            before is None or credentials is None or before.context is not credentials.context
        ):
            self.close()
        self._credentials = credentials

    def _with_agent(self) -> tuple[IAgent, SeedEndpoints]:
        if self._agent is None or self._endpoints is None:
            reactor = self._client.reactor
            if self._credentials is not None:
                self._certificates = TorrentCertificates(self._credentials)
            self._endpoints = SeedEndpoints(reactor, self._client.way, self._certificates)
            pool = SeedPool(reactor, self._endpoints, KEPT_SECONDS)
            self._agent = Agent.usingEndpointFactory(reactor, self._endpoints, pool)
        return self._agent, self._endpoints

    def _in_words(self, problem: Exception) -> str:
        refusal = self._certificates.refusal if self._certificates is not None else ""
        if refusal:
            return f"its certificate is refused: {refusal}"
        shown = self._certificates is not None and isinstance(problem, ResponseFailed)
        if shown and any(map(is_refusal, getattr(problem, "reasons", ()))):
            return "it refuses the certificate of the torrent"
        return in_words(problem)


def _header(response: IResponse) -> Callable[[str], Sequence[str]]:
    def values(name: str) -> Sequence[str]:
        if name == "content-length":  # the agent reads it itself, and leaves it out
            raw = response.headers.getRawHeaders(name, [])
            known = isinstance(response.length, int)
            return [str(response.length)] if known and not raw else _texts(raw)
        return _texts(response.headers.getRawHeaders(name, []))

    return values


def _texts(values: Sequence[Any]) -> list[str]:
    return [
        one if isinstance(one, str) else one.decode("utf-8", "surrogateescape") for one in values
    ]


def _timed_out(result: object, seconds: float) -> Any:
    raise SeedError(f"no answer within {seconds:.0f} seconds")


def _was_cancelled(problem: Exception) -> bool:
    """Whether nobody wants the answer any more: the agent, and endpoints, say so in their ways."""
    reasons = getattr(problem, "reasons", ())
    gave_up = isinstance(problem, ConnectingCancelledError)
    return gave_up or any(reason.check(CancelledError) for reason in reasons)


def _is_https(url: str) -> bool:
    return url.partition(":")[0].lower() == "https"
