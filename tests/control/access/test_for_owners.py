"""What the daemon adds by itself for users: as theirs, under their quotas, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.ids import InfoHashes
from p2pd.control.access.accounts import Accounts
from p2pd.control.access.caller import NotPermittedError, current_caller
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.for_owners import ForOwners, owner_for
from p2pd.session.torrents.torrent_requests import AddTorrent, Candidate
from p2pd.state.accounts import UserRow
from tests.control.fake_torrents import FakeTorrent

REQUEST = AddTorrent(magnet="magnet:?xt=urn:btih:" + "ab" * 20)


async def at_once(work: Any, *args: Any) -> Any:
    return work(*args)


@pytest.fixture
def owners(session: Any) -> ForOwners:
    accounts = Accounts("token", in_thread=at_once, wall=lambda: 0.0)
    for name, role in (("bob", "add-only"), ("eve", "read-only")):
        row = UserRow(name, role, "", "", (), False, 1, None, 0.0)
        Deferred.fromCoroutine(accounts.add_user(row))
    return ForOwners(session, CallersSession(session), accounts)


def add(owners: ForOwners, owner: str) -> Any:
    """What it came to."""
    done: list[Any] = []
    Deferred.fromCoroutine(owners.add(owner, REQUEST)).addBoth(done.append)
    return done[0]


def test_it_is_added_as_the_owners(owners: ForOwners, session: Any) -> None:
    add(owners, "bob")
    ((_, asked),) = session.asked
    assert (session.owners, asked.download_dir) == (["bob"], "/downloads/bob")
    assert current_caller().identity.user == ""


def test_without_an_owner_it_is_nobodys(owners: ForOwners, session: Any) -> None:
    add(owners, "")
    assert session.asked == [("add", REQUEST)]
    assert session.owners == [""]


def test_the_quota_holds(owners: ForOwners, session: Any) -> None:
    session.all = [FakeTorrent(1, owner="bob")]
    session.candidate = Candidate(InfoHashes(b"n" * 20, None), 5)
    assert "bob may have 1 torrent" in add(owners, "bob").getErrorMessage()


@pytest.mark.parametrize("owner", ["eve", "nobody", "../x"])
def test_not_for_who_may_not_add(owners: ForOwners, session: Any, owner: str) -> None:
    assert add(owners, owner).check(NotPermittedError)
    assert session.asked == []


def test_whose_it_is() -> None:
    assert owner_for(None, "bob", admin=False) == "bob"
    assert owner_for("bob", "bob", admin=False) == "bob"
    assert owner_for("eve", "bob", admin=True) == "eve"
    assert owner_for("", "bob", admin=True) == ""
    assert owner_for("", "bob", admin=False, before="") == ""
    assert owner_for("eve", "bob", admin=False, before="eve") == "eve"
    for asked in ("eve", ""):
        with pytest.raises(NotPermittedError):
            owner_for(asked, "bob", admin=False)
