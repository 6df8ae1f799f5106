"""A session that only remembers what it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from p2pd.base.errors import P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.base.measures import Measure, gauges
from p2pd.discovery.dht.mutable_items import MutableItem, immutable_target, target_of
from p2pd.discovery.dht.outcomes import DhtStatus
from p2pd.formats.metainfo import Metainfo
from p2pd.session.api import (
    AddedTorrent,
    FreeSpace,
    SessionStatistics,
    SessionSummary,
)
from p2pd.session.blocklist.blocklist_api import BlocklistStatus
from p2pd.session.discovering.dht_api import DhtReport, SwarmEstimate
from p2pd.session.follow_api import SeenChanges
from p2pd.session.importing.import_requests import Believed, ImportedTorrent, ImportTorrent
from p2pd.session.nodes.nodes_api import NodeIdentity, TrustedView
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.reaching_api import ReachingReport
from p2pd.session.resource_reports import BlockCacheReport, DescriptorReport
from p2pd.session.session_events import EventKind, TorrentEvent
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.torrents.change_watch import ChangeWatch
from p2pd.session.torrents.torrent_requests import (
    AddProblem,
    AddTorrent,
    AddTorrentError,
    Candidate,
)
from p2pd.state.blocklist_file import BlocklistNote
from p2pd.swarm.bans import Ban
from p2pd.swarm.trusted_nodes import TrustedNode
from p2pd.testing.memory_dht import MemoryStatus
from tests.control.fake_torrents import (
    NOW,
    OF_STATE,
    FakeTorrent,
)


class FakeBlocklist:
    """Gives what `found` says, or raises it."""

    size = 7

    def __init__(self) -> None:
        self.found: int | Exception = 9

    def status(self) -> BlocklistStatus:
        note = BlocklistNote(
            source="http://lists.test/p2p.gz", came_at=NOW - 9.5, checked_at=NOW - 5,
            skipped=3, tried="http://lists.test/p2p.gz", tried_at=NOW - 1, failures=2,
            problem="lists.test: it does not answer",
        )  # fmt: skip
        return BlocklistStatus(note, NOW + 60, False, 4)

    async def update(self) -> int:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class FakeEvents:
    """Tells listeners at once."""

    def __init__(self) -> None:
        self.listeners: list[Any] = []

    def listen(self, callback: Any) -> Any:
        self.listeners.append(callback)
        return lambda: self.listeners.remove(callback)

    def tell(self, kind: str, torrent: FakeTorrent, **detail: Any) -> None:
        event = TorrentEvent(
            EventKind(kind), torrent.id, torrent.hash_string, torrent.name, NOW, detail
        )
        for listener in list(self.listeners):
            listener(event)


class FakeFollowing:
    """Collects what a test says that changed."""

    def __init__(self, session: FakeSession, wake: Any) -> None:
        self.session = session
        self.watch: ChangeWatch[FakeTorrent] = ChangeWatch(wake)
        session.followers.append(self)

    def take(self) -> SeenChanges:
        torrents, gone, everything = self.watch.take()
        return SeenChanges(torrents, [torrent.id for torrent in gone], everything)  # type: ignore

    def close(self) -> None:
        self.session.followers.remove(self)


class FakeReader:
    """Tells of each attribute as the torrent does."""

    def __init__(self, attributes: Sequence[str]) -> None:
        self._read = attrgetter(*attributes, "id", "id")

    def read(self, torrent: FakeTorrent) -> tuple[str, tuple[Any, ...]] | None:
        if not torrent.rests:
            return None
        return repr([getattr(torrent, name) for name in OF_STATE]), self._read(torrent)


class FakeDht:
    """A DHT with one node, and the items that were put."""

    def __init__(self) -> None:
        self.enabled = True
        self.items: dict[bytes, Any] = {}
        self.cas: list[int | None] = []
        self.node = DhtStatus(
            b"\x05" * 20, False, False, "198.51.100.1:6881", 9, 2, 1, 4, 3,
            {"ping": 5}, {"find_node": 7}, timeouts=3, stored_peers=6,
        )  # fmt: skip

    def report(self) -> DhtReport:
        return DhtReport(True, "", 2, 1, "no node answered", MemoryStatus((self.node,)))

    async def get_immutable(self, target: bytes) -> bytes | None:
        return self.items.get(target)

    async def get_mutable(self, public_key: bytes, salt: bytes = b"") -> MutableItem | None:
        return self.items.get(target_of(public_key, salt))

    async def put_immutable(self, value: bytes) -> int:
        self.items[immutable_target(value)] = value
        return 8

    async def put_mutable(self, item: MutableItem, cas: int | None = None) -> int:
        self.items[item.target()] = item
        self.cas.append(cas)
        return 7

    async def estimate(self, info_hashes: InfoHashes) -> SwarmEstimate:
        return SwarmEstimate(5, None, 8)


class FakeNodes:
    """As nodes_api.NodesApi."""

    def __init__(self, session: FakeSession) -> None:
        self.session = session

    def identity(self) -> NodeIdentity:
        return NodeIdentity(b"\xaa" * 32, b"\xbb" * 32, "", "trusted")

    async def rotate(self, *, succession: bool) -> NodeIdentity:
        self.session._note("rotate", succession)
        return NodeIdentity(b"\xac" * 32, b"", "", "trusted")

    def list(self) -> Any:
        return [TrustedView(TrustedNode(b"\xcc" * 32, "friend", 1000.5, "192.0.2.1"), 2)]

    def trust(self, key: bytes, name: str) -> None:
        if not any(key):
            raise P2pdError("this key is one that anybody can sign with")
        self.session._note("trust", key, name)

    def untrust(self, keys: Any) -> int:
        self.session._note("untrust", tuple(keys))
        return len(keys)


class FakeSession:
    """Remembers what it was asked in `asked`."""

    version = "9.9"
    state_notice = ""
    backups: Any = None
    history: Any = None
    creating: Any = None

    def __init__(self) -> None:
        self.all = [FakeTorrent(1), FakeTorrent(2, name="other")]
        self.asked: list[Any] = []
        self.events = FakeEvents()
        self.followers: list[FakeFollowing] = []
        self.owners: list[str] = []
        """Of what was added."""
        self.candidate = Candidate(InfoHashes(v1=b"\xee" * 20), 1000)
        self.fails_with: Exception | None = None
        self.blocklist = FakeBlocklist()
        self.dht = FakeDht()
        self.metainfos: dict[int, Metainfo] = {}
        self.settings = SessionSettings("/downloads", 200, 50, fixed={"peer_port": 6881})

    def torrents(self) -> list[FakeTorrent]:
        return self.all

    def find(self, key: int | str) -> FakeTorrent | None:
        for torrent in self.all:
            if key == torrent.id or (isinstance(key, str) and key.lower() == torrent.hash_string):
                return torrent
        return None

    def at_rest(self, torrent: FakeTorrent) -> FakeTorrent | None:
        return torrent if torrent.rests else None

    def reader_at_rest(self, attributes: Sequence[str]) -> FakeReader:
        return FakeReader(attributes)

    async def detailed(self, torrent: FakeTorrent) -> FakeTorrent:
        return torrent

    async def metainfo(self, torrent: FakeTorrent) -> Metainfo | None:
        return self.metainfos.get(torrent.id)

    def follow(self, wake: Any) -> FakeFollowing:
        return FakeFollowing(self, wake)

    def put(self, torrent: FakeTorrent) -> None:
        """It is here, or is another than it was."""
        self.all = [one for one in self.all if one.id != torrent.id] + [torrent]
        for follower in self.followers:
            follower.watch.note(torrent)

    def drop(self, torrent: FakeTorrent) -> None:
        """It is gone."""
        self.all.remove(torrent)
        for follower in self.followers:
            follower.watch.note_gone(torrent)

    def changed_since(self, wall_time: float) -> list[FakeTorrent]:
        return [torrent for torrent in self.all if torrent.active_at >= wall_time]

    def removed_since(self, wall_time: float, sees: Any = None) -> list[int]:
        gone = wall_time <= NOW - 60 and (sees is None or sees("", ()))
        return [77] if gone else []

    async def add(self, request: AddTorrent) -> AddedTorrent:
        if request.judge is not None:
            request.judge(self.candidate)
        self.owners.append(request.owner)
        self._note("add", replace(request, owner=""))
        if request.torrent == b"corrupt":
            raise AddTorrentError(AddProblem.CORRUPT, "the pieces are no string")
        return AddedTorrent(self.all[0], duplicate=request.torrent == b"again")

    async def import_torrent(self, request: ImportTorrent) -> ImportedTorrent:
        if request.add.judge is not None:
            request.add.judge(self.candidate)
        self.owners.append(request.add.owner)
        self._note("import", replace(request, add=replace(request.add, owner="")))
        if request.add.files_unwanted:
            raise IndexError(request.add.files_unwanted[0])
        again = request.add.torrent == b"again"
        pieces = Believed(10, 8, 2)
        return ImportedTorrent(1, "some torrent", "ab" * 20, again, False, pieces, "")

    async def remove(self, torrent: FakeTorrent, *, delete_data: bool) -> None:
        self._note("remove", torrent.id, delete_data)

    async def start(self, torrent: FakeTorrent) -> None:
        self._note("start", torrent.id)

    async def start_now(self, torrent: FakeTorrent) -> None:
        self._note("start_now", torrent.id)

    async def move_in_queue(self, torrents: Any, where: QueueMove) -> None:
        self._note("move_in_queue", [torrent.id for torrent in torrents], where)

    async def stop(self, torrent: FakeTorrent) -> None:
        self._note("stop", torrent.id)

    async def verify(self, torrent: FakeTorrent) -> None:
        self._note("verify", torrent.id)

    async def rename(self, torrent: FakeTorrent, path: str, name: str) -> None:
        self._note("rename", torrent.id, path, name)

    async def set_location(self, torrent: FakeTorrent, folder: str, *, move: bool) -> None:
        self._note("set_location", torrent.id, folder, move)

    def reannounce(self, torrent: FakeTorrent) -> None:
        self._note("reannounce", torrent.id)

    async def change(self, torrent: FakeTorrent, changes: Any) -> None:
        self._note("change", torrent.id, changes)

    async def remove_groups(self, names: Any) -> None:
        self._note("remove_groups", names)

    reached_at: Mapping[str, float] = {}
    report = ReachingReport(
        enabled=False,
        own_port=6881,
        port=6881,
        own_tls_port=0,
        tls_port=0,
        families={},
        addresses={False: "", True: ""},
        votes={False: {}, True: {}},
    )

    def reaching(self) -> ReachingReport:
        return self.report

    def add_peers(self, torrent: FakeTorrent, addresses: Any) -> int:
        self._note("add_peers", torrent.id, tuple(addresses))
        return len(addresses)

    def bans(self) -> list[Ban]:
        return [
            Ban("192.0.2.1", 0, b"", "it lied", 1000.5, None),
            Ban("::1", 6881, b"\xff", "by hand", 2000.0, 3000.9),
            Ban("", 0, b"", "by hand", 2500.0, None, b"\xcd" * 32),
        ]

    def ban(self, addresses: Any, reason: str, seconds: float | None, keys: Any = ()) -> None:
        self._note("ban", tuple(addresses), reason, seconds, tuple(keys))

    def lift_bans(self, addresses: Any, keys: Any = ()) -> int:
        self._note("lift_bans", tuple(addresses), tuple(keys))
        return len(addresses) + len(keys)

    @property
    def nodes(self) -> FakeNodes:
        return FakeNodes(self)

    async def change_settings(self, changes: Any) -> None:
        self._note("change_settings", dict(changes))

    def summary(self) -> SessionSummary:
        return SessionSummary(
            torrents=2,
            active=1,
            paused=1,
            rate_download=10.9,
            rate_upload=5.5,
            this_run=SessionStatistics(1, 2),
            all_runs=SessionStatistics(3, 4),
            block_cache=BlockCacheReport(at_once=50, hits=40, misses=30, used=20, limit=10),
            write_backlog=77,
            limit_up=20_000,
            descriptors=DescriptorReport(
                limit=1024, files=3, files_limit=256, connections=4, connections_limit=576
            ),
        )

    async def measures(self, pause: Any) -> list[Measure]:
        await pause()
        return [gauges("torrents", 'By "status".', ("status",), {("seeding",): 2, ('a"\\\n',): 1})]

    async def free_space(self, path: str) -> FreeSpace:
        if path != "/downloads":
            raise P2pdError(f"{path} is not there")
        return FreeSpace(path, 10, 20)

    def close(self) -> None:
        self._note("close")

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        if self.fails_with is not None:
            raise self.fails_with
