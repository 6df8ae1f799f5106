"""sync/maindata and sync/torrentPeers: what clients make of the answers is the server's state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.control.qbittorrent import main_data
from p2pd.control.qbittorrent.groups import Groups
from p2pd.control.qbittorrent.main_data import Given
from p2pd.control.qbittorrent.sync import IDLE_SECONDS, Numbers
from p2pd.control.qbittorrent.versioned_table import VersionedTable
from tests.control.conftest import Caller
from tests.control.fake_session import FakeSession
from tests.control.fake_torrents import FakePeer, FakeTorrent
from tests.control.qbittorrent_client import Client

ONE, TWO = "01" * 20, "02" * 20


class Copy:
    """What a client that follows has, as VueTorrent and qBittorrent's own page keep it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.rid = 0
        self.torrents: dict[str, dict] = {}
        self.categories: dict[str, dict] = {}
        self.tags: set[str] = set()
        self.trackers: dict[str, list[str]] = {}
        self.state: dict[str, object] = {}

    def poll(self) -> dict:
        news = self.client.json("sync/maindata", rid=self.rid)
        self.rid = news["rid"]
        if news.get("full_update"):
            self.torrents, self.categories, self.tags, self.trackers = {}, {}, set(), {}
        for name in ("torrents", "categories"):
            kept = getattr(self, name)
            for key, values in news.get(name, {}).items():
                kept.setdefault(key, {}).update(values)
            for key in news.get(f"{name}_removed", ()):
                del kept[key]
        self.tags = (self.tags | set(news.get("tags", ()))) - set(news.get("tags_removed", ()))
        self.trackers.update(news.get("trackers", {}))
        for url in news.get("trackers_removed", ()):
            del self.trackers[url]
        self.state.update(news.get("server_state", {}))
        return news

    def check(self) -> None:
        """Compare with what the lists say."""
        rows = {row["hash"]: row for row in self.client.json("torrents/info")}
        assert self.torrents == rows
        assert self.categories == self.client.json("torrents/categories")
        assert self.tags == set(self.client.json("torrents/tags"))
        urls = {}
        for torrent in self.client.session.all:
            for url in (url for tier in torrent.tracker_tiers for url in tier):
                urls.setdefault(url, set()).add(torrent.hash_string)
        assert {url: set(hashes) for url, hashes in self.trackers.items()} == urls


@pytest.fixture
def client(caller, session):
    session.settings.label_rules = {"tv": {}}
    for torrent in session.all:
        torrent.peers, torrent.rate_download, torrent.rate_upload = (), 0.0, 0.0
    return Client(caller, session)


def test_the_first_answer_is_everything_and_the_next_nothing(client):
    copy = Copy(client)
    first = copy.poll()
    assert first["full_update"] is True
    assert set(first["torrents"]) == {ONE, TWO}
    assert first["server_state"]["free_space_on_disk"] == 10
    copy.check()
    assert copy.poll() == {"rid": copy.rid}


def test_only_fields_that_changed_are_told(client):
    copy = Copy(client)
    copy.poll()
    torrent = client.session.all[0]
    torrent.name, torrent.labels = "another", ("tv",)
    client.session.put(torrent)
    news = copy.poll()
    news.pop("rid")
    assert news == {
        "torrents": {
            ONE: {
                "name": "another", "category": "tv", "tags": "",
                "content_path": "/incomplete/another",
            }
        }
    }  # fmt: skip
    copy.check()


def test_what_was_removed_is_told_once(client):
    copy = Copy(client)
    copy.poll()
    session = client.session
    session.drop(session.all[1])
    news = copy.poll()
    assert news["torrents_removed"] == [TWO]
    assert copy.poll() == {"rid": copy.rid}
    copy.check()


def test_a_number_that_was_not_given_gets_everything(client):
    copy = Copy(client)
    copy.poll()
    for rid in (copy.rid + 1, copy.rid - 1, 10**17, -5):
        assert client.json("sync/maindata", rid=rid)["full_update"] is True
    assert client.get("sync/maindata", rid="x").status == 400


def test_an_older_copy_is_brought_up_to_date_as_well(client):
    copy, other = Copy(client), Copy(client)
    copy.poll()
    other.poll()
    for name in ("a", "b", "c"):
        torrent = client.session.all[0]
        torrent.name = name
        client.session.put(torrent)
        copy.poll()
    assert "full_update" not in other.poll()
    other.check()


def test_rates_that_sink_are_told_though_nobody_said_so(client):
    torrent = client.session.all[0]
    torrent.rate_upload = 500.0
    copy = Copy(client)
    copy.poll()
    torrent.rate_upload = 0.0
    assert copy.poll()["torrents"][ONE]["upspeed"] == 0


def test_what_time_alone_changes_comes_in_turn(client, monkeypatch):
    monkeypatch.setattr(main_data, "LOOKED_AT", 1)
    copy = Copy(client)
    copy.poll()
    for torrent in client.session.all:
        torrent.seconds_seeding += 5
    told = [set(copy.poll()["torrents"]) for _ in range(2)]
    assert sorted(told, key=str) == sorted([{ONE}, {TWO}], key=str)
    copy.check()


def test_nothing_is_kept_for_who_does_not_ask_any_more(client):
    copy = Copy(client)
    copy.poll()
    assert len(client.session.followers) == 1
    client.caller.clock.advance(IDLE_SECONDS)
    client.caller.clock.advance(IDLE_SECONDS)
    assert client.session.followers == []
    assert copy.poll()["full_update"] is True


def test_each_user_has_what_he_sees(client):
    client.caller.call("user_add", name="kim", role="read-only", own_only=True)
    key = client.caller.call("api_key_add", user="kim", name="k").result["key"]
    copy = Copy(client)
    copy.poll()
    client.headers = {"Authorization": f"Bearer {key}"}
    theirs = client.json("sync/maindata", rid=copy.rid)
    assert (theirs["full_update"], theirs["torrents"]) == (True, {})


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("add", "remove", "name", "labels", "trackers", "rules", "poll", "rate")),
        st.integers(1, 5),
        st.lists(st.sampled_from(("tv", "films", "a", "b")), unique=True, max_size=3),
    ),
    max_size=12,
)


def _step(session: FakeSession, kind: str, id_: int, words: list[str]) -> None:
    torrent = session.find(id_)
    if kind == "rules":
        session.settings.label_rules = {word: {} for word in words}
    elif kind == "add" and torrent is None:
        session.put(FakeTorrent(id_, labels=tuple(words), peers=()))
    elif kind == "remove" and torrent is not None:
        session.drop(torrent)
    elif torrent is not None:
        if kind == "name":
            torrent.name = "".join(words) or "x"
        elif kind == "labels":
            torrent.labels = tuple(words)
        elif kind == "trackers":
            torrent.tracker_tiers = tuple((f"http://{word}/",) for word in words)
        elif kind == "rate":
            torrent.rate_download = float(len(words))
        session.put(torrent)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_deltas_lead_every_copy_to_the_servers_state(steps):
    session = FakeSession()
    client = Client(Caller(session), session)
    often, seldom = Copy(client), Copy(client)
    seldom.poll()
    for kind, id_, words in steps:
        if kind == "poll":
            seldom.poll()
            seldom.check()
        else:
            _step(session, kind, id_, words)
        often.poll()
        often.check()
    seldom.poll()
    seldom.check()


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.none() | st.lists(st.integers(0, 2), min_size=2, max_size=2)
        )
    )
)
def test_a_table_tells_what_changed_since_any_version(steps):
    table, states = VersionedTable(("x", "y")), [{}]
    for version, (key, values) in enumerate(steps, 1):
        if values is None:
            table.drop(key, version)
        else:
            table.put(key, values, version)
        states.append(dict(table.all_rows()))
    for version, state in enumerate(states):
        copy = {key: dict(row) for key, row in state.items()}
        for key in table.removed_since(version):
            del copy[key]
        for key, news in table.rows_since(version):
            copy.setdefault(key, {}).update(news)
        # a row that went and came back is told as a whole, for all of it is new
        assert copy == states[-1]


def test_numbers_grow_also_when_the_clock_stands_still_or_goes_back():
    times = iter([2_000_000_000.0, 2_000_000_000.0, 1_900_000_000.0])
    numbers = Numbers(lambda: next(times))
    first, second, third = numbers.next(), numbers.next(), numbers.next()
    assert first < second < third < 2**31


def test_numbers_that_were_given_are_forgotten_at_last():
    answers = Given()
    for number in range(main_data.MAX_GIVEN + 1):
        answers.add(number)
    assert 0 not in answers
    assert main_data.MAX_GIVEN in answers


def test_groups_tell_whose_members_changed():
    groups = Groups()
    groups.put("m", ("a", "b"))
    groups.put("n", ("b",))
    assert (groups.members("b"), groups.changed) == (["m", "n"], {"a", "b"})
    groups.changed.clear()
    groups.put("m", ("b",))
    groups.put("n", ("b",))
    assert (groups.changed, "a" in groups) == ({"a"}, False)


def test_peers_are_told_with_what_changed(client):
    torrent = client.session.all[0]
    torrent.peers = (FakePeer(), FakePeer(address=PeerAddress("2001:db8::1", 9)))
    first = client.json("sync/torrentPeers", hash=ONE)
    assert set(first["peers"]) == {"192.0.2.7:6881", "[2001:db8::1]:9"}
    assert first["full_update"] is True
    assert first["peers"]["192.0.2.7:6881"]["dl_speed"] == 1000
    torrent.peers = (replace(torrent.peers[0], progress=0.75),)
    news = client.json("sync/torrentPeers", hash=ONE, rid=first["rid"])
    assert news == {
        "rid": news["rid"], "show_flags": True, "peers": {"192.0.2.7:6881": {"progress": 0.75}},
        "peers_removed": ["[2001:db8::1]:9"],
    }  # fmt: skip
    assert client.get("sync/torrentPeers", hash="zz").status == 404
