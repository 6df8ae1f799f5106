"""Users who do anything at any moment: nothing is left behind, and in the end all is fetched."""

from __future__ import annotations

import random
from typing import Any, Callable, Coroutine, Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError, StateError, StorageError
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.api import AddTorrent, TorrentChanges, TorrentView
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.session_parts import SessionLimits
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.kept_rows_book import KeptRowsBook
from tests.session.queue_books import check_queues

PIECE = 32 * 1024
FILES = {f"{name}.bin": random.Random(name).randbytes(3 * PIECE + 777) for name in "abc"}
TORRENTS = [
    make_torrent(FILES, "v1", piece_length=PIECE, name="one"),
    make_torrent(FILES, "hybrid", piece_length=PIECE, name="two"),
]
LINKS = [f"magnet:?xt=urn:btih:{parse_torrent(one).info_hashes.hash_string}" for one in TORRENTS]
HOSTS = [f"10.0.0.{number}" for number in (1, 2, 3)]
ADDRESSES = [PeerAddress(host, 6881) for host in HOSTS]
ACTS = 120

FREE = {
    "speed_limit_down_enabled": False, "speed_limit_up_enabled": False, "upload_slots": 4,
    "upload_slots_global": 0, "peer_speed_limit_down": 0, "download_queue_enabled": False,
    "seed_queue_enabled": False,
}  # fmt: skip


class Users:
    """Somebody at each of a few nodes."""

    def __init__(self, network: MemoryNetwork, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.network = network
        memory = rng.choice([2 * PIECE, 10**7])
        limits = SessionLimits(check_workers=1, memory_in_flight=memory)
        self.nodes = [SimNode(network, host, limits=limits) for host in HOSTS]
        self.asked: list[Deferred[Any]] = []
        self.books = [KeptRowsBook(node) for node in self.nodes]
        for torrent, link in zip(TORRENTS, LINKS, strict=True):
            self.nodes[0].put(torrent, FILES)
            for node in self.nodes[1:]:
                node.add(rng.choice([torrent, link]))

    def ask(self, work: Coroutine[Any, Any, Any]) -> None:
        """A refusal in words is an answer, too."""
        asked = Deferred.fromCoroutine(work)
        asked.addErrback(lambda failure: failure.trap(P2pdError))
        self.asked.append(asked)

    def act(self) -> None:
        """One of them does something, and a while passes."""
        node = self.rng.choice(self.nodes)
        torrents = list(node.control.torrents())
        acts: list[Callable[..., None]] = [self._set, self._ban, self._add, self._break]
        acts.append(self._set_queues)
        if torrents:
            acts += [self._start, self._stop, self._verify, self._remove, self._change]
            acts += [self._start_now, self._move]
            acts += 3 * [self._connect]
        self.rng.choice(acts)(node, *self.rng.sample(torrents, min(1, len(torrents))))
        self.network.run(self.rng.choice([0.001, 0.01, 0.05, 0.3, 2.0, 11.0, 90.0]))
        check_queues(node)
        for book in self.books:
            book.check()

    def _start(self, node: SimNode, torrent: TorrentView) -> None:
        self.ask(node.control.start(torrent))

    def _start_now(self, node: SimNode, torrent: TorrentView) -> None:
        self.ask(node.control.start_now(torrent))

    def _move(self, node: SimNode, torrent: TorrentView) -> None:
        self.ask(node.control.move_in_queue([torrent], self.rng.choice(list(QueueMove))))

    def _set_queues(self, node: SimNode, *_: TorrentView) -> None:
        settings = {
            "download_queue_enabled": self.rng.random() < 0.7,
            "download_queue_size": self.rng.choice([0, 1, 1, 2]),
            "seed_queue_enabled": self.rng.random() < 0.5,
            "seed_queue_size": self.rng.choice([0, 1]),
            "queue_stalled_enabled": self.rng.random() < 0.8,
            "queue_stalled_minutes": self.rng.choice([1, 30]),
        }
        self.ask(node.control.change_settings(settings))

    def _stop(self, node: SimNode, torrent: TorrentView) -> None:
        self.ask(node.control.stop(torrent))

    def _verify(self, node: SimNode, torrent: TorrentView) -> None:
        self.ask(node.control.verify(torrent))

    def _remove(self, node: SimNode, torrent: TorrentView) -> None:
        self.ask(node.control.remove(torrent, delete_data=self.rng.random() < 0.5))

    def _connect(self, node: SimNode, torrent: TorrentView) -> None:
        node.control.add_peers(torrent, ADDRESSES)

    def _change(self, node: SimNode, torrent: TorrentView) -> None:
        rng, files = self.rng, range(len(torrent.files()))
        if files:
            wanted = {index for index in files if rng.random() < 0.5}
            changes = TorrentChanges(
                files_wanted=tuple(wanted), files_unwanted=tuple(set(files) - wanted),
                sequential=rng.random() < 0.5, super_seeding=rng.choice(["on", "off"]),
                peer_limit=rng.choice([1, 5]), upload_limited=rng.random() < 0.3,
                upload_limit=rng.choice([0, 50]),
            )  # fmt: skip
            self.ask(node.control.change(torrent, changes))

    def _set(self, node: SimNode, *_: TorrentView) -> None:
        settings = {
            "speed_limit_down_enabled": self.rng.random() < 0.3,
            "speed_limit_down": self.rng.choice([0, 100, 5000]),
            "upload_slots": self.rng.choice([0, 1, 4]),
            "upload_slots_global": self.rng.choice([0, 1]),
            "peer_speed_limit_down": self.rng.choice([0, 300]),
        }
        self.ask(node.control.change_settings(settings))

    def _ban(self, node: SimNode, *_: TorrentView) -> None:
        whom = PeerAddress(self.rng.choice(HOSTS), self.rng.choice([0, 6881]))
        node.control.ban([whom], "by hand", self.rng.choice([5.0, None]))

    def _add(self, node: SimNode, *_: TorrentView) -> None:
        which = self.rng.randrange(len(TORRENTS))
        request = AddTorrent(torrent=TORRENTS[which])
        if self.rng.random() < 0.5:
            request = AddTorrent(magnet=LINKS[which])
        self.ask(node.control.add(request))

    def _break(self, node: SimNode, *_: TorrentView) -> None:
        node.store.fault = StateError("the database is full") if self.rng.random() < 0.3 else None
        node.session.disks.aside._seconds = self.rng.choice([0.0, 0.001, 0.05, 0.7])  # type: ignore[attr-defined]
        for storage in node.disk.values():
            storage.fault = StorageError("the disk is full") if self.rng.random() < 0.2 else None

    def mend(self) -> None:
        """Nothing is in the way of anybody any more, and everyone wants everything."""
        for node in self.nodes:
            node.store.fault = None
            node.session.disks.aside._seconds = 0.001  # type: ignore[attr-defined]
            node.control.lift_bans([*ADDRESSES, *(PeerAddress(host, 0) for host in HOSTS)])
            for storage in node.disk.values():
                storage.fault = None
        self.network.run(10)
        for view in self.nodes[0].control.torrents():
            self.ask(self.nodes[0].control.remove(view, delete_data=False))
        self.network.run(1)
        for node in self.nodes:
            self.ask(node.control.change_settings(FREE))
            for torrent in TORRENTS:
                self.ask(node.control.add(AddTorrent(torrent=torrent)))
        self.network.run(1)
        for view in self.nodes[0].control.torrents():
            found = self.nodes[0].session.torrents.by_id(view.id)
            assert found is not None
            self.nodes[0].fill(found, FILES)
            self.ask(self.nodes[0].control.verify(view))
        self.network.run(1)
        every = tuple(range(len(FILES)))
        changes = TorrentChanges(files_wanted=every, upload_limited=False, peer_limit=9)
        for node in self.nodes:
            for view in node.control.torrents():
                self.ask(node.control.change(view, changes))
                self.ask(node.control.start(view))


@pytest.fixture
def internal_errors() -> Iterator[list[str]]:
    """What was logged as nobody's intention."""
    found: list[str] = []

    def look(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            found.append(failure.getTraceback())

    globalLogPublisher.addObserver(look)
    yield found
    globalLogPublisher.removeObserver(look)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_users_do_it_ends_well(
    network: MemoryNetwork, internal_errors: list[str], seed: int
) -> None:
    users = Users(network, seed)
    for _ in range(ACTS):
        users.act()
    users.mend()
    views = [view for node in users.nodes for view in node.control.torrents()]
    for _ in range(30):
        for node in users.nodes:
            for view in node.control.torrents():
                node.control.add_peers(view, ADDRESSES)
        network.run(10)
    assert [view.error_string for view in views if view.percent_done < 1] == []
    for node in users.nodes:
        connected = sum(len(torrent.peers) for torrent in node.session.torrents)
        assert node.session.connections.established == connected
        assert node.session.budget.used == node.session.budget.backlog == 0
        node.stop()
    for node in users.nodes:
        assert node.session.connections.total == node.session.upload_slots.taken == 0
    assert all(asked.called for asked in users.asked)
    assert internal_errors == []
