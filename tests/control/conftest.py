"""HTTP in memory, through the real site, to a session that only remembers what it was asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.testing import MemoryReactorClock, StringTransport

from p2pd.control.access.accounts import Accounts
from p2pd.control.methods.swarm_ca_methods import SwarmCaParts
from p2pd.control.site_making import SiteParts, make_control_site
from tests.automation.hook_world import HookWorld
from tests.automation.rss_world import World
from tests.automation.swarm_ca_world import Node
from tests.automation.swarm_ca_world import World as SwarmCaWorld
from tests.control.fake_session import FakeSession
from tests.control.fake_torrents import NOW, FakeTorrent

TOKEN = "a-token-of-some-length"
ADDRESS = "http://10.0.0.5:9091"
"""Where other nodes reach the site."""


async def at_once(work: Callable[..., Any], *args: Any) -> Any:
    """In the place of a thread."""
    return work(*args)


class FakeSource:
    """Gives what `holds` has for a URL or path."""

    def __init__(self) -> None:
        self.holds: dict[str, bytes | str] = {}

    async def fetch(self, url: str, cookies: str | None) -> bytes | str:
        return self.holds[url]

    async def read(self, path: str) -> bytes:
        data = self.holds[path]
        assert isinstance(data, bytes)
        return data


@dataclass
class Answer:
    """An HTTP answer taken apart."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        assert "error" not in self.json, self.json
        return self.json["result"]

    @property
    def error(self) -> tuple[int, str]:
        error = self.json["error"]
        return error["code"], error.get("data", {}).get("error_string", "")


class Caller:
    """Sends requests to the site as a client at `host` would, each on a connection of its own."""

    def __init__(self, session: FakeSession, token: str | None = TOKEN, **options: Any) -> None:
        self.clock = MemoryReactorClock()
        self.source = FakeSource()
        self.host = "127.0.0.1"
        self.token = token
        self.accounts = Accounts(token, in_thread=at_once, wall=lambda: NOW)
        given = {"rss": World().rss, "hooks": HookWorld().hooks, **options}
        parts = SiteParts(
            version="1.2.3",
            allowed_hosts=["seedbox.test", "*.lan"],
            wall_clock=lambda: NOW,
            torrent_source=self.source,
            **given,
        )
        self.site = make_control_site(session, self.accounts, self.clock, parts)

    def connect(self, kind: type[StringTransport] = StringTransport) -> tuple[Any, Any]:
        family = IPv6Address if ":" in self.host else IPv4Address
        transport = kind(peerAddress=family("TCP", self.host, 50000))
        protocol = self.site.buildProtocol(transport.getPeer())
        protocol.makeConnection(transport)
        return protocol, transport

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str | None] | None = None,
    ) -> Answer:
        return self.answer(self.begin(method, path, body, headers))

    def begin(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str | None] | None = None,
    ) -> StringTransport:
        """Send a request; the transport has the answer when there is one."""
        all_headers: dict[str, str | None] = {"Host": "127.0.0.1:9091"}
        if self.token is not None:
            all_headers["Authorization"] = f"Bearer {self.token}"
        if body:
            all_headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        all_headers |= headers or {}
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in all_headers.items() if value is not None]
        protocol, transport = self.connect()
        protocol.dataReceived("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return transport

    @staticmethod
    def answer(transport: StringTransport) -> Answer:
        head, _, body = transport.value().partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers.setdefault(name.lower(), []).append(value)
        return Answer(int(first.split()[1]), headers, body)

    def post(self, value: Any, path: str = "/rpc", **headers: str | None) -> Answer:
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.send("POST", path, json.dumps(value).encode(), given)

    def call(self, method: str, /, **params: Any) -> Answer:
        return self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def caller(session: FakeSession) -> Caller:
    return Caller(session)


@pytest.fixture
def open_caller(session: FakeSession) -> Caller:
    """A site without a login."""
    return Caller(session, token=None)


@pytest.fixture
def caller_with(session: FakeSession) -> Callable[..., Caller]:
    """A site with other options."""
    return lambda **options: Caller(session, **options)


def swarm_ca_parts(node: Node) -> SwarmCaParts:
    """What the site of a node with CAs needs of it."""
    return SwarmCaParts(
        node.authorities, node.own, node.renewals, node.enrolments, lambda: [ADDRESS], "here"
    )


@pytest.fixture
def whole_caller(session: FakeSession, tmp_path: Path) -> Caller:
    """A site with every method that there is."""
    return Caller(session, swarm_ca=swarm_ca_parts(SwarmCaWorld(tmp_path).node("here")))


@pytest.fixture
def fake_torrent() -> type[FakeTorrent]:
    return FakeTorrent


@pytest.fixture
def basic() -> Any:
    """Makes a Basic header."""
    return lambda user, password: (
        "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    )
