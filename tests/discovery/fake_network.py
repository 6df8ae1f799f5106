"""A reactor with a clock and names but no sockets; an agent with scripted answers."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers


class FakeReactor(Clock):
    """`names` maps host names to addresses; a name that maps to None is never resolved."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, list[str] | None] = {}
        self.lookups: list[str] = []
        self.resolving: list[tuple[Any, str]] = []

    @property
    def nameResolver(self) -> FakeReactor:
        return self

    def resolveHostName(self, receiver: Any, name: str) -> None:
        self.lookups.append(name)
        receiver.resolutionBegan(None)
        addresses = self.names.get(name, [])
        if addresses is None:
            self.resolving.append((receiver, name))
            return
        for host in addresses:
            kind = IPv6Address if ":" in host else IPv4Address
            receiver.addressResolved(kind("TCP", host, 0))
        receiver.resolutionComplete()


class FakeTransport:
    """What a response's body comes by."""

    def __init__(self) -> None:
        self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class FakeResponse:
    """`body` None never ends; `end` says how it ends."""

    def __init__(
        self,
        body: bytes | list[bytes] = b"",
        code: int = 200,
        headers: dict[str, str] | None = None,
        end: Exception | None = None,
    ) -> None:
        self.code = code
        self.headers = Headers({name: [value] for name, value in (headers or {}).items()})
        self.transport = FakeTransport()
        self._body = body
        self._end = end or ResponseDone()

    def deliverBody(self, protocol: Any) -> None:
        protocol.makeConnection(self.transport)
        for part in self._body if isinstance(self._body, list) else [self._body]:
            protocol.dataReceived(part)
        if not isinstance(self._body, list):
            protocol.connectionLost(Failure(self._end))


class FakeAgent:
    """Gives `answers` one by one: responses, exceptions, or Deferreds."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[bytes, Headers]] = []

    def request(
        self, method: bytes, uri: bytes, headers: Any = None, body: Any = None
    ) -> Deferred[Any]:
        assert method == b"GET"
        self.requests.append((uri, headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Deferred):
            return answer
        if isinstance(answer, Exception):
            raise answer
        return succeed(answer)
