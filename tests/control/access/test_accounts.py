"""Users and keys: who they are, for how long, and what a password costs."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from p2pd.base.errors import P2pdError
from p2pd.control.access import passwords
from p2pd.control.access.accounts import (
    REMEMBERED_SECONDS,
    WAITING,
    AccountError,
    Accounts,
    TooBusyError,
)
from p2pd.control.access.caller import Identity
from p2pd.control.access.roles import Role
from p2pd.state.accounts import KeyRow, Rows, UserRow

BOB = UserRow("bob", "operator", "", "", (), False, None, None, 1.0)
PASSWORD = "correct horse"
KEY = KeyRow(0, "bob", "phone", "operator", (), b"", 1.0, 0.0)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """scrypt at a cost for tests."""
    monkeypatch.setattr(passwords, "COSTS", (2, 1, 1))


class Threads:
    """Does things when it is told to."""

    def __init__(self) -> None:
        self.begun: list[tuple[Any, Any, Deferred[Any]]] = []
        self.at_once = True

    async def __call__(self, work: Any, *args: Any) -> Any:
        if self.at_once:
            return work(*args)
        done: Deferred[Any] = Deferred()
        self.begun.append((work, args, done))
        return await done

    def finish(self) -> None:
        for work, args, done in [self.begun.pop(0) for _ in range(len(self.begun))]:
            done.callback(work(*args))


class Fixture:
    def __init__(self) -> None:
        self.clock = MemoryReactorClock()
        self.threads = Threads()
        self.accounts = Accounts("token", in_thread=self.threads, wall=self.clock.seconds)

    def wait(self, work: Any) -> Any:
        found: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(found.append)
        assert found, "it waits for something"
        if hasattr(found[0], "raiseException"):
            found[0].raiseException()
        return found[0]

    def add(self, user: UserRow = BOB, password: str = "") -> None:
        kept = self.wait(self.accounts.hashed(password)) if password else ""
        self.wait(self.accounts.add_user(user._replace(password=kept)))

    def add_key(self, **changes: Any) -> str:
        secret, _ = self.wait(self.accounts.add_key(KEY._replace(**changes)))
        return str(secret)


@pytest.fixture
def fix() -> Fixture:
    return Fixture()


def test_what_is_kept_of_a_password_tells_it_from_others() -> None:
    kept = passwords.hashed(PASSWORD)
    assert PASSWORD not in kept
    assert kept != passwords.hashed(PASSWORD)
    assert passwords.matches(PASSWORD, kept)
    assert not passwords.matches("another", kept)


@pytest.mark.parametrize(
    "kept",
    ["", "scrypt", "scrypt$2$1$1$$", "scrypt$3$1$1$AA==$AA==", "md5$2$1$1$AA==$AA==",
     f"scrypt${2**30}$1$1$AA==${'A' * 43}=", f"scrypt$-2$1$1$AA==${'A' * 43}=", "a$b$c$d$e$f"],
)  # fmt: skip
def test_what_makes_no_sense_matches_nothing(kept: str) -> None:
    assert not passwords.matches("", kept)
    assert not passwords.matches(PASSWORD, kept)


def test_the_token_is_the_first_admins_key(fix: Fixture) -> None:
    assert fix.accounts.of_secret("token") == Identity("p2pd", Role.ADMIN)
    assert fix.accounts.of_secret("") is None
    with pytest.raises(AccountError, match="already"):
        fix.add(BOB._replace(name="p2pd"))


def test_a_password_is_looked_at_once_for_a_while(fix: Fixture) -> None:
    fix.add(password=PASSWORD)
    assert fix.accounts.remembered("bob", PASSWORD) is None
    assert fix.wait(fix.accounts.of_password("bob", PASSWORD)) == Identity("bob", Role.OPERATOR)
    assert fix.accounts.remembered("bob", PASSWORD) == Identity("bob", Role.OPERATOR)
    assert fix.accounts.remembered("bob", "correct horst") is None
    fix.clock.advance(REMEMBERED_SECONDS)
    assert fix.accounts.remembered("bob", PASSWORD) is None


def test_a_changed_password_ends_what_is_remembered(fix: Fixture) -> None:
    fix.add(password=PASSWORD)
    fix.wait(fix.accounts.of_password("bob", PASSWORD))
    other = fix.wait(fix.accounts.hashed("another one"))
    fix.wait(fix.accounts.change_user(fix.accounts.user("bob")._replace(password=other)))
    assert fix.accounts.remembered("bob", PASSWORD) is None
    assert fix.wait(fix.accounts.of_password("bob", PASSWORD)) is None
    fix.wait(fix.accounts.remove_user("bob"))
    assert fix.wait(fix.accounts.of_password("bob", "another one")) is None


def test_nobody_without_a_password_logs_in_with_one(fix: Fixture) -> None:
    fix.add()
    assert fix.wait(fix.accounts.of_password("bob", "")) is None
    assert fix.wait(fix.accounts.of_password("nobody", "")) is None


def test_the_same_password_is_looked_at_once_at_a_time(fix: Fixture) -> None:
    fix.add(password=PASSWORD)
    fix.threads.at_once = False
    found: list[Any] = []
    for _ in range(5):
        Deferred.fromCoroutine(fix.accounts.of_password("bob", PASSWORD)).addBoth(found.append)
    assert len(fix.threads.begun) == 1
    assert fix.accounts.looks_at("bob", PASSWORD)
    fix.threads.finish()
    assert found == [Identity("bob", Role.OPERATOR)] * 5
    assert not fix.accounts.looks_at("bob", PASSWORD)


def test_a_password_that_is_changed_meanwhile_is_no_good(fix: Fixture) -> None:
    fix.add(password=PASSWORD)
    fix.threads.at_once = False
    found: list[Any] = []
    Deferred.fromCoroutine(fix.accounts.of_password("bob", PASSWORD)).addBoth(found.append)
    fix.wait(fix.accounts.change_user(fix.accounts.user("bob")._replace(password="")))
    fix.threads.finish()
    assert found == [None]


def test_how_many_wait_is_bounded(fix: Fixture) -> None:
    fix.threads.at_once = False
    found: list[Any] = []
    for number in range(WAITING + 5):
        looking = fix.accounts.of_password("bob", f"guess {number}")
        Deferred.fromCoroutine(looking).addErrback(lambda why: found.append(why.type))
    assert found == [TooBusyError] * 3
    while fix.threads.begun:
        assert len(fix.threads.begun) <= 2
        fix.threads.finish()


@pytest.mark.parametrize("password", ["short", "x" * 2000])
def test_passwords_have_a_length(fix: Fixture, password: str) -> None:
    with pytest.raises(AccountError, match="from 8 to 1024"):
        fix.wait(fix.accounts.hashed(password))


def test_a_key_is_its_user_and_no_more(fix: Fixture) -> None:
    fix.add(BOB._replace(labels=("a",), own_only=True, most_torrents=3))
    secret = fix.add_key(role="read-only", labels=("b",))
    found = fix.accounts.of_secret(secret)
    assert found is not None
    assert (found.user, found.role, found.key) == ("bob", Role.READ_ONLY, "phone")
    assert (found.own_only, found.given_labels, found.most_torrents) == (True, ("a", "b"), 3)
    with pytest.raises(AccountError, match="no key can be more"):
        fix.add_key(role="admin")
    with pytest.raises(AccountError, match="there is no user 'eve'"):
        fix.add_key(user="eve")


def test_a_key_is_less_when_its_user_is(fix: Fixture) -> None:
    fix.add()
    secret = fix.add_key()
    fix.wait(fix.accounts.change_user(BOB._replace(role="add-only")))
    found = fix.accounts.of_secret(secret)
    assert found is not None
    assert found.role is Role.ADD_ONLY
    fix.wait(fix.accounts.remove_user("bob"))
    assert fix.accounts.of_secret(secret) is None
    assert fix.accounts.all_keys() == []


def test_keys_expire_and_are_revoked(fix: Fixture) -> None:
    fix.add()
    secret, other = fix.add_key(expires_at=100.0), fix.add_key()
    fix.clock.advance(99)
    assert fix.accounts.of_secret(secret) is not None
    assert [fix.accounts.used_at(key) for key in fix.accounts.all_keys()] == [99.0, 0.0]
    fix.clock.advance(1)
    assert fix.accounts.of_secret(secret) is None
    (_, key) = fix.accounts.all_keys()
    fix.wait(fix.accounts.remove_key(key.id))
    assert fix.accounts.of_secret(other) is None
    with pytest.raises(AccountError, match="there is no key"):
        fix.wait(fix.accounts.remove_key(key.id))


def test_a_restore_adds_only_who_is_not_here(fix: Fixture) -> None:
    fix.add()
    eve = BOB._replace(name="eve", role="read-only")
    keys = [KEY._replace(user="eve", digest=b"e" * 32), KEY._replace(digest=b"b" * 32)]
    first = BOB._replace(name="p2pd")
    fix.wait(fix.accounts.restore(Rows([BOB._replace(role="admin"), eve, first], keys)))
    assert [(user.name, user.role) for user in fix.accounts.users()] == [
        ("bob", "operator"), ("eve", "read-only"),
    ]  # fmt: skip
    assert [key.user for key in fix.accounts.all_keys()] == ["eve"]


def test_unknown_roles_of_a_later_version_are_nobody(fix: Fixture) -> None:
    fix.wait(fix.accounts.add_user(BOB._replace(role="emperor")))
    assert fix.accounts.of_user("bob") is None
    with pytest.raises(P2pdError):
        fix.accounts.user("nobody")
