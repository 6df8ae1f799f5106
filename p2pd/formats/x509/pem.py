"""Certificates, keys and requests out of PEM (RFC 7468) and back, within bounds.

What is read comes from torrents, other nodes and users' files. Keys are of the kinds that TLS peers
use: ECDSA on a NIST curve, RSA and Ed25519. Whom a certificate was issued by, for what and until
when, is not judged here.
"""

from __future__ import annotations

from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from p2pd.base.errors import FormatError
from p2pd.formats.x509.unreadable import UNREADABLE

PrivateKey: TypeAlias = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey
PublicKey: TypeAlias = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey

MAX_PEM = 32 * 1024
"""Bytes of a text that is read."""
SMALLEST_RSA = 2048
LARGEST_RSA = 8192
"""Bits; what is larger takes long to check."""

_KINDS = "ECDSA (P-256, P-384, P-521), RSA and Ed25519 are"
_ENCRYPTED = (b"BEGIN ENCRYPTED ", b",ENCRYPTED")
_CURVES = (SECP256R1, SECP384R1, SECP521R1)


class PemError(FormatError):
    """The text holds nothing that can be used; the sentence says of what, and why."""


def read_certificate(pem: str | bytes, what: str = "the certificate") -> x509.Certificate:
    """The first certificate in a text: no other in it counts. Raises PemError.

    Its key, its names and its dates can be read; nothing is verified.
    """
    data = _bounded(pem, what)
    try:
        found = x509.load_pem_x509_certificate(data)
        key = found.public_key()
        _ = found.extensions, found.subject, found.issuer
        _ = found.not_valid_before_utc, found.not_valid_after_utc
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise PemError(f"{what} cannot be read: an extension of it is wrong") from None
    except UNREADABLE as problem:
        raise PemError(f"{what} cannot be read: {_words(problem)}") from None
    _check_kind(key, what)
    return found


def read_request(
    pem: str | bytes, what: str = "the certificate request"
) -> x509.CertificateSigningRequest:
    """A request (PKCS #10, RFC 2986) whose sender has the key. Raises PemError."""
    data = _bounded(pem, what)
    try:
        found = x509.load_pem_x509_csr(data)
        key = found.public_key()
        _ = found.subject
        _check_kind(key, what)
        whole = found.is_signature_valid
    except (*UNREADABLE, InvalidSignature) as problem:
        if isinstance(problem, PemError):
            raise
        raise PemError(f"{what} cannot be read: {_words(problem)}") from None
    if not whole:
        raise PemError(f"{what} is not signed with the key that is in it")
    return found


def read_private_key(pem: str | bytes, what: str = "the private key") -> PrivateKey:
    """A private key that is not encrypted (PKCS #8, or the older forms). Raises PemError."""
    data = _bounded(pem, what)
    if any(mark in data for mark in _ENCRYPTED):
        raise PemError(f"{what} is encrypted: it is wanted without a passphrase")
    try:
        # How large it is shows before the check of an RSA key, which may take very long.
        found = load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True)
        _check_kind(found.public_key(), what)
        if isinstance(found, RSAPrivateKey):
            found = load_pem_private_key(data, None)
    except PemError:
        raise
    except UNREADABLE as problem:
        raise PemError(f"{what} cannot be read: {_words(problem)}") from None
    if not isinstance(found, PrivateKey):
        raise PemError(f"{what} is of another kind: {_KINDS} used")
    return found


def certificate_pem(certificate: x509.Certificate) -> str:
    """The certificate as text."""
    return certificate.public_bytes(Encoding.PEM).decode()


def request_pem(request: x509.CertificateSigningRequest) -> str:
    """The request as text."""
    return request.public_bytes(Encoding.PEM).decode()


def private_key_pem(key: PrivateKey) -> str:
    """The key as text, PKCS #8, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_bytes(key: PublicKey) -> bytes:
    """The public key in DER (SubjectPublicKeyInfo): two keys are the same if these are."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def belongs(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether the certificate was issued for this key."""
    public = certificate.public_key()
    return isinstance(public, PublicKey) and public_bytes(public) == public_bytes(key.public_key())


def _bounded(pem: str | bytes, what: str) -> bytes:
    data = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
    if len(data) > MAX_PEM:
        raise PemError(f"{what} is longer than {MAX_PEM // 1024} KiB")
    if b"-----BEGIN " not in data:
        raise PemError(f"{what} is no PEM: that is text from -----BEGIN to -----END")
    return data


def _check_kind(key: object, what: str) -> None:
    if isinstance(key, (RSAPrivateKey, RSAPublicKey)):
        if not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
            raise PemError(
                f"{what} has an RSA key of {key.key_size} bits: "
                f"{SMALLEST_RSA} to {LARGEST_RSA} are taken"
            )
        return
    if isinstance(key, EllipticCurvePublicKey):
        if not isinstance(key.curve, _CURVES):
            raise PemError(f"{what} has a key on the curve {key.curve.name}: {_KINDS} used")
        return
    if not isinstance(key, Ed25519PublicKey):
        raise PemError(f"{what} has a key of another kind: {_KINDS} used")


def _words(problem: BaseException) -> str:
    """Why, in one short line: libraries tell more than is of use."""
    text = str(problem)
    if "delimiters" in text:
        return "the text holds something else"
    if "PEM" in text:
        return "its lines are damaged"
    return "its content is damaged, or of a kind that is not known"
