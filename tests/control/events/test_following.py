"""What clients at /rpc/events are told, through the real site and real frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from p2pd.control.events.events_load import EventsLoad
from p2pd.control.events.hub import LINGER_SECONDS
from tests.control.events.following_client import FollowingClient
from tests.control.fake_session import FakeSession
from tests.control.fake_torrents import FakeTorrent


@pytest.fixture
def still(session: FakeSession) -> FakeSession:
    """Two torrents in which nothing moves."""
    session.all = [replace(torrent, rate_download=0.0, rate_upload=0.0) for torrent in session.all]
    return session


@pytest.fixture
def client(caller: Any, still: FakeSession) -> FollowingClient:
    """Connected."""
    return FollowingClient(caller)


def quiet(id_: int, **more: Any) -> FakeTorrent:
    return FakeTorrent(id_, rate_download=0.0, rate_upload=0.0, **more)


class TestTorrents:
    def test_all_is_told_first_and_then_what_changes(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        result = client.call("events_subscribe", fields=["name", "percent_done", "nonsense"])
        assert result == {
            "subscription": 1,
            "fields": ["name", "percent_done"],
            "interval": 1.0,
            "resumed": False,
        }
        client.wait(0.1)
        (first,) = client.told
        assert first["method"] == "events_resync"
        assert first["params"]["reason"] == "new"
        assert first["params"]["torrents"] == [
            {"id": 1, "name": "some torrent", "percent_done": 0.5},
            {"id": 2, "name": "other", "percent_done": 0.5},
        ]
        client.told.clear()
        still.put(quiet(2, name="other", percent_done=0.75))
        client.wait(2.0)
        (second,) = client.told
        assert second["method"] == "events_changed"
        assert second["params"] == {
            "subscription": 1,
            "torrents": [{"id": 2, "percent_done": 0.75}],
            "cursor": client.cursor,
        }

    def test_nothing_is_sent_or_asked_while_nothing_changes(
        self, client: FollowingClient, caller: Any
    ) -> None:
        client.call("events_subscribe", fields=["name"], kinds=["all"])
        client.wait(1.0)
        client.told.clear()
        pings = caller.clock.getDelayedCalls()
        client.wait(20.0)
        assert client.told == []
        assert len(caller.clock.getDelayedCalls()) == len(pings) == 1, "only the ping waits"

    def test_what_changes_much_is_told_once_in_an_interval(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        client.call("events_subscribe", fields=["percent_done"], interval=5)
        client.wait(0.1)
        client.told.clear()
        for step in range(40):
            still.put(quiet(1, percent_done=step / 100))
            client.wait(0.1)
        assert client.told == []
        client.wait(2.0)
        assert client.kinds() == ["events_changed"]
        assert client.torrents[1]["percent_done"] == 0.39

    def test_added_and_removed(self, client: FollowingClient, still: FakeSession) -> None:
        client.call("events_subscribe", fields=["name"])
        client.wait()
        still.drop(still.all[0])
        still.put(quiet(9, name="new"))
        client.wait(2.0)
        assert client.torrents == {
            2: {"id": 2, "name": "other"},
            9: {"id": 9, "name": "new"},
        }

    def test_rates_that_sink_by_themselves_are_told(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        client.call("events_subscribe", fields=["rate_download"])
        client.wait()
        moving = FakeTorrent(1, rate_download=500.0, rate_upload=0.0)
        still.put(moving)
        client.wait(2.0)
        assert client.torrents[1]["rate_download"] == 500
        moving.rate_download = 0.0  # time passed, and nobody says so
        client.wait(2.0)
        assert client.torrents[1]["rate_download"] == 0

    def test_those_with_a_label_come_and_go_with_it(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        client.call("events_subscribe", label="tv", fields=["name"])
        client.wait()
        assert client.torrents == {}
        still.put(quiet(2, name="other", labels=("tv", "hd")))
        client.wait(2.0)
        assert list(client.torrents) == [2]
        still.put(quiet(2, name="other", labels=("hd",)))
        client.wait(2.0)
        assert client.torrents == {}

    @pytest.mark.parametrize("ids", [2, [2], ["02" * 20], ["02" * 20, 2, 77]])
    def test_those_that_are_named(
        self, client: FollowingClient, still: FakeSession, ids: Any
    ) -> None:
        client.call("events_subscribe", ids=ids, fields=["name"])
        client.wait()
        still.put(quiet(1, name="changed"))
        client.wait(2.0)
        assert list(client.torrents) == [2]
        assert client.kinds() == ["events_resync"]

    def test_one_that_cannot_be_read_does_not_keep_others_from_being_told(
        self, client: FollowingClient, still: FakeSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def detailed(torrent: FakeTorrent) -> FakeTorrent:
            if torrent.id == 1:
                raise ValueError("a mistake of ours")
            return torrent

        monkeypatch.setattr(still, "detailed", detailed)
        client.call("events_subscribe", fields=["wanted"])
        client.wait()
        assert list(client.torrents) == [2]

    def test_fields_of_files_are_read_of_those_at_rest_too(
        self, client: FollowingClient, still: FakeSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def detailed(torrent: FakeTorrent) -> FakeTorrent:
            return replace(torrent, file_views=torrent.file_views[:1])

        monkeypatch.setattr(still, "detailed", detailed)
        client.call("events_subscribe", fields=["wanted"])
        client.wait()
        assert client.torrents[1]["wanted"] == [True]

    def test_a_setting_for_all_has_all_looked_at(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        client.call("events_subscribe", fields=["peer_limit"])
        client.wait()
        for torrent in still.all:
            torrent.peer_limit = 7
        still.followers[0].watch.note_everything()
        client.wait(2.0)
        assert [row["peer_limit"] for row in client.torrents.values()] == [7, 7]

    def test_many_are_told_in_parts(
        self, client: FollowingClient, still: FakeSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("p2pd.control.events.messages.PART_ROWS", 2)
        still.all = [quiet(id_) for id_ in range(1, 6)]
        client.call("events_subscribe", fields=["name"])
        client.wait()
        parts = [value["params"] for value in client.told]
        assert [len(part["torrents"]) for part in parts] == [2, 2, 1]
        assert [part.get("more", False) for part in parts] == [True, True, False]
        assert ["cursor" in part for part in parts] == [False, False, True]
        assert client.kinds() == ["events_resync", "events_changed", "events_changed"]


class TestTheRest:
    def test_fields_and_statistics_of_the_session(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        client.call(
            "events_subscribe",
            session_fields=["speed_limit_down", "nonsense"],
            statistics=["torrent_count", "download_speed"],
        )
        client.wait()
        assert client.facts == {
            "session": {"speed_limit_down": still.settings.speed_limit_down},
            "statistics": {"torrent_count": 2, "download_speed": 10},
        }
        client.told.clear()
        still.settings.speed_limit_down = 77
        client.wait(2.0)
        (value,) = client.told
        assert value["params"]["session"] == {"speed_limit_down": 77}
        assert "statistics" not in value["params"]

    def test_events_of_the_kinds_that_were_asked_for(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        client.call("events_subscribe", kinds=["done", "error"])
        client.wait()
        still.events.tell("added", still.all[0])
        still.events.tell("done", still.all[0], downloaded=True)
        client.wait(2.0)
        assert client.events == [
            {
                "kind": "done",
                "id": 1,
                "hash_string": "01" * 20,
                "name": "some torrent",
                "at": 1_700_000_000.0,
                "detail": {"downloaded": True},
            }
        ]

    def test_events_of_torrents_with_a_label_also_when_they_go(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        still.put(quiet(5, labels=("tv",)))
        client.call("events_subscribe", label="tv", kinds=["all"])
        client.wait()
        gone = still.all[-1]
        still.drop(gone)
        still.events.tell("removed", gone)
        still.events.tell("removed", still.all[0])
        client.wait(2.0)
        assert [(event["kind"], event["id"]) for event in client.events] == [("removed", 5)]

    def test_other_methods_are_called_over_it_too(
        self, client: FollowingClient, still: FakeSession
    ) -> None:
        result = client.call("torrent_get", ids=[2], fields=["name"])
        assert result == {"torrents": [{"name": "other"}]}
        assert client.call("nonsense")["code"] == -32601
        client.send({"jsonrpc": "2.0", "method": "torrent_start", "params": {"ids": 1}})
        assert still.asked == [("start", 1)]

    def test_a_batch_is_answered_in_one(self, client: FollowingClient) -> None:
        one = {"jsonrpc": "2.0", "id": 7, "method": "session_stats"}
        client.send([one, {**one, "id": 8}, 5])
        client.read()
        (batch,) = client.answers.values()
        assert [answer["id"] for answer in batch] == [7, 8, None]

    @pytest.mark.parametrize(
        ("params", "words"),
        [
            ({}, "name fields"),
            ({"fields": "name"}, "must be a list"),
            ({"fields": ["name"], "interval": 0.01}, "between 0.1 and 3600"),
            ({"fields": ["name"], "ids": "recently_active"}, "what changes is what is told"),
            ({"kinds": ["nonsense"]}, "must be one of"),
            ({"fields": ["name"], "ids": list(range(10_001))}, "more than 10000"),
        ],
    )
    def test_a_wrong_wish_is_refused_in_words(
        self, client: FollowingClient, params: dict[str, Any], words: str
    ) -> None:
        error = client.call("events_subscribe", **params)
        assert error["code"] == -32602
        assert words in error["data"]["error_string"]

    def test_subscriptions_can_be_let_go(self, client: FollowingClient, still: FakeSession) -> None:
        number = client.call("events_subscribe", fields=["name"])["subscription"]
        client.wait()
        client.told.clear()
        assert client.call("events_unsubscribe", subscription=number) == {}
        error = client.call("events_unsubscribe", subscription=number)
        assert "no subscription 1" in error["data"]["error_string"]
        still.put(quiet(1, name="changed"))
        client.wait(3.0)
        assert client.told == []

    def test_over_http_it_says_where(self, caller: Any) -> None:
        for method in ("events_subscribe", "events_unsubscribe"):
            code, sentence = caller.call(method).error
            assert code == -32602
            assert "/rpc/events" in sentence


class TestComingBack:
    def test_who_was_away_is_told_what_it_missed(
        self, caller: Any, client: FollowingClient, still: FakeSession
    ) -> None:
        wish = {"fields": ["name", "percent_done"], "kinds": ["all"]}
        client.call("events_subscribe", **wish)
        client.wait()
        client.lose()
        for step in range(5):
            still.put(quiet(1, name="some torrent", percent_done=step / 10))
            caller.clock.advance(1.0)
        still.drop(still.find(2))  # type: ignore[arg-type]
        still.events.tell("done", still.all[0])
        again = FollowingClient(caller)
        result = again.call("events_subscribe", **wish, cursor=client.cursor)
        assert result["resumed"] is True
        again.wait(2.0)
        assert again.torrents == {1: {"id": 1, "percent_done": 0.4}}, "its name did not change"
        assert [value["params"].get("removed") for value in again.told][-1] == [2]
        assert [event["kind"] for event in again.events] == ["done"]
        assert "events_resync" not in again.kinds()

    @pytest.mark.parametrize(
        "cursor", ["", "nonsense", "0123456789abcdef.1.1", "0" * 100, "ffffffffffffffff.1.99999999"]
    )
    def test_a_cursor_that_is_not_known_gets_everything(
        self, client: FollowingClient, cursor: str
    ) -> None:
        result = client.call("events_subscribe", fields=["name"], cursor=cursor)
        assert result["resumed"] is False
        client.wait()
        assert client.told[0]["params"]["reason"] == ("unknown_cursor" if cursor else "new")
        assert len(client.torrents) == 2

    def test_that_of_another_subscription_is_not_known(self, client: FollowingClient) -> None:
        client.call("events_subscribe", fields=["name"])
        client.wait()
        result = client.call("events_subscribe", fields=["id"], cursor=client.cursor)
        assert result["resumed"] is False

    def test_one_from_the_future_is_not_known(self, client: FollowingClient) -> None:
        client.call("events_subscribe", fields=["name"])
        client.wait()
        assert client.cursor is not None
        future = client.cursor.rpartition(".")[0] + ".999999"
        assert client.call("events_subscribe", fields=["name"], cursor=future)["resumed"] is False

    def test_after_a_long_time_everything_is_forgotten(
        self, caller: Any, client: FollowingClient, still: FakeSession
    ) -> None:
        client.call("events_subscribe", fields=["name"])
        client.wait()
        client.lose()
        assert len(still.followers) == 1
        caller.clock.advance(LINGER_SECONDS)
        assert still.followers == []
        assert still.events.listeners == []
        assert caller.clock.getDelayedCalls() == []
        again = FollowingClient(caller)
        result = again.call("events_subscribe", fields=["name"], cursor=client.cursor)
        assert result["resumed"] is False

    def test_too_many_removals_while_it_was_away(
        self, caller: Any, client: FollowingClient, still: FakeSession
    ) -> None:
        still.all = [quiet(id_) for id_ in range(1, 20)]
        client.call("events_subscribe", fields=["name"])
        client.wait()
        (feed,) = caller.site.events._feeds.values()
        feed._torrents._gone_limit = 3
        client.stall()
        for torrent in still.all[:10]:
            still.drop(torrent)
        client.wait(3.0)
        client.told.clear()
        client.go_on()
        client.wait()
        assert client.told[0]["method"] == "events_resync"
        assert client.told[0]["params"]["reason"] == "behind"
        assert len(client.torrents) == 9


class TestManyClients:
    def test_equal_wishes_are_looked_at_once_and_told_the_same_bytes(
        self, caller: Any, client: FollowingClient, still: FakeSession
    ) -> None:
        others = [FollowingClient(caller) for _ in range(3)]
        for one in (client, *others):
            one.call("events_subscribe", fields=["name", "id"])
        client.wait()
        for one in (client, *others):
            one.read()
        assert caller.site.events.load.feeds == 1
        looks: list[int] = []
        real = still.find
        still.find = lambda key: looks.append(1) or real(key)  # type: ignore
        still.put(quiet(1, name="changed"))
        caller.clock.advance(1.0)
        caller.clock.advance(1.0)
        sent = {one.transport.value() for one in (client, *others)}
        assert len(sent) == 1
        assert len(looks) == 1

    def test_they_are_bounded(self, caller_with: Callable[..., Any], still: FakeSession) -> None:
        load = EventsLoad(clients=2, feeds=2, subscriptions=3)
        caller = caller_with(events=load)
        one, _ = FollowingClient(caller), FollowingClient(caller)
        third = FollowingClient(caller)
        assert third.status == 503
        assert b"Retry-After" in third.head
        one.call("events_subscribe", fields=["id"])
        one.call("events_subscribe", fields=["name"])
        error = one.call("events_subscribe", fields=["labels"])
        assert "2 different subscriptions" in error["data"]["error_string"]
        one.call("events_unsubscribe", subscription=1)
        assert "subscription" in one.call("events_subscribe", fields=["labels"])
        assert dict(load.refused) == {"clients": 1, "feeds": 1, "subscriptions": 0}
        load.subscriptions_limit = 2
        error = one.call("events_subscribe", fields=["id"])
        assert "at most 2" in error["data"]["error_string"]
        one.lose()
        assert FollowingClient(caller).status == 101

    def test_who_does_not_read_costs_nothing_and_catches_up(
        self, client: FollowingClient, still: FakeSession, caller: Any
    ) -> None:
        client.call("events_subscribe", fields=["percent_done"])
        client.wait()
        client.told.clear()
        client.stall()
        for step in range(30):
            still.put(quiet(1, percent_done=step / 100))
            client.wait(1.0)
        assert client.told == []
        assert caller.site.events.load.behind == 1
        client.go_on()
        client.wait()
        (value,) = client.told
        assert value["params"]["torrents"] == [{"id": 1, "percent_done": 0.29}]
        assert caller.site.events.load.behind == 0

    def test_the_end_of_the_daemon_is_told(
        self, client: FollowingClient, caller: Any, still: FakeSession
    ) -> None:
        client.call("events_subscribe", fields=["name"])
        caller.site.events.close(1001, "the daemon stops")
        client.read()
        assert client.closed == (1001, "the daemon stops")
        assert still.followers == []


def test_all_of_it_is_measured(client: FollowingClient, caller: Any) -> None:
    client.call("events_subscribe", fields=["name"])
    client.wait()
    page = caller.send("GET", "/metrics").body.decode()
    for line in (
        "p2pd_events_clients 1.0",
        "p2pd_events_clients_limit 64.0",
        "p2pd_events_feeds 1.0",
        "p2pd_events_behind 0.0",
        "p2pd_events_messages_total 2.0",
        'p2pd_events_resyncs_total{reason="new"} 1.0',
    ):
        assert line in page
