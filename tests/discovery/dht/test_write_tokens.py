"""Tokens are good for the address and the target they were made for, for a while."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.tokens import SECRET_SECONDS, TOKEN_SIZE, WriteTokens

HERE = PeerAddress("192.0.2.1", 6881)
TARGET = b"t" * 20


def tokens(seed: int = 1, now: float = 100.0) -> WriteTokens:
    return WriteTokens(random.Random(seed), now)


def test_a_token_is_for_its_host_and_target_whatever_the_port() -> None:
    made_by = tokens()
    token = made_by.make(HERE, TARGET, 100)
    assert len(token) == TOKEN_SIZE
    assert made_by.check(token, HERE, TARGET, 100)
    assert made_by.check(token, PeerAddress(HERE.host, 1), TARGET, 100)
    assert not made_by.check(token, PeerAddress("192.0.2.2", 6881), TARGET, 100)
    assert not made_by.check(token, HERE, b"u" * 20, 100)
    assert not tokens(seed=2).check(token, HERE, TARGET, 100)


@pytest.mark.parametrize("made_after", [0.0, 1.0, SECRET_SECONDS - 1, SECRET_SECONDS])
def test_it_is_good_for_one_change_of_the_secret_and_not_for_two(made_after: float) -> None:
    made_by = tokens(now=0.0)
    token = made_by.make(HERE, TARGET, made_after)
    assert made_by.check(token, HERE, TARGET, made_after + SECRET_SECONDS - 0.001)
    assert not made_by.check(token, HERE, TARGET, made_after + 2 * SECRET_SECONDS)


def test_after_a_long_silence_no_old_token_counts() -> None:
    made_by = tokens(now=0.0)
    token = made_by.make(HERE, TARGET, 0.0)
    assert not made_by.check(token, HERE, TARGET, 10 * SECRET_SECONDS)
    fresh = made_by.make(HERE, TARGET, 10 * SECRET_SECONDS)
    assert made_by.check(fresh, HERE, TARGET, 10 * SECRET_SECONDS + 1)


@given(st.binary(max_size=100))
def test_nothing_that_was_made_up_is_taken(token: bytes) -> None:
    assert not tokens().check(token, HERE, TARGET, 101)
