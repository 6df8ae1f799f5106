"""Who gives way when all places of a torrent or of the session are taken and a peer asks for one.

The rule:

* A peer that gave us something in the last five minutes keeps its place, or, while we seed, one
  that took something; and so does one in its first half minute, which had no chance yet.
* Of the others one with a poor rating (swarm/reputation.py) goes first, for any newcomer.
* Then the one that we prefer least may go: the farthest, and among equally far ones that
  with the lowest canonical priority (BEP 40). It goes only for a newcomer that we prefer to it.
* A node that the user trusts (swarm/trusted_nodes.py) keeps its place, as long as no more than half
  of the places are kept for that.
* Where neither side wants anything of the other, the peer goes first, for any newcomer.

A newcomer of one torrent never takes the place of another torrent's peer.
"""

from __future__ import annotations

from typing import Callable, Iterable

from p2pd.base.addresses import PeerAddress
from p2pd.session.peers.peer_session import PeerSession
from p2pd.swarm.preference import Preference, Preferences
from p2pd.swarm.trusted_nodes import keep_their_places

FIRST_CHANCE = 30.0
"""Seconds."""

PROVEN_SECONDS = 300.0


class _Account:
    """How much passed in the direction that counts, and when it was seen to have grown.

    The preference is kept, for it is wanted of everyone whenever somebody comes in vain.
    """

    __slots__ = ("grew_at", "preference", "ranked_at", "total")

    def __init__(self) -> None:
        self.total = 0
        self.grew_at = float("-inf")
        self.preference: Preference | None = None
        self.ranked_at = 0


class PeerPlaces:
    """The accounts of one torrent's peers."""

    __slots__ = ("_accounts", "_is_poor", "_is_trusted", "_preferences")

    def __init__(
        self,
        preferences: Preferences,
        is_poor: Callable[[PeerSession], bool] = lambda _: False,
        is_trusted: Callable[[PeerSession], bool] = lambda _: False,
    ) -> None:
        """`is_poor` tells whether a peer has a poor rating, `is_trusted` of its node."""
        self._preferences = preferences
        self._is_poor = is_poor
        self._is_trusted = is_trusted
        self._accounts: dict[PeerSession, _Account] = {}

    def look(self, peers: Iterable[PeerSession], now: float, *, seeding: bool) -> None:
        """Every few seconds: see who is of use."""
        for peer in peers:
            account = self._accounts.setdefault(peer, _Account())
            total = peer.upload.total if seeding else peer.download.total
            if total > account.total:
                account.grew_at = now
            account.total = total

    def left(self, peer: PeerSession) -> None:
        """A peer is gone."""
        self._accounts.pop(peer, None)

    def who_gives_way(
        self, peers: Iterable[PeerSession], newcomer: PeerAddress, now: float, *, seeding: bool
    ) -> PeerSession | None:
        """The peer whose place the newcomer may have; None when there is no such peer."""
        peers = list(peers)
        self.look(peers, now, seeding=seeding)
        idle = [peer for peer in peers if self._is_idle(peer, now)]
        if seeding:
            for peer in idle:
                if is_redundant(peer):
                    return peer
        kept = keep_their_places(filter(self._is_trusted, peers), len(peers))
        idle = [peer for peer in idle if peer not in kept]
        for peer in idle:
            if self._is_poor(peer):
                return peer
        least = max(idle, key=self._preference, default=None)
        if least is None or self._preference(least) <= self._preferences.of(newcomer):
            return None
        return least

    def _is_idle(self, peer: PeerSession, now: float) -> bool:
        quiet = now - self._accounts[peer].grew_at > PROVEN_SECONDS
        return quiet and now - peer.connected_at > FIRST_CHANCE

    def _preference(self, peer: PeerSession) -> Preference:
        account, version = self._accounts[peer], self._preferences.version
        if account.preference is None or account.ranked_at != version:
            account.preference = self._preferences.of(peer.listen_address or peer.address)
            account.ranked_at = version
        return account.preference


def is_redundant(peer: PeerSession) -> bool:
    """Whether a peer wants nothing of us, who want nothing of it (BEP 21)."""
    wants_nothing = peer.upload_only or peer.told.is_full
    return wants_nothing and not peer.peer_interested
