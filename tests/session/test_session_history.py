"""What a session notes for its history, on a virtual clock: who is busy, and nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence

import pytest
from twisted.internet.defer import Deferred, fail, maybeDeferred

from p2pd.base.errors import P2pdError, StateError
from p2pd.session.history_api import SESSION, History
from p2pd.session.session_history import MOST_WAITING, SessionHistory, resolution_for
from p2pd.session.torrents.torrent import Torrent
from p2pd.state.history_file import HistoryFile, Sample
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

DAY = 86_400


class InlineHistory:
    """A history that is written in the reactor's own turn; `fault` is what it fails with."""

    def __init__(self, folder: Path) -> None:
        self.file = HistoryFile(str(folder), print)
        self.writes: list[list[Sample]] = []
        self.tidied = 0
        self.fault: StateError | None = None

    def write(self, samples: Sequence[Sample]) -> Deferred[int]:
        if self.fault is not None:
            return fail(self.fault)
        self.writes.append(list(samples))
        return maybeDeferred(self.file.write, samples)

    def read(self, question: Any) -> Deferred[Any]:
        return maybeDeferred(self.file.read, question)

    def tidy(self, *what: Any) -> Deferred[int]:
        self.tidied += 1
        return maybeDeferred(self.file.tidy, *what)


@pytest.fixture
def memory(tmp_path: Path) -> InlineHistory:
    return InlineHistory(tmp_path)


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    return SimNode(network, "10.0.0.1")


@pytest.fixture
def history(node: SimNode, memory: InlineHistory) -> SessionHistory:
    history = SessionHistory(node.session, memory, 1 << 30)
    history.start()
    return history


def read(node: SimNode, history: SessionHistory, subject: bytes, back: int = DAY) -> History:
    now = int(node.session.wall()) + 1
    return node.network.result(history.read([subject], now - back, now, 20_000))


def name_of(torrent: Torrent) -> bytes:
    return torrent.info_hashes.wire_ids[0]


def test_a_transfer_is_noted_to_the_byte(
    network: MemoryNetwork, node: SimNode, history: SessionHistory, contents: dict[str, bytes]
) -> None:
    data = make_torrent(contents, "v1")
    seed = SimNode(network, "10.0.0.2")
    seed.put(data, contents)
    network.run(30)
    taken = node.add(data)
    node.connect(taken, seed.address)
    network.run_until(lambda: taken.record.completed_at)
    network.run(70)
    rows = read(node, history, name_of(taken)).rows[name_of(taken)]
    assert sum(row.downloaded for row in rows) == taken.record.downloaded > 0
    assert rows[-1].peers == 0
    assert rows[-1].state == 6
    session = read(node, history, SESSION).rows[SESSION]
    assert sum(row.downloaded for row in session) == taken.record.downloaded
    assert session[-1].state == 1


def test_who_does_nothing_is_not_noted_and_nothing_is_written(
    network: MemoryNetwork,
    node: SimNode,
    history: SessionHistory,
    memory: InlineHistory,
    contents: dict[str, bytes],
) -> None:
    node.put(make_torrent(contents, "v1"), contents)
    network.run(120)
    memory.writes.clear()
    network.run(1800)
    assert memory.writes == []


def test_a_stop_is_noted_and_who_was_idle_has_no_row_of_the_start(
    network: MemoryNetwork,
    node: SimNode,
    history: SessionHistory,
    memory: InlineHistory,
    contents: dict[str, bytes],
) -> None:
    torrent = node.add(make_torrent(contents, "v1"))
    network.run(100)
    view = node.control.find(1)
    assert view is not None
    network.result(node.control.stop(view))
    network.run(70)
    rows = [row for write in memory.writes for row in write if row.subject == name_of(torrent)]
    assert [(row.state, row.downloaded, row.peers) for row in rows][-1] == (0, 0, 0)
    assert len(rows) <= 2


def test_writes_are_a_minute_apart_and_samples_ten_seconds(
    network: MemoryNetwork, node: SimNode, history: SessionHistory, memory: InlineHistory
) -> None:
    for _ in range(30):
        network.run(10)
        node.session.count_downloaded(1000, node.session.clock.seconds())
    assert 4 <= len(memory.writes) <= 5
    times = [sample.at for write in memory.writes for sample in write]
    assert times == list(range(times[0], times[-1] + 10, 10))
    assert all(at % 10 == 0 for at in times)


def test_a_disk_that_takes_nothing_loses_nothing_for_a_while(
    network: MemoryNetwork, node: SimNode, history: SessionHistory, memory: InlineHistory
) -> None:
    memory.fault = StateError("the disk is full")
    for _ in range(20):
        node.session.count_uploaded(1000, node.session.clock.seconds())
        network.run(10)
    measures = {measure.name: measure.values.get(()) for measure in history.measures()}
    assert measures["history_waiting"] >= 19
    memory.fault = None
    network.run(60)
    rows = read(node, history, SESSION).rows[SESSION]
    assert sum(row.uploaded for row in rows) == 20_000
    assert {m.name: m.values[()] for m in history.measures()}["history_waiting"] == 0


def test_what_waits_is_bounded_and_counted(
    network: MemoryNetwork, node: SimNode, history: SessionHistory, memory: InlineHistory
) -> None:
    memory.fault = StateError("the disk is full")
    history._waiting = [Sample(SESSION, 10 * at, 1, 1, 0, 0) for at in range(MOST_WAITING + 50)]
    network.run(70)
    measures = {measure.name: measure.values.get(()) for measure in history.measures()}
    assert measures["history_waiting"] == MOST_WAITING
    assert measures["history_dropped_total"] == 50


def test_the_last_seconds_are_written_at_the_end(
    network: MemoryNetwork, node: SimNode, history: SessionHistory, memory: InlineHistory
) -> None:
    node.session.count_uploaded(1000, node.session.clock.seconds())
    network.result(history.stop())
    assert [sample.uploaded for write in memory.writes for sample in write] == [1000]
    network.run(120)
    assert len(memory.writes) == 1


class MonthsSession:
    """What a history needs of a session, where a month takes no time."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.wall: Callable[[], float] = lambda: 1_700_006_400.0 + clock.seconds()
        self.activity = self.torrents = self.connections = self
        self.rate_download = self.rate_upload = self
        self.total = self.established = self.running = 0

    def changed_since(self, wall_time: float) -> list[Torrent]:
        return []

    def by_id(self, id_: int) -> None:
        return None

    def __iter__(self) -> Any:
        return iter(())

    def background(self, work: Any, what: str) -> None:
        Deferred.fromCoroutine(work).addErrback(lambda failure: failure.raiseException())


def test_months_pass(network: MemoryNetwork, memory: InlineHistory) -> None:
    session: Any = MonthsSession(network.clock)
    history = SessionHistory(session, memory, 1 << 30)
    history.start()
    began = session.wall()
    for _ in range(90):
        for _ in range(18):  # three busy minutes a day
            session.total += 1000
            network.clock.advance(10)
        for _ in range(24):
            network.clock.advance((DAY - 180) / 24)
    assert memory.tidied >= 90
    now = int(session.wall())

    def steps(back: int, rows: int) -> tuple[int, int, int]:
        found = network.result(history.read([SESSION], now - back, now + 1, rows))
        spans = found.rows[SESSION]
        return found.step, sum(span.downloaded for span in spans), len(spans)

    day = 18 * 1000
    assert steps(now - int(began), 300) == (43_200, 90 * day, 90)
    assert steps(30 * DAY, 10_000)[:2] == (300, 30 * day)
    assert steps(DAY // 2, 10_000)[:2] == (10, 0)
    network.clock.advance(3600)


def test_the_resolution_is_the_finest_that_reaches_back_and_fits() -> None:
    now = 10**9
    assert resolution_for(now, now - 3600, now, 1000) == (10, 10)
    assert resolution_for(now, now - DAY, now, 1000) == (10, 90)
    assert resolution_for(now, now - DAY, now, 200) == (300, 600)
    assert resolution_for(now, now - 2 * DAY, now, 100_000) == (300, 300)
    assert resolution_for(now, now - 400 * DAY, now - 399 * DAY, 100_000) == (21_600, 21_600)
    assert resolution_for(now, 0, now, 1)[1] >= now
    assert resolution_for(now, now + 5, now + 10, 1000) == (10, 10)


def test_a_time_that_ends_before_it_begins_is_refused(
    network: MemoryNetwork, history: SessionHistory
) -> None:
    with pytest.raises(P2pdError, match="ends before"):
        network.result(history.read([SESSION], 10, 10, 5))
