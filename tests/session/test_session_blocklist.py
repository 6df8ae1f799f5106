"""The blocklist of a session: whom it keeps away, and when it is got anew."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any, Callable, Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.formats.blocklist import BlocklistError, BlocklistReader
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.blocklist.blocklist_source import (
    FoundList,
    ListProblem,
    ListSourceError,
    ListVersion,
)
from p2pd.session.blocklist.session_blocklist import START_SPREAD
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

DATA = random.Random(1).randbytes(100_000)
TORRENT = make_torrent({"data": DATA})
PRIVATE = make_torrent({"other": DATA}, private=True)
INFO_HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]
URL = "http://lists.test/level1.gz"
OTHER_URL = "https://lists.test/other.gz"
HOUR = 3600.0
LIMITS = SessionLimits(check_workers=1, blocklist_refresh_seconds=HOUR)


@pytest.fixture
def log_failures() -> Iterator[list[Any]]:
    """Failures that were logged."""
    found: list[Any] = []

    def observe(event: Any) -> None:
        if "log_failure" in event:
            found.append(event["log_failure"])

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


class Lists:
    """Where lists come from: `holds` is a text by source, or an error."""

    def __init__(self) -> None:
        self.holds: dict[str, str | Exception] = {URL: "bad:10.0.1.0-10.0.1.255"}
        self.version = "1"
        self.asked: list[tuple[str, ListVersion]] = []
        self.wait: Deferred[None] | None = None

    async def get(self, source: str, known: ListVersion) -> FoundList | None:
        self.asked.append((source, known))
        if self.wait is not None:
            await self.wait
        held = self.holds[source]
        if isinstance(held, Exception):
            raise held
        if known.etag == self.version:
            return None
        reader = BlocklistReader()
        reader.feed(held.encode())
        return FoundList(reader.finish(), ListVersion(self.version))


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
def start(network: MemoryNetwork, lists: Lists) -> Callable[..., SimNode]:
    def make(host: str = "10.0.0.1", **options: Any) -> SimNode:
        options = {"limits": LIMITS, "blocklist_enabled": True, "blocklist_url": URL, **options}
        node = SimNode(network, host, lists=lists, **options)
        network.run(0.1)
        return node

    return make


def knocks(network: MemoryNetwork, node: SimNode, host: str) -> ScriptedPeer:
    peer = ScriptedPeer(network, host, INFO_HASH)
    peer.dial(node.address)
    network.run(1)
    return peer


def change(network: MemoryNetwork, node: SimNode, **settings: Any) -> None:
    network.result(node.control.change_settings(settings))
    network.run(0.1)


def connected(torrent: Torrent) -> set[str]:
    return {peer.address.host for peer in torrent.peers}


# -- whom it keeps away ------------------------------------------------------------------------


def test_who_is_on_the_list_is_turned_away_before_anything_is_made_for_him(
    network: MemoryNetwork, start: Callable[..., SimNode]
) -> None:
    node = start()
    torrent = node.add(TORRENT)
    blocked = knocks(network, node, "10.0.1.7")
    assert blocked.closed is not None
    assert node.session.connections.arrivals.turned_away == {"blocked": 1}
    assert node.control.blocklist.status().turned_away == 1
    knocks(network, node, "10.0.2.7")
    assert connected(torrent) == {"10.0.2.7"}


@pytest.mark.parametrize("data", [TORRENT, PRIVATE])
def test_who_is_on_the_list_never_enters_the_pool(
    start: Callable[..., SimNode], data: bytes
) -> None:
    torrent = start().add(data)
    for source in ("manual", "tracker"):
        addresses = [PeerAddress("10.0.1.7", 6881), PeerAddress("10.0.2.7", 6881)]
        assert torrent.add_peers(addresses, source) == (source == "manual")
    assert PeerAddress("10.0.1.7", 6881) not in torrent.peers.pool


def test_a_new_list_ends_connections_handshakes_and_attempts(
    network: MemoryNetwork, start: Callable[..., SimNode]
) -> None:
    node = start(blocklist_enabled=False)
    network.result(node.control.blocklist.update())
    torrent, private = node.add(TORRENT), node.add(PRIVATE)
    hosts = [f"10.0.1.{number}" for number in range(1, 23)]
    for host in (*hosts, "10.0.2.1"):
        knocks(network, node, host)
    private_peer = ScriptedPeer(network, "10.0.1.99", private.info_hashes.wire_ids[0])
    private_peer.dial(node.address)
    shaking = network.transport("10.0.1.77")
    strangers: list[Any] = []
    shaking.dial(node.address, lambda stream: Silent(strangers), lambda reason: None, 5.0)
    torrent.add_peers([PeerAddress("10.0.1.88", 1), PeerAddress("10.0.2.88", 1)], "tracker")
    network.run(0.01)
    assert connected(torrent) == {*hosts, "10.0.2.1"}
    assert len(node.session.connections.arrivals) == 1
    change(network, node, blocklist_enabled=True)
    network.run(1)
    assert connected(torrent) == {"10.0.2.1"}
    assert connected(private) == set()
    assert strangers == ["lost"]
    assert len(node.session.connections.arrivals) == 0
    assert not any(address.host == "10.0.1.88" for address in torrent.peers.dialling)
    network.run(130)  # the one that they dialled is still there, or was silent for too long
    assert connected(torrent) <= {"10.0.2.1"}


class Silent:
    """Says nothing, and notes when it is hung up on."""

    def __init__(self, ends: list[Any]) -> None:
        self._ends = ends

    def stream_received(self, data: memoryview) -> None: ...
    def stream_writable(self) -> None: ...
    def stream_lost(self, reason: str) -> None:
        self._ends.append("lost")


def test_who_waited_to_be_dialled_is_dropped_when_his_turn_comes(
    network: MemoryNetwork, start: Callable[..., SimNode]
) -> None:
    node = start(blocklist_enabled=False)
    network.result(node.control.blocklist.update())
    torrent = node.add(TORRENT)
    blocked = PeerAddress("10.0.1.7", 6881)
    torrent.add_peers([blocked], "tracker")
    network.run(1)
    assert blocked in torrent.peers.pool  # nobody answered: it waits for the next try
    change(network, node, blocklist_enabled=True)
    network.run(120)
    assert blocked not in torrent.peers.pool


def test_hanging_up_takes_turns(network: MemoryNetwork, start: Callable[..., SimNode]) -> None:
    node = start(blocklist_enabled=False)
    network.result(node.control.blocklist.update())
    torrent = node.add(TORRENT)
    for number in range(1, 23):
        knocks(network, node, f"10.0.1.{number}")
    node.session.settings.blocklist_enabled = True
    node.session.blocklist.settings_changed()
    assert 0 < len(torrent.peers) < 22
    network.run(1)
    assert len(torrent.peers) == 0


def test_it_can_be_switched_off_again(
    network: MemoryNetwork, start: Callable[..., SimNode]
) -> None:
    node = start()
    torrent = node.add(TORRENT)
    change(network, node, blocklist_enabled=False)
    assert node.control.blocklist.size == 1
    knocks(network, node, "10.0.1.7")
    assert connected(torrent) == {"10.0.1.7"}


# -- when it is got anew -----------------------------------------------------------------------


def test_it_is_got_at_once_and_then_at_intervals_that_are_not_quite_even(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start()
    assert lists.asked == [(URL, ListVersion())]
    times = []
    for count in range(2, 5):
        network.run_until(lambda count=count: len(lists.asked) == count, limit=2 * HOUR)
        times.append(network.clock.seconds())
    assert lists.asked[-1] == (URL, ListVersion("1"))
    gaps = [after - before for before, after in pairwise(times)]
    assert all(0.89 * HOUR < gap < 1.11 * HOUR for gap in gaps)
    assert gaps[0] != gaps[1]
    note = node.control.blocklist.status().note
    assert note.came_at < note.checked_at


def test_a_failure_keeps_the_old_list_is_told_and_tried_again_sooner(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start()
    lists.holds[URL] = ListSourceError(ListProblem.HTTP, "lists.test: it answered 404 Not Found")
    with pytest.raises(P2pdError, match="404"):
        network.result(node.control.blocklist.update())
    status = node.control.blocklist.status()
    assert (status.note.failures, status.note.problem) == (
        1,
        "lists.test: it answered 404 Not Found",
    )
    assert node.control.blocklist.size == 1
    assert node.session.blocklist.covers("10.0.1.1")
    assert 500 < status.next_at - node.session.wall() < 700
    network.run_until(lambda: len(lists.asked) == 5, limit=2 * HOUR)
    assert network.clock.seconds() > HOUR  # 10, 20 and 40 minutes
    lists.holds[URL], lists.version = "good:10.0.3.0-10.0.3.9", "2"
    network.run_until(lambda: node.session.blocklist.covers("10.0.3.1"), limit=2 * HOUR)
    assert not node.session.blocklist.covers("10.0.1.1")
    note = node.control.blocklist.status().note
    assert (note.failures, note.problem, note.etag) == (0, "", "2")


def test_when_it_was_got_is_known_after_a_restart(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start()
    network.run(HOUR / 4)
    node.stop()
    again = start("10.0.0.2", store=node.store, blocklist=node.blocklist)
    assert again.session.blocklist.covers("10.0.1.1")
    assert len(lists.asked) == 1
    left = again.control.blocklist.status().next_at - again.session.wall()
    assert 0.64 * HOUR < left < 0.86 * HOUR
    again.stop()
    network.run(2 * HOUR)
    late = start("10.0.0.3", store=node.store, blocklist=node.blocklist)
    assert len(lists.asked) == 1
    network.run(START_SPREAD)
    assert lists.asked[1:] == [(URL, ListVersion("1"))]
    late.stop()


def test_a_list_that_was_lost_is_got_whole_at_the_start(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start()
    node.stop()
    node.blocklist.kept = node.blocklist.kept._replace(ranges=None, damage="it is damaged")
    again = start("10.0.0.2", blocklist=node.blocklist)
    assert lists.asked[1:] == [(URL, ListVersion())]
    assert again.control.blocklist.size == 1


def test_another_place_is_asked_at_once_and_the_old_list_holds_meanwhile(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start()
    lists.holds[OTHER_URL] = "192.0.2.0/24"
    lists.wait = Deferred()
    change(network, node, blocklist_url=OTHER_URL)
    assert lists.asked[1:] == [(OTHER_URL, ListVersion())]
    assert node.control.blocklist.status().updating
    assert node.session.blocklist.covers("10.0.1.1")
    lists.wait.callback(None)
    network.run(1)
    assert node.session.blocklist.covers("192.0.2.1")
    assert not node.session.blocklist.covers("10.0.1.1")
    assert node.blocklist.kept.note.source == OTHER_URL


def test_nothing_is_got_by_itself_without_a_place_or_while_it_is_off(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start(blocklist_enabled=False)
    start("10.0.0.2", blocklist_url="")
    network.run(2 * HOUR)
    assert lists.asked == []
    change(network, node, blocklist_enabled=True)
    assert len(lists.asked) == 1
    node.session.blocklist.refresh_every(0)
    network.run(2 * HOUR)
    assert len(lists.asked) == 1
    assert node.control.blocklist.status().next_at == 0
    node.session.blocklist.refresh_every(HOUR / 4)
    network.run(HOUR)
    assert len(lists.asked) > 3


def test_who_asks_meanwhile_gets_the_same_answer(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start(blocklist_enabled=False)
    lists.wait = Deferred()
    asked = [Deferred.fromCoroutine(node.control.blocklist.update()) for _ in range(3)]
    network.run(1)
    lists.wait.callback(None)
    assert [network.result(each) for each in asked] == [1, 1, 1]
    assert len(lists.asked) == 1


def test_an_update_gives_way_to_one_of_another_place(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start(blocklist_enabled=False)
    lists.holds[OTHER_URL] = "192.0.2.0/24"
    lists.wait = Deferred()
    first = Deferred.fromCoroutine(node.control.blocklist.update())
    change(network, node, blocklist_url=OTHER_URL)
    lists.wait = None
    assert network.result(node.control.blocklist.update()) == 1
    with pytest.raises(P2pdError, match="another one is wanted"):
        network.result(first)
    assert node.blocklist.kept.note.source == OTHER_URL


def test_what_is_no_list_is_refused(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start()
    lists.holds[URL], lists.version = "<html>", "2"
    with pytest.raises(BlocklistError, match="web page"):
        network.result(node.control.blocklist.update())
    assert node.session.blocklist.covers("10.0.1.1")


def test_without_a_place_an_update_says_so(
    network: MemoryNetwork, start: Callable[..., SimNode]
) -> None:
    node = start(blocklist_url="")
    with pytest.raises(ListSourceError, match="no blocklist_url"):
        network.result(node.control.blocklist.update())


def test_what_nobody_thought_of_is_not_tried_again_at_once(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists, log_failures: list[Any]
) -> None:
    lists.holds[URL] = RuntimeError("a bug")
    node = start()
    assert len(lists.asked) == 1
    note = node.control.blocklist.status().note
    assert (note.failures, note.problem) == (1, "internal error, see the log")
    network.run(HOUR / 4)
    assert len(lists.asked) == 2
    assert len(log_failures) == 2


def test_a_stop_gives_up_what_is_under_way(
    network: MemoryNetwork, start: Callable[..., SimNode], lists: Lists
) -> None:
    node = start(blocklist_enabled=False)
    lists.wait = Deferred()
    update = Deferred.fromCoroutine(node.control.blocklist.update())
    node.stop()
    with pytest.raises(P2pdError, match="the daemon stops"):
        network.result(update)
    assert len(lists.asked) == 1


@pytest.mark.parametrize("url", ["ftp://x/y", "relative", "x" * 5000, "http://a\nb"])
def test_a_place_that_cannot_be_is_refused(
    network: MemoryNetwork, start: Callable[..., SimNode], url: str
) -> None:
    node = start()
    with pytest.raises(P2pdError, match="blocklist_url"):
        network.result(node.control.change_settings({"blocklist_url": url}))
