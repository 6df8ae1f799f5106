"""Headers that say who calls, and how guesses are slowed down."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pd.control.access.accounts import Accounts
from p2pd.control.auth import (
    FORGET_SECONDS,
    LOCK_SECONDS,
    MAX_HEADER,
    MAX_TRIES,
    MOST_LOCK_SECONDS,
    Credentials,
    Login,
    Verdict,
    credentials_of,
)
from p2pd.control.held_answers import MOST_HELD
from tests.control.conftest import at_once

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(user=TEXT.filter(lambda user: user and ":" not in user), secret=TEXT)
def test_a_name_and_a_password_are_read_back(user: str, secret: str) -> None:
    pair = base64.b64encode(f"{user}:{secret}".encode())
    assert credentials_of(b"Basic " + pair) == Credentials(user, secret)
    assert credentials_of(b"bAsIc  " + pair + b" ") == Credentials(user, secret)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=99))
def test_a_key_is_read_back(secret: str) -> None:
    assert credentials_of(b"Bearer " + secret.encode()) == Credentials("", secret)


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"Basic " + tail))
def test_whatever_is_sent_is_credentials_or_nothing(header: bytes) -> None:
    found = credentials_of(header)
    assert found is None or isinstance(found, Credentials)
    assert credentials_of(header.ljust(MAX_HEADER + 1)) is None


def guess(login: Login, host: str) -> Verdict:
    return login.judge(b"Bearer guess", host).verdict


def test_each_lock_is_twice_as_long_up_to_an_hour() -> None:
    clock = Clock()
    login = Login(Accounts("t", in_thread=at_once, wall=clock.seconds), clock)
    expected, seen, said = LOCK_SECONDS, [], []
    login.log = type("Log", (), {"warn": lambda _, text, **facts: said.append(facts)})()  # type: ignore[assignment]
    for _ in range(9):
        for _ in range(MAX_TRIES):
            assert guess(login, "192.0.2.1") is Verdict.WRONG
        clock.advance(expected - 1)
        assert guess(login, "192.0.2.1") is Verdict.LOCKED
        clock.advance(1)
        seen.append(expected)
        expected = min(MOST_LOCK_SECONDS, expected * 2)
    assert seen[-1] == MOST_LOCK_SECONDS
    assert said == [{"source": "192.0.2.1", "seconds": seconds} for seconds in seen]
    clock.advance(MOST_LOCK_SECONDS + FORGET_SECONDS)
    for _ in range(MAX_TRIES):
        assert guess(login, "192.0.2.1") is Verdict.WRONG
    clock.advance(LOCK_SECONDS)
    assert guess(login, "192.0.2.1") is Verdict.WRONG


def test_what_is_right_forgets_the_wrong_ones() -> None:
    clock = Clock()
    login = Login(Accounts("t", in_thread=at_once, wall=clock.seconds), clock)
    for _ in range(5):
        for _ in range(MAX_TRIES - 1):
            guess(login, "192.0.2.1")
        assert login.judge(b"Bearer t", "192.0.2.1").verdict is Verdict.WELCOME


def test_no_more_than_so_many_answers_are_held_back(caller: Any) -> None:
    held = []
    for number in range(MOST_HELD + 10):
        caller.host = f"192.0.2.{number // 4}"
        held.append(caller.begin("GET", "/rpc", headers={"Authorization": "Bearer guess"}))
    for _ in range(5):
        for number in range(MOST_HELD + 10):
            caller.host = f"192.0.2.{number // 4}"
            held.append(caller.begin("GET", "/rpc", headers={"Authorization": "Bearer guess"}))
    waiting = [transport for transport in held if not transport.value()]
    assert len(waiting) == MOST_HELD
    caller.clock.advance(60)
    assert all(transport.value().startswith(b"HTTP/1.1 40") for transport in waiting)
    again = caller.begin("GET", "/rpc", headers={"Authorization": f"Bearer {caller.token}"})
    assert again.value().startswith(b"HTTP/1.1 405")


def test_who_does_not_wait_for_the_answer_leaves_nothing_behind(caller: Any) -> None:
    head = b"GET /rpc HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer guess\r\n\r\n"
    for _ in range(MAX_TRIES - 1):
        protocol, transport = caller.connect()
        protocol.dataReceived(head)
    assert transport.value() == b""
    protocol.connectionLost(Failure(ConnectionDone()))
    caller.clock.advance(60)
    assert transport.value() == b""
    assert caller.site.held._count == 0
