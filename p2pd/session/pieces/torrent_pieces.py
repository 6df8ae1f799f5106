"""The pieces of one torrent on their way from blocks to disk.

A block is copied once, into the buffer of its piece. A whole piece goes to a worker thread that
hashes it and, if it is right, writes it; only then is it had. The bytes of all open pieces count
against the session's one memory budget until they are on disk or thrown away.
"""

from __future__ import annotations

from typing import Collection, Container, Hashable, Iterable, Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.errors import StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.protocols.peerwire.messages import Block
from p2pd.session.disks.devices import Device
from p2pd.session.disks.disk_room import RoomNeeded
from p2pd.session.pieces.kept_pieces import TRIED_AGAIN, KeptPieces
from p2pd.session.pieces.open_pieces import OpenPieces
from p2pd.session.pieces.piece_checking import Checked, PieceChecker
from p2pd.session.pieces.pieces_listener import PiecesListener
from p2pd.session.pieces.second_tries import SecondTries
from p2pd.storage.interfaces import Storage
from p2pd.storage.verifier import PieceVerifier
from p2pd.swarm.asked_blocks import Pace
from p2pd.swarm.failed_piece import Patches
from p2pd.swarm.piece_picker import BlockOutcome, PiecePicker

TOGETHER_BYTES = 1024 * 1024
"""Whole pieces that one thread takes at once: handing over costs as much as hashing 16 KiB."""


class TorrentPieces:
    """Picker, buffers, disk: what a torrent with metadata downloads with."""

    def __init__(
        self,
        *,
        layout: FileLayout,
        picker: PiecePicker,
        storage: Storage,
        verifier: PieceVerifier,
        device: Device,
        listener: PiecesListener,
    ) -> None:
        self.layout = layout
        self.picker = picker
        self._checker = PieceChecker(layout, verifier, storage)
        self.needs = RoomNeeded(storage, listener.unfinished_files)
        self._device = device
        self._memory = device.memory
        self._listener = listener
        self._open = OpenPieces(layout, device.memory)
        self._being_stored: set[int] = set()
        self._second = SecondTries(device.memory, layout.piece_length)
        self._whole_meanwhile: set[int] = set()
        self.kept = KeptPieces(
            device,
            lambda pieces: self._store(pieces, probe=True),
            give_up=listener.storage_failed,
            abandon_but=lambda piece: self.abandon({*self._open} - {piece}),
        )
        self.read_only = False
        """Whether nothing can be written, so that nothing is to be asked for."""
        self._at_rest = True
        self._waiting: list[Deferred[None]] = []
        self._closed = False

    @property
    def have(self) -> PieceSet:
        """The pieces that are verified and on disk."""
        return self.picker.have

    def pick(
        self,
        peer: Hashable,
        pieces: PieceSet,
        count: int,
        *,
        only: Container[int] | None = None,
        prefer: Sequence[int] = (),
        slow: bool = False,
        pace: Pace | None = None,
        now: float = 0.0,
    ) -> list[Request]:
        """Up to `count` requests for this peer, within the memory budget."""
        self._at_rest = False
        room = self._room()
        if not room and self._second and not self.kept.held:
            self._forget_failed(self._second.pieces())
            room = self._room()
        requests = self.picker.pick(
            peer,
            pieces,
            count,
            may_open=room,
            only=only,
            prefer=prefer,
            slow=slow,
            on_parole=self._listener.trust.on_parole(peer),
            pace=pace,
            now=now,
        )
        for piece in {request.piece for request in requests}:
            self._open.open(piece)
        return requests

    def _room(self) -> int:
        """How many pieces may be opened now."""
        if self.read_only or self.kept.held or self.kept.problem is not None:
            return 0
        size = self.layout.piece_length
        on_disk = self._device.room.room_for(size, self.needs)
        if on_disk == 0:
            return 0
        in_memory = self._memory.room_for(size)
        return in_memory if on_disk is None else min(in_memory, on_disk)

    def receive(self, peer: Hashable, blocks: Sequence[Block]) -> list[BlockOutcome]:
        """Take the blocks of one wake-up: the bytes of those that are wanted are copied.

        HOT: neighbours mostly belong to one piece, whose buffer is looked up once.
        """
        keys = [(piece, begin, len(data)) for piece, begin, data in blocks]
        outcomes = self.picker.blocks_received(peer, keys)
        whole: list[int] = []
        current = -1
        for outcome, (piece, begin, data) in zip(outcomes, blocks, strict=True):
            if not outcome[0]:
                continue
            if piece != current:
                buffer, current = self._open.buffer_of(piece), piece
            buffer[begin : begin + len(data)] = data
            if outcome[1]:
                whole.append(piece)
        if self._second:
            self._look_again(
                [key for outcome, key in zip(outcomes, keys, strict=True) if outcome[0]]
            )
        self._store(whole)
        return outcomes

    def places(
        self, peer: Hashable, limit: int
    ) -> tuple[list[tuple[int, int, int]], list[memoryview]]:
        """The blocks that should come from a peer next, and where each belongs.

        Until the reactor turns, nothing else is written there: nobody else was asked for them.
        """
        blocks = self.picker.expected(peer, limit)
        places: list[memoryview] = []
        current = -1
        for piece, begin, length in blocks:
            if piece != current:
                view, current = memoryview(self._open.buffer_of(piece)), piece
            places.append(view[begin : begin + length])
        return blocks, places

    def landed(self, peer: Hashable, blocks: Sequence[tuple[int, int, int]]) -> None:
        """These blocks are in their places."""
        outcomes = self.picker.blocks_received(peer, blocks)
        if self._second:
            self._look_again(blocks)
        self._store(
            [block[0] for outcome, block in zip(outcomes, blocks, strict=True) if outcome[1]]
        )

    def outstanding(self, peer: Hashable) -> int:
        """How many requests wait at this peer."""
        return self.picker.outstanding(peer)

    def peer_requests(self, peer: Hashable) -> Collection[Request]:
        """The requests that wait at this peer."""
        return self.picker.peer_requests(peer)

    def request_failed(self, peer: Hashable, request: Request) -> None:
        """One request came to nothing; its block may be asked of others."""
        self.picker.request_failed(peer, request)
        self._close_untouched({request.piece})

    def forget_requests(self, peer: Hashable) -> None:
        """Every request at this peer came to nothing."""
        requests = list(self.picker.peer_requests(peer))
        for request in requests:
            self.picker.request_failed(peer, request)
        self._close_untouched({request.piece for request in requests})

    def forget_peer(self, peer: Hashable) -> None:
        """The peer is gone."""
        self.forget_requests(peer)
        self.picker.forget_peer(peer)

    @property
    def unchecked_bytes(self) -> int:
        """Bytes received of pieces that are not yet verified."""
        return self.picker.bytes_in_open_pieces

    async def all_stored(self) -> None:
        """Wait until no piece is on its way to the disk."""
        if self._being_stored:
            done: Deferred[None] = Deferred()
            self._waiting.append(done)
            await done

    def abandon_open(self) -> None:
        """Throw away every partial piece, for their memory; pieces being written are finished."""
        self._at_rest = True
        self.abandon({*self._open, *self._second.pieces()})

    def abandon(self, pieces: Iterable[int]) -> None:
        """Throw away what came of these pieces, but for those that are being written."""
        for piece in pieces:
            if piece not in self._being_stored:
                self.kept.forget(piece)
                self._open.buffers.pop(piece, None)
                for peer, request in self.picker.abandon_piece(piece):
                    self._listener.exchange.cancel(peer, request)
                self._open.release(piece)
                self._forget_failed([piece])

    def close(self) -> None:
        """Nothing more is stored; the memory goes back."""
        self.abandon_open()
        self._closed = True

    # -- while the files are moved -------------------------------------------------------------

    def hold(self) -> None:
        """Write nothing: pieces that come whole stay in memory, and no more are opened."""
        self.kept.held = True

    def go_on(self) -> None:
        """Write again, wherever the files are now."""
        self.kept.go_on()

    def relocate(self, storage: Storage, device: Device, verifier: PieceVerifier) -> None:
        """The files are elsewhere. Nothing is being stored."""
        self._checker = PieceChecker(self.layout, verifier, storage)
        self.needs = RoomNeeded(storage, self._listener.unfinished_files)
        self._forget_failed(self._second.pieces())
        self._open.move_to(device.memory)
        self._device, self._memory = device, device.memory
        self.kept.move_to(device)
        self._second = SecondTries(device.memory, self.layout.piece_length)

    # -- to the disk ---------------------------------------------------------------------------

    def _store(self, whole: Sequence[int], *, probe: bool = False) -> None:
        """Verify and write pieces that came in one wake-up, small ones together."""
        if self.kept.held or (self.kept.waiting and not probe):
            self.kept.keep(whole)
            return
        together = max(1, TOGETHER_BYTES // self.layout.piece_length)
        if not self._being_stored.isdisjoint(whole):  # a mixture of what it was before is tried
            self._whole_meanwhile |= self._being_stored.intersection(whole)
            whole = [piece for piece in whole if piece not in self._being_stored]
        for first in range(0, len(whole), together):
            batch = {
                piece: self._open.buffers.pop(piece) for piece in whole[first : first + together]
            }
            self._being_stored.update(batch)
            self._memory.backlog.add(sum(map(len, batch.values())))
            wanted = frozenset(filter(self._listener.trust.wants_digests, batch))
            job = self._device.run("store", self._checker.store, batch, wanted)
            job.addCallbacks(
                self._stored, self._not_stored, callbackArgs=(batch,), errbackArgs=(batch,)
            )

    def _not_stored(self, failure: Failure, batch: Mapping[int, bytearray]) -> None:
        """Something nobody thought of: as if the disk had refused each of them."""
        problem = StorageError(f"pieces {sorted(batch)} could not be stored: {failure.value}")
        self._stored([problem] * len(batch), batch)

    def _stored(
        self, outcomes: Sequence[Checked | StorageError], batch: Mapping[int, bytearray]
    ) -> None:
        # All of them first: whatever comes of one, none of the others is forgotten.
        self._being_stored.difference_update(batch)
        self._memory.backlog.remove(sum(map(len, batch.values())))
        for (piece, buffer), outcome in zip(batch.items(), outcomes, strict=True):
            if isinstance(outcome, TRIED_AGAIN) and not (self._closed or self._at_rest):
                self._open.buffers[piece] = buffer
                self.kept.refused(piece, outcome)
                self._listener.storage_refused()
                continue
            if isinstance(outcome, Checked) and not outcome.right and not self._closed:
                self._failed(piece, buffer, outcome.digests)
                continue
            self._memory.buffers.give(buffer)
            if isinstance(outcome, Checked) and outcome.right:
                self._passed(piece, outcome.digests, self.picker.contributors(piece))
            else:
                self._lost(piece, outcome)
        self._tell_if_all_stored()

    def _passed(self, piece: int, digests: bytes, contributors: Collection[Hashable]) -> None:
        before = self.picker.bytes_in_open_pieces
        withdrawn = self.picker.piece_passed(piece)
        self.kept.passed(piece)
        self._open.drop(piece)
        if self._second.forget(piece):  # of two copies of some blocks, one was in vain
            self._listener.exchange.payload_wasted(before - self.picker.bytes_in_open_pieces)
        if not self._closed:
            self._listener.piece_stored(piece, contributors, digests)
            if withdrawn:
                self._listener.exchange.withdrawn(withdrawn)

    def _lost(self, piece: int, outcome: Checked | StorageError) -> None:
        """The disk did not take it, or nobody needs it any more."""
        self.picker.piece_failed(piece)
        self.kept.ended(piece)
        self._open.release(piece)
        if isinstance(outcome, StorageError) and not self._closed:
            self._listener.storage_failed(outcome)

    # -- pieces that failed --------------------------------------------------------------------

    def _failed(self, piece: int, buffer: bytearray, digests: bytes) -> None:
        """Its hash is wrong. It is kept, for most of its blocks may be right."""
        senders = self.picker.block_senders(piece)
        self.kept.ended(piece)
        self._open.release(piece)
        mixtures: Sequence[Patches] = ()
        if piece in self._second:
            data, mixtures = self._second[piece].data, self._second[piece].mixtures()
            self._forget_failed([piece], spare=not mixtures)
        kept = self._second.keep(piece, buffer)
        if not kept:
            self._memory.buffers.give(buffer)
            self._listener.exchange.payload_wasted(self.layout.request_size(piece))
        self.picker.piece_failed(piece, kept=kept)
        self._forget_failed(self._second.too_many())
        self._listener.piece_failed(piece, senders, digests)
        if mixtures:
            self._try(piece, data, mixtures)

    def _look_again(self, blocks: Iterable[tuple[int, int, int]]) -> None:
        """Blocks came of pieces that failed before: one that differs may have been the bad one."""
        for piece in self._second.came_again(blocks, self._open.buffers):
            if piece not in self._being_stored and self.picker.is_missing(piece):
                self._try(piece, self._second[piece].data, self._second[piece].renewed())

    def _try(self, piece: int, data: bytearray, mixtures: Sequence[Patches]) -> None:
        if mixtures and not self.kept.held:
            self._being_stored.add(piece)
            job = self._device.run("store", self._checker.store_any, piece, data, mixtures)
            job.addErrback(lambda failure: StorageError(str(failure.value)))
            job.addCallback(self._tried, piece, mixtures)

    def _tried(
        self, outcome: Checked | StorageError, piece: int, mixtures: Sequence[Patches]
    ) -> None:
        self._being_stored.discard(piece)
        whole = piece in self._whole_meanwhile
        self._whole_meanwhile.discard(piece)
        if isinstance(outcome, Checked) and outcome.right:
            self._passed(piece, outcome.digests, self._senders_of_right(piece, mixtures))
        elif whole:
            self._store([piece])
        elif isinstance(outcome, StorageError):
            if not isinstance(outcome, TRIED_AGAIN):
                self._lost(piece, outcome)
        elif piece in self._second and self._second[piece].renewed() not in ([], mixtures):
            self._try(piece, self._second[piece].data, self._second[piece].renewed())
        self._tell_if_all_stored()

    def _senders_of_right(self, piece: int, mixtures: Sequence[Patches]) -> set[Hashable]:
        """Who sent what was in the mixture that is right, as far as that can be told."""
        if len(mixtures) > 1 or piece not in self._second:
            return set()
        wrong = self._second[piece].differing - mixtures[0].keys()
        senders = enumerate(self.picker.block_senders(piece))
        return {peer for number, peer in senders if peer is not None and number not in wrong}

    def _forget_failed(self, pieces: Iterable[int], *, spare: bool = True) -> None:
        """Keep these no longer; `spare`: nor their buffers."""
        for piece in pieces:
            if piece not in self._being_stored and self._second.forget(piece, spare=spare):
                self._listener.exchange.payload_wasted(self.layout.request_size(piece))

    def _tell_if_all_stored(self) -> None:
        if not self._being_stored:
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.callback(None)

    def _close_untouched(self, pieces: set[int]) -> None:
        """Pieces of which nothing came and nothing is asked any more give their memory back."""
        for piece in pieces:
            idle = piece not in self._being_stored and not self.picker.is_open(piece)
            if idle and piece in self._open:
                self._open.drop(piece)
