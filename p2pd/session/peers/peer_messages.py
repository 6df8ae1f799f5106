"""What each message of a peer changes (BEP 3, 5, 6, 10, 52), given in runs of one kind.

Raises FormatError for what does not fit the torrent; the connection ends with its words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.base.requests import Request
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import PeerTimedOut
from p2pd.session.peers.peer_fast import NEWCOMERS
from p2pd.session.peers.peer_upload import check_request

if TYPE_CHECKING:
    from p2pd.session.peers.peer_session import PeerSession


def handle_run(peer: PeerSession, kind: type, run: Sequence[Any]) -> None:
    """Messages of one kind that came one after the other. Raises FormatError."""
    if kind is wire.Block:
        peer.download.blocks(run)
    elif kind is Request:
        _requests(peer, run)
    else:
        handler = _HANDLERS.get(kind)
        for message in run:
            if handler is not None and not peer.closed:
                handler(peer, message)


def _requests(peer: PeerSession, requests: Sequence[Request]) -> None:
    content = peer.torrent.content
    if content is None:
        return
    layout, had, shown = content.layout, content.have.flags, peer.shown
    for request in requests:
        check_request(request, layout)
        refused = peer.am_choking and request.piece not in peer.fast.served
        if shown is not None and request.piece not in shown:
            refused = True
        if had[request.piece] and not refused:
            peer.upload.asked(request)
        elif peer.supports_fast:
            peer.send(wire.Reject(*request))


def _choke(peer: PeerSession, _message: wire.Choke) -> None:
    peer.peer_choking = True
    peer.download.choked()


def _unchoke(peer: PeerSession, _message: wire.Unchoke) -> None:
    peer.peer_choking = False


def _interested(peer: PeerSession, _message: wire.Interested) -> None:
    peer.peer_interested = True
    peer.torrent.interest_changed(peer)


def _not_interested(peer: PeerSession, _message: wire.NotInterested) -> None:
    peer.peer_interested = False
    peer.torrent.interest_changed(peer)


def _pieces(peer: PeerSession, message: wire.Bitfield | wire.HaveAll | wire.HaveNone) -> None:
    peer.told.told(message)
    peer.torrent.peer_told(peer, None)
    peer.update_interest()
    content = peer.torrent.content
    if content is not None and peer.torrent.newcomers() < NEWCOMERS:
        peer.fast.offer(content)
    peer.part_if_both_done()


def _have(peer: PeerSession, message: wire.Have) -> None:
    piece = peer.told.told(message)
    if piece is not None:
        peer.torrent.peer_told(peer, piece)
        if not peer.am_interested and peer.torrent.wants_piece(piece):
            peer.update_interest()
        if peer.told.is_full:
            peer.part_if_both_done()


def _cancel(peer: PeerSession, message: wire.Cancel) -> None:
    peer.upload.cancelled(Request(*message))


def _reject(peer: PeerSession, message: wire.Reject) -> None:
    peer.fast.disallow(message.piece)
    peer.download.rejected(Request(*message))


def _allowed_fast(peer: PeerSession, message: wire.AllowedFast) -> None:
    if peer.in_range(message.piece):
        peer.fast.allow(message.piece)


def _suggest(peer: PeerSession, message: wire.Suggest) -> None:
    if peer.in_range(message.piece):
        peer.fast.suggest(message.piece)


def _extended(peer: PeerSession, message: wire.Extended) -> None:
    peer.extensions.received(message.id, message.payload)


def _port(peer: PeerSession, message: wire.Port) -> None:
    if message.port and not peer.told_of_node:
        peer.told_of_node = True  # there is one behind an address; more would have others pinged
        peer.torrent.dht_node(PeerAddress(peer.address.host, message.port))


def _hashes(peer: PeerSession, message: wire.HashRequest | wire.Hashes | wire.HashReject) -> None:
    peer.torrent.hash_message(peer, message)


def _timed_out(peer: PeerSession, event: PeerTimedOut) -> None:
    peer.drop(f"it was silent too long, {event.waiting_for} was due", misbehaved=False)


_HANDLERS: dict[type, Callable[[PeerSession, Any], None]] = {
    wire.Choke: _choke,
    wire.Unchoke: _unchoke,
    wire.Interested: _interested,
    wire.NotInterested: _not_interested,
    wire.Bitfield: _pieces,
    wire.HaveAll: _pieces,
    wire.HaveNone: _pieces,
    wire.Have: _have,
    wire.Cancel: _cancel,
    wire.Reject: _reject,
    wire.AllowedFast: _allowed_fast,
    wire.Suggest: _suggest,
    wire.Extended: _extended,
    wire.Port: _port,
    wire.HashRequest: _hashes,
    wire.Hashes: _hashes,
    wire.HashReject: _hashes,
    PeerTimedOut: _timed_out,
}
