"""Names change at any moment of a download, with moves, checks and kills between."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any, Callable, Coroutine

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import P2pdError
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork
from tests.session.three_files import FILES, PIECE, TORRENT, have
from tests.session.two_disks import disk_node, restarted_node, seeding, tree

ACTS = 40
NAMES = ["x", "y", "z.part", "a.bin", "B.bin", "c.bin"]


class Somebody:
    """At a node that downloads to `one` or `two`."""

    def __init__(self, network: MemoryNetwork, base: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.network, self.base = network, base
        (base / "seed").mkdir()
        self.seed = disk_node(network, base / "seed")
        seeding(network, self.seed, base / "seed/one")
        self.node = disk_node(network, base, "10.0.0.2")
        settings = self.node.session.settings
        settings.incomplete_dir, settings.incomplete_dir_enabled = str(base / "two"), seed % 2 == 0
        self.torrent = self.node.add(TORRENT)
        self.asked: list[Deferred[Any]] = []

    @property
    def view(self) -> Any:
        return self.node.control.find(self.torrent.record.id)

    def ask(self, work: Coroutine[Any, Any, Any]) -> None:
        asked = Deferred.fromCoroutine(work)
        asked.addErrback(lambda failure: failure.trap(P2pdError))
        self.asked.append(asked)

    def act(self) -> None:
        acts: list[Callable[[], None]] = [
            self.rename, self.rename, self.switch, self.stop, self.start, self.verify, self.move,
            self.kill,
        ]  # fmt: skip
        self.rng.choice(acts)()
        self.node.connect(self.torrent, self.seed.address)
        self.network.run(self.rng.choice([0.001, 0.005, 0.02, 0.5, 12.0]))

    def rename(self) -> None:
        files = [file.path for file in self.network.result(self.detailed()).files()]
        parts = self.rng.choice(files or ["folder"]).split("/")
        path = "/".join(parts[: self.rng.randint(1, len(parts))])
        self.ask(self.node.control.rename(self.view, path, self.rng.choice(NAMES)))

    def detailed(self) -> Any:
        return Deferred.fromCoroutine(self.node.control.detailed(self.view))

    def switch(self) -> None:
        on = self.rng.random() < 0.6
        self.ask(self.node.control.change_settings({"rename_partial_files": on}))

    def stop(self) -> None:
        self.ask(self.node.control.stop(self.view))

    def start(self) -> None:
        self.ask(self.node.control.start(self.view))

    def verify(self) -> None:
        self.ask(self.node.control.verify(self.view))

    def move(self) -> None:
        folder = str(self.base / self.rng.choice(["one", "two"]))
        self.ask(self.node.control.set_location(self.view, folder, move=True))

    def kill(self) -> None:
        if self.rng.random() < 0.3:
            self.node.stop()
        else:
            # What the disk was told is done; whatever would come after that never does.
            self.node.session.disks.aside.run = lambda *_: Deferred()  # type: ignore[method-assign]
            self.network.run(0.002)
            self.node.session.closing = True
            left = copy.deepcopy((self.node.store, self.node.journal))
            self.node.store, self.node.journal = left
            self.asked.clear()
            for torrent in (self.torrent, *self.seed.session.torrents):
                torrent.peers.disconnect_all("killed")
        self.node, self.torrent = restarted_node(self.network, self.node, self.base)


def settled(torrent: Torrent) -> bool:
    moving = torrent.host.moves.of(torrent) is not None
    done = torrent.is_complete() and not torrent.record.final_dir
    return done and not (moving or torrent.is_being_opened or torrent.record.renaming)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_renamed_when(network: MemoryNetwork, tmp_path: Path, seed: int) -> None:
    somebody = Somebody(network, tmp_path, seed)
    for _ in range(ACTS):
        somebody.act()
    network.run(30.0)
    assert all(asked.called for asked in somebody.asked)
    node = somebody.node
    network.result(node.control.change_settings({"rename_partial_files": False}))
    network.result(node.control.start(somebody.view))
    torrent = somebody.torrent
    for gone in somebody.seed.session.torrents:
        gone.peers.disconnect_all("it may be one that was killed")
    for _ in range(20):
        node.connect(torrent, somebody.seed.address)
        network.run(10.0)
        if settled(torrent):
            break
    network.run(1.0)
    assert settled(torrent), torrent.error
    shown = [file.path for file in network.result(somebody.detailed()).files()]
    folder = Path(torrent.record.download_dir)
    assert tree(folder) == dict(zip(shown, FILES.values(), strict=True))
    other = tmp_path / ("two" if folder.name == "one" else "one")
    assert tree(other) == {}
    assert torrent.record.downloaded <= 60 * PIECE
    assert have(torrent).is_full if torrent.content else torrent.resting
