"""Whatever happens, and however often a client goes and comes back: its copy is what there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control.conftest import Caller
from tests.control.events.following_client import FollowingClient
from tests.control.fake_session import FakeSession
from tests.control.fake_torrents import FakeTorrent

FIELDS = ["name", "percent_done", "labels"]

IDS = st.integers(1, 6)
ACTS = st.one_of(
    st.tuples(st.just("put"), IDS, st.sampled_from([0.0, 0.25, 0.5]), st.sampled_from("xyz")),
    st.tuples(st.just("drop"), IDS),
    st.tuples(st.just("tell"), IDS),
    st.tuples(st.just("wait"), st.sampled_from([0.05, 0.4, 1.5])),
    st.tuples(st.just("stall")),
    st.tuples(st.just("go on")),
    st.tuples(st.just("break")),
    st.tuples(st.just("break in a part")),
)


class Follower:
    """One that comes back whenever its connection breaks, with what it has."""

    def __init__(self, caller: Any, label: str | None) -> None:
        self.caller = caller
        self.wish: dict[str, Any] = {"fields": FIELDS, "kinds": ["all"], "interval": 0.1}
        if label is not None:
            self.wish["label"] = label
        self.label = label
        self.client = FollowingClient(caller)
        self.never_told = 0
        """Events before this one it cannot have heard of: it had no cursor yet when it went."""
        self.subscribe(None)

    def subscribe(self, cursor: str | None) -> None:
        more = {} if cursor is None else {"cursor": cursor}
        self.client.call("events_subscribe", **self.wish, **more)

    def come_back(self, told: int) -> None:
        self.client.read()
        if self.client.cursor is None:
            self.never_told = told
        self.client.lose()
        before, self.client = self.client, FollowingClient(self.caller)
        for name in ("torrents", "facts", "events", "cursor"):
            setattr(self.client, name, getattr(before, name))
        self.subscribe(before.cursor)

    def break_in_a_part(self, told: int) -> None:
        """It gets the beginning of what there is to tell, and then nothing."""
        data = self.client.transport.value()
        self.client.transport.clear()
        self.client.transport.write(data[: len(data) // 2])
        self.come_back(told)


class World:
    """A session, and who follows it."""

    def __init__(self, label: str | None) -> None:
        self.session = FakeSession()
        self.session.all = []
        self.caller = Caller(self.session)
        self.follower = Follower(self.caller, label)
        self.told = 0

    def act(self, act: tuple[Any, ...]) -> None:
        client, session = self.follower.client, self.session
        match act:
            case ("put", id_, done, label):
                session.put(torrent(id_, done, label))
            case ("drop", id_):
                if (found := session.find(id_)) is not None:
                    session.drop(found)
            case ("tell", id_):
                session.events.tell("done", torrent(id_, 0.0, "x"), number=self.told)
                self.told += 1
            case ("wait", seconds):
                client.wait(seconds)
            case ("stall",):
                client.stall()
            case ("go on",):
                client.go_on()
            case ("break",):
                self.follower.come_back(self.told)
            case ("break in a part",):
                self.follower.break_in_a_part(self.told)

    def expected(self) -> dict[int, Any]:
        label = self.follower.label
        return {
            one.id: {
                "id": one.id,
                "name": one.name,
                "percent_done": one.percent_done,
                "labels": list(one.labels),
            }
            for one in self.session.all
            if label is None or label in one.labels
        }


def torrent(id_: int, done: float, label: str) -> FakeTorrent:
    made = FakeTorrent(id_, percent_done=done, labels=(label,))
    return replace(made, rate_download=0.0, rate_upload=0.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTS, max_size=40), st.sampled_from([None, "x"]))
def test_the_copy_of_a_client_is_what_there_is(
    acts: list[tuple[Any, ...]], label: str | None
) -> None:
    with mock.patch("p2pd.control.events.messages.PART_ROWS", 2):
        world = World(label)
        for act in acts:
            world.act(act)
        client = world.follower.client
        client.go_on()
        client.wait(1.0)
        client.wait(1.0)
        assert client.torrents == world.expected()
        if label is None:
            numbers = [event["detail"]["number"] for event in client.events]
            expected = set(range(world.follower.never_told, world.told))
            assert expected <= set(numbers), "no event is lost"
