"""Every connection of the session: accepting, dialling, shaking hands, and the limits on them."""

from __future__ import annotations

from typing import Iterable, Protocol, Sequence

from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock
from p2pd.protocols.peerwire.connection import Event
from p2pd.session.dialer import Dialer, DialTorrent
from p2pd.session.handshaking import HandshakeTorrent, Handshaking
from p2pd.session.peer_session import PeerSession
from p2pd.session.torrent import Torrent
from p2pd.session.torrent_dialling import TorrentDialling
from p2pd.transports.interfaces import Listening, PeerStream, StreamReceiver, StreamTransport

INCOMING_HANDSHAKES = 200
"""Accepted connections that have not yet said what they want; more are closed at once."""

PER_HOST_HANDSHAKES = 20

SPARE_CONNECTIONS = 10
"""Accepted beyond the limit, to hear which torrent they want: somebody may give way there."""


class ConnectionsOwner(Protocol):
    """What connections need of their session."""

    clock: Clock
    peer_id: bytes

    @property
    def connection_limit(self) -> int: ...
    def torrent_by_wire_id(self, info_hash: bytes) -> Torrent | None: ...


class Connections:
    """The handshakes under way and the number of peers."""

    log = Logger()

    def __init__(
        self, owner: ConnectionsOwner, transport: StreamTransport, *, half_open_limit: int
    ) -> None:
        self._owner = owner
        self._transport = transport
        self._handshakes: dict[Handshaking, None] = {}
        self._listening: Listening | None = None
        self.established = 0
        self.has_way = True
        """Whether there is an address to dial from."""
        self.refused = 0
        """Peers that came in vain, for want of a place."""
        self.dialer = Dialer(
            transport,
            half_open_limit=half_open_limit,
            may_connect=lambda: self.has_way and self.total < owner.connection_limit,
            connected=self._dialled,
        )

    @property
    def total(self) -> int:
        """Connections open, shaking hands or being dialled."""
        return self.established + len(self._handshakes) + self.dialer.half_open

    @property
    def port(self) -> int:
        """The port that peers can dial, 0 while none is open."""
        return self._listening.port if self._listening else 0

    def listen(self, port: int) -> None:
        """Accept peers. Raises CannotListenError when the port is taken."""
        self._listening = self._transport.listen(port, self._accepted)

    async def close(self) -> None:
        """Accept and dial no more; handshakes under way are given up."""
        self.dialer.close()
        for handshake in list(self._handshakes):
            handshake.fail("shutting down")
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await listening.close()

    def tick(self, now: float) -> None:
        """Once a second: end handshakes that take too long."""
        for handshake in list(self._handshakes):
            handshake.tick(now)

    def peer_gone(self) -> None:
        """An established connection ended."""
        self.established -= 1

    # -- HandshakeHost -------------------------------------------------------------------------

    @property
    def peer_id(self) -> bytes:
        """Our peer id."""
        return self._owner.peer_id

    def seconds(self) -> float:
        """Monotonic time."""
        return self._owner.clock.seconds()

    def accepting(self, info_hash: bytes) -> HandshakeTorrent | None:
        """The torrent, if it runs."""
        torrent = self._owner.torrent_by_wire_id(info_hash)
        return torrent if torrent is not None and torrent.running else None

    def handshake_done(self, done: Handshaking, events: Sequence[Event]) -> None:
        """Let the peer in, or say why not."""
        self._handshakes.pop(done, None)
        torrent = done.torrent
        assert isinstance(torrent, Torrent)
        reason = torrent.peers.refusal(done.remote.peer_id, done.address, incoming=done.incoming)
        if reason is None and not torrent.running:
            reason = "the torrent stopped"
        gives_way = None
        if reason is None and (crowded := self._crowded(torrent)):
            gives_way = torrent.peers.who_gives_way(done.address, self.seconds())
            if gives_way is None:
                reason = crowded
                self.refused += done.incoming
        if reason is not None:
            self._refuse(done, torrent, reason)
            return
        self.established += 1
        torrent.peers.dialling.discard(done.address)
        peer = PeerSession(torrent.exchange, done)
        torrent.peers.joined(peer)
        if gives_way is not None:
            # Not before the newcomer has its place, or the dialler would fill it at once.
            gives_way.disconnect("another peer is preferred to it")
        peer.begin(events)

    def _crowded(self, torrent: Torrent) -> str | None:
        """Which limit is reached, in words."""
        if torrent.peers.is_full:
            return "the torrent has its number of peers"
        if self.established >= self._owner.connection_limit:
            return "the session has its number of peers"
        return None

    def handshake_failed(self, failed: Handshaking, reason: str) -> None:
        """A connection that came to nothing."""
        self._handshakes.pop(failed, None)
        if isinstance(failed.torrent, Torrent) and not failed.incoming:
            failed.torrent.dialling.dial_failed(failed.address, reason)
        self.log.debug("{address}: {reason}", address=failed.address, reason=reason)

    # -- streams -------------------------------------------------------------------------------

    def _accepted(self, stream: PeerStream) -> StreamReceiver:
        handshake = Handshaking(self, stream, torrent=None, source="incoming")
        incoming = [h for h in self._handshakes if h.incoming]
        crowded = len(incoming) >= INCOMING_HANDSHAKES or self._from_host(
            incoming, stream.address.host
        )
        if crowded or self.total >= self._owner.connection_limit + SPARE_CONNECTIONS:
            self.refused += 1
            stream.abort()
            return handshake
        self._handshakes[handshake] = None
        return handshake

    @staticmethod
    def _from_host(incoming: Iterable[Handshaking], host: str) -> bool:
        return sum(h.address.host == host for h in incoming) >= PER_HOST_HANDSHAKES

    def _dialled(
        self, dialling: DialTorrent, address: PeerAddress, stream: PeerStream
    ) -> StreamReceiver:
        assert isinstance(dialling, TorrentDialling)
        torrent: Torrent = dialling.owner
        source = torrent.peers.pool.source_of(address)
        handshake = Handshaking(self, stream, torrent=torrent, source=source, dialled=address)
        self._handshakes[handshake] = None
        return handshake

    @staticmethod
    def _refuse(done: Handshaking, torrent: Torrent, reason: str) -> None:
        done.stream.abort()
        if not done.incoming:
            torrent.dialling.dial_failed(done.address, reason)
