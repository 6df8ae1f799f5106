"""Super-seeding in the lighter model: a seed shows each piece to one peer (BEP 16).

As session/torrents/torrent_super_seeding.py does it, without its exceptions for torrents that are
not new.
"""

from __future__ import annotations

from p2pd.base.piece_set import PieceSet
from p2pd.base.rates import RollingRate
from p2pd.swarm.super_seeding import SuperSeeding
from p2pd.testing.sim.light_node import LightNode, LightPeer

LEAST_SHOWN = 2
RATE_SECONDS = 3


class LightSeed(LightNode):
    """A seed that hides what it has until its peers have a copy together."""

    hiding: SuperSeeding | None = None

    def hide(self) -> None:
        """From everyone that connects from now on."""
        self.hiding = SuperSeeding(self.picker.swarm, self._rng)
        self._passed = RollingRate(RATE_SECONDS)

    def shows(self) -> PieceSet:
        """What a new peer is told."""
        return super().shows() if self.hiding is None else PieceSet(self.picker.have.size)

    def met(self, peer: LightPeer) -> None:
        """A peer has connected."""
        if self.hiding is not None:
            self.hiding.joined(peer, peer.pieces)
            self._go_on()

    def has(self, peer: LightPeer, piece: int) -> None:
        """A peer has a piece more: show it another."""
        super().has(peer, piece)
        if self.hiding is not None:
            now = self._clock.now
            if piece in peer.other_side.pieces:
                self._passed.add(self.geometry.piece_length, now)
            self.hiding.got(peer, piece, now)
            self._go_on()

    def tick(self) -> None:
        """Once a second: what did not arrive is shown to others."""
        if self.hiding is not None:
            self._go_on()

    def rechoke(self) -> None:
        """Those that it hides from are not choked, since they can ask for nothing else."""
        if self.hiding is None:
            super().rechoke()

    def fill_free_slot(self) -> None:
        """Nor do they take slots."""
        if self.hiding is None:
            super().fill_free_slot()

    def _go_on(self) -> None:
        hiding = self.hiding
        assert hiding is not None
        if hiding.swarm_is_whole:
            self.hiding = None
            for peer in self.peers:
                for piece in peer.other_side.pieces.missing():
                    self._show(peer, piece)
            self.rechoke()
            return
        now = self._clock.now
        window = LEAST_SHOWN + int(self._passed.per_second(now) / self.geometry.piece_length)
        for key, piece in hiding.show(window, now):
            assert isinstance(key, LightPeer)
            self._show(key, piece)
            self._unchoke(key)

    @staticmethod
    def _show(peer: LightPeer, piece: int) -> None:
        there = peer.other_side
        if there.pieces.add(piece):
            there.node.has(there, piece)
