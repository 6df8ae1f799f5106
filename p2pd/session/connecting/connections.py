"""Every connection of the session: accepting, dialling, shaking hands, and the limits on them."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Coroutine, Protocol, Sequence

from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.base.clock import Clock
from p2pd.base.networks import user_of
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.protocols.peerwire.connection import Event
from p2pd.session.blocklist.session_blocklist import SessionBlocklist
from p2pd.session.connecting.admission import Entry, HandshakeTorrent, Way
from p2pd.session.connecting.arrivals import DIALLED_HANDSHAKES, Arrivals, HandshakeEnd
from p2pd.session.connecting.dialer import Dialer, DialTorrent
from p2pd.session.connecting.handshaking import OTHER_WAY, Handshaking
from p2pd.session.connecting.opener import UNANSWERED, Opener, Secrets
from p2pd.session.connecting.proving import PROOF_SECONDS, Proving
from p2pd.session.discovering.catcher_source import CatcherSource
from p2pd.session.nodes.session_nodes import SessionNodes
from p2pd.session.peers.partings import NOT_TRUSTED, PREFERRED
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.tls.tls_opener import TlsOpener
from p2pd.session.torrents.resting import Resting
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_dialling import TorrentDialling
from p2pd.transports.encryption.key_work import KeyWork
from p2pd.transports.interfaces import Listening, PeerStream, StreamReceiver, StreamTransport

HOST_SHARE = 4
"""One host, or a /64, has this part of all places at most, unless it is in the local network."""

HOST_LEAST = 8

NO_ROOM = 1_000_000
"""More than the limit on connections, and what may go beyond it."""


class ConnectionsOwner(Protocol):
    """What connections need of their session."""

    clock: Clock
    peer_id: bytes
    settings: SessionSettings
    resting: Resting
    blocklist: SessionBlocklist
    catcher: CatcherSource
    nodes: SessionNodes

    @property
    def swarm_keys(self) -> SwarmKeys:
        """The torrents by what encrypted handshakes call them."""

    @property
    def secrets(self) -> Secrets: ...
    @property
    def connection_limit(self) -> int: ...
    def torrent_by_wire_id(self, info_hash: bytes) -> Torrent | None: ...
    def wall(self) -> float:
        """Unix seconds."""

    def background(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        """Run something nobody waits for."""


class Connections:
    """The handshakes under way and the number of peers.

    `refused` counts peers that came and shook hands in vain, `failed` handshakes that came to
    nothing, each by what it was for; `gave_way` those who lost their place to another.
    """

    log = Logger()

    def __init__(
        self,
        owner: ConnectionsOwner,
        transport: StreamTransport,
        *,
        half_open_limit: int,
        key_work: KeyWork | None,
        tls: TlsOpener,
    ) -> None:
        self._owner = owner
        self._transport = transport
        self._handshakes: dict[Handshaking, None] = {}
        self._listening: Listening | None = None
        self._listening_tls: Listening | None = None
        self.established = 0
        self._of_host: Counter[str | bytes] = Counter()
        self.has_way = True
        """Whether there is an address to dial from."""
        self.refused: Counter[str] = Counter()
        self.failed: Counter[HandshakeEnd] = Counter()
        self.gave_way = 0
        self.reached_at: dict[str, float] = {}
        """When somebody outside the local network connected to us last, by `ipv4` and `ipv6`."""
        self.opener = Opener(
            lambda: owner.settings.encryption,
            owner.swarm_keys,
            key_work,
            tls,
            owner.secrets,
        )
        self.arrivals = Arrivals(
            owner.clock,
            room=self._room,
            blocked=owner.blocklist.covers,
        )
        self.dialer = Dialer(
            transport,
            half_open_limit=half_open_limit,
            may_connect=self._may_dial,
            connected=self._dialled,
            begins=self._begins_to_dial,
        )

    @property
    def dialled_handshakes(self) -> int:
        """Those under way with peers that we dialled."""
        return len(self._handshakes) - len(self.arrivals)

    @property
    def total(self) -> int:
        """Connections open, shaking hands or being dialled."""
        return self.established + len(self._handshakes) + self.dialer.half_open

    @property
    def port(self) -> int:
        """The port that peers can dial, 0 while none is open."""
        return self._listening.port if self._listening else 0

    @property
    def tls_port(self) -> int:
        """The same for peers of TLS torrents."""
        return self._listening_tls.port if self._listening_tls else 0

    def _room(self) -> int:
        """How many connections more may be open: none, if none can be as the user requires it."""
        if not self.opener.can_speak:
            return -NO_ROOM
        return self._owner.connection_limit - self.total

    def _may_dial(self) -> bool:
        """Strangers do not count: they come and go, and give way to whom we dial."""
        crowded = self.dialled_handshakes + self.dialer.half_open >= DIALLED_HANDSHAKES
        return self.has_way and not crowded and self._room() + len(self.arrivals) > 0

    def _begins_to_dial(self) -> None:
        if self._room() <= 0:
            self.arrivals.give_way()

    def listen(self, port: int) -> None:
        """Accept peers. Raises CannotListenError when the port is taken."""
        self._listening = self._transport.listen(port, self._accepted, self.arrivals.admits)

    def listen_tls(self, port: int) -> None:
        """Accept peers of TLS torrents, within the same bounds. Raises CannotListenError."""
        self._listening_tls = self._transport.listen(port, self._accepted_tls, self.arrivals.admits)

    async def close(self) -> None:
        """Accept and dial no more; handshakes under way are given up."""
        self.dialer.close()
        for handshake in list(self._handshakes):
            handshake.fail("shutting down", HandshakeEnd.CLOSING)
        open_ports = (self._listening, self._listening_tls)
        self._listening = self._listening_tls = None
        for listening in filter(None, open_ports):
            await listening.close()

    def tick(self, now: float) -> None:
        """Once a second: end handshakes that take too long."""
        for handshake in list(self._handshakes):
            handshake.tick(now)

    def keep_away(self, unwanted: Callable[[str], bool]) -> None:
        """Give up handshakes and attempts with hosts that are kept away from now on."""
        for handshake in [each for each in self._handshakes if unwanted(each.address.host)]:
            handshake.fail("it is kept away", HandshakeEnd.KEPT_AWAY)
        self.dialer.keep_away(unwanted)

    def way_changed(self, torrent: Torrent, reason: str) -> None:
        """Give up handshakes and attempts of a torrent whose peers are reached in another way."""
        for handshake in [each for each in self._handshakes if torrent in each.meant_for]:
            handshake.fail(reason, HandshakeEnd.CLOSING)
        self.dialer.forget(torrent.dialling)
        torrent.dialling.wake()

    def peer_gone(self, host: str) -> None:
        """An established connection with somebody there ended."""
        self.established -= 1
        user = user_of(host)
        self._of_host[user] -= 1
        if not self._of_host[user]:
            del self._of_host[user]

    # -- HandshakeHost -------------------------------------------------------------------------

    @property
    def peer_id(self) -> bytes:
        """Our peer id."""
        return self._owner.peer_id

    def seconds(self) -> float:
        """Monotonic time."""
        return self._owner.clock.seconds()

    def accepting(self, info_hash: bytes, entry: Entry) -> HandshakeTorrent | None:
        """The torrent, if it runs and this is a way to it."""
        if entry.way is Way.OPEN and not self._owner.swarm_keys.has(info_hash):
            return None  # the same look, whether it is closed to strangers or not here at all
        torrent = self._owner.torrent_by_wire_id(info_hash)
        if torrent is None or not torrent.running or not entry.leads_to(torrent):
            return None
        return torrent

    def handshake_done(self, done: Handshaking, events: Sequence[Event]) -> None:
        """Let the peer in, or say why not."""
        torrent = done.torrent
        assert isinstance(torrent, Torrent)
        if torrent.record.trusted_only and not self._is_trusted(torrent, done, events):
            return
        if torrent.resting and torrent.running:
            done.wait()
            self._owner.background(self._wake(torrent, done, events), torrent.record.name)
            return
        self._over(done)
        if not done.incoming:
            self.opener.answered(done)
        reason = torrent.peers.refusal(done.remote.peer_id, done.address, incoming=done.incoming)
        if reason is None and not torrent.running:
            reason = "the torrent stopped"
        if reason is None and not done.entry.leads_to(torrent):  # seen when it was woken
            reason = OTHER_WAY
        kind, gives_way = "not_wanted", None
        if reason is None and done.incoming:
            kind, reason = self._too_many_of(done.address.host, torrent)
        if reason is None and (crowded := self._crowded(torrent)):
            gives_way = torrent.peers.who_gives_way(done.address, self.seconds())
            if gives_way is None:
                kind, reason = crowded
        if reason is not None:
            self._refuse(done, torrent, kind, reason)
            return
        self.established += 1
        self._of_host[user_of(done.address.host)] += 1
        torrent.peers.dialling.discard(done.address)
        peer = PeerSession(torrent.exchange, done)
        torrent.peers.joined(peer)
        torrent.pex.joined(peer)
        if done.node is not None:
            peer.node_proved()
        if gives_way is not None:
            # Not before the newcomer has its place, or the dialler would fill it at once.
            self.gave_way += 1
            gives_way.disconnect(PREFERRED)
        if not peer.closed:
            peer.begin(events)

    def _is_trusted(self, torrent: Torrent, done: Handshaking, events: Sequence[Event]) -> bool:
        """Whether it proved to be a trusted node; if it did not, it may do so now."""
        nodes = self._owner.nodes
        if done.node is None:
            proving = Proving(done, torrent, nodes)
            done.hold(proving, PROOF_SECONDS)
            proving.begin(events)
            return False
        if not nodes.is_trusted(done.node.key):  # not any more
            self._over(done)
            self._refuse(done, torrent, "not_wanted", NOT_TRUSTED)
            return False
        return True

    async def _wake(self, torrent: Torrent, done: Handshaking, events: Sequence[Event]) -> None:
        """A torrent at rest has to know its pieces before the peer hears which there are."""
        await self._owner.resting.wake(torrent)
        if torrent.resting:
            done.fail("the torrent cannot be woken", HandshakeEnd.CLOSING)
        else:
            done.go_on(events)

    def _crowded(self, torrent: Torrent) -> tuple[str, str] | None:
        """Which limit is reached, and in words."""
        if torrent.peers.is_full:
            return "torrent_full", "the torrent has its number of peers"
        if self.established >= self._owner.connection_limit:
            return "session_full", "the session has its number of peers"
        return None

    def _too_many_of(self, host: str, torrent: Torrent) -> tuple[str, str | None]:
        """Whether one host has all that it may have: nobody is to take every place alone."""
        if is_local(host):
            return "", None
        limit = self._owner.settings.peer_limit_per_host
        if limit and torrent.peers.of_host(host) >= limit:
            return "host_full", "its host has its number of connections with the torrent"
        share = max(HOST_LEAST, self._owner.connection_limit // HOST_SHARE)
        if self._of_host[user_of(host)] >= share:
            return "host_full", "its host has its share of the connections"
        return "", None

    def handshake_failed(self, failed: Handshaking, reason: str, end: HandshakeEnd) -> None:
        """A connection that came to nothing."""
        self._over(failed)
        self.failed[end] += 1
        if isinstance(failed.torrent, Torrent) and not failed.incoming:
            dialling = failed.torrent.dialling
            is_answered = failed.is_held and end is not HandshakeEnd.NOT_BOUND
            if end in UNANSWERED and not is_answered and self.opener.unanswered(failed):
                self.dialer.again(dialling, failed.address, reason)
            else:
                dialling.turned_away(failed.address)
        self.log.debug("{address}: {reason}", address=failed.address, reason=reason)

    # -- streams -------------------------------------------------------------------------------

    def _accepted(self, stream: PeerStream) -> StreamReceiver:
        return self._begun(stream, *self.opener.accepted(self, stream))

    def _accepted_tls(self, stream: PeerStream) -> StreamReceiver:
        return self._begun(stream, *self.opener.tls.accepted(self, stream))

    def _begun(
        self, stream: PeerStream, receiver: StreamReceiver, handshake: Handshaking
    ) -> StreamReceiver:
        self._handshakes[handshake] = None
        self.arrivals.came(handshake)
        if not is_local(host := stream.address.host):
            self.reached_at["ipv6" if ":" in host else "ipv4"] = self._owner.wall()
        return receiver

    def _over(self, handshake: Handshaking) -> None:
        del self._handshakes[handshake]
        if handshake.incoming:
            self.arrivals.went(handshake)

    def _dialled(
        self, dialling: DialTorrent, address: PeerAddress, stream: PeerStream
    ) -> StreamReceiver:
        assert isinstance(dialling, TorrentDialling)
        torrent: Torrent = dialling.owner
        self._owner.catcher.answered(address)
        source = torrent.peers.pool.source_of(address)
        receiver, handshake = self.opener.dialled(self, stream, torrent, source, address)
        self._handshakes[handshake] = None
        self.opener.begin(receiver, handshake)
        return receiver

    def _refuse(self, done: Handshaking, torrent: Torrent, kind: str, reason: str) -> None:
        done.stream.abort()
        if done.incoming:
            self.refused[kind] += 1
        else:
            torrent.dialling.turned_away(done.address)
