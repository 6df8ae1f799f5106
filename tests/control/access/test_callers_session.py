"""What stands before the session leaves nothing of it out, and tells nobody of others' torrents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.base.errors import P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.control.access.caller import (
    NOBODY,
    Caller,
    Identity,
    NotPermittedError,
    called_by,
    current_caller,
)
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.roles import Role
from p2pd.formats.creator import CreationOptions
from p2pd.session.api import FreeSpace, SessionApi
from p2pd.session.creating.creation_api import CreateTorrent
from p2pd.session.follow_api import SeenChanges
from p2pd.session.importing.import_requests import ImportTorrent
from p2pd.session.session_events import EventKind, SessionEvents, TorrentEvent
from p2pd.session.torrents.torrent_requests import AddTorrent, Candidate, TorrentChanges
from tests.control.fake_torrents import FakeTorrent

PASSED = {
    "certificates",
    "add_peers", "at_rest", "detailed", "metainfo", "reader_at_rest", "reannounce", "remove",
    "rename", "stop",
    "backups", "ban", "bans", "blocklist", "change_settings", "close", "dht", "lift_bans", "nodes",
    "mark_reached",
    "measures",
    "move_in_queue", "reached_at", "reaching", "remove_groups", "state_notice", "verify", "version",
}  # fmt: skip
"""What takes torrents that were found, and what nobody may call who does not see all of them, or
tells of none. Whoever adds to the facade decides here whether something has to be hidden."""


def test_each_member_of_the_facade_is_judged_or_known_to_need_none() -> None:
    members = {
        name
        for base in SessionApi.__mro__
        for name in vars(base)
        if not name.startswith("_") and base.__module__.startswith("p2pd.")
    }
    judged = {name for name in vars(CallersSession) if not name.startswith("_")}
    assert judged | PASSED == members
    assert not judged & PASSED


def test_nobody_sees_nothing(session: Any) -> None:
    callers: Any = CallersSession(session)
    assert current_caller() is NOBODY
    assert list(callers.torrents()) == []
    assert callers.find(1) is None
    assert callers.summary().torrents == 0


def test_events_of_others_are_not_told(session: Any) -> None:
    clock = Clock()
    session.events = SessionEvents(clock, clock.seconds)
    session.all = [FakeTorrent(1, owner="bob"), FakeTorrent(2, owner="eve")]
    callers: Any = CallersSession(session)
    told: list[TorrentEvent] = []

    def listen(who: Identity) -> Any:
        return called_by(Caller(who), lambda: callers.events.listen(told.append))

    stop = listen(Identity("bob", Role.ADD_ONLY))
    for torrent in session.all:
        session.events.emit(EventKind.STARTED, torrent)
    clock.advance(0)
    assert [event.torrent_id for event in told] == [1]
    session.all.clear()
    session.removed_since = lambda at, sees=None: [1] if sees("bob", ()) else []
    for number in (1, 2):
        session.events.emit(EventKind.REMOVED, FakeTorrent(number))
    clock.advance(0)
    assert [event.kind for event in told] == ["started", "removed"]
    stop()
    listen(Identity("p2pd", Role.ADMIN))
    session.events.emit(EventKind.REMOVED, FakeTorrent(2))
    clock.advance(0)
    assert told[-1].torrent_id == 2


def test_following_others_shows_nothing(session: Any) -> None:
    class Following:
        changes = SeenChanges([], [], False)

        def take(self) -> SeenChanges:
            return self.changes

        def close(self) -> None:
            self.changes = SeenChanges([], [], True)

    own, other = FakeTorrent(1, owner="bob"), FakeTorrent(2, owner="eve")
    session.all, following = [own, other], Following()
    session.follow = lambda wake: following
    callers: Any = CallersSession(session)
    bob = Caller(Identity("bob", Role.OPERATOR, labels=("tv",)))
    follower = called_by(bob, callers.follow, list)

    def taken(torrents: list[FakeTorrent], removed: list[int]) -> SeenChanges:
        following.changes = SeenChanges(torrents, removed, False)  # type: ignore[arg-type]
        return follower.take()  # type: ignore[no-any-return]

    assert taken([own, other], [3]) == ([own], [], False)
    other.labels = ("tv",)
    assert taken([other], []) == ([other], [], False)
    other.labels = ()
    assert taken([other], []) == ([], [2], False)
    assert taken([other], [2]) == ([], [], False)
    assert taken([], [1]) == ([], [1], False)
    follower.close()
    assert follower.take().everything


def test_what_somebody_makes_is_theirs_when_it_is_added(session: Any) -> None:
    class Creating:
        asked: ClassVar[list[CreateTorrent]] = []

        async def create(self, request: CreateTorrent) -> int:
            self.asked.append(request)
            return 5

        def tasks(self) -> list[str]:
            return ["task"]

        def cancel(self, number: int) -> bool:
            return number == 5

    session.creating = Creating()
    callers: Any = CallersSession(session)
    who = Identity("ann", Role.OPERATOR, labels=("ann's",))
    request = CreateTorrent("/downloads/film", CreationOptions(), add=True)

    def creating() -> Any:
        return called_by(Caller(who), lambda: callers.creating)

    assert Deferred.fromCoroutine(creating().create(request)).result == 5
    (asked,) = Creating.asked
    assert asked.take_in is not None
    made = ImportTorrent(AddTorrent(torrent=b"made", labels=("x",)))
    done = Deferred.fromCoroutine(asked.take_in(made))  # type: ignore[arg-type]
    assert done.result is not None
    ((_, taken),) = session.asked
    assert (session.owners, taken.add.labels) == (["ann"], ("x", "ann's"))
    assert creating().tasks() == ["task"]
    assert creating().cancel(5)


@pytest.mark.parametrize("held", [0, 1])
def test_what_somebody_makes_is_under_the_quota(session: Any, held: int) -> None:
    """When it is asked for, and when it is made."""
    made: list[CreateTorrent] = []

    class Creating:
        async def create(self, request: CreateTorrent) -> int:
            made.append(request)
            return 1

    session.creating, session.all = Creating(), [FakeTorrent(1, owner="ann")] * held
    callers: Any = CallersSession(session)
    who = Caller(Identity("ann", Role.OPERATOR, folder="/downloads", most_torrents=1))

    def ask(path: str, *, add: bool) -> Any:
        request = CreateTorrent(path, CreationOptions(), add=add)
        creating = called_by(who, lambda: callers.creating)
        return called_by(who, lambda: Deferred.fromCoroutine(creating.create(request)))

    refusals: list[Any] = []
    ask("/downloads/film", add=True).addErrback(refusals.append)
    assert [failure.type for failure in refusals] == [NotPermittedError] * held
    if not held:
        session.all = [FakeTorrent(1, owner="ann")]
        add = ImportTorrent(AddTorrent(torrent=b"made", download_dir="/downloads"))
        session.candidate = Candidate(InfoHashes(b"n" * 20, None), 5)
        assert made[0].take_in is not None
        Deferred.fromCoroutine(made[0].take_in(add)).addErrback(refusals.append)  # type: ignore[arg-type]
        assert "may have 1 torrent" in refusals[-1].getErrorMessage()
    ask("/elsewhere/film", add=True).addErrback(refusals.append)
    assert refusals[-1].check(NotPermittedError)
    assert ask("/elsewhere/film", add=False).result == 1


@pytest.mark.parametrize(
    ("who", "home"),
    [
        (Identity("ann", Role.OPERATOR), ""),
        (Identity("ann", Role.OPERATOR, folder="/a"), "/a"),
        (Identity("ann", Role.ADD_ONLY), "/downloads/ann"),
        (Identity("ann", Role.OPERATOR, own_only=True), "/downloads/ann"),
        (Identity("ann", Role.OPERATOR, own_only=True, folder="/a"), "/a"),
        (Identity("ann", Role.OPERATOR, labels=("x",)), "/downloads/ann"),
        (Identity("ann", Role.OPERATOR, labels=("x", "tv")), "/srv/tv"),
        (Identity("ann", Role.OPERATOR, labels=("tv",), own_only=True), "/downloads/ann"),
        # Keys that show less of what their user sees are no users.
        (Identity("ann", Role.ADD_ONLY, key="script"), ""),
        (Identity("ann", Role.OPERATOR, key="sonarr", key_labels=("tv",)), ""),
    ],
)
def test_who_does_not_see_others_has_a_folder(session: Any, who: Identity, home: str) -> None:
    session.settings.label_rules = {"tv": {"download_dir": "/srv/tv"}}
    callers: Any = CallersSession(session)
    request = AddTorrent(magnet="magnet:?xt=urn:btih:" + "ab" * 20)

    def add() -> Any:
        assert callers.settings.download_dir == (home or "/downloads")
        return Deferred.fromCoroutine(callers.add(request))

    called_by(Caller(who), add)
    ((_, asked),) = session.asked
    assert (asked.download_dir or "", asked.apart) == (home, "ann" if home else "")
    refusals: list[Any] = []
    outside = replace(request, download_dir="/downloads")
    called_by(Caller(who), lambda: Deferred.fromCoroutine(callers.add(outside))).addErrback(
        refusals.append
    )
    assert bool(refusals) == bool(home)


def test_room_is_told_of_a_folder_that_is_not_made_yet(session: Any) -> None:
    async def free_space(path: str) -> FreeSpace:
        if path != "/downloads":
            raise P2pdError(f"{path}: there is no such folder")
        return FreeSpace(path, 5, 10)

    session.free_space = free_space
    callers: Any = CallersSession(session)
    who = Caller(Identity("ann", Role.ADD_ONLY))
    asked = called_by(who, lambda: Deferred.fromCoroutine(callers.free_space("/downloads/ann")))
    assert asked.result == FreeSpace("/downloads/ann", 5, 10)
    below = called_by(who, lambda: Deferred.fromCoroutine(callers.free_space("/downloads/ann/x")))
    refusals: list[Any] = []
    below.addErrback(refusals.append)
    assert refusals[0].check(P2pdError)


@pytest.mark.parametrize("wish", [{"queue_position": 0}, {"bandwidth_group": "fast"}])
def test_nobody_else_adds_to_these_either(session: Any, wish: dict[str, Any]) -> None:
    callers: Any = CallersSession(session)
    request = AddTorrent(magnet="magnet:?xt=urn:btih:" + "ab" * 20, **wish)
    for call in (callers.add, lambda add: callers.import_torrent(ImportTorrent(add))):
        done: list[Any] = []
        called_by(
            Caller(Identity("bob", Role.ADD_ONLY, own_only=True)),
            lambda call=call: Deferred.fromCoroutine(call(request)),
        ).addErrback(done.append)
        assert [failure.type for failure in done] == [NotPermittedError]
        assert session.asked == []


def test_the_queue_and_groups_are_for_who_sees_all(session: Any) -> None:
    session.all = [FakeTorrent(1, owner="bob")]
    callers: Any = CallersSession(session)
    changes = [TorrentChanges(queue_position=0), TorrentChanges(bandwidth_group="fast")]
    for change in changes:
        for who, allowed in ((Identity("bob", Role.ADD_ONLY, own_only=True), False),
                             (Identity("p2pd", Role.ADMIN), True)):  # fmt: skip
            session.asked.clear()
            done: list[Any] = []
            called = called_by(
                Caller(who),
                lambda change=change: Deferred.fromCoroutine(
                    callers.change(session.all[0], change)
                ),
            )
            called.addBoth(done.append)
            assert bool(session.asked) is allowed
            assert (done == [None]) is allowed
