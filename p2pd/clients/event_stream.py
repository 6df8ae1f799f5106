"""Following a daemon from a program without a reactor: the WebSocket at /rpc/events, blocking.

Knows frames and JSON-RPC 2.0; a stream that broke is opened again by who reads it, with its cursor.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Message,
    Ping,
    RejectConnection,
    RejectData,
    Request,
)
from wsproto.utilities import ProtocolError

from p2pd.clients.api_client import ApiError, CannotConnectError, Door, JsonObject, answer_of

SILENCE_SECONDS = 75.0
"""The daemon pings twice in that time: then the connection is dead."""

READ_BYTES = 256 * 1024
MOST_BYTES = 512 * 1024 * 1024
"""Of one message."""


class EventStream:
    """One connection. Every method raises CannotConnectError when it breaks, ApiError for a no."""

    def __init__(self, door: Door, token: str | None) -> None:
        self._door = door
        self._wire = WSConnection(ConnectionType.CLIENT)
        self._messages: deque[JsonObject] = deque()
        self._text: list[str] = []
        self._size = 0
        self._open = False
        self._refused = 0
        self._said = b""
        self._ids = itertools.count(1)
        self._socket = door.connect(SILENCE_SECONDS)
        headers = [] if token is None else [(b"Authorization", f"Bearer {token}".encode())]
        try:
            self._send(Request(door.host, f"{door.path}/events", extra_headers=headers))
            while not self._open:
                self._read()
        except BaseException:
            self.close()
            raise

    def call(self, method: str, **params: Any) -> JsonObject:
        """The result of a call; what is told meanwhile is kept for `told`."""
        number = next(self._ids)
        call = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self._send(Message(json.dumps(call)))
        while True:
            for message in self._messages:
                if "method" not in message and message.get("id") == number:
                    self._messages.remove(message)
                    return answer_of(message)
            self._read()

    def told(self) -> Iterator[tuple[str, JsonObject]]:
        """What is told, with the notification's method, for as long as the connection lasts."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                params = message.get("params")
                if isinstance(params, dict):
                    yield str(message.get("method")), params
            self._read()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    # -- frames --------------------------------------------------------------------------------

    def _send(self, event: Any) -> None:
        try:
            self._socket.sendall(self._wire.send(event))
        except (OSError, ProtocolError) as error:
            raise self._door.broken(error) from None

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
            self._wire.receive_data(data or None)
            for event in self._wire.events():
                self._handle(event)
        except TimeoutError:
            raise CannotConnectError("the daemon says nothing any more") from None
        except (OSError, ProtocolError, ValueError, RecursionError) as error:
            raise self._door.broken(error) from None
        if not data:
            raise CannotConnectError("the daemon hung up")

    def _handle(self, event: Any) -> None:
        match event:
            case AcceptConnection():
                self._open = True
            case RejectConnection():
                self._refused = event.status_code
                if not event.has_body:
                    raise self._no()
            case RejectData():
                self._said += event.data[:1000]
                if event.body_finished:
                    raise self._no()
            case Ping():
                self._send(event.response())
            case CloseConnection():
                raise CannotConnectError(f"the daemon hung up: {event.reason or event.code}")
            case Message():
                self._take(str(event.data), whole=event.message_finished)

    def _take(self, part: str, *, whole: bool) -> None:
        self._size += len(part)
        if self._size > MOST_BYTES:
            raise ValueError("a message without end")
        self._text.append(part)
        if whole:
            message = json.loads("".join(self._text))
            self._text, self._size = [], 0
            if isinstance(message, dict):
                self._messages.append(message)

    def _no(self) -> ApiError:
        said = self._said.decode("utf-8", "replace").partition("\n")[0]
        return ApiError(0, f"the daemon answered {self._refused}: {said}")
