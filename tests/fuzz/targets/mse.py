"""Fuzz the handshake of message stream encryption: both sides, behind an exchange of keys."""

from __future__ import annotations

import random

from p2pd.protocols.mse.handshake import (
    Methods,
    MseHandshake,
    MseInitiator,
    MseResponder,
    obscured,
)
from p2pd.protocols.mse.key_exchange import KeyPair, MseError
from p2pd.protocols.mse.keystream import digest, initiators, responders
from p2pd.protocols.mse.swarm_keys import SwarmKeys

_HASH = b"h" * 20
_KEYS = [KeyPair(2**159 + number) for number in (1, 2)]
_SECRET = _KEYS[0].secret(_KEYS[1].public)
_HEAD = digest(b"req1", _SECRET) + obscured(_HASH, _SECRET)
_SWARMS = SwarmKeys()
_SWARMS.add(_HASH)
_BOTH = Methods.PLAIN | Methods.RC4

# The first byte: whom it is for, and how it is cut. What follows is encrypted on its way in, so
# that mutations reach what is inside.
SEEDS: list[bytes] = [
    b"\x00" + bytes(8) + b"\x00\x00\x00\x03\x00\x00\x00\x04said",
    b"\x02" + bytes(8) + b"\x00\x00\x00\x01\x00\x02pp\x00\x00behind",
    b"\x01" + bytes(8) + b"\x00\x00\x00\x02\x00\x03pppbehind",
    b"\x03" + bytes(8) + b"\x00\x00\x00\x01\x00\x00behind",
    b"\x05no key at all",
]


def fuzz(data: bytes) -> None:
    """Only MseError may refuse, and nothing may come of a method that was not agreed on."""
    how, said = data[:1] or b"\x00", data[1:]
    rng = random.Random(how[0])
    side: MseHandshake
    if how[0] & 1:
        side = MseInitiator(_KEYS[0], _HASH, offers=_BOTH, rng=rng)
        theirs, text = _KEYS[1].public, responders(_SECRET, _HASH).apply(said)
    else:
        side = MseResponder(_KEYS[1], _SWARMS, choices=(Methods.RC4, Methods.PLAIN), rng=rng)
        theirs, text = _KEYS[0].public, _HEAD + initiators(_SECRET, _HASH).apply(said)
    if how[0] & 4:
        theirs, text = said[:96], said[96:]
    step = 1 + (how[0] >> 3)
    try:
        side.receive_data(theirs)
        if side.their_key is None:
            return
        side.secret_known(side.keys.secret(side.their_key))
        for at in range(0, len(text), step * 16):
            if side.agreement is not None:
                break
            side.receive_data(text[at : at + step * 16])
    except MseError:
        return
    if side.agreement is not None and (side.agreement.encrypt is None) is not (
        side.agreement.decrypt is None
    ):
        raise AssertionError("one direction is encrypted and the other is not")
