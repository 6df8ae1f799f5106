"""Measure what control and idling cost with many torrents.

``PYTHONPATH=. python bench/control_bench.py [TORRENTS]`` prints one line a measurement.

A session with 10,000 running torrents is put together in this process, over memory instead of
disks and sockets, with a reactor that does nothing but make the calls that are due and time each of
them. So `held` is exact: the longest stretch in which nobody else had a turn. Calls go through the
whole HTTP site. Every figure is the median of `RUNS`.
"""

from __future__ import annotations

import heapq
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, execute
from twisted.internet.testing import StringTransport

from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.base.schedule import Schedule
from p2pd.control.access.accounts import Accounts
from p2pd.control.site_making import SiteParts, make_control_site
from p2pd.discovery.tracker_client.announcer import Announcer
from p2pd.formats import bencode
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.tracker.announce import AnnounceAnswer
from p2pd.session.api import SessionStatistics
from p2pd.session.session import Session
from p2pd.session.session_control import SessionControl
from p2pd.session.session_parts import SessionLimits, SessionParts
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.state.resume import TorrentRecord
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing import MemoryNetwork, MemoryRemovals, MemoryStore, OneDisk
from p2pd.testing.nodes import ANY_FOLDER

TORRENTS = 10_000
RUNS = 7
TRACKER = "http://tracker.example/announce"
FIELDS = (
    "id", "name", "hash_string", "status", "percent_done", "rate_download", "rate_upload", "eta",
    "error", "error_string", "total_size", "upload_ratio", "labels", "added_date",
    "peers_connected",
)  # fmt: skip


class Turns:
    """A reactor without sockets: makes the calls that are due, one a turn, and times each."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.longest = 0.0
        self._heap: list[tuple[float, int, _Turn]] = []
        self._serial = count()

    def seconds(self) -> float:
        """Monotonic time, and what was skipped."""
        return time.perf_counter() + self.ahead

    def wall(self) -> float:
        """Unix seconds."""
        return 1.7e9 + self.seconds()

    def callLater(  # noqa: N802 - Twisted's name
        self, delay: float, callable: Callable[..., object], *args: Any, **kwargs: Any
    ) -> _Turn:
        """See clock.Clock."""
        turn = _Turn(lambda: callable(*args, **kwargs))
        heapq.heappush(self._heap, (self.seconds() + delay, next(self._serial), turn))
        return turn

    def run_until(self, done: Callable[[], object]) -> None:
        """Make calls until `done`; time in which nothing is due is skipped."""
        while not done():
            at, _, turn = heapq.heappop(self._heap)
            self.ahead += max(0.0, at - self.seconds())
            if turn.active():
                self.timed(turn.take())

    def timed(self, job: Callable[[], object]) -> None:
        """Make one call, and note how long it held everybody up."""
        began = time.perf_counter()
        job()
        self.longest = max(self.longest, time.perf_counter() - began)

    def waiting(self) -> int:
        """How many calls are to come."""
        return sum(bool(turn.active()) for _, _, turn in self._heap)


class _Turn:
    def __init__(self, job: Callable[[], object]) -> None:
        self._job: Callable[[], object] | None = job

    def take(self) -> Callable[[], object]:
        """The call, which counts as made."""
        job, self._job = self._job, None
        assert job is not None
        return job

    def cancel(self) -> None:
        """See clock.DelayedCall."""
        self._job = None

    def active(self) -> int:
        """See clock.DelayedCall."""
        return self._job is not None

    def reset(self, seconds: float) -> None:
        """Only connections that nobody uses are put off: those may end when they like."""


class Trackers:
    """Trackers that answer at once, with an interval of half an hour."""

    async def announce(self, url: str, request: Any) -> AnnounceAnswer:
        """See tracker_client.transports."""
        return AnnounceAnswer(peers=(), interval=1800, seeders=3, leechers=4)

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, Any]:
        """See tracker_client.transports."""
        return {}


class Disk:
    """Disk threads that are done at once."""

    def run(self, kind: str, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """See storage.disk_queue.DiskQueue."""
        return execute(job, *args)


class ManyTorrents:
    """The session, its control site, and a client."""

    def __init__(self, torrents: int) -> None:
        self.turns = Turns()
        self.timers = Schedule(self.turns)
        self.rng = random.Random(1)
        store = MemoryStore()
        for number in range(1, torrents + 1):
            store.rows[number] = record(number)
        settings = SessionSettings("/downloads", 200, 50)
        self.session = Session(self._parts(store), settings, SessionLimits())
        self.control = SessionControl(
            self.session,
            save_setting=lambda name, value: None,
            earlier=SessionStatistics(),
            shut_down=lambda: None,
        )
        started = Deferred.fromCoroutine(self.session.start())
        self.turns.run_until(lambda: started.called)
        for torrent in self.session.torrents:
            assert torrent.content is not None
            torrent.content.set_have(PieceSet.full(torrent.content.layout.piece_count))
        accounts = Accounts(None, in_thread=cast(Any, None), wall=self.turns.wall)
        parts = SiteParts(wall_clock=self.turns.wall, torrent_source=cast(Any, object()))
        self.site = make_control_site(self.control, accounts, self.turns, parts)

    def pass_seconds(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.turns.seconds() + seconds
        self.turns.callLater(seconds, lambda: None)
        self.turns.run_until(lambda: self.turns.seconds() >= end)

    def call(self, method: str, **params: Any) -> tuple[dict[str, Any], float, float, int]:
        """The result, the seconds that it took, the longest stretch, and the answer's bytes."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        body = json.dumps(call).encode()
        head = (
            "POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        answer, took, held = self.send(head + body)
        return json.loads(answer)["result"], took, held, len(answer)

    def send(self, request: bytes) -> tuple[bytes, float, float]:
        """The body of the answer, the seconds that it took, and the longest stretch."""
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 50000))
        protocol = self.site.buildProtocol(transport.getPeer())
        protocol.makeConnection(transport)
        self.turns.longest = 0.0
        began = time.perf_counter()
        self.turns.timed(lambda: protocol.dataReceived(request))
        self.turns.run_until(transport.value)
        took = time.perf_counter() - began
        answer = transport.value().partition(b"\r\n\r\n")[2]
        return answer, took, self.turns.longest

    def _parts(self, store: MemoryStore) -> SessionParts:
        return SessionParts(
            clock=self.turns,
            wall=self.turns.wall,
            rng=self.rng,
            transport=MemoryNetwork(cast(Any, self.turns)).transport("127.0.0.1"),
            disks=cast(Any, OneDisk(Disk())),
            store=cast(Any, store),
            removals=cast(Any, MemoryRemovals(store)),
            make_storage=lambda layout, folder: cast(Any, MemoryStorage(layout)),
            make_announcer=self._announcer,
            look_at_folder=lambda folder: ANY_FOLDER,
        )

    def _announcer(
        self, torrent: Any, tiers: Any, found: Any, peer_id: bytes, port: Callable[[], int]
    ) -> Announcer:
        return Announcer(
            torrent,
            tiers,
            found,
            clock=self.timers,
            wall=self.turns.wall,
            rng=self.rng,
            transports=cast(Any, Trackers()),
            peer_id=peer_id,
            port=port,
        )


def record(number: int) -> TorrentRecord:
    """A torrent of four files in 64 pieces, whose files are not looked at."""
    name = f"A torrent with a name of ordinary length {number}"
    files = [{b"length": 4_000_000, b"path": [b"file %d" % file]} for file in range(4)]
    info = {
        b"files": files, b"name": name.encode(), b"piece length": 262_144,
        b"pieces": number.to_bytes(20, "big") * 62,
    }  # fmt: skip
    torrent = bencode.encode({b"announce": TRACKER.encode(), b"info": info})
    metainfo = parse_torrent(torrent)
    hashes: InfoHashes = metainfo.info_hashes
    layout = FileLayout.of(metainfo)
    return TorrentRecord(
        id=number, hash_v1=hashes.v1, hash_v2=hashes.v2, name=name, download_dir="/downloads",
        torrent=torrent, added_at=1.6e9, trackers=((TRACKER,),), labels=("linux",), clean=True,
        pieces=PieceSet(layout.piece_count).to_bitfield(), downloaded=16_000_000, uploaded=number,
    )  # fmt: skip


def measure_call(many: ManyTorrents, what: str, method: str, **params: Any) -> None:
    """Print the medians of one call."""
    samples = [many.call(method, **params) for _ in range(RUNS)]
    took = statistics.median(sample[1] for sample in samples)
    held = statistics.median(sample[2] for sample in samples)
    rows = len(samples[0][0].get("torrents", ()))
    print(f"{what}: {took * 1e3:.2f} ms, reactor held {held * 1e3:.2f} ms, "
          f"{rows} torrents, {samples[0][3]} bytes")  # fmt: skip


def measure_metrics(many: ManyTorrents) -> None:
    """Print the medians of a scrape."""
    request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    many.send(request)  # what writes the page is imported at the first
    samples = [many.send(request) for _ in range(RUNS)]
    took = statistics.median(sample[1] for sample in samples)
    held = statistics.median(sample[2] for sample in samples)
    print(f"/metrics: {took * 1e3:.2f} ms, reactor held {held * 1e3:.2f} ms, "
          f"{len(samples[0][0])} bytes")  # fmt: skip


def measure_idling(many: ManyTorrents, seconds: int) -> None:
    """Print the CPU time of a second in which nothing happens."""
    before, cpu = many.session.clock.seconds(), time.process_time()
    many.pass_seconds(seconds)
    spent = (time.process_time() - cpu) / (many.session.clock.seconds() - before)
    print(f"a second of idling, announces apart: {spent * 1e6:.1f} us of CPU; "
          f"{len(many.session.activity.busy)} torrents busy, {many.turns.waiting()} delayed calls, "
          f"{len(many.timers)} timers")  # fmt: skip


def main(torrents: int = TORRENTS) -> None:
    """Print every measurement."""
    began = time.perf_counter()
    many = ManyTorrents(torrents)
    print(f"{torrents} torrents opened in {time.perf_counter() - began:.1f} s")
    many.pass_seconds(120)
    measure_idling(many, 300)
    fields = list(FIELDS)
    measure_call(many, "torrent_get, all", "torrent_get", fields=fields)
    measure_call(many, "torrent_get, all, as a table", "torrent_get", fields=fields, format="table")
    measure_call(many, "recently_active, none", "torrent_get", fields=fields, ids="recently_active")
    some = [torrent for torrent in many.session.torrents][: torrents // 100]
    for torrent in some:
        torrent.exchange.payload_sent(16384, many.session.clock.seconds())
        torrent.host.activity.changed(torrent)
    many.pass_seconds(2)
    measure_call(many, "recently_active, 1 %", "torrent_get", fields=fields, ids="recently_active")
    last = some[-1]
    measure_call(many, "one by id", "torrent_get", fields=fields, ids=last.record.id)
    by_hash = last.info_hashes.hash_string
    measure_call(many, "one by hash", "torrent_get", fields=fields, ids=[by_hash])
    measure_call(many, "session_get", "session_get", fields=["version"])
    measure_call(many, "session_stats", "session_stats")
    measure_metrics(many)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TORRENTS)
