"""A link that is too big is stopped as soon as that is known."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.control.access.accounts import Accounts
from p2pd.control.access.quota_keeper import QuotaKeeper
from p2pd.session.session_events import EventKind, SessionEvents
from p2pd.state.accounts import UserRow
from tests.control.conftest import at_once


@pytest.mark.parametrize(
    ("kind", "owner", "most", "stopped"),
    [
        (EventKind.METADATA, "bob", 65_535, True),
        (EventKind.METADATA, "bob", 65_536, False),
        (EventKind.METADATA, "bob", None, False),
        (EventKind.METADATA, "", 0, False),
        (EventKind.METADATA, "gone", 0, False),
        (EventKind.STARTED, "bob", 0, False),
    ],
)
def test_what_is_too_big_is_stopped(
    session: Any, kind: EventKind, owner: str, most: int | None, stopped: bool
) -> None:
    clock = Clock()
    session.events = SessionEvents(clock, clock.seconds)
    accounts = Accounts("token", in_thread=at_once, wall=clock.seconds)
    bob = UserRow("bob", "add-only", "", "", (), False, None, most, 0.0)
    Deferred.fromCoroutine(accounts.add_user(bob))
    keeper = QuotaKeeper(session, accounts)
    said: list[str] = []
    keeper.log = type("Log", (), {"warn": lambda _, text, **facts: said.append(text)})()  # type: ignore[assignment]
    session.all[0].owner = owner
    session.events.emit(kind, session.all[0])
    clock.advance(0)
    assert session.asked == ([("stop", 1)] if stopped else [])
    assert len(said) == stopped
    session.all.clear()
    session.events.emit(
        EventKind.METADATA, type("Gone", (), {"id": 9, "hash_string": "", "name": ""})
    )
    clock.advance(0)
