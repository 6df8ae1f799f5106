"""What the pieces of a torrent tell it, and what they ask of it."""

from __future__ import annotations

from typing import Collection, Hashable, Protocol, Sequence

from p2pd.base.errors import StorageError
from p2pd.base.requests import Request


class Trust(Protocol):
    """Who knows which peers are to be trusted."""

    def on_parole(self, peer: Hashable) -> bool:
        """Whether a peer may have spoiled a piece."""

    def wants_digests(self, piece: int) -> bool:
        """Whether it wants to hear of the blocks of a piece that is right."""


class Exchange(Protocol):
    """Who counts bytes and sends messages."""

    def payload_wasted(self, size: int) -> None:
        """So many bytes were received in vain."""

    def cancel(self, peer: Hashable, request: Request) -> None:
        """A peer is asked for a block no more."""

    def withdrawn(self, requests: Sequence[tuple[Hashable, Request]]) -> None:
        """The same of several, which may be asked for others."""


class PiecesListener(Protocol):
    """Who hears what became of pieces. Digests are those of swarm.smart_ban."""

    @property
    def trust(self) -> Trust: ...

    @property
    def exchange(self) -> Exchange: ...

    def unfinished_files(self) -> list[int]:
        """The wanted files that are not complete."""

    def piece_stored(self, piece: int, contributors: Collection[Hashable], digests: bytes) -> None:
        """It is right and on disk; these peers sent its blocks."""

    def piece_failed(self, piece: int, senders: Sequence[Hashable | None], digests: bytes) -> None:
        """Its hash is wrong; these peers sent its blocks, one after the other."""

    def storage_refused(self) -> None:
        """The disk did not take a piece now; it is kept and tried again."""

    def storage_failed(self, problem: StorageError) -> None:
        """The disk refused; nothing of the piece was kept."""
