"""Whole nodes on a simulated network: a real session with what it needs, on memory storage."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Callable, Mapping, Sequence, cast

from twisted.internet.defer import Deferred, succeed

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import MissingError
from p2pd.discovery.tracker_client.states import TrackerState, trouble_of
from p2pd.discovery.web_seed_client.interfaces import SeedClient
from p2pd.formats.file_layout import FileLayout
from p2pd.session.api import SessionStatistics
from p2pd.session.blocklist.session_blocklist import ListSource
from p2pd.session.connecting.hole_punching import HolePuncher
from p2pd.session.discovering.catcher_source import CaughtMemory
from p2pd.session.discovering.dht_network import DhtNetwork
from p2pd.session.discovering.lsd_network import LsdNetwork
from p2pd.session.revoking.swarm_revoking import RevokingMemory, RevokingParts
from p2pd.session.session import Session
from p2pd.session.session_control import SessionControl
from p2pd.session.session_events import Listener
from p2pd.session.session_parts import MakeStorage, SessionLimits, SessionParts
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.tls.tls_parts import TlsParts
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.state.key_files import KeyFiles
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.storage.volumes import VolumeState
from p2pd.testing.inline_disk import InlineDisk, OneDisk
from p2pd.testing.memory_store import (
    MemoryBans,
    MemoryBlocklist,
    MemoryJournal,
    MemoryKeys,
    MemoryNodeKey,
    MemoryRemovals,
    MemoryStore,
    MemoryTrustedNodes,
)
from p2pd.testing.torrents import piece_bytes
from p2pd.testing.virtual_time import VirtualNetwork
from p2pd.transports.encryption.key_work import KeyWork
from p2pd.transports.tls.handshake_work import HandshakeWork

ANY_FOLDER = VolumeState((0, 1), read_only=False, free=1 << 50)

DISK_SECONDS = 0.001
"""How long a job takes on a simulated disk."""


class FakeAnnouncer:
    """An Announcer that talks to nobody: `events` is what it was told, `found` hands in peers."""

    def __init__(self, tiers: Sequence[Sequence[str]], found: Callable[..., None]) -> None:
        self.tiers = [tuple(tier) for tier in tiers]
        self.found = found
        self.events: list[str] = []
        self.tracker_states: list[TrackerState] = []

    def start(self) -> None:
        """Noted."""
        self.events.append("started")

    def complete(self) -> None:
        """Noted."""
        self.events.append("completed")

    def reannounce(self) -> None:
        """Noted."""
        self.events.append("reannounced")

    def stop(self) -> Deferred[None]:
        """Noted, if it was started."""
        if self.events and self.events[-1] != "stopped":
            self.events.append("stopped")
        return succeed(None)

    def set_tiers(self, tiers: Sequence[Sequence[str]]) -> None:
        """Noted."""
        self.tiers = [tuple(tier) for tier in tiers]

    def trouble(self) -> str:
        """What those would come to."""
        return trouble_of(self.tracker_states)

    def states(self) -> list[TrackerState]:
        """What the test put there."""
        return self.tracker_states


class SimNode:
    """A whole session at an IP address of a VirtualNetwork, on memory storage.

    Another node made with the `store`, `disk`, `bans`, `blocklist`, `journal`, `removals`,
    `node_key`, `trusted_nodes` and `keys` of this one is this one restarted. `disks` stands in for
    storage.disks.Disks where one InlineDisk will not do, `make_storage` makes storage of another
    kind, and `lists` is where blocklists come from. `listener` hears of events from the start on.
    Without `dht` there is none, nor local discovery without `lsd`, nor an identity without
    `node_key`, nor web seeds without `web_seeds`; peers of TLS torrents are listened for at
    `tls_port`, if that is not 0, `keys` has their certificates, and `revocations` the lists of
    those taken back.
    """

    def __init__(
        self,
        network: VirtualNetwork,
        host: str,
        *,
        limits: SessionLimits | None = None,
        store: MemoryStore | None = None,
        bans: MemoryBans | None = None,
        blocklist: MemoryBlocklist | None = None,
        lists: ListSource | None = None,
        journal: MemoryJournal | None = None,
        removals: MemoryRemovals | None = None,
        make_storage: MakeStorage | None = None,
        disk: dict[tuple[str, str], MemoryStorage] | None = None,
        disks: Any = None,
        seed: int | None = None,
        listener: Listener | None = None,
        dht: DhtNetwork | None = None,
        lsd: LsdNetwork | None = None,
        caught_hosts: CaughtMemory | None = None,
        node_key: MemoryNodeKey | None = None,
        trusted_nodes: MemoryTrustedNodes | None = None,
        hole_puncher: HolePuncher | None = None,
        tls_port: int = 0,
        keys: MemoryKeys | None = None,
        key_files: KeyFiles | None = None,
        revocations: RevokingMemory | None = None,
        web_seeds: SeedClient | None = None,
        **settings: Any,
    ) -> None:
        self.network = network
        self.address = PeerAddress(host, 6881)
        self.store = store or MemoryStore()
        self.bans = bans or MemoryBans()
        self.blocklist = blocklist or MemoryBlocklist()
        self._node_key = node_key
        self.trusted_nodes = trusted_nodes or MemoryTrustedNodes()
        self._lists = lists
        self.journal = journal or MemoryJournal(self.store)
        self.removals = removals or MemoryRemovals(self.store)
        self._new_storage = make_storage
        self.disk = {} if disk is None else disk
        self._dht = dht
        self._lsd = lsd
        self._caught_hosts = caught_hosts
        self._hole_puncher = hole_puncher
        self.keys = keys or MemoryKeys()
        self._key_files = key_files or KeyFiles()
        self._revocations = revocations
        self._web_seeds = web_seeds
        self.tls_address = PeerAddress(host, tls_port)
        self._disks: Any = disks or OneDisk(InlineDisk(network.clock, seconds=DISK_SECONDS))
        self.announcers: list[FakeAnnouncer] = []
        self.folders: dict[str, VolumeState | None] = {}
        """Download folders that are not like any other; None for one that is not there."""
        limits = limits or SessionLimits(check_workers=1)
        defaults = {"peer_limit_global": 100, "peer_limit_per_torrent": 50}
        chosen = SessionSettings(download_dir="/downloads", **{**defaults, **settings})
        self.session = Session(self._parts(host if seed is None else str(seed)), chosen, limits)
        if listener is not None:
            self.session.events.listen(listener)
        self.saved_settings: dict[str, Any] = {}
        self.control = SessionControl(
            self.session,
            save_setting=self._save_setting,
            earlier=SessionStatistics(),
            shut_down=lambda: None,
        )
        self.session.connections.listen(self.address.port)
        if tls_port:
            self.session.connections.listen_tls(tls_port)
        network.result(self.session.start())

    def add(self, torrent: bytes | str, **options: Any) -> Torrent:
        """Add a .torrent's bytes or a magnet link, and wait until it is opened."""
        request = AddTorrent(**options)
        if isinstance(torrent, str):
            request = replace(request, magnet=torrent)
        else:
            request = replace(request, torrent=torrent)
        added = self.network.result(self.control.add(request))
        found = self.session.torrents.by_id(added.torrent.id)
        assert found is not None
        self.network.run_until(lambda: not found.opening.busy)
        self.network.run(2 * DISK_SECONDS)
        return found

    def put(self, torrent: bytes, contents: Mapping[str, bytes], **options: Any) -> Torrent:
        """Add a torrent whose data is on this node's disk already."""
        added = self.add(torrent, paused=True, **options)
        self.fill(added, contents)
        self.network.result(added.verify())
        if not options.get("paused"):
            self.network.result(added.start())
            self.network.result(self.store.save(added.record))
        return added

    def fill(self, torrent: Torrent, contents: Mapping[str, bytes]) -> None:
        """Put a torrent's data on this node's disk."""
        layout = torrent.content.layout if torrent.content else None
        assert layout is not None
        storage = self.storage(torrent)
        for piece in range(layout.piece_count):
            storage.pieces[piece] = piece_bytes(layout, contents, piece)

    def storage(self, torrent: Torrent) -> MemoryStorage:
        """What the node has on disk of a torrent."""
        if torrent.content is None:  # it rests
            return self.disk[torrent.record.download_dir, torrent.record.name]
        return cast(MemoryStorage, torrent.content.storage)

    def connect(self, torrent: Torrent, *addresses: PeerAddress) -> None:
        """Dial these."""
        torrent.add_peers(addresses, "manual")

    def stop(self) -> None:
        """Stop the session as the daemon does."""
        self.network.result(self.session.stop())

    def _parts(self, seed: str) -> SessionParts:
        return SessionParts(
            clock=self.network.clock,
            wall=lambda: 1_700_000_000.0 + self.network.clock.seconds(),
            rng=random.Random(seed),
            transport=self.network.transport(self.address.host),
            disks=self._disks,
            store=cast(Any, self.store),
            removals=cast(Any, self.removals),
            make_storage=self._new_storage or self._make_storage,
            make_announcer=cast(Any, self._make_announcer),
            ban_memory=self.bans,
            blocklist_memory=self.blocklist,
            node_keeper=self._node_key,
            node_memory=self.trusted_nodes,
            node_work=self._in_a_moment,
            blocklist_source=self._lists,
            look_at_folder=self._look_at_folder,
            journal=cast(Any, self.journal),
            key_work=KeyWork(self._in_a_moment, random.Random(seed), self.network.clock),
            dht=self._dht,
            web_seeds=self._web_seeds,
            lsd=self._lsd,
            caught_hosts=self._caught_hosts,
            hole_puncher=self._hole_puncher,
            tls=TlsParts(
                self.keys,
                HandshakeWork(self._in_a_moment, self.network.clock),
                RevokingParts(self._revocations),
            ),
            keys=self._key_files,
        )

    def _make_storage(self, layout: FileLayout, folder: str) -> MemoryStorage:
        kept = self.disk.setdefault((folder, layout.files[0].path[0]), MemoryStorage(layout))
        kept.layout = layout
        return kept

    def _look_at_folder(self, folder: str) -> VolumeState:
        state = self.folders.get(folder, ANY_FOLDER)
        if state is None:
            raise MissingError(f"{folder}: No such file or directory")
        return state

    def _make_announcer(self, _torrent: Any, tiers: Any, found: Any, *_: Any) -> FakeAnnouncer:
        self.announcers.append(FakeAnnouncer(tiers, found))
        return self.announcers[-1]

    def _in_a_moment(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """As in another thread: the result comes later."""
        done: Deferred[Any] = Deferred()
        done.addCallback(lambda _: work(*args))
        self.network.clock.callLater(DISK_SECONDS, done.callback, None)
        return done

    async def _save_setting(self, name: str, value: Any) -> None:
        self.saved_settings[name] = value
