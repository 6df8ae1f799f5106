"""p2pd's own: certificates that a CA takes back, and lists of them that come from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.automation.swarm_ca.revoking import RevokedView, SwarmCaRevoking
from p2pd.control.schema import JsonObject, Param, boolean, list_of, takes, text
from p2pd.formats.x509.pem import MAX_PEM
from p2pd.formats.x509.revocation import MAX_LIST_TEXT
from p2pd.state.swarm_ca.revoking import MOST_AT_ONCE
from p2pd.state.swarm_ca.views import revoked_answer

_NAME = Param("name", text(64))
LONGEST_WORD = 64
"""Characters of a label or a serial."""


class RevocationMethods(BaseSubhandler):  # type: ignore[misc]
    """Those of the methods of CAs that are about revocation."""

    def __init__(self, revoking: SwarmCaRevoking) -> None:
        super().__init__()
        self._revoking = revoking

    @takes(
        _NAME,
        Param("certificates", list_of(text(LONGEST_WORD), MOST_AT_ONCE)),
        Param("unknown", boolean, False),
        Param("only_these", boolean, False),
        strict=True,
    )
    async def jsonrpc_ca_revoke(
        self, name: str, certificates: Sequence[str], unknown: bool, only_these: bool
    ) -> JsonObject:
        """Take certificates back, by serial or label: nobody who has one is a peer any more."""
        found = await self._revoking.revoke(
            name, certificates, unknown_too=unknown, only_these=only_these
        )
        return _answer(found)

    @takes(_NAME)
    async def jsonrpc_ca_revoked(self, name: str) -> JsonObject:
        """What a CA took back, with its list in PEM."""
        return _answer(await self._revoking.revoked(name), with_list=True)

    @takes(Param("crl", text(MAX_LIST_TEXT)), Param("ca", text(MAX_PEM), ""), strict=True)
    async def jsonrpc_ca_import_crl(self, crl: str, ca: str) -> JsonObject:
        """Take the list of a CA that is kept elsewhere."""
        return _answer(await self._revoking.take_list(crl, ca))


def _answer(found: RevokedView, *, with_list: bool = False) -> JsonObject:
    answer = revoked_answer(found.rows, found.in_force, with_list=with_list)
    return {**answer, "hash_strings": list(found.torrents)}
