"""What is kept of torrents at rest for those who poll is never older than the question."""

from __future__ import annotations

import random
from typing import Any, Callable, Coroutine

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.api import TorrentChanges, TorrentView
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.kept_rows_book import KeptRowsBook

PIECE = 32 * 1024
FILES = {name: random.Random(name).randbytes(PIECE + 777) for name in ("a", "b")}
SEED, LEECHER = "10.0.0.1", "10.0.0.2"
COUNT, ACTS = 5, 100


class Users:
    """They do anything to torrents that are complete, and to the session."""

    def __init__(self, network: MemoryNetwork, seed: int) -> None:
        self.rng = random.Random(seed)
        self.network = network
        self.node, self.leecher = SimNode(network, SEED), SimNode(network, LEECHER)
        self.torrents = [
            make_torrent(FILES, "v1", piece_length=PIECE, name=f"torrent {number}")
            for number in range(COUNT)
        ]
        for torrent in self.torrents:
            self.node.put(torrent, FILES)
        self.book = KeptRowsBook(self.node)

    def ask(self, work: Coroutine[Any, Any, Any]) -> None:
        """A refusal in words is an answer, too."""
        Deferred.fromCoroutine(work).addErrback(lambda failure: failure.trap(P2pdError))

    def act(self) -> None:
        """Something happens, and a while passes."""
        acts: list[Callable[[TorrentView], None]] = [
            self._change, self._add, self._download, self._set, self._queue, self._rename,
            self._start_or_stop, self._verify_or_move, self._remove, self._limits,
        ]  # fmt: skip
        torrents = list(self.node.control.torrents())
        self.rng.choice(acts)(self.rng.choice(torrents))
        self.book.check()
        for _ in range(self.rng.choice([1, 3])):
            self.network.run(self.rng.choice([0.001, 0.05, 2.0, 40.0, 90.0]))
            self.book.check()

    def _change(self, torrent: TorrentView) -> None:
        rng = self.rng
        changes = rng.choice([
            TorrentChanges(labels=(rng.choice(["one", "two"]),)),
            TorrentChanges(files_wanted=(0,), files_unwanted=(1,)),
            TorrentChanges(files_wanted=(0, 1), priority_high=(1,)),
            TorrentChanges(sequential=rng.random() < 0.5, peer_limit=rng.randrange(1, 9)),
            TorrentChanges(super_seeding=rng.choice(["on", "off"]), owner=rng.choice(["me", ""])),
            TorrentChanges(tracker_tiers=((f"http://{rng.choice('ab')}.test/announce",),)),
            TorrentChanges(upload_limited=True, upload_limit=rng.randrange(9)),
        ])  # fmt: skip
        self.ask(self.node.control.change(torrent, changes))

    def _limits(self, torrent: TorrentView) -> None:
        rng, control = self.rng, self.node.control
        changes = TorrentChanges(
            bandwidth_group=rng.choice(["fast", ""]), bandwidth_priority=rng.choice([-1, 0, 1]),
            share_limits={"seed_ratio_mode": rng.choice([0, 1, 2]), "seed_ratio_limit": 2.0},
        )  # fmt: skip
        self.ask(control.change(torrent, changes))
        if rng.random() < 0.3:
            self.ask(control.remove_groups(["fast"]))
        if rng.random() < 0.3:
            control.mark_reached(torrent, ("ratio",))

    def _add(self, torrent: TorrentView) -> None:
        """One that was removed is here again."""
        for which in self.torrents:
            if self.node.control.find(parse_torrent(which).info_hashes.hash_string) is None:
                self.node.put(which, FILES)
                return

    def _download(self, torrent: TorrentView) -> None:
        for had in list(self.leecher.control.torrents()):
            self.ask(self.leecher.control.remove(had, delete_data=True))
        self.network.run(1)
        which = self.rng.choice(self.torrents)
        added = self.leecher.add(which)
        added.add_peers([PeerAddress(SEED, 6881)], "tracker")

    def _set(self, torrent: TorrentView) -> None:
        rng = self.rng
        settings = rng.choice([
            {"speed_limit_up_enabled": rng.random() < 0.5, "speed_limit_up": 5000},
            {"seed_queue_enabled": rng.random() < 0.5, "seed_queue_size": rng.randrange(1, 4)},
            {"peer_limit_per_torrent": rng.randrange(5, 50)},
            {"super_seeding": rng.random() < 0.5},
            {"seed_ratio_limited": rng.random() < 0.5, "seed_ratio_limit": 2.0},
            {"idle_seeding_limit_enabled": rng.random() < 0.5, "idle_seeding_limit": 30},
            {"label_rules": rng.choice([{}, {"one": {"seed_time_mode": 1, "seed_time_limit": 9}}])},
        ])  # fmt: skip
        self.ask(self.node.control.change_settings(settings))

    def _queue(self, torrent: TorrentView) -> None:
        where = self.rng.choice(list(QueueMove))
        self.ask(self.node.control.move_in_queue([torrent], where))

    def _rename(self, torrent: TorrentView) -> None:
        name = self.rng.choice(["other", "some"]) + str(torrent.id)
        self.ask(self.node.control.rename(torrent, torrent.name, name))

    def _start_or_stop(self, torrent: TorrentView) -> None:
        control = self.node.control
        self.ask(self.rng.choice([control.start, control.start_now, control.stop])(torrent))

    def _verify_or_move(self, torrent: TorrentView) -> None:
        control = self.node.control
        if self.rng.random() < 0.5:
            self.ask(control.verify(torrent))
        else:
            folder = self.rng.choice(["/one", "/two"])
            self.ask(control.set_location(torrent, folder, move=self.rng.random() < 0.5))

    def _remove(self, torrent: TorrentView) -> None:
        if self.rng.random() < 0.3 and torrent.id > 1:
            self.ask(self.node.control.remove(torrent, delete_data=False))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_is_told_is_older_than_the_question(network: MemoryNetwork, seed: int) -> None:
    users = Users(network, seed)
    for _ in range(ACTS):
        users.act()
    assert users.book.were_kept > ACTS / 2
