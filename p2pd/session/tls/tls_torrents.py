"""The TLS torrents of a session: which they are, with what certificate, and why one has no peers.

A torrent is one if its metadata has a CA (``ssl-cert``), or if a user gave one to a magnet. Without
a certificate that fits it waits: it is not announced, nobody is dialled, and nobody let in. It
never has peers in the clear.
"""

from __future__ import annotations

from typing import Any, Collection, Iterable, Iterator, Sequence

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.logger import Logger

from p2pd.base.clock import Clock
from p2pd.base.measures import Measure, bounded, counter, gauge
from p2pd.discovery.tracker_client.torrent_https import Credentials
from p2pd.formats.x509.chain_end import first_end
from p2pd.formats.x509.own_certificate import OwnCertificate
from p2pd.formats.x509.peer_names import names
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.session.connecting.admission import Entry, HandshakeTorrent, PeerCertificate, Way
from p2pd.session.revoking.swarm_revoking import (
    RevokingParts,
    Swarm,
    SwarmRevoking,
)
from p2pd.session.tls.closed_torrents import close_for_good, go_on
from p2pd.session.tls.giving import Giving
from p2pd.session.tls.standing import Standing
from p2pd.session.tls.swarm_identities import SwarmIdentities
from p2pd.session.tls.swarm_identity import SwarmIdentity, identity_of
from p2pd.session.tls.tls_api import GivenCertificate, TlsReport
from p2pd.session.tls.tls_parts import KeptKeys, TlsHost, TlsParts
from p2pd.session.tls.validity import Validity
from p2pd.session.turns import Turns
from p2pd.state.torrent_keys import KeptCertificate
from p2pd.transports.tls.context import TlsContext
from p2pd.transports.tls.tls_stream import TlsStream

NAME_SIZE = 40
"""Letters of a server name that count: an info-hash in hex."""

IN_A_TURN = 20
"""Torrents whose certificates end at the same time, each of which may have many peers."""

NOT_ASKED = "it is not asked, since the torrent has no certificate to show it"
OTHER_PEERS = "who may be a peer of the torrent is known otherwise now"


class TlsTorrents:
    """One for a session. `revoking` knows which certificates their CAs took back."""

    log = Logger()

    def __init__(self, host: TlsHost, parts: TlsParts | None, timers: Clock) -> None:
        revoking = RevokingParts() if parts is None else parts.revoking
        self.revoking = SwarmRevoking(host, self, revoking, timers)
        self.work = None if parts is None else parts.work
        self._host = host
        self._keys = None if parts is None else parts.keys
        self._identities = SwarmIdentities(host.torrent_by_wire_id)
        self._standing = Standing(host, self._identities, self.revoking)
        self._giving = Giving(
            host,
            parts,
            self._identities,
            self._standing,
            refusal=self.revoking.lists.judge,
            use=self._use,
        )
        self._validity = Validity(timers, host.wall, self._identities.moments, self._dates_passed)
        self._passed: dict[str, None] = {}
        """Info-hashes of torrents whose dates are over, and that were not looked at yet."""
        self._turns = Turns(timers)

    # -- life ----------------------------------------------------------------------------------

    async def recall(self) -> None:
        """Bring back what is kept, before any torrent is."""
        if self._keys is None:
            return
        await self.revoking.lists.recall()
        kept = await self._host.disks.aside.run("read", self._load, self._keys)
        self._identities.fill(kept)
        self._watch_dates()

    def _load(self, keys: KeptKeys) -> dict[str, SwarmIdentity]:
        wall = self._host.wall()
        return {
            info_hash: identity_of(kept, self.revoking.lists.judge, wall)
            for info_hash, kept in keys.load().items()
        }

    def close(self) -> None:
        """The session ends."""
        self.revoking.close()
        self._validity.close()
        self._turns.stop()

    # -- which torrents ------------------------------------------------------------------------

    def has_ca(self, torrent: Any) -> bool:
        """Whether one was given to it, or is kept of it."""
        return self._identities.of(torrent) is not None

    def given_to(self, torrent: Any) -> KeptCertificate | None:
        """Its CA, and what was given to it; None: that is not known, or its peers need none."""
        found = self._identities.of(torrent)
        return None if found is None else found.kept

    def swarms(self) -> Iterator[Swarm]:
        """Those of which something is kept."""
        return self._identities.swarms()

    # -- who is let in -------------------------------------------------------------------------

    def why_not(self, torrent: Any) -> str:
        """Why it has no peers, in words; empty: nothing is in their way here."""
        return "" if torrent.way is not Way.TLS else self._standing.of(torrent)[1]

    def hold_back(self, torrent: Any) -> None:
        """It may have turned out just now that it has to wait."""
        if torrent.running and self.why_not(torrent):
            self._host.queues.leave(torrent)
            self._host.background(torrent.halt(), torrent.record.name)

    def context(self, torrent: Any) -> TlsContext | None:
        """What its connections are made with; None: there are to be none."""
        found = self._identities.of(torrent)
        return None if found is None or self.why_not(torrent) else found.context

    def find(self, server_name: str) -> TlsContext | None:
        """The same of who is asked for by a dialler: an info-hash in hex."""
        torrent = self._named(server_name)
        return None if torrent is None else self.context(torrent)

    def entry(self, stream: TlsStream, dialled: HandshakeTorrent | None = None) -> Entry:
        """How somebody came whose handshake is through.

        He proved nothing if who may be a peer became known otherwise while it was under way.
        """
        chain = stream.peer_chain
        certificate, end = chain[0], first_end(chain, has_ca=False)
        shown = PeerCertificate(
            ", ".join(names(certificate)),
            certificate.serial_number,
            certificate.public_bytes(Encoding.DER),
            end.moment.timestamp(),
            tuple(each.public_bytes(Encoding.DER) for each in chain[1:]),
            end.what,
        )
        torrent = dialled or self._named(stream.server_name)
        is_proved = torrent is not None and stream.is_of(self.context(torrent))
        return Entry(Way.TLS, True, stream.binding, torrent if is_proved else None, shown)

    def _named(self, server_name: str) -> Any:
        try:
            wire_id = bytes.fromhex(server_name[:NAME_SIZE])
        except ValueError:
            return None
        torrent = self._host.torrent_by_wire_id(wire_id)
        is_there = torrent is not None and torrent.running and torrent.way is Way.TLS
        return torrent if is_there else None

    # -- certificates --------------------------------------------------------------------------

    async def give(self, torrent: Any, given: GivenCertificate) -> TlsReport:
        """Use this one from now on. Raises P2pdError: it does not fit, or cannot be kept."""
        await self._giving.give(torrent, given)
        found = self.report(torrent)
        assert found is not None
        return found

    async def take_away(self, torrent: Any) -> None:
        """Use none; what a magnet has as its CA stays. Raises P2pdError."""
        await self._giving.take_away(torrent)

    def metadata_known(self, torrent: Any) -> None:
        """It is known which CA a torrent has, and what it is called: that counts."""
        self._giving.metadata_known(torrent)

    async def close_marked(self, torrent: Any) -> None:
        """A link says of a torrent without metadata that its peers are reached by TLS alone.

        Nobody is asked for the metadata in the clear any more: that tells who wants it. One whose
        peers know a secret meets nobody in the clear either, and stays as it is. Raises StateError.
        """
        if torrent.way is Way.OPEN:
            await close_for_good(self._host, torrent)
            self._host.connections.way_changed(torrent, OTHER_PEERS)
            self._host.way_known(torrent)
            self._host.activity.changed(torrent)

    def kept_of(self, torrent: Any) -> list[str]:
        """Under which info-hashes something may be kept of a torrent."""
        if self._keys is None or not (torrent.way is Way.TLS or self.has_ca(torrent)):
            return []
        return [each.hex() for each in torrent.info_hashes.wire_ids]

    def forget(self, torrent: Any) -> None:
        """It is removed; what is kept of it goes with `forget_removed`."""
        self._identities.drop(torrent)
        self._host.reaching.tls_changed()

    async def forget_removed(self, info_hashes: Sequence[str]) -> None:
        """Nothing is to be kept under these, unless a torrent is here again. Raises StateError."""
        await self._giving.forget_removed(info_hashes)

    def _use(self, torrent: Any, identity: SwarmIdentity) -> None:
        before = self._identities.of(torrent)
        self._identities.put(torrent, identity)
        if before is None or before.terms != identity.terms:
            torrent.hang_up_on_all(OTHER_PEERS)
            self._host.connections.way_changed(torrent, OTHER_PEERS)
        self._host.way_known(torrent)
        self._host.activity.changed(torrent)
        self._watch_dates()
        if not self.why_not(torrent):
            self._host.background(go_on(torrent), torrent.record.name)

    # -- time ----------------------------------------------------------------------------------

    def _own_certificates(self) -> Iterable[OwnCertificate]:
        return (each.own for each in self._identities.all() if each.own is not None)

    @property
    def is_used(self) -> bool:
        """Whether a torrent has a certificate, also one that waits: then peers might come."""
        return any(True for _ in self._own_certificates())

    def _watch_dates(self) -> None:
        self._validity.changed()
        self._host.reaching.tls_changed()
        self.revoking.endings.changed()

    def _dates_passed(self, info_hashes: Collection[str]) -> None:
        self._passed.update(dict.fromkeys(info_hashes))
        if self._turns.is_over:
            self._turns.begin(self._look_at_passed())

    def _look_at_passed(self) -> Iterator[float]:
        while self._passed:
            info_hash = next(iter(self._passed))
            del self._passed[info_hash]
            torrent = self._identities.torrent(info_hash)
            if torrent is not None:
                self._look_at(torrent)
            yield 1 / IN_A_TURN
        self.revoking.endings.changed()

    def _look_at(self, torrent: Any) -> None:
        """Its certificate, or what vouches for it, begins to be valid, or ends."""
        why_not = self.why_not(torrent)
        self._host.activity.changed(torrent)
        if why_not and torrent.running:
            self.log.warn("{name}: {why}", name=torrent.record.name, why=why_not)
            torrent.hang_up_on_all(why_not)
            self.hold_back(torrent)
        elif not why_not and not self._host.closing:
            self._host.background(go_on(torrent), torrent.record.name)

    # -- for readers ---------------------------------------------------------------------------

    def report(self, torrent: Any) -> TlsReport | None:
        """How it stands; None for a torrent whose peers are reached in another way."""
        return self._standing.report(torrent)

    def credentials(self, torrent: Any) -> Credentials | None:
        """What HTTPS trackers are shown (torrent_https.AskCredentials). Raises TrackerError."""
        if torrent.way is not Way.TLS:
            return None
        found, (_, why_not) = self._identities.of(torrent), self._standing.certified(torrent)
        if found is None or found.context is None or why_not:
            raise TrackerError(f"{NOT_ASKED}: {why_not}")
        return Credentials(found.context, self.revoking.lists.judge)

    def measures(self) -> Sequence[Measure]:
        """How many there are, and the handshakes under way."""
        work = self.work
        return [
            *self.revoking.measures(),
            gauge(
                "tls_certificates",
                "Torrents that have a certificate by which their peers are reached.",
                sum(1 for _ in self._own_certificates()),
            ),
            *bounded(
                "tls_handshakes",
                "Strangers with whom a TLS handshake is calculated, or who wait for that.",
                work.strangers if work else 0,
                work.limit if work else 0,
            ),
            counter(
                "tls_handshakes_cpu_seconds_total",
                "CPU time that the TLS handshakes of strangers took.",
                work.share.total if work else 0,
            ),
            counter(
                "tls_handshakes_refused_total",
                "Connections that ended since too many TLS handshakes were under way.",
                work.refused if work else 0,
            ),
        ]
