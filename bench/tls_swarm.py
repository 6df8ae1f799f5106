"""A swarm whose peers speak TLS: its CA, and a certificate for each engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509

from p2pd.formats.x509.pem import PrivateKey, certificate_pem, private_key_pem
from p2pd.formats.x509.swarm_ca import issue, new_ca, new_key

DAYS = 2


class Identity(NamedTuple):
    """What a peer shows, and its key: PEM."""

    certificate: str
    private_key: str


@dataclass(frozen=True, slots=True)
class TlsSwarm:
    """The CA that a torrent names (`ssl-cert`), and its key."""

    ca: x509.Certificate
    key: PrivateKey

    @property
    def ca_pem(self) -> str:
        """As it stands in the torrent."""
        return certificate_pem(self.ca)

    def identity(self) -> Identity:
        """A new peer of any torrent of the swarm."""
        key = new_key()
        made = issue(self.ca, self.key, key.public_key(), ["*"], DAYS, datetime.now(UTC))
        return Identity(certificate_pem(made), private_key_pem(key))


def new_swarm() -> TlsSwarm:
    """With keys on P-256, as p2pd makes them."""
    return TlsSwarm(*new_ca("bench", DAYS, datetime.now(UTC)))
