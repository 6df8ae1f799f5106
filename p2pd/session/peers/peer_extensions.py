"""Extensions on one connection (BEP 10): the handshake, and whom each message is for."""

from __future__ import annotations

from typing import Any, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.extensions.donthave import parse_donthave
from p2pd.protocols.peerwire.extensions.registry import (
    HANDSHAKE_ID,
    ExtensionHandshake,
    ExtensionRegistry,
    names_by_id,
)
from p2pd.protocols.peerwire.extensions.upload_only import encode_upload_only, parse_upload_only
from p2pd.session.peers.peer_download import PeerDownload

LOCAL_IDS = {
    "ut_pex": 1,
    "ut_metadata": 2,
    "lt_donthave": 3,
    "upload_only": 4,
    "ut_holepunch": 5,
    "p2pd_crl": 6,
    "p2pd_node": 7,
}
"""The ids under which peers send each extension to us; a torrent may leave out some of them."""

_NAMES = names_by_id(LOCAL_IDS)


class ExtensionPeer(Protocol):
    """What extensions need from their peer session."""

    address: PeerAddress
    listen_address: PeerAddress | None
    upload_only: bool
    download: PeerDownload
    torrent: Any

    def send(self, message: Any) -> None: ...
    def lost_piece(self, piece: int) -> None: ...


class PeerExtensions:
    """What the peer speaks, by name."""

    __slots__ = (
        "_peer", "_registry", "_told_upload_only", "expected", "metadata_size", "offered",
        "offered_pex", "prefers_encryption", "version",
    )  # fmt: skip

    def __init__(self, peer: ExtensionPeer, *, offered: bool) -> None:
        self._peer = peer
        self.offered = offered
        self.expected = offered
        """Whether the peer has yet to say what it speaks."""
        self._registry = ExtensionRegistry(_NAMES)
        self._told_upload_only = False
        self.offered_pex = False
        """Whether a handshake of ours did: if another does not it has to say so (BEP 10)."""
        self.version = ""
        self.metadata_size = 0
        self.prefers_encryption = False

    def greet(self) -> None:
        """Send our extension handshake if the peer knows BEP 10."""
        if self.offered:
            mine = self._peer.torrent.extension_handshake(self._peer, LOCAL_IDS)
            self._told_upload_only = bool(mine.upload_only)
            self._peer.send(wire.Extended(HANDSHAKE_ID, mine.encode()))

    def speaks(self, name: str) -> bool:
        """Whether the peer takes messages of this extension."""
        return self._registry.speaks(name)

    def send(self, name: str, payload: bytes) -> None:
        """Send a message of an extension that the peer speaks; else nothing is sent."""
        message = self._registry.message(name, payload)
        if message is not None:
            self._peer.send(message)

    def tell_upload_only(self, upload_only: bool) -> None:
        """Have the peer know whether we ask for anything (BEP 21); who takes no message of that
        hears it in another handshake.
        """
        if upload_only == self._told_upload_only:
            return
        if self.speaks("upload_only"):
            self._told_upload_only = upload_only
            self.send("upload_only", encode_upload_only(upload_only))
        else:
            self.greet()

    def received(self, id_: int, payload: bytes) -> None:
        """A message; one of an extension that we did not offer is ignored. Raises FormatError."""
        if id_ == HANDSHAKE_ID:
            self._greeted(ExtensionHandshake.parse(payload))
            return
        name = self._registry.name_of(id_)
        if name == "lt_donthave":
            self._peer.lost_piece(parse_donthave(payload))
        elif name == "upload_only":
            self._peer.upload_only = parse_upload_only(payload)
        elif name is not None:
            self._peer.torrent.extended(self._peer, name, payload)

    def _greeted(self, theirs: ExtensionHandshake) -> None:
        self._registry.learn(theirs)
        self.expected = False
        self.version = theirs.version or self.version
        self.metadata_size = theirs.metadata_size or self.metadata_size
        if theirs.reqq:
            self._peer.download.window.set_limit(theirs.reqq)
        if theirs.prefers_encryption is not None:
            self.prefers_encryption = theirs.prefers_encryption
        if theirs.upload_only is not None:
            self._peer.upload_only = theirs.upload_only
        if theirs.port and self._peer.listen_address is None:
            self._peer.listen_address = PeerAddress(self._peer.address.host, theirs.port)
        self._peer.torrent.peer_ready(self._peer, theirs.your_ip)
