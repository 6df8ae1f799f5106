"""Asks for moves of a torrent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.three_files import have
from tests.session.two_disks import WHOLE, tree


class Mover:
    """Asks for moves of one torrent, and waits."""

    def __init__(self, network: MemoryNetwork, node: SimNode, torrent: Torrent) -> None:
        self.network, self.node, self.torrent = network, node, torrent
        found = node.control.find(torrent.record.id)
        assert found is not None
        self.view = found

    def ask(self, folder: Path, *, move: bool = True) -> None:
        self.network.result(self.node.control.set_location(self.view, str(folder), move=move))

    def to_the_middle(self, folder: Path) -> None:
        """Ask, and wait until some of it is copied."""
        self.ask(folder)
        self.until(lambda: 0.2 < self.progress < 0.4)

    @property
    def progress(self) -> float:
        return self.view.move.progress if self.view.move else -1.0

    @property
    def trouble(self) -> str:
        return self.view.move.trouble if self.view.move else ""

    def until(self, condition: Any) -> None:
        self.network.run_until(condition, limit=120)

    def to_the_end(self) -> None:
        self.until(lambda: self.view.move is None)

    def check_moved(self, base: Path, folder: Path) -> None:
        """All of it is there, and nothing anywhere else."""
        assert tree(folder) == WHOLE
        assert len(tree(base)) == len(WHOLE)
        assert os.listdir(folder) == ["folder"]
        assert self.torrent.record.download_dir == str(folder)
        assert self.node.store.rows[self.torrent.record.id].download_dir == str(folder)
        assert self.node.journal.rows == {}
        assert have(self.torrent).is_full
