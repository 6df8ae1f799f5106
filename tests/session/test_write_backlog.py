"""The write backlog: what is counted, who is paused and resumed, and who is gone by then."""

from __future__ import annotations

from typing import Any, Sequence

from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.peerwire.connection import Event, PeerWireError
from p2pd.session.disks.memory_budget import BACKLOG_SHARE, MemoryBudget
from p2pd.session.disks.write_backlog import WriteBacklog
from p2pd.session.peers.peer_inbox import PeerInbox

LIMIT = 100


class FakeWire:
    """Every byte is an event; `problem` is what the next read raises."""

    def __init__(self) -> None:
        self.unfinished = b""
        self.problem: PeerWireError | None = None
        self.excused: list[float] = []

    def receive_data(self, data: Any, now: float) -> list[Any]:
        if self.problem is not None:
            raise self.problem
        return list(bytes(data))

    def excuse_silence(self, now: float) -> None:
        self.excused.append(now)

    def next_deadline(self) -> float | None:
        return None


class FakeStream:
    """Notes whether it is paused."""

    def __init__(self) -> None:
        self.paused = False
        self.pauses = 0
        self.resumes = 0
        self.receiver: Any = None
        self.landing: Any = None

    def pause(self) -> None:
        self.paused = True
        self.pauses += 1

    def resume(self) -> None:
        self.paused = False
        self.resumes += 1


class FakeDownload:
    """Notes when silence was excused."""

    def __init__(self) -> None:
        self.excused: list[float] = []

    def excuse_silence(self, now: float) -> None:
        self.excused.append(now)


class Peer:
    """A peer whose every byte is a whole piece of `piece` bytes for the backlog."""

    def __init__(self, backlog: WriteBacklog, piece: int = 0) -> None:
        self.closed = False
        self.wire: Any = FakeWire()
        self.stream: Any = FakeStream()
        self.download: Any = FakeDownload()
        self.now = 10.0
        self.handled: list[Event] = []
        self.closes = False
        self.dropped: list[str] = []
        self._backlog = backlog
        self._piece = piece
        self.inbox = PeerInbox(self)
        self.inbox.attach(backlog)
        self.inbox.open()

    def seconds(self) -> float:
        return self.now

    def handle(self, events: Sequence[Event], now: float) -> None:
        self.handled += events
        for _ in events:
            self._backlog.add(self._piece)
        if self.closes:
            self.close()

    def writable(self) -> None: ...

    def lost(self, reason: str) -> None:
        self.close()

    def drop(self, reason: str) -> None:
        self.dropped.append(reason)
        self.close()

    def close(self) -> None:
        self.closed = True
        self.inbox.close()

    def brings(self, count: int = 1) -> None:
        assert not self.stream.paused, "nobody reads from it"
        self.stream.receiver.stream_received(memoryview(bytes(count)))


# -- what is counted -----------------------------------------------------------------------------


def test_it_is_long_beyond_its_limit_only() -> None:
    backlog = WriteBacklog(LIMIT)
    backlog.add(LIMIT)
    assert not backlog.is_long
    backlog.add(1)
    assert backlog.is_long
    backlog.remove(1)
    assert not backlog.is_long
    assert backlog.size == LIMIT


def test_who_waits_is_called_once_when_half_is_written() -> None:
    backlog = WriteBacklog(LIMIT)
    calls: list[str] = []
    first, second = (lambda: calls.append("first")), (lambda: calls.append("second"))
    backlog.add(150)
    for resume in (first, second, first):
        backlog.call_when_short(resume)
    backlog.remove(50)
    backlog.remove(49)
    assert calls == []
    backlog.remove(1)
    assert calls == ["first", "second"]
    backlog.remove(50)
    assert calls == ["first", "second"]


def test_who_is_forgotten_is_not_called() -> None:
    backlog = WriteBacklog(LIMIT)
    calls: list[str] = []
    gone, here = (lambda: calls.append("gone")), (lambda: calls.append("here"))
    backlog.add(150)
    backlog.call_when_short(gone)
    backlog.call_when_short(here)
    backlog.forget(gone)
    backlog.forget(gone)
    backlog.remove(150)
    assert calls == ["here"]


def test_who_waits_again_while_it_is_called_waits_for_the_next_time() -> None:
    backlog = WriteBacklog(LIMIT)
    calls: list[int] = []

    def resume() -> None:
        calls.append(backlog.size)
        backlog.add(150)
        backlog.call_when_short(resume)

    backlog.add(150)
    backlog.call_when_short(resume)
    backlog.remove(150)
    assert calls == [0]
    backlog.remove(100)
    assert calls == [0, 50]


@given(steps=st.lists(st.tuples(st.sampled_from("aw"), st.integers(1, 90)), max_size=60))
def test_nobody_waits_while_it_is_short_and_none_is_called_while_it_is_long(
    steps: list[tuple[str, int]],
) -> None:
    backlog = WriteBacklog(LIMIT)
    pieces: list[int] = []
    waits: set[int] = set()
    for kind, number in steps:
        if kind == "a":
            backlog.add(number)
            pieces.append(number)
            if backlog.is_long:
                backlog.call_when_short(lambda name=number: waits.discard(name))  # type: ignore[misc]
                waits.add(number)
        elif pieces:
            backlog.remove(pieces.pop(number % len(pieces)))
        assert backlog.size == sum(pieces)
        if backlog.size <= LIMIT // 2:
            assert not waits
    for piece in pieces:
        backlog.remove(piece)
    assert not waits
    assert backlog.size == 0


def test_the_budget_leaves_a_share_of_itself_to_the_disk() -> None:
    assert MemoryBudget(1000).share().backlog.limit == 1000 // BACKLOG_SHARE


# -- the peers -----------------------------------------------------------------------------------


def test_who_brings_too_much_is_paused_until_half_is_written() -> None:
    backlog = WriteBacklog(LIMIT)
    peer = Peer(backlog, piece=60)
    peer.brings()
    assert not peer.stream.paused
    peer.brings()
    assert peer.stream.paused
    backlog.remove(60)
    assert peer.stream.paused, "sixty still wait"
    backlog.remove(60)
    assert not peer.stream.paused
    peer.brings(2)
    assert peer.stream.paused
    assert (peer.stream.pauses, peer.stream.resumes) == (2, 1)


def test_what_one_brought_pauses_the_other_when_it_brings_something() -> None:
    backlog = WriteBacklog(LIMIT)
    fast, slow = Peer(backlog, piece=150), Peer(backlog)
    fast.brings()
    assert fast.stream.paused
    assert not slow.stream.paused, "it brings nothing, so there is nothing to stop"
    slow.brings()
    assert slow.stream.paused
    assert len(slow.handled) == 1, "what was read already is not lost"
    backlog.remove(150)
    assert not fast.stream.paused
    assert not slow.stream.paused


def test_a_peer_that_goes_while_it_is_paused_is_not_resumed() -> None:
    backlog = WriteBacklog(LIMIT)
    gone, stays = Peer(backlog, piece=150), Peer(backlog)
    gone.brings()
    stays.brings()
    gone.stream.receiver.stream_lost("hung up")
    backlog.remove(150)
    assert gone.stream.resumes == 0
    assert stays.stream.resumes == 1


def test_a_peer_that_goes_when_another_is_resumed_is_left_alone() -> None:
    backlog = WriteBacklog(LIMIT)
    first, second = Peer(backlog, piece=150), Peer(backlog)
    first.brings()
    second.brings()
    first.stream.resume = second.close
    backlog.remove(150)
    assert second.stream.resumes == 0


def test_a_peer_that_closes_while_it_brings_too_much_is_not_waited_for() -> None:
    backlog = WriteBacklog(LIMIT)
    peer = Peer(backlog, piece=150)
    peer.closes = True
    peer.brings()
    assert peer.stream.pauses == 0
    backlog.remove(150)
    assert peer.stream.resumes == 0


def test_a_peer_that_breaks_the_protocol_is_dropped_and_not_paused() -> None:
    backlog = WriteBacklog(LIMIT)
    peer = Peer(backlog, piece=150)
    peer.wire.problem = PeerWireError("nonsense", (b"before",))  # type: ignore[arg-type]
    peer.brings()
    assert peer.handled == [b"before"]
    assert peer.dropped == ["nonsense"]
    assert peer.stream.pauses == 0


def test_silence_is_not_held_against_who_is_not_listened_to() -> None:
    backlog = WriteBacklog(LIMIT)
    peer = Peer(backlog, piece=150)
    peer.inbox.tick(11.0)
    assert peer.wire.excused == []
    peer.brings()
    peer.inbox.tick(12.0)
    peer.inbox.tick(13.0)
    peer.now = 14.0
    backlog.remove(150)
    peer.inbox.tick(15.0)
    assert peer.wire.excused == peer.download.excused == [12.0, 13.0, 14.0]
