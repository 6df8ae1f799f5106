"""Torrents that are moved: on one disk and from one to another, whole and in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.testing import MemoryNetwork
from tests.session.two_disks import WHOLE, disk_node, seeding, tree


@pytest.mark.parametrize("target", ["one/deeper", "two"])
def test_a_seed_is_moved(network: MemoryNetwork, tmp_path: Path, target: str) -> None:
    node = disk_node(network, tmp_path)
    torrent = seeding(network, node, tmp_path / "one")
    view = node.control.find(torrent.record.id)
    assert view is not None
    network.result(node.control.set_location(view, str(tmp_path / target), move=True))
    assert view.move is not None
    network.run_until(lambda: view.move is None)
    assert tree(tmp_path / target) == WHOLE
    assert len(tree(tmp_path)) == 3
    assert torrent.running
    assert torrent.record.download_dir == str(tmp_path / target)
    assert node.store.rows[torrent.record.id].download_dir == str(tmp_path / target)
    assert node.journal.rows == {}
