"""What control asks of nodes; see p2pd/session/api.py, which has it."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Sequence

from p2pd.swarm.trusted_nodes import TrustedNode


class NodeIdentity(NamedTuple):
    """Who this node is: its key, and the one before that vouches for it; empty: there is none."""

    key: bytes
    former_key: bytes
    trouble: str
    """Why there is no key, in words."""
    shown_to: str
    """One of IDENTITY_MODES."""


class TrustedView(NamedTuple):
    """A trusted node, and with how many connections it is here now."""

    node: TrustedNode
    connections: int


class NodesApi(Protocol):
    """This node's own identity, and the nodes that are trusted."""

    def identity(self) -> NodeIdentity:
        """Who this node is."""

    async def rotate(self, *, succession: bool) -> NodeIdentity:
        """Have another key, for which the one of now vouches if so wished. Raises P2pdError."""

    def list(self) -> Sequence[TrustedView]:
        """The trusted ones, the oldest first."""

    def trust(self, key: bytes, name: str) -> None:
        """Trust a node, or call it something else. Raises P2pdError."""

    def untrust(self, keys: Sequence[bytes]) -> int:
        """Trust these no more; how many were."""
