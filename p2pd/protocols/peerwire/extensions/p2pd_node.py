"""The p2pd_node messages: two nodes of p2pd tell each other who they are, on one connection.

An extension of BEP 10 that no BEP describes. A message is a bencoded dictionary, of two kinds:

* ``hints``, 16 bytes each: one for each node that the sender trusts, and some for none; that node
  recognizes the sender by it, to all others it is noise;
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
MAX_HINTS = 512
KEY_SIZE = 32
SIGNATURE_SIZE = 64
HINT_SIZE = 16
MAX_PAYLOAD = MAX_HINTS * HINT_SIZE + 1024


class NodeHints(NamedTuple):
    """For those whom the sender trusts, and who trust it."""

    hints: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The payload of the extended message."""
        return bencode.encode({b"hints": b"".join(self.hints)})


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


NodeMessage = NodeHints | NodeProof


def parse(payload: bytes) -> NodeMessage | None:
    """Read a payload; None for a message of neither kind. Raises FormatError."""
    if len(payload) > MAX_PAYLOAD:
        raise FormatError(f"the message of a node's identity has {len(payload)} bytes")
    told = bencode.decode(payload, strict_order=False, max_depth=4)
    if not isinstance(told, dict):
        raise FormatError("the message of a node's identity is not a dictionary")
    if b"key" in told or b"sig" in told:
        return _proof(told)
    if b"hints" in told:
        return _hints(told[b"hints"])
    return None


def _hints(value: Any) -> NodeHints:
    if not isinstance(value, bytes) or len(value) % HINT_SIZE or not value:
        raise FormatError(f"hints of a node's identity are not {HINT_SIZE} bytes each")
    if len(value) > MAX_HINTS * HINT_SIZE:
        raise FormatError(f"more than {MAX_HINTS} hints of a node's identity")
    starts = range(0, len(value), HINT_SIZE)
    return NodeHints(tuple(value[start : start + HINT_SIZE] for start in starts))


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
