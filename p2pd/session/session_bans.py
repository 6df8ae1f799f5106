"""Who is banned from the session, in every torrent: kept over restarts, listed, lifted, and ended.

Refuses to know why: it is told of reasons. Times are Unix seconds.
"""

from __future__ import annotations

from typing import Any, Container, Coroutine, Iterable, Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.bans import REASON_LIMIT, Ban, Bans, PeerName, ban_of


class BanMemory(Protocol):
    """Where they are kept (state.bans.BanStore)."""

    def load(self) -> Deferred[list[Ban]]:
        """Those that were kept last."""

    def change(self, gone: Sequence[Ban], new: Sequence[Ban]) -> Deferred[None]:
        """Keep these no more, and these from now on."""


class NamedPeer(Protocol):
    """A connected peer."""

    address: PeerAddress
    listen_address: PeerAddress | None
    peer_id: bytes

    @property
    def node_key(self) -> bytes:
        """The one that it proved to have; empty: none."""


class BannedFrom(Protocol):
    """A torrent, from which peers may be banned."""

    def banned(self, places: Container[str | bytes]) -> None:
        """These hosts, or somebody there, are banned, or the nodes with these keys: hang up on them
        and do not dial them.
        """


class BansOwner(Protocol):
    """The session."""

    @property
    def torrents(self) -> Iterable[BannedFrom]: ...

    def wall(self) -> float:
        """Unix seconds."""

    def background(self, work: Coroutine[Any, Any, Any] | Deferred[Any], what: str) -> None:
        """Run something nobody waits for."""


class SessionBans:
    """The bans of one session. `in_force` is for who asks often, and to be read only."""

    log = Logger()

    def __init__(self, owner: BansOwner, memory: BanMemory | None, seconds: float) -> None:
        """`seconds` is how long a new ban lasts; 0: until it is lifted."""
        self.in_force = Bans()
        self.seconds = seconds
        self._owner = owner
        self._memory = memory

    async def recall(self) -> None:
        """Those of an earlier run, but for those that are over."""
        if self._memory is not None:
            for ban in await self._memory.load():
                self.in_force.add(ban)
            self.tick()

    def ban_peer(self, name: PeerName, reason: str, *, shared: bool) -> None:
        """A peer did what is not to be borne; `shared`: somebody good has the same address.

        With its address goes its key, which is worth nothing alone: anybody can make another.
        """
        since, until = self._from_now(None)
        bans = [ban_of(name, reason, since=since, until=until, shared=shared)]
        if name.node_key:
            bans.append(bans[0]._replace(host="", port=0, peer_id=b"", node_key=name.node_key))
        self.add(*bans)

    def ban(
        self,
        addresses: Iterable[PeerAddress],
        reason: str,
        seconds: float | None,
        keys: Iterable[bytes] = (),
    ) -> None:
        """Somebody is not wanted; see api.SessionApi."""
        since, until = self._from_now(seconds)
        reason = reason[:REASON_LIMIT]
        self.add(
            *(Ban(host, port, b"", reason, since, until) for host, port in addresses),
            *(Ban("", 0, b"", reason, since, until, key) for key in keys),
        )

    def add(self, *bans: Ban) -> None:
        """Ban, and hang up on whom these are of."""
        gone: list[Ban] = []
        for ban in bans:
            self.log.info("{who} is banned: {why}", who=described(ban), why=ban.reason)
            gone += self.in_force.add(ban)
        self._keep(gone, [ban for ban in bans if ban in self.in_force])
        places = {ban.place for ban in bans}
        for torrent in self._owner.torrents:
            torrent.banned(places)

    def lift(self, addresses: Iterable[PeerAddress], keys: Iterable[bytes] = ()) -> list[Ban]:
        """Those at hosts (port 0), of one peer there, or of nodes are in force no more; which these
        were.
        """
        lifted = [ban for address in addresses for ban in self.in_force.lift(*address)]
        lifted += [ban for key in keys for ban in self.in_force.lift(key)]
        for ban in lifted:
            self.log.info("{who} is banned no more", who=described(ban))
        self._keep(lifted, [])
        return lifted

    def tick(self) -> None:
        """Now and then: end those that are over."""
        self._keep(self.in_force.expire(self._owner.wall()), [])

    def list(self) -> list[Ban]:
        """Those in force, the oldest first."""
        self.tick()
        return sorted(self.in_force, key=lambda ban: ban.since)

    def of_node(self, node_key: bytes) -> Sequence[Ban]:
        """Those in force of the node with this key."""
        self.tick()
        return self.in_force.of_node(node_key)

    def _from_now(self, seconds: float | None) -> tuple[float, float | None]:
        now = self._owner.wall()
        lasts = self.seconds if seconds is None else seconds
        return now, now + lasts if lasts else None

    def _keep(self, gone: Sequence[Ban], new: Sequence[Ban]) -> None:
        if self._memory is not None and (gone or new):
            self._owner.background(self._memory.change(gone, new), "bans")


def name_of(peer: NamedPeer) -> PeerName:
    """Who a peer is, even when it is gone."""
    port = 0 if peer.listen_address is None else peer.listen_address.port
    return PeerName(peer.address.host, port, peer.peer_id, peer.node_key)


def described(ban: Ban) -> str:
    """Of whom it is, for the log."""
    if ban.node_key:
        return f"the node {ban.node_key.hex()}"
    if ban.whole_host:
        return ban.host
    return f"the peer at {ban.host} with port {ban.port or 'unknown'}"
