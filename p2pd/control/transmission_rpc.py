"""POST /transmission/rpc: the same methods behind Transmission's session id exchange.

Whoever comes without the right `X-Transmission-Session-Id` gets it in a 409, on a GET too: some
clients fetch it so. The id stands in for the content type and Origin checks, since a page from
elsewhere can neither read nor send that header. (Transmission's rpc-spec, 2.2.1)
A body in the older dialect is translated here, and so is its answer.
"""

from __future__ import annotations

import hmac
import random
import string
from collections.abc import Mapping
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control import older_dialect
from p2pd.control.access.audit import AuditLog
from p2pd.control.errors import RpcError
from p2pd.control.gate import say
from p2pd.control.jsonrpc import RpcResource
from p2pd.control.methods.session_fields import RPC_VERSION_SEMVER
from p2pd.control.methods.torrent_fields import TORRENT_COLUMNS
from p2pd.control.request import ControlRequest
from p2pd.control.rpc_load import RpcLoad
from p2pd.state.answering import Answering

SESSION_HEADER = "X-Transmission-Session-Id"
VERSION_HEADER = "X-Transmission-Rpc-Version"


def new_session_id(rng: random.Random) -> str:
    """A session id: 48 characters that nobody can guess, if `rng` is a SystemRandom."""
    return "".join(rng.choices(string.ascii_letters + string.digits, k=48))


class TransmissionResource(RpcResource):
    """The resource; everything but the edge is RpcResource's."""

    def __init__(
        self,
        groups: Mapping[str, BaseSubhandler],
        reactor: Any,
        session_id: str,
        load: RpcLoad | None = None,
        audit: AuditLog | None = None,
        answering: Answering | None = None,
    ) -> None:
        super().__init__(groups, reactor, load, audit, answering)
        torrent = groups["torrent"].showing(older_dialect.older_columns(TORRENT_COLUMNS))
        older = {**groups, "torrent": torrent}
        self._older = RpcResource(older, reactor, load, audit, answering)
        self._session_id = session_id

    def refuse(self, request: ControlRequest) -> bytes | None:
        """Ask for the session id first, then for POST."""
        given = request.getHeader(SESSION_HEADER.lower().encode()) or b""
        if not hmac.compare_digest(given, self._session_id.encode()):
            return say(request, 409, f"send the call again with {SESSION_HEADER}", self._headers())
        if request.method != b"POST":
            return say(request, 405, "send a JSON-RPC 2.0 call with POST", [("Allow", "POST")])
        return None

    async def respond(self, value: object) -> object | None:
        """The answer, in the dialect of the call."""
        if not older_dialect.is_older(value):
            return await super().respond(value)
        assert isinstance(value, dict)
        try:
            call = older_dialect.call_of(value)
            return older_dialect.success(call, await self._older.perform(call))
        except RpcError as refusal:
            return older_dialect.failure(older_dialect.tag_of(value), refusal)

    def _headers(self) -> list[tuple[str, str]]:
        return [
            (SESSION_HEADER, self._session_id),
            (VERSION_HEADER, RPC_VERSION_SEMVER),
            ("Access-Control-Expose-Headers", f"{SESSION_HEADER}, {VERSION_HEADER}"),
        ]
