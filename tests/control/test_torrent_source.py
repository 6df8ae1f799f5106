"""Fetching torrents from URLs and paths: bounds, redirects, time-outs, refusals in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers

from p2pd.control import torrent_source
from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.rpc_load import RpcLoad
from p2pd.control.torrent_source import FETCH_SECONDS, MAX_TORRENT, NetworkTorrentSource


class FakeResponse:
    """A response that delivers `parts` at once, and then ends unless `hangs`."""

    def __init__(self, code: int = 200, parts: tuple[bytes, ...] = (), location: str = "") -> None:
        self.code = code
        self.phrase = b"A Phrase"
        self.parts = parts
        self.hangs = False
        self.broken = False
        self.headers = Headers({"location": [location]} if location else {})
        self.transport = StringTransport()

    def deliverBody(self, protocol: Any) -> None:
        protocol.makeConnection(self.transport)
        for part in self.parts:
            protocol.dataReceived(part)
        if not self.hangs:
            reason = ConnectionRefusedError() if self.broken else ResponseDone()
            protocol.connectionLost(Failure(reason))


class FakeAgent:
    """Answers each URL with what `pages` holds."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, Headers]] = []

    def request(self, method: bytes, url: bytes, headers: Headers) -> Deferred[Any]:
        self.asked.append((url.decode(), headers))
        page = self.pages[url.decode()]
        return fail(page) if isinstance(page, Exception) else succeed(page)


def outcome(pages: dict[str, Any], url: str = "http://a.test/x", cookies: str | None = None) -> Any:
    """What fetching gives: the value, or the RpcError."""
    source = NetworkTorrentSource(Clock(), "p2pd/1", FakeAgent(pages))
    found: list[Any] = []
    Deferred.fromCoroutine(source.fetch(url, cookies)).addCallbacks(
        found.append, lambda failure: found.append(failure.value)
    )
    return found[0]


def test_a_body_comes_whole() -> None:
    assert outcome({"http://a.test/x": FakeResponse(parts=(b"ab", b"c"))}) == b"abc"


def test_odd_characters_are_quoted_and_the_fragment_stays_here() -> None:
    pages = {"http://a.test/%C3%BC%20x?q=%20y&z=%": FakeResponse(parts=(b"ok",))}
    assert outcome(pages, "http://a.test/ü x?q=%20y&z=%#frag") == b"ok"


def test_redirects_are_followed_and_cookies_stay_with_their_origin() -> None:
    agent = FakeAgent(
        {
            "http://a.test/x": FakeResponse(302, location="/y"),
            "http://a.test/y": FakeResponse(307, location="https://b.test/z"),
            "https://b.test/z": FakeResponse(parts=(b"ok",)),
        }
    )
    source = NetworkTorrentSource(Clock(), "p2pd/1", agent)
    found: list[Any] = []
    Deferred.fromCoroutine(source.fetch("http://a.test/x", "k=v")).addCallback(found.append)
    assert found == [b"ok"]
    assert [headers.getRawHeaders("cookie") for _, headers in agent.asked] == [
        ["k=v"],
        ["k=v"],
        None,
    ]


def test_a_redirect_to_a_magnet_link() -> None:
    pages = {"http://a.test/x": FakeResponse(301, location="magnet:?xt=urn:btih:00")}
    assert outcome(pages) == "magnet:?xt=urn:btih:00"


def broken() -> FakeResponse:
    response = FakeResponse(parts=(b"half",))
    response.broken = True
    return response


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (FakeResponse(404), "404 A Phrase"),
        (FakeResponse(302), "redirects to something"),
        (FakeResponse(302, location="file:///etc/passwd"), "redirects to something"),
        (FakeResponse(302, location="/x"), "more than 5 redirects"),
        (ConnectionRefusedError("no"), "a.test could not be asked"),
        (broken(), "broke"),
    ],
)
def test_refusals(page: Any, words: str) -> None:
    error = outcome({"http://a.test/x": page})
    assert isinstance(error, RpcError)
    assert error.code is RpcCode.HTTP_ERROR
    assert words in error.sentence


def test_a_password_in_the_url_is_not_repeated() -> None:
    error = outcome({"http://me:pw@a.test/": OSError("no")}, "http://me:pw@a.test/")
    assert "pw" not in error.sentence


def test_a_body_that_goes_on_is_cut_off() -> None:
    response = FakeResponse(parts=(b"x" * (MAX_TORRENT // 2 + 1),) * 2)
    response.hangs = True
    error = outcome({"http://a.test/x": response})
    assert "bigger" in error.sentence
    assert response.transport.disconnected or response.transport.disconnecting


def test_a_body_that_never_ends_times_out() -> None:
    clock = Clock()
    response = FakeResponse(parts=(b"x",))
    response.hangs = True
    source = NetworkTorrentSource(clock, "p2pd/1", FakeAgent({"http://a.test/x": response}))
    found: list[Any] = []
    Deferred.fromCoroutine(source.fetch("http://a.test/x")).addErrback(
        lambda failure: found.append(failure.value)
    )
    clock.advance(FETCH_SECONDS)
    assert found[0].code is RpcCode.HTTP_ERROR
    assert "timed out" in found[0].sentence
    assert response.transport.disconnected or response.transport.disconnecting


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.torrent"
    path.write_bytes(b"bytes")
    os.mkfifo(tmp_path / "pipe")
    assert torrent_source._read_file(str(path)) == b"bytes"
    for bad in (tmp_path, tmp_path / "gone", tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(RpcError) as caught:
            torrent_source._read_file(str(bad))
        assert caught.value.code is RpcCode.SYSTEM_ERROR
        assert str(bad) in caught.value.sentence
    monkeypatch.setattr(torrent_source, "MAX_TORRENT", 4)
    with pytest.raises(RpcError):
        torrent_source._read_file(str(path))


def test_bytes_of_all_fetches_have_a_bound() -> None:
    load = RpcLoad(bodies=100)
    held = FakeResponse(parts=(b"x" * 90,))
    held.hangs = True
    pages = {"http://a.test/x": held, "http://b.test/x": FakeResponse(parts=(b"y" * 20,))}
    source = NetworkTorrentSource(Clock(), "p2pd/1", FakeAgent(pages), load)
    first = Deferred.fromCoroutine(source.fetch("http://a.test/x"))
    assert load.bodies == 90
    refused: list[Any] = []
    Deferred.fromCoroutine(source.fetch("http://b.test/x")).addErrback(refused.append)
    assert "try again in a moment" in refused[0].value.sentence
    first.addErrback(lambda failure: None)
    first.cancel()
    assert load.bodies == 0
