"""The handshake ``Noise_NNpsk0_25519_ChaChaPoly_SHA256`` of the Noise Protocol Framework.

    initiator                      responder
    psk, e                   ->
                             <-    e, ee

Both know a key (``psk``) before; each brings one of its own that is used once (``e``). Who dialled
proves first that it knows the key, and who accepted answers only to who does. What both prove holds
for the prologue, for both keys of that one time, and for the side that each is on: nothing that was
said before, elsewhere or by the other side can be said again. The names here are those of the
framework's specification (revision 34), sections 5 and 9. Bytes go in and come out.
"""

from __future__ import annotations

import hmac
import struct
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from p2pd.base.errors import FormatError

NAME = b"Noise_NNpsk0_25519_ChaChaPoly_SHA256"
KEY_SIZE = 32
TAG_SIZE = 16
NOT_SEALED = "what came was not sealed with the key of this connection"
MESSAGE_SIZE = KEY_SIZE + TAG_SIZE
"""Bytes of either message, when nothing is said in it."""

_NONCE = struct.Struct("<4xQ")
_HAS_PLACES = hasattr(ChaCha20Poly1305, "decrypt_into")
"""From cryptography 47 on: what is calculated goes to where it belongs at once."""

Data = bytes | bytearray | memoryview


class NoiseError(FormatError):
    """What came is not what somebody says who knows the key, on this connection."""


class CipherState:
    """One direction: what is sealed is opened in the same order, and none of it twice."""

    __slots__ = ("_cipher", "_nonce")

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._nonce = 0

    def seal(self, data: Data, with_it: bytes | None = None) -> bytes:
        """The data, encrypted, with a tag behind it that vouches for it, and for `with_it`."""
        sealed = self._cipher.encrypt(_NONCE.pack(self._nonce), data, with_it)
        self._nonce += 1
        return sealed

    def open(self, data: Data, with_it: bytes | None = None) -> bytes:
        """What was sealed. Raises NoiseError: it was not, or not as the next."""
        try:
            opened = self._cipher.decrypt(_NONCE.pack(self._nonce), data, with_it)
        except InvalidTag:
            raise NoiseError(NOT_SEALED) from None
        self._nonce += 1
        return opened

    def seal_into(self, data: Data, place: memoryview) -> None:
        """As `seal`, into a place that is TAG_SIZE bytes longer than the data."""
        if not _HAS_PLACES:
            place[:] = self.seal(data)
            return
        self._cipher.encrypt_into(_NONCE.pack(self._nonce), data, None, place)
        self._nonce += 1

    def open_into(self, data: Data, place: memoryview) -> None:
        """As `open`, into a place that is TAG_SIZE bytes shorter; nobody may look at it before.

        Raises NoiseError: then anything may be there.
        """
        if not _HAS_PLACES:
            place[:] = self.open(data)
            return
        try:
            self._cipher.decrypt_into(_NONCE.pack(self._nonce), data, None, place)
        except InvalidTag:
            raise NoiseError(NOT_SEALED) from None
        self._nonce += 1


class _Handshake:
    """What both sides do alike (the framework's SymmetricState and HandshakeState)."""

    def __init__(self, psk: bytes, prologue: bytes, private: bytes) -> None:
        """`private` are 32 bytes that nobody can predict, for this handshake alone."""
        self._hash = self._chain = sha256(NAME).digest()
        self._private = X25519PrivateKey.from_private_bytes(private)
        self._public = self._private.public_key().public_bytes_raw()
        self._theirs = b""
        self._mix_hash(prologue)
        self._chain, mixed, key = self._derived(psk, 3)
        self._mix_hash(mixed)
        self._cipher = CipherState(key)

    @property
    def hash(self) -> bytes:
        """Of all that was said so far."""
        return self._hash

    def _said(self, payload: bytes) -> bytes:
        """A message of ours, with what is mixed in before what it says."""
        sealed = self._cipher.seal(payload, self._hash)
        self._mix_hash(sealed)
        return sealed

    def _heard(self, sealed: Data) -> bytes:
        opened = self._cipher.open(sealed, self._hash)
        self._mix_hash(bytes(sealed))
        return opened

    def _take_theirs(self, message: Data) -> None:
        if len(message) < MESSAGE_SIZE:
            raise NoiseError("the message is too short to prove anything")
        self._theirs = bytes(message[:KEY_SIZE])
        self._mix_public(self._theirs)

    def _mix_public(self, public: bytes) -> None:
        self._mix_hash(public)
        self._mix_key(public)

    def _mix_exchange(self) -> None:
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(self._theirs))
        except ValueError:
            raise NoiseError("the other side's key is one that hides nothing") from None
        self._mix_key(shared)

    def _mix_hash(self, data: bytes) -> None:
        self._hash = sha256(self._hash + data).digest()

    def _mix_key(self, material: bytes) -> None:
        self._chain, key = self._derived(material, 2)
        self._cipher = CipherState(key)

    def _split(self) -> tuple[CipherState, CipherState]:
        """Of what the initiator says from now on, and of what the responder does."""
        first, second = self._derived(b"", 2)
        return CipherState(first), CipherState(second)

    def _derived(self, material: bytes, count: int) -> list[bytes]:
        """HKDF, as the framework has it."""
        key, found = hmac.digest(self._chain, material, "sha256"), [b""]
        for number in range(1, count + 1):
            found.append(hmac.digest(key, found[-1] + bytes([number]), "sha256"))
        return found[1:]


class Initiator(_Handshake):
    """Of who dialled."""

    def first(self, payload: bytes = b"") -> bytes:
        """The proof that we know the key, to be sent first."""
        self._mix_public(self._public)
        return self._public + self._said(payload)

    def second(self, message: Data) -> tuple[CipherState, CipherState, bytes]:
        """The ways out and in, and what the answer says. Raises NoiseError."""
        self._take_theirs(message)
        self._mix_exchange()
        payload = self._heard(message[KEY_SIZE:])
        return *self._split(), payload


class Responder(_Handshake):
    """Of who accepted."""

    def first(self, message: Data) -> bytes:
        """What the other side says along with its proof. Raises NoiseError: it proves nothing.

        Nothing was calculated then that takes long.
        """
        self._take_theirs(message)
        return self._heard(message[KEY_SIZE:])

    def second(self, payload: bytes = b"") -> tuple[CipherState, CipherState, bytes]:
        """The ways out and in, and our proof. Raises NoiseError for a key that hides nothing."""
        self._mix_public(self._public)
        self._mix_exchange()
        message = self._public + self._said(payload)
        theirs, ours = self._split()
        return ours, theirs, message
