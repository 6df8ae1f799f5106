"""What the full-screen view is told, asks, and does about a daemon that is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from p2pd.clients.api_client import ApiClient, ApiError, CannotConnectError, HttpAnswer
from p2pd.clients.top import feed
from p2pd.clients.top.feed import Feed, Interest, Look
from p2pd.clients.top.follower import FIRST_PAUSE, LONGEST_PAUSE, Follower
from p2pd.clients.top.poller import Poller, Trouble


class Stream:
    """A connection that tells what it is told to, and then breaks."""

    def __init__(self, *told: Any) -> None:
        self.told_later = told
        self.closed = False

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        assert (method, params) == ("events_subscribe", {"fields": ["id"]})
        return {}

    def told(self) -> Iterator[Any]:
        for each in self.told_later:
            if isinstance(each, Exception):
                raise each
            yield each
        raise CannotConnectError("it broke")

    def close(self) -> None:
        self.closed = True


class TestFollower:
    """A copy that is in step, or none."""

    def following(self) -> Follower:
        return Follower(lambda: None, {})  # type: ignore[arg-type,return-value]

    def test_nothing_is_taken_before_all_is_told(self) -> None:
        follower = self.following()
        assert follower.take() is None
        follower.told("events_resync", {"torrents": [{"id": 1}], "more": True})
        assert follower.take() is None
        follower.told("events_resync", {"torrents": [{"id": 2}]})
        changes = follower.take()
        assert changes is not None
        assert (changes.whole, [row["id"] for row in changes.torrents]) == (True, [1, 2])

    def test_what_came_is_put_together(self) -> None:
        follower = self.following()
        follower.told("events_resync", {"torrents": [{"id": 1, "a": 1, "b": 1}, {"id": 2}]})
        follower.take()
        follower.told("events_changed", {"torrents": [{"id": 1, "a": 2}, {"id": 3}]})
        follower.told("events_changed", {"torrents": [{"id": 1, "b": 3}], "removed": [2, 3]})
        changes = follower.take()
        assert changes is not None
        assert (changes.torrents, changes.removed) == ([{"id": 1, "a": 2, "b": 3}], [2, 3])
        follower.told("events_changed", {"torrents": [{"id": 3}]})
        changes = follower.take()
        assert changes is not None
        assert (changes.torrents, changes.removed) == ([{"id": 3}], [])

    def test_who_fell_behind_begins_anew(self) -> None:
        follower = self.following()
        follower.told("events_resync", {"torrents": [{"id": 1}], "session": {"a": 1}})
        follower.take()
        follower.told("events_resync", {"torrents": [{"id": 2}], "session": {"b": 1}})
        changes = follower.take()
        assert changes is not None
        assert (changes.whole, changes.torrents, changes.session) == (True, [{"id": 2}], {"b": 1})

    def test_a_connection_that_breaks_is_made_again_and_a_refusal_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        streams = [
            Stream(("events_resync", {"torrents": [{"id": 1}]})),
            Stream(ApiError(503, "busy")),
            Stream(("events_resync", {"torrents": "odd"})),
            Stream(("events_resync", {"torrents": [{"id": 2}]})),
        ]
        made = iter(streams)
        pauses: list[float] = []
        follower = Follower(lambda: next(made), {"fields": ["id"]})  # type: ignore[arg-type,return-value]

        def wait(seconds: float) -> bool:
            assert follower.take() is None
            pauses.append(seconds)
            if len(pauses) == len(streams):
                follower.end()
            return True

        monkeypatch.setattr(follower._ended, "wait", wait)
        follower.run()
        assert pauses == [FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, FIRST_PAUSE]
        assert all(stream.closed for stream in streams)


class TestFeed:
    """Only what changed is asked for, and all of it when that may not be enough."""

    @pytest.fixture
    def times(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def feeding(self, daemon: Any, times: list[float]) -> Feed:
        return Feed(ApiClient(daemon), lambda: times[0])

    def ids_asked(self, daemon: Any) -> list[Any]:
        return [
            params.get("ids", "all") for params in daemon.asked("torrent_get") if "format" in params
        ]

    def test_first_everything_then_what_changed(
        self, feeding: Feed, daemon: Any, times: list[float]
    ) -> None:
        first = feeding.look(Interest())
        daemon.recent = [2]
        times[0] = 1
        second = feeding.look(Interest())
        assert (first.whole, len(first.torrents)) == (True, 3)
        assert (second.whole, [row["id"] for row in second.torrents]) == (False, [2])
        assert self.ids_asked(daemon) == ["all", "recently_active"]
        assert first.settings is not None
        assert second.settings is None

    def test_who_was_away_for_a_minute_asks_for_everything(
        self, feeding: Feed, daemon: Any, times: list[float]
    ) -> None:
        for times[0] in (0, 40, 80, 140):
            feeding.look(Interest())
        assert self.ids_asked(daemon) == ["all", "recently_active", "recently_active", "all"]

    def test_a_count_that_is_not_right_asks_for_everything_now_and_then(
        self, feeding: Feed, daemon: Any, times: list[float]
    ) -> None:
        daemon.answers["session_stats"]["torrent_count"] = 4
        for times[0] in (0, 1, 9, 10, 11):
            feeding.look(Interest())
        assert self.ids_asked(daemon) == [
            "all", "recently_active", "recently_active", "recently_active", "all",
            "recently_active",
        ]  # fmt: skip

    def test_what_was_removed_is_told(self, feeding: Feed, daemon: Any, times: list[float]) -> None:
        feeding.look(Interest())
        daemon.removed = [1]
        daemon.answers["session_stats"]["torrent_count"] = 2
        times[0] = 30
        assert feeding.look(Interest()).removed == [1]
        assert self.ids_asked(daemon) == ["all", "recently_active"]

    def test_what_is_told_is_not_asked_for(self, daemon: Any, times: list[float]) -> None:
        follower = Follower(lambda: None, {})  # type: ignore[arg-type,return-value]
        feeding = Feed(ApiClient(daemon), lambda: times[0], follower)
        assert feeding.look(Interest()).whole
        asked = len(daemon.calls)
        facts = {"session": daemon.answers["session_get"],
                 "statistics": daemon.answers["session_stats"]}  # fmt: skip
        follower.told("events_resync", {"torrents": daemon.torrents, **facts})
        first = feeding.look(Interest())
        assert (first.whole, len(first.torrents)) == (True, 3)
        assert first.settings == daemon.answers["session_get"]
        second = feeding.look(Interest())
        assert (second.whole, second.torrents, second.removed) == (False, [], [])
        changed = {"torrents": [{"id": 2, "name": "new"}], "statistics": {"download_speed": 7}}
        follower.told("events_changed", changed)
        third = feeding.look(Interest())
        assert [(row["id"], row["name"], row["labels"]) for row in third.torrents] == [
            (2, "new", ["Video"])
        ]
        assert third.stats["download_speed"] == 7
        feeding.forget()
        assert len(feeding.look(Interest()).torrents) == 3
        assert len(daemon.calls) == asked
        assert feeding.look(Interest(2, "files")).details is not None
        follower._forget()  # the connection broke
        assert feeding.look(Interest()).whole
        assert self.ids_asked(daemon) == ["all", "all"]

    def test_settings_that_were_changed_are_asked_for_at_once(
        self, feeding: Feed, daemon: Any
    ) -> None:
        feeding.look(Interest())
        feeding.settings_changed()
        assert feeding.look(Interest()).settings is not None

    @pytest.mark.parametrize("part", feed.PART_FIELDS)
    def test_details_are_of_the_part_that_is_seen(
        self, feeding: Feed, daemon: Any, part: str
    ) -> None:
        look = feeding.look(Interest(2, part))
        assert look.details is not None
        assert daemon.asked("torrent_get")[-1] == {
            "ids": [2], "fields": feed.PART_FIELDS[part]
        }  # fmt: skip
        assert feeding.look(Interest(99, part)).details is None


class TestPoller:
    """The thread's loop, without a thread."""

    @pytest.fixture
    def seen(self) -> list[Look | Trouble]:
        return []

    @pytest.fixture
    def poller(self, daemon: Any, seen: list[Look | Trouble]) -> Poller:
        return Poller(Feed(ApiClient(daemon), lambda: 0.0), seen.append, 0.001)

    def test_a_daemon_that_is_gone_is_asked_less_and_less(
        self, poller: Poller, daemon: Any
    ) -> None:
        poller.look()
        daemon.raises = CannotConnectError("gone")
        waits = [poller.look() for _ in range(7)]
        assert [trouble.seconds for trouble in waits if isinstance(trouble, Trouble)] == [
            1, 2, 4, 8, 15, 15, 15,
        ]  # fmt: skip
        daemon.raises = None
        back = poller.look()
        assert isinstance(back, Look)
        assert back.whole
        daemon.raises = CannotConnectError("gone")
        assert poller.look() == Trouble("gone", 1)

    def test_what_is_no_answer_is_trouble_in_words(self, poller: Poller, daemon: Any) -> None:
        daemon.answers["session_stats"] = {}
        assert "it has no active_torrent_count" in str(poller.look())
        daemon.http = HttpAnswer(200, json.dumps({"result": []}).encode())
        assert "not p2pd's control API" in str(poller.look())

    def test_it_runs_until_the_end(self, poller: Poller, seen: list[Look | Trouble]) -> None:
        def publish(look: Look | Trouble) -> None:
            seen.append(look)
            if len(seen) == 3:
                poller.end()

        poller._publish = publish
        poller.run()
        assert [look.whole for look in seen if isinstance(look, Look)] == [True, False, False]

    def test_keys_do_not_hurry_a_daemon_that_is_gone(self, poller: Poller, daemon: Any) -> None:
        daemon.raises = CannotConnectError("gone")
        poller.look()
        poller.look_now(settings=True)
        assert not poller._wake.is_set()
        poller.look_now(everything=True)
        assert poller._wake.is_set()

    def test_everything_is_looked_at_when_asked_to(self, poller: Poller) -> None:
        poller.look()
        poller.look_now(everything=True)
        look = poller.look()
        assert isinstance(look, Look)
        assert look.whole
