"""Owners who renew their torrents are followed, and what is published stays known (BEP 44, 46)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from p2pd.automation.mutable.followed_torrent import WAS_REMOVED, Choice, FollowedTorrent
from p2pd.automation.mutable.followed_torrents import NOBODY_KNOWS
from p2pd.automation.mutable.mutable_torrents import MutableTorrents
from p2pd.automation.mutable.published_items import item_of
from p2pd.automation.refusals import RefusedError
from p2pd.base.errors import FormatError, P2pdError
from p2pd.discovery.dht.mutable_items import public_key_of, sign, torrent_value
from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.mutable_link import MutableLink
from p2pd.session.session_control import SessionControl
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.state.noted_rows import FOLLOWED, PUBLISHED, NotedStore
from p2pd.testing import MemoryDht, MemoryDhtNode, MemoryNetwork, SimNode, make_torrent
from tests.automation.memory_database import MemoryDatabase

SECRET = b"\x07" * 32
KEY = public_key_of(SECRET)
LINK = MutableLink(KEY).to_uri()
HOUR = 3600.0
FIRST = {"data/a": b"a" * 100_000, "data/b": b"b" * 100_000}
SECOND = {"data/a": b"a" * 100_000, "data/b": b"c" * 100_000}


def torrent_of(files: dict[str, bytes]) -> bytes:
    return make_torrent(files, name="dump")


def hash_of(torrent: bytes) -> bytes:
    return parse_torrent(torrent).info_hashes.wire_ids[0]


class World:
    """A node that follows and publishes, and a DHT."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network
        self.dht = MemoryDht(network.clock)
        self.way: MemoryDhtNode = self.dht.at("10.0.0.2")
        self.node = SimNode(network, "10.0.0.2", dht=self.way)
        self.database: Any = MemoryDatabase()
        self.start()

    def start(self, **more: Any) -> None:
        """Begin, or begin anew after `stop`, with what was kept."""
        self.mutable = MutableTorrents(
            self.node.control,
            followed=NotedStore(self.database, FOLLOWED),
            published=NotedStore(self.database, PUBLISHED),
            clock=self.network.clock,
            wall=self.node.session.wall,
            rng=random.Random(1),
            **more,
        )
        self.network.result(self.mutable.start())

    def say(self, info_hash: bytes, seq: int, salt: bytes = b"") -> None:
        """The owner names a torrent."""
        item = sign(SECRET, seq, torrent_value(info_hash), salt)
        self.dht.items.put_mutable(item, self.network.clock.seconds())

    def follow(self, **choice: Any) -> FollowedTorrent:
        return self.network.result(self.mutable.followed.follow(Choice(**{"link": LINK, **choice})))

    @property
    def api(self) -> SessionControl:
        return self.node.control

    def hashes(self) -> list[str]:
        """Of the torrents that are here."""
        return [torrent.hash_string for torrent in self.api.torrents()]


@pytest.fixture
def world(network: MemoryNetwork) -> World:
    return World(network)


@pytest.fixture
def slow_store(network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new is kept a moment later."""
    add = NotedStore.add

    def later(*args: Any) -> Deferred[int]:
        return deferLater(network.clock, 0.1, add, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(NotedStore, "add", later)


class TestFollowing:
    def test_the_owners_torrent_is_added_with_what_the_link_says(self, world: World) -> None:
        world.say(hash_of(torrent_of(FIRST)), 1)
        followed = world.follow(
            link=f"{LINK}&tr=http://t.example/a", labels=("dumps",), download_dir="/dumps"
        )
        torrent = world.mutable.followed.torrent(followed)
        assert torrent is not None
        assert world.hashes() == [hash_of(torrent_of(FIRST)).hex()]
        assert (torrent.labels, torrent.download_dir) == (("dumps",), "/dumps")
        assert torrent.tracker_tiers == (("http://t.example/a",),)
        assert (followed.note.seq, followed.note.problem) == (1, "")

    def test_it_is_added_as_its_users(self, world: World) -> None:
        asked: list[str] = []

        async def add_for(owner: str, request: AddTorrent) -> Any:
            asked.append(owner)
            raise P2pdError("bob may have 1 torrent, and has them")

        world.mutable.stop()
        world.start(add_for=add_for)
        world.say(b"1" * 20, 5)
        followed = world.follow(owner="bob")
        assert asked == ["bob"]
        assert "bob may have 1 torrent" in followed.note.problem
        assert world.hashes() == []

    def test_a_newer_one_takes_the_place_of_the_old(
        self, network: MemoryNetwork, world: World
    ) -> None:
        seed = SimNode(network, "10.0.0.1", dht=world.dht.at("10.0.0.1"))
        seed.put(torrent_of(FIRST), FIRST)
        seed.put(torrent_of(SECOND), SECOND, download_dir="/second")
        world.say(hash_of(torrent_of(FIRST)), 1)
        followed = world.follow(labels=("dumps",), download_dir="/dumps")
        network.run_until(lambda: world.api.find(1).percent_done == 1.0)  # type: ignore[union-attr]
        network.result(
            world.api.change(
                world.api.find(1),  # type: ignore[arg-type]
                TorrentChanges(labels=("mine",), upload_limit=7, upload_limited=True),
            )
        )
        world.say(hash_of(torrent_of(SECOND)), 2)
        network.run(2 * HOUR)
        torrent = world.mutable.followed.torrent(followed)
        assert torrent is not None
        assert world.hashes() == [hash_of(torrent_of(SECOND)).hex()]
        assert torrent.percent_done == 1.0
        assert (torrent.labels, torrent.download_dir) == (("mine",), "/dumps")
        assert (torrent.limits.upload_limit, torrent.limits.upload_limited) == (7, True)
        assert torrent.downloaded < 132_000  # of 200,000: the rest was found on the disk
        assert followed.note.seq == 2

    def test_what_is_older_or_unsigned_changes_nothing(
        self, network: MemoryNetwork, world: World
    ) -> None:
        world.say(b"1" * 20, 5)
        world.follow()
        world.dht.items.expire(1e9)
        world.say(b"2" * 20, 4)
        network.run(HOUR)
        assert world.hashes() == [(b"1" * 20).hex()]

    def test_a_torrent_that_the_user_removed_is_not_replaced(
        self, network: MemoryNetwork, world: World
    ) -> None:
        world.say(b"1" * 20, 1)
        followed = world.follow()
        torrent = world.mutable.followed.torrent(followed)
        assert torrent is not None
        network.result(world.api.remove(torrent, delete_data=False))
        world.say(b"2" * 20, 2)
        network.run(HOUR)
        assert world.hashes() == []
        assert followed.note.problem == WAS_REMOVED
        assert followed.next_at() > world.node.session.wall() + 300.0, "only the user changes that"
        world.follow()
        assert world.hashes() == [(b"2" * 20).hex()]

    def test_a_torrent_that_was_here_anyway_is_not_removed(
        self, network: MemoryNetwork, world: World
    ) -> None:
        """An owner may name any torrent: that makes it none of his."""
        network.result(world.api.add(AddTorrent(magnet=f"magnet:?xt=urn:btih:{'31' * 20}")))
        world.say(b"1" * 20, 1)
        followed = world.follow()
        for seq in (2, 3):
            world.say(bytes([48 + seq]) * 20, seq)
            network.run(HOUR)
            assert world.hashes() == [(b"1" * 20).hex(), (bytes([48 + seq]) * 20).hex()]
        assert followed.note.problem == ""

    def test_one_for_trusted_nodes_alone_stays_so(
        self, network: MemoryNetwork, world: World
    ) -> None:
        world.say(b"1" * 20, 1)
        followed = world.follow()
        torrent = world.mutable.followed.torrent(followed)
        assert torrent is not None
        network.result(world.api.change(torrent, TorrentChanges(trusted_only=True)))
        world.say(b"2" * 20, 2)
        network.run(HOUR)
        torrent = world.mutable.followed.torrent(followed)
        assert torrent is not None
        assert (torrent.hash_string, torrent.trusted_only) == ((b"2" * 20).hex(), True)

    def test_one_that_was_paused_stays_so(self, network: MemoryNetwork, world: World) -> None:
        world.say(b"1" * 20, 1)
        followed = world.follow(paused=True)
        world.say(b"2" * 20, 2)
        network.run(HOUR)
        torrent = world.mutable.followed.torrent(followed)
        assert torrent is not None
        assert (torrent.hash_string, torrent.metadata_only) == ((b"2" * 20).hex(), True)

    def test_when_nobody_knows_it_is_asked_again(
        self, network: MemoryNetwork, world: World
    ) -> None:
        followed = world.follow()
        assert followed.note.problem == NOBODY_KNOWS
        assert world.hashes() == []
        world.say(b"1" * 20, 1)
        network.run(300.0)
        assert world.hashes() == [(b"1" * 20).hex()]
        assert followed.note.problem == ""

    def test_until_somebody_knows_the_torrent_in_the_link_will_do(
        self, network: MemoryNetwork, world: World
    ) -> None:
        followed = world.follow(link=f"{LINK}&xt=urn:btih:{'31' * 20}")
        assert world.hashes() == ["31" * 20]
        assert followed.note.problem == NOBODY_KNOWS
        world.say(b"2" * 20, 1)
        network.run(300.0)
        assert world.hashes() == [(b"2" * 20).hex()]

    def test_salts_tell_torrents_of_one_owner_apart(self, world: World) -> None:
        world.say(b"1" * 20, 1)
        world.say(b"2" * 20, 1, b"n")
        world.follow()
        world.follow(link=MutableLink(KEY, b"n").to_uri())
        assert world.hashes() == [(b"1" * 20).hex(), (b"2" * 20).hex()]

    def test_a_second_time_it_is_the_same(self, world: World) -> None:
        world.say(b"1" * 20, 1)
        assert world.follow() is world.follow()
        assert len(world.mutable.followed.all) == 1

    def test_two_who_follow_it_at_the_same_time_follow_one(
        self, network: MemoryNetwork, world: World, slow_store: None
    ) -> None:
        world.say(b"1" * 20, 1)
        follow = world.mutable.followed.follow
        asked = [Deferred.fromCoroutine(follow(Choice(LINK))) for _ in range(2)]
        first, second = [network.result(each) for each in asked]
        assert first is second
        assert len(world.mutable.followed.all) == 1

    def test_an_item_that_names_no_torrent_is_said(self, world: World) -> None:
        world.dht.items.put_mutable(sign(SECRET, 1, b"3:abc"), 0.0)
        assert "names no torrent" in world.follow().note.problem

    def test_it_goes_on_after_a_restart(self, network: MemoryNetwork, world: World) -> None:
        world.say(b"1" * 20, 1)
        world.follow()
        world.mutable.stop()
        world.start()
        (followed,) = world.mutable.followed.all.values()
        assert (followed.note.seq, followed.note.info_hash) == (1, (b"1" * 20).hex())
        world.say(b"2" * 20, 2)
        network.run(HOUR)
        assert world.hashes() == [(b"2" * 20).hex()]

    def test_who_follows_keeps_the_item_alive(self, network: MemoryNetwork, world: World) -> None:
        world.say(b"1" * 20, 1)
        world.follow()
        network.run(6 * HOUR)
        assert len(world.dht.items) == 1
        assert {item.seq for item in world.way.puts} == {1}

    def test_no_more(self, network: MemoryNetwork, world: World) -> None:
        world.say(b"1" * 20, 1)
        followed = world.follow()
        network.result(world.mutable.followed.unfollow(followed.id))
        world.say(b"2" * 20, 2)
        network.run(HOUR)
        assert world.hashes() == [(b"1" * 20).hex()]
        with pytest.raises(RefusedError):
            world.mutable.followed.of(followed.id)

    @pytest.mark.parametrize("link", ["magnet:?xt=urn:btih:" + "31" * 20, "magnet:?xs=urn:btpk:1"])
    def test_other_links_are_refused(self, world: World, link: str) -> None:
        with pytest.raises(FormatError):
            world.follow(link=link)


class TestPublishing:
    def test_it_is_put_again_as_long_as_it_is_wanted(
        self, network: MemoryNetwork, world: World
    ) -> None:
        item = item_of(sign(SECRET, 1, torrent_value(b"1" * 20)))
        published = network.result(world.mutable.published.publish(item))
        assert published.note.nodes == 8
        network.run(6 * HOUR)
        assert len(world.dht.items) == 1
        network.result(world.mutable.published.forget(published.id))
        network.run(3 * HOUR)
        world.dht.items.expire(network.clock.seconds())
        assert len(world.dht.items) == 0

    def test_also_after_a_restart(self, network: MemoryNetwork, world: World) -> None:
        item = item_of(sign(SECRET, 1, torrent_value(b"1" * 20)))
        network.result(world.mutable.published.publish(item))
        world.mutable.stop()
        world.start()
        network.run(6 * HOUR)
        assert len(world.dht.items) == 1

    def test_a_newer_one_takes_its_place_and_an_older_one_is_refused(
        self, network: MemoryNetwork, world: World
    ) -> None:
        publish = world.mutable.published.publish
        two, one = (item_of(sign(SECRET, seq, torrent_value(b"1" * 20))) for seq in (2, 1))
        three = item_of(sign(SECRET, 3, torrent_value(b"3" * 20)))
        network.result(publish(two))
        with pytest.raises(RefusedError, match="the number 2"):
            network.result(publish(one))
        network.result(publish(three))
        assert [each.item.seq for each in world.mutable.published.all.values()] == [3]

    def test_two_at_the_same_time_are_one(
        self, network: MemoryNetwork, world: World, slow_store: None
    ) -> None:
        publish = world.mutable.published.publish
        two, three = (item_of(sign(SECRET, seq, torrent_value(b"1" * 20))) for seq in (2, 3))
        asked = [Deferred.fromCoroutine(publish(item)) for item in (two, three)]
        for each in asked:
            network.result(each)
        (published,) = world.mutable.published.all.values()
        assert published.item.seq == 3

    def test_the_words_of_nodes_that_refuse_are_told(
        self, network: MemoryNetwork, world: World
    ) -> None:
        world.say(b"1" * 20, 9)
        with pytest.raises(P2pdError, match=r"no node of the DHT took it: .*302"):
            network.result(
                world.mutable.published.publish(item_of(sign(SECRET, 1, torrent_value(b"1" * 20))))
            )
        assert not world.mutable.published.all

    def test_when_nobody_answers_it_is_tried_again(
        self, network: MemoryNetwork, world: World
    ) -> None:
        item = item_of(sign(SECRET, 1, torrent_value(b"1" * 20)))
        published = network.result(world.mutable.published.publish(item))
        world.dht.reachable = False
        network.run(1.1 * HOUR)
        assert "no node answered" in published.note.problem
        world.dht.reachable = True
        network.run(300.0)
        assert published.note.problem == ""
