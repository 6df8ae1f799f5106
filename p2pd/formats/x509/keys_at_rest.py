"""Private keys as they lie on a disk: sealed with a passphrase, as any OpenSSL can open them.

A sealed key is PKCS #8 (RFC 5958, ``ENCRYPTED PRIVATE KEY``) with PBES2 (RFC 8018): scrypt (RFC
7914) makes a key of the passphrase, and AES-256-CBC encrypts. What was sealed otherwise is refused,
for what it costs to open is what its header says.

Scrypt is slow on purpose, so a `KeySeal` remembers what it made, and seals all it has with one
salt: a thousand keys are opened at the cost of one. It is for threads. Files are not known here.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, b64encode
from textwrap import wrap

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from p2pd.base.errors import FormatError, P2pdError
from p2pd.formats.x509.unreadable import NO_KEY

MAX_KEY = 64 * 1024
"""Bytes of the longest private key in PEM; one of RSA with 16,384 bits has 13 KiB."""
MAX_PASSPHRASE = 1024
"""Bytes; the longest that OpenSSL's own tools take."""
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 5
"""16 MiB, as much as OpenSSL's own tools take, and five times that work."""

_BEGIN, _END = "-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----END ENCRYPTED PRIVATE KEY-----"
_SIZE = 16
"""Bytes of a salt and of an initialization vector."""
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")


class SealedKeyError(P2pdError):
    """A private key is sealed, and nothing that is here opens it."""


class KeySeal:
    """What a passphrase seals and opens."""

    def __init__(self, passphrase: bytes) -> None:
        """Raises P2pdError: this is no passphrase."""
        if not 0 < len(passphrase) <= MAX_PASSPHRASE:
            raise P2pdError(f"a passphrase has between 1 and {MAX_PASSPHRASE} bytes")
        self._passphrase = passphrase
        self._salt = secrets.token_bytes(_SIZE)
        self._made: dict[bytes, bytes] = {}

    def seal(self, key_pem: bytes) -> bytes:
        """A private key in PEM, sealed. Raises FormatError: it is none, or is sealed already."""
        plain = _plain(key_pem)
        vector = secrets.token_bytes(_SIZE)
        padder = PKCS7(8 * _SIZE).padder()
        encryptor = self._cipher(self._salt, vector).encryptor()
        content = encryptor.update(padder.update(plain) + padder.finalize())
        return _pem(_sequence(_header(self._salt, vector), _value(0x04, content)))

    def open(self, pem: bytes) -> bytes:
        """The key in PEM (PKCS #8) of a sealed one. Raises SealedKeyError, FormatError."""
        salt, vector, content = _parts(pem)
        decryptor = self._cipher(salt, vector).decryptor()
        unpadder = PKCS7(8 * _SIZE).unpadder()
        try:
            plain = unpadder.update(decryptor.update(content)) + unpadder.finalize()
            key = load_der_private_key(plain, None)
        except NO_KEY:
            raise SealedKeyError(
                "the private key was sealed with another passphrase than is given now"
            ) from None
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def key_for(self, salt: bytes) -> bytes:
        """32 bytes that scrypt makes of the passphrase and a salt, which is for one purpose."""
        return hashlib.scrypt(
            self._passphrase, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=32
        )

    def _cipher(self, salt: bytes, vector: bytes) -> Cipher[modes.CBC]:
        key = self._made.get(salt)
        if key is None:
            key = self._made[salt] = self.key_for(salt)
        return Cipher(algorithms.AES256(key), modes.CBC(vector))


def is_sealed(pem: bytes) -> bool:
    """Whether a private key in PEM cannot be used as it is."""
    return b"ENCRYPTED" in pem[:MAX_KEY]


def sealed(key_pem: bytes, seal: KeySeal | None) -> bytes:
    """The key as it is to lie on a disk: as it is, if there is nothing to seal it with.

    Raises FormatError: it is no private key in PEM, or one that is sealed already.
    """
    return _plain_pem(key_pem) if seal is None else seal.seal(key_pem)


def opened(pem: bytes, seal: KeySeal | None) -> bytes:
    """The key in PEM (PKCS #8) as it can be used, of one that may be sealed.

    Raises SealedKeyError when it is, and no passphrase is given or another one; FormatError.
    """
    if not is_sealed(pem):
        return _plain_pem(pem)
    if seal is None:
        raise SealedKeyError(
            "the private key is sealed, and no passphrase is given (keys.passphrase_file)"
        )
    return seal.open(pem)


def _plain_pem(key_pem: bytes) -> bytes:
    key = load_der_private_key(_plain(key_pem), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _plain(key_pem: bytes) -> bytes:
    if len(key_pem) > MAX_KEY:
        raise FormatError(f"a private key of {len(key_pem)} bytes is too long")
    if is_sealed(key_pem):
        raise FormatError("the private key is sealed already")
    try:
        key = load_pem_private_key(key_pem, None)
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    except NO_KEY:
        raise FormatError("there is no private key in PEM") from None


# -- the form (RFC 5958, RFC 8018, RFC 7914), of which there is only one ---------------------------


def _value(tag: int, content: bytes) -> bytes:
    """A value in DER (ITU-T X.690); contents are shorter than 64 KiB."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def _sequence(*values: bytes) -> bytes:
    return _value(0x30, b"".join(values))


def _number(number: int) -> bytes:
    return _value(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _header(salt: bytes, vector: bytes) -> bytes:
    numbers = b"".join(map(_number, (SCRYPT_N, SCRYPT_R, SCRYPT_P, 32)))
    derivation = _sequence(_SCRYPT, _sequence(_value(0x04, salt), numbers))
    encryption = _sequence(_AES_256_CBC, _value(0x04, vector))
    return _sequence(_PBES2, _sequence(derivation, encryption))


_EMPTY = bytes(_SIZE)
_SALT_AT = _header(b"s" * _SIZE, _EMPTY).index(b"s" * _SIZE)
_VECTOR_AT = _header(_EMPTY, b"v" * _SIZE).index(b"v" * _SIZE)
_HEADER_SIZE = len(_header(_EMPTY, _EMPTY))


def _pem(der: bytes) -> bytes:
    lines = (_BEGIN, *wrap(b64encode(der).decode(), 64), _END)
    return "".join(f"{line}\n" for line in lines).encode()


def _parts(pem: bytes) -> tuple[bytes, bytes, bytes]:
    """Salt, initialization vector and content of a sealed key. Raises FormatError."""
    lines = pem[: MAX_KEY + 1].decode("ascii", "replace").split()
    try:
        der = b64decode("".join(lines[4:-4]), validate=True)
    except ValueError:
        der = b""
    if len(pem) > MAX_KEY or " ".join(lines[:4]) != _BEGIN or " ".join(lines[-4:]) != _END:
        der = b""
    # All lengths are known, so it is compared with what it would be if it were written anew.
    at = der.find(_PBES2) - 2
    header = der[max(0, at) : max(0, at) + _HEADER_SIZE]
    salt = header[_SALT_AT : _SALT_AT + _SIZE]
    vector = header[_VECTOR_AT : _VECTOR_AT + _SIZE]
    for start in range(2, 5):
        content = der[at + _HEADER_SIZE + start :]
        rewritten = _sequence(_header(salt, vector), _value(0x04, content))
        if content and len(content) % _SIZE == 0 and rewritten == der:
            return salt, vector, content
    raise FormatError(
        "the private key is sealed in another way than p2pd does it: `openssl pkey` opens it"
    )
