"""Pickers of torrents whose pieces have four blocks, and peers that give them what they ask for."""

from __future__ import annotations

import random
from typing import Iterable

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import BLOCK_SIZE, Request
from p2pd.swarm.piece_picker import PiecePicker

BLOCKS = 4


class Geometry:
    """Pieces of four blocks; the last piece is one short, and its last block by 100 bytes."""

    def __init__(self, piece_count: int) -> None:
        self.piece_count = piece_count

    def request_size(self, piece: int) -> int:
        whole = BLOCKS * BLOCK_SIZE
        return whole - BLOCK_SIZE - 100 if piece == self.piece_count - 1 else whole


def make_picker(piece_count: int, had: Iterable[int] = (), seed: int = 1) -> PiecePicker:
    have = PieceSet(piece_count, list(had))
    return PiecePicker(Geometry(piece_count), rng=random.Random(seed), have=have)


def past_random_first(piece_count: int) -> PiecePicker:
    """A picker that has its first four pieces, so that rarest first holds."""
    return make_picker(piece_count, range(4))


def pieces_of(requests: Iterable[Request]) -> list[int]:
    """The pieces that are asked for, each once, in their order."""
    return list(dict.fromkeys(request.piece for request in requests))


def receive(picker: PiecePicker, peer: object, requests: Iterable[Request]) -> None:
    """The blocks come from the peer; a piece that is whole passes."""
    for request in list(requests):
        outcome = picker.block_received(peer, *request)
        assert outcome.accepted
        if outcome.piece_complete:
            picker.piece_passed(request.piece)


def finish(picker: PiecePicker, peer: object, pieces: PieceSet) -> None:
    """The peer gives all that it has and the picker lacks."""
    while requests := picker.pick(peer, pieces, 7):
        receive(picker, peer, requests)
