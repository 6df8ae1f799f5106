"""Where blocklists are from: HTTP played on a reactor in memory, and files."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from p2pd.base.errors import P2pdError
from p2pd.formats.blocklist import BlocklistError
from p2pd.session.blocklist.blocklist_source import (
    FETCH_SECONDS,
    SLICE,
    BlocklistSource,
    FoundList,
    ListProblem,
    ListSourceError,
    ListVersion,
)
from p2pd.testing.inline_disk import InlineDisk, OneDisk

TEXT = b"bad:192.0.2.0-192.0.2.255\n"
UNKNOWN = ListVersion()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n"


class PausedTransport(StringTransport):
    """Notes how often it was told to wait, and that it was closed."""

    pauses = 0

    def pauseProducing(self) -> None:
        self.pauses += 1
        super().pauseProducing()

    def setTcpNoDelay(self, enabled: bool) -> None: ...


class Fetch:
    """One question, with a test in the place of the server."""

    def __init__(
        self, source: str, known: ListVersion = UNKNOWN, *, disk_seconds: float = 0.0
    ) -> None:
        self.reactor = MemoryReactorClock()
        disks: Any = OneDisk(InlineDisk(self.reactor, disk_seconds))
        self.results: list[Any] = []
        getting = BlocklistSource(self.reactor, disks, "").get(source, known)
        self.deferred = Deferred.fromCoroutine(getting)
        self.deferred.addBoth(self.results.append)
        self.reactor.advance(0)
        self.transports: list[PausedTransport] = []

    def connected(self) -> str:
        """The next connection, and what is asked on it."""
        factory = self.reactor.tcpClients[len(self.transports)][2]
        self.protocol = factory.buildProtocol(None)
        self.transports.append(PausedTransport())
        self.protocol.makeConnection(self.transports[-1])
        return self.transports[-1].value().decode()

    def answer(self, data: bytes, *, close: bool = False) -> None:
        self.protocol.dataReceived(data)
        if close:
            self.protocol.connectionLost(Failure(ConnectionDone()))
        self.run()

    def run(self) -> None:
        for _ in range(10):
            self.reactor.advance(0)

    @property
    def found(self) -> FoundList:
        assert isinstance(self.results[0], FoundList), self.results
        return self.results[0]

    def refused(self) -> tuple[ListProblem, str]:
        problem = self.results[0].value
        assert isinstance(problem, ListSourceError), problem
        return problem.problem, str(problem)


def test_a_list_and_its_version() -> None:
    fetch = Fetch("http://192.0.2.1:8080/a/list.gz?user=x")
    request = fetch.connected()
    assert request.startswith("GET /a/list.gz?user=x HTTP/1.1\r\n")
    assert "Accept-Encoding: identity" in request
    assert "If-" not in request
    packed = gzip.compress(TEXT)
    version = b'ETag: "v1"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n'
    fetch.answer(OK % (len(packed), version) + packed)
    assert fetch.found.content.ranges.covers("192.0.2.7")
    assert fetch.found.version == ListVersion('"v1"', "Thu, 01 Jan 2026 00:00:00 GMT")


def test_a_version_that_is_known_is_asked_for_only_if_there_is_another() -> None:
    fetch = Fetch("http://192.0.2.1/a", ListVersion('"v1"', "some day"))
    request = fetch.connected()
    assert 'If-None-Match: "v1"\r\n' in request
    assert "If-Modified-Since: some day\r\n" in request
    fetch.answer(b"HTTP/1.1 304 Not Modified\r\n\r\n")
    assert fetch.results == [None]


def test_a_login_goes_to_where_it_belongs_and_no_further() -> None:
    fetch = Fetch("http://user:pass@192.0.2.1/a")
    assert "Authorization: Basic dXNlcjpwYXNz\r\n" in fetch.connected()
    fetch.answer(b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.2/b\r\n\r\n")
    assert "Authorization" not in fetch.connected()
    fetch.answer(OK % (len(TEXT), b"") + TEXT)
    assert fetch.found.version == ListVersion()
    assert fetch.transports[0].disconnecting


def test_it_redirects_only_so_often() -> None:
    fetch = Fetch("http://192.0.2.1/a")
    for _ in range(6):
        fetch.connected()
        fetch.answer(b"HTTP/1.1 301 Moved\r\nLocation: /b\r\n\r\n")
    assert fetch.refused() == (ListProblem.HTTP, "192.0.2.1: it redirects more than 5 times")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answered 404 Not Found"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "it answered 304"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 302 Found\r\n\r\n", "redirects to nowhere"),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "it answered 401"),
        (b"nonsense\r\n\r\n", "closed the connection without an answer"),
    ],
)
def test_answers_that_are_no_list(answer: bytes, words: str) -> None:
    fetch = Fetch("http://u:secret@192.0.2.1?pin=secret@x")
    fetch.connected()
    fetch.answer(answer, close=True)
    problem, sentence = fetch.refused()
    assert problem is ListProblem.HTTP
    assert words in sentence
    assert "secret" not in sentence


def test_an_answer_that_breaks_off_is_no_list() -> None:
    fetch = Fetch("http://192.0.2.1/a")
    fetch.connected()
    fetch.answer(OK % (1000, b"") + TEXT)
    fetch.protocol.connectionLost(Failure(ConnectionLost()))
    fetch.run()
    assert "broke in the middle" in fetch.refused()[1]


def test_an_old_server_ends_its_answer_by_closing() -> None:
    fetch = Fetch("http://192.0.2.1/a")
    fetch.connected()
    fetch.answer(b"HTTP/1.0 200 OK\r\n\r\n" + TEXT, close=True)
    assert len(fetch.found.content.ranges) == 1


def test_the_server_waits_while_there_is_enough_to_read() -> None:
    fetch = Fetch("http://192.0.2.1/a", disk_seconds=0.1)
    fetch.connected()
    count = 4 * SLICE // len(TEXT)
    fetch.protocol.dataReceived(OK % (count * len(TEXT), b"") + TEXT)
    (transport,) = fetch.transports
    for _ in range(count // 100):
        fetch.protocol.dataReceived(TEXT * 100)
    assert transport.pauses
    assert transport.producerState == "paused"
    fetch.reactor.advance(0.1)
    assert transport.producerState == "producing"
    fetch.protocol.dataReceived(TEXT * (count % 100 - 1))
    fetch.reactor.pump([0.1] * 9)
    assert len(fetch.found.content.ranges) == 1


def test_no_list_ends_the_connection() -> None:
    fetch = Fetch("http://192.0.2.1/a")
    fetch.connected()
    fetch.answer(OK % (10_000_000, b"") + b"Rar!" + bytes(100))
    assert isinstance(fetch.results[0].value, BlocklistError)
    assert fetch.transports[0].disconnecting


def test_who_takes_too_long_is_given_up() -> None:
    fetch = Fetch("http://192.0.2.1/a")
    fetch.connected()
    fetch.answer(OK % (1000, b"") + TEXT)
    fetch.reactor.advance(FETCH_SECONDS)
    assert fetch.refused() == (ListProblem.HTTP, "192.0.2.1 did not send it within 300 s")
    assert fetch.transports[0].disconnecting


def test_what_is_wanted_no_more_is_given_up() -> None:
    fetch = Fetch("http://192.0.2.1/a")
    fetch.connected()
    fetch.answer(OK % (1000, b"") + TEXT)
    fetch.deferred.cancel()
    assert fetch.transports[0].disconnecting


@pytest.mark.parametrize("url", ["http://", "http://x:99999/", "http://[::1/"])
def test_a_url_that_is_none(url: str) -> None:
    fetch = Fetch(url)
    assert fetch.refused()[0] is ListProblem.HTTP


# -- files -------------------------------------------------------------------------------------


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "list.gz"
    path.write_bytes(gzip.compress(TEXT))
    first = Fetch(str(path))
    assert len(first.found.content.ranges) == 1
    again = Fetch(str(path), first.found.version)
    assert again.results == [None]
    path.write_bytes(TEXT * 2 + b"198.51.100.0/24")
    os.utime(path, ns=(1, 1))
    other = Fetch(str(path), first.found.version)
    assert len(other.found.content.ranges) == 2
    assert other.found.version != first.found.version


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "nowhere", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "pipe", "is no regular file"),
    ):
        problem, sentence = Fetch(str(path)).refused()
        assert problem is ListProblem.SYSTEM
        assert words in sentence


def test_a_file_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(TEXT)
    fetch = Fetch(str(path), disk_seconds=2 * FETCH_SECONDS)
    fetch.reactor.advance(FETCH_SECONDS)
    assert fetch.refused() == (ListProblem.SYSTEM, f"{path} could not be read within 300 s")
    fetch.reactor.advance(FETCH_SECONDS)
    assert len(fetch.results) == 1


def test_a_file_that_is_no_list(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text("words")
    problem = Fetch(str(path)).results[0].value
    assert isinstance(problem, BlocklistError)
    assert isinstance(problem, P2pdError)
