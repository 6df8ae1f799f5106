"""A database that does its jobs when a test says so."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from p2pd.base.errors import StateError
from p2pd.state.answering import CallWrites, noted


class FakeJobs:
    """What answers wait for (state.answering.Jobs)."""

    def __init__(self) -> None:
        self.handed_in = self.through = 0
        self._waiting: list[tuple[Deferred[None], CallWrites | None]] = []
        self._until: list[tuple[int, Deferred[None]]] = []

    def hand_in(self) -> Deferred[None]:
        """A job comes."""
        self.handed_in += 1
        done: Deferred[None] = Deferred()
        self._waiting.append((done, noted(self.handed_in)))
        return done

    def until_through(self, number: int) -> Deferred[None]:
        if number <= self.through:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._until.append((number, done))
        return done

    def do_next(self, refused: str = "") -> None:
        """The first of those that wait is done, or refused with this sentence."""
        done, writes = self._waiting.pop(0)
        self.through += 1
        result = Failure(StateError(refused)) if refused else None
        if writes is not None and result is not None:
            writes.refused(result)
        done.addErrback(lambda failure: None)
        done.callback(result)  # type: ignore[arg-type]
        for each in [each for each in self._until if each[0] <= self.through]:
            self._until.remove(each)
            each[1].callback(None)
