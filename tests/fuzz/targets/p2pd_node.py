"""Fuzz the messages of a node's identity, and the check of what they prove."""

from __future__ import annotations

import random

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions.p2pd_node import NodeHints, parse
from p2pd.protocols.peerwire.node_proofs import Channel, NodeKey, Role, check, succeeds

_CHANNEL = Channel(bytes(range(32)), b"i" * 20, Role.DIALLED)
_PEERS = Channel(bytes(range(32)), b"i" * 20, Role.ACCEPTED)
_KEY = NodeKey(b"\x01" * 32)
_PAIR = _KEY.pair(NodeKey(b"\x02" * 32).public)
_PROOF = _KEY.proof(_PEERS)
_LATER = _KEY.succeeded_by(b"\x02" * 32).proof(_PEERS)

SEEDS: list[bytes] = [
    _PROOF.encode(),
    _LATER.encode(),
    _PEERS.hints_of_us([_PAIR], random.Random(1)).encode(),
    b"d5:otheri1ee",
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse; what is read survives the wire; nobody else's key is proved."""
    try:
        message = parse(data)
    except FormatError:
        return
    if message is None:
        return
    if parse(message.encode()) != message:
        raise AssertionError("a message of a node's identity changed on its way")
    if isinstance(message, NodeHints):
        _CHANNEL.recognized(message, {_KEY.public: _PAIR})
        return
    succeeds(message)
    try:
        check(message, _CHANNEL)
    except FormatError:
        return
    known = {(proof.key, proof.signature) for proof in (_PROOF, _LATER)}
    if (message.key, message.signature) not in known:
        raise AssertionError("a proof that nobody made is right")
