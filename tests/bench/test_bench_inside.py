"""What the suite measures inside p2pd, and the peers that load it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from bench.inside import p2pd_launcher, peer_load
from bench.inside.p2pd_launcher import TICK, AnswerTimes, Ticker, watch_answers
from p2pd.base.addresses import PeerAddress
from p2pd.storage.disk_queue import DiskQueue
from p2pd.transports.tcp import TcpStream
from p2pd.transports.tcp_counts import TcpCounts


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the launcher's clock."""

    def at(now: float) -> None:
        monkeypatch.setattr(p2pd_launcher, "perf_counter", lambda: now)

    at(0.0)
    return at


def test_the_ticker_notes_the_worst_lateness(seconds: Callable[[float], None]) -> None:
    reactor = Clock()
    ticker = Ticker(reactor)
    ticker.start()
    for now in (TICK, 2 * TICK + 0.005, 3 * TICK + 0.005 + 0.03, 4 * TICK + 0.036):
        seconds(now)
        reactor.advance(TICK)
    assert ticker.ticks == 4
    assert ticker.worst == pytest.approx(0.03)
    ticker.forget()
    assert (ticker.worst, ticker.ticks) == (0.0, 0)


def test_an_answer_counts_from_the_poll_that_had_to_wait(seconds: Callable[[float], None]) -> None:
    times = AnswerTimes()
    times.polled(1.0, 2.0)

    def handle() -> None:
        seconds(2.003)
        times.answered("peer")

    seconds(2.001)
    times.received("peer", handle)
    told = times.milliseconds()
    assert told["since_arrival"] == told["since_poll"] == [pytest.approx(3.0)]
    assert told["since_read"] == [pytest.approx(2.0)]
    assert times.milliseconds()["since_read"] == []


def test_what_a_poll_finds_at_once_may_be_as_old_as_the_poll_before(
    seconds: Callable[[float], None],
) -> None:
    times = AnswerTimes()
    times.polled(1.0, 2.0)
    times.polled(2.01, 2.01001)
    seconds(2.011)
    times.received("peer", lambda: times.answered("peer"))
    told = times.milliseconds()
    assert told["since_arrival"] == [pytest.approx(11.0)]
    assert told["since_poll"] == [pytest.approx(0.99, abs=0.01)]


def test_an_answer_that_comes_later_still_counts_once(seconds: Callable[[float], None]) -> None:
    times = AnswerTimes()
    times.polled(0.0, 1.0)
    seconds(1.0)
    times.received("peer", lambda: None)
    times.received("other", lambda: None)
    seconds(1.5)
    times.answered("peer")
    times.answered("peer")
    assert times.milliseconds()["since_read"] == [pytest.approx(500.0)]


def test_streams_and_disk_threads_of_p2pd_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in ((TcpStream, "received"), (TcpStream, "write"), (DiskQueue, "run")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    times, polls, written = AnswerTimes(), [], []
    reactor: Any = SimpleNamespace(_poller=SimpleNamespace(poll=polls.append, close=1))
    watch_answers(reactor, times)
    reactor._poller.poll(5)
    assert (polls, reactor._poller.close) == ([5], 1)

    stream = TcpStream(lambda stream: stream, PeerAddress("127.0.0.1", 1), TcpCounts())  # type: ignore
    stream.transport = SimpleNamespace(write_buffers=written.append)  # type: ignore
    stream.receiver = SimpleNamespace(stream_received=lambda data: stream.write([b"answer"]))  # type: ignore
    stream.received(memoryview(b"question"))
    assert written == [[b"answer"]]
    assert len(times.milliseconds()["since_read"]) == 1

    disk = DiskQueue(SimpleNamespace(callFromThread=lambda call: None), threads=1)  # type: ignore
    stream.receiver = SimpleNamespace(stream_received=lambda data: disk.run("read", bytes))  # type: ignore
    stream.received(memoryview(b"request"))
    disk.stop()
    assert len(times.milliseconds()["since_read"]) == 1


def load_of(source: Path, **changes: Any) -> peer_load.Load:
    plan = {
        "port": 1, "info_hash": "00" * 20, "source": str(source), "piece": 1 << 15,
        "missing": 1, "peers": 0, "pace": 1.0, "seconds": 1.0,
    }  # fmt: skip
    return peer_load.Load(peer_load.Plan(**(plan | changes)))


def piece_message(index: int, begin: int, block: bytes) -> bytes:
    return struct.pack(">IBII", 9 + len(block), 7, index, begin) + block


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(bytes(range(256)) * 256)
    return path


def test_blocks_and_rejects_are_timed_however_the_bytes_come(source: Path) -> None:
    load, peer = load_of(source), peer_load.Peer(None)  # type: ignore[arg-type]
    block = source.read_bytes()[16384:32768]
    peer.asked = {(0, 16384): 1.0, (1, 0): 1.25}
    stream = bytes(68) + b"\0\0\0\1\1" + b"\0\0\0\0" + piece_message(0, 16384, block)
    stream += struct.pack(">IBIII", 13, 16, 1, 0, 16384)
    for start in range(0, len(stream), 1000):
        peer.received += stream[start : start + 1000]
        load._handle(peer, 1.5)
    assert peer.unchoked
    assert (load.blocks, load.rejects, peer.asked) == ([500.0], [250.0], {})


def test_wrong_bytes_are_an_error_of_the_load(source: Path) -> None:
    load, peer = load_of(source), peer_load.Peer(None, shaken=True)  # type: ignore[arg-type]
    peer.asked = {(0, 0): 1.0}
    peer.received += piece_message(0, 0, bytes(16384))
    with pytest.raises(peer_load.LoadError, match="differs from the source"):
        load._handle(peer, 2.0)


def test_an_answer_to_nothing_is_an_error_of_the_load(source: Path) -> None:
    load, peer = load_of(source), peer_load.Peer(None, shaken=True)  # type: ignore[arg-type]
    peer.received += piece_message(0, 0, bytes(16384))
    with pytest.raises(peer_load.LoadError, match="nobody asked for"):
        load._handle(peer, 2.0)


def test_a_plan_survives_the_command_line(source: Path) -> None:
    plan = load_of(source)._plan
    fields = {name: getattr(plan, name) for name in peer_load.Plan.__dataclass_fields__}
    assert peer_load.Plan(**json.loads(json.dumps(fields))) == plan
