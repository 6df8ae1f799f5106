"""What a node asks the node with the CA, and is answered: one request, one answer.

The request has a certificate request for a key that the new node just made, and is signed: with the
token's key, or, to renew, with the key of the certificate that runs out. The answer is encrypted to
a key that was made for it (X25519, HKDF, ChaCha20-Poly1305) and signed by the CA, whose fingerprint
who asks knew before. So it needs no TLS below: who is in the middle reads no more than that
somebody asks, and what he changes is refused. What was asked is asked again without harm, for the
same key gets the same answer; what it was encrypted with is gone afterwards.

Messages are bencoded. A refusal is a sentence, and signed by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.formats.x509.pem import (
    PrivateKey,
    PublicKey,
    certificate_pem,
    read_certificate,
    read_request,
    request_pem,
)
from p2pd.formats.x509.swarm_ca import LONGEST_LABEL, fingerprint, read_ca
from p2pd.protocols.enrolment.signatures import is_signed, sign
from p2pd.protocols.enrolment.token import (
    FINGERPRINT_SIZE,
    ID_SIZE,
    MOST_ADDRESSES,
    TokenError,
    check_address,
)

VERSION = 1
MAX_REQUEST = 48 * 1024
MAX_TORRENTS = 8 * 1024 * 1024
"""Bytes of all torrents that go with an answer."""
MAX_ANSWER = MAX_TORRENTS + 128 * 1024
MOST_TORRENTS = 100
LONGEST_REFUSAL = 500

_REQUEST, _ANSWER = b"p2pd enrolment request\0", b"p2pd enrolment answer\0"
_ENCRYPTION = b"p2pd enrolment answer key"
_ANSWERED = {b"ephemeral", b"sealed", b"signature"}
_EPHEMERAL_SIZE = 32
_NONCE = bytes(12)
"""Each key encrypts one answer."""


class ExchangeError(FormatError):
    """A message that is not understood, or not from whom it should be."""


class RefusedError(ExchangeError):
    """The other node will not; the sentence is its own."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: a certificate for the key of `csr`, of the CA with this fingerprint.

    `token` is a token's id; without one `certificate` is renewed.
    """

    body: bytes
    fingerprint: bytes
    csr: x509.CertificateSigningRequest
    ephemeral: bytes
    label: str
    token: bytes
    certificate: x509.Certificate | None
    signed: bytes
    signature: bytes

    @property
    def key(self) -> PublicKey:
        """For which a certificate is wanted."""
        found = self.csr.public_key()
        assert isinstance(found, PublicKey)
        return found

    def is_signed_with(self, key: object) -> bool:
        """Whether it is from who has the private half of this key."""
        return is_signed(key, self.signature, self.signed)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is given: the certificate, its CA, torrents that go with it, and where to ask again.

    `port` is where the node with the CA is a peer of these torrents; 0: it is none.
    """

    certificate: x509.Certificate
    ca: x509.Certificate
    torrents: tuple[bytes, ...] = ()
    addresses: tuple[str, ...] = ()
    port: int = 0


class Asking:
    """The side that asks, for one exchange."""

    def __init__(
        self,
        ca_fingerprint: bytes,
        csr: x509.CertificateSigningRequest,
        *,
        proof: PrivateKey,
        token: bytes = b"",
        certificate: x509.Certificate | None = None,
        label: str = "",
    ) -> None:
        """`proof` is the key of the token with this id, or of the certificate."""
        self._fingerprint = ca_fingerprint
        self._key = csr.public_key()
        self._own = X25519PrivateKey.generate()
        value: dict[bytes, Any] = {
            b"ca": ca_fingerprint,
            b"csr": request_pem(csr).encode(),
            b"ephemeral": _raw(self._own.public_key()),
            b"label": label.encode(),
            b"v": VERSION,
        }
        if certificate is None:
            value[b"token"] = token
        else:
            value[b"certificate"] = certificate_pem(certificate).encode()
        value[b"signature"] = sign(proof, _REQUEST + bencode.encode(value))
        self.body = bencode.encode(value)

    def read(self, data: bytes) -> Answer:
        """The answer. Raises RefusedError, or ExchangeError when it is from somebody else."""
        value = _read(data, MAX_ANSWER, "the answer")
        if b"refused" in value:
            raise RefusedError(_text(value, b"refused", LONGEST_REFUSAL) or "it says no more")
        if value.keys() != _ANSWERED:
            raise ExchangeError("the answer has what is not known here, or too little")
        theirs = _bytes(value, b"ephemeral", _EPHEMERAL_SIZE)
        sealed, signature = _bytes(value, b"sealed"), _bytes(value, b"signature")
        try:
            opened = ChaCha20Poly1305(_shared(self._own, theirs, self.body)).decrypt(
                _NONCE, sealed, _ANSWER
            )
        except (InvalidTag, ValueError):
            raise ExchangeError("the answer is not encrypted to us: somebody changed it") from None
        answer = _read_content(opened)
        self._check(answer, theirs + sealed, signature)
        return answer

    def _check(self, answer: Answer, content: bytes, signature: bytes) -> None:
        if fingerprint(answer.ca) != self._fingerprint:
            raise ExchangeError("the answer is of another CA than the one that was asked")
        signed = _ANSWER + sha256(self.body).digest() + content
        if not is_signed(answer.ca.public_key(), signature, signed):
            raise ExchangeError("the answer is not signed by the CA: somebody else made it")
        if answer.certificate.public_key() != self._key:
            raise ExchangeError("the certificate that was sent is for another key")


def read_asked(data: bytes) -> Request:
    """A request, of whoever. Raises ExchangeError or another FormatError."""
    value = _read(data, MAX_REQUEST, "the request")
    if value.get(b"v") != VERSION:
        raise ExchangeError("the request is of a version that is not known here")
    signature = _bytes(value, b"signature")
    token, certificate = b"", None
    if b"token" in value:
        token = _bytes(value, b"token", ID_SIZE)
    else:
        certificate = read_certificate(_bytes(value, b"certificate"))
    csr = read_request(_bytes(value, b"csr"))
    unsigned = {name: each for name, each in value.items() if name != b"signature"}
    return Request(
        body=data,
        fingerprint=_bytes(value, b"ca", FINGERPRINT_SIZE),
        csr=csr,
        ephemeral=_bytes(value, b"ephemeral", _EPHEMERAL_SIZE),
        label=_text(value, b"label", LONGEST_LABEL),
        token=token,
        certificate=certificate,
        signed=_REQUEST + bencode.encode(unsigned),
        signature=signature,
    )


def answer_to(request: Request, answer: Answer, ca_key: PrivateKey) -> bytes:
    """The answer, for who made the request alone. Raises ExchangeError."""
    content = bencode.encode(
        {
            b"addresses": [address.encode() for address in answer.addresses],
            b"ca": certificate_pem(answer.ca).encode(),
            b"certificate": certificate_pem(answer.certificate).encode(),
            b"port": answer.port,
            b"torrents": list(answer.torrents),
        }
    )
    own = X25519PrivateKey.generate()
    public = _raw(own.public_key())
    key = _shared(own, request.ephemeral, request.body)
    sealed = ChaCha20Poly1305(key).encrypt(_NONCE, content, _ANSWER)
    signed = _ANSWER + sha256(request.body).digest() + public + sealed
    value = {b"ephemeral": public, b"sealed": sealed, b"signature": sign(ca_key, signed)}
    return bencode.encode(value)


def refusal(sentence: str) -> bytes:
    """What is answered instead."""
    return bencode.encode({b"refused": sentence.encode("utf-8", "replace")[:LONGEST_REFUSAL]})


def _read_content(data: bytes) -> Answer:
    value = _read(data, MAX_ANSWER, "the answer")
    torrents, addresses = value.get(b"torrents"), value.get(b"addresses")
    for found, most in ((torrents, MOST_TORRENTS), (addresses, MOST_ADDRESSES)):
        if not isinstance(found, list) or len(found) > most:
            raise ExchangeError("the answer has more than it may, or nothing")
        if not all(isinstance(each, bytes) for each in found):
            raise ExchangeError("the answer has something that is not known here")
    assert isinstance(torrents, list)
    assert isinstance(addresses, list)
    port = value.get(b"port")
    if not isinstance(port, int) or not 0 <= port < 65536:
        raise ExchangeError("the answer has no good port")
    known = [address.decode("ascii", "replace") for address in addresses]
    return Answer(
        read_certificate(_bytes(value, b"certificate")),
        read_ca(_bytes(value, b"ca")),
        tuple(torrents),
        tuple(address for address in known if _is_address(address)),
        port,
    )


def _is_address(address: str) -> bool:
    try:
        check_address(address)
    except TokenError:
        return False
    return True


def _read(data: bytes, most: int, what: str) -> dict[bytes, Any]:
    if len(data) > most:
        raise ExchangeError(f"{what} is longer than {most} bytes")
    try:
        value = bencode.decode(data, max_size=most)
    except FormatError:
        raise ExchangeError(f"{what} cannot be understood: is that a p2pd?") from None
    if not isinstance(value, dict):
        raise ExchangeError(f"{what} cannot be understood: is that a p2pd?")
    return value


def _bytes(value: dict[bytes, Any], name: bytes, size: int | None = None) -> bytes:
    found = value.get(name)
    if not isinstance(found, bytes) or (size is not None and len(found) != size):
        raise ExchangeError(f"the message has no good {name.decode()}")
    return found


def _text(value: dict[bytes, Any], name: bytes, most: int) -> str:
    """Letters alone: they are shown to people."""
    found = _bytes(value, name).decode("utf-8", "replace")[:most]
    return "".join(letter if letter.isprintable() else "?" for letter in found)


def _shared(own: X25519PrivateKey, theirs: bytes, body: bytes) -> bytes:
    """The key of an answer. Raises ExchangeError for a point that makes none."""
    try:
        secret = own.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise ExchangeError("the message has no good ephemeral") from None
    return HKDF(SHA256(), 32, salt=sha256(body).digest(), info=_ENCRYPTION).derive(secret)


def _raw(key: X25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
