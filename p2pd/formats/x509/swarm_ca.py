"""The certificate authority of private swarms: made, and made use of (RFC 5280).

The authority's certificate is what a torrent has as `ssl-cert`, and the one thing that its peers
trust. It issues to peers alone, never to another authority. What a peer gets names torrents in
alternative names of type dNSName, as `peer_names` reads them: any UTF-8, or `*`. A label, by which
people tell peers apart, stands where it is never taken for the name of a torrent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from p2pd.base.durations import days_in_words
from p2pd.base.errors import FormatError
from p2pd.formats.x509.pem import PrivateKey, PublicKey, read_certificate
from p2pd.formats.x509.server_names import is_address
from p2pd.formats.x509.unreadable import UNREADABLE

DEFAULT_CA_DAYS = 3650
MOST_CA_DAYS = 36_500
DEFAULT_DAYS = 30.0
MOST_DAYS = 3650.0
LEAST_DAYS = 1 / 24
BACKDATED = timedelta(hours=1)
"""So that peers whose clocks are behind believe it at once."""
MOST_NAMES = 100
LONGEST_NAME = 255
"""Bytes: longer file names are on no disk."""
LONGEST_LABEL = 64
"""Characters (RFC 5280, upper bounds of X.520)."""

_DNS_NAME, _IP_ADDRESS, _SEQUENCE, _PERMITTED = 0x82, 0x87, 0x30, 0xA0


class SwarmCaError(FormatError):
    """No such authority, or no such certificate; the sentence says why."""


def new_key() -> EllipticCurvePrivateKey:
    """A key for an authority or a peer: P-256, which every TLS peer knows, and which is fast."""
    return generate_private_key(SECP256R1())


def new_ca(
    name: str, days: float, now: datetime, *, names: Sequence[str] = ()
) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    """An authority called `name`, for so many days. Raises SwarmCaError.

    With `names` peers believe it for torrents of these names alone, even if its key is stolen
    (RFC 5280, 4.2.1.10, which lets names below them pass, too: `x.film` with `film`).
    """
    _check_label("the CA's name", name)
    _check_days("a CA", days, MOST_CA_DAYS)
    key = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        _dated(now - BACKDATED, now + timedelta(days=days))
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names and not any("*" in name for name in _checked(names)):
        builder = builder.add_extension(_constraints(names), critical=True)
    return builder.sign(key, SHA256()), key


def issue(
    ca: x509.Certificate,
    ca_key: PrivateKey,
    public_key: PublicKey,
    names: Sequence[str],
    days: float,
    now: datetime,
    *,
    label: str = "",
    server: bool = False,
) -> x509.Certificate:
    """A peer's certificate, for torrents of these names or `*`. Raises SwarmCaError.

    With `server` it is a server's, and `names` are its hosts (server_names.host_of): nobody is let
    in with it. It ends with the authority at the latest.
    """
    _checked(names)
    _check_days("a certificate", days, MOST_DAYS)
    check_dates(ca, now, "the CA's certificate")
    end = min(now + timedelta(days=days), ca.not_valid_after_utc)
    owner = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, attribute.value)
        for attribute in ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[-1:]
    ]
    if label:
        _check_label("a label", label)
        owner.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, label))
    builder = (
        _dated(max(now - BACKDATED, ca.not_valid_before_utc), end)
        .subject_name(x509.Name(owner))
        .issuer_name(ca.subject)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(_FOR_SERVERS if server else _FOR_PEERS, critical=False)
        .add_extension(_alternative_names(names, server=server), critical=not owner)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_authority_key(ca), critical=False)
    )
    return builder.sign(ca_key, _digest(ca_key))


def new_request(key: PrivateKey) -> x509.CertificateSigningRequest:
    """A request of who has this key; for what, the authority decides."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, _digest(key))


def read_ca(pem: str | bytes, what: str = "the CA's certificate") -> x509.Certificate:
    """An authority that a torrent may have as `ssl-cert`: the first certificate in a text.

    Raises SwarmCaError, or PemError if there is none.
    """
    found = read_certificate(pem, what)
    if not is_authority(found):
        raise SwarmCaError(f"{what} is of no CA: no peer's certificate can be issued with it")
    return found


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may issue certificates."""
    try:
        extensions = certificate.extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        usage = True
    try:
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    return basic.ca and usage


def is_issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    """Whether an authority signed it; not whether it is still good."""
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def check_names(names: Sequence[str]) -> None:
    """Raises SwarmCaError unless a certificate can be for torrents of these names, or `*`."""
    if not names:
        raise SwarmCaError("a certificate is for at least one name, or for *")
    if len(names) > MOST_NAMES:
        raise SwarmCaError(f"a certificate is for {MOST_NAMES} names at most, or for *")
    for name in names:
        size = len(name.encode("utf-8", "replace"))
        if not 0 < size <= LONGEST_NAME or "\0" in name or not _has_utf8(name):
            raise SwarmCaError(f"this is no torrent's name: {name[:60]!r}")


def check_dates(certificate: x509.Certificate, now: datetime, what: str) -> None:
    """Raises SwarmCaError when it is not good now."""
    if now < certificate.not_valid_before_utc:
        raise SwarmCaError(f"{what} is not valid before {_day(certificate.not_valid_before_utc)}")
    if now >= certificate.not_valid_after_utc:
        raise SwarmCaError(f"{what} expired on {_day(certificate.not_valid_after_utc)}")


def fingerprint(certificate: x509.Certificate) -> bytes:
    """The SHA-256 of a certificate, by which it is known."""
    return certificate.fingerprint(SHA256())


def label_of(certificate: x509.Certificate) -> str:
    """By what people know whose it is; may be empty."""
    try:
        found = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    except ValueError:
        return ""
    value = found[-1].value if found else ""
    return value if isinstance(value, str) else ""


_FOR_PEERS = x509.ExtendedKeyUsage(
    # Who dials is the client, and peers dial each other.
    [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
)


_FOR_SERVERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


def _dated(begin: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    """An authority signs what it says to those who ask for certificates, too."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: Sequence[str], *, server: bool) -> x509.UnrecognizedExtension:
    # Written by hand: the library would have names of hosts alone, which torrents' names are not.
    entries = b"".join(
        _der(_IP_ADDRESS, ip_address(name).packed)
        if server and is_address(name)
        else _der(_DNS_NAME, name.encode())
        for name in dict.fromkeys(names)
    )
    return x509.UnrecognizedExtension(
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME, _der(_SEQUENCE, entries)
    )


def _constraints(names: Sequence[str]) -> x509.UnrecognizedExtension:
    trees = (_der(_SEQUENCE, _der(_DNS_NAME, name.encode())) for name in dict.fromkeys(names))
    content = _der(_SEQUENCE, _der(_PERMITTED, b"".join(trees)))
    return x509.UnrecognizedExtension(ExtensionOID.NAME_CONSTRAINTS, content)


def _authority_key(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        own = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key = ca.public_key()
        assert isinstance(key, PublicKey)
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _digest(key: PrivateKey) -> SHA256 | None:
    return None if isinstance(key, Ed25519PrivateKey) else SHA256()


def _der(tag: int, content: bytes) -> bytes:
    """A value (X.690, 8.1.3), of less than 64 KiB."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    if size < 0x100:
        return bytes((tag, 0x81, size)) + content
    return bytes((tag, 0x82, size >> 8, size & 0xFF)) + content


def _checked(names: Sequence[str]) -> Sequence[str]:
    check_names(names)
    return names


def _has_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _check_label(what: str, text: str) -> None:
    if not 0 < len(text) <= LONGEST_LABEL or not text.isprintable() or not _has_utf8(text):
        raise SwarmCaError(f"{what} has 1 to {LONGEST_LABEL} letters, and no line ends")


def _check_days(what: str, days: float, most: float) -> None:
    if not LEAST_DAYS <= days <= most:
        raise SwarmCaError(
            f"{what} is for 1 hour to {most:.0f} days, not for {days_in_words(days)}"
        )


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
