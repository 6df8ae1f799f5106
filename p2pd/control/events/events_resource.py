"""GET /rpc/events: a request that asks for a WebSocket becomes one."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError

from p2pd.control.events.client import EventsClient, Perform
from p2pd.control.events.hub import EventsHub
from p2pd.control.events.web_socket import WebSocket
from p2pd.control.gate import Gate, is_same_origin, nothing_here, say
from p2pd.control.request import ControlRequest
from p2pd.control.rpc_load import RpcLoad

HOW = "follow events with a WebSocket (RFC 6455)"


class EventsResource(Resource):
    """The resource; it is behind the gate like all others."""

    isLeaf = True

    def __init__(
        self, hub: EventsHub, perform: Perform, gate: Gate, reactor: Any, load: RpcLoad
    ) -> None:
        """`load` bounds what calls cost, those over HTTP with these."""
        super().__init__()
        self._load = load
        self._gate = gate
        self._hub = hub
        self._perform = perform
        self._reactor = reactor

    def render(self, request: ControlRequest) -> bytes | int:
        """Refuse in words, or upgrade."""
        if request.postpath not in ([], [b""]):
            return nothing_here().render(request)
        if request.method != b"GET":
            return say(request, 405, HOW, [("Allow", "GET")])
        if not is_same_origin(request):
            return say(request, 403, "a web page from elsewhere may not follow")
        handshake = H11Handshake(ConnectionType.SERVER)
        try:
            headers = [
                (name, value)
                for name, values in request.requestHeaders.getAllRawHeaders()
                for value in values
            ]
            handshake.initiate_upgrade_connection(headers, request.uri)
        except (RemoteProtocolError, ValueError):
            upgrade = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
            return say(request, 426, HOW, upgrade)
        if self._hub.is_full:
            self._hub.load.refused["clients"] += 1
            sentence = f"{self._hub.load.clients} clients follow already: try again later"
            return say(request, 503, sentence, [("Retry-After", "10")])
        self._upgrade(request, handshake)
        return NOT_DONE_YET

    def _upgrade(self, request: ControlRequest, handshake: H11Handshake) -> None:
        accepted = handshake.send(AcceptConnection())
        assert handshake.connection is not None
        socket = WebSocket(handshake.connection, self._hub.load, self._reactor)
        channel = request.channel
        request.content.forget()
        channel.setTimeout(None)
        transport = channel.transport
        channel._protocolUpgradeForWebsockets(socket)
        transport.write(accepted)
        holds = self._gate.lasting(request)
        socket.receiver = EventsClient(
            socket, self._hub, self._perform, self._reactor, request.caller, holds, self._load
        )
