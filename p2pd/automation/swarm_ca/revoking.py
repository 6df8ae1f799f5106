"""Authorities that are here take certificates back, and their swarms hear of it at once.

An authority's list is made in its folder, which is its own record of it, and is in force in the
session with the same answer. A list of an authority that is kept elsewhere comes as a file, and is
in force like one that a peer sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography import x509

from p2pd.automation.swarm_ca.authorities import Authorities
from p2pd.base.errors import FormatError, P2pdError
from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import RevocationList, ca_id, loaded, read_list
from p2pd.formats.x509.swarm_ca import SwarmCaError
from p2pd.session.revoking.revocations_api import RevocationsApi
from p2pd.state.swarm_ca.revoking import (
    RevokedCertificate,
    current_list,
    revoke,
    revoked,
)


@dataclass(frozen=True, slots=True)
class RevokedView:
    """What an authority took back, and its list; `torrents` are those here that it is of."""

    rows: Sequence[RevokedCertificate]
    in_force: RevocationList | None
    torrents: Sequence[str] = ()


class RevokingApi(Protocol):
    """What is needed of the session (session.api)."""

    @property
    def certificates(self) -> Any: ...


class SwarmCaRevoking:
    """Of all authorities that are here. Raises P2pdError, with a sentence."""

    def __init__(self, authorities: Authorities, api: RevokingApi) -> None:
        self._authorities = authorities
        self._api = api

    @property
    def lists(self) -> RevocationsApi:
        found: RevocationsApi = self._api.certificates.revocations
        return found

    # -- revoking ------------------------------------------------------------------------------

    async def revoke(
        self,
        name: str,
        which: Sequence[str],
        *,
        unknown_too: bool = False,
        only_these: bool = False,
    ) -> RevokedView:
        """Take certificates back, by serial or label, and unless `only_these` are meant all that
        they were renewed into or are renewals of: those, and the list that is in force now.
        """
        run, now = self._authorities.run, self._authorities.now()
        ca = await run(lambda: self._authorities.authority(name).certificate())
        known = self.lists.of(ca)

        def work() -> tuple[list[RevokedCertificate], RevocationList]:
            folder = self._authorities.authority(name)
            return revoke(
                folder, which, now, known=known, unknown_too=unknown_too, only_these=only_these
            )

        rows, made = await run(work)
        await self.lists.publish(made, ca, f"the CA {name!r} here")
        return RevokedView(rows, made, self._torrents(ca))

    async def revoked(self, name: str) -> RevokedView:
        """What an authority took back."""

        def work() -> tuple[x509.Certificate, list[RevokedCertificate], RevocationList | None]:
            folder = self._authorities.authority(name)
            return folder.certificate(), revoked(folder), current_list(folder)

        ca, rows, made = await self._authorities.run(work)
        in_force = self.lists.of(ca)
        return RevokedView(rows, in_force or made, self._torrents(ca))

    async def take_list(self, text: str, ca_pem: str = "") -> RevokedView:
        """A list that was made elsewhere, of a CA that torrents here have, or that comes along.

        Raises FormatError: no such CA signed it; SwarmCaError: it is older than what is in force.
        """
        data = text.encode("utf-8", "replace")
        ca = read_certificate(ca_pem, "the CA") if ca_pem else await self._signer(data)
        found = read_list(data, ca)
        before = self.lists.of(ca)
        newer = await self.lists.publish(found, ca, "a file")
        if not newer and before is not None and before.version != found.version:
            raise SwarmCaError(
                f"the list has the number {found.number}, and {before.number} is in force"
            )
        return RevokedView(rows_of(found), found, self._torrents(ca))

    async def _signer(self, data: bytes) -> x509.Certificate:
        """Which CA that is known here signed a list. Raises FormatError."""
        issuer = loaded(data).issuer
        candidates = [known.certificate for known in self.lists.known()]
        candidates += await self._authorities.run(self._certificates)
        problem = FormatError("no torrent here has the CA of this list: give its certificate, too")
        for ca in candidates:
            if ca.subject == issuer:
                try:
                    read_list(data, ca)
                    return ca
                except FormatError as found:
                    problem = found
        raise problem

    def _certificates(self) -> list[x509.Certificate]:
        found = []
        for folder in self._authorities.folders():
            try:
                found.append(folder.certificate())
            except P2pdError:
                continue
        return found

    def _torrents(self, ca: x509.Certificate) -> Sequence[str]:
        key = ca_id(ca)
        return [
            each
            for known in self.lists.known()
            if ca_id(known.certificate) == key
            for each in known.torrents
        ]


def rows_of(found: RevocationList) -> list[RevokedCertificate]:
    """A list whose authority is elsewhere: serials, the last first."""
    rows = [RevokedCertificate(serial, since) for serial, since in found.revoked.items()]
    return sorted(rows, key=lambda row: (-row.revoked_at, row.serial))
