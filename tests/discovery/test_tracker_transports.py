"""Which way an announce goes, how many go at a time, and how names are looked up."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure

from p2pd.discovery.tracker_client import names as names_module
from p2pd.discovery.tracker_client.host_gate import HostGate
from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.transports import TrackerTransports
from p2pd.protocols.tracker.announce import AnnounceRequest, TrackerError
from tests.discovery.fake_network import FakeAgent, FakeReactor, FakeResponse
from tests.transports.fake_udp import FakeUdp, udp_port

REQUEST = AnnounceRequest(b"h" * 20, b"p" * 20, 6881, 1, 2, 3)
GOOD = b"d8:intervali900ee"
SECRET = "http://192.0.2.1/passkey/announce"


def transports(reactor: FakeReactor, *answers: Any) -> TrackerTransports:
    agent = FakeAgent(*(answers or (FakeResponse(GOOD),)))
    return TrackerTransports(reactor, random.Random(1), udp_port(FakeUdp()), agent=agent)


def outcome(work: Any) -> Any:
    found: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(found.append)
    return found[0] if found else None


@pytest.mark.parametrize("url", ["wss://t.test/", "ws://t.test", "ftp://t", "", "nothing", "::"])
def test_what_is_not_supported_is_said_in_words(url: str) -> None:
    made = transports(FakeReactor())
    for ask in (made.announce(url, REQUEST), made.scrape(url, [])):
        found = outcome(ask)
        assert isinstance(found.value, TrackerError)
        assert "not supported" in str(found.value)


def test_schemes_are_not_case_sensitive() -> None:
    assert outcome(transports(FakeReactor()).announce("HTTP://192.0.2.1/a", REQUEST)).interval


def test_a_broken_url_is_said_in_words() -> None:
    found = outcome(transports(FakeReactor()).announce("http://[::1/announce", REQUEST))
    assert str(found.value) == "its URL has no valid host and port"


def test_a_mistake_of_ours_is_an_error_in_words_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made = transports(FakeReactor())

    async def broken(*args: Any) -> Any:
        raise ValueError("a mistake")

    for name in ("announce", "scrape"):
        monkeypatch.setattr(made._by_scheme["http"], name, broken)
    with capturedLogs() as logged:
        for ask in (made.announce(SECRET, REQUEST), made.scrape(SECRET, [])):
            found = outcome(ask)
            assert isinstance(found.value, TrackerError)
            assert str(found.value) == "cannot be asked: a mistake"
    lines = [formatEvent(event) for event in logged]
    # The rest of the URL may be a passkey.
    assert lines == ["asking the tracker at 192.0.2.1 failed"] * 2


def test_one_slow_tracker_takes_no_places_from_another() -> None:
    reactor = FakeReactor()
    made = transports(reactor, *[Deferred() for _ in range(8)], FakeResponse(GOOD))
    for _ in range(20):
        Deferred.fromCoroutine(made.announce("http://192.0.2.1/a", REQUEST))
    assert outcome(made.announce("http://192.0.2.2/a", REQUEST)).interval == 900


# -- the gate --------------------------------------------------------------------------------------


class Gate:
    def __init__(self, limit: int) -> None:
        self.gate = HostGate(limit)
        self.running: list[Deferred[None]] = []

    def enter(self, key: str) -> Deferred[str]:
        async def work() -> str:
            done: Deferred[None] = Deferred()
            self.running.append(done)
            await done
            return key

        return Deferred.fromCoroutine(self.gate.run(key, work))


def test_the_gate_lets_so_many_pass_for_each_key() -> None:
    gate = Gate(2)
    first, *_ = [gate.enter("a") for _ in range(4)]
    gate.enter("b")
    assert len(gate.running) == 3
    gate.running[0].callback(None)
    assert len(gate.running) == 4
    found: list[str] = []
    first.addCallback(found.append)
    assert found == ["a"]


def test_work_that_fails_gives_its_place_back() -> None:
    gate = Gate(1)
    gate.enter("a").addErrback(lambda failure: None)
    gate.enter("a")
    gate.running[0].errback(ValueError("no"))
    assert len(gate.running) == 2


def test_who_is_cancelled_while_waiting_never_begins() -> None:
    gate = Gate(1)
    gate.enter("a")
    waiting = gate.enter("a")
    problems: list[Failure] = []
    waiting.addErrback(problems.append)
    waiting.cancel()
    assert problems[0].check(CancelledError)
    last = gate.enter("a")
    gate.running[0].callback(None)
    assert len(gate.running) == 2
    gate.running[1].callback(None)
    assert last.called
    assert gate.gate._gates == {}, "nothing is kept of trackers that nobody asks"


# -- names -----------------------------------------------------------------------------------------


def test_a_name_is_looked_up_once_for_all_that_wait() -> None:
    reactor = FakeReactor()
    reactor.names["t.test"] = None
    names = Names(reactor)
    asked = [Deferred.fromCoroutine(names.addresses("T.test.")) for _ in range(3)]
    asked[1].addErrback(lambda failure: None)
    asked[1].cancel()
    assert reactor.lookups == ["t.test"]
    names.resolved("t.test", ("192.0.2.1",))
    found: list[Any] = []
    asked[0].addCallback(found.append)
    asked[2].addCallback(found.append)
    assert found == [("192.0.2.1",)] * 2


def test_what_was_found_is_kept_for_five_minutes_and_a_failure_for_one() -> None:
    reactor = FakeReactor()
    reactor.names["t.test"] = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"]
    names = Names(reactor)
    assert outcome(names.addresses("t.test")) == ("192.0.2.1", "2001:db8::1")
    reactor.advance(299)
    outcome(names.addresses("t.test"))
    assert reactor.lookups == ["t.test"]
    reactor.advance(1)
    outcome(names.addresses("t.test"))
    assert reactor.lookups == ["t.test"] * 2
    for seconds, lookups in ((59, 1), (1, 2)):
        assert isinstance(outcome(names.addresses("no.test")).value, TrackerError)
        reactor.advance(seconds)
        outcome(names.addresses("no.test"))
        assert reactor.lookups.count("no.test") == lookups


def test_literals_are_not_looked_up() -> None:
    reactor = FakeReactor()
    assert outcome(Names(reactor).addresses("::FFFF:192.0.2.1")) == ("192.0.2.1",)
    assert reactor.lookups == []


def test_few_names_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "MOST_KEPT", 10)
    reactor = FakeReactor()
    names = Names(reactor)
    for number in range(50):
        outcome(names.addresses(f"t{number}.test"))
    assert len(names._kept) <= 10
