"""What control and automation ask about revoked certificates: a part of session/api.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterable, Protocol, Sequence

from cryptography import x509

from p2pd.formats.x509.revocation import RevocationList
from p2pd.session.revoking.endings import Ending


@dataclass(frozen=True, slots=True)
class KnownCa:
    """A CA that torrents here have, and its list; times are in Unix seconds, 0 without a list."""

    name: str
    certificate: x509.Certificate
    in_force: RevocationList | None
    torrents: Sequence[str]
    """Info-hashes in hex."""


class RevocationsApi(Protocol):
    """Revocation lists of the CAs of torrents."""

    def known(self) -> Sequence[KnownCa]:
        """The CAs of torrents that are here."""

    def of(self, ca: x509.Certificate) -> RevocationList | None:
        """The list of a CA that is in force."""

    async def publish(self, found: RevocationList, ca: x509.Certificate, source: str) -> bool:
        """Have a list be in force, here and in the swarms of the CA; whether it was newer.

        It is on the disk when this is answered. Raises StateError.
        """

    def watch(self, source: Callable[[], Iterable[Ending]]) -> None:
        """Warn of these ends, too, in the log and as metrics."""

    def ends_changed(self) -> None:
        """What such a source says is another thing now."""

    async def tidy(self, needed: Iterable[x509.Certificate]) -> None:
        """Forget lists that have long been of no use: those of CAs that no torrent has, and that
        are not among these. Raises StateError.
        """
