"""The p2pd_node messages: two nodes of p2pd tell each other who they are, on one connection.

An extension of BEP 10 that no BEP describes. A message is a bencoded dictionary, of two kinds:

* ``hint``, 16 bytes: whoever knows the sender's key recognizes it, to all others it is noise;
* ``key`` and ``sig``: the sender's Ed25519 key, and its signature of what only the two ends of this
  connection know (node_proofs.py). ``was`` and ``was_sig``, which may be left out, are the key that
  the sender had before, and that one's signature for the new one.

Keys that are not known are ignored. What is signed, and who tells whom, is not known here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from p2pd.base.errors import FormatError
from p2pd.formats import bencode

NAME = "p2pd_node"
MAX_PAYLOAD = 1024
KEY_SIZE = 32
SIGNATURE_SIZE = 64
HINT_SIZE = 16


class NodeHint(NamedTuple):
    """For who knows the sender's key."""

    hint: bytes

    def encode(self) -> bytes:
        """The payload of the extended message."""
        return bencode.encode({b"hint": self.hint})


class Succession(NamedTuple):
    """A node has another key: the one that it had, and that one's signature for the new one."""

    old_key: bytes
    signature: bytes


class NodeProof(NamedTuple):
    """The sender's key, and its signature: worth nothing until it was checked."""

    key: bytes
    signature: bytes
    succession: Succession | None = None

    def encode(self) -> bytes:
        """The payload of the extended message."""
        told = {b"key": self.key, b"sig": self.signature}
        if self.succession is not None:
            told[b"was"], told[b"was_sig"] = self.succession
        return bencode.encode(told)


NodeMessage = NodeHint | NodeProof


def parse(payload: bytes) -> NodeMessage | None:
    """Read a payload; None for a message of neither kind. Raises FormatError."""
    if len(payload) > MAX_PAYLOAD:
        raise FormatError(f"the message of a node's identity has {len(payload)} bytes")
    told = bencode.decode(payload, strict_order=False, max_depth=4)
    if not isinstance(told, dict):
        raise FormatError("the message of a node's identity is not a dictionary")
    if b"key" in told or b"sig" in told:
        return _proof(told)
    if b"hint" in told:
        return NodeHint(_sized(told, b"hint", HINT_SIZE))
    return None


def _proof(told: dict[bytes, Any]) -> NodeProof:
    succession = None
    if b"was" in told or b"was_sig" in told:
        old_key, signature = (
            _sized(told, b"was", KEY_SIZE),
            _sized(told, b"was_sig", SIGNATURE_SIZE),
        )
        succession = Succession(old_key, signature)
    key, signature = _sized(told, b"key", KEY_SIZE), _sized(told, b"sig", SIGNATURE_SIZE)
    return NodeProof(key, signature, succession)


def _sized(told: dict[bytes, Any], key: bytes, size: int) -> bytes:
    value = told.get(key)
    if not isinstance(value, bytes) or len(value) != size:
        raise FormatError(f"{key.decode()} of a node's identity is not {size} bytes")
    return value
