"""Disks that are slow or fail, and peers that do not read: memory is bounded, nobody is blamed."""

from __future__ import annotations

import random
from collections import deque
from typing import Any, Callable, TypeVar

import pytest
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from p2pd.base.errors import StorageError
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event
from p2pd.session.peers import peer_session
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.peers.peer_upload import LEAST_AHEAD, REQUEST_QUEUE, RUN_BYTES, SEND_AHEAD
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, MemoryStream, OneDisk, ScriptedPeer, SimNode, make_torrent

T = TypeVar("T")

PIECE = 32 * 1024
BLOCK = 16 * 1024
PIECES = 80
DATA = random.Random(3).randbytes(PIECES * PIECE)
TORRENT = make_torrent({"data": DATA}, piece_length=PIECE)
INFO_HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]
LIMITS = SessionLimits(check_workers=1, memory_in_flight=32 * PIECE)
BACKLOG = 8 * PIECE
FAR = 1e9
"""Seconds of latency with which nothing arrives any more."""


class SlowDisk:
    """Does one job after the other, each in `seconds`; none of a kind that is `held`."""

    def __init__(self, clock: Clock) -> None:
        self.seconds = 0.001
        self.held: set[str] = set()
        self.waiting: deque[tuple[str, Callable[[], Any], Deferred[Any]]] = deque()
        self._clock = clock
        self._busy = False

    def run(self, kind: str, job: Callable[..., T], *args: Any) -> Deferred[T]:
        result: Deferred[T] = Deferred()
        self.waiting.append((kind, lambda: job(*args), result))
        self._next()
        return result

    def release(self) -> None:
        self.held.clear()
        self._next()

    def _next(self) -> None:
        if self._busy:
            return
        for number, (kind, job, result) in enumerate(self.waiting):
            if kind not in self.held:
                del self.waiting[number]
                self._busy = True
                self._clock.callLater(self.seconds, self._done, job, result)
                return

    def _done(self, job: Callable[[], Any], result: Deferred[Any]) -> None:
        self._busy = False
        execute(job).chainDeferred(result)
        self._next()


class Pauses:
    """Which streams are paused, and how often one was."""

    def __init__(self) -> None:
        self.now: set[MemoryStream] = set()
        self.count = 0


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """All pauses of all streams."""
    noted = Pauses()
    pause, resume = MemoryStream.pause, MemoryStream.resume

    def note_pause(stream: MemoryStream) -> None:
        noted.now.add(stream)
        noted.count += 1
        pause(stream)

    def note_resume(stream: MemoryStream) -> None:
        noted.now.discard(stream)
        resume(stream)

    monkeypatch.setattr(MemoryStream, "pause", note_pause)
    monkeypatch.setattr(MemoryStream, "resume", note_resume)
    return noted


@pytest.fixture
def disk(network: MemoryNetwork) -> SlowDisk:
    """The disk of the node."""
    return SlowDisk(network.clock)


@pytest.fixture
def node(network: MemoryNetwork, disk: SlowDisk) -> SimNode:
    """A node with little memory."""
    return SimNode(network, "10.0.0.1", limits=LIMITS, disks=OneDisk(disk))


def block(request: wire.Request) -> wire.Block:
    start = request.piece * PIECE + request.begin
    return wire.Block(request.piece, request.begin, DATA[start : start + request.length])


def seed_to(node: SimNode, host: str) -> ScriptedPeer:
    """A seed that answers everything at once, and counts on the node to say when it is too much."""
    peer = ScriptedPeer(node.network, host, INFO_HASH)

    def answer(event: Event) -> None:
        if isinstance(event, wire.Request):
            peer.send(block(event))

    peer.answer = answer
    peer.dial(node.address)
    peer.send(wire.HaveAll(), wire.Unchoke())
    return peer


def stuck(node: SimNode, disk: SlowDisk, *hosts: str) -> tuple[Torrent, list[ScriptedPeer]]:
    """A download from seeds of which no piece gets to the disk, so that none is read from."""
    torrent = node.add(TORRENT)
    disk.held.add("store")
    seeds = [seed_to(node, host) for host in hosts]
    node.network.run(1)
    return torrent, seeds


def leech_of(node: SimNode, host: str = "10.0.0.2", *, fast: bool = True) -> ScriptedPeer:
    """A peer that is unchoked and may ask."""
    peer = ScriptedPeer(node.network, host, INFO_HASH, fast=fast)
    peer.dial(node.address)
    peer.send(wire.Interested())
    node.network.run(1)
    assert peer.of_kind(wire.Unchoke)
    return peer


def session_of(torrent: Torrent) -> PeerSession:
    (peer,) = torrent.peers
    return peer


def in_memory(node: SimNode) -> tuple[int, int]:
    """Bytes that wait to be written, and all that the budget has lent."""
    return node.session.budget.backlog, node.session.budget.used


def holds_all(node: SimNode, torrent: Torrent) -> bool:
    pieces = node.storage(torrent).pieces
    return b"".join(pieces[piece] for piece in range(PIECES)) == DATA


# -- writes that finish late ---------------------------------------------------------------------


def test_a_slow_disk_slows_the_peers_and_the_backlog_stays_bounded(
    network: MemoryNetwork, node: SimNode, disk: SlowDisk, pauses: Pauses
) -> None:
    torrent = node.add(TORRENT)
    assert torrent.content is not None
    backlog = torrent.content.device.memory.backlog
    assert backlog.limit == BACKLOG
    disk.seconds = 0.5
    seeds = [seed_to(node, f"10.0.1.{number}") for number in (1, 2)]
    longest = 0
    for _ in range(2000):
        if torrent.record.completed_at:
            break
        network.run(0.05)
        longest = max(longest, backlog.size)
        assert backlog.size <= BACKLOG + len(seeds) * PIECE
        assert node.session.budget.used <= LIMITS.memory_in_flight
    assert torrent.record.completed_at
    assert longest > BACKLOG, "the disk was the slower one"
    assert pauses.count > 2
    assert not pauses.now, "all are read from again"
    assert holds_all(node, torrent)
    assert torrent.record.downloaded == len(DATA), "nothing was asked for twice"
    network.run(5)
    assert (backlog.size, node.session.budget.used) == (0, 0)


def test_a_peer_that_was_there_before_the_metadata_is_slowed_as_well(
    network: MemoryNetwork, node: SimNode, disk: SlowDisk, pauses: Pauses
) -> None:
    torrent = node.add(f"magnet:?xt=urn:btih:{INFO_HASH.hex()}")
    seed_to(node, "10.0.1.1")
    network.run(1)
    assert len(torrent.peers) == 1
    disk.held.add("store")
    node.add(TORRENT)
    network.run(5)
    assert len(pauses.now) == 1
    disk.release()
    network.run_until(lambda: torrent.record.completed_at)
    assert not pauses.now


def test_a_disk_that_stands_still_is_not_held_against_the_peers(
    network: MemoryNetwork, node: SimNode, disk: SlowDisk, pauses: Pauses
) -> None:
    """Longer than requests, and silence, are waited for."""
    torrent, (seed,) = stuck(node, disk, "10.0.1.1")
    assert len(pauses.now) == 1
    came, asked = torrent.record.downloaded, len(seed.of_kind(wire.Request))
    network.run(400)
    assert torrent.record.downloaded == came
    assert len(seed.of_kind(wire.Request)) == asked
    assert seed.of_kind(wire.Cancel) == []
    assert seed.closed is None
    disk.release()
    network.run_until(lambda: torrent.record.completed_at)
    assert holds_all(node, torrent)
    assert torrent.record.downloaded == len(DATA)
    assert len({*seed.of_kind(wire.Request)}) == len(seed.of_kind(wire.Request))


def test_a_peer_that_goes_while_it_is_paused_leaves_nothing_behind(
    network: MemoryNetwork, node: SimNode, disk: SlowDisk, pauses: Pauses
) -> None:
    torrent, (goes, stays) = stuck(node, disk, "10.0.1.1", "10.0.1.2")
    assert len(pauses.now) == 2
    goes.hang_up()
    network.run(1)
    assert len(torrent.peers) == 1
    disk.release()
    network.run_until(lambda: torrent.record.completed_at)
    assert stays.closed is None
    assert holds_all(node, torrent)
    network.run(5)
    assert in_memory(node) == (0, 0)


def test_a_stop_while_peers_are_paused_ends_when_the_disk_is_done(
    network: MemoryNetwork, node: SimNode, disk: SlowDisk, pauses: Pauses
) -> None:
    torrent, (seed,) = stuck(node, disk, "10.0.1.1")
    stopped = Deferred.fromCoroutine(torrent.stop())
    network.run(1)
    assert seed.closed is not None
    assert not stopped.called, "pieces are still on their way to the disk"
    disk.release()
    network.result(stopped)
    assert in_memory(node) == (0, 0)
    network.result(torrent.start())
    seed_to(node, "10.0.1.2")
    network.run_until(lambda: torrent.record.completed_at)
    assert holds_all(node, torrent)


def test_writes_that_fail_while_peers_are_paused_are_said_in_words(
    network: MemoryNetwork, node: SimNode, disk: SlowDisk, pauses: Pauses
) -> None:
    torrent, (seed,) = stuck(node, disk, "10.0.1.1")
    assert pauses.now
    node.storage(torrent).fault = StorageError("no space left on the disk")
    disk.release()
    network.run(2)
    assert torrent.error == "no space left on the disk"
    assert seed.closed is not None
    assert in_memory(node) == (0, 0)


# -- peers that do not read, reads that finish late ----------------------------------------------


def say(peer: ScriptedPeer, *messages: wire.Message) -> None:
    """To a node whose own words arrive nowhere."""
    peer.network.latency = 0.01
    peer.send(*messages)
    peer.network.latency = FAR
    peer.network.run(1)


def wanted(count: int) -> list[wire.Request]:
    blocks = [(piece, begin) for piece in range(PIECES) for begin in range(0, PIECE, BLOCK)]
    requests = [wire.Request(*blocks[number % len(blocks)], BLOCK) for number in range(count)]
    # Equal requests are one: others differ in their length.
    return [request._replace(length=BLOCK - n // len(blocks)) for n, request in enumerate(requests)]


def test_a_peer_that_never_reads_costs_little(network: MemoryNetwork, node: SimNode) -> None:
    torrent = node.put(TORRENT, {"data": DATA})
    leech = leech_of(node)
    peer = session_of(torrent)
    say(leech, *wanted(REQUEST_QUEUE + 300))
    network.run(30)
    assert not peer.closed
    pending = peer.stream.pending
    assert LEAST_AHEAD <= pending <= SEND_AHEAD + RUN_BYTES
    assert len(peer.upload.queue) <= REQUEST_QUEUE
    sent = torrent.record.uploaded
    say(leech, *wanted(REQUEST_QUEUE))
    network.run(60)
    assert torrent.record.uploaded == sent, "it took nothing, so it gets nothing more"
    assert peer.stream.pending <= pending + 17 * REQUEST_QUEUE + 100, "rejects alone"
    assert len(peer.upload.queue) <= REQUEST_QUEUE


def test_a_peer_that_floods_and_never_reads_is_dropped(
    network: MemoryNetwork, node: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_session, "SEND_LIMIT", 256 * 1024)
    torrent = node.put(TORRENT, {"data": DATA})
    leech = leech_of(node)
    for _ in range(10):
        say(leech, *wanted(REQUEST_QUEUE + 200))
    assert len(torrent.peers) == 0
    assert node.session.connections.total == 0
    assert not torrent.error


def test_little_is_read_ahead_while_reads_finish_late(
    network: MemoryNetwork, node: SimNode, disk: SlowDisk
) -> None:
    torrent = node.put(TORRENT, {"data": DATA})
    leech = leech_of(node)
    disk.held.add("read")
    leech.send(*wanted(160))
    network.run(10)
    assert len(disk.waiting) == 1
    assert len(session_of(torrent).upload.queue) == 160 - LEAST_AHEAD // BLOCK
    disk.release()
    network.run(5)
    assert leech.of_kind(wire.Block) == [block(request) for request in wanted(160)]


def test_what_is_read_for_a_peer_that_went_goes_nowhere(
    network: MemoryNetwork, node: SimNode, disk: SlowDisk
) -> None:
    torrent = node.put(TORRENT, {"data": DATA})
    leech = leech_of(node)
    disk.held.add("read")
    leech.send(*wanted(20))
    network.run(1)
    leech.hang_up()
    network.run(1)
    node.storage(torrent).pieces.clear()
    disk.release()
    network.run(1)
    assert torrent.record.uploaded == 0
    assert torrent.running
    assert not torrent.error, "nobody needed those blocks any more"


# -- reads that fail -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (StorageError("data: Input/output error"), "data: Input/output error"),
        (MemoryError("too much"), "blocks cannot be read: too much"),
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_a_read_that_fails_is_refused_and_said_in_words(
    network: MemoryNetwork,
    node: SimNode,
    monkeypatch: pytest.MonkeyPatch,
    problem: Exception,
    sentence: str,
    fast: bool,
) -> None:
    torrent = node.put(TORRENT, {"data": DATA})
    asks, waits = leech_of(node, fast=fast), leech_of(node, "10.0.0.3")

    def fails(requests: object) -> None:
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr(node.storage(torrent), "read_many", fails)
        asks.send(*wanted(3))
        network.run(1)
    assert asks.of_kind(wire.Reject) == ([wire.Reject(*r) for r in wanted(3)] if fast else [])
    assert asks.of_kind(wire.Block) == []
    assert asks.closed is not None
    assert waits.closed is not None
    assert (torrent.error, torrent.running) == (sentence, False)
    network.result(torrent.start())
    assert not torrent.error
    again = leech_of(node, "10.0.0.4")
    again.send(*wanted(3))
    network.run(1)
    assert len(again.of_kind(wire.Block)) == 3
