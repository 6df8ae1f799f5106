"""Revocation lists of the simulated swarm's authority, and how nodes come by them."""

from __future__ import annotations

from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import RevocationList, make_list
from p2pd.session.tls.tls_api import GivenCertificate
from p2pd.testing import SimNode
from tests.session.tls_swarm import NOW, Authority, authority


def revoking(
    *given: GivenCertificate, number: int = 1, by: Authority | None = None, days: float = 30
) -> RevocationList:
    """A list of these."""
    ca = by or authority()
    serials = [read_certificate(one.certificate).serial_number for one in given]
    since = dict.fromkeys(serials, int(NOW.timestamp()))
    return make_list(ca.certificate, ca.key, since, number=number, now=NOW, days=days)


def take(at: SimNode, found: RevocationList) -> None:
    """A node gets a list from a file."""
    at.session.tls.revoking.lists.take(found.der, authority().certificate, "a file")


def number_at(at: SimNode) -> int:
    """Of the list that is in force there."""
    found = at.session.tls.revoking.lists.of(authority().certificate)
    return 0 if found is None else found.number
