"""The TLS torrents of a session: which they are, with what certificate, and why one has no peers.

A torrent is one if its metadata has a CA (``ssl-cert``), or if a user gave one to a magnet. Without
a certificate that fits it waits: it is not announced, nobody is dialled, and nobody let in. It
never has peers in the clear.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Iterator, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.base.measures import Measure, bounded, counter, gauge
from p2pd.discovery.tracker_client.torrent_https import Credentials
from p2pd.formats.x509.peer_names import names
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.session.connecting.admission import Entry, HandshakeTorrent, PeerCertificate, Way
from p2pd.session.revoking.prospects import Prospects
from p2pd.session.revoking.swarm_revoking import (
    RevokingParts,
    Swarm,
    SwarmRevoking,
    certificate_of,
)
from p2pd.session.tls.closed_torrents import close_for_good, go_on, is_here, link_name
from p2pd.session.tls.swarm_identity import SwarmIdentity, Terms, identity_of, made, name_of_ca
from p2pd.session.tls.tls_api import GivenCertificate, TlsReport, TlsState
from p2pd.session.tls.tls_parts import KeptKeys, TlsHost, TlsParts
from p2pd.state.torrent_keys import KeptCertificate
from p2pd.transports.tls.context import TlsContext
from p2pd.transports.tls.tls_stream import TlsStream

NAME_SIZE = 40
"""Letters of a server name that count: an info-hash in hex."""

LONGEST_WAIT = 86_400.0
"""Seconds until it is looked again whether a certificate has run out."""

IS_OFF = "its peers are reached by TLS alone, and there is no port for that (peers.tls_port)"
NO_CERTIFICATE = (
    "its peers are reached by TLS alone: it waits for its certificate (p2pctl certificate)"
)
IS_CHECKED = "its certificate is looked at"
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
        self._timers = timers
        self._identities: dict[str, SwarmIdentity] = {}
        self._being_made: set[str] = set()
        self._changing = DeferredLock()
        self._alarm: DelayedCall | None = None

    # -- life ----------------------------------------------------------------------------------

    async def recall(self) -> None:
        """Bring back what is kept, before any torrent is."""
        if self._keys is None:
            return
        await self.revoking.lists.recall()
        self._identities = await self._host.disks.aside.run("read", self._load, self._keys)
        self._watch_dates()

    def _load(self, keys: KeptKeys) -> dict[str, SwarmIdentity]:
        wall = self._host.wall()
        return {
            info_hash: identity_of(kept, self._refusal, wall)
            for info_hash, kept in keys.load().items()
        }

    def close(self) -> None:
        """The session ends."""
        self.revoking.endings.close()
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()

    # -- which torrents ------------------------------------------------------------------------

    def has_ca(self, torrent: Any) -> bool:
        """Whether one was given to it, or is kept of it."""
        return bool(self._identities) and self._of(torrent) is not None

    def _of(self, torrent: Any) -> SwarmIdentity | None:
        found = (self._identities.get(each.hex()) for each in torrent.info_hashes.wire_ids)
        return next(filter(None, found), None)

    def ca_of(self, torrent: Any) -> x509.Certificate | None:
        """Whose certificates its peers have; None: it is not known, or they need none."""
        found = self._of(torrent) if self._identities else None
        return None if found is None else certificate_of(found.kept.ca)

    def swarms(self) -> Iterator[Swarm]:
        """Those of which something is kept."""
        for info_hash, found in list(self._identities.items()):
            torrent = self._host.torrent_by_wire_id(bytes.fromhex(info_hash))
            yield found.swarm(torrent, info_hash)

    # -- who is let in -------------------------------------------------------------------------

    def why_not(self, torrent: Any) -> str:
        """Why it has no peers, in words; empty: nothing is in their way here."""
        return "" if torrent.way is not Way.TLS else self._stand(torrent)[1]

    def hold_back(self, torrent: Any) -> None:
        """It may have turned out just now that it has to wait."""
        if torrent.running and self.why_not(torrent):
            self._host.queues.leave(torrent)
            self._host.background(torrent.halt(), torrent.record.name)

    def context(self, torrent: Any) -> TlsContext | None:
        """What its connections are made with; None: there are to be none."""
        found = self._of(torrent)
        return None if found is None or self.why_not(torrent) else found.context

    def find(self, server_name: str) -> TlsContext | None:
        """The same of who is asked for by a dialler: an info-hash in hex."""
        torrent = self._named(server_name)
        return None if torrent is None else self.context(torrent)

    def entry(self, stream: TlsStream, dialled: HandshakeTorrent | None = None) -> Entry:
        """How somebody came whose handshake is through.

        He proved nothing if who may be a peer became known otherwise while it was under way.
        """
        certificate = stream.peer_certificate
        shown = PeerCertificate(
            ", ".join(names(certificate)),
            certificate.serial_number,
            certificate.public_bytes(Encoding.DER),
            certificate.not_valid_after_utc.timestamp(),
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

    def _refusal(self, chain: Sequence[x509.Certificate]) -> str | None:
        return self.revoking.lists.judge(chain)

    # -- certificates --------------------------------------------------------------------------

    async def give(self, torrent: Any, given: GivenCertificate) -> TlsReport:
        """Use this one from now on. Raises P2pdError: it does not fit, or cannot be kept."""
        if self._keys is None or self.work is None:
            raise P2pdError("there is no TLS in this session")
        await self._changing.acquire()
        try:
            terms = await self._terms(torrent, given.ca)
            now = datetime.fromtimestamp(self._host.wall(), UTC)
            kept = KeptCertificate(*terms, given.certificate, given.private_key)
            identity = await self.work.run(made, kept, self._refusal, now)
            await self._keep(torrent, kept)
            await close_for_good(self._host, torrent)
        finally:
            self._changing.release()
        self._use(torrent, identity)
        found = self.report(torrent)
        assert found is not None
        return found

    async def take_away(self, torrent: Any) -> None:
        """Use none; what a magnet has as its CA stays. Raises P2pdError."""
        await self._changing.acquire()
        try:
            found = self._of(torrent)
            if found is None:
                return
            kept = found.kept._replace(certificate="", private_key="", trouble="")
            await self._keep(torrent, kept)
        finally:
            self._changing.release()
        self._use(torrent, SwarmIdentity(kept, found.ca_name))
        await torrent.halt()

    async def _terms(self, torrent: Any, given_ca: str) -> Terms:
        metainfo = None
        if torrent.content is not None:
            metainfo = torrent.content.metainfo
        elif torrent.resting:
            metainfo = (await self._host.resting.details(torrent)).metainfo
        if metainfo is not None and metainfo.tls_ca is not None:
            if given_ca:
                raise P2pdError("the torrent's CA is in its metadata: none can be given")
            return Terms(metainfo.tls_ca.decode("ascii", "replace"), metainfo.name)
        known = self._of(torrent)
        if metainfo is not None and known is None and not torrent.record.by_tls:
            raise P2pdError("its peers are not reached by TLS: there is no CA in its metadata")
        ca = given_ca or ("" if known is None else known.kept.ca)
        if not ca:
            raise P2pdError(
                "its metadata is not here yet: the certificate of its CA is needed, too"
            )
        if given_ca:
            name_of_ca(given_ca)  # the sentence is about that one
        name = metainfo.name if metainfo is not None else link_name(torrent)
        return Terms(ca, name)

    async def _keep(self, torrent: Any, kept: KeptCertificate) -> None:
        assert self._keys is not None
        name = torrent.info_hashes.hash_string
        await self._host.disks.aside.run("write", self._keys.save, name, kept)
        if not is_here(self._host, torrent):
            await self._forget_kept([name])
            raise P2pdError("the torrent was removed")

    def _use(self, torrent: Any, identity: SwarmIdentity) -> None:
        before = self._of(torrent)
        self._drop(torrent)
        self._identities[torrent.info_hashes.hash_string] = identity
        if before is None or before.terms != identity.terms:
            torrent.hang_up_on_all(OTHER_PEERS)
            self._host.connections.way_changed(torrent, OTHER_PEERS)
        self._host.way_known(torrent)
        self._host.activity.changed(torrent)
        self._watch_dates()
        if not self.why_not(torrent):
            self._host.background(go_on(torrent), torrent.record.name)

    def _drop(self, torrent: Any) -> None:
        for wire_id in torrent.info_hashes.wire_ids:
            self._identities.pop(wire_id.hex(), None)

    # -- torrents come, learn and go -----------------------------------------------------------

    def metadata_known(self, torrent: Any) -> None:
        """It is known which CA a torrent has, and what it is called: that counts."""
        found = self._of(torrent)
        if found is None or self._keys is None:
            return
        metainfo = torrent.content.metainfo
        ca = (
            found.kept.ca if metainfo.tls_ca is None else metainfo.tls_ca.decode("ascii", "replace")
        )
        is_moved = torrent.info_hashes.hash_string not in self._identities
        if found.terms != Terms(ca, metainfo.name) or is_moved:
            kept = found.kept._replace(ca=ca, name=metainfo.name)
            self._being_made.add(torrent.info_hashes.hash_string)
            self._host.background(self._make_anew(torrent, kept), torrent.record.name)

    async def _make_anew(self, torrent: Any, kept: KeptCertificate) -> None:
        assert self.work is not None
        info_hash = torrent.info_hashes.hash_string
        await self._changing.acquire()
        try:
            wall = self._host.wall()
            identity = await self.work.run(identity_of, kept, self._refusal, wall)
            await self._keep(torrent, kept)
            known = {each.hex() for each in torrent.info_hashes.wire_ids} - {info_hash}
            await self._forget_kept(sorted(known & self._identities.keys()))
        finally:
            self._changing.release()
            self._being_made.discard(info_hash)
        self._use(torrent, identity)

    async def forget(self, torrent: Any) -> None:
        """It is removed. Raises P2pdError: its files stay."""
        known = [each.hex() for each in torrent.info_hashes.wire_ids]
        here = [each for each in known if each in self._identities]
        self._drop(torrent)
        await self._forget_kept(here)

    async def _forget_kept(self, info_hashes: Sequence[str]) -> None:
        assert self._keys is not None or not info_hashes
        for info_hash in info_hashes:
            await self._host.disks.aside.run("write", self._keys.forget, info_hash)  # type: ignore[union-attr]

    # -- time ----------------------------------------------------------------------------------

    def _watch_dates(self) -> None:
        """Those that show a certificate see it when it begins or ends to be valid."""
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self.revoking.endings.changed()
        wall = self._host.wall()
        moments = [
            moment.timestamp()
            for each in self._identities.values()
            if each.own is not None
            for moment in (each.own.not_before, each.own.not_after)
        ]
        later = [moment - wall for moment in moments if moment > wall]
        if later:
            wait = min(min(later) + 1.0, LONGEST_WAIT)
            self._alarm = self._timers.callLater(wait, self._dates_passed)

    def _dates_passed(self) -> None:
        self._alarm = None
        for info_hash in list(self._identities):
            torrent = self._host.torrent_by_wire_id(bytes.fromhex(info_hash))
            if torrent is None:
                continue
            why_not = self.why_not(torrent)
            self._host.activity.changed(torrent)
            if why_not and torrent.running:
                self.log.warn("{name}: {why}", name=torrent.record.name, why=why_not)
            elif not why_not and not self._host.closing:
                self._host.background(go_on(torrent), torrent.record.name)
        self._watch_dates()

    # -- for readers ---------------------------------------------------------------------------

    def report(self, torrent: Any) -> TlsReport | None:
        """How it stands; None for a torrent whose peers are reached in another way."""
        if torrent.way is not Way.TLS:
            return None
        state, why = self._stand(torrent)
        found = self._of(torrent)
        own = None if found is None else found.own
        ca_name = "" if found is None else found.ca_name
        key = torrent.info_hashes.hash_string
        prospects = None if found is None else self.revoking.prospects(found.swarm(torrent, key))
        if own is None:
            return TlsReport(state, why, ca_name, prospects=prospects or Prospects())
        return TlsReport(
            state,
            why,
            ca_name,
            own.name,
            own.issuer,
            own.serial,
            own.not_before.timestamp(),
            own.not_after.timestamp(),
            prospects or Prospects(),
        )

    def _stand(self, torrent: Any) -> tuple[TlsState, str]:
        return self._certified(torrent) if self._host.tls_port else (TlsState.OFF, IS_OFF)

    def _certified(self, torrent: Any) -> tuple[TlsState, str]:
        """The same of its certificate alone: when it says goodbye the port may be closed."""
        found = self._of(torrent)
        if torrent.info_hashes.hash_string in self._being_made:
            return TlsState.CHECKING, IS_CHECKED
        if found is None or not (found.kept.certificate or found.trouble):
            return TlsState.NO_CERTIFICATE, NO_CERTIFICATE
        return found.stand(self._host.wall(), self.revoking.own_refusal)

    def credentials(self, torrent: Any) -> Credentials | None:
        """What HTTPS trackers are shown (torrent_https.AskCredentials). Raises TrackerError."""
        if torrent.way is not Way.TLS:
            return None
        found, (_, why_not) = self._of(torrent), self._certified(torrent)
        if found is None or found.context is None or why_not:
            raise TrackerError(f"{NOT_ASKED}: {why_not}")
        return Credentials(found.context, self._refusal)

    def measures(self) -> Sequence[Measure]:
        """How many there are, and the handshakes under way."""
        work = self.work
        return [
            *self.revoking.measures(),
            gauge(
                "tls_certificates",
                "Torrents that have a certificate by which their peers are reached.",
                sum(each.own is not None for each in self._identities.values()),
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
