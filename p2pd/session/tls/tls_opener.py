"""How connections of TLS torrents begin: both ends show a certificate of the torrent's CA.

After that comes the handshake of BitTorrent, as it is: nothing is encrypted a second time (MSE).
Its info-hash has to be one of the torrent whose name the dialler gave to TLS.
"""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock
from p2pd.session.connecting.admission import Entry, HandshakeTorrent, Way
from p2pd.session.connecting.handshaking import HandshakeHost, Handshaking
from p2pd.session.tls.tls_torrents import TlsTorrents
from p2pd.transports.interfaces import PeerStream, StreamReceiver
from p2pd.transports.tls.openings import TlsAccepted, TlsDialled
from p2pd.transports.tls.tls_stream import TlsStream


class TlsOpener:
    """Puts their first handshake together."""

    def __init__(self, torrents: TlsTorrents, clock: Clock) -> None:
        self._torrents = torrents
        self._clock = clock

    def accepted(
        self, host: HandshakeHost, stream: PeerStream
    ) -> tuple[StreamReceiver, Handshaking]:
        """Who listens to a stream that came to the port for TLS, and its handshake."""
        assert self._torrents.work is not None

        def opened(stream: TlsStream) -> None:
            handshake.entered(stream, self._torrents.entry(stream))

        opening = TlsAccepted(
            stream, opened, self._torrents.work, self._clock, find=self._torrents.find
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
        """The same of one that we dialled; without a certificate it comes to nothing."""
        context, work = self._torrents.context(torrent), self._torrents.work
        if context is None or work is None:
            handshake = Handshaking(host, stream, torrent=torrent, source=source, dialled=address)
            return handshake, handshake

        def opened(stream: TlsStream) -> None:
            handshake.entered(stream, self._torrents.entry(stream, torrent))

        name = torrent.info_hashes.wire_ids[0].hex()
        opening = TlsDialled(stream, opened, work, self._clock, context=context, server_name=name)
        handshake = Handshaking(host, opening, torrent=torrent, source=source, dialled=address)
        handshake.entry = Entry(Way.TLS, encrypted=True, torrent=torrent)
        opening.receiver = handshake
        return opening, handshake
