"""How connections begin: in the clear or with message stream encryption, as the user has it.

Those of torrents whose peers are reached by TLS begin in that way (tls/tls_opener.py). Those of
torrents with a secret begin with message stream encryption and with proofs, however the user has
it, and with nothing else when that comes to nothing.
"""

from __future__ import annotations

from typing import Callable, Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.base.measures import Measure, bounded, counter, counters
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.session.connecting.admission import Entry, HandshakeTorrent, Way
from p2pd.session.connecting.approaches import Approaches
from p2pd.session.connecting.arrivals import HandshakeEnd
from p2pd.session.connecting.handshaking import HandshakeHost, Handshaking
from p2pd.session.secrets.secret_names import SecretNames
from p2pd.session.tls.tls_opener import TlsOpener
from p2pd.transports.encryption.key_work import KeyWork
from p2pd.transports.encryption.openings import DialledOpening
from p2pd.transports.encryption.secret_openings import (
    ProofCounts,
    SecretDialled,
    SecretsAccepted,
    SecretSwarm,
)
from p2pd.transports.interfaces import PeerStream, StreamReceiver
from p2pd.transports.tls.openings import TlsDialled

NO_RC4 = "this system's OpenSSL has no RC4, so nothing can be encrypted, and nothing can require it"

UNANSWERED = frozenset(
    {HandshakeEnd.HUNG_UP, HandshakeEnd.SILENT, HandshakeEnd.GARBAGE, HandshakeEnd.NOT_BOUND}
)
"""A handshake that ended so may have been in a language that the peer does not speak, or in which
too little can be said."""


class Secrets(Protocol):
    """The secrets of swarms, and what became of proofs."""

    @property
    def names(self) -> SecretNames: ...
    @property
    def counts(self) -> ProofCounts: ...


class Opener:
    """Puts the first handshake of each connection together, and knows what to try next."""

    def __init__(
        self,
        policy: Callable[[], str],
        swarms: SwarmKeys,
        work: KeyWork | None,
        tls: TlsOpener,
        secrets: Secrets,
    ) -> None:
        """`policy` is the value of an EncryptionPolicy; without `work` nothing is encrypted."""
        self._policy = policy
        self._swarms = swarms
        self.work = work
        self.tls = tls
        self._secrets = secrets
        self._approaches = Approaches()

    @property
    def policy(self) -> EncryptionPolicy:
        """What is in force."""
        wanted = EncryptionPolicy(self._policy())
        if self.work is None and wanted.takes_plain:
            return EncryptionPolicy.OFF
        return wanted

    @property
    def can_speak(self) -> bool:
        """Whether anybody can be spoken with at all, as the user requires it."""
        return self.work is not None or EncryptionPolicy(self._policy()).takes_plain

    def measures(self) -> Sequence[Measure]:
        """Keys in the making, and for how many there was no place."""
        work = self.work
        return [
            *bounded(
                "key_exchanges",
                "Strangers whose keys are made, or who wait for that.",
                work.strangers if work else 0,
                work.limit if work else 0,
            ),
            counter(
                "key_exchanges_refused_total",
                "Connections that ended since too many keys were in the making.",
                work.refused if work else 0,
            ),
            counter(
                "key_exchanges_cpu_seconds_total",
                "CPU time that the keys of strangers took.",
                work.share.total if work else 0,
            ),
            counters(
                "encrypted_tries_total",
                "Encrypted handshakes of strangers: begun, through to the end, and refused.",
                ("result",),
                work.tries.by_result() if work else {},
            ),
            counters(
                "swarm_secret_proofs_total",
                "Proofs of peers that they know the secret of a swarm, by what became of them.",
                ("result",),
                self._secrets.counts.by_result(),
            ),
        ]

    def check(self, policy: str | None) -> None:
        """Whether this can be had. Raises P2pdError."""
        if policy == EncryptionPolicy.REQUIRED.value and self.work is None:
            raise P2pdError(f"encryption: {NO_RC4}")

    def accepted(
        self, host: HandshakeHost, stream: PeerStream
    ) -> tuple[StreamReceiver, Handshaking]:
        """Who listens to a stream that was accepted, and its handshake."""
        policy, work, names = self.policy, self.work, self._secrets.names
        if work is None or not (policy.takes_encrypted or names.swarms):
            handshake = Handshaking(host, stream, torrent=None, source="incoming")
            return handshake, handshake

        def opened(stream: PeerStream, encrypted: bool, binding: bytes | None) -> None:
            handshake.opened(stream, encrypted, binding)

        def proved(swarm: SecretSwarm) -> None:
            handshake.entry = Entry(Way.SECRET, torrent=names.torrent(swarm))

        opening = SecretsAccepted(
            stream,
            opened,
            work,
            swarms=self._swarms if policy.takes_encrypted else names,
            policy=policy,
            secrets=names.swarms,
            proved=proved,
            counts=self._secrets.counts,
        )
        handshake = Handshaking(host, opening, torrent=None, source="incoming")
        opening.receiver = handshake
        return opening, handshake

    def dialled(
        self,
        host: HandshakeHost,
        stream: PeerStream,
        torrent: HandshakeTorrent,
        source: str,
        address: PeerAddress,
    ) -> tuple[StreamReceiver, Handshaking]:
        """The same of one that we dialled; `begin` comes next."""
        if torrent.way is Way.TLS:
            return self.tls.dialled(host, stream, torrent, source, address)
        if torrent.way is Way.SECRET:
            return self._dialled_by_secret(host, stream, torrent, source, address)
        policy, work = self.policy, self.work
        if work is None or not self._approaches.is_encrypted(address, policy):
            handshake = Handshaking(host, stream, torrent=torrent, source=source, dialled=address)
            return handshake, handshake

        def opened(stream: PeerStream, encrypted: bool, binding: bytes | None) -> None:
            handshake.opened(stream, encrypted, binding)

        info_hash = torrent.info_hashes.wire_ids[0]
        opening = DialledOpening(stream, opened, work, info_hash=info_hash, policy=policy)
        handshake = Handshaking(host, opening, torrent=torrent, source=source, dialled=address)
        opening.receiver = handshake
        return opening, handshake

    def _dialled_by_secret(
        self,
        host: HandshakeHost,
        stream: PeerStream,
        torrent: HandshakeTorrent,
        source: str,
        address: PeerAddress,
    ) -> tuple[StreamReceiver, Handshaking]:
        """Without the secret it comes to nothing: the way is not the torrent's, then."""
        work, swarm = self.work, self._secrets.names.dialled_as(torrent)
        if work is None or swarm is None:
            handshake = Handshaking(host, stream, torrent=torrent, source=source, dialled=address)
            return handshake, handshake

        def opened(stream: PeerStream, encrypted: bool, binding: bytes | None) -> None:
            handshake.opened(stream, encrypted, binding)

        counts = self._secrets.counts
        opening = SecretDialled(stream, opened, work, swarm=swarm, counts=counts)
        handshake = Handshaking(host, opening, torrent=torrent, source=source, dialled=address)
        handshake.entry = Entry(Way.SECRET, torrent=torrent)  # nothing leaves before it is true
        opening.receiver = handshake
        return opening, handshake

    @staticmethod
    def begin(receiver: StreamReceiver, handshake: Handshaking) -> None:
        """Speak first, for it is for us to do so."""
        if handshake.begin() and isinstance(receiver, DialledOpening | TlsDialled):
            receiver.begin()

    def answered(self, dialled: Handshaking) -> None:
        """A peer that we dialled shook hands."""
        if dialled.entry.way is Way.OPEN:
            address, policy = dialled.address, self.policy
            encrypted = self._approaches.is_encrypted(address, policy)
            self._approaches.worked(address, policy, encrypted=encrypted)

    def unanswered(self, dialled: Handshaking) -> bool:
        """It did not; whether it is to be dialled again at once, in another way."""
        if dialled.entry.way is not Way.OPEN:
            return False
        address, policy = dialled.address, self.policy
        encrypted = self._approaches.is_encrypted(address, policy)
        return self._approaches.failed(address, policy, encrypted=encrypted)
