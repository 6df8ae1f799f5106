"""How it ends that data is missing: it is back, or its user gives it up."""

from __future__ import annotations

import pytest

from p2pd.session.torrents.torrent import Torrent
from p2pd.storage.interfaces import Presence
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.disks.volume_node import (
    LOOK,
    PIECES,
    Node,
    count,
    is_missing,
    recorded,
    seeding,
)


def missing(node: Node) -> Torrent:
    torrent = seeding(node)
    node.unmount()
    node.network.run(LOOK + 2)
    assert is_missing(torrent)
    return torrent


def test_a_start_looks_at_once(network: MemoryNetwork, node: Node) -> None:
    torrent = missing(node)
    network.result(torrent.start())
    assert is_missing(torrent), "a start of all torrents must not give data up"
    node.mount()
    network.result(torrent.start())
    assert torrent.running


def test_a_verify_gives_it_up(network: MemoryNetwork, node: Node, seed: SimNode) -> None:
    torrent = missing(node)
    node.storage(torrent).pieces.clear()
    node.mount()
    network.result(torrent.verify())
    network.run(1)
    assert not torrent.missing.why
    assert torrent.running
    assert (count(torrent), recorded(node, torrent)) == (0, 0)
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)


def test_the_first_verify_of_what_is_not_known_to_be_missing_gives_nothing_up(
    network: MemoryNetwork, node: Node
) -> None:
    torrent = seeding(node)
    node.unmount()
    network.result(torrent.verify())
    assert is_missing(torrent)
    assert recorded(node, torrent) == PIECES


def test_a_volume_that_goes_during_a_check_takes_nothing_with_it(
    network: MemoryNetwork, node: Node
) -> None:
    torrent = seeding(node)
    verifying = torrent.verify()
    network.run(0)
    content = torrent.content
    assert content is not None
    reads = content.storage.read_into

    def unmounted(piece: int, begin: int, buffer: memoryview) -> None:
        node.unmount()
        reads(piece, begin, buffer)

    content.storage.read_into = unmounted  # type: ignore[method-assign]
    network.result(verifying)
    assert is_missing(torrent)
    assert recorded(node, torrent) == PIECES


def test_a_part_of_the_files_is_enough_when_it_is_not_about_to_become_more(
    network: MemoryNetwork, node: Node
) -> None:
    torrent = missing(node)
    node.mount()
    for there in (1, 2, 3):
        node.volume.shown = Presence(5, there, "the others are not there")
        network.run(LOOK)
        assert torrent.missing.why, "they are being copied"
    network.run(LOOK + 2)
    assert torrent.running


def test_a_missing_torrent_can_be_removed(network: MemoryNetwork, node: Node) -> None:
    torrent = missing(node)
    network.result(node.session.remove(torrent, delete_data=True), limit=1)
    node.mount()
    network.run(3 * LOOK)
    assert not torrent.running
    assert not torrent.missing.why


def test_torrents_in_one_folder_are_looked_for_by_one_question(
    network: MemoryNetwork, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeding(node)
    seeding(node, "b")
    node.unmount()
    network.run(LOOK + 2)
    asked: list[object] = []
    ask = node.session.disks.ask

    def noted(question: object, look: object) -> object:
        asked.append(question)
        return ask(question, look)  # type: ignore[arg-type]

    monkeypatch.setattr(node.session.disks, "ask", noted)
    network.run(10 * LOOK)
    assert 9 <= len(asked) <= 11
    node.mount()
    network.run(LOOK + 2)
    assert all(torrent.running for torrent in node.session.torrents)
