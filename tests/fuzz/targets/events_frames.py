"""Fuzz target: what a client sends at /rpc/events, frames and calls. It is told, or told to go."""

from __future__ import annotations

import json
import os
from typing import Any
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from p2pd.control.errors import RpcError
from p2pd.control.events.cursor import parse_cursor
from p2pd.control.events.events_load import EventsLoad
from p2pd.control.events.subscription import parse_wish
from p2pd.control.events.web_socket import MESSAGE_LIMIT, WebSocket
from p2pd.control.message import BadCall, calls_of, parse_json


def _frame(value: Any) -> bytes:
    with patch.object(os, "urandom", bytes):  # its mask is the same from run to run
        return Connection(ConnectionType.CLIENT).send(TextMessage(json.dumps(value)))


SEEDS: list[bytes] = [
    _frame(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "events_subscribe",
            "params": {
                "ids": [1, "ab"],
                "label": "tv",
                "fields": ["name"],
                "kinds": ["all"],
                "interval": 0.5,
                "cursor": "0123456789abcdef.1.2",
            },
        }
    ),
    _frame([{"jsonrpc": "2.0", "method": "events_unsubscribe", "params": {"subscription": 1}}]),
    b"\x01\x81\0\0\0\0[\x80\x81\0\0\0\0]\x89\x80\0\0\0\0\x88\x82\0\0\0\0\x03\xe8",
    b"\x81\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0",
]


class _Receiver:
    """Reads calls as the client does that is behind a connection."""

    def received(self, message: bytes) -> None:
        assert len(message) <= MESSAGE_LIMIT
        try:
            body = calls_of(parse_json(message))
        except RpcError:
            return
        for call in body.entries:
            if not isinstance(call, BadCall):
                self._wish(call.params)

    def _wish(self, params: Any) -> None:
        try:
            wish, cursor = parse_wish(params)
        except RpcError as error:
            error.to_json()
            return
        hash(wish)
        parse_cursor(cursor or "")

    def lost(self) -> None:
        """Nothing is to be done."""

    def is_welcome(self) -> bool:
        return True


class _Transport(StringTransport):
    def abortConnection(self) -> None:
        self.loseConnection()


def fuzz(data: bytes) -> None:
    """Hand the bytes to a connection, in two parts."""
    socket = WebSocket(Connection(ConnectionType.SERVER), EventsLoad(), Clock())
    socket.receiver = _Receiver()
    transport = _Transport()
    socket.makeConnection(transport)
    half = len(data) // 2
    for part in (data[:half], data[half:]):
        if not transport.disconnecting:
            socket.dataReceived(part)
