"""Lookups that the resolver loses: it may fail in ways of which it tells nobody."""

from __future__ import annotations

from socket import EAI_NONAME, gaierror
from typing import Any

from twisted.internet._resolver import GAIResolver
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.discovery.tracker_client.names import Names
from tests.discovery.fake_network import FakeReactor


class AtOnce:
    """A thread pool that has no threads."""

    def callInThreadWithCallback(self, done: Any, work: Any, *args: Any, **more: Any) -> None:
        try:
            result = work(*args, **more)
        except Exception as problem:
            done(False, Failure(problem))
        else:
            done(True, result)


class ResolvingReactor(FakeReactor):
    """Twisted's own resolver over a getaddrinfo that fails with `problems`, then finds."""

    def __init__(self, *problems: Exception) -> None:
        super().__init__()
        self.problems = list(problems)
        self.tries = 0
        self.resolver = GAIResolver(self, AtOnce, self._getaddrinfo)

    @property
    def nameResolver(self) -> Any:
        return self.resolver

    def callFromThread(self, work: Any, *args: Any) -> None:
        work(*args)

    def _getaddrinfo(self, *_: Any) -> list[Any]:
        self.tries += 1
        if self.problems:
            raise self.problems.pop(0)
        return [(2, 1, 6, "", ("192.0.2.7", 0))]


def ask(names: Names, reactor: FakeReactor) -> list[Any]:
    found: list[Any] = []
    asking = Deferred.fromCoroutine(names.addresses("t.test"))
    asking.addTimeout(30, reactor)  # type: ignore[arg-type]
    asking.addBoth(found.append)
    return found


def test_a_name_whose_lookup_was_lost_is_looked_up_again() -> None:
    """Out of file descriptors, getaddrinfo raises OSError, and the resolver never answers."""
    reactor = ResolvingReactor(OSError(24, "Too many open files"))
    names = Names(reactor)
    assert ask(names, reactor) == []
    reactor.advance(30)
    for _ in range(5):
        ask(names, reactor)
    assert reactor.tries == 1, "one that is only slow keeps one thread busy, not one a torrent"
    reactor.advance(30)
    assert ask(names, reactor) == [("192.0.2.7",)]
    assert reactor.tries == 2


def test_those_that_still_wait_get_the_answer_of_the_next_lookup() -> None:
    reactor = FakeReactor()
    reactor.names["t.test"] = None
    names = Names(reactor)
    ask(names, reactor)
    reactor.advance(50)
    waiting = ask(names, reactor)
    reactor.advance(10)
    reactor.names["t.test"] = ["192.0.2.8"]
    assert ask(names, reactor) == [("192.0.2.8",)]
    assert waiting == [("192.0.2.8",)]
    assert reactor.lookups == ["t.test"] * 2


def test_a_name_that_does_not_exist_is_no_lost_lookup() -> None:
    reactor = ResolvingReactor(gaierror(EAI_NONAME, "Name or service not known"))
    (problem,) = ask(Names(reactor), reactor)
    assert str(problem.value) == "its name cannot be found"
