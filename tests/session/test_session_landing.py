"""Fast peers are read straight into the pieces, whatever they send and in whatever order."""

from __future__ import annotations

import random
from typing import Callable, Iterable

import pytest

from p2pd.protocols.peerwire import messages as wire
from p2pd.session.peers.peer_landing import PeerLanding
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 64 * 1024
CONTENTS = {"data": random.Random(5).randbytes(60 * PIECE + 1234)}

Order = Callable[[list[wire.Request]], Iterable[object]]


def by_turns(requests: list[wire.Request]) -> list[object]:
    swapped: list[object] = []
    for at in range(0, len(requests), 2):
        swapped += reversed(requests[at : at + 2])
    return swapped


def with_haves(requests: list[wire.Request]) -> list[object]:
    mixed: list[object] = []
    for request in requests:
        mixed += [request] if request.begin else [wire.Have(0), wire.KeepAlive(), request]
    return mixed


def first_one_last(requests: list[wire.Request]) -> list[object]:
    return [*requests[1:], *requests[:1]]


def backwards(requests: list[wire.Request]) -> list[object]:
    return list(reversed(requests))


@pytest.fixture
def scattered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all scattered reads."""
    sizes: list[int] = []
    filled = PeerLanding.filled

    def noted(self: PeerLanding, size: int) -> None:
        sizes.append(size)
        filled(self, size)

    monkeypatch.setattr(PeerLanding, "filled", noted)
    return sizes


class Seed(ScriptedPeer):
    """Answers all requests that wait, together, in an order; spoils what it is told to once."""

    def __init__(self, network: MemoryNetwork, info_hash: bytes, order: Order) -> None:
        super().__init__(network, "10.0.0.9", info_hash)
        self.order = order
        self.spoil: set[tuple[int, int]] = set()
        self.answered = 0

    def serve(self) -> None:
        asked = self.of_kind(wire.Request)[self.answered :]
        self.answered += len(asked)
        self.send_raw(b"".join(self.message(item) for item in self.order(asked)))

    def message(self, item: object) -> bytes:
        if not isinstance(item, wire.Request):
            return wire.encode(item)  # type: ignore[arg-type]
        piece, begin, length = item
        at = piece * PIECE + begin
        data = CONTENTS["data"][at : at + length]
        if (piece, begin) in self.spoil:
            self.spoil.discard((piece, begin))
            data = bytes(length)
        return wire.block_header(piece, begin, length) + data


def leech(network: MemoryNetwork, order: Order) -> tuple[SimNode, Seed]:
    made = make_torrent(CONTENTS, piece_length=PIECE)
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(made)
    seed = Seed(network, torrent.info_hashes.wire_ids[0], order)
    seed.dial(node.address)
    seed.send(wire.HaveAll(), wire.Unchoke())
    return node, seed


def fetch(network: MemoryNetwork, node: SimNode, seed: Seed) -> None:
    (torrent,) = node.session.torrents
    for _ in range(100):
        if torrent.record.completed_at:
            return
        seed.serve()
        network.run(1)
    raise AssertionError("the download did not end")


@pytest.mark.parametrize("order", [list, by_turns, with_haves, first_one_last, backwards])
def test_every_order_gives_the_right_bytes(
    network: MemoryNetwork, scattered: list[int], order: Order
) -> None:
    node, seed = leech(network, order)
    fetch(network, node, seed)
    (torrent,) = node.session.torrents
    pieces = node.storage(torrent).pieces
    assert b"".join(pieces[number] for number in range(61)) == CONTENTS["data"]
    assert torrent.record.downloaded == len(CONTENTS["data"])
    assert torrent.record.corrupt == 0
    assert scattered, "some reads went straight to the pieces"
    if order is list:
        assert sum(scattered) > len(CONTENTS["data"]) // 2


def test_a_spoilt_block_fails_its_piece_and_is_asked_for_again(
    network: MemoryNetwork, scattered: list[int]
) -> None:
    node, seed = leech(network, list)
    seed.spoil = {(piece, 16384) for piece in range(2, 4)}
    (torrent,) = node.session.torrents
    for _ in range(100):
        if node.session.bans.list():
            break
        seed.serve()
        network.run(1)
    assert node.session.bans.list()
    assert not {2, 3} & set(node.storage(torrent).pieces)


def test_a_peer_lost_in_the_middle_gives_its_memory_back(
    network: MemoryNetwork, scattered: list[int]
) -> None:
    node, seed = leech(network, list)
    for _ in range(4):
        seed.serve()
        network.run(1)
    assert scattered
    (torrent,) = node.session.torrents
    seed.hang_up()
    network.run(1)
    assert torrent.content is not None
    assert node.session.budget.used == 0 or torrent.content.pieces.unchecked_bytes
    torrent.content.pieces.abandon_open()
    assert node.session.budget.used == 0
    assert node.session.budget.buffers.spare_bytes == 0
