"""HTTP trackers: what is requested, and that whatever comes back is an answer or a sentence."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from OpenSSL.SSL import Error as TlsError
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived

from p2pd.discovery.tracker_client.http_tracker import HttpTracker
from p2pd.discovery.tracker_client.names import Names
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
    TrackerTimeoutError,
)
from p2pd.protocols.tracker.http import MAX_ANSWER
from tests.discovery.fake_network import FakeAgent, FakeReactor, FakeResponse

URL = "http://192.0.2.9:8080/announce?key=1"
REQUEST = AnnounceRequest(b"h" * 20, b"p" * 20, 6881, 1, 2, 3)
GOOD = b"d8:intervali900e5:peers6:\xc0\x00\x02\x01\x1a\xe1e"


class Web:
    def __init__(self, *answers: Any) -> None:
        self.reactor = FakeReactor()
        self.reactor.names["tracker.test"] = ["192.0.2.9"]
        self.agent = FakeAgent(*answers)
        self.tracker = HttpTracker(self.agent, self.reactor, Names(self.reactor))

    def announce(self, url: str = URL) -> Deferred[AnnounceAnswer]:
        return Deferred.fromCoroutine(self.tracker.announce(url, REQUEST))

    def answer(self, url: str = URL) -> AnnounceAnswer:
        found: list[AnnounceAnswer] = []
        self.announce(url).addCallback(found.append)
        return found[0]

    def problem(self, url: str = URL) -> TrackerError:
        found: list[Any] = []
        self.announce(url).addBoth(found.append)
        assert isinstance(found[0], Failure), found
        assert isinstance(found[0].value, TrackerError), found
        return found[0].value


def test_an_announce_is_one_get_with_the_urls_own_query() -> None:
    web = Web(FakeResponse(GOOD))
    answer = web.answer()
    assert (answer.interval, str(answer.peers[0])) == (900, "192.0.2.1:6881")
    uri, headers = web.agent.requests[0]
    assert uri.startswith(b"http://192.0.2.9:8080/announce?key=1&info_hash=hhhhhhhhhhhhhhhhhhhh&")
    assert b"compact=1" in uri
    assert headers.getRawHeaders("user-agent")[0].startswith("p2pd/")
    assert web.reactor.getDelayedCalls() == []


def test_gzip_is_unpacked() -> None:
    body = gzip.compress(GOOD, mtime=0)
    assert Web(FakeResponse(body, headers={"Content-Encoding": "gzip"})).answer().interval == 900


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"junk", "its answer is broken gzip"),
        (gzip.compress(GOOD, mtime=0)[:-12], "its answer is broken gzip"),
        (
            gzip.compress(bytes(MAX_ANSWER + 1), mtime=0),
            "its answer unpacks to more than 2097152 bytes",
        ),
    ],
)
def test_bad_gzip_is_refused(body: bytes, words: str) -> None:
    problem = Web(FakeResponse(body, headers={"Content-Encoding": "gzip"})).problem()
    assert str(problem) == words


def test_an_endless_body_is_cut_off() -> None:
    response = FakeResponse([bytes(1024 * 1024)] * 3)
    assert str(Web(response).problem()) == "its answer is longer than 2097152 bytes"
    assert response.transport.aborted


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (FakeResponse(b"<html>no</html>"), "it answered a web page, not a tracker's answer"),
        (FakeResponse(b""), "it answered something that is not bencoded"),
        (FakeResponse(b"<html>", 404), "it answered HTTP 404"),
        (FakeResponse(b"", 503), "it answered HTTP 503"),
        (FakeResponse(b"d14:failure reason4:Gonee", 410), "Gone"),
        (
            FakeResponse(GOOD[:9], end=ResponseFailed([])),
            "the connection broke in the middle of its answer",
        ),
    ],
)
def test_what_is_no_answer_is_said_in_words(response: FakeResponse, words: str) -> None:
    assert str(Web(response).problem()) == words


class VerificationError(Exception):
    """As service_identity calls it."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DNSLookupError(), "its name cannot be found"),
        (ConnectTimeout(), "it does not answer"),
        (Refused("no"), "cannot connect: Connection was refused by other side: no"),
        (ResponseNeverReceived([]), "it closed the connection without an answer"),
        (
            ResponseNeverReceived([Failure(TlsError("certificate verify failed"))]),
            "its TLS certificate cannot be verified",
        ),
        (
            ResponseNeverReceived([Failure(VerificationError("x"))]),
            "its TLS certificate cannot be verified",
        ),
        (
            ResponseNeverReceived([Failure(TlsError("ssl wrong version number"))]),
            "no TLS connection can be made to it",
        ),
        (RuntimeError("odd"), "cannot be asked: odd"),
    ],
)
def test_what_goes_wrong_is_said_in_words(error: Exception, words: str) -> None:
    assert str(Web(error).problem()) == words


def test_no_answer_is_a_time_out_after_thirty_seconds() -> None:
    cancelled: list[object] = []
    web = Web(Deferred(cancelled.append))
    found: list[Any] = []
    web.announce().addBoth(found.append)
    web.reactor.advance(29.9)
    assert not found
    web.reactor.advance(0.1)
    assert isinstance(found[0].value, TrackerTimeoutError)
    assert str(found[0].value) == "no answer within 30 seconds"
    assert cancelled
    assert web.reactor.getDelayedCalls() == []


def test_a_body_that_drips_counts_against_the_time_too() -> None:
    response = FakeResponse([b"d"])
    web = Web(response)
    found: list[Any] = []
    web.announce().addBoth(found.append)
    web.reactor.advance(30)
    assert isinstance(found[0].value, TrackerTimeoutError)
    assert response.transport.aborted


def test_a_cancelled_announce_lets_go_of_its_connection() -> None:
    cancelled: list[object] = []
    web = Web(Deferred(cancelled.append))
    announce = web.announce()
    announce.addErrback(lambda failure: None)
    announce.cancel()
    assert cancelled
    assert web.reactor.getDelayedCalls() == []


# -- redirects -------------------------------------------------------------------------------------


def redirect(location: str, code: int = 302) -> FakeResponse:
    return FakeResponse([b"moved"], code, {"Location": location})


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_their_bodies_hung_up(code: int) -> None:
    moved = redirect("/elsewhere?x=1", code)
    web = Web(moved, FakeResponse(GOOD))
    assert web.answer().interval == 900
    assert web.agent.requests[1][0] == b"http://192.0.2.9:8080/elsewhere?x=1"
    assert moved.transport.aborted


def test_five_redirects_and_no_more() -> None:
    assert Web(*[redirect("/x")] * 5, FakeResponse(GOOD)).answer().interval == 900
    web = Web(redirect("/x"))
    assert str(web.problem()) == "it redirects more than 5 times"
    assert len(web.agent.requests) == 6


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("", "it redirects to nowhere"),
        ("file:///etc/passwd", "it redirects to something that is not HTTP"),
        ("udp://192.0.2.1:80", "it redirects to something that is not HTTP"),
        ("http://[::1", "it redirects to something that is no URL"),
        ("http://h:99999/", "its URL has no valid host and port"),
        ("http://192.0.2.1/" + "x" * 9000, "its URL is too long"),
    ],
)
def test_where_no_redirect_may_lead(location: str, words: str) -> None:
    assert str(Web(redirect(location)).problem()) == words


# -- URLs ------------------------------------------------------------------------------------------


def test_a_login_goes_into_a_header_and_not_to_others() -> None:
    web = Web(redirect("http://198.51.100.1/announce"), FakeResponse(GOOD))
    web.answer("http://me:s%40crt@192.0.2.9/announce")
    (first, with_login), (second, without) = web.agent.requests
    assert first.startswith(b"http://192.0.2.9/announce?")
    assert with_login.getRawHeaders("authorization") == ["Basic bWU6c0BjcnQ="]
    assert second == b"http://198.51.100.1/announce"
    assert without.getRawHeaders("authorization") is None


def test_other_letters_are_made_ascii() -> None:
    web = Web(FakeResponse(GOOD))
    web.reactor.names["xn--mnchen-3ya.test"] = ["192.0.2.9"]
    web.answer("http://münchen.test/größe/announce")
    uri = web.agent.requests[0][0]
    assert uri.startswith(b"http://xn--mnchen-3ya.test/gr%C3%B6%C3%9Fe/announce?info_hash=")


def test_an_ipv6_literal_keeps_its_brackets() -> None:
    web = Web(FakeResponse(GOOD))
    web.answer("http://[2001:DB8::1]:80/announce")
    assert web.agent.requests[0][0].startswith(b"http://[2001:db8::1]:80/announce?")


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1/announce",
        "http:///announce",
        "http://h:x/announce",
        "http://h:0/announce",
        "http://a..b/announce",
        "http://" + "a" * 64 + ".test/announce",
        "http://a b.test/announce",
        "http://\ud800.test/announce",
        "http://x.test/\ud800",
    ],
)
def test_a_broken_url_is_said_in_words(url: str) -> None:
    web = Web(FakeResponse(GOOD))
    assert "URL" in str(web.problem(url))
    assert web.agent.requests == []


def test_a_name_that_is_not_found_is_not_requested() -> None:
    web = Web(FakeResponse(GOOD))
    assert str(web.problem("http://nowhere.test/announce")) == "its name cannot be found"
    assert web.agent.requests == []


# -- scrapes ---------------------------------------------------------------------------------------


def test_a_scrape_asks_beside_the_announce() -> None:
    web = Web(FakeResponse(b"d5:filesd20:" + b"h" * 20 + b"d8:completei5eeee"))
    found: list[Any] = []
    Deferred.fromCoroutine(web.tracker.scrape(URL, [b"h" * 20])).addBoth(found.append)
    assert found == [{b"h" * 20: ScrapeCounts(seeders=5)}]
    assert web.agent.requests[0][0].startswith(b"http://192.0.2.9:8080/scrape?key=1&info_hash=h")


def test_not_every_tracker_can_be_scraped() -> None:
    web = Web(FakeResponse(b"de"))
    found: list[Any] = []
    Deferred.fromCoroutine(web.tracker.scrape("http://192.0.2.9/x", [])).addBoth(found.append)
    assert str(found[0].value) == "this tracker cannot be scraped"
