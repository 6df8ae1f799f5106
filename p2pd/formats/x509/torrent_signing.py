"""Signatures of torrents (BEP 35): made with a certificate and its key, and checked.

BEP 35 has RSA signatures, PKCS #1 v1.5, and says of no digest which it is; the tool that it names
makes SHA-1. Here SHA-256 is made unless SHA-1 is asked for, and which it was is told. Keys of
certificates that are not RSA (ECDSA, Ed25519) are signed with and believed, too: that goes beyond
BEP 35, and other programs may not check them.

A signature is trusted if its certificate is one that is trusted, or was issued by one that is, for
the name that it has: chains are no longer than that (BEP 35). It is right or wrong whatever is
trusted.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, NamedTuple, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.formats.torrent_signatures import (
    MAX_CERTIFICATE,
    MAX_NAME,
    MAX_SIGNATURES,
    TorrentSignature,
    parse_signatures,
    signatures_value,
)
from p2pd.formats.x509.pem import PrivateKey, PublicKey, belongs
from p2pd.formats.x509.swarm_ca import (
    SwarmCaError,
    check_dates,
    fingerprint,
    is_authority,
    is_issued_by,
)
from p2pd.formats.x509.unreadable import UNREADABLE

DIGESTS: dict[str, HashAlgorithm] = {
    "sha256": SHA256(), "sha384": SHA384(), "sha512": SHA512(), "sha1": SHA1()
}  # fmt: skip
SMALLEST_RSA, LARGEST_RSA = 1024, 8192
"""Bits; smaller ones than are made today, for torrents are old."""
LARGEST_EXPONENT = 2**32
"""What is larger makes an RSA signature as slow to check as it is to make."""


class SigningError(FormatError):
    """A torrent cannot be signed so, or a signature in it is not right; the text says why."""


class Verdict(NamedTuple):
    """Of one signature. `problem` says in words why it is not valid, or why not trusted."""

    name: str
    valid: bool
    trusted: bool
    problem: str
    digest: str = ""
    signer: str = ""
    """The subject of the certificate, as RFC 4514 writes it."""
    issuer: str = ""
    fingerprint: str = ""
    """SHA-256 of the certificate, in hex."""


def sign(
    torrent: bytes,
    certificate: x509.Certificate,
    key: PrivateKey,
    *,
    name: str = "",
    digest: str = "sha256",
    with_certificate: bool = True,
) -> bytes:
    """A .torrent file with one more signature; all else in it is as it was.

    `name` is the common name of the certificate unless it is given. Of one that has signed under
    this name before the signature is replaced. Raises FormatError.
    """
    if not belongs(certificate, key):
        raise SigningError("the certificate is not one of this key")
    outer, (start, end) = bencode.decode_torrent(torrent)
    name = name or common_name(certificate)
    der = certificate.public_bytes(Encoding.DER)
    if not 0 < len(name.encode("utf-8", "replace")) <= MAX_NAME:
        raise SigningError(f"a signature has a name, of {MAX_NAME} bytes at most: --name")
    if len(der) > MAX_CERTIFICATE:
        raise SigningError(f"the certificate is longer than {MAX_CERTIFICATE // 1024} KiB")
    made = TorrentSignature(name, b"", der if with_certificate else None)
    made = made._replace(signature=_made(key, made.signed_bytes(torrent[start:end]), digest))
    others = [each for each in parse_signatures(outer.get(b"signatures")) if each.name != name]
    if len(others) >= MAX_SIGNATURES:
        raise SigningError(f"there are {MAX_SIGNATURES} signatures already, and no more are read")
    outer[b"signatures"] = signatures_value([*others, made])
    return _with_info(outer, torrent[start:end])


class SignedInfo:
    """An info dictionary that was signed: it is hashed once for each digest, however often."""

    def __init__(self, info_bytes: bytes) -> None:
        self._info_bytes = info_bytes
        self._hashes: dict[str, Any] = {}

    def check(
        self, signature: TorrentSignature, trusted: Sequence[x509.Certificate], now: datetime
    ) -> Verdict:
        """Whether a signature of it is right, and by somebody who is trusted."""
        try:
            signer, digest = self._signer(signature, trusted)
        except SigningError as problem:
            return Verdict(signature.name, valid=False, trusted=False, problem=str(problem))
        distrust = _distrust(signer, signature.name, trusted, now)
        return Verdict(
            signature.name,
            valid=True,
            trusted=not distrust,
            problem=distrust,
            digest=digest,
            signer=signer.subject.rfc4514_string(),
            issuer=signer.issuer.rfc4514_string(),
            fingerprint=fingerprint(signer).hex(),
        )

    def _signer(
        self, signature: TorrentSignature, trusted: Sequence[x509.Certificate]
    ) -> tuple[x509.Certificate, str]:
        """Whose signature it is, and of which digest. Raises SigningError."""
        candidates = [each for each in trusted if signature.name == common_name(each)]
        if signature.certificate is not None:
            candidates = [_loaded(signature.certificate)]
        elif not candidates:
            raise SigningError("it brings no certificate, and none of this name is trusted")
        for certificate in candidates:
            digest = self._digest_of(certificate.public_key(), signature)
            if digest:
                return certificate, digest
        raise SigningError("it is not of this torrent by the key of its certificate")

    def _digest_of(self, key: object, signature: TorrentSignature) -> str:
        """The digest under which a signature is right; empty: it is not."""
        if isinstance(key, Ed25519PublicKey):
            signed = signature.signed_bytes(self._info_bytes)
            return "ed25519" if _is_right(key, signature.signature, signed, None) else ""
        for name, algorithm in DIGESTS.items():
            digest = self._hash(name, signature.info)
            if _is_right(key, signature.signature, digest, algorithm):
                return name
        return ""

    def _hash(self, name: str, more: bytes) -> bytes:
        if name not in self._hashes:
            self._hashes[name] = hashlib.new(name, self._info_bytes, usedforsecurity=False)
        found = self._hashes[name].copy()
        found.update(more)
        return bytes(found.digest())


def _is_right(key: object, signature: bytes, data: bytes, algorithm: HashAlgorithm | None) -> bool:
    """Whether a signature is one of this digest; without an algorithm, of these very bytes."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        elif algorithm is not None and isinstance(key, RSAPublicKey):
            key.verify(signature, data, PKCS1v15(), Prehashed(algorithm))
        elif algorithm is not None and isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, data, ECDSA(Prehashed(algorithm)))
        else:
            return False
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _distrust(
    signer: x509.Certificate, name: str, trusted: Sequence[x509.Certificate], now: datetime
) -> str:
    """Why a certificate is not trusted, in words; empty: it is."""
    issuers = [signer] if signer in trusted else _issuers(signer, trusted)
    if not issuers:
        return "neither its certificate nor who issued it is trusted here"
    if name != common_name(signer):
        return "its certificate is for another name"
    try:
        check_dates(signer, now, "its certificate")
        check_dates(issuers[0], now, "the certificate of who issued it")
    except SwarmCaError as problem:
        return str(problem)
    return ""


def _issuers(
    signer: x509.Certificate, trusted: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """Those of the trusted who issued it, and may."""
    return [each for each in trusted if _may_issue(each) and is_issued_by(signer, each)]


def _may_issue(certificate: x509.Certificate) -> bool:
    """An authority; or a certificate of before there were extensions, as BEP 35 makes them."""
    return certificate.version is x509.Version.v1 or is_authority(certificate)


def beyond_bep35(key: PrivateKey, digest: str) -> str:
    """What of a signature goes beyond BEP 35, in words; empty: nothing."""
    if not isinstance(key, RSAPrivateKey):
        return "BEP 35 has RSA keys: other programs may not check this signature"
    if digest != "sha1":
        return "programs that only know SHA-1 will not check this signature (--digest sha1)"
    return ""


def common_name(certificate: x509.Certificate) -> str:
    """The last common name of its subject; empty if there is none."""
    try:
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return ""
    value = found[-1].value if found else ""
    return value if isinstance(value, str) else ""


def _loaded(der: bytes) -> x509.Certificate:
    """A certificate of which everything that is told can be read. Raises SigningError."""
    try:
        found = x509.load_der_x509_certificate(der)
        found.subject.rfc4514_string()
        found.issuer.rfc4514_string()
        tuple(found.extensions)
        _ = found.not_valid_before_utc, found.not_valid_after_utc
        key = found.public_key()
    except UNREADABLE:
        raise SigningError("its certificate cannot be read") from None
    if not isinstance(key, PublicKey):
        raise SigningError("its certificate has a key of a kind that is not known here")
    if isinstance(key, RSAPublicKey):
        _check_rsa(key)
    return found


def _check_rsa(key: RSAPublicKey) -> None:
    if not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
        raise SigningError(f"its certificate has an RSA key of {key.key_size} bits")
    if key.public_numbers().e > LARGEST_EXPONENT:
        raise SigningError("its certificate has an RSA key that is slow to check with")


def _made(key: PrivateKey, signed: bytes, digest: str) -> bytes:
    """A signature. Raises SigningError."""
    algorithm = DIGESTS.get(digest)
    if algorithm is None:
        raise SigningError(f"there is no digest {digest!r}: {', '.join(DIGESTS)} are there")
    try:
        if isinstance(key, RSAPrivateKey):
            return key.sign(signed, PKCS1v15(), algorithm)
        if isinstance(key, EllipticCurvePrivateKey):
            return key.sign(signed, ECDSA(algorithm))
        return key.sign(signed)
    except UNREADABLE as problem:
        raise SigningError(f"the torrent cannot be signed with {digest}: {problem}") from None


def _with_info(outer: dict[bytes, Any], info_bytes: bytes) -> bytes:
    """A .torrent file of these values, around an info dictionary as it came."""
    parts = [b"d"]
    for key in sorted(outer):
        value = info_bytes if key == b"info" else bencode.encode(outer[key])
        parts += [bencode.encode(key), value]
    return b"".join([*parts, b"e"])
