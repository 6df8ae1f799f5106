"""Reads of one peer scattered over the pieces themselves, while it sends fast enough for that.

See protocols/peerwire/landing.py. For a peer that sends little it is not worth the preparation,
and for one that answers out of order, or says much in between, it is left alone for a while.
"""

from __future__ import annotations

from typing import Callable, Protocol, Sequence

from p2pd.protocols.peerwire.connection import PeerWire
from p2pd.protocols.peerwire.landing import MOST_BLOCKS, Landing, block_begun
from p2pd.session.peers.peer_download import PeerDownload

WORTH_BYTES = 128 * 1024
"""Bytes of the last read from which the next is scattered."""

LEAST_BLOCKS = 8

READS_LEFT_ALONE = 4
"""Reads that go the ordinary way after one that brought something unexpected."""


Key = tuple[int, int, int]
"""A block: piece, begin and length."""


class LandingPeer(Protocol):
    """What the reads of a peer need of its session."""

    closed: bool
    wire: PeerWire
    download: PeerDownload


class PeerLanding:
    """Where the next bytes of one peer should go (transports.interfaces.Landing)."""

    __slots__ = ("_landed", "_landing", "_last_read", "_left_alone", "_overtaken", "_peer")

    def __init__(self, peer: LandingPeer, landed: Callable[[bytes], None]) -> None:
        """`landed` gets the bytes behind the blocks that are in their places."""
        self._peer = peer
        self._landed = landed
        self._landing: Landing | None = None
        self._last_read = 0
        self._left_alone = 0
        self._overtaken: dict[Key, None] = {}
        """Blocks that will come some time, but hardly as the next."""

    def noticed(self, size: int) -> None:
        """A read went the ordinary way and brought `size` bytes."""
        self._last_read = size
        self._overtaken.clear()
        if self._left_alone:
            self._left_alone -= 1

    def buffers(self) -> Sequence[memoryview]:
        """What to read into, at once; empty: the ordinary way. `filled` follows, or nothing."""
        if self._last_read < WORTH_BYTES or self._left_alone or self._peer.closed:
            return ()
        lead = self._peer.wire.unfinished
        blocks, places = self._next(block_begun(lead))
        if len(blocks) < LEAST_BLOCKS:
            return ()
        try:
            self._landing = Landing(blocks, places, lead)
        except ValueError:
            self._left_alone = READS_LEFT_ALONE
            return ()
        return self._landing.buffers

    def _next(self, begun: Key | None) -> tuple[list[Key], list[memoryview]]:
        """The blocks that come next, from the one that has begun, and where each belongs."""
        overtaken = self._overtaken
        if len(overtaken) >= LEAST_BLOCKS:
            overtaken.clear()
        blocks, places = self._peer.download.places(MOST_BLOCKS)
        if begun is not None and begun in blocks:
            overtaken.pop(begun, None)
            first = blocks.index(begun)
            overtaken.update(dict.fromkeys(blocks[:first]))
        if overtaken:
            late = [number for number, block in enumerate(blocks) if block in overtaken]
            for number in reversed(late):
                del blocks[number], places[number]
        return blocks, places

    def filled(self, size: int) -> None:
        """`size` bytes were read into what `buffers` gave."""
        assert self._landing is not None
        self._last_read = size
        found = self._landing.landed(size)
        self._landing = None
        if not found.as_expected:
            self._left_alone = READS_LEFT_ALONE
        self._overtaken.update(dict.fromkeys(found.overtaken))
        for block in found.displaced:
            self._overtaken.pop((block.piece, block.begin, len(block.data)), None)
        download = self._peer.download
        if found.in_place:
            download.landed(found.in_place)
        if found.displaced:
            download.blocks(found.displaced)
        self._landed(found.rest)
