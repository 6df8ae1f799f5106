"""Mutable items: values that the owner of an ed25519 key signs and may change (BEP 44, BEP 46).

Values are bencoded bytes here, as they are signed and sent. Where items are kept, and whether one
is newer than another, is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from p2pd.base.errors import FormatError
from p2pd.formats.bencode import decode, encode

KEY_SIZE = 32
SECRET_SIZE = 32
SIGNATURE_SIZE = 64
MAX_VALUE_SIZE = 1000
MAX_SALT_SIZE = 64
MAX_SEQ = 2**63 - 1
_HASH_SIZE = 20


@dataclass(frozen=True, slots=True)
class MutableItem:
    """What was signed, and by whom: `value` is bencoded, `seq` grows with each change.

    Anything can be in it that came over the wire: only :meth:`verify` says that it is good.
    """

    public_key: bytes
    seq: int
    value: bytes
    signature: bytes
    salt: bytes = b""

    def target(self) -> bytes:
        """The 20 bytes under which the item is stored."""
        return target_of(self.public_key, self.salt)

    def verify(self) -> bool:
        """Whether sizes and sequence number are in bounds, and the key's owner signed all this."""
        return self.in_bounds() and _signed(self)

    def in_bounds(self) -> bool:
        """Whether value, salt, key, signature and sequence number are what BEP 44 allows."""
        return (
            len(self.public_key) == KEY_SIZE
            and len(self.signature) == SIGNATURE_SIZE
            and len(self.value) <= MAX_VALUE_SIZE
            and len(self.salt) <= MAX_SALT_SIZE
            and 0 <= self.seq <= MAX_SEQ
        )


def _signed(item: MutableItem) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(item.public_key)
        key.verify(item.signature, signed_bytes(item.seq, item.value, item.salt))
    except (InvalidSignature, ValueError):
        return False
    return True


def target_of(public_key: bytes, salt: bytes = b"") -> bytes:
    """Where a mutable item is stored: SHA-1 of its key and its salt (20 bytes)."""
    return sha1(public_key + salt).digest()


def immutable_target(value: bytes) -> bytes:
    """Where an immutable item is stored: SHA-1 of its bencoded value (20 bytes)."""
    return sha1(value).digest()


def signed_bytes(seq: int, value: bytes, salt: bytes = b"") -> bytes:
    """What is signed (BEP 44, "Signature Verification")."""
    salted = b"4:salt%d:%b" % (len(salt), salt) if salt else b""
    return b"%b3:seqi%de1:v%b" % (salted, seq, value)


def public_key_of(secret: bytes) -> bytes:
    """The 32-byte public key of a 32-byte secret (RFC 8032's seed). Raises FormatError."""
    return _private_key(secret).public_key().public_bytes_raw()


def sign(secret: bytes, seq: int, value: bytes, salt: bytes = b"") -> MutableItem:
    """An item signed with a 32-byte secret. Raises FormatError where something is out of bounds."""
    if not 0 <= seq <= MAX_SEQ:
        raise FormatError(f"a sequence number is from 0 to {MAX_SEQ}, not {seq}")
    if len(value) > MAX_VALUE_SIZE:
        raise FormatError(f"an item has {MAX_VALUE_SIZE} bencoded bytes at most, not {len(value)}")
    if len(salt) > MAX_SALT_SIZE:
        raise FormatError(f"a salt has {MAX_SALT_SIZE} bytes at most, not {len(salt)}")
    decode(value)
    key = _private_key(secret)
    signature = key.sign(signed_bytes(seq, value, salt))
    return MutableItem(key.public_key().public_bytes_raw(), seq, value, signature, salt)


def _private_key(secret: bytes) -> Ed25519PrivateKey:
    if len(secret) != SECRET_SIZE:
        raise FormatError(f"an ed25519 secret has {SECRET_SIZE} bytes, not {len(secret)}")
    return Ed25519PrivateKey.from_private_bytes(secret)


def torrent_value(info_hash: bytes) -> bytes:
    """The value that says which torrent is the newest (BEP 46): its 20-byte info-hash."""
    if len(info_hash) != _HASH_SIZE:
        raise FormatError(f"an info-hash in the DHT has {_HASH_SIZE} bytes, not {len(info_hash)}")
    return encode({b"ih": info_hash})


def torrent_of(value: bytes) -> bytes:
    """The 20-byte info-hash that such a value names. Raises FormatError when it names none."""
    payload = decode(value, max_size=MAX_VALUE_SIZE)
    info_hash = payload.get(b"ih") if isinstance(payload, dict) else None
    if not isinstance(info_hash, bytes) or len(info_hash) != _HASH_SIZE:
        raise FormatError("this item of the DHT names no torrent")
    return info_hash
