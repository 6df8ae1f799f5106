"""A client that follows, over the real site and its frames, and keeps a copy of what it is told."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, Pong, TextMessage

GET = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:9091\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n{more}\r\n"
)


class Transport(StringTransport):
    """Knows whether it was cut, and can be full."""

    cut = False

    def abortConnection(self) -> None:
        self.cut = True
        super().abortConnection()


class FollowingClient:
    """A connection, and the copy. `caller` is that of conftest.py; `cursor` goes on after one."""

    def __init__(self, caller: Any, *, more: str = "", path: str = "/rpc/events") -> None:
        self.clock = caller.clock
        self.protocol, self.transport = caller.connect(Transport)
        if caller.token is not None:
            more = f"Authorization: Bearer {caller.token}\r\n{more}"
        self.protocol.dataReceived(GET.format(path=path, more=more).encode())
        self.head, _, rest = self.transport.value().partition(b"\r\n\r\n")
        self.status = int(self.head.split()[1])
        self.wire = Connection(ConnectionType.CLIENT)
        self.transport.clear()
        self.transport.write(rest)
        self.answers: dict[Any, Any] = {}
        self.told: list[Any] = []
        self.pings = 0
        self.pongs: list[bytes] = []
        self.closed: tuple[int, str | None] | None = None
        self.cursor: str | None = None
        self.torrents: dict[int, dict[str, Any]] = {}
        self.facts: dict[str, dict[str, Any]] = {"session": {}, "statistics": {}}
        self.events: list[dict[str, Any]] = []
        self._text = ""
        self._ids = 0

    # -- frames --------------------------------------------------------------------------------

    def raw(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def event(self, event: Any) -> None:
        self.raw(self.wire.send(event))

    def send(self, value: Any) -> None:
        self.event(TextMessage(json.dumps(value)))

    def read(self) -> None:
        """Take what came."""
        data = self.transport.value()
        self.transport.clear()
        if data:
            self.wire.receive_data(data)
            for event in self.wire.events():
                self._handle(event)

    def _handle(self, event: Any) -> None:
        if isinstance(event, CloseConnection):
            self.closed = event.code, event.reason
        elif isinstance(event, Ping):
            self.pings += 1
        elif isinstance(event, Pong):
            self.pongs.append(bytes(event.payload))
        elif isinstance(event, Message):
            self._text += str(event.data)
            if event.message_finished:
                text, self._text = self._text, ""
                self._take(json.loads(text))

    # -- what is told --------------------------------------------------------------------------

    def _take(self, value: Any) -> None:
        if isinstance(value, list) or "method" not in value:
            self.answers[json.dumps(value[0]["id"] if isinstance(value, list) else value["id"])] = (
                value
            )
            return
        self.told.append(value)
        params = value["params"]
        if value["method"] == "events_resync":
            self.torrents, self.cursor = {}, None
            self.facts = {"session": {}, "statistics": {}}
        for row in params.get("torrents", ()):
            self.torrents.setdefault(row["id"], {}).update(row)
        for id_ in params.get("removed", ()):
            self.torrents.pop(id_, None)
        for kind, known in self.facts.items():
            known.update(params.get(kind, {}))
        self.events += params.get("events", ())
        if not params.get("more"):
            self.cursor = params["cursor"]

    # -- calls ---------------------------------------------------------------------------------

    def call(self, method: str, **params: Any) -> Any:
        """The result, or the error."""
        self._ids += 1
        self.send({"jsonrpc": "2.0", "id": self._ids, "method": method, "params": params})
        self.read()
        answer = self.answers[json.dumps(self._ids)]
        return answer.get("result", answer.get("error"))

    def wait(self, seconds: float = 1.0) -> None:
        """Let time pass, and take what came."""
        for _ in range(int(seconds / 0.05) or 1):
            self.clock.advance(0.05)
        self.read()

    def kinds(self) -> list[str]:
        """The methods of what was told since this was asked last."""
        told = [value["method"] for value in self.told]
        self.told.clear()
        return told

    # -- trouble -------------------------------------------------------------------------------

    def stall(self) -> None:
        """Read nothing more: the connection is full."""
        self.transport.producer.pauseProducing()

    def go_on(self) -> None:
        """Read again."""
        self.transport.producer.resumeProducing()

    def lose(self) -> None:
        """The connection breaks."""
        self.protocol.connectionLost(Failure(ConnectionDone()))
