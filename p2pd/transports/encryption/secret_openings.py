"""Streams of swarms that share a secret: message stream encryption, proofs, then sealed records.

Who dialled proves first, along with what he offers; who accepted answers nothing before he has
checked that. Until both have proved it, nothing that others wrote leaves. What goes over the wire
is in docs/shared-secret.rst.
"""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple

from p2pd.protocols.mse.handshake import Agreement, MseInitiator, MseResponder, Swarms
from p2pd.protocols.mse.key_exchange import KeyPair, MseError
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.protocols.swarm_secret.noise import NoiseError
from p2pd.protocols.swarm_secret.proofs import PROOF_SIZE, AcceptorsProof, DiallersProof
from p2pd.protocols.swarm_secret.secret import SwarmSecret
from p2pd.transports.encryption.key_work import KeyWork
from p2pd.transports.encryption.openings import AcceptedOpening, DialledOpening, Opened
from p2pd.transports.encryption.sealed_stream import SealedStream
from p2pd.transports.interfaces import PeerStream

NOT_PROVED = "the peer does not prove that it knows the secret of the swarm"
PRIVATE_SIZE = 32


class SecretSwarm(NamedTuple):
    """A swarm by its secret and the id on the wire by which it is dialled."""

    secret: SwarmSecret
    wire_id: bytes

    @property
    def name(self) -> bytes:
        """What message stream encryption has it called by."""
        return self.secret.name_of(self.wire_id)


class ProofCounts:
    """What became of proofs, of either side."""

    __slots__ = ("accepted", "refused")

    def __init__(self) -> None:
        self.accepted = self.refused = 0

    def by_result(self) -> dict[tuple[str, ...], float]:
        """For readers."""
        return {("accepted",): self.accepted, ("refused",): self.refused}


class SecretDialled(DialledOpening):
    """Of a peer that we dialled for a swarm with a secret."""

    def __init__(
        self,
        inner: PeerStream,
        opened: Opened,
        work: KeyWork,
        *,
        swarm: SecretSwarm,
        counts: ProofCounts,
    ) -> None:
        required = EncryptionPolicy.REQUIRED
        super().__init__(inner, opened, work, info_hash=swarm.name, policy=required)
        self._swarm = swarm
        self._counts = counts
        self._proof: DiallersProof | None = None
        self._agreement: Agreement | None = None
        self._answer = b""

    def _handshake(self, keys: KeyPair) -> MseInitiator:
        offers = self._policy.offers
        return MseInitiator(
            keys, self._info_hash, offers=offers, payload=self._prove, rng=self._work.rng
        )

    def _prove(self, binding: bytes) -> bytes:
        swarm, private = self._swarm, self._work.unpredictable(PRIVATE_SIZE)
        self._proof = DiallersProof(swarm.secret, swarm.wire_id, binding, private)
        return self._proof.first()

    def _agreed(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._hear(agreement, agreement.payload)

    def _take(self, data: memoryview) -> None:
        agreement = self._agreement
        if agreement is None:
            super()._take(data)
        else:
            assert agreement.decrypt is not None
            self._hear(agreement, agreement.decrypt.apply(data))

    def _hear(self, agreement: Agreement, said: bytes) -> None:
        self._answer += said
        if len(self._answer) < PROOF_SIZE:
            return
        assert self._proof is not None
        try:
            out, into, _ = self._proof.second(self._answer)
        except NoiseError:
            self._counts.refused += 1
            raise MseError(NOT_PROVED) from None
        self._counts.accepted += 1
        stream = SealedStream(self._inner, self.receiver, out, into, agreement.binding)
        self._open(stream, b"", agreement.binding, encrypted=True)


class SecretsAccepted(AcceptedOpening):
    """Of a peer that dialled us, and may mean a swarm with a secret: `secrets` are by their names.

    Of one that does, `proved` hears for which before it is opened.
    """

    def __init__(
        self,
        inner: PeerStream,
        opened: Opened,
        work: KeyWork,
        *,
        swarms: Swarms,
        policy: EncryptionPolicy,
        secrets: Mapping[bytes, SecretSwarm],
        proved: Callable[[SecretSwarm], None],
        counts: ProofCounts,
    ) -> None:
        super().__init__(inner, opened, work, swarms=swarms, policy=policy)
        self._secrets = secrets
        self._proved = proved
        self._counts = counts
        self._swarm: SecretSwarm | None = None
        self._proof: AcceptorsProof | None = None

    def _handshake(self, keys: KeyPair) -> MseResponder:
        choices, rng = self._policy.choices, self._work.rng
        return MseResponder(keys, self._swarms, choices=choices, rng=rng, judge=self._judge)

    def _judge(self, name: bytes, payload: bytes, binding: bytes) -> bool:
        swarm = self._secrets.get(name)
        if swarm is None:
            return False
        private = self._work.unpredictable(PRIVATE_SIZE)
        proof = AcceptorsProof(swarm.secret, swarm.wire_id, binding, private)
        try:
            proof.check(payload)
        except NoiseError:
            self._counts.refused += 1
            raise MseError(NOT_PROVED) from None
        self._swarm, self._proof = swarm, proof
        return True

    def _agreed(self, agreement: Agreement) -> None:
        if self._proof is None or self._swarm is None:
            super()._agreed(agreement)
            return
        if len(agreement.payload) != PROOF_SIZE:
            raise MseError("the peer says more than it may before it has our proof")
        try:
            out, into, answer = self._proof.second()
        except NoiseError as problem:
            self._counts.refused += 1
            raise MseError(str(problem)) from None
        self._counts.accepted += 1
        self._work.tries.ends_well(self.address.host)
        assert agreement.encrypt is not None
        self._inner.write([agreement.encrypt.apply(answer)])
        self._proved(self._swarm)
        stream = SealedStream(self._inner, self.receiver, out, into, agreement.binding)
        self._open(stream, b"", agreement.binding, encrypted=True)
