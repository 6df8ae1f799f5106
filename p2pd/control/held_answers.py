"""Answers that come later: who guesses waits for them, and whose password has to be looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from p2pd.control.access.accounts import TooBusyError
from p2pd.control.auth import Judgement
from p2pd.control.gate import Gate, Plain
from p2pd.control.request import ControlRequest

MOST_HELD = 64
"""At one time; others are answered at once, for waiting connections are dear, too."""

_log = Logger()


class HeldAnswers:
    """Those that are held back at the moment."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._count = 0

    def room(self) -> bool:
        """Whether one more may be held."""
        return self._count < MOST_HELD

    def hold(self, request: ControlRequest, seconds: float, answer: Callable[[], object]) -> None:
        """Answer after so many seconds, if somebody waits for it still."""
        self._count += 1
        gone: list[object] = []

        def due() -> None:
            self._count -= 1
            if not gone:
                answer()

        request.notifyFinish().addErrback(gone.append)
        self._reactor.callLater(seconds, due)


class Held(Resource):
    """A refusal that comes late."""

    isLeaf = True

    def __init__(self, refusal: Resource, seconds: float, held: HeldAnswers) -> None:
        super().__init__()
        self._refusal = refusal
        self._seconds = seconds
        self._held = held

    def render(self, request: ControlRequest) -> int:
        """Have it wait."""
        self._held.hold(request, self._seconds, lambda: request.render(self._refusal))
        return NOT_DONE_YET


class Guarded(Protocol):
    """The site that asks."""

    gate: Gate

    def after(self, request: ControlRequest, judgement: Judgement) -> IResource:
        """What to answer to whom that was found to be."""


class Looking(Resource):
    """Stands for a resource while a thread looks at a password."""

    isLeaf = True

    def __init__(self, site: Guarded, request: ControlRequest) -> None:
        super().__init__()
        self._site = site
        self._gone = False
        request.notifyFinish().addErrback(self._left)

    def render(self, request: ControlRequest) -> int:
        """Answer when it is known who it is."""
        Deferred.fromCoroutine(self._answer(request)).addErrback(self._broken, request)
        return NOT_DONE_YET

    def _left(self, _reason: object) -> None:
        self._gone = True

    async def _answer(self, request: ControlRequest) -> None:
        try:
            judgement = await self._site.gate.look(request)
        except TooBusyError as problem:
            found: IResource = Plain(503, str(problem), [("Retry-After", "1")])
        else:
            found = self._site.after(request, judgement)
        if not self._gone:
            request.render(found)

    def _broken(self, failure: Any, request: ControlRequest) -> None:
        _log.failure("a password could not be looked at", failure=failure)
        if not self._gone and not request.finished:
            request.render(Plain(500, "the password could not be looked at: see the daemon's log"))
