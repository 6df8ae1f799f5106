"""Revocation lists of a session, without the session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from cryptography import x509

from p2pd.formats.x509.revocation import RevocationList, ca_id
from p2pd.session.revoking.revocations_api import KnownCa


class FakeLists:
    """Those in force, and the CAs of torrents that are here (session.revoking.revocations_api)."""

    def __init__(self, *cas: x509.Certificate) -> None:
        self.in_force: dict[bytes, RevocationList] = {}
        self.cas = list(cas)
        self.sources: list[str] = []
        self.watched: list[Any] = []
        self.changes = 0
        self.needed: list[list[x509.Certificate]] = []

    @property
    def api(self) -> Any:
        """A session that has them."""
        return SimpleNamespace(certificates=SimpleNamespace(revocations=self))

    def known(self) -> Sequence[KnownCa]:
        return [KnownCa("CN=films", ca, self.of(ca), ["ab" * 20]) for ca in self.cas]

    def of(self, ca: x509.Certificate) -> RevocationList | None:
        return self.in_force.get(ca_id(ca))

    async def publish(self, found: RevocationList, ca: x509.Certificate, source: str) -> bool:
        if not found.newer_than(self.of(ca)):
            return False
        self.in_force[ca_id(ca)] = found
        self.sources.append(source)
        return True

    def watch(self, source: Any) -> None:
        self.watched.append(source)

    def ends_changed(self) -> None:
        self.changes += 1

    async def tidy(self, needed: Iterable[x509.Certificate]) -> None:
        self.needed.append(list(needed))
