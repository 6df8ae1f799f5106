"""Web seeds asked over HTTP: what goes out, what comes in, whom they may be, and every bound."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from p2pd.discovery.web_seed_client.bodies import STALL_SECONDS
from p2pd.discovery.web_seed_client.client import HEAD_SECONDS, REDIRECTS, HttpLine, WebSeedClient
from p2pd.discovery.web_seed_client.interfaces import Flow, Place, Question
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.protocols.webseed.answers import SeedError, Wanted
from tests.discovery.memory_server import MemoryReactor, Wire

URL = "http://seed.test/a%20b.bin"
PUBLIC, OTHER, LOCAL = "203.0.113.5", "203.0.113.6", "192.168.1.9"
WANTED = Wanted(100, 50, 1000)
HEAD = "HTTP/1.1 206 Partial Content\nContent-Range: bytes 100-149/1000\nContent-Length: 50"


class Asked:
    """One question, and what came of it."""

    def __init__(self, line: HttpLine, url: str, named: str, wanted: Wanted) -> None:
        self.came = b""
        self.host = ""
        self.flow: Flow | None = None
        self.results: list[Any] = []
        question = Question(named, Place(url), wanted)
        self.work = Deferred.fromCoroutine(line.get(question, self))
        self.work.addBoth(self.results.append)

    def begins(self, host: str, flow: Flow) -> None:
        self.host, self.flow = host, flow

    def received(self, data: bytes) -> None:
        self.came += data

    @property
    def place(self) -> Place:
        (place,) = self.results
        assert isinstance(place, Place), place
        return place

    @property
    def problem(self) -> SeedError:
        (failure,) = self.results
        assert isinstance(failure, Failure), failure
        assert isinstance(failure.value, SeedError), failure
        return failure.value


class Web:
    """A client, and the servers that it finds."""

    def __init__(self, *, https_only: bool = False, credentials: Any = lambda: None) -> None:
        self.reactor = MemoryReactor()
        self.reactor.names |= {
            "seed.test": [PUBLIC], "other.test": [OTHER], "home.test": [LOCAL],
            "both.test": [PUBLIC, OTHER],
        }  # fmt: skip
        self.away: set[str] = set()
        client = WebSeedClient(self.reactor, "", lambda: 1_700_000_000.0)
        self.line = client.line(credentials, self.away.__contains__, https_only=https_only)

    def ask(self, url: str = URL, *, named: str = "", wanted: Wanted = WANTED) -> Asked:
        return Asked(self.line, url, named or url, wanted)

    @property
    def wire(self) -> Wire:
        """The last connection."""
        return self.reactor.wires[-1]


def test_one_range_is_asked_for_and_comes() -> None:
    web = Web()
    asked = web.ask()
    (request,) = web.wire.requests
    first, *headers = request.split("\r\n")
    assert first == "GET /a%20b.bin HTTP/1.1"
    assert "Range: bytes=100-149" in headers
    assert "Accept-Encoding: identity" in headers
    assert "Host: seed.test" in headers
    assert not any(header.startswith(("Authorization", "Cookie")) for header in headers)
    web.wire.answer(HEAD, b"x" * 20)
    assert (asked.came, asked.host, asked.results) == (b"x" * 20, PUBLIC, [])
    web.wire.send(b"y" * 30)
    assert asked.came == b"x" * 20 + b"y" * 30
    assert asked.place == Place(URL)


def test_the_connection_is_kept_for_the_next_question_and_not_for_ever() -> None:
    web = Web()
    for _ in range(3):
        asked = web.ask()
        web.wire.answer(HEAD, bytes(50))
        assert asked.place
    assert len(web.reactor.wires) == 1
    web.reactor.advance(31)
    assert web.wire.disconnecting
    assert web.reactor.getDelayedCalls() == []


def test_who_ends_it_hangs_up() -> None:
    web = Web()
    asked = web.ask()
    web.wire.answer(HEAD, b"x")
    asked.work.cancel()
    assert web.wire.aborted
    assert isinstance(asked.results[0].value, CancelledError)
    web.line.close()
    assert web.reactor.getDelayedCalls() == []


def test_who_ends_it_before_an_answer_hears_of_no_failure_of_the_seed() -> None:
    web = Web()
    asked = web.ask()
    asked.work.cancel()
    assert web.wire.aborted
    assert isinstance(asked.results[0].value, CancelledError)
    web = Web()
    web.reactor.silent.add(PUBLIC)
    asked = web.ask()
    asked.work.cancel()
    assert isinstance(asked.results[0].value, CancelledError)
    web.line.close()
    assert web.reactor.getDelayedCalls() == []


def test_a_login_is_a_header_and_goes_no_further() -> None:
    web = Web()
    asked = web.ask("http://me:secret@seed.test/x")
    assert "Authorization: Basic bWU6c2VjcmV0" in web.wire.requests[0]
    web.wire.answer("HTTP/1.1 302 Found\nLocation: http://other.test/x\nContent-Length: 0")
    assert "Authorization" not in web.wire.requests[0]
    web.wire.answer(HEAD, bytes(50))
    assert asked.place == Place("http://other.test/x", from_outside=True)


@pytest.mark.parametrize(
    ("head", "body", "words"),
    [
        ("HTTP/1.1 200 OK\nContent-Length: 1000", b"", "it does not send parts of files"),
        ("HTTP/1.1 404 Not Found\nContent-Length: 9", b"", "it does not give this file out"),
        (HEAD.replace("149", "148"), b"", "it sends another part"),
        (HEAD.replace("/1000", "/999"), b"", "its file has 999 bytes, that of the torrent 1000"),
        ("SSH-2.0-OpenSSH", b"", "it"),
    ],
)
def test_what_is_not_what_was_asked_for_is_not_read(head: str, body: bytes, words: str) -> None:
    web = Web()
    asked = web.ask()
    web.wire.answer(head, body)
    assert str(asked.problem).startswith(words)
    assert asked.came == b""
    assert web.wire.aborted or web.wire.disconnecting


def test_more_than_was_asked_for_is_cut_off() -> None:
    web = Web()
    asked = web.ask()
    web.wire.answer(
        "HTTP/1.1 206 OK\nContent-Range: bytes 100-149/1000\nTransfer-Encoding: chunked",
        b"28\r\n" + bytes(40) + b"\r\n28\r\n" + bytes(40) + b"\r\n",
    )
    assert str(asked.problem) == "it sends more than it was asked for"
    assert len(asked.came) == 40
    assert web.wire.aborted


def test_less_than_was_asked_for_is_said() -> None:
    web = Web()
    asked = web.ask()
    web.wire.answer(
        "HTTP/1.1 206 OK\nContent-Range: bytes 100-149/1000\nTransfer-Encoding: chunked",
        b"a\r\n" + bytes(10) + b"\r\n0\r\n\r\n",
    )
    assert str(asked.problem) == "it sent less than it was asked for"


def test_headers_without_end_are_cut_off() -> None:
    web = Web()
    asked = web.ask()
    web.wire.send(b"HTTP/1.1 206 OK\r\n")
    for number in range(100):
        if not web.wire.aborted:
            web.wire.send(f"X-{number}: {'y' * 10_000}\r\n".encode())
    assert web.wire.aborted
    web.reactor.advance(HEAD_SECONDS + 1)
    assert asked.problem


def test_who_does_not_answer_is_not_waited_for() -> None:
    web = Web()
    asked = web.ask()
    web.reactor.advance(HEAD_SECONDS + 1)
    assert str(asked.problem) == "no answer within 30 seconds"
    assert web.wire.aborted


def test_who_sends_next_to_nothing_is_not_waited_for() -> None:
    web = Web()
    asked = web.ask(wanted=Wanted(0, 1_000_000, 1_000_000))
    web.wire.answer("HTTP/1.1 200 OK\nContent-Length: 1000000", bytes(50_000))
    web.reactor.advance(STALL_SECONDS)
    assert asked.results == []
    web.wire.send(b"x")
    web.reactor.advance(STALL_SECONDS)
    assert "next to nothing" in str(asked.problem)
    assert web.wire.aborted


def test_while_we_do_not_read_nothing_is_held_against_it() -> None:
    web = Web()
    asked = web.ask(wanted=Wanted(0, 1_000_000, 1_000_000))
    web.wire.answer("HTTP/1.1 200 OK\nContent-Length: 1000000", bytes(50_000))
    assert asked.flow is not None
    asked.flow.pause()
    assert web.wire.producerState == "paused"
    web.reactor.advance(10 * STALL_SECONDS)
    asked.flow.resume()
    assert web.wire.producerState == "producing"
    web.reactor.advance(STALL_SECONDS)
    assert asked.results == []
    web.wire.send(bytes(950_000))
    assert asked.place


def test_the_seconds_in_the_body_of_a_503() -> None:
    web = Web()
    asked = web.ask()
    web.wire.answer("HTTP/1.1 503 Busy\nContent-Length: 2", b"90")
    assert asked.problem.wait == 90
    asked = web.ask()
    web.wire.answer("HTTP/1.1 503 Busy\nContent-Length: 9000", b"<html>" * 100)
    assert asked.problem.wait == 0


# -- redirects -------------------------------------------------------------------------------------


def moved(to: str) -> str:
    """A redirect."""
    return f"HTTP/1.1 302 Found\nLocation: {to}\nContent-Length: 0"


def test_redirects_are_followed_some_times() -> None:
    web = Web()
    asked = web.ask()
    for number in range(REDIRECTS + 1):
        assert asked.results == []
        web.wire.answer(moved(f"/{number}"))
    assert str(asked.problem) == f"it redirects more than {REDIRECTS} times"


def test_nobody_outside_sends_us_into_the_local_network() -> None:
    for there in ("http://home.test/x", "http://127.0.0.1/x", "http://[::1]/x"):
        web = Web()
        asked = web.ask()
        web.wire.answer(moved(there))
        assert str(asked.problem) == "it redirects into the local network"
        assert len(web.reactor.wires) == 1


def test_in_the_local_network_it_may_be_sent_on() -> None:
    web = Web()
    asked = web.ask("http://home.test/x")
    assert web.wire.at == (LOCAL, 80)
    web.wire.answer(moved("http://127.0.0.1/y"))
    web.wire.answer(HEAD, bytes(50))
    assert asked.place == Place("http://127.0.0.1/y")


def test_a_question_is_asked_of_nobody_in_the_local_network() -> None:
    web = Web()
    assert "question mark" in str(web.ask("http://home.test/do?reboot=1").problem)
    assert web.reactor.wires == []


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0", "0.1.2.3", "[::]", "[::ffff:0.0.0.0]", "100.64.0.1",
        "[64:ff9b::192.168.1.9]", "[2002:c0a8:109::1]",
    ],
)  # fmt: skip
def test_what_leads_to_this_machine_or_near_is_no_way_around_it(host: str) -> None:
    web = Web()
    assert "question mark" in str(web.ask(f"http://{host}/do?reboot=1").problem)
    asked = web.ask()
    web.wire.answer(moved(f"http://{host}/x"))
    assert str(asked.problem) == "it redirects into the local network"
    asked = web.ask(f"http://{host}/x")
    web.wire.answer(moved("http://home.test/y"))
    assert str(asked.problem) == "it redirects into the local network", "strangers are there, too"


def test_a_name_that_moved_into_the_local_network_is_not_followed_there() -> None:
    web = Web()
    question = Question(URL, Place("http://home.test/x", from_outside=True), WANTED)
    found: list[Any] = []
    asked = Asked(web.line, URL, URL, WANTED)
    asked.work.cancel()
    Deferred.fromCoroutine(web.line.get(question, asked)).addBoth(found.append)
    assert str(found[0].value) == "it redirects into the local network"


def test_who_is_near_and_who_is_outside_by_one_name_are_not_taken_for_one_another() -> None:
    web = Web()
    web.reactor.names["two.test"] = [LOCAL, PUBLIC]
    web.reactor.refused.add(LOCAL)
    asked = web.ask("http://two.test/a")
    web.wire.answer(HEAD, bytes(50))
    assert asked.place
    web.reactor.refused.clear()
    asked = web.ask("http://two.test/a")
    assert [wire.at[0] for wire in web.reactor.wires] == [PUBLIC], "what is open is used again"
    web.wire.answer(moved("http://192.168.1.9:9091/?reboot=1"))
    assert str(asked.problem) == "it redirects into the local network"


def test_a_name_that_is_somewhere_else_by_now_is_asked_there() -> None:
    web = Web()
    asked = web.ask()
    web.wire.answer(HEAD, bytes(50))
    assert asked.place
    web.away.add(PUBLIC)
    web.line._client.names.resolved("seed.test", (PUBLIC, OTHER))
    asked = web.ask()
    assert web.wire.at == (OTHER, 80)
    web.wire.answer(HEAD, bytes(50))
    assert (asked.host, asked.place) == (OTHER, Place(URL))


@pytest.mark.parametrize("there", ["ftp://x/y", "file:///etc/passwd", "gopher://x/", "magnet:?x"])
def test_redirects_lead_to_http_alone(there: str) -> None:
    web = Web()
    asked = web.ask()
    web.wire.answer(moved(there))
    assert str(asked.problem) == "it redirects to something that is not HTTP"


# -- whom not to ask -------------------------------------------------------------------------------


def test_who_is_banned_is_not_asked() -> None:
    web = Web()
    web.away.add(PUBLIC)
    assert str(web.ask().problem) == "its address is banned or on the blocklist"
    asked = web.ask("http://both.test/x")
    assert web.wire.at == (OTHER, 80)
    asked.work.cancel()


def test_another_address_is_tried() -> None:
    web = Web()
    web.reactor.refused.add(PUBLIC)
    asked = web.ask("http://both.test/x")
    assert web.wire.at == (OTHER, 80)
    web.wire.answer(HEAD, bytes(50))
    assert asked.place
    assert "refused" in str(web.ask("http://seed.test/x").problem)


def test_what_is_not_for_the_clear_is_not_asked_in_the_clear() -> None:
    web = Web(https_only=True)
    assert str(web.ask().problem).startswith("it is not HTTPS")
    assert web.reactor.wires == []
    assert web.reactor.lookups == []


def test_a_torrent_with_nothing_to_show_asks_nobody() -> None:
    def nothing() -> None:
        raise TrackerError("it is not asked, since it has no certificate")

    web = Web(https_only=True, credentials=nothing)
    assert "no certificate" in str(web.ask("https://seed.test/x").problem)
    assert web.reactor.wires == []


@pytest.mark.parametrize("url", ["http://seed.test:99999/", "http:///x", "http://[::1/", "x"])
def test_what_is_no_url_is_said(url: str) -> None:
    assert str(Web().ask(url).problem)
