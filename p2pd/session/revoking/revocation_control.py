"""Revocation lists, for callers (revocations_api.RevocationsApi)."""

from __future__ import annotations

from typing import Callable, Iterable, Sequence

from cryptography import x509

from p2pd.formats.x509.revocation import RevocationList, ca_id
from p2pd.session.revoking.endings import Ending
from p2pd.session.revoking.revocations import name_of
from p2pd.session.revoking.revocations_api import KnownCa
from p2pd.session.revoking.swarm_revoking import SwarmRevoking, Swarms, certificate_of


class RevocationControl:
    """The lists of one session."""

    def __init__(self, revoking: SwarmRevoking, swarms: Swarms) -> None:
        self._revoking = revoking
        self._lists = revoking.lists
        self._swarms = swarms

    def known(self) -> Sequence[KnownCa]:
        """The CAs of torrents that are here, each once."""
        found: dict[bytes, tuple[x509.Certificate, list[str]]] = {}
        for swarm in self._swarms.swarms():
            ca = certificate_of(swarm.ca)
            if ca is not None:
                found.setdefault(ca_id(ca), (ca, []))[1].append(swarm.key)
        return [
            KnownCa(name_of(ca), ca, self._lists.of(ca), hashes) for ca, hashes in found.values()
        ]

    def of(self, ca: x509.Certificate) -> RevocationList | None:
        """The list of a CA that is in force."""
        return self._lists.of(ca)

    async def publish(self, found: RevocationList, ca: x509.Certificate, source: str) -> bool:
        """Have a list be in force; it is kept when this is answered. Raises StateError."""
        newer = self._lists.adopt(found, ca, source)
        await self._lists.saved()
        return newer

    def watch(self, source: Callable[[], Iterable[Ending]]) -> None:
        """Warn of these ends, too."""
        self._revoking.watch(source)

    def ends_changed(self) -> None:
        """What such a source says is another thing now."""
        self._revoking.endings.changed()

    async def tidy(self, needed: Iterable[x509.Certificate]) -> None:
        """Forget lists that have long been of no use. Raises StateError."""
        of_torrents = (known.certificate for known in self.known())
        await self._lists.tidy({ca_id(ca) for ca in (*needed, *of_torrents)})
