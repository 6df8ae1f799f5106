"""How the two ends of a connection prove to each other that they know a swarm's secret.

The proofs are those of noise.py. Its prologue has the torrent's id and the binding of the
connection, which both ends made of keys that were new then: a proof that somebody heard, or was
given by one whom he stands between, is worth nothing on any other connection.
"""

from __future__ import annotations

from p2pd.protocols.swarm_secret.noise import MESSAGE_SIZE, Initiator, NoiseError, Responder
from p2pd.protocols.swarm_secret.secret import SwarmSecret

PROOF_SIZE = MESSAGE_SIZE
"""Bytes of either side's proof."""

_PROLOGUE = b"p2pd swarm secret 1\0"


def prologue(wire_id: bytes, binding: bytes) -> bytes:
    """What the proofs of a connection hold for."""
    return _PROLOGUE + wire_id + binding


class DiallersProof(Initiator):
    """Of who dialled, and proves first."""

    def __init__(self, secret: SwarmSecret, wire_id: bytes, binding: bytes, private: bytes) -> None:
        super().__init__(secret.key_of(wire_id), prologue(wire_id, binding), private)


class AcceptorsProof(Responder):
    """Of who accepted, and answers to a proof alone."""

    def __init__(self, secret: SwarmSecret, wire_id: bytes, binding: bytes, private: bytes) -> None:
        super().__init__(secret.key_of(wire_id), prologue(wire_id, binding), private)

    def check(self, proof: bytes) -> None:
        """Raises NoiseError, unless this and nothing else is a proof."""
        if len(proof) != PROOF_SIZE:
            raise NoiseError(f"{len(proof)} bytes are no proof")
        self.first(proof)
