"""Proofs of identity: an Ed25519 key (RFC 8032) signs what only the two ends of a connection know.

What is signed has a label of its own and a fixed layout: the label, who of the two signs (the one
who dialled, or who was dialled), the connection's binding, the info-hash that was dialled with, and
the key itself. So a proof is worth nothing on another connection (the binding differs), to whoever
sits between two (he has two connections), sent back to who made it (the role differs), for another
torrent, or as a signature of anything else. Without a binding there is no proof: in the clear
anybody on the way could hand it on.

A hint is for one node, and says to it alone who is there: it is made with what the two keys have in
common (RFC 7748 on the same curve, as X25519), which nobody can calculate who has neither secret,
also if he knows both keys. So nodes that trust each other find each other, and a stranger who tries
whom he meets learns nothing, not even how many nodes are trusted.

Signing and checking take some hundred microseconds: who has a reactor has it done elsewhere.
"""

from __future__ import annotations

import hmac
import random
from enum import Enum
from hashlib import sha256, sha512
from typing import Iterable, Mapping, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions.p2pd_node import (
    HINT_SIZE,
    MAX_HINTS,
    NodeHints,
    NodeProof,
    Succession,
)

BINDING_SIZE = 32
PROOF_LABEL = b"p2pd_node proof 1\0"
HINT_LABEL = b"p2pd_node hint 1\0"
SUCCESSION_LABEL = b"p2pd_node succession 1\0"
PAIR_LABEL = b"p2pd_node pair 1\0"
LEAST_HINTS = 8

_FIELD = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_WEAK = frozenset((0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8))
"""The y coordinates of the points of small order: one signature may be right for any text."""


class Role(Enum):
    """Who of the two signs."""

    DIALLED = b"D"
    """The one who dialled."""
    ACCEPTED = b"A"
    """The one who was dialled."""

    @property
    def other(self) -> Role:
        """That of the other side."""
        return Role.ACCEPTED if self is Role.DIALLED else Role.DIALLED


class Channel(NamedTuple):
    """One connection, as one end of it sees it. `binding` has 32 bytes, `info_hash` 20."""

    binding: bytes
    info_hash: bytes
    role: Role
    """Ours."""

    def signed_by_us(self, key: bytes) -> bytes:
        """What our key signs."""
        return _bound(PROOF_LABEL, self, self.role) + key

    def signed_by_them(self, key: bytes) -> bytes:
        """What the peer's key has to have signed."""
        return _bound(PROOF_LABEL, self, self.role.other) + key

    def hints_of_us(self, pairs: Iterable[bytes], rng: random.Random) -> NodeHints:
        """By which those whom we have these secrets in common with recognize us.

        There are some of nobody among them, so that how many there are tells little.
        """
        text = _bound(HINT_LABEL, self, self.role)
        hints = [_hint(text, pair) for pair in pairs][:MAX_HINTS]
        shown = LEAST_HINTS
        while shown < len(hints):
            shown *= 2
        hints += [rng.randbytes(HINT_SIZE) for _ in range(shown - len(hints))]
        return NodeHints(tuple(sorted(hints)))

    def recognized(self, hints: NodeHints, pairs: Mapping[bytes, bytes]) -> bytes | None:
        """The key, of those that we have these secrets in common with, that the peer has."""
        text, told = _bound(HINT_LABEL, self, self.role.other), frozenset(hints.hints)
        return next((key for key, pair in pairs.items() if _hint(text, pair) in told), None)


def _bound(label: bytes, channel: Channel, role: Role) -> bytes:
    if len(channel.binding) != BINDING_SIZE or len(channel.info_hash) != 20:
        raise ValueError("a channel has a binding of 32 bytes and an info-hash of 20")
    return label + role.value + channel.binding + channel.info_hash


def _hint(text: bytes, pair: bytes) -> bytes:
    return hmac.digest(pair, text, sha256)[:HINT_SIZE]


class NodeKey:
    """The key of a node. `public` is what others know it by; `succession`: which it came after."""

    __slots__ = ("_private", "public", "succession")

    def __init__(self, secret: bytes, succession: Succession | None = None) -> None:
        """`secret` is the seed of RFC 8032, 32 bytes."""
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._private.public_key().public_bytes_raw()
        self.succession = succession

    @property
    def secret(self) -> bytes:
        """The seed, for who keeps it."""
        return self._private.private_bytes_raw()

    def proof(self, channel: Channel) -> NodeProof:
        """That this node is at this end of the connection."""
        signature = self._private.sign(channel.signed_by_us(self.public))
        return NodeProof(self.public, signature, self.succession)

    def pair(self, key: bytes) -> bytes:
        """What we and the node with another key have in common, and nobody else knows."""
        scalar = X25519PrivateKey.from_private_bytes(sha512(self.secret).digest()[:32])
        try:
            common = scalar.exchange(X25519PublicKey.from_public_bytes(_montgomery(key)))
        except ValueError:
            raise FormatError("this key has nothing in common with any") from None
        return sha256(PAIR_LABEL + common + b"".join(sorted((self.public, key)))).digest()

    def succeeded_by(self, secret: bytes) -> NodeKey:
        """Another key, which this one vouches for."""
        new = NodeKey(secret)
        text = SUCCESSION_LABEL + self.public + new.public
        new.succession = Succession(self.public, self._private.sign(text))
        return new


def check(proof: NodeProof, channel: Channel) -> None:
    """Whether the owner of the proof's key is at the other end. Raises FormatError, in words."""
    if is_weak(proof.key):
        raise FormatError("its key is one that anybody can sign with")
    if not _signed(proof.key, proof.signature, channel.signed_by_them(proof.key)):
        raise FormatError("its proof of identity is not one of this connection")


def succeeds(proof: NodeProof) -> bytes | None:
    """The key that the node had before, if that one vouches for this one."""
    if proof.succession is None or not vouches(proof.succession, proof.key):
        return None
    return proof.succession.old_key


def vouches(succession: Succession, key: bytes) -> bool:
    """Whether the old key signed that this one comes after it."""
    old_key, signature = succession
    text = SUCCESSION_LABEL + old_key + key
    return not is_weak(old_key) and _signed(old_key, signature, text)


def is_weak(key: bytes) -> bool:
    """Whether a public key is no secret's: a point of small order, however it is written."""
    y = int.from_bytes(key, "little") & (1 << 255) - 1
    return y % _FIELD in _WEAK


def _montgomery(key: bytes) -> bytes:
    """The same point as X25519 has it (RFC 7748, section 4.1)."""
    y = (int.from_bytes(key, "little") & (1 << 255) - 1) % _FIELD
    u = (1 + y) * pow(1 - y, -1, _FIELD) % _FIELD
    return u.to_bytes(32, "little")


def _signed(key: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True
