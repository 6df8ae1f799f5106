"""POST /transmission/rpc: the same methods behind Transmission's session id exchange.

Whoever comes without the right `X-Transmission-Session-Id` gets it in a 409, on a GET too: some
clients fetch it so. The id stands in for the content type and Origin checks, since a page from
elsewhere can neither read nor send that header. (Transmission's rpc-spec, 2.2.1)
"""

from __future__ import annotations

import hmac
import random
import string
from collections.abc import Mapping
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.gate import say
from p2pd.control.jsonrpc import RpcResource
from p2pd.control.methods.session_fields import RPC_VERSION_SEMVER
from p2pd.control.request import ControlRequest

SESSION_HEADER = "X-Transmission-Session-Id"
VERSION_HEADER = "X-Transmission-Rpc-Version"
LEGACY_SENTENCE = (
    'the daemon answers JSON-RPC 2.0 only ("jsonrpc": "2.0", snake_case names);'
    " this call is in the older dialect"
)


def new_session_id(rng: random.Random) -> str:
    """A session id: 48 characters that nobody can guess, if `rng` is a SystemRandom."""
    return "".join(rng.choices(string.ascii_letters + string.digits, k=48))


class TransmissionResource(RpcResource):
    """The resource; everything but the edge is RpcResource's."""

    def __init__(self, groups: Mapping[str, BaseSubhandler], reactor: Any, session_id: str) -> None:
        super().__init__(groups, reactor)
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
        """The answer; the older dialect gets a refusal in its own form, so that it is shown."""
        if isinstance(value, dict) and "jsonrpc" not in value and "method" in value:
            refusal: dict[str, Any] = {"arguments": {}, "result": LEGACY_SENTENCE}
            tag = value.get("tag")
            return refusal | ({"tag": tag} if isinstance(tag, int) else {})
        return await super().respond(value)

    def _headers(self) -> list[tuple[str, str]]:
        return [
            (SESSION_HEADER, self._session_id),
            (VERSION_HEADER, RPC_VERSION_SEMVER),
            ("Access-Control-Expose-Headers", f"{SESSION_HEADER}, {VERSION_HEADER}"),
        ]
