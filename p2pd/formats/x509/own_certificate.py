"""Whether a certificate lets its owner in to a torrent: what peers would refuse is refused here.

The text of a certificate may go on with others, by which the peers come from it to the torrent's
CA. Revocation is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Sequence

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from p2pd.formats.x509.chain_end import ChainEnd, first_end
from p2pd.formats.x509.peer_names import ANY_TORRENT, matches, names
from p2pd.formats.x509.pem import MAX_PEM, PemError, belongs, read_certificate, read_private_key
from p2pd.formats.x509.swarm_ca import check_dates, is_authority, is_issued_by

MOST_BETWEEN = 4
"""Certificates between a peer's own and the CA's."""

_END = "-----END CERTIFICATE-----"
_BOTH_SIDES = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)


class UnfitError(PemError):
    """The certificate is none for this torrent; the sentence says why."""


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """What is told of a certificate. `names` are torrents; `not_before` and `not_after` in UTC."""

    names: tuple[str, ...]
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime

    @property
    def name(self) -> str:
        """The name, or names, in one line."""
        return ", ".join(self.names)


def check_own(
    ca_pem: str, certificate_pem: str, key_pem: str, torrent_name: str, now: datetime
) -> OwnCertificate:
    """What there is to know of a certificate that fits. Raises FormatError.

    An empty `torrent_name` is that of a magnet without a name: a certificate for any torrent fits.
    """
    ca = read_certificate(ca_pem, "the certificate of the torrent's CA")
    own, *others = _read_all(certificate_pem)
    if not belongs(own, read_private_key(key_pem)):
        raise UnfitError("the private key is not that of the certificate")
    check_dates(own, now, "the certificate")
    _check_chain(ca, own, others, now)
    _check_use(own)
    _check_name(own, torrent_name)
    return told(own)


def end_of(ca_pem: str, certificate_pem: str) -> ChainEnd:
    """When peers begin to refuse it: with the first of its chain that ends, or the CA's.

    Raises FormatError.
    """
    return first_end(shown_chain(ca_pem, certificate_pem), has_ca=True)


def shown_chain(ca_pem: str, certificate_pem: str) -> list[x509.Certificate]:
    """What peers verify it by, as far as it is here: first its own, at last the CA's.

    Raises FormatError.
    """
    ca = read_certificate(ca_pem, "the certificate of the torrent's CA")
    own, *others = _read_all(certificate_pem)
    return [*_chain(ca, own, others), ca]


def told(certificate: x509.Certificate) -> OwnCertificate:
    """What a certificate says of itself."""
    return OwnCertificate(
        names(certificate),
        common_name(certificate.issuer),
        certificate.serial_number,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


def common_name(subject: x509.Name) -> str:
    """What it is called; empty if it has no name."""
    try:
        found = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return ""
    return str(found[-1].value) if found else ""


def _read_all(pem: str) -> list[x509.Certificate]:
    if len(pem) > MAX_PEM:
        raise PemError(f"the certificate is longer than {MAX_PEM // 1024} KiB")
    parts = [part + _END for part in pem.split(_END)[:-1]] or [pem]
    if len(parts) > 1 + MOST_BETWEEN:
        raise UnfitError(f"more than {MOST_BETWEEN} certificates follow the first")
    return [read_certificate(part) for part in parts]


def _check_chain(
    ca: x509.Certificate,
    own: x509.Certificate,
    others: Sequence[x509.Certificate],
    now: datetime,
) -> None:
    check_dates(ca, now, "the certificate of the torrent's CA")
    chain = _chain(ca, own, others)
    if not _issued(chain[-1], ca):
        raise UnfitError("the certificate was not issued by the torrent's CA")
    for issuer in chain[1:]:
        check_dates(issuer, now, "a certificate between this one and the torrent's CA")


def _chain(
    ca: x509.Certificate, own: x509.Certificate, others: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """From `own` to one that the CA issued, or as far as it goes."""
    chain, left = [own], list(others)
    while not _issued(chain[-1], ca):
        issuer = next((other for other in left if _issued(chain[-1], other)), None)
        if issuer is None:
            break
        left.remove(issuer)
        chain.append(issuer)
    return chain


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    return is_issued_by(certificate, issuer) and is_authority(issuer)


def _check_use(own: x509.Certificate) -> None:
    """Peers dial and are dialled."""
    try:
        uses = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses:
        return
    if any(use not in uses for use in _BOTH_SIDES):
        raise UnfitError("the certificate is not for both sides of a connection (client, server)")


def _check_name(own: x509.Certificate, torrent_name: str) -> None:
    found = names(own)
    if not torrent_name and ANY_TORRENT not in found:
        raise UnfitError(
            "the torrent's name is not known yet, and the certificate is not for any torrent (*)"
        )
    if torrent_name and not matches(own, torrent_name):
        said = ", ".join(map(repr, found)) or "no torrent"
        raise UnfitError(f"the certificate is for {said}, and the torrent is {torrent_name!r}")
