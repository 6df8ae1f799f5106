"""What control asks of nodes, done: the implementation of nodes_api.NodesApi."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable, Protocol, Sequence

from p2pd.session.nodes.nodes_api import NodeIdentity, TrustedView
from p2pd.session.nodes.session_nodes import SessionNodes
from p2pd.session.settings.session_settings import SessionSettings


class NodesSession(Protocol):
    """The session."""

    nodes: SessionNodes
    settings: SessionSettings

    @property
    def torrents(self) -> Iterable[Any]:
        """All of them."""


class NodesControl:
    """The nodes of a session, as control sees them."""

    def __init__(self, session: NodesSession) -> None:
        self._session = session

    def identity(self) -> NodeIdentity:
        """Who this node is."""
        nodes, mode = self._session.nodes, self._session.settings.peer_identity
        if nodes.own is None:
            return NodeIdentity(b"", b"", nodes.trouble, mode)
        succession = nodes.own.succession
        former = b"" if succession is None else succession.old_key
        return NodeIdentity(nodes.own.public, former, "", mode)

    async def rotate(self, *, succession: bool) -> NodeIdentity:
        """Have another key. Raises P2pdError."""
        await self._session.nodes.rotate(succession=succession)
        return self.identity()

    def list(self) -> Sequence[TrustedView]:
        """The trusted ones."""
        here = Counter(
            peer.node_key for torrent in self._session.torrents for peer in torrent.connected
        )
        trusted = sorted(self._session.nodes.trusted, key=lambda node: (node.since, node.key))
        return [TrustedView(node, here[node.key]) for node in trusted]

    def trust(self, key: bytes, name: str) -> None:
        """Trust a node. Raises P2pdError."""
        self._session.nodes.trust(key, name)

    def untrust(self, keys: Sequence[bytes]) -> int:
        """Trust these no more."""
        count = self._session.nodes.untrust(keys)
        for torrent in self._session.torrents:
            torrent.hang_up_on_untrusted()
        return count
