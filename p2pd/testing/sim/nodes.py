"""A whole session as a node of a simulated swarm: what it is made of, and its coming and going."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Sequence, cast

from twisted.internet.defer import Deferred, ensureDeferred

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.tracker_client.announcer import Announcer
from p2pd.formats.file_layout import FileLayout
from p2pd.session.api import SessionStatistics
from p2pd.session.session import Session
from p2pd.session.session_control import SessionControl
from p2pd.session.session_parts import SessionLimits, SessionParts
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing.inline_disk import OneDisk
from p2pd.testing.memory_store import MemoryRemovals, MemoryStore
from p2pd.testing.nodes import ANY_FOLDER
from p2pd.testing.sim.conduct import CLAIMS_ALL, SPOILED_OF, Conduct, Noise, StallingStream
from p2pd.testing.sim.disks import DiskSpeed, SharedStorage, SimDisk
from p2pd.testing.sim.network import Link, SimNetwork
from p2pd.testing.sim.trackers import SimTracker, TrackerWay

PORT = 6881
EPOCH = 1_700_000_000.0
"""Unix seconds at the start of a simulation."""

NO_SLOTS = -1
"""Not even the optimistic one."""


@dataclass(frozen=True, slots=True)
class SharedTorrent:
    """A torrent that nodes share: its .torrent file and its pieces."""

    torrent: bytes
    pieces: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """What a node is; `settings` are SessionSettings of its session.

    `prepare` is called with the torrent each time it was added, before it runs for long.
    """

    host: str
    link: Link = field(default_factory=Link)
    disk: DiskSpeed = field(default_factory=DiskSpeed)
    conduct: Conduct = Conduct.HONEST
    seed: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Torrent], None] | None = None


class SwarmNode:
    """A node with one torrent. Its data and records are still there when it joins again."""

    def __init__(
        self, network: SimNetwork, tracker: SimTracker, shared: SharedTorrent, spec: NodeSpec
    ) -> None:
        self.spec = spec
        self.network = network
        self.address = PeerAddress(spec.host, PORT)
        self.torrent: Torrent | None = None
        self.session: Session | None = None
        self.joined_at = 0.0
        self.completed_at: float | None = None
        self.storage: MemoryStorage | None = None
        self._tracker = tracker
        self._shared = shared
        self._store = MemoryStore()
        self._visits = 0
        place = network.place(spec.host, spec.link)
        if spec.conduct is Conduct.STALLER:
            place.stream = StallingStream

    @property
    def is_here(self) -> bool:
        """Whether it is in the swarm now."""
        return self.session is not None

    @property
    def has_all(self) -> bool:
        """Whether it pretends to have everything from the start, or does."""
        return self.spec.seed or self.spec.conduct in CLAIMS_ALL

    def join(self) -> Deferred[None]:
        """Start the session, with the torrent; the Deferred fires when it runs."""
        return ensureDeferred(self._join())

    def leave(self) -> Deferred[None]:
        """Stop the session as the daemon does."""
        return ensureDeferred(self._leave())

    def crash(self) -> None:
        """Gone without a word; what its disk holds stays."""
        self.network.cut_off(self.spec.host)
        session, self.session, self.torrent = self.session, None, None
        if session is not None:
            ensureDeferred(session.stop())

    def uploaded(self) -> int:
        """Bytes of payload sent, over all visits."""
        return sum(row.uploaded for row in self._rows())

    def downloaded(self) -> int:
        """Bytes of payload received that were wanted, over all visits."""
        return sum(row.downloaded for row in self._rows())

    def wasted(self) -> int:
        """Bytes received in vain: not wanted, or of pieces that failed."""
        return sum(row.corrupt for row in self._rows())

    def look(self) -> None:
        """See whether it is complete by now, and since when."""
        torrent = self.torrent
        if self.completed_at is None and torrent is not None and torrent.is_complete():
            finished = torrent.record.completed_at
            self.completed_at = finished - EPOCH if finished else self.network.clock.now

    def have(self) -> Sequence[int]:
        """Pieces that it has, as far as others can tell."""
        torrent = self.torrent
        content = torrent.content if torrent is not None else None
        return () if content is None else list(content.have)

    def banned(self, host: str) -> bool:
        """Whether it banned that host."""
        return self.torrent is not None and self.torrent.peers.pool.is_banned(host)

    # -- joining -------------------------------------------------------------------------------

    async def _join(self) -> None:
        self._visits += 1
        self.network.place(self.spec.host).online = True
        self.joined_at = self.joined_at or self.network.clock.now
        session = self.session = Session(self._parts(), self._settings(), SessionLimits())
        control = SessionControl(
            session,
            save_setting=cast(Any, None),
            earlier=SessionStatistics(),
            shut_down=lambda: None,
        )
        session.connections.listen(PORT)
        await session.start()
        known = next(iter(session.torrents), None)
        if known is None:
            added = await control.add(AddTorrent(torrent=self._shared.torrent))
            known = session.torrents.by_id(added.torrent.id)
        assert known is not None
        self.torrent = known
        if self.spec.prepare is not None:
            self.spec.prepare(known)

    async def _leave(self) -> None:
        session, self.session, self.torrent = self.session, None, None
        if session is not None:
            await session.stop()

    def _rows(self) -> list[Any]:
        torrent = self.torrent
        return [torrent.record] if torrent is not None else list(self._store.rows.values())

    def _settings(self) -> SessionSettings:
        defaults = {"peer_limit_global": 500, "peer_limit_per_torrent": 100}
        if self.spec.conduct is Conduct.FREE_RIDER:
            defaults["upload_slots"] = NO_SLOTS
        return SessionSettings(download_dir="/downloads", **{**defaults, **self.spec.settings})

    def _parts(self) -> SessionParts:
        clock = self.network.clock
        return SessionParts(
            clock=clock,
            wall=lambda: EPOCH + clock.now,
            rng=self._rng("session"),
            transport=self.network.transport(self.spec.host),
            disks=cast(Any, OneDisk(SimDisk(clock, self.spec.disk))),
            store=cast(Any, self._store),
            removals=cast(Any, MemoryRemovals(self._store)),
            make_storage=self._make_storage,
            make_announcer=self._make_announcer,
            look_at_folder=lambda folder: ANY_FOLDER,
        )

    def _rng(self, what: str) -> random.Random:
        return random.Random(f"{what} {self.spec.host} {self._visits} {self.network.seed}")

    def _make_storage(self, layout: FileLayout, folder: str) -> MemoryStorage:
        if self.storage is None:
            self.storage = self._new_storage(layout)
        return self.storage

    def _new_storage(self, layout: FileLayout) -> MemoryStorage:
        pieces, conduct = self._shared.pieces, self.spec.conduct
        if conduct in (Conduct.POISONER, Conduct.SPOILER):
            storage: SharedStorage = Noise(
                layout, pieces, one_of=SPOILED_OF if conduct is Conduct.SPOILER else 1
            )
        else:
            storage = SharedStorage(layout, pieces, cached=self.spec.disk.cached)
        if self.has_all:
            storage.fill()
        return storage

    def _make_announcer(
        self, torrent: Any, tiers: Any, found: Any, peer_id: bytes, port: Any
    ) -> Announcer:
        clock = self.network.clock
        return Announcer(
            torrent,
            tiers,
            found,
            clock=clock,
            wall=lambda: EPOCH + clock.now,
            rng=self._rng("announcer"),
            transports=TrackerWay(self.network, self._tracker, self.spec.host),
            peer_id=peer_id,
            port=port,
        )
